/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the kernel loses before anybody judges it: packets of full queues, connections of a full conntrack table.
 *
 * Looked at once a second and told as an event of the gate with the count, so at most once a second each.  The keeper's
 * thread. */
#ifndef SLUICE_CTL_PRESSURE_H
#define SLUICE_CTL_PRESSURE_H

#include <stdbool.h>
#include <stdint.h>

struct keeper;

struct pressure {
    bool queues_known, conntrack_known;     /* the kernel tells */
    uint64_t queue_lost[2], conntrack_lost; /* as the kernel counted them last */
    uint64_t overruns, conntrack_full;      /* told since the start */
    uint64_t connections, connections_max;  /* the table's, now */
};

void pressure_tick(struct keeper *k);

/* Sums column `name` of /proc/net/stat/nf_conntrack, whose first line names the columns and whose others, in
 * hexadecimal, are one a processor.  False: no such column. */
bool pressure_column(const char *text, const char *name, uint64_t *sum);

#endif
