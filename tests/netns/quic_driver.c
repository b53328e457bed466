/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A QUIC client that sends what it is told to, for attacks: quic_driver ADDRESS PORT TOKEN STEP...
 *
 *     hello:NAME:ID       an Initial of 1,200 bytes with a hello for NAME, to connection id ID
 *     hello2:NAME:ID      the same in version 2
 *     part1:NAME:ID, part2:NAME:ID   the two halves of a larger hello, an Initial each
 *     both:NAME:ID        the two in one send (UDP_SEGMENT)
 *     two:NAME:ID:TEXT    an Initial that opens under the keys of ID too, and under its own to a hello for NAME; bears
 * TEXT early:ID:TEXT       a 0-RTT packet        short:TEXT        a short header version:HEX:TEXT    a long header of
 * that version             raw:TEXT      the text segments:NAME:ID    a short header and an Initial, 1,200 bytes each,
 * in one send (UDP_SEGMENT)
 *     +                   the next packet goes into the same datagram
 *     ttl:N  wait:MS  port   (port: from another source port)
 *     until:PATH:TEXT     short headers with TEXT, one each 100 ms, until PATH is there
 *     go:PATH             nothing until PATH is there
 *
 * Ids get the number of the process: each run has its own connections.  Initials bear TOKEN in the clear.
 * Status 3: refused by an ICMP error; 0: not. */
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/udp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/quic_two_keys.h"

#define DATAGRAM 1200

static struct quic_cipher *cipher;
static uint8_t datagram[8192];
static size_t datagram_len;
static uint32_t number;
static const char *token;
static uint32_t version = QUIC_VERSION_1;

static int connected(const char *address, const char *port)
{
    struct addrinfo hints = {.ai_socktype = SOCK_DGRAM, .ai_flags = AI_NUMERICHOST}, *found;
    if (getaddrinfo(address, port, &hints, &found))
        exit(2);
    int fd = socket(found->ai_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, found->ai_addr, found->ai_addrlen))
        exit(2);
    freeaddrinfo(found);
    return fd;
}

static void put(const void *at, size_t len)
{
    if (datagram_len + len > sizeof datagram)
        exit(2);
    memcpy(datagram + datagram_len, at, len);
    datagram_len += len;
}

static void put_initial(const char *id, size_t offset, struct bytes crypto)
{
    uint8_t frames[DATAGRAM], packet[DATAGRAM + 64];
    struct quic_sender sender = {version, id, id, "", token, number++, false, 0};
    size_t header = 1 + 4 + 1 + strlen(id) + 1 + 1 + strlen(token) + 2;
    struct writer w = writer_init(frames, sizeof frames);
    quic_put_crypto(&w, offset, crypto);
    writer_zero(&w, DATAGRAM - header - 4 - 16 - writer_len(&w));
    put(packet, quic_seal(cipher, &sender, (struct bytes){frames, writer_len(&w)}, packet, sizeof packet));
}

static void put_long(uint32_t number_of_version, uint8_t first, const char *id, const char *text)
{
    uint8_t at[512];
    struct writer w = writer_init(at, sizeof at);
    writer_u8(&w, first);
    writer_u32(&w, number_of_version);
    writer_u8(&w, (uint8_t)strlen(id));
    writer_bytes(&w, (struct bytes){(const uint8_t *)id, strlen(id)});
    writer_u8(&w, 0);
    writer_u8(&w, (uint8_t)strlen(text));
    writer_bytes(&w, (struct bytes){(const uint8_t *)text, strlen(text)});
    put(at, writer_len(&w));
}

static void segment_sends(int fd)
{
    int size = DATAGRAM;
    if (setsockopt(fd, SOL_UDP, UDP_SEGMENT, &size, sizeof size))
        exit(2);
}

static void send_it(int fd, bool *refused)
{
    if (send(fd, datagram, datagram_len, MSG_NOSIGNAL) < 0 && errno == ECONNREFUSED) {
        *refused = true;
        send(fd, datagram, datagram_len, MSG_NOSIGNAL);
    }
    datagram_len = 0;
}

