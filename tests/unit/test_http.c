/* SPDX-License-Identifier: GPL-3.0-or-later */
/* http/request: RFC 9112, RFC 9110; RESEARCH s2 rows 62-67; the request smuggling catalogue. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "http/answer.h"
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

/* What a connection's bytes come to: a line for each request, the released bytes, and the end. */
struct story {
    char text[4096];
    size_t text_len, released;
    enum reason reason;
    bool waits; /* in a head, or a body that is not whole */
};

static void tell(struct story *t, const struct http_request *q)
{
    t->text_len += (size_t)snprintf(t->text + t->text_len, sizeof t->text - t->text_len, "%s %s%s:%u %s;", q->method,
                                    q->host.text, q->host_is_address ? q->address_text : "", q->port, q->path);
}

/* Feeds `len` bytes that arrive `step` at a time; the buffer is a copy of the exact size. */
static struct story feed(const void *bytes, size_t len, size_t step)
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

#define KEY "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
#define WS(method, version, upgrade, connection, more) \
    method " / " version "\r\n" H "Upgrade: " upgrade "\r\nConnection: " connection "\r\n" more "\r\n"

static const struct {
    const char *what, *head;
    enum reason reason;
} heads[] = {
    {"a request", "GET / HTTP/1.1\r\n" H "\r\n", N},
    {"HTTP/1.0", "GET / HTTP/1.0\r\n" H "\r\n", N},
    /* RFC 9112 s2.2: message parsing */
    {"s2.2: CRLF in front", "\r\nGET / HTTP/1.1\r\n" H "\r\n", BAD},
    {"s2.2: bare LF lines", "GET / HTTP/1.1\nHost: a.b\n\n", LF},
    {"s2.2: bare LF in a value", "GET / HTTP/1.1\r\n" H "X: a\nContent-Length: 5\r\n\r\n", LF},
    {"s2.2: bare CR in a value", "GET / HTTP/1.1\r\n" H "X: a\rContent-Length: 5\r\n\r\n", LF},
    {"s2.2: CR CR LF", "GET / HTTP/1.1\r\r\n" H "\r\n", LF},
    {"s2.2: empty line of LF", "GET / HTTP/1.1\r\n" H "\n", LF},
    {"s2.2: space before the first field", "GET / HTTP/1.1\r\n " H "\r\n", FOLD},
    /* RFC 9112 s3: request line */
    {"s3: two spaces", "GET  / HTTP/1.1\r\n" H "\r\n", BAD},
    {"s3: two spaces before the version", "GET /  HTTP/1.1\r\n" H "\r\n", BAD},
    {"s3: a tab", "GET\t/ HTTP/1.1\r\n" H "\r\n", BAD},
    {"s3: space behind", "GET / HTTP/1.1 \r\n" H "\r\n", BAD},
    {"s3: space in front", " GET / HTTP/1.1\r\n" H "\r\n", BAD},
    {"s3: a space in the target", "GET /a b HTTP/1.1\r\n" H "\r\n", BAD},
    {"s3: HTTP/0.9", "GET /\r\n", BAD},
    {"s3: no target", "GET HTTP/1.1\r\n", BAD},
    {"s3: UTF-8 in the target", "GET /\xc3\xa9 HTTP/1.1\r\n", BAD},
    {"s3: a form feed", "GET /\f HTTP/1.1\r\n", BAD},
    {"s3.1: lower case", "get / HTTP/1.1\r\n" H "\r\n", BAD},
    {"s3.1: no method", " / HTTP/1.1\r\n" H "\r\n", BAD},
    {"s3.1: a method with a colon", "G:T / HTTP/1.1\r\n" H "\r\n", BAD},
    {"s3.1: a method of 23 letters", "ABCDEFGHIJKLMNOPQRSTUVW / HTTP/1.1\r\n" H "\r\n", N},
    {"s3.1: a method of 24 letters", "ABCDEFGHIJKLMNOPQRSTUVWX / HTTP/1.1\r\n" H "\r\n", BAD},
    {"RFC 3744: a hyphen", "M-SEARCH / HTTP/1.1\r\n" H "\r\n", N},
    {"s2.3: HTTP/2.0", "GET / HTTP/2.0\r\n" H "\r\n", BAD},
    {"s2.3: HTTP/1.2", "GET / HTTP/1.2\r\n" H "\r\n", BAD},
    {"s2.3: HTTP/1.10", "GET / HTTP/1.10\r\n" H "\r\n", BAD},
    {"s2.3: http/1.1", "GET / http/1.1\r\n" H "\r\n", BAD},
    {"s2.3: HTTP/01.1", "GET / HTTP/01.1\r\n" H "\r\n", BAD},
    {"RFC 9113 s3.4: the preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", REASON_HTTP_2},
    /* RFC 9112 s3.2: targets */
    {"s3.2.1: a fragment", "GET /a#b HTTP/1.1\r\n" H "\r\n", BAD},
    {"s3.2.2: absolute", "GET http://a.b/x HTTP/1.1\r\n" H "\r\n", N},
    {"s3.2.2: absolute, other case, port 80", "GET HTTP://A.B:80/x HTTP/1.1\r\n" H "\r\n", N},
    {"s3.2.2: another host", "GET http://c.d/x HTTP/1.1\r\n" H "\r\n", DIFF},
    {"s3.2.2: another port", "GET http://a.b:81/x HTTP/1.1\r\n" H "\r\n", DIFF},
    {"s3.2.2: no Host", "GET http://a.b/x HTTP/1.1\r\n\r\n", HOST},
    {"s3.2.2: no host", "GET http:///x HTTP/1.1\r\n" H "\r\n", HOST},
    {"s3.2.2: a backslash in the host", "GET http://a.b\\x/ HTTP/1.1\r\n" H "\r\n", HOST},
    {"s3.2.2: https", "GET https://a.b/x HTTP/1.1\r\n" H "\r\n", BAD},
    {"s3.2.2: ftp", "GET ftp://a.b/x HTTP/1.1\r\n" H "\r\n", BAD},
    {"RFC 9110 s4.2.4: userinfo", "GET http://u@a.b/x HTTP/1.1\r\n" H "\r\n", HOST},
    {"RFC 9110 s4.2.4: userinfo that looks like the host", "GET http://a.b:80@c.d/ HTTP/1.1\r\n" H "\r\n", HOST},
    {"s3.2.3: CONNECT", "CONNECT a.b:443 HTTP/1.1\r\n" H "\r\n", REASON_HTTP_CONNECT},
    {"s3.2.3: authority with GET", "GET a.b:80 HTTP/1.1\r\n" H "\r\n", BAD},
    {"s3.2.4: asterisk", "OPTIONS * HTTP/1.1\r\n" H "\r\n", N},
    {"s3.2.4: asterisk with GET", "GET * HTTP/1.1\r\n" H "\r\n", BAD},
    /* RFC 9112 s3.2, RFC 9110 s7.2: Host */
    {"no Host", "GET / HTTP/1.1\r\n\r\n", HOST},
    {"no Host in HTTP/1.0", "GET / HTTP/1.0\r\n\r\n", HOST},
    {"Host twice", "GET / HTTP/1.1\r\n" H "Host: c.d\r\n\r\n", HOST},
    {"Host twice, the same", "GET / HTTP/1.1\r\n" H H "\r\n", HOST},
    {"Host twice, other case", "GET / HTTP/1.1\r\n" H "hOST: a.b\r\n\r\n", HOST},
    {"a list", "GET / HTTP/1.1\r\nHost: a.b, c.d\r\n\r\n", HOST},
    {"two by space", "GET / HTTP/1.1\r\nHost: a.b c.d\r\n\r\n", HOST},
    {"empty", "GET / HTTP/1.1\r\nHost: \r\n\r\n", HOST},
    {"userinfo", "GET / HTTP/1.1\r\nHost: u@a.b\r\n\r\n", HOST},
    {"a path", "GET / HTTP/1.1\r\nHost: a.b/c.d\r\n\r\n", HOST},
    {"trailing dot", "GET / HTTP/1.1\r\nHost: a.b.\r\n\r\n", HOST},
    {"a tab in front", "GET / HTTP/1.1\r\nHost:\ta.b\r\n\r\n", HOST},
    {"a space behind", "GET / HTTP/1.1\r\nHost: a.b \r\n\r\n", HOST},
    {"no space in front", "GET / HTTP/1.1\r\nHost:a.b\r\n\r\n", N},
    {"UTF-8", "GET / HTTP/1.1\r\nHost: a.\xc3\xa9\r\n\r\n", HOST},
    {"escaped", "GET / HTTP/1.1\r\nHost: a.%62\r\n\r\n", HOST},
    {"port empty", "GET / HTTP/1.1\r\nHost: a.b:\r\n\r\n", HOST},
    {"port 0", "GET / HTTP/1.1\r\nHost: a.b:0\r\n\r\n", HOST},
    {"port 65536", "GET / HTTP/1.1\r\nHost: a.b:65536\r\n\r\n", HOST},
    {"port 65535", "GET / HTTP/1.1\r\nHost: a.b:65535\r\n\r\n", N},
    {"port 080", "GET / HTTP/1.1\r\nHost: a.b:080\r\n\r\n", HOST},
    {"port +80", "GET / HTTP/1.1\r\nHost: a.b:+80\r\n\r\n", HOST},
    {"port of letters", "GET / HTTP/1.1\r\nHost: a.b:@c.d\r\n\r\n", HOST},
    {"IPv4", "GET / HTTP/1.1\r\nHost: 192.0.2.1\r\n\r\n", N},
    {"IPv4 in octal", "GET / HTTP/1.1\r\nHost: 0300.0.2.1\r\n\r\n", HOST},
    {"IPv4 as one number", "GET / HTTP/1.1\r\nHost: 3221225985\r\n\r\n", HOST},
    {"IPv6", "GET / HTTP/1.1\r\nHost: [2001:db8::1]:8080\r\n\r\n", N},
    {"IPv6 without brackets", "GET / HTTP/1.1\r\nHost: 2001:db8::1\r\n\r\n", HOST},
    {"IPv6 with a zone", "GET / HTTP/1.1\r\nHost: [fe80::1%25eth0]\r\n\r\n", HOST},
    {"IPv4 in brackets", "GET / HTTP/1.1\r\nHost: [192.0.2.1]\r\n\r\n", HOST},
    {"bytes behind the brackets", "GET / HTTP/1.1\r\nHost: [::1]a.b\r\n\r\n", HOST},
    {"brackets not closed", "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", HOST},
    /* RFC 9112 s5: fields */
    {"s5.1: space before the colon", "GET / HTTP/1.1\r\nHost : a.b\r\n\r\n", BAD},
    {"s5.1: tab before the colon", "GET / HTTP/1.1\r\n" H "X\t: y\r\n\r\n", BAD},
    {"s5.1: no colon", "GET / HTTP/1.1\r\n" H "Xy\r\n\r\n", BAD},
    {"s5.1: no name", "GET / HTTP/1.1\r\n" H ": y\r\n\r\n", BAD},
    {"s5.1: a name of UTF-8", "GET / HTTP/1.1\r\n" H "X\xc3\xa9: y\r\n\r\n", BAD},
    {"s5.1: a name with a parenthesis", "GET / HTTP/1.1\r\n" H "X(: y\r\n\r\n", BAD},
    {"s5.1: an empty value", "GET / HTTP/1.1\r\n" H "X:\r\n\r\n", N},
    {"RFC 9110 s5.5: obs-text in a value", "GET / HTTP/1.1\r\n" H "X: \xc3\xa9\r\n\r\n", N},
    {"RFC 9110 s5.5: a tab in a value", "GET / HTTP/1.1\r\n" H "X: a\tb\r\n\r\n", N},
    {"RFC 9110 s5.5: DEL in a value", "GET / HTTP/1.1\r\n" H "X: a\x7f\r\n\r\n", BAD},
    {"RFC 9110 s5.5: vertical tab", "GET / HTTP/1.1\r\n" H "Transfer-Encoding:\vchunked\r\n\r\n", BAD},
    {"s5.2: obs-fold", "GET / HTTP/1.1\r\nHost: a.b\r\n c.d\r\n\r\n", FOLD},
    {"s5.2: obs-fold with a tab", "GET / HTTP/1.1\r\n" H "X: y\r\n\tz\r\n\r\n", FOLD},
    {"s5.2: a folded coding", "POST / HTTP/1.1\r\n" H "Transfer-Encoding:\r\n chunked\r\n\r\n", LEN},
    /* RFC 9112 s6: framing */
    {"s6.2: length", "POST / HTTP/1.1\r\n" H "Content-Length: 0\r\n\r\n", N},
    {"s6.2: twice, the same", "POST / HTTP/1.1\r\n" H "Content-Length: 5\r\nContent-Length: 5\r\n\r\n", LEN},
    {"s6.2: twice, different", "POST / HTTP/1.1\r\n" H "Content-Length: 5\r\nContent-Length: 6\r\n\r\n", LEN},
    {"s6.2: a list", "POST / HTTP/1.1\r\n" H "Content-Length: 5, 5\r\n\r\n", LEN},
    {"s6.2: signed", "POST / HTTP/1.1\r\n" H "Content-Length: +5\r\n\r\n", LEN},
    {"s6.2: negative", "POST / HTTP/1.1\r\n" H "Content-Length: -5\r\n\r\n", LEN},
    {"s6.2: hexadecimal", "POST / HTTP/1.1\r\n" H "Content-Length: 0x5\r\n\r\n", LEN},
    {"s6.2: leading zero (octal?)", "POST / HTTP/1.1\r\n" H "Content-Length: 010\r\n\r\n", LEN},
    {"s6.2: a fraction", "POST / HTTP/1.1\r\n" H "Content-Length: 5.0\r\n\r\n", LEN},
    {"s6.2: an exponent", "POST / HTTP/1.1\r\n" H "Content-Length: 1e3\r\n\r\n", LEN},
    {"s6.2: empty", "POST / HTTP/1.1\r\n" H "Content-Length:\r\n\r\n", LEN},
    {"s6.2: space inside", "POST / HTTP/1.1\r\n" H "Content-Length: 5 0\r\n\r\n", LEN},
    {"s6.2: space behind", "POST / HTTP/1.1\r\n" H "Content-Length: 5 \r\n\r\n", LEN},
    {"s6.2: a tab in front", "POST / HTTP/1.1\r\n" H "Content-Length:\t5\r\n\r\n", LEN},
    {"s6.2: 2^64", "POST / HTTP/1.1\r\n" H "Content-Length: 18446744073709551616\r\n\r\n", LEN},
    {"s6.2: 18 digits", "POST / HTTP/1.1\r\n" H "Content-Length: 999999999999999999\r\n\r\n", N},
    {"s6.1: CL.TE", "POST / HTTP/1.1\r\n" H "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", LEN},
    {"s6.1: TE.CL", "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n", LEN},
    {"s6.1: TE.TE", "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n", LEN},
    {"s6.1: twice chunked", "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n",
     LEN},
    {"s6.1: TE in HTTP/1.0", "POST / HTTP/1.0\r\n" H "Transfer-Encoding: chunked\r\n\r\n", LEN},
    {"s6.1: space before the colon", "POST / HTTP/1.1\r\n" H "Transfer-Encoding : chunked\r\n\r\n", BAD},
    {"s6.1: xchunked", "POST / HTTP/1.1\r\n" H "Transfer-Encoding: xchunked\r\n\r\n", LEN},
    {"s6.1: Chunked", "POST / HTTP/1.1\r\n" H "Transfer-Encoding: Chunked\r\n\r\n", LEN},
    {"s6.1: quoted", "POST / HTTP/1.1\r\n" H "Transfer-Encoding: \"chunked\"\r\n\r\n", LEN},
    {"s6.1: a tab in front", "POST / HTTP/1.1\r\n" H "Transfer-Encoding:\tchunked\r\n\r\n", LEN},
    {"s6.1: space behind", "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked \r\n\r\n", LEN},
    {"s6.1: gzip, chunked", "POST / HTTP/1.1\r\n" H "Transfer-Encoding: gzip, chunked\r\n\r\n", LEN},
    {"s6.1: identity", "POST / HTTP/1.1\r\n" H "Transfer-Encoding: identity\r\n\r\n", LEN},
    {"s6.1: chunked, identity", "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked, identity\r\n\r\n", LEN},
    {"s6.1: a comma", "POST / HTTP/1.1\r\n" H "Transfer-Encoding: ,chunked\r\n\r\n", LEN},
    {"a name with an underscore (CGI)", "POST / HTTP/1.1\r\n" H "Transfer_Encoding: chunked\r\n\r\n", LEN},
    {"a name with a dot", "POST / HTTP/1.1\r\n" H "Content.Length: 5\r\n\r\n", LEN},
    {"a longer name is another", "POST / HTTP/1.1\r\n" H "X-Content-Length: 5\r\n\r\n", N},
    {"RFC 9110 s7.6.1: Connection names the coding",
     "GET / HTTP/1.1\r\n" H "Connection: close, transfer-encoding\r\n\r\n", BAD},
    {"RFC 9110 s7.6.1: Connection names Host", "GET / HTTP/1.1\r\n" H "Connection: ,Host\r\n\r\n", BAD},
    {"RFC 9110 s7.6.1: keep-alive", "GET / HTTP/1.1\r\n" H "Connection: keep-alive\r\n\r\n", N},
    {"RFC 9110 s9.3.1: GET with a body", "GET / HTTP/1.1\r\n" H "Content-Length: 5\r\n\r\n", REASON_HTTP_BODY},
    {"RFC 9110 s9.3.1: GET with length 0", "GET / HTTP/1.1\r\n" H "Content-Length: 0\r\n\r\n", N},
    {"RFC 9110 s9.3.2: HEAD with chunks", "HEAD / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n",
     REASON_HTTP_BODY},
    {"RFC 9110 s10.1.1: an expectation", "PUT / HTTP/1.1\r\n" H "Expect: 100-continue\r\n\r\n", N},
    {"RFC 9110 s10.1.1: another one", "PUT / HTTP/1.1\r\n" H "Expect: y 100-continue\r\n\r\n", BAD},
    {"RFC 9110 s10.1.1: twice", "PUT / HTTP/1.1\r\n" H "Expect: 100-continue\r\nExpect: 100-continue\r\n\r\n", BAD},
    /* RFC 9110 s7.8 */
    {"Upgrade: websocket, without the rest", "GET / HTTP/1.1\r\n" H "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
     UP},
    {"RFC 6455 s4.1: WebSocket", WS("GET", "HTTP/1.1", "websocket", "Upgrade", KEY "Sec-WebSocket-Version: 13\r\n"), N},
    {"RFC 6455 s4.2.1: any case",
     WS("GET", "HTTP/1.1", "WebSocket", "keep-alive, UPGRADE", KEY "sec-websocket-version: 13\r\n"), N},
    {"WebSocket without the option",
     WS("GET", "HTTP/1.1", "websocket", "keep-alive", KEY "Sec-WebSocket-Version: 13\r\n"), UP},
    {"WebSocket without a key", WS("GET", "HTTP/1.1", "websocket", "Upgrade", "Sec-WebSocket-Version: 13\r\n"), UP},
    {"WebSocket with two keys", WS("GET", "HTTP/1.1", "websocket", "Upgrade", KEY KEY "Sec-WebSocket-Version: 13\r\n"),
     UP},
    {"WebSocket with a short key", WS("GET", "HTTP/1.1", "websocket", "Upgrade", "Sec-WebSocket-Key: x\r\n"), UP},
    {"WebSocket without a version", WS("GET", "HTTP/1.1", "websocket", "Upgrade", KEY), UP},
    {"WebSocket of version 8", WS("GET", "HTTP/1.1", "websocket", "Upgrade", KEY "Sec-WebSocket-Version: 8\r\n"), UP},
    {"WebSocket by POST", WS("POST", "HTTP/1.1", "websocket", "Upgrade", KEY "Sec-WebSocket-Version: 13\r\n"), UP},
    {"WebSocket in HTTP/1.0", WS("GET", "HTTP/1.0", "websocket", "Upgrade", KEY "Sec-WebSocket-Version: 13\r\n"), UP},
    {"WebSocket or another", WS("GET", "HTTP/1.1", "websocket, x", "Upgrade", KEY "Sec-WebSocket-Version: 13\r\n"), UP},
    {"WebSocket or h2c", WS("GET", "HTTP/1.1", "websocket, h2c", "Upgrade", KEY "Sec-WebSocket-Version: 13\r\n"),
     REASON_HTTP_H2C},
    {"HTTP2-Settings alone", "GET / HTTP/1.1\r\n" H "HTTP2-Settings: AAEA\r\n\r\n", REASON_HTTP_H2C},
    {"Upgrade: h2c", "GET / HTTP/1.1\r\n" H "Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n", REASON_HTTP_H2C},
    {"Upgrade: TLS/1.0", "OPTIONS * HTTP/1.1\r\n" H "Upgrade: TLS/1.0\r\n\r\n", UP},
    {"Upgrade-Insecure-Requests is no Upgrade", "GET / HTTP/1.1\r\n" H "Upgrade-Insecure-Requests: 1\r\n\r\n", N},
};

