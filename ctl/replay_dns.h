/* SPDX-License-Identifier: GPL-3.0-or-later */
/* DNS over TCP in a recording: what the relay does live, each message becomes a datagram for the judge. */
#ifndef SLUICE_CTL_REPLAY_DNS_H
#define SLUICE_CTL_REPLAY_DNS_H

#include "core/bytes.h"
#include "ctl/capture.h"
#include "nfq/packet.h"

struct replay_dns;

/* `datagram` gets each message as an IP packet of UDP between the same ends. */
struct replay_dns *replay_dns_new(void (*datagram)(void *ctx, struct bytes ip, enum capture_side side), void *ctx);
void replay_dns_free(struct replay_dns *d);

/* A TCP packet from or to port 53.  At most 256 connections at a time; the oldest give way. */
void replay_dns_packet(struct replay_dns *d, const struct packet *p, enum capture_side side);

#endif
