/* SPDX-License-Identifier: GPL-3.0-or-later */
/* IP packets: strict reading, and building of what we send in their place.
 *
 * Pure, no allocation, any thread.  A packet that leaves is always a copy of ours: hop limit set, IP options refused,
 * checksums complete (DESIGN law 1). */
#ifndef SLUICE_NFQ_PACKET_H
#define SLUICE_NFQ_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/address.h"
#include "core/bytes.h"
#include "core/reason.h"

#define PACKET_MAX       65575  /* an IPv6 GSO packet: 40 + 65535 */
#define PACKET_MSS_MAX   0x4000 /* of the MSS that we let peers agree on */
#define PACKET_HOP_LIMIT 64     /* of what we send on: decoys do not die on the way */

enum { TCP_FIN = 1, TCP_SYN = 2, TCP_RST = 4, TCP_PSH = 8, TCP_ACK = 16, TCP_URG = 32, TCP_ECE = 64, TCP_CWR = 128 };

struct packet {
    struct bytes whole; /* the IP packet, cut to its own length field */
    uint8_t version;    /* 4 or 6 */
    uint8_t protocol;   /* 6, 17, 1, 58, … */
    struct address source, destination;
    uint16_t source_port, destination_port; /* TCP, UDP */
    size_t transport_at;                    /* offset of the transport header */
    struct bytes payload;                   /* of TCP or UDP */
    /* TCP */
    uint32_t sequence, acknowledgment;
    uint8_t flags;
    uint16_t window;
    struct bytes options;
};

/* Reads an IPv4 or IPv6 packet.  REASON_NONE: *out is whole and the packet is TCP, UDP or another protocol directly
 * behind the IP header.  REASON_IP_FORM: a fragment, IPv4 options, an IPv6 extension header, lengths that do not agree.
 * Even then version, addresses and protocol are filled as far as they were read (version 0: nothing was), and `whole`
 * where the packet is as long as its length field says.
 * REASON_TCP_SEQUENCE: TCP flags that no sound sender sets together, or a wrong TCP or UDP checksum (a receiver would
 * drop it, so it means nothing); *out is then whole, too.
 * check_sum: verify the IPv4, TCP or UDP checksum too (false where it is not finished yet: NFQA_SKB_CSUMNOTREADY, or
 * GSO).  O(len) with check_sum, else O(1). */
enum reason packet_parse(struct bytes ip, bool check_sum, struct packet *out);

/* TCP options of a packet about to leave: 34 (fast open), 30 (multipath), the experimental form of both (253/254) and
 * all others but MSS, window scale, SACK and timestamps become NOPs, what follows an end-of-options becomes zeros;
 * REASON_TCP_OPTION for 19 (MD5), 29 (AO) or malformed ones.  Works on a copy's transport header: `options` holds `len`
 * bytes, and is worthless when the options are refused. */
enum reason packet_clean_options(uint8_t *options, size_t len);

/* Copies `p` into out with the given TCP/UDP payload in place of its own: IP length, hop limit PACKET_HOP_LIMIT, IP and
 * transport checksums made anew.  Fields that mean nothing to a sound receiver are words to another, so they are
 * cleared: DSCP, the IPv4 reserved flag, TCP's reserved bits, acknowledgment without ACK, urgent pointer without URG;
 * and ECN but for TCP.  IPv4 identification and DF, and the IPv6 flow label (which may choose the path) stay.
 * `trim_options`: apply packet_clean_options.  `p` as packet_parse left it without IP_FORM; out must not overlap it.
 * Returns the length; 0: neither TCP nor UDP (*why REASON_PROTOCOL), does not fit (REASON_IP_FORM), or the options are
 * refused (REASON_TCP_OPTION).  `why` may be NULL. */
size_t packet_rebuild(const struct packet *p, struct bytes payload, bool trim_options, uint8_t *out, size_t size,
                      enum reason *why);

/* An answer to `p` from the place it was sent to: UDP with this payload.  0: `p` is not UDP, or it does not fit. */
size_t packet_build_udp_answer(const struct packet *p, struct bytes payload, uint8_t *out, size_t size);
/* ICMP or ICMPv6, and neither a query nor what answers one.  Works on what packet_parse refused too. */
bool packet_is_icmp_error(const struct packet *p);
/* ICMP destination unreachable, or its ICMPv6 form, from the place `p` was sent to: port unreachable for UDP, protocol
 * unreachable (v6: administratively prohibited) for others.  Quotes as much of `p` as fits 576 bytes in all, or 1280
 * for IPv6 (RFC 1812 s4.3.2.3, RFC 4443 s2.4).  Works on what packet_parse refused too, if `whole` was filled.
 * 0: none may be sent (RFC 1122 s3.2.2, RFC 4443 s2.4): about an ICMP error or redirect, to or from a multicast,
 * broadcast (255.255.255.255) or unspecified address, about a fragment but the first. */
size_t packet_build_icmp_error(const struct packet *p, uint8_t *out, size_t size);
/* The ICMP error `p` with what its receiver needs and nothing else: the header that it quotes, cleared of what could be
 * words, and 8 bytes behind it; the size of "too big", the pointer of a parameter problem.  0: no error that a sound
 * host sends (a redirect, a short quotation, one with options). */
size_t packet_rebuild_icmp_error(const struct packet *p, uint8_t *out, size_t size);
/* A TCP reset towards p's sender, as its receiver would send it (RFC 9293 s3.5.2, s3.10.7.1).  0: `p` is not TCP, or
 * is a reset itself. */
size_t packet_build_reset(const struct packet *p, uint8_t *out, size_t size);
/* A TCP reset towards p's receiver, as its sender would send it: what a cut flow's server gets.  Sequence `sequence`.
 */
size_t packet_build_reset_onward(const struct packet *p, uint32_t sequence, uint8_t *out, size_t size);

/* The same, but nothing except addresses, ports and `sequence`: what `p` said is refused, so no number of it is
 * repeated. `back`: towards p's sender. */
size_t packet_build_reset_bare(const struct packet *p, bool back, uint32_t sequence, uint8_t *out, size_t size);

/* The timestamps option's value, and what it echoes (RFC 7323 s3); false: there is none. */
bool packet_timestamp(const struct packet *p, uint32_t *value, uint32_t *echo);
/* A bare acknowledgment towards p's sender, as its receiver would send it: `acknowledgment`, `window` (scaled as on the
 * wire), and where `timestamp` is not NULL the timestamps option with it (or with what p echoes, if that is later: its
 * sender takes nothing older, RFC 7323 s5), echoing p's. */
size_t packet_build_acknowledgment(const struct packet *p, uint32_t acknowledgment, uint16_t window,
                                   const uint32_t *timestamp, uint8_t *out, size_t size);

/* The same with one byte that p's sender has had already, which it acknowledges at once (RFC 9293 s3.10.7.4). */
size_t packet_build_poke(const struct packet *p, uint32_t acknowledgment, uint16_t window, const uint32_t *timestamp,
                         uint8_t *out, size_t size);

/* Sequence arithmetic modulo 2^32 (RFC 9293 s3.4): a - b as signed. */
static inline int32_t packet_sequence_diff(uint32_t a, uint32_t b)
{
    return (int32_t)(a - b);
}

#endif
