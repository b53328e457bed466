/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "http/head.h"

#include <string.h>

#include "core/address.h"
#include "http/field.h"

enum { PORT_DEFAULT = 80, LENGTH_DIGITS_MAX = 18 };

/* Host and port of a Host field or an absolute URI. */
struct authority {
    struct name name;
    bool is_address;
    struct address address;
    uint16_t port;
};

/* What has been read of a head. */
struct reading {
    bool http10, has_host, has_uri, has_length, has_encoding, has_expect;
    struct authority host, uri;
    struct head head;
};

static struct bytes rest(struct reader *r)
{
    return reader_bytes(r, reader_left(r));
}

/* Takes the bytes before the first of `stops`, or all. */
static struct bytes take_until(struct reader *r, const char *stops)
{
    struct reader ahead = *r;
    size_t len = 0;
    while (reader_left(&ahead) > 0 && !strchr(stops, reader_u8(&ahead)))
        len++;
    return reader_bytes(r, len);
}

/* Decimal, no sign, no leading zeros: what strtol, atoi and strict readers all take for the same number. */
static bool read_number(struct bytes text, uint64_t *out)
{
    uint64_t value = 0;
    if (text.len == 0 || text.len > LENGTH_DIGITS_MAX || (text.len > 1 && text.at[0] == '0'))
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] < '0' || text.at[i] > '9')
            return false;
        value = value * 10 + (uint64_t)(text.at[i] - '0');
    }
    *out = value;
    return true;
}

/* RFC 9110 s4.2.1, s7.2: host with an optional port, no userinfo.  An address literal is one, or it is refused. */
static bool read_authority(struct bytes text, struct authority *out)
{
    struct reader r = reader_init(text, false);
    struct reader first = r;
    struct bytes host;
    *out = (struct authority){.port = PORT_DEFAULT};
    if (reader_u8(&first) == '[') {
        reader_u8(&r);
        host = take_until(&r, "]");
        if (reader_u8(&r) != ']' || !address_parse(host, &out->address) || out->address.family != 6)
            return false;
        out->is_address = true;
    } else {
        host = take_until(&r, ":");
        out->is_address = address_parse(host, &out->address);
        if (out->is_address ? out->address.family != 4 : !name_from_wire(host, &out->name))
            return false;
    }
    if (reader_left(&r) == 0)
        return r.state == PARSE_OK;
    uint64_t port;
    if (reader_u8(&r) != ':' || !read_number(rest(&r), &port) || port == 0 || port > UINT16_MAX)
        return false;
    out->port = (uint16_t)port;
    return true;
}

static bool same_authority(const struct authority *a, const struct authority *b)
{
    if (a->is_address != b->is_address || a->port != b->port)
        return false;
    return a->is_address ? address_equal(&a->address, &b->address) : name_equal(&a->name, &b->name);
}

static void set_path(struct bytes path, struct http_request *out)
{
    struct reader r = reader_init(path, false);
    struct bytes plain = take_until(&r, "?");
    size_t len = plain.len < sizeof out->path - 1 ? plain.len : sizeof out->path - 1;
    if (len)
        memcpy(out->path, plain.at, len);
    else
        out->path[len++] = '/';
    out->path[len] = 0;
}

/* RFC 9112 s3.2.  `target` is printable ASCII without space. */
static enum reason read_target(struct bytes target, struct reading *to)
{
    struct http_request *request = &to->head.request;
    struct reader r = reader_init(target, false);
    if (memchr(target.at, '#', target.len)) /* no fragments here: s3.2.1 */
        return REASON_HTTP_MALFORMED;
    if (target.at[0] == '/') {
        set_path(target, request);
        return REASON_NONE;
    }
    if (field_is(target, "*")) { /* s3.2.4: for OPTIONS only */
        memcpy(request->path, "*", 2);
        return strcmp(request->method, "OPTIONS") == 0 ? REASON_NONE : REASON_HTTP_MALFORMED;
    }
    if (!field_is(reader_bytes(&r, 7), "http://"))
        return REASON_HTTP_MALFORMED;
    if (!read_authority(take_until(&r, "/?"), &to->uri))
        return REASON_HTTP_HOST;
    to->has_uri = true;
    set_path(rest(&r), request);
    return REASON_NONE;
}

/* RFC 9112 s3: method SP target SP version.  Methods in use are of capital letters and hyphens. */
static enum reason read_request_line(struct bytes line, struct reading *to)
{
    struct reader r = reader_init(line, false);
    struct bytes method = take_until(&r, " ");
    reader_u8(&r);
    struct bytes target = take_until(&r, " ");
    reader_u8(&r);
    struct bytes version = rest(&r);
    if (method.len == 0 || method.len >= sizeof to->head.request.method || method.at[0] == '-' || target.len == 0)
        return REASON_HTTP_MALFORMED;
    for (size_t i = 0; i < method.len; i++)
        if ((method.at[i] < 'A' || method.at[i] > 'Z') && method.at[i] != '-')
            return REASON_HTTP_MALFORMED;
    for (size_t i = 0; i < target.len; i++)
        if (target.at[i] <= ' ' || target.at[i] >= 0x7f)
            return REASON_HTTP_MALFORMED;
    memcpy(to->head.request.method, method.at, method.len);
    if (field_is(method, "connect") || field_is(method, "pri")) /* RFC 9113 s3.4: HTTP/2's preface */
        return REASON_HTTP_UPGRADE;
    to->http10 = bytes_equal(version, (struct bytes){(const uint8_t *)"HTTP/1.0", 8});
    if (!to->http10 && !bytes_equal(version, (struct bytes){(const uint8_t *)"HTTP/1.1", 8}))
        return REASON_HTTP_MALFORMED;
    return read_target(target, to);
}

