/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The launcher: starts the gate's other processes, waits, starts again what died (DESIGN s4).
 *
 * Primary and standby are the same code.  The primary starts standby, keeper, inspector and relay; the standby only
 * watches the primary and takes over when it dies.  The keeper, should it find both gone, forks a launcher anew.  So
 * each process alone, and any two, may be killed.  Whoever forks a role that already has a holder does no harm: the
 * newcomer finds the lock taken and ends. */
#ifndef SLUICE_CTL_LAUNCHER_H
#define SLUICE_CTL_LAUNCHER_H

#include <sys/types.h>

#include "ctl/gate.h"

/* Forks a process for `role` with nothing but the gate's descriptors and a clean signal state, in a session of its own.
 * Returns its pid to the caller, or -1. */
pid_t launcher_fork(struct gate *gate, enum gate_role role);

#endif
