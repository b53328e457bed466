/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A scope's own chains, and the chains by which a packet of any scope goes toward the server.  No way through them ends
 * without an accept that is argued here, or the queue. */
#include <netinet/in.h> /* before linux/ */
#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_conntrack_tuple_common.h>
#include <linux/rtnetlink.h>
#include <stdio.h>

#include "nft/lookup.h"
#include "nft/ruleset_build.h"

#define CHAIN_OWN         "own"    /* its connection is marked as this scope's */
#define CHAIN_OTHERS      "others" /* it is not: returns if it may begin a connection of this scope */
#define CHAIN_OWN_RELATED "own_related"
#define CHAIN_UNDECIDED   "undecided"
#define CHAIN_RELAY       "relay"

void build_scope_name(char out[CHAIN_NAME_SIZE], const char *prefix, uint16_t scope)
{
    snprintf(out, CHAIN_NAME_SIZE, "%s_%u", prefix, scope);
}

static const char *const scope_chain[] = {SCOPE_MARK, SCOPE_BEGIN};
static const enum ruleset_dropped scope_counter[] = {RULESET_FORGED, RULESET_UNPROVEN};

void build_scope_chains(const struct build *b, uint16_t scope)
{
    char name[CHAIN_NAME_SIZE];
    for (unsigned i = 0; i < 2; i++) {
        build_scope_name(name, scope_chain[i], scope);
        build_chain(b, name);
        build_dropped_counter(b, scope_counter[i], scope);
    }
}

/* The only rules that a scope has for itself: those in which a mark's scope is written. */
void build_scope_rules(const struct build *b, uint16_t scope)
{
    char name[CHAIN_NAME_SIZE];
    build_scope_name(name, SCOPE_MARK, scope);
    /* A packet mark of the job's own is never a verdict: nothing of it stays. */
    struct expression_rule r = build_rule(b, name);
    set_mark(&r, ~b->mask, build_value(b, scope, MARK_FOREIGN));
    build_end(b, &r);
    r = build_rule(b, name);
    match_ct_mark(&r, b->scope, NFT_CMP_EQ, build_value(b, scope, 0));
    set_mark(&r, ~b->state, build_value(b, 0, MARK_OWN));
    build_end(b, &r);

    build_scope_name(name, SCOPE_BEGIN, scope);
    r = build_rule(b, name);
    build_ct_mark(b, &r, scope, MARK_UNDECIDED);
    build_end(b, &r);
}

void build_scope_delete(const struct build *b, uint16_t scope)
{
    char name[CHAIN_NAME_SIZE];
    for (unsigned i = 0; i < 2; i++) {
        build_scope_name(name, scope_chain[i], scope);
        transaction_chain_delete(b->t, b->rules->table, name);
        build_scope_name(name, build_dropped_name[scope_counter[i]], scope);
        transaction_counter_delete(b->t, b->rules->table, name);
    }
}

void build_toward_chains(const struct build *b)
{
    static const char *const names[] = {CHAIN_TOWARD, CHAIN_OWN,       CHAIN_OWN_RELATED,
                                        CHAIN_OTHERS, CHAIN_UNDECIDED, CHAIN_RELAY};
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
        build_chain(b, names[i]);
}

/* "Related" may only be an ICMP error, or a reset that a rule of ours sent: a connection that a conntrack helper
 * expected inherits its parent's mark, approval included. */
static void own_related_rules(const struct build *b)
{
    /* An error that a client's side sends quotes what it likes: none about an undecided connection, and of one about
     * another a copy that quotes no more than its receiver needs. */
    static const uint8_t icmp[] = {IPPROTO_ICMP, IPPROTO_ICMPV6};
    struct expression_rule r;
    for (unsigned i = 0; i < 2 * sizeof icmp; i++) {
        bool approved = i < sizeof icmp;
        r = build_rule(b, CHAIN_OWN_RELATED);
        match_protocol(&r, NFT_CMP_EQ, icmp[i % sizeof icmp]);
        match_ct_direction(&r, IP_CT_DIR_ORIGINAL);
        if (approved)
            build_match_ct_state(b, &r, MARK_APPROVED);
        build_refer(b, &r, approved ? MARK_TO_SERVER : MARK_STRAY);
    }
    /* That chain accepts, so the mark is taken out before. */
    r = build_rule(b, CHAIN_OWN_RELATED);
    set_mark(&r, ~b->mask, 0);
    build_jump(b, &r, CHAIN_RELATED);
    r = build_rule(b, CHAIN_OWN_RELATED);
    build_go(b, &r, CHAIN_STRAY);
}

