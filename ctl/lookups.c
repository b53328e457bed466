/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/lookups.h"

#include <stdlib.h>

#define SCOPE_PART         10 /* of the keeper's time: one in so many */
#define SCOPE_QUICK_PART   4  /* of a quick one's time: what its scope is charged */
#define SCOPE_ADVANCE_USEC 250000
#define ALL_PART           2
#define ALL_ADVANCE_USEC   500000

/* What was spent and is not yet paid back by time. */
struct spent {
    uint64_t usec, at_usec;
};

struct lookups {
    struct spent all, scope[UINT16_MAX + 1]; /* of its pages few are ever touched */
};

struct lookups *lookups_new(void)
{
    return calloc(1, sizeof(struct lookups));
}

void lookups_free(struct lookups *l)
{
    free(l);
}

static uint64_t left(struct spent *s, uint64_t part, uint64_t now_usec)
{
    uint64_t paid = (now_usec - s->at_usec) / part;
    s->usec = s->usec > paid ? s->usec - paid : 0;
    s->at_usec += paid * part;
    return s->usec;
}

bool lookups_may(struct lookups *l, uint16_t scope, uint64_t now_usec)
{
    return left(&l->scope[scope], SCOPE_PART, now_usec) < SCOPE_ADVANCE_USEC &&
           left(&l->all, ALL_PART, now_usec) < ALL_ADVANCE_USEC;
}

void lookups_took(struct lookups *l, uint16_t scope, uint64_t began_usec, uint64_t ended_usec)
{
    uint64_t usec = ended_usec - began_usec;
    left(&l->scope[scope], SCOPE_PART, ended_usec);
    left(&l->all, ALL_PART, ended_usec);
    l->scope[scope].usec += usec <= LOOKUPS_QUICK_USEC ? usec / SCOPE_QUICK_PART : usec;
    l->all.usec += usec;
}
