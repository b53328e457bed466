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

#include "nft/lookup.h"
#include "nft/ruleset_build.h"

#define CHAIN_LEFTOVER  "leftover" /* output: our bits in a packet mark that comes from its sender */
#define CHAIN_MARKED    "marked"   /* by the connection's mark */
#define CHAIN_THEIRS    "theirs"   /* a packet of a connection whose mark has a scope of ours */
#define CHAIN_INTERFACE "from_interface"
#define CHAIN_SOURCE    "from_source"
#define CHAIN_ARRIVING  "arriving"  /* postrouting: a first packet of nobody; to which scope? */
#define CHAIN_ARRIVED   "arrived"   /* such a one, to the scope in the packet mark */
#define CHAIN_PROVEN    "proven"    /* forward: of no connection; to which scope? */
#define CHAIN_PROVEN_TO "proven_to" /* such a one, to the scope in the packet mark */

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

void build_base_chains(const struct build *b)
{
    for (unsigned i = 0; i < BASE_COUNT; i++)
        transaction_chain_new(b->t, b->rules->table, ruleset_base[i].name, &ruleset_base[i].hook);
}

void build_hook_chains(const struct build *b)
{
    static const char *const names[] = {CHAIN_LEFTOVER, CHAIN_MARKED,  CHAIN_THEIRS, CHAIN_INTERFACE, CHAIN_SOURCE,
                                        CHAIN_ARRIVING, CHAIN_ARRIVED, CHAIN_PROVEN, CHAIN_PROVEN_TO};
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
        build_chain(b, names[i]);
}

