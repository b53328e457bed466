/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How a matcher lies in memory.  Internal to policy/matcher.c (look-ups) and policy/matcher_build.c. */
#ifndef SLUICE_POLICY_MATCHER_TABLE_H
#define SLUICE_POLICY_MATCHER_TABLE_H

#include "policy/matcher.h"

#define MATCHER_NONE    UINT32_MAX
#define MATCHER_BY_AT   0x80000000u /* in entry.what: the rest is the index of the entry that has this @range */
#define MATCHER_KEY_MAX 254

/* A key in the arena is its length, then a name's text, or family, prefix and octets of a range (4 and 6 begin no
 * name, so the two never meet). */
struct matcher_entry {
    uint32_t key, what, next; /* offset in the arena; shape or MATCHER_BY_AT; the same key's next entry */
};

struct matcher {
    uint8_t *arena;
    size_t arena_len, arena_size;
    struct matcher_entry *entry;
    size_t entries, entry_size;
    size_t count;   /* entries that were added, without those by @range */
    uint32_t *slot; /* entry + 1; 0: empty */
    uint8_t *tag;   /* of each slot, the high bits of its key's hash: another key's arena is rarely looked into */
    size_t slots, used;
    struct matcher_shape *shape;
    size_t shapes, shape_size;
    uint32_t *shape_slot; /* shape + 1, while building */
    size_t shape_slots;
    uint32_t last_shape;
    uint64_t wildcard_labels[2]; /* zones of this many labels have wildcards */
    uint64_t prefix4, prefix6[3];
};

struct matcher_key {
    uint8_t len, at[MATCHER_KEY_MAX];
};

void matcher_key_of_name(const struct name *n, struct matcher_key *out);
void matcher_key_of_range(const struct address_range *r, struct matcher_key *out);
uint32_t matcher_hash(const uint8_t *key, size_t len);

static inline uint8_t matcher_tag(uint32_t hash)
{
    return (uint8_t)(hash >> 24);
}

/* The slot of this key, or the empty one where it belongs. */
size_t matcher_slot_find(const struct matcher *m, const uint8_t *key, size_t len, uint32_t hash);

#endif
