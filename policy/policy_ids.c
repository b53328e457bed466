/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which id a scope has, and in which phase it is, from one policy to the next. */
#include <stdio.h>
#include <string.h>

#include "policy/policy.h"

static struct policy_id *ids_find(struct policy_ids *ids, const char *name)
{
    for (unsigned i = 0; i < ids->count; i++)
        if (strcmp(ids->row[i].name, name) == 0)
            return &ids->row[i];
    return NULL;
}

/* Makes room for one more, in the list and among the ids: names that no scope has go. */
static bool ids_room(struct policy_ids *ids, const struct policy *policy)
{
    unsigned kept = 0, most = ids->last >= ids->first ? ids->last - ids->first + 1u : 0;
    most = most < POLICY_SCOPES_MAX ? most : POLICY_SCOPES_MAX;
    if (ids->count < most)
        return true;
    for (unsigned n = 0; n < ids->count; n++)
        if (policy_scope_named(policy, ids->row[n].name))
            ids->row[kept++] = ids->row[n];
    ids->count = kept;
    return kept < most;
}

static struct policy_id *ids_add(struct policy_ids *ids, const char *name, uint16_t id)
{
    struct policy_id *row = &ids->row[ids->count++];
    memset(row, 0, sizeof *row);
    snprintf(row->name, sizeof row->name, "%s", name);
    row->id = id;
    return row;
}

void policy_ids_remember(struct policy_ids *ids, const struct policy *policy)
{
    for (unsigned i = 0; i < policy->scopes; i++) {
        const struct policy_scope *scope = &policy->scope[i];
        struct policy_id *known = i < ids->count ? &ids->row[i] : NULL; /* mostly in the policy's order */
        if (!known || strcmp(known->name, scope->name) != 0)
            known = ids_find(ids, scope->name);
        if (known) {
            known->id = scope->id;
            continue;
        }
        if (ids_room(ids, policy) && strlen(scope->name) < sizeof ids->row[0].name)
            ids_add(ids, scope->name, scope->id);
    }
}

bool policy_ids_set_phase(struct policy_ids *ids, const struct policy *policy, const char *scope, const char *phase,
                          struct error *e)
{
    struct policy_id *row = ids_find(ids, scope);
    if (!row && !ids_room(ids, policy))
        return error_set(e, ERROR_LIMIT, 0, "more than %d scopes", POLICY_SCOPES_MAX);
    if (!row)
        row = ids_add(ids, scope, 0);
    snprintf(row->phase, sizeof row->phase, "%s", phase);
    return true;
}
