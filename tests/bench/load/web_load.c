/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Web clients: many at once, or one after the other, over TLS or plain.
 *
 *     web_load [options] rate     connect, shake hands, ask for -b bytes, read the answer, close: how often a second?
 *     web_load [options] time     the same one after the other: how long does one take?
 *     web_load [options] bulk     -p connections read answers of -b bytes without end: how many bytes a second?
 *     web_load [options] down     -p connections leave TLS after the request and read: the path without the
 * cryptography web_load [options] up       likewise, and write web_load [options] refused  connect only, and be
 * refused: how often a second?
 *
 *     -n NAMES    the names are n0.DOMAIN … (100)           -d DOMAIN   (bench.test)
 *     -P PORT     (443)                                     -C CA       trusted; without it plain HTTP
 *     -p COUNT    connections at once (32)                  -t THREADS  (2)
 *     -s MSEC     measured (3000)                           -w MSEC     before that, not counted (300)
 *     -b BYTES    of an answer (100)                        -B BYTES    of a POST's body (0: GET)
 *     -6          IPv6                                      -a ADDRESS  connect there; names are not resolved
 *
 * Names are resolved first, by the C library.  Every connection is new: no session is resumed, the certificate and its
 * name are verified.  Prints one line: key value pairs (rate in 1/s, mbytes in 10^6 bytes a second, p50 and p99 in
 * microseconds).
 */
#include <errno.h>
#include <getopt.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/bench/load/common.h"

#define CHUNK      (64u * 1024)
#define DISCARD    (1u << 20)
#define STALL_NSEC 5000000000u /* an exchange that takes longer has failed */

enum mode { RATE, TIME, BULK, DOWN, UP, REFUSED, MODES };
static const char *const mode_name[MODES] = {"rate", "time", "bulk", "down", "up", "refused"};

static struct {
    enum mode mode;
    unsigned names, parallel, threads;
    uint16_t port;
    const char *domain, *ca, *address;
    uint64_t measure_nsec, warm_nsec, bytes, body;
    bool six;
} option = {.names = 100,
            .domain = "bench.test",
            .port = 443,
            .parallel = 32,
            .threads = 2,
            .measure_nsec = 3000000000u,
            .warm_nsec = 300000000u,
            .bytes = 100};

struct target {
    char name[300];
    struct sockaddr_in6 address;
    socklen_t len;
};
static struct target *target;
static SSL_CTX *context;
static uint64_t begin_nsec, end_nsec; /* of what is counted */

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
    char last[4];
    char request[512];
    size_t request_len;
};

struct worker {
    pthread_t thread;
    unsigned parallel;
    int epoll_fd;
    unsigned next_target;
    uint64_t done, failed, bytes;
    char why[512];
    struct samples samples;
    struct connection *connection;
};

static void resolve(void)
{
    target = calloc(option.names, sizeof *target);
    if (!target)
        fail("memory");
    for (unsigned i = 0; i < option.names; i++) {
        struct target *t = &target[i];
        snprintf(t->name, sizeof t->name, "n%u.%s", i, option.domain);
        if (option.address) {
            t->address = address_of(option.address, option.port, &t->len);
            continue;
        }
        struct addrinfo hints = {.ai_family = option.six ? AF_INET6 : AF_INET, .ai_socktype = SOCK_STREAM}, *found;
        int why = getaddrinfo(t->name, NULL, &hints, &found);
        if (why) {
            fprintf(stderr, "%s: %s\n", t->name, gai_strerror(why));
            exit(2);
        }
        memcpy(&t->address, found->ai_addr, found->ai_addrlen);
        t->len = found->ai_addrlen;
        t->address.sin6_port = htons(option.port); /* the same place as IPv4's */
        freeaddrinfo(found);
    }
}

