/* SPDX-License-Identifier: GPL-3.0-or-later */
/* policy/diff: what two policies say differently. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "policy/diff.h"

struct rows {
    unsigned count;
    char text[64][300];
};

static void note(void *ctx, const struct diff_row *row)
{
    struct rows *r = ctx;
    assert_true(r->count < 64);
    snprintf(r->text[r->count++], 300, "%c %s %s %s: %s", row->sign, row->what, row->name, row->key, row->text);
}

static struct policy *compile(const char *text)
{
    struct policy_source source = {.file = "p.yaml", .text = {(const uint8_t *)text, strlen(text)}};
    struct policy_system system = {.resolvers = 1, .resolver = {{4, {198, 18, 2, 53}}}};
    struct error e = {0};
    struct policy *policy = policy_compile(&source, 1, &system, NULL, &e);
    if (!policy)
        fail_msg("%s", e.text);
    return policy;
}

static struct rows diff(const char *before, const char *after)
{
    struct rows r = {0};
    struct error e = {0};
    struct policy *old = compile(before), *new = compile(after);
    assert_true(policy_diff(old, new, note, &r, &e));
    policy_free(old);
    policy_free(new);
    return r;
}

static void expect(const struct rows *r, const char *const *rows, unsigned count)
{
    for (unsigned i = 0; i < r->count && i < count; i++)
        assert_string_equal(r->text[i], rows[i]);
    if (r->count > count)
        fail_msg("one more: %s", r->text[count]);
    assert_int_equal(r->count, count);
}

#define EXPECT(r, ...)                                   \
    do {                                                 \
        static const char *const rows[] = {__VA_ARGS__}; \
        expect(&(r), rows, sizeof rows / sizeof *rows);  \
    } while (0)

#define BASE                                                                                                \
    "version: 1\nprofiles:\n  node:\n    allow: [a.test, '*.b.test', 'tcp://c.test:22', '10.0.0.0/8:80']\n" \
    "    deny: [x.b.test]\nscopes:\n  - { name: one, match: { cgroup: /one }, profile: node }\n"            \
    "  - { name: two, match: { source: [10.1.0.0/16, '2001:db8::/32'] }, profile: node }\n"

static void the_same_policy_has_no_difference(void **state)
{
    (void)state;
    struct rows r = diff(BASE, "# written otherwise\n" BASE "unmatched: pass\n");
    assert_int_equal(r.count, 0);
}

static void entries_come_and_go(void **state)
{
    (void)state;
    struct rows r =
        diff(BASE, "version: 1\nprofiles:\n  node:\n    allow: [A.test., d.test, '*.b.test', '10.0.0.0/8:81']\n"
                   "scopes:\n  - { name: one, match: { cgroup: /one }, profile: node }\n"
                   "  - { name: two, match: { source: [10.1.0.0/16, '2001:db8::/32'] }, profile: node }\n");
    EXPECT(r, "- profile node allow: 10.0.0.0/8:80", "+ profile node allow: 10.0.0.0/8:81",
           "+ profile node allow: d.test", "- profile node allow: tcp://c.test:22", "- profile node deny: x.b.test");
}

static void scopes_come_go_and_change(void **state)
{
    (void)state;
    struct rows r = diff(BASE, "version: 1\nresolvers: [198.18.2.54]\nprofiles:\n  node:\n"
                               "    allow: [a.test, '*.b.test', 'tcp://c.test:22', '10.0.0.0/8:80']\n"
                               "    deny: [x.b.test]\n  new: { extends: node, quic: judge, ech: outer, allow: [e.test],"
                               " dns: { budget: { names_per_minute: 7 } } }\nscopes:\n"
                               "  - { name: three, match: { interface: 'br-*' }, profile: new }\n"
                               "  - { name: one, match: { cgroup: /other }, profile: new, mode: audit, on_deny: drop, "
                               "incoming: pass }\n");
    EXPECT(r, "+ scope three profile: new", "+ scope three match: br-*", "~ scope one profile: node -> new",
           "~ scope one mode: enforce -> audit", "~ scope one on_deny: reject -> drop",
           "~ scope one incoming: refuse -> pass", "~ scope one match: /one -> /other",
           "~ scope one resolvers: 198.18.2.53 -> 198.18.2.54", "- scope two profile: node",
           "- scope two match: 10.1.0.0/16, 2001:db8::/32",
           "+ profile new : ", "~ profile new extends: nothing -> node", "~ profile new names_per_minute: default -> 7",
           "~ profile new quic: refuse -> judge", "~ profile new ech: refuse -> outer", "+ profile new allow: e.test");
}

/* A phase is a profile too, and may be called as another profile's. */
static void phases_are_compared_with_themselves(void **state)
{
    static const char more[] = "    phases: { build: { allow: [] }, test: { allow: [b.test] } }\n"
                               "  wide:\n    allow: ['*.c.test']\n    phases: { build: { allow: [d.test] } }\n";
    char before[400], after[400];
    (void)state;
    snprintf(before, sizeof before, "version: 1\nprofiles:\n  node:\n    allow: [a.test]\n%s", more);
    struct rows r = diff(before, before);
    assert_int_equal(r.count, 0);
    snprintf(after, sizeof after, "%s", before);
    memcpy(strstr(after, "d.test"), "e.test", 6);
    r = diff(before, after);
    EXPECT(r, "- profile wide/build allow: d.test", "+ profile wide/build allow: e.test");
    memcpy(strstr(after, "build: { allow: [e.test] }"), "other", 5);
    r = diff(before, after);
    EXPECT(r, "+ profile wide/other : ", "~ profile wide/other extends: nothing -> wide",
           "+ profile wide/other allow: e.test",
           "- profile wide/build : ", "~ profile wide/build extends: wide -> nothing",
           "- profile wide/build allow: d.test");
}

/* The first scope that matches holds a packet: their order is part of what a policy says. */
static void the_order_of_scopes_counts(void **state)
{
    (void)state;
    struct rows r = diff(BASE, "version: 1\nprofiles:\n  node:\n"
                               "    allow: [a.test, '*.b.test', 'tcp://c.test:22', '10.0.0.0/8:80']\n"
                               "    deny: [x.b.test]\nscopes:\n"
                               "  - { name: two, match: { source: [10.1.0.0/16, '2001:db8::/32'] }, profile: node }\n"
                               "  - { name: one, match: { cgroup: /one }, profile: node }\n"
                               "unmatched: refuse\nfast_path: off\n");
    assert_string_equal(r.text[0], "~ policy  unmatched: pass -> refuse");
    assert_string_equal(r.text[1], "~ policy  fast_path: on -> off");
    assert_string_equal(r.text[2], "~ policy  order of scopes: one, two -> two, one");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_policy_has_no_difference), cmocka_unit_test(entries_come_and_go),
        cmocka_unit_test(scopes_come_go_and_change),         cmocka_unit_test(phases_are_compared_with_themselves),
        cmocka_unit_test(the_order_of_scopes_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
