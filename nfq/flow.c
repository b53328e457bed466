/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "nfq/flow.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "core/hash.h"
#include "core/share.h"

/* calloc for large tables of which few pages are ever touched. */
static void *pages_new(size_t bytes)
{
    void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return at == MAP_FAILED ? NULL : at;
}

struct line {
    uint32_t oldest, newest; /* index + 1 */
    uint32_t count;
};

struct flow_table {
    unsigned capacity, swept;
    uint32_t seed, buckets;
    uint32_t *bucket; /* index + 1 */
    struct share flows, held_packets, held_kib;
    struct line (*line)[FLOW_LINE_NONE]; /* of 65,536 scopes */
    struct flow *flow;
    uint32_t free_first, never_used; /* free_first: index + 1, chained by hash_next */
    struct flow_held *held;
    uint32_t held_free, held_never_used;
};

#define SCOPES 65536u

struct flow_table *flow_table_new(unsigned capacity, unsigned share, uint32_t seed)
{
    struct flow_table *t = calloc(1, sizeof *t);
    if (!t)
        return NULL;
    t->capacity = capacity;
    t->seed = seed;
    t->buckets = 1;
    while (t->buckets < capacity)
        t->buckets <<= 1;
    t->bucket = calloc(t->buckets, sizeof *t->bucket);
    t->line = pages_new(SCOPES * sizeof *t->line);
    t->flow = pages_new(capacity * sizeof *t->flow);
    t->held = pages_new(FLOW_HELD_POOL * sizeof *t->held);
    bool shared = share_init(&t->flows, capacity, share) &&
                  share_init(&t->held_packets, FLOW_HELD_POOL, FLOW_HELD_SCOPE) &&
                  share_init(&t->held_kib, FLOW_HELD_KIB, FLOW_HELD_KIB / 2);
    if (!shared || !t->bucket || !t->line || !t->flow || !t->held) {
        flow_table_free(t);
        return NULL;
    }
    return t;
}

void flow_table_free(struct flow_table *t)
{
    if (!t)
        return;
    free(t->bucket);
    share_done(&t->flows);
    share_done(&t->held_packets);
    share_done(&t->held_kib);
    if (t->line)
        munmap(t->line, SCOPES * sizeof *t->line);
    if (t->flow)
        munmap(t->flow, t->capacity * sizeof *t->flow);
    if (t->held)
        munmap(t->held, FLOW_HELD_POOL * sizeof *t->held);
    free(t);
}

void flow_table_scopes(struct flow_table *t, unsigned scopes)
{
    share_scopes(&t->flows, scopes);
    share_scopes(&t->held_packets, scopes);
    share_scopes(&t->held_kib, scopes);
}

uint32_t flow_key_hash(const struct flow_key *key, uint32_t seed)
{
    uint8_t in[36];
    struct writer w = writer_init(in, sizeof in);
    writer_bytes(&w, (struct bytes){key->client.octets, 16});
    writer_bytes(&w, (struct bytes){key->server.octets, 16});
    writer_u16(&w, key->client_port);
    writer_u16(&w, key->server_port);
    return hash_bytes((struct bytes){in, sizeof in}, seed);
}

static uint32_t *bucket_of(struct flow_table *t, const struct flow_key *key)
{
    return &t->bucket[flow_key_hash(key, t->seed) & (t->buckets - 1)];
}

bool flow_key_equal(const struct flow_key *a, const struct flow_key *b)
{
    return a->client_port == b->client_port && a->server_port == b->server_port &&
           address_equal(&a->client, &b->client) && address_equal(&a->server, &b->server);
}

struct flow *flow_find(struct flow_table *t, const struct flow_key *key)
{
    for (uint32_t i = *bucket_of(t, key); i; i = t->flow[i - 1].hash_next)
        if (flow_key_equal(&t->flow[i - 1].key, key))
            return &t->flow[i - 1];
    return NULL;
}

struct flow *flow_take(struct flow_table *t, const struct flow_key *key, uint16_t scope)
{
    uint32_t index;
    if (!share_take(&t->flows, scope, 1)) /* as many flows as places */
        return NULL;
    if (t->free_first) {
        index = t->free_first - 1;
        t->free_first = t->flow[index].hash_next;
    } else {
        index = t->never_used++;
    }
    struct flow *f = &t->flow[index];
    memset(f, 0, sizeof *f);
    f->key = *key;
    f->scope = scope;
    f->in_use = true;
    f->line = FLOW_LINE_NONE;
    uint32_t *bucket = bucket_of(t, key);
    f->hash_next = *bucket;
    *bucket = index + 1;
    return f;
}

