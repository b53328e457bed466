/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a client's Initial packets say: their keys, their frames, and the ClientHello that these carry.
 * RFC 9001 s5, s4; RFC 9000 s12.4, s19; RFC 9369 s3.3.
 *
 * A client's Initial is protected by keys that follow from the connection id it was first sent to, so whoever sees it
 * can read it.  What opens under no such key means nothing to a sound server either.
 *
 * quic_cipher is made once (OpenSSL allocates in it); one thread at a time uses one.  The rest is pure. */
#ifndef SLUICE_TLS_QUIC_INITIAL_H
#define SLUICE_TLS_QUIC_INITIAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/bytes.h"
#include "core/reason.h"
#include "tls/client_hello.h"
#include "tls/quic_packet.h"

#define QUIC_CRYPTO_MAX 16384 /* of all CRYPTO bytes of a connection's Initials: two hellos at most */

struct quic_cipher;

struct quic_cipher *quic_cipher_new(void); /* NULL: OpenSSL would not */
void quic_cipher_free(struct quic_cipher *c);

struct quic_keys {
    uint8_t key[16], iv[12], hp[16];
};

/* The keys of the Initials that a client (or its server) sends, from the destination id of the client's first one
 * (after a Retry: of the first one after it).  False: a version that is not known. */
bool quic_initial_keys(uint32_t version, struct bytes dcid, bool server, struct quic_keys *out);

enum quic_open {
    QUIC_OPENED,
    QUIC_OTHER_KEYS, /* not under these keys */
    QUIC_BROKEN,     /* under these, but its reserved bits are set (RFC 9000 s17.2) */
};

/* Opens an Initial.  `largest`: one more than the largest packet number opened before, 0 if none.  `plain`: at least
 * p->guarded.len bytes.  *len and *number are written when it was opened. */
enum quic_open quic_initial_open(struct quic_cipher *c, const struct quic_keys *keys, const struct quic_packet *p,
                                 uint64_t largest, uint8_t *plain, size_t *len, uint64_t *number);
/* The other way; for tests and fuzzing.  `header`: up to the packet number, which is 4 bytes long as the first byte
 * must say; the length field must fit.  Returns the packet's length, 0 if `size` is too small. */
size_t quic_initial_seal(struct quic_cipher *c, const struct quic_keys *keys, struct bytes header, uint32_t number,
                         struct bytes plain, uint8_t *out, size_t size);

/* The CRYPTO bytes of one connection's Initials, in any order.  Zero `seen` and what stands before it to begin. */
struct quic_crypto {
    uint32_t end;    /* behind the last byte that was seen */
    uint32_t ready;  /* bytes from the first on that are there without a gap */
    uint32_t judged; /* of these, what belongs to hellos that quic_crypto_hello has given */
    uint32_t hellos;
    uint64_t seen[QUIC_CRYPTO_MAX / 64]; /* a bit a byte */
    uint8_t at[QUIC_CRYPTO_MAX];
};

void quic_crypto_init(struct quic_crypto *c);

/* Reads an Initial's frames: PADDING, PING, ACK, CRYPTO, CONNECTION_CLOSE and nothing else (RFC 9000 s12.5), at least
 * one.  Reasons: QUIC_MALFORMED; QUIC_CONFLICT, bytes that were there with another value; QUIC_TOO_LONG. */
enum reason quic_initial_frames(struct bytes plain, struct quic_crypto *to);

/* Bytes of a hello are there that was not given yet. */
bool quic_crypto_pending(const struct quic_crypto *c);

/* The next whole ClientHello.  NEED_MORE: it is not whole; MALFORMED: *why says why (as client_hello_parse, or
 * QUIC_TOO_LONG), and `shown` as there. */
enum parse quic_crypto_hello(struct quic_crypto *c, struct client_hello *out, enum reason *why, char shown[256]);

#endif
