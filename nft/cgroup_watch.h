/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Notices at once that a cgroup came, went, or came anew under another id: inotify on the folders that lead to it.
 *
 * Rules know a cgroup by its id, so one that is made again at the same path (a restarted service) is nobody's until
 * they are renewed.  Who makes other cgroups in those folders in a loop cannot keep the reader busy: after a burst,
 * what happened is read CGROUP_WATCH_RATE times a second.  One thread. */
#ifndef SLUICE_NFT_CGROUP_WATCH_H
#define SLUICE_NFT_CGROUP_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "core/error.h"

#define CGROUP_WATCH_RATE  20
#define CGROUP_WATCH_BURST 10

struct cgroup_watch {
    int fd;             /* -1: inotify is not to be had */
    uint64_t next_usec; /* when the reads so far are paid for */
};

bool cgroup_watch_open(struct cgroup_watch *w, struct error *e);
/* Watches each folder that leads to `path` ("/a/b" below the mount) and is there, the nearest as well as those above
 * it: whatever of the way is made later is noticed.  Again for a path that is watched: what came meanwhile is added. */
void cgroup_watch_add(struct cgroup_watch *w, const char *path);
/* Microseconds until cgroup_watch_read may be called; 0: now. */
uint64_t cgroup_watch_wait(const struct cgroup_watch *w, uint64_t now_usec);
/* Reads what happened.  True: something of a name that `wanted` says yes to, or too much to tell. */
bool cgroup_watch_read(struct cgroup_watch *w, uint64_t now_usec, bool (*wanted)(void *ctx, const char *name),
                       void *ctx);

#endif
