/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "http/head.h"

#include <string.h>

#include "core/address.h"
#include "http/field.h"

enum { PORT_HTTP = 80, PORT_CONNECT = 443, KEY_LEN = 24 };

/* Host and port of a Host field or an absolute URI. */
struct authority {
    struct name name;
    bool is_address;
    struct address address;
    bool has_port;
    uint16_t port;
};

/* What has been read of a head. */
struct reading {
    bool proxy; /* the connection is one to a proxy */
    bool http10, has_host, has_uri, has_length, has_encoding, has_expect;
    bool websocket, connection_upgrade, has_key, has_version; /* RFC 6455 s4.1 */
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

/* RFC 9110 s4.2.1, s7.2: host with an optional port, no userinfo.  An address literal is one, or it is refused. */
static bool read_authority(struct bytes text, struct authority *out)
{
    struct reader r = reader_init(text, false);
    struct reader first = r;
    struct bytes host;
    *out = (struct authority){.port = PORT_HTTP};
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
    if (reader_u8(&r) != ':' || !field_number(rest(&r), &port) || port == 0 || port > UINT16_MAX)
        return false;
    out->port = (uint16_t)port;
    out->has_port = true;
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

/* RFC 9112 s3.2.2: "http://", then what follows here. */
static enum reason read_uri(struct bytes uri, struct reading *to)
{
    struct reader r = reader_init(uri, false);
    reader_bytes(&r, 7);
    if (!read_authority(take_until(&r, "/?"), &to->uri))
        return REASON_HTTP_HOST;
    to->has_uri = true;
    to->head.request.form = HTTP_FORM_ABSOLUTE;
    set_path(rest(&r), &to->head.request);
    return REASON_NONE;
}

/* What a proxy is asked for (RFC 9112 s3.2.2, s3.2.3): CONNECT host:port, or an absolute http:// URI. */
static enum reason read_proxy_target(struct bytes target, struct reading *to)
{
    struct reader r = reader_init(target, false);
    if (strcmp(to->head.request.method, "CONNECT") != 0)
        return field_is(reader_bytes(&r, 7), "http://") ? read_uri(target, to) : REASON_PROXY_FORM;
    if (!read_authority(target, &to->uri) || !to->uri.has_port)
        return REASON_HTTP_HOST;
    to->has_uri = true;
    to->head.request.form = HTTP_FORM_CONNECT;
    return REASON_NONE;
}

/* RFC 9112 s3.2.  `target` is printable ASCII without space. */
static enum reason read_target(struct bytes target, struct reading *to)
{
    struct http_request *request = &to->head.request;
    struct reader r = reader_init(target, false);
    if (memchr(target.at, '#', target.len)) /* no fragments here: s3.2.1 */
        return REASON_HTTP_MALFORMED;
    if (to->proxy)
        return read_proxy_target(target, to);
    if (target.at[0] == '/') {
        set_path(target, request);
        return REASON_NONE;
    }
    if (field_is(target, "*")) { /* s3.2.4: for OPTIONS only */
        memcpy(request->path, "*", 2);
        return strcmp(request->method, "OPTIONS") == 0 ? REASON_NONE : REASON_HTTP_MALFORMED;
    }
    return field_is(reader_bytes(&r, 7), "http://") ? read_uri(target, to) : REASON_HTTP_MALFORMED;
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
    if (field_is(method, "pri")) /* RFC 9113 s3.4: HTTP/2's preface */
        return REASON_HTTP_2;
    if (!to->proxy && field_is(method, "connect"))
        return REASON_HTTP_CONNECT;
    to->http10 = bytes_equal(version, (struct bytes){(const uint8_t *)"HTTP/1.0", 8});
    if (!to->http10 && !bytes_equal(version, (struct bytes){(const uint8_t *)"HTTP/1.1", 8}))
        return REASON_HTTP_MALFORMED;
    return read_target(target, to);
}

/* RFC 9110 s7.6.1: an intermediary removes the fields that are named here, so none that decides may be. */
static enum reason read_connection(struct bytes value, struct reading *to)
{
    struct reader list = reader_init(value, false);
    struct bytes option;
    while (field_next_element(&list, &option)) {
        to->connection_upgrade = to->connection_upgrade || field_is(option, "upgrade");
        if (field_resembles(option, "host") || field_resembles(option, "content-length") ||
            field_resembles(option, "transfer-encoding"))
            return REASON_HTTP_MALFORMED;
    }
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
        return field_number(f->value, &to->head.length) ? REASON_NONE : REASON_HTTP_LENGTH;
    }
    to->has_encoding = true;
    to->head.body = HTTP_BODY_CHUNKED;
    bool chunked = bytes_equal(f->value, (struct bytes){(const uint8_t *)"chunked", 7});
    return chunked && !to->http10 ? REASON_NONE : REASON_HTTP_LENGTH;
}

/* RFC 9110 s7.8: WebSocket alone is passed on to be judged. */
static enum reason read_upgrade(struct bytes value, struct reading *to)
{
    struct reader list = reader_init(value, false);
    struct bytes protocol;
    while (field_next_element(&list, &protocol))
        if (field_is(protocol, "h2c"))
            return REASON_HTTP_H2C;
    if (to->websocket || !field_is(value, "websocket"))
        return REASON_HTTP_UPGRADE;
    to->websocket = true;
    return REASON_NONE;
}

static enum reason read_field(struct bytes line, struct reading *to)
{
    struct field f;
    if (!field_split(line, &f))
        return line.at[0] == ' ' || line.at[0] == '\t' ? REASON_HTTP_FOLD : REASON_HTTP_MALFORMED;
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
        return read_connection(f.value, to);
    } else if (field_is(f.name, "http2-settings")) { /* what is left of an offer that could not be masked */
        return REASON_HTTP_H2C;
    } else if (field_is(f.name, "upgrade")) {
        return read_upgrade(f.value, to);
    } else if (field_is(f.name, "sec-websocket-key")) {
        if (to->has_key || f.value.len != KEY_LEN)
            return REASON_HTTP_UPGRADE;
        to->has_key = true;
    } else if (field_is(f.name, "sec-websocket-version")) {
        if (to->has_version || !field_is(f.value, "13"))
            return REASON_HTTP_UPGRADE;
        to->has_version = true;
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
    /* RFC 9112 s3.2: with a target of its own Host says the same once more; proxies are asked without it, too. */
    if (!to->has_host && !(to->proxy && to->has_uri))
        return REASON_HTTP_HOST;
    if (request->form == HTTP_FORM_CONNECT && !to->host.has_port)
        to->host.port = PORT_CONNECT;
    if (!to->has_host)
        to->host = to->uri;
    if (to->has_uri && !same_authority(&to->host, &to->uri))
        return REASON_HTTP_HOST_DIFFERS;
    if (to->head.body == HTTP_BODY_LENGTH && to->head.length == 0)
        to->head.body = HTTP_BODY_NONE;
    /* RFC 9110 s9.3.1, s9.3.2, s9.3.8: servers differ on whether such a body is read, or is the next request. */
    if (to->head.body != HTTP_BODY_NONE &&
        (strcmp(request->method, "GET") == 0 || strcmp(request->method, "HEAD") == 0 ||
         strcmp(request->method, "TRACE") == 0 || request->form == HTTP_FORM_CONNECT))
        return REASON_HTTP_BODY;
    if (to->websocket && (strcmp(request->method, "GET") != 0 || to->http10 || !to->connection_upgrade ||
                          !to->has_key || !to->has_version || to->has_expect))
        return REASON_HTTP_UPGRADE;
    request->websocket = to->websocket;
    request->host = to->host.name;
    request->port = to->host.port;
    request->host_is_address = to->host.is_address;
    if (request->host_is_address)
        address_format(&to->host.address, request->address_text);
    return REASON_NONE;
}

/* What is wrong with a line that field_line did not take. */
static enum reason line_fault(struct bytes stream)
{
    struct reader r = reader_init(stream, false);
    uint8_t before = 0;
    while (reader_left(&r)) {
        uint8_t c = reader_u8(&r);
        if ((before == '\r') != (c == '\n'))
            return REASON_HTTP_BARE_LF;
        if (c != '\r' && c != '\n' && c != '\t' && (c < ' ' || c == 0x7f))
            break;
        before = c;
    }
    return REASON_HTTP_MALFORMED;
}

enum reason head_parse(struct bytes stream, bool proxy, struct head *out, enum parse *state)
{
    bool cut = stream.len > HTTP_HEAD_MAX;
    struct reader r = reader_init((struct bytes){stream.at, cut ? HTTP_HEAD_MAX : stream.len}, true);
    struct reading got = {.proxy = proxy};
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
        reason = line_fault(stream);
    if (r.state == PARSE_NEED_MORE && stream.len >= HTTP_HEAD_MAX)
        reason = REASON_TCP_TOO_LONG;
    *state = reason == REASON_NONE ? r.state : PARSE_MALFORMED;
    if (*state == PARSE_OK) {
        got.head.consumed = (cut ? HTTP_HEAD_MAX : stream.len) - reader_left(&r);
        *out = got.head;
    }
    return reason;
}
