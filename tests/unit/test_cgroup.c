/* SPDX-License-Identifier: GPL-3.0-or-later */
/* nft/cgroup against this host's cgroup file system; what changes it needs root and is passed over without. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "nft/cgroup.h"
#include "nft/cgroup_watch.h"

static void test_refused_paths(void **state)
{
    /* What would name another cgroup than it seems to, or one that cannot be matched. */
    static const char *const path[] = {"/", "", "a", "/a/../b", "/..", "/./a", "//", "/../../etc"};
    (void)state;
    for (size_t i = 0; i < sizeof path / sizeof *path; i++) {
        struct ruleset_cgroup found = {.id = 7, .level = 7};
        struct error e = {0};
        assert_false(cgroup_find(path[i], &found, &e));
        assert_int_equal(e.code, ERROR_INPUT);
        assert_int_equal(found.id, 7);
    }
}

static void test_missing(void **state)
{
    (void)state;
    struct ruleset_cgroup found;
    struct error e = {0};
    assert_false(cgroup_find("/sluice-unit-no-such", &found, &e));
    assert_int_equal(e.sys_errno, ENOENT);
    assert_true(cgroup_kill("/sluice-unit-no-such", &e));
    assert_true(cgroup_remove("/sluice-unit-no-such", &e));
    assert_false(cgroup_of(0x7ffffffe, (char[PATH_MAX]){0}, &e));
}

/* What the kernel writes behind a removed cgroup's path is also a name that a living one may have. */
static void test_called_deleted(void **state)
{
    char path[64], at[PATH_MAX];
    struct error e = {0};
    (void)state;
    snprintf(path, sizeof path, "/sluice-unit-%ld (deleted)", (long)getpid());
    if (geteuid() != 0 || !cgroup_make(path, &e))
        skip();
    pid_t child = fork();
    if (child == 0)
        for (;;)
            pause();
    assert_true(cgroup_enter(path, child, &e));
    bool found = cgroup_of(child, at, &e);
    assert_true(cgroup_kill(path, &e));
    waitpid(child, NULL, 0);
    assert_true(cgroup_remove(path, &e));
    assert_true(found);
    assert_string_equal(at, path);
}

struct pids {
    pid_t wanted;
    unsigned seen, all;
};

static void on_pid(void *ctx, pid_t pid)
{
    struct pids *p = ctx;
    p->all++;
    p->seen += pid == p->wanted;
}

static void test_life(void **state)
{
    char top[64], deep[96], at[PATH_MAX];
    struct ruleset_cgroup a, b;
    struct error e = {0};
    (void)state;
    snprintf(top, sizeof top, "/sluice-unit-%ld", (long)getpid());
    snprintf(deep, sizeof deep, "%s/b//c/", top);
    if (geteuid() != 0 || !cgroup_make(deep, &e))
        skip();
    assert_true(cgroup_make(deep, &e)); /* again is fine */
    assert_true(cgroup_find(top, &a, &e));
    assert_true(cgroup_find(deep, &b, &e));
    assert_int_equal(a.level, 1);
    assert_int_equal(b.level, 3);
    assert_true(a.id && b.id && a.id != b.id);

    int go[2];
    assert_int_equal(pipe(go), 0);
    pid_t child = fork();
    if (child == 0) {
        if (read(go[0], at, 1) == 1)
            fork(); /* a grandchild is in it too */
        for (;;)
            pause();
    }
    assert_true(cgroup_enter(deep, child, &e));
    assert_int_equal(write(go[1], "", 1), 1);
    usleep(50000);
    close(go[0]);
    close(go[1]);
    assert_true(cgroup_of(child, at, &e));
    snprintf(deep, sizeof deep, "%s/b/c", top);
    assert_string_equal(at, deep);
    struct pids pids = {.wanted = child};
    assert_true(cgroup_each_pid(top, on_pid, &pids, &e));
    assert_int_equal(pids.seen, 1);
    assert_int_equal(pids.all, 2);
    assert_false(cgroup_remove(top, &e)); /* it is in use */
    assert_int_equal(e.sys_errno, EBUSY);

    int status = 0;
    assert_true(cgroup_kill(top, &e));
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    pids = (struct pids){.wanted = child};
    assert_true(cgroup_each_pid(top, on_pid, &pids, &e));
    assert_int_equal(pids.all, 0);
    assert_true(cgroup_remove(top, &e));
    assert_false(cgroup_find(top, &a, &e));

    /* The same path made anew is another cgroup. */
    assert_true(cgroup_make(top, &e) && cgroup_find(top, &b, &e));
    assert_int_not_equal(a.id, b.id);
    assert_true(cgroup_remove(top, &e));
}

static bool is_b(void *ctx, const char *name)
{
    (void)ctx;
    return strcmp(name, "b") == 0;
}

/* Whatever part of the way comes, goes or comes anew is told, and nothing else; too many looks have to wait. */
static void test_watch(void **state)
{
    char top[64], a[80], b[80], beside[80];
    struct cgroup_watch w;
    struct error e = {0};
    uint64_t now = 1000000000;
    (void)state;
    snprintf(top, sizeof top, "/sluice-unit-%ld", (long)getpid());
    snprintf(a, sizeof a, "%s/a", top);
    snprintf(b, sizeof b, "%s/a/b", top);
    snprintf(beside, sizeof beside, "%s/a/other", top);
    if (geteuid() != 0 || !cgroup_make(top, &e))
        skip();
    assert_true(cgroup_watch_open(&w, &e));
    cgroup_watch_add(&w, b); /* a is not there yet */
    assert_false(cgroup_watch_read(&w, now, is_b, NULL));
    assert_true(cgroup_make(a, &e));
    assert_false(cgroup_watch_read(&w, now, is_b, NULL)); /* a is told, but it is b that is asked for */
    cgroup_watch_add(&w, b);
    cgroup_watch_add(&w, b);
    assert_true(cgroup_make(beside, &e));
    assert_false(cgroup_watch_read(&w, now, is_b, NULL));
    assert_true(cgroup_make(b, &e));
    assert_true(cgroup_watch_read(&w, now, is_b, NULL));
    assert_false(cgroup_watch_read(&w, now, is_b, NULL));
    assert_true(cgroup_remove(b, &e));
    assert_true(cgroup_watch_read(&w, now, is_b, NULL));
    assert_true(cgroup_remove(a, &e)); /* its watch goes with it; the one above stays */
    assert_false(cgroup_watch_read(&w, now, is_b, NULL));
    assert_true(cgroup_make(a, &e));
    cgroup_watch_add(&w, b);
    assert_true(cgroup_make(b, &e));
    assert_true(cgroup_watch_read(&w, now, is_b, NULL));

    now += 10000000; /* all is paid for */
    for (unsigned i = 0; i < CGROUP_WATCH_BURST; i++) {
        assert_int_equal(cgroup_watch_wait(&w, now), 0);
        cgroup_watch_read(&w, now, is_b, NULL);
    }
    cgroup_watch_read(&w, now, is_b, NULL);
    assert_int_equal(cgroup_watch_wait(&w, now), 1000000 / CGROUP_WATCH_RATE);
    assert_int_equal(cgroup_watch_wait(&w, now + 1000000 / CGROUP_WATCH_RATE), 0);
    close(w.fd);
    assert_true(cgroup_remove(top, &e));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refused_paths), cmocka_unit_test(test_missing), cmocka_unit_test(test_called_deleted),
        cmocka_unit_test(test_life),          cmocka_unit_test(test_watch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
