/* SPDX-License-Identifier: GPL-3.0-or-later */
/* core/share: whatever some scopes take, each of the others gets its part (RESEARCH s2, 24). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/share.h"

static unsigned take_all(struct share *s, uint16_t scope)
{
    unsigned n = 0;
    while (share_take(s, scope, 1))
        n++;
    return n;
}

static void one_scope_has_its_cap(void **state)
{
    (void)state;
    struct share s;
    assert_true(share_init(&s, 1000, 400));
    assert_int_equal(take_all(&s, 7), 400); /* before the policy is known, too */
    share_scopes(&s, 1);
    assert_false(share_take(&s, 7, 1));
    share_give(&s, 7, 400);
    assert_int_equal(s.used, 0);
    assert_int_equal(take_all(&s, 7), 400);
    assert_int_equal(share_of(&s, 7), 400);
    share_done(&s);
}

static void every_scope_gets_its_part(void **state)
{
    (void)state;
    struct share s;
    assert_true(share_init(&s, 1000, 400));
    share_scopes(&s, 10); /* 50 each */
    for (uint16_t scope = 1; scope <= 9; scope++)
        take_all(&s, scope);
    assert_int_equal(s.used, 950);
    assert_int_equal(take_all(&s, 10), 50);
    assert_int_equal(s.used, 1000);
    /* What one gives back of its own part is nobody else's. */
    share_give(&s, 10, 50);
    assert_int_equal(take_all(&s, 1), 0);
    assert_int_equal(take_all(&s, 9), 0);
    assert_int_equal(take_all(&s, 10), 50);
    /* Of the rest, whoever comes first. */
    unsigned before = share_of(&s, 1);
    share_give(&s, 1, before);
    assert_int_equal(take_all(&s, 10) + take_all(&s, 1), before);
    share_done(&s);
}

static void many_units_at_once(void **state)
{
    (void)state;
    struct share s;
    assert_true(share_init(&s, 100, 60));
    share_scopes(&s, 2); /* 25 each */
    assert_true(share_take(&s, 1, 60));
    assert_false(share_take(&s, 1, 1));
    assert_false(share_take(&s, 2, 41));
    assert_true(share_take(&s, 2, 40));
    assert_false(share_take(&s, 2, UINT32_MAX));
    share_give(&s, 1, 20); /* 40 left, above its part: for whoever comes */
    assert_true(share_take(&s, 2, 20));
    share_done(&s);
}

/* Scopes come and go while the pool is in use; the counts stay sound, and those who are there have their part again. */
static void the_number_of_scopes_changes(void **state)
{
    (void)state;
    struct share s;
    srand(1);
    assert_true(share_init(&s, 1000, 500));
    for (unsigned round = 0; round < 200; round++) {
        unsigned scopes = 1 + (unsigned)rand() % 20;
        share_scopes(&s, scopes);
        for (unsigned i = 0; i < 200; i++) {
            uint16_t scope = (uint16_t)(1 + (unsigned)rand() % scopes);
            uint32_t units = (uint32_t)rand() % 30;
            if (rand() % 2)
                share_take(&s, scope, units);
            else
                share_give(&s, scope, units);
            assert_true(s.used <= s.capacity && s.promised <= s.promised_most);
        }
    }
    uint32_t sum = 0;
    for (uint16_t scope = 0; scope < 100; scope++)
        sum += share_of(&s, scope);
    assert_int_equal(sum, s.used);
    for (uint16_t scope = 0; scope < 100; scope++)
        share_give(&s, scope, share_of(&s, scope));
    share_scopes(&s, 4);
    for (uint16_t scope = 1; scope <= 3; scope++)
        take_all(&s, scope);
    assert_int_equal(take_all(&s, 4), 125);
    share_done(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_scope_has_its_cap),
        cmocka_unit_test(every_scope_gets_its_part),
        cmocka_unit_test(many_units_at_once),
        cmocka_unit_test(the_number_of_scopes_changes),
    };
    return cmocka_run_group_tests_name("share", tests, NULL, NULL);
}
