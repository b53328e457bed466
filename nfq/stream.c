/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "nfq/stream.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "core/share.h"

struct stream_pool {
    unsigned slots;
    struct share used;
    struct stream *slot;
    uint32_t *free_slot; /* a stack of the indices that are free: the first slots - used */
};

struct stream_pool *stream_pool_new(unsigned slots, unsigned share)
{
    struct stream_pool *pool = calloc(1, sizeof *pool);
    uint32_t *free_slot = calloc(slots, sizeof *free_slot);
    void *memory = mmap(NULL, slots * sizeof(struct stream), PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (!pool || !free_slot || memory == MAP_FAILED) {
        free(pool);
        free(free_slot);
        if (memory != MAP_FAILED)
            munmap(memory, slots * sizeof(struct stream));
        return NULL;
    }
    *pool = (struct stream_pool){.slots = slots, .slot = memory, .free_slot = free_slot};
    if (!share_init(&pool->used, slots, share)) {
        stream_pool_free(pool);
        return NULL;
    }
    for (unsigned i = 0; i < slots; i++)
        free_slot[i] = slots - 1 - i; /* the lowest, whose pages are warm, come first */
    return pool;
}

void stream_pool_free(struct stream_pool *pool)
{
    if (!pool)
        return;
    munmap(pool->slot, pool->slots * sizeof(struct stream));
    free(pool->free_slot);
    share_done(&pool->used);
    free(pool);
}

void stream_pool_scopes(struct stream_pool *pool, unsigned scopes)
{
    share_scopes(&pool->used, scopes);
}

struct stream *stream_take(struct stream_pool *pool, uint16_t scope)
{
    if (!share_take(&pool->used, scope, 1))
        return NULL;
    struct stream *s = &pool->slot[pool->free_slot[pool->slots - pool->used.used]];
    s->scope = scope;
    s->start = 0;
    s->ranges = s->sents = 0;
    s->sent_used = 0;
    return s;
}

void stream_give(struct stream_pool *pool, struct stream *s)
{
    if (!s)
        return;
    /* Most hellos touch one page of the window.  What a large one touched goes back, so that a burst leaves nothing. */
    size_t page = 4096;
    uintptr_t from = ((uintptr_t)s->window + page + page - 1) & ~(uintptr_t)(page - 1);
    uintptr_t to = (uintptr_t)(s + 1) & ~(uintptr_t)(page - 1);
    if (to > from && (s->sent_used > page || s->start > page))
        madvise((void *)from, to - from, MADV_DONTNEED);
    pool->free_slot[pool->slots - pool->used.used] = (uint32_t)(s - pool->slot);
    share_give(&pool->used, s->scope, 1);
}

unsigned stream_pool_used(const struct stream_pool *pool)
{
    return pool->used.used;
}

/* Are the bytes of `in` that lie in ranges which came before the same? */
static bool stream_agrees(const struct stream *s, uint32_t low, struct bytes in)
{
    uint32_t high = low + (uint32_t)in.len;
    for (unsigned i = 0; i < s->ranges; i++) {
        uint32_t from = s->range[i].low > low ? s->range[i].low : low;
        uint32_t to = s->range[i].high < high ? s->range[i].high : high;
        if (from < to && memcmp(s->window + from, in.at + (from - low), to - from) != 0)
            return false;
    }
    return true;
}

/* Adds [low, high) to the sorted list; false: too many gaps. */
static bool stream_range_add(struct stream *s, uint32_t low, uint32_t high)
{
    unsigned at = 0;
    while (at < s->ranges && s->range[at].high < low)
        at++;
    unsigned end = at;
    while (end < s->ranges && s->range[end].low <= high) {
        if (s->range[end].low < low)
            low = s->range[end].low;
        if (s->range[end].high > high)
            high = s->range[end].high;
        end++;
    }
    if (end == at && s->ranges == STREAM_RANGES_MAX)
        return false;
    memmove(&s->range[at + 1], &s->range[end], (s->ranges - end) * sizeof s->range[0]);
    s->ranges = s->ranges - (end - at) + 1;
    s->range[at] = (struct stream_range){low, high};
    return true;
}

enum stream_add stream_add(struct stream *s, uint64_t offset, struct bytes in)
{
    if (offset < s->start) {
        uint64_t before = s->start - offset;
        if (before >= in.len)
            return STREAM_ADDED;
        in.at += before;
        in.len -= before;
        offset = s->start;
    }
    if (in.len == 0)
        return STREAM_ADDED;
    if (offset - s->start > STREAM_WINDOW_BYTES || in.len > STREAM_WINDOW_BYTES - (offset - s->start))
        return STREAM_NO_ROOM;
    uint32_t low = (uint32_t)(offset - s->start);
    if (!stream_agrees(s, low, in))
        return STREAM_CONFLICT;
    if (!stream_range_add(s, low, low + (uint32_t)in.len))
        return STREAM_NO_ROOM;
    memcpy(s->window + low, in.at, in.len);
    return STREAM_ADDED;
}

struct bytes stream_ready(const struct stream *s)
{
    if (s->ranges == 0 || s->range[0].low != 0)
        return (struct bytes){s->window, 0};
    return (struct bytes){s->window, s->range[0].high};
}

uint8_t *stream_ready_writable(struct stream *s)
{
    return s->window;
}

static bool follows_sent(const struct stream *s)
{
    const struct stream_sent *last = s->sents ? &s->sent_range[s->sents - 1] : NULL;
    return last && last->offset + last->len == s->start;
}

bool stream_has_room(const struct stream *s, size_t len)
{
    return (s->sents < STREAM_SENT_MAX || follows_sent(s)) && len <= STREAM_SENT_BYTES - s->sent_used;
}

bool stream_release(struct stream *s, size_t len, bool judged)
{
    if (judged) {
        struct stream_sent *last = s->sents ? &s->sent_range[s->sents - 1] : NULL;
        bool follows = follows_sent(s);
        if (!stream_has_room(s, len))
            return false;
        if (follows)
            last->len += (uint32_t)len;
        else
            s->sent_range[s->sents++] = (struct stream_sent){s->start, (uint32_t)len, s->sent_used};
        memcpy(s->sent + s->sent_used, s->window, len);
        s->sent_used += (uint32_t)len;
    }
    uint32_t by = (uint32_t)len, last = s->range[s->ranges - 1].high;
    memmove(s->window, s->window + by, last - by);
    s->start += by;
    unsigned kept = 0;
    for (unsigned i = 0; i < s->ranges; i++) {
        struct stream_range r = s->range[i];
        if (r.high <= by)
            continue;
        s->range[kept++] = (struct stream_range){r.low > by ? r.low - by : 0, r.high - by};
    }
    s->ranges = kept;
    return true;
}

void stream_acknowledged(struct stream *s, uint64_t acknowledged)
{
    unsigned gone = 0;
    while (gone < s->sents && s->sent_range[gone].offset + s->sent_range[gone].len <= acknowledged)
        gone++;
    if (gone == 0)
        return;
    uint32_t bytes = gone == s->sents ? s->sent_used : s->sent_range[gone].at;
    memmove(s->sent, s->sent + bytes, s->sent_used - bytes);
    s->sent_used -= bytes;
    for (unsigned i = gone; i < s->sents; i++) {
        s->sent_range[i - gone] = s->sent_range[i];
        s->sent_range[i - gone].at -= bytes;
    }
    s->sents -= gone;
}

void stream_overlay(const struct stream *s, uint64_t offset, uint8_t *out, size_t len)
{
    for (unsigned i = 0; i < s->sents; i++) {
        const struct stream_sent *kept = &s->sent_range[i];
        uint64_t from = kept->offset > offset ? kept->offset : offset;
        uint64_t kept_end = kept->offset + kept->len, end = offset + len;
        uint64_t to = kept_end < end ? kept_end : end;
        if (from < to)
            memcpy(out + (from - offset), s->sent + kept->at + (from - kept->offset), to - from);
    }
}

bool stream_idle(const struct stream *s)
{
    return s->ranges == 0 && s->sents == 0;
}
