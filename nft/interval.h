/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Ranges that overlap, of which the first in order wins, as the disjoint intervals that a set of the kernel holds.
 *
 * A key is up to 16 bytes, compared as one big-endian number: an address, or an interface's name.  Pure; any thread.
 * Internal to nft/. */
#ifndef SLUICE_NFT_INTERVAL_H
#define SLUICE_NFT_INTERVAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "nft/set.h"

#define INTERVAL_KEY_MAX 16

/* All keys whose first `bits` bits are those of `key` (what follows them there does not matter). */
struct interval_prefix {
    uint8_t key[INTERVAL_KEY_MAX];
    unsigned bits;
    uint16_t scope;
};

/* Adds to `out` the intervals (keys of key_len bytes), sorted; each key belongs to the first of `prefix` that holds it.
 * O(n log n).  False without memory. */
bool interval_add(struct set *out, const struct interval_prefix *prefix, size_t count, size_t key_len);

#endif
