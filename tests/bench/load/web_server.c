/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A web server that is never the bottleneck: TLS and plain HTTP, an epoll loop a thread, no files, no session
 * resumption.
 *
 *     web_server CERT KEY TLS-PORT PLAIN-PORT THREADS
 *
 *     GET /N        N bytes, with a Content-Length; the connection stays
 *     POST /N       reads the body (Content-Length), then answers N bytes
 *     GET /raw/down after this request both sides leave TLS: bytes that look like application data records, without end
 *     GET /raw/up   likewise, from the client: read and thrown away
 */
#include <errno.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <netinet/tcp.h>
#include <unistd.h>

#include "tests/bench/load/common.h"

#define CHUNK  (64u * 1024)
#define RECORD 16384u

enum mode { REQUEST, BODY, ANSWER, RAW_DOWN, RAW_UP };

struct connection {
    int fd;
    SSL *ssl; /* NULL: plain */
    enum mode mode;
    bool shaken;
    uint32_t watched;
    size_t have;         /* of the request's head */
    uint64_t body, left; /* body bytes to read; answer bytes to write */
    size_t head_len, head_at;
    char request[4096], head[128];
};

struct listening {
    int fd;
    bool tls;
};

static SSL_CTX *context;
static uint16_t tls_port, plain_port;
static uint8_t chunk[CHUNK];

/* Bytes moved, 0: must wait (*want tells for what), -1: over. */
static ssize_t take(struct connection *c, void *out, size_t len, uint32_t *want)
{
    if (!c->ssl || c->mode == RAW_UP) {
        ssize_t got = c->mode == RAW_UP ? discard(c->fd, len) : recv(c->fd, out, len, 0);
        *want = EPOLLIN;
        return got > 0 ? got : got < 0 && errno == EAGAIN ? 0 : -1;
    }
    int got = SSL_read(c->ssl, out, (int)len);
    if (got > 0)
        return got;
    int why = SSL_get_error(c->ssl, got);
    *want = why == SSL_ERROR_WANT_WRITE ? EPOLLOUT : EPOLLIN;
    return why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE ? 0 : -1;
}

static ssize_t give(struct connection *c, const void *at, size_t len, uint32_t *want)
{
    if (!c->ssl || c->mode == RAW_DOWN) {
        ssize_t put = send(c->fd, at, len, MSG_NOSIGNAL);
        *want = EPOLLOUT;
        return put > 0 ? put : put < 0 && errno == EAGAIN ? 0 : -1;
    }
    int put = SSL_write(c->ssl, at, (int)len);
    if (put > 0)
        return put;
    int why = SSL_get_error(c->ssl, put);
    *want = why == SSL_ERROR_WANT_READ ? EPOLLIN : EPOLLOUT;
    return why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE ? 0 : -1;
}

/* The head is whole: what does it ask for? */
static bool understand(struct connection *c, const char *end)
{
    const char *path = strchr(c->request, '/');
    const char *length = strcasestr(c->request, "\ncontent-length:");
    size_t head = (size_t)(end + 4 - c->request);

    if (!path)
        return false;
    c->mode = ANSWER;
    c->left = 0;
    if (!strncmp(path, "/raw/down ", 10)) {
        c->mode = RAW_DOWN;
        c->left = UINT64_MAX;
    } else if (!strncmp(path, "/raw/up ", 8)) {
        c->mode = RAW_UP;
    } else {
        c->left = strtoull(path + 1, NULL, 10);
    }
    c->body = length && length < end ? strtoull(length + 16, NULL, 10) : 0;
    size_t more = c->have - head; /* of the body, or of a next request: one at a time is all that is asked of us */
    c->body -= more < c->body ? more : c->body;
    if (c->mode == ANSWER && c->body)
        c->mode = BODY;
    if (c->mode == ANSWER || c->mode == BODY) {
        int len = snprintf(c->head, sizeof c->head,
                           "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: %llu\r\n\r\n",
                           (unsigned long long)c->left);
        c->head_len = (size_t)len;
        c->head_at = 0;
    }
    c->have = 0;
    return true;
}

static int answer(struct connection *c, uint32_t *want)
{
    uint8_t both[sizeof c->head + 1024]; /* a small answer leaves in one piece */

    for (unsigned i = 0; i < 8; i++) {
        ssize_t put;
        if (c->head_at < c->head_len) {
            size_t rest = c->head_len - c->head_at, small = c->left < 1024 ? (size_t)c->left : 0;
            memcpy(both, c->head + c->head_at, rest);
            memcpy(both + rest, chunk, small);
            put = give(c, both, rest + small, want);
            if (put <= 0)
                return (int)put;
            size_t of_head = (size_t)put < rest ? (size_t)put : rest;
            c->head_at += of_head;
            c->left -= (size_t)put - of_head;
        } else if (c->left) {
            put = give(c, chunk, c->left < CHUNK ? (size_t)c->left : CHUNK, want);
            if (put <= 0)
                return (int)put;
            c->left -= (size_t)put;
        } else {
            c->mode = REQUEST;
            return 1;
        }
    }
    *want = EPOLLOUT; /* the others' turn */
    return 0;
}

