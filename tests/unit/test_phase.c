/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Phases of a profile, scopes of jobs, and what is narrower than what. */
#include "tests/unit/policies.h"

#include "policy/decide.h"
#include "policy/narrow.h"

static const char phased[] = "version: 1\n"
                             "profiles:\n"
                             "  base:\n"
                             "    allow: [registry.example, 'tcp://git.example:22', '**.cdn.example']\n"
                             "    deny: [ads.cdn.example]\n"
                             "    phases:\n"
                             "      build: { allow: [] }\n"
                             "      test: { allow: [registry.example, a.cdn.example, ads.cdn.example] }\n"
                             "      deploy: { allow: [upload.example] }\n"
                             "  node: { extends: base, allow: [npm.example] }\n"
                             "scopes:\n"
                             "  - { name: ci, match: { cgroup: /ci }, profile: node }\n";

static const struct policy_system one = {.resolvers = 1, .resolver = {{4, {192, 0, 2, 1}}}};

static struct policy *in_phase(const char *phase, struct error *e)
{
    struct policy_ids *ids = calloc(1, sizeof *ids);
    *ids = (struct policy_ids){.first = 1, .last = 10, .count = 1, .row = {{.name = "ci", .id = 4}}};
    snprintf(ids->row[0].phase, sizeof ids->row[0].phase, "%s", phase);
    struct policy *p = compile(phased, NULL, ids, e);
    free(ids);
    return p;
}

static bool resolves(const struct policy *p, const char *host)
{
    struct name name;
    assert_true(name_from_wire(text(host), &name));
    return decide_question(p, &p->scope[0], &name, 1, false).path == DECIDE_RELEASE;
}

static void test_phase_replaces_what_is_allowed(void **state)
{
    (void)state;
    struct error e = {0};
    struct policy *p = in_phase("", &e);
    assert_non_null(p);
    assert_string_equal(p->scope[0].phase, "");
    assert_true(resolves(p, "npm.example") && resolves(p, "registry.example") && resolves(p, "x.y.cdn.example"));
    assert_false(resolves(p, "ads.cdn.example") || resolves(p, "upload.example"));
    policy_free(p);
    p = in_phase("test", &e);
    assert_non_null(p);
    assert_string_equal(p->scope[0].phase, "test");
    assert_string_equal(p->scope[0].profile->name, "base/test");
    assert_ptr_equal(p->scope[0].base, policy_profile_find(p, "node"));
    assert_true(resolves(p, "registry.example") && resolves(p, "a.cdn.example"));
    assert_false(resolves(p, "npm.example") || resolves(p, "b.cdn.example"));
    assert_false(resolves(p, "ads.cdn.example")); /* the profile's denials hold on */
    policy_free(p);
    p = in_phase("build", &e);
    assert_non_null(p);
    assert_false(resolves(p, "registry.example") || resolves(p, "npm.example"));
    policy_free(p);
    assert_null(in_phase("tset", &e));
    assert_non_null(strstr(e.text, "scope \"ci\" is in phase \"tset\", which profile \"node\" does not have"));
}

/* A phase of a parent: what the child denies, and its settings, hold in it. */
static void test_phase_of_a_parent(void **state)
{
    (void)state;
    static const char source[] = "version: 1\nprofiles:\n"
                                 "  base: { phases: { build: { allow: [big.test, ok.test] } } }\n"
                                 "  child: { extends: base, allow: [big.test, ok.test, x.test], deny: [big.test], "
                                 "quic: judge, dns: { budget: { label_bytes: 9 } } }\n"
                                 "scopes: [{ name: ci, match: { cgroup: /ci }, profile: child }]\n";
    struct policy_ids *ids = calloc(1, sizeof *ids);
    *ids = (struct policy_ids){.first = 1, .last = 9, .count = 1, .row = {{.name = "ci", .id = 4, .phase = "build"}}};
    struct policy *p = good(source, NULL, ids);
    free(ids);
    assert_true(resolves(p, "ok.test"));
    assert_false(resolves(p, "big.test") || resolves(p, "x.test"));
    assert_int_equal(p->scope[0].profile->quic, POLICY_QUIC_JUDGE);
    assert_int_equal(p->scope[0].profile->budget.label_bytes, 9);
    const struct policy_profile *child = policy_profile_find(p, "child");
    struct policy_profile then = policy_profile_in_phase(child, policy_phase_find(p, child, "build"));
    assert_true(narrow_covers(child, &then, NULL, NULL));
    policy_free(p);
}

