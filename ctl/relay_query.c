/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/relay_query.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>

#define NONE         0xffffu /* no query: rows are fewer */
#define HEADER_BYTES 12u
#define RA_SERVFAIL  0x82 /* recursion available, rcode 2 */

_Static_assert(RELAY_ROWS < NONE && RELAY_ROWS <= 65536 / 4, "ids stay easy to draw");

/* When a question is sent for the second time and so on, after it was asked. */
static const uint64_t resend_usec[] = {1000000, 2500000, 5000000};

struct relay_query_pool {
    struct relay_table *table;
    uint16_t first, last; /* in the order in which they were asked */
    unsigned free_count;
    uint16_t free_row[RELAY_ROWS]; /* a stack: few rows are touched while few are in use */
    uint16_t row_of_id[65536];     /* NONE: the id is free */
    struct relay_query query[RELAY_ROWS];
};

struct relay_query_pool *relay_query_pool_new(struct relay_table *table)
{
    struct relay_query_pool *pool = calloc(1, sizeof *pool);
    if (!pool)
        return NULL;
    pool->table = table;
    pool->first = pool->last = NONE;
    pool->free_count = RELAY_ROWS;
    for (unsigned i = 0; i < RELAY_ROWS; i++)
        pool->free_row[i] = (uint16_t)(RELAY_ROWS - 1 - i);
    memset(pool->row_of_id, 0xff, sizeof pool->row_of_id);
    return pool;
}

void relay_query_pool_free(struct relay_query_pool *pool)
{
    free(pool);
}

static unsigned row_of(const struct relay_query_pool *pool, const struct relay_query *q)
{
    return (unsigned)(q - pool->query);
}

static socklen_t address_len(const union relay_address *a)
{
    return a->any.sa_family == AF_INET6 ? sizeof a->v6 : sizeof a->v4;
}

static bool same_address(const union relay_address *a, const union relay_address *b)
{
    if (a->any.sa_family != b->any.sa_family)
        return false;
    if (a->any.sa_family == AF_INET6)
        return a->v6.sin6_port == b->v6.sin6_port &&
               memcmp(&a->v6.sin6_addr, &b->v6.sin6_addr, sizeof a->v6.sin6_addr) == 0;
    return a->v4.sin_port == b->v4.sin_port && a->v4.sin_addr.s_addr == b->v4.sin_addr.s_addr;
}

/* A lost message is sent again; one that the socket refuses is as good as lost.  The first refusal may be an ICMP error
 * that waited on the socket, so there is a second try. */
static void send_message(struct relay_query *q, struct bytes message)
{
    for (int attempt = 0; attempt < 2; attempt++)
        if (sendto(q->udp_fd, message.at, message.len, MSG_DONTWAIT | MSG_NOSIGNAL, &q->resolver.any,
                   address_len(&q->resolver)) >= 0 ||
            errno == EAGAIN)
            break;
    q->sent++;
}

static bool draw_id(struct relay_query_pool *pool, uint16_t *id)
{
    do {
        if (getrandom(id, sizeof *id, 0) != sizeof *id)
            return false;
    } while (pool->row_of_id[*id] != NONE); /* at most a quarter is taken */
    return true;
}

static void note(struct relay_query_pool *pool, const struct relay_connection *c, const struct relay_query *q,
                 struct bytes question, uint64_t now_usec)
{
    struct relay_asked asked = {
        .client = c->client, .resolver = c->resolver, .asked_usec = now_usec, .scope = c->scope, .waiting = true};

    asked.question_len = (uint16_t)(question.len < RELAY_QUESTION_SIZE ? question.len : RELAY_QUESTION_SIZE);
    if (asked.question_len)
        memcpy(asked.question, question.at, asked.question_len);
    relay_table_set(pool->table, row_of(pool, q), &asked);
}

