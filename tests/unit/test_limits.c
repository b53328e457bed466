/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The judge under floods: memory is bounded, one scope never takes what another needs, each limit is told once a second
 * with a count (RESEARCH s2, 22 to 24). */
#include "tests/unit/judge_bed.h"
#include "tests/unit/hellos.h"

#include <stdio.h>

#include "nfq/flow.h"
#include "nfq/judge_state.h"

static const char *const policy = "version: 1\n"
                                  "profiles:\n"
                                  "  p: { allow: [good.example, 'http://good.example'] }\n"
                                  "scopes:\n"
                                  "  - { name: flooding, match: { source: 198.18.0.0/16 }, profile: p }\n"
                                  "  - { name: other, match: { source: 198.19.0.0/16 }, profile: p }\n";

#define SITE       "198.19.0.1"
#define ISN        5000u
#define SERVER_ISN 900000u

static const struct bed_end site = {SITE, 443};

static struct bed *flooded(void)
{
    struct bed *b = bed_new(policy);
    bed_bind(b, 1, "good.example", SITE, 300);
    bed_bind(b, 2, "good.example", SITE, 300);
    return b;
}

/* The n-th client of a flood. */
static struct bed_end numbered(unsigned n)
{
    static char text[32];
    snprintf(text, sizeof text, "198.18.%u.2", n / 60000);
    return (struct bed_end){text, (uint16_t)(1024 + n % 60000)};
}

static uint32_t client_says(struct bed *b, struct bed_end from, uint8_t flags, uint32_t at, struct bytes payload)
{
    return bed_tcp(b, MARK_TO_SERVER, from, site, flags, ISN + at, flags & TCP_ACK ? SERVER_ISN + 1 : 0,
                   (struct bytes){0}, payload);
}

static uint32_t syn(struct bed *b, struct bed_end from)
{
    return client_says(b, from, TCP_SYN, 0, (struct bytes){0});
}

static uint32_t answer(struct bed *b, struct bed_end to)
{
    return bed_tcp(b, MARK_FROM_SERVER, site, to, TCP_SYN | TCP_ACK, SERVER_ISN, ISN + 1, (struct bytes){0},
                   (struct bytes){0});
}

static void open_connection(struct bed *b, struct bed_end from)
{
    assert_int_equal(bed_fate(b, syn(b, from)), BED_ACCEPTED);
    assert_int_equal(bed_fate(b, answer(b, from)), BED_ACCEPTED);
}

/* A whole hello of the scope that floods nobody gets through. */
static void other_is_served(struct bed *b)
{
    static uint8_t hello[4096];
    struct hello_options o = {.what = "test", .name = "good.example"};
    struct bed_end other = {"198.19.0.2", 40000};
    size_t len = hello_make(&o, hello, sizeof hello);
    b->scope = 2;
    memset(b->seen, 0, sizeof b->seen);
    open_connection(b, other);
    uint32_t id = client_says(b, other, TCP_ACK, 1, (struct bytes){hello, len});
    assert_int_equal(bed_fate(b, id), BED_ACCEPTED);
    b->scope = 1;
}

static void a_second_passes(struct bed *b)
{
    b->now += 1000000;
    judge_tick(b->judge, b->now);
}

/* Everything that waits is settled, so that bed_free finds nothing. */
static void time_passes(struct bed *b)
{
    for (unsigned i = 0; i < 40; i++)
        a_second_passes(b);
}

static unsigned flows(const struct bed *b)
{
    struct judge_counts counts;
    judge_counts(b->judge, &counts);
    return counts.flows;
}

