/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "nft/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "nft/cgroup_tree.h"

/* mountinfo writes blank, tab, newline and backslash as \ooo (proc(5)). */
static void unescape(char *text)
{
    char *out = text;
    for (const char *in = text; *in;) {
        if (in[0] == '\\' && in[1] >= '0' && in[1] <= '3' && in[2] >= '0' && in[2] <= '7' && in[3] >= '0' &&
            in[3] <= '7') {
            *out++ = (char)((in[1] - '0') << 6 | (in[2] - '0') << 3 | (in[3] - '0'));
            in += 4;
        } else {
            *out++ = *in++;
        }
    }
    *out = '\0';
}

/* One line of mountinfo: the mount point, if it is the whole of cgroup2 as this process' cgroup namespace sees it. */
static char *mount_of_line(char *line)
{
    char *rest = strstr(line, " - ");
    if (!rest)
        return NULL;
    *rest = '\0';
    if (strncmp(rest + 3, "cgroup2 ", 8) != 0)
        return NULL;
    char *cursor = NULL;
    char *field = strtok_r(line, " ", &cursor);
    for (int i = 0; field && i < 3; i++) /* mount id, parent id, major:minor */
        field = strtok_r(NULL, " ", &cursor);
    if (!field || strcmp(field, "/") != 0) /* a bind of a subtree */
        return NULL;
    char *mount = strtok_r(NULL, " ", &cursor);
    if (mount)
        unescape(mount);
    return mount;
}

static bool read_mount(char out[PATH_MAX], struct error *e)
{
    FILE *file = fopen("/proc/self/mountinfo", "re");
    if (!file)
        return error_set(e, ERROR_SYSTEM, errno, "/proc/self/mountinfo");
    char *line = NULL;
    size_t size = 0;
    bool found = false;
    while (!found && getline(&line, &size, file) > 0) {
        const char *mount = mount_of_line(line);
        struct stat st;
        if (mount && strlen(mount) < PATH_MAX && stat(mount, &st) == 0 && S_ISDIR(st.st_mode)) {
            memcpy(out, mount, strlen(mount) + 1);
            found = true;
        }
    }
    free(line);
    fclose(file);
    return found || error_set(e, ERROR_SYSTEM, ENOENT, "no cgroup v2 file system is mounted");
}

bool cgroup_mount_find(char out[PATH_MAX], struct error *e)
{
    /* A keeper asks a thousand times a second: /proc/self/mountinfo is read again only when what was found is gone. */
    static _Thread_local char known[PATH_MAX];
    struct statfs fs;
    if ((!known[0] || statfs(known, &fs) < 0 || fs.f_type != CGROUP2_SUPER_MAGIC) && !read_mount(known, e)) {
        known[0] = '\0';
        return false;
    }
    memcpy(out, known, strlen(known) + 1);
    return true;
}

bool cgroup_path_make(const char *path, char out[PATH_MAX], uint32_t *level, struct error *e)
{
    char mount[PATH_MAX];
    if (!cgroup_mount_find(mount, e))
        return false;
    size_t len = strlen(mount);
    memcpy(out, mount, len);
    *level = 0;
    if (path[0] != '/')
        return error_set(e, ERROR_INPUT, 0, "cgroup %s: must begin with a slash", path);
    while (*path) {
        path += strspn(path, "/");
        size_t part = strcspn(path, "/");
        if (!part)
            break;
        if (path[0] == '.' && (part == 1 || (part == 2 && path[1] == '.')))
            return error_set(e, ERROR_INPUT, 0, "cgroup path: no . or .. in it");
        if (len + 1 + part + 1 > PATH_MAX)
            return error_set(e, ERROR_INPUT, ENAMETOOLONG, "cgroup path");
        out[len++] = '/';
        memcpy(out + len, path, part);
        len += part;
        path += part;
        ++*level;
    }
    out[len] = '\0';
    return true;
}

