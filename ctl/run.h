/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The life of one `sluice run`: policy, gate, job, summary, end.  Nothing of it outlives the process: whatever fails
 * before the command starts leaves nothing behind, and the command does not run. */
#ifndef SLUICE_CTL_RUN_H
#define SLUICE_CTL_RUN_H

#include <stdbool.h>

#include "ctl/confine.h"
#include "ctl/report.h"
#include "ctl/run_policy.h"

struct run_config {
    struct run_policy policy;
    unsigned sockets;
    const char *socket[CONFINE_KEEP_MAX]; /* unix sockets outside that the command may use */
    const char *events_path, *report_path;
    enum report_format report_format;
    bool isolate, as_root, json, fail_on_deny, fail_on_alert;
    char **argv;
};

/* Returns the exit status (DESIGN s2 Commands). */
int run_command(struct run_config *config);

#endif
