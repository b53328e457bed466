/* SPDX-License-Identifier: GPL-3.0-or-later */
/* core/event: hostile bytes in every string, ECS names (DESIGN s2 Events), the line for a person (DESIGN s2 Commands).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/event.h"

static struct address v4(uint8_t a, uint8_t b, uint8_t c, uint8_t d)
{
    return (struct address){4, {a, b, c, d}};
}

static struct event dns_refusal(void)
{
    struct event e = {.time_usec = 1700000000123456ULL,
                      .action = ACTION_DNS_QUERY,
                      .reason = REASON_NOT_IN_ALLOWLIST,
                      .verdict = VERDICT_DENY,
                      .scope = "runner",
                      .job = "job-7",
                      .phase = "build",
                      .source = {v4(10, 0, 0, 2), 40000},
                      .destination = {v4(10, 0, 0, 53), 53},
                      .ip_protocol = 17,
                      .domain = "payload.evil.test",
                      .dns_type = 1,
                      .hint = "payload.evil.test"};
    e.process = (struct event_process){.pid = 4711,
                                       .parent_pid = 4700,
                                       .name = "node",
                                       .parent_name = "sh",
                                       .executable = "/usr/bin/node",
                                       .command_line = "node steal.js",
                                       .package_name = "left-pad",
                                       .package_version = "1.2.3",
                                       .package_type = "npm",
                                       .package_stage = "postinstall",
                                       .package_claimed = true};
    return e;
}

static json_t *json_of(const struct event *e)
{
    json_error_t error;
    char *text = event_to_json(e, "host1");
    assert_non_null(text);
    assert_null(strchr(text, '\n'));
    for (const char *p = text; *p; p++)
        assert_in_range((unsigned char)*p, 0x20, 0x7e);
    json_t *root = json_loads(text, JSON_REJECT_DUPLICATES, &error);
    assert_non_null(root);
    free(text);
    return root;
}

/* "a.b.c" in nested objects; NULL: missing. */
static json_t *at(json_t *root, const char *path)
{
    char key[64];
    const char *dot;
    while (root && (dot = strchr(path, '.'))) {
        snprintf(key, sizeof key, "%.*s", (int)(dot - path), path);
        root = json_object_get(root, key);
        path = dot + 1;
    }
    return root ? json_object_get(root, path) : NULL;
}

static void expect_text(json_t *root, const char *path, const char *want)
{
    const char *got = json_string_value(at(root, path));
    if (!got || strcmp(got, want) != 0)
        fail_msg("%s is %s, not %s", path, got ? got : "missing", want);
}

static void expect_number(json_t *root, const char *path, json_int_t want)
{
    if (!json_is_integer(at(root, path)) || json_integer_value(at(root, path)) != want)
        fail_msg("%s is not %lld", path, (long long)want);
}

static void test_escape(void **state)
{
    static const struct {
        const char *in, *out;
        size_t size;
    } rows[] = {
        {"", "", 8},
        {"plain.test", "plain.test", 64},
        {"a\nb", "a\\x0ab", 64},                          /* a second log line: RESEARCH 2.78 */
        {"\x1b[31m", "\\x1b[31m", 64},                    /* drives a terminal */
        {"\\x0a", "\\x5cx0a", 64},                        /* cannot pretend to be an escape */
        {"\xc3\xa4\xff\x80", "\\xc3\\xa4\\xff\\x80", 64}, /* UTF-8 and what is not */
        {"\x7f", "\\x7f", 64},
        {"abc", "ab", 3},
        {"ab\n", "ab", 6}, /* never half an escape */
        {"ab\n", "ab\\x0a", 7},
        {"x", "", 1},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char out[64];
        assert_int_equal(event_escape(rows[i].in, out, rows[i].size), strlen(rows[i].out));
        assert_string_equal(out, rows[i].out);
    }
    char untouched = 'x';
    assert_int_equal(event_escape("abc", &untouched, 0), 0);
    assert_int_equal(untouched, 'x');
}

static void test_sanitize(void **state)
{
    struct event e;
    (void)state;
    memset(&e, 0xff, sizeof e);
    event_sanitize(&e);
    assert_int_equal(e.action, ACTION_NONE);
    assert_int_equal(e.reason, REASON_NONE);
    assert_int_equal(e.verdict, VERDICT_DENY); /* never to allow */
    assert_int_equal(e.answers, EVENT_ANSWERS_MAX);
    assert_int_equal(e.source.address.family, 0);
    assert_int_equal(strlen(e.domain), sizeof e.domain - 1);
    assert_int_equal(strlen(e.process.command_line), sizeof e.process.command_line - 1);
    assert_true(e.incoming && e.relayed && e.process.package_claimed);
    assert_int_equal(e.process.pid, 0);
    json_decref(json_of(&e));
    e.destination.address.family = 4; /* octets beyond the fourth would make equal addresses differ */
    memset(e.destination.address.octets, 0xff, 16);
    event_sanitize(&e);
    struct address all = v4(255, 255, 255, 255);
    assert_memory_equal(&e.destination.address, &all, sizeof all);
}