static void test_heads(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
        struct story whole = feed(heads[i].head, strlen(heads[i].head), SIZE_MAX / 2);
        if (whole.reason != heads[i].reason || (whole.reason == N) != (whole.text_len > 0))
            fail_msg("%s: %s, %s", heads[i].what, reason_name(whole.reason), whole.text);
        struct story bytewise = feed(heads[i].head, strlen(heads[i].head), 1);
        if (bytewise.reason != whole.reason || strcmp(bytewise.text, whole.text) != 0)
            fail_msg("%s, byte by byte: %s", heads[i].what, reason_name(bytewise.reason));
    }
    static const char nul[] = "GET / HTTP/1.1\r\nHost: a.b\0c\r\n\r\n";
    assert_int_equal(feed(nul, sizeof nul - 1, 1).reason, BAD);
    assert_true(http_is_http('G') && !http_is_http('g') && !http_is_http(22) && !http_is_http('\r'));
}

/* What is told of a request. */
static void test_facts(void **state)
{
    (void)state;
    static const struct {
        const char *head, *told;
    } rows[] = {
        {"GET /simple/x?token=secret HTTP/1.1\r\nHost: Mirror.Example\r\n\r\n", "GET mirror.example:80 /simple/x;"},
        {"GET http://a.b:8080?q HTTP/1.1\r\nHost: a.b:8080\r\n\r\n", "GET a.b:8080 /;"},
        {"GET http://a.b HTTP/1.1\r\nHost: a.b\r\n\r\n", "GET a.b:80 /;"},
        {"GET http://a.b/x/y?z HTTP/1.1\r\nHost: a.b\r\n\r\n", "GET a.b:80 /x/y;"},
        {"GET /?/x HTTP/1.1\r\nHost: a.b\r\n\r\n", "GET a.b:80 /;"},
        {"OPTIONS * HTTP/1.1\r\nHost: a.b\r\n\r\n", "OPTIONS a.b:80 *;"},
        {"GET / HTTP/1.1\r\nHost: 192.0.2.1:81\r\n\r\n", "GET 192.0.2.1:81 /;"},
        {"GET / HTTP/1.1\r\nHost: [2001:DB8:0::1]\r\n\r\n", "GET 2001:db8::1:80 /;"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_string_equal(feed(rows[i].head, strlen(rows[i].head), SIZE_MAX / 2).text, rows[i].told);
    char head[600];
    memset(head, 'a', sizeof head);
    memcpy(head, "GET /", 5);
    memcpy(head + 500, " HTTP/1.1\r\n" H "\r\n", sizeof(" HTTP/1.1\r\n" H "\r\n"));
    assert_int_equal(strlen(feed(head, strlen(head), SIZE_MAX / 2).text), strlen("GET a.b:80 ") + 255 + 1);
}

#define POST    "POST /p HTTP/1.1\r\n" H
#define CHUNKED POST "Transfer-Encoding: chunked\r\n\r\n"
#define GET     "GET /g HTTP/1.1\r\nHost: c.d\r\n\r\n"
#define P1      "POST a.b:80 /p;"
#define G1      "GET c.d:80 /g;"
#define E256    "eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee"

static const struct {
    const char *what, *stream, *told;
    enum reason reason;
    bool waits;
} streams[] = {
    {"pipelined", GET POST "Content-Length: 3\r\n\r\nabc" GET GET, G1 P1 G1 G1, N, false},
    {"a body that looks like a request", POST "Content-Length: 30\r\n\r\n" GET, P1, N, false},
    {"a request right behind the body", POST "Content-Length: 1\r\n\r\nx" GET, P1 G1, N, false},
    {"the body's length decides (0)", POST "Content-Length: 0\r\n\r\n" GET, P1 G1, N, false},
    {"half a body", POST "Content-Length: 10\r\n\r\nabc", P1, N, true},
    {"a second request with two Hosts", GET "GET / HTTP/1.1\r\n" H H "\r\n", G1, HOST, false},
    {"CRLF behind a body is no empty line", POST "Content-Length: 1\r\n\r\nx\r\n" GET, P1, BAD, false},
    /* RFC 9112 s7.1 */
    {"chunks", CHUNKED "3\r\nabc\r\n0\r\n\r\n" GET, P1 G1, N, false},
    {"chunks that look like requests", CHUNKED "1E\r\n" GET "\r\n00\r\n\r\n" GET, P1 G1, N, false},
    {"upper and lower case sizes", CHUNKED "a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n" GET, P1 G1, N, false},
    {"leading zeros in a size", CHUNKED "0003\r\nabc\r\n000\r\n\r\n" GET, P1 G1, N, false},
    {"an extension", CHUNKED "3;a=b;c\r\nabc\r\n0;last\r\n\r\n" GET, P1 G1, N, false},
    {"an extension of 256", CHUNKED "3;" E256 E256 E256 E256 "\r\nabc\r\n0\r\n\r\n" GET, P1 G1, N, false},
    {"an extension of 280", CHUNKED "3;" E256 E256 E256 E256 "eeeeeeeeeeeeeeeeeeeeeeee\r\nabc\r\n0\r\n\r\n", P1, CHNK,
     false},
    {"an empty extension", CHUNKED "3;\r\nabc\r\n0\r\n\r\n", P1, CHNK, false},
    {"a quoted extension", CHUNKED "3;a=\"\r\nabc\r\n0\r\n\r\n", P1, CHNK, false},
    {"space before an extension", CHUNKED "3 ;a\r\nabc\r\n0\r\n\r\n", P1, CHNK, false},
    {"LF in an extension", CHUNKED "3;a\nabc\r\n0\r\n\r\n", P1, CHNK, false},
    {"CR in an extension", CHUNKED "3;a\rb\r\nabc\r\n0\r\n\r\n", P1, CHNK, false},
    {"size 0x3", CHUNKED "0x3\r\nabc\r\n0\r\n\r\n", P1, CHNK, false},
    {"size -1", CHUNKED "-1\r\nabc\r\n0\r\n\r\n", P1, CHNK, false},
    {"size +3", CHUNKED "+3\r\nabc\r\n0\r\n\r\n", P1, CHNK, false},
    {"size with space in front", CHUNKED " 3\r\nabc\r\n0\r\n\r\n", P1, CHNK, false},
    {"size with space behind", CHUNKED "3 \r\nabc\r\n0\r\n\r\n", P1, CHNK, false},
    {"no size", CHUNKED "\r\nabc\r\n0\r\n\r\n", P1, CHNK, false},
    {"size of 2^64 + 3", CHUNKED "10000000000000003\r\nabc\r\n0\r\n\r\n", P1, CHNK, false},
    {"size of 15 digits", CHUNKED "fffffffffffffff\r\nabc\r\n0\r\n\r\n" GET, P1, N, true},
    {"size of 16 digits", CHUNKED "0000000000000003\r\nabc\r\n0\r\n\r\n", P1, CHNK, false},
    {"LF behind the size", CHUNKED "3\nabc\r\n0\r\n\r\n", P1, CHNK, false},
    {"data longer than its size", CHUNKED "3\r\nabcd\r\n0\r\n\r\n", P1, CHNK, false},
    {"data shorter than its size", CHUNKED "4\r\nabc\r\n0\r\n\r\n", P1, CHNK, false},
    {"two LF behind the data", CHUNKED "3\r\nabc\n\n0\r\n\r\n", P1, CHNK, false},
    {"two CR behind the data", CHUNKED "3\r\nabc\r\r0\r\n\r\n", P1, CHNK, false},
    {"LF behind the data", CHUNKED "3\r\nabc\n0\r\n\r\n", P1, CHNK, false},
    {"the end without an empty line", CHUNKED "3\r\nabc\r\n0\r\n" GET, P1, CHNK, false},
    {"LF as the last line", CHUNKED "0\r\n\n" GET, P1, CHNK, false},
    /* RFC 9112 s7.1.2, RFC 9110 s6.5.1 */
    {"trailers", CHUNKED "0\r\nX-Sum: 1\r\nY:\r\n\r\n" GET, P1 G1, N, false},
    {"a trailer without colon", CHUNKED "0\r\nX\r\n\r\n", P1, CHNK, false},
    {"a trailer with space before the colon", CHUNKED "0\r\nX : y\r\n\r\n", P1, CHNK, false},
    {"a folded trailer", CHUNKED "0\r\nX: y\r\n z\r\n\r\n", P1, CHNK, false},
    {"a trailer with LF", CHUNKED "0\r\nX: y\n\r\n", P1, CHNK, false},
    {"a trailer with a control byte", CHUNKED "0\r\nX: \x01\r\n\r\n", P1, CHNK, false},
    {"Host in a trailer", CHUNKED "0\r\nhost: c.d\r\n\r\n", P1, CHNK, false},
    {"Content_Length in a trailer", CHUNKED "0\r\nContent_Length: 5\r\n\r\n", P1, CHNK, false},
    {"the coding in the second trailer", CHUNKED "0\r\nX: y\r\nTransfer-Encoding: chunked\r\n\r\n", P1, CHNK, false},
};

/* The same requests, the same bytes released and the same end, at any split. */
static void test_streams(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof streams / sizeof streams[0]; i++) {
        const char *stream = streams[i].stream;
        size_t len = strlen(stream);
        struct story whole = feed(stream, len, SIZE_MAX / 2);
        if (whole.reason != streams[i].reason || strcmp(whole.text, streams[i].told) != 0 ||
            whole.waits != streams[i].waits)
            fail_msg("%s: %s, %s, %d", streams[i].what, reason_name(whole.reason), whole.text, whole.waits);
        for (size_t step = 1; step < len; step++) {
            struct story part = feed(stream, len, step);
            if (part.reason != whole.reason || part.released != whole.released || strcmp(part.text, whole.text) != 0)
                fail_msg("%s, by %zu: %s, %s", streams[i].what, step, reason_name(part.reason), part.text);
        }
    }
}

/* Nothing of a head is released before it is whole. */
static void test_prefixes(void **state)
{
    (void)state;
    static const char two[] = POST "Content-Length: 3\r\n\r\nabc" GET;
    size_t head = strlen(POST "Content-Length: 3\r\n\r\n"), len = strlen(two);
    for (size_t have = 1; have < len; have++) {
        struct story t = feed(two, have, SIZE_MAX / 2);
        assert_int_equal(t.reason, N);
        assert_int_equal(t.released, have < head ? 0 : have < head + 3 ? have : head + 3);
    }
}

static void test_bounds(void **state)
{
    (void)state;
    static char head[2 * HTTP_HEAD_MAX];
    static const char start[] = "GET / HTTP/1.1\r\n" H "X: ";
    for (int more = 0; more < 2; more++) {
        size_t len = HTTP_HEAD_MAX + (size_t)more;
        memset(head, 'x', sizeof head);
        memcpy(head, start, sizeof start - 1);
        memcpy(head + len - 4, "\r\n\r\n", 4);
        enum reason reason = more ? REASON_TCP_TOO_LONG : N;
        assert_int_equal(feed(head, len, SIZE_MAX / 2).reason, reason);
        assert_int_equal(feed(head, len, 1000).reason, reason);
        assert_int_equal(feed(head, HTTP_HEAD_MAX, SIZE_MAX / 2).reason, reason);
        assert_int_equal(feed(head, HTTP_HEAD_MAX - 1, SIZE_MAX / 2).reason, N);
    }
    /* Bytes behind a whole head do not count. */
    static const char get[] = GET;
    for (size_t at = 0; at + sizeof get - 1 <= sizeof head; at += sizeof get - 1)
        memcpy(head + at, get, sizeof get - 1);
    size_t whole = sizeof head / (sizeof get - 1) * (sizeof get - 1);
    struct http_stream s;
    struct http_request q;
    size_t at = 0, requests = 0, consumed;
    http_stream_init(&s);
    while (http_stream_feed(&s, (struct bytes){(uint8_t *)head + at, whole - at}, &q, &consumed) == HTTP_REQUEST) {
        at += consumed;
        requests++;
    }
    assert_int_equal(requests, whole / (sizeof get - 1));
    /* Trailers have a bound, too, also when each line is short. */
    static const char chunked[] = CHUNKED "0\r\n";
    memcpy(head, chunked, sizeof chunked - 1);
    for (at = sizeof chunked - 1; at + 5 <= sizeof head; at += 5)
        memcpy(head + at, "x:y\r\n", 5);
    assert_int_equal(feed(head, at, 777).reason, REASON_TCP_TOO_LONG);
}

static void test_mask(void **state)
{
    (void)state;
    static const struct {
        const char *what, *in, *out; /* out NULL: not changed */
    } rows[] = {
        {"Java's offer",
         "GET / HTTP/1.1\r\nConnection: Upgrade, HTTP2-Settings\r\n" H "HTTP2-Settings: AAEA\r\nUpgrade: h2c\r\n\r\n",
         "GET / HTTP/1.1\r\nConnection: X-Slc-U, X-Slc-Settings\r\n" H "X-Slc-Settings: AAEA\r\nX-Slc-U: h2c\r\n\r\n"},
        {"any case, other options stay",
         "GET / HTTP/1.1\r\n" H "upgrade:H2C\r\nconnection: keep-alive ,UPGRADE\r\n\r\n",
         "GET / HTTP/1.1\r\n" H "X-Slc-U:H2C\r\nconnection: keep-alive ,X-Slc-U\r\n\r\n"},
        {"bytes behind the head stay", "POST / HTTP/1.1\r\n" H "Upgrade: h2c\r\n\r\nUpgrade: h2c\r\n\r\n",
         "POST / HTTP/1.1\r\n" H "X-Slc-U: h2c\r\n\r\nUpgrade: h2c\r\n\r\n"},
        {"values that are not options stay", "GET / HTTP/1.1\r\n" H "Upgrade: h2c\r\nX: Upgrade\r\n\r\n",
         "GET / HTTP/1.1\r\n" H "X-Slc-U: h2c\r\nX: Upgrade\r\n\r\n"},
        {"nothing offered", "GET / HTTP/1.1\r\n" H "\r\n", NULL},
        {"websocket", "GET / HTTP/1.1\r\n" H "Upgrade: websocket\r\n\r\n", NULL},
        {"h2c or websocket", "GET / HTTP/1.1\r\n" H "Upgrade: h2c, websocket\r\n\r\n", NULL},
        {"two of them", "GET / HTTP/1.1\r\n" H "Upgrade: h2c\r\nUpgrade: websocket\r\n\r\n", NULL},
        {"h2c twice", "GET / HTTP/1.1\r\n" H "Upgrade: h2c\r\nUpgrade: h2c\r\n\r\n", NULL},
        {"the head is not whole", "GET / HTTP/1.1\r\n" H "Upgrade: h2c\r\n", NULL},
        {"the head is not sound", "GET / HTTP/1.1\r\n" H "Upgrade: h2c\r\n folded\r\n\r\n", NULL},
        {"bare LF", "GET / HTTP/1.1\r\n" H "Upgrade: h2c\r\nX: y\n\r\n", NULL},
        {"only in a body", "POST / HTTP/1.1\r\n" H "\r\nUpgrade: h2c\r\n\r\n", NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        size_t len = strlen(rows[i].in);
        uint8_t *head = malloc(len);
        memcpy(head, rows[i].in, len);
        if (http_mask_h2c(head, len) != (rows[i].out != NULL))
            fail_msg("%s", rows[i].what);
        assert_memory_equal(head, rows[i].out ? rows[i].out : rows[i].in, len);
        assert_false(rows[i].out && http_mask_h2c(head, len));
        if (rows[i].out && i < 2) /* judged again, it is clean */
            assert_int_equal(feed(head, len, SIZE_MAX / 2).reason, N);
        free(head);
    }
}

/* Behind an upgrade nothing is read until the answer is known. */
static void test_awaits(void **state)
{
    (void)state;
    static const char stream[] =
        WS("GET", "HTTP/1.1", "websocket", "Upgrade", KEY "Sec-WebSocket-Version: 13\r\n") "GET";
    struct http_stream s;
    struct http_request q;
    size_t consumed;
    http_stream_init(&s);
    struct bytes all = {(const uint8_t *)stream, sizeof stream - 1};
    assert_int_equal(http_stream_feed(&s, all, &q, &consumed), HTTP_REQUEST);
    assert_int_equal(consumed, sizeof stream - 4);
    assert_true(q.websocket);
    struct bytes next = {(const uint8_t *)"get / x\n", 8};
    assert_int_equal(http_stream_feed(&s, next, &q, &consumed), HTTP_NEED_MORE);
    http_stream_resume(&s);
    assert_int_equal(http_stream_feed(&s, next, &q, &consumed), HTTP_REFUSE);
}

/* RFC 9112 s4, s6.3. */
static void test_answers(void **state)
{
    (void)state;
    static const struct {
        const char *head;
        enum parse parse;
        unsigned status;
        bool framed;
        enum http_body body;
        uint64_t length;
    } rows[] = {
        {"HTTP/1.1 200 OK\r\n\r\n", PARSE_OK, 200, false, HTTP_BODY_NONE, 0},
        {"HTTP/1.0 200\r\n\r\n", PARSE_OK, 200, false, HTTP_BODY_NONE, 0},
        {"HTTP/1.1 101 Switching Protocols\r\nX: y\r\n\r\n", PARSE_OK, 101, true, HTTP_BODY_NONE, 0},
        {"HTTP/1.1 407 Who\r\nContent-Length: 12\r\n\r\n", PARSE_OK, 407, true, HTTP_BODY_LENGTH, 12},
        {"HTTP/1.1 407 \r\ncontent-length:0\r\n\r\n", PARSE_OK, 407, true, HTTP_BODY_NONE, 0},
        {"HTTP/1.1 403 x\r\nTransfer-Encoding: Chunked\r\n\r\n", PARSE_OK, 403, true, HTTP_BODY_CHUNKED, 0},
        {"HTTP/1.1 304 x\r\nContent-Length: 12\r\n\r\n", PARSE_OK, 304, true, HTTP_BODY_NONE, 0},
        {"HTTP/1.1 403 x\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n", PARSE_OK, 403, false, HTTP_BODY_LENGTH, 1},
        {"HTTP/1.1 403 x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", PARSE_OK, 403, false,
         HTTP_BODY_CHUNKED, 1},
        {"HTTP/1.1 403 x\r\nContent-Length: 1, 1\r\n\r\n", PARSE_OK, 403, false, HTTP_BODY_NONE, 0},
        {"HTTP/1.1 403 x\r\nContent_Length: x\r\n\r\n", PARSE_OK, 403, false, HTTP_BODY_NONE, 0},
        {"HTTP/1.1 403 x\r\nTransfer-Encoding: gzip\r\n\r\n", PARSE_OK, 403, false, HTTP_BODY_NONE, 0},
        {"HTTP/1.1 403 x\r\nContent-Length: 1\r\n", PARSE_NEED_MORE, 0, false, HTTP_BODY_NONE, 0},
        {"HTTP/1.1 403", PARSE_NEED_MORE, 0, false, HTTP_BODY_NONE, 0},
        {"HTTP/1.2 200 OK\r\n\r\n", PARSE_MALFORMED, 0, false, HTTP_BODY_NONE, 0},
        {"HTTP/1.1 20 OK\r\n\r\n", PARSE_MALFORMED, 0, false, HTTP_BODY_NONE, 0},
        {"HTTP/1.1 2000 OK\r\n\r\n", PARSE_MALFORMED, 0, false, HTTP_BODY_NONE, 0},
        {"HTTP/1.1 099 OK\r\n\r\n", PARSE_MALFORMED, 0, false, HTTP_BODY_NONE, 0},
        {"HTTP/1.1  200 OK\r\n\r\n", PARSE_MALFORMED, 0, false, HTTP_BODY_NONE, 0},
        {"HTTP/1.1 200 OK\n\n", PARSE_MALFORMED, 0, false, HTTP_BODY_NONE, 0},
        {"HTTP/1.1 200 OK\r\n folded\r\n\r\n", PARSE_MALFORMED, 0, false, HTTP_BODY_NONE, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct http_answer a = {0};
        size_t len = strlen(rows[i].head);
        enum parse parse = http_answer_parse((struct bytes){(const uint8_t *)rows[i].head, len}, &a);
        if (parse != rows[i].parse || a.status != rows[i].status || a.framed != rows[i].framed ||
            (a.framed && (a.body != rows[i].body || (a.body == HTTP_BODY_LENGTH && a.length != rows[i].length))))
            fail_msg("row %zu: %d, %u", i, parse, a.status);
        for (size_t cut = 0; parse == PARSE_OK && cut < len; cut++)
            assert_int_equal(http_answer_parse((struct bytes){(const uint8_t *)rows[i].head, cut}, &a),
                             PARSE_NEED_MORE);
    }
    static char endless[HTTP_HEAD_MAX];
    memset(endless, 'x', sizeof endless);
    memcpy(endless, "HTTP/1.1 200 OK\r\nX: ", 20);
    struct http_answer a;
    assert_int_equal(http_answer_parse((struct bytes){(const uint8_t *)endless, sizeof endless}, &a), PARSE_MALFORMED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_heads),    cmocka_unit_test(test_facts),   cmocka_unit_test(test_streams),
        cmocka_unit_test(test_prefixes), cmocka_unit_test(test_bounds),  cmocka_unit_test(test_mask),
        cmocka_unit_test(test_awaits),   cmocka_unit_test(test_answers),
    };
    return cmocka_run_group_tests_name("http", tests, NULL, NULL);
}
