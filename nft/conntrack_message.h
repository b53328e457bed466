/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ctnetlink messages ↔ struct conntrack_flow.  Internal to nft/. */
#ifndef SLUICE_NFT_CONNTRACK_MESSAGE_H
#define SLUICE_NFT_CONNTRACK_MESSAGE_H

#include <libmnl/libmnl.h>
#include <stdbool.h>
#include <stdint.h>

#include "nft/conntrack.h"

/* Headers of a request to ctnetlink in `buffer`. */
struct nlmsghdr *conntrack_message_begin(void *buffer, uint16_t type, uint16_t flags, int family);
/* The attributes that name this flow and no later one of the same addresses and ports. */
void conntrack_message_put(struct nlmsghdr *nlh, const struct conntrack_flow *flow);
/* False: no IPv4 or IPv6 flow. */
bool conntrack_message_parse(const struct nlmsghdr *nlh, struct conntrack_flow *out);

#endif