static void test_phases_are_no_profiles(void **state)
{
    (void)state;
    bad("version: 1\nprofiles: { a: { phases: { b: { allow: [] } } } }\n"
        "scopes: [{ name: s, match: { cgroup: /s }, profile: a/b }]\n",
        NULL, "policy.yaml:3:", "unknown profile \"a/b\"");
    bad("version: 1\nprofiles: { a: { phases: { b: { extends: a } } } }\n", NULL,
        "policy.yaml:2:", "unknown key \"extends\"");
    bad("version: 1\nprofiles: { a: { phases: [b] } }\n", NULL, "policy.yaml:2:", "phases is a mapping");
    bad("version: 1\nprofiles: { a: { phases: { b: [] } } }\n", NULL, "policy.yaml:2:", "a phase says what is allowed");
    bad("version: 1\nprofiles: { a: { phases: { b: { allow: ['*.com'] } } } }\n", NULL,
        "policy.yaml:2:", "allow_public_suffix");
    bad("version: 1\nprofiles: { a: { phases: { a23456789a123456789a123456789ab4: {} } } }\n", NULL,
        "policy.yaml:2:", "at most 31 bytes");
    struct policy *p = good("version: 1\nprofiles: { a: { phases: { b: {} } } }\n", NULL, NULL);
    assert_ptr_equal(policy_profile_only(p), policy_profile_find(p, "a"));
    assert_null(policy_profile_find(p, "a/b"));
    policy_free(p);
}

static void test_jobs_stand_first(void **state)
{
    (void)state;
    struct error e = {0};
    static const char job[] =
        "{\"version\": 1, \"job\": {\"id\": \"7\", \"more\": 1},"
        " \"profiles\": {\"job-7\": {\"extends\": \"node\", \"allow\": [\"own.example\"]}},"
        " \"scopes\": [{\"name\": \"job-7\", \"profile\": \"job-7\", \"match\": {\"cgroup\": \"/ci/7\"}}]}";
    struct policy_source sources[] = {{.file = "policy.yaml", .text = text(phased)},
                                      {.file = "job 7", .text = text(job), .job = true}};
    struct policy *p = policy_compile(sources, 2, &one, NULL, &e);
    if (!p)
        fail_msg("%s", e.text);
    assert_string_equal(p->scope[0].name, "job-7");
    assert_string_equal(p->scope[0].job, "7");
    assert_null(p->scope[1].job);
    assert_true(resolves(p, "own.example") && resolves(p, "npm.example"));
    policy_free(p);
    sources[1].job = false; /* a file cannot say that it is a job */
    assert_null(policy_compile(sources, 2, &one, NULL, &e));
    assert_non_null(strstr(e.text, "unknown key \"job\""));
}

static bool count_job(void *ctx, const char *file, struct bytes source)
{
    unsigned *jobs = ctx;
    assert_string_equal(file, "job 7");
    assert_true(source.len > 10);
    (*jobs)++;
    return true;
}

static void test_bundles_carry_jobs(void **state)
{
    (void)state;
    struct error e = {0};
    unsigned jobs = 0;
    struct policy_source source = {.file = "policy.yaml", .text = text(phased)};
    struct policy_source job = {.file = "job 7",
                                .text = text("version: 1\njob: { id: 7 }\nscopes: [{ name: job-7, profile: node, "
                                             "match: { cgroup: /ci/7 } }]\n"),
                                .job = true};
    struct bytes plain, with, moved, without;
    struct policy_ids *ids = calloc(1, sizeof *ids);
    *ids =
        (struct policy_ids){.first = 1, .last = 10, .count = 1, .row = {{.name = "job-7", .id = 4, .phase = "build"}}};
    assert_true(policy_bundle_make(&source, 1, &one, NULL, &plain, &e));
    assert_true(policy_bundle_change(plain, &(struct policy_bundle_change){.more = &job}, ids, &with, &e));
    assert_true(policy_bundle_change(plain, &(struct policy_bundle_change){.jobs_of = with}, ids, &moved, &e));
    assert_true(policy_bundle_jobs(moved, count_job, &jobs, &e));
    assert_int_equal(jobs, 1);
    struct policy *p = policy_from_bundle(moved, &e);
    if (!p)
        fail_msg("%s", e.text);
    assert_int_equal(p->scopes, 2);
    assert_int_equal(p->scope[0].id, 4);
    assert_string_equal(p->scope[0].phase, "build");
    policy_free(p);
    assert_true(policy_bundle_change(moved, &(struct policy_bundle_change){.without = "job 7"}, ids, &without, &e));
    p = policy_from_bundle(without, &e);
    assert_int_equal(p->scopes, 1);
    policy_free(p);
    assert_false(policy_bundle_change((struct bytes){moved.at, moved.len - 1}, &(struct policy_bundle_change){0}, ids,
                                      &without, &e));
    free((void *)(uintptr_t)plain.at);
    free((void *)(uintptr_t)with.at);
    free((void *)(uintptr_t)moved.at);
    free((void *)(uintptr_t)without.at);
    free(ids);
}

