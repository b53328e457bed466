/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "nft/interval.h"

#include <stdlib.h>
#include <string.h>

/* Where intervals begin and end: a key, or (beyond) what follows the greatest one. */
struct bound {
    uint8_t beyond, key[INTERVAL_KEY_MAX];
};

static struct bound first_of(const struct interval_prefix *p, size_t len)
{
    struct bound b = {0};
    for (size_t i = 0; i < len && i * 8 < p->bits; i++) {
        unsigned left = p->bits - (unsigned)i * 8;
        unsigned keep = left >= 8 ? 0xffu : 0xffu & ~(0xffu >> left);
        b.key[i] = (uint8_t)(p->key[i] & keep);
    }
    return b;
}

static struct bound behind(const struct interval_prefix *p, size_t len)
{
    struct bound b = first_of(p, len);
    unsigned bits = p->bits < len * 8 ? p->bits : (unsigned)len * 8;
    unsigned carry = bits ? 0x80u >> (bits - 1) % 8 : 1;
    for (unsigned i = bits ? (bits - 1) / 8 + 1 : 0; carry && i > 0; i--) {
        carry += b.key[i - 1];
        b.key[i - 1] = (uint8_t)carry;
        carry >>= 8;
    }
    b.beyond = carry != 0;
    return b;
}

static int by_place(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct bound));
}

static size_t place(const struct bound *bound, size_t count, struct bound wanted)
{
    size_t low = 0;
    while (low < count) {
        size_t middle = low + (count - low) / 2;
        if (by_place(&bound[middle], &wanted) < 0)
            low = middle + 1;
        else
            count = middle;
    }
    return low;
}

/* The first piece from `at` on that nobody has; `next` is shortened on the way. */
static size_t free_from(size_t *next, size_t at)
{
    while (next[at] != at) {
        next[at] = next[next[at]];
        at = next[at];
    }
    return at;
}

/* Pieces between neighbouring bounds go to the first that wants them. */
static void share_out(const struct interval_prefix *prefix, size_t count, size_t key_len, const struct bound *bound,
                      size_t bounds, size_t *next, uint16_t *scope)
{
    for (size_t i = 0; i < bounds; i++)
        next[i] = i;
    for (size_t i = 0; i < count; i++) {
        size_t to = place(bound, bounds, behind(&prefix[i], key_len));
        for (size_t at = free_from(next, place(bound, bounds, first_of(&prefix[i], key_len))); at < to;
             at = free_from(next, at)) {
            scope[at] = prefix[i].scope;
            next[at] = at + 1;
        }
    }
}

bool interval_add(struct set *out, const struct interval_prefix *prefix, size_t count, size_t key_len)
{
    struct bound *bound = calloc(2 * count + 1, sizeof *bound);
    size_t *next = calloc(2 * count + 1, sizeof *next);
    uint16_t *scope = calloc(2 * count + 1, sizeof *scope);
    size_t bounds = 0;
    for (size_t i = 0; bound && i < count; i++) {
        bound[2 * i] = first_of(&prefix[i], key_len);
        bound[2 * i + 1] = behind(&prefix[i], key_len);
    }
    if (bound && next && scope && count) {
        qsort(bound, 2 * count, sizeof *bound, by_place);
        for (size_t i = 0; i < 2 * count; i++)
            if (!bounds || by_place(&bound[bounds - 1], &bound[i]) != 0)
                bound[bounds++] = bound[i];
        share_out(prefix, count, key_len, bound, bounds, next, scope);
        for (size_t i = 0, to; i + 1 < bounds; i = to) {
            to = i + 1;
            while (to + 1 < bounds && scope[to] == scope[i])
                to++;
            struct set_element *at = scope[i] ? set_add(out, bound[i].key, key_len) : NULL;
            if (!at)
                continue;
            at->scope = scope[i];
            at->open = bound[to].beyond;
            if (!at->open)
                memcpy(at->end, bound[to].key, key_len);
        }
    }
    bool ok = bound && next && scope && !out->failed;
    free(bound);
    free(next);
    free(scope);
    return ok;
}
