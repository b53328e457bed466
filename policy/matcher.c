/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "policy/matcher.h"

#include <string.h>

#include "policy/matcher_table.h"

/* FNV-1a with 64 bits, from the right, so that every suffix's hash is a by-product.  Keys are the policy's own: nobody
 * can choose them to collide. */
static uint64_t hash_step(uint64_t h, uint8_t byte)
{
    return (h ^ byte) * 0x100000001b3u;
}

static uint32_t hash_end(uint64_t h)
{
    h ^= h >> 32;
    h *= 0x9e3779b97f4a7c15u;
    return (uint32_t)(h >> 32);
}

#define HASH_START 0xcbf29ce484222325u

uint32_t matcher_hash(const uint8_t *key, size_t len)
{
    uint64_t h = HASH_START;
    while (len)
        h = hash_step(h, key[--len]);
    return hash_end(h);
}

void matcher_name_init(struct matcher_name *n, struct bytes text)
{
    uint8_t start[MATCHER_LABELS];
    uint32_t hash[MATCHER_LABELS];
    unsigned count = 0;
    uint64_t h = HASH_START;
    size_t len = text.len <= NAME_MAX_BYTES ? text.len : 0;
    for (size_t i = len; i > 0 && count < MATCHER_LABELS; i--) {
        h = hash_step(h, text.at[i - 1]);
        if (i == 1 || text.at[i - 2] == '.') {
            start[count] = (uint8_t)(i - 1);
            hash[count++] = hash_end(h);
        }
    }
    n->text = (const char *)text.at;
    n->len = (uint8_t)len;
    n->labels = (uint8_t)count;
    for (unsigned i = 0; i < count; i++) {
        n->start[i] = start[count - 1 - i];
        n->hash[i] = hash[count - 1 - i];
    }
}

void matcher_key_of_name(const struct name *n, struct matcher_key *out)
{
    out->len = n->len;
    memcpy(out->at, n->text, n->len);
}

void matcher_key_of_range(const struct address_range *r, struct matcher_key *out)
{
    size_t octets = address_octets(&r->base);
    out->len = (uint8_t)(2 + octets);
    out->at[0] = r->base.family;
    out->at[1] = r->prefix_bits;
    memcpy(out->at + 2, r->base.octets, octets);
}

size_t matcher_slot_find(const struct matcher *m, const uint8_t *key, size_t len, uint32_t hash)
{
    size_t i = hash & (m->slots - 1);
    while (m->slot[i]) {
        if (m->tag[i] == matcher_tag(hash)) {
            const uint8_t *stored = m->arena + m->entry[m->slot[i] - 1].key;
            if (stored[0] == len && memcmp(stored + 1, key, len) == 0)
                return i;
        }
        i = (i + 1) & (m->slots - 1);
    }
    return i;
}

static uint32_t key_first(const struct matcher *m, const uint8_t *key, size_t len, uint32_t hash)
{
    size_t at = matcher_slot_find(m, key, len, hash);
    return m->slot[at] ? m->slot[at] - 1 : MATCHER_NONE;
}

struct matcher_cursor matcher_find_name(const struct matcher *m, const struct matcher_name *name)
{
    return (struct matcher_cursor){.matcher = m, .name = name, .step = 0, .entry = MATCHER_NONE};
}

struct matcher_cursor matcher_find_address(const struct matcher *m, const struct address *address)
{
    unsigned first = address->family == 4 ? 33 : address->family == 6 ? 129 : 0;
    return (struct matcher_cursor){.matcher = m, .address = *address, .step = first, .entry = MATCHER_NONE};
}

/* The first entry of the next key that may cover the name. */
static bool next_zone(struct matcher_cursor *c)
{
    const struct matcher *m = c->matcher;
    const struct matcher_name *n = c->name;
    while (c->step < n->labels && m->used) {
        unsigned i = c->step++, labels = n->labels - i;
        if (i > 0 && !(m->wildcard_labels[labels / 64] >> labels % 64 & 1))
            continue;
        const uint8_t *key = (const uint8_t *)n->text + n->start[i];
        c->entry = key_first(m, key, n->len - n->start[i], n->hash[i]);
        if (c->entry != MATCHER_NONE)
            return true;
    }
    return false;
}

static bool next_prefix(struct matcher_cursor *c)
{
    const struct matcher *m = c->matcher;
    while (c->step > 0 && m->used) {
        unsigned bits = --c->step;
        uint64_t present = c->address.family == 4 ? m->prefix4 >> bits : m->prefix6[bits / 64] >> bits % 64;
        if (!(present & 1))
            continue;
        struct address_range r = {c->address, (uint8_t)bits};
        for (unsigned i = bits / 8; i < address_octets(&c->address); i++) {
            unsigned keep = i == bits / 8 ? 0xff00u >> bits % 8 & 0xff : 0;
            r.base.octets[i] = (uint8_t)(r.base.octets[i] & keep);
        }
        struct matcher_key key;
        matcher_key_of_range(&r, &key);
        c->entry = key_first(m, key.at, key.len, matcher_hash(key.at, key.len));
        if (c->entry != MATCHER_NONE)
            return true;
    }
    return false;
}

bool matcher_each(const struct matcher *m, size_t *next, struct matcher_hit *hit)
{
    while (*next < m->entries) {
        size_t at = (*next)++;
        if (m->entry[at].what & MATCHER_BY_AT)
            continue;
        *hit = (struct matcher_hit){m, &m->shape[m->entry[at].what], (uint32_t)at};
        return true;
    }
    return false;
}

bool matcher_next(struct matcher_cursor *c, struct matcher_hit *hit)
{
    const struct matcher *m = c->matcher;
    for (;;) {
        if (c->entry == MATCHER_NONE && !(c->name ? next_zone(c) : next_prefix(c)))
            return false;
        uint32_t at = c->entry;
        const struct matcher_entry *entry = &m->entry[at];
        c->entry = entry->next;
        if (entry->what & MATCHER_BY_AT) {
            at = entry->what & ~MATCHER_BY_AT;
            entry = &m->entry[at];
        }
        *hit = (struct matcher_hit){m, &m->shape[entry->what], at};
        if (!c->name)
            return true;
        unsigned above = c->step - 1; /* labels that the name has before this zone */
        enum endpoint_host host = hit->shape->host;
        if (above == 0 ? host == ENDPOINT_NAME
                       : host == ENDPOINT_ANY_BELOW || (above == 1 && host == ENDPOINT_ONE_BELOW))
            return true;
    }
}

void matcher_endpoint(const struct matcher_hit *hit, struct endpoint *out)
{
    const struct matcher_shape *s = hit->shape;
    const uint8_t *key = hit->matcher->arena + hit->matcher->entry[hit->entry].key;
    memset(out, 0, sizeof *out);
    out->scheme = s->scheme;
    out->host = s->host;
    out->has_at = s->has_at;
    out->at = s->at;
    out->port_low = s->port_low;
    out->port_high = s->port_high;
    out->types = s->types;
    memcpy(out->type, s->type, sizeof out->type);
    if (s->host == ENDPOINT_ADDRESS) {
        out->range.base.family = key[1];
        out->range.prefix_bits = key[2];
        memcpy(out->range.base.octets, key + 3, key[0] - 2u);
    } else {
        out->name.len = key[0];
        memcpy(out->name.text, key + 1, key[0]);
    }
}
