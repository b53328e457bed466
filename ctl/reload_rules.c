/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The rules of the policy in force: put in place, and held there while cgroups come and go. */
#include <stdio.h>
#include <string.h>

#include "core/clock.h"
#include "ctl/keeper.h"
#include "ctl/relay_ask.h"

bool reload_apply(struct keeper *k, const struct policy *policy, struct error *e)
{
    struct rules next;
    rules_watch(&k->watch, k->gate, policy); /* first: what comes between the look and the rules is told */
    if (!rules_make(k->gate, policy, &k->rules, &next, e))
        return false;
    relay_ask_retire(k, policy);
    if (!ruleset_apply(k->socket, &k->gate->kernel, &next.set, e)) {
        rules_free(&next);
        return false;
    }
    if (!k->gate->run.on) /* an earlier gate's; ours holds now */
        (void)ruleset_remove(k->socket, RULESET_TABLE_CLOSED, NULL);
    rules_free(&k->rules);
    k->rules = next;
    k->rules.set.masquerade = k->rules.masquerade;
    k->applied = true;
    if (!ruleset_generation(&k->rules_generation, NULL))
        k->rules_generation = 0;
    return true;
}

static void look_for_table(void *ctx, const char *table, uint32_t owner)
{
    struct keeper *k = ctx;
    if (strcmp(table, k->gate->table) == 0 && ruleset_owner(k->socket, owner))
        k->table_seen = true;
}

/* Told whenever the rules of this host changed and there is one; it cannot be held (SECURITY.md). */
static void look_for_flow_table(struct keeper *k)
{
    char table[RULESET_FLOW_TABLE_TEXT];
    if (!gate_forwards(k->gate, k->policy) || !ruleset_flow_table(table, NULL) || !table[0])
        return;
    attend_gate_event(k, REASON_FLOW_TABLE, VERDICT_IGNORED, 1);
    fprintf(stderr, "sluice: warning: the flow table %s takes forwarded connections past the gate\n", table);
}

/* The rules: still there?  The table is owned, so nobody else can change what is in it; but if a way is found to remove
 * it, we are back within a second.  Every change of any table moves the generation, so mostly one number is read. */
void reload_verify(struct keeper *k)
{
    struct error e = {0};
    uint32_t now;
    if (k->pending.why == KEEPER_RELOAD)
        return;
    rules_watch(&k->watch, k->gate, k->policy);
    bool stale = rules_stale(&k->rules, k->gate, k->policy), gone = false;
    if (!k->flow_tables_seen) { /* one that was there before a keeper that goes on */
        k->flow_tables_seen = true;
        look_for_flow_table(k);
    }
    if (!stale && ruleset_generation(&now, &e) && now != k->rules_generation) {
        k->table_seen = false;
        gone = ruleset_list(look_for_table, k, &e) && !k->table_seen;
        k->rules_generation = now;
        look_for_flow_table(k);
    }
    if (!stale && !gone)
        return;
    if (!reload_apply(k, k->policy, &e))
        fprintf(stderr, "sluice: keeper: cannot renew the rules: %s\n", e.text);
    else if (gone)
        attend_gate_event(k, REASON_RULES_RESTORED, VERDICT_IGNORED, 1);
}

static bool is_name_of_ours(void *ctx, const char *name)
{
    const struct keeper *k = ctx;
    return rules_name(&k->rules, name);
}

void reload_cgroups(struct keeper *k)
{
    struct error e = {0};
    if (!cgroup_watch_read(&k->watch, clock_boot_usec(), is_name_of_ours, k) || !k->applied || k->finished)
        return;
    rules_watch(&k->watch, k->gate, k->policy);
    if (rules_stale(&k->rules, k->gate, k->policy) && !reload_apply(k, k->policy, &e))
        fprintf(stderr, "sluice: keeper: cannot renew the rules: %s\n", e.text);
}
