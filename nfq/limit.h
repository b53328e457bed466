/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is told of a scope that goes beyond a limit, or has more to tell than anybody reads.
 *
 * A limit that was met is told at most once a second, scope and reason: the first at once, the others as a count.  The
 * same holds for refusals beyond LIMIT_REFUSALS a second and other facts beyond LIMIT_FACTS: what one scope tells must
 * not fill the channel to the keeper, where the others' events go too.  The first of a reason in a second is always
 * told: many refusals of one kind do not hide one of another.  Refusals that repeat one which was told in the same
 * second are told beyond the limit, too, as long as the keeper keeps up (`room`): each is then looked up, and none is a
 * line more.  One worker; no allocation after limits_new; O(1), and limits_tick O(scopes that met one). */
#ifndef SLUICE_NFQ_LIMIT_H
#define SLUICE_NFQ_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

#include "core/reason.h"

#define LIMIT_REFUSALS    500 /* told a second and scope, one by one; some of them wait for the keeper's look at /proc */
#define LIMIT_FACTS       1000
#define LIMIT_THINGS      64 /* of those told in this second that are remembered, a scope */
#define LIMIT_WINDOW_USEC 1000000

struct limits;

struct limits *limits_new(void);
void limits_free(struct limits *l);

/* Something is to be told for this reason.  False: it is counted, and told with others later. */
bool limit_tell(struct limits *l, uint16_t scope, enum reason reason, bool refusal, uint64_t now_usec);
/* The same for a refusal of `thing`, a hash of what its events have in common; `room`: it may be told beyond the limit.
 */
bool limit_tell_thing(struct limits *l, uint16_t scope, enum reason reason, uint32_t thing, bool room,
                      uint64_t now_usec);

/* Calls back for each count that is due; `all`: for each that there is. */
void limits_tick(struct limits *l, uint64_t now_usec, bool all,
                 void (*tell)(void *ctx, uint16_t scope, enum reason reason, uint64_t count), void *ctx);

/* How often a limit was met since limits_new. */
uint64_t limit_total(const struct limits *l, enum reason reason);

#endif
