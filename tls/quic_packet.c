/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tls/quic_packet.h"

enum { FORM_LONG = 0x80, TYPE_SHIFT = 4, TYPE_MASK = 3, RETRY_TAG = 16 };

uint64_t quic_varint(struct reader *r)
{
    uint8_t first = reader_u8(r);
    uint64_t value = first & 0x3f;
    for (unsigned more = (1u << (first >> 6)) - 1; more; more--)
        value = value << 8 | reader_u8(r);
    return r->state == PARSE_OK ? value : 0;
}

bool quic_is_long(struct bytes datagram)
{
    struct reader r = reader_init(datagram, false);
    return (reader_u8(&r) & FORM_LONG) != 0;
}

static struct bytes rest(struct reader *r)
{
    return reader_bytes(r, reader_left(r));
}

/* RFC 9000 s17.2, RFC 9369 s3.2 */
static enum quic_kind kind_of(uint32_t version, uint8_t first)
{
    static const enum quic_kind kind[] = {QUIC_INITIAL, QUIC_ZERO_RTT, QUIC_HANDSHAKE, QUIC_RETRY};
    unsigned type = first >> TYPE_SHIFT & TYPE_MASK;
    if (version == QUIC_VERSION_1)
        return kind[type];
    return version == QUIC_VERSION_2 ? kind[(type + 3) % 4] : QUIC_OTHER_VERSION;
}

static enum quic_kind read_short(struct reader *r, uint8_t first, struct quic_packet *out)
{
    out->whole = rest(r);
    bool zeros = first == 0;
    struct reader look = reader_init(out->whole, false);
    while (zeros && reader_left(&look) > 0)
        zeros = reader_u8(&look) == 0;
    return zeros ? QUIC_PADDING : QUIC_SHORT;
}

static enum quic_kind read_long(struct reader *r, uint8_t first, struct quic_packet *out)
{
    struct reader begin = *r;
    reader_u8(r);
    out->version = reader_u32(r);
    enum quic_kind kind = kind_of(out->version, first);
    out->dcid = reader_bytes(r, reader_u8(r));
    out->scid = reader_bytes(r, reader_u8(r));
    if (kind != QUIC_OTHER_VERSION && (out->dcid.len > QUIC_ID_MAX || out->scid.len > QUIC_ID_MAX))
        reader_fail(r);
    if (kind == QUIC_OTHER_VERSION) {
        rest(r);
    } else if (kind == QUIC_RETRY) {
        if (rest(r).len < RETRY_TAG)
            reader_fail(r);
    } else {
        if (kind == QUIC_INITIAL) {
            uint64_t len = quic_varint(r);
            out->token = reader_bytes(r, len);
        }
        uint64_t len = quic_varint(r);
        out->guarded = reader_bytes(r, len);
    }
    out->whole = reader_bytes(&begin, reader_left(&begin) - reader_left(r));
    return r->state == PARSE_OK ? kind : QUIC_MALFORMED;
}

enum quic_kind quic_packet_read(struct reader *datagram, struct quic_packet *out)
{
    struct reader look = *datagram;
    uint8_t first = reader_u8(&look);
    *out = (struct quic_packet){0};
    if (look.state != PARSE_OK)
        return QUIC_MALFORMED;
    out->kind = first & FORM_LONG ? read_long(datagram, first, out) : read_short(datagram, first, out);
    return out->kind;
}
