/* SPDX-License-Identifier: GPL-3.0-or-later */
/* policy/policy and policy/system: policy.d, and resolv.conf. */
#include <sys/stat.h>
#include <unistd.h>

#include "policy/system.h"
#include "tests/unit/policies.h"

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
    char *file = policy_bundle_file(bundle);
    assert_string_equal(file, path);
    free(file);
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

/* What root reads for a build: the build's own link to a file of root's is not followed, other links are. */
static void test_links(void **state)
{
    (void)state;
    char directory[] = "/tmp/test_policy.XXXXXX", path[300], target[300];
    struct bytes bundle;
    struct error e = {0};
    if (geteuid() != 0) /* nobody's link leads further than himself */
        skip();
    assert_non_null(mkdtemp(directory));
    snprintf(path, sizeof path, "%s/policy.yaml", directory);
    snprintf(target, sizeof target, "%s/secret", directory);
    write_file(directory, "secret", "root:$y$secret:::\n");
    assert_int_equal(symlink("secret", path), 0);
    assert_int_equal(lchown(path, 65534, 65534), 0);
    assert_false(policy_bundle_load(path, &system_one, NULL, &bundle, &e));
    assert_null(strstr(e.text, "$y$"));
    assert_non_null(strstr(e.text, "is a link that another user made"));
    write_file(directory, "secret", whole);
    assert_int_equal(chown(target, 65534, 65534), 0);
    for (unsigned own = 0; own < 2; own++) { /* his link to his file; root's to anybody's */
        assert_int_equal(lchown(path, own ? 0 : 65534, 0), 0);
        assert_true(policy_bundle_load(path, &system_one, NULL, &bundle, &e));
        free((void *)(uintptr_t)bundle.at);
    }
    assert_int_equal(unlink(target), 0);
    assert_false(policy_bundle_load(path, &system_one, NULL, &bundle, &e));
    assert_int_equal(unlink(path), 0);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_files),
        cmocka_unit_test(test_links),
        cmocka_unit_test(test_resolv_conf),
    };
    return cmocka_run_group_tests_name("policy_files", tests, NULL, NULL);
}
