/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a gate leaves with the service manager for the gate after it (ctl/systemd.h), and whether that one can go on
 * with it: scope ids and mark bits must mean the same, and it must be the same network namespace. */
#ifndef SLUICE_CTL_KEPT_H
#define SLUICE_CTL_KEPT_H

#include "core/error.h"
#include "ctl/gate.h"
#include "ctl/systemd.h"
#include "policy/policy.h"

/* In: marks, numbers and the descriptors that systemd_take gave.  Takes over what is of use: always the socket that
 * owns the rules, where it is of this network namespace; bindings, policy and ids (then gate->goes_on) if they mean the
 * same, else standard error says why not.  The rest is closed. */
void kept_take(struct gate *gate, int fds[SYSTEMD_FDS], struct policy_ids *ids);
/* The mark bits that the gate before used; 0: there was none, or it is not known. */
uint32_t kept_mask(const int fds[SYSTEMD_FDS]);
/* The policy that was in force, malloc'ed; false: none. */
bool kept_policy(const struct gate *gate, struct bytes *bundle);
/* Gives the manager what the next gate needs; once the rules are in force. */
void kept_store(struct gate *gate);
/* A number that no other network namespace has until the machine starts anew; 0: the kernel does not say. */
uint64_t kept_netns(void);
/* Nothing is to be left. */
void kept_forget(void);

#endif
