/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A relay with clients, resolvers and a keeper around it: loopback in a network namespace of its own; redirection
 * itself is tested with real rules in tests/netns. */
#ifndef SLUICE_TESTS_UNIT_RELAY_BED_H
#define SLUICE_TESTS_UNIT_RELAY_BED_H

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

static inline bool fake_origin(int fd, bool six, struct sockaddr_storage *out)
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

static inline int bound(bool six, int type, uint16_t port)
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

static inline void *relay_thread(void *argument)
{
    struct error e;
    return relay_run(argument, &e) ? argument : NULL;
}

/* A keeper that knows each client's scope by its port; before each true answer it tells of another slot, of another
 * connection and of no slot at all, which changes nothing. */
static inline void *keeper_thread(void *argument)
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

static inline int bed_setup(void **state)
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

static inline int bed_teardown(void **state)
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

static inline void need_bed(void)
{
    if (!bed.up)
        skip();
}

static inline int client_of(bool six, uint16_t scope)
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
static inline void reset(int client)
{
    assert_int_equal(setsockopt(client, SOL_SOCKET, SO_LINGER, &(struct linger){1, 0}, sizeof(struct linger)), 0);
    close(client);
}

static inline size_t receive(int fd, uint8_t *out, size_t size, union relay_address *from, int msec)
{
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    socklen_t len = sizeof from->storage;
    if (poll(&wait, 1, msec) != 1)
        return 0;
    ssize_t got = recvfrom(fd, out, size, 0, from ? &from->any : NULL, from ? &len : NULL);
    return got < 0 ? 0 : (size_t)got;
}

static inline void send_question(int fd, uint16_t id)
{
    uint8_t wire[2 + sizeof question];
    struct writer w = writer_init(wire, sizeof wire);
    writer_u16(&w, sizeof question);
    writer_u16(&w, id);
    writer_bytes(&w, (struct bytes){question + 2, sizeof question - 2});
    assert_int_equal(send(fd, wire, sizeof wire, MSG_NOSIGNAL), sizeof wire);
}

static inline bool is_closed(int fd, int msec)
{
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    char byte;
    return poll(&wait, 1, msec) == 1 && recv(fd, &byte, 1, MSG_DONTWAIT) <= 0;
}

static inline socklen_t len_of(const union relay_address *a)
{
    return a->any.sa_family == AF_INET6 ? sizeof a->v6 : sizeof a->v4;
}

/* Pipelined questions, answered in the other order, each with its own id; forgeries change nothing. */

#endif
