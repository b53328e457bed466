/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The policy of one run (ctl/run_policy), its own network (ctl/isolate), its confinement (ctl/confine). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ctl/confine.h"
#include "ctl/isolate.h"
#include "ctl/run_policy.h"
#include "nft/cgroup.h"

static void test_allow_errors(void **state)
{
    (void)state;
    static const struct {
        const char *text, *wants;
    } lines[] = {
        {"registry.example", NULL},
        {"**.cdn.example", NULL},
        {"tcp://git.example:22", NULL},
        {"regis try.example", "--allow: column "},
        {"", "--allow: column "},
        {"a.example\nb.example", "control character"}, /* would be two lines of YAML */
        {"https://x.example:99999", "--allow: column "},
    };
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        struct run_policy r;
        struct error e = {0};
        run_policy_init(&r);
        bool ok = run_policy_allow(&r, lines[i].text, "--allow", &e);
        assert_int_equal(ok, lines[i].wants == NULL);
        if (!ok && !strstr(e.text, lines[i].wants))
            fail_msg("\"%s\": \"%s\" does not say \"%s\"", lines[i].text, e.text, lines[i].wants);
        run_policy_done(&r);
    }
}

static void test_environment(void **state)
{
    (void)state;
    struct run_policy r;
    struct error e = {0};
    run_policy_init(&r);
    assert_true(run_policy_environment(&r, "# comment\n  a.example  \r\n\nb.example # why\n\t\nc.example", &e));
    assert_int_equal(r.allows, 3);
    assert_string_equal(r.allow[0].text, "a.example");
    assert_string_equal(r.allow[1].text, "b.example");
    assert_string_equal(r.allow[1].origin, "SLUICE_ALLOW line 4");
    assert_string_equal(r.allow[2].text, "c.example");
    run_policy_done(&r);
    run_policy_init(&r);
    assert_false(run_policy_environment(&r, "a.example\n!!", &e));
    assert_non_null(strstr(e.text, "SLUICE_ALLOW line 2: column"));
    run_policy_done(&r);
}

static bool make(struct run_policy *r, struct policy **policy, struct error *e)
{
    struct policy_ids *ids = calloc(1, sizeof *ids);
    struct bytes bundle;
    bool ok = run_policy_make(r, 2046, "/sluice-run-1", "", ids, &bundle, policy, e);
    if (ok)
        free((void *)(uintptr_t)bundle.at);
    free(ids);
    return ok;
}

static void test_compiled(void **state)
{
    (void)state;
    struct run_policy r;
    struct policy *policy;
    struct error e = {0};
    run_policy_init(&r);
    r.resolver[r.resolvers++] = "192.0.2.53";
    r.audit = true;
    assert_true(run_policy_allow(&r, "it's.not", "--allow", &e) == false); /* a quote is no host name … */
    assert_true(run_policy_allow(&r, "registry.example", "--allow", &e));
    if (!make(&r, &policy, &e))
        fail_msg("%s", e.text);
    const struct policy_scope *scope = policy_scope_find(policy, 2046);
    assert_non_null(scope);
    assert_string_equal(scope->name, "run");
    assert_int_equal(scope->mode, POLICY_AUDIT);
    assert_int_equal(scope->resolvers, 1);
    assert_string_equal(scope->match[0].text, "/sluice-run-1");
    assert_int_equal(scope->profile->quic, POLICY_QUIC_REFUSE);
    assert_int_equal(scope->profile->ech, POLICY_ECH_REFUSE);
    policy_free(policy);
    r.quic_judge = r.ech_outer = true;
    assert_true(make(&r, &policy, &e));
    scope = policy_scope_find(policy, 2046);
    assert_int_equal(scope->profile->quic, POLICY_QUIC_JUDGE);
    assert_int_equal(scope->profile->ech, POLICY_ECH_OUTER);
    policy_free(policy);
    run_policy_done(&r);
}

