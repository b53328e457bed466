/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ctl/package: which package a process says it works for.  The processes here carry what npm 11, cargo 1.8x and pip 23
 * were seen to leave in /proc; none of these tools is needed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ctl/process.h"

#define VARIABLES_MAX 8

static char base[64]; /* "/tmp/test-package-XXXXXX" */

struct fixture {
    const char *executable; /* below base, a copy of sleep; NULL: /bin/sleep itself */
    const char *cwd;        /* below base; NULL: base */
    const char *argument;   /* a further word of the command line of a shell that does nothing; NULL: sleep alone */
    const char *variable[VARIABLES_MAX + 1];
};

static const char *below(const char *path, char out[PATH_MAX])
{
    snprintf(out, PATH_MAX, "%s%s%s", base, path ? "/" : "", path ? path : "");
    return out;
}

static void make_directories(const char *path)
{
    char text[PATH_MAX + 2];
    snprintf(text, sizeof text, "%s/", path);
    for (char *at = text + 1; (at = strchr(at, '/')); at++) {
        *at = '\0';
        mkdir(text, 0755);
        *at = '/';
    }
}

static void make_file(const char *path, const char *content)
{
    char full[PATH_MAX], directory[PATH_MAX];
    below(path, full);
    snprintf(directory, sizeof directory, "%.*s", (int)(strrchr(full, '/') - full), full);
    make_directories(directory);
    FILE *out = fopen(full, "we");
    assert_non_null(out);
    fputs(content, out);
    assert_int_equal(fclose(out), 0);
}

static void copy_sleep(const char *to)
{
    struct stat status;
    int in = open("/bin/sleep", O_RDONLY | O_CLOEXEC);
    assert_true(in >= 0 && fstat(in, &status) == 0);
    make_file(to, "");
    char full[PATH_MAX];
    int out = open(below(to, full), O_WRONLY | O_CLOEXEC);
    assert_int_equal(sendfile(out, in, NULL, (size_t)status.st_size), status.st_size);
    assert_int_equal(fchmod(out, 0755), 0);
    close(in);
    close(out);
}

static _Noreturn void fixture_exec(const struct fixture *f)
{
    char executable[PATH_MAX], directory[PATH_MAX];
    char *variables[VARIABLES_MAX + 1];
    memcpy(variables, f->variable, sizeof variables);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (chdir(below(f->cwd, directory)) != 0)
        _exit(1);
    if (f->argument) {
        char *words[] = {"sh", "-c", "read x; :", (char *)(uintptr_t)f->argument, "end", NULL};
        execve("/bin/sh", words, variables);
    } else {
        char *words[] = {"sleep", "60", NULL};
        execve(f->executable ? below(f->executable, executable) : "/bin/sleep", words, variables);
    }
    _exit(1);
}

/* Starts the chain of processes, the oldest first; pids[i] are all to be ended.  Every process but the last is a fork
 * that execs after it has forked its child, so the chain is one of parents. */
static void fixture_start(const struct fixture *chain, size_t count, pid_t *pids)
{
    int report[2];
    assert_int_equal(pipe2(report, O_CLOEXEC), 0); /* closed by every exec */
    pid_t first = fork();
    if (first == 0) {
        for (size_t i = 0; i < count; i++) {
            pid_t self = getpid();
            int in[2];
            if (write(report[1], &self, sizeof self) != sizeof self || pipe(in) != 0)
                _exit(1);
            if (i + 1 < count && fork() == 0)
                continue;
            dup2(in[0], 0); /* never written: a shell's read waits */
            fixture_exec(&chain[i]);
        }
    }
    close(report[1]);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(read(report[0], &pids[i], sizeof *pids), sizeof *pids);
    char byte;
    assert_int_equal(read(report[0], &byte, 1), 0); /* all have exec'ed */
    close(report[0]);
}

static struct event_process claim(const struct fixture *chain, size_t count)
{
    struct event_process p = {0};
    pid_t pids[8];
    fixture_start(chain, count, pids);
    assert_true(process_describe(pids[count - 1], &p));
    for (size_t i = count; i-- > 0;)
        kill(pids[i], SIGKILL);
    while (waitpid(-1, NULL, 0) > 0)
        continue;
    assert_int_equal(p.package_claimed, p.package_name[0] != '\0');
    return p;
}

static void expect(const char *row, const struct event_process *p, const char *type, const char *name,
                   const char *version, const char *stage)
{
    if (strcmp(p->package_type, type) != 0 || strcmp(p->package_name, name) != 0 ||
        strcmp(p->package_version, version) != 0 || strcmp(p->package_stage, stage) != 0)
        fail_msg("%s: %s %s %s (%s)", row, p->package_type, p->package_name, p->package_version, p->package_stage);
}

#define NPM(name, version, event) \
    "npm_package_name=" name, "npm_package_version=" version, "npm_lifecycle_event=" event, "npm_command=install"
