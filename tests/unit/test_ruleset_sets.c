/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which scope a key has in the sets that are made of a policy's scopes: against a plain walk through them in order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "nft/interval.h"
#include "nft/ruleset_sets.h"

static uint32_t state = 1;

static uint32_t number(uint32_t below)
{
    state = state * 1664525u + 1013904223u;
    return (state >> 8) % below;
}

/* The one interval that holds the key, as the kernel would find it; 0: none.  They are sorted and do not overlap. */
static uint16_t held(const struct set *s, const uint8_t *key, size_t len)
{
    uint16_t scope = 0;
    for (size_t i = 0; i < s->count; i++) {
        const struct set_element *at = &s->element[i];
        if (i > 0)
            assert_true(!s->element[i - 1].open && memcmp(s->element[i - 1].end, at->key, len) <= 0);
        assert_true(at->open || memcmp(at->key, at->end, len) < 0);
        if (memcmp(at->key, key, len) <= 0 && (at->open || memcmp(key, at->end, len) < 0)) {
            assert_int_equal(scope, 0);
            scope = at->scope;
        }
    }
    return scope;
}

static bool prefix_holds(const struct interval_prefix *p, const uint8_t *key)
{
    for (unsigned bit = 0; bit < p->bits; bit++)
        if ((p->key[bit / 8] ^ key[bit / 8]) & 0x80 >> bit % 8)
            return false;
    return true;
}

static void test_first_prefix_wins(void **unused)
{
    (void)unused;
    for (unsigned round = 0; round < 3000; round++) {
        struct interval_prefix prefix[12];
        struct set set = {.interval = true};
        size_t count = number(13), len = round % 3 == 2 ? 16 : 4;
        for (size_t i = 0; i < count; i++) {
            memset(&prefix[i], 0, sizeof prefix[i]);
            prefix[i].scope = (uint16_t)(1 + number(6));
            prefix[i].bits = round % 2 ? number((uint32_t)len * 8 + 1) : 24 + number(9);
            /* Few values, so that they meet; at the ends of the space too. */
            for (size_t at = 0; at < len; at++)
                prefix[i].key[at] = (uint8_t)(number(3) ? 255 * (round & 1) : number(4) * 85);
        }
        assert_true(interval_add(&set, prefix, count, len));
        for (unsigned probe = 0; probe < 60; probe++) {
            uint8_t key[16] = {0};
            for (size_t at = 0; at < len; at++)
                key[at] = (uint8_t)(number(3) ? 255 * (round & 1) : number(4) * 85 + number(3) - 1);
            uint16_t first = 0;
            for (size_t i = count; i > 0; i--)
                if (prefix_holds(&prefix[i - 1], key))
                    first = prefix[i - 1].scope;
            assert_int_equal(held(&set, key, len), first);
        }
        set_done(&set);
    }
}

static const struct set *set_named(const struct ruleset_sets *s, const char *name)
{
    for (size_t i = 0; i < s->sets; i++)
        if (strcmp(s->set[i].name, name) == 0)
            return &s->set[i];
    return NULL;
}

/* A path's cgroups have their number in the path for an id: "/1/12" is 12 at depth 2. */
#define PATHS 39
static char path[PATHS][16];
static struct ruleset_cgroup cgroup[PATHS];

static void make_paths(void)
{
    unsigned at = 0;
    for (unsigned a = 1; a <= 3; a++)
        for (unsigned b = 0; b <= 3; b++)
            for (unsigned c = 0; c <= (b ? 3 : 0); c++) {
                int n = snprintf(path[at], sizeof path[at], "/%u", a);
                uint32_t level = 1;
                if (b) {
                    n += snprintf(path[at] + n, sizeof path[at] - (size_t)n, "/%u", b);
                    level++;
                }
                if (c) {
                    snprintf(path[at] + n, sizeof path[at] - (size_t)n, "/%u%u", c, b);
                    level++;
                }
                cgroup[at] = (struct ruleset_cgroup){1000 + at, level, path[at]};
                at++;
            }
    assert_int_equal(at, PATHS);
}

static bool below(const char *inner, const char *outer)
{
    size_t len = strlen(outer);
    return strncmp(inner, outer, len) == 0 && (inner[len] == '/' || inner[len] == '\0');
}

static void test_first_cgroup_wins(void **unused)
{
    (void)unused;
    make_paths();
    for (unsigned round = 0; round < 2000; round++) {
        struct ruleset_scope scope[6];
        struct ruleset_cgroup own[6][4];
        struct ruleset rules = {.scope = scope, .scopes = 1 + number(6)};
        struct ruleset_sets sets;
        assert_true(mark_layout_init(MARK_MASK_DEFAULT, &rules.marks));
        for (unsigned i = 0; i < rules.scopes; i++) {
            scope[i] = (struct ruleset_scope){.id = (uint16_t)(20 - i), .cgroup = own[i], .cgroups = number(5)};
            for (unsigned k = 0; k < scope[i].cgroups; k++)
                own[i][k] = cgroup[number(PATHS)];
        }
        assert_true(ruleset_sets_make(&rules, NULL, &sets));
        for (unsigned at = 0; at < PATHS; at++) {
            uint16_t wanted = 0, found = 0;
            for (unsigned i = rules.scopes; i > 0; i--)
                for (unsigned k = 0; k < scope[i - 1].cgroups; k++)
                    if (below(path[at], own[i - 1][k].path))
                        wanted = scope[i - 1].id;
            /* As the rules do: each depth from the top, and what is found there replaces what was found above. */
            for (unsigned l = 0; l < sets.levels; l++)
                for (unsigned above = 0; above < PATHS; above++) {
                    char name[SET_NAME_SIZE];
                    if (cgroup[above].level != sets.level[l] || !below(path[at], path[above]))
                        continue;
                    ruleset_sets_name(name, SET_CGROUP, sets.level[l]);
                    const struct set *s = set_named(&sets, name);
                    for (size_t i = 0; i < s->count; i++)
                        if (memcmp(s->element[i].key, &cgroup[above].id, sizeof cgroup[above].id) == 0)
                            found = s->element[i].scope;
                }
            assert_int_equal(found, wanted);
        }
        ruleset_sets_done(&sets);
    }
}