/* Leftover bits of ours (a mark that a program set, or CONNMARK --restore-mark) are no verdict. */
void build_clear(const struct build *b, enum ruleset_base_chain chain)
{
    struct expression_rule r = build_base_rule(b, chain);
    match_mark(&r, b->mask, NFT_CMP_NEQ, 0);
    build_jump(b, &r, CHAIN_CLEAR);
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

/* Some errors the kernel sends before prerouting sees what they quote (an IPv6 hop-by-hop option), or of what never
 * gets there (fragments that never come whole): to the source that the packet claims, which nobody has looked at. */
static void unseen_error_rules(const struct build *b)
{
    static const struct {
        uint8_t family, protocol, type[2];
        uint32_t len; /* of type and code, or of the type alone */
    } error[] = {
        {NFPROTO_IPV4, IPPROTO_ICMP, {ICMP_TIME_EXCEEDED, ICMP_EXC_FRAGTIME}, 2},
        {NFPROTO_IPV4, IPPROTO_ICMP, {ICMP_PARAMETERPROB}, 1},
        {NFPROTO_IPV6, IPPROTO_ICMPV6, {ICMP6_TIME_EXCEEDED, ICMP6_TIME_EXCEED_REASSEMBLY}, 2},
        {NFPROTO_IPV6, IPPROTO_ICMPV6, {ICMP6_PARAM_PROB}, 1},
    };
    char counter[CHAIN_NAME_SIZE];
    build_scope_name(counter, build_dropped_name[RULESET_ERROR], 0);
    for (unsigned i = 0; i < sizeof error / sizeof *error; i++) {
        struct expression_rule r = build_base_rule(b, BASE_OUTPUT);
        match_family(&r, error[i].family);
        match_protocol(&r, NFT_CMP_EQ, error[i].protocol);
        match_bytes(&r, NFT_PAYLOAD_TRANSPORT_HEADER, 0, error[i].type, error[i].len);
        match_mark(&r, b->mask, NFT_CMP_NEQ, mark_inject(&b->rules->marks));
        count(&r, counter);
        verdict(&r, NF_DROP);
        build_end(b, &r);
    }
}

/* What comes out of a program with our bits in its mark: nothing, but for the relay's messages, until it is known that
 * their sender is of no scope. */
static void leftover_rules(const struct build *b)
{
    struct expression_rule r = build_rule(b, CHAIN_LEFTOVER);
    build_match_state(b, &r, MARK_RELAYED);
    match_port(&r, IPPROTO_UDP, 53);
    verdict(&r, NFT_RETURN);
    build_end(b, &r);
    r = build_rule(b, CHAIN_LEFTOVER);
    set_mark(&r, ~b->mask, 0);
    build_end(b, &r);

    r = build_base_rule(b, BASE_OUTPUT);
    match_mark(&r, b->mask, NFT_CMP_NEQ, 0);
    build_match_scope(b, &r, SET_SCOPES);
    build_jump(b, &r, CHAIN_LEFTOVER);
}

static void output_rules(const struct build *b)
{
    leftover_rules(b);
    build_by_cgroup(b, ruleset_base[BASE_OUTPUT].name);
    struct expression_rule r = build_base_rule(b, BASE_OUTPUT);
    match_mark(&r, b->mask, NFT_CMP_NEQ, 0);
    match_mark(&r, b->state, NFT_CMP_NEQ, build_value(b, 0, MARK_RELAYED));
    build_match_scope(b, &r, SET_SCOPES);
    build_go(b, &r, CHAIN_TOWARD);
    own_error_rules(b);
    unseen_error_rules(b);
    r = build_base_rule(b, BASE_OUTPUT);
    build_jump(b, &r, CHAIN_MARKED);
    /* What has our bits now is the relay's: of a scope that is, or of none any more (its questions are sent again for a
     * while, and nobody would judge them). */
    r = build_base_rule(b, BASE_OUTPUT);
    match_mark(&r, b->mask, NFT_CMP_EQ, mark_retired(&b->rules->marks));
    verdict(&r, NF_DROP);
    build_end(b, &r);
    r = build_base_rule(b, BASE_OUTPUT);
    build_match_state(b, &r, MARK_RELAYED);
    key_mark(&r, 0, b->scope);
    lookup_jump(&r, build_set(b, SET_IDENTIFY).text);
    build_end(b, &r);
    r = build_base_rule(b, BASE_OUTPUT);
    match_mark(&r, b->mask, NFT_CMP_NEQ, 0);
    build_match_scope(b, &r, SET_SCOPES);
    build_go(b, &r, CHAIN_TOWARD);
    /* A datagram of this host's on such ports: its connection is the host's again, and so are its answers.  Another
     * gate's marks are that one's. */
    r = build_base_rule(b, BASE_OUTPUT);
    match_protocol(&r, NFT_CMP_EQ, IPPROTO_UDP);
    match_ct_direction(&r, IP_CT_DIR_ORIGINAL);
    build_match_ct_scope(b, &r, SET_SCOPES);
    set_ct_mark(&r, ~b->mask, 0);
    build_end(b, &r);
    if (b->rules->unmatched) {
        r = build_base_rule(b, BASE_OUTPUT);
        build_go(b, &r, CHAIN_UNMATCHED_OUTPUT);
    }
    build_clear(b, BASE_OUTPUT);
}

static void prerouting_rules(const struct build *b)
{
    /* Loopback was met at output. */
    struct expression_rule r = build_base_rule(b, BASE_PREROUTING);
    match_interface(&r, NFT_META_IIFNAME, NFT_CMP_EQ, "lo");
    build_go(b, &r, CHAIN_CLEAR);
    build_clear(b, BASE_PREROUTING);
    build_by_place(b, ruleset_base[BASE_PREROUTING].name, true, CHAIN_INTERFACE, CHAIN_SOURCE);
    r = build_base_rule(b, BASE_PREROUTING);
    build_jump(b, &r, CHAIN_MARKED);
    if (b->rules->unmatched) {
        r = build_base_rule(b, BASE_PREROUTING);
        build_go(b, &r, CHAIN_UNMATCHED_PREROUTING);
    }

    r = build_rule(b, CHAIN_INTERFACE);
    match_protocol(&r, NFT_CMP_EQ, IPPROTO_ICMPV6);
    build_jump(b, &r, CHAIN_NEIGHBOUR);
    /* A source that does not live there would get our refusal, and with it the words that it quotes: silence. */
    r = build_rule(b, CHAIN_INTERFACE);
    match_way(&r, NFTA_FIB_F_SADDR, NFT_CMP_EQ);
    build_go(b, &r, CHAIN_FORGED_DROP);
    r = build_rule(b, CHAIN_INTERFACE);
    build_go(b, &r, CHAIN_TOWARD);
    /* A wide range holds the servers too, whose way may be another. */
    r = build_rule(b, CHAIN_SOURCE);
    match_ct_direction(&r, IP_CT_DIR_ORIGINAL);
    match_way(&r, NFTA_FIB_F_SADDR, NFT_CMP_EQ);
    build_go(b, &r, CHAIN_FORGED_DROP);
    r = build_rule(b, CHAIN_SOURCE);
    build_go(b, &r, CHAIN_TOWARD);
}

static void conclude_rules(const struct build *b, enum ruleset_base_chain chain, const char *conclude)
{
    struct expression_rule r = build_base_rule(b, chain);
    match_mark(&r, b->mask, NFT_CMP_EQ, 0);
    verdict(&r, NF_ACCEPT);
    build_end(b, &r);
    r = build_base_rule(b, chain);
    build_match_scope(b, &r, SET_SCOPES);
    build_go(b, &r, conclude);
}

static void relay_rules(const struct build *b, enum ruleset_base_chain chain)
{
    for (uint8_t family = 4; family <= 6; family = (uint8_t)(family + 2)) {
        struct expression_rule r = build_base_rule(b, chain);
        match_port(&r, IPPROTO_TCP, 53);
        build_match_ct_state(b, &r, MARK_LOOPBACK);
        match_family(&r, family == 4 ? NFPROTO_IPV4 : NFPROTO_IPV6);
        key_ct_mark(&r, 0, b->scope);
        key_address(&r, 1, family, false);
        lookup_redirect(&r, build_set(b, family == 4 ? SET_RELAY4 : SET_RELAY6).text);
        build_end(b, &r);
    }
}

/* A first packet from outside to a scope behind an interface or of a source: such a scope's answers have no mark and
 * are refused toward the server, unless it may be a server: then it gets its mark here. */
static void arriving_rules(const struct build *b)
{
    build_by_place(b, CHAIN_ARRIVING, false, CHAIN_ARRIVED, CHAIN_ARRIVED);
    struct expression_rule r = build_rule(b, CHAIN_ARRIVED);
    match_tcp_syn(&r, NFT_CMP_NEQ);
    set_mark(&r, ~b->mask, 0);
    verdict(&r, NFT_RETURN);
    build_end(b, &r);
    r = build_rule(b, CHAIN_ARRIVED);
    build_match_scope(b, &r, SET_INCOMING);
    key_mark(&r, 0, b->scope);
    lookup_jump(&r, build_set(b, SET_BEGIN).text);
    build_end(b, &r);
    r = build_rule(b, CHAIN_ARRIVED);
    build_match_scope(b, &r, SET_INCOMING);
    build_ct_state(b, &r, MARK_APPROVED);
    build_pass(b, &r);
    r = build_rule(b, CHAIN_ARRIVED);
    set_mark(&r, ~b->mask, 0);
    build_end(b, &r);
}

/* To a scope behind an interface or of a source: what conntrack takes for no part of a connection has no mark by which
 * it would be judged.  Neighbour discovery is never tracked. */
static void proven_rules(const struct build *b)
{
    struct expression_rule r = build_base_rule(b, BASE_FORWARD);
    match_ct_state(&r, NF_CT_STATE_INVALID_BIT | NF_CT_STATE_UNTRACKED_BIT);
    match_protocol(&r, NFT_CMP_NEQ, IPPROTO_ICMPV6);
    build_jump(b, &r, CHAIN_PROVEN);
    r = build_rule(b, CHAIN_PROVEN);
    build_jump(b, &r, CHAIN_CLEAR);
    build_by_place(b, CHAIN_PROVEN, false, CHAIN_PROVEN_TO, CHAIN_PROVEN_TO);
    r = build_rule(b, CHAIN_PROVEN_TO);
    build_refer(b, &r, MARK_INCOMING);
}

/* A member of a scope that writes its server's or resolver's answers itself (raw sockets) would have them believed:
 * they come in where their destination lives, and their source does not.  Where both live behind one interface, it is
 * let go: there nothing tells them apart. */
static void forward_rules(const struct build *b)
{
    uint32_t bare_go = build_value(b, 0, MARK_BARE_GO);
    build_neighbour_forward(b, ruleset_base[BASE_FORWARD].name);
    proven_rules(b);
    for (unsigned bare = 0; bare < 2; bare++) {
        struct expression_rule r = build_base_rule(b, BASE_FORWARD);
        match_ct_mark(&r, bare ? bare_go : b->state, NFT_CMP_EQ, bare ? bare_go : build_value(b, 0, MARK_UNDECIDED));
        match_ct_direction(&r, IP_CT_DIR_REPLY);
        build_match_ct_scope(b, &r, SET_SCOPES);
        match_way(&r, NFTA_FIB_F_DADDR, NFT_CMP_NEQ);
        match_way(&r, NFTA_FIB_F_SADDR, NFT_CMP_EQ);
        build_go(b, &r, CHAIN_STRAY);
    }
}

/* Meant for a local listener, but a published port's DNAT sends it elsewhere.  Postrouting would drop it too; here,
 * before the packet leaves output, its sender can be reset. */
static void output_guard_rules(const struct build *b)
{
    struct expression_rule r = build_base_rule(b, BASE_OUTPUT_GUARD);
    build_match_ct_state(b, &r, MARK_LOOPBACK);
    match_ct_direction(&r, IP_CT_DIR_ORIGINAL);
    build_match_ct_scope(b, &r, SET_SCOPES);
    match_destination_type(&r, NFT_CMP_NEQ, RTN_LOCAL);
    build_go(b, &r, CHAIN_STRAY);
}

void build_received(const struct build *b, enum ruleset_base_chain chain)
{
    uint32_t bare_go = build_value(b, 0, MARK_BARE_GO);
    struct expression_rule r = build_base_rule(b, chain);
    match_ct_direction(&r, IP_CT_DIR_REPLY);
    build_match_ct_state(b, &r, MARK_UNDECIDED);
    build_match_ct_scope(b, &r, SET_SCOPES);
    build_go(b, &r, CHAIN_FROM_SERVER);

    r = build_base_rule(b, chain);
    match_ct_direction(&r, IP_CT_DIR_REPLY);
    build_match_ct_state(b, &r, MARK_BODY);
    match_tcp_going(&r);
    build_match_ct_scope(b, &r, SET_SCOPES);
    verdict(&r, NF_ACCEPT);
    build_end(b, &r);

    r = build_base_rule(b, chain);
    match_ct_direction(&r, IP_CT_DIR_REPLY);
    match_ct_mark(&r, bare_go, NFT_CMP_EQ, bare_go);
    build_match_ct_scope(b, &r, SET_SCOPES);
    build_jump(b, &r, CHAIN_BARE);

    r = build_base_rule(b, chain);
    match_ct_direction(&r, IP_CT_DIR_REPLY);
    match_ct_mark(&r, bare_go, NFT_CMP_EQ, bare_go);
    build_match_ct_scope(b, &r, SET_SCOPES);
    build_go(b, &r, CHAIN_FROM_SERVER);
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
    build_jump(b, &r, CHAIN_RELATED);
    r = build_base_rule(b, BASE_POSTROUTING);
    match_ct_mark(&r, b->mask, NFT_CMP_EQ, 0);
    match_ct_state(&r, NF_CT_STATE_BIT(IP_CT_NEW));
    build_jump(b, &r, CHAIN_ARRIVING);
    r = build_base_rule(b, BASE_POSTROUTING);
    match_ct_mark(&r, b->mask, NFT_CMP_EQ, 0);
    verdict(&r, NF_ACCEPT);
    build_end(b, &r);
    arriving_rules(b);
    /* Meant for a local listener, but something (a published port's DNAT) sends it elsewhere. */
    r = build_base_rule(b, BASE_POSTROUTING);
    build_match_ct_state(b, &r, MARK_LOOPBACK);
    build_match_ct_scope(b, &r, SET_SCOPES);
    build_go(b, &r, CHAIN_STRAY);
    build_received(b, BASE_POSTROUTING);
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
    build_marked_rules(b);
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
