/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/job_cgroup.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "ctl/number.h"
#include "ctl/process_proc.h"
#include "nft/cgroup.h"
#include "nft/sockets.h"

#define ROUNDS_MAX 100 /* each one finds what was forked during the one before */

struct numbers {
    uint64_t *at;
    size_t count, size;
};

static bool add(struct numbers *n, uint64_t number)
{
    if (n->count == n->size) {
        size_t size = n->size ? 2 * n->size : 256;
        uint64_t *grown = reallocarray(n->at, size, sizeof *grown);
        if (!grown)
            return false;
        n->at = grown;
        n->size = size;
    }
    n->at[n->count++] = number;
    return true;
}

static bool descends(pid_t pid, pid_t from)
{
    for (unsigned i = 0; i < 256 && pid > 1; i++) {
        pid_t parent = 0;
        uint64_t start;
        if (pid == from)
            return true;
        int proc = process_proc_open(pid);
        bool ok = proc >= 0 && process_proc_stat(proc, &parent, &start);
        if (proc >= 0)
            close(proc);
        if (!ok)
            return false;
        pid = parent;
    }
    return false;
}

/* Process 1, who asks and the gate are above what a job is: the first is everybody's ancestor, and what its children
 * start is not moved with it; the other would be in the job that it starts, and could neither widen nor end it; the
 * gate would hold itself. */
static bool may_be_taken(pid_t pid, struct error *e)
{
    int gate;
    if (pid == 1)
        return error_set(e, ERROR_INPUT, 0, "--pid 1: process 1 is no job, for all others descend from it");
    if (descends(getpid(), pid))
        return error_set(e, ERROR_INPUT, 0,
                         "--pid %d: this command descends from that process, so it would be in the job that it starts, "
                         "from which none is ended: start it from outside",
                         (int)pid);
    if (number_gate_lives(&gate) && gate > 0 && descends(gate, pid))
        return error_set(e, ERROR_INPUT, 0, "--pid %d: the gate is that process, or descends from it", (int)pid);
    return kill(pid, 0) == 0 || errno != ESRCH || error_set(e, ERROR_INPUT, 0, "--pid %d: no such process", (int)pid);
}

bool job_cgroup_make(pid_t pid, const char *id, char out[PATH_MAX], unsigned *levels, struct error *e)
{
    char now[PATH_MAX];
    if (!may_be_taken(pid, e) || !cgroup_of(pid, now, e))
        return false;
    if (snprintf(out, PATH_MAX, "%s/sluice-job-%s", strcmp(now, "/") == 0 ? "" : now, id) >= PATH_MAX)
        return error_set(e, ERROR_LIMIT, 0, "the cgroup's path is too long");
    return cgroup_make_levels(out, levels, e);
}

/* One pass over all processes; how many were moved. */
static unsigned take_some(const char *path, pid_t from, struct error *e)
{
    unsigned moved = 0;
    DIR *proc = opendir("/proc");
    for (struct dirent *entry; proc && (entry = readdir(proc));) {
        char now[PATH_MAX];
        pid_t pid = isdigit((unsigned char)entry->d_name[0]) ? (pid_t)strtol(entry->d_name, NULL, 10) : 0;
        if (!pid || !descends(pid, from) || !cgroup_of(pid, now, NULL) || cgroup_is_below(now, path))
            continue;
        moved += cgroup_enter(path, pid, e); /* one that ended meanwhile is looked for no more */
    }
    if (proc)
        closedir(proc);
    return moved;
}

/* Sockets bear the cgroup in which they were made.  SOCK_DESTROY ends a connection, but the descriptor lives on, and
 * may send or connect again: so it is bound to an interface that there is not, which only CAP_NET_RAW may undo, and
 * shut, because a datagram may name another interface. */
static void blind(int fd)
{
    int nowhere = INT32_MAX, family = 0;
    socklen_t len = sizeof family;
    if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &len) < 0 || (family != AF_INET && family != AF_INET6))
        return;
    (void)setsockopt(fd, SOL_SOCKET, SO_BINDTOIFINDEX, &nowhere, sizeof nowhere);
    (void)shutdown(fd, SHUT_RDWR); /* ENOTCONN of what is not connected, and it is shut all the same */
}

struct taken {
    struct numbers sockets;
    pid_t unseen; /* a thread with descriptors of its own, which nobody can get at */
};

/* Calls for each descriptor of a socket in /proc/PID/fd or /proc/PID/task/TID/fd. */
static void each_socket(const char *path, void (*each)(void *ctx, int number, uint64_t inode), void *ctx)
{
    char link[64];
    DIR *fds = opendir(path);
    for (struct dirent *entry; fds && (entry = readdir(fds));) {
        unsigned long long inode;
        ssize_t n = readlinkat(dirfd(fds), entry->d_name, link, sizeof link - 1);
        link[n > 0 ? n : 0] = 0;
        if (sscanf(link, "socket:[%llu]", &inode) == 1)
            each(ctx, (int)strtol(entry->d_name, NULL, 10), inode);
    }
    if (fds)
        closedir(fds);
}

