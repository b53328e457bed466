/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Open connections under a new policy: those that it no longer allows are cut (DESIGN s3). */
#ifndef SLUICE_CTL_REJUDGE_H
#define SLUICE_CTL_REJUDGE_H

#include "ctl/keeper.h"

struct rejudge_flow {
    const struct conntrack_flow *flow;
    const struct event *row; /* what its event said (the name it showed); NULL: not known any more */
    uint16_t scope_id;
    bool undecided; /* TCP whose bytes the inspector still reads, by the policy in force */
};

/* May this open flow go on?  `names`: what its scope has bound to the address; `before`: the policy that let it go,
 * NULL: not known.  A flow outlives its binding, so the name it showed counts as bound.  Pure. */
bool rejudge_allows(const struct policy *policy, const struct policy *before, const struct rejudge_flow *open,
                    const struct binding_view *names, unsigned count);

/* Calls `each` for every open flow of this gate that `policy` does not allow; `before` and `row` as above.  False: the
 * flows cannot be read. */
bool rejudge_each(struct keeper *k, const struct policy *policy, const struct policy *before,
                  void (*each)(void *ctx, const struct conntrack_flow *flow, const struct event *row), void *ctx,
                  struct error *e);

/* Judges every flow of this gate by k->policy and cuts what it refuses; returns how many. */
unsigned rejudge_all(struct keeper *k, const struct policy *before);

/* Forgets every flow that has a mark of this gate's scopes, tells its end, and ends its socket: before a gate or a run
 * first holds (an earlier one's scopes had the same ids), and at the end of a run (a socket may have bytes left when
 * its process is gone).  For a run a tenth of a millisecond, where no flow is left. */
void rejudge_forget_all(struct keeper *k);
/* The same for one scope: a job's that ended. */
void rejudge_forget_scope(struct keeper *k, uint16_t scope);

#endif
