/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "http/answer.h"

#include <string.h>

#include "http/field.h"

/* RFC 9112 s4: HTTP-version SP status-code [SP reason]. */
static bool read_status(struct bytes line, unsigned *status)
{
    struct reader r = reader_init(line, false);
    struct bytes version = reader_bytes(&r, 8);
    uint64_t value;
    bool known = bytes_equal(version, (struct bytes){(const uint8_t *)"HTTP/1.0", 8}) ||
                 bytes_equal(version, (struct bytes){(const uint8_t *)"HTTP/1.1", 8});
    if (reader_u8(&r) != ' ' || !field_number(reader_bytes(&r, 3), &value) || value < 100)
        return false;
    *status = (unsigned)value;
    return known && r.state == PARSE_OK && (reader_left(&r) == 0 || reader_u8(&r) == ' ');
}

/* RFC 9112 s6.3.  Where it is not said once and plainly, the end is not known. */
static void read_framing(const struct field *f, bool is_length, bool *seen, struct http_answer *out)
{
    bool chunked = !is_length && field_is(f->value, "chunked");
    bool known = chunked || (is_length && field_number(f->value, &out->length));
    out->framed = known && !*seen;
    out->body = chunked ? HTTP_BODY_CHUNKED : out->length ? HTTP_BODY_LENGTH : HTTP_BODY_NONE;
    *seen = true;
}

enum parse http_answer_parse(struct bytes stream, struct http_answer *out)
{
    struct http_answer got = {0};
    size_t limit = stream.len < HTTP_HEAD_MAX ? stream.len : HTTP_HEAD_MAX;
    struct reader r = reader_init((struct bytes){stream.at, limit}, true);
    struct bytes line = field_line(&r);
    bool seen = false;
    if (r.state == PARSE_OK && !read_status(line, &got.status))
        return PARSE_MALFORMED;
    while (r.state == PARSE_OK) {
        struct field f;
        line = field_line(&r);
        if (r.state != PARSE_OK || line.len == 0)
            break;
        if (!field_split(line, &f))
            return PARSE_MALFORMED;
        if (field_resembles(f.name, "content-length") || field_resembles(f.name, "transfer-encoding"))
            read_framing(&f, field_resembles(f.name, "content-length"), &seen, &got);
    }
    if (r.state != PARSE_OK)
        return r.state == PARSE_NEED_MORE && limit == HTTP_HEAD_MAX ? PARSE_MALFORMED : r.state;
    if (got.status < 200 || got.status == 204 || got.status == 304) {
        got.framed = true;
        got.body = HTTP_BODY_NONE;
    }
    got.consumed = limit - reader_left(&r);
    *out = got;
    return PARSE_OK;
}
