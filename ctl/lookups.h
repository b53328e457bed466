/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How long the keeper may wait for the names of refused processes.
 *
 * A look-up reads the descriptors of a cgroup's processes, so a job decides what it costs: up to the finder's deadline
 * (ctl/process.c).  The keeper does nothing else meanwhile, neither for other scopes.  So a scope may have a tenth of
 * its time, and all scopes together half of it, a moment's worth in advance; beyond that refusals are told without a
 * process.  Look-ups that keep nobody waiting (LOOKUPS_QUICK_USEC) count a quarter for their scope.  O(1), no
 * allocation after lookups_new; the keeper's thread. */
#ifndef SLUICE_CTL_LOOKUPS_H
#define SLUICE_CTL_LOOKUPS_H

#include <stdbool.h>
#include <stdint.h>

#define LOOKUPS_QUICK_USEC 4000

struct lookups;

struct lookups *lookups_new(void); /* NULL: no memory */
void lookups_free(struct lookups *l);

/* May one more begin? */
bool lookups_may(struct lookups *l, uint16_t scope, uint64_t now_usec);
void lookups_took(struct lookups *l, uint16_t scope, uint64_t began_usec, uint64_t ended_usec);

#endif
