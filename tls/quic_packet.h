/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The QUIC packets of a datagram, as far as they can be read without keys.  RFC 8999, RFC 9000 s17, RFC 9369 s3.
 *
 * Versions 1 and 2 only; version 2 permutes the types of version 1.  Pure, no allocation, any thread. */
#ifndef SLUICE_TLS_QUIC_PACKET_H
#define SLUICE_TLS_QUIC_PACKET_H

#include <stdbool.h>
#include <stdint.h>

#include "core/bytes.h"

#define QUIC_VERSION_1 1u
#define QUIC_VERSION_2 0x6b3343cfu
#define QUIC_ID_MAX    20 /* of a connection id in these versions */

enum quic_kind {
    QUIC_MALFORMED,
    QUIC_SHORT,   /* takes the rest of its datagram */
    QUIC_PADDING, /* zeros to the datagram's end */
    QUIC_INITIAL,
    QUIC_ZERO_RTT,
    QUIC_HANDSHAKE,
    QUIC_RETRY,         /* a server's */
    QUIC_OTHER_VERSION, /* of it nothing but version and ids is known; version negotiation (0) among them */
};

/* Borrowed from the datagram. */
struct quic_packet {
    enum quic_kind kind;
    uint32_t version;
    struct bytes dcid, scid; /* SHORT: empty, its length is not written in it */
    struct bytes token;      /* INITIAL */
    struct bytes whole;      /* the packet from its first byte */
    struct bytes guarded;    /* INITIAL, ZERO_RTT, HANDSHAKE: packet number and payload under protection, its end */
};

/* Reads the packet at the cursor, which must not be at its end, and moves behind it.  A length beyond the datagram is
 * MALFORMED.  The fixed bit may be clear (RFC 9287). */
enum quic_kind quic_packet_read(struct reader *datagram, struct quic_packet *out);

/* A variable-length integer (RFC 9000 s16). */
uint64_t quic_varint(struct reader *r);

/* Does a long header begin here?  RFC 8999 s5.1. */
bool quic_is_long(struct bytes datagram);

#endif
