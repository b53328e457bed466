/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The gate's status socket: one line asks, one JSON object answers, then the connection closes.
 *
 *     status   what runs, scopes, counts
 *     reload   as SIGHUP; answers at once
 *     stop     ends the gate; its rules stay, closed
 *
 * Root's alone: the directory's mode says so, and the peer's credentials are checked.  A process in one of the gate's
 * own scopes may only ask for the status, whatever its uid (law 5).  Keeper only. */
#ifndef SLUICE_CTL_CONTROL_H
#define SLUICE_CTL_CONTROL_H

#include <poll.h>
#include <stdbool.h>

#include "core/error.h"

#define CONTROL_CLIENTS 16

struct control;
struct keeper;

struct control *control_new(int listen_fd);
/* Fills `fds` (CONTROL_CLIENTS + 1 of them) for poll; returns how many. */
unsigned control_poll(const struct control *c, struct pollfd *fds);
enum control_wish { CONTROL_NOTHING, CONTROL_RELOAD, CONTROL_STOP };
/* Serves what poll reported.  Returns what a client asked of the keeper. */
enum control_wish control_serve(struct control *c, struct keeper *k, const struct pollfd *fds, unsigned count);

/* The client's side: asks the gate of this network namespace.  *answer is malloc'ed.  False with ERROR_NONE in e->code:
 * no gate runs. */
bool control_ask(const char *request, char **answer, struct error *e);

#endif
