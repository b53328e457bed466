/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where cgroup v2 lives on this host (pure or hybrid: read from mountinfo), and what a path in it is to nft. */
#ifndef SLUICE_NFT_CGROUP_H
#define SLUICE_NFT_CGROUP_H

#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>

#include "core/error.h"
#include "nft/ruleset.h"

/* The mount point, e.g. "/sys/fs/cgroup" or "/sys/fs/cgroup/unified". */
bool cgroup_mount_find(char out[PATH_MAX], struct error *e);
/* `path` is below the mount, "/a/b", and is borrowed by *out.  ENOENT is reported as sys_errno: the cgroup may come
 * later. */
bool cgroup_find(const char *path, struct ruleset_cgroup *out, struct error *e);
/* The path of a process' cgroup v2 below the mount. */
bool cgroup_of(pid_t pid, char out[PATH_MAX], struct error *e);
/* Is the cgroup `path` the cgroup `of`, or below it? */
bool cgroup_is_below(const char *path, const char *of);
/* Makes "/a/b" (all levels). */
bool cgroup_make(const char *path, struct error *e);
/* The same, and says how many levels, the last ones, were not there before, also where it failed below them. */
bool cgroup_make_levels(const char *path, unsigned *made, struct error *e);
/* Removes so many levels of the path, from the last on, as far as nothing is in them. */
void cgroup_unmake(const char *path, unsigned levels);
bool cgroup_remove(const char *path, struct error *e); /* with the empty cgroups below it */
bool cgroup_enter(const char *path, pid_t pid, struct error *e);
/* Ends every process in it and below (cgroup.kill, or SIGKILL until none is left). */
bool cgroup_kill(const char *path, struct error *e);
/* Is anything alive in it or below, at any depth?  True also where that cannot be read; false: it is not there. */
bool cgroup_populated(const char *path);
/* Calls back for each process in it and below. */
bool cgroup_each_pid(const char *path, void (*each)(void *ctx, pid_t pid), void *ctx, struct error *e);

#endif
