/* SPDX-License-Identifier: GPL-3.0-or-later */
/* policy/decide: questions, what is offered for them, and the addresses of answers. */
#include "tests/unit/decide_bed.h"

static void test_question(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        uint16_t type;
        bool reverse_bound;
        enum reason reason;
        bool noise, offer;
        const char *rule;
    } rows[] = {
        {"registry.example", A, false, REASON_NAME_ALLOWED, false, false, "registry.example"},
        {"registry.example", AAAA, false, REASON_NAME_ALLOWED, false, false, "registry.example"},
        {"git.example", A, false, REASON_NAME_ALLOWED, false, false, "tcp://git.example:22"},
        {"time.example", A, false, REASON_NAME_ALLOWED, false, false, "udp://time.example:123"},
        {"txt.example", A, false, REASON_NAME_ALLOWED, false, false, "dns://txt.example?types=TXT,SRV"},
        {"txt.example", TXT, false, REASON_NAME_ALLOWED, false, false, "dns://txt.example?types=TXT,SRV"},
        {"txt.example", SRV, false, REASON_NAME_ALLOWED, false, false, "dns://txt.example?types=TXT,SRV"},
        {"txt.example", MX, false, REASON_TYPE_NOT_ALLOWED, false, true, NULL},
        {"a.b.cdn.example", A, false, REASON_NAME_ALLOWED, false, false, "**.cdn.example"},
        {"half.example", A, false, REASON_NAME_ALLOWED, false, false, "half.example"},
        /* an allowed name, another type: NODATA */
        {"registry.example", HTTPS, false, REASON_TYPE_NOT_ALLOWED, true, false, NULL},
        {"registry.example", SVCB, false, REASON_TYPE_NOT_ALLOWED, true, false, NULL},
        {"registry.example", TXT, false, REASON_TYPE_NOT_ALLOWED, false, true, NULL},
        {"registry.example", CNAME, false, REASON_TYPE_NOT_ALLOWED, false, true, NULL},
        {"registry.example", 255, false, REASON_TYPE_NOT_ALLOWED, false, false, NULL},
        {"notxt.example", TXT, false, REASON_TYPE_NOT_ALLOWED, false, false, NULL}, /* that type is denied */
        {"notxt.example", MX, false, REASON_NAME_ALLOWED, false, false, "dns://notxt.example?types=MX,TXT"},
        /* no entry */
        {"evil.test", A, false, REASON_NOT_IN_ALLOWLIST, false, true, NULL},
        {"evil.test", TXT, false, REASON_NOT_IN_ALLOWLIST, false, true, NULL},
        {"cdn.example", A, false, REASON_NOT_IN_ALLOWLIST, false, true, NULL},
        {"xregistry.example", A, false, REASON_NOT_IN_ALLOWLIST, false, true, NULL},
        {"example", A, false, REASON_NOT_IN_ALLOWLIST, false, true, NULL},
        {"0123456789abcdef0123456789abcdef01.evil.test", A, false, REASON_NOT_IN_ALLOWLIST, false, false, NULL},
        {"mzxw6ytboi2gk3tumf4q3b5.evil.test", A, false, REASON_NOT_IN_ALLOWLIST, false, false, NULL},
        {"1.2.3.4.5.6.7.8.evil.test", A, false, REASON_NOT_IN_ALLOWLIST, false, false, NULL},
        /* denied */
        {"ads.cdn.example", A, false, REASON_DENIED, false, false, "ads.cdn.example"},
        {"ads.cdn.example", TXT, false, REASON_DENIED, false, false, "ads.cdn.example"},
        {"never.cdn.example", A, false, REASON_DENIED, false, false, "never.cdn.example"},
        {"inherited.example", A, false, REASON_DENIED, false, false, "inherited.example"},
        /* noise */
        {"registry.example.corp.example", A, false, REASON_SEARCH_DOMAIN, true, false, NULL},
        {"registry.example.svc.cluster.local", AAAA, false, REASON_SEARCH_DOMAIN, true, false, NULL},
        {"registry.example.corp.example", TXT, false, REASON_SEARCH_DOMAIN, true, false, NULL},
        {"registry.example.pods.example", A, false, REASON_SEARCH_DOMAIN, true, false, NULL}, /* the scope's own */
        {"registry.example.team.svc.cluster.local", AAAA, false, REASON_SEARCH_DOMAIN, true, false, NULL},
        {"_http._tcp.deb.example.pods.example", SRV, false, REASON_SEARCH_DOMAIN, true, false, NULL},
        {"runner1.pods.example", A, false, REASON_OWN_NAME, true, false, NULL},
        {"evil.test.pods.example", A, false, REASON_NOT_IN_ALLOWLIST, false, true, NULL},
        {"registry.examplepods.example", A, false, REASON_NOT_IN_ALLOWLIST, false, true, NULL},
        {"pods.example", A, false, REASON_NOT_IN_ALLOWLIST, false, true, NULL},
        {"evil.test.corp.example", A, false, REASON_NOT_IN_ALLOWLIST, false, true, NULL},
        {"ads.cdn.example.corp.example", A, false, REASON_NOT_IN_ALLOWLIST, false, true, NULL}, /* denied: no noise */
        {"corp.example", A, false, REASON_NOT_IN_ALLOWLIST, false, true, NULL},
        {"registry.examplecorp.example", A, false, REASON_NOT_IN_ALLOWLIST, false, true, NULL},
        {"7.2.0.192.in-addr.arpa", PTR, true, REASON_REVERSE_OF_BOUND, true, false, NULL},
        {"7.2.0.192.in-addr.arpa", PTR, false, REASON_NOT_IN_ALLOWLIST, false, false, NULL},
        {"7.2.0.192.in-addr.arpa", TXT, true, REASON_NOT_IN_ALLOWLIST, false, true, NULL},
        {"payload.evil.test", PTR, true, REASON_NOT_IN_ALLOWLIST, false, false, NULL}, /* RESEARCH: PTR is a tunnel */
        {"_http._tcp.deb.example", SRV, false, REASON_PROBE_NAME, true, false, NULL},
        {"_https._tcp.deb.example", SRV, false, REASON_PROBE_NAME, true, false, NULL},
        {"_http._tcp.a.cdn.example", SRV, false, REASON_PROBE_NAME, true, false, NULL}, /* itself below a wildcard */
        {"_http._tcp.evil.test", SRV, false, REASON_NOT_IN_ALLOWLIST, false, true, NULL},
        {"_http._tcp.deb.example", TXT, false, REASON_NOT_IN_ALLOWLIST, false, true, NULL},
        {"_ldap._tcp.deb.example", SRV, false, REASON_NOT_IN_ALLOWLIST, false, true, NULL},
        {"_http._tcp.deb.example.corp.example", SRV, false, REASON_SEARCH_DOMAIN, true, false, NULL},
        {"ipv4only.arpa", AAAA, false, REASON_PROBE_NAME, true, false, NULL}, /* RFC 7050 */
        {"x.ipv4only.arpa", A, false, REASON_NOT_IN_ALLOWLIST, false, true, NULL},
        {"runner1.hosts.example", A, false, REASON_OWN_NAME, true, false, NULL},
        {"runner1", A, false, REASON_OWN_NAME, true, false, NULL},
        {"runner1.corp.example", A, false, REASON_OWN_NAME, true, false, NULL},
        {"runner1.hosts.example.corp.example", A, false, REASON_OWN_NAME, true, false, NULL},
        {"runner2", A, false, REASON_NOT_IN_ALLOWLIST, false, true, NULL},
        {"hosts.example", A, false, REASON_NOT_IN_ALLOWLIST, false, true, NULL},
        {"localhost", A, false, REASON_OWN_NAME, true, false, NULL},
        {"x.localhost", A, false, REASON_OWN_NAME, true, false, NULL}, /* RFC 6761 s6.3 */
        {"localhost.corp.example", A, false, REASON_OWN_NAME, true, false, NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct name n;
        uint8_t wire[255];
        n.len = (uint8_t)strlen(rows[i].name);
        memcpy(n.text, rows[i].name, n.len + 1u);
        assert_true(name_from_labels((struct bytes){wire, name_to_labels(&n, wire)}, &n));
        struct decision d = decide_question(f.policy, f.scope, &n, rows[i].type, rows[i].reverse_bound);
        bool allow = rows[i].reason == REASON_NAME_ALLOWED;
        if (d.reason != rows[i].reason || d.noise != rows[i].noise || d.offer != rows[i].offer)
            fail_msg("%s %u: %s, noise %d, offer %d", rows[i].name, rows[i].type, reason_name(d.reason), d.noise,
                     d.offer);
        assert_int_equal(d.path, allow ? DECIDE_RELEASE : DECIDE_REFUSE); /* noise is never forwarded */
        check_rule(rows[i].name, &d, rows[i].rule);
    }
}

