/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A DNS server that is never the bottleneck: it has every name.
 *
 *     dns_server PORT COUNT BASE4 BASE6 BIND...
 *
 * The answer to A and AAAA is BASE4 or BASE6 plus (the digits in the name's first label) modulo COUNT, lifetime 300;
 * every other type has no data.  One thread for each address to bind.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "tests/bench/load/common.h"

#define GROUP 64
#define BYTES 1500

static unsigned count;
static uint16_t port;
static uint8_t base4[4], base6[16];

struct server {
    const char *bind;
    pthread_t thread;
};

/* Turns a question of `len` bytes into its answer; returns the answer's length, 0: nothing to say. */
static size_t answer(uint8_t *message, size_t len)
{
    size_t at = 12;
    unsigned digits = 0;

    if (len < 17 || (message[2] & 0x80))
        return 0;
    for (unsigned i = 1; i <= message[12] && 12 + i < len; i++)
        if (message[12 + i] >= '0' && message[12 + i] <= '9')
            digits = digits * 10 + (unsigned)(message[12 + i] - '0');
    while (at < len && message[at])
        at += message[at] + 1u;
    at += 5; /* the root, type, class */
    if (at > len)
        return 0;
    unsigned type = (unsigned)message[at - 4] << 8 | message[at - 3];
    bool four = type == 1, six = type == 28;

    message[2] = (uint8_t)(0x84 | (message[2] & 1)); /* QR, AA, RD as it was */
    message[3] = 0x80;                               /* RA, NOERROR */
    memcpy(message + 4, "\0\1\0\0\0\0\0\0", 8);
    if (!four && !six)
        return at;
    message[7] = 1;
    size_t size = four ? 4 : 16;
    memcpy(message + at, "\xc0\x0c\0\0\0\1\0\0\1\x2c\0", 11);
    message[at + 3] = (uint8_t)type;
    message[at + 11] = (uint8_t)size;
    memcpy(message + at + 12, four ? base4 : base6, size);
    message[at + 11 + size] = (uint8_t)(message[at + 11 + size] + digits % count);
    return at + 12 + size;
}

static void *serve(void *arg)
{
    static _Thread_local uint8_t bytes[GROUP][BYTES];
    static const int buffer = 4 << 20;
    const struct server *s = arg;
    struct sockaddr_in6 from[GROUP];
    struct iovec vector[GROUP];
    struct mmsghdr message[GROUP], out[GROUP];
    socklen_t len;
    struct sockaddr_in6 address = address_of(s->bind, port, &len);

    int fd = socket(address.sin6_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (const struct sockaddr *)&address, len) < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof buffer) < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &buffer, sizeof buffer) < 0)
        fail("bind");
    for (;;) {
        for (unsigned i = 0; i < GROUP; i++) {
            vector[i] = (struct iovec){bytes[i], 512};
            message[i].msg_hdr = (struct msghdr){
                .msg_name = &from[i], .msg_namelen = sizeof from[i], .msg_iov = &vector[i], .msg_iovlen = 1};
        }
        int got = recvmmsg(fd, message, GROUP, MSG_WAITFORONE, NULL);
        unsigned answers = 0;
        for (int i = 0; i < got; i++) {
            vector[i].iov_len = answer(bytes[i], message[i].msg_len);
            if (vector[i].iov_len)
                out[answers++].msg_hdr = message[i].msg_hdr;
        }
        for (unsigned at = 0; at < answers;) {
            int put = sendmmsg(fd, out + at, answers - at, 0);
            at += put > 0 ? (unsigned)put : 1; /* one that cannot be sent is lost, as on a network */
        }
    }
    return NULL;
}

int main(int argc, char **argv)
{
    struct server server[16];

    errno = 0;
    if (argc < 6 || argc - 5 > 16)
        fail("dns_server PORT COUNT BASE4 BASE6 BIND...");
    port = (uint16_t)number(argv[1], 1, 65535);
    count = (unsigned)number(argv[2], 1, 100);
    if (inet_pton(AF_INET, argv[3], base4) != 1 || inet_pton(AF_INET6, argv[4], base6) != 1)
        fail("not an address");
    for (int i = 5; i < argc; i++) {
        server[i - 5].bind = argv[i];
        if (pthread_create(&server[i - 5].thread, NULL, serve, &server[i - 5]))
            fail("thread");
    }
    puts("ready");
    fflush(stdout);
    pthread_join(server[0].thread, NULL);
}
