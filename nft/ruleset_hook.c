/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The base chains (DESIGN s3): which scope has a packet, and the end of the handler's verdict. */
#include <netinet/in.h> /* before linux/ */
#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_conntrack_tuple_common.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/rtnetlink.h>
#include <netinet/icmp6.h>
#include <netinet/ip_icmp.h>

#include "nft/ruleset_build.h"

#define CHAIN_ARRIVING "arriving" /* postrouting: a first packet of nobody; to which scope? */

const struct ruleset_base ruleset_base[BASE_COUNT] = {
    [BASE_INJECT] = {"inject", {"filter", NF_INET_LOCAL_OUT, -310}},
    [BASE_OUTPUT] = {"output", {"filter", NF_INET_LOCAL_OUT, -160}},
    [BASE_PREROUTING] = {"prerouting", {"filter", NF_INET_PRE_ROUTING, -160}},
    [BASE_OUTPUT_CONCLUDE] = {"output_conclude", {"filter", NF_INET_LOCAL_OUT, -159}},
    [BASE_PREROUTING_CONCLUDE] = {"prerouting_conclude", {"filter", NF_INET_PRE_ROUTING, -159}},
    [BASE_NAT_OUTPUT] = {"nat_output", {"nat", NF_INET_LOCAL_OUT, -101}},
    [BASE_OUTPUT_GUARD] = {"output_guard", {"filter", NF_INET_LOCAL_OUT, -90}},
    [BASE_OUTPUT_GUARD_CONCLUDE] = {"output_guard_conclude", {"filter", NF_INET_LOCAL_OUT, -89}},
    [BASE_FORWARD] = {"forward", {"filter", NF_INET_FORWARD, -160}},
    [BASE_NAT_PREROUTING] = {"nat_prerouting", {"nat", NF_INET_PRE_ROUTING, -101}},
    [BASE_INPUT] = {"input", {"filter", NF_INET_LOCAL_IN, 110}},
    [BASE_INPUT_CONCLUDE] = {"input_conclude", {"filter", NF_INET_LOCAL_IN, 111}},
    [BASE_POSTROUTING] = {"postrouting", {"filter", NF_INET_POST_ROUTING, 110}},
    [BASE_POSTROUTING_CONCLUDE] = {"postrouting_conclude", {"filter", NF_INET_POST_ROUTING, 111}},
    [BASE_NAT_POSTROUTING] = {"nat_postrouting", {"nat", NF_INET_POST_ROUTING, 100}},
};

struct expression_rule build_base_rule(const struct build *b, enum ruleset_base_chain chain)
{
    return build_rule(b, ruleset_base[chain].name);
}

void build_hook_chains(const struct build *b)
{
    for (unsigned i = 0; i < BASE_COUNT; i++)
        transaction_chain_new(b->t, b->rules->table, ruleset_base[i].name, &ruleset_base[i].hook);
    transaction_chain_new(b->t, b->rules->table, CHAIN_NEWCOMER, NULL);
    transaction_chain_new(b->t, b->rules->table, CHAIN_UNPROVEN, NULL);
    transaction_chain_new(b->t, b->rules->table, CHAIN_ARRIVING, NULL);
}

void build_go(const struct build *b, struct expression_rule *r, const char *prefix, uint16_t scope)
{
    char name[CHAIN_NAME_SIZE];
    build_scope_name(name, prefix, scope);
    verdict_goto(r, name);
    build_end(b, r);
}

/* Leftover bits of ours (a mark that a program set, or CONNMARK --restore-mark) are no verdict. */
void build_clear(const struct build *b, enum ruleset_base_chain chain)
{
    struct expression_rule r = build_base_rule(b, chain);
    match_mark(&r, b->mask, NFT_CMP_NEQ, 0);
    verdict_jump(&r, CHAIN_CLEAR);
    build_end(b, &r);
}

/* By the connection's mark: packets without a socket, replies.  Not a datagram of this host's toward a server: it has
 * its socket, which no scope claimed, and only uses ports that a scope used before. */
