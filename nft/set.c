/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "nft/set.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void set_full_name(char out[SET_NAME_SIZE], const char *name, unsigned epoch)
{
    snprintf(out, SET_NAME_SIZE, "v%u_%s", epoch, name);
}

struct set_element *set_add(struct set *s, const void *key, size_t len)
{
    if (s->count == s->size && !s->failed) {
        size_t size = s->size ? 2 * s->size : 8;
        struct set_element *grown = realloc(s->element, size * sizeof *grown);
        s->failed = !grown;
        s->element = grown ? grown : s->element;
        s->size = grown ? size : s->size;
    }
    if (s->failed || len > SET_KEY_BYTES) {
        s->failed = true;
        return NULL;
    }
    struct set_element *at = &s->element[s->count++];
    memset(at, 0, sizeof *at); /* padding too: elements are compared whole */
    memcpy(at->key, key, len);
    return at;
}

static int by_key(const void *a, const void *b)
{
    const struct set_element *x = a, *y = b;
    return memcmp(x->key, y->key, sizeof x->key);
}

void set_sort(struct set *s)
{
    size_t kept = 0;
    if (s->count > 1)
        qsort(s->element, s->count, sizeof *s->element, by_key);
    for (size_t i = 0; i < s->count; i++)
        if (!kept || by_key(&s->element[kept - 1], &s->element[i]) != 0)
            s->element[kept++] = s->element[i];
    s->count = kept;
}

void set_done(struct set *s)
{
    free(s->element);
    s->element = NULL;
    s->count = s->size = 0;
}

static bool overlap(const struct set_element *a, const struct set_element *b)
{
    return (b->open || memcmp(a->key, b->end, SET_KEY_BYTES) < 0) &&
           (a->open || memcmp(b->key, a->end, SET_KEY_BYTES) < 0);
}

bool set_same_element(const struct set_element *a, const struct set_element *b)
{
    return memcmp(a->key, b->key, SET_KEY_BYTES) == 0 && memcmp(a->end, b->end, SET_KEY_BYTES) == 0 &&
           a->open == b->open && a->scope == b->scope && a->port == b->port;
}

bool set_changes_hands(const struct set *old, const struct set *new)
{
    size_t i = 0, k = 0;
    while (old->interval && i < old->count && k < new->count) {
        const struct set_element *a = &old->element[i], *b = &new->element[k];
        if (set_same_element(a, b)) {
            i++;
            k++;
        } else if (overlap(a, b)) {
            return true;
        } else if (memcmp(a->key, b->key, SET_KEY_BYTES) < 0) {
            i++;
        } else {
            k++;
        }
    }
    return false;
}
