/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Phases: what a job may reach from some point on.  A phase is a profile whose own allow list is all that is allowed,
 * and whose profile's deny list, budgets and settings hold as before. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/policy_build.h"

static bool add_phase(struct policy_build *b, const struct document *d, uint32_t key, struct policy_profile *profile)
{
    struct bytes name = document_text(d, key);
    if (!policy_label(d, key, "phase", b->e))
        return false;
    if (name.len >= POLICY_PHASE_SIZE)
        return document_wrong(d, key, 0, b->e, "a phase's name has at most %d bytes", POLICY_PHASE_SIZE - 1);
    if (d->node[d->node[key].next].kind != DOCUMENT_MAPPING)
        return document_wrong(d, key, 0, b->e, "a phase says what is allowed in it: \"%.*s: { allow: [] }\"",
                              (int)name.len, (const char *)name.at);
    struct policy_profile *p = policy_build_profile_new(b, d, key);
    if (!p)
        return false;
    size_t base = strlen(profile->name);
    p->name = malloc(base + name.len + 2);
    if (!p->name)
        return policy_no_memory(b->e);
    snprintf(p->name, base + name.len + 2, "%s/%.*s", profile->name, (int)name.len, (const char *)name.at);
    p->phase = p->name + base + 1;
    p->parent = profile;
    return true;
}

bool policy_build_phases(struct policy_build *b, const struct document *d, uint32_t profile)
{
    struct policy *policy = &b->whole->policy;
    struct policy_profile *of = policy->profile[policy->profiles - 1];
    if (d->node[profile].kind != DOCUMENT_MAPPING)
        return true; /* told when the profile is read */
    uint32_t phases = document_find(d, profile, "phases");
    if (phases && d->node[phases].kind != DOCUMENT_MAPPING)
        return document_wrong(d, phases, 0, b->e, "phases is a mapping: \"build: { allow: [] }\" lines");
    for (uint32_t key = phases ? d->node[phases].child : 0; key; key = d->node[d->node[key].next].next) {
        if (!add_phase(b, d, key, of))
            return false;
    }
    return true;
}

const struct policy_profile *policy_profile_only(const struct policy *policy)
{
    const struct policy_profile *only = NULL;
    unsigned count = 0;
    for (unsigned i = 0; i < policy->profiles; i++) {
        only = policy->profile[i]->phase ? only : policy->profile[i];
        count += !policy->profile[i]->phase;
    }
    return count == 1 ? only : NULL;
}

const struct policy_profile *policy_phase_find(const struct policy *policy, const struct policy_profile *profile,
                                               const char *phase)
{
    for (const struct policy_profile *of = profile; of; of = of->parent) {
        for (unsigned i = 0; i < policy->profiles; i++) {
            const struct policy_profile *p = policy->profile[i];
            if (p->phase && p->parent == of && strcmp(p->phase, phase) == 0)
                return p;
        }
    }
    return NULL;
}

struct policy_profile policy_profile_in_phase(const struct policy_profile *base, const struct policy_profile *phase)
{
    struct policy_profile p = *base;
    p.name = phase->name;
    p.phase = phase->phase;
    p.parent = base;
    p.allow_parent = NULL;
    p.allow = phase->allow;
    p.deny = phase->deny;
    return p;
}
