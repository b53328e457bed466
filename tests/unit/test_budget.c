/* SPDX-License-Identifier: GPL-3.0-or-later */
/* dns/budget: names below a wildcard are no channel (RESEARCH s2, 36). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "dns/budget.h"

#define SECOND 1000000ull

static struct address address(const char *s)
{
    struct address a = {0};
    assert_true(address_parse((struct bytes){(const uint8_t *)s, strlen(s)}, &a));
    return a;
}

static struct name numbered(unsigned i)
{
    char s[64];
    struct name n;
    int len = snprintf(s, sizeof s, "x%u.cdn.example", i);
    assert_true(name_from_wire((struct bytes){(const uint8_t *)s, (size_t)len}, &n));
    return n;
}

static bool spend(struct budget *b, uint16_t scope, const struct address *a, const struct name *n, uint32_t names,
                  uint32_t label, uint64_t now)
{
    struct budget_limits limits = {names, label, 0};
    return budget_spend(b, scope, a, n, n->len - sizeof "cdn.example", &limits, now) == BUDGET_WITHIN;
}

static unsigned spend_many(struct budget *b, uint16_t scope, const struct address *a, unsigned first, unsigned count,
                           uint32_t limit, uint64_t now)
{
    unsigned passed = 0;
    for (unsigned i = first; i < first + count; i++) {
        struct name n = numbered(i);
        passed += spend(b, scope, a, &n, limit, 0, now);
    }
    return passed;
}

static void test_names(void **state)
{
    (void)state;
    struct budget *b = budget_new();
    struct address a = address("10.0.0.1"), other = address("10.0.0.2");
    uint64_t now = 1000 * SECOND;
    assert_int_equal(spend_many(b, 1, &a, 0, 400, 0, now), BUDGET_NAMES_PER_MINUTE); /* 0: the default */
    assert_int_equal(spend_many(b, 1, &a, 0, 400, 0, now + 59 * SECOND), 300);       /* the same are not new */
    assert_int_equal(spend_many(b, 1, &a, 1000, 10, 0, now + 59 * SECOND), 0);
    assert_int_equal(spend_many(b, 1, &a, 1000, 10, 305, now + 59 * SECOND), 5);
    assert_int_equal(spend_many(b, 1, &other, 0, 10, 5, now), 5);                 /* each source its own */
    assert_int_equal(spend_many(b, 2, &a, 0, 10, 5, now), 5);                     /* each scope */
    assert_int_equal(spend_many(b, 1, &a, 2000, 400, 0, now + 60 * SECOND), 300); /* a new minute */
    budget_free(b);
    budget_free(NULL);
}

static void test_prefix(void **state)
{
    (void)state;
    /* A job that gives itself addresses of its /64 does not multiply its budget. */
    struct budget *b = budget_new();
    unsigned passed = 0;
    for (unsigned i = 0; i < 100; i++) {
        char s[64];
        snprintf(s, sizeof s, "2001:db8::%x", i + 1);
        struct address a = address(s);
        struct name n = numbered(i);
        passed += spend(b, 1, &a, &n, 10, 0, SECOND);
    }
    assert_int_equal(passed, 10);
    struct address elsewhere = address("2001:db8:0:1::1");
    assert_int_equal(spend_many(b, 1, &elsewhere, 0, 20, 10, SECOND), 10);
    budget_free(b);
}

static void test_labels(void **state)
{
    (void)state;
    struct budget *b = budget_new();
    struct address a = address("10.0.0.1");
    struct name n;
    /* 58 random characters below a wildcard passed cijail (RESEARCH s6). */
    static const char tunnel[] = "mzxw6ytboi2dcmrrgiytemjsgeztkmbtgy3tqojqmfrggzdfmztwq2lkmn.cdn.example";
    assert_true(name_from_wire((struct bytes){(const uint8_t *)tunnel, sizeof tunnel - 1}, &n));
    assert_false(spend(b, 1, &a, &n, 0, 57, SECOND));
    assert_true(spend(b, 1, &a, &n, 0, 58, SECOND));
    assert_true(spend(b, 1, &a, &n, 0, 0, SECOND));
    budget_free(b);
}

static struct name long_name(unsigned i)
{
    char s[80];
    struct name n;
    int len = snprintf(s, sizeof s, "%08x0123456789012345678901.%08x.cdn.example", i, ~i); /* 39 + dot below */
    assert_true(name_from_wire((struct bytes){(const uint8_t *)s, (size_t)len}, &n));
    return n;
}

