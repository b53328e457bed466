/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The first bytes of a TLS connection, client side and server side, over records.  RFC 8446 s5.1, s4.1.4.
 *
 * handshake_client looks at the client's stream from its first byte each time it has grown: records of type handshake
 * (22), version 3.0x, length 1..16384, are joined until one whole ClientHello is there; nothing of another type may
 * come between, no empty records, no bytes of another handshake message behind it in the same record.  After a
 * HelloRetryRequest one change_cipher_spec record (14 03 0x 00 01 01) may precede the second hello.  What is impossible
 * is told as soon as it shows: every prefix of a stream gives NEED_MORE or what the whole gives, at any split.
 * Pure, no allocation beyond the caller's struct, any thread.  O(stream) each call. */
#ifndef SLUICE_TLS_HANDSHAKE_H
#define SLUICE_TLS_HANDSHAKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/bytes.h"
#include "core/reason.h"
#include "tls/client_hello.h"

#define HANDSHAKE_HELLO_MAX  16384 /* of the handshake message */
#define HANDSHAKE_STREAM_MAX 24576 /* of the stream that holds it: many small records carry headers */

/* Does this first byte start a TLS record?  (22; SSLv2's 0x80… is not TLS.) */
bool handshake_is_tls(uint8_t first_byte);

struct handshake_client {
    enum parse state;   /* NEED_MORE: hold and come again with more bytes */
    enum reason reason; /* MALFORMED: why */
    size_t consumed;    /* OK: stream bytes up to the end of the hello's last record; others may follow (early data) */
    struct client_hello hello;
    char shown[256]; /* the refused name's printable form */
};

/* `stream`: all client bytes so far, in order (for the second hello: from the first byte after the first hello's).
 * `second`: a hello after a HelloRetryRequest.  `scratch`: HANDSHAKE_HELLO_MAX + 4 bytes to join fragments in. */
void handshake_client(struct bytes stream, bool second, uint8_t *scratch, struct handshake_client *out);

enum handshake_server {
    HANDSHAKE_SERVER_NEED_MORE, /* the server's first bytes do not tell yet */
    HANDSHAKE_SERVER_HELLO,     /* a ServerHello that is no retry, or a fatal alert: the first hello stands */
    HANDSHAKE_SERVER_RETRY,     /* HelloRetryRequest: a second ClientHello follows */
    HANDSHAKE_SERVER_OTHER,     /* not TLS: nothing that a TLS client goes on with */
};

/* `stream`: the server's first bytes, in order; 50 at most are needed for one that sends whole records, a warning
 * before its hello included.  Looks at record header, handshake header, version and random only. */
enum handshake_server handshake_server(struct bytes stream);

#endif
