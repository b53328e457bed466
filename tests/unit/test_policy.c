/* SPDX-License-Identifier: GPL-3.0-or-later */
/* policy/policy: what the YAML compiles to, ids, bundles.  Wrong files: tests/policy/check_bad.sh. */
#include "policy/decide.h"
#include "policy/matcher.h"
#include "policy/suffix.h"
#include "tests/unit/policies.h"

static void test_whole(void **state)
{
    (void)state;
    struct policy *p = good(whole, NULL, NULL);
    check_whole(p);
    policy_free(p);
}

static void test_defaults(void **state)
{
    (void)state;
    struct policy *p =
        good("version: 1\nprofiles: { a: {} }\nscopes: [{ name: s, match: { cgroup: /s }, profile: a }]\n", NULL, NULL);
    assert_int_equal(p->mark_mask, 0x3fff);
    assert_true(p->fast_path);
    assert_false(p->refuse_unmatched);
    assert_int_equal(p->scope[0].resolvers, 2); /* system */
    policy_free(p);
    policy_free(good("version: 1\n", NULL, NULL)); /* nothing is in scope: valid, if idle */
    policy_free(NULL);
}

static void test_parts(void **state)
{
    (void)state;
    static const char main_text[] = "version: 1\nunmatched: refuse\nprofiles: { a: { allow: [a.example] } }\n"
                                    "scopes: [{ name: s, match: { cgroup: /s }, profile: b }]\n";
    static const char part[] = "profiles: { b: { extends: a } }\n"
                               "scopes: [{ name: t, match: { cgroup: /t }, profile: a }]\n";
    struct policy *p = good(main_text, part, NULL);
    assert_int_equal(p->scopes, 3);
    assert_string_equal(p->scope[1].name, "t");
    assert_string_equal(p->scope[2].name, "unmatched"); /* stays the last */
    assert_ptr_equal(p->scope[0].profile->parent, policy_profile_find(p, "a"));
    policy_free(p);
    static const char alone[] = "version: 1\nunmatched: refuse\nprofiles: { a: { allow: [a.example] } }\n"
                                "scopes: [{ name: s, match: { cgroup: /s }, profile: a }]\n";
    bad(alone, "profiles:\n  a: {}\n", "policy.d/1.yaml:2:3: ", "the first is at policy.yaml:3");
    bad(alone, "scopes:\n  - { name: s, match: { cgroup: /x }, profile: a }\n",
        "policy.d/1.yaml:2:13: ", "the first is at policy.yaml:4");
    bad(alone, "unmatched: pass\n", "policy.d/1.yaml:1:1: ", "belongs in the main file, policy.yaml");
    bad(alone, "version: 3\n", "policy.d/1.yaml:1:10: ", "version 1");
    bad(alone, "", "policy.d/1.yaml:1:1: ", "empty");
}

/* A scope keeps its id over reloads: connection marks hold it. */
static void test_ids(void **state)
{
    (void)state;
    static const char three[] = "version: 1\nprofiles: { a: {} }\nscopes:\n"
                                "  - { name: new, match: { cgroup: /n }, profile: a }\n"
                                "  - { name: old, match: { cgroup: /o }, profile: a }\n"
                                "  - { name: newer, match: { cgroup: /w }, profile: a }\n";
    struct policy_ids *ids = calloc(1, sizeof *ids);
    *ids = (struct policy_ids){.first = 1, .last = 100, .count = 2, .row = {{"old", 1}, {"gone", 3}}};
    struct policy *p = good(three, NULL, ids);
    assert_int_equal(p->scope[0].id, 2);
    assert_int_equal(p->scope[1].id, 1);
    assert_int_equal(p->scope[2].id, 4); /* 3 may still be in marks */
    policy_free(p);
    ids->first = 50;
    p = good(three, NULL, ids);
    assert_int_equal(p->scope[0].id, 50);
    assert_int_equal(p->scope[2].id, 51);
    policy_free(p);
    ids->last = 50;
    struct error e = {0};
    assert_null(compile(three, NULL, ids, &e));
    assert_non_null(strstr(e.text, "no id is left for scope \"newer\""));
    free(ids);
}

