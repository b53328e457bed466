/* SPDX-License-Identifier: GPL-3.0-or-later */
/* package_claim: which package a process says it works for.
 *
 * What the tools leave behind was looked at with npm 11, cargo 1.8x and pip 23 (tests/unit/test_package.c repeats it):
 *
 *     npm     environment: npm_package_name, npm_package_version, npm_lifecycle_event
 *     cargo   environment of build scripts and rustc: CARGO_PKG_NAME, CARGO_PKG_VERSION; NUM_JOBS and OUT_DIR for a
 * build script, CARGO_CRATE_NAME for rustc; executable .../build/NAME-16 hex/build-script-build pip     working
 * directory /tmp/pip-install-X/NAME_32 hex or /tmp/pip-req-build-X with PKG-INFO in it; for a local directory only the
 * parent's command line, .../_in_process.py HOOK, whose directory is the source tree
 *
 * Environments are inherited: a build script started by an npm install carries both.  The claim that began nearest to
 * the process is meant, so each kind is followed up to the oldest ancestor that still makes the same claim. */
#include "ctl/process.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "ctl/process_proc.h"

#define PACKAGE_LEVELS_MAX  32
#define PACKAGE_ENVIRON_MAX (256 * 1024)
#define PACKAGE_INFO_MAX    4096

enum package_kind { PACKAGE_CARGO, PACKAGE_PIP, PACKAGE_NPM, PACKAGE_KINDS };

static const char *const package_types[PACKAGE_KINDS] = {"cargo", "pypi", "npm"};

struct package_found {
    char name[128], version[64], stage[32];
    unsigned origin; /* levels above the process where the claim began */
    bool ended;      /* a level without it was seen above */
};

/* One process of the walk. */
struct package_level {
    int proc;
    char *environ; /* PACKAGE_ENVIRON_MAX */
    size_t environ_len;
    char command[4096], cwd[1024];
};

static void package_copy(char *out, size_t size, const char *text, size_t len)
{
    snprintf(out, size, "%.*s", (int)(len < size ? len : size - 1), text);
}

/* The value of NAME in the environment, or NULL. */
static const char *package_variable(const struct package_level *l, const char *name)
{
    size_t n = strlen(name);
    for (size_t at = 0; at < l->environ_len; at += strlen(l->environ + at) + 1)
        if (strncmp(l->environ + at, name, n) == 0 && l->environ[at + n] == '=')
            return l->environ + at + n + 1;
    return NULL;
}

static bool package_take(struct package_found *out, const char *name, const char *version, const char *stage)
{
    if (!name || !*name)
        return false;
    *out = (struct package_found){0};
    package_copy(out->name, sizeof out->name, name, strlen(name));
    if (version)
        package_copy(out->version, sizeof out->version, version, strlen(version));
    if (stage)
        package_copy(out->stage, sizeof out->stage, stage, strlen(stage));
    return true;
}

static bool package_is_hex(const char *text, size_t len)
{
    return strspn(text, "0123456789abcdef") >= len;
}

static bool package_npm(const struct package_level *l, struct package_found *out)
{
    const char *event = package_variable(l, "npm_lifecycle_event");
    return event && package_take(out, package_variable(l, "npm_package_name"),
                                 package_variable(l, "npm_package_version"), event);
}

/* .../build/NAME-16 hex digits/build-script-NAME */
static bool package_cargo_path(const char *executable, struct package_found *out)
{
    char name[128];
    const char *file = strrchr(executable, '/');
    if (!file || strncmp(file, "/build-script-", 14) != 0 || file - executable < 18)
        return false;
    const char *hash = file - 17; /* "-" and the digits */
    if (*hash != '-' || !package_is_hex(hash + 1, 16))
        return false;
    const char *start = memrchr(executable, '/', (size_t)(hash - executable));
    if (!start || start - executable < 6 || strncmp(start - 6, "/build", 6) != 0)
        return false;
    package_copy(name, sizeof name, start + 1, (size_t)(hash - start - 1));
    return package_take(out, name, NULL, "build script");
}

