/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/relay.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "core/clock.h"
#include "ctl/relay_ask.h"
#include "ctl/relay_query.h"

#define DNS_PORT       53
#define ORIGINAL_DST   80 /* SO_ORIGINAL_DST, IP6T_SO_ORIGINAL_DST */
#define TICK_USEC      250000
#define ASK_USEC       1000000 /* no answer of the keeper for so long: it died, and another is asked */
#define EVENTS_MAX     64
#define ACCEPTS_MAX    16 /* a round and listener */
#define ANSWERS_MAX    64 /* a round and socket */
#define DATAGRAM_BYTES 65536
#define TRUNCATED      2u /* TC in the third byte (RFC 1035 s4.1.1) */

enum source { SOURCE_STOP, SOURCE_KEEPER, SOURCE_LISTENER, SOURCE_UDP, SOURCE_CONNECTION };

struct relay {
    struct relay_config config;
    struct relay_query_pool *pool;
    int epoll_fd;
    unsigned open;   /* connections */
    unsigned asking; /* of them: the keeper has not said whose they are */
    bool listening;
    uint64_t serial;
    uint64_t now_usec, tick_usec;
    uint8_t datagram[DATAGRAM_BYTES];
    struct relay_connection connection[RELAY_CONNECTIONS];
};

static bool watch(struct relay *r, int fd, enum source source, unsigned index, uint32_t events, bool known)
{
    struct epoll_event event = {.events = events, .data.u64 = (uint64_t)source << 32 | index};
    return epoll_ctl(r->epoll_fd, known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &event) == 0;
}

static void close_connection(struct relay *r, struct relay_connection *c)
{
    unsigned index = (unsigned)(c - r->connection);

    relay_query_forget(r->pool, index);
    close(c->fd);
    c->fd = -1;
    r->open--;
    r->asking -= !c->scope;
}

static struct event_endpoint endpoint(const union relay_address *a)
{
    if (a->any.sa_family == AF_INET6)
        return (struct event_endpoint){address_from_octets((struct bytes){a->v6.sin6_addr.s6_addr, 16}),
                                       ntohs(a->v6.sin6_port)};
    return (struct event_endpoint){address_from_octets((struct bytes){(const uint8_t *)&a->v4.sin_addr, 4}),
                                   ntohs(a->v4.sin_port)};
}

static union relay_address socket_address(const struct event_endpoint *at)
{
    union relay_address a = {0};

    if (at->address.family == 6) {
        a.v6.sin6_family = AF_INET6;
        a.v6.sin6_port = htons(at->port);
        memcpy(&a.v6.sin6_addr, at->address.octets, 16);
    } else {
        a.v4.sin_family = AF_INET;
        a.v4.sin_port = htons(at->port);
        memcpy(&a.v4.sin_addr, at->address.octets, 4);
    }
    return a;
}

bool relay_origin(int fd, bool six, struct sockaddr_storage *out)
{
    union relay_address origin = {0}, local = {0};
    socklen_t len = sizeof origin.storage, local_len = sizeof local.storage;

    if (getsockopt(fd, six ? IPPROTO_IPV6 : IPPROTO_IP, ORIGINAL_DST, &origin.storage, &len) < 0 ||
        getsockname(fd, &local.any, &local_len) < 0)
        return false;
    struct event_endpoint to = endpoint(&origin), at = endpoint(&local);
    if (to.port == at.port && address_equal(&to.address, &at.address))
        return false;
    *out = origin.storage;
    return true;
}

/* Asks what is whole, as far as answers may be outstanding.  False: close. */
static bool ask(struct relay *r, struct relay_connection *c)
{
    unsigned index = (unsigned)(c - r->connection);
    const union relay_address resolver = socket_address(&c->resolver);
    int udp_fd = r->config.udp_fd[c->resolver.address.family == 6][index];
    enum parse parse = PARSE_OK;
    bool any = false;

    while (c->outstanding < RELAY_OUTSTANDING) {
        struct bytes message;
        parse = relay_connection_next(c, &message);
        if (parse != PARSE_OK)
            break;
        if (!relay_query_ask(r->pool, c, index, udp_fd, &resolver, message, r->now_usec))
            return false;
        relay_connection_consume(c, message);
        c->outstanding++;
        c->active_usec = r->now_usec;
        any = true;
    }
    if (parse == PARSE_MALFORMED)
        return false;
    if (c->in_len == 0 || parse == PARSE_OK)
        c->begun_usec = 0;
    else if (any || !c->begun_usec)
        c->begun_usec = r->now_usec;
    return true;
}

