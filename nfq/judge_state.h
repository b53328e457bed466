/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the judge's files share: judge.c (entry, bookkeeping); for TCP judge_tcp*.c, judge_flow.c and judge_promise.c
 * with judge_tls.c, judge_http.c and judge_answer.c; judge_quic*.c; judge_dns.c; judge_datagram.c (all else); refusal.c
 * (refusals that wait for attribution).  Included by nobody else.
 */
#ifndef SLUICE_NFQ_JUDGE_STATE_H
#define SLUICE_NFQ_JUDGE_STATE_H

#include "core/share.h"
#include "dns/budget.h"
#include "dns/exchange.h"
#include "nfq/flow.h"
#include "nfq/judge.h"
#include "nfq/limit.h"
#include "nfq/packet.h"
#include "nfq/quic_flow.h"
#include "nfq/stream.h"
#include "policy/decide.h"
#include "tls/handshake.h"

#define JUDGE_OWN_ADDRESSES_MAX 256
#define JUDGE_STREAMS           2048
#define JUDGE_STREAMS_SCOPE     512 /* of them, of one scope: 70 MiB if each is as full as it can be */
#define JUDGE_REFUSALS_SCOPE    256
#define JUDGE_REPEATS_WAITING   64 /* of a scope: while so many wait, what repeats is only counted */
#define JUDGE_INJECT_MAX        1500
#define JUDGE_RESET_MAX         60 /* an IPv6 header and a bare TCP header */

enum refusal_how {
    REFUSAL_DROP,   /* silence */
    REFUSAL_RESET,  /* TCP */
    REFUSAL_ICMP,   /* all else */
    REFUSAL_CUT,    /* as ICMP, and the kernel forgets that the flow was approved */
    REFUSAL_ANSWER, /* a packet that the caller built (DNS) */
    REFUSAL_PASS,   /* audit: the packet goes on as it lies */
};

/* A refusal whose packet is held while the keeper looks for the process. */
struct refusal {
    uint64_t ticket, deadline_usec; /* ticket 0: free */
    uint16_t scope;
    uint32_t id;
    bool has_id;
    uint8_t how;      /* enum refusal_how: DROP, RESET (by mark) or PASS; an injected packet is in `inject` */
    uint8_t mark;     /* PASS: enum mark_verdict */
    bool has_vehicle; /* leaves as the server's reset */
    uint32_t vehicle;
    uint16_t inject_len;
    uint8_t server_reset_len;
    uint8_t server_reset[JUDGE_RESET_MAX];
    uint8_t inject[JUDGE_INJECT_MAX];
};

struct judge {
    struct judge_sink sink;
    struct judge_config config;
    const struct policy *policy;
    unsigned own_addresses;
    struct address own_address[JUDGE_OWN_ADDRESSES_MAX];
    uint8_t relay_port[(UINT16_MAX + 1) / 8]; /* a bit each: looked at for every datagram */
    uint64_t now_usec;
    unsigned policies; /* how many there were */
    struct judge_scope {
        uint16_t id;
        uint64_t name; /* a hash of it */
    } * scope;         /* of the policy before, which may be freed when the next one is told */
    unsigned scopes;
    struct judge_counts counts;
    struct flow_table *flows;
    struct stream_pool *streams;
    struct quic_table *quic;
    struct exchange *exchange;
    struct budget *budget;
    struct refusal *refusal; /* JUDGE_REFUSALS_MAX */
    struct share refusals;   /* that wait */
    struct limits *limits;
    uint64_t tickets;
    uint8_t out[PACKET_MAX];
    uint8_t payload[PACKET_MAX];
    uint8_t hello[HANDSHAKE_HELLO_MAX + 4];
    struct handshake_client handshake;
    struct answer answer;
};

