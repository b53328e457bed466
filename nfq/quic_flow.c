/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "nfq/quic_flow.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "core/hash.h"
#include "core/share.h"

#define CAP(of)      ((of) / 5 * 2) /* of one scope */
#define BUCKETS      QUIC_FLOWS
#define BUCKET(t, k) (&(t)->bucket[flow_key_hash((k), (t)->seed) & (BUCKETS - 1)])
_Static_assert((BUCKETS & (BUCKETS - 1)) == 0, "a power of two");

/* Mapped whole; of a connection and a held datagram only the pages that are written are ever there. */
struct quic_table {
    struct quic_cipher *cipher;
    uint32_t seed;
    unsigned swept;
    struct share flows, connections, helds;
    uint32_t flow_free, flow_new, connection_free, connection_new, held_free, held_new; /* *_free: + 1, 0: none */
    uint32_t bucket[BUCKETS];                                                           /* + 1 */
    uint32_t id_bucket[BUCKETS];                                                        /* connections by id; + 1 */
    struct quic_flow flow[QUIC_FLOWS];
    struct quic_connection connection[QUIC_CONNECTIONS];
    struct quic_held held[QUIC_HELD];
};

struct quic_table *quic_table_new(uint32_t seed)
{
    struct quic_table *t =
        mmap(NULL, sizeof *t, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (t == MAP_FAILED)
        return NULL;
    t->seed = seed;
    t->cipher = quic_cipher_new();
    if (share_init(&t->flows, QUIC_FLOWS, CAP(QUIC_FLOWS)) &&
        share_init(&t->connections, QUIC_CONNECTIONS, CAP(QUIC_CONNECTIONS)) &&
        share_init(&t->helds, QUIC_HELD, CAP(QUIC_HELD)) && t->cipher)
        return t;
    quic_table_free(t);
    return NULL;
}

void quic_table_free(struct quic_table *t)
{
    if (!t)
        return;
    quic_cipher_free(t->cipher);
    share_done(&t->flows);
    share_done(&t->connections);
    share_done(&t->helds);
    munmap(t, sizeof *t);
}

void quic_table_scopes(struct quic_table *t, unsigned scopes)
{
    share_scopes(&t->flows, scopes);
    share_scopes(&t->connections, scopes);
    share_scopes(&t->helds, scopes);
}

struct quic_cipher *quic_table_cipher(struct quic_table *t)
{
    return t->cipher;
}

struct quic_flow *quic_flow_find(struct quic_table *t, const struct flow_key *key)
{
    for (uint32_t i = *BUCKET(t, key); i; i = t->flow[i - 1].hash_next)
        if (flow_key_equal(&t->flow[i - 1].key, key))
            return &t->flow[i - 1];
    return NULL;
}

struct quic_flow *quic_flow_take(struct quic_table *t, const struct flow_key *key, uint16_t scope)
{
    uint32_t index;
    if (!share_take(&t->flows, scope, 1)) /* as many flows as places */
        return NULL;
    if (t->flow_free) {
        index = t->flow_free - 1;
        t->flow_free = t->flow[index].hash_next;
    } else {
        index = t->flow_new++;
    }
    struct quic_flow *f = &t->flow[index];
    uint32_t *bucket = BUCKET(t, key);
    *f = (struct quic_flow){.key = *key, .scope = scope, .in_use = true, .hash_next = *bucket};
    *bucket = index + 1;
    return f;
}

void quic_flow_give(struct quic_table *t, struct quic_flow *f)
{
    uint32_t index = (uint32_t)(f - t->flow), *link = BUCKET(t, &f->key);
    quic_connection_give_all(t, f);
    while (*link != index + 1)
        link = &t->flow[*link - 1].hash_next;
    *link = f->hash_next;
    share_give(&t->flows, f->scope, 1);
    f->in_use = false;
    f->hash_next = t->flow_free;
    t->flow_free = index + 1;
}

unsigned quic_flow_count(const struct quic_table *t)
{
    return t->flows.used;
}

void quic_flow_sweep(struct quic_table *t, void (*each)(void *ctx, struct quic_flow *f), void *ctx)
{
    for (unsigned i = 0; i < QUIC_FLOWS / 16 && t->flow_new; i++) {
        if (t->swept >= t->flow_new)
            t->swept = 0;
        struct quic_flow *f = &t->flow[t->swept++];
        if (f->in_use)
            each(ctx, f);
    }
}

static uint32_t *id_bucket(struct quic_table *t, const struct quic_flow *f, struct bytes dcid)
{
    uint8_t in[16 + 2 + QUIC_ID_MAX];
    struct writer w = writer_init(in, sizeof in);
    writer_bytes(&w, (struct bytes){f->key.server.octets, 16});
    writer_u16(&w, f->key.server_port);
    writer_bytes(&w, dcid);
    return &t->id_bucket[hash_bytes((struct bytes){in, writer_len(&w)}, t->seed) & (BUCKETS - 1)];
}

bool quic_connection_elsewhere(struct quic_table *t, const struct quic_flow *f, struct bytes dcid)
{
    for (uint32_t i = *id_bucket(t, f, dcid); i; i = t->connection[i - 1].id_next) {
        const struct quic_connection *c = &t->connection[i - 1];
        const struct quic_flow *other = &t->flow[c->flow];
        if (other != f && bytes_equal((struct bytes){c->dcid, c->dcid_len}, dcid) &&
            other->key.server_port == f->key.server_port && address_equal(&other->key.server, &f->key.server))
            return true;
    }
    return false;
}

struct quic_connection *quic_connection_add(struct quic_table *t, struct quic_flow *f, struct bytes dcid)
{
    uint32_t index;
    if (f->connections == QUIC_CONNECTIONS_FLOW || dcid.len > QUIC_ID_MAX || !share_take(&t->connections, f->scope, 1))
        return NULL;
    if (t->connection_free) {
        index = t->connection_free - 1;
        t->connection_free = t->connection[index].next;
    } else {
        index = t->connection_new++;
    }
    struct quic_connection *c = &t->connection[index];
    c->next = f->connection_first;
    f->connection_first = index + 1;
    f->connections++;
    c->flow = (uint32_t)(f - t->flow);
    uint32_t *bucket = id_bucket(t, f, dcid);
    c->id_next = *bucket;
    *bucket = index + 1;
    c->dcid_len = (uint8_t)dcid.len;
    if (dcid.len)
        memcpy(c->dcid, dcid.at, dcid.len);
    c->low = c->end = 0;
    quic_initial_keys(QUIC_VERSION_1, dcid, false, &c->keys[0]);
    quic_initial_keys(QUIC_VERSION_2, dcid, false, &c->keys[1]);
    quic_crypto_init(&c->crypto);
    return c;
}

struct quic_connection *quic_connection_find(struct quic_table *t, const struct quic_flow *f, struct bytes dcid)
{
    struct quic_connection *c = quic_connection_first(t, f);
    while (c && !bytes_equal(dcid, (struct bytes){c->dcid, c->dcid_len}))
        c = quic_connection_next(t, c);
    return c;
}

struct quic_connection *quic_connection_first(struct quic_table *t, const struct quic_flow *f)
{
    return f->connection_first ? &t->connection[f->connection_first - 1] : NULL;
}

struct quic_connection *quic_connection_next(struct quic_table *t, const struct quic_connection *c)
{
    return c->next ? &t->connection[c->next - 1] : NULL;
}

void quic_connection_give_all(struct quic_table *t, struct quic_flow *f)
{
    while (f->connection_first) {
        uint32_t index = f->connection_first - 1;
        struct quic_connection *c = &t->connection[index];
        uint32_t *link = id_bucket(t, f, (struct bytes){c->dcid, c->dcid_len});
        while (*link != index + 1)
            link = &t->connection[*link - 1].id_next;
        *link = c->id_next;
        f->connection_first = c->next;
        c->next = t->connection_free;
        t->connection_free = index + 1;
    }
    share_give(&t->connections, f->scope, f->connections);
    f->connections = 0;
}

struct quic_held *quic_hold(struct quic_table *t, struct quic_flow *f)
{
    uint32_t index, *link = &f->held_first;
    if (f->held == QUIC_HELD_FLOW || !share_take(&t->helds, f->scope, 1))
        return NULL;
    if (t->held_free) {
        index = t->held_free - 1;
        t->held_free = t->held[index].next;
    } else {
        index = t->held_new++;
    }
    while (*link)
        link = &t->held[*link - 1].next;
    *link = index + 1;
    t->held[index].next = 0;
    f->held++;
    return &t->held[index];
}

struct quic_held *quic_held_first(struct quic_table *t, const struct quic_flow *f)
{
    return f->held_first ? &t->held[f->held_first - 1] : NULL;
}

void quic_unhold(struct quic_table *t, struct quic_flow *f)
{
    uint32_t index = f->held_first - 1;
    f->held_first = t->held[index].next;
    t->held[index].next = t->held_free;
    t->held_free = index + 1;
    share_give(&t->helds, f->scope, 1);
    f->held--;
}

unsigned quic_held_count(const struct quic_table *t)
{
    return t->helds.used;
}
