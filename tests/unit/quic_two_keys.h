/* SPDX-License-Identifier: GPL-3.0-or-later */
/* For tests of QUIC: one Initial that opens under two sets of keys.
 *
 * AES-GCM commits to no key (Dodis and others, "Fast Message Franking", 2018), and Initial keys follow from ids that
 * everybody sees.  A ciphertext has a plaintext under either key; the tag is GHASH plus a key's own block, and GHASH is
 * linear in each block of ciphertext: one free block, in the filler of the hello, makes both tags one.
 *
 * Under X, the keys of a connection that is known, it is a CONNECTION_CLOSE whose reason takes the rest; under Y, those
 * of the id that it bears, a whole ClientHello.  The id is searched so that this is what X sees, then four bytes of
 * the hello's random so that both masks of header protection agree with one packet. */
#ifndef SLUICE_TESTS_UNIT_QUIC_TWO_KEYS_H
#define SLUICE_TESTS_UNIT_QUIC_TWO_KEYS_H

#include <openssl/evp.h>
#include <stdlib.h>

#include "tests/unit/quics.h"

#define TWO_KEYS_PLAIN   1154
#define TWO_KEYS_FILLER  600
#define TWO_KEYS_NUMBERS 127 /* under X; under Y it is 0 */

typedef unsigned __int128 two_keys_block;

static inline two_keys_block two_keys_load(const uint8_t *at, size_t len)
{
    two_keys_block b = 0;
    for (size_t i = 0; i < 16; i++)
        b = b << 8 | (i < len ? at[i] : 0);
    return b;
}

/* NIST SP 800-38D s6.3: the product in GF(2^128), bits from the left. */
static inline two_keys_block two_keys_mul(two_keys_block x, two_keys_block y)
{
    two_keys_block z = 0;
    for (int i = 127; i >= 0; i--) {
        if (x >> i & 1)
            z ^= y;
        y = y >> 1 ^ (y & 1 ? (two_keys_block)0xe1 << 120 : 0);
    }
    return z;
}

static inline two_keys_block two_keys_power(two_keys_block x, two_keys_block n)
{
    two_keys_block r = (two_keys_block)1 << 127;
    for (; n; n >>= 1, x = two_keys_mul(x, x))
        if (n & 1)
            r = two_keys_mul(r, x);
    return r;
}

struct two_keys_side {
    EVP_CIPHER_CTX *key, *hp;
    uint8_t iv[12];
    two_keys_block h;
};

static inline void two_keys_aes(EVP_CIPHER_CTX *ctx, const uint8_t in[16], uint8_t out[16])
{
    int len;
    if (EVP_EncryptUpdate(ctx, out, &len, in, 16) != 1 || len != 16)
        abort();
}

static inline EVP_CIPHER_CTX *two_keys_ecb(const uint8_t key[16])
{
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    if (!ctx || EVP_EncryptInit_ex(ctx, EVP_aes_128_ecb(), NULL, key, NULL) != 1)
        abort();
    EVP_CIPHER_CTX_set_padding(ctx, 0);
    return ctx;
}

static inline struct two_keys_side two_keys_side(uint32_t version, struct bytes id)
{
    struct quic_keys keys;
    uint8_t zero[16] = {0}, h[16];
    quic_initial_keys(version, id, false, &keys);
    struct two_keys_side s = {.key = two_keys_ecb(keys.key), .hp = two_keys_ecb(keys.hp)};
    memcpy(s.iv, keys.iv, sizeof s.iv);
    two_keys_aes(s.key, zero, h);
    s.h = two_keys_load(h, 16);
    return s;
}

static inline void two_keys_done(struct two_keys_side *s)
{
    EVP_CIPHER_CTX_free(s->key);
    EVP_CIPHER_CTX_free(s->hp);
}

