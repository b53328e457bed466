/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The chains of one scope.  No way through them ends without an accept that is argued here, or the queue. */
#include <netinet/in.h> /* before linux/ */
#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_conntrack_tuple_common.h>
#include <linux/rtnetlink.h>
#include <stdio.h>

#include "nft/ruleset_build.h"

void build_scope_name(char out[CHAIN_NAME_SIZE], const char *prefix, uint16_t scope)
{
    snprintf(out, CHAIN_NAME_SIZE, "%s_%u", prefix, scope);
}

void build_scope_chains(const struct build *b, uint16_t scope)
{
    char name[CHAIN_NAME_SIZE];
    const char *prefixes[] = {SCOPE_OUTPUT, SCOPE_PREROUTING, SCOPE_LISTENER, SCOPE_NEWCOMER};
    for (unsigned i = 0; i < sizeof prefixes / sizeof *prefixes; i++) {
        build_scope_name(name, prefixes[i], scope);
        transaction_chain_new(b->t, b->rules->table, name, NULL);
    }
    build_dropped_counter(b, RULESET_FORGED, scope);
    build_dropped_counter(b, RULESET_UNPROVEN, scope);
}

/* What can be said of a packet before its connection mark is believed.
 *
 * Untracked (NOTRACK in another table) and invalid packets have no connection: a rule that reads the mark would not
 * match them at all, so they are taken out first.  "Related" may only be an ICMP error, or a reset that a rule of ours
 * sent: a connection that a conntrack helper expected inherits its parent's mark, approval included. */
static void refuse_unproven(const struct build *b, const char *chain, const struct ruleset_scope *s)
{
    struct expression_rule r = build_rule(b, chain);
    match_ct_state(&r, NF_CT_STATE_INVALID_BIT | NF_CT_STATE_UNTRACKED_BIT);
    build_refer(b, &r, s->id, MARK_STRAY);

    /* An error that a client's side sends quotes what it likes: none about an undecided connection, and of one about
     * another a copy that quotes no more than its receiver needs. */
    static const uint8_t icmp[] = {IPPROTO_ICMP, IPPROTO_ICMPV6};
    for (unsigned i = 0; i < 2 * sizeof icmp; i++) {
        bool approved = i >= sizeof icmp;
        r = build_rule(b, chain);
        match_protocol(&r, NFT_CMP_EQ, icmp[i % sizeof icmp]);
        match_ct_state(&r, NF_CT_STATE_BIT(IP_CT_RELATED));
        match_ct_direction(&r, IP_CT_DIR_ORIGINAL);
        match_ct_mark(&r, b->mask, approved ? NFT_CMP_EQ : NFT_CMP_NEQ, build_value(b, s->id, MARK_APPROVED));
        build_refer(b, &r, s->id, approved ? MARK_TO_SERVER : MARK_STRAY);
    }

    r = build_rule(b, chain);
    match_ct_state(&r, NF_CT_STATE_BIT(IP_CT_RELATED));
    match_ct_mark(&r, b->scope, NFT_CMP_EQ, build_value(b, s->id, 0));
    verdict_jump(&r, CHAIN_RELATED);
    build_end(b, &r);

    r = build_rule(b, chain);
    match_ct_state(&r, NF_CT_STATE_BIT(IP_CT_RELATED));
    build_refer(b, &r, s->id, MARK_STRAY);
}

/* Conntrack remembers a datagram's ports for 30 seconds and more, and by then they are used again: what the host's own
 * processes or another scope had there says nothing of this datagram, for or against it.  It begins anew. */
static void begin_datagram(const struct build *b, const char *chain, const struct ruleset_scope *s)
{
    struct expression_rule r = build_rule(b, chain);
    match_protocol(&r, NFT_CMP_EQ, IPPROTO_UDP);
    match_ct_direction(&r, IP_CT_DIR_ORIGINAL);
    match_ct_mark(&r, b->scope, NFT_CMP_NEQ, build_value(b, s->id, 0));
    build_ct_mark(b, &r, s->id, MARK_UNDECIDED);
    build_end(b, &r);
}

