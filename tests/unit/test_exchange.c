/* SPDX-License-Identifier: GPL-3.0-or-later */
/* dns/exchange: an answer without its question is none (RESEARCH s2, 26 and 41; bullfrog's forged answers, s6). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dns/exchange.h"

#define SECOND 1000000ull
#define START  (100 * SECOND)

static struct exchange_flow flow_of(unsigned client, uint16_t port)
{
    return (struct exchange_flow){
        {4, {10, 0, (uint8_t)(client >> 8), (uint8_t)client}}, {4, {192, 0, 2, 53}}, port, 53};
}

static struct question asked(uint16_t id, const char *name, uint16_t type)
{
    struct question q = {.id = id, .type = type, .recursion_desired = true, .udp_payload = 512};
    assert_true(name_from_wire((struct bytes){(const uint8_t *)name, strlen(name)}, &q.name));
    q.labels_len = (uint8_t)name_to_labels(&q.name, q.labels);
    return q;
}

/* A name of its own for each number. */
static struct question numbered(unsigned i)
{
    char name[32];
    snprintf(name, sizeof name, "n%u.example", i);
    return asked((uint16_t)i, name, 1);
}

static struct answer_head answer_to(const struct exchange_entry *e)
{
    return (struct answer_head){e->our_id, e->question.type, e->question.name};
}

static int set_up(void **state)
{
    *state = exchange_new(42);
    return *state == NULL;
}

static int tear_down(void **state)
{
    exchange_free(*state);
    return 0;
}

static void test_retry(void **state)
{
    struct exchange *x = *state;
    struct exchange_flow flow = flow_of(1, 40000);
    struct question q = asked(7, "a.example", 1);
    struct exchange_entry *e = exchange_ask(x, &flow, 3, &q, START);
    assert_non_null(e);
    assert_int_equal(e->scope, 3);
    assert_int_equal(e->question.id, 7);
    uint16_t our_id = e->our_id;
    assert_ptr_equal(exchange_ask(x, &flow, 3, &q, START + SECOND), e); /* an identical retry */
    assert_int_equal(e->our_id, our_id);
    struct answer_head head = answer_to(e);
    assert_ptr_equal(exchange_match(x, &flow, &head, START + 2 * SECOND), e);
    exchange_answered(x, e, START + 2 * SECOND);
    /* The answer was lost: the retry goes out with the same id, and its answer is waited for anew. */
    assert_ptr_equal(exchange_ask(x, &flow, 3, &q, START + 3 * SECOND), e);
    assert_int_equal(e->our_id, our_id);
    assert_ptr_equal(exchange_match(x, &flow, &head, START + 20 * SECOND), e);
    struct exchange_entry *other = exchange_ask(x, &flow, 4, &q, START + 3 * SECOND);
    assert_ptr_not_equal(other, e); /* another scope's question is another */
}

static void test_together(void **state)
{
    struct exchange *x = *state;
    struct exchange_flow flow = flow_of(1, 40000);
    /* glibc asks A and AAAA at once on one socket; a client may reuse its id for other names. */
    struct question q[4] = {asked(1, "a.example", 1), asked(2, "a.example", 28), asked(1, "b.example", 1),
                            asked(1, "b.example", 28)};
    struct exchange_entry *e[4];
    for (unsigned i = 0; i < 4; i++) {
        e[i] = exchange_ask(x, &flow, 1, &q[i], START);
        assert_non_null(e[i]);
        for (unsigned j = 0; j < i; j++) {
            assert_ptr_not_equal(e[i], e[j]);
            assert_int_not_equal(e[i]->our_id, e[j]->our_id);
        }
    }
    for (unsigned i = 4; i-- > 0;) {
        struct answer_head head = answer_to(e[i]);
        assert_ptr_equal(exchange_match(x, &flow, &head, START + 1), e[i]);
        assert_int_equal(e[i]->question.id, q[i].id);
    }
}