static const char *write_file(const char *text)
{
    static char path[64];
    snprintf(path, sizeof path, "/tmp/sluice-test-XXXXXX");
    int fd = mkstemp(path);
    assert_true(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    close(fd);
    return path;
}

static void test_profiles(void **state)
{
    (void)state;
    static const char two[] = "version: 1\nresolvers: [192.0.2.53]\nprofiles:\n  a: { allow: [a.example] }\n"
                              "  b: { allow: [b.example] }\nscopes:\n"
                              "  - { name: run, match: { interface: docker0 }, profile: a }\n";
    static const char named[] = "version: 1\nresolvers: [192.0.2.53]\nprofiles:\n  default: { allow: [a.example] }\n"
                                "  b: { allow: [b.example] }\n";
    static const char one[] = "version: 1\nresolvers: [192.0.2.53]\nprofiles:\n  only: { allow: [a.example] }\n";
    static const struct {
        const char *file, *profile, *wants; /* error text, or the parent profile behind '=' */
    } lines[] = {
        {two, NULL, "choose one with --profile"},
        {two, "b", "=b"},
        {two, "c", "has no profile \"c\""},
        {named, NULL, "=default"},
        {one, NULL, "=only"},
    };
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        struct run_policy r;
        struct policy *policy;
        struct error e = {0};
        run_policy_init(&r);
        r.file = write_file(lines[i].file);
        r.profile = lines[i].profile;
        assert_true(run_policy_allow(&r, "more.example", "--allow", &e));
        bool ok = make(&r, &policy, &e);
        unlink(r.file);
        if (ok != (lines[i].wants[0] == '='))
            fail_msg("row %zu: %s", i, ok ? "passes" : e.text);
        if (ok) {
            const struct policy_scope *scope = policy_scope_find(policy, 2046);
            assert_string_equal(scope->profile->parent->name, lines[i].wants + 1);
            policy_free(policy);
        } else if (!strstr(e.text, lines[i].wants)) {
            fail_msg("row %zu: %s", i, e.text);
        }
        run_policy_done(&r);
    }
}

/* What only the compiler knows is told in the words of the command line too. */
static void test_compiler_error(void **state)
{
    (void)state;
    struct run_policy r;
    struct policy *policy;
    struct error e = {0};
    run_policy_init(&r);
    r.resolver[r.resolvers++] = "192.0.2.53";
    assert_true(run_policy_allow(&r, "a.example", "--allow", &e));
    assert_true(run_policy_allow(&r, "**.com", "--allow", &e)); /* over a public suffix */
    assert_false(make(&r, &policy, &e));
    if (strncmp(e.text, "--allow: column 1: ", 19) != 0 || !strstr(e.text, "**.com") ||
        !strstr(e.text, "give a policy file by -p that says allow_public_suffix: [com]\n"))
        fail_msg("%s", e.text);
    run_policy_done(&r);
}

static void test_resolv_conf(void **state)
{
    (void)state;
    struct address resolver[] = {{4, {127, 0, 0, 53}}, {4, {192, 0, 2, 1}}, {6, {0x20, 0x01, 0x0d, 0xb8, [15] = 1}}};
    struct error e = {0};
    char *text = isolate_resolv_conf(resolver, 3, "nameserver 127.0.0.53\nsearch x.example\noptions edns0\n", &e);
    assert_string_equal(text, "nameserver 192.0.2.1\nnameserver 2001:db8::1\nsearch x.example\noptions edns0\n");
    free(text);
    assert_null(isolate_resolv_conf(resolver, 1, "", &e)); /* a loopback stub alone cannot be reached */
    assert_non_null(strstr(e.text, "--resolver"));
}

