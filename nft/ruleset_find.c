/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which scope has a packet: by its socket's cgroup, by where it comes from or goes to, by its connection's mark.  A
 * map's find jumps to the scope's chain, which writes the scope into the packet mark. */
#include <netinet/in.h> /* before linux/ */
#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_tuple_common.h>

#include "nft/lookup.h"
#include "nft/ruleset_build.h"

void build_by_cgroup(const struct build *b, const char *chain)
{
    char name[SET_NAME_SIZE];
    for (unsigned i = 0; i < b->sets->levels; i++) {
        struct expression_rule r = build_rule(b, chain);
        ruleset_sets_name(name, SET_CGROUP, b->sets->level[i]);
        key_cgroup(&r, 0, b->sets->level[i]);
        lookup_jump(&r, build_set(b, name).text);
        build_end(b, &r);
    }
}

void build_by_place(const struct build *b, const char *chain, bool from, const char *interface, const char *source)
{
    char name[SET_NAME_SIZE];
    for (unsigned i = 0; i < b->sets->runs; i++) {
        struct expression_rule r = build_rule(b, chain);
        ruleset_sets_name(name, SET_INTERFACE, i);
        key_interface(&r, 0, from ? NFT_META_IIFNAME : NFT_META_OIFNAME);
        lookup_jump(&r, build_set(b, name).text);
        build_end(b, &r);
        r = build_rule(b, chain);
        match_mark(&r, b->mask, NFT_CMP_NEQ, 0);
        build_match_scope(b, &r, SET_SCOPES);
        build_go(b, &r, interface);
        for (uint8_t family = 4; family <= 6; family = (uint8_t)(family + 2)) {
            ruleset_sets_name(name, family == 4 ? SET_ADDRESS4 : SET_ADDRESS6, i);
            r = build_rule(b, chain);
            match_family(&r, family == 4 ? NFPROTO_IPV4 : NFPROTO_IPV6);
            key_address(&r, 0, family, from);
            lookup_jump(&r, build_set(b, name).text);
            build_end(b, &r);
        }
        r = build_rule(b, chain);
        match_mark(&r, b->mask, NFT_CMP_NEQ, 0);
        build_match_scope(b, &r, SET_SCOPES);
        build_go(b, &r, source);
    }
}

/* By the connection's mark: packets without a socket, replies.  Not a datagram of this host's toward a server: it has
 * its socket, which no scope claimed, and only uses ports that a scope used before. */
void build_marked_rules(const struct build *b)
{
    struct expression_rule r = build_rule(b, CHAIN_MARKED);
    match_interface(&r, NFT_META_IIFNAME, NFT_CMP_EQ, "");
    match_protocol(&r, NFT_CMP_EQ, IPPROTO_UDP);
    match_ct_direction(&r, IP_CT_DIR_ORIGINAL);
    verdict(&r, NFT_RETURN);
    build_end(b, &r);
    r = build_rule(b, CHAIN_MARKED);
    build_match_ct_scope(b, &r, SET_SCOPES);
    build_go(b, &r, CHAIN_THEIRS);
    r = build_rule(b, CHAIN_THEIRS);
    key_ct_mark(&r, 0, b->scope);
    lookup_jump(&r, build_set(b, SET_IDENTIFY).text);
    build_end(b, &r);
    r = build_rule(b, CHAIN_THEIRS);
    build_go(b, &r, CHAIN_TOWARD);
}
