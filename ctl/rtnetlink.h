/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The few things that a network namespace of a job's own needs of rtnetlink (libmnl).  A socket speaks to the network
 * namespace in which it was opened.  One thread. */
#ifndef SLUICE_CTL_RTNETLINK_H
#define SLUICE_CTL_RTNETLINK_H

#include <stdbool.h>
#include <stdint.h>

#include "core/address.h"
#include "core/error.h"

struct mnl_socket;

/* NULL: failed.  Close with mnl_socket_close. */
struct mnl_socket *rtnetlink_open(struct error *e);

/* One end of a veth pair. */
struct rtnetlink_end {
    char name[16];
    uint8_t mac[6];
};

/* Makes the pair: `outer` here, `inner` in the network namespace that `netns_fd` names. */
bool rtnetlink_veth(struct mnl_socket *s, const struct rtnetlink_end *outer, const struct rtnetlink_end *inner,
                    int netns_fd, uint32_t mtu, struct error *e);
bool rtnetlink_delete(struct mnl_socket *s, const char *name, struct error *e);
/* The link's index; 0: there is none. */
unsigned rtnetlink_index(struct mnl_socket *s, const char *name, uint32_t *mtu);
/* `quiet`: without ARP and neighbour discovery (IFF_NOARP), and so without the group reports that go with it. */
bool rtnetlink_up(struct mnl_socket *s, unsigned index, bool quiet, struct error *e);
/* Without duplicate address detection: both ends are ours. */
bool rtnetlink_address(struct mnl_socket *s, unsigned index, const struct address *address, uint8_t prefix_bits,
                       struct error *e);
bool rtnetlink_default_route(struct mnl_socket *s, unsigned index, const struct address *gateway, struct error *e);
/* A permanent neighbour: no ARP, no neighbour discovery needs to pass. */
bool rtnetlink_neighbour(struct mnl_socket *s, unsigned index, const struct address *address, const uint8_t mac[6],
                         struct error *e);

/* A route of the main table.  prefix_bits 0: the default route; interface 0: none. */
struct rtnetlink_route {
    struct address_range to;
    unsigned interface;
};
/* All unicast routes of a family (4 or 6). */
bool rtnetlink_routes(struct mnl_socket *s, uint8_t family,
                      void (*each)(void *ctx, const struct rtnetlink_route *route), void *ctx, struct error *e);

/* A link of this network namespace.  Its other end (a veth's) may lie in another: then `peer` is the index there, and
 * `peer_namespace` what rtnetlink_namespace says of that namespace; -1: in this one, or none. */
struct rtnetlink_link {
    unsigned index, master, peer;
    int32_t peer_namespace;
    char name[16];
};
bool rtnetlink_links(struct mnl_socket *s, void (*each)(void *ctx, const struct rtnetlink_link *link), void *ctx,
                     struct error *e);
/* The number by which this network namespace knows another; -1: no link leads there. */
int32_t rtnetlink_namespace(struct mnl_socket *s, int netns_fd);

struct rtnetlink_own_address {
    unsigned interface;
    bool global; /* not of the link alone */
    struct address address;
};
/* The addresses in the namespace of that number. */
bool rtnetlink_addresses(struct mnl_socket *s, int32_t number,
                         void (*each)(void *ctx, const struct rtnetlink_own_address *address), void *ctx,
                         struct error *e);

#endif
