/* SPDX-License-Identifier: GPL-3.0-or-later */
/* policy/policy: what the YAML compiles to, ids, bundles, files, resolv.conf.  Wrong files: tests/policy/check_bad.sh.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "policy/decide.h"
#include "policy/matcher.h"
#include "policy/policy.h"
#include "policy/suffix.h"
#include "policy/system.h"

static const struct policy_system system_one = {.resolvers = 2,
                                                .resolver = {{4, {127, 0, 0, 53}}, {4, {192, 0, 2, 1}}}};

static struct bytes text(const char *s)
{
    return (struct bytes){(const uint8_t *)s, strlen(s)};
}

static struct policy *compile(const char *main_text, const char *part, const struct policy_ids *ids, struct error *e)
{
    struct policy_source sources[] = {{"policy.yaml", text(main_text)}, {"policy.d/1.yaml", text(part ? part : "")}};
    return policy_compile(sources, part ? 2 : 1, &system_one, ids, e);
}

static struct policy *good(const char *main_text, const char *part, const struct policy_ids *ids)
{
    struct error e = {0};
    struct policy *p = compile(main_text, part, ids, &e);
    if (!p)
        fail_msg("%s", e.text);
    return p;
}

static void bad(const char *main_text, const char *part, const char *begins, const char *says)
{
    struct error e = {0};
    assert_null(compile(main_text, part, NULL, &e));
    if (strncmp(e.text, begins, strlen(begins)) != 0 || !strstr(e.text, says))
        fail_msg("%s", e.text);
    assert_int_equal(e.code, ERROR_INPUT);
}

static const char whole[] =
    "version: 1\n"
    "resolvers: [system, 2001:db8::53]\n"
    "mark_mask: 0xff00\n"
    "fast_path: off\n"
    "unmatched: refuse\n"
    "allow_public_suffix: [GitHub.io]\n"
    "profiles:\n"
    "  base: { allow: ['tcp://git.example:22'], dns: { budget: { names_per_minute: 10, bytes_per_hour: 5000 } } }\n"
    "  node:\n"
    "    extends: base\n"
    "    allow:\n"
    "      - registry.example\n"
    "      - \"**.github.io\"\n"
    "      - store{0..19}.example\n"
    "    deny: [\"ads.example\", '*.com']\n"
    "    dns: { budget: { label_bytes: 40 } }\n"
    "scopes:\n"
    "  - name: runner\n"
    "    match: { cgroup: /system.slice/actions-runner.service }\n"
    "    profile: node\n"
    "    mode: audit\n"
    "    on_deny: drop\n"
    "    incoming: pass\n"
    "  - name: containers\n"
    "    match:\n"
    "      interface: [docker0, \"br-*\"]\n"
    "      source: [10.0.5.0/24, '2001:db8::/32']\n"
    "    profile: base\n"
    "    resolvers: 10.0.5.53\n"
    "  - { name: mute, match: { interface: eth1.5 }, profile: base, resolvers: [] }\n";

static void check_whole(const struct policy *p)
{
    assert_int_equal(p->mark_mask, 0xff00);
    assert_false(p->fast_path);
    assert_true(p->refuse_unmatched);
    assert_int_equal(p->profiles, 2);
    assert_int_equal(p->scopes, 4);
    const struct policy_profile *node = policy_profile_find(p, "node"), *base = policy_profile_find(p, "base");
    assert_ptr_equal(node->parent, base);
    assert_null(base->parent);
    assert_null(policy_profile_find(p, "nod"));
    assert_int_equal(matcher_count(node->allow), 22);
    assert_int_equal(matcher_count(node->deny), 2);      /* a denied wildcard may be as wide as it likes */
    assert_int_equal(node->budget.names_per_minute, 10); /* inherited */
    assert_int_equal(node->budget.bytes_per_hour, 5000);
    assert_int_equal(node->budget.label_bytes, 40);
    assert_int_equal(base->budget.label_bytes, 0);

    const struct policy_scope *s = &p->scope[0];
    assert_string_equal(s->name, "runner");
    assert_int_equal(s->id, 1);
    assert_ptr_equal(s->profile, node);
    assert_int_equal(s->mode, POLICY_AUDIT);
    assert_true(s->drop);
    assert_true(s->incoming);
    assert_int_equal(s->matches, 1);
    assert_int_equal(s->match[0].kind, POLICY_CGROUP);
    assert_string_equal(s->match[0].text, "/system.slice/actions-runner.service");
    assert_int_equal(s->resolvers, 3);
    assert_memory_equal(&s->resolver[0], &system_one.resolver[0], sizeof s->resolver[0]);

    s = &p->scope[1];
    assert_int_equal(s->mode, POLICY_ENFORCE);
    assert_false(s->drop);
    assert_false(s->incoming);
    assert_int_equal(s->matches, 4);
    assert_int_equal(s->match[1].kind, POLICY_INTERFACE);
    assert_string_equal(s->match[1].text, "br-*");
    assert_int_equal(s->match[3].kind, POLICY_SOURCE);
    assert_int_equal(s->match[3].source.prefix_bits, 32);
    assert_int_equal(s->resolvers, 1);
    assert_int_equal(p->scope[2].resolvers, 0);

    s = &p->scope[3];
    assert_string_equal(s->name, "unmatched");
    assert_int_equal(s->matches, 0);
    assert_int_equal(s->id, 4);
    assert_non_null(s->profile);
    assert_int_equal(matcher_count(s->profile->allow), 0);
    for (unsigned i = 0; i < p->scopes; i++)
        assert_ptr_equal(policy_scope_find(p, p->scope[i].id), &p->scope[i]);
    assert_null(policy_scope_find(p, 0));
    assert_null(policy_scope_find(p, 5));
    assert_null(policy_scope_find(p, 65535));
}

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
    struct policy_source sources[] = {{"policy.yaml", text(whole)},
                                      {"policy.d/a.yaml", text("profiles: { more: {} }\n")}};
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

