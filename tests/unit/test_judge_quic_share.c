/* SPDX-License-Identifier: GPL-3.0-or-later */
/* nfq/quic_flow: what one scope takes of the tables, and what is left for the others. */
#include <stdio.h>

#include "nfq/quic_flow.h"
#include "tests/unit/quic_talk.h"

static void a_scopes_share(void **state)
{
    (void)state;
    struct bed *b = bed_for(policy_text);
    unsigned passed = 0;
    for (unsigned i = 0; i < QUIC_FLOWS; i++) {
        struct bed_end from = {BED_CLIENT, (uint16_t)(1024 + i)};
        char dcid[9];
        snprintf(dcid, sizeof dcid, "id%06u", i);
        put_hello(dcid, "allowed.test");
        passed += bed_fate(b, send_from(b, from)) == BED_ACCEPTED;
    }
    assert_int_equal(passed, QUIC_FLOWS / 5 * 2);
    assert_int_equal(b->denial.reason, REASON_TABLE_FULL);
    for (unsigned i = 0; i < 160; i++) {
        b->now += 1000000;
        judge_tick(b->judge, b->now);
    }
    struct judge_counts counts;
    judge_counts(b->judge, &counts);
    assert_int_equal(counts.flows, 0);
    approve(b);
    bed_free(b);
}

static struct bed *bed_of_four(void)
{
    struct bed *b = bed_new("version: 1\n"
                            "profiles: { p: { allow: [allowed.test], quic: judge } }\n"
                            "scopes:\n"
                            "  - { name: a, match: { source: 198.18.0.0/24 }, profile: p }\n"
                            "  - { name: b, match: { source: 198.18.1.0/24 }, profile: p }\n"
                            "  - { name: c, match: { source: 198.18.2.0/24 }, profile: p }\n"
                            "  - { name: d, match: { source: 198.18.3.0/24 }, profile: p }\n");
    for (uint16_t scope = 1; scope <= 4; scope++)
        bed_bind(b, scope, "allowed.test", SITE, 300);
    datagram_len = 0;
    next_number = 0;
    return b;
}

/* The scope is served: a hello of two datagrams, of which the first is held. */
static void is_served(struct bed *b, uint16_t scope, struct bed_end from)
{
    struct bytes hello = hello_of("allowed.test", 600, 0);
    b->scope = scope;
    put_initial(QUIC_VERSION_1, "firstid1", "firstid1", 0, (struct bytes){hello.at, 300}, 300);
    uint32_t id = send_from(b, from);
    assert_int_equal(bed_fate(b, id), BED_IN);
    put_initial(QUIC_VERSION_1, "firstid1", "firstid1", 300, (struct bytes){hello.at + 300, hello.len - 300}, 300);
    expect_passed(b, send_from(b, from));
    expect_passed(b, id);
}

/* Three scopes take all they can get; the fourth has its part of held datagrams, flows and connections. */
static void one_scope_does_not_starve_another(void **state)
{
    (void)state;
    for (unsigned held = 0; held < 2; held++) {
        struct bed *b = bed_of_four();
        unsigned count = held ? QUIC_HELD / 2 : QUIC_FLOWS / 2;
        struct bytes hello = hello_of("allowed.test", 600, 0);
        for (uint16_t scope = 1; scope <= 3; scope++)
            for (unsigned i = 0; i < count; i++) {
                char address[] = "198.18.0.2", dcid[9];
                address[7] = (char)('0' + scope - 1);
                snprintf(dcid, sizeof dcid, "%c%07u", 'a' + scope, i);
                next_number = 0;
                put_initial(QUIC_VERSION_1, dcid, dcid, 0,
                            held ? (struct bytes){hello.at, 300} : hello_of("allowed.test", 0, 0), 300);
                b->scope = scope;
                send_from(b, (struct bed_end){address, (uint16_t)(1024 + i)});
            }
        enum reason limit = held ? REASON_HELD_FULL : REASON_TABLE_FULL;
        assert_int_equal(b->told[limit], 3); /* each scope once a second */
        struct judge_counts counts;
        judge_counts(b->judge, &counts);
        assert_true(counts.limits[limit - REASON_LIMIT_FIRST] > 100);
        next_number = 0;
        is_served(b, 4, (struct bed_end){"198.18.3.2", 40000});
        for (unsigned i = 0; i < 160; i++) {
            b->now += 1000000;
            judge_tick(b->judge, b->now);
        }
        judge_counts(b->judge, &counts);
        assert_int_equal(counts.flows, 0);
        assert_int_equal(counts.held_packets, 0);
        bed_free(b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_scopes_share),
        cmocka_unit_test(one_scope_does_not_starve_another),
    };
    return cmocka_run_group_tests_name("judge_quic_share", tests, quics_begin, quics_end);
}
