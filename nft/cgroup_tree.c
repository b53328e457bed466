/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "nft/cgroup_tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "nft/cgroup.h"

#define DEPTH_MAX     200 /* a descriptor a level */
#define KILL_ROUNDS   1000
#define KILL_NSEC     200000 /* between the first two rounds; twice as long each time, */
#define KILL_NSEC_MAX 5000000

bool cgroup_write(int dir, const char *name, const char *text)
{
    int fd = openat(dir, name, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return false;
    ssize_t n = write(fd, text, strlen(text));
    int failed = errno;
    close(fd);
    errno = failed;
    return n == (ssize_t)strlen(text);
}

/* The directory of a cgroup; -1 with errno. */
static int open_cgroup(const char *path, struct error *e)
{
    char full[PATH_MAX];
    uint32_t level;
    errno = EINVAL;
    if (!cgroup_path_make(path, full, &level, e))
        return -1;
    if (level == 0) {
        errno = EINVAL;
        error_set(e, ERROR_INPUT, 0, "cgroup /: not the root");
        return -1;
    }
    int dir = open(full, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    int failed = errno;
    if (dir < 0)
        error_set(e, ERROR_SYSTEM, failed, "cgroup %s", path);
    errno = failed;
    return dir;
}

/* Calls back for each process of one directory.  A threaded cgroup lists none (EOPNOTSUPP): its processes are listed
 * by the domain above it. */
static bool each_here(int dir, void (*each)(void *ctx, pid_t pid), void *ctx)
{
    int fd = openat(dir, "cgroup.procs", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return errno == ENOENT;
    FILE *file = fdopen(fd, "r");
    if (!file) {
        close(fd);
        return false;
    }
    char line[32];
    while (fgets(line, sizeof line, file)) {
        long pid = strtol(line, NULL, 10);
        if (pid > 0) /* 0: a process outside this pid namespace */
            each(ctx, (pid_t)pid);
    }
    bool ok = !ferror(file) || errno == EOPNOTSUPP || errno == ENODEV;
    fclose(file);
    return ok;
}

struct walk {
    void (*each)(void *ctx, pid_t pid); /* or NULL */
    void *ctx;
    bool remove; /* each directory below, after what is in it */
};

static bool walk(int dir, unsigned depth, const struct walk *w)
{
    if (depth > DEPTH_MAX) {
        errno = ELOOP;
        return false;
    }
    bool ok = !w->each || each_here(dir, w->each, w->ctx);
    int copy = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *list = copy < 0 ? NULL : fdopendir(copy);
    if (!list) {
        if (copy >= 0)
            close(copy);
        return false;
    }
    for (struct dirent *entry; (entry = readdir(list));) {
        if (entry->d_type != DT_DIR || strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        int below = openat(dir, entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        if (below < 0)
            continue; /* gone meanwhile */
        ok = walk(below, depth + 1, w) && ok;
        close(below);
        if (w->remove && unlinkat(dir, entry->d_name, AT_REMOVEDIR) < 0 && errno != ENOENT)
            ok = false;
    }
    int failed = errno;
    closedir(list);
    errno = failed;
    return ok;
}

bool cgroup_each_pid(const char *path, void (*each)(void *ctx, pid_t pid), void *ctx, struct error *e)
{
    int dir = open_cgroup(path, e);
    if (dir < 0)
        return false;
    bool ok = walk(dir, 0, &(struct walk){.each = each, .ctx = ctx});
    int failed = errno;
    close(dir);
    return ok || error_set(e, ERROR_SYSTEM, failed, "cannot list the processes of the cgroup %s", path);
}

bool cgroup_remove(const char *path, struct error *e)
{
    char full[PATH_MAX];
    uint32_t level;
    int dir = open_cgroup(path, e);
    if (dir < 0)
        return errno == ENOENT;
    bool ok = walk(dir, 0, &(struct walk){.remove = true});
    int failed = errno;
    close(dir);
    if (!cgroup_path_make(path, full, &level, e))
        return false;
    if (rmdir(full) == 0 || errno == ENOENT)
        return true;
    return error_set(e, ERROR_SYSTEM, ok ? errno : failed, "cannot remove the cgroup %s", path);
}

/* cgroup.events says "populated 0" when no living process is left at any depth. */
static bool populated(int dir)
{
    char text[256];
    int fd = openat(dir, "cgroup.events", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return errno != ENOENT && errno != ENODEV;
    ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    if (n < 0)
        return false; /* ENODEV: removed */
    text[n] = '\0';
    return !strstr(text, "populated 0");
}

bool cgroup_populated(const char *path)
{
    struct error ignored;
    int dir = open_cgroup(path, &ignored);
    if (dir < 0)
        return errno != ENOENT && errno != EINVAL;
    bool alive = populated(dir);
    close(dir);
    return alive;
}

static void kill_one(void *ctx, pid_t pid)
{
    (void)ctx;
    kill(pid, SIGKILL);
}

bool cgroup_kill(const char *path, struct error *e)
{
    int dir = open_cgroup(path, e);
    if (dir < 0)
        return errno == ENOENT;
    bool gone = false;
    long pause = KILL_NSEC;
    for (int round = 0; !gone && round < KILL_ROUNDS; round++) {
        /* cgroup.kill (Linux 5.14) ends forking processes too; without it, repeat until a round finds none.  It does
         * not end what goes on behind a first thread that has ended (seen on 6.18): kill(2) does. */
        if (!cgroup_write(dir, "cgroup.kill", "1") || round)
            walk(dir, 0, &(struct walk){.each = kill_one});
        gone = !populated(dir);
        if (!gone)
            nanosleep(&(struct timespec){.tv_nsec = pause}, NULL);
        pause = pause * 2 < KILL_NSEC_MAX ? pause * 2 : KILL_NSEC_MAX;
    }
    close(dir);
    return gone || error_set(e, ERROR_SYSTEM, EBUSY, "processes in the cgroup %s do not end", path);
}
