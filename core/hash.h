/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One keyed hash for every table whose keys a stranger may choose: HalfSipHash-1-3 (Aumasson and Bernstein).
 *
 * Without the seed nobody can prepare keys that fall into one bucket.  O(len), no allocation, any thread. */
#ifndef SLUICE_CORE_HASH_H
#define SLUICE_CORE_HASH_H

#include <stdint.h>

#include "core/bytes.h"

uint32_t hash_bytes(struct bytes in, uint32_t seed);

#endif
