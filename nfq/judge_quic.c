/* SPDX-License-Identifier: GPL-3.0-or-later */
/* QUIC, where the profile judges it: a flow's datagrams are held until the ClientHello in its Initials is whole and
 * allowed.  RFC 9000, RFC 9001, RFC 9369.
 *
 * No server's packet is needed for that: judge_quic_read.c says under which keys a server could read an Initial, and
 * reads it under the only ones that open it.  So all hellos that a server could read of the connections that were begun
 * on this flow are judged, and they show one name.  What was let out under an id is remembered for as long as a server
 * may wait for the rest of it, and no other bytes go under that id.
 *
 * After the verdict the kernel lets short headers go; long headers stay queued, for they could begin another
 * connection. */
#include <string.h>

#include "nfq/judge_state.h"
#include "tls/quic_packet.h"

#define UNDECIDED_USEC (10ull * 1000000) /* from the first datagram to a whole hello */
/* After that, an Initial is judged as a first one is.  Until its handshake is confirmed, a server hears of a connection
 * by long headers only, and those we see: it has given one up that was silent so long. */
#define APPROVED_USEC (90ull * 1000000)
#define RECORDED_USEC (7200ull * 1000000)
#define REFUSED_USEC  (3ull * 1000000)

static void drop_held(struct judge *j, struct quic_flow *f)
{
    for (struct quic_held *h; (h = quic_held_first(j->quic, f)); quic_unhold(j->quic, f))
        judge_drop(j, h->id, MARK_PASS);
}

static void release_held(struct judge *j, struct quic_flow *f)
{
    for (struct quic_held *h; (h = quic_held_first(j->quic, f)); quic_unhold(j->quic, f)) {
        size_t len = packet_rebuild(&h->packet, (struct bytes){h->payload, h->len}, true, j->out, sizeof j->out, NULL);
        if (len)
            judge_accept(j, h->id, MARK_HTTP_FLOW, (struct bytes){j->out, len});
        else
            judge_drop(j, h->id, MARK_PASS);
    }
}

/* Tells and refuses; audit: tells, and from now on the flow goes. */
static void refuse(struct judge *j, struct visit *v, struct quic_flow *f, struct event *e)
{
    bool cut = v->in->approved || (f && f->marked);
    if (f) {
        drop_held(j, f);
        if (!f->marked)
            quic_connection_give_all(j->quic, f);
        f->state = QUIC_REFUSED;
        f->last_usec = j->now_usec;
    }
    refusal_make(j, v, e, cut ? REFUSAL_CUT : REFUSAL_ICMP, (struct bytes){0}, MARK_HTTP_FLOW);
}

static void refuse_for(struct judge *j, struct visit *v, struct quic_flow *f, enum reason reason, const char *shown)
{
    struct event e;
    judge_event_init(j, v, ACTION_TLS_HELLO, &e);
    e.reason = reason;
    e.verdict = VERDICT_DENY;
    e.domain_escaped = shown != NULL;
    if (shown)
        memcpy(e.domain, shown, strnlen(shown, sizeof e.domain - 1));
    else if (f && f->shown.len)
        memcpy(e.domain, f->shown.text, f->shown.len + 1u);
    refuse(j, v, f, &e);
}

/* `open`: it stands for the address, for it did when the flow was approved. */
static struct decision decide_name(struct judge *j, const struct visit *v, const struct quic_flow *f,
                                   const struct name *name, bool open)
{
    struct bound_name bound[BINDING_NAMES_MAX + 1];
    unsigned bounds = judge_bound(j, v, &f->key.server, bound);
    if (open)
        bound[bounds++] = (struct bound_name){name->text, name->len, false};
    return decide_shown_quic(v->scope, name, &f->key.server, f->key.server_port, bound, bounds);
}

