/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "http/request.h"

#include <string.h>

#include "http/field.h"
#include "http/head.h"

enum {
    CHUNK_LINE_MAX = 256 + 17, /* digits and extensions */
    CHUNK_DIGITS_MAX = 15,     /* of the size: below 2^60 */
    TRAILER_MAX = 8192,
};

/* FNV-1a, to tell a trailer field's name without keeping it: a chance hit only refuses. */
static const uint64_t fnv_start = 0xcbf29ce484222325u, fnv_prime = 0x100000001b3u;

void http_stream_init(struct http_stream *s)
{
    *s = (struct http_stream){.at = HTTP_HEAD};
}

bool http_is_http(uint8_t first_byte)
{
    return first_byte >= 'A' && first_byte <= 'Z';
}

static bool fail(struct http_stream *s, enum reason reason)
{
    s->at = HTTP_FAILED;
    s->reason = reason;
    return false;
}

static void enter(struct http_stream *s, enum http_at at)
{
    s->at = at;
    s->line = 0;
    s->digits = 0;
    s->last = 0;
    if (at == HTTP_HEAD || at == HTTP_TRAILER)
        s->left = at == HTTP_TRAILER ? fnv_start : 0;
}

static int hex_value(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* RFC 9112 s7.1: chunk-size [ ";" extensions ] CRLF.  Extensions are tokens; a quoted one, a space or a line end inside
 * is where servers differ.  s->last: 0 in the size, ';' before an extension, 'e' in it, CR behind all. */
static bool chunk_size_byte(struct http_stream *s, uint8_t c)
{
    int value = s->last == 0 ? hex_value(c) : -1;
    if (++s->line > CHUNK_LINE_MAX)
        return fail(s, REASON_HTTP_CHUNK);
    if (s->last == '\r') {
        if (c != '\n')
            return fail(s, REASON_HTTP_CHUNK);
        enter(s, s->left ? HTTP_CHUNK_DATA : HTTP_TRAILER);
        return true;
    }
    if (value >= 0) {
        s->left = (s->digits ? s->left << 4 : 0) | (uint64_t)value;
        return ++s->digits <= CHUNK_DIGITS_MAX ? true : fail(s, REASON_HTTP_CHUNK);
    }
    if (s->digits == 0)
        return fail(s, REASON_HTTP_CHUNK);
    if (s->last != ';' && (c == '\r' || c == ';')) {
        s->last = c;
        return true;
    }
    if (s->last == 0 || !(field_is_token_byte(c) || c == '='))
        return fail(s, REASON_HTTP_CHUNK);
    s->last = 'e';
    return true;
}

/* RFC 9112 s7.1: CRLF behind a chunk's data. */
static bool chunk_end_byte(struct http_stream *s, uint8_t c)
{
    if (c != (s->last ? '\n' : '\r'))
        return fail(s, REASON_HTTP_CHUNK);
    if (s->last)
        enter(s, HTTP_CHUNK_SIZE);
    else
        s->last = c;
    return true;
}

static uint64_t fnv_add(uint64_t sum, uint8_t c)
{
    return (sum ^ field_normal_byte(c)) * fnv_prime;
}

/* RFC 9110 s6.5.1: fields that frame or route do not belong in trailers; some servers merge them into the head. */
static bool trailer_is_refused(uint64_t name)
{
    static const char *const refused[] = {"host",   "content-length", "transfer-encoding", "connection",
                                          "expect", "upgrade",        "http2-settings",    "trailer"};
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        uint64_t sum = fnv_start;
        for (const char *c = refused[i]; *c; c++)
            sum = fnv_add(sum, (uint8_t)*c);
        if (sum == name)
            return true;
    }
    return false;
}

/* RFC 9112 s7.1.2: field lines and an empty one.  s->last: 0 at a line's beginning, 'n' in the name, ':' in the value,
 * CR behind it; s->digits: the line had a field; s->left: the name's hash; s->line: bytes of all trailers. */
