/* SPDX-License-Identifier: GPL-3.0-or-later */
/* TCP, client to server: the SYN is judged by address, the client's first bytes by what they show; until then they are
 * held, and what leaves is what was kept (DESIGN law 1, s3.3). */
#include <string.h>

#include "nfq/judge_state.h"

#define DECIDED_LEAST_USEC 250000u

/* Those that nobody answered are the first to go.  One whose answer comes after all is begun anew by its client. */
static bool forget_half_open(struct judge *j, struct visit *v)
{
    struct flow *f = flow_line_oldest(j->flows, v->in->scope, FLOW_LINE_HALF_OPEN);
    if (!f)
        return false;
    judge_flow_forget(j, f);
    judge_limit(j, v, REASON_HALF_OPEN);
    return true;
}

/* The decided are kept for what was queued before their verdict, and that has come. */
static bool forget_decided(struct judge *j, const struct visit *v)
{
    struct flow *f = flow_line_oldest(j->flows, v->in->scope, FLOW_LINE_DECIDED);
    if (!f || j->config.recorded || !j->policy->fast_path || j->now_usec < f->last_usec + DECIDED_LEAST_USEC)
        return false;
    judge_flow_forget(j, f);
    return true;
}

static void open_flow(struct judge *j, struct visit *v, const struct decision *d, bool released)
{
    struct flow_key key = judge_flow_key(&v->packet, false);
    if (!released && flow_half_open_full(j->flows, v->in->scope))
        forget_half_open(j, v);
    struct flow *f = flow_take(j->flows, &key, v->in->scope);
    if (!f && (forget_decided(j, v) || forget_half_open(j, v)))
        f = flow_take(j->flows, &key, v->in->scope);
    if (!f) {
        struct event e;
        judge_event_init(j, v, ACTION_TCP_CONNECT, &e);
        e.reason = REASON_TABLE_FULL;
        e.verdict = VERDICT_DENY;
        refusal_make(j, v, &e, REFUSAL_RESET, (struct bytes){0}, MARK_APPROVE);
        return;
    }
    f->isn = v->packet.sequence;
    f->path = (uint8_t)d->path;
    f->state = released ? FLOW_APPROVED : FLOW_SYN;
    f->last_usec = j->now_usec;
    flow_line_up(j->flows, f, released ? FLOW_LINE_DECIDED : FLOW_LINE_HALF_OPEN);
    http_stream_init(&f->http);
    f->http.proxy = d->path == DECIDE_INSPECT_PROXY;
    f->follows = true;
    if (v->in_hand)
        judge_pass(j, v, released ? MARK_APPROVE : MARK_PASS, (struct bytes){0});
}

/* A connection that no name is asked of: the address decides. */
static void tell_connection(struct judge *j, struct visit *v, const struct decision *d, const struct bound_name *bound,
                            unsigned bounds)
{
    struct event e;
    judge_event_init(j, v, ACTION_TCP_CONNECT, &e);
    judge_event_decision(d, &e);
    if (d->has_rule && d->rule.host != ENDPOINT_ADDRESS && bounds)
        memcpy(e.domain, bound[0].name, bound[0].len + 1u);
    judge_tell(j, &e);
}

/* What is told of a connection whose address the policy does not allow. */
static void connect_event(struct judge *j, struct visit *v, const struct decision *d, const struct bound_name *bound,
                          unsigned bounds, struct event *e)
{
    const struct packet *p = &v->packet;
    judge_event_init(j, v, ACTION_TCP_CONNECT, e);
    judge_event_decision(d, e);
    if (e->reason == REASON_NOT_RESOLVED && binding_was(j->config.bindings, v->in->scope, &p->destination))
        e->reason = REASON_BINDING_EXPIRED;
    if (e->reason == REASON_NOT_RESOLVED && p->destination_port == 53)
        judge_foreign_resolver(&p->destination, e);
    if (bounds)
        memcpy(e->domain, bound[0].name, bound[0].len + 1u);
    if (!d->offer)
        return;
    struct endpoint hint = {.port_low = p->destination_port, .port_high = p->destination_port};
    hint.scheme = p->destination_port == 80 && bounds ? ENDPOINT_HTTP : ENDPOINT_TCP;
    if (bounds && name_from_wire((struct bytes){(const uint8_t *)bound[0].name, bound[0].len}, &hint.name)) {
        hint.host = ENDPOINT_NAME;
    } else {
        hint.host = ENDPOINT_ADDRESS;
        hint.range = (struct address_range){p->destination, p->version == 4 ? 32 : 128};
    }
    endpoint_format(&hint, e->hint, sizeof e->hint);
}