static void open_connection(struct worker *w, struct connection *c)
{
    static const int on = 1;

    c->target = &target[w->next_target++ % option.names];
    c->started = now_nsec();
    c->stage = CONNECTING;
    c->sent = c->head = 0;
    c->left = 0;
    c->body_left = option.body;
    memset(c->last, 0, sizeof c->last);
    c->fd = socket(c->target->address.sin6_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (c->fd < 0)
        fail("socket");
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    const char *path = option.mode == DOWN ? "raw/down" : option.mode == UP ? "raw/up" : NULL;
    char size[24];
    snprintf(size, sizeof size, "%llu", (unsigned long long)option.bytes);
    c->request_len =
        (size_t)snprintf(c->request, sizeof c->request, "%s /%s HTTP/1.1\r\nHost: %s\r\nUser-Agent: bench\r\n",
                         option.body ? "POST" : "GET", path ? path : size, c->target->name);
    if (option.body)
        c->request_len += (size_t)snprintf(c->request + c->request_len, sizeof c->request - c->request_len,
                                           "Content-Type: application/octet-stream\r\nContent-Length: %llu\r\n",
                                           (unsigned long long)option.body);
    memcpy(c->request + c->request_len, "\r\n", 2);
    c->request_len += 2;

    if (connect(c->fd, (const struct sockaddr *)&c->target->address, c->target->len) < 0 && errno != EINPROGRESS)
        fail("connect");
    c->watched = EPOLLOUT;
    struct epoll_event event = {.events = c->watched, .data.ptr = c};
    epoll_ctl(w->epoll_fd, EPOLL_CTL_ADD, c->fd, &event);
}

static void close_connection(struct connection *c)
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

static void failed(struct worker *w, struct connection *c, const char *what)
{
    unsigned long error = ERR_peek_error();
    uint64_t now = now_nsec();
    if (now >= begin_nsec && now < end_nsec)
        w->failed++;
    if (!w->why[0])
        snprintf(w->why, sizeof w->why, "%s %s: %s", c->target->name, what,
                 error ? ERR_reason_error_string(error) : strerror(errno));
    ERR_clear_error();
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
    if (!option.ca)
        return 1;
    c->ssl = SSL_new(context);
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
        c->stage = option.mode == DOWN || option.mode == UP ? RAW : READING;
    return 1;
}

/* The answer's head ends with an empty line; behind it are as many bytes as were asked for.  2: the answer is whole. */
static int read_answer(struct worker *w, struct connection *c, uint32_t *want)
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
    w->bytes += (uint64_t)got;
    size_t at = 0;
    while (c->head != SIZE_MAX && at < (size_t)got) {
        memmove(c->last, c->last + 1, 3);
        c->last[3] = buffer[at++];
        if (c->head++ > 8192)
            return -1;
        if (!memcmp(c->last, "\r\n\r\n", 4)) {
            c->head = SIZE_MAX;
            c->left = option.bytes;
        }
    }
    if (c->head != SIZE_MAX)
        return 1;
    uint64_t of_body = (uint64_t)got - at;
    c->left -= of_body < c->left ? of_body : c->left;
    return c->left ? 1 : 2;
}

