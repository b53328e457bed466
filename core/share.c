/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/share.h"

#include <stdlib.h>
#include <sys/mman.h>

#define SHARE_BYTES ((UINT16_MAX + 1) * sizeof(uint32_t))

bool share_init(struct share *s, uint32_t capacity, uint32_t cap)
{
    /* Of its pages few are ever touched: the ids of scopes lie together. */
    void *at = mmap(NULL, SHARE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    *s = (struct share){.capacity = capacity, .cap = cap, .of_scope = at == MAP_FAILED ? NULL : at};
    return s->of_scope != NULL;
}

void share_done(struct share *s)
{
    if (s->of_scope)
        munmap(s->of_scope, SHARE_BYTES);
    *s = (struct share){0};
}

static uint32_t least(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

/* How much of `units` that are added to `have` belongs to the reserve. */
static uint32_t of_reserve(const struct share *s, uint32_t have, uint32_t units)
{
    return have < s->reserve ? least(units, s->reserve - have) : 0;
}

void share_scopes(struct share *s, unsigned scopes)
{
    s->reserve = scopes ? least(s->capacity / 2 / scopes, s->cap) : 0;
    s->promised_most = s->promised = scopes * s->reserve;
    for (uint32_t i = 0; i < s->seen; i++)
        s->promised -= least(of_reserve(s, 0, s->of_scope[i]), s->promised);
}

bool share_has_room(const struct share *s, uint16_t scope, uint32_t units)
{
    uint32_t have = s->of_scope[scope], unused = s->capacity - s->used, reserved = of_reserve(s, have, units);
    if (units > unused || units > s->cap || have > s->cap - units)
        return false;
    /* What exceeds the scope's own part must leave the others theirs. */
    uint32_t others = s->promised - least(reserved, s->promised);
    return units == reserved || units <= unused - least(others, unused);
}

void share_note(struct share *s, uint16_t scope, uint32_t units)
{
    units = least(units, s->capacity - s->used);
    if (scope >= s->seen)
        s->seen = scope + 1u;
    s->promised -= least(of_reserve(s, s->of_scope[scope], units), s->promised);
    s->of_scope[scope] += units;
    s->used += units;
}

bool share_take(struct share *s, uint16_t scope, uint32_t units)
{
    if (!share_has_room(s, scope, units))
        return false;
    share_note(s, scope, units);
    return true;
}

void share_give(struct share *s, uint16_t scope, uint32_t units)
{
    units = least(units, s->of_scope[scope]);
    s->of_scope[scope] -= units;
    s->used -= units;
    s->promised = least(s->promised + of_reserve(s, s->of_scope[scope], units), s->promised_most);
}

uint32_t share_of(const struct share *s, uint16_t scope)
{
    return s->of_scope[scope];
}
