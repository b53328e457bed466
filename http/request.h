/* SPDX-License-Identifier: GPL-3.0-or-later */
/* HTTP/1 requests of one connection, client to server, read in the strictest way (RFC 9110, RFC 9112).
 *
 * A machine over a byte stream: feed it the client's bytes in order; it says how far the bytes may be released.  Bytes
 * are released only when the head that they belong to is whole and was allowed; bodies follow their length exactly.
 * Fixed memory: a head is at most HTTP_HEAD_MAX bytes and stays in the caller's buffer until it is whole.
 * No allocation, any thread. */
#ifndef SLUICE_HTTP_REQUEST_H
#define SLUICE_HTTP_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/bytes.h"
#include "core/name.h"
#include "core/reason.h"

#define HTTP_HEAD_MAX 16384

enum http_form { HTTP_FORM_ORIGIN, HTTP_FORM_ABSOLUTE, HTTP_FORM_CONNECT }; /* RFC 9112 s3.2 */

/* A request head, whole. */
struct http_request {
    char method[24];
    enum http_form form;
    bool websocket; /* asks for an upgrade to WebSocket (RFC 6455 s4.1) */
    struct name host;
    uint16_t port;        /* of Host, the absolute URI or CONNECT's target; 80 when absent */
    char path[256];       /* without the query, cut, printable; CONNECT: empty */
    bool host_is_address; /* an IP literal; then address_text holds it, host is empty */
    char address_text[46];
};

enum http_body { HTTP_BODY_NONE, HTTP_BODY_LENGTH, HTTP_BODY_CHUNKED };

struct http_stream {
    enum http_at {
        HTTP_HEAD,
        HTTP_BODY,
        HTTP_CHUNK_SIZE,
        HTTP_CHUNK_DATA,
        HTTP_CHUNK_END,
        HTTP_TRAILER,
        HTTP_AWAIT, /* behind CONNECT or an upgrade: the answer decides what the next bytes are */
        HTTP_FAILED
    } at;
    bool proxy;         /* set after init: the connection is one to a proxy */
    uint64_t left;      /* of the body or the chunk */
    uint32_t line;      /* bytes of the chunk-size line or trailer read so far */
    uint32_t digits;    /* of the chunk size */
    uint8_t last;       /* the byte before, inside lines */
    enum reason reason; /* HTTP_FAILED: why */
};

void http_stream_init(struct http_stream *s);

/* Behind CONNECT or an upgrade that the server did not agree to: the next request is read. */
void http_stream_resume(struct http_stream *s);

/* For a message whose head was read elsewhere (http/answer): its body comes next; then s->at is HTTP_HEAD. */
void http_stream_body(struct http_stream *s, enum http_body body, uint64_t length);

/* Could these first bytes (1 or more) start an HTTP/1 request?  An upper-case letter (token) does. */
bool http_is_http(uint8_t first_byte);

enum http_step {
    HTTP_NEED_MORE, /* hold: in a head that is not whole */
    HTTP_REQUEST,   /* *request is whole; the caller decides; then calls again with the bytes behind `consumed`.
                     * Behind CONNECT and request->websocket everything is NEED_MORE until http_stream_resume */
    HTTP_RELEASE,   /* `consumed` bytes of a body, all data or all framing, may go; call again with the rest */
    HTTP_REFUSE,    /* s->reason says why; nothing more of this connection may go */
};

/* `stream`: the client's bytes not yet consumed, in order.  On HTTP_REQUEST and HTTP_RELEASE *consumed bytes are done
 * (HTTP_REQUEST: the head).  `stream` empty: NEED_MORE.
 * Refused: no, several or list Host; a Host that differs from the absolute URI's; userinfo; obs-fold; space before a
 * colon; bare LF or CR; NUL; control bytes; bytes >= 0x80 in names and the request line; more than one space in the
 * request line; a version other than HTTP/1.0 and HTTP/1.1; Content-Length repeated, signed, with leading zeros, with
 * Transfer-Encoding, or too large; Transfer-Encoding other than exactly "chunked"; Transfer-Encoding in HTTP/1.0; names
 * that differ from those two in punctuation only (Content_Length); Connection options that name them or Host; a body
 * with GET, HEAD, TRACE or CONNECT (RFC 9110 s9.3.1); an expectation other than 100-continue; CONNECT, unless s->proxy;
 * then everything but CONNECT and absolute http:// URIs; Upgrade other than a whole WebSocket one (and h2c, if
 * http_mask_h2c did not take it out); PRI; chunk extensions longer than 256 or quoted;
 * trailers that frame or route. The sequence of requests and the number of bytes released are the same at every split.
 * A refusal shows as soon as its first byte is there; body bytes in front of it are released first, so a RELEASE may be
 * followed by a REFUSE. */
enum http_step http_stream_feed(struct http_stream *s, struct bytes stream, struct http_request *request,
                                size_t *consumed);

/* The next piece is data of a body, which nobody reads as anything else; false: framing (chunk sizes, trailers) or a
 * head, whose bytes decide what those behind them are. */
bool http_stream_in_data(const struct http_stream *s);

/* An offer of h2c (Java's HttpClient makes one on every plain request) is made harmless in place before the head is
 * judged: Upgrade becomes X-Slc-U, HTTP2-Settings becomes X-Slc-Settings, and so do the `Connection` options that name
 * them.  Only in a whole head with one Upgrade that is exactly "h2c".  Returns true if it changed something.
 * `head`: the client's bytes from the head's first on, writable; bytes behind the head are left alone; where the head
 * is not whole yet, nothing is changed: call again when it has grown, before http_stream_feed. */
bool http_mask_h2c(uint8_t *head, size_t len);

#endif
