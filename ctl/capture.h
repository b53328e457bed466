/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Recorded traffic (pcap, pcapng) as IP packets with a direction.  Link layers: Ethernet (also with VLAN tags), raw IP,
 * Linux cooked v1 and v2, BSD loopback.  A recording is hostile input like the wire. */
#ifndef SLUICE_CTL_CAPTURE_H
#define SLUICE_CTL_CAPTURE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/bytes.h"
#include "core/error.h"
#include "nfq/packet.h"

/* The IP packet inside a frame of this link type (pcap's DLT_ number); empty: none (ARP and the like). */
struct bytes capture_ip(int link_type, struct bytes frame);
bool capture_link_known(int link_type);

struct capture_flows;

/* Remembers who began each flow; at most 65,536 flows, the oldest give way. */
struct capture_flows *capture_flows_new(void);
void capture_flows_free(struct capture_flows *f);

enum capture_side { CAPTURE_CLIENT, CAPTURE_SERVER, CAPTURE_UNKNOWN };

/* Which side sent it: TCP: who sent the SYN (UNKNOWN where the recording began later); UDP: who spoke first, or whoever
 * does not use port 53. */
enum capture_side capture_side(struct capture_flows *f, const struct packet *p);

#endif
