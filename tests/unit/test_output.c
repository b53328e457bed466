/* SPDX-License-Identifier: GPL-3.0-or-later */
/* nfq/output: what the keeper's channel does not take is counted by scope and kind, and told when it takes messages
 * again; nothing is forgotten, nothing told twice. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "nfq/output.h"

#define SCOPES 3000

struct bed {
    int keeper, control;
    struct worker_config config;
    struct output out;
    /* What the keeper was told: by scope, refusals, refusals that look like attacks, and other facts. */
    uint64_t refused[SCOPES], attacks[SCOPES], facts[SCOPES], overruns;
    unsigned lost_events; /* that tell of a loss */
};

static struct bed *bed_new(void)
{
    struct bed *b = test_calloc(1, sizeof *b);
    int events[2], control[2], bytes = 4096;
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, events), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, control), 0);
    setsockopt(events[1], SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
    b->keeper = events[0];
    b->control = control[0];
    b->config = (struct worker_config){.events_fd = events[1], .control_fd = control[1], .raw4_fd = -1, .raw6_fd = -1};
    assert_true(output_init(&b->out, &b->config));
    return b;
}

static void bed_free(struct bed *b)
{
    output_done(&b->out);
    close(b->keeper);
    close(b->control);
    close(b->config.events_fd);
    close(b->config.control_fd);
    test_free(b);
}

static bool tell(struct bed *b, uint16_t scope, enum verdict verdict, enum reason reason, uint64_t count)
{
    struct event e = {
        .action = ACTION_DNS_QUERY, .verdict = verdict, .reason = reason, .scope_id = scope, .count = count};
    return output_event(&b->out, &e, 1);
}

/* The keeper reads what is there. */
static void hear(struct bed *b)
{
    static uint8_t message[CHANNEL_EVENTS_BYTES];
    static struct event e;
    for (ssize_t len; (len = recv(b->keeper, message, sizeof message, MSG_DONTWAIT)) > 4;) {
        struct reader r = reader_init((struct bytes){message + 4, (size_t)len - 4}, false);
        while (event_unpack(&r, &e)) {
            uint64_t count = e.count > 1 ? e.count : 1;
            bool refusal = e.verdict == VERDICT_DENY || e.verdict == VERDICT_WOULD_DENY;
            assert_in_range(e.scope_id, 0, SCOPES - 1);
            b->lost_events += e.reason == REASON_EVENTS_LOST || e.reason == REASON_ATTACKS_LOST;
            if (e.reason == REASON_OVERRUN)
                b->overruns += count;
            else if (refusal && reason_is_attack(e.reason))
                b->attacks[e.scope_id] += count;
            else if (refusal)
                b->refused[e.scope_id] += count;
            else
                b->facts[e.scope_id] += count;
        }
    }
}

/* Until the channel takes no more. */
static uint64_t fill(struct bed *b, uint16_t scope)
{
    uint64_t told = 1;
    while (tell(b, scope, VERDICT_DENY, REASON_NOT_IN_ALLOWLIST, 0))
        told++;
    return told;
}

/* A scope floods the channel; what another is refused meanwhile is told as that other's, attacks as attacks. */
static void test_by_scope(void **state)
{
    struct bed *b = bed_new();
    (void)state;
    uint64_t flood = fill(b, 1);
    assert_false(tell(b, 2, VERDICT_DENY, REASON_NOT_IN_ALLOWLIST, 0));
    assert_false(tell(b, 3, VERDICT_DENY, REASON_FOREIGN_RESOLVER, 0));
    assert_false(tell(b, 4, VERDICT_DENY, REASON_REFUSALS_UNTOLD, 700)); /* one event, many refusals */
    tell(b, 5, VERDICT_ALLOW, REASON_NAME_ALLOWED, 0);
    assert_false(output_flush(&b->out));
    assert_int_equal(b->out.events_lost, 1 + 1 + 1 + 700 + 1);
    assert_false(output_tell_lost(&b->out));
    hear(b);
    for (unsigned i = 0; i < 100 && !output_tell_lost(&b->out); i++)
        hear(b);
    hear(b);
    assert_int_equal(b->refused[1], flood);
    assert_int_equal(b->refused[2], 1);
    assert_int_equal(b->refused[3], 0);
    assert_int_equal(b->attacks[3], 1);
    assert_int_equal(b->refused[4], 700);
    assert_int_equal(b->facts[5], 1);
    assert_int_equal(b->out.events_lost, 704);
    bed_free(b);
}

