/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ctl/summary: the last lines of a run (DESIGN s2 Commands). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/report.h"
#include "ctl/summary.h"

static struct event event(enum action action, enum verdict verdict, enum reason reason, const char *domain)
{
    struct event e = {.action = action, .verdict = verdict, .reason = reason, .ip_protocol = 6};
    e.source = (struct event_endpoint){{4, {10, 0, 0, 2}}, 40000};
    e.destination = (struct event_endpoint){{4, {203, 0, 113, 7}}, 443};
    snprintf(e.domain, sizeof e.domain, "%s", domain);
    if (verdict != VERDICT_ALLOW)
        snprintf(e.hint, sizeof e.hint, "%s", domain);
    return e;
}

static void add(struct summary *s, struct event e)
{
    summary_add(s, &e);
}

static char *printed(const struct summary *s, bool audit)
{
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);
    summary_print(s, audit, out);
    fclose(out);
    return text;
}

static void expect_printed(const struct summary *s, bool audit, const char *want)
{
    char *text = printed(s, audit);
    assert_string_equal(text, want);
    free(text);
}

/* The line that DESIGN s2 shows: 41 connections, 2 names, a name and an address refused, only the name offered. */
static void test_design_line(void **state)
{
    struct summary *s = summary_new();
    (void)state;
    for (unsigned i = 0; i < 41; i++) {
        struct event e =
            event(ACTION_TLS_HELLO, VERDICT_ALLOW, REASON_NAME_ALLOWED, i % 2 ? "registry.example" : "cdn.example");
        e.source.port = (uint16_t)(41000 + i);
        add(s, e);
    }
    struct event dns = event(ACTION_DNS_QUERY, VERDICT_DENY, REASON_NOT_IN_ALLOWLIST, "payload.evil.test");
    snprintf(dns.hint, sizeof dns.hint, "evil.test");
    add(s, dns);
    struct event tcp = event(ACTION_TCP_CONNECT, VERDICT_DENY, REASON_NOT_RESOLVED, "");
    snprintf(tcp.hint, sizeof tcp.hint, "203.0.113.7:443"); /* even if somebody offered it */
    add(s, tcp);
    expect_printed(s, false,
                   "sluice: run finished: 41 connections to 2 names allowed, 2 refused (1 name, 1 address). "
                   "To allow: --allow evil.test\n");
    assert_int_equal(summary_denied(s), 2);
    assert_int_equal(summary_alerts(s), 1);
    summary_free(s);
}

static void test_nothing_happened(void **state)
{
    struct summary *s = summary_new();
    (void)state;
    expect_printed(s, false, "sluice: run finished: 0 connections to 0 names allowed, 0 refused.\n");
    expect_printed(s, true, "sluice: run finished: 0 connections to 0 names allowed, 0 would be refused.\n");
    summary_free(s);
}

/* Requests of one connection count once; noise and the gate's own DNS not at all. */
static void test_connections(void **state)
{
    struct summary *s = summary_new();
    (void)state;
    struct event e = event(ACTION_HTTP_REQUEST, VERDICT_ALLOW, REASON_NAME_ALLOWED, "mirror.example");
    add(s, e);
    add(s, e);
    e.action = ACTION_CONNECTION_END;
    add(s, e);
    e.action = ACTION_HTTP_REQUEST; /* the same ports, later */
    add(s, e);
    add(s, event(ACTION_DNS_QUERY, VERDICT_ALLOW, REASON_NAME_ALLOWED, "mirror.example"));
    add(s, event(ACTION_DNS_QUERY, VERDICT_IGNORED, REASON_SEARCH_DOMAIN, "mirror.example.lan"));
    struct event address = event(ACTION_TCP_CONNECT, VERDICT_ALLOW, REASON_ADDRESS_ALLOWED, "");
    address.destination.port = 5432;
    add(s, address);
    expect_printed(s, false, "sluice: run finished: 3 connections to 2 names allowed, 0 refused.\n");
    assert_int_equal(summary_denied(s), 0);
    summary_free(s);
}

