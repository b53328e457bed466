/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the load generators share: the clock, percentiles, numbers on the command line, nonblocking sockets. */
#ifndef SLUICE_BENCH_LOAD_COMMON_H
#define SLUICE_BENCH_LOAD_COMMON_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

uint64_t now_nsec(void); /* CLOCK_MONOTONIC */

/* Exits with status 2 and `what` (and errno's text, if set). */
_Noreturn void fail(const char *what);

/* The whole of `text` as a number in [least, most], or fail(). */
uint64_t number(const char *text, uint64_t least, uint64_t most);

/* What every load has: questions or connections about n0.DOMAIN to nN.DOMAIN. */
struct load {
    const char *domain;
    unsigned names, parallel, threads;
    uint16_t port;
    uint64_t measure_nsec, warm_nsec;
};
#define LOAD_LETTERS "n:d:P:p:t:s:w:"
#define LOAD_DEFAULTS \
    .names = 100, .domain = "bench.test", .threads = 2, .measure_nsec = 3000000000u, .warm_nsec = 300000000u
/* One of LOAD_LETTERS, its value in optarg; false: another letter. */
bool load_option(struct load *l, int letter, unsigned parallel_max);

/* "198.18.2.80" or "2001:db8::80" with a port; or fail(). */
struct sockaddr_in6 address_of(const char *text, uint16_t port, socklen_t *len);

/* A listener or bound datagram socket on every address, IPv4 too, nonblocking, shared by SO_REUSEPORT; or fail(). */
int listener(int type, uint16_t port);

/* Reads at most `most` bytes of a TCP socket and throws them away in the kernel; as recv(2). */
ssize_t discard(int fd, size_t most);

/* Times of single events: kept whole, up to a fixed number (then the later ones are only counted). */
struct samples {
    uint64_t count, kept, size;
    uint32_t *nsec;
};
void samples_init(struct samples *s, uint64_t size);
void samples_add(struct samples *s, uint64_t nsec);
void samples_merge(struct samples *into, const struct samples *from);
/* In microseconds; sorts.  0 without samples. */
double samples_percentile(struct samples *s, double percent);

#endif
