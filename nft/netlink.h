/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Questions to the kernel, one at a time, each answered to its end.  Internal to nft/. */
#ifndef SLUICE_NFT_NETLINK_H
#define SLUICE_NFT_NETLINK_H

#include <libmnl/libmnl.h>

#include "core/error.h"

/* A socket of this bus (NETLINK_...); NULL: `e` says why. */
struct mnl_socket *netlink_open(int bus, struct error *e);
/* Sends one request and reads to its end; 0, or the errno of it. */
int netlink_ask(struct mnl_socket *nl, const struct nlmsghdr *request, mnl_cb_t callback, void *ctx);

#endif
