/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Verdicts: the only place that sends them (STYLE), and what is remembered of each packet until its verdict.
 *
 * Two queues number their packets independently, so the judge gets an id of ours (verdict_take) under which the
 * queue, the kernel's id, and the packet's own mark wait.  The table is as large as both queues can ever hold, an id is
 * never reused before 2^18 others, and a verdict for an id that is not (or no longer) waiting is counted and not sent:
 * each packet gets exactly one.
 *
 * Verdicts gather in one buffer a queue and leave together, as several messages in one send: call verdict_flush before
 * waiting for anything.  The bytes given to verdict_accept are copied.  One thread.  No allocation after verdict_new.
 */
#ifndef SLUICE_NFQ_VERDICT_H
#define SLUICE_NFQ_VERDICT_H

#include <stdbool.h>
#include <stdint.h>

#include "core/bytes.h"
#include "core/mark.h"

#define VERDICT_CAPACITY    (1u << 14) /* packets without a verdict: two queues of 8192 */
#define VERDICT_QUEUES      2
#define VERDICT_BATCH_BYTES (256u * 1024)
#define VERDICT_PAYLOAD_MAX 65531u /* the most that a netlink attribute can carry */

struct verdicts; /* `verdict` is core/reason.h's */

/* What the verdict of one packet needs to know. */
struct verdict_packet {
    unsigned queue;  /* 0 or 1: the index of its descriptor */
    uint16_t number; /* of the queue, for the kernel */
    uint32_t id;     /* the kernel's */
    uint32_t mark;   /* the packet's mark as it came */
};

struct verdict_counts {
    uint64_t accepted, dropped, reset; /* verdicts made */
    uint64_t unknown;                  /* asked for an id that has no packet waiting */
    uint64_t too_long;                 /* accepted with bytes that no verdict can carry: dropped instead */
    uint64_t failed;                   /* not taken by send */
    uint64_t groups;                   /* sends */
    unsigned waiting;                  /* packets without a verdict */
};

/* Marks by `layout`; the descriptors stay the caller's.  NULL: no memory. */
struct verdicts *verdict_new(const struct mark_layout *layout, const int fd[VERDICT_QUEUES]);
void verdict_free(struct verdicts *v);

/* Remembers a packet; *id is what its verdict will be asked with.  False: the table is full; the caller then calls
 * verdict_drop_now. */
bool verdict_take(struct verdicts *v, const struct verdict_packet *packet, uint32_t *id);

/* Lets the packet go on with `ip` in its place (len 0: as it lies), its mark's field set to (its scope, `mark`), the
 * other bits of its mark as they were. */
void verdict_accept(struct verdicts *v, uint32_t id, enum mark_verdict mark, struct bytes ip);
/* Drops it; MARK_RESET: lets it go on to the rule that rejects it with a reset. */
void verdict_drop(struct verdicts *v, uint32_t id, enum mark_verdict mark);
/* Drops a packet that was never taken. */
void verdict_drop_now(struct verdicts *v, const struct verdict_packet *packet);

void verdict_flush(struct verdicts *v);
void verdict_counts(const struct verdicts *v, struct verdict_counts *out);

#endif