static void dispatch_marked(const struct build *b, enum ruleset_base_chain chain, const char *prefix)
{
    for (unsigned i = 0; i < b->rules->scopes; i++) {
        uint16_t id = b->rules->scope[i].id;
        struct expression_rule r = build_base_rule(b, chain);
        match_ct_mark(&r, b->scope, NFT_CMP_EQ, build_value(b, id, 0));
        if (chain == BASE_OUTPUT) {
            match_protocol(&r, NFT_CMP_NEQ, IPPROTO_UDP);
            build_go(b, &r, prefix, id);
            r = build_base_rule(b, chain);
            match_ct_mark(&r, b->scope, NFT_CMP_EQ, build_value(b, id, 0));
            match_ct_direction(&r, IP_CT_DIR_REPLY);
        }
        build_go(b, &r, prefix, id);
    }
}

/* Such a datagram's connection is the host's again, and so are its answers.  Another gate's marks are that one's. */
static void release_ports(const struct build *b)
{
    for (unsigned i = 0; i < b->rules->scopes; i++) {
        struct expression_rule r = build_base_rule(b, BASE_OUTPUT);
        match_ct_mark(&r, b->scope, NFT_CMP_EQ, build_value(b, b->rules->scope[i].id, 0));
        match_protocol(&r, NFT_CMP_EQ, IPPROTO_UDP);
        match_ct_direction(&r, IP_CT_DIR_ORIGINAL);
        set_ct_mark(&r, ~b->mask, 0);
        build_end(b, &r);
    }
}

/* A program that asks and closes its socket at once: the kernel answers our refusal with an ICMP error, which quotes
 * the question to the resolver after all.  It belongs to no connection (the refusal is untracked), and to no socket. */
static void own_error_rules(const struct build *b)
{
    static const uint8_t port[] = {0, 53}, udp = IPPROTO_UDP;
    static const struct {
        uint8_t family, protocol, type;
        uint32_t udp_at, port_at; /* behind the ICMP header: of the quoted packet */
    } error[] = {
        {NFPROTO_IPV4, IPPROTO_ICMP, ICMP_DEST_UNREACH, 8 + 9, 8 + 20},
        {NFPROTO_IPV6, IPPROTO_ICMPV6, ICMP6_DST_UNREACH, 8 + 6, 8 + 40},
    };
    for (unsigned i = 0; i < sizeof error / sizeof *error; i++) {
        struct expression_rule r = build_base_rule(b, BASE_OUTPUT);
        match_family(&r, error[i].family);
        match_protocol(&r, NFT_CMP_EQ, error[i].protocol);
        match_bytes(&r, NFT_PAYLOAD_TRANSPORT_HEADER, 0, &error[i].type, 1);
        match_bytes(&r, NFT_PAYLOAD_TRANSPORT_HEADER, error[i].udp_at, &udp, 1);
        match_bytes(&r, NFT_PAYLOAD_TRANSPORT_HEADER, error[i].port_at, port, sizeof port);
        match_ct_state(&r, NF_CT_STATE_INVALID_BIT | NF_CT_STATE_UNTRACKED_BIT);
        match_mark(&r, b->mask, NFT_CMP_NEQ, mark_inject(&b->rules->marks));
        verdict(&r, NF_DROP);
        build_end(b, &r);
    }
}

static void output_rules(const struct build *b)
{
    struct expression_rule r;
    for (unsigned i = 0; i < b->rules->scopes; i++) {
        const struct ruleset_scope *s = &b->rules->scope[i];
        for (unsigned k = 0; k < s->cgroups; k++) {
            r = build_base_rule(b, BASE_OUTPUT);
            match_cgroup(&r, &s->cgroup[k]);
            build_go(b, &r, SCOPE_OUTPUT, s->id);
        }
    }
    own_error_rules(b);
    dispatch_marked(b, BASE_OUTPUT, SCOPE_OUTPUT);
    for (unsigned i = 0; i < b->rules->scopes; i++) {
        const struct ruleset_scope *s = &b->rules->scope[i];
        r = build_base_rule(b, BASE_OUTPUT);
        match_mark(&r, b->mask, NFT_CMP_EQ, build_value(b, s->id, MARK_RELAYED));
        match_port(&r, IPPROTO_UDP, 53);
        build_go(b, &r, SCOPE_OUTPUT, s->id);
    }
    release_ports(b);
    if (b->rules->unmatched) {
        r = build_base_rule(b, BASE_OUTPUT);
        verdict_goto(&r, CHAIN_UNMATCHED_OUTPUT);
        build_end(b, &r);
    }
    build_clear(b, BASE_OUTPUT);
}

