/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The last good policy, in the gate's memfd (gate.bundle_fd): what a keeper that was started again goes on with.
 *
 * Two slots, each a policy bundle (policy/policy.h) and the scope ids it was made with; the header says which one
 * holds. A change writes the spare slot and switches with one write inside one page, so a keeper killed at any point
 * leaves a whole policy.  Ids of names that a reload dropped stay reserved: a connection mark may still carry them.
 *
 * From before anybody judges by the new policy until the open connections have been judged again, the slot that does
 * not hold is *the other*: what let connections go that the one in force perhaps does not allow.  Before the switch it
 * is the one that was to come, behind it the one before.  A keeper that finds one finishes the cut. */
#ifndef SLUICE_CTL_BUNDLE_H
#define SLUICE_CTL_BUNDLE_H

#include <stdbool.h>

#include "core/bytes.h"
#include "core/error.h"
#include "policy/policy.h"

/* The slot in use: a private copy of the bundle (malloc'ed) and the ids, each if it is not NULL. */
bool bundle_read(int fd, struct bytes *bundle, struct policy_ids *ids, struct error *e);
/* The number of the policy that holds, one more with each that is written; 0: none is stored. */
uint32_t bundle_serial(int fd);
/* Writes the spare slot, which is the other one then. */
bool bundle_prepare(int fd, struct bytes bundle, const struct policy_ids *ids, struct error *e);
/* It holds from now on; the other is the one before. */
bool bundle_switch(int fd, struct error *e);
/* There is no other any more. */
bool bundle_settle(int fd, struct error *e);
/* Is there another? */
bool bundle_unsettled(int fd);
/* A private copy of the other (malloc'ed). */
bool bundle_other(int fd, struct bytes *bundle, struct error *e);
/* The three in one: for the first, or where no connection is judged by it yet. */
bool bundle_write(int fd, struct bytes bundle, const struct policy_ids *ids, struct error *e);
/* A new sealed memfd with these bytes, for the inspector; -1. */
int bundle_seal(struct bytes bundle, struct error *e);

#endif
