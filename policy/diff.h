/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a new policy says differently: for a person who is about to apply it.  Pure; reads both policies, keeps nothing.
 * Order of rows: the policy as a whole, scopes in file order, profiles by entry.  Memory: a copy of each entry's text
 * while a profile is compared. */
#ifndef SLUICE_POLICY_DIFF_H
#define SLUICE_POLICY_DIFF_H

#include "core/error.h"
#include "policy/policy.h"

struct diff_row {
    char sign;        /* '+' is new, '-' is gone, '~' is another value */
    const char *what; /* "scope", "profile", "policy" */
    const char *name; /* of the scope or profile, or "" */
    const char *key;  /* "allow", "mode", ...; "" for the scope or profile itself */
    const char *text; /* the entry, or "old -> new" */
};

/* Calls `each` for every difference; the row lives as long as the call.  False: no memory. */
bool policy_diff(const struct policy *before, const struct policy *after,
                 void (*each)(void *ctx, const struct diff_row *row), void *ctx, struct error *e);

#endif
