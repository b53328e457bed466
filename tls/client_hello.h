/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The ClientHello, read strictly (RFC 8446 s4.1.2, RFC 6066 s3).  Pure, no allocation, any thread; about 30 KiB of
 * stack.  Extensions that decide nothing here are not looked into. */
#ifndef SLUICE_TLS_CLIENT_HELLO_H
#define SLUICE_TLS_CLIENT_HELLO_H

#include <stdbool.h>
#include <stdint.h>

#include "core/bytes.h"
#include "core/name.h"
#include "core/reason.h"

struct client_hello {
    bool has_name;
    struct name server_name;
    bool ech;        /* extension 0xfe0d (RFC 9849), of which GREASE is one too */
    bool ech_draft;  /* a draft of it (0xfe08.., ESNI's 0xffce), or 0xfd00 (outer extensions) */
    bool early_data; /* extension 42 */
    char alpn[32];   /* the first protocol offered, printable form; "" none */
    char ja4[37];    /* JA4 fingerprint */
};

/* `body` is the whole handshake message body (after type and length).  REASON_NONE and *out whole, or the reason:
 * TLS_MALFORMED (any length that does not fit, bytes left over, an extension twice, a server_name extension with other
 * than exactly one host_name), TLS_NAME_FORM.  When the name's form is refused, `shown` holds its printable form. */
enum reason client_hello_parse(struct bytes body, struct client_hello *out, char shown[256]);

#endif
