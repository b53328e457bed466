/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Packets that no scope claims, where they are refused: what the host begins itself, and what it forwards. */
#include <netinet/in.h> /* before linux/ */
#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_conntrack_tuple_common.h>
#include <linux/rtnetlink.h>

#include "nft/ruleset_build.h"

static const struct address_range multicast = {{6, {0xff}}, 8};

/* What answers a connection of the other side, and errors about one. */
static void answer_rules(const struct build *b, const char *chain)
{
    struct expression_rule r = build_rule(b, chain);
    match_ct_direction(&r, IP_CT_DIR_REPLY);
    verdict_goto(&r, CHAIN_CLEAR);
    build_end(b, &r);

    r = build_rule(b, chain);
    match_ct_state(&r, NF_CT_STATE_BIT(IP_CT_RELATED));
    verdict_jump(&r, CHAIN_RELATED);
    build_end(b, &r);
}

static void unmatched_output_rules(const struct build *b)
{
    const char *chain = CHAIN_UNMATCHED_OUTPUT;
    char scope[CHAIN_NAME_SIZE];
    struct expression_rule r;
    if (b->rules->gate.id) {
        r = build_rule(b, chain);
        match_cgroup(&r, &b->rules->gate);
        verdict_goto(&r, CHAIN_CLEAR);
        build_end(b, &r);
    }
    r = build_rule(b, chain);
    match_mark(&r, b->mask, NFT_CMP_EQ, mark_inject(&b->rules->marks));
    match_ct_state(&r, NF_CT_STATE_UNTRACKED_BIT);
    verdict_goto(&r, CHAIN_CLEAR);
    build_end(b, &r);

    /* As in a scope: what a listener answers would go where the source lives (nft/ruleset_scope.c). */
    r = build_rule(b, chain);
    match_interface(&r, NFT_META_OIFNAME, NFT_CMP_EQ, "lo");
    match_ct_state_not(&r, NF_CT_STATE_BIT(IP_CT_RELATED));
    match_source_type(&r, NFT_CMP_NEQ, RTN_LOCAL);
    verdict(&r, NF_DROP);
    build_end(b, &r);

    r = build_rule(b, chain);
    match_interface(&r, NFT_META_OIFNAME, NFT_CMP_EQ, "lo");
    verdict_goto(&r, CHAIN_CLEAR);
    build_end(b, &r);

    answer_rules(b, chain);

    r = build_rule(b, chain);
    verdict_jump(&r, CHAIN_NEIGHBOUR_OUTPUT);
    build_end(b, &r);

    build_scope_name(scope, SCOPE_MARK, b->rules->unmatched);
    r = build_rule(b, chain);
    build_jump(b, &r, scope);
    r = build_rule(b, chain);
    build_go(b, &r, CHAIN_TOWARD);
}

static void unmatched_prerouting_rules(const struct build *b)
{
    static const uint32_t here[] = {RTN_LOCAL, RTN_BROADCAST, RTN_MULTICAST};
    const char *chain = CHAIN_UNMATCHED_PREROUTING;
    char scope[CHAIN_NAME_SIZE];
    struct expression_rule r;
    for (unsigned i = 0; i < sizeof here / sizeof *here; i++) {
        r = build_rule(b, chain);
        match_destination_type(&r, NFT_CMP_EQ, here[i]);
        verdict_goto(&r, CHAIN_CLEAR);
        build_end(b, &r);
    }
    r = build_rule(b, chain);
    match_destination(&r, NFT_CMP_EQ, &multicast);
    verdict_goto(&r, CHAIN_CLEAR);
    build_end(b, &r);

    answer_rules(b, chain);

    build_scope_name(scope, SCOPE_MARK, b->rules->unmatched);
    r = build_rule(b, chain);
    build_jump(b, &r, scope);
    /* As with a scope's own interface: a lie about the source gets no answer, which would quote it. */
    r = build_rule(b, chain);
    match_way(&r, NFTA_FIB_F_SADDR, NFT_CMP_EQ);
    build_go(b, &r, CHAIN_FORGED_DROP);
    r = build_rule(b, chain);
    build_go(b, &r, CHAIN_TOWARD);
}

void build_unmatched_rules(const struct build *b)
{
    unmatched_output_rules(b);
    unmatched_prerouting_rules(b);
}