static void prerouting_rules(const struct build *b)
{
    /* Loopback was met at output. */
    struct expression_rule r = build_base_rule(b, BASE_PREROUTING);
    match_interface(&r, NFT_META_IIFNAME, NFT_CMP_EQ, "lo");
    verdict_goto(&r, CHAIN_CLEAR);
    build_end(b, &r);
    for (unsigned i = 0; i < b->rules->scopes; i++) {
        const struct ruleset_scope *s = &b->rules->scope[i];
        for (unsigned k = 0; k < s->interfaces; k++) {
            r = build_base_rule(b, BASE_PREROUTING);
            match_interface(&r, NFT_META_IIFNAME, NFT_CMP_EQ, s->interface[k]);
            match_protocol(&r, NFT_CMP_EQ, IPPROTO_ICMPV6);
            verdict_jump(&r, CHAIN_NEIGHBOUR);
            build_end(b, &r);
            /* A source that does not live there would get our refusal, and with it the words that it quotes: silence.
             */
            r = build_base_rule(b, BASE_PREROUTING);
            match_interface(&r, NFT_META_IIFNAME, NFT_CMP_EQ, s->interface[k]);
            match_way(&r, NFTA_FIB_F_SADDR, NFT_CMP_EQ);
            build_drop(b, &r, RULESET_FORGED, s->id);
            r = build_base_rule(b, BASE_PREROUTING);
            match_interface(&r, NFT_META_IIFNAME, NFT_CMP_EQ, s->interface[k]);
            build_go(b, &r, SCOPE_PREROUTING, s->id);
        }
        for (unsigned k = 0; k < s->sources; k++) {
            r = build_base_rule(b, BASE_PREROUTING);
            match_source(&r, NFT_CMP_EQ, &s->source[k]);
            match_ct_direction(&r,
                               IP_CT_DIR_ORIGINAL); /* a wide range holds the servers too, whose way may be another */
            match_way(&r, NFTA_FIB_F_SADDR, NFT_CMP_EQ);
            build_drop(b, &r, RULESET_FORGED, s->id);
            r = build_base_rule(b, BASE_PREROUTING);
            match_source(&r, NFT_CMP_EQ, &s->source[k]);
            build_go(b, &r, SCOPE_PREROUTING, s->id);
        }
    }
    dispatch_marked(b, BASE_PREROUTING, SCOPE_PREROUTING);
    if (b->rules->unmatched) {
        r = build_base_rule(b, BASE_PREROUTING);
        verdict_goto(&r, CHAIN_UNMATCHED_PREROUTING);
        build_end(b, &r);
    }
    build_clear(b, BASE_PREROUTING);
}

static void conclude_rules(const struct build *b, enum ruleset_base_chain chain, const char *conclude)
{
    struct expression_rule r = build_base_rule(b, chain);
    match_mark(&r, b->mask, NFT_CMP_EQ, 0);
    verdict(&r, NF_ACCEPT);
    build_end(b, &r);
    for (unsigned i = 0; i < b->rules->scopes; i++) {
        r = build_base_rule(b, chain);
        match_mark(&r, b->scope, NFT_CMP_EQ, build_value(b, b->rules->scope[i].id, 0));
        verdict_goto(&r, conclude);
        build_end(b, &r);
    }
}

static void relay_rules(const struct build *b, enum ruleset_base_chain chain)
{
    for (unsigned i = 0; i < b->rules->scopes; i++) {
        const struct ruleset_scope *s = &b->rules->scope[i];
        for (unsigned k = 0; s->relay_port && k < s->resolvers; k++) {
            uint8_t bits = s->resolver[k].family == 4 ? 32 : 128;
            struct address_range resolver = {s->resolver[k], bits};
            struct expression_rule r = build_base_rule(b, chain);
            match_ct_mark(&r, b->mask, NFT_CMP_EQ, build_value(b, s->id, MARK_LOOPBACK));
            match_port(&r, IPPROTO_TCP, 53);
            match_destination(&r, NFT_CMP_EQ, &resolver);
            verdict_redirect(&r, s->relay_port);
            build_end(b, &r);
        }
    }
}

/* A first packet from outside to a scope behind an interface or of a source: such a scope's answers have no mark and
 * are refused toward the server, unless it may be a server: then it gets its mark here. */