#define CARGO_BUILD(name, version) "CARGO_PKG_NAME=" name, "CARGO_PKG_VERSION=" version, "NUM_JOBS=2", "OUT_DIR=/x"

static void test_npm(void **state)
{
    static const struct fixture script[] = {{.variable = {NPM("@acme/left-pad", "1.2.3", "postinstall")}}};
    /* sh -c, then node, then what node started with an environment of its own */
    static const struct fixture cleared[] = {
        {.variable = {NPM("@acme/left-pad", "1.2.3", "postinstall")}}, {.variable = {"A=1"}}, {.variable = {NULL}}};
    /* npm itself names no package, nor does a name without a script that runs */
    static const struct fixture none[] = {{.variable = {"npm_config_user_agent=npm/11", "npm_package_name=x"}}};
    static const struct fixture hostile[] = {{.variable = {NPM("a\n\x1b[2J", "", "postinstall")}}};
    (void)state;
    struct event_process p = claim(script, 1);
    expect("script", &p, "npm", "@acme/left-pad", "1.2.3", "postinstall");
    assert_string_equal(p.command_line, "sleep 60");
    p = claim(cleared, 3);
    expect("cleared", &p, "npm", "@acme/left-pad", "1.2.3", "postinstall");
    p = claim(none, 1);
    expect("none", &p, "", "", "", "");
    p = claim(hostile, 1);
    expect("hostile", &p, "npm", "a\n\x1b[2J", "", "postinstall"); /* kept; core/event escapes */
}

static void test_npm_too_long(void **state)
{
    char name[600] = "npm_package_name=";
    (void)state;
    memset(name + strlen(name), 'x', sizeof name - 1 - strlen(name));
    const struct fixture f[] = {{.variable = {name, "npm_lifecycle_event=install"}}};
    struct event_process p = claim(f, 1);
    assert_int_equal(strlen(p.package_name), sizeof p.package_name - 1);
}

static void test_cargo(void **state)
{
    static const struct fixture script[] = {{.variable = {CARGO_BUILD("my-build_crate", "0.3.1")}}};
    static const struct fixture rustc[] = {
        {.variable = {"CARGO_PKG_NAME=serde", "CARGO_PKG_VERSION=1.0.0", "CARGO_CRATE_NAME=serde", "OUT_DIR=/x"}}};
    /* Started by hand, no environment: the place of the executable says it */
    static const struct fixture path[] = {
        {.executable = "target/debug/build/my-build_crate-fda8329cae6582f9/build-script-build", .variable = {NULL}}};
    static const struct fixture other_path[] = {
        {.executable = "target/debug/build/plain-no/build-script-build", .variable = {NULL}}};
    (void)state;
    copy_sleep(path[0].executable);
    copy_sleep(other_path[0].executable);
    struct event_process p = claim(script, 1);
    expect("script", &p, "cargo", "my-build_crate", "0.3.1", "build script");
    p = claim(rustc, 1);
    expect("rustc", &p, "cargo", "serde", "1.0.0", "compilation");
    p = claim(path, 1);
    expect("path", &p, "cargo", "my-build_crate", "", "build script");
    p = claim(other_path, 1);
    expect("other path", &p, "", "", "", "");
}

static void test_pip(void **state)
{
    static const struct fixture install[] = {
        {.cwd = "pip-install-oxoc4trh/evil-pkg_3273eafa32f741789441dd399005aa24/src", .variable = {NULL}}};
    static const struct fixture bare[] = {
        {.cwd = "pip-install-oxoc4trh/bare_name_3273eafa32f741789441dd399005aa24", .variable = {NULL}}};
    static const struct fixture request[] = {{.cwd = "pip-req-build-9cmwmvt1", .variable = {NULL}}};
    static const struct fixture unknown[] = {{.cwd = "pip-req-build-nothing", .variable = {NULL}}};
    /* pip install ./here: the back end's command line, then what setup.py started */
    static const struct fixture local[] = {
        {.cwd = "here", .argument = "/v/site-packages/_in_process.py build_wheel", .variable = {NULL}},
        {.cwd = "here", .variable = {NULL}}};
    static const struct fixture unnamed[] = {
        {.cwd = "unnamed", .argument = "/v/site-packages/_in_process.py", .variable = {NULL}}};
    (void)state;
    make_file("pip-install-oxoc4trh/evil-pkg_3273eafa32f741789441dd399005aa24/PKG-INFO",
              "Metadata-Version: 2.1\nName: evil-pkg\nVersion: 2.0.1\n\nName: no\n");
    make_file("pip-install-oxoc4trh/evil-pkg_3273eafa32f741789441dd399005aa24/src/x", "");
    make_file("pip-install-oxoc4trh/bare_name_3273eafa32f741789441dd399005aa24/x", "");
    make_file("pip-req-build-9cmwmvt1/PKG-INFO", "Metadata-Version: 2.1\r\nName: evil.two\r\nVersion: 2.0.1\r\n");
    make_file("pip-req-build-nothing/x", "");
    make_file("here/pyproject.toml",
              "[build-system]\nname = \"no\"\n[project]\nname = \"local-one\"\nversion = '0.1'\n[x]\nname = \"no\"\n");
    make_file("unnamed/x", "");
    struct event_process p = claim(install, 1);
    expect("install", &p, "pypi", "evil-pkg", "2.0.1", "build");
    p = claim(bare, 1);
    expect("bare", &p, "pypi", "bare_name", "", "build");
    p = claim(request, 1);
    expect("request", &p, "pypi", "evil.two", "2.0.1", "build");
    p = claim(unknown, 1);
    expect("unknown", &p, "", "", "", "");
    p = claim(local, 2);
    expect("local", &p, "pypi", "local-one", "0.1", "build");
    p = claim(unnamed, 1);
    expect("unnamed", &p, "pypi", "unnamed", "", "build");
}

