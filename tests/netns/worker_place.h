/* SPDX-License-Identifier: GPL-3.0-or-later */
/* For tests of the worker: sockets on loopback, of both families, and a datagram between two of them. */
#ifndef SLUICE_TESTS_NETNS_WORKER_PLACE_H
#define SLUICE_TESTS_NETNS_WORKER_PLACE_H

#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

struct place {
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } at;
    socklen_t len;
};

static inline struct place place(bool six, uint16_t port)
{
    struct place p = {0};
    p.len = six ? sizeof p.at.v6 : sizeof p.at.v4;
    p.at.any.sa_family = six ? AF_INET6 : AF_INET;
    if (six) {
        p.at.v6.sin6_port = htons(port);
        p.at.v6.sin6_addr = in6addr_loopback;
    } else {
        p.at.v4.sin_port = htons(port);
        p.at.v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    }
    return p;
}

static inline int open_at(bool six, int type, uint16_t port)
{
    struct place p = place(six, port);
    int fd = socket(six ? AF_INET6 : AF_INET, type, 0), on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (fd < 0 || bind(fd, &p.at.any, p.len) < 0 || (type == SOCK_STREAM && listen(fd, 8) < 0)) {
        perror("bind");
        exit(2);
    }
    return fd;
}

/* Sends a datagram to `port` from `fd` and returns what arrives at `server` within `msec` ("" nothing). */
static inline const char *exchange(int fd, int server, bool six, uint16_t port, int msec)
{
    static char got[100];
    struct place to = place(six, port);
    struct pollfd wait = {.fd = server, .events = POLLIN};

    memset(got, 0, sizeof got);
    if (sendto(fd, "sent", 4, 0, &to.at.any, to.len) != 4)
        return "send failed";
    if (poll(&wait, 1, msec) == 1 && recv(server, got, sizeof got - 1, 0) < 0)
        return "receive failed";
    return got;
}

#endif