static void arriving_rules(const struct build *b, const struct ruleset_scope *s)
{
    for (unsigned k = 0; k < s->interfaces + s->sources; k++) {
        for (unsigned step = s->incoming ? 0 : 1; step < 2; step++) {
            struct expression_rule r = build_rule(b, CHAIN_ARRIVING);
            if (k < s->interfaces)
                match_interface(&r, NFT_META_OIFNAME, NFT_CMP_EQ, s->interface[k]);
            else
                match_destination(&r, NFT_CMP_EQ, &s->source[k - s->interfaces]);
            if (step == 0 && s->incoming)
                match_tcp_syn(&r, NFT_CMP_NEQ);
            else if (s->incoming)
                build_ct_mark(b, &r, s->id, MARK_APPROVED);
            verdict(&r, step == 1 && s->incoming ? NF_ACCEPT : NFT_RETURN);
            build_end(b, &r);
        }
    }
}

/* To a scope behind an interface or of a source: what conntrack takes for no part of a connection has no mark by which
 * it would be judged.  Neighbour discovery is never tracked. */
static void proven_rules(const struct build *b, const struct ruleset_scope *s)
{
    for (unsigned k = 0; k < s->interfaces + s->sources; k++) {
        struct expression_rule r = build_base_rule(b, BASE_FORWARD);
        match_ct_state(&r, NF_CT_STATE_INVALID_BIT | NF_CT_STATE_UNTRACKED_BIT);
        match_protocol(&r, NFT_CMP_NEQ, IPPROTO_ICMPV6);
        if (k < s->interfaces)
            match_interface(&r, NFT_META_OIFNAME, NFT_CMP_EQ, s->interface[k]);
        else
            match_destination(&r, NFT_CMP_EQ, &s->source[k - s->interfaces]);
        build_refer(b, &r, s->id, MARK_INCOMING);
    }
}

/* A member of a scope that writes its server's or resolver's answers itself (raw sockets) would have them believed:
 * they come in where their destination lives, and their source does not.  Where both live behind one interface, it is
 * let go: there nothing tells them apart. */
static void forward_rules(const struct build *b)
{
    build_neighbour_forward(b, ruleset_base[BASE_FORWARD].name);
    for (unsigned i = 0; i < b->rules->scopes; i++) {
        proven_rules(b, &b->rules->scope[i]);
        struct expression_rule r = build_base_rule(b, BASE_FORWARD);
        match_ct_mark(&r, b->mask, NFT_CMP_EQ, build_value(b, b->rules->scope[i].id, MARK_UNDECIDED));
        match_ct_direction(&r, IP_CT_DIR_REPLY);
        match_way(&r, NFTA_FIB_F_DADDR, NFT_CMP_NEQ);
        match_way(&r, NFTA_FIB_F_SADDR, NFT_CMP_EQ);
        build_refer(b, &r, b->rules->scope[i].id, MARK_STRAY);
    }
}

/* Meant for a local listener, but a published port's DNAT sends it elsewhere.  Postrouting would drop it too; here,
 * before the packet leaves output, its sender can be reset. */
static void output_guard_rules(const struct build *b)
{
    for (unsigned i = 0; i < b->rules->scopes; i++) {
        struct expression_rule r = build_base_rule(b, BASE_OUTPUT_GUARD);
        match_ct_mark(&r, b->mask, NFT_CMP_EQ, build_value(b, b->rules->scope[i].id, MARK_LOOPBACK));
        match_ct_direction(&r, IP_CT_DIR_ORIGINAL);
        match_destination_type(&r, NFT_CMP_NEQ, RTN_LOCAL);
        build_refer(b, &r, b->rules->scope[i].id, MARK_STRAY);
    }
}

void build_received(const struct build *b, enum ruleset_base_chain chain, uint16_t scope)
{
    uint32_t bare_go = b->scope | build_value(b, 0, MARK_BARE_GO);
    struct expression_rule r = build_base_rule(b, chain);
    match_ct_direction(&r, IP_CT_DIR_REPLY);
    match_ct_mark(&r, b->mask, NFT_CMP_EQ, build_value(b, scope, MARK_UNDECIDED));
    build_refer(b, &r, scope, MARK_FROM_SERVER);

    r = build_base_rule(b, chain);
    match_ct_direction(&r, IP_CT_DIR_REPLY);
    match_ct_mark(&r, b->mask, NFT_CMP_EQ, build_value(b, scope, MARK_BODY));
    match_tcp_going(&r);
    verdict(&r, NF_ACCEPT);
    build_end(b, &r);

    r = build_base_rule(b, chain);
    match_ct_direction(&r, IP_CT_DIR_REPLY);
    match_ct_mark(&r, bare_go, NFT_CMP_EQ, build_value(b, scope, MARK_BARE_GO));
    verdict_jump(&r, CHAIN_BARE);
    build_end(b, &r);

    r = build_base_rule(b, chain);
    match_ct_direction(&r, IP_CT_DIR_REPLY);
    match_ct_mark(&r, bare_go, NFT_CMP_EQ, build_value(b, scope, MARK_BARE_GO));
    build_refer(b, &r, scope, MARK_FROM_SERVER);
}