/* Audit: questions go on with the client's own ids, which may be equal for different questions. */
static void test_own_id(void **state)
{
    struct exchange *x = *state;
    struct exchange_flow flow = flow_of(1, 40000);
    struct question q = asked(7, "a.example", 1), other = asked(7, "b.example", 1), more = asked(7, "a.example", 28);
    struct exchange_entry *e = exchange_ask_as(x, &flow, 1, &q, 7, START);
    struct exchange_entry *o = exchange_ask_as(x, &flow, 1, &other, 7, START);
    struct exchange_entry *m = exchange_ask_as(x, &flow, 1, &more, 7, START);
    assert_true(e && o && m && e->our_id == 7 && o->our_id == 7 && m->our_id == 7);
    struct answer_head head = answer_to(e), other_head = answer_to(o), more_head = answer_to(m);
    assert_ptr_equal(exchange_match(x, &flow, &head, START), e);
    assert_ptr_equal(exchange_match(x, &flow, &other_head, START), o);
    assert_ptr_equal(exchange_match(x, &flow, &more_head, START), m);
    assert_ptr_equal(exchange_ask_as(x, &flow, 1, &q, 7, START), e);
}

static void test_unasked(void **state)
{
    struct exchange *x = *state;
    struct exchange_flow flow = flow_of(1, 40000), wrong;
    struct question q = asked(7, "a.example", 1);
    struct exchange_entry *e = exchange_ask(x, &flow, 1, &q, START);
    struct answer_head good = answer_to(e), head = good;
    head.id++;
    assert_null(exchange_match(x, &flow, &head, START));
    head = good;
    head.type = 28;
    assert_null(exchange_match(x, &flow, &head, START));
    head = good;
    head.name = asked(0, "b.example", 1).name;
    assert_null(exchange_match(x, &flow, &head, START));
    head = good;
    head.name = (struct name){0};
    assert_null(exchange_match(x, &flow, &head, START));
    head = good;
    head.id = 7; /* the client's own id is not what went out */
    assert_true(e->our_id == 7 || !exchange_match(x, &flow, &head, START));
    wrong = flow;
    wrong.client_port++;
    assert_null(exchange_match(x, &wrong, &good, START));
    wrong = flow;
    wrong.resolver_port++;
    assert_null(exchange_match(x, &wrong, &good, START));
    wrong = flow;
    wrong.resolver.octets[3]++; /* a stranger */
    assert_null(exchange_match(x, &wrong, &good, START));
    wrong = flow;
    wrong.client.octets[3]++;
    assert_null(exchange_match(x, &wrong, &good, START));
    assert_ptr_equal(exchange_match(x, &flow, &good, START), e);
}

static void test_times(void **state)
{
    struct exchange *x = *state;
    struct exchange_flow flow = flow_of(1, 40000);
    struct question q = asked(7, "a.example", 1), other = asked(8, "b.example", 1);
    struct exchange_entry *e = exchange_ask(x, &flow, 1, &q, START);
    struct answer_head head = answer_to(e);
    assert_ptr_equal(exchange_match(x, &flow, &head, START + 30 * SECOND), e);
    assert_null(exchange_match(x, &flow, &head, START + 30 * SECOND + 1)); /* nobody waits any more */
    exchange_answered(x, e, START + SECOND);
    exchange_answered(x, e, START + 2 * SECOND);                              /* a duplicate does not keep it */
    assert_ptr_equal(exchange_match(x, &flow, &head, START + 3 * SECOND), e); /* duplicates, for 2 s */
    assert_null(exchange_match(x, &flow, &head, START + 3 * SECOND + 1));
    struct exchange_entry *late = exchange_ask(x, &flow, 1, &other, START);
    struct answer_head late_head = answer_to(late);
    exchange_expire(x, START + 10 * SECOND);
    assert_false(e->in_use);
    assert_ptr_equal(exchange_match(x, &flow, &late_head, START + 10 * SECOND), late);
    exchange_expire(x, START + 31 * SECOND);
    assert_false(late->in_use);
    /* Asked again after its time: a new entry, a new id drawn. */
    e = exchange_ask(x, &flow, 1, &q, START + 40 * SECOND);
    assert_ptr_equal(exchange_ask(x, &flow, 1, &q, START + 71 * SECOND), e);
    assert_int_equal(e->asked_usec, START + 71 * SECOND);
}

static void test_flow_cap(void **state)
{
    struct exchange *x = *state;
    struct exchange_flow flow = flow_of(1, 40000), next = flow_of(1, 40001);
    struct exchange_entry *first = NULL;
    bool seen[65536] = {false};
    for (unsigned i = 0; i < EXCHANGE_FLOW_MAX; i++) {
        struct question q = numbered(i);
        struct exchange_entry *e = exchange_ask(x, &flow, 1, &q, START);
        assert_non_null(e);
        assert_false(seen[e->our_id]); /* never two equal ones on a flow */
        seen[e->our_id] = true;
        first = first ? first : e;
    }
    struct question q = numbered(5000), again = numbered(0);
    assert_null(exchange_ask(x, &flow, 1, &q, START));
    assert_ptr_equal(exchange_ask(x, &flow, 1, &again, START), first); /* a retry still passes */
    assert_non_null(exchange_ask(x, &next, 1, &q, START));             /* another flow is not held up */
    exchange_answered(x, first, START);
    assert_non_null(exchange_ask(x, &flow, 1, &q, START)); /* answered ones do not count */
    assert_null(exchange_ask(x, &flow, 1, &again, START)); /* asked anew it would count again */
    exchange_expire(x, START + 31 * SECOND);
    assert_non_null(exchange_ask(x, &flow, 1, &again, START + 31 * SECOND));
}

