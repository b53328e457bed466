/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Budgets for names below wildcards: what keeps DNS under `**.example` from being a channel (RESEARCH s2, 36).
 *
 * Counts distinct names a minute per source and scope, and bounds the bytes of a name's longest label; fixed memory,
 * one worker.  A name that was counted within the minute costs nothing again.  A source's minute begins with its first
 * name. IPv6 sources are counted by /64.  When the tables are full of other sources, the answer is no. */
#ifndef SLUICE_DNS_BUDGET_H
#define SLUICE_DNS_BUDGET_H

#include <stdbool.h>
#include <stdint.h>

#include "core/address.h"
#include "core/name.h"

#define BUDGET_NAMES_PER_MINUTE 300
#define BUDGET_LABEL_BYTES      63

struct budget;

struct budget *budget_new(void);
void budget_free(struct budget *b);

/* Spends one name of the source's minute.  False: beyond the budget (0 limits mean the defaults). */
bool budget_spend(struct budget *b, uint16_t scope, const struct address *source, const struct name *name,
                  uint32_t names_per_minute, uint32_t label_bytes, uint64_t now_usec);

#endif
