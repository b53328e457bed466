/* SPDX-License-Identifier: GPL-3.0-or-later */
/* JA4, the fingerprint of a TLS client by its ClientHello, after FoxIO's public description (BSD licence): 36
 * characters, as t13d1516h2_8daaf6152771_e5627efa2ab1.  Pure, no allocation, any thread; two SHA-256, some
 * microseconds. */
#ifndef SLUICE_TLS_JA4_H
#define SLUICE_TLS_JA4_H

#include <stdbool.h>
#include <stdint.h>

#include "core/bytes.h"

#define JA4_SIZE        37 /* with NUL */
#define JA4_TYPE_WORDS  1024
#define JA4_CIPHERS_MAX 8192 /* more do not fit a ClientHello of 16 KiB */

/* A set of extension types, a bit each. */
struct ja4_types {
    uint64_t word[JA4_TYPE_WORDS];
};

/* What the fingerprint is made of.  Borrowed for the call. */
struct ja4_input {
    uint16_t version;                  /* the highest in supported_versions that is no GREASE, else legacy_version */
    struct bytes ciphers;              /* pairs of octets, as in the hello; beyond JA4_CIPHERS_MAX they are left out */
    struct bytes signature_algorithms; /* pairs of octets, as in the hello; empty: no such extension */
    struct bytes alpn;                 /* the first protocol offered; empty: none */
    const struct ja4_types *extensions;
};

/* Is it one of RFC 8701's reserved values? */
static inline bool ja4_is_grease(uint16_t value)
{
    return (value & 0x0f0f) == 0x0a0a && value >> 8 == (value & 0xff);
}

void ja4_build(const struct ja4_input *in, char out[JA4_SIZE]);

#endif