/* Fills the table with one question a flow; returns how many were taken. */
static unsigned fill(struct exchange *x, uint16_t scope, unsigned count, bool answered, uint64_t now)
{
    unsigned taken = 0;
    for (unsigned i = 0; i < count; i++) {
        struct exchange_flow flow = flow_of(i, (uint16_t)(1000 + scope));
        struct question q = asked(1, "a.example", 1);
        struct exchange_entry *e = exchange_ask(x, &flow, scope, &q, now);
        taken += e != NULL;
        if (e && answered)
            exchange_answered(x, e, now + i);
    }
    return taken;
}

static void test_whole_cap(void **state)
{
    struct exchange *x = *state;
    assert_int_equal(fill(x, 1, EXCHANGE_CAPACITY, false, START), EXCHANGE_SCOPE_MAX); /* one scope does not fill it */
    assert_int_equal(fill(x, 2, EXCHANGE_CAPACITY, false, START), EXCHANGE_CAPACITY - EXCHANGE_SCOPE_MAX);
    assert_int_equal(fill(x, 3, 1, false, START), 0);
    exchange_expire(x, START + 31 * SECOND);
    /* Answered ones give way, the first answered first: a fast client is never refused for them. */
    assert_int_equal(fill(x, 1, 3 * EXCHANGE_CAPACITY, true, START + 31 * SECOND), 3 * EXCHANGE_CAPACITY);
    struct exchange_flow flow = flow_of(3 * EXCHANGE_CAPACITY - 1, 1001);
    struct question q = asked(1, "a.example", 1);
    struct exchange_entry *last = exchange_ask(x, &flow, 1, &q, START + 31 * SECOND + 3 * EXCHANGE_CAPACITY);
    assert_non_null(last);
    assert_int_equal(last->asked_usec, START + 31 * SECOND + 3 * EXCHANGE_CAPACITY);
}

/* Random use: whatever is outstanding is found, whatever is not is not; counts never run off. */
static void test_random_use(void **state)
{
    struct exchange *x = *state;
    static struct exchange_entry *live[600];
    uint64_t r = 88172645463325252ull, now = START;
    for (unsigned round = 0; round < 60000; round++) {
        r ^= r << 13;
        r ^= r >> 7;
        r ^= r << 17;
        unsigned k = (unsigned)(r >> 32) % 600;
        struct exchange_flow flow = flow_of(k % 5, 4000);
        struct question q = numbered(k);
        now += r % 1000;
        if (r >> 16 & 1) {
            struct exchange_entry *e = exchange_ask(x, &flow, 1, &q, now);
            assert_non_null(e);
            assert_true(!live[k] || live[k]->question.id != k || live[k] == e || !live[k]->in_use);
            live[k] = e;
        } else if (live[k] && live[k]->in_use && live[k]->question.id == k) {
            struct answer_head head = answer_to(live[k]);
            struct exchange_entry *e = exchange_match(x, &flow, &head, now);
            assert_true(e == NULL || e == live[k]);
            if (e)
                exchange_answered(x, e, now);
        }
        if (round % 1000 == 0)
            exchange_expire(x, now);
    }
    exchange_expire(x, now + 60 * SECOND);
    assert_int_equal(fill(x, 1, EXCHANGE_SCOPE_MAX, false, now + 60 * SECOND), EXCHANGE_SCOPE_MAX); /* all came back */
}

/* How many ids a forger may hit with an answer to that name and type. */
static unsigned hits(struct exchange *x, const struct exchange_flow *flow, const struct question *q, uint64_t now)
{
    unsigned count = 0;
    for (unsigned id = 0; id <= UINT16_MAX; id++) {
        struct answer_head head = {(uint16_t)id, q->type, q->name};
        count += exchange_match(x, flow, &head, now) != NULL;
    }
    return count;
}

