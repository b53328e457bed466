/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/bytes.h"

#include <string.h>

struct reader reader_init(struct bytes in, bool open)
{
    static const uint8_t nothing[1];
    const uint8_t *at = in.at ? in.at : nothing;
    return (struct reader){.at = at, .end = at + (in.at ? in.len : 0), .state = PARSE_OK, .open = open};
}

size_t reader_left(const struct reader *r)
{
    return r->state == PARSE_OK ? (size_t)(r->end - r->at) : 0;
}

void reader_fail(struct reader *r)
{
    if (r->state == PARSE_OK)
        r->state = PARSE_MALFORMED;
}

struct bytes reader_bytes(struct reader *r, size_t len)
{
    if (r->state != PARSE_OK)
        return (struct bytes){0};
    if ((size_t)(r->end - r->at) < len) {
        r->state = r->open ? PARSE_NEED_MORE : PARSE_MALFORMED;
        return (struct bytes){0};
    }
    struct bytes out = {r->at, len};
    r->at += len;
    return out;
}

uint8_t reader_u8(struct reader *r)
{
    struct bytes b = reader_bytes(r, 1);
    return b.len ? b.at[0] : 0;
}

uint16_t reader_u16(struct reader *r)
{
    struct bytes b = reader_bytes(r, 2);
    return b.len ? (uint16_t)((unsigned)b.at[0] << 8 | b.at[1]) : (uint16_t)0;
}

uint32_t reader_u24(struct reader *r)
{
    struct bytes b = reader_bytes(r, 3);
    return b.len ? (uint32_t)b.at[0] << 16 | (uint32_t)b.at[1] << 8 | b.at[2] : 0;
}

uint32_t reader_u32(struct reader *r)
{
    struct bytes b = reader_bytes(r, 4);
    return b.len ? (uint32_t)b.at[0] << 24 | (uint32_t)b.at[1] << 16 | (uint32_t)b.at[2] << 8 | b.at[3] : 0;
}

struct reader reader_block(struct reader *r, size_t len)
{
    struct bytes b = reader_bytes(r, len);
    struct reader block = reader_init(b, false);
    block.state = r->state;
    return block;
}

void reader_close(struct reader *r, const struct reader *block)
{
    if (r->state != PARSE_OK)
        return;
    if (block->state != PARSE_OK || block->at != block->end)
        r->state = PARSE_MALFORMED;
}

struct writer writer_init(uint8_t *buffer, size_t size_bytes)
{
    return (struct writer){.start = buffer, .at = buffer, .end = buffer + size_bytes, .full = false};
}

static uint8_t *writer_take(struct writer *w, size_t len)
{
    if (w->full || (size_t)(w->end - w->at) < len) {
        w->full = true;
        return NULL;
    }
    uint8_t *at = w->at;
    w->at += len;
    return at;
}

void writer_u8(struct writer *w, uint8_t value)
{
    uint8_t *at = writer_take(w, 1);
    if (at)
        at[0] = value;
}

void writer_u16(struct writer *w, uint16_t value)
{
    uint8_t *at = writer_take(w, 2);
    if (at) {
        at[0] = (uint8_t)(value >> 8);
        at[1] = (uint8_t)value;
    }
}

void writer_u32(struct writer *w, uint32_t value)
{
    writer_u16(w, (uint16_t)(value >> 16));
    writer_u16(w, (uint16_t)value);
}

void writer_bytes(struct writer *w, struct bytes in)
{
    uint8_t *at = in.len ? writer_take(w, in.len) : NULL;
    if (at)
        memcpy(at, in.at, in.len);
}

void writer_zero(struct writer *w, size_t len_bytes)
{
    uint8_t *at = writer_take(w, len_bytes);
    if (at)
        memset(at, 0, len_bytes);
}

void writer_patch_u16(struct writer *w, size_t offset, uint16_t value)
{
    if (w->full || (size_t)(w->at - w->start) < offset + 2) {
        w->full = true;
        return;
    }
    w->start[offset] = (uint8_t)(value >> 8);
    w->start[offset + 1] = (uint8_t)value;
}

size_t writer_len(const struct writer *w)
{
    return w->full ? 0 : (size_t)(w->at - w->start);
}

bool bytes_equal(struct bytes a, struct bytes b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.at, b.at, a.len) == 0);
}