/* PKG-INFO as a trap: a FIFO would hold the reader for ever, a link leads to a device whose opening does something. */
static void test_pip_traps(void **state)
{
    static const struct fixture f[] = {
        {.cwd = "pip-install-trap/fifo_3273eafa32f741789441dd399005aa24", .variable = {NULL}},
        {.cwd = "pip-install-trap/link_3273eafa32f741789441dd399005aa24", .variable = {NULL}},
        {.cwd = "pip-install-trap/long_3273eafa32f741789441dd399005aa24", .variable = {NULL}}};
    char path[PATH_MAX], secret[PATH_MAX], text[70000];
    (void)state;
    make_file("secret", "Name: stolen\n");
    for (size_t i = 0; i < 3; i++) {
        snprintf(text, sizeof text, "%s/x", f[i].cwd);
        make_file(text, "");
    }
    snprintf(path, sizeof path, "%s/%s/PKG-INFO", base, f[0].cwd);
    assert_int_equal(mkfifo(path, 0600), 0);
    snprintf(path, sizeof path, "%s/%s/PKG-INFO", base, f[1].cwd);
    assert_int_equal(symlink(below("secret", secret), path), 0);
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    snprintf(path, sizeof path, "%s/PKG-INFO", f[2].cwd);
    make_file(path, text);
    alarm(20);
    struct event_process p = claim(f, 1);
    expect("fifo", &p, "pypi", "fifo", "", "build");
    p = claim(f + 1, 1);
    expect("link", &p, "pypi", "link", "", "build");
    p = claim(f + 2, 1);
    expect("long", &p, "pypi", "long", "", "build");
    alarm(0);
}

/* A crate built by an npm install: every process carries npm's variables, the crate's began nearer. */
static void test_nearest(void **state)
{
    static const struct fixture inner_cargo[] = {
        {.variable = {NPM("outer", "1", "install")}},
        {.variable = {NPM("outer", "1", "install"), CARGO_BUILD("inner", "2")}},
        {.variable = {NPM("outer", "1", "install"), CARGO_BUILD("inner", "2")}}};
    static const struct fixture inner_npm[] = {
        {.variable = {CARGO_BUILD("outer", "2")}},
        {.variable = {CARGO_BUILD("outer", "2"), NPM("inner", "1", "install")}},
    };
    static const struct fixture nested_npm[] = {{.variable = {NPM("outer", "1", "prepare")}},
                                                {.variable = {NPM("inner", "2", "postinstall")}}};
    (void)state;
    struct event_process p = claim(inner_cargo, 3);
    expect("cargo in npm", &p, "cargo", "inner", "2", "build script");
    p = claim(inner_npm, 2);
    expect("npm in cargo", &p, "npm", "inner", "1", "install");
    p = claim(nested_npm, 2);
    expect("npm in npm", &p, "npm", "inner", "2", "postinstall");
}

static int setup(void **state)
{
    (void)state;
    snprintf(base, sizeof base, "/tmp/test-package-XXXXXX");
    return mkdtemp(base) ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    pid_t pid = fork();
    if (pid == 0) {
        execl("/bin/rm", "rm", "-rf", base, (char *)NULL);
        _exit(1);
    }
    return waitpid(pid, NULL, 0) == pid ? 0 : -1;
}

int main(void)
{
    /* The test may run inside an npm or cargo of its own; its ancestors would speak up.  Only rows that expect nothing
     * care. */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_npm), cmocka_unit_test(test_npm_too_long), cmocka_unit_test(test_cargo),
        cmocka_unit_test(test_pip), cmocka_unit_test(test_pip_traps),    cmocka_unit_test(test_nearest),
    };
    return cmocka_run_group_tests_name("package", tests, setup, teardown);
}
