/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The judge over TLS: a hello leaves when it is whole and its name allowed, and no other after it (DESIGN s3.3). */
#include "tests/unit/hellos.h"
#include "tests/unit/judge_talk.h"

static void a_hello_is_held_until_whole_then_pinned(void **state)
{
    (void)state;
    struct bed *b = bed_new(policy);
    static uint8_t hello[20000];
    size_t len = hello_for("good.example", 1200, hello, sizeof hello);
    bed_bind(b, 1, "good.example", SITE, 300);
    open_connection(b, site);
    uint32_t first = client_says(b, site, 0, hello, 700);
    assert_int_equal(bed_fate(b, first), BED_IN);
    assert_int_equal(b->seen[0], 0);
    uint32_t second = client_says(b, site, 700, hello + 700, len - 700);
    assert_int_equal(bed_fate(b, first), BED_ACCEPTED);
    assert_int_equal(bed_fate(b, second), BED_ACCEPTED);
    assert_int_equal(b->mark[second], MARK_WATCH); /* of the first part, our acknowledgment went out */
    assert_memory_equal(b->wire, hello, len);
    /* The server has half of it: a retransmission with other bytes is answered with the kept ones. */
    static uint8_t other[20000];
    memset(other, 'x', sizeof other);
    server_says(b, site, TCP_ACK, 1, 700, (struct bytes){0});
    uint32_t again = client_says(b, site, 700, other, len - 700); /* bed_accept compares the bytes */
    assert_int_equal(bed_fate(b, again), BED_ACCEPTED);
    /* Data before the hello was acknowledged does not approve. */
    uint32_t id = server_says(b, site, TCP_ACK, 1, 700, (struct bytes){hello_answer, sizeof hello_answer});
    assert_int_equal(b->mark[id], MARK_PASS);
    id = server_says(b, site, TCP_ACK, 1, len, (struct bytes){hello_answer, sizeof hello_answer});
    assert_int_equal(b->mark[id], MARK_APPROVE);
    assert_int_equal(b->denials, 0);
    bed_free(b);
}

/* What the kernel may let go by itself.  The marks' meaning: nft, tests/netns/test_ruleset.sh. */
static void bare_acknowledgments_need_no_handler(void **state)
{

    (void)state;
    for (unsigned slow = 0; slow < 2; slow++) {
        char text[2048];
        snprintf(text, sizeof text, "%s%s", slow ? "fast_path: off\n" : "", policy);
        struct bed *b = bed_new(text);
        static uint8_t hello[4096];
        size_t len = hello_for("good.example", 0, hello, sizeof hello);
        bed_bind(b, 1, "good.example", SITE, 300);
        bed_bind(b, 1, "web.example", SITE, 300);
        assert_int_equal(b->mark[syn(b, site, 5000, (struct bytes){0})], MARK_PASS);
        uint32_t id = server_says(b, site, TCP_SYN | TCP_ACK, 0, 0, (struct bytes){0});
        assert_int_equal(b->mark[id], slow ? MARK_PASS : MARK_HELLO_FLOW);
        id = client_says(b, site, 0, hello, len);
        assert_int_equal(bed_fate(b, id), BED_ACCEPTED);
        assert_int_equal(b->mark[id], MARK_PASS);

        memset(b->seen, 0, sizeof b->seen); /* another server */
        /* Of a request the server's acknowledgment must be seen; behind it the answer may go. */
        open_connection(b, web);
        static const char get[] = "GET / HTTP/1.1\r\nHost: web.example\r\n\r\n";
        for (unsigned i = 0; i < 2; i++) {
            uint32_t at = i * (uint32_t)strlen(get);
            id = client_says(b, web, at, get, strlen(get));
            assert_int_equal(bed_fate(b, id), BED_ACCEPTED);
            assert_int_equal(b->mark[id], MARK_WATCH);
            id = server_says(b, web, TCP_ACK, 1, at + 9, (struct bytes){(const uint8_t *)"HTTP", 4});
            assert_int_equal(b->mark[id], MARK_PASS);
            id = server_says(b, web, TCP_ACK, 5, at + strlen(get), (struct bytes){(const uint8_t *)"/1.1", 4});
            assert_int_equal(b->mark[id], slow ? MARK_PASS : MARK_BODY_FLOW);
        }
        bed_free(b);
    }
}

