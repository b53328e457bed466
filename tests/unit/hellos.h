/* SPDX-License-Identifier: GPL-3.0-or-later */
/* For tests of tls/: ClientHellos as OpenSSL sends them, and what OpenSSL reads in a stream of client bytes.
 * OpenSSL is the oracle: a name that we read must be the name that it reads. */
#ifndef SLUICE_TESTS_UNIT_HELLOS_H
#define SLUICE_TESTS_UNIT_HELLOS_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tls/handshake.h"

struct hello_options {
    const char *what, *name;
    int version_min, version_max; /* 0: OpenSSL's own */
    const char *ciphers;          /* NULL: OpenSSL's own */
    const char *alpn;             /* in wire form, NULL: none */
    size_t extra_len;             /* of an extension 0x4a4a: large key shares and tickets */
    bool padding, no_ticket, compatibility_off;
};

static const struct hello_options hello_options[] = {
    {.what = "defaults", .name = "registry.example"},
    {.what = "no name"},
    {.what = "upper case", .name = "Registry.EXAMPLE"},
    {.what = "ALPN", .name = "registry.example", .alpn = "\x02h2\x08http/1.1"},
    {.what = "TLS 1.2 only", .name = "registry.example", .version_max = TLS1_2_VERSION},
    {.what = "TLS 1.3 only", .name = "registry.example", .version_min = TLS1_3_VERSION, .compatibility_off = true},
    {.what = "TLS 1.0",
     .name = "old.example",
     .version_min = TLS1_VERSION,
     .version_max = TLS1_VERSION,
     .ciphers = "ALL:@SECLEVEL=0"},
    {.what = "padding to 512", .name = "registry.example", .padding = true},
    {.what = "no session ticket, one cipher",
     .name = "registry.example",
     .no_ticket = true,
     .ciphers = "ECDHE-RSA-AES128-GCM-SHA256"},
    {.what = "a post-quantum share", .name = "registry.example", .alpn = "\x02h2", .extra_len = 1216},
    {.what = "near the bound", .name = "registry.example", .extra_len = 15500},
};
#define HELLO_OPTIONS (sizeof hello_options / sizeof hello_options[0])

static int hello_add_extra(SSL *ssl, unsigned type, unsigned context, const unsigned char **out, size_t *out_len,
                           X509 *x, size_t chain, int *alert, void *arg)
{
    (void)ssl, (void)type, (void)context, (void)x, (void)chain, (void)alert;
    static unsigned char extra[16384];
    *out = extra;
    *out_len = *(const size_t *)arg;
    return 1;
}

/* Writes the client's first flight; returns its length, 0 on failure. */
static inline size_t hello_make(const struct hello_options *o, uint8_t *out, size_t size)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    size_t extra_len = o->extra_len;
    SSL_CTX_set_min_proto_version(ctx, o->version_min);
    SSL_CTX_set_max_proto_version(ctx, o->version_max);
    if (o->ciphers)
        SSL_CTX_set_cipher_list(ctx, o->ciphers);
    if (o->alpn)
        SSL_CTX_set_alpn_protos(ctx, (const unsigned char *)o->alpn, (unsigned)strlen(o->alpn));
    if (o->padding)
        SSL_CTX_set_options(ctx, SSL_OP_TLSEXT_PADDING);
    if (o->no_ticket)
        SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
    if (o->compatibility_off)
        SSL_CTX_clear_options(ctx, SSL_OP_ENABLE_MIDDLEBOX_COMPAT);
    if (extra_len)
        SSL_CTX_add_custom_ext(ctx, 0x4a4a, SSL_EXT_CLIENT_HELLO, hello_add_extra, NULL, &extra_len, NULL, NULL);
    SSL *ssl = SSL_new(ctx);
    BIO *in = BIO_new(BIO_s_mem()), *flight = BIO_new(BIO_s_mem());
    SSL_set_bio(ssl, in, flight);
    if (o->name)
        SSL_set_tlsext_host_name(ssl, o->name);
    SSL_connect(ssl);
    int len = BIO_read(flight, out, (int)size);
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    return len > 0 ? (size_t)len : 0;
}

/* The same, with this name and an extension of `extra_len` bytes. */
static inline size_t hello_for(const char *name, size_t extra_len, uint8_t *out, size_t size)
{
    struct hello_options o = {.what = "test", .name = name, .extra_len = extra_len};
    return hello_make(&o, out, size);
}

/* What we read in a client's bytes: in a copy of their exact size, so that the sanitizer sees a read beyond it. */
static inline struct handshake_client hello_read(const uint8_t *at, size_t len, bool second)
{
    static uint8_t scratch[HANDSHAKE_HELLO_MAX + 4];
    struct handshake_client got;
    uint8_t *copy = malloc(len ? len : 1);
    memcpy(copy, at, len);
    handshake_client((struct bytes){copy, len}, second, scratch, &got);
    free(copy);
    return got;
}

/* What a server answers: its own hello, or that it wants another one (RFC 8446 s4.1.3). */
static const uint8_t hello_answer[] = {22, 3,  3,  0,  80, 2,  0,  0,  76, 3,  3,    1,  2,  3,  4,  5,  6,
                                       7,  8,  9,  10, 11, 12, 13, 14, 15, 16, 17,   18, 19, 20, 21, 22, 23,
                                       24, 25, 26, 27, 28, 29, 30, 31, 32, 0,  0x13, 1,  0,  0,  0};
static const uint8_t hello_retry[] = {22,   3,    3,    0,    80,   2,    0,    0,    76,   3,    3,    0xcf,
                                      0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e,
                                      0x65, 0xb8, 0x91, 0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07,
                                      0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c, 0,    0x13, 1,    0};

/* What OpenSSL reads in a client's bytes. */
struct oracle {
    bool hello;     /* a whole ClientHello was there and its form was accepted */
    bool extension; /* with a server_name extension */
    bool accepted;  /* its extensions were accepted too */
    char name[256]; /* "" none */
};

static int oracle_hello(SSL *ssl, int *alert, void *arg)
{
    struct oracle *o = arg;
    const unsigned char *at;
    size_t len;
    (void)alert;
    o->hello = true;
    o->extension = SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &at, &len) == 1;
    return SSL_CLIENT_HELLO_SUCCESS;
}

static int oracle_name(SSL *ssl, int *alert, void *arg)
{
    struct oracle *o = arg;
    (void)alert;
    o->accepted = true;
    const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    if (name && strlen(name) < sizeof o->name)
        memcpy(o->name, name, strlen(name) + 1);
    return SSL_TLSEXT_ERR_OK;
}

static inline struct oracle oracle_read(const uint8_t *stream, size_t len)
{
    static SSL_CTX *ctx;
    struct oracle o = {0};
    if (!ctx) {
        ctx = SSL_CTX_new(TLS_server_method());
        SSL_CTX_set_security_level(ctx, 0);
        SSL_CTX_set_min_proto_version(ctx, TLS1_VERSION);
        SSL_CTX_set_tlsext_servername_callback(ctx, oracle_name);
    }
    SSL_CTX_set_client_hello_cb(ctx, oracle_hello, &o);
    SSL_CTX_set_tlsext_servername_arg(ctx, &o);
    SSL *ssl = SSL_new(ctx);
    BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());
    BIO_write(in, stream, (int)len);
    SSL_set_bio(ssl, in, out);
    SSL_accept(ssl);
    SSL_free(ssl);
    return o;
}

#endif
