/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Does one profile allow nothing that another does not?  What comes from inside a scope may only narrow it (law 5). */
#ifndef SLUICE_POLICY_NARROW_H
#define SLUICE_POLICY_NARROW_H

#include <stdbool.h>

#include "policy/endpoint.h"
#include "policy/policy.h"

/* True: all that `narrow` allows, `wide` does.  Strict: entry by entry, so what only several entries of `wide` together
 * would cover is not covered.  False: *beyond is the first entry that is not; NULL is fine.  Where the settings (quic,
 * ech, budgets) are wider, or a denial of `wide` is missing, or a proxy and TCP may go where it is, *setting names it
 * and *beyond is not set. */
bool narrow_covers(const struct policy_profile *wide, const struct policy_profile *narrow, struct endpoint *beyond,
                   const char **setting);

#endif