static void half_open_connections_give_way(void **state)
{
    (void)state;
    struct bed *b = flooded();
    for (unsigned i = 0; i < 40000; i++) {
        assert_int_equal(bed_fate(b, syn(b, numbered(i))), BED_ACCEPTED);
        if (i % 1000 == 0)
            b->now += 10000;
    }
    assert_int_equal(flows(b), JUDGE_FLOWS_DEFAULT / 2);
    assert_int_equal(b->told[REASON_HALF_OPEN], 1);
    assert_int_equal(b->denial.action, ACTION_GATE);
    /* The last is there, the first is not. */
    assert_int_equal(bed_fate(b, answer(b, numbered(39999))), BED_ACCEPTED);
    assert_int_equal(bed_fate(b, answer(b, numbered(0))), BED_DROPPED);
    other_is_served(b);
    a_second_passes(b);
    a_second_passes(b);
    assert_int_equal(b->told[REASON_HALF_OPEN], 2);
    assert_int_equal(b->counted[REASON_HALF_OPEN], 40000 - JUDGE_FLOWS_DEFAULT / 2);
    struct judge_counts counts;
    judge_counts(b->judge, &counts);
    assert_int_equal(counts.limits[REASON_HALF_OPEN - REASON_LIMIT_FIRST], 40000 - JUDGE_FLOWS_DEFAULT / 2);
    /* They end sooner than what was answered. */
    time_passes(b);
    assert_int_equal(flows(b), 2);
    bed_free(b);
}

static void a_full_table_resets(void **state)
{
    (void)state;
    struct bed *b = flooded();
    for (unsigned i = 0; i < JUDGE_FLOWS_DEFAULT; i++)
        open_connection(b, numbered(i));
    for (unsigned i = 0; i < 500; i++)
        assert_int_equal(bed_fate(b, syn(b, numbered(20000 + i))), BED_RESET);
    assert_int_equal(b->told[REASON_TABLE_FULL], 1);
    assert_int_equal(flows(b), JUDGE_FLOWS_DEFAULT);
    other_is_served(b);
    a_second_passes(b);
    a_second_passes(b);
    assert_int_equal(b->told[REASON_TABLE_FULL], 2);
    assert_int_equal(b->counted[REASON_TABLE_FULL], 500);
    bed_free(b);
}

/* A ServerHello with nothing remarkable (RFC 8446 s4.1.3). */
static size_t server_hello(uint8_t out[64])
{
    struct writer w = writer_init(out, 64);
    writer_bytes(&w, (struct bytes){(const uint8_t *)"\x16\3\3\0\x2a\2\0\0\x26\3\3", 11});
    for (uint8_t i = 0; i < 32; i++)
        writer_u8(&w, i);
    writer_bytes(&w, (struct bytes){(const uint8_t *)"\0\x13\1\0", 4});
    return writer_len(&w);
}

/* False: its SYN was reset. */
static bool decide_connection(struct bed *b, struct bed_end from, struct bytes hello)
{
    uint8_t reply[64];
    enum bed_fate fate = bed_fate(b, syn(b, from));
    if (fate == BED_RESET)
        return false;
    assert_int_equal(fate, BED_ACCEPTED);
    assert_int_equal(bed_fate(b, answer(b, from)), BED_ACCEPTED);
    assert_int_equal(bed_fate(b, client_says(b, from, TCP_ACK, 1, hello)), BED_ACCEPTED);
    uint32_t id = bed_tcp(b, MARK_FROM_SERVER, site, from, TCP_ACK, SERVER_ISN + 1, ISN + 1 + (uint32_t)hello.len,
                          (struct bytes){0}, (struct bytes){reply, server_hello(reply)});
    assert_int_equal(bed_fate(b, id), BED_ACCEPTED);
    return true;
}

/* As many connections a second as come: those that the kernel has give way, once what was queued of them has come. */
static void decided_connections_give_way(void **state)
{
    (void)state;
    static uint8_t bytes[4096];
    struct hello_options o = {.what = "test", .name = "good.example"};
    struct bytes hello = {bytes, hello_make(&o, bytes, sizeof bytes)};
    struct bed *b = flooded();
    unsigned refused = 0;
    for (unsigned i = 0; i < 3 * JUDGE_FLOWS_DEFAULT; i++) {
        assert_true(decide_connection(b, numbered(i), hello));
        if (i % 4096 == 0)
            b->now += 100000; /* 40,000 a second */
    }
    assert_int_equal(flows(b), JUDGE_FLOWS_DEFAULT);
    assert_int_equal(b->told[REASON_TABLE_FULL], 0);
    for (unsigned i = 0; i < JUDGE_FLOWS_DEFAULT; i++)
        refused += !decide_connection(b, numbered(60000 + i), hello);
    assert_true(refused > JUDGE_FLOWS_DEFAULT / 4); /* in no time at all: not all of them can have come */
    other_is_served(b);
    bed_free(b);
}

