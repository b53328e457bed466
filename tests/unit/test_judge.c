/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The judge over TCP: what is let out, what is held, what is refused (DESIGN laws 1 and 2, s3.3). */
#include "tests/unit/judge_bed.h"
#include "tests/unit/hellos.h"

#include "dns/message.h"

static const char *const policy =
    "version: 1\n"
    "profiles:\n"
    "  p:\n"
    "    allow: [good.example, other.example, 'http://web.example', 'tcp://any.example:22']\n"
    "scopes:\n"
    "  - name: s\n"
    "    match: { source: 198.18.0.0/15 }\n"
    "    profile: p\n";

#define SITE       "198.19.0.1"
#define SERVER_ISN 900000u

static const struct bed_end client = {BED_CLIENT, 40000}, site = {SITE, 443}, web = {SITE, 80};

static void bind_name(struct bed *b, const char *name, const char *address)
{
    struct name n;
    struct address a = bed_address(address);
    assert_true(name_from_wire((struct bytes){(const uint8_t *)name, strlen(name)}, &n));
    assert_true(binding_add(b->bindings, 1, &a, &n, 300, b->now));
}

static uint32_t syn(struct bed *b, struct bed_end to, uint32_t isn, struct bytes options)
{
    b->client_isn = isn;
    return bed_tcp(b, MARK_TO_SERVER, client, to, TCP_SYN, isn, 0, options, (struct bytes){0});
}

static uint32_t server_says(struct bed *b, struct bed_end from, uint8_t flags, uint32_t at, uint64_t acknowledges,
                            struct bytes payload)
{
    return bed_tcp(b, MARK_FROM_SERVER, from, client, flags, SERVER_ISN + at,
                   b->client_isn + 1 + (uint32_t)acknowledges, (struct bytes){0}, payload);
}

static uint32_t client_says(struct bed *b, struct bed_end to, uint32_t offset, const void *data, size_t len)
{
    return bed_tcp(b, MARK_TO_SERVER, client, to, TCP_ACK | TCP_PSH, b->client_isn + 1 + offset, SERVER_ISN + 1,
                   (struct bytes){0}, (struct bytes){data, len});
}

static void open_connection(struct bed *b, struct bed_end to)
{
    uint32_t id = syn(b, to, 5000, (struct bytes){0});
    assert_int_equal(bed_fate(b, id), BED_ACCEPTED);
    id = server_says(b, to, TCP_SYN | TCP_ACK, 0, 0, (struct bytes){0});
    assert_int_equal(bed_fate(b, id), BED_ACCEPTED);
}

/* The packet in hand left as a reset with nothing of the client's in it, at `next` bytes behind the SYN. */
static void assert_left_as_reset(const struct bed *b, uint32_t id, size_t next)
{
    struct packet p;
    assert_int_equal(bed_fate(b, id), BED_ACCEPTED);
    assert_int_equal(b->mark[id], MARK_PASS);
    assert_int_equal(packet_parse((struct bytes){b->last, b->last_len}, true, &p), REASON_NONE);
    assert_int_equal(b->last_len, 40);
    assert_int_equal(p.flags, TCP_RST);
    assert_int_equal(p.sequence, b->client_isn + 1 + (uint32_t)next);
    assert_int_equal(p.acknowledgment | p.window, 0);
    assert_int_equal(p.source_port, client.port);
    assert_true(b->denial.cut);
}

/* An open connection was cut: so the server was told, and the client got a reset of ours. */
static void assert_cut(const struct bed *b, uint32_t id, size_t next)
{
    struct packet p;
    assert_left_as_reset(b, id, next);
    assert_int_equal(packet_parse((struct bytes){b->injected, b->injected_len}, true, &p), REASON_NONE);
    assert_true(p.flags & TCP_RST);
    assert_int_equal(p.destination_port, client.port);
}

static size_t hello_for(const char *name, uint8_t *out, size_t size, size_t extra)
{
    struct hello_options o = {.what = "test", .name = name, .extra_len = extra};
    return hello_make(&o, out, size);
}

static const uint8_t server_hello[] = {22, 3,  3,  0,  80, 2,  0,  0,  76, 3,  3,    1,  2,  3,  4,  5,  6,
                                       7,  8,  9,  10, 11, 12, 13, 14, 15, 16, 17,   18, 19, 20, 21, 22, 23,
                                       24, 25, 26, 27, 28, 29, 30, 31, 32, 0,  0x13, 1,  0,  0,  0};