static void test_json_dns_refusal(void **state)
{
    struct event e = dns_refusal();
    (void)state;
    json_t *j = json_of(&e);
    expect_text(j, "@timestamp", "2023-11-14T22:13:20.123Z");
    expect_text(j, "ecs.version", "8.11.0");
    expect_text(j, "host.name", "host1");
    expect_text(j, "event.kind", "event");
    expect_text(j, "event.action", "dns-query");
    expect_text(j, "event.reason", "not_in_allowlist");
    expect_text(j, "event.outcome", "failure");
    assert_string_equal(json_string_value(json_array_get(at(j, "event.category"), 0)), "network");
    assert_string_equal(json_string_value(json_array_get(at(j, "event.type"), 0)), "connection");
    assert_string_equal(json_string_value(json_array_get(at(j, "event.type"), 1)), "denied");
    expect_text(j, "network.transport", "udp");
    expect_text(j, "network.protocol", "dns");
    expect_text(j, "network.direction", "egress");
    expect_text(j, "network.type", "ipv4");
    expect_text(j, "source.ip", "10.0.0.2");
    expect_number(j, "source.port", 40000);
    expect_text(j, "destination.ip", "10.0.0.53");
    expect_number(j, "destination.port", 53);
    expect_text(j, "dns.question.name", "payload.evil.test");
    expect_text(j, "dns.question.type", "A");
    expect_text(j, "process.name", "node");
    expect_number(j, "process.pid", 4711);
    expect_text(j, "process.executable", "/usr/bin/node");
    expect_text(j, "process.command_line", "node steal.js");
    expect_number(j, "process.parent.pid", 4700);
    expect_text(j, "process.parent.name", "sh");
    expect_text(j, "package.name", "left-pad");
    expect_text(j, "package.version", "1.2.3");
    expect_text(j, "package.type", "npm");
    assert_true(json_is_true(at(j, "sluice.package_claimed")));
    expect_text(j, "sluice.scope", "runner");
    expect_text(j, "sluice.job", "job-7");
    expect_text(j, "sluice.phase", "build");
    expect_text(j, "sluice.verdict", "deny");
    expect_text(j, "sluice.hint", "payload.evil.test");
    assert_null(at(j, "sluice.count"));
    assert_null(at(j, "destination.domain")); /* the resolver is not the name asked for */
    assert_null(at(j, "source.bytes"));
    json_decref(j);
}

