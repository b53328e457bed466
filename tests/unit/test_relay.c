/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The relay: hostile TCP in, messages out, answers back (RFC 1035 s4.2.2, RFC 7766).  Loopback in a network namespace
 * of its own; redirection itself is tested with real rules in tests/netns. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ctl/relay.h"
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
    relay_connection_init(&connection, pair[0], 0, 1);
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

/* ---- the whole relay on loopback ---- */

static struct {
    int tcp[2][2], udp[2][2]; /* by family and scope */
    int resolver[2], stop_fd, table_fd;
    struct relay_table *table;
    struct relay *relay;
    pthread_t thread;
    bool up;
} bed;
static _Atomic bool redirected = true;

static bool fake_origin(int fd, bool six, struct sockaddr_storage *out)
{
    union relay_address at = {0};
    (void)fd;
    at.any.sa_family = six ? AF_INET6 : AF_INET;
    *(six ? &at.v6.sin6_port : &at.v4.sin_port) = htons(53);
    if (six)
        at.v6.sin6_addr = in6addr_loopback;
    else
        at.v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    *out = at.storage;
    return redirected || relay_origin(fd, six, out);
}

static int bound(bool six, int type, uint16_t port)
{
    union relay_address at = {0};
    int on = 1, fd = socket(six ? AF_INET6 : AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    at.any.sa_family = six ? AF_INET6 : AF_INET;
    *(six ? &at.v6.sin6_port : &at.v4.sin_port) = htons(port);
    if (six)
        at.v6.sin6_addr = in6addr_loopback;
    else
        at.v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on), 0);
    assert_int_equal(bind(fd, &at.any, sizeof at.v6), 0);
    if (type == SOCK_STREAM)
        assert_int_equal(listen(fd, 512), 0);
    else
        setsockopt(fd, six ? IPPROTO_IPV6 : IPPROTO_IP, six ? IPV6_RECVERR : IP_RECVERR, &on, sizeof on);
    return fd;
}

static void *relay_thread(void *argument)
{
    struct error e;
    return relay_run(argument, &e) ? argument : NULL;
}

static int bed_setup(void **state)
{
    struct ifreq loopback = {.ifr_name = "lo", .ifr_flags = IFF_UP};
    struct error e = {0};
    (void)state;
    if (unshare(CLONE_NEWNET) < 0) {
        print_message("no network namespace (not root): the relay as a whole is not tested here\n");
        return 0;
    }
    int control = socket(AF_INET, SOCK_DGRAM, 0);
    if (ioctl(control, SIOCSIFFLAGS, &loopback) < 0)
        return -1;
    close(control);
    for (int six = 0; six < 2; six++) {
        for (int scope = 0; scope < 2; scope++) {
            bed.tcp[six][scope] = bound(six, SOCK_STREAM, 0);
            bed.udp[six][scope] = bound(six, SOCK_DGRAM, 0);
        }
        bed.resolver[six] = bound(six, SOCK_DGRAM, 53);
    }
    bed.table_fd = memfd_create("relays", MFD_CLOEXEC);
    if (ftruncate(bed.table_fd, (off_t)relay_table_size()) < 0)
        return -1;
    bed.table = relay_table_map(bed.table_fd, true, &e);
    bed.stop_fd = eventfd(0, EFD_CLOEXEC);
    struct relay_config config = {.scopes = 2,
                                  .tcp_fd = {bed.tcp[0], bed.tcp[1]},
                                  .udp_fd = {bed.udp[0], bed.udp[1]},
                                  .table = bed.table,
                                  .stop_fd = bed.stop_fd,
                                  .origin = fake_origin};
    bed.relay = bed.table ? relay_new(&config, &e) : NULL;
    if (!bed.relay)
        return -1;
    bed.up = true;
    return pthread_create(&bed.thread, NULL, relay_thread, bed.relay);
}

