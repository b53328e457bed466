/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One connection of web_load: connect, shake hands, ask, read.  Nonblocking: each step goes as far as the socket lets
 * it. A connection belongs to one thread; `exchange` is set before the threads begin. */
#ifndef SLUICE_BENCH_LOAD_WEB_EXCHANGE_H
#define SLUICE_BENCH_LOAD_WEB_EXCHANGE_H

#include <netinet/in.h>
#include <openssl/ssl.h>
#include <stddef.h>
#include <stdint.h>

enum mode { RATE, TIME, BULK, DOWN, UP, REFUSED, MODES };

extern struct exchange {
    enum mode mode;
    SSL_CTX *context;     /* NULL: plain HTTP */
    uint64_t bytes, body; /* of an answer; of a POST (0: GET) */
} exchange;

struct target {
    char name[300];
    struct sockaddr_in6 address;
    socklen_t len;
};

enum stage { CONNECTING, SHAKING, ASKING, READING, RAW };

struct connection {
    int fd;
    SSL *ssl;
    enum stage stage;
    uint32_t watched;
    uint64_t started;
    const struct target *target;
    size_t sent, head; /* bytes of the request sent; bytes of the answer's head seen (its end: all ones) */
    uint64_t left;     /* of the answer's body */
    uint64_t body_left;
    uint64_t bytes; /* read or written since the caller set it to 0 */
    char last[4];
    char request[512];
    size_t request_len;
};

void exchange_open(struct connection *c, const struct target *target);
/* The next one on the same connection. */
void exchange_again(struct connection *c);
void exchange_close(struct connection *c);
/* 2: the exchange is complete; 1: go on; 0: when the socket is ready for *want; -1: it failed. */
int exchange_step(struct connection *c, uint32_t *want);

#endif
