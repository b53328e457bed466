/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The relay's process as a whole, under its filter, behind a real redirection: what rights are left, that a question
 * comes through, and that a connection to the listener itself does not.  Root, in a network namespace of its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ctl/gate.h"
#include "ctl/gate_sockets.h"
#include "ctl/relay.h"
#include "ctl/relay_ask.h"
#include "ctl/role.h"
#include "tests/unit/nft_text.h"

#define SCOPE 3
#define SLOTS 2

static const uint8_t question[] = {0x12, 0x34, 1, 0,   0,   1,   0,   0, 0, 0, 0, 0,
                                   1,    'a',  4, 't', 'e', 's', 't', 0, 0, 1, 0, 1};
static struct gate gate;
static pid_t relay;
static int resolver[2];

union place {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

static union place place(bool six, uint16_t port)
{
    union place at = {0};
    at.any.sa_family = six ? AF_INET6 : AF_INET;
    if (six) {
        at.v6.sin6_addr = in6addr_loopback;
        at.v6.sin6_port = htons(port);
    } else {
        at.v4.sin_addr.s_addr = htonl(0x7f000002); /* where redirection does not lead */
        at.v4.sin_port = htons(port);
    }
    return at;
}

static socklen_t len_of(bool six)
{
    return six ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
}

static int bound(bool six, int type, uint16_t port, uint16_t *got)
{
    union place at = place(six, port);
    socklen_t len = len_of(six);
    int on = 1, fd = socket(six ? AF_INET6 : AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (!six && !port)
        at.v4.sin_addr.s_addr = 0;
    if (six) {
        assert_int_equal(setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on), 0);
        if (!port)
            at.v6.sin6_addr = in6addr_any;
    }
    assert_int_equal(bind(fd, &at.any, len), 0);
    assert_int_equal(getsockname(fd, &at.any, &len), 0);
    *got = ntohs(six ? at.v6.sin6_port : at.v4.sin_port);
    if (type == SOCK_STREAM)
        assert_int_equal(listen(fd, 16), 0);
    return fd;
}

static bool redirect(uint16_t four, uint16_t six)
{
    char rules[512];
    snprintf(rules, sizeof rules,
             "table ip r { chain o { type nat hook output priority -101; tcp dport 53 redirect to :%u\n }\n }\n"
             "table ip6 r { chain o { type nat hook output priority -101; tcp dport 53 redirect to :%u\n }\n }\n",
             four, six);
    return nft_text(rules);
}

static int memory(const char *name, size_t size)
{
    int fd = memfd_create(name, MFD_CLOEXEC);
    assert_int_equal(ftruncate(fd, (off_t)size), 0);
    return fd;
}

static int setup(void **state)
{
    struct ifreq loopback = {.ifr_name = "lo", .ifr_flags = IFF_UP};
    uint16_t port[2], none;
    (void)state;
    if (geteuid() != 0 || unshare(CLONE_NEWNET) < 0) {
        print_message("not root: the relay's process is not tested here\n");
        return 0;
    }
    int control = socket(AF_INET, SOCK_DGRAM, 0);
    assert_int_equal(ioctl(control, SIOCSIFFLAGS, &loopback), 0);
    close(control);
    gate_sockets_no_relay(&gate);
    gate.lock_fd = memory("lock", 16);
    gate.relays_fd = memory("relays", relay_table_size());
    gate.rules_fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 12);
    for (unsigned six = 0; six < 2; six++) {
        gate.relay_tcp_fd[six] = bound(six, SOCK_STREAM, 0, &port[six]);
        for (unsigned i = 0; i < SLOTS; i++)
            gate.relay_udp_fd[six][i] = bound(six, SOCK_DGRAM, 0, &none);
    }
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, gate.relay_fd))
        return -1;
    for (int six = 0; six < 2; six++)
        resolver[six] = bound(six, SOCK_DGRAM, 53, &none);
    if (!redirect(port[0], port[1])) {
        print_message("no redirection in this kernel: the relay's process is not tested here\n");
        return 0;
    }
    relay = fork();
    if (relay == 0)
        _exit(relay_main(&gate));
    return relay < 0;
}

