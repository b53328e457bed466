/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ctl/rejudge: what a reload leaves of open connections, by what they showed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "ctl/rejudge.h"
#include "policy/policy.h"

static struct policy *policy_of(const char *allow)
{
    char text[1000];
    struct error e = {0};
    struct policy_system system = {.resolvers = 1, .resolver = {{4, {192, 0, 2, 53}}}};
    snprintf(
        text, sizeof text,
        "version: 1\nprofiles:\n  p: { allow: [%s] }\nscopes:\n  - { name: s, match: { cgroup: /s }, profile: p }\n",
        allow);
    struct policy_source source = {.file = "test.yaml", .text = {(const uint8_t *)text, strlen(text)}};
    struct policy *policy = policy_compile(&source, 1, &system, NULL, &e);
    if (!policy)
        fail_msg("%s", e.text);
    return policy;
}

#define PROXY "'proxy://proxy.example:3128'"

static const struct {
    const char *what, *allow;
    enum action action;
    const char *method, *domain;
    uint16_t port, asked_port;
    bool websocket, stays;
} rows[] = {
    {"a name", "a.example", ACTION_TLS_HELLO, "", "a.example", 443, 0, false, true},
    {"a name that went", "b.example", ACTION_TLS_HELLO, "", "a.example", 443, 0, false, false},
    {"WebSocket", "'ws://a.example'", ACTION_HTTP_REQUEST, "GET", "a.example", 80, 0, true, true},
    {"WebSocket, http:// is left", "'http://a.example'", ACTION_HTTP_REQUEST, "GET", "a.example", 80, 0, true, false},
    {"a request, ws:// is left", "'ws://a.example'", ACTION_HTTP_REQUEST, "GET", "a.example", 80, 0, false, true},
    {"a tunnel", PROXY ", a.example", ACTION_TLS_HELLO, "", "a.example", 3128, 443, false, true},
    {"a tunnel, its name went", PROXY ", b.example", ACTION_TLS_HELLO, "", "a.example", 3128, 443, false, false},
    {"a tunnel, its proxy went", "a.example", ACTION_TLS_HELLO, "", "a.example", 3128, 443, false, false},
    {"a tunnel, the proxy is any bytes now", "a.example, 'tcp://proxy.example:3128'", ACTION_TLS_HELLO, "", "a.example",
     3128, 443, false, false},
    {"a tunnel for any bytes", PROXY ", 'tcp://a.example:22'", ACTION_HTTP_REQUEST, "CONNECT", "a.example", 3128, 22,
     false, true},
    {"a tunnel for any bytes, TLS is left", PROXY ", 'tls://a.example:22'", ACTION_HTTP_REQUEST, "CONNECT", "a.example",
     3128, 22, false, false},
    {"a request to a proxy", PROXY ", 'http://a.example'", ACTION_HTTP_REQUEST, "GET", "a.example", 3128, 80, false,
     true},
    {"a request to a proxy, its name went", PROXY, ACTION_HTTP_REQUEST, "GET", "a.example", 3128, 80, false, false},
    {"a literal address", PROXY ", '203.0.113.0/24:443'", ACTION_HTTP_REQUEST, "CONNECT", "203.0.113.9", 3128, 443,
     false, true},
    {"a literal address that went", PROXY, ACTION_HTTP_REQUEST, "CONNECT", "203.0.113.9", 3128, 443, false, false},
};

static void test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct policy *policy = policy_of(rows[i].allow);
        struct conntrack_flow flow = {
            .protocol = 6, .destination = {4, {192, 0, 2, 7}}, .destination_port = rows[i].port};
        static struct event row;
        memset(&row, 0, sizeof row);
        row.action = rows[i].action;
        row.asked_port = rows[i].asked_port;
        row.websocket = rows[i].websocket;
        snprintf(row.domain, sizeof row.domain, "%s", rows[i].domain);
        snprintf(row.http_method, sizeof row.http_method, "%s", rows[i].method);
        /* The proxy's name is long bound: in grace. */
        struct binding_view names[1] = {{.name = "proxy.example", .len = 13, .grace = true}};
        struct rejudge_flow open = {&flow, &row, policy->scope[0].id, false};
        if (rejudge_allows(policy, policy, &open, names, 1) != rows[i].stays)
            fail_msg("%s", rows[i].what);
        policy_free(policy);
    }
}