/* rustc --crate-name NAME, started by something else than cargo. */
static bool package_rustc(const struct package_level *l, const char *executable, struct package_found *out)
{
    char name[128];
    const char *file = strrchr(executable, '/'), *at = strstr(l->command, " --crate-name ");
    if (!file || strcmp(file, "/rustc") != 0 || !at)
        return false;
    at += 14;
    package_copy(name, sizeof name, at, strcspn(at, " "));
    return strcmp(name, "build_script_build") != 0 && strcmp(name, "___") != 0 &&
           package_take(out, name, NULL, "compilation");
}

static bool package_cargo(const struct package_level *l, struct package_found *out)
{
    char executable[4096];
    process_proc_link(l->proc, "exe", executable, sizeof executable);
    const char *name = package_variable(l, "CARGO_PKG_NAME");
    if (name) {
        const char *stage = "run";
        if (package_variable(l, "CARGO_CRATE_NAME"))
            stage = "compilation";
        else if (package_variable(l, "OUT_DIR") && package_variable(l, "NUM_JOBS"))
            stage = "build script";
        return package_take(out, name, package_variable(l, "CARGO_PKG_VERSION"), stage);
    }
    return package_cargo_path(executable, out) || package_rustc(l, executable, out);
}

/* Opens a regular file below the process' own root.  No symbolic link is followed, and nothing but a regular file is
 * ever opened: PKG-INFO may be a FIFO, or point to a device whose mere opening does something.  -1: none. */