static void refuse_syn(struct judge *j, struct visit *v, const struct decision *d, const struct bound_name *bound,
                       unsigned bounds)
{
    /* Audit: a connection to a name that is not allowed is told when it has shown what it speaks, as one finding with
     * the entry that would allow it.  DECIDE_REFUSE in the flow's path says that it is still to be told. */
    if (v->audit && bounds && d->offer) {
        open_flow(j, v, d, false);
        return;
    }
    struct event e;
    connect_event(j, v, d, bound, bounds, &e);
    if (v->audit) { /* the SYN goes on; the kernel may have the rest.  A recording tells what it shows as well. */
        refusal_make(j, v, &e, REFUSAL_PASS, (struct bytes){0}, MARK_APPROVE);
        if (j->config.recorded)
            open_flow(j, v, &(struct decision){.path = DECIDE_INSPECT_EITHER}, false);
        return;
    }
    refusal_make(j, v, &e, REFUSAL_RESET, (struct bytes){0}, MARK_PASS);
}

/* Audit: neither TLS nor HTTP, to a name that is not allowed. */
static void refuse_late(struct judge *j, struct visit *v, struct flow *f)
{
    struct bound_name bound[BINDING_NAMES_MAX];
    unsigned bounds = judge_bound(j, v, &f->key.server, bound);
    struct decision d = decide_tcp(v->scope, &f->key.server, f->key.server_port, bound, bounds);
    struct event e;
    connect_event(j, v, &d, bound, bounds, &e);
    judge_tcp_refuse(j, v, f, &e);
}

/* MD5, AO or malformed options (packet.h). */
static bool options_refused(const struct packet *p)
{
    uint8_t options[40];
    memcpy(options, p->options.at, p->options.len);
    return packet_clean_options(options, p->options.len) != REASON_NONE;
}

static void client_syn(struct judge *j, struct visit *v)
{
    const struct packet *p = &v->packet;
    struct flow_key key = judge_flow_key(p, false);
    struct flow *f = flow_find(j->flows, &key);
    if (f && f->state == FLOW_SYN && f->isn == p->sequence) {
        f->last_usec = j->now_usec;
        judge_pass(j, v, MARK_PASS, (struct bytes){0});
        return;
    }
    /* Another connection between the same ports.  Should the server still have the old one, it acknowledges that one,
     * not this SYN, and nothing of this one is ever let out. */
    if (f)
        judge_flow_forget(j, f);
    struct bound_name bound[BINDING_NAMES_MAX];
    unsigned bounds = judge_bound(j, v, &p->destination, bound);
    struct decision d = {.path = DECIDE_INSPECT_EITHER, .reason = REASON_OBSERVED};
    if (v->scope)
        d = decide_tcp(v->scope, &p->destination, p->destination_port, bound, bounds);
    if (d.path == DECIDE_REFUSE) {
        refuse_syn(j, v, &d, bound, bounds);
        return;
    }
    if (options_refused(p) && !v->audit) {
        struct event e;
        judge_event_init(j, v, ACTION_TCP_CONNECT, &e);
        e.reason = REASON_TCP_OPTION;
        e.verdict = VERDICT_DENY;
        refusal_make(j, v, &e, REFUSAL_RESET, (struct bytes){0}, MARK_PASS);
        return;
    }
    bool released = d.path == DECIDE_RELEASE;
    if (released)
        tell_connection(j, v, &d, bound, bounds);
    if (released && (!j->policy || j->policy->fast_path))
        judge_pass(j, v, MARK_APPROVE, (struct bytes){0});
    else
        open_flow(j, v, &d, released);
}

