/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Chains that rules of all scopes go through. */
#include <netinet/in.h> /* before linux/ */
#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_conntrack_tuple_common.h>
#include <netinet/icmp6.h>
#include <netinet/ip_icmp.h>

#include "nft/lookup.h"
#include "nft/queue_action.h"
#include "nft/ruleset_build.h"

#define LENGTH(a)                 (sizeof(a) / sizeof *(a))
#define CHAIN_NEIGHBOUR_TO        "neighbour_to"
#define CHAIN_NEIGHBOUR_OUTPUT_TO "neighbour_out_to"
#define CHAIN_ACCEPT              "accept" /* whosever it is, without bits of ours in the packet mark */
#define HOP_LIMIT_AT              7

static const struct address_range link_local = {{6, {0xfe, 0x80}}, 10};
static const struct address_range link_multicast = {{6, {0xff, 0x02}}, 16};
static const struct address_range multicast = {{6, {0xff}}, 8};

struct build_set_name build_set(const struct build *b, const char *name)
{
    struct build_set_name full;
    set_full_name(full.text, name, b->sets->epoch);
    return full;
}

void build_chain(const struct build *b, const char *chain)
{
    if (b->chains)
        (void)ruleset_names_add(b->chains, chain);
    transaction_chain_new(b->t, b->rules->table, chain, NULL);
}

struct expression_rule build_rule(const struct build *b, const char *chain)
{
    return expression_rule(b->rules->table, chain);
}

void build_end(const struct build *b, struct expression_rule *r)
{
    transaction_rule(b->t, r);
}

void build_refer(const struct build *b, struct expression_rule *r, enum mark_queued state)
{
    set_mark(r, ~b->state, build_value(b, 0, state));
    build_go(b, r, CHAIN_QUEUE);
}

void build_pass(const struct build *b, struct expression_rule *r)
{
    set_mark(r, ~b->mask, 0);
    verdict(r, NF_ACCEPT);
    build_end(b, r);
}

void build_go(const struct build *b, struct expression_rule *r, const char *chain)
{
    verdict_goto(r, chain);
    build_end(b, r);
}

void build_jump(const struct build *b, struct expression_rule *r, const char *chain)
{
    verdict_jump(r, chain);
    build_end(b, r);
}

void build_match_ct_state(const struct build *b, struct expression_rule *r, enum mark_connection state)
{
    match_ct_mark(r, b->state, NFT_CMP_EQ, build_value(b, 0, state));
}

void build_match_state(const struct build *b, struct expression_rule *r, unsigned state)
{
    match_mark(r, b->state, NFT_CMP_EQ, build_value(b, 0, state));
}

void build_match_ct_scope(const struct build *b, struct expression_rule *r, const char *set)
{
    key_ct_mark(r, 0, b->scope);
    lookup_in(r, build_set(b, set).text);
}

void build_match_scope(const struct build *b, struct expression_rule *r, const char *set)
{
    key_mark(r, 0, b->scope);
    lookup_in(r, build_set(b, set).text);
}

void build_match_same(const struct build *b, struct expression_rule *r, enum mark_connection state)
{
    lookup_same(r, b->scope, b->state, build_value(b, 0, state), build_set(b, SET_SAME).text);
}

void build_ct_state(const struct build *b, struct expression_rule *r, enum mark_connection state)
{
    set_ct_mark(r, ~b->state, build_value(b, 0, state));
}

void build_ct_mark(const struct build *b, struct expression_rule *r, uint16_t scope, enum mark_connection state)
{
    set_ct_mark(r, ~b->mask, build_value(b, scope, state));
}

const char *const build_dropped_name[RULESET_DROPPED] = {[RULESET_FORGED] = "forged",
                                                         [RULESET_UNPROVEN] = "unproven",
                                                         [RULESET_NEIGHBOUR] = "neighbour",
                                                         [RULESET_ERROR] = "error"};

void build_dropped_counter(const struct build *b, enum ruleset_dropped kind, uint16_t scope)
{
    char name[CHAIN_NAME_SIZE];
    build_scope_name(name, build_dropped_name[kind], scope);
    transaction_counter_new(b->t, b->rules->table, name);
}

