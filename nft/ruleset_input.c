/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The input hook: whose socket a packet finds, on loopback and from outside. */
#include <netinet/in.h> /* before linux/ */
#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_conntrack_tuple_common.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/rtnetlink.h>

#include "nft/lookup.h"

#include "nft/ruleset_build.h"

#define CHAIN_NEWCOMER "newcomer" /* a first packet, or one of no connection; whose socket does it find? */
#define CHAIN_INTO     "into"     /* such a one, to a socket of the scope in the packet mark */
#define CHAIN_ENTER    "enter"    /* into a scope that may be a server */
#define CHAIN_LISTENER "listener" /* loopback, arriving at a listener */

void build_input_chains(const struct build *b)
{
    static const char *const names[] = {CHAIN_NEWCOMER, CHAIN_INTO, CHAIN_ENTER, CHAIN_LISTENER, CHAIN_UNPROVEN_DROP};
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
        build_chain(b, names[i]);
}

/* A packet that finds a socket of a scope: its own loopback, or a connection into the scope. */
static void newcomer_rules(const struct build *b)
{
    build_by_cgroup(b, CHAIN_NEWCOMER);
    struct expression_rule r = build_rule(b, CHAIN_NEWCOMER);
    build_match_scope(b, &r, SET_SCOPES);
    build_go(b, &r, CHAIN_INTO);

    r = build_rule(b, CHAIN_INTO);
    match_ct_state(&r, NF_CT_STATE_INVALID_BIT | NF_CT_STATE_UNTRACKED_BIT);
    build_go(b, &r, CHAIN_UNPROVEN_DROP);
    r = build_rule(b, CHAIN_UNPROVEN_DROP);
    key_mark(&r, 0, b->scope);
    lookup_count(&r, build_set(b, SET_UNPROVEN).text);
    build_end(b, &r);
    r = build_rule(b, CHAIN_UNPROVEN_DROP);
    verdict(&r, NF_DROP);
    build_end(b, &r);

    r = build_rule(b, CHAIN_INTO);
    build_match_state(b, &r, MARK_OWN);
    set_mark(&r, ~b->mask, 0);
    verdict(&r, NFT_RETURN);
    build_end(b, &r);
    r = build_rule(b, CHAIN_INTO);
    build_match_scope(b, &r, SET_INCOMING);
    build_go(b, &r, CHAIN_ENTER);
    r = build_rule(b, CHAIN_INTO);
    build_refer(b, &r, MARK_INCOMING);

    /* From another scope: that one judges it.  A stream picked up in its middle is no connection into us. */
    r = build_rule(b, CHAIN_ENTER);
    match_ct_mark(&r, b->mask, NFT_CMP_NEQ, 0);
    set_mark(&r, ~b->mask, 0);
    verdict(&r, NFT_RETURN);
    build_end(b, &r);
    r = build_rule(b, CHAIN_ENTER);
    match_tcp_syn(&r, NFT_CMP_NEQ);
    build_refer(b, &r, MARK_INCOMING);
    r = build_rule(b, CHAIN_ENTER);
    key_mark(&r, 0, b->scope);
    lookup_jump(&r, build_set(b, SET_BEGIN).text);
    build_end(b, &r);
    r = build_rule(b, CHAIN_ENTER);
    build_ct_state(b, &r, MARK_APPROVED);
    build_pass(b, &r);
}

/* TCP to the relay's port of this scope, redirected there. */
static void relay_rule(const struct build *b, const char *chain, bool to_listener)
{
    struct expression_rule r = build_rule(b, chain);
    if (!to_listener) {
        match_ct_direction(&r, IP_CT_DIR_ORIGINAL);
        build_match_ct_state(b, &r, MARK_LOOPBACK);
    }
    match_protocol(&r, NFT_CMP_EQ, IPPROTO_TCP);
    match_ct_dnat(&r);
    key_ct_mark(&r, 0, b->scope);
    key_port(&r, 1);
    lookup_in(&r, build_set(b, SET_RELAY_PORT).text);
    build_ct_state(b, &r, MARK_APPROVED);
    verdict(&r, NF_ACCEPT);
    build_end(b, &r);
}

/* Not this scope's listener alone: judged as any address is, and so is whatever it answers. */
static void judge_listener(const struct build *b, struct expression_rule *r)
{
    build_ct_state(b, r, MARK_LOOPBACK);
    build_go(b, r, CHAIN_TO_SERVER);
}

/* From lo, original direction, MARK_LOOPBACK: who listens?  A TCP connection stays with the listener that its SYN
 * found. A datagram goes to whoever has the port now: MARK_HTTP asks again for each, and lets the answers go. */