static unsigned spend_bytes(struct budget *b, const struct address *a, unsigned first, unsigned count, uint32_t limit,
                            uint64_t now)
{
    struct budget_limits limits = {1000000, 0, limit};
    unsigned passed = 0;
    for (unsigned i = first; i < first + count; i++) {
        struct name n = long_name(i);
        passed += budget_spend(b, 1, a, &n, 39, &limits, now) == BUDGET_WITHIN;
    }
    return passed;
}

static void test_bytes(void **state)
{
    (void)state;
    struct budget *b = budget_new();
    struct address a = address("10.0.0.1"), other = address("10.0.0.2");
    uint64_t now = 1000 * SECOND;
    assert_int_equal(spend_bytes(b, &a, 0, 20, 410, now), 10);
    assert_int_equal(spend_bytes(b, &other, 0, 20, 410, now), 10); /* each source its own */
    assert_int_equal(spend_bytes(b, &a, 0, 10, 410, now), 10);     /* the same names cost a byte each, their order */
    /* The same after a minute; new ones are not had by waiting for one. */
    assert_int_equal(spend_bytes(b, &a, 0, 10, 410, now + 120 * SECOND), 10);
    assert_int_equal(spend_bytes(b, &a, 0, 10, 410, now + 120 * SECOND), 0);
    assert_int_equal(spend_bytes(b, &a, 100, 20, 410, now + 120 * SECOND), 0);
    assert_int_equal(spend_bytes(b, &a, 100, 20, 410, now + 3599 * SECOND), 0);
    assert_int_equal(spend_bytes(b, &a, 100, 20, 410, now + 4300 * SECOND), 10);
    /* The default. */
    assert_int_equal(spend_bytes(b, &a, 1000, 3000, 0, now + 20000 * SECOND), BUDGET_BYTES_PER_HOUR / 39);
    budget_free(b);
}

static bool spend_short(struct budget *b, const struct address *a, unsigned i, uint32_t limit, uint64_t now)
{
    struct budget_limits limits = {1000000, 0, limit};
    char s[32];
    struct name n;
    int len = snprintf(s, sizeof s, "%x.cdn.example", i);
    assert_true(name_from_wire((struct bytes){(const uint8_t *)s, (size_t)len}, &n));
    return budget_spend(b, 1, a, &n, (size_t)len - sizeof "cdn.example", &limits, now) == BUDGET_WITHIN;
}

/* Names are paid once, then their order says more: it is not free (found by an attacker; 2,000 bytes in 0.7 s). */
static void test_order(void **state)
{
    (void)state;
    static const struct {
        unsigned names, bits, first;
    } rows[] = {{2, 1, 0}, {16, 4, 0}, {256, 8, 0x100}, {4096, 12, 0x1000}};
    for (unsigned row = 0; row < sizeof rows / sizeof *rows; row++) {
        struct budget *b = budget_new();
        struct address a = address("10.0.0.1"), other = address("10.0.0.2");
        uint64_t now = 1000 * SECOND;
        uint32_t limit = 16384, random = 1;
        for (unsigned i = 0; i < rows[row].names; i++)
            assert_true(spend_short(b, &a, rows[row].first + i, limit, now));
        unsigned turns = 0;
        for (bool passes = true; passes && turns < 1000000; turns += passes) {
            random = random * 1664525 + 1013904223;
            passes = spend_short(b, &a, rows[row].first + (random >> (32 - rows[row].bits)), limit, now + turns);
        }
        uint64_t carried = ((uint64_t)rows[row].names + turns) * rows[row].bits; /* their order, the first included */
        if (carried > limit * 8ull || carried < limit)
            fail_msg("%u names: %u turns, %u bytes", rows[row].names, turns, (unsigned)(carried / 8));
        /* The last name again says less, a new hour is a new hour, and nobody else pays for it. */
        assert_false(spend_short(b, &a, rows[row].first, limit, now + 3500 * SECOND));
        assert_true(spend_short(b, &other, rows[row].first, limit, now));
        assert_true(spend_short(b, &a, rows[row].first, limit, now + 4300 * SECOND));
        budget_free(b);
    }
}