void build_shared_chains(const struct build *b)
{
    static const char *const names[] = {CHAIN_QUEUE,
                                        CHAIN_RELATED,
                                        CHAIN_CLEAR,
                                        CHAIN_BARE,
                                        CHAIN_NEIGHBOUR,
                                        CHAIN_NEIGHBOUR_TO,
                                        CHAIN_NEIGHBOUR_OUTPUT,
                                        CHAIN_NEIGHBOUR_OUTPUT_TO,
                                        CHAIN_CONCLUDE,
                                        CHAIN_CONCLUDE_NO_RESET,
                                        CHAIN_UNMATCHED_OUTPUT,
                                        CHAIN_UNMATCHED_PREROUTING,
                                        CHAIN_TO_SERVER,
                                        CHAIN_FROM_SERVER,
                                        CHAIN_STRAY,
                                        CHAIN_FORGED_DROP,
                                        CHAIN_ACCEPT};
    for (unsigned i = 0; i < LENGTH(names); i++)
        build_chain(b, names[i]);
    build_dropped_counter(b, RULESET_NEIGHBOUR, 0);
    build_dropped_counter(b, RULESET_ERROR, 0);
}

static void queue_rules(const struct build *b)
{
    struct expression_rule r = build_rule(b, CHAIN_QUEUE);
    match_protocol(&r, NFT_CMP_EQ, IPPROTO_TCP);
    queue_action(&r, b->native_queue, b->rules->queue_tcp);
    build_end(b, &r);
    r = build_rule(b, CHAIN_QUEUE);
    queue_action(&r, b->native_queue, b->rules->queue_udp);
    build_end(b, &r);
}

/* Only what tells of an error; no redirect, no source quench.  A related TCP reset is one that a rule of ours sent. */
static void related_rules(const struct build *b)
{
    static const struct {
        uint8_t protocol, type;
    } error[] = {
        {IPPROTO_ICMP, ICMP_DEST_UNREACH},      {IPPROTO_ICMP, ICMP_TIME_EXCEEDED},
        {IPPROTO_ICMP, ICMP_PARAMETERPROB},     {IPPROTO_ICMPV6, ICMP6_DST_UNREACH},
        {IPPROTO_ICMPV6, ICMP6_PACKET_TOO_BIG}, {IPPROTO_ICMPV6, ICMP6_TIME_EXCEEDED},
        {IPPROTO_ICMPV6, ICMP6_PARAM_PROB},
    };
    for (unsigned i = 0; i < LENGTH(error); i++) {
        struct expression_rule r = build_rule(b, CHAIN_RELATED);
        match_protocol(&r, NFT_CMP_EQ, error[i].protocol);
        match_bytes(&r, NFT_PAYLOAD_TRANSPORT_HEADER, 0, &error[i].type, 1);
        verdict(&r, NF_ACCEPT);
        build_end(b, &r);
    }
    struct expression_rule r = build_rule(b, CHAIN_RELATED);
    match_tcp_reset(&r);
    verdict(&r, NF_ACCEPT);
    build_end(b, &r);
}

/* By the connection's scope: it goes into the packet mark, and the packet to the queue. */
static void refer_rules(const struct build *b)
{
    static const struct {
        const char *chain;
        enum mark_queued state;
    } row[] = {{CHAIN_TO_SERVER, MARK_TO_SERVER}, {CHAIN_FROM_SERVER, MARK_FROM_SERVER}, {CHAIN_STRAY, MARK_STRAY}};
    for (unsigned i = 0; i < LENGTH(row); i++) {
        struct expression_rule r = build_rule(b, row[i].chain);
        key_ct_mark(&r, 0, b->scope);
        lookup_jump(&r, build_set(b, SET_IDENTIFY).text);
        build_end(b, &r);
        r = build_rule(b, row[i].chain);
        build_refer(b, &r, row[i].state);
    }
}

/* TCP that carries nothing: no payload, no flag but ACK (and ECN's), no option but the timestamps that every system
 * sends first.  One that reports what was received out of order is queued. */
static void bare_rules(const struct build *b)
{
    static const uint8_t plain_header = 5 << 4, stamped_header = 8 << 4;
    static const uint8_t stamps[] = {1, 1, 8, 10}; /* RFC 7323 appendix A */
    static const uint8_t version_4 = 0x45, next_tcp = IPPROTO_TCP;
    for (unsigned i = 0; i < 4; i++) {
        bool four = i < 2, stamped = i & 1;
        uint8_t len[] = {0, (uint8_t)((four ? 20 : 0) + (stamped ? 32 : 20))};
        struct expression_rule r = build_rule(b, CHAIN_BARE);
        match_family(&r, four ? NFPROTO_IPV4 : NFPROTO_IPV6);
        match_tcp_bare(&r);
        match_bytes(&r, NFT_PAYLOAD_TRANSPORT_HEADER, 12, stamped ? &stamped_header : &plain_header, 1);
        match_bytes(&r, NFT_PAYLOAD_NETWORK_HEADER, four ? 0 : 6, four ? &version_4 : &next_tcp, 1);
        match_bytes(&r, NFT_PAYLOAD_NETWORK_HEADER, four ? 2 : 4, len, sizeof len);
        if (stamped)
            match_bytes(&r, NFT_PAYLOAD_TRANSPORT_HEADER, 20, stamps, sizeof stamps);
        build_pass(b, &r);
    }
}