static bool trailer_byte(struct http_stream *s, uint8_t c)
{
    if (++s->line > TRAILER_MAX)
        return fail(s, REASON_TCP_TOO_LONG);
    if (s->last == '\r') {
        if (c != '\n')
            return fail(s, REASON_HTTP_CHUNK);
        bool more = s->digits != 0;
        uint32_t line = s->line;
        enter(s, more ? HTTP_TRAILER : HTTP_HEAD);
        s->line = more ? line : 0;
        return true;
    }
    if (c == '\r' && s->last != 'n') {
        s->last = c;
        return true;
    }
    if (s->last == ':')
        return (c >= ' ' && c != 0x7f) || c == '\t' ? true : fail(s, REASON_HTTP_CHUNK);
    if (c == ':' && s->last == 'n') {
        s->last = c;
        return trailer_is_refused(s->left) ? fail(s, REASON_HTTP_CHUNK) : true;
    }
    if (!field_is_token_byte(c))
        return fail(s, REASON_HTTP_CHUNK);
    s->last = 'n';
    s->digits = 1;
    s->left = fnv_add(s->left, c);
    return true;
}

void http_stream_body(struct http_stream *s, enum http_body body, uint64_t length)
{
    s->left = length;
    enter(s, body == HTTP_BODY_NONE ? HTTP_HEAD : body == HTTP_BODY_LENGTH ? HTTP_BODY : HTTP_CHUNK_SIZE);
}

void http_stream_resume(struct http_stream *s)
{
    enter(s, HTTP_HEAD);
}

bool http_stream_in_data(const struct http_stream *s)
{
    return s->at == HTTP_BODY || s->at == HTTP_CHUNK_DATA;
}

/* Takes one piece, data or framing, until it ends, `r` is empty, or a byte that may not be there: that one is not
 * taken. */
static void take_body(struct http_stream *s, struct reader *r)
{
    if (http_stream_in_data(s)) {
        size_t left = reader_left(r);
        s->left -= reader_bytes(r, s->left < left ? (size_t)s->left : left).len;
        if (s->left == 0)
            enter(s, s->at == HTTP_BODY ? HTTP_HEAD : HTTP_CHUNK_END);
        return;
    }
    bool ok = true;
    while (ok && s->at != HTTP_HEAD && !http_stream_in_data(s) && reader_left(r) > 0) {
        struct reader ahead = *r;
        uint8_t c = reader_u8(&ahead);
        ok = s->at == HTTP_CHUNK_SIZE  ? chunk_size_byte(s, c)
             : s->at == HTTP_CHUNK_END ? chunk_end_byte(s, c)
                                       : trailer_byte(s, c);
        if (ok)
            *r = ahead;
    }
}

static enum http_step feed_head(struct http_stream *s, struct bytes stream, struct http_request *request,
                                size_t *consumed)
{
    struct head head;
    enum parse state;
    enum reason reason = head_parse(stream, s->proxy, &head, &state);
    if (state == PARSE_NEED_MORE)
        return HTTP_NEED_MORE;
    if (state == PARSE_MALFORMED) {
        fail(s, reason);
        return HTTP_REFUSE;
    }
    *request = head.request;
    *consumed = head.consumed;
    http_stream_body(s, head.body, head.length);
    if (head.request.websocket || head.request.form == HTTP_FORM_CONNECT)
        s->at = HTTP_AWAIT;
    return HTTP_REQUEST;
}

enum http_step http_stream_feed(struct http_stream *s, struct bytes stream, struct http_request *request,
                                size_t *consumed)
{
    *consumed = 0;
    if (s->at == HTTP_FAILED)
        return HTTP_REFUSE;
    if (stream.len == 0 || s->at == HTTP_AWAIT)
        return HTTP_NEED_MORE;
    if (s->at == HTTP_HEAD)
        return feed_head(s, stream, request, consumed);
    struct reader r = reader_init(stream, false);
    take_body(s, &r);
    *consumed = stream.len - reader_left(&r);
    return *consumed > 0 ? HTTP_RELEASE : HTTP_REFUSE;
}
