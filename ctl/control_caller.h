/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who asks about jobs, and what the files of these requests share: control_job.c, control_job_start.c. */
#ifndef SLUICE_CTL_CONTROL_CALLER_H
#define SLUICE_CTL_CONTROL_CALLER_H

#include "ctl/control.h"
#include "ctl/keeper.h"

/* By weight. */
enum control_right {
    RIGHT_NONE,
    RIGHT_OWN,     /* a process in a job, or in a run: its own may be narrowed */
    RIGHT_STARTER, /* in a scope that starts jobs */
    RIGHT_ALL      /* root outside every scope */
};

struct control_caller {
    enum control_right right;
    const struct policy_scope *scope; /* that it is in, or NULL */
};

struct control_caller control_caller_of(const struct control_ask *a);
/* The answer to a caller who may not at all. */
json_t *control_refuse_caller(const struct control_caller *c);
/* Begins a change of the bundle; the answer comes when it is in force (NULL), or it cannot be. */
json_t *control_change(const struct control_ask *a, const struct reload_change *change);

#endif