/* Our own scopes' bits only: another table of ours (`sluice run` beside a gate) may have its verdict in the mark. */
static void clear_rules(const struct build *b)
{
    struct expression_rule r = build_rule(b, CHAIN_CLEAR);
    build_match_scope(b, &r, SET_SCOPES);
    set_mark(&r, ~b->mask, 0);
    build_end(b, &r);
    r = build_rule(b, CHAIN_CLEAR);
    match_mark(&r, b->scope, NFT_CMP_EQ, mark_inject(&b->rules->marks));
    set_mark(&r, ~b->mask, 0);
    build_end(b, &r);

    r = build_rule(b, CHAIN_ACCEPT);
    build_jump(b, &r, CHAIN_CLEAR);
    r = build_rule(b, CHAIN_ACCEPT);
    verdict(&r, NF_ACCEPT);
    build_end(b, &r);
}

static void forged_drop_rules(const struct build *b)
{
    struct expression_rule r = build_rule(b, CHAIN_FORGED_DROP);
    key_mark(&r, 0, b->scope);
    lookup_count(&r, build_set(b, SET_FORGED).text);
    build_end(b, &r);
    r = build_rule(b, CHAIN_FORGED_DROP);
    verdict(&r, NF_DROP);
    build_end(b, &r);
}

/* Neighbour discovery with hop limit 255: from or to this link, never routed.  RFC 4861 s11.2. */
static const uint8_t neighbour_type[] = {ND_ROUTER_SOLICIT, ND_NEIGHBOR_SOLICIT, ND_NEIGHBOR_ADVERT};

static void neighbour_rules(const struct build *b, const char *chain, const char *chain_to)
{
    static const struct address_range *const link[] = {&link_local, &link_multicast};
    const uint8_t hop_limit = 255;
    for (unsigned i = 0; i < LENGTH(neighbour_type); i++) {
        struct expression_rule r = build_rule(b, chain);
        match_family(&r, NFPROTO_IPV6);
        match_protocol(&r, NFT_CMP_EQ, IPPROTO_ICMPV6);
        match_bytes(&r, NFT_PAYLOAD_NETWORK_HEADER, HOP_LIMIT_AT, &hop_limit, 1);
        match_bytes(&r, NFT_PAYLOAD_TRANSPORT_HEADER, 0, &neighbour_type[i], 1);
        verdict_jump(&r, chain_to);
        build_end(b, &r);
    }
    for (unsigned i = 0; i < LENGTH(link); i++) {
        struct expression_rule r = build_rule(b, chain_to);
        match_destination(&r, NFT_CMP_EQ, link[i]);
        build_go(b, &r, CHAIN_ACCEPT);
    }
}

void build_neighbour_forward(const struct build *b, const char *chain)
{
    const uint8_t hop_limit = 255;
    for (unsigned i = 0; i < LENGTH(neighbour_type); i++) {
        for (unsigned routed = 0; routed < 2; routed++) {
            struct expression_rule r = build_rule(b, chain);
            match_family(&r, NFPROTO_IPV6);
            match_protocol(&r, NFT_CMP_EQ, IPPROTO_ICMPV6);
            match_bytes(&r, NFT_PAYLOAD_TRANSPORT_HEADER, 0, &neighbour_type[i], 1);
            if (!routed)
                match_bytes(&r, NFT_PAYLOAD_NETWORK_HEADER, HOP_LIMIT_AT, &hop_limit, 1);
            if (routed) {
                char counter[CHAIN_NAME_SIZE];
                build_scope_name(counter, build_dropped_name[RULESET_NEIGHBOUR], 0);
                count(&r, counter);
            }
            verdict(&r, routed ? NF_DROP : NF_ACCEPT);
            build_end(b, &r);
        }
    }
}

/* To another address on the link: at prerouting to any, for a bridge hands it on as it is (bridge-nf), and what is
 * routed has lost a hop by the time it is at forward; at output only what the kernel sends. */
static void neighbour_unicast_rules(const struct build *b)
{
    struct expression_rule r = build_rule(b, CHAIN_NEIGHBOUR_TO);
    match_destination(&r, NFT_CMP_NEQ, &multicast);
    build_go(b, &r, CHAIN_ACCEPT);

    r = build_rule(b, CHAIN_NEIGHBOUR_OUTPUT_TO);
    match_socket_file(&r);
    verdict(&r, NFT_RETURN);
    build_end(b, &r);
    r = build_rule(b, CHAIN_NEIGHBOUR_OUTPUT_TO);
    verdict(&r, NF_ACCEPT);
    build_end(b, &r);
}

