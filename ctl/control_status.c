/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdatomic.h>
#include <unistd.h>

#include "core/clock.h"
#include "ctl/control.h"
#include "ctl/keeper.h"
#include "ctl/role.h"

static json_t *describe_scopes(const struct keeper *k)
{
    json_t *scopes = json_array();
    for (unsigned i = 0; i < k->policy->scopes; i++) {
        const struct policy_scope *scope = &k->policy->scope[i];
        json_t *cgroups = json_array();
        for (unsigned m = 0; m < scope->matches; m++)
            if (scope->match[m].kind == POLICY_CGROUP)
                json_array_append_new(cgroups, json_string(scope->match[m].text));
        json_array_append_new(scopes, json_pack("{s:s, s:i, s:s, s:s, s:o}", "name", scope->name, "id", (int)scope->id,
                                                "profile", scope->profile ? scope->profile->name : "", "mode",
                                                scope->mode == POLICY_AUDIT || k->gate->audit ? "audit" : "enforce",
                                                "cgroups", cgroups));
    }
    return scopes;
}

json_t *control_status(const struct keeper *k)
{
    static const char *const role[ROLE_COUNT] = {"launcher", "standby", "keeper", "inspector", "relay"};
    json_t *pids = json_object();
    for (unsigned i = 0; i < ROLE_COUNT; i++)
        json_object_set_new(pids, role[i],
                            json_integer(i == ROLE_KEEPER ? getpid() : role_holder(k->gate->lock_fd, i)));
    const struct channel_counts *c = &k->counts;
    json_t *counts = json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "allowed", (json_int_t)k->allowed,
                               "refused", (json_int_t)k->refused, "packets", (json_int_t)c->judge.packets,
                               "packets_dropped", (json_int_t)c->judge.dropped, "flows_undecided",
                               (json_int_t)c->judge.flows, "flows_open", (json_int_t)flows_count(k->flows), "bindings",
                               (json_int_t)binding_count(k->bindings, clock_boot_usec()), "overruns",
                               (json_int_t)c->overruns, "events_lost", (json_int_t)c->events_lost);
    json_object_set_new(counts, "packets_lost", json_integer((json_int_t)k->pressure.overruns));
    json_object_set_new(counts, "conntrack_refused", json_integer((json_int_t)k->pressure.conntrack_full));
    json_object_set_new(counts, "conntrack_entries", json_integer((json_int_t)k->pressure.connections));
    json_object_set_new(counts, "conntrack_max", json_integer((json_int_t)k->pressure.connections_max));
    json_object_set_new(counts, reason_name(REASON_FORGED_SOURCE),
                        json_integer((json_int_t)k->pressure.dropped[RULESET_FORGED]));
    json_object_set_new(counts, reason_name(REASON_UNPROVEN),
                        json_integer((json_int_t)k->pressure.dropped[RULESET_UNPROVEN]));
    json_object_set_new(counts, reason_name(REASON_NEIGHBOUR_ROUTED),
                        json_integer((json_int_t)k->pressure.dropped[RULESET_NEIGHBOUR]));
    json_object_set_new(counts, reason_name(REASON_ERROR_UNSENT),
                        json_integer((json_int_t)k->pressure.dropped[RULESET_ERROR]));
    for (unsigned i = 0; i < REASON_LIMITS; i++)
        json_object_set_new(counts, reason_name((enum reason)(REASON_LIMIT_FIRST + i)),
                            json_integer((json_int_t)c->judge.limits[i]));
    return json_pack("{s:i, s:b, s:b, s:s, s:s, s:s, s:o, s:o, s:o, s:i, s:i, s:i, s:s}", "version", CONTROL_VERSION,
                     "ok", 1, "holds", (int)(k->applied || atomic_load(&k->shared->ready)), "release", SLUICE_VERSION,
                     "table", k->gate->table, "policy", k->policy_file ? k->policy_file : "", "processes", pids,
                     "scopes", describe_scopes(k), "counts", counts, "generation", (int)k->generation, "reloads",
                     (int)k->reloads, "cgroups_awaited", (int)k->rules.missing, "reload_error", k->reload_error);
}