static void test_errors_show_the_line(void **state)
{
    (void)state;
    struct error e = {0};
    assert_null(compile("version: 1\nprofiles:\n  node:\n    alow: [registry.example]\n", NULL, NULL, &e));
    assert_string_equal(e.text, "policy.yaml:4:5: unknown key \"alow\"; did you mean \"allow\"?\n"
                                "    alow: [registry.example]\n"
                                "    ^");
    /* columns are characters; the caret stands below the place in the quoted text */
    assert_null(compile("version: 1\nprofiles: { n: { allow: [\"b\xc3\xbc"
                        "cher.example:0\"] } }\n",
                        NULL, NULL, &e));
    assert_string_equal(e.text, "policy.yaml:2:42: \"0\" is no port; ports are 1 to 65535\n"
                                "profiles: { n: { allow: [\"b\xc3\xbc"
                                "cher.example:0\"] } }\n"
                                "                                         ^");
    /* a long line is shown in part */
    enum { BIG = 20000 };
    char *big = malloc(BIG);
    size_t len = (size_t)snprintf(big, BIG, "version: 1\nprofiles: { n: { allow: [");
    while (len < 15000)
        len += (size_t)snprintf(big + len, BIG - len, "a.example, ");
    snprintf(big + len, BIG - len, "b!.example, c.example] } }\n");
    assert_null(compile(big, NULL, NULL, &e));
    free(big);
    char *newline = strchr(e.text, '\n');
    assert_non_null(strstr(e.text, "'!' is not a letter"));
    assert_true(strlen(newline) < 300);
    char *caret = strrchr(e.text, '\n') + 1;
    assert_int_equal(newline[1 + strlen(caret) - 1], '!');
}

struct suffix_row {
    const char *entry;
    bool good;
};

