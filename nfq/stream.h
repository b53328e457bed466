/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The client's byte stream of one undecided connection: what came, in any order and any number of times, and what was
 * sent on but not yet acknowledged by the server.
 *
 * The bytes that leave are the bytes kept here, never those of a packet: a retransmission with other bytes is a
 * conflict while they wait, and is answered with the kept bytes after they left.  Offsets count from the first byte
 * after the SYN. Slots come from a pool of fixed size; a slot's pages are touched as they are needed and given back
 * when it is. One worker; no locks; no allocation after stream_pool_new. */
#ifndef SLUICE_NFQ_STREAM_H
#define SLUICE_NFQ_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/bytes.h"

#define STREAM_WINDOW_BYTES (96u * 1024) /* waiting: a GSO packet behind the longest incomplete hello */
#define STREAM_SENT_BYTES   (40u * 1024) /* sent, judged, not yet acknowledged: hellos and request heads */
#define STREAM_RANGES_MAX   16
#define STREAM_SENT_MAX     64

struct stream {
    uint16_t scope;
    uint64_t start; /* offset of window[0]: everything before it was released */
    unsigned ranges;
    struct stream_range {
        uint32_t low, high; /* in the window; sorted, disjoint, not touching */
    } range[STREAM_RANGES_MAX];
    unsigned sents;
    struct stream_sent {
        uint64_t offset;
        uint32_t len, at; /* at: in sent[] */
    } sent_range[STREAM_SENT_MAX];
    uint32_t sent_used;
    uint8_t window[STREAM_WINDOW_BYTES];
    uint8_t sent[STREAM_SENT_BYTES];
};

struct stream_pool;

/* `share` of the slots for one scope. */
struct stream_pool *stream_pool_new(unsigned slots, unsigned share);
void stream_pool_scopes(struct stream_pool *pool, unsigned scopes);
void stream_pool_free(struct stream_pool *pool);
struct stream *stream_take(struct stream_pool *pool, uint16_t scope); /* NULL: none left for this scope */
void stream_give(struct stream_pool *pool, struct stream *s);
unsigned stream_pool_used(const struct stream_pool *pool);

enum stream_add { STREAM_ADDED, STREAM_CONFLICT, STREAM_NO_ROOM };

/* Puts bytes at `offset`.  The part before `start` is not looked at.  Bytes that were there must be the same. */
enum stream_add stream_add(struct stream *s, uint64_t offset, struct bytes in);

/* The bytes that follow `start` without a gap. */
struct bytes stream_ready(const struct stream *s);
/* The same, writable (the h2c mask). */
uint8_t *stream_ready_writable(struct stream *s);

/* Moves `start` over `len` ready bytes, which are released.  `judged`: they carry the meaning of the connection (a
 * hello, a head) and are kept until acknowledged; false: no room to keep them, nothing was moved. */
bool stream_release(struct stream *s, size_t len, bool judged);
/* Would it have room to keep them? */
bool stream_has_room(const struct stream *s, size_t len);

/* Forgets kept bytes below `acknowledged`. */
void stream_acknowledged(struct stream *s, uint64_t acknowledged);

/* Puts what is kept of [offset, offset+len) over `out`, which holds len bytes of a packet. */
void stream_overlay(const struct stream *s, uint64_t offset, uint8_t *out, size_t len);

/* Nothing waits and nothing is kept: the slot may be given back. */
bool stream_idle(const struct stream *s);

#endif
