/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The table's chains and rules, added to a transaction.  Internal to nft/.
 *
 *     ruleset_hook.c   base chains: which scope a packet belongs to, and what a verdict's packet mark does
 *     ruleset_scope.c  the chains of one scope, toward the server and at a local listener
 *     ruleset_shared.c the chains that rules of all scopes go through
 *     ruleset_state.c  what tables there are now
 *
 * Base chains keep their names, hooks and priorities for ever (ruleset_base): a new set of rules goes into the base
 * chains that are there.  Were they removed and made again, the kernel would drop every queued packet, and a packet
 * that had its list of hooks before the change would meet emptied chains. */
#ifndef SLUICE_NFT_RULESET_BUILD_H
#define SLUICE_NFT_RULESET_BUILD_H

#include "nft/expression.h"
#include "nft/ruleset.h"
#include "nft/transaction.h"

#define CHAIN_NAME_SIZE 32

enum ruleset_base_chain {
    BASE_INJECT,
    BASE_OUTPUT,
    BASE_PREROUTING,
    BASE_OUTPUT_CONCLUDE,
    BASE_PREROUTING_CONCLUDE,
    BASE_NAT_OUTPUT,
    BASE_FORWARD,
    BASE_OUTPUT_GUARD,
    BASE_OUTPUT_GUARD_CONCLUDE,
    BASE_NAT_PREROUTING,
    BASE_INPUT,
    BASE_INPUT_CONCLUDE,
    BASE_POSTROUTING,
    BASE_POSTROUTING_CONCLUDE,
    BASE_NAT_POSTROUTING,
    BASE_COUNT
};

struct ruleset_base {
    const char *name;
    struct transaction_hook hook;
};

extern const struct ruleset_base ruleset_base[BASE_COUNT];

/* What every builder needs. */
struct build {
    struct transaction *t;
    const struct ruleset *rules;
    bool native_queue;
    uint32_t mask, state, scope; /* our field of a mark, its state bits, its scope bits */
};

/* Where a packet toward the server is met. */
enum build_side { SIDE_OUTPUT, SIDE_PREROUTING };

/* Shared chains that rules refer to. */
#define CHAIN_QUEUE     "queue"     /* ends every way to the handler */
#define CHAIN_RELATED   "related"   /* accepts ICMP errors and our own rules' resets, returns from all else */
#define CHAIN_CLEAR     "clear"     /* our scopes' bits out of the packet mark */
#define CHAIN_BARE      "bare"      /* accepts bare acknowledgments, returns from all else */
#define CHAIN_NEIGHBOUR "neighbour" /* prerouting: accepts neighbour discovery that stays on the link */

static inline uint32_t build_value(const struct build *b, uint16_t scope, unsigned state)
{
    return mark_value(&b->rules->marks, scope, state);
}

struct expression_rule build_rule(const struct build *b, const char *chain);
void build_end(const struct build *b, struct expression_rule *r);
/* Ends a rule: packet mark := scope and state, to the queue. */
void build_refer(const struct build *b, struct expression_rule *r, uint16_t scope, enum mark_queued state);
/* Changes only the state, or the whole field, of the connection mark. */
void build_ct_state(const struct build *b, struct expression_rule *r, enum mark_connection state);
void build_ct_mark(const struct build *b, struct expression_rule *r, uint16_t scope, enum mark_connection state);

/* Ends a rule: counted, and dropped.  Where the handler's verdict has its own event, a plain drop does. */
void build_dropped_counter(const struct build *b, enum ruleset_dropped kind, uint16_t scope);
void build_drop(const struct build *b, struct expression_rule *r, enum ruleset_dropped kind, uint16_t scope);
extern const char *const build_dropped_name[RULESET_DROPPED]; /* of a counter, before _SCOPE */

void build_scope_name(char out[CHAIN_NAME_SIZE], const char *prefix, uint16_t scope);
#define SCOPE_OUTPUT     "out"    /* toward the server, locally sent */
#define SCOPE_PREROUTING "pre"    /* toward the server, forwarded or to this host */
#define SCOPE_LISTENER   "listen" /* loopback, arriving at a listener */

#define SCOPE_NEWCOMER "new" /* a first packet to a socket of the scope */

/* All chains, then all rules. */
void build_hook_chains(const struct build *b);
void build_scope_chains(const struct build *b, uint16_t scope);
void build_hook_rules(const struct build *b);
struct expression_rule build_base_rule(const struct build *b, enum ruleset_base_chain chain);
/* Ends the rule with a goto to the scope's chain of that kind. */
void build_go(const struct build *b, struct expression_rule *r, const char *prefix, uint16_t scope);
void build_clear(const struct build *b, enum ruleset_base_chain chain);

/* What a scope's undecided connection receives, in such a chain: to the handler, but what goes without it. */
void build_received(const struct build *b, enum ruleset_base_chain chain, uint16_t scope);

/* nft/ruleset_input.c */
#define CHAIN_NEWCOMER "newcomer" /* input: a first packet; whose socket does it find? */
#define CHAIN_UNPROVEN "unproven" /* input: no connection; whose socket does it find? */
void build_input_rules(const struct build *b);

/* nft/ruleset_scope.c */
void build_scope_rules(const struct build *b, const struct ruleset_scope *scope);

/* nft/ruleset_shared.c: the chains without a scope. */
/* Neighbour discovery is never routed (RFC 4861 s7.1): a bridge hands it on with all its hops, or nobody does. */
void build_neighbour_forward(const struct build *b, const char *chain);
void build_shared_chains(const struct build *b);
void build_shared_rules(const struct build *b);
/* For packets that no scope claims (unmatched: refuse). */
#define CHAIN_UNMATCHED_OUTPUT     "unmatched_out"
#define CHAIN_UNMATCHED_PREROUTING "unmatched_pre"
#define CHAIN_CONCLUDE             "conclude"
#define CHAIN_CONCLUDE_NO_RESET    "conclude_no_reset" /* postrouting: `reject` is not to be had there */

/* nft/ruleset_state.c */
#define STATE_CHAINS_MAX 16384

struct ruleset_state {
    bool found;
    uint32_t flags, owner;          /* owner: netlink port id, 0 none */
    bool same_base;                 /* exactly our base chains, hooked as ours are */
    char (*chain)[CHAIN_NAME_SIZE]; /* the others, and they all have names that fit */
    size_t chains;
};

bool ruleset_state_read(const char *table, struct ruleset_state *out, struct error *e);
void ruleset_state_done(struct ruleset_state *state);

#endif