#define JOINED_BYTES 1200u /* small segments that wait become one packet of at most so much payload */
#define JOIN_FROM    4     /* packets held */

/* A segment that lies before what was released: the kept bytes go in place of its own, and what the server has already
 * does not go at all.  If that is all of it, an old sequence number asks for an acknowledgment (RFC 9293 s3.10.7.4). */
static void client_again(struct judge *j, struct visit *v, struct flow *f, uint64_t offset, size_t len)
{
    if (judge_promise_carry(j, v, f, offset))
        return;
    size_t known = offset >= f->acknowledged ? 0 : (size_t)(f->acknowledged - offset);
    bool fin = v->packet.flags & TCP_FIN && len == v->packet.payload.len && offset + len == judge_flow_released(f);
    if (known > len)
        known = len;
    uint64_t first = known < len || fin ? offset + known : f->acknowledged - 1;
    memcpy(j->payload, v->packet.payload.at + known, len - known);
    if (f->stream)
        stream_overlay(f->stream, first, j->payload, len - known);
    if (len < v->packet.payload.len || known == len)
        v->packet.flags &= (uint8_t) ~(TCP_FIN | TCP_PSH);
    if (fin) { /* the server will acknowledge it, too */
        v->packet.flags |= TCP_FIN;
        f->closing = true;
    } else {
        v->packet.flags &= (uint8_t)~TCP_FIN;
    }
    v->packet.sequence = f->isn + 1 + (uint32_t)first;
    judge_pass(j, v, MARK_PASS, (struct bytes){j->payload, len - known});
}

static bool is_held(struct judge *j, const struct flow *f, uint64_t offset, size_t len)
{
    for (struct flow_held *h = flow_held_first(j->flows, f); h; h = flow_held_next(j->flows, h))
        if (h->offset <= offset && h->offset + h->len >= offset + len)
            return true;
    return false;
}

/* Puts a small segment behind the held packet that it follows, so that many of them do not fill the table. */
static bool join(struct judge *j, struct visit *v, struct flow *f, uint64_t offset)
{
    const struct packet *p = &v->packet;
    if (f->held < JOIN_FROM)
        return false;
    for (struct flow_held *h = flow_held_first(j->flows, f); h; h = flow_held_next(j->flows, h)) {
        if (h->offset + h->len != offset || h->len + p->payload.len > JOINED_BYTES || h->packet.flags & TCP_FIN)
            continue;
        h->len += (uint32_t)p->payload.len;
        h->packet.flags |= p->flags & (TCP_PSH | TCP_FIN);
        judge_drop(j, v->in->id, MARK_PASS);
        v->in_hand = false;
        return true;
    }
    return false;
}

static bool hold(struct judge *j, struct visit *v, struct flow *f, uint64_t offset)
{
    if (join(j, v, f, offset))
        return true;
    const struct packet *p = &v->packet;
    struct flow_held *h = flow_hold(j->flows, f, p->whole.len);
    if (!h) {
        if (f->held < FLOW_HELD_MAX) /* not its own doing */
            judge_limit(j, v, REASON_HELD_FULL);
        return false;
    }
    size_t head = p->transport_at + 20 + p->options.len;
    h->id = v->in->id;
    h->len = (uint32_t)p->payload.len;
    h->offset = offset;
    h->at_output = v->in->at_output;
    h->gso = v->in->gso;
    h->packet = *p;
    memcpy(h->head, p->whole.at, head);
    h->packet.whole = (struct bytes){h->head, head};
    h->packet.options = (struct bytes){h->head + p->transport_at + 20, p->options.len};
    h->packet.payload = (struct bytes){0};
    v->in_hand = false;
    return true;
}