/* A question for a name and the connection after it are one finding; its entry is offered once. */
static void test_one_finding(void **state)
{
    struct summary *s = summary_new();
    (void)state;
    struct event dns = event(ACTION_DNS_QUERY, VERDICT_WOULD_DENY, REASON_NOT_IN_ALLOWLIST, "new.example");
    dns.count = 3;
    add(s, dns);
    add(s, event(ACTION_TLS_HELLO, VERDICT_WOULD_DENY, REASON_NOT_IN_ALLOWLIST, "new.example"));
    add(s, event(ACTION_TCP_CONNECT, VERDICT_WOULD_DENY, REASON_NOT_IN_ALLOWLIST, "new.example"));
    expect_printed(
        s, true,
        "sluice: run finished: 0 connections to 0 names allowed, 1 more went on, 5 would be refused (1 name).\n"
        "sluice: these entries would have sufficed:\n  --allow new.example\n");
    summary_free(s);
}

/* What looks like an attack is listed apart and never offered, also when a harmless event offers the same. */
static void test_attacks_apart(void **state)
{
    struct summary *s = summary_new();
    (void)state;
    add(s, event(ACTION_DNS_QUERY, VERDICT_WOULD_DENY, REASON_NOT_IN_ALLOWLIST, "a.tunnel.test"));
    struct event tunnel = event(ACTION_DNS_QUERY, VERDICT_WOULD_DENY, REASON_TUNNEL_SUSPECTED, "a.tunnel.test");
    snprintf(tunnel.process.name, sizeof tunnel.process.name, "node\n");
    snprintf(tunnel.process.package_name, sizeof tunnel.process.package_name, "left-pad");
    snprintf(tunnel.limit, sizeof tunnel.limit, "names_per_minute: 300");
    add(s, tunnel);
    struct event foreign = event(ACTION_DNS_QUERY, VERDICT_WOULD_DENY, REASON_FOREIGN_RESOLVER, "harmless.example");
    foreign.destination.port = 53;
    snprintf(foreign.hint, sizeof foreign.hint, "resolvers: [203.0.113.7]");
    add(s, foreign);
    /* An allowed name shown to the attacker's server does not spoil the name itself. */
    add(s, event(ACTION_TLS_HELLO, VERDICT_WOULD_DENY, REASON_NAME_NOT_BOUND, "registry.example"));
    struct event port = event(ACTION_TLS_HELLO, VERDICT_WOULD_DENY, REASON_PORT_NOT_ALLOWED, "registry.example");
    snprintf(port.hint, sizeof port.hint, "registry.example:8443");
    add(s, port);
    char *text = printed(s, true);
    assert_non_null(strstr(text, "would have sufficed, but for what is listed below:\n  --allow registry.example:8443\n"
                                 "sluice: these look like attacks"));
    assert_null(strstr(text, "--allow a.tunnel.test"));
    assert_null(strstr(text, "--allow harmless.example"));
    assert_non_null(strstr(text, "\n  a.tunnel.test: the form or number of the names looks like a tunnel, "
                                 "names_per_minute: 300 (node\\x0a, package left-pad)\n"));
    assert_non_null(strstr(text, "\n  203.0.113.7:53: DNS to a server that the policy does not name; it would take "
                                 "--resolver 203.0.113.7\n"));
    assert_non_null(strstr(text, "\n  registry.example at 203.0.113.7:443: "));
    free(text);
    summary_free(s);
}

static struct event refused(enum action action, enum reason reason, const char *domain, const char *hint)
{
    struct event e = event(action, VERDICT_WOULD_DENY, reason, domain);
    snprintf(e.hint, sizeof e.hint, "%s", hint);
    return e;
}