/* A scope's search domains are that scope's. */
static void test_search_domains_of_scope(void **state)
{
    (void)state;
    struct name n;
    assert_int_equal(f.scope->search_domains, 2);
    assert_int_equal(f.base->search_domains, 0);
    assert_true(name_from_wire(text("inherited.example.corp.example"), &n));
    assert_int_equal(decide_question(f.policy, f.base, &n, A, false).reason, REASON_SEARCH_DOMAIN);
    assert_true(name_from_wire(text("inherited.example.pods.example"), &n));
    assert_int_equal(decide_question(f.policy, f.base, &n, A, false).reason, REASON_NOT_IN_ALLOWLIST);
}

/* What is offered suffices: with that entry the same question is allowed, or noise. */
static void test_question_hint(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        uint16_t type;
        const char *hint;
    } rows[] = {
        {"evil.test", A, "evil.test"},
        {"evil.test", AAAA, "evil.test"},
        {"evil.test", HTTPS, "evil.test"},
        {"evil.test", SVCB, "evil.test"},
        {"evil.test", TXT, "dns://evil.test?types=TXT"},
        {"_ldap._tcp.evil.test", SRV, "dns://_ldap._tcp.evil.test?types=SRV"},
        {"evil.test", 4711, "dns://evil.test?types=TYPE4711"},
    };
    static const struct policy_system system = {.resolvers = 1, .resolver = {{4, {192, 0, 2, 53}}}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct name n;
        char hint[300], source[500];
        assert_true(name_from_wire(text(rows[i].name), &n));
        decide_question_hint(&n, rows[i].type, hint, sizeof hint);
        assert_string_equal(hint, rows[i].hint);
        snprintf(source, sizeof source,
                 "version: 1\nprofiles: { p: { allow: ['%s'] } }\n"
                 "scopes: [{ name: s, match: { source: 10.0.0.0/8 }, profile: p }]\n",
                 hint);
        struct policy_source file = {.file = "hint", .text = text(source)};
        struct policy *policy = policy_compile(&file, 1, &system, NULL, NULL);
        assert_non_null(policy);
        struct decision d = decide_question(policy, &policy->scope[0], &n, rows[i].type, false);
        assert_true(d.path == DECIDE_RELEASE || d.noise);
        policy_free(policy);
    }
}

