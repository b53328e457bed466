/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the kernel loses or drops before anybody judges it: packets of full queues, connections of a full conntrack
 * table, packets that the rules themselves drop.
 *
 * Looked at once a second and told as an event of the gate with the count, so at most once a second each.  The keeper's
 * thread. */
#ifndef SLUICE_CTL_PRESSURE_H
#define SLUICE_CTL_PRESSURE_H

#include <stdbool.h>
#include <stdint.h>

#include "nft/ruleset.h"

struct keeper;

struct pressure {
    bool queues_known, conntrack_known;        /* the kernel tells */
    uint64_t queue_lost[2], conntrack_lost;    /* as the kernel counted them last */
    uint64_t overruns, conntrack_full;         /* told since the start */
    uint64_t connections, connections_max;     /* the table's, now */
    uint64_t dropped[RULESET_DROPPED];         /* told since the start */
    uint64_t (*rule_dropped)[RULESET_DROPPED]; /* as counted last; [0]: of no scope, else scope id - scope_first + 1 */
};

/* The rules are in force: what their counters say already was told by another keeper. */
void pressure_begin(struct keeper *k);
void pressure_tick(struct keeper *k);
/* Entries of the conntrack table now, everybody's. */
uint64_t pressure_connections(void);

/* Sums column `name` of /proc/net/stat/nf_conntrack, whose first line names the columns and whose others, in
 * hexadecimal, are one a processor.  False: no such column. */
bool pressure_column(const char *text, const char *name, uint64_t *sum);

#endif
