/* SPDX-License-Identifier: GPL-3.0-or-later */
/* http/request, heads: RFC 9112, RFC 9110; RESEARCH s2 rows 62-67; the request smuggling catalogue. */
#include "tests/unit/http_story.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_heads),
        cmocka_unit_test(test_facts),
    };
    return cmocka_run_group_tests_name("http", tests, NULL, NULL);
}