static void test_json_kinds(void **state)
{
    static const struct {
        enum verdict verdict;
        enum reason reason;
        const char *kind, *type, *outcome;
    } rows[] = {
        {VERDICT_DENY, REASON_NOT_IN_ALLOWLIST, "event", "denied", "failure"},
        {VERDICT_DENY, REASON_NAME_NOT_BOUND, "alert", "denied", "failure"},
        {VERDICT_WOULD_DENY, REASON_NAME_NOT_BOUND, "alert", "allowed", "success"}, /* audit lets it go on */
        {VERDICT_ALLOW, REASON_NAME_ALLOWED, "event", "allowed", "success"},
        {VERDICT_IGNORED, REASON_SEARCH_DOMAIN, "event", "info", "unknown"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct event e = dns_refusal();
        e.verdict = rows[i].verdict;
        e.reason = rows[i].reason;
        json_t *j = json_of(&e);
        expect_text(j, "event.kind", rows[i].kind);
        expect_text(j, "event.outcome", rows[i].outcome);
        assert_string_equal(json_string_value(json_array_get(at(j, "event.type"), 1)), rows[i].type);
        json_decref(j);
    }
}

static void test_json_connection_end(void **state)
{
    struct event e = {.time_usec = 1700000002500000ULL,
                      .start_usec = 1700000000000000ULL,
                      .action = ACTION_CONNECTION_END,
                      .reason = REASON_NAME_ALLOWED,
                      .verdict = VERDICT_ALLOW,
                      .ip_protocol = 6,
                      .domain = "registry.example",
                      .tls_server_name = "registry.example",
                      .rule = "registry.example",
                      .bytes_out = 10,
                      .bytes_in = UINT64_MAX,
                      .packets_out = 2,
                      .packets_in = 3};
    (void)state;
    e.destination.address = (struct address){6, {0x20, 1, 0xd, 0xb8, [15] = 1}};
    e.destination.port = 443;
    json_t *j = json_of(&e);
    expect_text(j, "event.action", "connection-end");
    assert_string_equal(json_string_value(json_array_get(at(j, "event.type"), 1)), "end");
    expect_text(j, "event.start", "2023-11-14T22:13:20.000Z");
    expect_number(j, "event.duration", 2500000000LL); /* nanoseconds */
    expect_text(j, "network.type", "ipv6");
    expect_text(j, "network.protocol", "tls");
    expect_text(j, "destination.ip", "2001:db8::1");
    expect_text(j, "destination.domain", "registry.example");
    expect_text(j, "tls.client.server_name", "registry.example");
    expect_text(j, "rule.name", "registry.example");
    expect_number(j, "source.bytes", 10);
    expect_number(j, "destination.bytes", INT64_MAX);
    expect_number(j, "source.packets", 2);
    expect_number(j, "destination.packets", 3);
    json_decref(j);
}

static void test_json_answer_http_relay(void **state)
{
    struct event e = dns_refusal();
    (void)state;
    e.action = ACTION_DNS_ANSWER;
    e.relayed = true;
    e.dns_type = 28;
    e.answers = 2;
    e.answer[0] = v4(10, 0, 0, 1);
    e.answer[1] = (struct address){6, {[15] = 1}};
    json_t *j = json_of(&e);
    expect_text(j, "network.transport", "tcp"); /* what the client spoke */
    expect_text(j, "dns.question.type", "AAAA");
    assert_int_equal(json_array_size(at(j, "dns.answers")), 2);
    expect_text(json_array_get(at(j, "dns.answers"), 0), "data", "10.0.0.1");
    expect_text(json_array_get(at(j, "dns.answers"), 1), "type", "AAAA");
    assert_string_equal(json_string_value(json_array_get(at(j, "dns.resolved_ip"), 1)), "::1");
    json_decref(j);

    struct event h = {.action = ACTION_HTTP_REQUEST,
                      .verdict = VERDICT_DENY,
                      .reason = REASON_HTTP_MALFORMED,
                      .domain = "mirror.example",
                      .http_method = "POST",
                      .http_path = "/up\nload",
                      .count = 12};
    j = json_of(&h);
    expect_text(j, "http.request.method", "POST");
    expect_text(j, "url.domain", "mirror.example");
    expect_text(j, "url.path", "/up\\x0aload");
    expect_number(j, "sluice.count", 12);
    assert_null(at(j, "process"));
    json_decref(j);
}

static void test_ids_differ(void **state)
{
    struct event e = dns_refusal();
    (void)state;
    json_t *a = json_of(&e), *b = json_of(&e);
    assert_string_not_equal(json_string_value(at(a, "event.id")), json_string_value(at(b, "event.id")));
    json_decref(a);
    json_decref(b);
}

static void test_line(void **state)
{
    char line[1024];
    struct event e = dns_refusal();
    (void)state;
    /* The two rows that DESIGN s2 shows. */
    size_t n = event_to_line(&e, false, line, sizeof line);
    assert_int_equal(n, strlen(line));
    assert_string_equal(line, "deny  dns  payload.evil.test A             by node (npm postinstall of left-pad)   "
                              "not in allowlist");
    e.reason = REASON_TUNNEL_SUSPECTED;
    snprintf(e.limit, sizeof e.limit, "names_per_minute: 300");
    event_to_line(&e, false, line, sizeof line);
    assert_non_null(strstr(line, "   form or number of the names looks like a tunnel (names_per_minute: 300)"));
    json_t *j = json_of(&e);
    expect_text(j, "sluice.limit", "names_per_minute: 300");
    json_decref(j);
    struct event t = {.action = ACTION_TCP_CONNECT,
                      .reason = REASON_NOT_RESOLVED,
                      .verdict = VERDICT_DENY,
                      .ip_protocol = 6,
                      .destination = {v4(203, 0, 113, 7), 443},
                      .process = {.pid = 4711, .name = "curl"}};
    event_to_line(&t, false, line, sizeof line);
    assert_string_equal(line, "deny  tcp  203.0.113.7:443                 by curl (pid 4711)                      "
                              "address was never resolved here");
    t.process.pid = 0;
    t.count = 9;
    t.source.address = v4(10, 0, 5, 7);
    event_to_line(&t, false, line, sizeof line);
    assert_non_null(strstr(line, "from 10.0.5.7 "));
    assert_non_null(strstr(line, "(9 times)"));
    event_to_line(&t, true, line, sizeof line);
    assert_memory_equal(line, "\033[31mdeny\033[0m  tcp  203", 21);
    assert_null(strchr(line + 14, '\033')); /* around the verdict only */
}

static void test_line_kinds(void **state)
{
    static const struct {
        struct event e;
        const char *want;
    } rows[] = {
        {{.action = ACTION_TLS_HELLO, .reason = REASON_NAME_NOT_BOUND, .domain = "registry.example", .ip_protocol = 6},
         "allow tls  registry.example (203.0.113.7:443)"},
        {{.action = ACTION_HTTP_REQUEST, .http_method = "GET", .domain = "m.example", .http_path = "/a\x1b"},
         "allow http GET m.example/a\\x1b (203.0.113.7:443)"},
        {{.action = ACTION_DATAGRAM, .reason = REASON_QUIC, .ip_protocol = 17}, "allow quic 203.0.113.7:443"},
        {{.action = ACTION_DATAGRAM, .ip_protocol = 17}, "allow udp  203.0.113.7:443"},
        {{.action = ACTION_PACKET, .ip_protocol = 1}, "allow icmp 203.0.113.7:443"},
        {{.action = ACTION_PACKET, .ip_protocol = 253}, "allow ip-253 203.0.113.7:443"},
        {{.action = ACTION_DNS_QUERY, .reason = REASON_FOREIGN_RESOLVER, .domain = "a.test", .dns_type = 65280},
         "allow dns  a.test TYPE65280 @203.0.113.7:443"},
        {{.action = ACTION_DNS_QUERY, .reason = REASON_DNS_MALFORMED}, "allow dns  a message @203.0.113.7:443"},
        {{.action = ACTION_GATE, .verdict = VERDICT_DENY, .reason = REASON_OVERRUN}, "deny  gate "},
        {{.action = ACTION_TLS_HELLO, .verdict = VERDICT_WOULD_DENY, .domain = "x.test"}, "would_deny tls x.test ("},
        /* The columns behind it stand where they do in other lines. */
        {{.action = ACTION_TLS_HELLO, .verdict = VERDICT_WOULD_DENY, .domain = "x.test", .incoming = true},
         "would_deny tls x.test (203.0.113.7:443)    by unknown"},
        {{.action = ACTION_TLS_HELLO, .verdict = VERDICT_DENY, .domain = "x.test", .incoming = true},
         "deny  tls  x.test (203.0.113.7:443)        by unknown"},
        {{.action = ACTION_GATE, .verdict = VERDICT_WOULD_DENY, .reason = REASON_OVERRUN},
         "would_deny gate 203.0.113.7:443                                                    packets arrived faster"},
        /* What the DNS reader has escaped is not escaped again; what it has not, is. */
        {{.action = ACTION_DNS_QUERY, .domain = "a\\.b\\255\x1b.test", .domain_escaped = true, .dns_type = 1},
         "allow dns  a\\.b\\255\\x1b.test A"},
        {{.action = ACTION_TLS_HELLO, .domain = "a\\.b.test"}, "allow tls  a\\x5c.b.test ("},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char line[1024];
        struct event e = rows[i].e;
        e.destination = (struct event_endpoint){v4(203, 0, 113, 7), 443};
        event_to_line(&e, false, line, sizeof line);
        if (strncmp(line, rows[i].want, strlen(rows[i].want)) != 0)
            fail_msg("row %zu: %s", i, line);
    }
}

/* Every size: terminated, never beyond the buffer (the sanitizer watches), the length is what was written. */
static void test_line_sizes(void **state)
{
    struct event e = dns_refusal();
    char *full = malloc(4096);
    (void)state;
    memset(e.domain, 0xff, sizeof e.domain - 1);
    size_t whole = event_to_line(&e, true, full, 4096);
    for (size_t size = 1; size <= whole + 1; size++) {
        char *out = malloc(size);
        size_t n = event_to_line(&e, true, out, size);
        assert_int_equal(n, strlen(out));
        assert_int_equal(n, size - 1 < whole ? size - 1 : whole);
        assert_memory_equal(out, full, n > 40 ? 40 : 0);
        free(out);
    }
    assert_int_equal(event_to_line(&e, true, NULL, 0), 0);
    free(full);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_escape),
        cmocka_unit_test(test_sanitize),
        cmocka_unit_test(test_json_dns_refusal),
        cmocka_unit_test(test_json_kinds),
        cmocka_unit_test(test_json_connection_end),
        cmocka_unit_test(test_json_answer_http_relay),
        cmocka_unit_test(test_ids_differ),
        cmocka_unit_test(test_line),
        cmocka_unit_test(test_line_kinds),
        cmocka_unit_test(test_line_sizes),
    };
    return cmocka_run_group_tests_name("event", tests, NULL, NULL);
}