/* The cipher's block `counter` (1: the tag's, 2 and on: the key stream) of a packet number. */
static inline void two_keys_counter(const struct two_keys_side *s, uint8_t number, uint32_t counter, uint8_t out[16])
{
    uint8_t in[16] = {0};
    memcpy(in, s->iv, 12);
    in[11] ^= number;
    for (unsigned i = 0; i < 4; i++)
        in[15 - i] = (uint8_t)(counter >> 8 * i);
    two_keys_aes(s->key, in, out);
}

static inline void two_keys_stream(const struct two_keys_side *s, uint8_t number, uint8_t out[TWO_KEYS_PLAIN])
{
    uint8_t block[16];
    for (size_t i = 0; i < TWO_KEYS_PLAIN; i++) {
        if (i % 16 == 0)
            two_keys_counter(s, number, (uint32_t)(2 + i / 16), block);
        out[i] = block[i % 16];
    }
}

/* The tag of a ciphertext; *power: of h, by which ciphertext block `at` is multiplied in it. */
static inline two_keys_block two_keys_tag(const struct two_keys_side *s, uint8_t number, const uint8_t *header,
                                          size_t header_len, const uint8_t sealed[TWO_KEYS_PLAIN], size_t at,
                                          two_keys_block *power)
{
    uint8_t head[300], block[16];
    two_keys_block y = 0;
    memcpy(head, header, header_len);
    head[header_len] = number;
    for (size_t i = 0; i < header_len + 1; i += 16)
        y = two_keys_mul(y ^ two_keys_load(head + i, header_len + 1 - i), s->h);
    for (size_t i = 0; i < TWO_KEYS_PLAIN; i += 16)
        y = two_keys_mul(y ^ two_keys_load(sealed + i, TWO_KEYS_PLAIN - i), s->h);
    y = two_keys_mul(y ^ ((two_keys_block)(header_len + 1) * 8 << 64 | TWO_KEYS_PLAIN * 8), s->h);
    two_keys_counter(s, number, 1, block);
    *power = two_keys_power(s->h, (TWO_KEYS_PLAIN + 15) / 16 - at + 1);
    return y ^ two_keys_load(block, 16);
}

/* Finds four bytes of the random such that the masks of both keys agree with one packet: `number` under X, 0 under Y.
 */
static inline bool two_keys_masks(const struct two_keys_side *x, const struct two_keys_side *y, uint8_t number,
                                  uint8_t sealed[TWO_KEYS_PLAIN], uint8_t mask[16])
{
    uint8_t other[16];
    for (uint32_t try = 0; try < 200000; try++) {
        memcpy(sealed + 11, &try, sizeof try);
        two_keys_aes(y->hp, sealed + 3, mask); /* the number takes one byte, the sample begins at the fourth */
        two_keys_aes(x->hp, sealed + 3, other);
        if (((mask[0] ^ other[0]) & 15) == 0 && (mask[1] ^ other[1]) == number)
            return true;
    }
    return false;
}