static void postrouting_rules(const struct build *b)
{
    build_clear(b, BASE_POSTROUTING);
    struct expression_rule r = build_base_rule(b, BASE_POSTROUTING);
    match_interface(&r, NFT_META_OIFNAME, NFT_CMP_EQ, "lo");
    verdict(&r, NF_ACCEPT);
    build_end(b, &r);
    r = build_base_rule(b, BASE_POSTROUTING);
    match_ct_state(&r, NF_CT_STATE_BIT(IP_CT_RELATED));
    verdict_jump(&r, CHAIN_RELATED);
    build_end(b, &r);
    r = build_base_rule(b, BASE_POSTROUTING);
    match_ct_mark(&r, b->mask, NFT_CMP_EQ, 0);
    match_ct_state(&r, NF_CT_STATE_BIT(IP_CT_NEW));
    verdict_jump(&r, CHAIN_ARRIVING);
    build_end(b, &r);
    r = build_base_rule(b, BASE_POSTROUTING);
    match_ct_mark(&r, b->mask, NFT_CMP_EQ, 0);
    verdict(&r, NF_ACCEPT);
    build_end(b, &r);
    for (unsigned i = 0; i < b->rules->scopes; i++) {
        const struct ruleset_scope *s = &b->rules->scope[i];
        arriving_rules(b, s);
        /* Meant for a local listener, but something (a published port's DNAT) sends it elsewhere. */
        r = build_base_rule(b, BASE_POSTROUTING);
        match_ct_mark(&r, b->mask, NFT_CMP_EQ, build_value(b, s->id, MARK_LOOPBACK));
        build_refer(b, &r, s->id, MARK_STRAY);
        build_received(b, BASE_POSTROUTING, s->id);
    }
}

static void masquerade_rules(const struct build *b)
{
    for (unsigned i = 0; i < b->rules->masquerades; i++) {
        struct expression_rule r = build_base_rule(b, BASE_NAT_POSTROUTING);
        match_source(&r, NFT_CMP_EQ, &b->rules->masquerade[i]);
        match_destination(&r, NFT_CMP_NEQ, &b->rules->masquerade[i]);
        match_interface(&r, NFT_META_OIFNAME, NFT_CMP_NEQ, "lo");
        expression_add(&r, "masq");
        build_end(b, &r);
    }
}

void build_hook_rules(const struct build *b)
{
    /* Untracked: a tracked answer would make a connection entry, and the next query on that socket would be its reply.
     */
    struct expression_rule r = build_base_rule(b, BASE_INJECT);
    match_mark(&r, b->mask, NFT_CMP_EQ, mark_inject(&b->rules->marks));
    expression_add(&r, "notrack");
    build_end(b, &r);

    output_rules(b);
    prerouting_rules(b);
    conclude_rules(b, BASE_OUTPUT_CONCLUDE, CHAIN_CONCLUDE);
    conclude_rules(b, BASE_PREROUTING_CONCLUDE, CHAIN_CONCLUDE);
    conclude_rules(b, BASE_OUTPUT_GUARD_CONCLUDE, CHAIN_CONCLUDE);
    conclude_rules(b, BASE_INPUT_CONCLUDE, CHAIN_CONCLUDE);
    output_guard_rules(b);
    forward_rules(b);
    conclude_rules(b, BASE_POSTROUTING_CONCLUDE, CHAIN_CONCLUDE_NO_RESET);
    relay_rules(b, BASE_NAT_OUTPUT);
    relay_rules(b, BASE_NAT_PREROUTING);
    build_input_rules(b);
    postrouting_rules(b);
    masquerade_rules(b);
}
