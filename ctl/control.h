/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The gate's control socket, and its protocol (docs/control.md): a client sends one JSON object on one line, gets one
 * JSON object back, and the connection closes.
 *
 * Root's alone: the directory's mode says so, and the peer's credentials are checked.  A process in one of the gate's
 * own scopes may only ask for the status, whatever its uid (law 5).
 *
 * control.c moves bytes, control_request.c answers.  An answer may come later than its request (a policy is first
 * compiled by the inspector): the client is then known by its number.  Keeper only, one thread. */
#ifndef SLUICE_CTL_CONTROL_H
#define SLUICE_CTL_CONTROL_H

#include <jansson.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/error.h"

#define CONTROL_VERSION 1
#define CONTROL_CLIENTS 16

struct control;
struct keeper;

struct control *control_new(int listen_fd);
/* Fills `fds` (CONTROL_CLIENTS + 1 of them) for poll; returns how many. */
unsigned control_poll(const struct control *c, struct pollfd *fds);
/* Serves what poll reported. */
void control_serve(struct control *c, struct keeper *k, const struct pollfd *fds, unsigned count);
/* The answer to a request that was not answered at once; takes `answer` (NULL: no memory).  0 is nobody. */
void control_answer(struct control *c, uint32_t client, json_t *answer);

/* control_request.c.  Answers one request of the client `number`, whose socket is `fd`; NULL: the answer comes later,
 * by control_answer. */
json_t *control_request(struct keeper *k, uint32_t number, int fd, const char *text);
/* {"version": 1, "ok": false, "error": {"kind": ..., "text": ...}} */
json_t *control_error(const struct error *e);
json_t *control_refused(const char *text);

/* control_status.c.  What the gate says of itself. */
json_t *control_status(const struct keeper *k);

/* control_client.c.  Asks the gate of this network namespace, waiting at most `wait_msec` for the answer; takes
 * `request`, to which the version is added.  NULL with ERROR_NONE in e->code: no gate runs; with another: no answer, or
 * the gate's own error. */
json_t *control_ask(json_t *request, int wait_msec, struct error *e);
#define CONTROL_WAIT_MSEC 5000

#endif
