/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The judge over DNS (DESIGN s3.2). */
#include <stdio.h>

#include "tests/unit/dns_talk.h"

static void an_allowed_question_is_rebuilt_and_its_answer_bound(void **state)
{
    (void)state;
    struct bed *b = bed_new(policy);
    uint32_t id = ask(b, 0x1234, "GoOd.ExAmPlE", 1);
    assert_int_equal(bed_fate(b, id), BED_ACCEPTED);
    struct bytes q = last_payload(b);
    assert_non_null(memmem(q.at, q.len, "\4good\7example", 13)); /* 0x20 case is a channel (RESEARCH s2, 31) */
    id = answer(b, "93.184.216.34");
    assert_int_equal(bed_fate(b, id), BED_ACCEPTED);
    struct bytes a = last_payload(b);
    assert_int_equal(u16(a, 0), 0x1234);
    assert_non_null(memmem(a.at, a.len, "\4GoOd\7ExAmPlE", 13));
    assert_int_equal(bound(b, "93.184.216.34"), 1);
    assert_int_equal(b->event.reason, REASON_ANSWERED);
    bed_free(b);
}

static void a_denied_question_is_answered_at_once(void **state)
{
    (void)state;
    struct bed *b = bed_new(policy);
    uint32_t id = ask(b, 77, "payload.evil.example", 1);
    assert_int_equal(bed_fate(b, id), BED_DROPPED);
    assert_int_equal(b->injections, 1);
    struct packet p;
    assert_int_equal(packet_parse((struct bytes){b->injected, b->injected_len}, true, &p), REASON_NONE);
    assert_int_equal(p.source_port, 53);
    assert_int_equal(u16(p.payload, 0), 77);
    assert_int_equal(u16(p.payload, 2) & 0x800f, 0x8003); /* NXDOMAIN */
    assert_int_equal(u16(p.payload, 8), 0);               /* nothing to cache it by (RFC 2308 s5) */
    assert_string_equal(b->denial.domain, "payload.evil.example");
    assert_string_equal(b->denial.hint, "payload.evil.example");
    bed_free(b);
}

/* HTTPS and SVCB of an allowed name: NODATA, or its A record dies with it. */
static void a_type_that_is_not_allowed_is_nodata(void **state)
{
    (void)state;
    struct bed *b = bed_new(policy);
    ask(b, 5, "good.example", 65);
    struct packet p;
    packet_parse((struct bytes){b->injected, b->injected_len}, true, &p);
    assert_int_equal(u16(p.payload, 2) & 0x800f, 0x8000);
    assert_int_equal(b->event.reason, REASON_TYPE_NOT_ALLOWED);
    assert_int_equal(b->event.verdict, VERDICT_IGNORED); /* browsers ask it of every name */
    ask(b, 5, "good.example", 16);
    assert_int_equal(b->denial.reason, REASON_TYPE_NOT_ALLOWED);
    assert_int_equal(bed_fate(b, ask(b, 6, "text.example", 16)), BED_ACCEPTED);
    bed_free(b);
}

static void a_forged_or_unasked_answer_binds_nothing(void **state)
{
    (void)state;
    struct bed *b = bed_new(policy);
    ask(b, 9, "good.example", 1);
    size_t asked = b->last_len;
    uint8_t asked_ip[512];
    memcpy(asked_ip, b->last, asked);
    /* The right answer on another flow, with another id, for another name. */
    uint8_t wire[512];
    size_t len = query(wire, 1, "good.example", 1);
    wire[2] |= 0x80;
    uint32_t id =
        bed_udp(b, MARK_FROM_SERVER, resolver, (struct bed_end){BED_CLIENT, 40001}, (struct bytes){wire, len});
    assert_int_equal(bed_fate(b, id), BED_DROPPED);
    assert_int_equal(b->denial.reason, REASON_DNS_ANSWER_UNASKED);
    memcpy(b->last, asked_ip, asked);
    b->last_len = asked;
    b->last[28] ^= 1; /* the id's first octet */
    struct packet p;
    packet_parse((struct bytes){b->last, b->last_len}, false, &p);
    uint8_t forged[512];
    memcpy(forged, p.payload.at, p.payload.len);
    forged[2] |= 0x80;
    id = bed_udp(b, MARK_FROM_SERVER, resolver, client, (struct bytes){forged, p.payload.len});
    assert_int_equal(bed_fate(b, id), BED_DROPPED);
    assert_int_equal(bound(b, "93.184.216.34"), 0);
    bed_free(b);
}

