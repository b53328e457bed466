/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who asked what through the relay: shared memory that the relay writes and the keeper reads.
 *
 * A DNS message that came over TCP is judged as the relay's UDP message; when it is refused, the keeper finds here
 * which TCP connection it came from, and by that the process.  RELAY_ROWS rows; a row stays readable after its question
 * was answered until it is used again.  One writer (the relay); a reader in another process sees a row whole or not.
 * The writer is the process that hostile bytes reach: what is read is data, never an index or a length to trust. */
#ifndef SLUICE_CTL_RELAY_TABLE_H
#define SLUICE_CTL_RELAY_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/bytes.h"
#include "core/error.h"
#include "core/event.h"

#define RELAY_ROWS          8192u /* 128 connections of 64 questions */
#define RELAY_QUESTION_SIZE 259u  /* labels (255), type, class: what is compared */

/* One question.  `question` holds the bytes behind the message's header as the client wrote them. */
struct relay_asked {
    struct event_endpoint client, resolver; /* of the TCP connection, before it was redirected */
    uint64_t asked_usec;                    /* CLOCK_BOOTTIME */
    uint16_t scope;                         /* its id */
    uint16_t question_len;
    bool waiting; /* for its answer */
    uint8_t question[RELAY_QUESTION_SIZE];
};

struct relay_table; /* the mapped memory */

/* Bytes that the memfd needs; all zero is an empty table. */
size_t relay_table_size(void);
struct relay_table *relay_table_map(int fd, bool write, struct error *e);
void relay_table_unmap(struct relay_table *t);

/* The writer's. */
void relay_table_clear(struct relay_table *t);
void relay_table_set(struct relay_table *t, unsigned row, const struct relay_asked *asked);
void relay_table_answered(struct relay_table *t, unsigned row);

/* The question that an event's (relayed) message was: same scope, resolver, name and type; one that still waits before
 * one that was answered, a later one before an earlier.  A name that is not canonical (events show it escaped) matches
 * the latest waiting question of that scope to that resolver.  O(RELAY_ROWS); any process. */
bool relay_table_find(const struct relay_table *t, unsigned scope, const struct address *resolver, struct bytes domain,
                      uint16_t type, struct relay_asked *out);

#endif
