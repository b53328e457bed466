/* SPDX-License-Identifier: GPL-3.0-or-later */
/* TCP connections that the handler knows: the undecided ones, plain-HTTP ones, and for a while the decided.
 *
 * A table of fixed size, keyed by the client's view of the connection.  One worker; no locks; no allocation after
 * flow_table_new.  A scope may fill its share only. */
#ifndef SLUICE_NFQ_FLOW_H
#define SLUICE_NFQ_FLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/address.h"
#include "core/name.h"
#include "http/request.h"
#include "nfq/packet.h"
#include "nfq/stream.h"
#include "policy/decide.h"

#define FLOW_HELD_MAX   64    /* packets held per flow */
#define FLOW_HELD_POOL  4096  /* in all: the kernel's queue has room for twice as many, so that others can come */
#define FLOW_HELD_SCOPE 2048  /* of them, of one scope */
#define FLOW_HELD_KIB   65536 /* the bytes of all of them, in KiB: they lie in the kernel's memory */

enum flow_state {
    FLOW_SYN,      /* the SYN went on; no SYN/ACK yet */
    FLOW_OPEN,     /* no judged byte yet: the client's bytes are held */
    FLOW_SHOWN,    /* TLS: the hello was allowed and sent; waits for the server's acknowledgment and first bytes */
    FLOW_RETRY,    /* TLS: after a HelloRetryRequest; the second hello is awaited */
    FLOW_RESHOWN,  /* TLS: the second hello was allowed and sent */
    FLOW_HTTP,     /* at least one request was allowed */
    FLOW_AWAIT,    /* CONNECT or an upgrade was allowed and sent: what comes behind it is held until it is answered */
    FLOW_APPROVED, /* the kernel has it; packets that were queued before still arrive */
    FLOW_REFUSED,  /* told once; what comes now is reset without another word */
};

/* Those of one scope that can give way to others, in the order in which they became so. */
enum flow_line {
    FLOW_LINE_HALF_OPEN, /* the SYN went on, the server has not answered */
    FLOW_LINE_DECIDED,   /* the kernel has it */
    FLOW_LINE_NONE,
};

struct flow_key {
    struct address client, server;
    uint16_t client_port, server_port;
};

/* A packet that waits for its connection's verdict.  Its payload lies in the flow's stream. */
struct flow_held {
    uint32_t id;
    uint32_t len; /* of its payload */
    uint64_t offset;
    uint16_t kib; /* of the kernel's memory, rounded up */
    bool at_output, gso;
    struct packet packet; /* whole and options point into head; payload is empty */
    uint8_t head[100];    /* IP (40) and TCP (60) header at most */
    uint32_t next;        /* + 1; 0: last */
};

struct flow {
    struct flow_key key;
    uint16_t scope;
    uint8_t state; /* enum flow_state */
    uint8_t path;  /* enum decide_path */
    bool in_use, server_known, closing;
    uint8_t line;        /* enum flow_line */
    bool early_data;     /* the first hello announced it */
    bool is_http;        /* the first byte was */
    bool follows;        /* every request so far was CONNECT or an upgrade, and each was answered before the next */
    bool tunnel;         /* CONNECT was agreed to: the hello must show the name that it named, `shown` */
    bool connects;       /* FLOW_AWAIT: by CONNECT */
    bool any_bytes;      /* FLOW_AWAIT: what follows an agreement is not looked at */
    bool h2c;            /* audit: an offer of HTTP/2 went on */
    uint16_t asked_port; /* of CONNECT or an absolute URI; 0: nothing was asked of a proxy */
    uint8_t held;
    uint8_t server_head_len;
    uint32_t hash_next;    /* + 1; 0: last */
    uint32_t held_first;   /* + 1; 0: none */
    uint32_t older, newer; /* in that line, + 1; 0: none */
    uint32_t isn, server_isn;
    uint64_t hello_end; /* stream offset up to which the server must acknowledge */
    uint64_t acknowledged;
    uint64_t last_usec, first_data_usec;
    uint64_t promised; /* we acknowledged so far in the server's place (judge_promise.c) */
    uint64_t deliver;  /* of that, what was sent on */
    uint8_t server_scale;
    bool has_timestamp;
    uint16_t server_window; /* as on the wire */
    uint32_t server_timestamp;
    struct stream *stream;          /* NULL: nothing waits, nothing is kept; then everything below next is released */
    uint64_t next;                  /* offset after the last released byte, while there is no stream */
    struct http_stream http, reply; /* reply: the body of the answer that is awaited */
    uint64_t answered;              /* server's stream offset up to which its answers were read */
    struct stream *answer;          /* what came behind it; NULL: nothing */
    uint8_t server_head[56];        /* the server's first bytes, or the first inside a tunnel */
    uint64_t server_base;           /* the offset of the first of them */
    struct name shown;
};

uint32_t flow_key_hash(const struct flow_key *key, uint32_t seed);
bool flow_key_equal(const struct flow_key *a, const struct flow_key *b);

struct flow_table;

/* `capacity` flows in all, `share` of them for one scope. */
struct flow_table *flow_table_new(unsigned capacity, unsigned share, uint32_t seed);
void flow_table_free(struct flow_table *t);

struct flow *flow_find(struct flow_table *t, const struct flow_key *key);
/* A new flow, zeroed but for key and scope; NULL: the table or the scope's share is full. */
struct flow *flow_take(struct flow_table *t, const struct flow_key *key, uint16_t scope);
/* How many scopes there are to share with. */
void flow_table_scopes(struct flow_table *t, unsigned scopes);

/* Moves the flow to the end of a line of its scope, out of the one where it was. */
void flow_line_up(struct flow_table *t, struct flow *f, enum flow_line to);
struct flow *flow_line_oldest(struct flow_table *t, uint16_t scope, enum flow_line line); /* NULL: none */
/* A scope may have half its share of half-open ones. */
bool flow_half_open_full(const struct flow_table *t, uint16_t scope);

/* Its stream must have been given back and its held packets released. */
void flow_give(struct flow_table *t, struct flow *f);
unsigned flow_count(const struct flow_table *t);
/* Walks a part of the table at each call, all of it in about 16 calls. */
void flow_sweep(struct flow_table *t, void (*each)(void *ctx, struct flow *f), void *ctx);

/* Held packets, from a pool of the table.  `bytes`: of the packet.  NULL: too many. */
struct flow_held *flow_hold(struct flow_table *t, struct flow *f, size_t bytes);

struct flow_held *flow_held_first(struct flow_table *t, const struct flow *f);
struct flow_held *flow_held_next(struct flow_table *t, const struct flow_held *h);
void flow_unhold(struct flow_table *t, struct flow *f, struct flow_held *h);
unsigned flow_held_count(const struct flow_table *t);

#endif
