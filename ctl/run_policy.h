/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The policy of one `sluice run`: a file's profile, widened by --allow and SLUICE_ALLOW, for one scope.
 *
 * What the command line says is written as one more YAML file, so that one compiler compiles everything; an error in it
 * is told in the words of the command line ("--allow: column 3: …"). */
#ifndef SLUICE_CTL_RUN_POLICY_H
#define SLUICE_CTL_RUN_POLICY_H

#include <stdbool.h>

#include "core/error.h"
#include "policy/policy.h"

#define RUN_POLICY_ALLOW_MAX 4096

struct run_policy {
    const char *file, *profile, *phase; /* -p, --profile, --phase; NULL */
    unsigned allows, resolvers;
    struct run_policy_allow {
        const char *text;
        char origin[40]; /* "--allow", "SLUICE_ALLOW line 3" */
    } * allow;
    const char *resolver[POLICY_RESOLVERS_MAX];
    bool audit, quic_judge, ech_outer;
    char *environment; /* copy of SLUICE_ALLOW, into which `allow` points */
};

void run_policy_init(struct run_policy *r);
void run_policy_done(struct run_policy *r);
/* `text` is borrowed.  Checked at once: *e says what is wrong, and where. */
bool run_policy_allow(struct run_policy *r, const char *text, const char *origin, struct error *e);
/* Endpoints of SLUICE_ALLOW: one a line; blank lines and # comments are skipped. */
bool run_policy_environment(struct run_policy *r, const char *value, struct error *e);

/* The bundle for scope `id`, matching `cgroup` and, where it is not empty, `interface`; *policy is the same, compiled.
 * `ids` gets the scope's id. */
bool run_policy_make(const struct run_policy *r, uint16_t id, const char *cgroup, const char *interface,
                     struct policy_ids *ids, struct bytes *bundle, struct policy **policy, struct error *e);

#endif