/* QUIC by the name that it showed, and without its row by what else stands for its address. */
static void test_quic(void **state)
{
    (void)state;
    static const struct {
        const char *what, *allow, *shown;
        bool stays;
    } quic[] = {
        {"a name", "a.example], quic: judge, deny: [", "a.example", true},
        {"a name that went", "b.example], quic: judge, deny: [", "a.example", false},
        {"a name that went, another is bound there", "c.example], quic: judge, deny: [", "a.example", false},
        {"QUIC that went", "a.example", "a.example", false},
        {"any bytes", "'udp://c.example:443'", "a.example", true},
        {"not known, its address is another's too", "c.example], quic: judge, deny: [", NULL, true},
        {"not known, and nothing is left", "a.example], quic: judge, deny: [", NULL, false},
    };
    for (size_t i = 0; i < sizeof quic / sizeof quic[0]; i++) {
        struct policy *policy = policy_of(quic[i].allow);
        struct conntrack_flow flow = {.protocol = 17, .destination = {4, {192, 0, 2, 7}}, .destination_port = 443};
        static struct event row;
        memset(&row, 0, sizeof row);
        row.action = ACTION_TLS_HELLO;
        snprintf(row.domain, sizeof row.domain, "%s", quic[i].shown ? quic[i].shown : "");
        struct binding_view names[1] = {{.name = "c.example", .len = 9, .grace = false}};
        struct rejudge_flow open = {&flow, quic[i].shown ? &row : NULL, policy->scope[0].id, false};
        if (rejudge_allows(policy, policy, &open, names, 1) != quic[i].stays)
            fail_msg("%s", quic[i].what);
        policy_free(policy);
    }
}

/* A flow whose name is not known: by what it could have shown, of what is bound to its address (c.example and
 * d.example). */
static void test_unknown(void **state)
{
    (void)state;
    static const struct {
        const char *what, *before, *allow;
        bool stays;
    } unknown[] = {
        {"the same policy", "c.example, d.example", "c.example, d.example", true},
        {"more", "c.example", "c.example, d.example", true},
        {"one of its names went", "c.example, d.example", "c.example", false},
        {"a name that it could not have shown", "c.example, 'tcp://d.example:22'", "c.example", true},
        {"other than that went", "c.example, x.example", "c.example", true},
        {"plain HTTP went", "'http://c.example:443', c.example", "c.example", false},
        {"any bytes went", "'tcp://c.example:443'", "c.example", false},
        {"any bytes are left", "'tcp://c.example:443', d.example", "'tcp://c.example:443'", true},
        {"audited", "c.example", "c.example", false},
        {"what was before is not known", NULL, "c.example", false},
        {"that, and all is allowed", NULL, "c.example, d.example", true},
        {"a proxy", "'proxy://c.example:443', d.example", "'proxy://c.example:443', d.example", true},
        {"a proxy, less may be asked of it", "'proxy://c.example:443', x.example", "'proxy://c.example:443'", false},
        {"a proxy, and a server as any now", "'proxy://c.example:443', d.example", "c.example, d.example", false},
        {"a proxy, and not known", NULL, "'proxy://c.example:443', x.example", false},
    };
    for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++) {
        struct policy *policy = policy_of(unknown[i].allow);
        struct policy *before = unknown[i].before ? policy_of(unknown[i].before) : NULL;
        struct conntrack_flow flow = {.protocol = 6, .destination = {4, {192, 0, 2, 7}}, .destination_port = 443};
        struct binding_view names[2] = {{.name = "c.example", .len = 9},
                                        {.name = "d.example", .len = 9, .grace = true}};
        if (before && strcmp(unknown[i].what, "audited") == 0)
            before->scope[0].mode = POLICY_AUDIT;
        struct rejudge_flow open = {&flow, NULL, policy->scope[0].id, false};
        if (rejudge_allows(policy, before, &open, names, 2) != unknown[i].stays)
            fail_msg("%s", unknown[i].what);
        policy_free(policy);
        policy_free(before);
    }
    /* As many names as are kept: there may have been others. */
    struct policy *many = policy_of("'**.c.example'"), *few = policy_of("'**.c.example', d.example");
    static struct binding_view names[BINDING_NAMES_MAX];
    static char text[BINDING_NAMES_MAX][24];
    struct conntrack_flow flow = {.protocol = 6, .destination = {4, {192, 0, 2, 7}}, .destination_port = 443};
    for (unsigned i = 0; i < BINDING_NAMES_MAX; i++)
        names[i] =
            (struct binding_view){text[i], (uint8_t)snprintf(text[i], sizeof text[i], "n%u.c.example", i), false};
    struct rejudge_flow open = {&flow, NULL, many->scope[0].id, false};
    assert_false(rejudge_allows(many, few, &open, names, BINDING_NAMES_MAX));
    assert_true(rejudge_allows(few, many, &open, names, BINDING_NAMES_MAX));
    policy_free(many);
    policy_free(few);
}

