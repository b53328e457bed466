/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who asks at a unix socket: the process that connected, as it was when its connection was taken.
 *
 * A pid may be another process' by the time it is looked at.  Where the kernel has SO_PEERPIDFD (Linux 6.5) the process
 * is known for sure; before that, its start is noted at once, and it must be the same when the request is judged. */
#ifndef SLUICE_CTL_PEER_H
#define SLUICE_CTL_PEER_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct peer {
    pid_t pid;
    uint32_t uid;
    uint64_t start; /* ticks since boot; 0: the process is gone, or is not to be seen */
    bool here;      /* in our network namespace: a container's root is none of this host's */
    char cgroup[PATH_MAX];
};

/* False: the kernel does not say who it is, or the process is gone. */
bool peer_look(int fd, struct peer *out);
/* Does it still live, in the same cgroup? */
bool peer_lives(const struct peer *p);
/* Is the process `pid` that started at `start` the peer or an ancestor of it? */
bool peer_descends(const struct peer *p, pid_t pid, uint64_t start);
/* Its parent, in our pid namespace; 0: it has none there, or is gone. */
pid_t peer_parent(const struct peer *p);
/* The start of a process; 0: there is none. */
uint64_t peer_start(pid_t pid);

#endif