/* Under audit it would have been refused; the verdict says so. */
static void test_audit(void **state)
{
    struct bed *b = bed_new();
    struct event e;
    uint8_t message[CHANNEL_EVENTS_BYTES];
    (void)state;
    fill(b, 1);
    assert_false(tell(b, 2, VERDICT_WOULD_DENY, REASON_NOT_IN_ALLOWLIST, 3));
    hear(b);
    output_tell_lost(&b->out);
    for (bool found = false; !found;) {
        ssize_t len = recv(b->keeper, message, sizeof message, MSG_DONTWAIT);
        assert_true(len > 4);
        struct reader r = reader_init((struct bytes){message + 4, (size_t)len - 4}, false);
        assert_true(event_unpack(&r, &e));
        found = e.scope_id == 2;
    }
    assert_int_equal(e.reason, REASON_EVENTS_LOST);
    assert_int_equal(e.verdict, VERDICT_WOULD_DENY);
    assert_int_equal(e.action, ACTION_GATE);
    assert_int_equal(e.count, 3);
    bed_free(b);
}

/* What tells of losses is lost in its turn, again and again, of more scopes than the channel holds messages. */
static void test_nothing_forgotten(void **state)
{
    struct bed *b = bed_new();
    unsigned rounds = 0;
    (void)state;
    uint64_t flood = fill(b, 0);
    for (uint16_t scope = 1; scope <= 500; scope++) {
        assert_false(tell(b, scope, VERDICT_DENY, REASON_NOT_IN_ALLOWLIST, scope));
        assert_false(tell(b, scope, VERDICT_DENY, REASON_TLS_MALFORMED, 2));
    }
    for (; !output_tell_lost(&b->out); rounds++) {
        assert_in_range(rounds, 0, 5000);
        assert_false(output_tell_lost(&b->out)); /* no room at all */
        hear(b);
    }
    hear(b);
    assert_true(rounds > 1);
    assert_int_equal(b->refused[0], flood);
    for (uint16_t scope = 1; scope <= 500; scope++) {
        assert_int_equal(b->refused[scope], scope);
        assert_int_equal(b->attacks[scope], 2);
    }
    /* All is told: not once more. */
    unsigned told = b->lost_events;
    assert_true(output_tell_lost(&b->out));
    hear(b);
    assert_int_equal(b->lost_events, told);
    bed_free(b);
}

/* More scopes than there are rows: what has no row is nobody's, and counted. */
static void test_many_scopes(void **state)
{
    struct bed *b = bed_new();
    uint64_t of_scopes = 0;
    (void)state;
    uint64_t flood = fill(b, 1);
    for (uint16_t scope = 1; scope <= LOSSES_SCOPES + 10; scope++)
        assert_false(tell(b, scope, VERDICT_DENY, REASON_NOT_IN_ALLOWLIST, 0));
    while (!output_tell_lost(&b->out))
        hear(b);
    hear(b);
    for (unsigned scope = 1; scope <= LOSSES_SCOPES; scope++)
        of_scopes += b->refused[scope];
    assert_int_equal(of_scopes, flood + LOSSES_SCOPES);
    assert_int_equal(b->refused[0], 10);
    bed_free(b);
}

/* An overrun that could not be told is told later, as what it is. */
static void test_overrun(void **state)
{
    struct bed *b = bed_new();
    struct judge_counts counts = {0};
    (void)state;
    fill(b, 1);
    output_tick(&b->out, (struct receive_counts){.overruns = 7}, &counts);
    hear(b);
    assert_int_equal(b->overruns, 0);
    output_tick(&b->out, (struct receive_counts){.overruns = 9}, &counts);
    hear(b);
    assert_int_equal(b->overruns, 9);
    output_tick(&b->out, (struct receive_counts){.overruns = 9}, &counts);
    hear(b);
    assert_int_equal(b->overruns, 9);
    bed_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_by_scope),    cmocka_unit_test(test_audit),   cmocka_unit_test(test_nothing_forgotten),
        cmocka_unit_test(test_many_scopes), cmocka_unit_test(test_overrun),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