/* 1: go on, 0: wait for *want, -1: over. */
static int step(struct connection *c, uint32_t *want)
{
    static _Thread_local uint8_t scrap[CHUNK];
    ssize_t got;

    if (c->ssl && !c->shaken) {
        int done = SSL_accept(c->ssl);
        int why = SSL_get_error(c->ssl, done);
        if (done == 1) {
            c->shaken = true;
            return 1;
        }
        *want = why == SSL_ERROR_WANT_WRITE ? EPOLLOUT : EPOLLIN;
        return why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE ? 0 : -1;
    }
    switch (c->mode) {
    case REQUEST:
        got = take(c, c->request + c->have, sizeof c->request - 1 - c->have, want);
        if (got <= 0)
            return (int)got;
        c->have += (size_t)got;
        c->request[c->have] = 0;
        const char *end = strstr(c->request, "\r\n\r\n");
        if (end)
            return understand(c, end) ? 1 : -1;
        return c->have < sizeof c->request - 1 ? 1 : -1;
    case BODY:
        got = take(c, scrap, c->body < CHUNK ? (size_t)c->body : CHUNK, want);
        if (got <= 0)
            return (int)got;
        c->body -= (uint64_t)got;
        if (!c->body)
            c->mode = ANSWER;
        return 1;
    case RAW_UP:
        got = take(c, scrap, 1 << 20, want);
        return got > 0 ? 1 : (int)got;
    case RAW_DOWN:
    case ANSWER:
        return answer(c, want);
    }
    return -1;
}

static void end_connection(struct connection *c)
{
    SSL_free(c->ssl);
    close(c->fd);
    free(c);
}

static void welcome(int epoll_fd, const struct listening *l)
{
    static const int on = 1;

    for (unsigned i = 0; i < 64; i++) {
        int fd = accept4(l->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0)
            return;
        struct connection *c = calloc(1, sizeof *c);
        if (!c)
            fail("memory");
        c->fd = fd;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        if (l->tls) {
            c->ssl = SSL_new(context);
            if (!c->ssl || SSL_set_fd(c->ssl, fd) != 1)
                fail("SSL_new");
        }
        c->watched = EPOLLIN;
        struct epoll_event event = {.events = c->watched, .data.ptr = c};
        epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event);
    }
}

static void *serve(void *unused)
{
    struct listening listening[2] = {{listener(SOCK_STREAM, tls_port), true},
                                     {listener(SOCK_STREAM, plain_port), false}};
    struct epoll_event ready[64];
    int epoll_fd = epoll_create1(EPOLL_CLOEXEC);

    for (unsigned i = 0; i < 2; i++) {
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = &listening[i]};
        epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listening[i].fd, &event);
    }
    for (;;) {
        int count = epoll_wait(epoll_fd, ready, 64, -1);
        for (int i = 0; i < count; i++) {
            if (ready[i].data.ptr == &listening[0] || ready[i].data.ptr == &listening[1]) {
                welcome(epoll_fd, ready[i].data.ptr);
                continue;
            }
            struct connection *c = ready[i].data.ptr;
            uint32_t want = EPOLLIN;
            int going;
            while ((going = step(c, &want)) > 0)
                ;
            if (going < 0) {
                end_connection(c);
            } else if (want != c->watched) {
                struct epoll_event event = {.events = c->watched = want, .data.ptr = c};
                epoll_ctl(epoll_fd, EPOLL_CTL_MOD, c->fd, &event);
            }
        }
    }
    return unused;
}

int main(int argc, char **argv)
{
    if (argc != 6) {
        errno = 0;
        fail("web_server CERT KEY TLS-PORT PLAIN-PORT THREADS");
    }
    tls_port = (uint16_t)number(argv[3], 1, 65535);
    plain_port = (uint16_t)number(argv[4], 1, 65535);
    unsigned threads = (unsigned)number(argv[5], 1, 64);

    for (unsigned i = 0; i < CHUNK; i += RECORD) /* a record's head, and bytes that mean nothing */
        memcpy(chunk + i, "\x17\x03\x03\x3f\xfb", 5);
    context = SSL_CTX_new(TLS_server_method());
    if (!context || SSL_CTX_use_certificate_chain_file(context, argv[1]) != 1 ||
        SSL_CTX_use_PrivateKey_file(context, argv[2], SSL_FILETYPE_PEM) != 1)
        fail("certificate");
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
    SSL_CTX_set_num_tickets(context, 0);
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);

    signal(SIGPIPE, SIG_IGN);
    for (unsigned i = 1; i < threads; i++) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, serve, NULL))
            fail("thread");
    }
    puts("ready");
    fflush(stdout);
    serve(NULL);
}
