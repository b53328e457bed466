/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The table's chains and rules, added to a transaction.  Internal to nft/.
 *
 *     ruleset_sets.c   what is different from scope to scope: the contents of sets and maps
 *     ruleset_find.c   which scope a packet belongs to
 *     ruleset_hook.c   base chains: the order of questions at each hook, and what a verdict's packet mark does
 *     ruleset_scope.c  a scope's own two chains, and the way of its packets toward the server
 *     ruleset_input.c  the input hook: whose socket does a packet find?
 *     ruleset_shared.c neighbour discovery, ICMP errors, the queue, a verdict's end
 *     ruleset_unmatched.c what no scope claims (unmatched: refuse)
 *     ruleset_send.c   one state of the table to the next
 *     ruleset_state.c  what tables there are now
 *
 * A packet whose scope was found has it in the packet mark, from there to the queue or to its acceptance.  The mark's
 * state is then OWN or FOREIGN (below).  It is taken out wherever such a packet is accepted (build_pass): behind the
 * base chain it would be a verdict (core/mark.h).  FOREIGN would be a refusal, OWN changes nothing.
 *
 * Base chains keep their names, hooks and priorities for ever (ruleset_base): a new set of rules goes into the base
 * chains that are there.  Were they removed and made again, the kernel would drop every queued packet, and a packet
 * that had its list of hooks before the change would meet emptied chains. */
#ifndef SLUICE_NFT_RULESET_BUILD_H
#define SLUICE_NFT_RULESET_BUILD_H

#include "nft/expression.h"
#include "nft/ruleset.h"
#include "nft/ruleset_sets.h"
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

#define STATE_NAMES_MAX 16384

struct ruleset_names {
    char (*name)[CHAIN_NAME_SIZE];
    size_t count;
    bool failed; /* no memory, too many, or too long */
};
bool ruleset_names_add(struct ruleset_names *names, const char *name);
void ruleset_names_sort(struct ruleset_names *names);
bool ruleset_names_has(const struct ruleset_names *names, const char *name); /* sorted */

/* What every builder needs. */
struct build {
    struct transaction *t;
    const struct ruleset *rules;
    const struct ruleset_sets *sets;
    bool native_queue;
    struct ruleset_names *chains; /* those that are made are noted here, unless NULL */
    uint32_t mask, state, scope;  /* our field of a mark, its state bits, its scope bits */
};

/* State in the packet mark of a packet whose scope was found: is its connection marked as this scope's? */
#define MARK_OWN     MARK_PASS
#define MARK_FOREIGN MARK_RESET /* no connection, one without a mark, or another scope's */

/* Shared chains that rules refer to. */
#define CHAIN_QUEUE            "queue"     /* ends every way to the handler */
#define CHAIN_RELATED          "related"   /* accepts ICMP errors and our own rules' resets, returns from all else */
#define CHAIN_CLEAR            "clear"     /* our scopes' bits, and what the gate injects by, out of the packet mark */
#define CHAIN_NEIGHBOUR        "neighbour" /* prerouting: accepts neighbour discovery that stays on the link */
#define CHAIN_NEIGHBOUR_OUTPUT "neighbour_out" /* likewise, of the kernel's own */
#define CHAIN_TOWARD           "toward"        /* toward the server: judges a packet whose scope was found */
#define CHAIN_BARE             "bare"          /* accepts bare acknowledgments, returns from all else */
/* By the scope in the connection mark, to the queue. */
#define CHAIN_TO_SERVER   "refer_to"
#define CHAIN_FROM_SERVER "refer_from"
#define CHAIN_STRAY       "refer_stray"

static inline uint32_t build_value(const struct build *b, uint16_t scope, unsigned state)
{
    return mark_value(&b->rules->marks, scope, state);
}

/* A set's name in the kernel. */
struct build_set_name {
    char text[SET_NAME_SIZE];
};
struct build_set_name build_set(const struct build *b, const char *name);

