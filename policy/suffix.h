/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The public-suffix guard: a wildcard over a suffix where anyone can register a name allows anyone.
 *
 * Asks libpsl's built-in list, its private section included: no file is read, so that the inspector, which can open
 * none, and the keeper come to the same answer.  Pure, any thread. */
#ifndef SLUICE_POLICY_SUFFIX_H
#define SLUICE_POLICY_SUFFIX_H

#include <stdbool.h>

#include "core/name.h"

enum suffix {
    SUFFIX_NONE,     /* an ordinary domain; also a top-level domain that the list does not know (internal, test) */
    SUFFIX_REGISTRY, /* com, co.uk, and zones all of whose children are suffixes (ck) */
    SUFFIX_PRIVATE,  /* github.io: a company's domain below which strangers have names */
};

enum suffix suffix_of(const struct name *zone);

#endif