/* Packets of a connection that has a mark. */
static void judge_marked(const struct build *b, const char *chain, const struct ruleset_scope *s, enum build_side side)
{
    /* A SYN begins another connection, though conntrack may know the one before it between the same ports (it keeps one
     * that the server reset): what that one was approved for says nothing of this one. */
    struct expression_rule r = build_rule(b, chain);
    match_ct_mark(&r, b->scope, NFT_CMP_EQ, build_value(b, s->id, 0));
    match_ct_direction(&r, IP_CT_DIR_ORIGINAL);
    match_tcp_syn(&r, NFT_CMP_EQ);
    build_ct_state(b, &r, MARK_UNDECIDED);
    build_end(b, &r);

    /* fast_path off: loopback inside the scope stays free, all else goes by the queue. */
    if (b->rules->fast_path || side == SIDE_OUTPUT) {
        r = build_rule(b, chain);
        match_ct_mark(&r, b->mask, NFT_CMP_EQ, build_value(b, s->id, MARK_APPROVED));
        if (!b->rules->fast_path)
            match_interface(&r, NFT_META_OIFNAME, NFT_CMP_EQ, "lo");
        verdict(&r, NF_ACCEPT);
        build_end(b, &r);
    }

    r = build_rule(b, chain);
    match_ct_mark(&r, b->scope | build_value(b, 0, MARK_BARE_GO), NFT_CMP_EQ, build_value(b, s->id, MARK_BARE_GO));
    match_ct_direction(&r, IP_CT_DIR_ORIGINAL);
    verdict_jump(&r, CHAIN_BARE);
    build_end(b, &r);

    /* Replies are met at +110. */
    r = build_rule(b, chain);
    match_ct_mark(&r, b->scope, NFT_CMP_EQ, build_value(b, s->id, 0));
    match_ct_direction(&r, IP_CT_DIR_REPLY);
    verdict(&r, NF_ACCEPT);
    build_end(b, &r);

    /* An approved QUIC flow: what can begin another connection (a long header) is judged. */
    for (unsigned step = b->rules->fast_path ? 0 : 1; s->quic && step < 2; step++) {
        r = build_rule(b, chain);
        match_ct_mark(&r, b->mask, NFT_CMP_EQ, build_value(b, s->id, MARK_HTTP));
        if (side == SIDE_OUTPUT) /* there it is a datagram inside the scope */
            match_interface(&r, NFT_META_OIFNAME, NFT_CMP_NEQ, "lo");
        if (step == 0)
            match_quic_short(&r);
        else
            match_protocol(&r, NFT_CMP_EQ, IPPROTO_UDP);
        if (step == 0) {
            verdict(&r, NF_ACCEPT);
            build_end(b, &r);
        } else {
            build_refer(b, &r, s->id, MARK_FROM_SERVER);
        }
    }

    /* Another scope's connection: this one can only be its server, where it may be one. */
    if (s->incoming) {
        r = build_rule(b, chain);
        match_ct_mark(&r, b->mask, NFT_CMP_NEQ, 0);
        match_ct_direction(&r, IP_CT_DIR_REPLY);
        verdict(&r, NF_ACCEPT);
        build_end(b, &r);
    }
    r = build_rule(b, chain);
    match_ct_mark(&r, b->mask, NFT_CMP_NEQ, 0);
    match_ct_mark(&r, b->scope, NFT_CMP_NEQ, build_value(b, s->id, 0));
    build_refer(b, &r, s->id, MARK_STRAY);
}

/* Packets of a connection without a mark: only a first packet of our own side may begin one. */
static void begin_connection(const struct build *b, const char *chain, const struct ruleset_scope *s)
{
    struct expression_rule r = build_rule(b, chain);
    match_ct_mark(&r, b->mask, NFT_CMP_EQ, 0);
    match_ct_direction(&r, IP_CT_DIR_REPLY);
    build_refer(b, &r, s->id, MARK_INCOMING);

    r = build_rule(b, chain);
    match_ct_mark(&r, b->mask, NFT_CMP_EQ, 0);
    match_ct_state_not(&r, NF_CT_STATE_BIT(IP_CT_NEW));
    build_refer(b, &r, s->id, MARK_STRAY);

    r = build_rule(b, chain);
    match_ct_mark(&r, b->mask, NFT_CMP_EQ, 0);
    match_tcp_syn(&r, NFT_CMP_NEQ);
    build_refer(b, &r, s->id, MARK_STRAY);

    r = build_rule(b, chain);
    match_ct_mark(&r, b->mask, NFT_CMP_EQ, 0);
    build_ct_mark(b, &r, s->id, MARK_UNDECIDED);
    build_end(b, &r);
}

