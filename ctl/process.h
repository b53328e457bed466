/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who sent a packet: from the tuple to the socket (inet_diag) to the process (/proc/PID/fd of the scope's cgroup).
 *
 * Only for refusals (DESIGN s4): it costs half a millisecond and more, for one packet or for many at once.  Keeper
 * only.  Everything read from /proc of the job's processes is hostile text of bounded length. */
#ifndef SLUICE_CTL_PROCESS_H
#define SLUICE_CTL_PROCESS_H

#include <stdbool.h>

#include "core/event.h"

struct process_finder;

/* `diag_fd`: a NETLINK_SOCK_DIAG socket (of the job's network namespace, or of ours); owned by the finder. */
struct process_finder *process_finder_new(int diag_fd);
void process_finder_free(struct process_finder *f);

#define PROCESS_FIND_MAX 64

struct process_wanted {
    uint8_t protocol;
    struct event_endpoint source, destination;
    struct event_process *out; /* written if it is found */
    bool found;
};

/* Fills `out` of each for the local socket of protocol/source/destination (destination may be unconnected, UDP, ICMP or
 * raw: then by source port or protocol), searching the processes of these cgroup paths (and below), or all processes
 * where cgroups is 0.  Not found: the process is gone, or in another namespace.  /proc is read once for all, so that
 * many cost little more than one.  Bounded: PROCESS_FIND_MAX of them, 4,096 processes, 65,536 descriptors. */
void process_find_all(struct process_finder *f, struct process_wanted *wanted, unsigned count,
                      const char *const *cgroup, unsigned cgroups);
/* The same for one. */
bool process_find(struct process_finder *f, uint8_t protocol, const struct event_endpoint *source,
                  const struct event_endpoint *destination, const char *const *cgroup, unsigned cgroups,
                  struct event_process *out);

/* Fills `out` for a known pid: names, command line (secrets masked), parent, package.  Reads the process' own memory
 * and files, which it can make wait for ever: only for processes that are trusted, or in a process that may be ended
 * (process_find does). */
bool process_describe(pid_t pid, struct event_process *out);

/* ctl/package.c: fills package_* from the environment, working directory and command line of the process and its
 * parents: npm (npm_package_name, npm_lifecycle_event), cargo (CARGO_PKG_NAME of a build script or rustc), pip (the
 * source tree of a build back end: PKG-INFO or the directory pip made).  All are claims: the job can write them. */
void package_claim(pid_t pid, struct event_process *out);

/* Masks what looks like a secret in a command line (values of --token=, --password, Authorization:, user:pass@, AKIA…,
 * ghp_…, long base64 or hex of high entropy) in place. */
void process_mask_secrets(char *command_line);

#endif
