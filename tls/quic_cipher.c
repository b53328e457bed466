/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The protection of Initial packets (RFC 9001 s5, RFC 9369 s3.3): keys by HKDF, AES-128-GCM, header protection. */
#define OPENSSL_SUPPRESS_DEPRECATED /* SHA256_*: on the stack, without a context to allocate */
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>

#include "tls/quic_initial.h"

enum { TAG = 16, SAMPLE = 16, NUMBER_MAX = 4, BLOCK = 64, SALT = 20 };

/* Nothing here may read a file: the inspector's seccomp filter kills it for that.  So the library context is our own,
 * and OpenSSL is told first that there is no configuration to load at the first use of a cipher. */
struct quic_cipher {
    OSSL_LIB_CTX *library;
    EVP_CIPHER *gcm, *ecb;
    EVP_CIPHER_CTX *ctx;
};

void quic_cipher_free(struct quic_cipher *c)
{
    if (!c)
        return;
    EVP_CIPHER_CTX_free(c->ctx);
    EVP_CIPHER_free(c->gcm);
    EVP_CIPHER_free(c->ecb);
    OSSL_LIB_CTX_free(c->library);
    free(c);
}

struct quic_cipher *quic_cipher_new(void)
{
    struct quic_cipher *c = calloc(1, sizeof *c);
    if (!c || OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL) != 1) {
        free(c);
        return NULL;
    }
    c->library = OSSL_LIB_CTX_new();
    c->ctx = EVP_CIPHER_CTX_new();
    if (c->library) {
        c->gcm = EVP_CIPHER_fetch(c->library, "AES-128-GCM", NULL);
        c->ecb = EVP_CIPHER_fetch(c->library, "AES-128-ECB", NULL);
    }
    if (c->ctx && c->gcm && c->ecb)
        return c;
    quic_cipher_free(c);
    return NULL;
}

/* RFC 2104; the key is at most a block long. */
static void hmac(struct bytes key, struct bytes in, uint8_t out[SHA256_DIGEST_LENGTH])
{
    uint8_t pad[BLOCK] = {0};
    SHA256_CTX sha;
    memcpy(pad, key.at, key.len);
    for (size_t i = 0; i < BLOCK; i++)
        pad[i] ^= 0x36;
    SHA256_Init(&sha);
    SHA256_Update(&sha, pad, BLOCK);
    SHA256_Update(&sha, in.at, in.len);
    SHA256_Final(out, &sha);
    for (size_t i = 0; i < BLOCK; i++)
        pad[i] ^= 0x36 ^ 0x5c;
    SHA256_Init(&sha);
    SHA256_Update(&sha, pad, BLOCK);
    SHA256_Update(&sha, out, SHA256_DIGEST_LENGTH);
    SHA256_Final(out, &sha);
}

/* HKDF-Expand-Label with an empty context and at most one block of output (RFC 8446 s7.1, RFC 5869 s2.3). */
static void expand(const uint8_t secret[SHA256_DIGEST_LENGTH], const char *prefix, const char *label, uint8_t *out,
                   uint8_t len)
{
    uint8_t info[64], block[SHA256_DIGEST_LENGTH];
    size_t prefix_len = strlen(prefix), label_len = strlen(label);
    struct writer w = writer_init(info, sizeof info);
    writer_u16(&w, len);
    writer_u8(&w, (uint8_t)(6 + prefix_len + label_len));
    writer_bytes(&w, (struct bytes){(const uint8_t *)"tls13 ", 6});
    writer_bytes(&w, (struct bytes){(const uint8_t *)prefix, prefix_len});
    writer_bytes(&w, (struct bytes){(const uint8_t *)label, label_len});
    writer_u8(&w, 0);
    writer_u8(&w, 1);
    hmac((struct bytes){secret, SHA256_DIGEST_LENGTH}, (struct bytes){info, writer_len(&w)}, block);
    memcpy(out, block, len);
}

bool quic_initial_keys(uint32_t version, struct bytes dcid, bool server, struct quic_keys *out)
{
    static const uint8_t salt[2][SALT] = {
        {0x38, 0x76, 0x2c, 0xf7, 0xf5, 0x59, 0x34, 0xb3, 0x4d, 0x17,
         0x9a, 0xe6, 0xa4, 0xc8, 0x0c, 0xad, 0xcc, 0xbb, 0x7f, 0x0a}, /* RFC 9001 s5.2 */
        {0x0d, 0xed, 0xe3, 0xde, 0xf7, 0x00, 0xa6, 0xdb, 0x81, 0x93,
         0x81, 0xbe, 0x6e, 0x26, 0x9d, 0xcb, 0xf9, 0xbd, 0x2e, 0xd9}, /* RFC 9369 s3.3.1 */
    };
    uint8_t secret[SHA256_DIGEST_LENGTH];
    if (version != QUIC_VERSION_1 && version != QUIC_VERSION_2)
        return false;
    bool second = version == QUIC_VERSION_2;
    const char *prefix = second ? "quicv2 " : "quic ";
    hmac((struct bytes){salt[second], SALT}, dcid, secret);
    expand(secret, "", server ? "server in" : "client in", secret, sizeof secret);
    expand(secret, prefix, "key", out->key, sizeof out->key);
    expand(secret, prefix, "iv", out->iv, sizeof out->iv);
    expand(secret, prefix, "hp", out->hp, sizeof out->hp);
    return true;
}

