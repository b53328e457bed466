/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Connection tracking through ctnetlink (libmnl): listing, cutting, and the counts of flows that end. */
#ifndef SLUICE_NFT_CONNTRACK_H
#define SLUICE_NFT_CONNTRACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/address.h"
#include "core/error.h"
#include "core/mark.h"

struct conntrack_flow {
    struct address source, destination;     /* original direction, as the client sees them */
    uint16_t source_port, destination_port; /* of ICMP: identifier; type << 8 | code */
    uint8_t protocol;
    bool over; /* TCP: both sides have closed; the kernel remembers it a while */
    uint32_t mark;
    uint32_t id;
    uint64_t bytes_out, packets_out, bytes_in, packets_in; /* 0 without nf_conntrack_acct */
    uint16_t zone;                                         /* conntrack zone; 0 but where other rules use zones */
};

typedef void conntrack_each(void *ctx, const struct conntrack_flow *flow);

/* All flows whose mark has any bit of `mask`. */
bool conntrack_dump(uint32_t mask, conntrack_each *each, void *ctx, struct error *e);
/* The flow of these addresses, ports and protocol (original direction, zone 0), as conntrack has it now.  False: there
 * is none. */
bool conntrack_find(const struct conntrack_flow *flow, struct conntrack_flow *out, struct error *e);
/* Forgets flows: the next packet of each is a stray and is reset.  One that is gone already is no error.  Some
 * microseconds each. */
bool conntrack_cut(const struct conntrack_flow *flow, size_t count, struct error *e);

/* Forgets the flow of these addresses, ports and protocol (zone 0), if its mark has `value` in the bits of `mask`.
 */
bool conntrack_cut_marked(const struct conntrack_flow *flow, uint32_t mask, uint32_t value, struct error *e);

/* Forgets all flows whose mark has `value` in the bits of `mask`; whoever hears of ends hears of each before this
 * returns.  The kernel passes over the empty part of its table, which it does not for a list: of 262,144 rows, almost
 * all empty, 0.3 ms instead of 9. */
bool conntrack_forget(uint32_t mask, uint32_t value, struct error *e);

/* A socket (non-blocking) that gets an event for each flow that ends. */
int conntrack_events_open(struct error *e);
/* Reads what is there; calls back for each ended flow whose mark has any bit of mask.  False: events were lost
 * (ENOBUFS). */
bool conntrack_events_read(int fd, uint32_t mask, conntrack_each *each, void *ctx);

/* Destroys the local TCP sockets of flows (SOCK_DESTROY), so that their owners see a reset at once.  Best effort. */
bool conntrack_destroy_sockets(const struct conntrack_flow *flow, size_t count, struct error *e);

#endif
