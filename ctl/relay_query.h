/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The relay's outstanding questions: sent by UDP under an id of the relay's own, sent again while no answer comes (the
 * client, on TCP, would not), matched to their answers, given up after 10 s.
 *
 * A pool of RELAY_ROWS questions, one row of the shared table each; ids are random and unique among them.  No
 * allocation after relay_query_pool_new.  Used by ctl/relay.c alone. */
#ifndef SLUICE_CTL_RELAY_QUERY_H
#define SLUICE_CTL_RELAY_QUERY_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/bytes.h"
#include "ctl/relay_connection.h"
#include "ctl/relay_table.h"

#define RELAY_KEPT_BYTES 512u /* of a question: what is sent again, and answered with SERVFAIL */

union relay_address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    struct sockaddr_storage storage;
};

struct relay_query {
    unsigned connection; /* index of who asked */
    uint16_t id, client_id;
    int udp_fd;
    union relay_address resolver;
    uint64_t asked_usec;
    uint8_t sent; /* times */
    uint16_t len; /* of the message; longer than RELAY_KEPT_BYTES: it is not sent again */
    uint16_t previous, next;
    uint8_t message[RELAY_KEPT_BYTES]; /* its start, with our id */
};

struct relay_query_pool;

struct relay_query_pool *relay_query_pool_new(struct relay_table *table);
void relay_query_pool_free(struct relay_query_pool *pool);

/* Asks `message` (RELAY_MESSAGE_MIN.. bytes) for connection number `connection`.  False: the pool is full. */
bool relay_query_ask(struct relay_query_pool *pool, const struct relay_connection *c, unsigned connection, int udp_fd,
                     const union relay_address *resolver, struct bytes message, uint64_t now_usec);

/* The question whose id a datagram from `from` on `udp_fd` bears; NULL: nobody asked.  `error`: the datagram is our own
 * question, which an ICMP error brought back; else it must be an answer (QR). */
struct relay_query *relay_query_match(struct relay_query_pool *pool, int udp_fd, const union relay_address *from,
                                      struct bytes datagram, bool error);
/* Ends a question; the table's row shows it as answered. */
void relay_query_end(struct relay_query_pool *pool, struct relay_query *q);
/* Ends all that connection number `connection` asked. */
void relay_query_forget(struct relay_query_pool *pool, unsigned connection);

/* Sends again what waits; calls `over` for each question whose time is over (it must end it). */
void relay_query_tick(struct relay_query_pool *pool, uint64_t now_usec, void (*over)(void *ctx, struct relay_query *q),
                      void *ctx);

/* SERVFAIL to a message (its header, and its question where one is well-formed) under the id `id`.  Returns its length,
 * at most RELAY_KEPT_BYTES. */
size_t relay_query_servfail(struct bytes message, uint16_t id, uint8_t out[RELAY_KEPT_BYTES]);

#endif