static void hellos_that_never_end_leave_room(void **state)
{
    (void)state;
    struct bed *b = flooded();
    static uint8_t hello[20000];
    struct hello_options o = {.what = "test", .name = "good.example", .extra_len = 9000};
    hello_make(&o, hello, sizeof hello);
    for (unsigned i = 0; i < 3000; i++) {
        open_connection(b, numbered(i));
        for (unsigned k = 0; k < 3; k++)
            client_says(b, numbered(i), TCP_ACK, 1 + 1400 * k, (struct bytes){hello + 1400 * (size_t)k, 1400});
        if (i % 100 == 0)
            b->now += 1000;
    }
    assert_int_equal(b->told[REASON_STREAMS_FULL], 1);
    other_is_served(b);
    a_second_passes(b);
    assert_int_equal(b->told[REASON_STREAMS_FULL], 2);
    assert_int_equal(b->counted[REASON_STREAMS_FULL], 3 * (3000 - JUDGE_STREAMS_SCOPE));
    time_passes(b);
    assert_int_equal(b->counted[REASON_TCP_TOO_LONG] + b->counted[REASON_REFUSALS_UNTOLD], JUDGE_STREAMS_SCOPE);
    bed_free(b);
}

static void held_packets_leave_room(void **state)
{
    (void)state;
    struct bed *b = flooded();
    for (unsigned i = 0; i < 400; i++) {
        open_connection(b, numbered(i));
        for (unsigned k = 0; k < 16; k++) /* gaps: nothing is joined, nothing is acknowledged */
            client_says(b, numbered(i), TCP_ACK, 10 + 10 * k, (struct bytes){(const uint8_t *)"x", 1});
    }
    struct judge_counts counts;
    judge_counts(b->judge, &counts);
    assert_int_equal(counts.held_packets, FLOW_HELD_SCOPE);
    assert_int_equal(b->told[REASON_HELD_FULL], 1);
    other_is_served(b);
    time_passes(b);
    judge_counts(b->judge, &counts);
    assert_int_equal(counts.held_packets, 0);
    bed_free(b);
}

static void held_bytes_leave_room(void **state)
{
    (void)state;
    struct bed *b = flooded();
    static uint8_t large[60000];
    for (unsigned i = 0; i < 700; i++) {
        open_connection(b, numbered(i));
        client_says(b, numbered(i), TCP_ACK, 10, (struct bytes){large, sizeof large});
    }
    struct judge_counts counts;
    judge_counts(b->judge, &counts);
    assert_in_range(counts.held_packets, 400, FLOW_HELD_KIB / 2 / 59);
    assert_int_equal(b->told[REASON_HELD_FULL] + b->told[REASON_STREAMS_FULL] > 0, true);
    other_is_served(b);
    time_passes(b);
    bed_free(b);
}

static void refusals_of_one_scope_are_counted(void **state)
{
    (void)state;
    struct bed *b = flooded();
    b->attribute = true;
    struct bed_end nowhere = {"203.0.113.1", 443};
    for (unsigned i = 0; i < 2000; i++)
        bed_tcp(b, MARK_TO_SERVER, numbered(i), nowhere, TCP_SYN, ISN, 0, (struct bytes){0}, (struct bytes){0});
    struct judge_counts counts;
    judge_counts(b->judge, &counts);
    assert_int_equal(counts.waiting_refusals, JUDGE_REFUSALS_SCOPE);
    assert_int_equal(counts.refused, 2000);
    assert_int_equal(b->told[REASON_NOT_RESOLVED], LIMIT_REFUSALS);
    /* They do not hide one that `--fail-on alert` looks for. */
    for (unsigned i = 0; i < 2; i++)
        bed_tcp(b, MARK_TO_SERVER, numbered(3000 + i), (struct bed_end){"169.254.169.254", 80}, TCP_SYN, ISN, 0,
                (struct bytes){0}, (struct bytes){0});
    assert_int_equal(b->told[REASON_METADATA_ADDRESS], 1);
    /* The other's is told, and waits for its process. */
    b->scope = 2;
    uint32_t id = bed_tcp(b, MARK_TO_SERVER, (struct bed_end){"198.19.0.2", 1}, nowhere, TCP_SYN, ISN, 0,
                          (struct bytes){0}, (struct bytes){0});
    assert_int_equal(bed_fate(b, id), BED_IN);
    assert_int_equal(b->told[REASON_NOT_RESOLVED], LIMIT_REFUSALS + 1);
    a_second_passes(b);
    assert_int_equal(b->told[REASON_REFUSALS_UNTOLD], 1);
    assert_int_equal(b->counted[REASON_REFUSALS_UNTOLD], 2001 - LIMIT_REFUSALS);
    assert_int_equal(b->denial.scope_id, 1);
    a_second_passes(b);
    assert_int_equal(b->told[REASON_REFUSALS_UNTOLD], 1);
    bed_free(b);
}