/* Output to lo: the listener is judged at input, where its cgroup can be seen. */
static void meet_loopback(const struct build *b, const char *chain, const struct ruleset_scope *s)
{
    struct expression_rule r = build_rule(b, chain);
    match_interface(&r, NFT_META_OIFNAME, NFT_CMP_EQ, "lo");
    match_ct_mark(&r, b->mask, NFT_CMP_EQ, build_value(b, s->id, MARK_UNDECIDED));
    build_ct_state(b, &r, MARK_LOOPBACK);
    build_end(b, &r);

    r = build_rule(b, chain);
    match_interface(&r, NFT_META_OIFNAME, NFT_CMP_EQ, "lo");
    match_ct_mark(&r, b->mask, NFT_CMP_EQ, build_value(b, s->id, MARK_LOOPBACK));
    verdict(&r, NF_ACCEPT);
    build_end(b, &r);

    r = build_rule(b, chain);
    match_interface(&r, NFT_META_OIFNAME, NFT_CMP_EQ, "lo");
    match_protocol(&r, NFT_CMP_NEQ, IPPROTO_TCP);
    match_ct_mark(&r, b->mask, NFT_CMP_EQ, build_value(b, s->id, MARK_HTTP));
    verdict(&r, NF_ACCEPT);
    build_end(b, &r);
}

/* TCP 53 to a resolver of the scope: nat redirects it to the relay, and "must end at a local listener" holds it to
 * that. */
static void meet_relay(const struct build *b, const char *chain, const struct ruleset_scope *s)
{
    static const enum mark_connection from[] = {MARK_UNDECIDED, MARK_LOOPBACK, MARK_APPROVED};
    if (!s->relay_port)
        return;
    for (unsigned i = 0; i < s->resolvers; i++) {
        uint8_t bits = s->resolver[i].family == 4 ? 32 : 128;
        struct address_range resolver = {s->resolver[i], bits};
        for (unsigned k = 0; k < sizeof from / sizeof *from; k++) {
            struct expression_rule r = build_rule(b, chain);
            match_port(&r, IPPROTO_TCP, 53);
            match_destination(&r, NFT_CMP_EQ, &resolver);
            match_ct_mark(&r, b->mask, NFT_CMP_EQ, build_value(b, s->id, from[k]));
            /* An approved one, with fast_path off: only what the relay has, never what was opened otherwise. */
            if (from[k] == MARK_APPROVED)
                match_ct_dnat(&r);
            if (from[k] == MARK_UNDECIDED)
                build_ct_state(b, &r, MARK_LOOPBACK);
            verdict(&r, NF_ACCEPT);
            build_end(b, &r);
        }
    }
}