bool cgroup_find(const char *path, struct ruleset_cgroup *out, struct error *e)
{
    char full[PATH_MAX];
    uint32_t level;
    struct stat st;
    if (!cgroup_path_make(path, full, &level, e))
        return false;
    if (level == 0)
        return error_set(e, ERROR_INPUT, 0, "cgroup /: the root cannot be matched");
    if (stat(full, &st) < 0)
        return error_set(e, ERROR_SYSTEM, errno, "cgroup %s", path);
    if (!S_ISDIR(st.st_mode))
        return error_set(e, ERROR_INPUT, ENOTDIR, "cgroup %s", path);
    /* The inode number of a cgroup directory is its 64-bit id (kernfs). */
    *out = (struct ruleset_cgroup){st.st_ino, level, path};
    return true;
}

/* The kernel's mark of a cgroup that was removed; a living one may be called so. */
static void cut_deleted(char *path)
{
    static const char mark[] = " (deleted)";
    char full[PATH_MAX];
    uint32_t level;
    size_t len = strlen(path), after = sizeof mark - 1;
    if (len > after && strcmp(path + len - after, mark) == 0 &&
        !(cgroup_path_make(path, full, &level, NULL) && access(full, F_OK) == 0))
        path[len - after] = '\0';
}

bool cgroup_of(pid_t pid, char out[PATH_MAX], struct error *e)
{
    char name[64];
    snprintf(name, sizeof name, "/proc/%jd/cgroup", (intmax_t)pid);
    FILE *file = fopen(name, "re");
    if (!file)
        return error_set(e, ERROR_SYSTEM, errno, "%s", name);
    char *line = NULL;
    size_t size = 0;
    bool found = false;
    while (!found && getline(&line, &size, file) > 0) {
        if (strncmp(line, "0::/", 4) != 0)
            continue;
        char *path = line + 3;
        path[strcspn(path, "\n")] = '\0';
        cut_deleted(path);
        if (strlen(path) < PATH_MAX) {
            memcpy(out, path, strlen(path) + 1);
            found = true;
        }
    }
    free(line);
    fclose(file);
    return found || error_set(e, ERROR_SYSTEM, ENOENT, "%s has no cgroup v2 line", name);
}

bool cgroup_is_below(const char *path, const char *of)
{
    size_t len = strlen(of);
    return len && strncmp(path, of, len) == 0 && (path[len] == '/' || !path[len]);
}

bool cgroup_make(const char *path, struct error *e)
{
    unsigned made;
    return cgroup_make_levels(path, &made, e);
}

bool cgroup_make_levels(const char *path, unsigned *made, struct error *e)
{
    char full[PATH_MAX];
    char mount[PATH_MAX];
    uint32_t level;
    *made = 0;
    if (!cgroup_mount_find(mount, e) || !cgroup_path_make(path, full, &level, e))
        return false;
    for (char *at = full + strlen(mount); *at;) {
        char *end = at + 1 + strcspn(at + 1, "/");
        char kept = *end;
        *end = '\0';
        bool fresh = mkdir(full, 0755) == 0;
        if (!fresh && errno != EEXIST)
            return error_set(e, ERROR_SYSTEM, errno, "cannot make the cgroup %s", full);
        *made = fresh ? *made + 1 : 0;
        *end = kept;
        at = end;
    }
    return true;
}

void cgroup_unmake(const char *path, unsigned levels)
{
    char full[PATH_MAX];
    uint32_t level;
    if (!cgroup_path_make(path, full, &level, NULL))
        return;
    for (; levels && level; levels--, level--) {
        if (rmdir(full) < 0 && errno != ENOENT)
            return;
        *strrchr(full, '/') = '\0';
    }
}

bool cgroup_enter(const char *path, pid_t pid, struct error *e)
{
    char full[PATH_MAX];
    uint32_t level;
    if (!cgroup_path_make(path, full, &level, e))
        return false;
    int dir = open(full, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0)
        return error_set(e, ERROR_SYSTEM, errno, "cgroup %s", path);
    char text[32];
    snprintf(text, sizeof text, "%jd", (intmax_t)pid);
    bool ok = cgroup_write(dir, "cgroup.procs", text);
    int failed = errno;
    close(dir);
    return ok || error_set(e, ERROR_SYSTEM, failed, "process %s cannot enter the cgroup %s", text, path);
}