static void write_file(const char *directory, const char *name, const char *content)
{
    char path[300];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(content, 1, strlen(content), f), strlen(content));
    assert_int_equal(fclose(f), 0);
}

static void test_files(void **state)
{
    (void)state;
    char directory[] = "/tmp/test_policy.XXXXXX", path[300], more[300];
    struct bytes bundle;
    struct error e = {0};
    assert_non_null(mkdtemp(directory));
    snprintf(path, sizeof path, "%s/policy.yaml", directory);
    snprintf(more, sizeof more, "%s/policy.d", directory);
    write_file(directory, "policy.yaml", whole);
    assert_true(policy_bundle_load(path, &system_one, NULL, &bundle, &e)); /* no policy.d */
    struct policy *p = policy_from_bundle(bundle, &e);
    assert_non_null(p);
    check_whole(p);
    policy_free(p);
    free((void *)(uintptr_t)bundle.at);
    /* policy.d in the order of names; other files are not read */
    assert_int_equal(mkdir(more, 0700), 0);
    write_file(more, "20-b.yaml", "scopes: [{ name: b, match: { cgroup: /b }, profile: base }]\n");
    write_file(more, "10-a.yaml", "scopes: [{ name: a, match: { cgroup: /a }, profile: base }]\n");
    write_file(more, ".hidden.yaml", "nonsense");
    write_file(more, "10-a.yaml~", "nonsense");
    assert_true(policy_bundle_load(path, &system_one, NULL, &bundle, &e));
    p = policy_from_bundle(bundle, &e);
    assert_non_null(p);
    assert_string_equal(p->scope[3].name, "a");
    assert_string_equal(p->scope[4].name, "b");
    policy_free(p);
    free((void *)(uintptr_t)bundle.at);
    /* only regular files */
    snprintf(path, sizeof path, "%s/policy.d", directory);
    assert_false(policy_bundle_load(path, &system_one, NULL, &bundle, &e));
    assert_non_null(strstr(e.text, "not a regular file"));
    snprintf(path, sizeof path, "%s/fifo", directory);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_false(policy_bundle_load(path, &system_one, NULL, &bundle, &e)); /* and does not wait for a writer */
    unlink(path);
    snprintf(path, sizeof path, "%s/none.yaml", directory);
    assert_false(policy_bundle_load(path, &system_one, NULL, &bundle, &e));
    assert_int_equal(e.code, ERROR_INPUT);
    static const char *const made[] = {"policy.d/20-b.yaml", "policy.d/10-a.yaml", "policy.d/.hidden.yaml",
                                       "policy.d/10-a.yaml~", "policy.yaml"};
    for (size_t i = 0; i < sizeof made / sizeof *made; i++) {
        snprintf(path, sizeof path, "%s/%s", directory, made[i]);
        assert_int_equal(unlink(path), 0);
    }
    assert_int_equal(rmdir(more), 0);
    assert_int_equal(rmdir(directory), 0);
}