/* Who knows the port has 16 bits to guess.  He gets so many tries, and no more questions to hit at once. */
static void guessing_ids_is_not_worth_it(void **state)
{
    (void)state;
    struct bed *b = bed_new(policy);
    unsigned let_out = 0;
    for (uint16_t i = 0; i < 200; i++)
        let_out += bed_fate(b, ask(b, i, "good.example", 1)) == BED_ACCEPTED;
    assert_int_equal(let_out, 1);
    uint8_t asked[512];
    size_t asked_len = b->last_len;
    struct packet p;
    uint32_t id = ask(b, 300, "text.example", 1);
    asked_len = b->last_len;
    memcpy(asked, b->last, asked_len);
    for (unsigned i = 0; i < 40; i++) {
        uint8_t wire[512];
        size_t len = query(wire, (uint16_t)(i * 7), "other.example", 1);
        wire[2] |= 0x80;
        bed_udp(b, MARK_FROM_SERVER, resolver, client, (struct bytes){wire, len});
    }
    memcpy(b->last, asked, asked_len); /* and then the right one */
    b->last_len = asked_len;
    id = answer(b, "93.184.216.34");
    assert_int_equal(bed_fate(b, id), BED_DROPPED);
    assert_int_equal(bound(b, "93.184.216.34"), 0);
    b->now += 61000000; /* the next minute is another */
    judge_tick(b->judge, b->now);
    ask(b, 301, "text.example", 1);
    id = answer(b, "93.184.216.34");
    assert_int_equal(bed_fate(b, id), BED_ACCEPTED);
    assert_int_equal(packet_parse((struct bytes){b->last, b->last_len}, true, &p), REASON_NONE);
    bed_free(b);
}

/* c-ares asks one name often on one socket: one question goes on, and each asker gets an answer of his own. */
static void equal_questions_share_an_answer(void **state)
{
    (void)state;
    struct bed *b = bed_new(policy);
    uint32_t id = ask(b, 100, "good.example", 1);
    assert_int_equal(bed_fate(b, id), BED_ACCEPTED);
    for (uint16_t i = 1; i < 100; i++)
        assert_int_equal(bed_fate(b, ask(b, (uint16_t)(100 + i), i == 1 ? "GOOD.example" : "good.example", 1)),
                         BED_DROPPED);
    assert_true(b->injections == 0 && b->denials == 0);
    assert_int_equal(bed_fate(b, ask(b, 150, "good.example", 1)), BED_ACCEPTED); /* a retry goes on */
    assert_int_equal(bed_fate(b, ask(b, 400, "text.example", 1)), BED_ACCEPTED);
    uint8_t other[512];
    size_t other_len = last_payload(b).len;
    memcpy(other, last_payload(b).at, other_len);
    ask(b, 150, "good.example", 1);
    uint8_t question[512];
    size_t len = last_payload(b).len;
    memcpy(question, last_payload(b).at, len);
    id = answer(b, "93.184.216.34");
    assert_int_equal(bed_fate(b, id), BED_ACCEPTED);
    assert_true(b->injections == 99 && b->denials == 0);
    uint16_t passed = u16(last_payload(b), 0);
    for (unsigned i = 0; i < 65536; i++) /* to each that asked, once; to nobody else */
        assert_int_equal(b->injected_id[i], i >= 100 && i < 200 && i != passed);
    assert_int_equal(bound(b, "93.184.216.34"), 1);
    assert_int_equal(b->told[REASON_ANSWERED], 1);
    /* A duplicate of it, or a forger who found the id while nothing is awaited. */
    id = answer_to(b, (struct bytes){question, len}, "93.184.216.99");
    assert_true(bed_fate(b, id) == BED_DROPPED && b->injections == 99 && b->told[REASON_ANSWERED] == 1);
    assert_int_equal(bound(b, "93.184.216.99"), 0);
    id = answer_to(b, (struct bytes){other, other_len}, "93.184.216.35");
    assert_true(bed_fate(b, id) == BED_ACCEPTED && u16(last_payload(b), 0) == 400 && b->injections == 99);
    bed_free(b);
}

