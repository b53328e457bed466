/* SPDX-License-Identifier: GPL-3.0-or-later */
/* For tests of policy/decide: one policy, names that are bound, and the rule that decided. */
#ifndef SLUICE_TESTS_UNIT_DECIDE_BED_H
#define SLUICE_TESTS_UNIT_DECIDE_BED_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "policy/decide.h"

static inline struct bytes text(const char *s)
{
    return (struct bytes){(const uint8_t *)s, strlen(s)};
}

static const char policy_text[] = "version: 1\n"
                                  "profiles:\n"
                                  "  base:\n"
                                  "    allow:\n"
                                  "      - tcp://git.example:22\n"
                                  "      - late.example\n"
                                  "      - inherited.example\n"
                                  "    deny:\n"
                                  "      - never.cdn.example\n"
                                  "      - 198.51.100.0/24\n"
                                  "  node:\n"
                                  "    extends: base\n"
                                  "    allow:\n"
                                  "      - registry.example\n"
                                  "      - '**.cdn.example'\n"
                                  "      - '*.one.example'\n"
                                  "      - http://mirror.example\n"
                                  "      - both.example:8080\n"
                                  "      - http://both.example:8080\n"
                                  "      - udp://time.example:123\n"
                                  "      - inside.example@10.0.0.0/8\n"
                                  "      - tcp://db.example@10.5.0.0/16:5432\n"
                                  "      - tcp://denied.example@10.6.0.0/16:5432\n"
                                  "      - 10.1.2.0/24:5432\n"
                                  "      - udp://10.1.2.0/24:53\n"
                                  "      - '[2001:db8:1::/48]:443'\n"
                                  "      - 169.254.169.254:8080\n"
                                  "      - dns://txt.example?types=TXT,SRV\n"
                                  "      - half.example\n"
                                  "      - http://half.example\n"
                                  "      - dns://notxt.example?types=TXT,MX\n"
                                  "      - 203.0.113.0/24:22-25\n"
                                  "      - deb.example\n"
                                  "      - ws://chat.example\n"
                                  "      - ws://nochat.example\n"
                                  "      - http://quiet.example\n"
                                  "      - proxy://proxy.example:3128\n"
                                  "      - proxy://proxy2.example@10.7.0.0/16:3128\n"
                                  "      - proxy://gone.example@10.8.0.0/16:3128\n"
                                  "      - proxy://10.1.2.9:5432\n"
                                  "      - http://web.example:8080\n"
                                  "      - tls://db.example:5433\n"
                                  "      - narrow.example\n"
                                  "    deny:\n"
                                  "      - ads.cdn.example\n"
                                  "      - '**.bad.cdn.example'\n"
                                  "      - inherited.example\n"
                                  "      - denied.example\n"
                                  "      - http://half.example\n"
                                  "      - dns://notxt.example?types=TXT\n"
                                  "      - tcp://203.0.113.7:22\n"
                                  "      - http://nochat.example\n"
                                  "      - ws://quiet.example\n"
                                  "      - gone.example\n"
                                  "      - tls://narrow.example:443\n"
                                  "scopes:\n"
                                  "  - { name: s, match: { cgroup: /s }, profile: node,\n"
                                  "      search_domains: [pods.example, Team.Svc.Cluster.local.] }\n"
                                  "  - { name: b, match: { cgroup: /b }, profile: base }\n";

struct fixture {
    struct policy *policy;
    const struct policy_scope *scope, *base;
};

static struct fixture f;

static inline int setup(void **state)
{
    (void)state;
    struct policy_system system = {.resolvers = 1, .resolver = {{4, {192, 0, 2, 53}}}, .search_domains = 2};
    struct error e = {0};
    struct policy_source source = {.file = "test.yaml", .text = text(policy_text)};
    assert_true(name_from_wire(text("corp.example"), &system.search_domain[0]));
    assert_true(name_from_wire(text("svc.cluster.local"), &system.search_domain[1]));
    assert_true(name_from_wire(text("runner1.hosts.example"), &system.host_name));
    f.policy = policy_compile(&source, 1, &system, NULL, &e);
    if (!f.policy)
        fail_msg("%s", e.text);
    f.scope = &f.policy->scope[0];
    f.base = &f.policy->scope[1];
    return 0;
}

static inline int teardown(void **state)
{
    (void)state;
    policy_free(f.policy);
    return 0;
}

/* "a.example !b.example": bound names, '!' in grace. */
struct bound_list {
    char copy[200];
    struct bound_name name[8];
    unsigned count;
};

static inline void bind_names(struct bound_list *b, const char *names)
{
    b->count = 0;
    snprintf(b->copy, sizeof b->copy, "%s", names);
    for (char *save, *word = strtok_r(b->copy, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
        bool grace = word[0] == '!';
        b->name[b->count++] = (struct bound_name){word + grace, (uint8_t)strlen(word + grace), grace};
    }
}

static inline struct address address(const char *s)
{
    struct address a;
    assert_true(address_parse(text(s), &a));
    return a;
}

static inline void check_rule(const char *what, const struct decision *d, const char *rule)
{
    char shown[400] = "";
    if (d->has_rule)
        endpoint_format(&d->rule, shown, sizeof shown);
    if (strcmp(shown, rule ? rule : "") != 0)
        fail_msg("%s: rule \"%s\", not \"%s\"", what, shown, rule ? rule : "");
}

#define PUBLIC "192.0.2.7"

enum { A = 1, CNAME = 5, PTR = 12, MX = 15, TXT = 16, AAAA = 28, SRV = 33, SVCB = 64, HTTPS = 65 };

#endif