/* What the handler refuses of a first packet (nfq/packet.c) is refused of each, on the way to a listener of this host
 * too: options and extension headers may send a packet elsewhere (source routes, segments), whatever its destination
 * was allowed for.  A packet beyond 64 KiB that the kernel will cut (BIG TCP) has its length in a hop-by-hop option,
 * and none in its header: no other has. */
static void header_rules(const struct build *b)
{
    static const uint8_t protocol[] = {IPPROTO_TCP, IPPROTO_UDP}, version_4 = 0x45, no_length[2] = {0};
    enum { LENGTH_AT = 4, NEXT_HEADER_AT = 6 };
    struct expression_rule r = build_rule(b, CHAIN_TOWARD);
    match_family(&r, NFPROTO_IPV4);
    match_ct_direction(&r, IP_CT_DIR_ORIGINAL);
    match_bytes_not(&r, NFT_PAYLOAD_NETWORK_HEADER, 0, &version_4, 1);
    build_refer(b, &r, MARK_STRAY);
    for (unsigned i = 0; i < sizeof protocol; i++) {
        r = build_rule(b, CHAIN_TOWARD);
        match_family(&r, NFPROTO_IPV6);
        match_ct_direction(&r, IP_CT_DIR_ORIGINAL);
        match_protocol(&r, NFT_CMP_EQ, protocol[i]);
        match_bytes_not(&r, NFT_PAYLOAD_NETWORK_HEADER, NEXT_HEADER_AT, &protocol[i], 1);
        if (protocol[i] == IPPROTO_TCP)
            match_bytes_not(&r, NFT_PAYLOAD_NETWORK_HEADER, LENGTH_AT, no_length, sizeof no_length);
        build_refer(b, &r, MARK_STRAY);
    }
}

/* Packets of a connection that is marked as this scope's. */
static void own_rules(const struct build *b)
{
    struct expression_rule r = build_rule(b, CHAIN_OWN);
    match_ct_state(&r, NF_CT_STATE_BIT(IP_CT_RELATED));
    build_go(b, &r, CHAIN_OWN_RELATED);

    /* A SYN begins another connection, though conntrack may know the one before it between the same ports (it keeps one
     * that the server reset): what that one was approved for says nothing of this one. */
    r = build_rule(b, CHAIN_OWN);
    match_ct_direction(&r, IP_CT_DIR_ORIGINAL);
    match_tcp_syn(&r, NFT_CMP_EQ);
    build_ct_state(b, &r, MARK_UNDECIDED);
    build_end(b, &r);

    /* fast_path off: loopback inside the scope stays free, all else goes by the queue. */
    for (unsigned udp = 0; udp < 2; udp++) {
        r = build_rule(b, CHAIN_OWN);
        match_protocol(&r, udp ? NFT_CMP_EQ : NFT_CMP_NEQ, IPPROTO_UDP);
        if (!b->rules->fast_path)
            match_interface(&r, NFT_META_OIFNAME, NFT_CMP_EQ, "lo");
        if (udp)
            build_match_same(b, &r, MARK_APPROVED);
        else
            build_match_ct_state(b, &r, MARK_APPROVED);
        build_pass(b, &r);
    }

    r = build_rule(b, CHAIN_OWN);
    match_ct_mark(&r, build_value(b, 0, MARK_BARE_GO), NFT_CMP_EQ, build_value(b, 0, MARK_BARE_GO));
    match_ct_direction(&r, IP_CT_DIR_ORIGINAL);
    build_jump(b, &r, CHAIN_BARE);

    /* Replies are met at +110. */
    r = build_rule(b, CHAIN_OWN);
    match_ct_direction(&r, IP_CT_DIR_REPLY);
    build_pass(b, &r);

    /* An approved QUIC flow: what can begin another connection (a long header) is judged.  To lo it is a datagram
     * inside the scope. */
    for (unsigned step = b->rules->fast_path ? 0 : 1; step < 2; step++) {
        r = build_rule(b, CHAIN_OWN);
        match_interface(&r, NFT_META_OIFNAME, NFT_CMP_NEQ, "lo");
        if (step == 0)
            match_quic_short(&r);
        else
            match_protocol(&r, NFT_CMP_EQ, IPPROTO_UDP);
        build_match_same(b, &r, MARK_HTTP);
        build_match_scope(b, &r, SET_QUIC);
        if (step == 0)
            build_pass(b, &r);
        else
            build_refer(b, &r, MARK_FROM_SERVER);
    }
    r = build_rule(b, CHAIN_OWN);
    build_go(b, &r, CHAIN_UNDECIDED);
}