/* The handler's verdict.  Only packets that come from the queue have our bits here: the dispatch cleared all others. */
static void conclude_rules(const struct build *b, const char *chain, bool reset)
{
    static const struct {
        enum mark_verdict verdict;
        enum mark_connection state;
    } flow[] = {{MARK_APPROVE, MARK_APPROVED}, {MARK_HTTP_FLOW, MARK_HTTP}},
      undecided[] = {{MARK_WATCH, MARK_UNDECIDED}, {MARK_HELLO_FLOW, MARK_HELLO}, {MARK_BODY_FLOW, MARK_BODY}};
    struct expression_rule r;
    /* Not of a connection that another scope's datagram took meanwhile, from the same port. */
    for (unsigned i = 0; i < LENGTH(flow); i++) {
        r = build_rule(b, chain);
        match_mark(&r, b->state, NFT_CMP_EQ, build_value(b, 0, flow[i].verdict));
        lookup_same(&r, b->scope, 0, 0, build_set(b, SET_SAME).text);
        lookup_same_set(&r, ~b->state, build_value(b, 0, flow[i].state));
        set_mark(&r, ~b->mask, 0);
        verdict(&r, NF_ACCEPT);
        build_end(b, &r);
    }
    /* Not of a connection that was decided meanwhile, or that is to end at a local listener. */
    for (unsigned i = 0; i < LENGTH(undecided); i++) {
        r = build_rule(b, chain);
        match_mark(&r, b->state, NFT_CMP_EQ, build_value(b, 0, undecided[i].verdict));
        match_protocol(&r, NFT_CMP_EQ, IPPROTO_TCP);
        match_ct_mark(&r, b->mask, NFT_CMP_NEQ, 0);
        match_ct_mark(&r, b->state, NFT_CMP_NEQ, build_value(b, 0, MARK_APPROVED));
        match_ct_mark(&r, b->state, NFT_CMP_NEQ, build_value(b, 0, MARK_LOOPBACK));
        build_ct_state(b, &r, undecided[i].state);
        build_end(b, &r);
    }
    if (reset) {
        r = build_rule(b, chain);
        match_mark(&r, b->state, NFT_CMP_EQ, build_value(b, 0, MARK_RESET));
        match_protocol(&r, NFT_CMP_EQ, IPPROTO_TCP);
        set_mark(&r, ~b->mask, 0);
        verdict_reset(&r);
        build_end(b, &r);
    }
    /* UDP: a QUIC flow that is cut, so that its next packet is judged. */
    r = build_rule(b, chain);
    match_mark(&r, b->state, NFT_CMP_EQ, build_value(b, 0, MARK_RESET));
    match_protocol(&r, NFT_CMP_EQ, IPPROTO_UDP);
    match_ct_mark(&r, b->mask, NFT_CMP_NEQ, 0);
    build_ct_state(b, &r, MARK_UNDECIDED);
    verdict(&r, NF_DROP);
    build_end(b, &r);

    r = build_rule(b, chain);
    match_mark(&r, b->state, NFT_CMP_EQ, build_value(b, 0, MARK_RESET));
    verdict(&r, NF_DROP);
    build_end(b, &r);

    /* A SYN that is to be watched: verdicts on packets of the connection before it, which were queued with it, may have
     * marked the entry that it has in conntrack after it was queued (nft/ruleset_scope.c). */
    r = build_rule(b, chain);
    match_mark(&r, b->state, NFT_CMP_EQ, build_value(b, 0, MARK_PASS));
    match_tcp_syn(&r, NFT_CMP_EQ);
    match_ct_direction(&r, IP_CT_DIR_ORIGINAL);
    match_ct_mark(&r, b->mask, NFT_CMP_NEQ, 0);
    match_ct_mark(&r, b->state, NFT_CMP_NEQ, build_value(b, 0, MARK_LOOPBACK));
    build_ct_state(b, &r, MARK_UNDECIDED);
    build_end(b, &r);

    r = build_rule(b, chain);
    set_mark(&r, ~b->mask, 0);
    build_end(b, &r);
}

void build_shared_rules(const struct build *b)
{
    queue_rules(b);
    related_rules(b);
    refer_rules(b);
    clear_rules(b);
    forged_drop_rules(b);
    bare_rules(b);
    neighbour_rules(b, CHAIN_NEIGHBOUR, CHAIN_NEIGHBOUR_TO);
    neighbour_rules(b, CHAIN_NEIGHBOUR_OUTPUT, CHAIN_NEIGHBOUR_OUTPUT_TO);
    neighbour_unicast_rules(b);
    conclude_rules(b, CHAIN_CONCLUDE, true);
    conclude_rules(b, CHAIN_CONCLUDE_NO_RESET, false);
    if (b->rules->unmatched)
        build_unmatched_rules(b);
}
