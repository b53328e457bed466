/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What every process of the gate does first: takes its role, closes what is not its own, gives up its rights.
 *
 * A role is a POSIX record lock on one byte of the gate's lock file (ctl/gate.h).  Such a lock belongs to the process,
 * not to the descriptor: it goes with the process, and it also goes when the process closes *any* descriptor of that
 * file, so a role keeps lock_fd open and never opens it anew.  Single-threaded callers. */
#ifndef SLUICE_CTL_ROLE_H
#define SLUICE_CTL_ROLE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/error.h"

/* Users that no account has (Debian reserves 65000..65533 and systemd gives out only up to 65519), one a role: nothing
 * else on the host may send these processes a signal or trace them. */
#define ROLE_UID_INSPECTOR 65530
#define ROLE_UID_RELAY     65531

/* Takes the role for this process.  False: another process has it (ERROR_LIMIT), or the lock failed (ERROR_SYSTEM). */
bool role_take(int lock_fd, unsigned role, struct error *e);
/* The process that has the role, as the caller's pid namespace numbers it; 0: nobody. */
pid_t role_holder(int lock_fd, unsigned role);

/* Closes every descriptor from 3 on that is not listed; -1 in the list is skipped.  Standard input becomes /dev/null.
 */
bool role_keep_only(const int *keep, unsigned count, struct error *e);

/* SIGTERM becomes readable on the returned descriptor (close-on-exec); SIGINT, SIGHUP and SIGPIPE are ignored (a
 * terminal's ^C goes to the whole group, and the launcher decides who stops); all others have their defaults. */
int role_stop_fd(struct error *e);

/* Becomes `uid` (user and group, no supplementary groups) with nothing but the capabilities in the mask (1 << CAP_…),
 * effective and permitted; empty bounding and ambient sets, no_new_privs, not dumpable, no core files.  For good. */
bool role_drop(uid_t uid, uint64_t capabilities, struct error *e);

/* No process or thread is made from here on, and no descriptor above the highest of `keep` and `spare` more. */
bool role_limit(const int *keep, unsigned count, unsigned spare, struct error *e);

#endif
