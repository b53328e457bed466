/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Open allowed flows, from the event that allowed them to conntrack's word that they ended.
 *
 * An allowed flow is one event at its end, with bytes and packets of both directions (DESIGN s2).  The table is also
 * what a reload judges again: the name that each open connection showed.  At most FLOWS_MAX; keeper only. */
#ifndef SLUICE_CTL_FLOWS_H
#define SLUICE_CTL_FLOWS_H

#include <stdbool.h>

#include "core/event.h"
#include "nft/conntrack.h"

#define FLOWS_MAX 131072

struct flows;

struct flows *flows_new(void);
void flows_free(struct flows *f);
unsigned flows_count(const struct flows *f);

/* An event that allows a connection or datagrams opens a row, or adds the name to the one that is there.  False: not
 * such an event, or no room. */
bool flows_open(struct flows *f, const struct event *e);
/* Takes the flow's row out and fills *end (CONNECTION_END).  False: there is no row. */
bool flows_close(struct flows *f, const struct conntrack_flow *flow, uint64_t now_usec, struct event *end);
/* What is known of a flow that is open: the event that allowed it, without what changes.  False: there is no row. */
bool flows_find(const struct flows *f, const struct conntrack_flow *flow, struct event *out);
/* Finds rows whose flow is gone though nobody said so (conntrack's events were lost): begin, see each flow that lives,
 * then end closes those that were not seen. */
void flows_sweep_begin(struct flows *f);
void flows_sweep_see(struct flows *f, const struct conntrack_flow *flow);
void flows_sweep_end(struct flows *f, uint64_t now_usec, void (*each)(void *ctx, const struct event *end), void *ctx);
/* Closes all rows that are left, without counts. */
void flows_close_all(struct flows *f, uint64_t now_usec, void (*each)(void *ctx, const struct event *end), void *ctx);

#endif