static void test_resolv_conf(void **state)
{
    (void)state;
    struct policy_system s = {0};
    bool zoned = false;
    system_resolv_conf(text("# nameserver 9.9.9.9\nnameserver 127.0.0.53\n\tnameserver\t2001:db8::1 \r\n"
                            "nameserver fe80::1%eth0\nnameserver nonsense\nnameserver 127.0.0.53\n"
                            "domain old.example\nsearch Corp.Example. . b\xc3\xbc"
                            "ro.example\noptions ndots:5"),
                       true, &s, &zoned);
    assert_int_equal(s.resolvers, 2);
    assert_int_equal(s.resolver[1].family, 6);
    assert_true(zoned);
    assert_true(system_has_stub(&s));
    assert_int_equal(s.search_domains, 2);
    assert_string_equal(s.search_domain[0].text, "corp.example");
    assert_string_equal(s.search_domain[1].text, "xn--bro-hoa.example");
    /* the uplinks add resolvers, not search domains */
    system_resolv_conf(text("nameserver 192.0.2.1\nsearch other.example\n"), false, &s, &zoned);
    assert_int_equal(s.resolvers, 3);
    assert_int_equal(s.search_domains, 2);

    char path[] = "/tmp/test_resolv.XXXXXX";
    struct error e = {0};
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_true(policy_system_read(path, &s, &e)); /* resolv.conf(5): none means the local machine */
    assert_int_equal(s.resolvers, 1);
    assert_true(address_is_loopback(&s.resolver[0]));
    assert_int_equal(write(fd, "nameserver fe80::1%eth0\n", 24), 24);
    assert_false(policy_system_read(path, &s, &e));
    assert_non_null(strstr(e.text, "cannot be pinned"));
    close(fd);
    unlink(path);
    assert_true(policy_system_read(path, &s, &e)); /* no such file */
    assert_int_equal(s.resolvers, 1);
}

/* Every prefix of a good policy compiles or is refused with a place; no crash, no leak. */
static void test_prefixes(void **state)
{
    (void)state;
    for (size_t len = 0; len < sizeof whole - 1; len++) {
        char *exact = malloc(len ? len : 1);
        struct error e = {0};
        memcpy(exact, whole, len);
        struct policy_source source = {"p.yaml", {(uint8_t *)exact, len}};
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
        cmocka_unit_test(choices_are_inherited),
        cmocka_unit_test(test_whole),
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_parts),
        cmocka_unit_test(test_ids),
        cmocka_unit_test(test_errors_show_the_line),
        cmocka_unit_test(test_public_suffix),
        cmocka_unit_test(test_bundle),
        cmocka_unit_test(test_files),
        cmocka_unit_test(test_resolv_conf),
        cmocka_unit_test(test_prefixes),
    };
    return cmocka_run_group_tests_name("policy", tests, NULL, NULL);
}
