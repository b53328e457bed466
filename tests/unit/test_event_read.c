/* SPDX-License-Identifier: GPL-3.0-or-later */
/* core/event_read: what was written is read back as it was, as far as lines and summaries look; nothing else is an
 * event. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/event.h"
#include "ctl/summary.h"

static struct event refusal(void)
{
    struct event e = {.time_usec = 1700000000123000ULL,
                      .action = ACTION_DNS_QUERY,
                      .reason = REASON_NOT_IN_ALLOWLIST,
                      .verdict = VERDICT_WOULD_DENY,
                      .scope = "runner",
                      .source = {{4, {10, 0, 0, 2}}, 40000},
                      .destination = {{6, {0xfd, [15] = 53}}, 53},
                      .ip_protocol = 17,
                      .domain = "payload.evil.test",
                      .dns_type = 65280,
                      .count = 7,
                      .hint = "payload.evil.test",
                      .limit = "names_per_minute: 300"};
    e.process = (struct event_process){.pid = 4711, .name = "node", .package_name = "left-pad", .package_type = "npm"};
    return e;
}

/* Both write the same line, for people and as JSON but for its id. */
static void same(const struct event *e)
{
    char before[2048], after[2048];
    struct event read;
    char *json = event_to_json(e, "host");
    assert_non_null(json);
    assert_true(event_from_json(json, &read));
    free(json);
    event_to_line(e, false, before, sizeof before);
    event_to_line(&read, false, after, sizeof after);
    assert_string_equal(before, after);
    assert_int_equal(read.time_usec, e->time_usec);
    assert_int_equal(read.count, e->count);
    assert_int_equal(read.asked_port, e->asked_port);
    assert_int_equal(read.bytes_in, e->bytes_in);
    assert_int_equal(read.destination.port, e->destination.port);
    assert_true(address_equal(&read.source.address, &e->source.address));
    assert_string_equal(read.scope, e->scope);
    assert_string_equal(read.hint, e->hint);
    assert_string_equal(read.limit, e->limit);
    assert_string_equal(read.process.package_name, e->process.package_name);
}

static void round_trip(void **state)
{
    (void)state;
    struct event e = refusal();
    same(&e);
    e.dns_type = 28;
    same(&e);
    e.action = ACTION_HTTP_REQUEST;
    e.reason = REASON_NAME_NOT_BOUND;
    e.verdict = VERDICT_DENY;
    e.dns_type = 0;
    e.ip_protocol = 6;
    e.asked_port = 8443;
    snprintf(e.http_method, sizeof e.http_method, "CONNECT");
    same(&e);
    for (unsigned i = REASON_NONE; i < REASON_COUNT; i++) {
        e.reason = (enum reason)i;
        same(&e);
    }
    e = refusal();
    e.action = ACTION_CONNECTION_END;
    e.verdict = VERDICT_ALLOW;
    e.dns_type = 0;
    e.ip_protocol = 253;
    e.bytes_in = 12345;
    same(&e);
}

/* What was escaped in the file is escaped once for a person too, and a summary of it is the live one. */
static void escapes_once(void **state)
{
    (void)state;
    struct event e = refusal(), read;
    char line[2048];
    snprintf(e.process.name, sizeof e.process.name, "a\n\x1b[31m\\b\xc3\xa4");
    snprintf(e.limit, sizeof e.limit, "\\x0a\\x00\\xzz");
    snprintf(e.domain, sizeof e.domain, "a\\.b\\255\x1b.test");
    e.domain_escaped = true;
    same(&e);
    e.domain_escaped = false;
    same(&e);
    char *json = event_to_json(&e, NULL);
    assert_true(event_from_json(json, &read));
    free(json);
    assert_string_equal(read.process.name, e.process.name);
    event_to_line(&read, false, line, sizeof line);
    assert_non_null(strstr(line, "by a\\x0a\\x1b[31m\\x5cb\\xc3\\xa4"));
    assert_non_null(strstr(line, "a\\x5c.b\\x5c255\\x1b.test"));
}

static void no_events(void **state)
{
    (void)state;
    static const char *const row[] = {
        "",
        "{}",
        "[]",
        "7",
        "null",
        "{\"event\":7}",
        "not json",
        "{\"event\":{\"action\":\"dns-query\",\"reason\":\"made_up\"},\"sluice\":{\"verdict\":\"deny\"}}",
        "{\"event\":{\"action\":\"dns-query\",\"reason\":\"denied\"},\"sluice\":{\"verdict\":\"perhaps\"}}",
    };
    struct event e;
    for (unsigned i = 0; i < sizeof row / sizeof *row; i++)
        assert_false(event_from_json(row[i], &e));
    /* Every prefix of one, and values that are too long or of the wrong kind. */
    struct event written = refusal();
    char *json = event_to_json(&written, NULL);
    for (size_t n = 0, len = strlen(json); n < len; n++) {
        char *cut = strndup(json, n);
        assert_false(event_from_json(cut, &e));
        free(cut);
    }
    free(json);
    char huge[4096];
    snprintf(
        huge, sizeof huge,
        "{\"event\":{\"action\":\"dns-query\",\"reason\":\"denied\"},\"sluice\":{\"verdict\":\"deny\",\"count\":-3,"
        "\"scope\":[1]},\"source\":{\"ip\":\"10.0.0.1\",\"port\":99999999},\"dns\":{\"question\":{\"name\":\"%02000d\"}"
        "}}",
        7);
    assert_true(event_from_json(huge, &e));
    assert_true(e.count == 0 && e.source.port == UINT16_MAX && !e.scope[0]);
    assert_int_equal(strlen(e.domain), sizeof e.domain - 1);
}

/* The lines of a policy: an attack is never among them, and nothing of it leaves its comment. */
static void policy_lines(void **state)
{
    (void)state;
    struct summary *s = summary_new();
    struct event e = refusal();
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    assert_true(s && out);
    summary_add(s, &e);
    snprintf(e.domain, sizeof e.domain, "*.odd.test");
    snprintf(e.hint, sizeof e.hint, "%s", "*.odd.test");
    summary_add(s, &e);
    snprintf(e.domain, sizeof e.domain, "video.test");
    snprintf(e.hint, sizeof e.hint, "quic: judge");
    summary_add(s, &e);
    e.reason = REASON_TUNNEL_SUSPECTED;
    snprintf(e.domain, sizeof e.domain, "a\n      - evil.test");
    snprintf(e.hint, sizeof e.hint, "tunnel.test");
    summary_add(s, &e);
    summary_print_policy(s, "runner", "", out);
    fclose(out);
    assert_non_null(strstr(text, "\n      - payload.evil.test "));
    assert_non_null(strstr(text, "# 7 times, by node, package left-pad\n"));
    assert_non_null(strstr(text, "\n      - '*.odd.test' "));
    assert_non_null(strstr(text, "\n# a setting beside allow: would have sufficed: quic: judge"));
    assert_null(strstr(text, "- tunnel.test"));
    assert_null(strstr(text, "\n      - evil.test"));
    assert_non_null(strstr(text, "# these look like attacks and are not offered:\n#  a\\x0a"));
    free(text);
    summary_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trip),
        cmocka_unit_test(escapes_once),
        cmocka_unit_test(no_events),
        cmocka_unit_test(policy_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
