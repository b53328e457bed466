/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Bytes from the wire, and the one cursor that reads them.
 *
 * Every parser of wire formats reads through `struct reader`; no other file does pointer arithmetic on packet bytes.
 * The state is sticky: after the first failure every read yields zero and leaves the state as it is, so a parser may
 * read a whole structure and check `state` once.  Nothing here owns memory or allocates.  Any thread. */
#ifndef SLUICE_CORE_BYTES_H
#define SLUICE_CORE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum parse {
    PARSE_OK,
    PARSE_NEED_MORE, /* the input is still arriving and ends too early */
    PARSE_MALFORMED,
};

/* Borrowed bytes.  `at` may be NULL when `len` is 0. */
struct bytes {
    const uint8_t *at;
    size_t len;
};

struct reader {
    const uint8_t *at, *end;
    enum parse state;
    bool open; /* more input may follow: a shortage is NEED_MORE, else it is MALFORMED */
};

/* A cursor over `in`.  `open` tells whether more bytes may follow it. */
static inline struct reader reader_init(struct bytes in, bool open);

/* Big-endian integers.  Zero after a failure. */
static inline uint8_t reader_u8(struct reader *r);
static inline uint16_t reader_u16(struct reader *r);
uint32_t reader_u24(struct reader *r);
static inline uint32_t reader_u32(struct reader *r);

/* The next `len` bytes, borrowed; empty after a failure. */
static inline struct bytes reader_bytes(struct reader *r, size_t len);

/* A closed cursor over the next `len` bytes, which are consumed from `r`.  When `r` is short, the result carries r's
 * failed state, so reads from it fail the same way. */
struct reader reader_block(struct reader *r, size_t len);

/* Closes a block opened with reader_block: bytes left over, or a failure inside, make `r` MALFORMED. */
void reader_close(struct reader *r, const struct reader *block);

static inline size_t reader_left(const struct reader *r);
void reader_fail(struct reader *r); /* MALFORMED, unless it failed before */

/* A cursor that writes into the caller's buffer.  Sticky: after an overflow `full` stays true and nothing is written.
 */
struct writer {
    uint8_t *start, *at, *end;
    bool full;
};

struct writer writer_init(uint8_t *buffer, size_t size_bytes);
static inline void writer_u8(struct writer *w, uint8_t value);
static inline void writer_u16(struct writer *w, uint16_t value);
void writer_u32(struct writer *w, uint32_t value);
void writer_bytes(struct writer *w, struct bytes in);
void writer_zero(struct writer *w, size_t len_bytes);
/* Overwrites two bytes at `offset` that were written before. */
void writer_patch_u16(struct writer *w, size_t offset, uint16_t value);
size_t writer_len(const struct writer *w);

bool bytes_equal(struct bytes a, struct bytes b);

/* ---- the steps of which all else is made: in place, for a call costs more than they do ---- */

static inline struct reader reader_init(struct bytes in, bool open)
{
    static const uint8_t nothing[1];
    const uint8_t *at = in.at ? in.at : nothing;
    return (struct reader){.at = at, .end = at + (in.at ? in.len : 0), .state = PARSE_OK, .open = open};
}

static inline struct bytes reader_bytes(struct reader *r, size_t len)
{
    if (r->state != PARSE_OK)
        return (struct bytes){0};
    if ((size_t)(r->end - r->at) < len) {
        r->state = r->open ? PARSE_NEED_MORE : PARSE_MALFORMED;
        return (struct bytes){0};
    }
    r->at += len;
    return (struct bytes){r->at - len, len};
}

static inline size_t reader_left(const struct reader *r)
{
    return r->state == PARSE_OK ? (size_t)(r->end - r->at) : 0;
}

static inline uint8_t reader_u8(struct reader *r)
{
    struct bytes b = reader_bytes(r, 1);
    return b.len ? b.at[0] : 0;
}

static inline uint16_t reader_u16(struct reader *r)
{
    struct bytes b = reader_bytes(r, 2);
    return b.len ? (uint16_t)((unsigned)b.at[0] << 8 | b.at[1]) : (uint16_t)0;
}

static inline uint32_t reader_u32(struct reader *r)
{
    struct bytes b = reader_bytes(r, 4);
    return b.len ? (uint32_t)b.at[0] << 24 | (uint32_t)b.at[1] << 16 | (uint32_t)b.at[2] << 8 | b.at[3] : 0;
}

/* Room for `len` bytes, to be written by the caller; NULL: there is none. */
static inline uint8_t *writer_take(struct writer *w, size_t len)
{
    if (w->full || (size_t)(w->end - w->at) < len) {
        w->full = true;
        return NULL;
    }
    w->at += len;
    return w->at - len;
}

static inline void writer_u8(struct writer *w, uint8_t value)
{
    uint8_t *at = writer_take(w, 1);
    if (at)
        at[0] = value;
}

static inline void writer_u16(struct writer *w, uint16_t value)
{
    uint8_t *at = writer_take(w, 2);
    if (at) {
        at[0] = (uint8_t)(value >> 8);
        at[1] = (uint8_t)value;
    }
}

#endif
