/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is neither TCP nor DNS: datagrams, other protocols, broken packets, and packets that the rules already refused.
 */
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "nfq/judge_state.h"

static bool is_group(const struct address *a)
{
    if (a->family == 6)
        return a->octets[0] == 0xff;
    static const struct address everyone = {4, {255, 255, 255, 255}};
    return (a->octets[0] & 0xf0) == 0xe0 || address_equal(a, &everyone);
}

/* A QUIC long header (RFC 8999 s5.1) to a port where HTTP/3 is spoken. */
static bool looks_like_quic(const struct packet *p)
{
    struct reader r = reader_init(p->payload, false);
    return p->destination_port == 443 && reader_left(&r) >= 7 && (reader_u8(&r) & 0x80) != 0;
}

/* The name in a question to a resolver that is not pinned, so that the event can say it. */
static void name_foreign_question(const struct packet *p, struct event *e)
{
    struct question q;
    char shown[256];
    enum reason form = message_read_query(p->payload, &q, shown);
    e->dns_type = q.labels_len ? q.type : 0;
    if (q.name.len) {
        memcpy(e->domain, q.name.text, q.name.len + 1u);
    } else if (form == REASON_DNS_NAME_FORM) {
        memcpy(e->domain, shown, sizeof e->domain - 1);
        e->domain_escaped = true;
    }
}

void judge_foreign_resolver(const struct address *resolver, struct event *e)
{
    char text[ADDRESS_TEXT_SIZE];
    address_format(resolver, text);
    snprintf(e->hint, sizeof e->hint, "resolvers: [%s]", text);
    e->reason = REASON_FOREIGN_RESOLVER;
}

/* QUIC to a name that is allowed for TLS there, or that a name's entry would allow: one setting more is all it takes.
 */
static void hint_quic(const struct visit *v, const struct bound_name *bound, unsigned bounds, struct event *e)
{
    const struct packet *p = &v->packet;
    struct decision d = decide_tcp(v->scope, &p->destination, p->destination_port, bound, bounds);
    if (d.path == DECIDE_INSPECT_TLS || d.path == DECIDE_INSPECT_EITHER ||
        (d.path == DECIDE_REFUSE && d.offer && bounds))
        snprintf(e->hint, sizeof e->hint, "quic: judge");
}

static enum reason reason_of(const struct visit *v, const struct decision *d, struct event *e)
{
    const struct packet *p = &v->packet;
    if (is_group(&p->destination))
        return REASON_LINK_LOCAL_NAMES;
    if (p->destination_port == 53) {
        e->action = ACTION_DNS_QUERY;
        name_foreign_question(p, e);
        judge_foreign_resolver(&p->destination, e);
        return e->reason;
    }
    if (d->reason == REASON_METADATA_ADDRESS || d->reason == REASON_DENIED)
        return d->reason;
    if (looks_like_quic(p) && v->scope->profile->quic != POLICY_QUIC_JUDGE)
        return REASON_QUIC;
    return d->reason == REASON_NOT_IN_ALLOWLIST ? REASON_UDP_NOT_ALLOWED : d->reason;
}

void judge_datagram(struct judge *j, struct visit *v)
{
    const struct packet *p = &v->packet;
    bool quic = v->scope && v->scope->profile->quic == POLICY_QUIC_JUDGE;
    struct flow_key key = judge_flow_key(p, false);
    struct quic_flow *flow = quic ? quic_flow_find(j->quic, &key) : NULL;
    if (flow || (quic && v->in->approved)) { /* it outlives its address's lifetime */
        judge_quic(j, v, flow);
        return;
    }
    struct bound_name bound[BINDING_NAMES_MAX];
    unsigned bounds = judge_bound(j, v, &p->destination, bound);
    struct decision d = {.path = DECIDE_RELEASE, .reason = REASON_OBSERVED};
    if (v->scope)
        d = decide_udp(v->scope, &p->destination, p->destination_port, bound, bounds);
    if (d.path == DECIDE_INSPECT_QUIC) {
        judge_quic(j, v, NULL);
        return;
    }
    struct event e;
    judge_event_init(j, v, ACTION_DATAGRAM, &e);
    judge_event_decision(&d, &e);
    if (bounds)
        memcpy(e.domain, bound[0].name, bound[0].len + 1u);
    if (d.path != DECIDE_REFUSE) {
        judge_tell(j, &e);
        judge_pass(j, v, MARK_APPROVE, p->payload);
        return;
    }
    e.reason = reason_of(v, &d, &e);
    if (e.reason == REASON_QUIC)
        hint_quic(v, bound, bounds, &e);
    if (d.offer && bounds && !is_group(&p->destination) && p->destination_port != 53 && e.reason != REASON_QUIC) {
        struct endpoint hint = {.scheme = ENDPOINT_UDP, .host = ENDPOINT_NAME};
        hint.port_low = hint.port_high = p->destination_port;
        if (name_from_wire((struct bytes){(const uint8_t *)bound[0].name, bound[0].len}, &hint.name))
            endpoint_format(&hint, e.hint, sizeof e.hint);
    }
    refusal_make(j, v, &e, REFUSAL_ICMP, (struct bytes){0}, MARK_APPROVE);
}

