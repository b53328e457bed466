/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Bridges of container engines that no scope holds.
 *
 * A container that a job starts is known by its cgroup; by which bridge and address it sends, the gate sees some
 * milliseconds after the engine has linked it.  Until then it is of the scope that holds the bridge.  Where none does
 * and unmatched is pass, what it sends in these is let go: so that a bridge is without a scope is to be said. */
#ifndef SLUICE_CTL_ENGINE_BRIDGE_H
#define SLUICE_CTL_ENGINE_BRIDGE_H

#include <jansson.h>
#include <stdbool.h>

#include "policy/policy.h"

/* What a scope's match takes to hold them all. */
#define ENGINE_BRIDGES "interface: [docker0, \"br-*\", \"podman*\"]"

/* The first kind of bridge ("docker0", "br-*", "podman*") that engines of this host have and that neither a scope of
 * the policy that is no job's holds, nor the list `own` (interfaces, as a policy writes them; or NULL); NULL: none.  A
 * Docker that has docker0 may make br-* at any time. */
const char *engine_bridge_open(const struct policy *policy, const json_t *own);

/* Does the policy let pass what comes from any of them, whether they are here or not? */
bool engine_bridge_all_open(const struct policy *policy);

#endif