/* The flow's first hello.  False: it was refused. */
static bool first_hello(struct judge *j, struct visit *v, struct quic_flow *f, const struct client_hello *hello)
{
    struct event e;
    struct decision d = {.path = DECIDE_REFUSE};
    judge_hello_event(j, v, hello, &e);
    if (!hello->has_name)
        d.reason = REASON_TLS_NO_NAME;
    else
        d = decide_name(j, v, f, &hello->server_name, false);
    d = judge_hello_decision(v->scope, hello, d);
    judge_event_decision(&d, &e);
    f->shown = hello->server_name;
    if (d.path != DECIDE_REFUSE) {
        judge_tell(j, &e);
        return true;
    }
    if (d.offer)
        judge_hello_hint(&hello->server_name, f->key.server_port, &e);
    refuse(j, v, f, &e);
    return false;
}

/* A second hello of the connection (HelloRetryRequest), or the one of another connection on the same flow. */
static bool other_hello(struct judge *j, struct visit *v, struct quic_flow *f, const struct client_hello *hello)
{
    if (hello->has_name && !judge_hello_hides(v->scope, hello) && name_equal(&f->shown, &hello->server_name))
        return true;
    char shown[NAME_MAX_BYTES + 1] = "";
    memcpy(shown, hello->server_name.text, hello->server_name.len);
    refuse_for(j, v, f, REASON_TLS_NAME_CHANGED, shown);
    return false;
}

/* Judges every hello that is whole now.  False: the flow was refused.  *whole: none is half there. */
static bool judge_hellos(struct judge *j, struct visit *v, struct quic_flow *f, bool *whole)
{
    struct client_hello hello;
    char shown[256] = "";
    *whole = true;
    for (struct quic_connection *c = quic_connection_first(j->quic, f); c; c = quic_connection_next(j->quic, c)) {
        while (quic_crypto_pending(&c->crypto)) {
            enum reason why;
            enum parse state = quic_crypto_hello(&c->crypto, &hello, &why, shown);
            if (state == PARSE_NEED_MORE) {
                *whole = false;
                break;
            }
            if (state == PARSE_OK && c->crypto.hellos > 2) { /* a server retries once (RFC 8446 s4.1.4) */
                state = PARSE_MALFORMED;
                why = REASON_TLS_MALFORMED;
            }
            if (state == PARSE_MALFORMED) {
                refuse_for(j, v, f, why, shown[0] ? shown : NULL);
                return false;
            }
            if (!(f->shown.len ? other_hello(j, v, f, &hello) : first_hello(j, v, f, &hello)))
                return false;
        }
    }
    return true;
}

/* Keeps the datagram until the flow is judged; audit lets it go. */
static void hold(struct judge *j, struct visit *v, struct quic_flow *f)
{
    const struct packet *p = &v->packet;
    if (v->audit) {
        judge_discard(j, v);
        return;
    }
    size_t head = p->transport_at + 8;
    bool fits = p->payload.len <= QUIC_HELD_BYTES && head <= sizeof((struct quic_held *)0)->head;
    struct quic_held *h = fits ? quic_hold(j->quic, f) : NULL;
    if (!h) { /* HELD_FULL: not the flow's own doing */
        bool own = !fits || f->held == QUIC_HELD_FLOW;
        refuse_for(j, v, f, own ? REASON_QUIC_TOO_LONG : REASON_HELD_FULL, NULL);
        return;
    }
    h->id = v->in->id;
    h->at_output = v->in->at_output;
    h->packet = *p;
    memcpy(h->head, p->whole.at, head);
    h->packet.whole = (struct bytes){h->head, head};
    h->packet.payload = (struct bytes){0};
    h->len = (uint16_t)p->payload.len;
    memcpy(h->payload, p->payload.at, p->payload.len);
    v->in_hand = false;
}

/* What can begin a flow: an Initial, or 0-RTT that overtook it (RFC 9000 s17.2.3). */
static enum reason begin(struct judge *j, const struct visit *v, struct quic_flow **f)
{
    struct quic_packet p;
    struct reader r = reader_init(v->packet.payload, false);
    enum quic_kind kind = quic_packet_read(&r, &p);
    if (kind == QUIC_OTHER_VERSION)
        return REASON_QUIC_VERSION;
    if (kind == QUIC_MALFORMED && quic_is_long(v->packet.payload))
        return REASON_QUIC_MALFORMED;
    if (kind != QUIC_INITIAL && kind != QUIC_ZERO_RTT && !v->in->approved)
        return REASON_QUIC_EXPECTED;
    struct flow_key key = judge_flow_key(&v->packet, false);
    *f = quic_flow_take(j->quic, &key, v->in->scope);
    if (!*f)
        return REASON_TABLE_FULL;
    (*f)->first_usec = (*f)->last_usec = j->now_usec;
    (*f)->policies = j->policies;
    (*f)->state = v->in->approved ? QUIC_APPROVED : QUIC_UNDECIDED;
    return REASON_NONE;
}