/* What this connection waits for now. */
static bool watch_connection(struct relay *r, struct relay_connection *c)
{
    uint32_t events = 0;

    if (!c->at_end && c->in_len < sizeof c->in && c->outstanding < RELAY_OUTSTANDING)
        events |= EPOLLIN;
    if (c->out_from < c->out_len)
        events |= EPOLLOUT;
    if (events == c->watched)
        return true;
    c->watched = events;
    return watch(r, c->fd, SOURCE_CONNECTION, (unsigned)(c - r->connection), events, true);
}

/* Reads, asks, writes; closes what is over. */
static void serve(struct relay *r, struct relay_connection *c, bool readable)
{
    if ((readable && !relay_connection_read(c)) || !ask(r, c) || !relay_connection_write(c, r->now_usec) ||
        relay_connection_over(c, r->now_usec) || !watch_connection(r, c))
        close_connection(r, c);
}

/* Gives a question's connection its answer. */
static void answer(struct relay *r, struct relay_query *q, struct bytes message)
{
    struct relay_connection *c = &r->connection[q->connection];

    relay_query_end(r->pool, q);
    c->outstanding--;
    if (!relay_connection_answer(c, message))
        close_connection(r, c);
    else
        serve(r, c, false);
}

static void answer_servfail(void *ctx, struct relay_query *q)
{
    uint8_t out[RELAY_KEPT_BYTES];
    size_t kept = q->len < RELAY_KEPT_BYTES ? q->len : RELAY_KEPT_BYTES;

    size_t len = relay_query_servfail((struct bytes){q->message, kept}, q->client_id, out);
    answer(ctx, q, (struct bytes){out, len});
}

/* ICMP errors: the judge's refusals among them.  The datagram that they quote is our question. */
static void read_errors(struct relay *r, int udp_fd)
{
    for (unsigned i = 0; i < ANSWERS_MAX; i++) {
        union relay_address to = {0};
        struct iovec vector = {r->datagram, sizeof r->datagram};
        struct msghdr header = {
            .msg_name = &to.storage, .msg_namelen = sizeof to.storage, .msg_iov = &vector, .msg_iovlen = 1};
        ssize_t len = recvmsg(udp_fd, &header, MSG_ERRQUEUE | MSG_DONTWAIT);
        if (len < 0)
            return;
        struct relay_query *q = relay_query_match(r->pool, udp_fd, &to, (struct bytes){r->datagram, (size_t)len}, true);
        if (q)
            answer_servfail(r, q);
    }
}

static void read_answers(struct relay *r, int udp_fd)
{
    for (unsigned i = 0; i < ANSWERS_MAX; i++) {
        union relay_address from = {0};
        socklen_t from_len = sizeof from.storage;
        ssize_t len = recvfrom(udp_fd, r->datagram, sizeof r->datagram, MSG_DONTWAIT, &from.any, &from_len);
        if (len < 0) {
            if (errno == EAGAIN)
                return;
            continue; /* an ICMP error's code: its details are in the error queue */
        }
        struct bytes message = {r->datagram, (size_t)len};
        struct relay_query *q = relay_query_match(r->pool, udp_fd, &from, message, false);
        if (!q)
            continue;
        struct writer writer = writer_init(r->datagram, message.len);
        writer_u16(&writer, q->client_id);
        if (r->datagram[2] & TRUNCATED)
            answer_servfail(r, q);
        else
            answer(r, q, message);
    }
}

static unsigned connections_of(const struct relay *r, uint16_t scope)
{
    unsigned count = 0;

    for (unsigned i = 0; i < r->config.slots; i++)
        count += r->connection[i].fd >= 0 && r->connection[i].scope == scope;
    return count;
}