/* RFC 9110 s7.6.1: an intermediary removes the fields that are named here, so none that decides may be. */
static enum reason read_connection(struct bytes value)
{
    struct reader list = reader_init(value, false);
    struct bytes option;
    while (field_next_element(&list, &option))
        if (field_resembles(option, "host") || field_resembles(option, "content-length") ||
            field_resembles(option, "transfer-encoding"))
            return REASON_HTTP_MALFORMED;
    return REASON_NONE;
}

/* RFC 9112 s6.1, s6.2: one of them, once, in the one form that every server reads alike. */
static enum reason read_framing(const struct field *f, bool is_length, struct reading *to)
{
    if (to->has_length || to->has_encoding || !f->value_is_plain)
        return REASON_HTTP_LENGTH;
    if (is_length) {
        to->has_length = true;
        to->head.body = HTTP_BODY_LENGTH;
        return read_number(f->value, &to->head.length) ? REASON_NONE : REASON_HTTP_LENGTH;
    }
    to->has_encoding = true;
    to->head.body = HTTP_BODY_CHUNKED;
    bool chunked = bytes_equal(f->value, (struct bytes){(const uint8_t *)"chunked", 7});
    return chunked && !to->http10 ? REASON_NONE : REASON_HTTP_LENGTH;
}

static enum reason read_field(struct bytes line, struct reading *to)
{
    struct field f;
    if (!field_split(line, &f))
        return REASON_HTTP_MALFORMED;
    if (field_is(f.name, "host")) { /* RFC 9112 s3.2 */
        if (to->has_host || !f.value_is_plain || !read_authority(f.value, &to->host))
            return REASON_HTTP_HOST;
        to->has_host = true;
    } else if (field_is(f.name, "content-length")) {
        return read_framing(&f, true, to);
    } else if (field_is(f.name, "transfer-encoding")) {
        return read_framing(&f, false, to);
    } else if (field_resembles(f.name, "content-length") || field_resembles(f.name, "transfer-encoding")) {
        return REASON_HTTP_LENGTH;
    } else if (field_is(f.name, "connection") || field_is(f.name, "proxy-connection")) {
        return read_connection(f.value);
    } else if (field_is(f.name, "upgrade") || field_is(f.name, "http2-settings")) {
        return REASON_HTTP_UPGRADE;
    } else if (field_is(f.name, "expect")) { /* RFC 9110 s10.1.1 */
        if (to->has_expect || !field_is(f.value, "100-continue"))
            return REASON_HTTP_MALFORMED;
        to->has_expect = true;
    }
    return REASON_NONE;
}

/* What can only be said of the whole head. */
static enum reason conclude(struct reading *to)
{
    struct http_request *request = &to->head.request;
    if (!to->has_host || (to->has_uri && !same_authority(&to->host, &to->uri)))
        return REASON_HTTP_HOST;
    if (to->head.body == HTTP_BODY_LENGTH && to->head.length == 0)
        to->head.body = HTTP_BODY_NONE;
    /* RFC 9110 s9.3.1, s9.3.2, s9.3.8: servers differ on whether such a body is read, or is the next request. */
    if (to->head.body != HTTP_BODY_NONE &&
        (strcmp(request->method, "GET") == 0 || strcmp(request->method, "HEAD") == 0 ||
         strcmp(request->method, "TRACE") == 0))
        return REASON_HTTP_LENGTH;
    request->host = to->host.name;
    request->port = to->host.port;
    request->host_is_address = to->host.is_address;
    if (request->host_is_address)
        address_format(&to->host.address, request->address_text);
    return REASON_NONE;
}

enum reason head_parse(struct bytes stream, struct head *out, enum parse *state)
{
    bool cut = stream.len > HTTP_HEAD_MAX;
    struct reader r = reader_init((struct bytes){stream.at, cut ? HTTP_HEAD_MAX : stream.len}, true);
    struct reading got = {0};
    enum reason reason = REASON_NONE;
    for (bool first = true; reason == REASON_NONE; first = false) {
        struct bytes line = field_line(&r);
        if (r.state != PARSE_OK)
            break;
        if (first)
            reason = read_request_line(line, &got);
        else if (line.len > 0)
            reason = read_field(line, &got);
        else {
            reason = conclude(&got);
            break;
        }
    }
    if (r.state == PARSE_MALFORMED)
        reason = REASON_HTTP_MALFORMED;
    if (r.state == PARSE_NEED_MORE && stream.len >= HTTP_HEAD_MAX)
        reason = REASON_TCP_TOO_LONG;
    *state = reason == REASON_NONE ? r.state : PARSE_MALFORMED;
    if (*state == PARSE_OK) {
        got.head.consumed = (cut ? HTTP_HEAD_MAX : stream.len) - reader_left(&r);
        *out = got.head;
    }
    return reason;
}
