/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/bench/load/web_exchange.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/bench/load/common.h"

#define CHUNK   (64u * 1024)
#define DISCARD (1u << 20)

struct exchange exchange = {.bytes = 100};

void exchange_open(struct connection *c, const struct target *target)
{
    static const int on = 1;

    c->target = target;
    c->started = now_nsec();
    c->stage = CONNECTING;
    c->sent = c->head = 0;
    c->left = 0;
    c->body_left = exchange.body;
    memset(c->last, 0, sizeof c->last);
    c->fd = socket(c->target->address.sin6_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (c->fd < 0)
        fail("socket");
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    const char *path = exchange.mode == DOWN ? "raw/down" : exchange.mode == UP ? "raw/up" : NULL;
    char size[24];
    snprintf(size, sizeof size, "%llu", (unsigned long long)exchange.bytes);
    c->request_len =
        (size_t)snprintf(c->request, sizeof c->request, "%s /%s HTTP/1.1\r\nHost: %s\r\nUser-Agent: bench\r\n",
                         exchange.body ? "POST" : "GET", path ? path : size, c->target->name);
    if (exchange.body)
        c->request_len += (size_t)snprintf(c->request + c->request_len, sizeof c->request - c->request_len,
                                           "Content-Type: application/octet-stream\r\nContent-Length: %llu\r\n",
                                           (unsigned long long)exchange.body);
    memcpy(c->request + c->request_len, "\r\n", 2);
    c->request_len += 2;

    if (connect(c->fd, (const struct sockaddr *)&c->target->address, c->target->len) < 0 && errno != EINPROGRESS)
        fail("connect");
    c->watched = EPOLLOUT;
}

void exchange_again(struct connection *c)
{
    c->stage = ASKING;
    c->sent = c->head = 0;
    c->body_left = exchange.body;
}

void exchange_close(struct connection *c)
{
    if (c->ssl) {
        if (c->stage != RAW && c->stage != SHAKING)
            SSL_shutdown(c->ssl); /* close_notify, as a client that is done sends it */
        SSL_free(c->ssl);
        c->ssl = NULL;
    }
    close(c->fd);
    c->fd = -1;
}

static int tls_wants(struct connection *c, int result, uint32_t *want)
{
    int why = SSL_get_error(c->ssl, result);
    *want = why == SSL_ERROR_WANT_WRITE ? EPOLLOUT : EPOLLIN;
    return why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE ? 0 : -1;
}

static int shake(struct connection *c, uint32_t *want)
{
    int result = SSL_connect(c->ssl);
    if (result != 1)
        return tls_wants(c, result, want);
    c->stage = ASKING;
    return 1;
}

static int connected(struct connection *c)
{
    int error = 0;
    socklen_t len = sizeof error;
    getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &len);
    if (error) {
        errno = error;
        return -1;
    }
    c->stage = ASKING;
    if (!exchange.context)
        return 1;
    c->ssl = SSL_new(exchange.context);
    if (!c->ssl || SSL_set_fd(c->ssl, c->fd) != 1 || SSL_set_tlsext_host_name(c->ssl, c->target->name) != 1 ||
        SSL_set1_host(c->ssl, c->target->name) != 1)
        fail("SSL_new");
    c->stage = SHAKING;
    return 1;
}

/* One write; the bytes of a POST's body are zeros. */
static int ask(struct connection *c, uint32_t *want)
{
    static const uint8_t zeros[CHUNK];
    bool head = c->sent < c->request_len;
    const void *at = head ? (const void *)(c->request + c->sent) : (const void *)zeros;
    size_t len = head ? c->request_len - c->sent : c->body_left < CHUNK ? (size_t)c->body_left : CHUNK;
    ssize_t put;

    if (c->ssl) {
        put = SSL_write(c->ssl, at, (int)len);
        if (put <= 0)
            return tls_wants(c, (int)put, want);
    } else {
        put = send(c->fd, at, len, MSG_NOSIGNAL);
        *want = EPOLLOUT;
        if (put < 0)
            return errno == EAGAIN ? 0 : -1;
    }
    if (head)
        c->sent += (size_t)put;
    else
        c->body_left -= (uint64_t)put;
    if (c->sent == c->request_len && !c->body_left)
        c->stage = exchange.mode == DOWN || exchange.mode == UP ? RAW : READING;
    return 1;
}

/* The answer's head ends with an empty line; behind it are as many bytes as were asked for.  2: the answer is whole. */
static int read_answer(struct connection *c, uint32_t *want)
{
    static _Thread_local char buffer[CHUNK];
    ssize_t got;

    if (c->ssl) {
        got = SSL_read(c->ssl, buffer, sizeof buffer);
        if (got <= 0)
            return tls_wants(c, (int)got, want);
    } else {
        /* Bytes behind the head are not looked at: let the kernel drop them. */
        bool skip = c->head == SIZE_MAX && c->left > CHUNK;
        got = skip ? discard(c->fd, c->left < DISCARD ? (size_t)c->left : DISCARD) : recv(c->fd, buffer, CHUNK, 0);
        *want = EPOLLIN;
        if (got <= 0)
            return got < 0 && errno == EAGAIN ? 0 : -1;
    }
    c->bytes += (uint64_t)got;
    size_t at = 0;
    while (c->head != SIZE_MAX && at < (size_t)got) {
        memmove(c->last, c->last + 1, 3);
        c->last[3] = buffer[at++];
        if (c->head++ > 8192)
            return -1;
        if (!memcmp(c->last, "\r\n\r\n", 4)) {
            c->head = SIZE_MAX;
            c->left = exchange.bytes;
        }
    }
    if (c->head != SIZE_MAX)
        return 1;
    uint64_t of_body = (uint64_t)got - at;
    c->left -= of_body < c->left ? of_body : c->left;
    return c->left ? 1 : 2;
}

static int raw(struct connection *c, uint32_t *want)
{
    static _Thread_local uint8_t buffer[CHUNK];
    ssize_t moved;

    if (exchange.mode == DOWN) {
        moved = discard(c->fd, DISCARD);
        *want = EPOLLIN;
    } else {
        for (unsigned i = 0; i < CHUNK; i += 16384)
            memcpy(buffer + i, "\x17\x03\x03\x3f\xfb", 5);
        moved = send(c->fd, buffer, sizeof buffer, MSG_NOSIGNAL);
        *want = EPOLLOUT;
    }
    if (moved <= 0)
        return moved < 0 && errno == EAGAIN ? 0 : -1;
    c->bytes += (uint64_t)moved;
    return 1;
}

int exchange_step(struct connection *c, uint32_t *want)
{
    switch (c->stage) {
    case CONNECTING:
        return connected(c);
    case SHAKING:
        return shake(c, want);
    case ASKING:
        return ask(c, want);
    case READING:
        return read_answer(c, want);
    case RAW:
        return raw(c, want);
    }
    return -1;
}
