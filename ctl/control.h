/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The gate's two sockets, and their protocol (docs/control.md): a client sends one JSON object on one line, gets one
 * JSON object back, and the connection closes.
 *
 * gate.sock is root's alone: the directory's and the socket's mode say so, and the peer's credentials are checked; a
 * process in one of the gate's own scopes may only ask for the status there, whatever its uid.  jobs.sock is
 * everybody's, and answers what is asked about jobs, by who asks (control_job.c, law 5).
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
#define CONTROL_FDS     (CONTROL_CLIENTS + 1)

struct control;
struct keeper;
struct peer;

/* Who waits for an answer; control NULL: nobody. */
struct control_client {
    struct control *control;
    uint32_t number;
};

/* `everybody`: not root alone. */
struct control *control_new(int listen_fd, bool everybody);
/* Fills `fds` (CONTROL_FDS of them) for poll; returns how many. */
unsigned control_poll(const struct control *c, struct pollfd *fds);
/* Serves what poll reported. */
void control_serve(struct control *c, struct keeper *k, const struct pollfd *fds, unsigned count);
/* The answer to a request that was not answered at once; takes `answer` (NULL: no memory). */
void control_answer(struct control_client client, json_t *answer);

/* control_request.c.  Answers one request; NULL: the answer comes later, by control_answer. */
struct control_ask {
    struct keeper *k;
    struct control_client client;
    const struct peer *peer; /* who asks */
    bool everybody;          /* at the socket that is everybody's */
    const json_t *request;
};
json_t *control_request(struct control_ask *ask, const char *text);
/* {"version": 1, "ok": false, "error": {"kind": ..., "text": ...}} */
json_t *control_error(const struct error *e);
json_t *control_refused(const char *text);
json_t *control_wrong(const char *text);
json_t *control_failed(enum error_code code, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The scope of the policy in force that the peer is in; NULL: in none. */
const struct policy_scope *control_scope_of(const struct keeper *k, const struct peer *peer);

/* control_job.c.  Requests about jobs. */
json_t *control_job_start(const struct control_ask *a);
json_t *control_job_phase(const struct control_ask *a);
json_t *control_job_end(const struct control_ask *a);
json_t *control_job_list(const struct control_ask *a);

/* control_status.c.  What the gate says of itself. */
json_t *control_status(const struct keeper *k);

/* control_client.c.  Asks the gate of this network namespace, waiting at most `wait_msec` for the answer; takes
 * `request`, to which the version is added.  NULL with ERROR_NONE in e->code: no gate runs; with another: no answer, or
 * the gate's own error. */
json_t *control_ask(json_t *request, int wait_msec, struct error *e);
#define CONTROL_WAIT_MSEC 5000
/* The same for a change of policy: while another is under way, it is asked again.  `path`: of the socket; NULL: root's.
 */
json_t *control_ask_change(const char *path, json_t *request, struct error *e);

#endif