/* Approved by an earlier policy: still by this one? */
static bool stays(struct judge *j, struct visit *v, struct quic_flow *f)
{
    if (f->policies == j->policies || !f->shown.len)
        return true;
    struct decision d = decide_name(j, v, f, &f->shown, true);
    f->policies = j->policies;
    if (d.path == DECIDE_REFUSE)
        refuse_for(j, v, f, d.reason, NULL);
    return d.path != DECIDE_REFUSE;
}

void judge_quic(struct judge *j, struct visit *v, struct quic_flow *f)
{
    bool is_long = quic_is_long(v->packet.payload);
    if (is_long && v->packet.payload.len > QUIC_HELD_BYTES) { /* and what it costs to open its Initials */
        refuse_for(j, v, f, REASON_QUIC_TOO_LONG, NULL);
        return;
    }
    if (!f && v->in->approved && !is_long && v->packet.payload.len) { /* the kernel's memory is longer than ours */
        judge_pass(j, v, MARK_PASS, v->packet.payload);
        return;
    }
    enum reason why = f ? REASON_NONE : begin(j, v, &f);
    if (why != REASON_NONE) {
        refuse_for(j, v, NULL, why, NULL);
        return;
    }
    f->last_usec = j->now_usec;
    f->marked |= v->in->approved;
    if (f->state == QUIC_REFUSED) {
        if (v->audit) {
            judge_pass(j, v, MARK_HTTP_FLOW, v->packet.payload);
            return;
        }
        if (!v->scope->drop)
            judge_inject(j, j->out, packet_build_icmp_error(&v->packet, j->out, JUDGE_INJECT_MAX));
        v->in_hand = false;
        judge_drop(j, v->in->id, v->in->approved ? MARK_RESET : MARK_PASS);
        return;
    }
    if (f->state == QUIC_APPROVED && !stays(j, v, f))
        return;
    why = judge_quic_read(j, v, f);
    if (why != REASON_NONE) {
        refuse_for(j, v, f, why, NULL);
        return;
    }
    bool whole;
    if (!judge_hellos(j, v, f, &whole))
        return;
    if (!whole || (f->state != QUIC_APPROVED && !f->shown.len)) {
        hold(j, v, f);
        return;
    }
    f->state = QUIC_APPROVED;
    f->marked = true;
    release_held(j, f);
    judge_pass(j, v, MARK_HTTP_FLOW, v->packet.payload);
}

static void sweep(void *ctx, struct quic_flow *f)
{
    struct judge *j = ctx;
    struct quic_held *h = quic_held_first(j->quic, f);
    const struct policy_scope *scope = j->policy ? policy_scope_find(j->policy, f->scope) : NULL;
    if (h && j->now_usec > f->last_usec + UNDECIDED_USEC) {
        if (!scope) {
            drop_held(j, f);
            return;
        }
        struct judge_packet in = {.id = h->id, .scope = f->scope, .at_output = h->at_output};
        struct visit v = {.in = &in, .packet = h->packet, .scope = scope, .in_hand = true};
        v.packet.payload = (struct bytes){0};
        quic_unhold(j->quic, f);
        refuse_for(j, &v, f, REASON_QUIC_TOO_LONG, NULL);
        return;
    }
    uint64_t allowed = f->state == QUIC_UNDECIDED ? UNDECIDED_USEC : REFUSED_USEC;
    if (f->state == QUIC_APPROVED || f->marked)
        allowed = j->config.recorded ? RECORDED_USEC : APPROVED_USEC;
    if (!h && j->now_usec > f->last_usec + allowed)
        quic_flow_give(j->quic, f);
}

void judge_quic_sweep(struct judge *j)
{
    quic_flow_sweep(j->quic, sweep, j);
}