/* The client drops what is older than the latest that it saw, and it may have seen what we did not. */
static void our_acknowledgment_is_no_older_than_the_servers_last(void **state)
{
    (void)state;
    struct bed *b = bed_new(policy);
    static uint8_t hello[4096];
    size_t len = hello_for("good.example", 0, hello, sizeof hello);
    static const uint8_t server[] = {1, 1, 8, 10, 0, 0, 1, 0, 0, 0, 0, 9},
                         client_later[] = {1, 1, 8, 10, 0, 0, 0, 20, 0, 0, 2, 0};
    bed_bind(b, 1, "good.example", SITE, 300);
    syn(b, site, 5000, (struct bytes){0});
    bed_tcp(b, MARK_FROM_SERVER, site, client, TCP_SYN | TCP_ACK, SERVER_ISN, b->client_isn + 1,
            (struct bytes){server, sizeof server}, (struct bytes){0});
    bed_tcp(b, MARK_TO_SERVER, client, site, TCP_ACK | TCP_PSH, b->client_isn + 1, SERVER_ISN + 1,
            (struct bytes){client_later, sizeof client_later}, (struct bytes){hello, len / 2});
    struct packet p;
    uint32_t value, echo;
    assert_int_equal(b->injections, 1);
    assert_int_equal(packet_parse((struct bytes){b->injected, b->injected_len}, true, &p), REASON_NONE);
    assert_true(packet_timestamp(&p, &value, &echo));
    assert_int_equal(value, 0x200);
    assert_int_equal(echo, 20);
    judge_tick(b->judge, b->now);
    bed_tcp(b, MARK_TO_SERVER, client, site, TCP_RST | TCP_ACK, b->client_isn + 1, SERVER_ISN + 1, (struct bytes){0},
            (struct bytes){0});
    bed_free(b);
}

static void a_name_must_be_bound_to_this_address(void **state)
{
    (void)state;
    struct bed *b = bed_new(policy);
    static uint8_t hello[4096];
    bed_bind(b, 1, "good.example", SITE, 300);
    bed_bind(b, 1, "other.example", "198.19.0.9", 300);
    open_connection(b, site);
    size_t len = hello_for("other.example", 0, hello, sizeof hello);
    uint32_t id = client_says(b, site, 0, hello, len);
    assert_cut(b, id, 0);
    assert_int_equal(b->denial.reason, REASON_NAME_NOT_BOUND);
    assert_string_equal(b->denial.tls_server_name, "other.example");
    assert_int_equal(b->seen[0], 0);
    /* And what comes after it is reset without another word. */
    id = client_says(b, site, (uint32_t)len, "x", 1);
    assert_int_equal(bed_fate(b, id), BED_RESET);
    assert_int_equal(b->denials, 1);
    bed_free(b);
}

static void not_tls_where_tls_is_meant(void **state)
{
    (void)state;
    struct bed *b = bed_new(policy);
    bed_bind(b, 1, "good.example", SITE, 300);
    open_connection(b, site);
    uint32_t id = client_says(b, site, 0, "SSH-2.0-x\r\n", 11);
    assert_cut(b, id, 0);
    assert_int_equal(b->denial.reason, REASON_TLS_EXPECTED);
    bed_free(b);
}

/* STYLE, tests 3: any split, order or repetition of the same bytes gives the same name, or a drop. */
static void any_segmentation_gives_the_same(void **state)
{
    (void)state;
    static uint8_t hello[20000];
    srand(20);
    for (int round = 0; round < 400; round++) {
        bool allowed = round & 1;
        size_t len = hello_for(allowed ? "good.example" : "evil.example", round % 3 ? 0 : 3000, hello, sizeof hello);
        struct bed *b = bed_new(policy);
        bed_bind(b, 1, "good.example", SITE, 300);
        open_connection(b, site);
        size_t cut[40], cuts = 1 + (size_t)rand() % 12;
        cut[0] = 0;
        for (size_t i = 1; i < cuts; i++)
            cut[i] = (size_t)rand() % len;
        cut[cuts] = len;
        for (size_t i = 1; i < cuts; i++)
            for (size_t k = i + 1; k < cuts; k++)
                if (cut[k] < cut[i]) {
                    size_t t = cut[i];
                    cut[i] = cut[k];
                    cut[k] = t;
                }
        /* Each piece three times over, in random order, so that all arrive; some reach over into the next. */
        for (size_t n = 0; n < cuts * 3; n++) {
            size_t i = n < cuts * 2 ? (size_t)rand() % cuts : n - cuts * 2;
            size_t end = rand() % 4 ? cut[i + 1] : cut[i] + (size_t)rand() % (len - cut[i] + 1);
            if (end < cut[i + 1])
                end = cut[i + 1];
            if (end > cut[i])
                client_says(b, site, (uint32_t)cut[i], hello + cut[i], end - cut[i]);
        }
        if (allowed) {
            assert_int_equal(b->denials, 0);
            /* What was let out without a packet to carry it comes again, as a real client's would. */
            for (size_t i = 0; i < cuts; i++)
                if (cut[i + 1] > cut[i])
                    client_says(b, site, (uint32_t)cut[i], hello + cut[i], cut[i + 1] - cut[i]);
            assert_memory_equal(b->wire, hello, len);
            uint32_t id = server_says(b, site, TCP_ACK, 1, len, (struct bytes){hello_answer, sizeof hello_answer});
            assert_int_equal(b->mark[id], MARK_APPROVE);
        } else {
            assert_int_equal(b->denial.reason, REASON_NOT_IN_ALLOWLIST);
            for (size_t i = 0; i < len; i++)
                assert_int_equal(b->seen[i], 0);
        }
        bed_free(b);
    }
}

