/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tls/handshake.h"

#include <string.h>

enum { RECORD_CHANGE_CIPHER_SPEC = 20, RECORD_ALERT = 21, RECORD_HANDSHAKE = 22 };
enum { RECORD_HEADER = 5, RECORD_MAX = 16384 };
enum { ALERT_WARNING = 1, ALERT_FATAL = 2, ALERT_LEN = 2 };
enum { MESSAGE_CLIENT_HELLO = 1, MESSAGE_SERVER_HELLO = 2, MESSAGE_HEADER = 4, RANDOM_LEN = 32 };

/* RFC 8446 s4.1.3: SHA-256 of "HelloRetryRequest". */
static const uint8_t retry_random[RANDOM_LEN] = {
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91,
    0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
};

bool handshake_is_tls(uint8_t first_byte)
{
    return first_byte == RECORD_HANDSHAKE;
}

/* Reads a record header, each field as soon as it is there: type, version 3.0 to 3.3 (RFC 5246 E.1), length 1 to 16384
 * (RFC 8446 s5.1: no empty handshake records).  Returns the length. */
static uint16_t read_record_header(struct reader *r, uint8_t type)
{
    uint8_t got = reader_u8(r);
    if (got != type)
        reader_fail(r);
    uint8_t major = reader_u8(r);
    if (major != 3)
        reader_fail(r);
    uint8_t minor = reader_u8(r);
    if (minor > 3)
        reader_fail(r);
    uint16_t len = reader_u16(r);
    if (len == 0 || len > RECORD_MAX)
        reader_fail(r);
    return len;
}

/* RFC 8446 s5, D.4: one such record may stand before the second hello. */
static void skip_change_cipher_spec(struct reader *r)
{
    struct reader ahead = *r;
    if (reader_u8(&ahead) != RECORD_CHANGE_CIPHER_SPEC || ahead.state != PARSE_OK)
        return;
    if (read_record_header(r, RECORD_CHANGE_CIPHER_SPEC) != 1)
        reader_fail(r);
    if (reader_u8(r) != 1)
        reader_fail(r);
}

/* Looks at the message as far as it has arrived.  *len: its length with its header, 0 before that is there.  `end`:
 * where the record that is being read ends in it.  Returns why it cannot become a ClientHello, or REASON_NONE. */
static enum reason check_message(struct bytes joined, size_t end, size_t *len)
{
    struct reader r = reader_init(joined, true);
    *len = 0;
    if (reader_u8(&r) != MESSAGE_CLIENT_HELLO && r.state == PARSE_OK)
        return REASON_TLS_MALFORMED;
    size_t body_len = reader_u24(&r);
    if (r.state != PARSE_OK)
        return REASON_NONE;
    if (body_len > HANDSHAKE_HELLO_MAX)
        return REASON_TCP_TOO_LONG;
    /* Bytes of another message behind the hello in its last record: RFC 8446 s5.1 forbids them before a change of keys,
     * and receivers differ. */
    *len = MESSAGE_HEADER + body_len;
    return end > *len ? REASON_TLS_MALFORMED : REASON_NONE;
}

/* Joins fragments until one ClientHello is whole.  Returns it with its header; else r's state tells, and *why tells
 * what else than a malformed record was found. */
static struct bytes join_hello(struct reader *r, uint8_t *scratch, enum reason *why)
{
    struct writer w = writer_init(scratch, HANDSHAKE_HELLO_MAX + MESSAGE_HEADER);
    size_t len = 0, before = 0;
    do {
        uint16_t fragment_len = read_record_header(r, RECORD_HANDSHAKE);
        if (r->state != PARSE_OK)
            break;
        /* What has arrived of a record shows the message's beginning already. */
        struct reader ahead = *r;
        size_t left = reader_left(r);
        writer_bytes(&w, reader_bytes(&ahead, left < fragment_len ? left : fragment_len));
        enum reason reason = check_message((struct bytes){scratch, writer_len(&w)}, before + fragment_len, &len);
        if (reason != REASON_NONE || w.full) {
            *why = reason != REASON_NONE ? reason : REASON_TCP_TOO_LONG;
            reader_fail(r);
        }
        reader_bytes(r, fragment_len);
        before += fragment_len;
    } while (r->state == PARSE_OK && before != len);
    return (struct bytes){scratch, r->state == PARSE_OK ? len : 0};
}