/* A chain to jump to; one that is there stays. */
void build_chain(const struct build *b, const char *chain);
struct expression_rule build_rule(const struct build *b, const char *chain);
void build_end(const struct build *b, struct expression_rule *r);
/* Ends a rule on a packet whose scope was found: to the queue, as `state`. */
void build_refer(const struct build *b, struct expression_rule *r, enum mark_queued state);
/* Ends a rule on a packet whose scope was found: accepted, without bits of ours in the packet mark. */
void build_pass(const struct build *b, struct expression_rule *r);
/* Ends a rule with goto or jump. */
void build_go(const struct build *b, struct expression_rule *r, const char *chain);
void build_jump(const struct build *b, struct expression_rule *r, const char *chain);
/* Changes only the state, or the whole field, of the connection mark. */
void build_ct_state(const struct build *b, struct expression_rule *r, enum mark_connection state);
void build_ct_mark(const struct build *b, struct expression_rule *r, uint16_t scope, enum mark_connection state);
/* Is the connection's, or the packet mark's, state this one?  Its scope: one of the set's? */
void build_match_ct_state(const struct build *b, struct expression_rule *r, enum mark_connection state);
void build_match_state(const struct build *b, struct expression_rule *r, unsigned state);
void build_match_ct_scope(const struct build *b, struct expression_rule *r, const char *set);
void build_match_scope(const struct build *b, struct expression_rule *r, const char *set);
/* Is the connection the packet's scope's, and in this state, at one moment?  (nft/lookup.h: lookup_same) */
void build_match_same(const struct build *b, struct expression_rule *r, enum mark_connection state);

void build_dropped_counter(const struct build *b, enum ruleset_dropped kind, uint16_t scope);
extern const char *const build_dropped_name[RULESET_DROPPED]; /* of a counter, before _SCOPE */
/* Where a packet whose scope was found is counted and dropped without the handler: its verdict has its own event, a
 * plain drop has not. */
#define CHAIN_FORGED_DROP   "forged_drop"
#define CHAIN_UNPROVEN_DROP "unproven_drop"

void build_scope_name(char out[CHAIN_NAME_SIZE], const char *prefix, uint16_t scope);

/* All chains, then all rules. */
void build_base_chains(const struct build *b);
void build_hook_chains(const struct build *b);
void build_hook_rules(const struct build *b);
struct expression_rule build_base_rule(const struct build *b, enum ruleset_base_chain chain);
void build_clear(const struct build *b, enum ruleset_base_chain chain);

/* nft/ruleset_find.c: rules of `chain` that find a packet's scope.  It is in the packet mark behind them, … */
void build_by_cgroup(const struct build *b, const char *chain);
/* … or what was found by interface or address, of the side that the packet comes from or goes to, goes to a chain. */
void build_by_place(const struct build *b, const char *chain, bool from, const char *interface, const char *source);
void build_marked_rules(const struct build *b);
#define CHAIN_MARKED "marked" /* by the connection's mark; returns where it has no scope of ours */
#define CHAIN_THEIRS "theirs" /* what has one */

/* What an undecided connection of a scope receives, in such a chain: to the handler, but what goes without it. */
void build_received(const struct build *b, enum ruleset_base_chain chain);

/* nft/ruleset_input.c */
void build_input_chains(const struct build *b);
void build_input_rules(const struct build *b);

/* nft/ruleset_scope.c */
void build_scope_chains(const struct build *b, uint16_t scope);
void build_scope_rules(const struct build *b, uint16_t scope);
void build_scope_delete(const struct build *b, uint16_t scope);
void build_toward_chains(const struct build *b);
void build_toward_rules(const struct build *b);

/* nft/ruleset_shared.c: the chains without a scope. */
/* Neighbour discovery is never routed (RFC 4861 s7.1): a bridge hands it on with all its hops, or nobody does. */
void build_neighbour_forward(const struct build *b, const char *chain);
void build_shared_chains(const struct build *b);
void build_shared_rules(const struct build *b);
/* nft/ruleset_unmatched.c */
void build_unmatched_rules(const struct build *b);
#define CHAIN_UNMATCHED_OUTPUT     "unmatched_out"
#define CHAIN_UNMATCHED_PREROUTING "unmatched_pre"
#define CHAIN_CONCLUDE             "conclude"
#define CHAIN_CONCLUDE_NO_RESET    "conclude_no_reset" /* postrouting: `reject` is not to be had there */

/* nft/ruleset_state.c */
struct ruleset_state {
    bool found;
    uint32_t flags, owner;      /* owner: netlink port id, 0 none */
    bool same_base;             /* exactly our base chains, hooked as ours are */
    struct ruleset_names chain; /* the others, and they all have names that fit */
    struct ruleset_names set;
};

/* ruleset_send.c: brings the table to `b`'s rules, whole (b->sets gets its epoch), or, where only the contents of sets
 * are others than in `old`, by the difference. */
bool ruleset_send_whole(struct mnl_socket *nl, const struct ruleset_kernel *kernel, struct build *b,
                        struct ruleset_sets *sets, struct error *e);
bool ruleset_send_difference(struct mnl_socket *nl, const struct ruleset_kernel *kernel, struct build *b,
                             const struct ruleset_sets *old, struct error *e);

bool ruleset_state_read(const char *table, struct ruleset_state *out, struct error *e);
void ruleset_state_done(struct ruleset_state *state);

#endif