static struct address_range range(const char *text)
{
    struct address_range out;
    assert_true(address_range_parse((struct bytes){(const uint8_t *)text, strlen(text)}, &out));
    return out;
}

static void test_runs(void **unused)
{
    (void)unused;
    const char *one[] = {"eth0"}, *two[] = {"br-*", "eth0"};
    struct address_range four[] = {range("10.0.0.0/8")};
    struct ruleset_scope scope[] = {{.id = 1, .interface = one, .interfaces = 1},
                                    {.id = 2, .source = four, .sources = 1},
                                    {.id = 3, .interface = two, .interfaces = 2},
                                    {.id = 4}};
    struct ruleset rules = {.scope = scope, .scopes = 4};
    struct ruleset_sets sets, more;
    assert_true(mark_layout_init(MARK_MASK_DEFAULT, &rules.marks));
    assert_true(ruleset_sets_make(&rules, NULL, &sets));
    assert_int_equal(sets.runs, 2);
    assert_int_equal(set_named(&sets, "interface_0")->count, 1);
    assert_int_equal(set_named(&sets, "address4_0")->count, 1);
    assert_int_equal(set_named(&sets, "address6_0")->count, 0);
    assert_int_equal(set_named(&sets, "interface_1")->count, 2);
    assert_int_equal(held(set_named(&sets, "interface_1"), (const uint8_t *)"br-1\0\0\0\0\0\0\0\0\0\0\0", 16), 3);
    assert_int_equal(held(set_named(&sets, "interface_1"), (const uint8_t *)"br\0\0\0\0\0\0\0\0\0\0\0\0\0", 16), 0);
    assert_int_equal(held(set_named(&sets, "interface_0"), (const uint8_t *)"eth01\0\0\0\0\0\0\0\0\0\0", 16), 0);
    assert_int_equal(set_named(&sets, SET_SCOPES)->count, 4);

    /* Fewer scopes: what the rules look into stays. */
    rules.scopes = 1;
    assert_true(ruleset_sets_make(&rules, &sets, &more));
    assert_true(ruleset_sets_alike(&sets, &more) && more.runs == 2);
    assert_int_equal(set_named(&more, "interface_1")->count, 0);
    ruleset_sets_done(&more);
    assert_true(ruleset_sets_make(&rules, NULL, &more));
    assert_true(!ruleset_sets_alike(&sets, &more) && more.runs == 1);
    assert_true(ruleset_sets_has_scope(&more, 1) && !ruleset_sets_has_scope(&more, 2));
    ruleset_sets_done(&more);
    ruleset_sets_done(&sets);
}

static void test_changes_hands(void **unused)
{
    (void)unused;
    static const struct {
        const char *old[3], *new[3];
        bool changes;
    } row[] = {
        {{"10.0.0.0/8"}, {"10.0.0.0/8"}, false},
        {{"10.0.0.0/8"}, {"10.0.0.0/8", "11.0.0.0/8"}, false},
        {{"10.0.0.0/8", "11.0.0.0/8"}, {"11.0.0.0/8"}, true}, /* of another scope now: numbers below */
        {{"10.0.0.0/8"}, {"10.1.0.0/16", "10.0.0.0/8"}, true},
        {{"10.0.0.0/8"}, {"9.0.0.0/8"}, false},
        {{"9.0.0.0/8", "10.0.0.0/8"}, {"9.0.0.0/8"}, false},
        {{"0.0.0.0/0"}, {"255.255.255.255/32"}, true},
        {{"255.255.255.255/32"}, {"0.0.0.0/1"}, false},
    };
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        struct set set[2] = {{.interval = true}, {.interval = true}};
        for (unsigned side = 0; side < 2; side++) {
            struct interval_prefix prefix[3] = {0};
            size_t count = 0;
            for (const char *const *text = side ? row[i].new : row[i].old; count < 3 && text[count]; count++) {
                struct address_range r = range(text[count]);
                memcpy(prefix[count].key, r.base.octets, 16);
                prefix[count].bits = r.prefix_bits;
                prefix[count].scope = (uint16_t)(count + 1);
            }
            assert_true(interval_add(&set[side], prefix, count, 4));
        }
        if (set_changes_hands(&set[0], &set[1]) != row[i].changes)
            fail_msg("row %zu", i);
        set_done(&set[0]);
        set_done(&set[1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_first_prefix_wins),
        cmocka_unit_test(test_first_cgroup_wins),
        cmocka_unit_test(test_runs),
        cmocka_unit_test(test_changes_hands),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