bool relay_query_ask(struct relay_query_pool *pool, const struct relay_connection *c, unsigned connection, int udp_fd,
                     const union relay_address *resolver, struct bytes message, uint64_t now_usec)
{
    uint8_t wire[RELAY_MESSAGE_MAX];
    uint16_t id;
    struct reader reader = reader_init(message, false);
    uint16_t client_id = reader_u16(&reader);
    reader_bytes(&reader, HEADER_BYTES - 2);
    struct bytes question = reader_bytes(&reader, reader_left(&reader));

    if (reader.state != PARSE_OK || message.len > sizeof wire || !pool->free_count || !draw_id(pool, &id))
        return false;
    struct writer writer = writer_init(wire, sizeof wire);
    writer_bytes(&writer, message);
    writer_patch_u16(&writer, 0, id);

    uint16_t row = pool->free_row[--pool->free_count];
    struct relay_query *q = &pool->query[row];
    q->connection = connection;
    q->id = id;
    q->client_id = client_id;
    q->udp_fd = udp_fd;
    q->resolver = *resolver;
    q->asked_usec = now_usec;
    q->sent = 0;
    q->len = (uint16_t)message.len;
    memcpy(q->message, wire, message.len < RELAY_KEPT_BYTES ? message.len : RELAY_KEPT_BYTES);
    q->previous = pool->last;
    q->next = NONE;
    if (pool->last == NONE)
        pool->first = row;
    else
        pool->query[pool->last].next = row;
    pool->last = row;
    pool->row_of_id[id] = row;
    note(pool, c, q, question, now_usec); /* before it is sent: its refusal may be faster than we are */
    send_message(q, (struct bytes){wire, message.len});
    return true;
}

struct relay_query *relay_query_match(struct relay_query_pool *pool, int udp_fd, const union relay_address *from,
                                      struct bytes datagram, bool error)
{
    struct reader reader = reader_init(datagram, false);
    uint16_t id = reader_u16(&reader);
    uint8_t flags = error ? 0 : reader_u8(&reader);

    if (reader.state != PARSE_OK || (!error && (datagram.len < HEADER_BYTES || !(flags & 0x80))) ||
        pool->row_of_id[id] == NONE)
        return NULL;
    struct relay_query *q = &pool->query[pool->row_of_id[id]];
    return q->udp_fd == udp_fd && same_address(&q->resolver, from) ? q : NULL;
}

void relay_query_end(struct relay_query_pool *pool, struct relay_query *q)
{
    uint16_t row = (uint16_t)row_of(pool, q);

    *(q->previous == NONE ? &pool->first : &pool->query[q->previous].next) = q->next;
    *(q->next == NONE ? &pool->last : &pool->query[q->next].previous) = q->previous;
    pool->row_of_id[q->id] = NONE;
    pool->free_row[pool->free_count++] = row;
    relay_table_answered(pool->table, row);
}

void relay_query_forget(struct relay_query_pool *pool, unsigned connection)
{
    for (uint16_t row = pool->first; row != NONE;) {
        struct relay_query *q = &pool->query[row];
        row = q->next;
        if (q->connection == connection)
            relay_query_end(pool, q);
    }
}

void relay_query_tick(struct relay_query_pool *pool, uint64_t now_usec, void (*over)(void *ctx, struct relay_query *q),
                      void *ctx)
{
    /* They stand in the order in which they were asked.  `over` may end others too: look at the first each time. */
    while (pool->first != NONE && now_usec - pool->query[pool->first].asked_usec >= RELAY_TIMEOUT_USEC)
        over(ctx, &pool->query[pool->first]);

    for (uint16_t row = pool->first; row != NONE; row = pool->query[row].next) {
        struct relay_query *q = &pool->query[row];
        if (q->len <= RELAY_KEPT_BYTES && q->sent <= sizeof resend_usec / sizeof *resend_usec &&
            now_usec - q->asked_usec >= resend_usec[q->sent - 1])
            send_message(q, (struct bytes){q->message, q->len});
    }
}

size_t relay_query_servfail(struct bytes message, uint16_t id, uint8_t out[RELAY_KEPT_BYTES])
{
    struct reader reader = reader_init(message, false);
    struct writer writer = writer_init(out, RELAY_KEPT_BYTES);

    reader_u16(&reader);
    uint8_t flags = reader_u8(&reader) & 0x79; /* opcode and RD */
    reader_u8(&reader);
    uint16_t questions = reader_u16(&reader);
    reader_bytes(&reader, 6);
    struct reader rest = reader;
    size_t labels_len = 0;
    for (uint8_t label = 1; label && rest.state == PARSE_OK;) {
        label = reader_u8(&rest);
        reader_bytes(&rest, label);
        labels_len += 1u + label;
        if (label > 63 || labels_len > 255)
            reader_fail(&rest);
    }
    reader_u32(&rest);
    bool whole = questions == 1 && rest.state == PARSE_OK;

    writer_u16(&writer, id);
    writer_u8(&writer, flags | 0x80);
    writer_u8(&writer, RA_SERVFAIL);
    writer_u16(&writer, whole ? 1 : 0);
    writer_zero(&writer, 6);
    if (whole)
        writer_bytes(&writer, reader_bytes(&reader, labels_len + 4));
    return writer_len(&writer);
}