/* The same question with other ids: one goes on, its answer is everybody's, and a forger has one id to hit. */
static void test_shared(void **state)
{
    struct exchange *x = *state;
    struct exchange_flow flow = flow_of(1, 40000), next = flow_of(1, 40001);
    struct question q = asked(0, "a.example", 1), other = asked(300, "a.example", 28);
    struct exchange_entry *first = exchange_ask(x, &flow, 1, &q, START), *e = NULL;
    bool got[EXCHANGE_FLOW_MAX] = {false};
    assert_false(first->waits);
    for (uint16_t i = 1; i < EXCHANGE_FLOW_MAX; i++) {
        q = asked(i, "a.example", 1);
        e = exchange_ask(x, &flow, 1, &q, START + i);
        assert_true(e && e != first && e->waits && e->our_id == first->our_id && e->question.id == i);
    }
    assert_int_equal(hits(x, &flow, &q, START), 1);
    struct question more = asked(EXCHANGE_FLOW_MAX, "a.example", 1);
    assert_null(exchange_ask(x, &flow, 1, &more, START)); /* those who wait count */
    assert_false(exchange_ask(x, &next, 1, &more, START)->waits);
    struct answer_head head = answer_to(first);
    e = exchange_match(x, &flow, &head, START + SECOND);
    assert_non_null(e);
    exchange_answered(x, e, START + SECOND);
    got[e->question.id] = true;
    for (unsigned i = 1; i < EXCHANGE_FLOW_MAX; i++) {
        e = exchange_match_shared(x, &flow, &head, START + SECOND);
        assert_non_null(e);
        assert_false(got[e->question.id]); /* each once */
        got[e->question.id] = true;
        exchange_shared(x, e);
    }
    assert_null(exchange_match_shared(x, &flow, &head, START + SECOND));
    assert_non_null(exchange_match(x, &flow, &head, START + SECOND)); /* a duplicate of the answer */
    assert_null(exchange_match(x, &flow, &head, START + 3 * SECOND + 1));
    for (uint16_t i = 0; i < EXCHANGE_FLOW_MAX; i++) { /* all places came back */
        struct question n = numbered(i);
        assert_non_null(exchange_ask(x, &flow, 1, &n, START + SECOND));
    }
    assert_non_null(exchange_ask(x, &next, 1, &other, START + SECOND));
}

/* What another answer would be for shares nothing: type, form, flow, scope. */
static void test_not_shared(void **state)
{
    struct exchange *x = *state;
    struct exchange_flow flow = flow_of(1, 40000), next = flow_of(1, 40001);
    struct question q = asked(1, "a.example", 1), type = asked(2, "a.example", 28), edns = asked(3, "a.example", 1),
                    with_do = asked(4, "a.example", 1), again = asked(1, "a.example", 1);
    edns.edns = with_do.edns = with_do.dnssec_ok = again.edns = true;
    struct exchange_entry *e[] = {exchange_ask(x, &flow, 1, &q, START),      exchange_ask(x, &flow, 1, &type, START),
                                  exchange_ask(x, &flow, 1, &edns, START),   exchange_ask(x, &flow, 1, &with_do, START),
                                  exchange_ask(x, &flow, 2, &type, START),   exchange_ask(x, &next, 1, &type, START),
                                  exchange_ask_as(x, &next, 1, &q, 7, START)};
    for (unsigned i = 0; i < sizeof e / sizeof *e; i++) {
        assert_non_null(e[i]);
        assert_false(e[i]->waits);
        for (unsigned k = 0; k < i; k++)
            assert_true(e[i]->our_id != e[k]->our_id || e[i]->flow.client_port != e[k]->flow.client_port);
    }
    assert_int_equal(hits(x, &flow, &q, START), 3);               /* its forms */
    assert_true(exchange_ask(x, &flow, 1, &again, START)->waits); /* the same id in another form: that form's */
    assert_int_equal(hits(x, &flow, &q, START), 3);
    struct question enforced = asked(8, "a.example", 1);
    struct exchange_entry *drawn = exchange_ask(x, &next, 1, &enforced, START);
    assert_true(!drawn->waits && drawn->our_id != 7); /* an id that the client chose is nobody's */
}

