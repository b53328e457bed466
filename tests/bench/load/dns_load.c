/* SPDX-License-Identifier: GPL-3.0-or-later */
/* DNS questions over UDP, A and AAAA in turn: many at once, or one after the other.
 *
 *     dns_load [options] rate | time
 *
 *     -r ADDRESS  the resolver (198.18.2.53)                -P PORT (53)
 *     -n NAMES    n0.DOMAIN … in turn (100)                 -d DOMAIN (bench.test)
 *     -p COUNT    questions on the way at once (64)         -k SOCKETS of a thread (16)
 *     -t THREADS  (2)                                       -s MSEC measured (3000)   -w MSEC before that (300)
 *     -R          random names, each new (…-N.DOMAIN)
 *
 * A question without an answer for half a second is lost, and the next takes its place.  Prints one line: rate (answers
 * a second), lost, refused (answers that are no NOERROR), p50 and p99 in microseconds.
 */
#include <errno.h>
#include <getopt.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "tests/bench/load/common.h"

#define SLOTS     256 /* an id's low byte names the slot */
#define LOST_NSEC 500000000u
#define GROUP     16

static struct load load = {.port = 53, .parallel = 64, LOAD_DEFAULTS};
static const char *resolver_text = "198.18.2.53";
static unsigned sockets = 16;
static bool random_names;

static uint64_t begin_nsec, end_nsec;

struct question {
    uint64_t sent;
    uint16_t id;
};

struct worker {
    pthread_t thread;
    unsigned parallel, next;
    uint64_t serial, answered, refused, lost;
    int fd[SLOTS];
    struct question question[SLOTS];
    struct samples samples;
};

static size_t build(const struct worker *w, uint16_t id, uint8_t out[512])
{
    char name[300], *label, *rest = name;
    size_t at = 12;

    if (random_names)
        snprintf(name, sizeof name, "r%llx-%llu.%s", (unsigned long long)begin_nsec, (unsigned long long)w->serial,
                 load.domain);
    else
        snprintf(name, sizeof name, "n%u.%s", w->next / 2 % load.names, load.domain);
    memcpy(out, "\0\0\1\0\0\1\0\0\0\0\0\0", 12);
    out[0] = (uint8_t)(id >> 8);
    out[1] = (uint8_t)id;
    while ((label = strsep(&rest, "."))) {
        size_t len = strlen(label);
        out[at++] = (uint8_t)len;
        memcpy(out + at, label, len);
        at += len;
    }
    memcpy(out + at, "\0\0\1\0\1", 5);
    if (w->next & 1)
        out[at + 2] = 28;
    return at + 5;
}

static void ask(struct worker *w, unsigned slot)
{
    uint8_t message[512];
    struct question *q = &w->question[slot];

    w->serial += load.threads; /* each thread's numbers are its own */
    w->next++;
    q->id = (uint16_t)((q->id + SLOTS) | slot);
    q->sent = now_nsec();
    size_t len = build(w, q->id, message);
    if (send(w->fd[slot % sockets], message, len, MSG_DONTWAIT) < 0 && errno != EAGAIN && errno != ENOBUFS &&
        errno != ECONNREFUSED && errno != EPERM)
        fail("send");
}

static bool counted(uint64_t now)
{
    return now >= begin_nsec && now < end_nsec;
}

static void receive(struct worker *w, int fd)
{
    uint8_t bytes[GROUP][512];
    struct iovec vector[GROUP];
    struct mmsghdr message[GROUP];

    for (unsigned i = 0; i < GROUP; i++) {
        vector[i] = (struct iovec){bytes[i], sizeof bytes[i]};
        message[i].msg_hdr = (struct msghdr){.msg_iov = &vector[i], .msg_iovlen = 1};
    }
    int got = recvmmsg(fd, message, GROUP, MSG_DONTWAIT, NULL);
    uint64_t now = now_nsec();
    for (int i = 0; i < got; i++) {
        uint16_t id = (uint16_t)(bytes[i][0] << 8 | bytes[i][1]);
        unsigned slot = id % SLOTS;
        struct question *q = &w->question[slot];
        if (message[i].msg_len < 12 || slot >= w->parallel || q->id != id)
            continue; /* of a question that was given up */
        if (counted(now)) {
            w->answered++;
            w->refused += (bytes[i][3] & 15) != 0;
            samples_add(&w->samples, now - q->sent);
        }
        ask(w, slot);
    }
}