/* As long as the keeper answers, what repeats is told one by one; what does not is held to the limit. */
static void answered_repeats_are_told(void **state)
{
    (void)state;
    struct bed *b = flooded();
    b->attribute = true;
    struct judge_counts counts;
    for (unsigned i = 0; i < 2000; i++) {
        struct bed_end to = {"203.0.113.1", 443};
        bed_tcp(b, MARK_TO_SERVER, numbered(i), to, TCP_SYN, ISN, 0, (struct bytes){0}, (struct bytes){0});
        judge_attributed(b->judge, b->denial.ticket, b->now);
    }
    assert_int_equal(b->told[REASON_NOT_RESOLVED], 2000);
    for (unsigned i = 0; i < 100; i++) { /* nobody answers any more */
        struct bed_end to = {"203.0.113.1", 443};
        bed_tcp(b, MARK_TO_SERVER, numbered(2000 + i), to, TCP_SYN, ISN, 0, (struct bytes){0}, (struct bytes){0});
    }
    assert_int_equal(b->told[REASON_NOT_RESOLVED], 2000 + JUDGE_REPEATS_WAITING);
    judge_counts(b->judge, &counts);
    assert_int_equal(counts.waiting_refusals, JUDGE_REPEATS_WAITING);
    a_second_passes(b);
    unsigned before = b->told[REASON_NOT_RESOLVED];
    for (uint16_t i = 0; i < 2000; i++) {
        struct bed_end to = {"203.0.113.1", (uint16_t)(1000 + i)};
        bed_tcp(b, MARK_TO_SERVER, numbered(3000u + i), to, TCP_SYN, ISN, 0, (struct bytes){0}, (struct bytes){0});
        judge_attributed(b->judge, b->denial.ticket, b->now);
    }
    assert_in_range(b->told[REASON_NOT_RESOLVED] - before, LIMIT_REFUSALS - 1, LIMIT_REFUSALS);
    bed_free(b);
}

static void questions_leave_room(void **state)
{
    (void)state;
    static const uint8_t question[] = {0,   7,   1, 0,   0,   1,   0,   0,   0,   0,   0, 0, 4, 'g', 'o',
                                       'o', 'd', 7, 'e', 'x', 'a', 'm', 'p', 'l', 'e', 0, 0, 1, 0,   1};
    struct bytes asked = {question, sizeof question};
    struct bed *b = flooded();
    struct bed_end resolver = {BED_RESOLVER, 53};
    unsigned passed = 0;
    for (unsigned i = 0; i < 9000; i++)
        passed += bed_fate(b, bed_udp(b, MARK_TO_SERVER, numbered(i), resolver, asked)) == BED_ACCEPTED;
    assert_int_equal(passed, EXCHANGE_SCOPE_MAX);
    assert_int_equal(b->told[REASON_QUESTIONS_FULL], 1);
    b->scope = 2;
    uint32_t id = bed_udp(b, MARK_TO_SERVER, (struct bed_end){"198.19.0.2", 40000}, resolver, asked);
    assert_int_equal(bed_fate(b, id), BED_ACCEPTED);
    bed_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(half_open_connections_give_way),
        cmocka_unit_test(a_full_table_resets),
        cmocka_unit_test(decided_connections_give_way),
        cmocka_unit_test(hellos_that_never_end_leave_room),
        cmocka_unit_test(held_packets_leave_room),
        cmocka_unit_test(held_bytes_leave_room),
        cmocka_unit_test(refusals_of_one_scope_are_counted),
        cmocka_unit_test(answered_repeats_are_told),
        cmocka_unit_test(questions_leave_room),
    };
    return cmocka_run_group_tests_name("limits", tests, NULL, NULL);
}