/* The audit says what suffices, and beside it what no --allow line would cure. */
static void test_what_suffices(void **state)
{
    struct summary *s = summary_new();
    (void)state;
    add(s, refused(ACTION_DNS_QUERY, REASON_NOT_IN_ALLOWLIST, "a.example", "a.example"));
    add(s, refused(ACTION_TLS_HELLO, REASON_TLS_ECH, "a.example", "ech: outer"));
    add(s, refused(ACTION_DATAGRAM, REASON_QUIC, "b.example", "quic: judge"));
    add(s, refused(ACTION_DNS_QUERY, REASON_TYPE_NOT_ALLOWED, "a.example", "dns://a.example?types=TXT"));
    expect_printed(
        s, true,
        "sluice: run finished: 0 connections to 0 names allowed, 1 more went on, 4 would be refused (2 names).\n"
        "sluice: these entries would have sufficed:\n  --allow a.example\n  --ech outer\n"
        "  --quic judge\n  --allow 'dns://a.example?types=TXT'\n");
    add(s, refused(ACTION_DNS_QUERY, REASON_NOT_IN_ALLOWLIST, "in.example", "in.example"));
    add(s, refused(ACTION_DNS_ANSWER, REASON_PRIVATE_ADDRESS, "in.example", "in.example@10.0.0.1"));
    add(s, refused(ACTION_HTTP_REQUEST, REASON_NOT_IN_ALLOWLIST, "in.example", "http://in.example"));
    add(s, refused(ACTION_TLS_HELLO, REASON_TLS_NO_NAME, "c.example", ""));
    add(s, refused(ACTION_TCP_CONNECT, REASON_NOT_RESOLVED, "", ""));
    struct event udp = refused(ACTION_DATAGRAM, REASON_NOT_RESOLVED, "", ""), ping = udp;
    udp.ip_protocol = 17;
    udp.destination.port = 123;
    add(s, udp);
    ping.ip_protocol = 1;
    ping.reason = REASON_PROTOCOL;
    ping.action = ACTION_PACKET;
    ping.destination = (struct event_endpoint){{4, {203, 0, 113, 8}}, 0};
    add(s, ping);
    struct event proxied = refused(ACTION_HTTP_REQUEST, REASON_HTTP_ADDRESS, "2001:db8::7", "");
    proxied.asked_port = 8443;
    add(s, proxied);
    char *text = printed(s, true);
    const char *list = strchr(text, '\n');
    assert_string_equal(list, "\nsluice: these entries would have sufficed, but for what is listed below:\n"
                              "  --allow a.example\n  --ech outer\n  --quic judge\n"
                              "  --allow 'dns://a.example?types=TXT'\n"
                              "sluice: these stand for private addresses; if those are yours, it takes:\n"
                              "  --allow in.example@10.0.0.1 --allow http://in.example\n"
                              "sluice: these look like attacks and are not offered:\n"
                              "  203.0.113.7:443: the address was never resolved here; it would take 203.0.113.7:443\n"
                              "  203.0.113.7:123: the address was never resolved here; it would take "
                              "udp://203.0.113.7:123\n"
                              "  203.0.113.8: a protocol other than TCP and UDP\n"
                              "  2001:db8::7 at 203.0.113.7:443: a literal address in place of a host name; it would "
                              "take [2001:db8::7]:8443\n"
                              "sluice: no entry is offered for these:\n"
                              "  c.example: no server name in the ClientHello; tcp:// would allow it unseen\n");
    free(text);
    text = printed(s, false);
    assert_non_null(strstr(text, " To allow: --allow a.example --ech outer --quic judge "));
    assert_non_null(strstr(text, " If the private addresses are yours: --allow in.example@10.0.0.1 "));
    free(text);
    text = summary_json(s);
    json_t *j = json_loads(text, 0, NULL);
    assert_int_equal(json_array_size(json_object_get(j, "allow")), 2);
    assert_string_equal(json_string_value(json_array_get(json_object_get(j, "settings"), 0)), "ech: outer");
    json_t *private = json_array_get(json_object_get(j, "refused"), 2);
    assert_string_equal(json_string_value(json_array_get(json_object_get(private, "takes"), 1)), "in.example@10.0.0.1");
    json_decref(j);
    free(text);
    summary_free(s);
}

