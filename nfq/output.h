/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the worker tells: injected packets to the client, events and counts to the keeper.
 *
 * Nothing here blocks: what the channel does not take is counted, of which scope it was, and told when it takes
 * messages again.  One thread.
 */
#ifndef SLUICE_NFQ_OUTPUT_H
#define SLUICE_NFQ_OUTPUT_H

#include <stdbool.h>
#include <stdint.h>

#include "core/bytes.h"
#include "core/losses.h"
#include "nfq/channel.h"
#include "nfq/receive.h"
#include "nfq/worker.h"

struct output {
    int events_fd, control_fd, raw4_fd, raw6_fd;
    uint64_t events_lost;   /* in all */
    uint64_t overruns_told; /* of which events told the keeper */
    struct losses *losses;  /* what was lost and is to be told */
    uint64_t injections_failed;
    uint64_t events_since_usec; /* since when `events` wait */
    unsigned events;            /* in the batch */
    struct writer batch;
    uint8_t batch_bytes[CHANNEL_EVENTS_BYTES];
};

/* False: no memory. */
bool output_init(struct output *o, const struct worker_config *config);
void output_done(struct output *o);

/* Sends a packet of ours to the destination address that it bears.  False: not taken. */
bool output_inject(struct output *o, struct bytes ip);

/* Passes an event up, stamped with the time: a refusal at once, others with those of the next OUTPUT_HOLD_USEC, for
 * each message wakes the keeper.  False: lost (and counted). */
bool output_event(struct output *o, const struct event *e, uint64_t now_usec);
#define OUTPUT_HOLD_USEC 2000

/* Passes up what waits. */
bool output_flush(struct output *o);

/* The same, and what was lost.  False: not all of it was taken. */
bool output_tell_lost(struct output *o);

/* Once a second: overruns and lost events, as events of the gate; the counts, if they changed. */
void output_tick(struct output *o, struct receive_counts receive, const struct judge_counts *judge);

#endif