static void test_public_suffix(void **state)
{
    (void)state;
    static const struct suffix_row rows[] = {
        {"*.com", false},
        {"**.com", false},
        {"**.co.uk", false},
        {"*.github.io", false}, /* the private section */
        {"**.GitHub.IO.", false},
        {"**.xn--fiqs8s", false},
        {"**.\xe4\xb8\xad\xe5\x9b\xbd", false},
        {"**.ck", false}, /* *.ck: all its children are suffixes */
        {"**.kawasaki.jp", false},
        {"tcp://*.com:22", false},
        {"dns://**.com", false},
        {"http://*.com", false},
        {"**.com@10.0.0.0/8", false},
        {"**.example.com", true},
        {"**.user.github.io", true},
        {"**.corp.internal", true},
        {"**.internal", true}, /* no registry sells these */
        {"**.test", true},
        {"com", true}, /* a name, no wildcard */
        {"github.io", true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char policy[300];
        struct error e = {0};
        snprintf(policy, sizeof policy, "version: 1\nprofiles: { n: { allow: ['%s'] } }\n", rows[i].entry);
        struct policy *p = compile(policy, NULL, NULL, &e);
        if ((p != NULL) != rows[i].good)
            fail_msg("%s: %s", rows[i].entry, e.text);
        if (!p)
            assert_non_null(strstr(e.text, "allow_public_suffix: ["));
        policy_free(p);
    }
    policy_free(good("version: 1\nprofiles: { n: { allow_public_suffix: [com], allow: ['*.com'] } }\n", NULL, NULL));
    policy_free(good("version: 1\nallow_public_suffix: [com]\nprofiles: { n: { allow: ['*.com'] } }\n", NULL, NULL));
    bad("version: 1\nprofiles: { n: { allow_public_suffix: [org], allow: ['*.com'] } }\n", NULL,
        "policy.yaml:2:54: ", "anyone");
    bad("version: 1\nallow_public_suffix: ['*.com']\n", NULL, "policy.yaml:2:23: ", "write the suffix alone");
    /* one profile's exception is not another's */
    bad("version: 1\nprofiles:\n  a: { allow_public_suffix: [com] }\n  b: { allow: ['*.com'] }\n", NULL,
        "policy.yaml:4:16: ", "anyone");
}

static void test_bundle(void **state)
{
    (void)state;
    struct policy_source sources[] = {{.file = "policy.yaml", .text = text(whole)},
                                      {.file = "policy.d/a.yaml", .text = text("profiles: { more: {} }\n")}};
    struct policy_system system = system_one;
    struct policy_ids *ids = calloc(1, sizeof *ids);
    struct bytes bundle;
    struct error e = {0};
    system.search_domains = 1;
    assert_true(name_from_wire(text("corp.example"), &system.search_domain[0]));
    assert_true(name_from_wire(text("host1"), &system.host_name));
    *ids = (struct policy_ids){.first = 7, .last = 60, .count = 1, .row = {{"mute", 9}}};
    assert_true(policy_bundle_make(sources, 2, &system, ids, &bundle, &e));
    struct policy *p = policy_from_bundle(bundle, &e);
    assert_non_null(p);
    assert_int_equal(p->profiles, 3);
    assert_int_equal(p->scope[0].id, 7);
    assert_int_equal(p->scope[2].id, 9);
    assert_int_equal(p->search_domains, 1);
    assert_string_equal(p->search_domain[0].text, "corp.example");
    assert_string_equal(p->host_name.text, "host1");
    policy_free(p);
    /* cut anywhere, or longer: an error, never another policy */
    uint8_t *copy = malloc(bundle.len + 1);
    memcpy(copy, bundle.at, bundle.len);
    copy[bundle.len] = 0;
    for (size_t len = 0; len <= bundle.len + 1; len += len + 8 < bundle.len && len > 400 ? 7 : 1) {
        uint8_t *exact = malloc(len ? len : 1); /* so that a sanitizer sees a read beyond */
        memcpy(exact, copy, len);
        if (len != bundle.len)
            assert_null(policy_from_bundle((struct bytes){exact, len}, &e));
        free(exact);
    }
    free(copy);
    free((void *)(uintptr_t)bundle.at);
    free(ids);
    assert_false(policy_bundle_make(sources, 0, &system, NULL, &bundle, &e));
}

/* Every prefix of a good policy compiles or is refused with a place; no crash, no leak. */
static void test_prefixes(void **state)
{
    (void)state;
    for (size_t len = 0; len < sizeof whole - 1; len++) {
        char *exact = malloc(len ? len : 1);
        struct error e = {0};
        memcpy(exact, whole, len);
        struct policy_source source = {.file = "p.yaml", .text = {(uint8_t *)exact, len}};
        struct policy *p = policy_compile(&source, 1, &system_one, NULL, &e);
        if (!p && strncmp(e.text, "p.yaml:", 7) != 0)
            fail_msg("%zu: %s", len, e.text);
        policy_free(p);
        free(exact);
    }
}

/* quic: and ech: are inherited, and each profile may choose anew. */
static void choices_are_inherited(void **state)
{
    (void)state;
    static const struct {
        const char *profile;
        enum policy_quic quic;
        enum policy_ech ech;
    } rows[] = {
        {"plain", POLICY_QUIC_REFUSE, POLICY_ECH_REFUSE},
        {"base", POLICY_QUIC_JUDGE, POLICY_ECH_OUTER},
        {"middle", POLICY_QUIC_JUDGE, POLICY_ECH_REFUSE},
        {"leaf", POLICY_QUIC_REFUSE, POLICY_ECH_REFUSE},
    };
    struct policy *p = good("version: 1\n"
                            "profiles:\n"
                            "  leaf: { extends: middle, quic: refuse }\n"
                            "  middle: { extends: base, ech: refuse }\n"
                            "  base: { quic: judge, ech: outer }\n"
                            "  plain: {}\n",
                            NULL, NULL);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct policy_profile *profile = policy_profile_find(p, rows[i].profile);
        assert_non_null(profile);
        assert_int_equal(profile->quic, rows[i].quic);
        assert_int_equal(profile->ech, rows[i].ech);
    }
    policy_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole),
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_parts),
        cmocka_unit_test(test_ids),
        cmocka_unit_test(test_errors_show_the_line),
        cmocka_unit_test(test_public_suffix),
        cmocka_unit_test(test_bundle),
        cmocka_unit_test(test_prefixes),
        cmocka_unit_test(choices_are_inherited),
    };
    return cmocka_run_group_tests_name("policy", tests, NULL, NULL);
}