/* RFC 9001 s5.4.3 */
static bool mask_of(struct quic_cipher *c, const struct quic_keys *keys, const uint8_t sample[SAMPLE],
                    uint8_t mask[SAMPLE])
{
    int len;
    return EVP_EncryptInit_ex(c->ctx, c->ecb, NULL, keys->hp, NULL) == 1 &&
           EVP_CIPHER_CTX_set_padding(c->ctx, 0) == 1 && EVP_EncryptUpdate(c->ctx, mask, &len, sample, SAMPLE) == 1 &&
           len == SAMPLE;
}

/* RFC 9001 s5.3 */
static void nonce_of(const struct quic_keys *keys, uint64_t number, uint8_t nonce[12])
{
    memcpy(nonce, keys->iv, 12);
    for (unsigned i = 0; i < 8; i++)
        nonce[11 - i] ^= (uint8_t)(number >> 8 * i);
}

/* RFC 9000 A.3.  `expected`: one more than the largest so far. */
static uint64_t whole_number(uint64_t expected, uint32_t truncated, unsigned bytes)
{
    uint64_t window = (uint64_t)1 << 8 * bytes, half = window / 2;
    uint64_t candidate = (expected & ~(window - 1)) | truncated;
    if (candidate + half <= expected && candidate < ((uint64_t)1 << 62) - window)
        return candidate + window;
    if (candidate > expected + half && candidate >= window)
        return candidate - window;
    return candidate;
}

static bool add_header(EVP_CIPHER_CTX *ctx, const uint8_t *at, size_t len)
{
    int ignored;
    return len == 0 || EVP_DecryptUpdate(ctx, NULL, &ignored, at, (int)len) == 1;
}

enum quic_open quic_initial_open(struct quic_cipher *c, const struct quic_keys *keys, const struct quic_packet *p,
                                 uint64_t largest, uint8_t *plain, size_t *len, uint64_t *number)
{
    uint8_t mask[SAMPLE], nonce[12], first, wire[NUMBER_MAX];
    struct reader r = reader_init(p->guarded, false), sampled = r, header = reader_init(p->whole, false);
    reader_bytes(&sampled, NUMBER_MAX);
    struct bytes sample = reader_bytes(&sampled, SAMPLE);
    if (sampled.state != PARSE_OK || !mask_of(c, keys, sample.at, mask))
        return QUIC_OTHER_KEYS;
    first = (uint8_t)(reader_u8(&header) ^ (mask[0] & 0x0f));
    unsigned bytes = (first & 3u) + 1;
    uint32_t truncated = 0;
    for (unsigned i = 0; i < bytes; i++) {
        wire[i] = (uint8_t)(reader_u8(&r) ^ mask[1 + i]);
        truncated = truncated << 8 | wire[i];
    }
    struct bytes between = reader_bytes(&header, p->whole.len - p->guarded.len - 1);
    struct bytes sealed = reader_bytes(&r, reader_left(&r) - TAG);
    struct bytes tag = reader_bytes(&r, TAG);
    if (r.state != PARSE_OK)
        return QUIC_OTHER_KEYS;
    uint64_t found = whole_number(largest, truncated, bytes);
    nonce_of(keys, found, nonce);
    uint8_t expected_tag[TAG];
    memcpy(expected_tag, tag.at, TAG);
    int got = 0, last = 0;
    if (EVP_DecryptInit_ex(c->ctx, c->gcm, NULL, keys->key, nonce) != 1 || !add_header(c->ctx, &first, 1) ||
        !add_header(c->ctx, between.at, between.len) || !add_header(c->ctx, wire, bytes) ||
        (sealed.len && EVP_DecryptUpdate(c->ctx, plain, &got, sealed.at, (int)sealed.len) != 1) ||
        EVP_CIPHER_CTX_ctrl(c->ctx, EVP_CTRL_AEAD_SET_TAG, TAG, expected_tag) != 1 ||
        EVP_DecryptFinal_ex(c->ctx, mask, &last) != 1)
        return QUIC_OTHER_KEYS;
    *len = (size_t)got;
    *number = found;
    return first & 0x0c ? QUIC_BROKEN : QUIC_OPENED;
}

size_t quic_initial_seal(struct quic_cipher *c, const struct quic_keys *keys, struct bytes header, uint32_t number,
                         struct bytes plain, uint8_t *out, size_t size)
{
    uint8_t mask[SAMPLE], nonce[12];
    struct writer w = writer_init(out, size);
    writer_bytes(&w, header);
    writer_u32(&w, number);
    size_t body = writer_len(&w);
    writer_zero(&w, plain.len + TAG);
    nonce_of(keys, number, nonce);
    int got = 0, last = 0;
    if (w.full || plain.len < SAMPLE || EVP_EncryptInit_ex(c->ctx, c->gcm, NULL, keys->key, nonce) != 1 ||
        EVP_EncryptUpdate(c->ctx, NULL, &got, out, (int)body) != 1 ||
        EVP_EncryptUpdate(c->ctx, out + body, &got, plain.at, (int)plain.len) != 1 ||
        EVP_EncryptFinal_ex(c->ctx, mask, &last) != 1 ||
        EVP_CIPHER_CTX_ctrl(c->ctx, EVP_CTRL_AEAD_GET_TAG, TAG, out + body + plain.len) != 1 ||
        !mask_of(c, keys, out + body, mask))
        return 0;
    out[0] ^= mask[0] & 0x0f;
    for (unsigned i = 0; i < NUMBER_MAX; i++)
        out[header.len + i] ^= mask[1 + i];
    return writer_len(&w);
}