/* RFC 8446 s4.1.3 */
static const uint8_t retry[] = {22,   3,    3,    0,    80,   2,    0,    0,    76,   3,    3,    0xcf,
                                0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e,
                                0x65, 0xb8, 0x91, 0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07,
                                0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c, 0,    0x13, 1,    0};

static void an_address_that_nobody_resolved_gets_no_syn(void **state)
{
    (void)state;
    struct bed *b = bed_new(policy);
    assert_int_equal(bed_fate(b, syn(b, site, 1, (struct bytes){0})), BED_RESET);
    assert_int_equal(b->denial.reason, REASON_NOT_RESOLVED);
    bed_free(b);
}

static void a_syn_loses_payload_and_odd_options(void **state)
{
    (void)state;
    struct bed *b = bed_new(policy);
    bind_name(b, "good.example", SITE);
    static const uint8_t options[] = {2, 4, 5, 0xb4, 34, 10, 1, 2, 3, 4, 5, 6, 7, 8, 1, 1};
    uint32_t id = bed_tcp(b, MARK_TO_SERVER, client, site, TCP_SYN, 5000, 0, (struct bytes){options, sizeof options},
                          (struct bytes){(const uint8_t *)"secret", 6});
    assert_int_equal(bed_fate(b, id), BED_ACCEPTED);
    struct packet p;
    packet_parse((struct bytes){b->last, b->last_len}, true, &p);
    assert_int_equal(p.payload.len, 0);
    assert_null(memmem(b->last, b->last_len, "\x01\x02\x03\x04\x05", 5));
    static const uint8_t md5[] = {19, 18, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 1, 1};
    id = syn(b, (struct bed_end){SITE, 443}, 77, (struct bytes){md5, sizeof md5});
    assert_int_equal(bed_fate(b, id), BED_RESET);
    assert_int_equal(b->denial.reason, REASON_TCP_OPTION);
    bed_free(b);
}

static void a_hello_is_held_until_whole_then_pinned(void **state)
{
    (void)state;
    struct bed *b = bed_new(policy);
    static uint8_t hello[20000];
    size_t len = hello_for("good.example", hello, sizeof hello, 1200);
    bind_name(b, "good.example", SITE);
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
    uint32_t id = server_says(b, site, TCP_ACK, 1, 700, (struct bytes){server_hello, sizeof server_hello});
    assert_int_equal(b->mark[id], MARK_PASS);
    id = server_says(b, site, TCP_ACK, 1, len, (struct bytes){server_hello, sizeof server_hello});
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
        size_t len = hello_for("good.example", hello, sizeof hello, 0);
        bind_name(b, "good.example", SITE);
        bind_name(b, "web.example", SITE);
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
    size_t len = hello_for("good.example", hello, sizeof hello, 0);
    static const uint8_t server[] = {1, 1, 8, 10, 0, 0, 1, 0, 0, 0, 0, 9},
                         client_later[] = {1, 1, 8, 10, 0, 0, 0, 20, 0, 0, 2, 0};
    bind_name(b, "good.example", SITE);
    syn(b, site, 5000, (struct bytes){0});
    bed_tcp(b, MARK_FROM_SERVER, site, client, TCP_SYN | TCP_ACK, SERVER_ISN, 5001,
            (struct bytes){server, sizeof server}, (struct bytes){0});
    bed_tcp(b, MARK_TO_SERVER, client, site, TCP_ACK | TCP_PSH, 5001, SERVER_ISN + 1,
            (struct bytes){client_later, sizeof client_later}, (struct bytes){hello, len / 2});
    struct packet p;
    uint32_t value, echo;
    assert_int_equal(b->injections, 1);
    assert_int_equal(packet_parse((struct bytes){b->injected, b->injected_len}, true, &p), REASON_NONE);
    assert_true(packet_timestamp(&p, &value, &echo));
    assert_int_equal(value, 0x200);
    assert_int_equal(echo, 20);
    judge_tick(b->judge, b->now);
    bed_tcp(b, MARK_TO_SERVER, client, site, TCP_RST | TCP_ACK, 5001, SERVER_ISN + 1, (struct bytes){0},
            (struct bytes){0});
    bed_free(b);
}

