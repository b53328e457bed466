/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A policy while it is compiled.  Internal to policy/policy*.c; one thread.
 *
 * Everything in `policy` is freed by policy_free, also half built; the documents live until the end of policy_compile.
 */
#ifndef SLUICE_POLICY_POLICY_BUILD_H
#define SLUICE_POLICY_POLICY_BUILD_H

#include "core/mark.h"
#include "policy/document.h"
#include "policy/policy.h"

#define POLICY_PROFILES_MAX 4096
#define POLICY_EXTENDS_MAX  16
#define POLICY_LABEL_MAX    63 /* bytes of a scope's or profile's name: struct policy_id */

/* What struct policy does not show. */
struct policy_whole {
    struct policy policy; /* first: the two pointers are one */
    uint16_t *by_id;      /* index in policy.scope + 1 */
    size_t by_ids;
    struct policy_profile *nothing; /* of the scope "unmatched" */
};

/* Where a profile or scope was written. */
struct policy_place {
    const struct document *document;
    uint32_t key, value;
};

struct policy_resolvers {
    unsigned count;
    struct address address[POLICY_RESOLVERS_MAX];
};

struct policy_build {
    struct policy_whole *whole;
    struct document *document; /* one a source */
    unsigned documents;
    const struct policy_system *system;
    const struct policy_ids *ids;
    struct mark_layout marks;
    uint64_t taken[65536 / 64];                       /* scope ids, a bit each */
    struct policy_place *profile_place, *scope_place; /* parallel to policy.profile, policy.scope */
    struct policy_resolvers resolvers;                /* of the whole policy */
    struct error *e;
};

/* policy_profile.c: fills policy.profile from all documents. */
bool policy_build_profiles(struct policy_build *b);
/* The profile that a text names; NULL: none, and the error says so. */
const struct policy_profile *policy_build_profile_find(struct policy_build *b, const struct document *d, uint32_t node);
/* A new one, in its place among the others; NULL: the error says why. */
struct policy_profile *policy_build_profile_new(struct policy_build *b, const struct document *d, uint32_t key);
/* policy_phase.c: the phases of the profile that was added last, whose value is `profile`. */
bool policy_build_phases(struct policy_build *b, const struct document *d, uint32_t profile);
/* policy_scope.c: fills policy.scope from all documents. */
bool policy_build_scopes(struct policy_build *b);
/* policy_scope.c: a list of resolvers. */
bool policy_build_resolvers(struct policy_build *b, const struct document *d, uint32_t node,
                            struct policy_resolvers *out);
bool policy_system_resolvers(struct policy_build *b, const struct document *d, uint32_t node,
                             struct policy_resolvers *out);

/* policy_value.c */
bool policy_no_memory(struct error *e);
char *policy_copy(struct bytes text); /* NUL-terminated; NULL: no memory */
/* One of `words`; *out is its index.  An absent node (0) leaves *out. */
bool policy_choose(const struct document *d, uint32_t node, const char *what, const char *const *words, unsigned *out,
                   struct error *e);
/* A whole number, decimal or 0x…; an absent node leaves *out. */
bool policy_number(const struct document *d, uint32_t node, const char *what, uint32_t min, uint32_t max, uint32_t *out,
                   struct error *e);
/* A name for a profile or a scope. */
bool policy_label(const struct document *d, uint32_t node, const char *what, struct error *e);

#endif