/* Looks at what has come; may release, approve or refuse. */
void judge_tcp_ready(struct judge *j, struct visit *v, struct flow *f)
{
    struct bytes ready = stream_ready(f->stream);
    if (f->state == FLOW_AWAIT)
        return;
    if (f->state == FLOW_OPEN && !f->is_http && ready.len) {
        bool http_only = f->path == DECIDE_INSPECT_HTTP || f->path == DECIDE_INSPECT_PROXY;
        bool tls = handshake_is_tls(ready.at[0]) && !http_only;
        f->is_http = !tls && f->path != DECIDE_INSPECT_TLS && http_is_http(ready.at[0]);
        if (!tls && !f->is_http) {
            if (!v->scope) {
                judge_tcp_approve(j, f);
                return;
            }
            if (f->path == DECIDE_REFUSE) {
                refuse_late(j, v, f);
                return;
            }
            judge_tcp_refuse_for(j, v, f, http_only ? ACTION_HTTP_REQUEST : ACTION_TLS_HELLO,
                                 http_only ? REASON_HTTP_EXPECTED : REASON_TLS_EXPECTED);
            return;
        }
    }
    if (f->is_http)
        judge_http_client(j, v, f);
    else
        judge_tls_client(j, v, f);
    if ((f->state == FLOW_HTTP || f->state == FLOW_AWAIT || f->state == FLOW_SHOWN) && f->stream &&
        stream_idle(f->stream))
        judge_flow_give_stream(j, f);
}

/* Audit: the packet goes at once, as it lies; the judging is done on a copy. */
static void client_data_audit(struct judge *j, struct visit *v, struct flow *f, uint64_t offset)
{
    if (stream_add(f->stream, offset, v->packet.payload) == STREAM_CONFLICT)
        judge_tcp_refuse_for(j, v, f, ACTION_TCP_CONNECT, REASON_TCP_CONFLICT);
    else
        judge_tcp_ready(j, v, f);
    bool done = f->state == FLOW_SHOWN || f->state == FLOW_APPROVED;
    if (done && f->state != FLOW_APPROVED)
        judge_tcp_approve(j, f);
    judge_accept(j, v->in->id, done ? MARK_APPROVE : MARK_PASS, (struct bytes){0});
}

static void client_data(struct judge *j, struct visit *v, struct flow *f, uint64_t offset)
{
    struct packet *p = &v->packet;
    if (!f->first_data_usec)
        f->first_data_usec = j->now_usec;
    if (!f->stream) {
        f->stream = stream_take(j->streams, v->in->scope);
        if (!f->stream) { /* comes again */
            judge_limit(j, v, REASON_STREAMS_FULL);
            judge_discard(j, v);
            return;
        }
        f->stream->start = f->next;
    }
    if (v->audit) {
        client_data_audit(j, v, f, offset);
        return;
    }
    enum stream_add added = stream_add(f->stream, offset, p->payload);
    if (added == STREAM_CONFLICT) {
        judge_tcp_refuse_for(j, v, f, ACTION_TCP_CONNECT, REASON_TCP_CONFLICT);
        return;
    }
    if (added == STREAM_NO_ROOM) { /* too far ahead; a sound sender comes again */
        judge_discard(j, v);
        return;
    }
    uint64_t start = f->stream->start;
    if (offset < start) {
        /* Overlaps what was released: that part goes now, with the kept bytes; the rest is known and comes again. */
        client_again(j, v, f, offset, start - offset);
    } else if (is_held(j, f, offset, p->payload.len)) {
        judge_discard(j, v); /* it comes again while it waits */
        return;
    } else if (!hold(j, v, f, offset)) {
        judge_discard(j, v); /* its bytes are known, and leave when it comes again */
    }
    judge_tcp_ready(j, v, f);
    judge_promise(j, v, f);
}

