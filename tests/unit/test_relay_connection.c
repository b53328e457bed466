/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The relay's parts alone: framing of hostile bytes (RFC 1035 s4.2.2, RFC 7766 s8), time-outs, SERVFAIL, questions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ctl/relay_connection.h"
#include "ctl/relay_query.h"

static const uint8_t question[] = {0x12, 0x34, 1,   0, 0,   1,   0,   0,   0, 0, 0, 0, 3,
                                   'W',  'w',  'W', 4, 't', 'e', 's', 't', 0, 0, 1, 0, 1};

/* ---- framing: a socketpair, no relay ---- */

static struct relay_connection connection;

static int connect_pair(void)
{
    int pair[2], room = 1 << 20;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
    setsockopt(pair[1], SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
    relay_connection_init(&connection, pair[0], 1);
    return pair[1];
}

static void lengths(void **state)
{
    (void)state;
    static const struct {
        uint16_t len;
        enum parse parse;
    } row[] = {{0, PARSE_MALFORMED}, {1, PARSE_MALFORMED},    {11, PARSE_MALFORMED},     {12, PARSE_OK},
               {4096, PARSE_OK},     {4097, PARSE_MALFORMED}, {0x8000, PARSE_MALFORMED}, {65535, PARSE_MALFORMED}};
    static uint8_t wire[2 + 65535];

    for (unsigned i = 0; i < sizeof row / sizeof *row; i++) {
        int client = connect_pair();
        struct bytes message = {0};
        wire[0] = (uint8_t)(row[i].len >> 8);
        wire[1] = (uint8_t)row[i].len;
        assert_true(write(client, wire, 2 + row[i].len) > 0);
        assert_true(relay_connection_read(&connection));
        assert_int_equal(relay_connection_next(&connection, &message), row[i].parse);
        if (row[i].parse == PARSE_OK)
            assert_int_equal(message.len, row[i].len);
        close(client);
        close(connection.fd);
    }
}

/* Two pipelined messages, cut at every place: the same two come out, whole, and no prefix gives one too early. */
static void every_split(void **state)
{
    (void)state;
    uint8_t wire[2 * (2 + sizeof question)];
    struct writer w = writer_init(wire, sizeof wire);
    for (int i = 0; i < 2; i++) {
        writer_u16(&w, sizeof question);
        writer_bytes(&w, (struct bytes){question, sizeof question});
    }
    wire[2 + sizeof question + 2] = 0x99; /* the second one's id */

    for (size_t cut = 0; cut <= sizeof wire; cut++) {
        int client = connect_pair();
        unsigned count = 0;
        const size_t part[2][2] = {{0, cut}, {cut, sizeof wire - cut}};
        for (int i = 0; i < 2; i++) {
            struct bytes message;
            if (part[i][1])
                assert_int_equal(write(client, wire + part[i][0], part[i][1]), part[i][1]);
            assert_true(relay_connection_read(&connection));
            while (relay_connection_next(&connection, &message) == PARSE_OK) {
                assert_int_equal(message.len, sizeof question);
                assert_int_equal(message.at[0], count ? 0x99 : 0x12);
                relay_connection_consume(&connection, message);
                count++;
            }
            assert_int_equal(count, i ? 2 : cut / (2 + sizeof question));
            assert_int_equal(relay_connection_next(&connection, &message), PARSE_NEED_MORE);
        }
        close(client);
        /* After the end nothing can complete what is cut: every proper prefix of a third message is malformed. */
        connection.in_len = cut < 2 + sizeof question ? cut : 0;
        connection.at_end = true;
        struct bytes message;
        assert_int_equal(relay_connection_next(&connection, &message),
                         connection.in_len ? PARSE_MALFORMED : PARSE_NEED_MORE);
        close(connection.fd);
    }
}

/* A client that does not read: a bound, then the end. */
static void unread_answers(void **state)
{
    (void)state;
    static const uint8_t answer[65535];
    int client = connect_pair();

    assert_true(relay_connection_answer(&connection, (struct bytes){answer, sizeof answer}));
    assert_false(relay_connection_answer(&connection, (struct bytes){answer, sizeof answer}));
    assert_true(relay_connection_answer(&connection, (struct bytes){answer, 12}));
    assert_false(relay_connection_over(&connection, 2));
    assert_true(relay_connection_over(&connection, 3 + RELAY_TIMEOUT_USEC));
    close(client);
    assert_false(relay_connection_write(&connection, 5)); /* it is gone */
    close(connection.fd);
}

static void timeouts(void **state)
{
    (void)state;
    int client = connect_pair();
    assert_false(relay_connection_over(&connection, 1 + RELAY_TIMEOUT_USEC));
    assert_true(relay_connection_over(&connection, 2 + RELAY_TIMEOUT_USEC)); /* idle */
    connection.outstanding = 1;
    assert_false(relay_connection_over(&connection, 2 + RELAY_TIMEOUT_USEC)); /* it waits for us */
    connection.begun_usec = 5;
    connection.active_usec = 6 + RELAY_TIMEOUT_USEC;
    assert_true(relay_connection_over(&connection, 6 + RELAY_TIMEOUT_USEC)); /* a message in drips */
    close(client);
    close(connection.fd);
}

static void servfail(void **state)
{
    (void)state;
    uint8_t out[RELAY_KEPT_BYTES], message[sizeof question];
    struct bytes whole = {question, sizeof question};

    assert_int_equal(relay_query_servfail(whole, 0xabcd, out), sizeof question);
    static const uint8_t head[] = {0xab, 0xcd, 0x81, 0x82, 0, 1, 0, 0, 0, 0, 0, 0};
    assert_memory_equal(out, head, sizeof head);
    assert_memory_equal(out + 12, question + 12, sizeof question - 12);
    for (size_t len = 12; len < sizeof question; len++) { /* every prefix: no question, never a piece of one */
        assert_int_equal(relay_query_servfail((struct bytes){question, len}, 1, out), 12);
        assert_int_equal(out[5], 0);
    }
    memcpy(message, question, sizeof question);
    message[12] = 0xc0; /* a pointer is no question of a client's (RFC 1035 s4.1.4) */
    assert_int_equal(relay_query_servfail((struct bytes){message, sizeof message}, 1, out), 12);
    memcpy(message, question, sizeof question);
    message[5] = 2;
    assert_int_equal(relay_query_servfail((struct bytes){message, sizeof message}, 1, out), 12);
}

/* ---- time, without waiting ---- */

static struct relay_query_pool *pool;
static unsigned overs;

static void over(void *ctx, struct relay_query *q)
{
    (void)ctx;
    overs++;
    relay_query_end(pool, q);
    relay_query_forget(pool, 3); /* what a closed connection takes with it */
}

static void clock_of_questions(void **state)
{
    (void)state;
    static uint8_t message[600];
    int pair[2];
    struct error e;
    union relay_address to = {.v4 = {.sin_family = AF_INET}};
    int fd = memfd_create("relays", MFD_CLOEXEC);
    assert_int_equal(ftruncate(fd, (off_t)relay_table_size()), 0);
    struct relay_table *t = relay_table_map(fd, true, &e);
    pool = relay_query_pool_new(t);
    struct relay_connection *c = &connection;
    relay_connection_init(c, -1, 1);
    /* Any socket that takes an address will do; what is sent goes nowhere. */
    assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair), 0);

    memcpy(message, question, sizeof question);
    assert_false(relay_query_ask(pool, c, 0, pair[0], &to, (struct bytes){message, 11}, 0));
    for (unsigned i = 0; i < 4; i++)
        assert_true(
            relay_query_ask(pool, c, i, pair[0], &to, (struct bytes){message, i == 1 ? 600 : sizeof question}, i));
    relay_query_tick(pool, RELAY_TIMEOUT_USEC - 1, over, NULL);
    assert_int_equal(overs, 0);
    relay_query_tick(pool, RELAY_TIMEOUT_USEC + 1, over, NULL);
    assert_int_equal(overs, 2); /* the first two; the fourth went with connection 3 */
    relay_query_tick(pool, RELAY_TIMEOUT_USEC * 3, over, NULL);
    assert_int_equal(overs, 3);
    for (unsigned i = 0; i < RELAY_ROWS; i++)
        assert_true(relay_query_ask(pool, c, i & 255, pair[0], &to, (struct bytes){message, sizeof question}, 5));
    assert_false(relay_query_ask(pool, c, 0, pair[0], &to, (struct bytes){message, sizeof question}, 5));
    for (unsigned i = 0; i < 256; i++)
        relay_query_forget(pool, i);
    assert_true(relay_query_ask(pool, c, 0, pair[0], &to, (struct bytes){message, sizeof question}, 5));
    relay_query_pool_free(pool);
    relay_table_unmap(t);
    close(fd);
    close(pair[0]);
    close(pair[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lengths),  cmocka_unit_test(every_split), cmocka_unit_test(unread_answers),
        cmocka_unit_test(timeouts), cmocka_unit_test(servfail),    cmocka_unit_test(clock_of_questions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
