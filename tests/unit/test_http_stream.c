/* SPDX-License-Identifier: GPL-3.0-or-later */
/* http/request, the requests of a connection: bodies, chunks, bounds, upgrades (RFC 9112 s6, s7). */
#include "tests/unit/http_story.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_streams), cmocka_unit_test(test_prefixes), cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_mask),    cmocka_unit_test(test_awaits),
    };
    return cmocka_run_group_tests_name("http_stream", tests, NULL, NULL);
}
