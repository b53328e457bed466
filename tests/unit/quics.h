/* SPDX-License-Identifier: GPL-3.0-or-later */
/* For tests of QUIC: a client's Initial packets, sealed. */
#ifndef SLUICE_TESTS_UNIT_QUICS_H
#define SLUICE_TESTS_UNIT_QUICS_H

#include <stdint.h>
#include <string.h>

#include "tls/quic_initial.h"

static struct quic_cipher *quics_cipher;

/* Of a group of tests: makes and frees it. */
static inline int quics_begin(void **state)
{
    (void)state;
    quics_cipher = quic_cipher_new();
    return quics_cipher ? 0 : -1;
}

static inline int quics_end(void **state)
{
    (void)state;
    quic_cipher_free(quics_cipher);
    return 0;
}

/* A ClientHello (handshake message) with this name (NULL: none), `filler` bytes of an unknown extension before it, and
 * where `extra` is not 0 one more extension of that type.  Returns its length. */
static inline size_t quic_hello(const char *name, size_t filler, uint16_t extra, uint8_t *out, size_t size)
{
    struct writer w = writer_init(out, size);
    size_t name_len = name ? strlen(name) : 0;
    size_t extensions = (filler ? 4 + filler : 0) + (name ? 9 + name_len : 0) + (extra ? 4 : 0);
    size_t body = 2 + 32 + 1 + 4 + 2 + 2 + extensions;
    writer_u8(&w, 1);
    writer_u8(&w, (uint8_t)(body >> 16));
    writer_u16(&w, (uint16_t)body);
    writer_u16(&w, 0x0303);
    writer_zero(&w, 33);
    writer_u16(&w, 2);
    writer_u16(&w, 0x1301);
    writer_u16(&w, 0x0100);
    writer_u16(&w, (uint16_t)extensions);
    if (filler) {
        writer_u16(&w, 0x4a4a);
        writer_u16(&w, (uint16_t)filler);
        for (size_t i = 0; i < filler; i++)
            writer_u8(&w, (uint8_t)i);
    }
    if (name) {
        writer_u16(&w, 0);
        writer_u16(&w, (uint16_t)(5 + name_len));
        writer_u16(&w, (uint16_t)(3 + name_len));
        writer_u8(&w, 0);
        writer_u16(&w, (uint16_t)name_len);
        writer_bytes(&w, (struct bytes){(const uint8_t *)name, name_len});
    }
    if (extra) {
        writer_u16(&w, extra);
        writer_u16(&w, 0);
    }
    return writer_len(&w);
}

static inline void quic_put_crypto(struct writer *w, size_t offset, struct bytes data)
{
    writer_u8(w, 6);
    writer_u16(w, (uint16_t)(0x4000 | offset));
    writer_u16(w, (uint16_t)(0x4000 | data.len));
    writer_bytes(w, data);
}

/* What quic_seal needs to know; ids as text. */
struct quic_sender {
    uint32_t version;
    const char *key_id; /* of which the keys are made */
    const char *dcid, *scid, *token;
    uint32_t number;
    bool reserved;        /* sets a reserved bit */
    uint32_t key_version; /* of the keys; 0: the same */
};

/* An Initial with these frames; returns its length. */
static inline size_t quic_seal(struct quic_cipher *c, const struct quic_sender *s, struct bytes frames, uint8_t *out,
                               size_t size)
{
    uint8_t header[256];
    struct quic_keys keys;
    struct writer w = writer_init(header, sizeof header);
    const char *token = s->token ? s->token : "";
    writer_u8(&w, (uint8_t)((s->version == QUIC_VERSION_2 ? 0xd3 : 0xc3) | (s->reserved ? 4 : 0)));
    writer_u32(&w, s->version);
    writer_u8(&w, (uint8_t)strlen(s->dcid));
    writer_bytes(&w, (struct bytes){(const uint8_t *)s->dcid, strlen(s->dcid)});
    writer_u8(&w, (uint8_t)strlen(s->scid));
    writer_bytes(&w, (struct bytes){(const uint8_t *)s->scid, strlen(s->scid)});
    writer_u8(&w, (uint8_t)strlen(token));
    writer_bytes(&w, (struct bytes){(const uint8_t *)token, strlen(token)});
    writer_u16(&w, (uint16_t)(0x4000 | (4 + frames.len + 16)));
    quic_initial_keys(s->key_version ? s->key_version : s->version,
                      (struct bytes){(const uint8_t *)s->key_id, strlen(s->key_id)}, false, &keys);
    return quic_initial_seal(c, &keys, (struct bytes){header, writer_len(&w)}, s->number, frames, out, size);
}

#endif