/* One packet on its way through the judge. */
struct visit {
    const struct judge_packet *in;
    struct packet packet;
    const struct policy_scope *scope; /* NULL only where a recording is judged without policy */
    bool audit;                       /* audit mode, or a recording: bytes go on as they lie */
    bool relayed;
    bool in_hand; /* no verdict yet, and not held by a flow */
    bool cuts;    /* the server has this connection: a refusal resets it too, at `server_next` */
    bool has_vehicle;
    uint32_t vehicle; /* a packet of the client's without a verdict, to leave as that reset */
    uint32_t server_next;
};

/* judge.c */
void judge_accept(struct judge *j, uint32_t id, enum mark_verdict mark, struct bytes ip);
void judge_drop(struct judge *j, uint32_t id, enum mark_verdict mark);
void judge_inject(struct judge *j, const uint8_t *ip, size_t len);
/* No verdict of the policy: a packet that means nothing.  Audit lets it go. */
void judge_discard(struct judge *j, struct visit *v);
/* Sends a visit's packet on: our copy with `payload`, or as it lies in audit. */
void judge_pass(struct judge *j, struct visit *v, enum mark_verdict mark, struct bytes payload);
/* An event about the visit's packet, its addresses turned so that the client is the source. */
void judge_event_init(const struct judge *j, const struct visit *v, enum action action, struct event *e);
void judge_event_decision(const struct decision *d, struct event *e);
/* The names below a wildcard are a channel where they go on to a resolver: so many a minute, so many bytes an hour, and
 * no more.  Spends what was decided about `name`; beyond the budget the decision becomes a refusal. */
void judge_budget(struct judge *j, const struct visit *v, const struct name *name, struct decision *d);
void judge_tell(struct judge *j, struct event *e);
/* How a refusal is called: would_deny where the scope is only watched. */
enum verdict judge_denial(const struct visit *v);
/* A limit of the visit's scope was met: told, or counted. */
void judge_limit(struct judge *j, const struct visit *v, enum reason reason);
unsigned judge_bound(const struct judge *j, const struct visit *v, const struct address *address,
                     struct bound_name out[BINDING_NAMES_MAX]);

/* refusal.c: tells (or counts, nfq/limit.h), waits for attribution if somebody will attribute, then answers and drops
 * (audit: lets go with `mark`). When the visit's packet is not in hand any more, only the packet of ours is sent.
 * `answer`: REFUSAL_ANSWER's packet. */
void refusal_make(struct judge *j, struct visit *v, struct event *e, enum refusal_how how, struct bytes answer,
                  enum mark_verdict audit_mark);
void refusal_attributed(struct judge *j, uint64_t ticket);
void refusal_expire(struct judge *j);
/* There is another policy: what waits in a scope that is gone ends now.  The rules that make a reset of the mark go
 * with the scope, and without them a packet with that mark would leave. */
void refusal_policy(struct judge *j);

/* judge_flow.c */
struct flow_key judge_flow_key(const struct packet *p, bool from_server);
uint64_t judge_flow_released(const struct flow *f);
/* The stream offset of a sequence number of the client's, by the nearest to what was released. */
int64_t judge_flow_offset(const struct flow *f, uint32_t sequence);
/* The sequence number that the server expects, if everything released has arrived. */
uint32_t judge_flow_server_next(const struct flow *f);
void judge_flow_give_stream(struct judge *j, struct flow *f);
void judge_flow_give_answer(struct judge *j, struct flow *f);
void judge_flow_forget(struct judge *j, struct flow *f);
void judge_tcp_sweep(struct judge *j);
/* What a packet of an undecided connection does to it: the kernel keeps bare acknowledgments from the handler only
 * where nothing depends on them.  A request, or a message whose parts we acknowledged, needs the server's, and those of
 * the client carry what the server lacks (judge_promise.c). */
