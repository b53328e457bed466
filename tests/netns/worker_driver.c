/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The worker against a real kernel: queues, marks, payloads, holding, GSO, injection, overruns, rebinding.
 *
 * The judge is the test's own (worker_judge.c) and decides by destination port, so that each check shows what
 * nfq/worker, verdict, receive, output and queue do with one kind of decision. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <urcu/pointer.h>
#include <urcu/urcu-qsbr.h>

#include "nfq/channel.h"
#include "nfq/queue.h"
#include "nfq/worker.h"
#include "tests/netns/worker_judge.h"
#include "tests/netns/worker_place.h"
#include "tests/netns/worker_rules.h"

#define PATIENCE 60000 /* milliseconds for what must come, on however slow a machine */

static struct worker_config config;
static struct worker_policy *policy;
static int events_fd, control_fd; /* the keeper's ends */
static unsigned passed, failed;

static void check(bool ok, const char *what)
{
    printf("%s %s\n", ok ? "ok  " : "FAIL", what);
    passed += ok;
    failed += !ok;
}

static void *worker_thread(void *argument)
{
    struct error e = {0};
    if (!worker_run(argument, &e))
        fprintf(stderr, "worker: %s\n", e.text);
    return NULL;
}

static uint64_t now_msec(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static bool receive_kind(int fd, void *out, size_t size, int msec)
{
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    return poll(&wait, 1, msec) == 1 && recv(fd, out, size, 0) == (ssize_t)size;
}

/* The first event of the next message. */
static bool receive_event(struct event *out, int msec)
{
    static uint8_t message[CHANNEL_EVENTS_BYTES];
    struct pollfd wait = {.fd = events_fd, .events = POLLIN};
    ssize_t len = poll(&wait, 1, msec) == 1 ? recv(events_fd, message, sizeof message, 0) : 0;
    if (len < 4 || memcmp(message, &(uint32_t){CHANNEL_EVENTS}, 4) != 0)
        return false;
    struct reader r = reader_init((struct bytes){message + 4, (size_t)len - 4}, false);
    return event_unpack(&r, out);
}

/* Events until one has this reason; its count, 0: none came. */
static uint64_t await_event(enum reason reason, int msec)
{
    static struct event e;
    for (uint64_t end = now_msec() + (uint64_t)msec; now_msec() < end;)
        if (receive_event(&e, 100) && e.reason == reason)
            return e.count ? e.count : 1;
    return 0;
}

static void set_policy(bool on)
{
    static uint64_t serial;
    struct worker_policy *next = on ? calloc(1, sizeof *next) : NULL;
    if (next) {
        next->policy = (const struct policy *)(uintptr_t)(0x1000 + ++serial);
        next->serial = serial;
    }
    struct worker_policy *old = rcu_xchg_pointer(&policy, next);
    urcu_qsbr_synchronize_rcu();
    free(old);
}

/* ---- the checks ---- */

/* What earlier checks sent has been seen. */
static unsigned seen_and_quiet(void)
{
    for (unsigned last = seen;; last = seen) {
        poll(NULL, 0, 500);
        if (seen == last)
            return last;
    }
}

/* The kernel gives at most 65531 bytes of a packet: a longer one is not seen whole, so it may not pass. */
static void cut_packet(void)
{
    static char large[65507];
    int client = open_at(false, SOCK_DGRAM, 0), server = open_at(false, SOCK_DGRAM, COPY), big = 1 << 20;
    struct place to = place(false, COPY);
    struct pollfd wait = {.fd = server, .events = POLLIN};

    setsockopt(client, SOL_SOCKET, SO_SNDBUFFORCE, &big, sizeof big);
    unsigned before = seen_and_quiet();
    bool sent = sendto(client, large, 65507, 0, &to.at.any, to.len) == 65507;
    check(sent && poll(&wait, 1, 300) == 0 && seen == before, "65535 bytes: cut by the kernel, dropped unjudged");
    sent = sendto(client, large, 65503, 0, &to.at.any, to.len) == 65503;
    check(sent && poll(&wait, 1, PATIENCE) == 1 && recv(server, large, sizeof large, 0) == 65503 && seen == before + 1,
          "65531 bytes: judged, and our copy of it leaves");
    close(client);
    close(server);
}

static void datagrams(bool six)
{
    int client = open_at(six, SOCK_DGRAM, 0);
    int replaced = open_at(six, SOCK_DGRAM, REPLACE), dropped = open_at(six, SOCK_DGRAM, DROP);
    int as_it_lies = open_at(six, SOCK_DGRAM, AS_IT_LIES), copied = open_at(six, SOCK_DGRAM, COPY);

    check(!strcmp(exchange(client, replaced, six, REPLACE, PATIENCE), "judged"),
          "the judge's bytes leave, not the sender's");
    check(!strcmp(exchange(client, dropped, six, DROP, 200), ""), "a dropped packet does not arrive");
    check(!strcmp(exchange(client, as_it_lies, six, AS_IT_LIES, PATIENCE), "sent"), "accepted as it lies");
    uint64_t zeroed = bed_counter("zeroed");
    check(!strcmp(exchange(client, copied, six, COPY, PATIENCE), "sent"), "accepted as a copy");
    check(bed_counter("zeroed") == zeroed, "PASS keeps the scope in the mark");
    int mark = (int)BED_FOREIGN;
    uint64_t foreign = bed_counter("foreign");
    setsockopt(client, SOL_SOCKET, SO_MARK, &mark, sizeof mark);
    exchange(client, as_it_lies, six, AS_IT_LIES, PATIENCE);
    check(bed_counter("foreign") == foreign + 1, "others' bits of the mark are kept, ours say APPROVE");
    check(!strcmp(exchange(client, client, six, INJECT, PATIENCE), "injected"),
          "an injected answer reaches its client");
    close(client);
    close(replaced);
    close(dropped);
    close(as_it_lies);
    close(copied);
}

static void holding(void)
{
    int client = open_at(false, SOCK_DGRAM, 0), tick = open_at(false, SOCK_DGRAM, TICK);
    int attributed = open_at(false, SOCK_DGRAM, ATTRIBUTE);
    static struct event e;

    /* Never too early; late at times, as everything is on a busy machine, but not always. */
    uint64_t least = PATIENCE;
    bool came = true;
    for (unsigned i = 0; i < 20 && came && least >= 500; i++) {
        uint64_t start = now_msec();
        came = !strcmp(exchange(client, tick, false, TICK, PATIENCE), "sent");
        least = now_msec() - start < least ? now_msec() - start : least;
    }
    check(came && least >= 150 && least < 500, "a held packet goes by a tick within 50 ms of its time");

    check(!strcmp(exchange(client, attributed, false, ATTRIBUTE, 100), ""), "a packet waits for attribution");
    check(receive_event(&e, PATIENCE) && e.ticket != 0 && e.time_usec / 1000000 >= (uint64_t)time(NULL) - 2,
          "its event came up, with a ticket and the time");
    struct channel_attributed answer = {.kind = CHANNEL_ATTRIBUTED, .ticket = e.ticket};
    send(events_fd, &answer, 3, 0); /* of another length: ignored */
    send(events_fd, &answer, sizeof answer, 0);
    char got[8];
    struct pollfd wait = {.fd = attributed, .events = POLLIN};
    check(poll(&wait, 1, PATIENCE) == 1 && recv(attributed, got, sizeof got, 0) == 4, "and went on with the answer");
    close(client);
    close(tick);
    close(attributed);
}

static void refused_connection(bool six)
{
    int listener = open_at(six, SOCK_STREAM, RESET);
    struct place to = place(six, RESET);
    bool refused = true;
    uint64_t least = PATIENCE;
    for (unsigned i = 0; i < 20 && refused && least >= 200; i++) {
        int fd = socket(six ? AF_INET6 : AF_INET, SOCK_STREAM, 0);
        uint64_t start = now_msec();
        refused = connect(fd, &to.at.any, to.len) < 0 && errno == ECONNREFUSED;
        least = now_msec() - start < least ? now_msec() - start : least;
        close(fd);
    }
    check(refused && least < 200, "MARK_RESET: connect() is refused at once");
    close(listener);
}

#define BULK (64u << 20)

static void *bulk_sender(void *argument)
{
    static uint8_t chunk[1 << 18];
    int fd = *(int *)argument;
    for (uint32_t sent = 0; sent < BULK; sent += sizeof chunk) {
        for (uint32_t i = 0; i < sizeof chunk; i += 4)
            memcpy(chunk + i, &(uint32_t){(sent + i) * 2654435761u}, 4);
        for (size_t at = 0; at < sizeof chunk;) {
            ssize_t n = send(fd, chunk + at, sizeof chunk - at, MSG_NOSIGNAL);
            if (n <= 0)
                return NULL;
            at += (size_t)n;
        }
    }
    shutdown(fd, SHUT_WR);
    return NULL;
}

static void bulk(bool six, uint16_t port)
{
    int listener = open_at(six, SOCK_STREAM, port), client = socket(six ? AF_INET6 : AF_INET, SOCK_STREAM, 0);
    struct place to = place(six, port);
    struct timeval limit = {.tv_sec = PATIENCE / 1000};
    pthread_t sender;
    uint32_t total = 0, word = 0;
    static uint8_t buffer[1 << 18];
    bool same = true;

    unsigned gso = gso_seen, bad = malformed;
    uint64_t start = now_msec();
    bool connected = bed_mtu(1500) && connect(client, &to.at.any, to.len) == 0;
    check(connected, "connected through the queue");
    if (!connected)
        return;
    int server = accept(listener, NULL, NULL);
    setsockopt(server, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(client, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    pthread_create(&sender, NULL, bulk_sender, &client);
    for (ssize_t n; (n = recv(server, buffer, sizeof buffer, 0)) > 0;)
        for (ssize_t i = 0; i < n; i++, total++) {
            word |= (uint32_t)buffer[i] << (8 * (total & 3));
            if ((total & 3) == 3) {
                same &= word == (total - 3) * 2654435761u;
                word = 0;
            }
        }
    close(server);
    pthread_join(sender, NULL);
    printf("     IPv%d: %u MiB in %u ms, %u GSO packets\n", six ? 6 : 4, total >> 20, (unsigned)(now_msec() - start),
           gso_seen - gso);
    check(total == BULK && same, "64 MiB arrive whole and equal");
    check(gso_seen > gso && malformed == bad, "in GSO packets, with sound checksums after ours");
    bed_mtu(65536);
    close(client);
    close(listener);
}

/* Far more than the socket holds while the worker stalls: the kernel drops, the keeper hears of it. */
static void overrun(void)
{
    static char large[60000];
    int client = open_at(false, SOCK_DGRAM, 0), server = open_at(false, SOCK_DGRAM, AS_IT_LIES);
    struct place stall = place(false, STALL), to = place(false, AS_IT_LIES);
    struct channel_counts counts = {0};

    int room = 64 << 20; /* or the sender would wait: what is queued is still its own */
    setsockopt(client, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof room);
    stalled = true;
    sendto(client, "x", 1, 0, &stall.at.any, stall.len);
    for (int i = 0; i < 600; i++)
        sendto(client, large, sizeof large, 0, &to.at.any, to.len);
    stalled = false;
    check(await_event(REASON_OVERRUN, PATIENCE) >= 1, "an overrun is told");
    uint64_t end = now_msec() + PATIENCE;
    while (now_msec() < end && !counts.overruns)
        receive_kind(control_fd, &counts, sizeof counts, 200);
    check(counts.kind == CHANNEL_COUNTS && counts.overruns >= 1, "and counted");
    check(seen > 0 && counts.judge.packets > 0, "with the judge's counts");
    close(client);
    close(server);
    client = open_at(false, SOCK_DGRAM, 0);
    server = open_at(false, SOCK_DGRAM, REPLACE);
    check(!strcmp(exchange(client, server, false, REPLACE, PATIENCE), "judged"), "the worker goes on judging");
    close(client);
    close(server);
}

/* Events until the worker says that this is all; how many things they stand for.  *lost: of these, as lost. */
static uint64_t told_until_marked(uint64_t *lost)
{
    static uint8_t message[CHANNEL_EVENTS_BYTES];
    struct channel_mark mark = {.kind = CHANNEL_MARK};
    struct pollfd wait = {.fd = events_fd, .events = POLLIN};
    uint64_t told = 0;
    static struct event e;
    *lost = 0;
    check(send(events_fd, &mark, sizeof mark, 0) == sizeof mark, "the worker is asked for all");
    while (poll(&wait, 1, PATIENCE) == 1) {
        ssize_t len = recv(events_fd, message, sizeof message, 0);
        if (len == sizeof mark && !memcmp(message, &mark, sizeof mark))
            return told;
        struct reader r = reader_init((struct bytes){message, len < 0 ? 0 : (size_t)len}, false);
        reader_bytes(&r, sizeof(uint32_t));
        while (event_unpack(&r, &e)) {
            uint64_t count = e.count > 1 ? e.count : 1;
            bool is_lost = e.reason == REASON_EVENTS_LOST && e.scope_id == BED_SCOPE && e.verdict == VERDICT_DENY;
            told += e.reason == REASON_NONE || is_lost ? count : 0;
            *lost += is_lost ? count : 0;
        }
    }
    return 0;
}

/* A keeper that does not read: events are lost, counted by scope, and told later, before the worker says that this is
 * all; nothing waits for it. */
static void lost_events(void)
{
    int client = open_at(false, SOCK_DGRAM, 0), server = open_at(false, SOCK_DGRAM, REPLACE);
    struct place to = place(false, TELL);
    uint64_t lost;
    (void)told_until_marked(&lost);
    unsigned before = seen_and_quiet();
    for (int i = 0; i < 2000; i++)
        sendto(client, "x", 1, 0, &to.at.any, to.len);
    check(!strcmp(exchange(client, server, false, REPLACE, PATIENCE), "judged"),
          "a keeper that does not read delays nothing");
    uint64_t told = told_until_marked(&lost);
    check(lost > 100, "how many events were lost is told, and of which scope");
    check(told == seen - before - 1, "each was told or counted as lost before the worker says that this is all");
    close(client);
    close(server);
}

static void policies_swapped(void)
{
    int client = open_at(false, SOCK_DGRAM, 0), server = open_at(false, SOCK_DGRAM, REPLACE);
    unsigned before = policies, reached = 0;

    for (int i = 0; i < 50; i++) {
        set_policy(true);
        exchange(client, server, false, REPLACE, PATIENCE);
        reached += policy_now == policy->policy;
    }
    check(reached == 50 && policies == before + 50, "fifty swaps: each policy reached the judge, once");
    set_policy(false);
    check(!strcmp(exchange(client, server, false, REPLACE, 300), ""), "without a policy nothing passes");
    set_policy(true);
    check(!strcmp(exchange(client, server, false, REPLACE, PATIENCE), "judged"), "with the next one it does");
    close(client);
    close(server);
}

/* What a dead holder left is dropped; its verdicts come too late and harm nothing. */
static void rebinding(void)
{
    int client = open_at(false, SOCK_DGRAM, 0), server = open_at(false, SOCK_DGRAM, REPLACE);
    uint64_t waiting = 0, full, socket_full;
    struct error e = {0};

    for (int i = 0; i < 20; i++)
        exchange(client, server, false, HOLD, 0);
    for (uint64_t end = now_msec() + PATIENCE; now_msec() < end && waiting != 20;)
        queue_counts(BED_QUEUE_UDP, &waiting, &full, &socket_full);
    check(waiting == 20, "twenty packets are held");
    check(queue_rebind(config.queue_udp_fd, BED_QUEUE_UDP, false, &e) || (puts(e.text), false),
          "the queue is bound again");
    check(queue_counts(BED_QUEUE_UDP, &waiting, &full, &socket_full) && waiting == 0, "and empty");
    check(!strcmp(exchange(client, server, false, REPLACE, PATIENCE), "judged"), "and judged");
    check(queue_open(BED_QUEUE_UDP, false, &e) < 0 && e.sys_errno == EPERM, "no second process can bind it");
    close(client);
    close(server);
}

static void first_policy(void)
{
    int client = open_at(false, SOCK_DGRAM, 0), server = open_at(false, SOCK_DGRAM, REPLACE);
    char got[16] = "";

    check(!strcmp(exchange(client, server, false, REPLACE, 300), ""), "before the first policy nothing passes");
    set_policy(true);
    struct pollfd wait = {.fd = server, .events = POLLIN};
    check(poll(&wait, 1, PATIENCE) == 1 && recv(server, got, sizeof got, 0) == 6,
          "what waited is judged by the first policy");
    close(client);
    close(server);
}

static bool start(pthread_t *thread, struct error *e)
{
    int events[2], control[2], on = 1;
    uint32_t mark = BED_INJECTED;

    mark_layout_init(MARK_MASK_DEFAULT, &config.marks);
    config.queue_tcp_fd = queue_open(BED_QUEUE_TCP, true, e);
    config.queue_udp_fd = queue_open(BED_QUEUE_UDP, false, e);
    if (config.queue_tcp_fd < 0 || config.queue_udp_fd < 0)
        return false;
    config.raw4_fd = socket(AF_INET, SOCK_RAW, IPPROTO_RAW);
    config.raw6_fd = socket(AF_INET6, SOCK_RAW, IPPROTO_RAW);
    setsockopt(config.raw4_fd, SOL_SOCKET, SO_MARK, &mark, sizeof mark);
    setsockopt(config.raw6_fd, SOL_SOCKET, SO_MARK, &mark, sizeof mark);
    setsockopt(config.raw6_fd, IPPROTO_IPV6, IPV6_HDRINCL, &on, sizeof on);
    if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, events) < 0 || socketpair(AF_UNIX, SOCK_SEQPACKET, 0, control) < 0)
        return error_set(e, ERROR_SYSTEM, errno, "socketpair");
    events_fd = events[0];
    control_fd = control[0];
    config.events_fd = events[1];
    config.control_fd = control[1];
    config.stop_fd = eventfd(0, 0);
    config.policy = &policy;
    return pthread_create(thread, NULL, worker_thread, &config) == 0;
}

int main(void)
{
    pthread_t thread;
    struct error e = {0};

    setvbuf(stdout, NULL, _IOLBF, 0);
    if (!bed_make() || !start(&thread, &e)) {
        printf("FAIL the bed: %s\n0 passed, 1 failed, 0 skipped\n", e.text);
        return 1;
    }
    first_policy();
    for (int six = 0; six < 2; six++) {
        datagrams(six);
        refused_connection(six);
        bulk(six, COPY);
        bulk(six, AS_IT_LIES);
    }
    cut_packet();
    holding();
    lost_events();
    overrun();
    policies_swapped();
    rebinding();
    check(wrong_scope == 0, "scope, path and hook were told right throughout");
    check(write(config.stop_fd, &(uint64_t){1}, 8) == 8 && pthread_join(thread, NULL) == 0, "stops when asked");
    printf("%u passed, %u failed, 0 skipped\n", passed, failed);
    return failed != 0;
}
