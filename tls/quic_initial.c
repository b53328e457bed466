/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tls/quic_initial.h"

#include <stdlib.h>
#include <string.h>

enum {
    FRAME_PADDING = 0,
    FRAME_PING = 1,
    FRAME_ACK = 2,
    FRAME_ACK_ECN = 3,
    FRAME_CRYPTO = 6,
    FRAME_CONNECTION_CLOSE = 0x1c, /* the transport's own; 0x1d, the application's, is for later packets */
};

enum { MESSAGE_CLIENT_HELLO = 1, MESSAGE_HEADER = 4 };

void quic_crypto_init(struct quic_crypto *c)
{
    memset(c, 0, offsetof(struct quic_crypto, at));
}

static bool is_seen(const struct quic_crypto *c, size_t i)
{
    return (c->seen[i / 64] >> i % 64 & 1) != 0;
}

/* Bytes at `offset`.  What was there stays as it was: a receiver may keep what came first or what came last, so both
 * must be one (RFC 9000 s2.2). */
static enum reason join(struct quic_crypto *c, uint64_t offset, struct bytes in)
{
    if (offset > QUIC_CRYPTO_MAX || in.len > QUIC_CRYPTO_MAX - offset)
        return REASON_QUIC_TOO_LONG;
    struct reader r = reader_init(in, false);
    for (size_t i = offset; reader_left(&r) > 0; i++) {
        uint8_t byte = reader_u8(&r);
        if (is_seen(c, i) && c->at[i] != byte)
            return REASON_QUIC_CONFLICT;
        c->at[i] = byte;
        c->seen[i / 64] |= (uint64_t)1 << i % 64;
    }
    if (in.len && offset + in.len > c->end)
        c->end = (uint32_t)(offset + in.len);
    while (c->ready < c->end && is_seen(c, c->ready))
        c->ready++;
    return REASON_NONE;
}

/* RFC 9000 s19.3: ranges may not go below packet number 0. */
static void read_ack(struct reader *r, bool ecn)
{
    uint64_t smallest = quic_varint(r);
    quic_varint(r); /* delay */
    uint64_t ranges = quic_varint(r);
    uint64_t first = quic_varint(r);
    if (first > smallest)
        reader_fail(r);
    smallest -= first;
    for (; ranges && r->state == PARSE_OK; ranges--) {
        uint64_t gap = quic_varint(r), len = quic_varint(r);
        if (gap + 2 > smallest || len > smallest - gap - 2)
            reader_fail(r);
        else
            smallest -= gap + 2 + len;
    }
    for (unsigned i = 0; ecn && i < 3; i++)
        quic_varint(r);
}

/* RFC 9000 s12.4: a frame's type in its shortest form; those that an Initial may hold are one byte. */
static enum reason read_frame(struct reader *r, struct quic_crypto *to)
{
    uint64_t offset, len;
    switch (reader_u8(r)) {
    case FRAME_PADDING:
    case FRAME_PING:
        break;
    case FRAME_ACK:
        read_ack(r, false);
        break;
    case FRAME_ACK_ECN:
        read_ack(r, true);
        break;
    case FRAME_CRYPTO:
        offset = quic_varint(r);
        len = quic_varint(r);
        struct bytes data = reader_bytes(r, len);
        return r->state == PARSE_OK ? join(to, offset, data) : REASON_QUIC_MALFORMED;
    case FRAME_CONNECTION_CLOSE:
        quic_varint(r); /* error */
        quic_varint(r); /* frame type */
        len = quic_varint(r);
        reader_bytes(r, len);
        break;
    default:
        reader_fail(r);
    }
    return r->state == PARSE_OK ? REASON_NONE : REASON_QUIC_MALFORMED;
}

enum reason quic_initial_frames(struct bytes plain, struct quic_crypto *to)
{
    struct reader r = reader_init(plain, false);
    enum reason why;
    do /* RFC 9000 s12.4: a packet without frames is a violation */
        why = read_frame(&r, to);
    while (why == REASON_NONE && reader_left(&r) > 0);
    return why;
}

bool quic_crypto_pending(const struct quic_crypto *c)
{
    return c->end > c->judged;
}

/* RFC 9001 s4.1.3: TLS messages without records. */
enum parse quic_crypto_hello(struct quic_crypto *c, struct client_hello *out, enum reason *why, char shown[256])
{
    struct reader r = reader_init((struct bytes){c->at, c->ready}, true);
    reader_bytes(&r, c->judged);
    *why = REASON_TLS_MALFORMED;
    if (reader_u8(&r) != MESSAGE_CLIENT_HELLO && r.state == PARSE_OK)
        return PARSE_MALFORMED;
    uint32_t len = reader_u24(&r);
    if (r.state == PARSE_OK && len > QUIC_CRYPTO_MAX - MESSAGE_HEADER - c->judged) {
        *why = REASON_QUIC_TOO_LONG;
        return PARSE_MALFORMED;
    }
    struct bytes body = reader_bytes(&r, len);
    if (r.state != PARSE_OK)
        return PARSE_NEED_MORE;
    *why = client_hello_parse(body, out, shown);
    if (*why != REASON_NONE)
        return PARSE_MALFORMED;
    if (out->ja4[0])
        out->ja4[0] = 'q'; /* JA4 tells the transport first */
    c->judged += MESSAGE_HEADER + len;
    c->hellos++;
    return PARSE_OK;
}
