/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Web clients: many at once, or one after the other, over TLS or plain.
 *
 *     web_load [options] rate     connect, shake hands, ask for -b bytes, read the answer, close: how often a second?
 *     web_load [options] time     the same one after the other: how long does one take?
 *     web_load [options] bulk     -p connections read answers of -b bytes without end: how many bytes a second?
 *     web_load [options] down     -p connections leave TLS after the request, and read: no cryptography
 *     web_load [options] up       likewise, and write
 *     web_load [options] refused  connect only, and be refused: how often a second?
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
#include <openssl/err.h>
#include <openssl/ssl.h>
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
#include "tests/bench/load/web_exchange.h"

#define STALL_NSEC 5000000000u /* an exchange that takes longer has failed */

static const char *const mode_name[MODES] = {"rate", "time", "bulk", "down", "up", "refused"};

static struct load load = {.port = 443, .parallel = 32, LOAD_DEFAULTS};
static const char *ca, *connect_to;
static bool six;
static struct target *target;
static uint64_t begin_nsec, end_nsec; /* of what is counted */

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
    target = calloc(load.names, sizeof *target);
    if (!target)
        fail("memory");
    for (unsigned i = 0; i < load.names; i++) {
        struct target *t = &target[i];
        snprintf(t->name, sizeof t->name, "n%u.%s", i, load.domain);
        if (connect_to) {
            t->address = address_of(connect_to, load.port, &t->len);
            continue;
        }
        struct addrinfo hints = {.ai_family = six ? AF_INET6 : AF_INET, .ai_socktype = SOCK_STREAM}, *found;
        int why = getaddrinfo(t->name, NULL, &hints, &found);
        if (why) {
            fprintf(stderr, "%s: %s\n", t->name, gai_strerror(why));
            exit(2);
        }
        memcpy(&t->address, found->ai_addr, found->ai_addrlen);
        t->len = found->ai_addrlen;
        t->address.sin6_port = htons(load.port); /* the same place as IPv4's */
        freeaddrinfo(found);
    }
}

static void open_connection(struct worker *w, struct connection *c)
{
    exchange_open(c, &target[w->next_target++ % load.names]);
    struct epoll_event event = {.events = c->watched, .data.ptr = c};
    epoll_ctl(w->epoll_fd, EPOLL_CTL_ADD, c->fd, &event);
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

static void complete(struct worker *w, struct connection *c, uint64_t now)
{
    if (now >= begin_nsec && now < end_nsec) {
        w->done++;
        samples_add(&w->samples, now - c->started);
    }
    if (exchange.mode == BULK) { /* the next on the same connection */
        exchange_again(c);
        return;
    }
    exchange_close(c);
    open_connection(w, c);
}

static void drive(struct worker *w, struct connection *c)
{
    uint32_t want = EPOLLIN;

    for (unsigned i = 0; i < 16; i++) {
        int going = exchange_step(c, &want);
        w->bytes += c->bytes;
        c->bytes = 0;
        if (going == 2 || (going < 0 && exchange.mode == REFUSED)) {
            complete(w, c, now_nsec());
            if (exchange.mode != BULK)
                return;
            continue;
        }
        if (going < 0) {
            failed(w, c, mode_name[exchange.mode]);
            exchange_close(c);
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
                if (c->stage == RAW || exchange.mode == BULK || now - c->started < STALL_NSEC || now < c->started)
                    continue;
                errno = ETIMEDOUT;
                failed(w, c, mode_name[exchange.mode]);
                exchange_close(c);
                open_connection(w, c);
            }
        }
    }
    for (unsigned i = 0; i < w->parallel; i++)
        exchange_close(&w->connection[i]);
    return NULL;
}

static void options(int argc, char **argv)
{
    for (int letter; (letter = getopt(argc, argv, LOAD_LETTERS "C:b:B:6a:")) != -1;) {
        if (load_option(&load, letter, 20000))
            continue;
        switch (letter) {
        case 'C':
            ca = optarg;
            break;
        case 'b':
            exchange.bytes = number(optarg, 0, 1ull << 60);
            break;
        case 'B':
            exchange.body = number(optarg, 0, 1ull << 60);
            break;
        case '6':
            six = true;
            break;
        case 'a':
            connect_to = optarg;
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
    exchange.mode = (enum mode)mode;
    if (exchange.mode == TIME)
        load.parallel = 1;
    if (load.parallel < load.threads)
        load.threads = load.parallel;
}

int main(int argc, char **argv)
{
    options(argc, argv);
    if (ca) {
        exchange.context = SSL_CTX_new(TLS_client_method());
        if (!exchange.context || SSL_CTX_load_verify_locations(exchange.context, ca, NULL) != 1)
            fail("CA");
        SSL_CTX_set_verify(exchange.context, SSL_VERIFY_PEER, NULL);
        SSL_CTX_set_session_cache_mode(exchange.context, SSL_SESS_CACHE_OFF);
        SSL_CTX_set_mode(exchange.context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    }
    signal(SIGPIPE, SIG_IGN);
    resolve();

    struct worker *worker = calloc(load.threads, sizeof *worker);
    if (!worker)
        fail("memory");
    begin_nsec = now_nsec() + load.warm_nsec;
    end_nsec = begin_nsec + load.measure_nsec;
    for (unsigned i = 0; i < load.threads; i++) {
        struct worker *w = &worker[i];
        w->parallel = load.parallel / load.threads + (i < load.parallel % load.threads);
        w->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
        w->next_target = i * (load.names / load.threads);
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
    samples_init(&all, 400000ull * load.threads);
    for (unsigned i = 0; i < load.threads; i++) {
        pthread_join(worker[i].thread, NULL);
        samples_merge(&all, &worker[i].samples);
        done += worker[i].done;
        broken += worker[i].failed;
        bytes += worker[i].bytes;
        why = worker[i].why[0] ? worker[i].why : why;
    }
    double seconds = (double)load.measure_nsec / 1e9;
    printf("rate %.1f failed %llu mbytes %.1f p50 %.1f p99 %.1f\n", (double)done / seconds, (unsigned long long)broken,
           (double)bytes / seconds / 1e6, samples_percentile(&all, 50), samples_percentile(&all, 99));
    if (*why)
        fprintf(stderr, "%s\n", why);
    return 0;
}