static void *work(void *arg)
{
    struct worker *w = arg;
    struct epoll_event ready[64];
    int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    socklen_t len;
    struct sockaddr_in6 resolver = address_of(resolver_text, load.port, &len);

    for (unsigned i = 0; i < sockets; i++) {
        static const int buffer = 1 << 20;
        w->fd[i] = socket(resolver.sin6_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (w->fd[i] < 0 || connect(w->fd[i], (const struct sockaddr *)&resolver, len) < 0)
            fail("socket");
        setsockopt(w->fd[i], SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof buffer);
        struct epoll_event event = {.events = EPOLLIN, .data.fd = w->fd[i]};
        epoll_ctl(epoll_fd, EPOLL_CTL_ADD, w->fd[i], &event);
    }
    for (unsigned i = 0; i < w->parallel; i++)
        ask(w, i);
    uint64_t now, looked = now_nsec();
    while ((now = now_nsec()) < end_nsec) {
        int count = epoll_wait(epoll_fd, ready, 64, 50);
        for (int i = 0; i < count; i++)
            receive(w, ready[i].data.fd);
        if (now - looked < LOST_NSEC / 5)
            continue;
        looked = now;
        for (unsigned i = 0; i < w->parallel; i++) {
            if (now < w->question[i].sent || now - w->question[i].sent < LOST_NSEC)
                continue;
            w->lost += counted(now);
            ask(w, i);
        }
    }
    return NULL;
}

int main(int argc, char **argv)
{
    for (int letter; (letter = getopt(argc, argv, LOAD_LETTERS "r:k:R")) != -1;) {
        if (load_option(&load, letter, SLOTS))
            continue;
        switch (letter) {
        case 'r':
            resolver_text = optarg;
            break;
        case 'k':
            sockets = (unsigned)number(optarg, 1, SLOTS);
            break;
        case 'R':
            random_names = true;
            break;
        default:
            return 2;
        }
    }
    errno = 0;
    if (optind + 1 != argc || (strcmp(argv[optind], "rate") && strcmp(argv[optind], "time")) ||
        strlen(load.domain) > 200)
        fail("dns_load [options] rate|time");
    if (!strcmp(argv[optind], "time"))
        load.parallel = sockets = load.threads = 1;
    if (load.parallel < load.threads)
        load.threads = load.parallel;

    struct worker *worker = calloc(load.threads, sizeof *worker);
    struct samples all;
    uint64_t answered = 0, refused = 0, lost = 0;
    if (!worker)
        fail("memory");
    begin_nsec = now_nsec() + load.warm_nsec;
    end_nsec = begin_nsec + load.measure_nsec;
    samples_init(&all, 1000000ull * load.threads);
    for (unsigned i = 0; i < load.threads; i++) {
        worker[i].parallel = load.parallel / load.threads + (i < load.parallel % load.threads);
        worker[i].serial = i;
        worker[i].next = i * (load.names / load.threads) * 2;
        samples_init(&worker[i].samples, 1000000);
        if (pthread_create(&worker[i].thread, NULL, work, &worker[i]))
            fail("thread");
    }
    for (unsigned i = 0; i < load.threads; i++) {
        pthread_join(worker[i].thread, NULL);
        samples_merge(&all, &worker[i].samples);
        answered += worker[i].answered;
        refused += worker[i].refused;
        lost += worker[i].lost;
    }
    printf("rate %.1f lost %llu refused %llu p50 %.1f p99 %.1f\n", (double)answered / ((double)load.measure_nsec / 1e9),
           (unsigned long long)lost, (unsigned long long)refused, samples_percentile(&all, 50),
           samples_percentile(&all, 99));
    return 0;
}
