/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Jobs: their source in the policy, what holds them when they end, their summaries stored and shown. */
#include "tests/unit/policies.h"

#include "ctl/jobs.h"
#include "ctl/report.h"

static void test_ids(void **state)
{
    (void)state;
    static const char *const good_ids[] = {"1", "a-b_c.d", "Z9", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"};
    static const char *const bad_ids[] = {
        "", ".a", "-a", "_a", "a b", "a/b", "a\n", "\xc3\xa4", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"};
    for (size_t i = 0; i < sizeof good_ids / sizeof *good_ids; i++)
        assert_true(jobs_id_good(good_ids[i]));
    for (size_t i = 0; i < sizeof bad_ids / sizeof *bad_ids; i++)
        assert_false(jobs_id_good(bad_ids[i]));
}

static const char file_text[] =
    "version: 1\n"
    "profiles: { node: { allow: [a.test], phases: { build: {} } }, other: {} }\n"
    "scopes:\n"
    "  - { name: all, match: { cgroup: /ci, interface: 'br-*', source: 10.0.0.0/8 }, profile: "
    "other }\n";

static json_t *order_of(const char *id, const char *cgroup)
{
    return json_pack("{s:s, s:s, s:[s], s:[s], s:I}", "id", id, "profile", "node", "cgroup", cgroup, "allow", "b.test",
                     "started", (json_int_t)7);
}

static struct policy *with_jobs(json_t *const *order, unsigned count, struct bytes *bundle)
{
    struct error e = {0};
    struct policy_source sources[4] = {{.file = "policy.yaml", .text = text(file_text)}};
    char name[4][JOBS_SOURCE_SIZE], *source[4] = {0};
    for (unsigned i = 0; i < count; i++) {
        jobs_source_name(json_string_value(json_object_get(order[i], "id")), name[i]);
        source[i] = jobs_source_text(order[i]);
        sources[i + 1] = (struct policy_source){.file = name[i], .text = text(source[i]), .job = true};
    }
    if (!policy_bundle_make(sources, count + 1, &system_one, NULL, bundle, &e))
        fail_msg("%s", e.text);
    struct policy *p = policy_from_bundle(*bundle, &e);
    if (!p)
        fail_msg("%s", e.text);
    for (unsigned i = 0; i < count; i++)
        free(source[i]);
    return p;
}

static void test_sources(void **state)
{
    (void)state;
    struct bytes bundle;
    static struct jobs jobs;
    struct error e = {0};
    json_t *order[2] = {order_of("1", "/ci/\"quoted: {yaml} \\ #"), order_of("2", "/elsewhere")};
    json_object_set_new(order[0], "audit", json_true());
    json_object_set_new(order[1], "starter", json_string("agent"));
    struct policy *p = with_jobs(order, 2, &bundle);
    assert_string_equal(p->scope[0].match[0].text, "/ci/\"quoted: {yaml} \\ #");
    assert_int_equal(p->scope[0].mode, POLICY_AUDIT);
    assert_string_equal(p->scope[1].name, "job-2");
    assert_string_equal(p->scope[1].base->parent->name, "node");
    assert_int_equal(matcher_count(p->scope[1].base->allow), 1);
    assert_true(jobs_read(&jobs, bundle, &e));
    assert_int_equal(jobs.count, 2);
    assert_int_equal(jobs_of_starter(&jobs, "agent"), 1);
    assert_int_equal(jobs_of_starter(&jobs, "other"), 0);
    assert_string_equal(jobs_of_scope(&jobs, &p->scope[1])->profile, "node");
    assert_null(jobs_of_scope(&jobs, &p->scope[2]));
    assert_true(jobs_fall_back(p, &p->scope[0]));
    assert_false(jobs_fall_back(p, &p->scope[1]));
    struct summary *kept = jobs_find(&jobs, "2")->summary;
    policy_free(p);
    free((void *)(uintptr_t)bundle.at);
    /* What has ended is another scope, allows nothing, audits nothing; the job is the same. */
    json_object_set_new(order[1], "ended", json_true());
    json_object_set_new(order[1], "audit", json_true());
    p = with_jobs(order + 1, 1, &bundle);
    assert_string_equal(p->scope[0].name, "ended-2");
    assert_int_equal(p->scope[0].mode, POLICY_ENFORCE);
    assert_null(p->scope[0].base->parent);
    assert_int_equal(matcher_count(p->scope[0].base->allow), 0);
    assert_true(jobs_read(&jobs, bundle, &e));
    assert_int_equal(jobs.count, 1);
    assert_true(jobs_find(&jobs, "2")->ended);
    assert_ptr_equal(jobs_find(&jobs, "2")->summary, kept);
    /* Another job of the same name is another job. */
    policy_free(p);
    free((void *)(uintptr_t)bundle.at);
    json_object_del(order[1], "ended");
    json_object_set_new(order[1], "started", json_integer(8));
    p = with_jobs(order + 1, 1, &bundle);
    assert_true(jobs_read(&jobs, bundle, &e));
    assert_int_equal(jobs.count, 1);
    assert_int_equal(jobs_find(&jobs, "2")->started_usec, 8);
    policy_free(p);
    free((void *)(uintptr_t)bundle.at);
    struct policy_source alone = {.file = "policy.yaml", .text = text(file_text)};
    assert_true(policy_bundle_make(&alone, 1, &system_one, NULL, &bundle, &e));
    assert_true(jobs_read(&jobs, bundle, &e));
    assert_int_equal(jobs.count, 0);
    free((void *)(uintptr_t)bundle.at);
    json_decref(order[0]);
    json_decref(order[1]);
}

/* The keeper reads the order as JSON, the policy as YAML: both must see the same. */
static void test_both_read_the_same(void **state)
{
    (void)state;
    static const char *const paths[] = {"/ci/n \xc2\x85  w",
                                        "/ci/\xe2\x80\xa8x",
                                        "/ci/\xe2\x80\xa9 x",
                                        "/ci/ x",
                                        "/ci/\xc3\xa4",
                                        "/ci/\xef\xbb\xbfx",
                                        "/ci/a: b",
                                        "/ci/#x",
                                        "/ci/&a",
                                        "/ci/*a",
                                        "/ci/%x",
                                        "/ci/\\u0041"};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        struct bytes bundle;
        json_t *order = order_of("x", paths[i]);
        struct policy *p = with_jobs(&order, 1, &bundle);
        assert_string_equal(p->scope[0].match[0].text, paths[i]);
        policy_free(p);
        free((void *)(uintptr_t)bundle.at);
        json_decref(order);
    }
}

static void test_fall_back(void **state)
{
    (void)state;
    static const struct {
        const char *key, *value;
        bool held;
    } rows[] = {{"cgroup", "/ci/x", true},         {"cgroup", "/cix", false},       {"interface", "br-1", true},
                {"interface", "docker0", false},   {"source", "10.1.0.0/16", true}, {"source", "0.0.0.0/0", false},
                {"source", "2001:db8::/64", false}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct bytes bundle;
        json_t *order = json_pack("{s:s, s:s, s:[s]}", "id", "x", "profile", "node", rows[i].key, rows[i].value);
        struct policy *p = with_jobs(&order, 1, &bundle);
        if (jobs_fall_back(p, &p->scope[0]) != rows[i].held)
            fail_msg("%s %s", rows[i].key, rows[i].value);
        policy_free(p);
        free((void *)(uintptr_t)bundle.at);
        json_decref(order);
    }
}

static struct event refusal(const char *domain, enum reason reason)
{
    struct event e = {
        .action = ACTION_DNS_QUERY, .verdict = VERDICT_DENY, .reason = reason, .ip_protocol = 17, .count = 3};
    e.destination.address = (struct address){4, {192, 0, 2, 1}};
    e.destination.port = 53;
    snprintf(e.domain, sizeof e.domain, "%s", domain);
    snprintf(e.hint, sizeof e.hint, "%s", domain);
    snprintf(e.process.name, sizeof e.process.name, "no\x01\xff\\de");
    return e;
}

static struct summary *some_summary(void)
{
    struct summary *s = summary_new();
    struct event one = refusal("evil|`<b>&.test", REASON_NOT_IN_ALLOWLIST),
                 two = refusal("x.test", REASON_TUNNEL_SUSPECTED);
    struct event allowed = {
        .action = ACTION_TLS_HELLO, .verdict = VERDICT_ALLOW, .reason = REASON_NAME_ALLOWED, .ip_protocol = 6};
    snprintf(allowed.domain, sizeof allowed.domain, "good.test");
    allowed.destination.address = (struct address){4, {192, 0, 2, 2}};
    allowed.destination.port = 443;
    summary_add(s, &one);
    summary_add(s, &two);
    summary_add(s, &allowed);
    struct event cut = refusal("cut.test", REASON_POLICY_CHANGED); /* nobody's attempt */
    summary_add(s, &cut);
    return s;
}

static void test_summary_is_restored(void **state)
{
    (void)state;
    struct summary *s = some_summary(), *again = summary_new();
    json_t *stored = summary_store(s);
    assert_true(summary_restore(again, stored));
    char *before = summary_json(s), *after = summary_json(again);
    assert_string_equal(before, after);
    assert_non_null(strstr(before, "\"denied\":6"));
    assert_non_null(strstr(before, "no\\\\x01\\\\xff\\\\x5cde"));
    assert_null(strstr(before, "cut.test"));
    assert_int_equal(summary_denied(again), 6);
    assert_int_equal(summary_events(s), summary_events(again));
    /* Nonsense changes little and breaks nothing. */
    static const char *const wrong[] = {
        "{}", "[]", "7", "{\"connections\":1,\"denied\":1,\"alerts\":0,\"ignored\":0,\"rows\":[7]}",
        "{\"connections\":1,\"denied\":1,\"alerts\":0,\"ignored\":0,\"rows\":[{\"kind\":9}]}"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        json_t *root = json_loads(wrong[i], JSON_DECODE_ANY, NULL);
        struct summary *empty = summary_new();
        assert_false(summary_restore(empty, root));
        summary_free(empty);
        json_decref(root);
    }
    free(before);
    free(after);
    json_decref(stored);
    summary_free(s);
    summary_free(again);
}

static char *report(enum report_format format)
{
    struct summary *s = some_summary();
    char *json = summary_json(s), *out = NULL;
    size_t size;
    json_t *root = json_loads(json, 0, NULL);
    FILE *file = open_memstream(&out, &size);
    report_write(format, "sluice: job <7>", "About.", root, file);
    fclose(file);
    json_decref(root);
    free(json);
    summary_free(s);
    return out;
}

static void test_reports(void **state)
{
    (void)state;
    char *md = report(REPORT_MARKDOWN), *html = report(REPORT_HTML), *json = report(REPORT_JSON);
    assert_ptr_equal(strstr(md, "# sluice: job &#60;7&#62;"), md);
    assert_non_null(
        strstr(md, "1 connections to 1 names were allowed, 6 attempts refused, 3 of these look like attacks."));
    assert_non_null(strstr(md, "## Refused, and looks like an attack"));
    assert_non_null(strstr(md, "evil&#124;&#96;&#60;b&#62;&#38;.test"));
    assert_null(strstr(md, "<b>"));
    assert_non_null(strstr(html, "<td>evil|`&#60;b&#62;&#38;.test</td>"));
    assert_null(strstr(html, "<b>"));
    assert_non_null(strstr(html, "</html>"));
    json_t *root = json_loads(json, 0, NULL);
    assert_int_equal(json_integer_value(json_object_get(root, "denied")), 6);
    json_decref(root);
    enum report_format f;
    assert_true(report_format_find("html", &f) && f == REPORT_HTML);
    assert_false(report_format_find("txt", &f));
    free(md);
    free(html);
    free(json);
}

/* GitHub makes links of bare text, too. */
static void test_no_links(void **state)
{
    (void)state;
    char *out = NULL;
    size_t size;
    FILE *file = open_memstream(&out, &size);
    json_t *root = json_pack("{s:[{s:s, s:s, s:i, s:s, s:[s]}]}", "refused", "name", "WWW.evil.test", "reason",
                             "not_in_allowlist", "count", 1, "process", "curl", "takes", "http://evil.test");
    report_write(REPORT_MARKDOWN, "job", "", root, file);
    fclose(file);
    assert_non_null(strstr(out, "| WWW&#46;evil.test | 1 |"));
    assert_non_null(strstr(out, "| http&#58;//evil.test |"));
    json_decref(root);
    free(out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ids),
        cmocka_unit_test(test_sources),
        cmocka_unit_test(test_both_read_the_same),
        cmocka_unit_test(test_fall_back),
        cmocka_unit_test(test_summary_is_restored),
        cmocka_unit_test(test_reports),
        cmocka_unit_test(test_no_links),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