/* For the id `id` (8 bytes): the packet, or false. */
static inline bool two_keys_try(const struct two_keys_side *x, const uint8_t first[TWO_KEYS_NUMBERS][32],
                                const struct two_keys_side *y, const uint8_t *header, size_t header_len,
                                const uint8_t plain[TWO_KEYS_PLAIN], uint8_t *out)
{
    uint8_t stream[TWO_KEYS_PLAIN], sealed[TWO_KEYS_PLAIN + 16], mask[16];
    for (unsigned i = 0; i < 2; i++)
        two_keys_counter(y, 0, 2 + i, stream + 16 * (size_t)i);
    uint8_t n = 0;
    for (; n < TWO_KEYS_NUMBERS; n++) { /* CONNECTION_CLOSE, two numbers of 8 bytes */
        uint8_t a = plain[0] ^ stream[0] ^ first[n][0], b = plain[1] ^ stream[1] ^ first[n][1];
        if (a == 0x1c && b >= 0xc0 && (plain[9] ^ stream[9] ^ first[n][9]) >= 0xc0)
            break;
    }
    if (n == TWO_KEYS_NUMBERS)
        return false;
    two_keys_stream(y, 0, stream);
    for (size_t i = 0; i < TWO_KEYS_PLAIN; i++)
        sealed[i] = plain[i] ^ stream[i];
    sealed[17] = (uint8_t)(first[n][17] ^ (0x40 | (TWO_KEYS_PLAIN - 19) >> 8));
    sealed[18] = (uint8_t)(first[n][18] ^ (TWO_KEYS_PLAIN - 19));
    if (!two_keys_masks(x, y, n, sealed, mask))
        return false;
    size_t at = 16; /* a block in the filler */
    memset(sealed + 16 * at, 0, 16);
    two_keys_block of_x, of_y;
    two_keys_block differ = two_keys_tag(x, n, header, header_len, sealed, at, &of_x) ^
                            two_keys_tag(y, 0, header, header_len, sealed, at, &of_y);
    two_keys_block free_block = two_keys_mul(differ, two_keys_power(of_x ^ of_y, ~(two_keys_block)1));
    for (size_t i = 0; i < 16; i++)
        sealed[16 * at + i] = (uint8_t)(free_block >> (120 - 8 * i));
    two_keys_block tag = two_keys_tag(y, 0, header, header_len, sealed, at, &of_y);
    for (size_t i = 0; i < 16; i++)
        sealed[TWO_KEYS_PLAIN + i] = (uint8_t)(tag >> (120 - 8 * i));
    memcpy(out, header, header_len);
    out[0] ^= mask[0] & 15;
    out[header_len] = mask[1];
    memcpy(out + header_len + 1, sealed, sizeof sealed);
    return true;
}

/* An Initial of version 1 with `token` that opens under the keys of `known` (version `known_version`) and under those
 * of the id that it bears, which is written to `borne`.  Returns its length. */
static inline size_t quic_two_keys(uint32_t known_version, const char *known, const char *name, const char *token,
                                   uint8_t borne[8], uint8_t *out, size_t size)
{
    static uint8_t plain[TWO_KEYS_PLAIN], first[TWO_KEYS_NUMBERS][32], hello[TWO_KEYS_PLAIN];
    uint8_t header[256];
    struct two_keys_side x = two_keys_side(known_version, (struct bytes){(const uint8_t *)known, strlen(known)});
    struct writer frames = writer_init(plain, sizeof plain), w = writer_init(header, sizeof header);
    size_t len = quic_hello(name, TWO_KEYS_FILLER, 0, hello, sizeof hello);
    memset(plain, 0, sizeof plain);
    quic_put_crypto(&frames, 0, (struct bytes){hello, len});
    writer_u8(&w, 0xc0);
    writer_u32(&w, QUIC_VERSION_1);
    writer_u8(&w, 8);
    size_t id_at = writer_len(&w);
    writer_zero(&w, 8);
    writer_u8(&w, 0);
    writer_u8(&w, (uint8_t)strlen(token));
    writer_bytes(&w, (struct bytes){(const uint8_t *)token, strlen(token)});
    writer_u16(&w, 0x4000 | (1 + TWO_KEYS_PLAIN + 16));
    for (unsigned n = 0; n < 2 * TWO_KEYS_NUMBERS; n++)
        two_keys_counter(&x, (uint8_t)(n / 2), 2 + n % 2, first[n / 2] + 16 * (n % 2));
    bool found = size >= writer_len(&w) + 1 + TWO_KEYS_PLAIN + 16 && !w.full && !frames.full;
    for (uint32_t i = 0; found; i++) {
        memcpy(header + id_at, "evil", 4);
        memcpy(header + id_at + 4, &i, 4);
        struct two_keys_side y = two_keys_side(QUIC_VERSION_1, (struct bytes){header + id_at, 8});
        bool done = two_keys_try(&x, (const uint8_t(*)[32])first, &y, header, writer_len(&w), plain, out);
        two_keys_done(&y);
        if (done)
            break;
    }
    two_keys_done(&x);
    memcpy(borne, header + id_at, 8);
    return found ? writer_len(&w) + 1 + TWO_KEYS_PLAIN + 16 : 0;
}

#endif
