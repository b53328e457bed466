/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The judge over TCP: segments, what becomes of a SYN, how a refusal is told (DESIGN laws 1 and 2, s3.3). */
#include "tests/unit/hellos.h"
#include "tests/unit/judge_talk.h"

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
    bed_bind(b, 1, "good.example", SITE, 300);
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
        bed_bind(b, 1, "good.example", SITE, 300);
        uint32_t id = syn(b, site, 5000, (struct bytes){rows[i].options, sizeof rows[i].options});
        assert_int_equal(bed_fate(b, id), rows[i].passes ? BED_ACCEPTED : BED_RESET);
        if (rows[i].passes)
            assert_null(memmem(b->last, b->last_len, "leak", 4));
        else
            assert_int_equal(b->denial.reason, REASON_TCP_OPTION);
        bed_free(b);
    }
}

static void nothing_goes_before_the_server_answered_this_syn(void **state)
{
    (void)state;
    struct bed *b = bed_new(policy);
    static uint8_t hello[4096];
    size_t len = hello_for("good.example", 0, hello, sizeof hello);
    bed_bind(b, 1, "good.example", SITE, 300);
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

static void tcp_entries_are_released_at_the_syn(void **state)
{
    (void)state;
    struct bed *b = bed_new(policy);
    bed_bind(b, 1, "any.example", SITE, 300);
    uint32_t id = syn(b, (struct bed_end){SITE, 22}, 1, (struct bytes){0});
    assert_int_equal(bed_fate(b, id), BED_ACCEPTED);
    assert_int_equal(b->mark[id], MARK_APPROVE);
    assert_int_equal(b->event.verdict, VERDICT_ALLOW);
    id = syn(b, (struct bed_end){SITE, 23}, 1, (struct bytes){0});
    assert_int_equal(bed_fate(b, id), BED_RESET);
    assert_int_equal(b->denial.reason, REASON_PORT_NOT_ALLOWED);
    bed_free(b);
}

static void other_bytes_while_they_wait_are_a_conflict(void **state)
{
    (void)state;
    struct bed *b = bed_new(policy);
    static uint8_t hello[4096];
    size_t len = hello_for("good.example", 0, hello, sizeof hello);
    bed_bind(b, 1, "good.example", SITE, 300);
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

/* What a sound receiver would not take means nothing: it is dropped, and nothing of it is kept. */
static void what_is_no_sound_segment_is_dropped(void **state)
{
    (void)state;
    struct bed *b = bed_new(policy);
    static uint8_t hello[4096];
    size_t len = hello_for("good.example", 0, hello, sizeof hello);
    bed_bind(b, 1, "good.example", SITE, 300);
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
    bed_bind(b, 1, "good.example", SITE, 300);
    open_connection(b, site);
    uint32_t id = bed_tcp(b, MARK_TO_SERVER, client, site, TCP_ACK | TCP_URG, 5001, SERVER_ISN + 1, (struct bytes){0},
                          (struct bytes){(const uint8_t *)"\x16", 1});
    assert_cut(b, id, 0);
    assert_int_equal(b->denial.reason, REASON_TCP_URGENT);
    bed_free(b);
}

/* What the server has needs no second copy: a receiver drops it, so it would be words for whoever listens between. */
static void what_the_server_has_does_not_leave_again(void **state)
{
    (void)state;
    struct bed *b = bed_new(policy);
    static uint8_t hello[4096], other[4096];
    bed_bind(b, 1, "good.example", SITE, 300);
    open_connection(b, site);
    size_t len = hello_for("good.example", 0, hello, sizeof hello);
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

/* A server that did not take the reset says what it expects; a client's own reset does not leave as it lies. */
static void both_ends_of_a_cut_connection_are_told(void **state)
{
    (void)state;
    struct bed *b = bed_new(policy);
    struct packet p;
    bed_bind(b, 1, "good.example", SITE, 300);
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
    size_t len = hello_for("evil.example", 0, hello, sizeof hello);
    bed_bind(b, 1, "good.example", SITE, 300);
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
        cmocka_unit_test(options_of_a_syn),
        cmocka_unit_test(nothing_goes_before_the_server_answered_this_syn),
        cmocka_unit_test(tcp_entries_are_released_at_the_syn),
        cmocka_unit_test(other_bytes_while_they_wait_are_a_conflict),
        cmocka_unit_test(what_is_no_sound_segment_is_dropped),
        cmocka_unit_test(urgent_data_is_refused),
        cmocka_unit_test(what_the_server_has_does_not_leave_again),
        cmocka_unit_test(both_ends_of_a_cut_connection_are_told),
        cmocka_unit_test(a_refusal_waits_for_its_process_but_not_long),
        cmocka_unit_test(a_refusal_of_a_scope_that_goes_is_a_drop),
        cmocka_unit_test(strays_and_connections_into_the_scope_are_refused),
        cmocka_unit_test(audit_changes_nothing_on_the_wire),
    };
    return cmocka_run_group_tests_name("judge_tcp", tests, NULL, NULL);
}