static void listener_rules(const struct build *b)
{
    static const uint8_t answered_by_kernel[] = {IPPROTO_TCP, IPPROTO_UDP, IPPROTO_ICMP, IPPROTO_ICMPV6};
    struct expression_rule r;
    build_by_cgroup(b, CHAIN_LISTENER);
    for (unsigned tcp = 0; tcp < 2; tcp++) {
        r = build_rule(b, CHAIN_LISTENER);
        match_protocol(&r, tcp ? NFT_CMP_EQ : NFT_CMP_NEQ, IPPROTO_TCP);
        build_match_state(b, &r, MARK_OWN);
        build_match_scope(b, &r, SET_SCOPES);
        build_ct_state(b, &r, tcp ? MARK_APPROVED : MARK_HTTP);
        build_pass(b, &r);
    }
    r = build_rule(b, CHAIN_LISTENER);
    build_jump(b, &r, CHAIN_CLEAR);
    relay_rule(b, CHAIN_LISTENER, true);
    r = build_rule(b, CHAIN_LISTENER);
    match_socket(&r);
    judge_listener(b, &r);

    /* Nobody: a reset, an ICMP error or an echo reply comes from the kernel itself.  Multicast has listeners that a
     * socket look-up does not find, and other protocols have sockets that it cannot.  The reset is a reply: MARK_HTTP
     * lets it go and nothing more, for whatever the client sends on this connection is queued. */
    for (unsigned i = 0; i < sizeof answered_by_kernel; i++) {
        r = build_rule(b, CHAIN_LISTENER);
        match_protocol(&r, NFT_CMP_EQ, answered_by_kernel[i]);
        match_destination_type(&r, NFT_CMP_EQ, RTN_LOCAL);
        if (answered_by_kernel[i] == IPPROTO_TCP)
            build_ct_state(b, &r, MARK_HTTP);
        verdict(&r, NF_ACCEPT);
        build_end(b, &r);
    }
    r = build_rule(b, CHAIN_LISTENER);
    judge_listener(b, &r);
}

/* What a scope's connection receives, and its loopback. */
static void scope_rules(const struct build *b)
{
    static const uint8_t echo[] = {IPPROTO_ICMP, IPPROTO_ICMPV6};
    struct expression_rule r = build_base_rule(b, BASE_INPUT);
    match_interface(&r, NFT_META_IIFNAME, NFT_CMP_EQ, "lo");
    match_ct_direction(&r, IP_CT_DIR_ORIGINAL);
    build_match_ct_state(b, &r, MARK_LOOPBACK);
    build_go(b, &r, CHAIN_LISTENER);
    r = build_base_rule(b, BASE_INPUT);
    match_interface(&r, NFT_META_IIFNAME, NFT_CMP_EQ, "lo");
    match_protocol(&r, NFT_CMP_NEQ, IPPROTO_TCP);
    match_ct_direction(&r, IP_CT_DIR_ORIGINAL);
    build_match_ct_state(b, &r, MARK_HTTP);
    build_go(b, &r, CHAIN_LISTENER);
    relay_rule(b, ruleset_base[BASE_INPUT].name, false);
    r = build_base_rule(b, BASE_INPUT);
    match_ct_direction(&r, IP_CT_DIR_ORIGINAL);
    build_match_ct_state(b, &r, MARK_LOOPBACK);
    build_go(b, &r, CHAIN_STRAY);
    /* The kernel's own answer to an echo request that the listener's chain let through. */
    for (unsigned i = 0; i < sizeof echo; i++) {
        r = build_base_rule(b, BASE_INPUT);
        match_interface(&r, NFT_META_IIFNAME, NFT_CMP_EQ, "lo");
        match_protocol(&r, NFT_CMP_EQ, echo[i]);
        match_ct_direction(&r, IP_CT_DIR_REPLY);
        build_match_ct_state(b, &r, MARK_LOOPBACK);
        verdict(&r, NF_ACCEPT);
        build_end(b, &r);
    }
    /* The relay's and local clients' answers: in the resolver's name, but not from where it lives. */
    r = build_base_rule(b, BASE_INPUT);
    match_interface(&r, NFT_META_IIFNAME, NFT_CMP_NEQ, "lo");
    match_ct_direction(&r, IP_CT_DIR_REPLY);
    build_match_ct_state(b, &r, MARK_UNDECIDED);
    match_source_port(&r, IPPROTO_UDP, 53);
    match_way(&r, NFTA_FIB_F_SADDR, NFT_CMP_EQ);
    build_go(b, &r, CHAIN_STRAY);
    build_received(b, BASE_INPUT);
    r = build_base_rule(b, BASE_INPUT);
    match_ct_direction(&r, IP_CT_DIR_REPLY);
    build_match_ct_state(b, &r, MARK_LOOPBACK);
    build_go(b, &r, CHAIN_FROM_SERVER);
}

void build_input_rules(const struct build *b)
{
    build_clear(b, BASE_INPUT);
    struct expression_rule r = build_base_rule(b, BASE_INPUT);
    match_ct_state(&r, NF_CT_STATE_BIT(IP_CT_RELATED));
    build_jump(b, &r, CHAIN_RELATED);
    r = build_base_rule(b, BASE_INPUT);
    match_ct_state(&r, NF_CT_STATE_BIT(IP_CT_NEW));
    build_jump(b, &r, CHAIN_NEWCOMER);
    /* From lo this is also what the gate itself injects. */
    r = build_base_rule(b, BASE_INPUT);
    match_ct_state(&r, NF_CT_STATE_INVALID_BIT | NF_CT_STATE_UNTRACKED_BIT);
    match_interface(&r, NFT_META_IIFNAME, NFT_CMP_NEQ, "lo");
    build_jump(b, &r, CHAIN_NEWCOMER);
    r = build_base_rule(b, BASE_INPUT);
    match_ct_mark(&r, b->mask, NFT_CMP_EQ, 0);
    verdict(&r, NF_ACCEPT);
    build_end(b, &r);
    /* An approved connection, whoever's; then another gate's. */
    r = build_base_rule(b, BASE_INPUT);
    build_match_ct_state(b, &r, MARK_APPROVED);
    verdict(&r, NF_ACCEPT);
    build_end(b, &r);
    r = build_base_rule(b, BASE_INPUT);
    key_ct_mark(&r, 0, b->scope);
    lookup_not_in(&r, build_set(b, SET_SCOPES).text);
    verdict(&r, NF_ACCEPT);
    build_end(b, &r);
    newcomer_rules(b);
    listener_rules(b);
    scope_rules(b);
}