/* A slot; where none is free, the scope that has most loses the one idle longest.  Those that the keeper is asked about
 * stay: they are few (ASKING_MAX), and nobody's yet. */
static struct relay_connection *find_slot(struct relay *r)
{
    struct relay_connection *victim = NULL;
    unsigned greatest = 0;

    for (unsigned i = 0; i < r->config.slots; i++) {
        struct relay_connection *c = &r->connection[i];
        if (c->fd < 0)
            return c;
        unsigned held = c->scope ? connections_of(r, c->scope) : 0;
        if (held > greatest || (held && held == greatest && c->active_usec < victim->active_usec)) {
            victim = c;
            greatest = held;
        }
    }
    if (victim)
        close_connection(r, victim);
    return victim;
}

/* A quarter of the slots. */
static bool may_accept(const struct relay *r)
{
    return r->asking <= r->config.slots / 4;
}

static bool watch_listeners(struct relay *r, bool known)
{
    bool ok = true;

    r->listening = may_accept(r);
    for (unsigned six = 0; six < 2 && ok; six++)
        ok = r->config.tcp_fd[six] < 0 ||
             watch(r, r->config.tcp_fd[six], SOURCE_LISTENER, six, r->listening ? EPOLLIN : 0, known);
    return ok;
}

/* Whose is it?  A full channel is asked at a later tick. */
static void ask_keeper(struct relay *r, struct relay_connection *c)
{
    struct relay_ask ask;

    memset(&ask, 0, sizeof ask); /* its padding too */
    ask.serial = c->serial;
    ask.slot = (uint32_t)(c - r->connection);
    ask.client = c->client;
    ask.resolver = c->resolver;
    c->asked_usec = r->now_usec;
    (void)send(r->config.keeper_fd, &ask, sizeof ask, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* Its client has not gone: else another one could have its addresses and ports by now, and the keeper could have
 * answered for that one. */
static bool is_up(int fd)
{
    struct tcp_info info = {0};
    socklen_t len = sizeof info;

    return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) == 0 &&
           (info.tcpi_state == TCP_ESTABLISHED || info.tcpi_state == TCP_CLOSE_WAIT);
}

static void read_keeper(struct relay *r)
{
    struct relay_ask_answer answer;

    while (recv(r->config.keeper_fd, &answer, sizeof answer, MSG_DONTWAIT) == sizeof answer) {
        struct relay_connection *c = answer.slot < r->config.slots ? &r->connection[answer.slot] : NULL;
        if (!c || c->fd < 0 || c->serial != answer.serial || c->scope)
            continue; /* for one that was closed meanwhile */
        if (!answer.scope || !is_up(c->fd)) {
            close_connection(r, c);
            continue;
        }
        c->scope = answer.scope;
        r->asking--;
        serve(r, c, true);
    }
}

static void admit(struct relay *r, int fd, bool six, const union relay_address *client)
{
    union relay_address origin = {0};

    if (!r->config.origin(fd, six, &origin.storage)) {
        close(fd);
        return;
    }
    struct event_endpoint resolver = endpoint(&origin);
    bool to_six = resolver.address.family == 6;
    struct relay_connection *c = resolver.port == DNS_PORT ? find_slot(r) : NULL;
    if (!c || r->config.udp_fd[to_six][c - r->connection] < 0) {
        close(fd);
        return;
    }
    relay_connection_init(c, fd, r->now_usec);
    r->open++;
    r->asking++;
    c->serial = ++r->serial;
    c->client = endpoint(client);
    c->resolver = resolver;
    if (!watch(r, fd, SOURCE_CONNECTION, (unsigned)(c - r->connection), 0, false))
        close_connection(r, c);
    else
        ask_keeper(r, c);
}

static void accept_round(struct relay *r, bool six)
{
    for (unsigned i = 0; i < ACCEPTS_MAX && may_accept(r); i++) {
        union relay_address client = {0};
        socklen_t len = sizeof client.storage;
        int fd = accept4(r->config.tcp_fd[six], &client.any, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) {
            if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS)
                nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL); /* the listener stays readable: no spinning */
            return;
        }
        admit(r, fd, six, &client);
    }
}

