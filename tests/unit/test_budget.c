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

static unsigned spend_many(struct budget *b, uint16_t scope, const struct address *a, unsigned first, unsigned count,
                           uint32_t limit, uint64_t now)
{
    unsigned passed = 0;
    for (unsigned i = first; i < first + count; i++) {
        struct name n = numbered(i);
        passed += budget_spend(b, scope, a, &n, limit, 0, now);
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
    assert_int_equal(spend_many(b, 1, &a, 0, 400, 0, now + 59 * SECOND), 300);       /* the same names cost nothing */
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
        passed += budget_spend(b, 1, &a, &n, 10, 0, SECOND);
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
    assert_false(budget_spend(b, 1, &a, &n, 0, 57, SECOND));
    assert_true(budget_spend(b, 1, &a, &n, 0, 58, SECOND));
    assert_true(budget_spend(b, 1, &a, &n, 0, 0, SECOND));
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
        passed += budget_spend(b, 1, &a, &n, 1, 0, SECOND);
        n = numbered(i + 100000);
        assert_false(budget_spend(b, 1, &a, &n, 1, 0, SECOND));
    }
    assert_in_range(passed, 3000, 4096);
    struct address a = address("192.0.2.1");
    assert_int_equal(spend_many(b, 1, &a, 0, 5, 5, 62 * SECOND), 5);
    budget_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_prefix),
        cmocka_unit_test(test_labels),
        cmocka_unit_test(test_many_sources),
    };
    return cmocka_run_group_tests_name("budget", tests, NULL, NULL);
}