static void leave_line(struct flow_table *t, struct flow *f)
{
    if (f->line == FLOW_LINE_NONE)
        return;
    struct line *line = &t->line[f->scope][f->line];
    *(f->older ? &t->flow[f->older - 1].newer : &line->oldest) = f->newer;
    *(f->newer ? &t->flow[f->newer - 1].older : &line->newest) = f->older;
    line->count--;
    f->line = FLOW_LINE_NONE;
}

void flow_line_up(struct flow_table *t, struct flow *f, enum flow_line to)
{
    uint32_t index = (uint32_t)(f - t->flow) + 1;
    leave_line(t, f);
    if (to == FLOW_LINE_NONE)
        return;
    struct line *line = &t->line[f->scope][to];
    f->line = (uint8_t)to;
    f->older = line->newest;
    f->newer = 0;
    *(line->newest ? &t->flow[line->newest - 1].newer : &line->oldest) = index;
    line->newest = index;
    line->count++;
}

struct flow *flow_line_oldest(struct flow_table *t, uint16_t scope, enum flow_line line)
{
    uint32_t index = t->line[scope][line].oldest;
    return index ? &t->flow[index - 1] : NULL;
}

bool flow_half_open_full(const struct flow_table *t, uint16_t scope)
{
    return t->line[scope][FLOW_LINE_HALF_OPEN].count >= t->flows.cap / 2;
}

void flow_give(struct flow_table *t, struct flow *f)
{
    uint32_t index = (uint32_t)(f - t->flow);
    uint32_t *link = bucket_of(t, &f->key);
    while (*link != index + 1)
        link = &t->flow[*link - 1].hash_next;
    *link = f->hash_next;
    leave_line(t, f);
    share_give(&t->flows, f->scope, 1);
    f->in_use = false;
    f->hash_next = t->free_first;
    t->free_first = index + 1;
}

unsigned flow_count(const struct flow_table *t)
{
    return t->flows.used;
}

void flow_sweep(struct flow_table *t, void (*each)(void *ctx, struct flow *f), void *ctx)
{
    unsigned step = t->capacity / 16 + 1;
    for (unsigned i = 0; i < step && t->never_used; i++) {
        if (t->swept >= t->never_used)
            t->swept = 0;
        struct flow *f = &t->flow[t->swept++];
        if (f->in_use)
            each(ctx, f);
    }
}

struct flow_held *flow_hold(struct flow_table *t, struct flow *f, size_t bytes)
{
    uint16_t kib = (uint16_t)(bytes / 1024 + 1);
    if (f->held == FLOW_HELD_MAX || !share_take(&t->held_packets, f->scope, 1))
        return NULL;
    if (!share_take(&t->held_kib, f->scope, kib)) {
        share_give(&t->held_packets, f->scope, 1);
        return NULL;
    }
    uint32_t index;
    if (t->held_free) {
        index = t->held_free - 1;
        t->held_free = t->held[index].next;
    } else {
        index = t->held_never_used++;
    }
    struct flow_held *h = &t->held[index];
    h->next = 0;
    h->kib = kib;
    if (!f->held_first) {
        f->held_first = index + 1;
    } else {
        struct flow_held *last = flow_held_first(t, f);
        while (last->next)
            last = &t->held[last->next - 1];
        last->next = index + 1;
    }
    f->held++;
    return h;
}

struct flow_held *flow_held_first(struct flow_table *t, const struct flow *f)
{
    return f->held_first ? &t->held[f->held_first - 1] : NULL;
}

struct flow_held *flow_held_next(struct flow_table *t, const struct flow_held *h)
{
    return h->next ? &t->held[h->next - 1] : NULL;
}

void flow_unhold(struct flow_table *t, struct flow *f, struct flow_held *h)
{
    uint32_t index = (uint32_t)(h - t->held);
    uint32_t *link = &f->held_first;
    while (*link != index + 1)
        link = &t->held[*link - 1].next;
    *link = h->next;
    h->next = t->held_free;
    t->held_free = index + 1;
    f->held--;
    share_give(&t->held_packets, f->scope, 1);
    share_give(&t->held_kib, f->scope, h->kib);
}

unsigned flow_held_count(const struct flow_table *t)
{
    return t->held_packets.used;
}