static uint64_t acknowledged_by_us(const struct bed *b)
{
    struct packet p;
    assert_int_equal(packet_parse((struct bytes){b->injected, b->injected_len}, true, &p), REASON_NONE);
    assert_int_equal(p.flags, TCP_ACK);
    return p.acknowledgment - b->client_isn - 1;
}

/* A client answers each byte that it has already with an acknowledgment. */
static void answer_pokes(struct bed *b)
{
    for (; b->pokes; b->pokes--)
        bed_tcp(b, MARK_TO_SERVER, client, site, TCP_ACK, b->client_isn + 1 + (uint32_t)acknowledged_by_us(b),
                SERVER_ISN + 1, (struct bytes){0}, (struct bytes){0});
}

/* A sender's window is ten segments at first, Nagle's is one, and a server cannot acknowledge what it was not sent. */
static void a_hello_of_many_segments_gets_through(void **state)
{
    (void)state;
    static const size_t sizes[] = {1, 100, 536, 1000, 4000};
    static uint8_t hello[20000];
    for (size_t i = 0; i < 2 * sizeof sizes / sizeof sizes[0]; i++) {
        struct bed *b = bed_new(policy);
        size_t size = sizes[i / 2], len = hello_for("good.example", size > 100 ? 14000 : 300, hello, sizeof hello);
        b->local = i & 1;
        bed_bind(b, 1, "good.example", SITE, 300);
        open_connection(b, site);
        for (size_t at = 0; at < len; at += size) {
            uint32_t id = client_says(b, site, (uint32_t)at, hello + at, len - at < size ? len - at : size);
            if (at + size >= len)
                break;
            assert_int_equal(acknowledged_by_us(b), at + size);
            if (b->local) /* a held packet would stop the sender (autocorking) */
                assert_int_equal(bed_fate(b, id), BED_DROPPED);
        }
        answer_pokes(b);
        assert_memory_equal(b->wire, hello, len);
        assert_int_equal(b->denials, 0);
        bed_free(b);
    }
}

/* What we acknowledged is lost behind us: the client's own retransmissions carry it. */
static void what_we_acknowledged_is_sent_again(void **state)
{
    (void)state;
    struct bed *b = bed_new(policy);
    static uint8_t hello[20000];
    size_t len = hello_for("good.example", 9000, hello, sizeof hello), last = (len - 1) / 500 * 500;
    bed_bind(b, 1, "good.example", SITE, 300);
    open_connection(b, site);
    for (size_t at = 0; at < len; at += 500)
        client_says(b, site, (uint32_t)at, hello + at, len - at < 500 ? len - at : 500);
    assert_memory_equal(b->wire, hello, len);
    memset(b->seen, 0, sizeof b->seen); /* all of it got lost */
    memset(b->wire, 0, sizeof b->wire);
    size_t has = 0;
    int rounds = 0;
    for (; rounds < 100 && has < len; rounds++) {
        client_says(b, site, (uint32_t)last, hello + last, len - last);
        answer_pokes(b);
        while (has < len && b->seen[has])
            has++;
        server_says(b, site, TCP_ACK, 1, has, (struct bytes){0});
    }
    assert_int_equal(has, len);
    assert_true(rounds <= 2); /* each is a retransmission time-out of the client's */
    assert_memory_equal(b->wire, hello, len);
    bed_free(b);
}

