/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/hash.h"

#include <string.h>

struct hash_state {
    uint32_t v0, v1, v2, v3;
};

static inline uint32_t hash_rotate(uint32_t x, unsigned bits)
{
    return x << bits | x >> (32 - bits);
}

static inline void hash_round(struct hash_state *s)
{
    s->v0 += s->v1;
    s->v1 = hash_rotate(s->v1, 5) ^ s->v0;
    s->v0 = hash_rotate(s->v0, 16);
    s->v2 += s->v3;
    s->v3 = hash_rotate(s->v3, 8) ^ s->v2;
    s->v0 += s->v3;
    s->v3 = hash_rotate(s->v3, 7) ^ s->v0;
    s->v2 += s->v1;
    s->v1 = hash_rotate(s->v1, 13) ^ s->v2;
    s->v2 = hash_rotate(s->v2, 16);
}

static inline void hash_word(struct hash_state *s, uint32_t word)
{
    s->v3 ^= word;
    hash_round(s);
    s->v0 ^= word;
}

uint32_t hash_bytes(struct bytes in, uint32_t seed)
{
    /* The key's second half is a constant: 32 bits of seed are what the callers have. */
    const uint32_t key1 = 0x9e3779b9;
    struct hash_state s = {seed, key1, 0x6c796765 ^ seed, 0x74656462 ^ key1};
    size_t at = 0;
    for (; in.len - at >= 4; at += 4) {
        uint32_t word;
        memcpy(&word, in.at + at, sizeof word);
        hash_word(&s, word);
    }
    uint32_t last = 0;
    if (at < in.len)
        memcpy(&last, in.at + at, in.len - at);
    hash_word(&s, last | (uint32_t)in.len << 24);
    s.v2 ^= 0xff;
    hash_round(&s);
    hash_round(&s);
    hash_round(&s);
    return s.v1 ^ s.v3;
}
