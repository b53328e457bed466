/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "core/hash.h"
#include "policy/matcher_table.h"

static bool slots_grow(struct matcher *m, size_t slots)
{
    uint32_t *old = m->slot, *fresh = calloc(slots, sizeof *fresh);
    uint8_t *tag = calloc(slots, sizeof *tag);
    size_t old_slots = m->slots;
    if (!fresh || !tag) {
        free(fresh);
        free(tag);
        return false;
    }
    free(m->tag);
    m->tag = tag;
    m->slot = fresh;
    m->slots = slots;
    for (size_t i = 0; i < old_slots; i++) {
        if (!old[i])
            continue;
        const uint8_t *key = m->arena + m->entry[old[i] - 1].key;
        uint32_t hash = matcher_hash(key + 1, key[0]);
        size_t at = hash & (slots - 1);
        while (fresh[at])
            at = (at + 1) & (slots - 1);
        fresh[at] = old[i];
        tag[at] = matcher_tag(hash);
    }
    free(old);
    return true;
}

/* Room for one more element of an array that doubles. */
static bool room(void **array, size_t *size, size_t used, size_t more, size_t element)
{
    if (used + more <= *size)
        return true;
    size_t grown = *size ? *size : 64;
    while (grown < used + more)
        grown *= 2;
    void *moved = reallocarray(*array, grown, element);
    if (!moved)
        return false;
    *array = moved;
    *size = grown;
    return true;
}

struct matcher *matcher_new(size_t expected)
{
    struct matcher *m = calloc(1, sizeof *m);
    size_t slots = 8;
    while (slots / 4 * 3 < expected && slots < (size_t)1 << 31)
        slots *= 2;
    if (!m || !slots_grow(m, slots)) {
        matcher_free(m);
        return NULL;
    }
    m->last_shape = MATCHER_NONE;
    return m;
}

void matcher_free(struct matcher *m)
{
    if (!m)
        return;
    free(m->arena);
    free(m->entry);
    free(m->slot);
    free(m->tag);
    free(m->shape);
    free(m->shape_slot);
    free(m);
}

/* A smaller block only; when the allocator does not give one, the larger stays. */
static void trim(void **array, size_t *size, size_t used, size_t element)
{
    void *moved = used ? reallocarray(*array, used, element) : NULL;
    if (!moved)
        return;
    *array = moved;
    *size = used;
}

void matcher_finish(struct matcher *m)
{
    trim((void **)&m->arena, &m->arena_size, m->arena_len, 1);
    trim((void **)&m->entry, &m->entry_size, m->entries, sizeof *m->entry);
    trim((void **)&m->shape, &m->shape_size, m->shapes, sizeof *m->shape);
    free(m->shape_slot);
    m->shape_slot = NULL;
    m->shape_slots = 0;
}

size_t matcher_count(const struct matcher *m)
{
    return m->count;
}

size_t matcher_memory(const struct matcher *m)
{
    return sizeof *m + m->arena_size + m->entry_size * sizeof *m->entry +
           m->slots * (sizeof *m->slot + sizeof *m->tag) + m->shape_size * sizeof *m->shape +
           m->shape_slots * sizeof *m->shape_slot;
}

static uint32_t shape_hash(const struct matcher_shape *s)
{
    return hash_bytes((struct bytes){(const uint8_t *)s, sizeof *s}, 0);
}

static bool shape_slots_grow(struct matcher *m)
{
    size_t slots = m->shape_slots ? m->shape_slots * 2 : 16;
    uint32_t *fresh = calloc(slots, sizeof *fresh);
    if (!fresh)
        return false;
    for (size_t i = 0; i < m->shapes; i++) {
        size_t at = shape_hash(&m->shape[i]) & (slots - 1);
        while (fresh[at])
            at = (at + 1) & (slots - 1);
        fresh[at] = (uint32_t)i + 1;
    }
    free(m->shape_slot);
    m->shape_slot = fresh;
    m->shape_slots = slots;
    return true;
}

/* The index of the shape, which is added when it is new (*fresh). */
static bool shape_intern(struct matcher *m, const struct matcher_shape *s, uint32_t *out, bool *fresh)
{
    *fresh = false;
    if (m->last_shape != MATCHER_NONE && memcmp(&m->shape[m->last_shape], s, sizeof *s) == 0) {
        *out = m->last_shape;
        return true;
    }
    if ((m->shapes + 1) * 4 > m->shape_slots * 3 && !shape_slots_grow(m))
        return false;
    size_t at = shape_hash(s) & (m->shape_slots - 1);
    while (m->shape_slot[at] && memcmp(&m->shape[m->shape_slot[at] - 1], s, sizeof *s) != 0)
        at = (at + 1) & (m->shape_slots - 1);
    if (!m->shape_slot[at]) {
        if (!room((void **)&m->shape, &m->shape_size, m->shapes, 1, sizeof *s))
            return false;
        m->shape[m->shapes++] = *s;
        m->shape_slot[at] = (uint32_t)m->shapes;
        *fresh = true;
    }
    *out = m->last_shape = m->shape_slot[at] - 1;
    return true;
}