static void a_name_must_be_bound_to_this_address(void **state)
{
    (void)state;
    struct bed *b = bed_new(policy);
    static uint8_t hello[4096];
    bind_name(b, "good.example", SITE);
    bind_name(b, "other.example", "198.19.0.9");
    open_connection(b, site);
    size_t len = hello_for("other.example", hello, sizeof hello, 0);
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

static void nothing_goes_before_the_server_answered_this_syn(void **state)
{
    (void)state;
    struct bed *b = bed_new(policy);
    static uint8_t hello[4096];
    size_t len = hello_for("good.example", hello, sizeof hello, 0);
    bind_name(b, "good.example", SITE);
    syn(b, site, 5000, (struct bytes){0});
    assert_int_equal(bed_fate(b, client_says(b, site, 0, hello, len)), BED_DROPPED);
    /* A second SYN with another number; the server still answers the first. */
    syn(b, site, 700000, (struct bytes){0});
    uint32_t id = bed_tcp(b, MARK_FROM_SERVER, site, client, TCP_SYN | TCP_ACK, SERVER_ISN, 5001, (struct bytes){0},
                          (struct bytes){0});
    assert_int_equal(bed_fate(b, id), BED_DROPPED);
    assert_int_equal(bed_fate(b, client_says(b, site, 0, hello, len)), BED_DROPPED);
    /* The server still has the connection before this one: its acknowledgment makes the client reset that one. */
    id = bed_tcp(b, MARK_FROM_SERVER, site, client, TCP_ACK, SERVER_ISN + 9, 4000, (struct bytes){0},
                 (struct bytes){(const uint8_t *)"x", 1});
    assert_int_equal(bed_fate(b, id), BED_ACCEPTED);
    id = bed_tcp(b, MARK_TO_SERVER, client, site, TCP_RST, 4000, 0, (struct bytes){0}, (struct bytes){0});
    assert_int_equal(bed_fate(b, id), BED_ACCEPTED);
    assert_int_equal(bed_fate(b, client_says(b, site, 0, hello, len)), BED_RESET);
    syn(b, site, 700000, (struct bytes){0});
    /* The server opens: split handshake (RESEARCH s2, 17). */
    id = bed_tcp(b, MARK_FROM_SERVER, site, client, TCP_SYN, 1, 0, (struct bytes){0}, (struct bytes){0});
    assert_int_equal(bed_fate(b, id), BED_DROPPED);
    bed_free(b);
}

static void other_bytes_while_they_wait_are_a_conflict(void **state)
{
    (void)state;
    struct bed *b = bed_new(policy);
    static uint8_t hello[4096];
    size_t len = hello_for("good.example", hello, sizeof hello, 0);
    bind_name(b, "good.example", SITE);
    open_connection(b, site);
    client_says(b, site, 0, hello, 50);
    uint8_t decoy[60];
    memset(decoy, 'd', sizeof decoy);
    client_says(b, site, 20, decoy, sizeof decoy);
    assert_int_equal(b->denial.reason, REASON_TCP_CONFLICT);
    assert_int_equal(b->seen[0], 0);
    assert_int_equal(bed_fate(b, client_says(b, site, 50, hello + 50, len - 50)), BED_RESET);
    bed_free(b);
}

/* Options on a SYN: refused (19 MD5, RFC 2385; 29 AO, RFC 5925; one that has no end), or gone (34 fast open, RFC 7413;
 * 30 multipath, RFC 8684). */
static void options_of_a_syn(void **state)
{
    (void)state;
    static const struct {
        uint8_t options[12];
        bool passes;
    } rows[] = {
        {{2, 4, 5, 0xb4, 1, 1, 1, 1, 1, 1, 1, 1}, true},
        {{30, 8, 0x6c, 0x65, 0x61, 0x6b, 1, 1, 1, 1, 1, 1}, true},
        {{34, 8, 0x6c, 0x65, 0x61, 0x6b, 1, 1, 1, 1, 1, 1}, true},
        {{29, 8, 0x6c, 0x65, 0x61, 0x6b, 1, 1, 1, 1, 1, 1}, false},
        {{19, 8, 0x6c, 0x65, 0x61, 0x6b, 1, 1, 1, 1, 1, 1}, false},
        {{2, 40, 5, 0xb4, 1, 1, 1, 1, 1, 1, 1, 1}, false},
    };
    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct bed *b = bed_new(policy);
        bind_name(b, "good.example", SITE);
        uint32_t id = syn(b, site, 5000, (struct bytes){rows[i].options, sizeof rows[i].options});
        assert_int_equal(bed_fate(b, id), rows[i].passes ? BED_ACCEPTED : BED_RESET);
        if (rows[i].passes)
            assert_null(memmem(b->last, b->last_len, "leak", 4));
        else
            assert_int_equal(b->denial.reason, REASON_TCP_OPTION);
        bed_free(b);
    }
}