/* A build asks two hosts by turns, each for A and AAAA: 10,000 times an hour. */
static void test_build(void **state)
{
    (void)state;
    struct budget *b = budget_new();
    struct address a = address("10.0.0.1");
    for (unsigned i = 0; i < 10000; i++) {
        struct name n = numbered(i % 2);
        assert_true(spend(b, 1, &a, &n, 0, 0, (1000000 + i * 350ull) * 1000));
        assert_true(spend(b, 1, &a, &n, 0, 0, (1000000 + i * 350ull) * 1000));
    }
    /* And one name alone, as fast as a client can. */
    struct address other = address("10.0.0.2");
    struct name n = numbered(1);
    for (unsigned i = 0; i < 250000; i++)
        assert_true(spend(b, 1, &other, &n, 0, 0, 1000 * SECOND));
    /* Also where there is no room to remember it. */
    struct address last = address("10.0.0.3");
    for (unsigned i = 0; i < 70; i++)
        for (unsigned k = 0; k < 10000; k++) {
            struct address many = {4, {10, 1, (uint8_t)i, 1}};
            struct name filler = numbered(k);
            spend(b, 1, &many, &filler, 1000000, 0, 1000 * SECOND);
        }
    for (unsigned i = 0; i < 1000; i++)
        assert_true(spend(b, 1, &last, &n, 0, 0, 1000 * SECOND));
    budget_free(b);
}

/* Whatever the hour begins with: never more than the limit in any. */
static void test_any_hour(void **state)
{
    (void)state;
    struct budget *b = budget_new();
    struct address a = address("10.0.0.1");
    static unsigned spent[24 * 60];
    for (unsigned minute = 0, next = 0; minute < 24 * 60; minute++) {
        for (unsigned tries = 0; tries < minute % 7; tries++, next++)
            spent[minute] += 39 * spend_bytes(b, &a, next, 1, 1000, (1000 + minute * 60ull) * SECOND);
        unsigned hour = 0;
        for (unsigned i = minute < 59 ? 0 : minute - 59; i <= minute; i++)
            hour += spent[i];
        assert_true(hour <= 1000);
    }
    unsigned day = 0;
    for (unsigned i = 0; i < 24 * 60; i++)
        day += spent[i];
    assert_in_range(day, 24 * 600, 24 * 1000); /* and not much less */
    budget_free(b);
}

static void test_many_sources(void **state)
{
    (void)state;
    /* Far more sources than the table holds: some are refused, none gets more than its budget, the table recovers. */
    struct budget *b = budget_new();
    unsigned passed = 0;
    for (unsigned i = 0; i < 20000; i++) {
        struct address a = {4, {10, 1, (uint8_t)(i >> 8), (uint8_t)i}};
        struct name n = numbered(i);
        passed += spend(b, 1, &a, &n, 1, 0, SECOND);
        n = numbered(i + 100000);
        assert_false(spend(b, 1, &a, &n, 1, 0, SECOND));
    }
    assert_int_equal(passed, 2048); /* a scope's half */
    struct address a = address("192.0.2.1");
    assert_int_equal(spend_many(b, 2, &a, 0, 5, 5, SECOND), 5); /* another scope is not touched by it */
    assert_int_equal(spend_many(b, 1, &a, 0, 5, 5, 62 * SECOND), 5);
    budget_free(b);
}

/* Who spent much is not forgotten for the sake of strangers, so that nobody gets a new hour by inventing them. */
static void test_the_greatest_stay(void **state)
{
    (void)state;
    struct budget *b = budget_new();
    struct address a = address("10.0.0.1");
    uint64_t now = 1000 * SECOND;
    assert_int_equal(spend_bytes(b, &a, 0, 20, 390, now), 10);
    for (unsigned round = 1; round < 10; round++)
        for (unsigned i = 0; i < 6000; i++) {
            struct address stranger = {4, {10, (uint8_t)(1 + round), (uint8_t)(i >> 8), (uint8_t)i}};
            struct name n = numbered(i);
            spend(b, 1, &stranger, &n, 10, 0, now + round * 61 * SECOND);
        }
    assert_int_equal(spend_bytes(b, &a, 500, 20, 390, now + 700 * SECOND), 0);
    budget_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),    cmocka_unit_test(test_prefix),       cmocka_unit_test(test_labels),
        cmocka_unit_test(test_bytes),    cmocka_unit_test(test_order),        cmocka_unit_test(test_build),
        cmocka_unit_test(test_any_hour), cmocka_unit_test(test_many_sources), cmocka_unit_test(test_the_greatest_stay),
    };
    return cmocka_run_group_tests_name("budget", tests, NULL, NULL);
}
