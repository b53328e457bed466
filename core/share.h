/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How the scopes share a pool of fixed size, so that none takes what another needs.
 *
 * Half of the pool is divided among the scopes: each can always have its part (`reserve`), whatever the others do.  The
 * other half is for whoever comes, up to `cap` in all for one scope.  Only counts: the pool itself is the caller's. One
 * thread; no allocation after share_init. */
#ifndef SLUICE_CORE_SHARE_H
#define SLUICE_CORE_SHARE_H

#include <stdbool.h>
#include <stdint.h>

struct share {
    uint32_t capacity, cap;
    uint32_t reserve;       /* of each scope; 0 until share_scopes */
    uint32_t promised;      /* what the scopes have not yet taken of their reserves */
    uint32_t promised_most; /* scopes * reserve */
    uint32_t used;
    uint32_t seen;      /* one more than the highest scope that ever took */
    uint32_t *of_scope; /* 65,536 counts */
};

/* `cap` is at most `capacity`.  False: no memory. */
bool share_init(struct share *s, uint32_t capacity, uint32_t cap);
void share_done(struct share *s);

/* How many scopes there are from now on.  O(highest scope that ever took). */
void share_scopes(struct share *s, unsigned scopes);

bool share_has_room(const struct share *s, uint16_t scope, uint32_t units);
bool share_take(struct share *s, uint16_t scope, uint32_t units); /* false: no room, nothing was taken */
void share_give(struct share *s, uint16_t scope, uint32_t units);

/* Of what was taken before the counts were: whatever it is, it is there. */
void share_note(struct share *s, uint16_t scope, uint32_t units);

uint32_t share_of(const struct share *s, uint16_t scope);

#endif
