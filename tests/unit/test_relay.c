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
#include "ctl/relay_ask.h"
#include "ctl/relay_query.h"

static const uint8_t question[] = {0x12, 0x34, 1,   0, 0,   1,   0,   0,   0, 0, 0, 0, 3,
                                   'W',  'w',  'W', 4, 't', 'e', 's', 't', 0, 0, 1, 0, 1};

static struct {
    int tcp[2], udp[2][RELAY_CONNECTIONS]; /* by family */
    int keeper[2];                         /* [0] ours */
    int resolver[2], stop_fd, table_fd;
    struct relay_table *table;
    struct relay *relay;
    pthread_t thread, keeper_thread;
    bool up;
} bed;
static _Atomic bool redirected = true;
static _Atomic uint16_t scope_of_port[65536]; /* of the clients, as conntrack has it */
static _Atomic bool mute;                     /* questions to the keeper are heard, and not answered */
static _Atomic unsigned asks;

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
    if (port) /* else two could get the same */
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

/* A keeper that knows each client's scope by its port; before each true answer it tells of another slot, of another
 * connection and of no slot at all, which changes nothing. */
static void *keeper_thread(void *argument)
{
    struct relay_ask ask;
    while (recv(bed.keeper[0], &ask, sizeof ask, 0) == sizeof ask) {
        asks++;
        if (mute)
            continue;
        uint16_t scope = scope_of_port[ask.client.port];
        const struct relay_ask_answer answer[] = {{ask.serial, (ask.slot + 1) % RELAY_CONNECTIONS, 7},
                                                  {ask.serial - 1, ask.slot, 7},
                                                  {ask.serial, RELAY_CONNECTIONS, 7},
                                                  {ask.serial, ask.slot, scope}};
        for (unsigned i = 0; i < sizeof answer / sizeof *answer; i++)
            if (send(bed.keeper[0], &answer[i], sizeof answer[i], MSG_NOSIGNAL) < 0)
                return NULL;
    }
    return argument;
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
        bed.tcp[six] = bound(six, SOCK_STREAM, 0);
        for (int i = 0; i < RELAY_CONNECTIONS; i++)
            bed.udp[six][i] = bound(six, SOCK_DGRAM, 0);
        bed.resolver[six] = bound(six, SOCK_DGRAM, 53);
    }
    bed.table_fd = memfd_create("relays", MFD_CLOEXEC);
    if (ftruncate(bed.table_fd, (off_t)relay_table_size()) < 0)
        return -1;
    bed.table = relay_table_map(bed.table_fd, true, &e);
    bed.stop_fd = eventfd(0, EFD_CLOEXEC);
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, bed.keeper) < 0)
        return -1;
    struct relay_config config = {.tcp_fd = {bed.tcp[0], bed.tcp[1]},
                                  .slots = RELAY_CONNECTIONS,
                                  .udp_fd = {bed.udp[0], bed.udp[1]},
                                  .keeper_fd = bed.keeper[1],
                                  .table = bed.table,
                                  .stop_fd = bed.stop_fd,
                                  .origin = fake_origin};
    bed.relay = bed.table ? relay_new(&config, &e) : NULL;
    if (!bed.relay)
        return -1;
    bed.up = true;
    return pthread_create(&bed.thread, NULL, relay_thread, bed.relay) ||
           pthread_create(&bed.keeper_thread, NULL, keeper_thread, &bed);
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
    close(bed.keeper[1]);
    pthread_join(bed.keeper_thread, NULL);
    close(bed.keeper[0]);
    relay_table_unmap(bed.table);
    for (int i = 0; i < 2; i++) {
        close(bed.tcp[i]);
        for (int k = 0; k < RELAY_CONNECTIONS; k++)
            close(bed.udp[i][k]);
        close(bed.resolver[i]);
    }
    return result ? 0 : -1;
}

static void need_bed(void)
{
    if (!bed.up)
        skip();
}

static int client_of(bool six, uint16_t scope)
{
    union relay_address at = {0};
    socklen_t len = six ? sizeof at.v6 : sizeof at.v4;
    int fd = socket(six ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    at.any.sa_family = six ? AF_INET6 : AF_INET;
    if (six)
        at.v6.sin6_addr = in6addr_loopback;
    else
        at.v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(fd, &at.any, len), 0);
    assert_int_equal(getsockname(fd, &at.any, &len), 0);
    scope_of_port[ntohs(six ? at.v6.sin6_port : at.v4.sin_port)] = scope;
    assert_int_equal(getsockname(bed.tcp[six], &at.any, &len), 0);
    assert_int_equal(connect(fd, &at.any, len), 0);
    return fd;
}