static void tick(struct relay *r)
{
    if (r->now_usec - r->tick_usec < TICK_USEC)
        return;
    r->tick_usec = r->now_usec;
    relay_query_tick(r->pool, r->now_usec, answer_servfail, r);
    for (unsigned i = 0; i < r->config.slots; i++) {
        struct relay_connection *c = &r->connection[i];
        if (c->fd < 0)
            continue;
        if (relay_connection_over(c, r->now_usec))
            close_connection(r, c);
        else if (!c->scope && r->now_usec - c->asked_usec > ASK_USEC)
            ask_keeper(r, c);
    }
}

struct relay *relay_new(const struct relay_config *config, struct error *e)
{
    if (config->slots > RELAY_CONNECTIONS) {
        error_set(e, ERROR_LIMIT, 0, "the relay serves at most %d connections", RELAY_CONNECTIONS);
        return NULL;
    }
    struct relay *r = calloc(1, sizeof *r);
    if (!r) {
        error_set(e, ERROR_SYSTEM, ENOMEM, "cannot start the relay");
        return NULL;
    }
    r->config = *config;
    for (unsigned i = 0; i < RELAY_CONNECTIONS; i++)
        r->connection[i].fd = -1;
    r->serial = clock_boot_usec(); /* above all of a relay before us: it did not serve one each microsecond */
    relay_table_clear(config->table);
    r->pool = relay_query_pool_new(config->table);
    r->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    bool ok = r->pool && r->epoll_fd >= 0 && watch(r, config->stop_fd, SOURCE_STOP, 0, EPOLLIN, false) &&
              watch(r, config->keeper_fd, SOURCE_KEEPER, 0, EPOLLIN, false) && watch_listeners(r, false);
    for (unsigned i = 0; ok && i < 2 * config->slots; i++) {
        int udp_fd = config->udp_fd[i & 1][i / 2];
        ok = udp_fd < 0 || watch(r, udp_fd, SOURCE_UDP, i, EPOLLIN, false);
    }
    if (ok)
        return r;
    error_set(e, ERROR_SYSTEM, errno, "cannot start the relay");
    relay_free(r);
    return NULL;
}

void relay_free(struct relay *r)
{
    if (!r)
        return;
    for (unsigned i = 0; i < RELAY_CONNECTIONS; i++)
        if (r->connection[i].fd >= 0)
            close_connection(r, &r->connection[i]);
    relay_query_pool_free(r->pool);
    if (r->epoll_fd >= 0)
        close(r->epoll_fd);
    free(r);
}

bool relay_run(struct relay *r, struct error *e)
{
    for (;;) {
        struct epoll_event event[EVENTS_MAX];
        int count = epoll_wait(r->epoll_fd, event, EVENTS_MAX, r->open ? TICK_USEC / 1000 : -1);
        if (count < 0 && errno != EINTR)
            return error_set(e, ERROR_SYSTEM, errno, "cannot wait for questions");
        r->now_usec = clock_boot_usec();
        for (int i = 0; i < count; i++) {
            unsigned index = (unsigned)(event[i].data.u64 & 0xffffffff);
            switch ((enum source)(event[i].data.u64 >> 32)) {
            case SOURCE_STOP:
                return true;
            case SOURCE_KEEPER:
                read_keeper(r);
                break;
            case SOURCE_LISTENER:
                accept_round(r, index & 1);
                break;
            case SOURCE_UDP:
                if (event[i].events & EPOLLERR)
                    read_errors(r, r->config.udp_fd[index & 1][index / 2]);
                read_answers(r, r->config.udp_fd[index & 1][index / 2]);
                break;
            case SOURCE_CONNECTION:
                if (r->connection[index].fd < 0)
                    break; /* closed in this round */
                if (event[i].events & (EPOLLERR | EPOLLHUP))
                    close_connection(r, &r->connection[index]);
                else if (r->connection[index].scope)
                    serve(r, &r->connection[index], true);
                break;
            }
        }
        tick(r);
        if (r->listening != may_accept(r) && !watch_listeners(r, true))
            return error_set(e, ERROR_SYSTEM, errno, "cannot wait for connections");
    }
}