static void test_answer(void **state)
{
    (void)state;
    static const struct {
        const char *name, *address;
        bool own, good;
    } rows[] = {
        {"registry.example", "192.0.2.7", false, true},
        {"registry.example", "192.0.2.7", true, false}, /* the host's own */
        {"registry.example", "10.0.0.1", false, false},
        {"registry.example", "169.254.169.254", false, false},
        {"registry.example", "127.0.0.1", false, false},
        {"registry.example", "::ffff:10.0.0.1", false, false},
        {"registry.example", "64:ff9b::a00:1", false, false},
        {"registry.example", "2001:db8::1", false, true},
        {"inside.example", "10.0.0.1", false, true},
        {"inside.example", "10.0.0.1", true, true},
        {"inside.example", "192.168.0.1", false, false},
        {"db.example", "10.5.0.1", false, true},
        {"db.example", "10.6.0.1", false, false},
        {"denied.example", "10.6.0.1", false, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct name n;
        struct address a = address(rows[i].address);
        assert_true(name_from_wire(text(rows[i].name), &n));
        if (decide_answer_address(f.scope, &n, &a, rows[i].own) != rows[i].good)
            fail_msg("%s %s", rows[i].name, rows[i].address);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_question),
        cmocka_unit_test(test_search_domains_of_scope),
        cmocka_unit_test(test_question_hint),
        cmocka_unit_test(test_answer),
    };
    return cmocka_run_group_tests_name("decide_question", tests, setup, teardown);
}
