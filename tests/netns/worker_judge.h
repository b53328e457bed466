/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The judge of the worker's test, in place of nfq/judge*.c: decides by destination port.  The worker's thread runs it;
 * what it counts, any thread may read. */
#ifndef SLUICE_TESTS_NETNS_WORKER_JUDGE_H
#define SLUICE_TESTS_NETNS_WORKER_JUDGE_H

#include "policy/policy.h"

enum port {
    REPLACE = 7001, /* goes on with another payload */
    DROP,
    RESET,
    ATTRIBUTE, /* held until the keeper answered */
    TICK,      /* held until a tick 200 ms later */
    COPY,      /* goes on as a copy, checksums complete */
    AS_IT_LIES,
    INJECT, /* answered by us */
    STALL,  /* the worker does nothing while `stalled` */
    HOLD,   /* held for good */
    TELL,   /* an event each, without ticket */
};

extern _Atomic unsigned seen, malformed, gso_seen, wrong_scope, policies;
extern _Atomic(const struct policy *) policy_now; /* as told last */
extern _Atomic bool stalled;

#endif
