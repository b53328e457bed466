/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One client of the relay: its bytes in, cut into messages (RFC 1035 s4.2.2), and its answers out.
 *
 * The input is hostile: a message is 12..RELAY_MESSAGE_MAX bytes, anything else ends the connection.  Fixed buffers, no
 * allocation.  Used by ctl/relay.c and ctl/relay_query.c alone. */
#ifndef SLUICE_CTL_RELAY_CONNECTION_H
#define SLUICE_CTL_RELAY_CONNECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/bytes.h"
#include "core/event.h"

#define RELAY_MESSAGE_MIN  12u /* a DNS header */
#define RELAY_MESSAGE_MAX  4096u
#define RELAY_OUTSTANDING  64u
#define RELAY_OUT_BYTES    (96u * 1024) /* answers not yet taken; the longest is 2 + 65535 */
#define RELAY_TIMEOUT_USEC 10000000u

struct relay_connection {
    int fd;              /* -1: the slot is free */
    uint16_t scope;      /* 0: the keeper has not answered yet */
    uint64_t serial;     /* of what it is asked (ctl/relay_ask.h) */
    uint64_t asked_usec; /* last */
    struct event_endpoint client, resolver;
    uint64_t active_usec; /* last: accepted, a message was whole, the client took bytes */
    uint64_t begun_usec;  /* since when a message is incomplete; 0: none is */
    unsigned outstanding; /* questions */
    uint32_t watched;     /* epoll events asked for */
    bool at_end;          /* the client sends no more */
    size_t in_len, out_from, out_len;
    uint8_t in[2 + RELAY_MESSAGE_MAX];
    uint8_t out[RELAY_OUT_BYTES];
};

void relay_connection_init(struct relay_connection *c, int fd, uint64_t now_usec);

/* Reads what is there and fits.  False: the connection failed. */
bool relay_connection_read(struct relay_connection *c);
/* The next whole message, borrowed from the buffer until relay_connection_consume.  MALFORMED: close. */
enum parse relay_connection_next(const struct relay_connection *c, struct bytes *message);
void relay_connection_consume(struct relay_connection *c, struct bytes message);
/* Appends an answer with its length.  False: no room; the client does not read: close. */
bool relay_connection_answer(struct relay_connection *c, struct bytes message);
/* Sends what it can.  False: the connection failed. */
bool relay_connection_write(struct relay_connection *c, uint64_t now_usec);
/* True: its time is over, or it is at its end and nothing is left to answer. */
bool relay_connection_over(const struct relay_connection *c, uint64_t now_usec);

#endif