static void test_candidates(void **state)
{
    (void)state;
    for (unsigned attempt = 0; attempt < ISOLATE_ATTEMPTS; attempt++)
        for (unsigned n = 0; n < 255; n++) {
            struct address_range a = isolate_candidate4(n, attempt), b = isolate_candidate4(n + 1, attempt);
            assert_int_equal(a.prefix_bits, 30);
            assert_int_equal(a.base.octets[3] & 3, 0);
            assert_false(address_in_range(&a.base, &b)); /* runs do not share one */
            a = isolate_candidate6(n, attempt);
            b = isolate_candidate6(n + 1, attempt);
            assert_false(address_in_range(&a.base, &b));
        }
}

static void test_below(void **state)
{
    (void)state;
    assert_true(cgroup_is_below("/a/b", "/a"));
    assert_true(cgroup_is_below("/a", "/a"));
    assert_false(cgroup_is_below("/ab", "/a"));
    assert_false(cgroup_is_below("/", "/a"));
    assert_false(cgroup_is_below("/a", ""));
}

static void test_user(void **state)
{
    (void)state;
    struct confine c;
    struct error e;
    unsetenv("SUDO_UID");
    unsetenv("SUDO_GID");
    assert_true(confine_user(false, &c, &e) && c.root);
    setenv("SUDO_UID", "4242", 1);
    assert_false(confine_user(false, &c, &e)); /* half of it */
    setenv("SUDO_GID", "4243", 1);
    assert_true(confine_user(false, &c, &e) && !c.root && c.uid == 4242 && c.gid == 4243 && c.groups == 1);
    assert_true(confine_user(true, &c, &e) && c.root); /* --as-root */
    static const char *const wrong[] = {"-1", "4294967295", "99999999999999999999", "1x", ""};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        setenv("SUDO_UID", wrong[i], 1);
        assert_false(confine_user(false, &c, &e)); /* never root by accident */
    }
    setenv("SUDO_UID", "0", 1);
    assert_true(confine_user(false, &c, &e) && c.root);
    unsetenv("SUDO_UID");
    unsetenv("SUDO_GID");
}

/* In a child: what is left open after confine_descriptors. */
static void test_descriptors(void **state)
{
    (void)state;
    pid_t pid = fork();
    if (pid == 0) {
        struct error e;
        int pair[2], pipes[2], inet = socket(AF_INET, SOCK_STREAM, 0), dir = open("/", O_RDONLY | O_DIRECTORY);
        int plain = open("/dev/null", O_RDONLY), ours = open("/dev/null", O_RDONLY | O_CLOEXEC);
        int keep = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC), ns = open("/proc/self/ns/net", O_RDONLY);
        if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0 || pipe(pipes) < 0 || !confine_descriptors(keep, &e))
            _exit(99);
        int wrong = 0;
        const int gone[] = {inet, dir, pair[0], pair[1], ours}, stay[] = {pipes[0], pipes[1], plain, keep};
        for (size_t i = 0; i < sizeof gone / sizeof gone[0]; i++)
            wrong += fcntl(gone[i], F_GETFD) >= 0;
        for (size_t i = 0; i < sizeof stay / sizeof stay[0]; i++)
            wrong += fcntl(stay[i], F_GETFD) < 0;
        wrong += fcntl(ns, F_GETFD) >= 0;
        _exit(wrong);
    }
    int status = -1;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static void test_stdio(void **state)
{
    (void)state;
    struct error e;
    int saved = dup(0), inet = socket(AF_INET, SOCK_DGRAM, 0);
    assert_true(confine_stdio(&e));
    dup2(inet, 0);
    bool ok = confine_stdio(&e);
    dup2(saved, 0);
    close(saved);
    close(inet);
    assert_false(ok); /* older than the scope: nothing would hold it */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_allow_errors), cmocka_unit_test(test_environment),    cmocka_unit_test(test_compiled),
        cmocka_unit_test(test_profiles),     cmocka_unit_test(test_compiler_error), cmocka_unit_test(test_resolv_conf),
        cmocka_unit_test(test_candidates),   cmocka_unit_test(test_below),          cmocka_unit_test(test_user),
        cmocka_unit_test(test_descriptors),  cmocka_unit_test(test_stdio),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
