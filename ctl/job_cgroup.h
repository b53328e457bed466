/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sluice job start --pid: a cgroup of its own for processes that run already.  In the client, as root: the gate itself
 * may not write to cgroups. */
#ifndef SLUICE_CTL_JOB_CGROUP_H
#define SLUICE_CTL_JOB_CGROUP_H

#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>

#include "core/error.h"

/* Makes the cgroup "sluice-job-ID" below that of the process; its path is written to `out`;
 * process 1, and the ancestors of the caller and of the gate, are refused.  *levels as cgroup_make_levels says: 0 where
 * a running job of that id has it. */
bool job_cgroup_make(pid_t pid, const char *id, char out[PATH_MAX], unsigned *levels, struct error *e);
/* Moves the process and all that descends from it into it, and ends the sockets that they had before: those bear the
 * cgroup of before.  What the job's processes hand to others, or get from them, later is not looked for. */
bool job_cgroup_take(const char *path, pid_t pid, struct error *e);
/* Moves who is left to the cgroup above, and removes it; *left: how many there were. */
bool job_cgroup_leave(const char *path, unsigned *left, struct error *e);

#endif
