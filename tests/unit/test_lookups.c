/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ctl/lookups: the time that the keeper waits for the names of processes. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "ctl/lookups.h"

/* Begins one every `every` as long as it may, each takes `cost`; returns the time that they took. */
static uint64_t waits(struct lookups *l, uint16_t scope, uint64_t *now, uint64_t seconds, uint64_t every, uint64_t cost)
{
    uint64_t end = *now + seconds * 1000000, spent = 0;
    while (*now < end) {
        *now += every;
        if (!lookups_may(l, scope, *now))
            continue;
        lookups_took(l, scope, *now, *now + cost);
        *now += cost;
        spent += cost;
    }
    return spent;
}

static void quick_ones_are_all_made(void **state)
{
    (void)state;
    struct lookups *l = lookups_new();
    uint64_t now = 5000000;
    assert_int_equal(waits(l, 1, &now, 20, 1900, 100), 20 * 500 * 100); /* 500 a second */
    lookups_free(l);
}

/* One after the other: a burst of refusals. */
static void quick_ones_have_more_than_a_tenth(void **state)
{
    (void)state;
    struct lookups *l = lookups_new();
    uint64_t now = 5000000;
    assert_in_range(waits(l, 1, &now, 100, 100, LOOKUPS_QUICK_USEC), 39000000, 42000000);
    assert_true(lookups_may(l, 2, now));
    now += 10000000;
    assert_in_range(waits(l, 1, &now, 100, 100, LOOKUPS_QUICK_USEC + 1), 9000000, 11000000);
    lookups_free(l);
}

static void a_scope_has_a_tenth_and_others_theirs(void **state)
{
    (void)state;
    struct lookups *l = lookups_new();
    uint64_t now = 5000000;
    uint64_t spent = waits(l, 1, &now, 100, 2000, 250000);
    assert_in_range(spent, 9000000, 11000000);
    assert_false(lookups_may(l, 1, now));
    assert_true(lookups_may(l, 2, now));
    now += 3000000;
    assert_true(lookups_may(l, 1, now));
    lookups_free(l);
}

static void all_scopes_have_half(void **state)
{
    (void)state;
    struct lookups *l = lookups_new();
    uint64_t now = 5000000, began = now, spent = 0;
    for (unsigned round = 0; round < 3000; round++)
        for (uint16_t scope = 1; scope <= 30; scope++) {
            now += 100;
            if (!lookups_may(l, scope, now))
                continue;
            lookups_took(l, scope, now, now + 200000);
            now += 200000;
            spent += 200000;
        }
    assert_true(spent < (now - began) * 55 / 100);
    assert_true(spent > (now - began) * 40 / 100);
    now += 1000000;
    assert_true(lookups_may(l, 31, now));
    lookups_free(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quick_ones_are_all_made),
        cmocka_unit_test(quick_ones_have_more_than_a_tenth),
        cmocka_unit_test(a_scope_has_a_tenth_and_others_theirs),
        cmocka_unit_test(all_scopes_have_half),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
