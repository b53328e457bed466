/* SPDX-License-Identifier: GPL-3.0-or-later */
/* QUIC flows whose first packets the handler knows: the undecided ones, and for a while the decided.
 *
 * Tables of fixed size: flows, the connections that were begun on them (a Retry begins another one, RFC 9001 s5.2), and
 * held datagrams.  One worker; no locks; no allocation after quic_table_new.  A scope may fill its share only
 * (core/share.h). */
#ifndef SLUICE_NFQ_QUIC_FLOW_H
#define SLUICE_NFQ_QUIC_FLOW_H

#include <stdbool.h>
#include <stdint.h>

#include "core/name.h"
#include "nfq/flow.h"
#include "nfq/packet.h"
#include "tls/quic_initial.h"

#define QUIC_FLOWS            4096
#define QUIC_CONNECTIONS      4096
#define QUIC_CONNECTIONS_FLOW 4
#define QUIC_HELD             2048
#define QUIC_HELD_FLOW        32   /* datagrams held per flow: a hello of 16 KiB, and as much 0-RTT */
#define QUIC_HELD_BYTES       2048 /* of a held datagram's payload: no client sends more before it knows the path */

enum quic_state {
    QUIC_UNDECIDED, /* held until the hello is whole and allowed */
    QUIC_APPROVED,  /* one was; short headers go on by the kernel */
    QUIC_REFUSED,   /* told once; what comes now is refused without another word */
};

/* The Initials that are protected by the keys of one connection id. */
struct quic_connection {
    uint32_t next;    /* + 1; 0: last */
    uint32_t id_next; /* of those whose ids hash alike; + 1; 0: last */
    uint32_t flow;    /* index */
    uint8_t dcid_len, dcid[QUIC_ID_MAX];
    uint64_t low, end;        /* of the packet numbers opened: the least, and one more than the greatest; 0: none */
    struct quic_keys keys[2]; /* versions 1 and 2: a server may go on in the other (RFC 9369 s4) */
    struct quic_crypto crypto;
};

struct quic_held {
    uint32_t id, next; /* next: + 1; 0: last */
    bool at_output;
    uint16_t len;
    struct packet packet; /* whole points into head; payload is empty */
    uint8_t head[48];     /* IP and UDP header */
    uint8_t payload[QUIC_HELD_BYTES];
};

struct quic_flow {
    struct flow_key key;
    uint16_t scope;
    uint8_t state; /* enum quic_state */
    bool in_use, marked;
    uint8_t held, connections;
    uint32_t hash_next, held_first, connection_first; /* + 1; 0: none */
    unsigned policies;                                /* the policy by which it was approved */
    uint64_t first_usec, last_usec;
    struct name shown; /* len 0: nothing yet */
};

struct quic_table;

struct quic_table *quic_table_new(uint32_t seed); /* NULL: no memory */
void quic_table_free(struct quic_table *t);
struct quic_cipher *quic_table_cipher(struct quic_table *t);

struct quic_flow *quic_flow_find(struct quic_table *t, const struct flow_key *key);
/* A new flow, zeroed but for key and scope; NULL: the table or the scope's share is full. */
struct quic_flow *quic_flow_take(struct quic_table *t, const struct flow_key *key, uint16_t scope);
/* Its held datagrams must have been released; its connections are given back. */
void quic_flow_give(struct quic_table *t, struct quic_flow *f);
unsigned quic_flow_count(const struct quic_table *t);
/* Walks a part of the table at each call, all of it in about 16 calls. */
void quic_flow_sweep(struct quic_table *t, void (*each)(void *ctx, struct quic_flow *f), void *ctx);

/* How many scopes there are to share with. */
void quic_table_scopes(struct quic_table *t, unsigned scopes);

/* Another flow to this server began a connection of this id. */
bool quic_connection_elsewhere(struct quic_table *t, const struct quic_flow *f, struct bytes dcid);
/* A connection with the keys of this id, no CRYPTO bytes yet; NULL: too many. */
struct quic_connection *quic_connection_add(struct quic_table *t, struct quic_flow *f, struct bytes dcid);
/* The one that began with this id; NULL: none. */
struct quic_connection *quic_connection_find(struct quic_table *t, const struct quic_flow *f, struct bytes dcid);
struct quic_connection *quic_connection_first(struct quic_table *t, const struct quic_flow *f);
struct quic_connection *quic_connection_next(struct quic_table *t, const struct quic_connection *c);
void quic_connection_give_all(struct quic_table *t, struct quic_flow *f);

struct quic_held *quic_hold(struct quic_table *t, struct quic_flow *f); /* the last of its flow; NULL: too many */
struct quic_held *quic_held_first(struct quic_table *t, const struct quic_flow *f);
void quic_unhold(struct quic_table *t, struct quic_flow *f); /* gives back the first */
unsigned quic_held_count(const struct quic_table *t);

#endif
