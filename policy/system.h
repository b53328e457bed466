/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What resolv.conf says, as text: the pure half of policy_system_read.  No allocation, any thread. */
#ifndef SLUICE_POLICY_SYSTEM_H
#define SLUICE_POLICY_SYSTEM_H

#include "policy/policy.h"

/* Adds the nameservers, and with `search` the search domains, of one resolv.conf (resolv.conf(5)).  An address with a
 * zone (fe80::1%eth0) cannot be pinned, because the same address on another link is another machine: it is left out,
 * and *zoned says so. */
void system_resolv_conf(struct bytes text, bool search, struct policy_system *out, bool *zoned);

/* True when one of the resolvers is systemd-resolved's stub: 127.0.0.53 or 127.0.0.54. */
bool system_has_stub(const struct policy_system *system);

#endif