static bool no_memory(struct error *e)
{
    return error_set(e, ERROR_LIMIT, 0, "no memory for the entries");
}

enum link { LINK_NEW, LINK_DUPLICATE, LINK_FAILED };

/* Appends an entry to its key's chain. */
static enum link link_entry(struct matcher *m, const struct matcher_key *key, uint32_t what, struct error *e)
{
    if ((m->used + 1) * 4 > m->slots * 3 && !slots_grow(m, m->slots * 2))
        return no_memory(e), LINK_FAILED;
    uint32_t hash = matcher_hash(key->at, key->len);
    size_t at = matcher_slot_find(m, key->at, key->len, hash);
    uint32_t last = MATCHER_NONE, offset = (uint32_t)m->arena_len;
    if (m->slot[at]) {
        size_t chain = 0;
        for (uint32_t i = m->slot[at] - 1; i != MATCHER_NONE; i = m->entry[i].next) {
            if (m->entry[i].what == what)
                return LINK_DUPLICATE;
            if (++chain == MATCHER_CHAIN_MAX) {
                error_set(e, ERROR_LIMIT, 0, "more than %d entries for one name or range; write a range of ports",
                          MATCHER_CHAIN_MAX);
                return LINK_FAILED;
            }
            last = i;
        }
        offset = m->entry[last].key;
    }
    if (m->entries >= MATCHER_BY_AT - 1 || m->arena_len > UINT32_MAX - MATCHER_KEY_MAX - 1 ||
        !room((void **)&m->entry, &m->entry_size, m->entries, 1, sizeof *m->entry) ||
        !room((void **)&m->arena, &m->arena_size, m->arena_len, key->len + 1u, 1))
        return no_memory(e), LINK_FAILED;
    uint32_t index = (uint32_t)m->entries++;
    m->entry[index] = (struct matcher_entry){offset, what, MATCHER_NONE};
    if (last != MATCHER_NONE) {
        m->entry[last].next = index;
        return LINK_NEW;
    }
    m->arena[m->arena_len] = key->len;
    memcpy(m->arena + m->arena_len + 1, key->at, key->len);
    m->arena_len += key->len + 1u;
    m->slot[at] = index + 1;
    m->tag[at] = matcher_tag(hash);
    m->used++;
    return LINK_NEW;
}

static void note_prefix(struct matcher *m, const struct address_range *r)
{
    if (r->base.family == 4)
        m->prefix4 |= (uint64_t)1 << r->prefix_bits;
    else
        m->prefix6[r->prefix_bits / 64] |= (uint64_t)1 << r->prefix_bits % 64;
}

static void note_wildcard(struct matcher *m, const struct name *zone)
{
    unsigned labels = name_label_count(zone);
    m->wildcard_labels[labels / 64] |= (uint64_t)1 << labels % 64;
}

bool matcher_add(struct matcher *m, const struct endpoint *ep, struct error *e)
{
    struct matcher_shape s = {.scheme = (uint8_t)ep->scheme,
                              .host = (uint8_t)ep->host,
                              .has_at = ep->has_at,
                              .types = ep->types,
                              .port_low = ep->port_low,
                              .port_high = ep->port_high};
    struct matcher_key key;
    uint32_t what;
    bool fresh;
    memcpy(s.type, ep->type, sizeof s.type);
    if (ep->has_at)
        s.at = ep->at;
    if (!shape_intern(m, &s, &what, &fresh))
        return no_memory(e);
    if (ep->host == ENDPOINT_ADDRESS) {
        matcher_key_of_range(&ep->range, &key);
        note_prefix(m, &ep->range);
    } else {
        matcher_key_of_name(&ep->name, &key);
        if (ep->host != ENDPOINT_NAME)
            note_wildcard(m, &ep->name);
    }
    enum link linked = link_entry(m, &key, what, e);
    if (linked != LINK_NEW)
        return linked == LINK_DUPLICATE;
    m->count++;
    /* By @range: tcp, udp and proxy name by name, because a denial of that name closes it; tls and http only begin the
     * inspection of what is shown, so that one entry of each shape is enough. */
    bool any_bytes = ep->scheme == ENDPOINT_TCP || ep->scheme == ENDPOINT_UDP || ep->scheme == ENDPOINT_PROXY;
    if (!ep->has_at || ep->scheme == ENDPOINT_DNS || (!any_bytes && !fresh))
        return true;
    matcher_key_of_range(&ep->at, &key);
    note_prefix(m, &ep->at);
    return link_entry(m, &key, MATCHER_BY_AT | (uint32_t)(m->entries - 1), e) != LINK_FAILED;
}
