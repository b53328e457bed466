/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Budgets for names below wildcards: what keeps DNS under `**.example` from being a channel (RESEARCH s2, 36).
 *
 * Counts, for each source in each scope, distinct names a minute and what they say in an hour, and bounds the bytes of
 * a name's longest label; fixed memory, one worker, O(1).  A new name says the bytes that it has below the wildcard;
 * one that was new within the hour says which of these names it is, a few bits; the one that was asked last says still
 * less. So bytes_per_hour bounds what names, their order and the choice of A or AAAA carry; what is left is when they
 * are asked.  What the resolver answers changes nothing. A source's minute begins with its first name; its hour is any
 * hour.  IPv6 sources are counted by /64.  When the table is full, the source gives way that spent least and is not in
 * its minute; where there is none, the answer is no.  A scope may have half of the table. */
#ifndef SLUICE_DNS_BUDGET_H
#define SLUICE_DNS_BUDGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/address.h"
#include "core/name.h"

#define BUDGET_NAMES_PER_MINUTE 300
#define BUDGET_LABEL_BYTES      63
#define BUDGET_BYTES_PER_HOUR   65536

/* 0: the default. */
struct budget_limits {
    uint32_t names_per_minute, label_bytes, bytes_per_hour;
};

/* Which limit was met. */
enum budget_met {
    BUDGET_WITHIN,
    BUDGET_MET_NAMES,
    BUDGET_MET_LABEL,
    BUDGET_MET_BYTES,
    BUDGET_MET_SOURCES /* too many of them at once */
};

struct budget;

struct budget *budget_new(void);
void budget_free(struct budget *b);

/* With the defaults in place of 0. */
struct budget_limits budget_effective(const struct budget_limits *limits);

/* How many scopes there are to share with. */
void budget_scopes(struct budget *b, unsigned scopes);

/* Spends one question for a name, of which `below` bytes lie below the wildcard.  Beyond the budget nothing is
 * spent. */
enum budget_met budget_spend(struct budget *b, uint16_t scope, const struct address *source, const struct name *name,
                             size_t below, const struct budget_limits *limits, uint64_t now_usec);

#endif
