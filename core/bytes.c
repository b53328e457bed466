/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/bytes.h"

#include <string.h>

void reader_fail(struct reader *r)
{
    if (r->state == PARSE_OK)
        r->state = PARSE_MALFORMED;
}

uint32_t reader_u24(struct reader *r)
{
    struct bytes b = reader_bytes(r, 3);
    return b.len ? (uint32_t)b.at[0] << 16 | (uint32_t)b.at[1] << 8 | b.at[2] : 0;
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