/* What has shown nothing yet, or waits for what a proxy says, is judged when it goes on; not so if the inspector reads
 * it by what holds no more. */
static void test_undecided(void **state)
{
    (void)state;
    static const struct {
        const char *what, *before, *allow, *asked;
        uint16_t asked_port;
        bool stays;
    } undecided[] = {
        {"nothing shown, one of its names went", "c.example, d.example", "c.example", NULL, 0, true},
        {"nothing shown, and nothing is left", "c.example, d.example", "x.example", NULL, 0, false},
        {"nothing asked of a proxy", PROXY ", a.example", PROXY ", a.example, b.example", NULL, 0, true},
        {"nothing asked of a proxy that is a server as any now", PROXY ", a.example",
         "'http://proxy.example:3128', a.example", NULL, 0, false},
        {"nothing asked of a proxy, of which less may be", PROXY ", 'tcp://a.example:22'", PROXY, NULL, 0, false},
        {"a tunnel that is to show its name", PROXY ", a.example", PROXY ", a.example, b.example", "a.example", 443,
         true},
        {"a tunnel that is to show its name, which went", PROXY ", a.example", PROXY ", b.example", "a.example", 443,
         false},
        {"a tunnel that is to show its name, the proxy went", PROXY ", a.example", "a.example", "a.example", 443,
         false},
        {"a tunnel for any bytes", PROXY ", 'tcp://a.example:22'", PROXY ", 'tcp://a.example:22', b.example",
         "a.example", 22, true},
        {"a tunnel for any bytes, TLS is left", PROXY ", 'tcp://a.example:22'", PROXY ", 'tls://a.example:22'",
         "a.example", 22, false},
        {"a tunnel that is to show its name, by which policy is not known", NULL, PROXY ", a.example", "a.example", 443,
         false},
    };
    for (size_t i = 0; i < sizeof undecided / sizeof undecided[0]; i++) {
        struct policy *policy = policy_of(undecided[i].allow);
        struct policy *before = undecided[i].before ? policy_of(undecided[i].before) : NULL;
        bool proxied = strstr(undecided[i].before ? undecided[i].before : PROXY, "proxy://") != NULL;
        struct conntrack_flow flow = {
            .protocol = 6, .destination = {4, {192, 0, 2, 7}}, .destination_port = proxied ? 3128 : 443};
        static struct event row;
        memset(&row, 0, sizeof row);
        row.action = ACTION_HTTP_REQUEST;
        row.asked_port = undecided[i].asked_port;
        snprintf(row.http_method, sizeof row.http_method, "CONNECT");
        snprintf(row.domain, sizeof row.domain, "%s", undecided[i].asked ? undecided[i].asked : "");
        struct binding_view names[2] = {{.name = proxied ? "proxy.example" : "c.example", .len = proxied ? 13 : 9},
                                        {.name = "d.example", .len = 9}};
        struct rejudge_flow open = {&flow, undecided[i].asked ? &row : NULL, policy->scope[0].id, true};
        if (rejudge_allows(policy, before, &open, names, 2) != undecided[i].stays)
            fail_msg("%s", undecided[i].what);
        policy_free(policy);
        policy_free(before);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_rows), cmocka_unit_test(test_quic),
                                       cmocka_unit_test(test_unknown), cmocka_unit_test(test_undecided)};
    return cmocka_run_group_tests_name("rejudge", tests, NULL, NULL);
}