/* Packets of no connection, of one without a mark, or of another's.  Only a first packet of our own side may begin one.
 */
static void others_rules(const struct build *b)
{
    /* Untracked (NOTRACK in another table) and invalid packets have no connection: a rule that reads the mark would not
     * match them at all, so they are taken out first. */
    struct expression_rule r = build_rule(b, CHAIN_OTHERS);
    match_ct_state(&r, NF_CT_STATE_INVALID_BIT | NF_CT_STATE_UNTRACKED_BIT);
    build_refer(b, &r, MARK_STRAY);

    r = build_rule(b, CHAIN_OTHERS);
    match_ct_state(&r, NF_CT_STATE_BIT(IP_CT_RELATED));
    build_refer(b, &r, MARK_STRAY);

    /* Conntrack remembers a datagram's ports for 30 seconds and more, and by then they are used again: what the host's
     * own processes or another scope had there says nothing of this datagram, for or against it.  It begins anew. */
    r = build_rule(b, CHAIN_OTHERS);
    match_protocol(&r, NFT_CMP_EQ, IPPROTO_UDP);
    match_ct_direction(&r, IP_CT_DIR_ORIGINAL);
    verdict(&r, NFT_RETURN);
    build_end(b, &r);

    /* Another scope's connection: this one can only be its server, where it may be one. */
    r = build_rule(b, CHAIN_OTHERS);
    match_ct_mark(&r, b->mask, NFT_CMP_NEQ, 0);
    match_ct_direction(&r, IP_CT_DIR_REPLY);
    build_match_scope(b, &r, SET_INCOMING);
    build_pass(b, &r);
    r = build_rule(b, CHAIN_OTHERS);
    match_ct_mark(&r, b->mask, NFT_CMP_NEQ, 0);
    build_refer(b, &r, MARK_STRAY);

    r = build_rule(b, CHAIN_OTHERS);
    match_ct_direction(&r, IP_CT_DIR_REPLY);
    build_refer(b, &r, MARK_INCOMING);
    r = build_rule(b, CHAIN_OTHERS);
    match_ct_state_not(&r, NF_CT_STATE_BIT(IP_CT_NEW));
    build_refer(b, &r, MARK_STRAY);
    r = build_rule(b, CHAIN_OTHERS);
    match_tcp_syn(&r, NFT_CMP_NEQ);
    build_refer(b, &r, MARK_STRAY);
}

/* Output to lo: the listener is judged at input, where its cgroup can be seen. */
static void meet_loopback(const struct build *b)
{
    struct expression_rule r = build_rule(b, CHAIN_UNDECIDED);
    match_interface(&r, NFT_META_OIFNAME, NFT_CMP_EQ, "lo");
    build_match_ct_state(b, &r, MARK_UNDECIDED);
    build_ct_state(b, &r, MARK_LOOPBACK);
    build_end(b, &r);

    r = build_rule(b, CHAIN_UNDECIDED);
    match_interface(&r, NFT_META_OIFNAME, NFT_CMP_EQ, "lo");
    build_match_ct_state(b, &r, MARK_LOOPBACK);
    build_pass(b, &r);

    r = build_rule(b, CHAIN_UNDECIDED);
    match_interface(&r, NFT_META_OIFNAME, NFT_CMP_EQ, "lo");
    match_protocol(&r, NFT_CMP_NEQ, IPPROTO_TCP);
    build_match_ct_state(b, &r, MARK_HTTP);
    build_pass(b, &r);
}