/* Adds to the datagram what a verb says; false: no such verb. */
static bool compose(int fd, const char *verb, const char *a, const char *b, const char *c)
{
    uint8_t hello[2048];
    char id[24];
    bool first = !strcmp(verb, "part1");
    snprintf(id, sizeof id, "%.8s%d", !strcmp(verb, "early") && a ? a : b ? b : "", getpid());
    version = !strcmp(verb, "hello2") ? QUIC_VERSION_2 : QUIC_VERSION_1;
    if (b && (!strncmp(verb, "hello", 5) || !strcmp(verb, "segments"))) {
        if (verb[0] == 's') {
            segment_sends(fd);
            put("\x40", 1);
            put(token, strlen(token));
            memset(datagram + datagram_len, 0, sizeof datagram - datagram_len);
            datagram_len = DATAGRAM;
        }
        put_initial(id, 0, (struct bytes){hello, quic_hello(a, 0, 0, hello, sizeof hello)});
    } else if (b && !strcmp(verb, "both")) {
        size_t len = quic_hello(a, 600, 0, hello, sizeof hello);
        segment_sends(fd);
        put_initial(id, 300, (struct bytes){hello + 300, len - 300});
        put_initial(id, 0, (struct bytes){hello, 300});
    } else if (b && (first || !strcmp(verb, "part2"))) {
        size_t len = quic_hello(a, 600, 0, hello, sizeof hello), at = first ? 0 : 300;
        put_initial(id, at, (struct bytes){hello + at, first ? 300 : len - 300});
    } else if (c && !strcmp(verb, "two")) {
        uint8_t borne[8];
        datagram_len +=
            quic_two_keys(QUIC_VERSION_1, id, a, c, borne, datagram + datagram_len, sizeof datagram - datagram_len);
    } else if (b && !strcmp(verb, "early")) {
        put_long(QUIC_VERSION_1, 0xd0, id, b);
    } else if (b && !strcmp(verb, "version")) {
        put_long((uint32_t)strtoul(a, NULL, 16), 0xc0, "anyid123", b);
    } else if (a && !strcmp(verb, "short")) {
        put("\x40", 1);
        put(a, strlen(a));
    } else if (a && !strcmp(verb, "raw")) {
        put(a, strlen(a));
    } else {
        return false;
    }
    return true;
}

/* Waits for an ICMP error, as long as anything comes. */
static bool hears_refusal(int fd)
{
    uint8_t answer[2048];
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    int error = 0;
    socklen_t size = sizeof error;
    while (error != ECONNREFUSED && poll(&wait, 1, 400) > 0)
        if (recv(fd, answer, sizeof answer, MSG_DONTWAIT) < 0)
            error = errno;
    return error == ECONNREFUSED || (!getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) && error == ECONNREFUSED);
}

int main(int argc, char **argv)
{
    bool refused = false, more = false;
    if (argc < 5 || !(cipher = quic_cipher_new()))
        return 2;
    token = argv[3];
    int fd = connected(argv[1], argv[2]);
    for (int i = 4; i < argc; i++) {
        char *verb = strtok(argv[i], ":"), *a = strtok(NULL, ":"), *b = strtok(NULL, ":"), *c = strtok(NULL, ":");
        if (!strcmp(verb, "+")) {
            more = true;
            continue;
        }
        if (!strcmp(verb, "wait") && a) {
            poll(NULL, 0, (int)strtol(a, NULL, 10));
            continue;
        }
        if (!strcmp(verb, "until") && b) {
            while (access(a, F_OK)) {
                if (!compose(fd, "short", b, NULL, NULL))
                    return 2;
                send_it(fd, &refused);
                poll(NULL, 0, 100);
            }
            continue;
        }
        if (!strcmp(verb, "go") && a) {
            while (access(a, F_OK))
                poll(NULL, 0, 10);
            continue;
        }
        if (!strcmp(verb, "port")) {
            fd = connected(argv[1], argv[2]);
            continue;
        }
        if (!strcmp(verb, "ttl") && a) {
            int ttl = (int)strtol(a, NULL, 10);
            if (setsockopt(fd, IPPROTO_IP, IP_TTL, &ttl, sizeof ttl))
                return 2;
            continue;
        }
        if (!compose(fd, verb, a, b, c))
            return 2;
        if (!more)
            send_it(fd, &refused);
        more = false;
    }
    refused = refused || hears_refusal(fd);
    quic_cipher_free(cipher);
    return refused ? 3 : 0;
}
