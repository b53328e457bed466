/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What `sluice job` asks of the gate, once the command line is read: a function a verb, which returns the exit status.
 */
#ifndef SLUICE_CTL_JOB_ASK_H
#define SLUICE_CTL_JOB_ASK_H

#include <jansson.h>
#include <stdbool.h>
#include <sys/types.h>

#include "core/error.h"
#include "ctl/report.h"

#define JOB_OPERANDS_MAX 3

struct job_ask {
    const char *verb, *operand[JOB_OPERANDS_MAX];
    unsigned operands;
    const char *id, *profile, *phase, *summary;
    json_t *request; /* of a start: the lists */
    pid_t pid, owner;
    bool json, kill, release, audit, incoming, fail_on_deny, fail_on_alert;
    enum report_format format;
    char path[108]; /* of the socket; "": root's */
};

/* Which gate is asked: fills path. */
bool job_ask_socket(struct job_ask *a, struct error *e);
/* Says why, and returns the exit status for it. */
int job_ask_failed(const struct error *e);
int job_ask_start(struct job_ask *a);
int job_ask_phase(struct job_ask *a);
int job_ask_end(struct job_ask *a);
int job_ask_list(struct job_ask *a);

#endif
