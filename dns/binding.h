/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Bindings: which names a scope resolved to which address, and until when (law 2).
 *
 * A table of fixed size in shared memory (a memfd that the launcher holds), so that it survives every process.  One
 * writer thread (the inspector's worker); readers in other processes may see an entry a moment late, never half.
 * Crash-safe: an entry becomes visible only when it is whole.  No allocation, no locks.
 * Capacity BINDING_CAPACITY; at most BINDING_NAMES_MAX live names an address and scope, the one that expires first
 * gives way.  Times are CLOCK_BOOTTIME-like microseconds given by the caller. */
#ifndef SLUICE_DNS_BINDING_H
#define SLUICE_DNS_BINDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/address.h"
#include "core/error.h"
#include "core/name.h"

#define BINDING_CAPACITY          (1u << 16)
#define BINDING_NAMES_MAX         256
#define BINDING_LIFETIME_MIN_USEC (300ull * 1000000)
#define BINDING_LIFETIME_MAX_USEC (604800ull * 1000000) /* RFC 8767 s4: no TTL beyond a week */
#define BINDING_GRACE_USEC        (3600ull * 1000000)
#define BINDING_SCOPE_MAX         (BINDING_CAPACITY / 2) /* entries a scope, so that one cannot starve the others */

struct binding_table; /* the mapped memory */

/* Bytes that the memfd needs. */
size_t binding_table_size(void);
/* Maps the table in fd (of binding_table_size() bytes; all zero is an empty table).  A table whose header is not ours
 * is refused.  `write` false: read-only.  Unmap with binding_unmap. */
struct binding_table *binding_map(int fd, bool write, struct error *e);
void binding_unmap(struct binding_table *table);

/* The writer: how many scopes there are to share with. */
void binding_scopes(struct binding_table *table, unsigned scopes);

/* Binds for max(ttl, 300 s); answers accumulate: a longer lifetime wins.  False: the table, or this scope's part of it,
 * is full of live entries. */
bool binding_add(struct binding_table *table, uint16_t scope, const struct address *address, const struct name *name,
                 uint32_t ttl_sec, uint64_t now_usec);

struct binding_view {
    const char *name; /* points into the table; stays as it is while the caller's call lasts */
    uint8_t len;
    bool grace; /* past its lifetime, within its hour of grace */
};

/* The names bound to `address` in `scope`, at most `max`; returns how many.  O(names of that address). */
unsigned binding_find(const struct binding_table *table, uint16_t scope, const struct address *address,
                      uint64_t now_usec, struct binding_view *out, unsigned max);

/* True when some name was bound here but its grace is over too (for the reason BINDING_EXPIRED). */
bool binding_was(const struct binding_table *table, uint16_t scope, const struct address *address);

/* The writer: forgets a scope that is gone. */
void binding_drop_scope(struct binding_table *table, uint16_t scope);

/* Live entries, for status. */
unsigned binding_count(const struct binding_table *table, uint64_t now_usec);

#endif
