/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A set of endpoints that answers: which entries cover this name, which cover this address?
 *
 * Names and ranges lie packed in one arena; an open-addressed table of 32-bit offsets finds them; what entries have in
 * common (scheme, ports, @range, types) is kept once, as a shape.  A name costs its text and about 21 bytes more.
 * A look-up of a name probes the table once for the name and once for each zone above it that some wildcard is written
 * for: O(labels), whatever the number of entries.  A look-up of an address probes once for each prefix length in use.
 *
 * Built by one thread (matcher_add), then immutable after matcher_finish: any number of threads may ask.
 * At most 2^31 - 1 entries, MATCHER_CHAIN_MAX of one name or range. */
#ifndef SLUICE_POLICY_MATCHER_H
#define SLUICE_POLICY_MATCHER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/address.h"
#include "core/error.h"
#include "core/name.h"
#include "policy/endpoint.h"

#define MATCHER_CHAIN_MAX 4096
#define MATCHER_LABELS    127 /* in 253 bytes */

struct matcher;

/* An endpoint without its name or range. */
struct matcher_shape {
    uint8_t scheme, host; /* enum endpoint_scheme, enum endpoint_host */
    uint8_t has_at, types;
    uint16_t port_low, port_high;
    uint16_t type[ENDPOINT_TYPES_MAX];
    struct address_range at;
};

struct matcher *matcher_new(size_t expected); /* NULL: no memory */
void matcher_free(struct matcher *m);         /* NULL is fine */
/* False: no memory, or one name's chain is full.  The same endpoint twice is kept once. */
bool matcher_add(struct matcher *m, const struct endpoint *endpoint, struct error *e);
void matcher_finish(struct matcher *m); /* gives back what was reserved for growth */

size_t matcher_count(const struct matcher *m);
size_t matcher_memory(const struct matcher *m); /* bytes */

/* A name, prepared once for any number of look-ups; borrows the text. */
struct matcher_name {
    const char *text;
    uint8_t len, labels;
    uint8_t start[MATCHER_LABELS]; /* of each label, from the left */
    uint32_t hash[MATCHER_LABELS]; /* of the name from that label on */
};

/* `text`: canonical, 1..253 bytes. */
void matcher_name_init(struct matcher_name *n, struct bytes text);

struct matcher_hit {
    const struct matcher *matcher;
    const struct matcher_shape *shape;
    uint32_t entry;
};

struct matcher_cursor {
    const struct matcher *matcher;
    const struct matcher_name *name;
    struct address address;
    unsigned step; /* label, or prefix length */
    uint32_t entry;
};

/* Entries whose name or wildcard covers the name: exact first, then the nearest zone's. */
struct matcher_cursor matcher_find_name(const struct matcher *m, const struct matcher_name *name);
/* Entries whose range holds the address, the longest prefix first: address entries (shape->host is ENDPOINT_ADDRESS)
 * and names that may stand for it by @range (for tls, http and ws one for each shape, not every name). */
struct matcher_cursor matcher_find_address(const struct matcher *m, const struct address *address);
bool matcher_next(struct matcher_cursor *c, struct matcher_hit *hit);

/* The entry as it was added. */
void matcher_endpoint(const struct matcher_hit *hit, struct endpoint *out);

/* Every entry in the order it was added: begin with *next 0; false at the end. */
bool matcher_each(const struct matcher *m, size_t *next, struct matcher_hit *hit);

#endif
