/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The judge over plain HTTP: every request of a connection (DESIGN s3.3). */
#include <stdio.h>

#include "tests/unit/judge_talk.h"

static void every_request_of_a_connection_is_judged(void **state)
{
    (void)state;
    struct bed *b = bed_new(policy);
    bed_bind(b, 1, "web.example", SITE, 300);
    open_connection(b, web);
    static const char first[] = "GET /a?secret HTTP/1.1\r\nHost: web.example\r\n\r\n";
    static const char second[] = "POST /b HTTP/1.1\r\nHost: web.example\r\nContent-Length: 5\r\n\r\nhello";
    static const char third[] = "GET /c HTTP/1.1\r\nHost: evil.example\r\n\r\n";
    size_t one = sizeof first - 1, two = sizeof second - 1;
    uint32_t half = client_says(b, web, 0, first, 20);
    assert_int_equal(bed_fate(b, half), BED_IN);
    client_says(b, web, 20, first + 20, one - 20);
    assert_int_equal(bed_fate(b, half), BED_ACCEPTED);
    assert_string_equal(b->event.http_path, "/a");
    server_says(b, web, TCP_ACK, 1, one, (struct bytes){(const uint8_t *)"HTTP/1.1 200 OK\r\n\r\n", 19});
    client_says(b, web, (uint32_t)one, second, two);
    assert_memory_equal(b->wire + one, second, two);
    assert_int_equal(b->events, 2);
    uint32_t id = client_says(b, web, (uint32_t)(one + two), third, sizeof third - 1);
    assert_cut(b, id, one + two);
    assert_int_equal(b->denial.reason, REASON_NOT_IN_ALLOWLIST);
    assert_int_equal(b->seen[one + two], 0);
    bed_free(b);
}

/* The head that left is kept until the server has it: a retransmission cannot put another Host in its place. */
static void a_head_cannot_be_replaced_by_a_retransmission(void **state)
{
    (void)state;
    struct bed *b = bed_new(policy);
    bed_bind(b, 1, "web.example", SITE, 300);
    open_connection(b, web);
    static const char good[] = "GET / HTTP/1.1\r\nHost: web.example\r\n\r\n";
    static const char evil[] = "GET / HTTP/1.1\r\nHost: bad.example\r\n\r\n";
    client_says(b, web, 0, good, sizeof good - 1);
    uint32_t id = client_says(b, web, 0, evil, sizeof evil - 1);
    assert_int_equal(bed_fate(b, id), BED_ACCEPTED); /* bed_accept compares: the good bytes again */
    assert_memory_equal(b->wire, good, sizeof good - 1);
    bed_free(b);
}

/* apt sends ten at a time: one packet in, one packet out. */
static void a_packet_of_many_requests_is_not_cut(void **state)
{
    (void)state;
    struct bed *b = bed_new(policy);
    bed_bind(b, 1, "web.example", SITE, 300);
    open_connection(b, web);
    static char many[16384];
    size_t len = 0;
    for (int i = 0; i < 200; i++)
        len += (size_t)snprintf(many + len, sizeof many - len, "GET /%d HTTP/1.1\r\nHost: web.example\r\n\r\n", i);
    uint32_t id = client_says(b, web, 0, many, len);
    assert_int_equal(bed_fate(b, id), BED_ACCEPTED);
    assert_memory_equal(b->wire, many, len);
    assert_int_equal(b->events, 200);
    bed_free(b);
}

/* The size of a chunk decides which bytes behind it are a request: it is kept like a head. */
static void a_chunk_size_cannot_be_replaced_by_a_retransmission(void **state)
{
    (void)state;
    static const char good[] =
        "POST / HTTP/1.1\r\nHost: web.example\r\nTransfer-Encoding: chunked\r\n\r\n"
        "3d\r\n0\r\n\r\nGET / HTTP/1.1\r\nHost: evil.example\r\nX-Padding: 12345\r\n\r\n\r\n0\r\n\r\n";
    const char *size = strstr(good, "3d\r\n");
    uint32_t at = (uint32_t)(size - good);
    for (int pieces = 0; pieces < 2; pieces++) {
        struct bed *b = bed_new(policy);
        bed_bind(b, 1, "web.example", SITE, 300);
        open_connection(b, web);
        client_says(b, web, 0, good, pieces ? at + 1 : sizeof good - 1);
        if (pieces)
            client_says(b, web, at + 1, good + at + 1, sizeof good - 2 - at);
        assert_int_equal(b->denials, 0);
        assert_memory_equal(b->wire, good, sizeof good - 1);
        client_says(b, web, at, "0\r\n\r", 4); /* bed_accept compares with what went before */
        client_says(b, web, at + 1, "\r\n\r", 3);
        bed_free(b);
    }
}

static void pipelined_requests_go_as_far_as_they_are_allowed(void **state)
{
    (void)state;
    struct bed *b = bed_new(policy);
    bed_bind(b, 1, "web.example", SITE, 300);
    open_connection(b, web);
    static const char both[] =
        "GET /1 HTTP/1.1\r\nHost: web.example\r\n\r\nGET /2 HTTP/1.1\r\nHost: evil.example\r\n\r\n";
    size_t one = (size_t)(strstr(both, "GET /2") - both);
    client_says(b, web, 0, both, sizeof both - 1);
    assert_int_equal(b->denials, 1);
    assert_int_equal(b->seen[one - 1], 1);
    assert_int_equal(b->seen[one], 0);
    assert_int_equal(b->injections, 2); /* the packet went with the first request, so the resets are ours */
    bed_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_request_of_a_connection_is_judged),
        cmocka_unit_test(a_head_cannot_be_replaced_by_a_retransmission),
        cmocka_unit_test(a_packet_of_many_requests_is_not_cut),
        cmocka_unit_test(a_chunk_size_cannot_be_replaced_by_a_retransmission),
        cmocka_unit_test(pipelined_requests_go_as_far_as_they_are_allowed),
    };
    return cmocka_run_group_tests_name("judge_http", tests, NULL, NULL);
}