static void toward_server(const struct build *b, const struct ruleset_scope *s, enum build_side side)
{
    char chain[CHAIN_NAME_SIZE];
    build_scope_name(chain, side == SIDE_OUTPUT ? SCOPE_OUTPUT : SCOPE_PREROUTING, s->id);

    /* A packet mark of the job's own is never a verdict. */
    struct expression_rule r = build_rule(b, chain);
    set_mark(&r, ~b->mask, 0);
    build_end(b, &r);

    if (side == SIDE_OUTPUT) {
        /* IPv6 lets anybody bind to an address that is not here (IPV6_FREEBIND).  A listener's answer on loopback, and
         * our refusal with what it quotes, would go where that address lives: silence, before all that answers. Related
         * is the reset that a rule of ours sends in a server's name. */
        r = build_rule(b, chain);
        match_ct_state_not(&r, NF_CT_STATE_BIT(IP_CT_RELATED));
        match_source_type(&r, NFT_CMP_NEQ, RTN_LOCAL);
        verdict(&r, NF_DROP);
        build_end(b, &r);
    }
    if (side == SIDE_PREROUTING) {
        /* Conntrack leaves neighbour discovery untracked: before all that asks for a connection. */
        r = build_rule(b, chain);
        match_protocol(&r, NFT_CMP_EQ, IPPROTO_ICMPV6);
        verdict_jump(&r, CHAIN_NEIGHBOUR);
        build_end(b, &r);
    }
    refuse_unproven(b, chain, s);
    begin_datagram(b, chain, s);
    judge_marked(b, chain, s, side);
    begin_connection(b, chain, s);
    if (side == SIDE_OUTPUT)
        meet_loopback(b, chain, s);
    meet_relay(b, chain, s);

    /* Redirected or routed away from the listener it was let go to. */
    r = build_rule(b, chain);
    match_ct_mark(&r, b->mask, NFT_CMP_EQ, build_value(b, s->id, MARK_LOOPBACK));
    build_refer(b, &r, s->id, MARK_STRAY);

    r = build_rule(b, chain);
    build_refer(b, &r, s->id, MARK_TO_SERVER);
}

/* Not this scope's listener alone: judged as any address is, and so is whatever it answers. */
static void judge_listener(const struct build *b, struct expression_rule *r, const struct ruleset_scope *s)
{
    build_ct_state(b, r, MARK_LOOPBACK);
    build_refer(b, r, s->id, MARK_TO_SERVER);
}

/* Input, from lo, original direction, MARK_LOOPBACK: who listens?  A TCP connection stays with the listener that its
 * SYN found.  A datagram goes to whoever has the port now: MARK_HTTP asks again for each, and lets the answers go. */
static void at_listener(const struct build *b, const struct ruleset_scope *s)
{
    static const uint8_t answered_by_kernel[] = {IPPROTO_TCP, IPPROTO_UDP, IPPROTO_ICMP, IPPROTO_ICMPV6};
    char chain[CHAIN_NAME_SIZE];
    build_scope_name(chain, SCOPE_LISTENER, s->id);

    struct expression_rule r;

    for (unsigned i = 0; i < s->cgroups; i++) {
        for (unsigned tcp = 0; tcp < 2; tcp++) {
            r = build_rule(b, chain);
            match_protocol(&r, tcp ? NFT_CMP_EQ : NFT_CMP_NEQ, IPPROTO_TCP);
            match_cgroup(&r, &s->cgroup[i]);
            build_ct_state(b, &r, tcp ? MARK_APPROVED : MARK_HTTP);
            verdict(&r, NF_ACCEPT);
            build_end(b, &r);
        }
    }
    if (s->relay_port) {
        r = build_rule(b, chain);
        match_port(&r, IPPROTO_TCP, s->relay_port);
        match_ct_dnat(&r);
        build_ct_state(b, &r, MARK_APPROVED);
        verdict(&r, NF_ACCEPT);
        build_end(b, &r);
    }
    r = build_rule(b, chain);
    match_socket(&r);
    judge_listener(b, &r, s);

    /* Nobody: a reset, an ICMP error or an echo reply comes from the kernel itself.  Multicast has listeners that a
     * socket look-up does not find, and other protocols have sockets that it cannot.  The reset is a reply: MARK_HTTP
     * lets it go and nothing more, for whatever the client sends on this connection is queued. */
    for (unsigned i = 0; i < sizeof answered_by_kernel; i++) {
        r = build_rule(b, chain);
        match_protocol(&r, NFT_CMP_EQ, answered_by_kernel[i]);
        match_destination_type(&r, NFT_CMP_EQ, RTN_LOCAL);
        if (answered_by_kernel[i] == IPPROTO_TCP)
            build_ct_state(b, &r, MARK_HTTP);
        verdict(&r, NF_ACCEPT);
        build_end(b, &r);
    }
    r = build_rule(b, chain);
    judge_listener(b, &r, s);
}

void build_scope_rules(const struct build *b, const struct ruleset_scope *scope)
{
    toward_server(b, scope, SIDE_OUTPUT);
    toward_server(b, scope, SIDE_PREROUTING);
    at_listener(b, scope);
}