/* What a sound receiver would not take means nothing: it is dropped, and nothing of it is kept. */
static void what_is_no_sound_segment_is_dropped(void **state)
{
    (void)state;
    struct bed *b = bed_new(policy);
    static uint8_t hello[4096];
    size_t len = hello_for("good.example", hello, sizeof hello, 0);
    bind_name(b, "good.example", SITE);
    open_connection(b, site);
    /* A wrong checksum. */
    uint8_t ip[60] = {0}, tcp[20] = {0};
    struct writer w = writer_init(tcp, sizeof tcp);
    writer_u16(&w, client.port);
    writer_u16(&w, site.port);
    writer_u32(&w, b->client_isn + 1);
    writer_u32(&w, SERVER_ISN + 1);
    writer_u8(&w, 0x50);
    writer_u8(&w, TCP_ACK);
    size_t ip_len = bed_ip(ip, client, site, IPPROTO_TCP, (struct bytes){tcp, sizeof tcp});
    ip[ip_len - 4] ^= 1;
    assert_int_equal(bed_fate(b, bed_judge(b, (struct bytes){ip, ip_len}, MARK_TO_SERVER)), BED_DROPPED);
    assert_int_equal(b->denial.reason, REASON_TCP_SEQUENCE);
    /* Flags that nobody sets together. */
    static const uint8_t flags[] = {TCP_SYN | TCP_FIN, TCP_SYN | TCP_RST, 0, TCP_FIN};
    for (unsigned i = 0; i < sizeof flags; i++) {
        uint32_t id = bed_tcp(b, MARK_TO_SERVER, client, site, flags[i], 5001, SERVER_ISN + 1, (struct bytes){0},
                              (struct bytes){0});
        assert_int_equal(bed_fate(b, id), BED_DROPPED);
    }
    /* Far outside of any window. */
    assert_int_equal(bed_fate(b, client_says(b, site, 1u << 20, "decoy", 5)), BED_DROPPED);
    /* The server acknowledges what it was not sent. */
    assert_int_equal(bed_fate(b, server_says(b, site, TCP_ACK, 1, 4000, (struct bytes){0})), BED_DROPPED);
    assert_int_equal(bed_fate(b, client_says(b, site, 0, hello, len)), BED_ACCEPTED);
    assert_memory_equal(b->wire, hello, len);
    bed_free(b);
}

static void urgent_data_is_refused(void **state)
{
    (void)state;
    struct bed *b = bed_new(policy);
    bind_name(b, "good.example", SITE);
    open_connection(b, site);
    uint32_t id = bed_tcp(b, MARK_TO_SERVER, client, site, TCP_ACK | TCP_URG, 5001, SERVER_ISN + 1, (struct bytes){0},
                          (struct bytes){(const uint8_t *)"\x16", 1});
    assert_cut(b, id, 0);
    assert_int_equal(b->denial.reason, REASON_TCP_URGENT);
    bed_free(b);
}

/* A server that did not take the reset says what it expects; a client's own reset does not leave as it lies. */
static void both_ends_of_a_cut_connection_are_told(void **state)
{
    (void)state;
    struct bed *b = bed_new(policy);
    struct packet p;
    bind_name(b, "good.example", SITE);
    open_connection(b, site);
    client_says(b, site, 0, "SSH-2.0-x\r\n", 11);
    b->injected_len = 0;
    uint32_t id = server_says(b, site, TCP_ACK, 1, 0, (struct bytes){(const uint8_t *)"hello", 5});
    assert_int_equal(bed_fate(b, id), BED_DROPPED);
    assert_int_equal(packet_parse((struct bytes){b->injected, b->injected_len}, true, &p), REASON_NONE);
    assert_int_equal(p.destination_port, site.port);
    assert_int_equal(p.flags, TCP_RST);
    assert_int_equal(p.sequence, b->client_isn + 1);
    unsigned before = b->injections;
    id =
        bed_tcp(b, MARK_TO_SERVER, client, site, TCP_RST, 0x6c65616b, 0x77776f72, (struct bytes){0}, (struct bytes){0});
    assert_left_as_reset(b, id, 0);
    assert_int_equal(b->injections, before);
    /* In a segment of several packets the reset cannot travel: one of ours goes. */
    b->now += 600000000;
    for (int i = 0; i < 20; i++)
        judge_tick(b->judge, b->now);
    open_connection(b, site);
    b->gso = true;
    before = b->injections;
    id = client_says(b, site, 0, "SSH-2.0-x\r\n", 11);
    assert_int_equal(bed_fate(b, id), BED_RESET);
    assert_int_equal(b->injections, before + 1);
    assert_int_equal(packet_parse((struct bytes){b->injected, b->injected_len}, true, &p), REASON_NONE);
    assert_int_equal(p.destination_port, site.port);
    bed_free(b);
}