static void after_a_retry_the_name_stays(void **state)
{
    (void)state;
    for (int same = 0; same < 2; same++) {
        struct bed *b = bed_new(policy);
        static uint8_t hello[4096];
        bed_bind(b, 1, "good.example", SITE, 300);
        bed_bind(b, 1, "other.example", SITE, 300);
        open_connection(b, site);
        size_t len = hello_for("good.example", 0, hello, sizeof hello);
        client_says(b, site, 0, hello, len);
        uint32_t id = server_says(b, site, TCP_ACK, 1, len, (struct bytes){hello_retry, sizeof hello_retry});
        assert_int_equal(bed_fate(b, id), BED_ACCEPTED);
        assert_int_equal(b->mark[id], MARK_PASS);
        size_t second = hello_for(same ? "good.example" : "other.example", 0, hello, sizeof hello);
        id = client_says(b, site, (uint32_t)len, hello, second);
        if (same) {
            assert_int_equal(bed_fate(b, id), BED_ACCEPTED);
            id = server_says(b, site, TCP_ACK, 1 + sizeof hello_retry, len + second,
                             (struct bytes){hello_answer, sizeof hello_answer});
            assert_int_equal(b->mark[id], MARK_APPROVE);
        } else {
            assert_cut(b, id, len);
            assert_int_equal(b->denial.reason, REASON_TLS_NAME_CHANGED);
        }
        bed_free(b);
    }
}

/* A client sends early data beyond the server's window, which drops it, and then a second hello of another name in its
 * place: the server, told to retry, would read that one. */
static void early_data_stays_as_it_was(void **state)
{
    (void)state;
    for (int large = 0; large < 2; large++) {
        struct bed *b = bed_new(policy);
        static uint8_t hello[4096], record[16389], other[16389];
        bed_bind(b, 1, "good.example", SITE, 300);
        open_connection(b, site);
        size_t len = hello_for("good.example", 4, hello, sizeof hello);
        uint8_t *extension = memmem(hello, len, "\x4a\x4a\0\4", 4);
        assert_non_null(extension);
        memcpy(extension, "\0\x2a\0\0\x4a\x4a\0\0", 8); /* early_data, and another in its four bytes */
        client_says(b, site, 0, hello, len);
        server_says(b, site, TCP_ACK, 1, len, (struct bytes){hello_retry, sizeof hello_retry});
        static const uint8_t header[] = {23, 3, 3, 0x40, 0};
        memcpy(record, header, sizeof header);
        memset(other, 'x', sizeof other);
        uint32_t id = client_says(b, site, (uint32_t)len, record, sizeof record);
        assert_int_equal(bed_fate(b, id), BED_ACCEPTED);
        if (!large) {
            client_says(b, site, (uint32_t)len, other, sizeof other); /* bed_accept compares the bytes */
            assert_int_equal(b->denials, 0);
        }
        for (unsigned i = 1; large && i < 4; i++)
            client_says(b, site, (uint32_t)(len + i * sizeof record), record, sizeof record);
        if (large) {
            assert_int_equal(b->denials, 1); /* more than is kept */
            assert_int_equal(b->denial.reason, REASON_TCP_TOO_LONG);
        }
        bed_free(b);
    }
}

static void a_hello_that_never_ends_is_cut(void **state)
{
    (void)state;
    struct bed *b = bed_new(policy);
    static uint8_t hello[4096];
    hello_for("good.example", 0, hello, sizeof hello);
    bed_bind(b, 1, "good.example", SITE, 300);
    open_connection(b, site);
    uint32_t id = client_says(b, site, 0, hello, 100);
    for (int i = 0; i < 20; i++) {
        b->now += 1000000;
        judge_tick(b->judge, b->now);
    }
    assert_cut(b, id, 0);
    assert_int_equal(b->denial.reason, REASON_TCP_TOO_LONG);
    bed_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_hello_is_held_until_whole_then_pinned),
        cmocka_unit_test(bare_acknowledgments_need_no_handler),
        cmocka_unit_test(our_acknowledgment_is_no_older_than_the_servers_last),
        cmocka_unit_test(a_name_must_be_bound_to_this_address),
        cmocka_unit_test(not_tls_where_tls_is_meant),
        cmocka_unit_test(any_segmentation_gives_the_same),
        cmocka_unit_test(a_hello_of_many_segments_gets_through),
        cmocka_unit_test(what_we_acknowledged_is_sent_again),
        cmocka_unit_test(after_a_retry_the_name_stays),
        cmocka_unit_test(early_data_stays_as_it_was),
        cmocka_unit_test(a_hello_that_never_ends_is_cut),
    };
    return cmocka_run_group_tests_name("judge_tls", tests, NULL, NULL);
}