static void test_quoting(void **state)
{
    static const struct {
        const char *hint, *want;
    } rows[] = {
        {"evil.test", "--allow evil.test"},
        {"tcp://git.example:22", "--allow tcp://git.example:22"},
        {"name.example@10.0.0.0/8", "--allow name.example@10.0.0.0/8"},
        {"**.cdn.example", "--allow '**.cdn.example'"},
        {"store{0..9}.example", "--allow 'store{0..9}.example'"},
        {"dns://x.example?types=TXT", "--allow 'dns://x.example?types=TXT'"},
        {"[2001:db8::1]:443", "--allow '[2001:db8::1]:443'"},
        {"$(reboot)'; x", "--allow '$(reboot)'\\''; x'"},
        {"a\nb", "--allow 'a\\x0ab'"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct summary *s = summary_new();
        struct event e = event(ACTION_DNS_QUERY, VERDICT_DENY, REASON_NOT_IN_ALLOWLIST, "n.example");
        snprintf(e.hint, sizeof e.hint, "%s", rows[i].hint);
        add(s, e);
        char *text = printed(s, false);
        const char *got = strstr(text, "--allow");
        assert_non_null(got);
        text[strlen(text) - 1] = '\0';
        assert_string_equal(got, rows[i].want);
        free(text);
        summary_free(s);
    }
}

/* An attacker makes names: memory is bounded, the count goes on. */
static void test_bounded(void **state)
{
    struct summary *s = summary_new();
    char name[32];
    (void)state;
    for (unsigned i = 0; i < 12000; i++) {
        snprintf(name, sizeof name, "n%u.test", i);
        add(s, event(ACTION_DNS_QUERY, VERDICT_DENY, REASON_NOT_IN_ALLOWLIST, name));
    }
    assert_int_equal(summary_denied(s), 12000);
    char *text = printed(s, false);
    assert_non_null(strstr(text, "12000 refused (10000 names, 2000 not listed). To allow: "));
    assert_non_null(strstr(text, " and 9992 more (--audit lists them all)\n"));
    free(text);
    summary_free(s);
}

static void test_json(void **state)
{
    struct summary *s = summary_new();
    (void)state;
    add(s, event(ACTION_TLS_HELLO, VERDICT_ALLOW, REASON_NAME_ALLOWED, "registry.example"));
    add(s, event(ACTION_DNS_QUERY, VERDICT_DENY, REASON_NOT_IN_ALLOWLIST, "new.example"));
    add(s, event(ACTION_DNS_QUERY, VERDICT_DENY, REASON_TUNNEL_SUSPECTED, "x\xff.tunnel.test"));
    char *text = summary_json(s);
    json_t *j = json_loads(text, 0, NULL);
    assert_non_null(j);
    assert_int_equal(json_integer_value(json_object_get(j, "connections")), 1);
    assert_int_equal(json_integer_value(json_object_get(j, "denied")), 2);
    assert_int_equal(json_integer_value(json_object_get(j, "alerts")), 1);
    assert_int_equal(json_array_size(json_object_get(j, "refused")), 2);
    assert_int_equal(json_array_size(json_object_get(j, "allow")), 1);
    assert_string_equal(json_string_value(json_array_get(json_object_get(j, "allow"), 0)), "new.example");
    json_t *attack = json_array_get(json_object_get(j, "refused"), 1);
    assert_string_equal(json_string_value(json_object_get(attack, "name")), "x\\xff.tunnel.test");
    assert_true(json_is_true(json_object_get(attack, "attack")));
    json_decref(j);
    free(text);
    summary_free(s);
    summary_free(NULL);
}

/* In a phase no --allow is taken: the phase's own line is offered. */
static void test_phase(void **state)
{
    struct summary *s = summary_new(), *again = summary_new();
    (void)state;
    add(s, event(ACTION_DNS_QUERY, VERDICT_DENY, REASON_NOT_IN_ALLOWLIST, "before.example"));
    struct event e = event(ACTION_DNS_QUERY, VERDICT_DENY, REASON_NOT_IN_ALLOWLIST, "late.example");
    snprintf(e.phase, sizeof e.phase, "build");
    add(s, e);
    e = event(ACTION_DNS_QUERY, VERDICT_DENY, REASON_NOT_IN_ALLOWLIST, "it.example");
    snprintf(e.phase, sizeof e.phase, "build");
    snprintf(e.hint, sizeof e.hint, "it's.example:1");
    add(s, e);
    static const char line[] = "sluice: run finished: 0 connections to 0 names allowed, 3 refused (3 names). To allow: "
                               "--allow before.example, phases: { build: { allow: [late.example] } }, phases: { build: "
                               "{ allow: ['it''s.example:1'] } }\n";
    expect_printed(s, false, line);
    json_t *stored = summary_store(s);
    assert_true(summary_restore(again, stored));
    expect_printed(again, false, line);
    char *text = summary_json(s);
    json_t *j = json_loads(text, 0, NULL);
    assert_int_equal(json_array_size(json_object_get(j, "allow")), 1);
    json_t *refused = json_object_get(j, "refused");
    assert_null(json_object_get(json_array_get(refused, 0), "phase"));
    assert_string_equal(json_string_value(json_object_get(json_array_get(refused, 1), "phase")), "build");
    char *page = NULL;
    size_t len;
    FILE *out = open_memstream(&page, &len);
    report_write(REPORT_HTML, "t", "", j, out);
    fclose(out);
    assert_non_null(strstr(page, "<td>before.example</td></tr>"));
    assert_non_null(strstr(page, "<td>phases: { build: { allow: [late.example] } }</td>"));
    free(page);
    json_decref(j);
    json_decref(stored);
    free(text);
    summary_free(s);
    summary_free(again);
}

/* What was only counted (it came too fast, or the event was lost) is refused all the same, and said to be unlisted. */
static void test_unlisted(void **state)
{
    struct summary *s = summary_new(), *again = summary_new();
    struct event lost = {.action = ACTION_GATE, .verdict = VERDICT_DENY, .reason = REASON_EVENTS_LOST, .count = 5};
    (void)state;
    add(s, lost);
    expect_printed(s, false, "sluice: run finished: 0 connections to 0 names allowed, 5 refused (5 not listed).\n");
    assert_int_equal(summary_alerts(s), 0);
    lost.reason = REASON_ATTACKS_LOST;
    lost.count = 2;
    add(s, lost);
    lost.reason = REASON_EVENTS_LOST;
    lost.verdict = VERDICT_IGNORED; /* no refusals */
    add(s, lost);
    add(s, event(ACTION_DNS_QUERY, VERDICT_DENY, REASON_NOT_IN_ALLOWLIST, "evil.test"));
    assert_int_equal(summary_denied(s), 8);
    assert_int_equal(summary_alerts(s), 2);
    assert_int_equal(summary_unlisted(s), 7);
    json_t *stored = summary_store(s);
    assert_true(summary_restore(again, stored));
    assert_int_equal(summary_unlisted(again), 7);
    expect_printed(again, false,
                   "sluice: run finished: 0 connections to 0 names allowed, 8 refused (1 name, 7 not listed). "
                   "To allow: --allow evil.test\n");
    char *text = summary_json(s), *page = NULL;
    json_t *j = json_loads(text, 0, NULL);
    assert_int_equal(json_integer_value(json_object_get(j, "unlisted")), 7);
    size_t len;
    FILE *out = open_memstream(&page, &len);
    report_write(REPORT_MARKDOWN, "t", "", j, out);
    fclose(out);
    assert_non_null(strstr(page, "7 of them are not listed below"));
    free(page);
    free(text);
    json_decref(j);
    json_decref(stored);
    summary_free(s);
    summary_free(again);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_design_line),   cmocka_unit_test(test_nothing_happened),
        cmocka_unit_test(test_connections),   cmocka_unit_test(test_one_finding),
        cmocka_unit_test(test_attacks_apart), cmocka_unit_test(test_what_suffices),
        cmocka_unit_test(test_quoting),       cmocka_unit_test(test_bounded),
        cmocka_unit_test(test_json),          cmocka_unit_test(test_phase),
        cmocka_unit_test(test_unlisted),
    };
    return cmocka_run_group_tests_name("summary", tests, NULL, NULL);
}