/* Does a profile that allows `narrow` allow nothing that one with `wide` does not? */
static bool covers(const char *wide, const char *narrow)
{
    char source[600];
    struct endpoint beyond;
    const char *setting;
    snprintf(source, sizeof source, "version: 1\nprofiles: { w: { %s }, n: { %s } }\n", wide, narrow);
    struct policy *p = good(source, NULL, NULL);
    bool yes = narrow_covers(policy_profile_find(p, "w"), policy_profile_find(p, "n"), &beyond, &setting);
    policy_free(p);
    return yes;
}

static void test_narrow(void **state)
{
    (void)state;
    static const struct {
        const char *wide, *narrow;
        bool covered;
    } rows[] = {
        {"allow: [a.test]", "allow: []", true},
        {"allow: []", "allow: [a.test]", false},
        {"allow: [a.test]", "allow: [a.test]", true},
        {"allow: ['tls://a.test:1-9']", "allow: ['tls://a.test:2-9']", true},
        {"allow: ['tls://a.test:1-9']", "allow: ['tls://a.test:9-10']", false},
        {"allow: ['*.a.test']", "allow: [b.a.test]", true},
        {"allow: ['*.a.test']", "allow: [c.b.a.test]", false},
        {"allow: ['*.a.test']", "allow: [a.test]", false},
        {"allow: ['*.a.test']", "allow: ['*.a.test']", true},
        {"allow: ['*.a.test']", "allow: ['**.a.test']", false},
        {"allow: ['**.a.test']", "allow: ['*.a.test']", true},
        {"allow: ['**.a.test']", "allow: ['**.b.a.test']", true},
        {"allow: ['*.a.test']", "allow: ['*.b.a.test']", false},
        {"allow: [b.a.test]", "allow: ['*.a.test']", false},
        {"allow: ['tcp://a.test:443']", "allow: [a.test]", true},
        {"allow: [a.test]", "allow: ['tcp://a.test:443']", false},
        {"allow: [a.test]", "allow: ['udp://a.test:443']", false},
        {"allow: ['ws://a.test']", "allow: ['http://a.test']", true},
        {"allow: ['http://a.test']", "allow: ['ws://a.test']", false},
        {"allow: [a.test]", "allow: ['dns://a.test']", true},
        {"allow: [a.test]", "allow: ['dns://a.test?types=TXT']", false},
        {"allow: ['dns://a.test?types=TXT,SRV']", "allow: ['dns://a.test?types=TXT']", true},
        {"allow: ['dns://a.test?types=TXT']", "allow: ['dns://a.test?types=TXT,SRV']", false},
        {"allow: [a.test]", "allow: ['a.test@10.0.0.0/8']", false},
        {"allow: ['a.test@10.0.0.0/8']", "allow: ['a.test@10.1.0.0/16']", true},
        {"allow: ['a.test@10.1.0.0/16']", "allow: ['a.test@10.0.0.0/8']", false},
        {"allow: ['10.0.0.0/8:443']", "allow: ['10.1.2.3:443']", true},
        {"allow: ['10.0.0.0/8:443']", "allow: ['10.1.2.3:444']", false},
        {"allow: ['10.1.0.0/16']", "allow: ['10.0.0.0/8']", false},
        {"allow: ['a.test@10.0.0.0/8']", "allow: ['10.0.0.1:443']", false},
        {"allow: ['[2001:db8::/32]:443']", "allow: ['[2001:db8:1::/48]:443']", true},
        {"allow: ['[2001:db8::/32]:443']", "allow: ['[2001:db9::/48]:443']", false},
        {"allow: ['proxy://p.test:3128']", "allow: ['tcp://p.test:3128']", false},
        {"allow: ['tcp://p.test:3128']", "allow: ['proxy://p.test:3128']", false},
        {"allow: ['tcp://p.test:3128', 'proxy://p.test:3128']", "allow: ['tcp://p.test:3128']", false},
        {"allow: ['tcp://p.test:3128', 'proxy://p.test:3128']", "allow: ['tcp://p.test:3128', 'proxy://p.test:3128']",
         true},
        {"allow: ['tcp://p.test:3128', 'proxy://p.test:3128']", "allow: ['proxy://p.test:3128']", true},
        {"allow: [a.test, 'proxy://p.test:3128']", "allow: []", true},
        {"allow: [198.18.2.0/24, 'proxy://198.18.2.81:3128']", "allow: [198.18.2.0/24]", false},
        /* Without the proxy, nothing goes where it may be: other ports, other addresses, UDP, questions. */
        {"allow: [a.test, 'proxy://p.test:3128']", "allow: [a.test]", true},
        {"allow: ['tcp://b.test:9000-9001', 'proxy://p.test:3128']", "allow: ['tcp://b.test:9001']", true},
        {"allow: ['tcp://b.test:3000-4000', 'proxy://p.test:3128']", "allow: ['tcp://b.test:3000-3127']", true},
        {"allow: ['tcp://b.test:3000-4000', 'proxy://p.test:3128']", "allow: ['tcp://b.test:3129-4000']", true},
        {"allow: ['tcp://b.test:3000-4000', 'proxy://p.test:3128']", "allow: ['tcp://b.test:3128']", false},
        {"allow: ['b.test:3128', 'proxy://p.test:3128']", "allow: ['b.test:3128']", false},
        {"allow: ['ws://b.test:3128', 'proxy://p.test:3128']", "allow: ['http://b.test:3128']", false},
        {"allow: ['tcp://b.test:3128', 'proxy://198.18.2.81:3128']", "allow: ['tcp://b.test:3128']", false},
        {"allow: [198.18.2.0/24, 'proxy://p.test:3128']", "allow: [198.18.2.0/24]", false},
        {"allow: ['udp://b.test:3128', 'proxy://p.test:3128']", "allow: ['udp://b.test:3128', 'dns://p.test']", true},
        {"allow: [198.18.2.0/24, 'proxy://198.18.3.81:3128']", "allow: [198.18.2.0/24]", true},
        {"allow: [198.18.2.0/24, 'proxy://198.18.2.81:3128']", "allow: ['198.18.2.80/31:3000-4000']", false},
        {"allow: [198.18.2.0/24, 'proxy://[2001:db8::1]:3128']", "allow: [198.18.2.0/24]", true},
        {"allow: [a.test, 'proxy://p.test:3128']", "allow: [a.test], deny: ['proxy://p.test:3128']", true},
        {"allow: ['tcp://a.test:3128', 'proxy://p.test:3128']",
         "allow: ['tcp://a.test:3128', 'proxy://p.test:3128'], deny: ['proxy://p.test:3128']", false},
        {"allow: ['tcp://p.test:1-9', 'proxy://p.test:3']",
         "allow: ['tcp://p.test:1-9', 'proxy://p.test:3'], deny: ['proxy://p.test:3']", false},
        {"allow: ['tcp://a.test:443'], quic: judge", "allow: [a.test], quic: judge", false},
        {"allow: ['tcp://a.test:1-65535'], deny: ['tcp://a.test:443']", "allow: [a.test], deny: ['tcp://a.test:443']",
         false},
        {"allow: ['**.a.test:8443'], deny: ['**.a.test:8443']", "allow: ['dns://**.a.test']", false},
        {"allow: [a.test], deny: [b.test]", "allow: [a.test]", false},
        {"allow: [a.test]", "allow: [a.test], deny: [b.test]", true},
        {"allow: [a.test]", "allow: [a.test], quic: judge", false},
        {"allow: [a.test], quic: judge", "allow: [a.test]", true},
        {"allow: [a.test]", "allow: [a.test], ech: outer", false},
        {"allow: [a.test], dns: { budget: { label_bytes: 20 } }", "allow: [a.test]", false},
        {"allow: [a.test], dns: { budget: { label_bytes: 20 } }",
         "allow: [a.test], dns: { budget: { label_bytes: 10 } }", true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (covers(rows[i].wide, rows[i].narrow) != rows[i].covered)
            fail_msg("%s / %s: expected %d", rows[i].wide, rows[i].narrow, rows[i].covered);
}

/* Both keep what their common parent denies: asking for a name whose every use is not denied stays free. */
static void test_narrow_denials(void **state)
{
    (void)state;
    static const struct {
        const char *denied, *wide, *narrow;
        bool covered;
    } rows[] = {
        {"bad.b.test", "a.test", "dns://a.test", true},
        {"bad.b.test, 10.0.0.0/8, 'tcp://10.1.2.3:443'", "'tcp://a.test:443'", "dns://a.test", true},
        {"a.test", "a.test", "dns://a.test", true}, /* neither asks */
        {"'dns://a.test?types=TXT'", "a.test", "dns://a.test", true},
        {"'dns://a.test'", "a.test", "dns://a.test", true},
        {"'**.a.test:8443'", "'**.a.test:8443'", "'dns://**.a.test'", false},
        {"'**.a.test:8443'", "'**.a.test:8442-8443'", "'dns://**.a.test'", true},
        {"'http://a.test'", "'ws://a.test'", "dns://a.test", false},
        {"'ws://a.test'", "'http://a.test'", "dns://a.test", true},
        {"'proxy://a.test:3128'", "'proxy://a.test:3128'", "dns://a.test", false},
        {"bad.b.test", "a.test", "'dns://a.test?types=TXT'", false},
        {"bad.b.test", "'tcp://a.test:443'", "a.test", false},
        {"bad.b.test", "'tcp://a.test:443'", "'tcp://a.test:443'", true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char source[600];
        snprintf(source, sizeof source,
                 "version: 1\nprofiles: { b: { deny: [%s] }, w: { extends: b, allow: [%s] }, n: { extends: b, allow: "
                 "[%s] } }\n",
                 rows[i].denied, rows[i].wide, rows[i].narrow);
        struct policy *p = good(source, NULL, NULL);
        bool yes = narrow_covers(policy_profile_find(p, "w"), policy_profile_find(p, "n"), NULL, NULL);
        policy_free(p);
        if (yes != rows[i].covered)
            fail_msg("%s / %s / %s: expected %d", rows[i].denied, rows[i].wide, rows[i].narrow, rows[i].covered);
    }
}

static void test_narrow_phases(void **state)
{
    (void)state;
    struct endpoint beyond;
    struct policy *p = good(phased, NULL, NULL);
    const struct policy_profile *base = policy_profile_find(p, "base"), *node = policy_profile_find(p, "node");
    const struct policy_profile *build = policy_phase_find(p, node, "build"),
                                *tests = policy_phase_find(p, node, "test");
    struct policy_profile in_deploy = policy_profile_in_phase(node, policy_phase_find(p, node, "deploy"));
    struct policy_profile in_build = policy_profile_in_phase(node, build),
                          in_tests = policy_profile_in_phase(node, tests);
    assert_true(narrow_covers(node, &in_build, NULL, NULL) && narrow_covers(node, &in_tests, NULL, NULL));
    assert_true(narrow_covers(&in_tests, &in_build, NULL, NULL));
    assert_false(narrow_covers(&in_build, &in_tests, &beyond, NULL));
    assert_string_equal(beyond.name.text, "registry.example");
    assert_false(narrow_covers(node, &in_deploy, &beyond, NULL));
    assert_string_equal(beyond.name.text, "upload.example");
    assert_false(narrow_covers(&in_tests, base, NULL, NULL));
    policy_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_phase_replaces_what_is_allowed),
        cmocka_unit_test(test_phases_are_no_profiles),
        cmocka_unit_test(test_phase_of_a_parent),
        cmocka_unit_test(test_jobs_stand_first),
        cmocka_unit_test(test_bundles_carry_jobs),
        cmocka_unit_test(test_narrow),
        cmocka_unit_test(test_narrow_denials),
        cmocka_unit_test(test_narrow_phases),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
