/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The inspector's policy: received from the keeper as a sealed memfd, compiled, swapped, the old one freed.
 *
 * inspector_policy_run is the control thread; `current` is read by the worker through liburcu-qsbr.  Works under the
 * inspector's filter: it opens nothing. */
#ifndef SLUICE_CTL_INSPECTOR_POLICY_H
#define SLUICE_CTL_INSPECTOR_POLICY_H

#include <stdbool.h>
#include <stdint.h>

#include "core/error.h"
#include "nfq/worker.h"

struct inspector_policy {
    int control_fd, epoll_fd;
    uint64_t serial;
    struct policy *inherited;      /* from the launcher, or NULL; never freed */
    struct worker_policy *current; /* NULL until the first */
};

bool inspector_policy_init(struct inspector_policy *p, int control_fd, struct policy *inherited, struct error *e);

/* Says CHANNEL_STARTED, then serves CHANNEL_POLICY messages, each answered by CHANNEL_POLICY_DONE: a bundle that does
 * not compile leaves the policy as it was.  Returns when the channel fails. */
void inspector_policy_run(struct inspector_policy *p);

#endif