/* Each as he wrote it, and as much as he takes; what cannot be read is said to all. */
static void shared_answers_are_each_askers_own(void **state)
{
    (void)state;
    struct bed *b = bed_new(policy);
    ask(b, 7, "good.example", 1);
    ask(b, 8, "gOOD.example", 1);
    answer(b, "93.184.216.34");
    struct packet p;
    assert_int_equal(packet_parse((struct bytes){b->injected, b->injected_len}, true, &p), REASON_NONE);
    bool second = u16(p.payload, 0) == 8;
    struct bytes of[2] = {second ? last_payload(b) : p.payload, second ? p.payload : last_payload(b)};
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(u16(of[i], 0), 7 + i);
        assert_non_null(memmem(of[i].at, of[i].len, i ? "\4gOOD\7example" : "\4good\7example", 13));
        assert_non_null(memmem(of[i].at, of[i].len, "\x5d\xb8\xd8\x22", 4));
    }
    assert_int_equal(p.source_port, 53);
    assert_int_equal(p.destination_port, client.port);
    b->now += 10000000;
    ask(b, 9, "good.example", 1);
    ask(b, 10, "good.example", 1);
    uint8_t wire[512];
    struct writer w = writer_init(wire, sizeof wire);
    answer_begin(&w, last_payload(b), 0x8180, 1); /* and no record */
    bed_udp(b, MARK_FROM_SERVER, resolver, client, (struct bytes){wire, writer_len(&w)});
    assert_int_equal(b->denial.reason, REASON_DNS_ANSWER_MALFORMED);
    assert_int_equal(u16(last_payload(b), 2) & 0x800f, 0x8002);
    assert_int_equal(b->injections, 2);
    packet_parse((struct bytes){b->injected, b->injected_len}, true, &p);
    assert_int_equal(u16(p.payload, 2) & 0x800f, 0x8002);
    assert_int_equal(u16(p.payload, 0) + u16(last_payload(b), 0), 19);
    bed_free(b);
}

static void private_addresses_need_a_range(void **state)
{
    (void)state;
    static const char *const special[] = {"10.0.0.1", "127.0.0.1", "169.254.169.254", "192.168.1.1", "100.64.0.1"};
    for (size_t i = 0; i < sizeof special / sizeof special[0]; i++) {
        struct bed *b = bed_new(policy);
        ask(b, 9, "good.example", 1);
        answer(b, special[i]);
        struct bytes a = last_payload(b);
        assert_int_equal(u16(a, 6), 0); /* no answer record is left */
        assert_int_equal(bound(b, special[i]), 0);
        assert_int_equal(b->denial.reason, i == 2 ? REASON_METADATA_ADDRESS : REASON_PRIVATE_ADDRESS);
        char hint[60] = "";
        if (i != 2) /* the cloud's credentials are not offered */
            snprintf(hint, sizeof hint, "good.example@%s", special[i]);
        assert_string_equal(b->denial.hint, hint);
        bed_free(b);
    }
    struct bed *b = bed_new(policy);
    ask(b, 9, "inner.example", 1);
    answer(b, "10.0.0.1");
    assert_int_equal(bound(b, "10.0.0.1"), 1);
    ask(b, 10, "inner.example", 1);
    answer(b, "192.168.0.1");
    assert_int_equal(bound(b, "192.168.0.1"), 0);
    bed_free(b);
}

