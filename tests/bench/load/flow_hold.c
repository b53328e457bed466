/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Many open TLS connections that do nothing: what they cost the host is what lies between.
 *
 *     flow_hold serve CERT KEY PORT                       answers each first bytes with one server's flight; keeps open
 *     flow_hold open PORT COUNT ADDRESS NAME [ADDRESS NAME]...
 *
 * Hellos and the flight are OpenSSL's own, made once for each name: the connections are as real as a firewall sees
 * them until their keys, and cost no cryptography.  `open` prints "holds COUNT" when each one has been answered, and
 * lives until its standard input ends. */
#include <errno.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/bench/load/common.h"

#define TARGETS    16
#define FLIGHT     16384
#define ON_THE_WAY 256
#define STALL_MSEC 10000
#define A_SECOND   3000 /* new ones: what was decided a moment ago has a place in its scope's share for seconds */

struct flight {
    uint8_t at[FLIGHT];
    size_t len;
};

static void take_out(SSL *ssl, struct flight *out)
{
    int len = BIO_read(SSL_get_wbio(ssl), out->at, sizeof out->at);
    if (len <= 0)
        fail("no flight");
    out->len = (size_t)len;
}

static SSL *memory_ssl(SSL_CTX *context)
{
    SSL *ssl = SSL_new(context);
    BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());
    if (!ssl || !in || !out)
        fail("SSL_new");
    SSL_set_bio(ssl, in, out);
    return ssl;
}

static void make_hello(const char *name, struct flight *out)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    SSL *ssl = memory_ssl(context);
    if (SSL_set_tlsext_host_name(ssl, name) != 1)
        fail("name");
    SSL_connect(ssl);
    take_out(ssl, out);
    SSL_free(ssl);
    SSL_CTX_free(context);
}

/* As many as the shell that started us allows. */
static void allow_files(void)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) < 0)
        fail("descriptors");
    files.rlim_cur = files.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &files) < 0)
        fail("descriptors");
}

static void serve(const char *certificate, const char *key, uint16_t port)
{
    static struct flight hello, answer;
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    if (!context || SSL_CTX_use_certificate_chain_file(context, certificate) != 1 ||
        SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) != 1)
        fail("certificate");
    make_hello("any.bench.test", &hello);
    SSL *ssl = memory_ssl(context);
    BIO_write(SSL_get_rbio(ssl), hello.at, (int)hello.len);
    SSL_accept(ssl);
    take_out(ssl, &answer);

    struct epoll_event ready[64], event = {.events = EPOLLIN};
    int epoll_fd = epoll_create1(EPOLL_CLOEXEC), listen_fd = listener(SOCK_STREAM, port);
    event.data.fd = listen_fd;
    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listen_fd, &event);
    puts("ready");
    fflush(stdout);
    for (;;) {
        int count = epoll_wait(epoll_fd, ready, 64, -1);
        for (int i = 0; i < count; i++) {
            int fd = ready[i].data.fd;
            if (fd == listen_fd) {
                while ((event.data.fd = accept4(listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0)
                    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, event.data.fd, &event);
                continue;
            }
            if (discard(fd, FLIGHT) <= 0 || send(fd, answer.at, answer.len, MSG_NOSIGNAL) < 0)
                close(fd);
        }
    }
}

struct target {
    struct sockaddr_in6 address;
    socklen_t len;
    struct flight hello;
};

static int begin(const struct target *t)
{
    int fd = socket(t->address.sin6_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        fail("socket");
    if (connect(fd, (const struct sockaddr *)&t->address, t->len) < 0 && errno != EINPROGRESS)
        fail("connect");
    return fd;
}

/* One step of a connection that is ready.  True: it was answered. */
static bool go_on(int fd, const struct target *t, uint32_t events)
{
    if (events & (EPOLLERR | EPOLLHUP)) {
        int why = 0;
        socklen_t len = sizeof why;
        getsockopt(fd, SOL_SOCKET, SO_ERROR, &why, &len);
        errno = why;
        fail("a connection");
    }
    if (events & EPOLLIN)
        return discard(fd, FLIGHT) > 0;
    if (send(fd, t->hello.at, t->hello.len, MSG_NOSIGNAL) != (ssize_t)t->hello.len)
        fail("send");
    return false;
}

static void hold(const struct target *target, unsigned targets, unsigned long count)
{
    struct epoll_event ready[64];
    int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    unsigned long begun = 0, held = 0;
    uint64_t start = now_nsec(), heard = start;
    while (held < count) {
        uint64_t due = (now_nsec() - start) / (1000000000u / A_SECOND) + 1;
        for (; begun < count && begun < due && begun - held < ON_THE_WAY; begun++) {
            const struct target *t = &target[begun % targets];
            struct epoll_event event = {.events = EPOLLOUT};
            int fd = begin(t);
            event.data.u64 = (uint64_t)(begun % targets) << 32 | (uint32_t)fd;
            epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event);
        }
        int some = epoll_wait(epoll_fd, ready, 64, 1);
        heard = some ? now_nsec() : heard;
        if (now_nsec() - heard > STALL_MSEC * 1000000ull)
            fail("no answer for ten seconds");
        for (int i = 0; i < some; i++) {
            int fd = (int)(uint32_t)ready[i].data.u64;
            if (go_on(fd, &target[ready[i].data.u64 >> 32], ready[i].events)) {
                epoll_ctl(epoll_fd, EPOLL_CTL_DEL, fd, NULL);
                held++;
            } else {
                ready[i].events = EPOLLIN;
                epoll_ctl(epoll_fd, EPOLL_CTL_MOD, fd, &ready[i]);
            }
        }
    }
}

int main(int argc, char **argv)
{
    static struct target target[TARGETS];
    char line[16];
    allow_files();
    if (argc == 5 && strcmp(argv[1], "serve") == 0)
        serve(argv[2], argv[3], (uint16_t)number(argv[4], 1, 65535));
    unsigned targets = argc > 5 ? (unsigned)(argc - 4) / 2 : 0;
    if (!targets || targets > TARGETS || argc != 4 + 2 * (int)targets || strcmp(argv[1], "open") != 0) {
        errno = 0;
        fail("flow_hold serve CERT KEY PORT | open PORT COUNT ADDRESS NAME...");
    }
    uint16_t port = (uint16_t)number(argv[2], 1, 65535);
    unsigned long count = (unsigned long)number(argv[3], 1, 500000);
    for (unsigned i = 0; i < targets; i++) {
        target[i].address = address_of(argv[4 + 2 * i], port, &target[i].len);
        make_hello(argv[5 + 2 * i], &target[i].hello);
    }
    hold(target, targets, count);
    printf("holds %lu\n", count);
    fflush(stdout);
    while (read(STDIN_FILENO, line, sizeof line) > 0)
        ;
    return 0;
}