static int teardown(void **state)
{
    int status;
    (void)state;
    if (!relay)
        return 0;
    kill(relay, SIGTERM);
    waitpid(relay, &status, 0);
    return !(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static ssize_t receive(int fd, void *out, size_t size, union place *from)
{
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    socklen_t len = sizeof *from;
    if (poll(&wait, 1, 2000) != 1)
        return -1;
    return recvfrom(fd, out, size, 0, from ? &from->any : NULL, from ? &len : NULL);
}

/* What the keeper does: says whose the connection is. */
static void answer_relay(uint16_t client_port)
{
    struct pollfd wait = {.fd = gate.relay_fd[0], .events = POLLIN};
    struct relay_ask ask = {0};
    assert_int_equal(poll(&wait, 1, 2000), 1);
    assert_int_equal(recv(gate.relay_fd[0], &ask, sizeof ask, 0), sizeof ask);
    assert_int_equal(ask.client.port, client_port);
    assert_int_equal(ask.resolver.port, 53);
    assert_true(ask.slot < SLOTS);
    struct relay_ask_answer answer = {.serial = ask.serial, .slot = ask.slot, .scope = SCOPE};
    assert_int_equal(send(gate.relay_fd[0], &answer, sizeof answer, 0), sizeof answer);
}

static void through(void **state)
{
    (void)state;
    if (!relay)
        skip();
    struct error e;
    struct relay_table *table = relay_table_map(gate.relays_fd, false, &e);
    assert_non_null(table);
    for (int six = 0; six < 2; six++) {
        uint8_t wire[2 + sizeof question] = {0, sizeof question}, got[600];
        union place to = place(six, 53), from, local;
        socklen_t len = sizeof local;
        struct relay_asked asked;

        memcpy(wire + 2, question, sizeof question);
        int client = socket(six ? AF_INET6 : AF_INET, SOCK_STREAM, 0);
        assert_int_equal(connect(client, &to.any, len_of(six)), 0);
        assert_int_equal(send(client, wire, sizeof wire, 0), sizeof wire);
        getsockname(client, &local.any, &len);
        answer_relay(ntohs(six ? local.v6.sin6_port : local.v4.sin_port));
        assert_int_equal(receive(resolver[six], got, sizeof got, &from), sizeof question);
        assert_memory_equal(got + 2, question + 2, sizeof question - 2);

        struct address at = six ? address_from_octets((struct bytes){to.v6.sin6_addr.s6_addr, 16})
                                : address_from_octets((struct bytes){(uint8_t *)&to.v4.sin_addr, 4});
        assert_true(relay_table_find(table, SCOPE, &at, (struct bytes){(const uint8_t *)"a.test", 6}, 1, &asked));
        assert_int_equal(asked.client.port, ntohs(six ? local.v6.sin6_port : local.v4.sin_port));

        got[2] |= 0x80;
        assert_int_equal(sendto(resolver[six], got, sizeof question, 0, &from.any, len_of(six)), sizeof question);
        assert_int_equal(receive(client, got, sizeof got, NULL), sizeof wire);
        assert_memory_equal(got + 2, question, 2);
        close(client);
    }
    relay_table_unmap(table);
}

/* Whoever connects to the listener's own port was not redirected: nothing of his is relayed. */
static void not_redirected(void **state)
{
    (void)state;
    if (!relay)
        skip();
    for (int six = 0; six < 2; six++) {
        union place at;
        socklen_t len = sizeof at;
        char byte;
        int client = socket(six ? AF_INET6 : AF_INET, SOCK_STREAM, 0);
        assert_int_equal(getsockname(gate.relay_tcp_fd[six], &at.any, &len), 0);
        if (six)
            at.v6.sin6_addr = in6addr_loopback;
        else
            at.v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        assert_int_equal(connect(client, &at.any, len), 0);
        assert_true(receive(client, &byte, 1, NULL) <= 0);
        close(client);
    }
}

static void rights(void **state)
{
    (void)state;
    if (!relay)
        skip();
    static const char *const row[][2] = {{"Uid:\t65531\t65531\t65531\t65531", ""},
                                         {"CapEff:\t", "0000000000000000"},
                                         {"CapPrm:\t", "0000000000000000"},
                                         {"CapBnd:\t", "0000000000000000"},
                                         {"NoNewPrivs:\t", "1"},
                                         {"Seccomp:\t", "2"},
                                         {"Threads:\t", "1"}};
    char path[64], text[8192];
    snprintf(path, sizeof path, "/proc/%d/status", relay);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t len = read(fd, text, sizeof text - 1);
    assert_true(len > 0);
    text[len] = 0;
    close(fd);
    for (unsigned i = 0; i < sizeof row / sizeof *row; i++) {
        char line[100];
        snprintf(line, sizeof line, "%s%s\n", row[i][0], row[i][1]);
        if (!strstr(text, line))
            print_error("not there: %s", line);
        assert_non_null(strstr(text, line));
    }
    assert_int_equal(role_holder(gate.lock_fd, ROLE_RELAY), relay);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(through),
        cmocka_unit_test(not_redirected),
        cmocka_unit_test(rights),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
