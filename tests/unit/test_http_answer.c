/* SPDX-License-Identifier: GPL-3.0-or-later */
/* http/answer: RFC 9112 s4, s6.3. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "http/answer.h"

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
        cmocka_unit_test(test_answers),
    };
    return cmocka_run_group_tests_name("http_answer", tests, NULL, NULL);
}