/* A network namespace's own kernel tells its neighbours which groups it listens to (MLD, RFC 3810; IGMP, RFC 3376) and
 * looks for routers.  It never goes on, but it is nobody's attempt. */
static bool is_group_report(const struct packet *p)
{
    static const struct address mld = {6, {0xff, 2, [15] = 0x16}}, routers = {6, {0xff, 2, [15] = 2}};
    static const struct address igmp = {4, {224, 0, 0, 22}};
    return address_equal(&p->destination, &mld) || address_equal(&p->destination, &routers) ||
           address_equal(&p->destination, &igmp);
}

void judge_other(struct judge *j, struct visit *v, enum reason form)
{
    if (!v->scope || (v->in->path == MARK_FROM_SERVER && form == REASON_PROTOCOL)) {
        judge_discard(j, v);
        return;
    }
    struct event e;
    judge_event_init(j, v, ACTION_PACKET, &e);
    e.reason = form;
    e.verdict = is_group_report(&v->packet) ? VERDICT_IGNORED : VERDICT_DENY;
    bool silent = form == REASON_TCP_SEQUENCE || v->in->path == MARK_FROM_SERVER;
    refusal_make(j, v, &e, silent ? REFUSAL_DROP : REFUSAL_ICMP, (struct bytes){0}, MARK_PASS);
}

/* conntrack calls an ICMP error related or invalid, never new: one that the rules bring here as the scope's own is
 * about a connection of the scope.  What it quotes may still be anything: it goes on as a copy without room for words.
 */
void judge_related(struct judge *j, struct visit *v)
{
    size_t len = packet_rebuild_icmp_error(&v->packet, j->out, sizeof j->out);
    if (!len || !v->scope)
        judge_other(j, v, REASON_PROTOCOL);
    else if (v->audit)
        judge_discard(j, v);
    else
        judge_accept(j, v->in->id, MARK_PASS, (struct bytes){j->out, len});
}

/* The rules refused it: its connection is not one of this scope that was seen from its first packet. */
void judge_stray(struct judge *j, struct visit *v)
{
    const struct packet *p = &v->packet;
    bool tcp = p->protocol == IPPROTO_TCP;
    struct event e;
    judge_event_init(j, v, tcp ? ACTION_TCP_CONNECT : ACTION_PACKET, &e);
    e.reason = REASON_OLDER_THAN_SCOPE;
    /* A late acknowledgment or reset carries nothing, and after a restart of the handler a lost connection is not the
     * job's doing. */
    bool unknown = v->in->path == MARK_TO_SERVER;
    e.verdict = tcp && (unknown || p->payload.len == 0) ? VERDICT_IGNORED : VERDICT_DENY;
    bool from_loopback =
        v->in->local && (address_is_loopback(&p->source) || (tcp && (p->flags & (TCP_SYN | TCP_ACK)) == TCP_SYN));
    bool dns_input = !v->in->at_output && p->protocol == IPPROTO_UDP && p->source_port == 53;
    if (v->in->path == MARK_STRAY &&
        (v->in->forwarded || dns_input)) { /* nobody is to be answered: its source is a lie */
        e.reason = REASON_ANSWER_FORGED;
        e.verdict = VERDICT_DENY;
        e.incoming = true;
        refusal_make(j, v, &e, REFUSAL_DROP, (struct bytes){0}, MARK_PASS);
        return;
    }
    if (v->in->path == MARK_STRAY && (!v->in->at_output || from_loopback)) {
        e.reason = REASON_LOOPBACK_LEFT;
        e.verdict = VERDICT_DENY;
    } else if (!tcp && p->protocol != IPPROTO_UDP) {
        e.reason = REASON_PROTOCOL;
        if (packet_is_icmp_error(p)) /* any host sends one about an answer that came too late */
            e.verdict = VERDICT_IGNORED;
    } else if (is_group(&p->destination)) {
        e.reason = REASON_LINK_LOCAL_NAMES;
        if (is_group_report(p))
            e.verdict = VERDICT_IGNORED;
    }
    if (tcp && p->flags & TCP_RST) {
        judge_discard(j, v);
        return;
    }
    refusal_make(j, v, &e, tcp ? REFUSAL_RESET : REFUSAL_ICMP, (struct bytes){0}, MARK_PASS);
}

void judge_incoming(struct judge *j, struct visit *v)
{
    const struct packet *p = &v->packet;
    if (v->in->forwarded) { /* to a member, and no part of a connection */
        judge_discard(j, v);
        return;
    }
    /* From a member of the scope, and not the answer to a SYN: conntrack took the connection up in its middle. */
    if (v->in->at_output && p->protocol == IPPROTO_TCP && !(p->flags & TCP_SYN)) {
        judge_stray(j, v);
        return;
    }
    struct event e;
    judge_event_init(j, v, v->packet.protocol == IPPROTO_TCP ? ACTION_TCP_CONNECT : ACTION_PACKET, &e);
    e.reason = REASON_INCOMING;
    e.verdict = VERDICT_DENY;
    refusal_make(j, v, &e, v->packet.protocol == IPPROTO_TCP ? REFUSAL_RESET : REFUSAL_ICMP, (struct bytes){0},
                 MARK_PASS);
}
