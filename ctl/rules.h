/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From a compiled policy to the rules that bring its scopes' packets to the queues.  Keeper only. */
#ifndef SLUICE_CTL_RULES_H
#define SLUICE_CTL_RULES_H

#include <stdbool.h>

#include "core/bytes.h"
#include "core/error.h"
#include "ctl/gate.h"
#include "nft/cgroup_watch.h"
#include "nft/ruleset.h"
#include "policy/policy.h"

#define RULES_RUN_SCOPE "run" /* the scope of `sluice run`; the policy file's own scopes are not its business */

#define RULES_GONE_MAX 8 /* of one path, the last ones */

struct rules {
    struct ruleset set; /* points into what follows; table and policy are borrowed */
    struct ruleset_scope *scope;
    struct ruleset_cgroup *cgroup;
    struct rules_line *line; /* of each cgroup */
    const char **interface;
    struct address_range *source;
    struct address_range masquerade[2];
    struct bytes *part; /* of the cgroups' paths, sorted: borrowed from the policy */
    size_t parts;
    unsigned cgroups;
    unsigned missing; /* cgroups that do not exist yet: nothing matches them until they do */
};

/* Resolves cgroups to their ids as they are now.  Those that had the same paths in the rules `before` (NULL: none) and
 * are removed stay among them: a socket outlives its cgroup, and may still have something to send. */
bool rules_make(const struct gate *gate, const struct policy *policy, const struct rules *before, struct rules *out,
                struct error *e);
void rules_free(struct rules *r);
/* Would the same policy give other rules now: did a cgroup appear, go, or come anew under another id? */
bool rules_stale(const struct rules *r, const struct gate *gate, const struct policy *policy);
/* Watches where the policy's cgroups are, or would be. */
void rules_watch(struct cgroup_watch *watch, const struct gate *gate, const struct policy *policy);
/* Is `name` a part of a path among the cgroups that the rules were made for, those that are not there yet too? */
bool rules_name(const struct rules *r, const char *name);
/* Scopes that this gate holds: of a run only its own. */
bool rules_holds(const struct gate *gate, const struct policy_scope *scope);

#endif