struct process {
    struct taken *taken;
    int pidfd;
    pid_t thread;
};

static void take_socket(void *ctx, int number, uint64_t inode)
{
    struct process *p = ctx;
    int fd = (int)syscall(SYS_pidfd_getfd, p->pidfd, number, 0);
    if (fd < 0)
        return;
    blind(fd);
    close(fd);
    (void)add(&p->taken->sockets, inode);
}

static void look_at_thread(void *ctx, int number, uint64_t inode)
{
    struct process *p = ctx;
    bool seen = false;
    (void)number;
    for (size_t i = 0; i < p->taken->sockets.count && !seen; i++)
        seen = p->taken->sockets.at[i] == inode;
    if (!seen)
        p->taken->unseen = p->thread;
}

static void take_process(void *ctx, pid_t pid)
{
    char path[96];
    struct process p = {.taken = ctx, .pidfd = (int)syscall(SYS_pidfd_open, pid, 0)};
    if (p.pidfd < 0)
        return;
    snprintf(path, sizeof path, "/proc/%d/fd", (int)pid);
    each_socket(path, take_socket, &p);
    snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
    DIR *tasks = opendir(path);
    for (struct dirent *entry; tasks && (entry = readdir(tasks));) {
        p.thread = isdigit((unsigned char)entry->d_name[0]) ? (pid_t)strtol(entry->d_name, NULL, 10) : 0;
        snprintf(path, sizeof path, "/proc/%d/task/%d/fd", (int)pid, (int)p.thread);
        if (p.thread && p.thread != pid)
            each_socket(path, look_at_thread, &p);
    }
    if (tasks)
        closedir(tasks);
    close(p.pidfd);
}

/* A process whose first thread has ended stays where it was, with threads that live on: the kernel moves it by that
 * thread. */
static bool all_moved(const char *path, pid_t from, struct error *e)
{
    bool ok = true;
    DIR *proc = opendir("/proc");
    for (struct dirent *entry; proc && ok && (entry = readdir(proc));) {
        char now[PATH_MAX], folder[64];
        unsigned threads = 0;
        pid_t pid = isdigit((unsigned char)entry->d_name[0]) ? (pid_t)strtol(entry->d_name, NULL, 10) : 0;
        if (!pid || !descends(pid, from) || !cgroup_of(pid, now, NULL) || cgroup_is_below(now, path))
            continue;
        snprintf(folder, sizeof folder, "/proc/%d/task", (int)pid);
        DIR *tasks = opendir(folder);
        for (struct dirent *task; tasks && (task = readdir(tasks));)
            threads += task->d_name[0] != '.';
        if (tasks)
            closedir(tasks);
        if (threads > 1) /* else a zombie, of which nothing lives */
            ok = error_set(
                e, ERROR_SYSTEM, 0,
                "process %d cannot be moved, for its first thread has ended: end it, and start the job before "
                "its processes",
                (int)pid);
    }
    if (proc)
        closedir(proc);
    return ok;
}

bool job_cgroup_take(const char *path, pid_t pid, struct error *e)
{
    struct taken taken = {0};
    if (!cgroup_enter(path, pid, e)) /* first: what it forks from now on is born there */
        return false;
    for (unsigned round = 0; round < ROUNDS_MAX && take_some(path, pid, NULL); round++)
        ;
    bool ok = all_moved(path, pid, e) && cgroup_each_pid(path, take_process, &taken, e) &&
              sockets_end_inodes(taken.sockets.at, taken.sockets.count, e);
    if (ok && taken.unseen)
        ok = error_set(e, ERROR_SYSTEM, 0,
                       "thread %d has descriptors of its own, among them sockets from before the job, which stay as "
                       "they were: start the job before its processes",
                       (int)taken.unseen);
    free(taken.sockets.at);
    return ok;
}

static void list_pid(void *ctx, pid_t pid)
{
    (void)add(ctx, (uint64_t)pid);
}

bool job_cgroup_leave(const char *path, unsigned *left, struct error *e)
{
    char above[PATH_MAX];
    struct error ignored;
    *left = 0;
    snprintf(above, sizeof above, "%s", path);
    char *last = strrchr(above, '/');
    if (!last)
        return error_set(e, ERROR_INPUT, 0, "%s is no cgroup's path", path);
    *(last == above ? last + 1 : last) = 0;
    for (unsigned round = 0; round < ROUNDS_MAX; round++) {
        struct numbers pids = {0};
        if (!cgroup_each_pid(path, list_pid, &pids, &ignored) || pids.count == 0) {
            free(pids.at);
            break;
        }
        for (size_t i = 0; i < pids.count; i++)
            *left += cgroup_enter(above, (pid_t)pids.at[i], &ignored);
        free(pids.at);
    }
    return cgroup_remove(path, e);
}
