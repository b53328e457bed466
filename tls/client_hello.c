/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tls/client_hello.h"

#include <stdio.h>
#include <string.h>

#include "tls/ja4.h"

enum {
    EXTENSION_SERVER_NAME = 0,
    EXTENSION_SIGNATURE_ALGORITHMS = 13,
    EXTENSION_ALPN = 16,
    EXTENSION_PRE_SHARED_KEY = 41,
    EXTENSION_EARLY_DATA = 42,
    EXTENSION_SUPPORTED_VERSIONS = 43,
    EXTENSION_ECH_OUTER = 0xfd00,
    EXTENSION_ECH_FIRST_DRAFT = 0xfe08, /* 0xfe08..0xfe0c: earlier drafts, 0xfe0d: RFC 9849 */
    EXTENSION_ECH = 0xfe0d,
    EXTENSION_ESNI = 0xffce, /* the drafts before ECH */
};

enum { HOST_NAME = 0, SESSION_ID_MAX = 32, RANDOM_LEN = 32 };

/* What the extensions gave, before it becomes the result. */
struct reading {
    struct client_hello hello;
    struct bytes server_name;
    struct ja4_input ja4;
    struct ja4_types seen;
};

/* Bytes as a person may read them: what is not printable ASCII, and the backslash, become \xNN; cut at size. */
static void show(struct bytes in, char *out, size_t size)
{
    size_t at = 0;
    struct reader r = reader_init(in, false);
    while (reader_left(&r) > 0) {
        uint8_t c = reader_u8(&r);
        bool plain = c > ' ' && c < 0x7f && c != '\\';
        if (at + (plain ? 1 : 4) >= size)
            break;
        if (plain)
            out[at++] = (char)c;
        else
            at += (size_t)snprintf(out + at, size - at, "\\x%02x", c);
    }
    out[at] = 0;
}

/* RFC 6066 s3.  Servers disagree on several names, on names of other types and on bytes behind them, so there is one
 * entry and nothing else. */
static void read_server_name(struct reader *r, struct reading *to)
{
    struct reader list = reader_block(r, reader_u16(r));
    if (reader_u8(&list) != HOST_NAME)
        reader_fail(&list);
    to->server_name = reader_bytes(&list, reader_u16(&list));
    if (to->server_name.len == 0)
        reader_fail(&list);
    reader_close(r, &list);
    to->hello.has_name = true;
}

/* RFC 7301 s3.1 */
static void read_alpn(struct reader *r, struct reading *to)
{
    struct reader list = reader_block(r, reader_u16(r));
    do {
        struct bytes protocol = reader_bytes(&list, reader_u8(&list));
        if (protocol.len == 0)
            reader_fail(&list);
        if (to->ja4.alpn.len == 0)
            to->ja4.alpn = protocol;
    } while (reader_left(&list) > 0);
    reader_close(r, &list);
    show(to->ja4.alpn, to->hello.alpn, sizeof to->hello.alpn);
}

/* RFC 8446 s4.2.1: the highest that is no GREASE counts. */
static void read_supported_versions(struct reader *r, struct reading *to)
{
    struct reader list = reader_block(r, reader_u8(r));
    uint16_t highest = 0;
    do {
        uint16_t version = reader_u16(&list);
        if (!ja4_is_grease(version) && version > highest)
            highest = version;
    } while (reader_left(&list) > 0);
    reader_close(r, &list);
    to->ja4.version = highest;
}

/* RFC 8446 s4.2.3 */
static void read_signature_algorithms(struct reader *r, struct reading *to)
{
    struct reader list = reader_block(r, reader_u16(r));
    struct bytes algorithms = reader_bytes(&list, reader_left(&list));
    if (algorithms.len == 0 || algorithms.len % 2)
        reader_fail(&list);
    reader_close(r, &list);
    to->ja4.signature_algorithms = algorithms;
}

static void read_extension(uint16_t type, struct reader *body, struct reading *to)
{
    switch (type) {
    case EXTENSION_SERVER_NAME:
        read_server_name(body, to);
        break;
    case EXTENSION_ALPN:
        read_alpn(body, to);
        break;
    case EXTENSION_SUPPORTED_VERSIONS:
        read_supported_versions(body, to);
        break;
    case EXTENSION_SIGNATURE_ALGORITHMS:
        read_signature_algorithms(body, to);
        break;
    case EXTENSION_EARLY_DATA: /* RFC 8446 s4.2.10: empty in a ClientHello */
        to->hello.early_data = true;
        break;
    default:
        if (type == EXTENSION_ECH)
            to->hello.ech = true;
        else if (type == EXTENSION_ECH_OUTER || type == EXTENSION_ESNI ||
                 (type >= EXTENSION_ECH_FIRST_DRAFT && type < EXTENSION_ECH))
            to->hello.ech_draft = true;
        reader_bytes(body, reader_left(body));
    }
}

/* RFC 8446 s4.2: no type twice, pre_shared_key last (s4.2.11). */
static void read_extensions(struct reader *r, struct reading *to)
{
    struct reader list = reader_block(r, reader_u16(r));
    while (reader_left(&list) > 0) {
        uint16_t type = reader_u16(&list);
        struct reader body = reader_block(&list, reader_u16(&list));
        uint64_t bit = (uint64_t)1 << type % 64, *word = &to->seen.word[type / 64];
        if (*word & bit)
            reader_fail(&list);
        *word |= bit;
        read_extension(type, &body, to);
        reader_close(&list, &body);
        if (type == EXTENSION_PRE_SHARED_KEY && reader_left(&list) > 0)
            reader_fail(&list);
    }
    reader_close(r, &list);
}

/* RFC 8446 s4.1.2, RFC 5246 s7.4.1.2: one null compression method among those offered. */
static void read_compression_methods(struct reader *r)
{
    struct bytes methods = reader_bytes(r, reader_u8(r));
    if (methods.len == 0 || memchr(methods.at, 0, methods.len) == NULL)
        reader_fail(r);
}

enum reason client_hello_parse(struct bytes body, struct client_hello *out, char shown[256])
{
    struct reading got = {0};
    struct reader r = reader_init(body, false);
    uint16_t legacy_version = reader_u16(&r);
    if (legacy_version < 0x0301 || legacy_version > 0x0303)
        reader_fail(&r);
    reader_bytes(&r, RANDOM_LEN);
    if (reader_bytes(&r, reader_u8(&r)).len > SESSION_ID_MAX)
        reader_fail(&r);
    got.ja4.version = legacy_version;
    got.ja4.ciphers = reader_bytes(&r, reader_u16(&r));
    if (got.ja4.ciphers.len == 0 || got.ja4.ciphers.len % 2)
        reader_fail(&r);
    read_compression_methods(&r);
    if (reader_left(&r) > 0) /* RFC 5246 s7.4.1.2: before TLS 1.3 there may be none */
        read_extensions(&r, &got);
    if (r.state != PARSE_OK || reader_left(&r) > 0)
        return REASON_TLS_MALFORMED;

    if (got.hello.has_name && !name_from_wire(got.server_name, &got.hello.server_name)) {
        show(got.server_name, shown, 256);
        return REASON_TLS_NAME_FORM;
    }
    got.ja4.extensions = &got.seen;
    ja4_build(&got.ja4, got.hello.ja4);
    *out = got.hello;
    return REASON_NONE;
}
