/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "nfq/flow.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "core/hash.h"

#define HELD_POOL 32768u

/* calloc for large tables of which few pages are ever touched. */
static void *pages_new(size_t bytes)
{
    void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return at == MAP_FAILED ? NULL : at;
}

struct flow_table {
    unsigned capacity, share, used, swept;
    uint32_t seed, buckets;
    uint32_t *bucket;    /* index + 1 */
    uint32_t *per_scope; /* 65,536 counts */
    struct flow *flow;
    uint32_t free_first, never_used; /* free_first: index + 1, chained by hash_next */
    struct flow_held *held;
    uint32_t held_free, held_never_used;
    unsigned held_used;
};

#define SCOPES 65536u

struct flow_table *flow_table_new(unsigned capacity, unsigned share, uint32_t seed)
{
    struct flow_table *t = calloc(1, sizeof *t);
    if (!t)
        return NULL;
    t->capacity = capacity;
    t->share = share;
    t->seed = seed;
    t->buckets = 1;
    while (t->buckets < capacity)
        t->buckets <<= 1;
    t->bucket = calloc(t->buckets, sizeof *t->bucket);
    t->per_scope = pages_new(SCOPES * sizeof *t->per_scope);
    t->flow = pages_new(capacity * sizeof *t->flow);
    t->held = pages_new(HELD_POOL * sizeof *t->held);
    if (!t->bucket || !t->per_scope || !t->flow || !t->held) {
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
    if (t->per_scope)
        munmap(t->per_scope, SCOPES * sizeof *t->per_scope);
    if (t->flow)
        munmap(t->flow, t->capacity * sizeof *t->flow);
    if (t->held)
        munmap(t->held, HELD_POOL * sizeof *t->held);
    free(t);
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
    if (t->per_scope[scope] >= t->share)
        return NULL;
    uint32_t index;
    if (t->free_first) {
        index = t->free_first - 1;
        t->free_first = t->flow[index].hash_next;
    } else if (t->never_used < t->capacity) {
        index = t->never_used++;
    } else {
        return NULL;
    }
    struct flow *f = &t->flow[index];
    memset(f, 0, sizeof *f);
    f->key = *key;
    f->scope = scope;
    f->in_use = true;
    uint32_t *bucket = bucket_of(t, key);
    f->hash_next = *bucket;
    *bucket = index + 1;
    t->per_scope[scope]++;
    t->used++;
    return f;
}

void flow_give(struct flow_table *t, struct flow *f)
{
    uint32_t index = (uint32_t)(f - t->flow);
    uint32_t *link = bucket_of(t, &f->key);
    while (*link != index + 1)
        link = &t->flow[*link - 1].hash_next;
    *link = f->hash_next;
    t->per_scope[f->scope]--;
    t->used--;
    f->in_use = false;
    f->hash_next = t->free_first;
    t->free_first = index + 1;
}

unsigned flow_count(const struct flow_table *t)
{
    return t->used;
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

struct flow_held *flow_hold(struct flow_table *t, struct flow *f)
{
    if (f->held == FLOW_HELD_MAX)
        return NULL;
    uint32_t index;
    if (t->held_free) {
        index = t->held_free - 1;
        t->held_free = t->held[index].next;
    } else if (t->held_never_used < HELD_POOL) {
        index = t->held_never_used++;
    } else {
        return NULL;
    }
    struct flow_held *h = &t->held[index];
    h->next = 0;
    if (!f->held_first) {
        f->held_first = index + 1;
    } else {
        struct flow_held *last = flow_held_first(t, f);
        while (last->next)
            last = &t->held[last->next - 1];
        last->next = index + 1;
    }
    f->held++;
    t->held_used++;
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
    t->held_used--;
}

unsigned flow_held_count(const struct flow_table *t)
{
    return t->held_used;
}
