/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What an entry under deny refuses, and decisions by an entry.  Internal to policy/decide.  Pure, any thread.
 *
 * A deny entry wins over allow at every level of `extends`.  It denies
 *     name, *.name, **.name (no scheme, https://)   that name altogether: its questions, every port, every scheme
 *     tls://name:8443, http://, tcp://, udp://      that scheme on those ports
 *     (http:// denies what ws:// allows, too; proxy:// the proxy, not what is asked of others)
 *     dns://name                                    its questions; with ?types= those types
 *     an address or range without ports, no scheme  that address altogether, UDP too
 *     an address with scheme or ports               that protocol on those ports */
#ifndef SLUICE_POLICY_DECIDE_RULE_H
#define SLUICE_POLICY_DECIDE_RULE_H

#include "policy/decide.h"
#include "policy/matcher.h"
#include "policy/policy.h"

/* Is the name denied for this scheme on all ports low..high?  *rule is the entry. */
bool rule_denies_name(const struct policy_scope *scope, const struct matcher_name *name, unsigned scheme, uint16_t low,
                      uint16_t high, struct matcher_hit *rule);

/* Is the address denied for ENDPOINT_TCP or ENDPOINT_UDP on this port? */
bool rule_denies_address(const struct policy_scope *scope, const struct address *address, unsigned scheme,
                         uint16_t port, struct matcher_hit *rule);

/* Does an entry like this, under deny, refuse a name that scheme on all ports low..high, yet not the name altogether?
 */
bool rule_denies_only_ports(const struct matcher_shape *denied, unsigned scheme, uint16_t low, uint16_t high);

/* Are the name's questions of this type denied, whatever its other entries say? */
bool rule_denies_question(const struct policy_scope *scope, const struct matcher_name *name, uint16_t type,
                          struct matcher_hit *rule);

/* What this entry decides; and a refusal for want of one. */
struct decision rule_decides(enum decide_path path, enum reason reason, const struct matcher_hit *rule);
struct decision rule_none(enum reason reason, bool offer);

bool rule_has_type(const struct matcher_shape *shape, uint16_t type);

#endif