static int package_open(const struct package_level *l, const char *path)
{
    struct open_how how = {.flags = O_PATH | O_CLOEXEC,
                           .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS};
    struct stat status;
    char again[48];
    int root = openat(l->proc, "root", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (root < 0)
        return -1;
    int handle = (int)syscall(SYS_openat2, root, path, &how, sizeof how);
    close(root);
    if (handle < 0)
        return -1;
    int fd = -1;
    snprintf(again, sizeof again, "/proc/self/fd/%d", handle);
    if (fstat(handle, &status) == 0 && S_ISREG(status.st_mode))
        fd = open(again, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    close(handle);
    return fd;
}

/* The value behind `key` at the beginning of a line, without blanks and quotes around it. */
static bool package_field(const char *text, const char *key, char *out, size_t size)
{
    for (const char *line = text; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncasecmp(line, key, strlen(key)) != 0)
            continue;
        line += strlen(key);
        line += strspn(line, " \t=\"'");
        package_copy(out, size, line, strcspn(line, "\r\n\"'"));
        return *out != '\0';
    }
    return false;
}

/* Name and version of a Python source tree: PKG-INFO (core metadata), else pyproject.toml's [project]. */
static bool package_python_tree(const struct package_level *l, const char *directory, struct package_found *out)
{
    static const struct {
        const char *file, *section, *name, *version;
    } sources[] = {{"PKG-INFO", NULL, "Name:", "Version:"}, {"pyproject.toml", "[project]", "name", "version"}};
    char path[1100], text[PACKAGE_INFO_MAX], name[128], version[64] = "";
    for (size_t i = 0; i < sizeof sources / sizeof *sources; i++) {
        snprintf(path, sizeof path, "%s/%s", directory, sources[i].file);
        int fd = package_open(l, path);
        ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
        if (fd >= 0)
            close(fd);
        if (n <= 0)
            continue;
        text[n] = '\0';
        const char *from = sources[i].section ? strstr(text, sources[i].section) : text;
        char *end = from && sources[i].section ? strstr(from, "\n[") : NULL;
        if (end)
            *end = '\0';
        if (!from || !package_field(from, sources[i].name, name, sizeof name))
            continue;
        package_field(from, sources[i].version, version, sizeof version);
        return package_take(out, name, version, "build");
    }
    return false;
}

/* The directory in `path` that pip made for one package; *len is 0 where there is none. */
static const char *package_pip_directory(const char *path, size_t *len)
{
    static const char install[] = "/pip-install-", request[] = "/pip-req-build-";
    const char *start = path, *at = strstr(path, install);
    *len = 0;
    if (at) {
        at += sizeof install - 1;
        at += strcspn(at, "/ ");
        if (*at != '/' || !at[1])
            return path;
        at++;
    } else if ((at = strstr(path, request))) {
        at += sizeof request - 1;
    } else {
        return path;
    }
    at += strcspn(at, "/ ");
    const char *blank = memrchr(path, ' ', (size_t)(at - path)); /* a command line: the word that holds it */
    if (blank)
        start = blank + 1;
    start += strcspn(start, "/"); /* --option=/tmp/... */
    *len = at > start ? (size_t)(at - start) : 0;
    return start;
}

/* A tree that pip unpacked: below the working directory or named on the command line. */
static bool package_pip_tree(const struct package_level *l, const char *path, struct package_found *out)
{
    char directory[1024];
    size_t len;
    const char *start = package_pip_directory(path, &len);
    if (!len || len >= sizeof directory)
        return false;
    package_copy(directory, sizeof directory, start, len);
    if (package_python_tree(l, directory, out))
        return true;
    /* NAME_32 hex digits: version unknown.  pip-req-build-X says nothing. */
    char *name = strrchr(directory, '/') + 1, *hash = strrchr(name, '_');
    if (!hash || strlen(hash) != 33 || !package_is_hex(hash + 1, 32))
        return false;
    *hash = '\0';
    return package_take(out, name, NULL, "build");
}

static bool package_pip(const struct package_level *l, struct package_found *out)
{
    if (package_pip_tree(l, l->cwd, out) || package_pip_tree(l, l->command, out))
        return true;
    /* A build back end in a directory of the user's own (pip install ./here). */
    if (!strstr(l->command, "/_in_process.py ") || !l->cwd[0])
        return false;
    if (package_python_tree(l, l->cwd, out))
        return true;
    const char *name = strrchr(l->cwd, '/');
    return name && package_take(out, name + 1, NULL, "build");
}

static void package_level_read(struct package_level *l)
{
    l->environ_len = process_proc_read(l->proc, "environ", l->environ, PACKAGE_ENVIRON_MAX);
    process_proc_link(l->proc, "cwd", l->cwd, sizeof l->cwd);
    size_t n = process_proc_read(l->proc, "cmdline", l->command, sizeof l->command);
    process_proc_join(l->command, n);
}

static void package_judge(const struct package_level *l, unsigned level, struct package_found found[PACKAGE_KINDS])
{
    static bool (*const judges[PACKAGE_KINDS])(const struct package_level *, struct package_found *) = {
        [PACKAGE_CARGO] = package_cargo, [PACKAGE_PIP] = package_pip, [PACKAGE_NPM] = package_npm};
    for (unsigned k = 0; k < PACKAGE_KINDS; k++) {
        struct package_found claim;
        if (found[k].ended)
            continue;
        bool made = judges[k](l, &claim);
        if (!made) {
            found[k].ended = found[k].name[0] != '\0';
        } else if (!found[k].name[0]) {
            found[k] = claim;
            found[k].origin = level;
        } else if (strcmp(found[k].name, claim.name) == 0) {
            found[k].origin = level;
        } else {
            found[k].ended = true;
        }
    }
}

void package_claim(pid_t pid, struct event_process *out)
{
    struct package_found found[PACKAGE_KINDS] = {0};
    struct package_level l = {.environ = malloc(PACKAGE_ENVIRON_MAX)};
    const struct package_found *best = NULL;
    if (!l.environ)
        return;
    for (unsigned level = 0; level < PACKAGE_LEVELS_MAX && pid > 1; level++) {
        uint64_t start;
        l.proc = process_proc_open(pid);
        if (l.proc < 0)
            break;
        package_level_read(&l);
        package_judge(&l, level, found);
        bool alive = process_proc_stat(l.proc, &pid, &start);
        close(l.proc);
        if (!alive)
            break;
    }
    free(l.environ);
    for (unsigned k = 0; k < PACKAGE_KINDS; k++) {
        if (!found[k].name[0] || (best && best->origin <= found[k].origin))
            continue;
        best = &found[k];
        snprintf(out->package_type, sizeof out->package_type, "%s", package_types[k]);
    }
    if (!best)
        return;
    memcpy(out->package_name, best->name, sizeof best->name);
    memcpy(out->package_version, best->version, sizeof best->version);
    memcpy(out->package_stage, best->stage, sizeof best->stage);
    out->package_claimed = true;
}