static int raw(struct worker *w, struct connection *c, uint32_t *want)
{
    static _Thread_local uint8_t buffer[CHUNK];
    ssize_t moved;

    if (option.mode == DOWN) {
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
    w->bytes += (uint64_t)moved;
    return 1;
}

/* 2: the exchange is complete. */
static int step(struct worker *w, struct connection *c, uint32_t *want)
{
    switch (c->stage) {
    case CONNECTING:
        return connected(c);
    case SHAKING:
        return shake(c, want);
    case ASKING:
        return ask(c, want);
    case READING:
        return read_answer(w, c, want);
    case RAW:
        return raw(w, c, want);
    }
    return -1;
}

static void complete(struct worker *w, struct connection *c, uint64_t now)
{
    if (now >= begin_nsec && now < end_nsec) {
        w->done++;
        samples_add(&w->samples, now - c->started);
    }
    if (option.mode == BULK) { /* the next on the same connection */
        c->stage = ASKING;
        c->sent = c->head = 0;
        c->body_left = option.body;
        return;
    }
    close_connection(c);
    open_connection(w, c);
}

static void drive(struct worker *w, struct connection *c)
{
    uint32_t want = EPOLLIN;

    for (unsigned i = 0; i < 16; i++) {
        int going = step(w, c, &want);
        if (going == 2 || (going < 0 && option.mode == REFUSED)) {
            complete(w, c, now_nsec());
            if (option.mode != BULK)
                return;
            continue;
        }
        if (going < 0) {
            failed(w, c, mode_name[option.mode]);
            close_connection(c);
            open_connection(w, c);
            return;
        }
        if (going == 0)
            break;
    }
    if (want != c->watched) {
        struct epoll_event event = {.events = c->watched = want, .data.ptr = c};
        epoll_ctl(w->epoll_fd, EPOLL_CTL_MOD, c->fd, &event);
    }
}

static void *work(void *arg)
{
    struct worker *w = arg;
    struct epoll_event ready[64];
    uint64_t now, looked = now_nsec();
    bool counting = false;

    for (unsigned i = 0; i < w->parallel; i++)
        open_connection(w, &w->connection[i]);
    while ((now = now_nsec()) < end_nsec) {
        if (!counting && now >= begin_nsec) {
            counting = true;
            w->bytes = 0;
        }
        int count = epoll_wait(w->epoll_fd, ready, 64, 50);
        for (int i = 0; i < count; i++)
            drive(w, ready[i].data.ptr);
        if (now - looked > STALL_NSEC / 10) {
            looked = now;
            for (unsigned i = 0; i < w->parallel; i++) {
                struct connection *c = &w->connection[i];
                if (c->stage == RAW || option.mode == BULK || now - c->started < STALL_NSEC || now < c->started)
                    continue;
                errno = ETIMEDOUT;
                failed(w, c, mode_name[option.mode]);
                close_connection(c);
                open_connection(w, c);
            }
        }
    }
    for (unsigned i = 0; i < w->parallel; i++)
        close_connection(&w->connection[i]);
    return NULL;
}

static void options(int argc, char **argv)
{
    for (int letter; (letter = getopt(argc, argv, "n:d:P:C:p:t:s:w:b:B:6a:")) != -1;) {
        switch (letter) {
        case 'n':
            option.names = (unsigned)number(optarg, 1, 10000000);
            break;
        case 'd':
            option.domain = optarg;
            break;
        case 'P':
            option.port = (uint16_t)number(optarg, 1, 65535);
            break;
        case 'C':
            option.ca = optarg;
            break;
        case 'p':
            option.parallel = (unsigned)number(optarg, 1, 20000);
            break;
        case 't':
            option.threads = (unsigned)number(optarg, 1, 64);
            break;
        case 's':
            option.measure_nsec = number(optarg, 10, 600000) * 1000000;
            break;
        case 'w':
            option.warm_nsec = number(optarg, 0, 60000) * 1000000;
            break;
        case 'b':
            option.bytes = number(optarg, 0, 1ull << 60);
            break;
        case 'B':
            option.body = number(optarg, 0, 1ull << 60);
            break;
        case '6':
            option.six = true;
            break;
        case 'a':
            option.address = optarg;
            break;
        default:
            exit(2);
        }
    }
    unsigned mode = 0;
    while (optind + 1 == argc && mode < MODES && strcmp(mode_name[mode], argv[optind]))
        mode++;
    errno = 0;
    if (optind + 1 != argc || mode == MODES)
        fail("web_load [options] rate|time|bulk|down|up|refused");
    option.mode = (enum mode)mode;
    if (option.mode == TIME)
        option.parallel = 1;
    if (option.parallel < option.threads)
        option.threads = option.parallel;
}

int main(int argc, char **argv)
{
    options(argc, argv);
    if (option.ca) {
        context = SSL_CTX_new(TLS_client_method());
        if (!context || SSL_CTX_load_verify_locations(context, option.ca, NULL) != 1)
            fail("CA");
        SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
        SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
        SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    }
    signal(SIGPIPE, SIG_IGN);
    resolve();

    struct worker *worker = calloc(option.threads, sizeof *worker);
    if (!worker)
        fail("memory");
    begin_nsec = now_nsec() + option.warm_nsec;
    end_nsec = begin_nsec + option.measure_nsec;
    for (unsigned i = 0; i < option.threads; i++) {
        struct worker *w = &worker[i];
        w->parallel = option.parallel / option.threads + (i < option.parallel % option.threads);
        w->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
        w->next_target = i * (option.names / option.threads);
        w->connection = calloc(w->parallel, sizeof *w->connection);
        if (!w->connection)
            fail("memory");
        samples_init(&w->samples, 400000);
        if (pthread_create(&w->thread, NULL, work, w))
            fail("thread");
    }
    struct samples all;
    uint64_t done = 0, broken = 0, bytes = 0;
    const char *why = "";
    samples_init(&all, 400000ull * option.threads);
    for (unsigned i = 0; i < option.threads; i++) {
        pthread_join(worker[i].thread, NULL);
        samples_merge(&all, &worker[i].samples);
        done += worker[i].done;
        broken += worker[i].failed;
        bytes += worker[i].bytes;
        why = worker[i].why[0] ? worker[i].why : why;
    }
    double seconds = (double)option.measure_nsec / 1e9;
    printf("rate %.1f failed %llu mbytes %.1f p50 %.1f p99 %.1f\n", (double)done / seconds, (unsigned long long)broken,
           (double)bytes / seconds / 1e6, samples_percentile(&all, 50), samples_percentile(&all, 99));
    if (*why)
        fprintf(stderr, "%s\n", why);
    return 0;
}
