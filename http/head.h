/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One request head of HTTP/1, from the request line to the empty line, and how its body is framed (RFC 9112 s3, s5,
 * s6).  Pure, no allocation, any thread; read line by line, so that a refusal is the same at every split. */
#ifndef SLUICE_HTTP_HEAD_H
#define SLUICE_HTTP_HEAD_H

#include "http/request.h"

struct head {
    struct http_request request;
    enum http_body body;
    uint64_t length; /* HTTP_BODY_LENGTH */
    size_t consumed; /* of the stream: the head with its empty line */
};

/* `proxy`: the connection is one to a proxy, which is asked by CONNECT or an absolute URI.  `stream` starts with the
 * head and may go on behind it.  REASON_NONE with *state PARSE_OK: *out is whole; with PARSE_NEED_MORE: the head is not
 * whole.  Otherwise why it is refused, and *state PARSE_MALFORMED. */
enum reason head_parse(struct bytes stream, bool proxy, struct head *out, enum parse *state);

#endif