static int bed_teardown(void **state)
{
    void *result;
    (void)state;
    if (!bed.up)
        return 0;
    assert_int_equal(write(bed.stop_fd, &(uint64_t){1}, 8), 8);
    pthread_join(bed.thread, &result);
    relay_free(bed.relay);
    relay_table_unmap(bed.table);
    for (int i = 0; i < 2; i++) {
        for (int scope = 0; scope < 2; scope++) {
            close(bed.tcp[i][scope]);
            close(bed.udp[i][scope]);
        }
        close(bed.resolver[i]);
    }
    return result ? 0 : -1;
}

static void need_bed(void)
{
    if (!bed.up)
        skip();
}

static int client_of(bool six, unsigned scope)
{
    union relay_address at = {0};
    socklen_t len = sizeof at.storage;
    int fd = socket(six ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(getsockname(bed.tcp[six][scope], &at.any, &len), 0);
    assert_int_equal(connect(fd, &at.any, len), 0);
    return fd;
}

static size_t receive(int fd, uint8_t *out, size_t size, union relay_address *from, int msec)
{
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    socklen_t len = sizeof from->storage;
    if (poll(&wait, 1, msec) != 1)
        return 0;
    ssize_t got = recvfrom(fd, out, size, 0, from ? &from->any : NULL, from ? &len : NULL);
    return got < 0 ? 0 : (size_t)got;
}

static void send_question(int fd, uint16_t id)
{
    uint8_t wire[2 + sizeof question];
    struct writer w = writer_init(wire, sizeof wire);
    writer_u16(&w, sizeof question);
    writer_u16(&w, id);
    writer_bytes(&w, (struct bytes){question + 2, sizeof question - 2});
    assert_int_equal(send(fd, wire, sizeof wire, MSG_NOSIGNAL), sizeof wire);
}

static bool is_closed(int fd, int msec)
{
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    char byte;
    return poll(&wait, 1, msec) == 1 && recv(fd, &byte, 1, MSG_DONTWAIT) <= 0;
}

static socklen_t len_of(const union relay_address *a)
{
    return a->any.sa_family == AF_INET6 ? sizeof a->v6 : sizeof a->v4;
}

/* Pipelined questions, answered in the other order, each with its own id; forgeries change nothing. */
static void exchange(void **state)
{
    (void)state;
    need_bed();
    for (int six = 0; six < 2; six++) {
        uint8_t first[600], second[600], got[600];
        union relay_address from;
        int client = client_of(six, 1);
        send_question(client, 0x1111);
        send_question(client, 0x2222);
        assert_int_equal(receive(bed.resolver[six], first, sizeof first, &from, 1000), sizeof question);
        assert_int_equal(receive(bed.resolver[six], second, sizeof second, &from, 1000), sizeof question);
        assert_memory_equal(first + 2, question + 2, sizeof question - 2); /* as it was, but for the id */
        assert_memory_not_equal(first, second, 2);

        struct relay_asked asked;
        struct address resolver = {.family = six ? 6 : 4};
        resolver.octets[six ? 15 : 3] = 1;
        if (!six)
            resolver.octets[0] = 127;
        union relay_address local = {0};
        socklen_t len = sizeof local.storage;
        getsockname(client, &local.any, &len);
        assert_true(
            relay_table_find(bed.table, 1, &resolver, (struct bytes){(const uint8_t *)"www.test", 8}, 1, &asked));
        assert_true(asked.waiting);
        assert_int_equal(asked.client.port, ntohs(six ? local.v6.sin6_port : local.v4.sin_port));
        assert_false(
            relay_table_find(bed.table, 0, &resolver, (struct bytes){(const uint8_t *)"www.test", 8}, 1, &asked));
        assert_false(
            relay_table_find(bed.table, 1, &resolver, (struct bytes){(const uint8_t *)"www.test", 8}, 28, &asked));
        assert_false(
            relay_table_find(bed.table, 1, &resolver, (struct bytes){(const uint8_t *)"ww.test", 7}, 1, &asked));

        sendto(bed.resolver[six], second, sizeof question, 0, &from.any, len_of(&from)); /* QR is not set */
        second[2] |= 0x80;
        int stranger = bound(six, SOCK_DGRAM, 0);
        sendto(stranger, second, sizeof question, 0, &from.any, len_of(&from)); /* not from where it was asked */
        close(stranger);
        sendto(bed.resolver[six], second, 11, 0, &from.any, len_of(&from)); /* no header */
        uint8_t other[sizeof question];
        memcpy(other, second, sizeof other);
        do
            other[0]++;
        while (!memcmp(other, first, 2));
        sendto(bed.resolver[six], other, sizeof other, 0, &from.any, len_of(&from)); /* an id that nobody asked with */
        assert_int_equal(receive(client, got, sizeof got, NULL, 100), 0);

        sendto(bed.resolver[six], second, sizeof question, 0, &from.any, len_of(&from));
        assert_int_equal(receive(client, got, sizeof got, NULL, 1000), 2 + sizeof question);
        assert_true(got[0] == 0 && got[1] == sizeof question && got[2] == 0x22 && got[3] == 0x22);
        sendto(bed.resolver[six], second, sizeof question, 0, &from.any, len_of(&from)); /* again: it was answered */
        first[2] |= 0x82;                                                                /* truncated */
        sendto(bed.resolver[six], first, sizeof question, 0, &from.any, len_of(&from));
        assert_int_equal(receive(client, got, sizeof got, NULL, 1000), 2 + sizeof question);
        assert_true(got[2] == 0x11 && got[3] == 0x11 && got[4] == 0x81 && got[5] == 0x82); /* SERVFAIL, not TC */
        assert_memory_equal(got + 14, question + 12, sizeof question - 12);
        close(client);
    }
}

static void refused_clients(void **state)
{
    (void)state;
    need_bed();
    static const uint8_t zero[] = {0, 0}, much[] = {0x10, 1}, eleven[] = {0, 11};
    const uint8_t *bad[] = {zero, much, eleven};

    for (unsigned i = 0; i < 3; i++) {
        int client = client_of(false, 0);
        assert_int_equal(send(client, bad[i], 2, 0), 2);
        assert_true(is_closed(client, 1000));
        close(client);
    }
    redirected = false; /* connected to the listener itself: SO_ORIGINAL_DST fails or is the listener */
    for (int six = 0; six < 2; six++) {
        int client = client_of(six, 0);
        assert_true(is_closed(client, 1000));
        close(client);
    }
    redirected = true;
    int half = client_of(false, 0); /* ends after half a message */
    assert_int_equal(send(half, question, 3, 0), 3);
    shutdown(half, SHUT_WR);
    assert_true(is_closed(half, 1000));
    close(half);
}

/* An answer comes also after the client has said all it has to say (half-closed). */
static void half_closed(void **state)
{
    (void)state;
    need_bed();
    uint8_t asked[600], got[600];
    union relay_address from;
    int client = client_of(false, 0);
    send_question(client, 7);
    shutdown(client, SHUT_WR);
    assert_int_equal(receive(bed.resolver[0], asked, sizeof asked, &from, 1000), sizeof question);
    asked[2] |= 0x80;
    sendto(bed.resolver[0], asked, sizeof question, 0, &from.any, len_of(&from));
    assert_int_equal(receive(client, got, sizeof got, NULL, 1000), 2 + sizeof question);
    assert_true(is_closed(client, 1000));
    close(client);
}

/* 64 questions are outstanding at most; the next goes when one is answered.  Ids never repeat among them. */
static void outstanding(void **state)
{
    (void)state;
    need_bed();
    static uint8_t asked[RELAY_OUTSTANDING + 1][600];
    static bool seen[65536];
    union relay_address from;
    uint8_t got[600];
    int client = client_of(false, 0);

    for (uint16_t i = 0; i < 80; i++)
        send_question(client, i);
    for (unsigned i = 0; i < RELAY_OUTSTANDING; i++) {
        assert_int_equal(receive(bed.resolver[0], asked[i], 600, &from, 1000), sizeof question);
        uint16_t id = (uint16_t)(asked[i][0] << 8 | asked[i][1]);
        assert_false(seen[id]);
        seen[id] = true;
    }
    assert_int_equal(receive(bed.resolver[0], got, sizeof got, &from, 100), 0);
    asked[5][2] |= 0x80;
    sendto(bed.resolver[0], asked[5], sizeof question, 0, &from.any, len_of(&from));
    assert_int_equal(receive(bed.resolver[0], got, sizeof got, &from, 1000), sizeof question);
    assert_int_equal(receive(bed.resolver[0], got, sizeof got, &from, 100), 0);
    assert_int_equal(receive(client, got, 2 + sizeof question, NULL, 1000), 2 + sizeof question);
    assert_int_equal(got[3], 5);
    close(client);
    usleep(50000);
    asked[6][2] |= 0x80; /* its client is gone: nobody's */
    sendto(bed.resolver[0], asked[6], sizeof question, 0, &from.any, len_of(&from));
}

/* One scope takes every connection: another one's still comes in, and the flooding scope pays with its oldest. */
static void flood(void **state)
{
    (void)state;
    need_bed();
    static int greedy[RELAY_CONNECTIONS];
    uint8_t asked[600];
    union relay_address from;

    usleep(100000);
    int quiet = client_of(false, 1);
    usleep(50000);
    for (unsigned i = 0; i < RELAY_CONNECTIONS; i++) {
        greedy[i] = client_of(false, 0);
        if (i % 64 == 63)
            usleep(50000);
    }
    assert_true(is_closed(greedy[0], 1000));
    assert_false(is_closed(greedy[RELAY_CONNECTIONS - 1], 50));
    send_question(quiet, 1);
    assert_int_equal(receive(bed.resolver[0], asked, sizeof asked, &from, 1000), sizeof question);
    close(quiet);
    for (unsigned i = 0; i < RELAY_CONNECTIONS; i++)
        close(greedy[i]);
}

/* A lost question is sent again, byte for byte; an ICMP error ends it at once with SERVFAIL. */
static void lost_and_refused(void **state)
{
    (void)state;
    need_bed();
    uint8_t asked[600], again[600], got[600];
    union relay_address from;
    uint8_t longer[2 + 33] = {0, 33}; /* told from what earlier tests' clients still wait for by its length */
    int client = client_of(false, 0);
    memcpy(longer + 2, question, sizeof question);
    assert_int_equal(send(client, longer, sizeof longer, 0), sizeof longer);
    while (receive(bed.resolver[0], asked, sizeof asked, &from, 1000) != 33)
        ;
    for (unsigned i = 0; i < 1000 && receive(bed.resolver[0], again, sizeof again, &from, 2000) != 33; i++)
        memset(again, 0, sizeof again);
    assert_memory_equal(asked, again, 33);
    close(client);

    close(bed.resolver[0]); /* from now on: port unreachable */
    client = client_of(false, 0);
    send_question(client, 10);
    assert_int_equal(receive(client, got, sizeof got, NULL, 500), 2 + sizeof question);
    assert_true(got[3] == 10 && got[4] == 0x81 && got[5] == 0x82);
    close(client);
    bed.resolver[0] = bound(false, SOCK_DGRAM, 53);
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
    relay_connection_init(c, -1, 0, 1);
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
        cmocka_unit_test(lengths),     cmocka_unit_test(every_split),     cmocka_unit_test(unread_answers),
        cmocka_unit_test(timeouts),    cmocka_unit_test(servfail),        cmocka_unit_test(clock_of_questions),
        cmocka_unit_test(exchange),    cmocka_unit_test(refused_clients), cmocka_unit_test(half_closed),
        cmocka_unit_test(outstanding), cmocka_unit_test(flood),           cmocka_unit_test(lost_and_refused),
    };
    return cmocka_run_group_tests(tests, bed_setup, bed_teardown);
}