enum mark_verdict judge_flow_mark(const struct flow *f);
/* Sends the held packets of f that lie before `upto`; one that reaches beyond it is cut there. */
void judge_tcp_release(struct judge *j, struct flow *f, uint64_t upto, enum mark_verdict mark);
void judge_tcp_refuse(struct judge *j, struct visit *v, struct flow *f, struct event *e);
void judge_tcp_refuse_for(struct judge *j, struct visit *v, struct flow *f, enum action action, enum reason reason);
void judge_tcp_approve(struct judge *j, struct flow *f);

/* judge_tcp_syn.c.  Late: in audit, a connection that shows neither TLS nor HTTP, to a name that is not allowed.
 * Options: MD5, AO or malformed ones (packet.h). */
void judge_tcp_syn(struct judge *j, struct visit *v);
void judge_tcp_refuse_late(struct judge *j, struct visit *v, struct flow *f);
bool judge_tcp_options_refused(const struct packet *p);

/* judge_tcp.c, judge_tcp_server.c */
void judge_tcp_client(struct judge *j, struct visit *v);
void judge_tcp_ready(struct judge *j, struct visit *v, struct flow *f); /* looks at what has come */
void judge_tcp_server(struct judge *j, struct visit *v);

/* judge_promise.c: after each segment of a message that is not whole; a client's packet that carries what the server
 * lacks (true: it did, and is dealt with). */
void judge_promise(struct judge *j, struct visit *v, struct flow *f);
bool judge_promise_carry(struct judge *j, struct visit *v, struct flow *f, uint64_t offset);
bool judge_promise_deliver(struct judge *j, struct visit *v, struct flow *f);

/* judge_tls.c, for judge_quic.c too: what is told of a hello; whether it has an encrypted one in it that the scope does
 * not allow; what becomes of it when `d` judges its name in clear; and the event's hint where that is an offer. */
void judge_hello_event(const struct judge *j, const struct visit *v, const struct client_hello *hello, struct event *e);
bool judge_hello_hides(const struct policy_scope *scope, const struct client_hello *hello);
struct decision judge_hello_decision(const struct policy_scope *scope, const struct client_hello *hello,
                                     struct decision d);
void judge_hello_hint(const struct name *name, uint16_t port, struct event *e);

/* judge_tls.c, judge_http.c: look at what is ready in the flow's stream.  A flow that they refused is FLOW_REFUSED. */
void judge_tls_client(struct judge *j, struct visit *v, struct flow *f);
/* False: the server's packet was dealt with (the flow was refused). */
bool judge_tls_server(struct judge *j, struct visit *v, struct flow *f, bool *approve);
void judge_http_client(struct judge *j, struct visit *v, struct flow *f);

/* judge_answer.c: what the server sends while CONNECT or an upgrade waits for its answer.  False: the server's packet
 * was dealt with. */
bool judge_answer_server(struct judge *j, struct visit *v, struct flow *f, bool *approve);

/* judge_dns.c */
void judge_dns_query(struct judge *j, struct visit *v);
void judge_dns_answer(struct judge *j, struct visit *v);

/* judge_quic.c.  `f`: the flow that is known, or NULL: a new one. */
void judge_quic(struct judge *j, struct visit *v, struct quic_flow *f);
void judge_quic_sweep(struct judge *j);
/* judge_quic_read.c: goes through the packets of a datagram, and reads its Initials into the flow's connections. */
enum reason judge_quic_read(struct judge *j, const struct visit *v, struct quic_flow *f);

/* judge_datagram.c */
void judge_datagram(struct judge *j, struct visit *v);
/* The event's reason and hint: DNS to a server that is not pinned. */
void judge_foreign_resolver(const struct address *resolver, struct event *e);
void judge_other(struct judge *j, struct visit *v, enum reason form);
/* Neither TCP nor UDP, toward the server: an ICMP error about a connection of the scope, or refused. */
void judge_related(struct judge *j, struct visit *v);
void judge_stray(struct judge *j, struct visit *v);
void judge_incoming(struct judge *j, struct visit *v);

#endif
