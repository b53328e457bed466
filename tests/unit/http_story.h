/* SPDX-License-Identifier: GPL-3.0-or-later */
/* For tests of http/request: what a connection's bytes come to, however they arrive. */
#ifndef SLUICE_TESTS_UNIT_HTTP_STORY_H
#define SLUICE_TESTS_UNIT_HTTP_STORY_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "http/request.h"

#define H    "Host: a.b\r\n"
#define N    REASON_NONE
#define BAD  REASON_HTTP_MALFORMED
#define HOST REASON_HTTP_HOST
#define LEN  REASON_HTTP_LENGTH
#define UP   REASON_HTTP_UPGRADE
#define LF   REASON_HTTP_BARE_LF
#define FOLD REASON_HTTP_FOLD
#define CHNK REASON_HTTP_CHUNK
#define DIFF REASON_HTTP_HOST_DIFFERS

#define KEY "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
#define WS(method, version, upgrade, connection, more) \
    method " / " version "\r\n" H "Upgrade: " upgrade "\r\nConnection: " connection "\r\n" more "\r\n"

/* What a connection's bytes come to: a line for each request, the released bytes, and the end. */
struct story {
    char text[4096];
    size_t text_len, released;
    enum reason reason;
    bool waits; /* in a head, or a body that is not whole */
};

static inline void tell(struct story *t, const struct http_request *q)
{
    t->text_len += (size_t)snprintf(t->text + t->text_len, sizeof t->text - t->text_len, "%s %s%s:%u %s;", q->method,
                                    q->host.text, q->host_is_address ? q->address_text : "", q->port, q->path);
}

/* Feeds `len` bytes that arrive `step` at a time; the buffer is a copy of the exact size. */
static inline struct story feed(const void *bytes, size_t len, size_t step)
{
    struct story t = {.waits = true};
    struct http_stream s;
    http_stream_init(&s);
    size_t have = 0;
    while (have < len && t.reason == REASON_NONE) {
        have = len - have > step ? have + step : len;
        for (enum http_step what = HTTP_RELEASE; what != HTTP_NEED_MORE && t.reason == REASON_NONE;) {
            size_t left = have - t.released, consumed;
            uint8_t *copy = malloc(left ? left : 1);
            memcpy(copy, (const uint8_t *)bytes + t.released, left);
            struct http_request q;
            what = http_stream_feed(&s, (struct bytes){copy, left}, &q, &consumed);
            free(copy);
            assert_true(consumed <= left);
            assert_true((what == HTTP_REQUEST || what == HTTP_RELEASE) == (consumed > 0));
            t.released += consumed;
            if (what == HTTP_REQUEST)
                tell(&t, &q);
            if (what == HTTP_REFUSE) {
                t.reason = s.reason;
                assert_int_not_equal(s.reason, REASON_NONE);
            }
        }
    }
    t.waits = t.reason == REASON_NONE && (s.at != HTTP_HEAD || t.released < len);
    return t;
}

#endif