/* Who waits does not wait for what was lost: a retry goes on, and so does what comes a second later. */
static void test_shared_again(void **state)
{
    struct exchange *x = *state;
    struct exchange_flow flow = flow_of(1, 40000);
    struct question q[3] = {asked(1, "a.example", 1), asked(2, "a.example", 1), asked(3, "a.example", 1)};
    uint16_t our_id = exchange_ask(x, &flow, 1, &q[0], START)->our_id;
    assert_true(exchange_ask(x, &flow, 1, &q[1], START + SECOND - 1)->waits);
    struct exchange_entry *e = exchange_ask(x, &flow, 1, &q[2], START + SECOND);
    assert_true(!e->waits && e->our_id == our_id);
    e = exchange_ask(x, &flow, 1, &q[1], START + SECOND);
    assert_true(!e->waits && e->our_id == our_id && e->question.id == 2);
    struct question late = asked(4, "a.example", 1);
    e = exchange_ask(x, &flow, 1, &late, START + 40 * SECOND); /* nobody waits for an answer to the others */
    assert_true(!e->waits);
    assert_int_equal(hits(x, &flow, &late, START + 40 * SECOND), 1);
}

/* Asked and answered over and over, whether retried or not: a forger has one id to hit all the while. */
static void test_shared_answered(void **state)
{
    struct exchange *x = *state;
    struct exchange_flow flow = flow_of(1, 40000);
    struct question q = asked(0, "a.example", 1);
    for (uint16_t i = 0; i < 2000; i++) {
        uint64_t now = START + i * 1000ull;
        q = asked(i % 7 ? i : (uint16_t)(i / 2), "a.example", 1);
        struct exchange_entry *e = exchange_ask(x, &flow, 1, &q, now);
        assert_true(e && !e->waits);
        struct answer_head head = answer_to(e);
        e = exchange_match(x, &flow, &head, now);
        assert_int_equal(e->question.id, q.id);
        exchange_answered(x, e, now);
        assert_null(exchange_match_shared(x, &flow, &head, now));
    }
    assert_int_equal(hits(x, &flow, &q, START + 2 * SECOND), 1);
}

/* After so many answers that nobody asked for, none of the scope is believed for a while; late ones do not count. */
static void test_distrust(void **state)
{
    struct exchange *x = *state;
    struct exchange_flow flow = flow_of(1, 40000), idle = flow_of(9, 40000);
    struct question q = asked(1, "a.example", 1);
    struct exchange_entry *e = exchange_ask(x, &flow, 1, &q, START);
    struct answer_head head = answer_to(e);
    for (int i = 0; i < 100; i++)
        exchange_wrong(x, &idle, 1, START);
    for (int i = 0; i < EXCHANGE_WRONG_MAX - 1; i++)
        exchange_wrong(x, &flow, 1, START);
    assert_ptr_equal(exchange_match(x, &flow, &head, START), e);
    exchange_wrong(x, &flow, 1, START);
    assert_null(exchange_match(x, &flow, &head, START + SECOND));
    struct exchange_flow neighbour = flow_of(2, 40000);
    struct exchange_entry *his = exchange_ask(x, &neighbour, 2, &q, START); /* another scope is not held up */
    struct answer_head his_head = answer_to(his);
    assert_ptr_equal(exchange_match(x, &neighbour, &his_head, START), his);
    e = exchange_ask(x, &flow, 1, &q, START + 59 * SECOND);
    head = answer_to(e);
    assert_ptr_equal(exchange_match(x, &flow, &head, START + 61 * SECOND), e);
}

static void test_seed(void **state)
{
    /* Ids depend on the seed and look drawn: of 200 hardly any two are neighbours. */
    struct exchange *x = *state, *y = exchange_new(43);
    unsigned same = 0, neighbours = 0;
    uint16_t before = 0;
    for (unsigned i = 0; i < 200; i++) {
        struct exchange_flow flow = flow_of(1, 40000);
        struct question q = numbered(i);
        uint16_t a = exchange_ask(x, &flow, 1, &q, START)->our_id, b = exchange_ask(y, &flow, 1, &q, START)->our_id;
        same += a == b;
        neighbours += (uint16_t)(a - before) <= 16;
        before = a;
    }
    assert_true(same < 3);
    assert_true(neighbours < 5);
    exchange_free(y);
    exchange_free(NULL);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_retry),           TEST(test_together),  TEST(test_unasked),    TEST(test_times),
        TEST(test_flow_cap),        TEST(test_whole_cap), TEST(test_random_use), TEST(test_seed),
        TEST(test_own_id),          TEST(test_shared),    TEST(test_not_shared), TEST(test_shared_again),
        TEST(test_shared_answered), TEST(test_distrust),
    };
    return cmocka_run_group_tests_name("exchange", tests, NULL, NULL);
}
