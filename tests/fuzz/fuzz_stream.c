/* SPDX-License-Identifier: GPL-3.0-or-later */
/* nfq/stream against a model with one octet and one flag for every place of the stream.
 * Input: steps; the first octet of each says what is done. */
#include <stdlib.h>
#include <string.h>

#include "nfq/stream.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define PLACES (1u << 20)

static struct model {
    uint64_t start, high; /* nothing was put at or behind high */
    uint8_t octet[PLACES], here[PLACES];
    unsigned sents;
    struct {
        uint64_t offset;
        size_t len;
    } sent[STREAM_SENT_MAX + 1];
} model;

static struct stream_pool *pool;
static struct stream *stream;

static void require(bool holds)
{
    if (!holds)
        abort();
}

/* The next place from `at` on that has (or has not) come; model.high: none. */
static uint64_t next_place(uint64_t at, bool here)
{
    const uint8_t *found = at < model.high ? memchr(model.here + at, here, (size_t)(model.high - at)) : NULL;
    return found ? (uint64_t)(found - model.here) : model.high;
}

static unsigned count_ranges(void)
{
    unsigned ranges = 0;
    for (uint64_t at = next_place(model.start, true); at < model.high; at = next_place(next_place(at, false), true))
        ranges++;
    return ranges;
}

static enum stream_add model_add(uint64_t offset, struct bytes in)
{
    if (offset + in.len <= model.start || in.len == 0)
        return STREAM_ADDED;
    if (offset + in.len > model.start + STREAM_WINDOW_BYTES)
        return STREAM_NO_ROOM;
    uint64_t high = model.high;
    uint8_t before[STREAM_WINDOW_BYTES];
    for (size_t i = 0; i < in.len; i++)
        if (offset + i >= model.start && model.here[offset + i] && model.octet[offset + i] != in.at[i])
            return STREAM_CONFLICT;
    memcpy(before, model.here + offset, in.len);
    for (size_t i = 0; i < in.len; i++)
        if (offset + i >= model.start)
            model.here[offset + i] = 1;
    if (offset + in.len > model.high)
        model.high = offset + in.len;
    if (count_ranges() > STREAM_RANGES_MAX) {
        memcpy(model.here + offset, before, in.len);
        model.high = high;
        return STREAM_NO_ROOM;
    }
    for (size_t i = 0; i < in.len; i++)
        if (offset + i >= model.start)
            model.octet[offset + i] = in.at[i];
    return STREAM_ADDED;
}

static size_t model_ready(void)
{
    uint64_t end = next_place(model.start, false);
    return end > model.start ? (size_t)(end - model.start) : 0;
}

static bool model_release(size_t len, bool judged)
{
    if (judged) {
        size_t used = 0;
        for (unsigned i = 0; i < model.sents; i++)
            used += model.sent[i].len;
        bool follows =
            model.sents && model.sent[model.sents - 1].offset + model.sent[model.sents - 1].len == model.start;
        if (used + len > STREAM_SENT_BYTES || (model.sents == STREAM_SENT_MAX && !follows))
            return false;
        if (!follows) {
            model.sent[model.sents].offset = model.start;
            model.sent[model.sents++].len = 0;
        }
        model.sent[model.sents - 1].len += len;
    }
    model.start += len;
    return true;
}

static void expect_overlay(uint64_t offset, size_t len)
{
    static uint8_t out[STREAM_WINDOW_BYTES], wanted[STREAM_WINDOW_BYTES];
    memset(out, 0xa5, len);
    memset(wanted, 0xa5, len);
    for (unsigned i = 0; i < model.sents; i++)
        for (size_t k = 0; k < model.sent[i].len; k++) {
            uint64_t at = model.sent[i].offset + k;
            if (at >= offset && at < offset + len)
                wanted[at - offset] = model.octet[at];
        }
    stream_overlay(stream, offset, out, len);
    require(memcmp(out, wanted, len) == 0);
}

static void add(struct reader *r, uint8_t how)
{
    static uint8_t bytes[STREAM_WINDOW_BYTES];
    uint64_t offset = model.start + reader_u16(r) * (how & 8 ? 2u : 1u);
    uint64_t back = how & 16 ? reader_u16(r) : 0;
    offset -= back < offset ? back : offset;
    size_t len = reader_u16(r) & (how & 32 ? 0xffff : 0xff);
    uint8_t other = how & 64 ? reader_u8(r) : 0; /* else what was there, or a pattern, again */
    for (size_t i = 0; i < len; i++)
        bytes[i] = (uint8_t)((offset + i) * 7 + ((offset + i) >> 8) + other);
    struct bytes in = {bytes, len};
    require(stream_add(stream, offset, in) == model_add(offset, in));
}

static void step(struct reader *r)
{
    uint8_t how = reader_u8(r);
    size_t ready = model_ready(), len = reader_u16(r);
    if (len > ready)
        len = ready;
    switch (how & 7) {
    case 0:
    case 1:
    case 2:
    case 3:
        add(r, how);
        break;
    case 4:
    case 5:
        if (len && how & 8) { /* the h2c mask */
            stream_ready_writable(stream)[len - 1] = how;
            model.octet[model.start + len - 1] = how;
        }
        if (len)
            require(stream_release(stream, len, how & 1) == model_release(len, how & 1));
        break;
    case 6: {
        uint64_t upto = model.start - (model.start < len ? model.start : len);
        unsigned gone = 0;
        stream_acknowledged(stream, upto);
        while (gone < model.sents && model.sent[gone].offset + model.sent[gone].len <= upto)
            gone++;
        memmove(model.sent, model.sent + gone, (model.sents - gone) * sizeof model.sent[0]);
        model.sents -= gone;
        break;
    }
    default:
        expect_overlay(model.start - (model.start < len ? model.start : len), reader_u16(r));
    }
    require(stream->start == model.start);
    struct bytes got = stream_ready(stream);
    require(got.len == model_ready() && memcmp(got.at, model.octet + model.start, got.len) == 0);
    require(stream_idle(stream) == (count_ranges() == 0 && model.sents == 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!pool)
        pool = stream_pool_new(2, 2);
    struct reader r = reader_init((struct bytes){data, size}, false);
    memset(model.here, 0, (size_t)model.high);
    model.start = model.high = 0;
    model.sents = 0;
    stream = stream_take(pool, 1);
    require(pool && stream && stream_idle(stream));
    for (unsigned i = 0; i < 80 && reader_left(&r) >= 3 && model.start < PLACES - 3 * STREAM_WINDOW_BYTES; i++)
        step(&r);
    stream_give(pool, stream);
    require(stream_pool_used(pool) == 0);
    return 0;
}
