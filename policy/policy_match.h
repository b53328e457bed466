/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One line of a scope's `match`, or of an option that says the same: pure, no allocation, any thread. */
#ifndef SLUICE_POLICY_POLICY_MATCH_H
#define SLUICE_POLICY_POLICY_MATCH_H

#include "policy/policy.h"

/* Is `text` a line of that kind?  If not, *e says what to write instead, *at (bytes into the text) where.
 * `source`: set for POLICY_SOURCE. */
bool policy_match_parse(enum policy_match kind, struct bytes text, struct address_range *source, size_t *at,
                        struct error *e);

#endif
