/* SPDX-License-Identifier: GPL-3.0-or-later */
/* For tests of policy/policy: a text compiles, or is refused with a place. */
#ifndef SLUICE_TESTS_UNIT_POLICIES_H
#define SLUICE_TESTS_UNIT_POLICIES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "policy/matcher.h"
#include "policy/policy.h"

static const struct policy_system system_one = {.resolvers = 2,
                                                .resolver = {{4, {127, 0, 0, 53}}, {4, {192, 0, 2, 1}}}};

static inline struct bytes text(const char *s)
{
    return (struct bytes){(const uint8_t *)s, strlen(s)};
}

static inline struct policy *compile(const char *main_text, const char *part, const struct policy_ids *ids,
                                     struct error *e)
{
    struct policy_source sources[] = {{.file = "policy.yaml", .text = text(main_text)},
                                      {.file = "policy.d/1.yaml", .text = text(part ? part : "")}};
    return policy_compile(sources, part ? 2 : 1, &system_one, ids, e);
}

static inline struct policy *good(const char *main_text, const char *part, const struct policy_ids *ids)
{
    struct error e = {0};
    struct policy *p = compile(main_text, part, ids, &e);
    if (!p)
        fail_msg("%s", e.text);
    return p;
}

static inline void bad(const char *main_text, const char *part, const char *begins, const char *says)
{
    struct error e = {0};
    assert_null(compile(main_text, part, NULL, &e));
    if (strncmp(e.text, begins, strlen(begins)) != 0 || !strstr(e.text, says))
        fail_msg("%s", e.text);
    assert_int_equal(e.code, ERROR_INPUT);
}

static const char whole[] =
    "version: 1\n"
    "resolvers: [system, 2001:db8::53]\n"
    "mark_mask: 0xff00\n"
    "fast_path: off\n"
    "unmatched: refuse\n"
    "allow_public_suffix: [GitHub.io]\n"
    "profiles:\n"
    "  base: { allow: ['tcp://git.example:22'], dns: { budget: { names_per_minute: 10, bytes_per_hour: 5000 } } }\n"
    "  node:\n"
    "    extends: base\n"
    "    allow:\n"
    "      - registry.example\n"
    "      - \"**.github.io\"\n"
    "      - store{0..19}.example\n"
    "    deny: [\"ads.example\", '*.com']\n"
    "    dns: { budget: { label_bytes: 40 } }\n"
    "scopes:\n"
    "  - name: runner\n"
    "    match: { cgroup: /system.slice/actions-runner.service }\n"
    "    profile: node\n"
    "    mode: audit\n"
    "    on_deny: drop\n"
    "    incoming: pass\n"
    "  - name: containers\n"
    "    match:\n"
    "      interface: [docker0, \"br-*\"]\n"
    "      source: [10.0.5.0/24, '2001:db8::/32']\n"
    "    profile: base\n"
    "    resolvers: 10.0.5.53\n"
    "  - { name: mute, match: { interface: eth1.5 }, profile: base, resolvers: [] }\n";

static inline void check_whole(const struct policy *p)
{
    assert_int_equal(p->mark_mask, 0xff00);
    assert_false(p->fast_path);
    assert_true(p->refuse_unmatched);
    assert_int_equal(p->profiles, 2);
    assert_int_equal(p->scopes, 4);
    const struct policy_profile *node = policy_profile_find(p, "node"), *base = policy_profile_find(p, "base");
    assert_ptr_equal(node->parent, base);
    assert_null(base->parent);
    assert_null(policy_profile_find(p, "nod"));
    assert_int_equal(matcher_count(node->allow), 22);
    assert_int_equal(matcher_count(node->deny), 2);      /* a denied wildcard may be as wide as it likes */
    assert_int_equal(node->budget.names_per_minute, 10); /* inherited */
    assert_int_equal(node->budget.bytes_per_hour, 5000);
    assert_int_equal(node->budget.label_bytes, 40);
    assert_int_equal(base->budget.label_bytes, 0);

    const struct policy_scope *s = &p->scope[0];
    assert_string_equal(s->name, "runner");
    assert_int_equal(s->id, 1);
    assert_ptr_equal(s->profile, node);
    assert_int_equal(s->mode, POLICY_AUDIT);
    assert_true(s->drop);
    assert_true(s->incoming);
    assert_int_equal(s->matches, 1);
    assert_int_equal(s->match[0].kind, POLICY_CGROUP);
    assert_string_equal(s->match[0].text, "/system.slice/actions-runner.service");
    assert_int_equal(s->resolvers, 3);
    assert_memory_equal(&s->resolver[0], &system_one.resolver[0], sizeof s->resolver[0]);

    s = &p->scope[1];
    assert_int_equal(s->mode, POLICY_ENFORCE);
    assert_false(s->drop);
    assert_false(s->incoming);
    assert_int_equal(s->matches, 4);
    assert_int_equal(s->match[1].kind, POLICY_INTERFACE);
    assert_string_equal(s->match[1].text, "br-*");
    assert_int_equal(s->match[3].kind, POLICY_SOURCE);
    assert_int_equal(s->match[3].source.prefix_bits, 32);
    assert_int_equal(s->resolvers, 1);
    assert_int_equal(p->scope[2].resolvers, 0);

    s = &p->scope[3];
    assert_string_equal(s->name, "unmatched");
    assert_int_equal(s->matches, 0);
    assert_int_equal(s->id, 4);
    assert_non_null(s->profile);
    assert_int_equal(matcher_count(s->profile->allow), 0);
    for (unsigned i = 0; i < p->scopes; i++)
        assert_ptr_equal(policy_scope_find(p, p->scope[i].id), &p->scope[i]);
    assert_null(policy_scope_find(p, 0));
    assert_null(policy_scope_find(p, 5));
    assert_null(policy_scope_find(p, 65535));
}

#endif