/* Audit lets the answer go on as it is, and says what enforcing would have withheld; not for the host's own name. */
static void audit_tells_private_addresses(void **state)
{
    (void)state;
    struct bed *b = bed_new("version: 1\nprofiles: { p: { allow: [good.example] } }\n"
                            "scopes: [{ name: s, match: { source: 198.18.0.0/15 }, profile: p, mode: audit }]\n");
    uint32_t id = ask_and_answer(b, "good.example", "10.0.0.1");
    assert_int_equal(bed_fate(b, id), BED_ACCEPTED);
    assert_int_equal(bound(b, "10.0.0.1"), 1);
    assert_int_equal(b->denials, 1);
    assert_int_equal(b->denial.verdict, VERDICT_WOULD_DENY);
    assert_int_equal(b->denial.reason, REASON_PRIVATE_ADDRESS);
    assert_string_equal(b->denial.hint, "good.example@10.0.0.1");
    ask_and_answer(b, "localhost", "127.0.0.1"); /* ignored */
    assert_string_equal(b->event.domain, "localhost");
    ask_and_answer(b, "good.example", "93.184.216.34");
    assert_int_equal(b->denials, 1);
    bed_free(b);
}

static void names_below_a_wildcard_have_a_budget(void **state)
{
    (void)state;
    struct bed *b = bed_new(policy);
    char name[] = "a.wild.example";
    for (int i = 0; i < 5; i++, name[0]++)
        assert_int_equal(bed_fate(b, ask(b, (uint16_t)i, name, 1)), BED_ACCEPTED);
    assert_int_equal(bed_fate(b, ask(b, 50, name, 1)), BED_DROPPED);
    assert_int_equal(b->denial.reason, REASON_TUNNEL_SUSPECTED);
    assert_string_equal(b->denial.limit, "names_per_minute: 5");
    /* Who asks with EDNS is told, too (RFC 8914). */
    static const uint8_t opt[] = {0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0};
    uint8_t wire[512];
    size_t len = query(wire, 52, name, 1);
    wire[11] = 1;
    memcpy(wire + len, opt, sizeof opt);
    bed_udp(b, MARK_TO_SERVER, client, resolver, (struct bytes){wire, len + sizeof opt});
    assert_non_null(memmem(b->injected, b->injected_len, "tunnel (names_per_minute: 5)", 28));
    assert_int_equal(bed_fate(b, ask(b, 51, "a.wild.example", 28)), BED_ACCEPTED); /* asked before: not new */
    bed_free(b);
}

/* A job on this host may send from any address that the host has, and loopback has 2^24 of them. */
static void addresses_of_this_host_are_one_client(void **state)
{
    (void)state;
    static const char *const from[] = {"127.0.0.1", "127.9.8.7", "198.18.0.9", "198.18.0.10", "198.18.0.11"};
    struct bed *b = bed_new(policy);
    struct address own[] = {bed_address("198.18.0.9"), bed_address("198.18.0.10")};
    judge_own_addresses(b->judge, own, 2);
    char name[] = "a.wild.example";
    for (uint16_t i = 0; i < 5; i++, name[0]++) {
        b->local = i == 4; /* routed here without being an interface's */
        assert_int_equal(bed_fate(b, ask_from(b, (struct bed_end){from[i], 40000}, i, name, 1)), BED_ACCEPTED);
    }
    for (uint16_t i = 0; i < 5; i++) {
        b->local = i == 4;
        ask_from(b, (struct bed_end){from[i], 40000}, (uint16_t)(50 + i), name, 1);
        assert_int_equal(b->told[REASON_TUNNEL_SUSPECTED], i + 1);
    }
    b->local = false;
    assert_int_equal(bed_fate(b, ask_from(b, (struct bed_end){from[4], 40000}, 60, name, 1)),
                     BED_ACCEPTED); /* another */
    bed_free(b);
}

