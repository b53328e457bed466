/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/peer.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctl/process_proc.h"
#include "nft/cgroup.h"

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77 /* Linux 6.5; not in Debian 12's headers */
#endif

#define ANCESTORS_MAX 256

static bool stat_of(pid_t pid, pid_t *parent, uint64_t *start)
{
    int proc = process_proc_open(pid);
    bool ok = proc >= 0 && process_proc_stat(proc, parent, start);
    if (proc >= 0)
        close(proc);
    return ok;
}

/* Is its first thread alive?  One that has ended bears the cgroup in which it was, whatever became of the others. */
static bool is_alive(pid_t pid)
{
    char text[1024];
    int proc = process_proc_open(pid);
    size_t n = proc >= 0 ? process_proc_read(proc, "stat", text, sizeof text) : 0;
    const char *after = n ? strrchr(text, ')') : NULL;
    if (proc >= 0)
        close(proc);
    return after && after[1] == ' ' && after[2] != 'Z' && after[2] != 'X' && after[2] != 'x';
}

uint64_t peer_start(pid_t pid)
{
    pid_t parent;
    uint64_t start;
    return pid > 0 && stat_of(pid, &parent, &start) ? start : 0;
}

static bool is_here(pid_t pid)
{
    char path[64];
    struct stat own, its;
    snprintf(path, sizeof path, "/proc/%d/ns/net", (int)pid);
    return stat("/proc/self/ns/net", &own) == 0 && stat(path, &its) == 0 && own.st_ino == its.st_ino &&
           own.st_dev == its.st_dev;
}

bool peer_look(int fd, struct peer *out)
{
    struct ucred credentials;
    socklen_t len = sizeof credentials;
    *out = (struct peer){0};
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &len) < 0 || credentials.pid <= 0)
        return false;
    out->pid = credentials.pid;
    out->uid = credentials.uid;
    out->start = peer_start(credentials.pid);
    out->here = is_here(credentials.pid);
    bool known = out->start && is_alive(credentials.pid) && cgroup_of(credentials.pid, out->cgroup, NULL);
    int pidfd = -1;
    len = sizeof pidfd;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERPIDFD, &pidfd, &len) == 0) {
        struct pollfd end = {.fd = pidfd, .events = POLLIN};
        known = known && poll(&end, 1, 0) == 0; /* it lived after we looked: what we saw was its own */
        close(pidfd);
    }
    return known;
}

bool peer_lives(const struct peer *p)
{
    char cgroup[PATH_MAX];
    return p->start && is_alive(p->pid) && peer_start(p->pid) == p->start && cgroup_of(p->pid, cgroup, NULL) &&
           strcmp(cgroup, p->cgroup) == 0;
}

pid_t peer_parent(const struct peer *p)
{
    pid_t parent;
    uint64_t start;
    return p->start && stat_of(p->pid, &parent, &start) && start == p->start ? parent : 0;
}

bool peer_descends(const struct peer *p, pid_t pid, uint64_t start)
{
    pid_t at = p->pid;
    for (unsigned i = 0; i < ANCESTORS_MAX && at > 1; i++) {
        pid_t parent;
        uint64_t began;
        if (!stat_of(at, &parent, &began))
            return false;
        if (at == pid)
            return began == start;
        at = parent;
    }
    return false;
}
