/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The head of a server's answer, as far as it decides what the client's next bytes are: did it agree to a tunnel or an
 * upgrade, and where does the answer end (RFC 9112 s4, s6.3)?  Pure, no allocation, any thread. */
#ifndef SLUICE_HTTP_ANSWER_H
#define SLUICE_HTTP_ANSWER_H

#include "http/request.h"

struct http_answer {
    unsigned status;
    bool framed; /* body and length say where it ends; else only the connection's end does, or nobody can tell */
    enum http_body body;
    uint64_t length; /* HTTP_BODY_LENGTH */
    size_t consumed; /* of the stream: the head with its empty line */
};

/* `stream` starts with the head and may go on behind it; a head is at most HTTP_HEAD_MAX bytes.  *out is set on OK. */
enum parse http_answer_parse(struct bytes stream, struct http_answer *out);

#endif