/* Neither another case of the letters nor a name that does not exist costs more or less than the name. */
static void a_name_costs_once_whatever_its_case(void **state)
{
    (void)state;
    struct bed *b = bed_new(policy);
    static const char *const asked[] = {"aa.wild.example", "AA.wild.example", "aA.WILD.example", "Aa.wild.EXAMPLE"};
    for (uint16_t i = 0; i < 40; i++) {
        b->now += 1000000;
        assert_int_equal(bed_fate(b, ask(b, i, asked[i % 4], 1)), BED_ACCEPTED);
        answer_nothing(b);
    }
    char name[] = "b.wild.example";
    for (uint16_t i = 0; i < 4; i++, name[0]++)
        assert_int_equal(bed_fate(b, ask(b, (uint16_t)(50 + i), name, 28)), BED_ACCEPTED);
    assert_int_equal(bed_fate(b, ask(b, 60, name, 1)), BED_DROPPED);
    name[0] = 'X';
    assert_int_equal(bed_fate(b, ask(b, 61, name, 1)), BED_DROPPED);
    assert_int_equal(b->denial.reason, REASON_TUNNEL_SUSPECTED);
    assert_string_equal(b->denial.hint, "");
    assert_true(reason_is_attack(b->denial.reason));
    bed_free(b);
}

static void bytes_below_a_wildcard_have_a_budget(void **state)
{
    (void)state;
    struct bed *b = bed_new("version: 1\n"
                            "profiles:\n"
                            "  p: { allow: ['**.wild.example'], dns: { budget: { bytes_per_hour: 100 } } }\n"
                            "scopes:\n"
                            "  - { name: s, match: { source: 198.18.0.0/15 }, profile: p }\n");
    char name[] = "a123456789.123456789.wild.example"; /* 20 below the wildcard */
    for (uint16_t i = 0; i < 5; i++, name[0]++)
        assert_int_equal(bed_fate(b, ask(b, i, name, 1)), BED_ACCEPTED);
    assert_int_equal(bed_fate(b, ask(b, 50, name, 1)), BED_DROPPED);
    assert_int_equal(b->denial.reason, REASON_TUNNEL_SUSPECTED);
    assert_string_equal(b->denial.limit, "bytes_per_hour: 100");
    b->now += 1800000000;
    assert_int_equal(bed_fate(b, ask(b, 51, name, 1)), BED_DROPPED);
    b->now += 2500000000;
    assert_int_equal(bed_fate(b, ask(b, 52, name, 1)), BED_ACCEPTED);
    bed_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_allowed_question_is_rebuilt_and_its_answer_bound),
        cmocka_unit_test(a_denied_question_is_answered_at_once),
        cmocka_unit_test(a_type_that_is_not_allowed_is_nodata),
        cmocka_unit_test(a_forged_or_unasked_answer_binds_nothing),
        cmocka_unit_test(guessing_ids_is_not_worth_it),
        cmocka_unit_test(equal_questions_share_an_answer),
        cmocka_unit_test(shared_answers_are_each_askers_own),
        cmocka_unit_test(private_addresses_need_a_range),
        cmocka_unit_test(audit_tells_private_addresses),
        cmocka_unit_test(names_below_a_wildcard_have_a_budget),
        cmocka_unit_test(addresses_of_this_host_are_one_client),
        cmocka_unit_test(a_name_costs_once_whatever_its_case),
        cmocka_unit_test(bytes_below_a_wildcard_have_a_budget),
    };
    return cmocka_run_group_tests_name("judge_dns", tests, NULL, NULL);
}
