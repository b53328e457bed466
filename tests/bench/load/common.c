/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/bench/load/common.h"

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

uint64_t now_nsec(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

void fail(const char *what)
{
    if (errno)
        fprintf(stderr, "%s: %s\n", what, strerror(errno));
    else
        fprintf(stderr, "%s\n", what);
    exit(2);
}

uint64_t number(const char *text, uint64_t least, uint64_t most)
{
    char *end;
    errno = 0;
    uint64_t value = strtoull(text, &end, 10);
    if (errno || end == text || *end || value < least || value > most) {
        errno = 0;
        fprintf(stderr, "%s: ", text);
        fail("not a number that fits here");
    }
    return value;
}

bool load_option(struct load *l, int letter, unsigned parallel_max)
{
    switch (letter) {
    case 'n':
        l->names = (unsigned)number(optarg, 1, 10000000);
        return true;
    case 'd':
        l->domain = optarg;
        return true;
    case 'P':
        l->port = (uint16_t)number(optarg, 1, 65535);
        return true;
    case 'p':
        l->parallel = (unsigned)number(optarg, 1, parallel_max);
        return true;
    case 't':
        l->threads = (unsigned)number(optarg, 1, 64);
        return true;
    case 's':
        l->measure_nsec = number(optarg, 10, 600000) * 1000000;
        return true;
    case 'w':
        l->warm_nsec = number(optarg, 0, 60000) * 1000000;
        return true;
    default:
        return false;
    }
}

struct sockaddr_in6 address_of(const char *text, uint16_t port, socklen_t *len)
{
    struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons(port)};
    *len = sizeof six;
    if (inet_pton(AF_INET6, text, &six.sin6_addr) == 1)
        return six;
    if (inet_pton(AF_INET, text, &four.sin_addr) != 1) {
        errno = 0;
        fprintf(stderr, "%s: ", text);
        fail("not an address");
    }
    memcpy(&six, &four, sizeof four);
    *len = sizeof four;
    return six;
}

int listener(int type, uint16_t port)
{
    static const int on = 1, off = 0, buffer = 4 << 20;
    struct sockaddr_in6 any = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    int fd = socket(AF_INET6, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off) < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) < 0)
        fail("socket");
    if (type == SOCK_DGRAM && (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof buffer) < 0 ||
                               setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &buffer, sizeof buffer) < 0))
        fail("socket buffers");
    if (bind(fd, (const struct sockaddr *)&any, sizeof any) < 0 || (type == SOCK_STREAM && listen(fd, 4096) < 0))
        fail("bind");
    return fd;
}

ssize_t discard(int fd, size_t most)
{
    return recv(fd, NULL, most, MSG_TRUNC); /* tcp(7): not copied */
}

void samples_init(struct samples *s, uint64_t size)
{
    *s = (struct samples){.size = size, .nsec = malloc(size * sizeof *s->nsec)};
    if (!s->nsec)
        fail("samples");
}

void samples_add(struct samples *s, uint64_t nsec)
{
    s->count++;
    if (s->kept < s->size)
        s->nsec[s->kept++] = nsec > UINT32_MAX ? UINT32_MAX : (uint32_t)nsec;
}

void samples_merge(struct samples *into, const struct samples *from)
{
    uint64_t room = into->size - into->kept, take = from->kept < room ? from->kept : room;
    memcpy(into->nsec + into->kept, from->nsec, take * sizeof *from->nsec);
    into->kept += take;
    into->count += from->count;
}

static int compare(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

double samples_percentile(struct samples *s, double percent)
{
    if (!s->kept)
        return 0;
    qsort(s->nsec, s->kept, sizeof *s->nsec, compare);
    uint64_t at = (uint64_t)((double)s->kept * percent / 100);
    return s->nsec[at < s->kept ? at : s->kept - 1] / 1000.0;
}