void handshake_client(struct bytes stream, bool second, uint8_t *scratch, struct handshake_client *out)
{
    enum reason why = REASON_TLS_MALFORMED;
    /* The same at every split: a hello that ends beyond the bound is too long, also when all of it is here. */
    size_t within = stream.len < HANDSHAKE_STREAM_MAX ? stream.len : HANDSHAKE_STREAM_MAX;
    struct reader r = reader_init((struct bytes){stream.at, within}, true);
    if (second)
        skip_change_cipher_spec(&r);
    struct bytes message = join_hello(&r, scratch, &why);
    if (r.state == PARSE_NEED_MORE && within == HANDSHAKE_STREAM_MAX) {
        r.state = PARSE_MALFORMED;
        why = REASON_TCP_TOO_LONG;
    }
    *out = (struct handshake_client){.state = r.state};
    if (r.state == PARSE_MALFORMED)
        out->reason = why;
    if (r.state != PARSE_OK)
        return;

    struct reader body = reader_init(message, false);
    reader_bytes(&body, MESSAGE_HEADER);
    out->reason = client_hello_parse(reader_bytes(&body, reader_left(&body)), &out->hello, out->shown);
    if (out->reason == REASON_NONE)
        out->consumed = within - reader_left(&r);
    else
        out->state = PARSE_MALFORMED;
}

/* An alert: after a fatal one no second hello follows; a warning (RFC 6066 s3: the name is not known) says nothing of
 * that.  True: it was skipped, go on.  Else *out tells. */
static bool skip_warning(struct reader *r, enum handshake_server *out)
{
    uint16_t len = read_record_header(r, RECORD_ALERT);
    uint8_t level = reader_u8(r);
    *out = r->state == PARSE_NEED_MORE                    ? HANDSHAKE_SERVER_NEED_MORE
           : r->state == PARSE_OK && level == ALERT_FATAL ? HANDSHAKE_SERVER_HELLO
                                                          : HANDSHAKE_SERVER_OTHER;
    if (r->state != PARSE_OK || level != ALERT_WARNING || len != ALERT_LEN)
        return false;
    reader_u8(r);
    *out = HANDSHAKE_SERVER_NEED_MORE;
    return r->state == PARSE_OK;
}

/* Type, length, version and random of the first message. */
static enum handshake_server read_server_hello(struct bytes head)
{
    struct reader r = reader_init(head, true);
    if (reader_u8(&r) != MESSAGE_SERVER_HELLO && r.state == PARSE_OK)
        return HANDSHAKE_SERVER_OTHER;
    reader_u24(&r);
    if (reader_u8(&r) != 3 && r.state == PARSE_OK)
        return HANDSHAKE_SERVER_OTHER;
    reader_u8(&r);
    struct bytes random = reader_bytes(&r, RANDOM_LEN);
    if (r.state != PARSE_OK)
        return HANDSHAKE_SERVER_NEED_MORE;
    /* Whatever version stands with it: to expect a second hello in vain does no harm. */
    return bytes_equal(random, (struct bytes){retry_random, RANDOM_LEN}) ? HANDSHAKE_SERVER_RETRY
                                                                         : HANDSHAKE_SERVER_HELLO;
}

enum handshake_server handshake_server(struct bytes stream)
{
    uint8_t head[MESSAGE_HEADER + 2 + RANDOM_LEN];
    struct writer w = writer_init(head, sizeof head);
    struct reader r = reader_init(stream, true);
    struct reader first = r;
    enum handshake_server alert;
    if (reader_u8(&first) == RECORD_ALERT && !skip_warning(&r, &alert))
        return alert;
    for (;;) {
        uint16_t fragment_len = read_record_header(&r, RECORD_HANDSHAKE);
        if (r.state == PARSE_MALFORMED)
            return HANDSHAKE_SERVER_OTHER;
        struct reader ahead = r;
        size_t take = sizeof head - writer_len(&w), left = reader_left(&r);
        take = take < left ? take : left;
        writer_bytes(&w, reader_bytes(&ahead, take < fragment_len ? take : fragment_len));
        enum handshake_server what = read_server_hello((struct bytes){head, writer_len(&w)});
        if (what != HANDSHAKE_SERVER_NEED_MORE || r.state == PARSE_NEED_MORE)
            return what;
        reader_bytes(&r, fragment_len);
        if (r.state != PARSE_OK)
            return HANDSHAKE_SERVER_NEED_MORE;
    }
}
