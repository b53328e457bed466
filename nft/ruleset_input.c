/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The input hook: whose socket a packet finds, on loopback and from outside. */
#include <netinet/in.h> /* before linux/ */
#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_conntrack_tuple_common.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/rtnetlink.h>
#include <netinet/icmp6.h>
#include <netinet/ip_icmp.h>

#include "nft/ruleset_build.h"

/* A first packet that finds a socket of the scope: its own loopback, or a connection into the scope. */
static void newcomer_rules(const struct build *b, const struct ruleset_scope *s)
{
    char chain[CHAIN_NAME_SIZE];
    build_scope_name(chain, SCOPE_NEWCOMER, s->id);
    for (unsigned k = 0; k < s->cgroups; k++) {
        struct expression_rule r = build_rule(b, CHAIN_NEWCOMER);
        match_cgroup(&r, &s->cgroup[k]);
        build_go(b, &r, SCOPE_NEWCOMER, s->id);
        r = build_rule(b, CHAIN_UNPROVEN);
        match_cgroup(&r, &s->cgroup[k]);
        build_drop(b, &r, RULESET_UNPROVEN, s->id);
    }
    struct expression_rule r = build_rule(b, chain);
    match_ct_mark(&r, b->scope, NFT_CMP_EQ, build_value(b, s->id, 0));
    verdict(&r, NFT_RETURN);
    build_end(b, &r);
    if (s->incoming) {
        /* From another scope: that one judges it.  A stream picked up in its middle is no connection into us. */
        r = build_rule(b, chain);
        match_ct_mark(&r, b->mask, NFT_CMP_NEQ, 0);
        verdict(&r, NFT_RETURN);
        build_end(b, &r);
        r = build_rule(b, chain);
        match_tcp_syn(&r, NFT_CMP_NEQ);
        build_refer(b, &r, s->id, MARK_INCOMING);
        r = build_rule(b, chain);
        build_ct_mark(b, &r, s->id, MARK_APPROVED);
        verdict(&r, NF_ACCEPT);
        build_end(b, &r);
    }
    r = build_rule(b, chain);
    build_refer(b, &r, s->id, MARK_INCOMING);
}

/* What a scope's connection receives, and its loopback. */
static void input_scope_rules(const struct build *b, const struct ruleset_scope *s)
{
    static const uint8_t echo[] = {IPPROTO_ICMP, IPPROTO_ICMPV6};
    struct expression_rule r = build_base_rule(b, BASE_INPUT);
    match_interface(&r, NFT_META_IIFNAME, NFT_CMP_EQ, "lo");
    match_ct_direction(&r, IP_CT_DIR_ORIGINAL);
    match_ct_mark(&r, b->mask, NFT_CMP_EQ, build_value(b, s->id, MARK_LOOPBACK));
    build_go(b, &r, SCOPE_LISTENER, s->id);
    r = build_base_rule(b, BASE_INPUT);
    match_interface(&r, NFT_META_IIFNAME, NFT_CMP_EQ, "lo");
    match_protocol(&r, NFT_CMP_NEQ, IPPROTO_TCP);
    match_ct_direction(&r, IP_CT_DIR_ORIGINAL);
    match_ct_mark(&r, b->mask, NFT_CMP_EQ, build_value(b, s->id, MARK_HTTP));
    build_go(b, &r, SCOPE_LISTENER, s->id);
    if (s->relay_port) {
        r = build_base_rule(b, BASE_INPUT);
        match_ct_direction(&r, IP_CT_DIR_ORIGINAL);
        match_ct_mark(&r, b->mask, NFT_CMP_EQ, build_value(b, s->id, MARK_LOOPBACK));
        match_port(&r, IPPROTO_TCP, s->relay_port);
        match_ct_dnat(&r);
        build_ct_state(b, &r, MARK_APPROVED);
        verdict(&r, NF_ACCEPT);
        build_end(b, &r);
    }
    r = build_base_rule(b, BASE_INPUT);
    match_ct_direction(&r, IP_CT_DIR_ORIGINAL);
    match_ct_mark(&r, b->mask, NFT_CMP_EQ, build_value(b, s->id, MARK_LOOPBACK));
    build_refer(b, &r, s->id, MARK_STRAY);
    /* The kernel's own answer to an echo request that the listener's chain let through. */
    for (unsigned i = 0; i < sizeof echo; i++) {
        r = build_base_rule(b, BASE_INPUT);
        match_interface(&r, NFT_META_IIFNAME, NFT_CMP_EQ, "lo");
        match_protocol(&r, NFT_CMP_EQ, echo[i]);
        match_ct_direction(&r, IP_CT_DIR_REPLY);
        match_ct_mark(&r, b->mask, NFT_CMP_EQ, build_value(b, s->id, MARK_LOOPBACK));
        verdict(&r, NF_ACCEPT);
        build_end(b, &r);
    }
    /* The relay's and local clients' answers: in the resolver's name, but not from where it lives. */
    r = build_base_rule(b, BASE_INPUT);
    match_interface(&r, NFT_META_IIFNAME, NFT_CMP_NEQ, "lo");
    match_ct_direction(&r, IP_CT_DIR_REPLY);
    match_ct_mark(&r, b->mask, NFT_CMP_EQ, build_value(b, s->id, MARK_UNDECIDED));
    match_source_port(&r, IPPROTO_UDP, 53);
    match_way(&r, NFTA_FIB_F_SADDR, NFT_CMP_EQ);
    build_refer(b, &r, s->id, MARK_STRAY);
    build_received(b, BASE_INPUT, s->id);
    r = build_base_rule(b, BASE_INPUT);
    match_ct_direction(&r, IP_CT_DIR_REPLY);
    match_ct_mark(&r, b->mask, NFT_CMP_EQ, build_value(b, s->id, MARK_LOOPBACK));
    build_refer(b, &r, s->id, MARK_FROM_SERVER);
}

void build_input_rules(const struct build *b)
{
    build_clear(b, BASE_INPUT);
    struct expression_rule r = build_base_rule(b, BASE_INPUT);
    match_ct_state(&r, NF_CT_STATE_BIT(IP_CT_RELATED));
    verdict_jump(&r, CHAIN_RELATED);
    build_end(b, &r);
    r = build_base_rule(b, BASE_INPUT);
    match_ct_state(&r, NF_CT_STATE_BIT(IP_CT_NEW));
    verdict_jump(&r, CHAIN_NEWCOMER);
    build_end(b, &r);
    /* From lo this is also what the gate itself injects. */
    r = build_base_rule(b, BASE_INPUT);
    match_ct_state(&r, NF_CT_STATE_INVALID_BIT | NF_CT_STATE_UNTRACKED_BIT);
    match_interface(&r, NFT_META_IIFNAME, NFT_CMP_NEQ, "lo");
    verdict_jump(&r, CHAIN_UNPROVEN);
    build_end(b, &r);
    r = build_base_rule(b, BASE_INPUT);
    match_ct_mark(&r, b->mask, NFT_CMP_EQ, 0);
    verdict(&r, NF_ACCEPT);
    build_end(b, &r);
    for (unsigned i = 0; i < b->rules->scopes; i++) {
        newcomer_rules(b, &b->rules->scope[i]);
        input_scope_rules(b, &b->rules->scope[i]);
    }
}