/* TCP 53 to a resolver of the scope: nat redirects it to the relay, and "must end at a local listener" holds it to
 * that. */
static void meet_relay(const struct build *b)
{
    static const enum mark_connection from[] = {MARK_UNDECIDED, MARK_LOOPBACK, MARK_APPROVED};
    struct expression_rule r;
    for (uint8_t family = 4; family <= 6; family = (uint8_t)(family + 2)) {
        r = build_rule(b, CHAIN_UNDECIDED);
        match_port(&r, IPPROTO_TCP, 53);
        match_family(&r, family == 4 ? NFPROTO_IPV4 : NFPROTO_IPV6);
        key_mark(&r, 0, b->scope);
        key_address(&r, 1, family, false);
        lookup_port(&r, build_set(b, family == 4 ? SET_RELAY4 : SET_RELAY6).text);
        build_jump(b, &r, CHAIN_RELAY);
    }
    for (unsigned k = 0; k < sizeof from / sizeof *from; k++) {
        r = build_rule(b, CHAIN_RELAY);
        build_match_ct_state(b, &r, from[k]);
        /* An approved one, with fast_path off: only what the relay has, never what was opened otherwise. */
        if (from[k] == MARK_APPROVED)
            match_ct_dnat(&r);
        if (from[k] == MARK_UNDECIDED)
            build_ct_state(b, &r, MARK_LOOPBACK);
        build_pass(b, &r);
    }
}

void build_toward_rules(const struct build *b)
{
    /* Sent by this host (no interface it came in by).  IPv6 lets anybody bind to an address that is not here
     * (IPV6_FREEBIND).  A listener's answer on loopback, and our refusal with what it quotes, would go where that
     * address lives: silence, before all that answers.  Related is the reset that a rule of ours sends in a server's
     * name. */
    struct expression_rule r = build_rule(b, CHAIN_TOWARD);
    match_interface(&r, NFT_META_IIFNAME, NFT_CMP_EQ, "");
    match_ct_state_not(&r, NF_CT_STATE_BIT(IP_CT_RELATED));
    match_source_type(&r, NFT_CMP_NEQ, RTN_LOCAL);
    verdict(&r, NF_DROP);
    build_end(b, &r);

    /* Conntrack leaves neighbour discovery untracked: before all that asks for a connection. */
    r = build_rule(b, CHAIN_TOWARD);
    match_protocol(&r, NFT_CMP_EQ, IPPROTO_ICMPV6);
    match_interface(&r, NFT_META_IIFNAME, NFT_CMP_NEQ, "");
    build_jump(b, &r, CHAIN_NEIGHBOUR);
    header_rules(b);

    r = build_rule(b, CHAIN_TOWARD);
    build_match_state(b, &r, MARK_OWN);
    build_go(b, &r, CHAIN_OWN);
    r = build_rule(b, CHAIN_TOWARD);
    build_jump(b, &r, CHAIN_OTHERS);
    r = build_rule(b, CHAIN_TOWARD);
    key_mark(&r, 0, b->scope);
    lookup_jump(&r, build_set(b, SET_BEGIN).text);
    build_end(b, &r);
    r = build_rule(b, CHAIN_TOWARD);
    build_go(b, &r, CHAIN_UNDECIDED);

    own_rules(b);
    own_related_rules(b);
    others_rules(b);

    meet_loopback(b);
    meet_relay(b);
    /* Redirected or routed away from the listener it was let go to. */
    r = build_rule(b, CHAIN_UNDECIDED);
    build_match_ct_state(b, &r, MARK_LOOPBACK);
    build_refer(b, &r, MARK_STRAY);
    r = build_rule(b, CHAIN_UNDECIDED);
    build_refer(b, &r, MARK_TO_SERVER);
}
