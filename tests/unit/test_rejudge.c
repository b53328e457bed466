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
        if (rejudge_allows(policy, &flow, policy->scope[0].id, &row, names, 1) != rows[i].stays)
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
        if (rejudge_allows(policy, &flow, policy->scope[0].id, quic[i].shown ? &row : NULL, names, 1) != quic[i].stays)
            fail_msg("%s", quic[i].what);
        policy_free(policy);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_rows), cmocka_unit_test(test_quic)};
    return cmocka_run_group_tests_name("rejudge", tests, NULL, NULL);
}
