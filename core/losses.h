/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Events that could not be passed on: how many of which scope, until it can be told.
 *
 * Refusals are kept apart from other facts, and those that look like attacks from other refusals: no job can hide one
 * by telling so much that it is lost.  Told, each is an event of the gate with the scope and a count (events_lost,
 * attacks_lost), which may be lost in its turn: nothing is ever forgotten, and nothing counted twice.
 * Memory: LOSSES_SCOPES rows; what is lost of more scopes than these at a time is nobody's.  One thread; cost O(rows).
 */
#ifndef SLUICE_CORE_LOSSES_H
#define SLUICE_CORE_LOSSES_H

#include <stdbool.h>
#include <stdint.h>

#include "core/event.h"

#define LOSSES_SCOPES 2048 /* as many as a policy has */

struct losses;

/* NULL: no memory. */
struct losses *losses_new(void);
void losses_free(struct losses *l);

/* Counts an event (its count) that was lost; returns how many that are lost now and were not before: 0 where it is
 * itself what told of a loss. */
uint64_t losses_add(struct losses *l, const struct event *e);

/* Are there some to tell? */
bool losses_wait(const struct losses *l);

/* Calls `tell` with an event for each count, which is forgotten with that: who loses it adds it again.  Stops where
 * `tell` says false. */
void losses_tell(struct losses *l, bool (*tell)(void *ctx, const struct event *e), void *ctx);

#endif