static void not_tls_where_tls_is_meant(void **state)
{
    (void)state;
    struct bed *b = bed_new(policy);
    bind_name(b, "good.example", SITE);
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
        size_t len = hello_for(allowed ? "good.example" : "evil.example", hello, sizeof hello, round % 3 ? 0 : 3000);
        struct bed *b = bed_new(policy);
        bind_name(b, "good.example", SITE);
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
            uint32_t id = server_says(b, site, TCP_ACK, 1, len, (struct bytes){server_hello, sizeof server_hello});
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
        size_t size = sizes[i / 2], len = hello_for("good.example", hello, sizeof hello, size > 100 ? 14000 : 300);
        b->local = i & 1;
        bind_name(b, "good.example", SITE);
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
    size_t len = hello_for("good.example", hello, sizeof hello, 9000), last = (len - 1) / 500 * 500;
    bind_name(b, "good.example", SITE);
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
        bind_name(b, "good.example", SITE);
        bind_name(b, "other.example", SITE);
        open_connection(b, site);
        size_t len = hello_for("good.example", hello, sizeof hello, 0);
        client_says(b, site, 0, hello, len);
        uint32_t id = server_says(b, site, TCP_ACK, 1, len, (struct bytes){retry, sizeof retry});
        assert_int_equal(bed_fate(b, id), BED_ACCEPTED);
        assert_int_equal(b->mark[id], MARK_PASS);
        size_t second = hello_for(same ? "good.example" : "other.example", hello, sizeof hello, 0);
        id = client_says(b, site, (uint32_t)len, hello, second);
        if (same) {
            assert_int_equal(bed_fate(b, id), BED_ACCEPTED);
            id = server_says(b, site, TCP_ACK, 1 + sizeof retry, len + second,
                             (struct bytes){server_hello, sizeof server_hello});
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
        bind_name(b, "good.example", SITE);
        open_connection(b, site);
        size_t len = hello_for("good.example", hello, sizeof hello, 4);
        uint8_t *extension = memmem(hello, len, "\x4a\x4a\0\4", 4);
        assert_non_null(extension);
        memcpy(extension, "\0\x2a\0\0\x4a\x4a\0\0", 8); /* early_data, and another in its four bytes */
        client_says(b, site, 0, hello, len);
        server_says(b, site, TCP_ACK, 1, len, (struct bytes){retry, sizeof retry});
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

/* What the server has needs no second copy: a receiver drops it, so it would be words for whoever listens between. */
static void what_the_server_has_does_not_leave_again(void **state)
{
    (void)state;
    struct bed *b = bed_new(policy);
    static uint8_t hello[4096], other[4096];
    bind_name(b, "good.example", SITE);
    open_connection(b, site);
    size_t len = hello_for("good.example", hello, sizeof hello, 0);
    memset(other, 'x', sizeof other);
    client_says(b, site, 0, hello, len);
    server_says(b, site, TCP_ACK, 1, len - 50, (struct bytes){0});
    struct packet p;
    static const struct {
        uint32_t back, len;
    } rows[] = {{0, 50}, {50, 100}, {100, 49}, {200, 150}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint32_t at = (uint32_t)len - 50 - rows[i].back;
        uint32_t id = client_says(b, site, at, i == 0 || i == 1 ? hello + at : other, rows[i].len);
        assert_int_equal(bed_fate(b, id), BED_ACCEPTED);
        assert_int_equal(packet_parse((struct bytes){b->last, b->last_len}, true, &p), REASON_NONE);
        bool some = rows[i].len > rows[i].back;
        assert_int_equal(p.payload.len, some ? rows[i].len - rows[i].back : 0);
        assert_int_equal(p.sequence, b->client_isn + 1 + (uint32_t)len - 50 - !some);
        if (some)
            assert_memory_equal(p.payload.at, hello + len - 50, p.payload.len);
    }
    /* A probe of a connection that is kept alive is one old byte or none (RFC 9293 s3.8.4): it is answered as before.
     */
    uint32_t id = client_says(b, site, (uint32_t)len - 51, "k", 1);
    assert_int_equal(bed_fate(b, id), BED_ACCEPTED);
    assert_int_equal(b->denials, 0);
    bed_free(b);
}

static void every_request_of_a_connection_is_judged(void **state)
{
    (void)state;
    struct bed *b = bed_new(policy);
    bind_name(b, "web.example", SITE);
    open_connection(b, web);
    static const char first[] = "GET /a?secret HTTP/1.1\r\nHost: web.example\r\n\r\n";
    static const char second[] = "POST /b HTTP/1.1\r\nHost: web.example\r\nContent-Length: 5\r\n\r\nhello";
    static const char third[] = "GET /c HTTP/1.1\r\nHost: evil.example\r\n\r\n";
    size_t one = sizeof first - 1, two = sizeof second - 1;
    uint32_t half = client_says(b, web, 0, first, 20);
    assert_int_equal(bed_fate(b, half), BED_IN);
    client_says(b, web, 20, first + 20, one - 20);
    assert_int_equal(bed_fate(b, half), BED_ACCEPTED);
    assert_string_equal(b->event.http_path, "/a");
    server_says(b, web, TCP_ACK, 1, one, (struct bytes){(const uint8_t *)"HTTP/1.1 200 OK\r\n\r\n", 19});
    client_says(b, web, (uint32_t)one, second, two);
    assert_memory_equal(b->wire + one, second, two);
    assert_int_equal(b->events, 2);
    uint32_t id = client_says(b, web, (uint32_t)(one + two), third, sizeof third - 1);
    assert_cut(b, id, one + two);
    assert_int_equal(b->denial.reason, REASON_NOT_IN_ALLOWLIST);
    assert_int_equal(b->seen[one + two], 0);
    bed_free(b);
}

/* The head that left is kept until the server has it: a retransmission cannot put another Host in its place. */
static void a_head_cannot_be_replaced_by_a_retransmission(void **state)
{
    (void)state;
    struct bed *b = bed_new(policy);
    bind_name(b, "web.example", SITE);
    open_connection(b, web);
    static const char good[] = "GET / HTTP/1.1\r\nHost: web.example\r\n\r\n";
    static const char evil[] = "GET / HTTP/1.1\r\nHost: bad.example\r\n\r\n";
    client_says(b, web, 0, good, sizeof good - 1);
    uint32_t id = client_says(b, web, 0, evil, sizeof evil - 1);
    assert_int_equal(bed_fate(b, id), BED_ACCEPTED); /* bed_accept compares: the good bytes again */
    assert_memory_equal(b->wire, good, sizeof good - 1);
    bed_free(b);
}

/* apt sends ten at a time: one packet in, one packet out. */
static void a_packet_of_many_requests_is_not_cut(void **state)
{
    (void)state;
    struct bed *b = bed_new(policy);
    bind_name(b, "web.example", SITE);
    open_connection(b, web);
    static char many[16384];
    size_t len = 0;
    for (int i = 0; i < 200; i++)
        len += (size_t)snprintf(many + len, sizeof many - len, "GET /%d HTTP/1.1\r\nHost: web.example\r\n\r\n", i);
    uint32_t id = client_says(b, web, 0, many, len);
    assert_int_equal(bed_fate(b, id), BED_ACCEPTED);
    assert_memory_equal(b->wire, many, len);
    assert_int_equal(b->events, 200);
    bed_free(b);
}

/* The size of a chunk decides which bytes behind it are a request: it is kept like a head. */
static void a_chunk_size_cannot_be_replaced_by_a_retransmission(void **state)
{
    (void)state;
    static const char good[] =
        "POST / HTTP/1.1\r\nHost: web.example\r\nTransfer-Encoding: chunked\r\n\r\n"
        "3d\r\n0\r\n\r\nGET / HTTP/1.1\r\nHost: evil.example\r\nX-Padding: 12345\r\n\r\n\r\n0\r\n\r\n";
    const char *size = strstr(good, "3d\r\n");
    uint32_t at = (uint32_t)(size - good);
    for (int pieces = 0; pieces < 2; pieces++) {
        struct bed *b = bed_new(policy);
        bind_name(b, "web.example", SITE);
        open_connection(b, web);
        client_says(b, web, 0, good, pieces ? at + 1 : sizeof good - 1);
        if (pieces)
            client_says(b, web, at + 1, good + at + 1, sizeof good - 2 - at);
        assert_int_equal(b->denials, 0);
        assert_memory_equal(b->wire, good, sizeof good - 1);
        client_says(b, web, at, "0\r\n\r", 4); /* bed_accept compares with what went before */
        client_says(b, web, at + 1, "\r\n\r", 3);
        bed_free(b);
    }
}

static void pipelined_requests_go_as_far_as_they_are_allowed(void **state)
{
    (void)state;
    struct bed *b = bed_new(policy);
    bind_name(b, "web.example", SITE);
    open_connection(b, web);
    static const char both[] =
        "GET /1 HTTP/1.1\r\nHost: web.example\r\n\r\nGET /2 HTTP/1.1\r\nHost: evil.example\r\n\r\n";
    size_t one = (size_t)(strstr(both, "GET /2") - both);
    client_says(b, web, 0, both, sizeof both - 1);
    assert_int_equal(b->denials, 1);
    assert_int_equal(b->seen[one - 1], 1);
    assert_int_equal(b->seen[one], 0);
    assert_int_equal(b->injections, 2); /* the packet went with the first request, so the resets are ours */
    bed_free(b);
}

static void tcp_entries_are_released_at_the_syn(void **state)
{
    (void)state;
    struct bed *b = bed_new(policy);
    bind_name(b, "any.example", SITE);
    uint32_t id = syn(b, (struct bed_end){SITE, 22}, 1, (struct bytes){0});
    assert_int_equal(bed_fate(b, id), BED_ACCEPTED);
    assert_int_equal(b->mark[id], MARK_APPROVE);
    assert_int_equal(b->event.verdict, VERDICT_ALLOW);
    id = syn(b, (struct bed_end){SITE, 23}, 1, (struct bytes){0});
    assert_int_equal(bed_fate(b, id), BED_RESET);
    assert_int_equal(b->denial.reason, REASON_PORT_NOT_ALLOWED);
    bed_free(b);
}

static void a_refusal_waits_for_its_process_but_not_long(void **state)
{
    (void)state;
    struct bed *b = bed_new(policy);
    b->attribute = true;
    uint32_t id = syn(b, site, 1, (struct bytes){0});
    assert_int_equal(bed_fate(b, id), BED_IN);
    assert_true(judge_waiting(b->judge));
    judge_attributed(b->judge, b->denial.ticket + 1, b->now); /* another's ticket */
    assert_int_equal(bed_fate(b, id), BED_IN);
    judge_attributed(b->judge, b->denial.ticket, b->now);
    assert_int_equal(bed_fate(b, id), BED_RESET);
    id = syn(b, site, 2, (struct bytes){0});
    b->now += JUDGE_ATTRIBUTION_USEC + 1;
    judge_tick(b->judge, b->now);
    assert_int_equal(bed_fate(b, id), BED_RESET);
    assert_false(judge_waiting(b->judge));
    bed_free(b);
}

/* The rules that turn the mark into a reset go with the scope. */
static void a_refusal_of_a_scope_that_goes_is_a_drop(void **state)
{
    (void)state;
    static const char two[] = "version: 1\nprofiles: { p: { allow: [good.example] } }\n"
                              "scopes: [{ name: s, match: { source: 198.18.0.0/16 }, profile: p },\n"
                              "  { name: t, match: { source: 198.19.0.0/16 }, profile: p }]\n";
    static const char one[] = "version: 1\nprofiles: { p: { allow: [good.example] } }\n"
                              "scopes: [{ name: s, match: { source: 198.18.0.0/16 }, profile: p }]\n";
    struct bed *b = bed_new(two), *next = bed_new(one);
    b->attribute = true;
    uint32_t stays = syn(b, site, 1, (struct bytes){0});
    b->scope = 2;
    uint32_t goes = syn(b, (struct bed_end){SITE, 444}, 1, (struct bytes){0});
    uint64_t ticket = b->denial.ticket;
    assert_int_equal(bed_fate(b, goes), BED_IN);
    judge_policy(b->judge, next->policy);
    assert_int_equal(bed_fate(b, stays), BED_IN);
    judge_attributed(b->judge, ticket, b->now);
    assert_int_equal(bed_fate(b, goes), BED_DROPPED);
    b->now += JUDGE_ATTRIBUTION_USEC + 1;
    judge_tick(b->judge, b->now);
    assert_int_equal(bed_fate(b, stays), BED_RESET);
    bed_free(b);
    bed_free(next);
}

static void a_hello_that_never_ends_is_cut(void **state)
{
    (void)state;
    struct bed *b = bed_new(policy);
    static uint8_t hello[4096];
    hello_for("good.example", hello, sizeof hello, 0);
    bind_name(b, "good.example", SITE);
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

static void strays_and_connections_into_the_scope_are_refused(void **state)
{
    (void)state;
    struct bed *b = bed_new(policy);
    uint32_t id = bed_tcp(b, MARK_STRAY, client, site, TCP_ACK, 1, 1, (struct bytes){0},
                          (struct bytes){(const uint8_t *)"secret", 6});
    assert_int_equal(bed_fate(b, id), BED_RESET);
    assert_int_equal(b->denial.reason, REASON_OLDER_THAN_SCOPE);
    id = bed_tcp(b, MARK_INCOMING, site, client, TCP_SYN, 1, 0, (struct bytes){0}, (struct bytes){0});
    assert_int_equal(bed_fate(b, id), BED_DROPPED);
    assert_int_equal(b->denial.reason, REASON_INCOMING);
    assert_int_equal(b->injections, 1);
    bed_free(b);
}

static void audit_changes_nothing_on_the_wire(void **state)
{
    (void)state;
    static const char audit[] = "version: 1\nprofiles:\n  p: { allow: [good.example] }\n"
                                "scopes:\n  - { name: s, match: { source: 198.18.0.0/15 }, profile: p, mode: audit }\n";
    struct bed *b = bed_new(audit);
    static uint8_t hello[4096];
    size_t len = hello_for("evil.example", hello, sizeof hello, 0);
    bind_name(b, "good.example", SITE);
    open_connection(b, site);
    uint32_t id = client_says(b, site, 0, hello, 100);
    assert_int_equal(bed_fate(b, id), BED_ACCEPTED);
    assert_int_equal(b->last_len, 0); /* as it lies */
    id = client_says(b, site, 100, hello + 100, len - 100);
    assert_int_equal(bed_fate(b, id), BED_ACCEPTED);
    assert_int_equal(b->mark[id], MARK_APPROVE);
    assert_int_equal(b->denial.verdict, VERDICT_WOULD_DENY);
    id = syn(b, (struct bed_end){"198.19.0.77", 443}, 3, (struct bytes){0});
    assert_int_equal(bed_fate(b, id), BED_ACCEPTED);
    bed_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_address_that_nobody_resolved_gets_no_syn),
        cmocka_unit_test(a_syn_loses_payload_and_odd_options),
        cmocka_unit_test(a_hello_is_held_until_whole_then_pinned),
        cmocka_unit_test(bare_acknowledgments_need_no_handler),
        cmocka_unit_test(our_acknowledgment_is_no_older_than_the_servers_last),
        cmocka_unit_test(a_name_must_be_bound_to_this_address),
        cmocka_unit_test(nothing_goes_before_the_server_answered_this_syn),
        cmocka_unit_test(other_bytes_while_they_wait_are_a_conflict),
        cmocka_unit_test(options_of_a_syn),
        cmocka_unit_test(what_is_no_sound_segment_is_dropped),
        cmocka_unit_test(urgent_data_is_refused),
        cmocka_unit_test(both_ends_of_a_cut_connection_are_told),
        cmocka_unit_test(not_tls_where_tls_is_meant),
        cmocka_unit_test(any_segmentation_gives_the_same),
        cmocka_unit_test(a_hello_of_many_segments_gets_through),
        cmocka_unit_test(what_we_acknowledged_is_sent_again),
        cmocka_unit_test(after_a_retry_the_name_stays),
        cmocka_unit_test(early_data_stays_as_it_was),
        cmocka_unit_test(what_the_server_has_does_not_leave_again),
        cmocka_unit_test(every_request_of_a_connection_is_judged),
        cmocka_unit_test(a_head_cannot_be_replaced_by_a_retransmission),
        cmocka_unit_test(a_packet_of_many_requests_is_not_cut),
        cmocka_unit_test(a_chunk_size_cannot_be_replaced_by_a_retransmission),
        cmocka_unit_test(pipelined_requests_go_as_far_as_they_are_allowed),
        cmocka_unit_test(tcp_entries_are_released_at_the_syn),
        cmocka_unit_test(a_refusal_waits_for_its_process_but_not_long),
        cmocka_unit_test(a_refusal_of_a_scope_that_goes_is_a_drop),
        cmocka_unit_test(a_hello_that_never_ends_is_cut),
        cmocka_unit_test(strays_and_connections_into_the_scope_are_refused),
        cmocka_unit_test(audit_changes_nothing_on_the_wire),
    };
    return cmocka_run_group_tests_name("judge", tests, NULL, NULL);
}