/* Gone at once, with all that it asked. */
static void reset(int client)
{
    assert_int_equal(setsockopt(client, SOL_SOCKET, SO_LINGER, &(struct linger){1, 0}, sizeof(struct linger)), 0);
    close(client);
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
            relay_table_find(bed.table, 2, &resolver, (struct bytes){(const uint8_t *)"www.test", 8}, 1, &asked));
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
        int client = client_of(false, 2);
        assert_int_equal(send(client, bad[i], 2, 0), 2);
        assert_true(is_closed(client, 1000));
        close(client);
    }
    redirected = false; /* connected to the listener itself: SO_ORIGINAL_DST fails or is the listener */
    for (int six = 0; six < 2; six++) {
        int client = client_of(six, 2);
        assert_true(is_closed(client, 1000));
        close(client);
    }
    redirected = true;
    int half = client_of(false, 2); /* ends after half a message */
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
    int client = client_of(false, 2);
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
    int client = client_of(false, 2);

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
    reset(client);
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
        greedy[i] = client_of(false, 2);
        if (i % 64 == 63)
            usleep(50000);
    }
    assert_true(is_closed(greedy[0], 1000));
    assert_false(is_closed(greedy[RELAY_CONNECTIONS - 1], 50));
    send_question(quiet, 1);
    assert_int_equal(receive(bed.resolver[0], asked, sizeof asked, &from, 1000), sizeof question);
    asked[2] |= 0x80;
    sendto(bed.resolver[0], asked, sizeof question, 0, &from.any, len_of(&from));
    assert_int_equal(receive(quiet, asked, sizeof asked, NULL, 1000), 2 + sizeof question);
    close(quiet);
    for (unsigned i = 0; i < RELAY_CONNECTIONS; i++)
        close(greedy[i]);
}

/* Until the keeper has said whose a connection is, nothing of it goes; of one that is nobody's, nothing ever does. */
static void whose(void **state)
{
    (void)state;
    need_bed();
    uint8_t asked[600];
    union relay_address from;
    unsigned before;

    usleep(100000);
    while (receive(bed.resolver[0], asked, sizeof asked, &from, 50))
        ;
    int nobody = client_of(false, 0);
    send_question(nobody, 1);
    assert_true(is_closed(nobody, 1000));
    close(nobody);
    mute = true; /* a keeper that dies with the question: the next is asked again */
    before = asks;
    int client = client_of(false, 1);
    send_question(client, 2);
    assert_int_equal(receive(bed.resolver[0], asked, sizeof asked, &from, 500), 0);
    assert_int_equal(asks, before + 1);
    mute = false;
    assert_int_equal(receive(bed.resolver[0], asked, sizeof asked, &from, 2000), sizeof question);
    assert_int_equal(asks, before + 2);
    asked[2] |= 0x80;
    sendto(bed.resolver[0], asked, sizeof question, 0, &from.any, len_of(&from));
    assert_int_equal(receive(client, asked, sizeof asked, NULL, 1000), 2 + sizeof question);
    close(client);

    /* Gone when the answer comes: what it had written is not asked, for its ports may be another's by then. */
    mute = true;
    client = client_of(false, 1);
    send_question(client, 3);
    usleep(100000);
    reset(client);
    mute = false;
    assert_int_equal(receive(bed.resolver[0], asked, sizeof asked, &from, 2000), 0);
}

/* While the keeper says nothing, some wait, none is thrown out for another, and all are served in the end. */
static void patience(void **state)
{
    (void)state;
    need_bed();
    enum { MANY = RELAY_CONNECTIONS / 2 };
    static int client[MANY];
    uint8_t asked[600], got[600];
    union relay_address from;
    unsigned before = asks;

    mute = true;
    for (unsigned i = 0; i < MANY; i++) {
        client[i] = client_of(false, 1);
        send_question(client[i], (uint16_t)i);
    }
    usleep(300000);
    assert_in_range(asks - before, RELAY_CONNECTIONS / 4, RELAY_CONNECTIONS / 4 + 1);
    mute = false;
    for (unsigned i = 0; i < MANY; i++) {
        assert_int_equal(receive(bed.resolver[0], asked, sizeof asked, &from, 3000), sizeof question);
        asked[2] |= 0x80;
        sendto(bed.resolver[0], asked, sizeof question, 0, &from.any, len_of(&from));
    }
    for (unsigned i = 0; i < MANY; i++) {
        assert_int_equal(receive(client[i], got, sizeof got, NULL, 1000), 2 + sizeof question);
        close(client[i]);
    }
}

/* A lost question is sent again, byte for byte; an ICMP error ends it at once with SERVFAIL. */
static void lost_and_refused(void **state)
{
    (void)state;
    need_bed();
    uint8_t asked[600], again[600], got[600];
    union relay_address from;
    uint8_t longer[2 + 33] = {0, 33}; /* told from what earlier tests' clients still wait for by its length */
    int client = client_of(false, 2);
    memcpy(longer + 2, question, sizeof question);
    assert_int_equal(send(client, longer, sizeof longer, 0), sizeof longer);
    while (receive(bed.resolver[0], asked, sizeof asked, &from, 1000) != 33)
        ;
    for (unsigned i = 0; i < 1000 && receive(bed.resolver[0], again, sizeof again, &from, 2000) != 33; i++)
        memset(again, 0, sizeof again);
    assert_memory_equal(asked, again, 33);
    close(client);

    close(bed.resolver[0]); /* from now on: port unreachable */
    client = client_of(false, 2);
    send_question(client, 10);
    assert_int_equal(receive(client, got, sizeof got, NULL, 500), 2 + sizeof question);
    assert_true(got[3] == 10 && got[4] == 0x81 && got[5] == 0x82);
    close(client);
    bed.resolver[0] = bound(false, SOCK_DGRAM, 53);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exchange),    cmocka_unit_test(refused_clients),
        cmocka_unit_test(half_closed), cmocka_unit_test(outstanding),
        cmocka_unit_test(flood),       cmocka_unit_test(whose),
        cmocka_unit_test(patience),    cmocka_unit_test(lost_and_refused),
    };
    return cmocka_run_group_tests(tests, bed_setup, bed_teardown);
}
