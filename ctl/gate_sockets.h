/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The sockets of a gate that need root to be made: raw ones for what it injects, the relay's. */
#ifndef SLUICE_CTL_GATE_SOCKETS_H
#define SLUICE_CTL_GATE_SOCKETS_H

#include <stdbool.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "core/error.h"
#include "ctl/gate.h"

/* Fills raw4_fd and raw6_fd.  A host without IPv6 has no raw6_fd (-1). */
bool gate_sockets_raw(struct gate *gate, struct error *e);
/* Fills the relay's listeners, their port, and the sockets of the first `slots` slots, each mark_retired. */
bool gate_sockets_relay(struct gate *gate, unsigned slots, struct error *e);
/* The relay has none: all -1. */
void gate_sockets_no_relay(struct gate *gate);
/* Fills jobs_fd, which everybody may ask, and of a gate status_fd, root's alone: listening at their paths. */
bool gate_sockets_control(struct gate *gate, struct error *e);

/* Where the gate of this network namespace listens: NUMBER_DIRECTORY/<netns>.gate.sock. */
bool gate_sockets_path(struct sockaddr_un *out, struct error *e);

/* Where a gate (0), or the run with that main pid, is asked about jobs. */
bool gate_sockets_jobs_path(pid_t run, struct sockaddr_un *out, struct error *e);

#endif
