/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "nfq/limit.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define LIMIT_SCOPES (UINT16_MAX + 1u)
#define LIMIT_NONE   UINT32_MAX

_Static_assert(REASON_COUNT <= 128, "a bit each in limit_scope");

struct limit_scope {
    uint64_t window_usec;         /* since when events are counted */
    uint32_t refusals, facts;     /* told in it */
    uint64_t reasons[2];          /* of these, a bit each */
    uint32_t thing[LIMIT_THINGS]; /* refused and told in it, by the lowest bits of their hashes; 0: none */
    uint32_t next;                /* of the scopes for which something waits; LIMIT_NONE: the last */
    bool waits;
    struct limit_row {
        uint64_t told_usec, untold;
        bool told;
    } row[REASON_LIMITS];
};

struct limits {
    uint32_t first; /* scope for which something waits; LIMIT_NONE: none */
    uint64_t total[REASON_LIMITS];
    struct limit_scope *scope; /* of its pages few are ever touched */
};

struct limits *limits_new(void)
{
    struct limits *l = calloc(1, sizeof *l);
    void *at = mmap(NULL, LIMIT_SCOPES * sizeof *l->scope, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (!l || at == MAP_FAILED) {
        free(l);
        return NULL;
    }
    l->first = LIMIT_NONE;
    l->scope = at;
    return l;
}

void limits_free(struct limits *l)
{
    if (!l)
        return;
    munmap(l->scope, LIMIT_SCOPES * sizeof *l->scope);
    free(l);
}

/* `first`: the first of a second may be told at once. */
static bool meet(struct limits *l, uint16_t id, enum reason reason, bool first, uint64_t now_usec)
{
    struct limit_scope *s = &l->scope[id];
    struct limit_row *row = &s->row[reason - REASON_LIMIT_FIRST];
    l->total[reason - REASON_LIMIT_FIRST]++;
    if (first && !row->untold && (!row->told || now_usec - row->told_usec >= LIMIT_WINDOW_USEC)) {
        row->told = true;
        row->told_usec = now_usec;
        return true;
    }
    row->untold++;
    if (!s->waits) {
        s->waits = true;
        s->next = l->first;
        l->first = id;
    }
    return false;
}

/* `thing` 0: not known. */
static bool tell_one(struct limits *l, uint16_t scope, enum reason reason, bool refusal, uint32_t thing, bool room,
                     uint64_t now_usec)
{
    struct limit_scope *s = &l->scope[scope];
    uint32_t *known = &s->thing[thing % LIMIT_THINGS];
    if (reason_is_limit(reason))
        return meet(l, scope, reason, true, now_usec);
    if (now_usec - s->window_usec >= LIMIT_WINDOW_USEC) {
        s->window_usec = now_usec;
        s->refusals = s->facts = 0;
        s->reasons[0] = s->reasons[1] = 0;
        memset(s->thing, 0, sizeof s->thing);
    }
    uint64_t *reasons = &s->reasons[reason / 64], bit = (uint64_t)1 << reason % 64;
    uint32_t *told = refusal ? &s->refusals : &s->facts;
    bool repeats = room && thing && *known == thing;
    if (*told >= (refusal ? LIMIT_REFUSALS : LIMIT_FACTS) && *reasons & bit && !repeats)
        return meet(l, scope, refusal ? REASON_REFUSALS_UNTOLD : REASON_FACTS_UNTOLD, false, now_usec);
    *reasons |= bit;
    (*told)++;
    *known = thing ? thing : *known;
    return true;
}

bool limit_tell(struct limits *l, uint16_t scope, enum reason reason, bool refusal, uint64_t now_usec)
{
    return tell_one(l, scope, reason, refusal, 0, false, now_usec);
}

bool limit_tell_thing(struct limits *l, uint16_t scope, enum reason reason, uint32_t thing, bool room,
                      uint64_t now_usec)
{
    return tell_one(l, scope, reason, true, thing, room, now_usec);
}

void limits_tick(struct limits *l, uint64_t now_usec, bool all,
                 void (*tell)(void *ctx, uint16_t scope, enum reason reason, uint64_t count), void *ctx)
{
    uint32_t id = l->first;
    l->first = LIMIT_NONE;
    while (id != LIMIT_NONE) {
        struct limit_scope *s = &l->scope[id];
        uint32_t next = s->next;
        s->waits = false;
        for (unsigned i = 0; i < REASON_LIMITS; i++) {
            struct limit_row *row = &s->row[i];
            if (row->untold && (all || now_usec - row->told_usec >= LIMIT_WINDOW_USEC)) {
                tell(ctx, (uint16_t)id, (enum reason)(REASON_LIMIT_FIRST + i), row->untold);
                row->told_usec = now_usec;
                row->untold = 0;
            }
            s->waits = s->waits || row->untold;
        }
        if (s->waits) {
            s->next = l->first;
            l->first = id;
        }
        id = next;
    }
}

uint64_t limit_total(const struct limits *l, enum reason reason)
{
    return reason_is_limit(reason) ? l->total[reason - REASON_LIMIT_FIRST] : 0;
}