static void client_fin(struct judge *j, struct visit *v, struct flow *f, uint64_t offset)
{
    uint64_t released = judge_flow_released(f);
    if (offset <= released || v->audit) {
        f->closing = true;
        judge_pass(j, v, MARK_PASS, (struct bytes){0});
        return;
    }
    struct bytes ready = stream_ready(f->stream ? f->stream : &(struct stream){0});
    if (f->stream && released + ready.len == offset && f->state != FLOW_SHOWN && f->state != FLOW_RESHOWN &&
        f->state != FLOW_AWAIT) {
        judge_tcp_refuse_for(j, v, f, f->is_http ? ACTION_HTTP_REQUEST : ACTION_TLS_HELLO,
                             f->is_http ? REASON_HTTP_MALFORMED : REASON_TLS_MALFORMED);
        return;
    }
    judge_discard(j, v); /* something before it is missing: it comes again */
}

/* The client was told.  Its kernel answers what the server still sends with resets, and the server is to hear of one:
 * of ours, for the client's is its own words. */
static void client_refused(struct judge *j, struct visit *v, const struct flow *f)
{
    uint8_t reset[JUDGE_RESET_MAX];
    size_t len = 0;
    if (v->packet.flags & TCP_RST && f->server_known)
        len = packet_build_reset_bare(&v->packet, false, judge_flow_server_next(f), reset, sizeof reset);
    if (len)
        judge_accept(j, v->in->id, MARK_PASS, (struct bytes){reset, len});
    else
        judge_drop(j, v->in->id, v->in->at_output && !v->scope->drop ? MARK_RESET : MARK_PASS);
}

void judge_tcp_client(struct judge *j, struct visit *v)
{
    struct packet *p = &v->packet;
    if ((p->flags & (TCP_SYN | TCP_ACK | TCP_RST | TCP_FIN)) == TCP_SYN) {
        client_syn(j, v);
        return;
    }
    struct flow_key key = judge_flow_key(p, false);
    struct flow *f = flow_find(j->flows, &key);
    if (!f) {
        judge_stray(j, v);
        return;
    }
    f->last_usec = j->now_usec;
    if (f->state == FLOW_REFUSED) {
        client_refused(j, v, f);
    } else if (f->state == FLOW_APPROVED) {
        judge_pass(j, v, MARK_APPROVE, p->payload);
    } else if (p->flags & TCP_RST) {
        judge_pass(j, v, MARK_PASS, (struct bytes){0});
        judge_flow_forget(j, f);
    } else if (f->state == FLOW_SYN || p->flags & TCP_SYN) {
        judge_discard(j, v); /* nothing goes before the server has answered this very SYN */
    } else if (p->flags & TCP_URG && !v->audit) {
        judge_tcp_refuse_for(j, v, f, ACTION_TCP_CONNECT, REASON_TCP_URGENT);
    } else if (options_refused(p) &&
               !v->audit) { /* on a segment too: with the MD5 option, a server without the key drops it */
        judge_tcp_refuse_for(j, v, f, ACTION_TCP_CONNECT, REASON_TCP_OPTION);
    } else {
        int64_t offset = judge_flow_offset(f, p->sequence);
        /* Bytes left of the first: a server cuts them off and reads the rest; no sound client sends them. */
        if (offset < 0 && p->payload.len > 1 && !v->audit) {
            judge_tcp_refuse_for(j, v, f, ACTION_TCP_CONNECT, REASON_TCP_SEQUENCE);
            return;
        }
        uint64_t end = (uint64_t)offset + p->payload.len;
        /* A keep-alive probe before the first byte: nothing of it is a byte of the stream. */
        bool bare = offset < 0 || (p->payload.len == 0 && !(p->flags & TCP_FIN));
        if (bare && (offset < 0 || !judge_promise_deliver(j, v, f)))
            judge_pass(j, v, MARK_PASS, (struct bytes){0});
        else if (bare)
            return;
        else if (p->payload.len && end > judge_flow_released(f))
            client_data(j, v, f, (uint64_t)offset);
        else if (p->payload.len)
            client_again(j, v, f, (uint64_t)offset, p->payload.len);
        else
            client_fin(j, v, f, (uint64_t)offset);
    }
}
