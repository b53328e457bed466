/* SPDX-License-Identifier: GPL-3.0-or-later */
/* TCP: the SYN is judged by address, the client's first bytes by what they show; until then they are held, and what
 * leaves is what was kept (DESIGN law 1, s3.3). */
#include <string.h>

#include "nfq/judge_state.h"

/* How long a flow may stay as it is. */
#define SYN_USEC (130ull * 1000000)         /* Linux gives up connecting after 127 s */
#define UNDECIDED_USEC (10ull * 1000000)    /* from the first byte to a whole hello or head */
#define SILENT_USEC (1800ull * 1000000)     /* opened ahead of need, nothing said yet */
#define SHOWN_USEC (120ull * 1000000)
#define HTTP_USEC (7200ull * 1000000)
#define DECIDED_USEC (3ull * 1000000)       /* what was queued before the verdict has arrived by then */

static struct flow_key key_of(const struct packet *p, bool from_server)
{
    if (from_server)
        return (struct flow_key){p->destination, p->source, p->destination_port, p->source_port};
    return (struct flow_key){p->source, p->destination, p->source_port, p->destination_port};
}

static uint64_t released_of(const struct flow *f)
{
    return f->stream ? f->stream->start : f->next;
}

/* The stream offset of a sequence number, by the nearest to what was released. */
static int64_t offset_of(const struct flow *f, uint32_t sequence)
{
    uint64_t released = released_of(f);
    return (int64_t)released + packet_sequence_diff(sequence, f->isn + 1 + (uint32_t)released);
}

static void drop_held(struct judge *j, struct flow *f)
{
    for (struct flow_held *h = flow_held_first(j->flows, f); h; h = flow_held_first(j->flows, f)) {
        judge_drop(j, h->id, MARK_PASS);
        flow_unhold(j->flows, f, h);
    }
}

static void give_stream(struct judge *j, struct flow *f)
{
    if (!f->stream)
        return;
    f->next = f->stream->start;
    stream_give(j->streams, f->stream);
    f->stream = NULL;
}

static void forget(struct judge *j, struct flow *f)
{
    drop_held(j, f);
    give_stream(j, f);
    flow_give(j->flows, f);
}

/* --- refusing and approving --- */

static void set_refused(struct judge *j, struct flow *f)
{
    drop_held(j, f);
    give_stream(j, f);
    f->state = FLOW_REFUSED;
    f->last_usec = j->now_usec;
}

/* Takes the visit's own packet out of the held ones. */
static void take_back(struct judge *j, struct visit *v, struct flow *f)
{
    for (struct flow_held *h = flow_held_first(j->flows, f); h; h = flow_held_next(j->flows, h)) {
        if (h->id != v->in->id)
            continue;
        flow_unhold(j->flows, f, h);
        v->in_hand = true;
        return;
    }
}

void judge_tcp_refuse(struct judge *j, struct visit *v, struct flow *f, struct event *e)
{
    if (v->audit) { /* told; the bytes go on, and the caller lets the packet go */
        judge_tcp_approve(j, f);
        bool in_hand = v->in_hand;
        v->in_hand = false;
        refusal_make(j, v, e, REFUSAL_PASS, (struct bytes){0}, MARK_PASS);
        v->in_hand = in_hand;
        return;
    }
    take_back(j, v, f);
    set_refused(j, f);
    refusal_make(j, v, e, REFUSAL_RESET, (struct bytes){0}, MARK_PASS);
}

void judge_tcp_refuse_for(struct judge *j, struct visit *v, struct flow *f, enum action action, enum reason reason)
{
    struct event e;
    judge_event_init(j, v, action, &e);
    e.reason = reason;
    e.verdict = VERDICT_DENY;
    if (f->shown.len)
        memcpy(e.domain, f->shown.text, f->shown.len + 1u);
    judge_tcp_refuse(j, v, f, &e);
}

void judge_tcp_release(struct judge *j, struct flow *f, uint64_t upto, enum mark_verdict mark)
{
    struct flow_held *next;
    for (struct flow_held *h = flow_held_first(j->flows, f); h; h = next) {
        next = flow_held_next(j->flows, h);
        if (h->offset >= upto)
            continue;
        struct packet p = h->packet;
        size_t len = h->len;
        if (h->offset + len > upto) { /* the rest comes again when the client misses its acknowledgment */
            len = upto - h->offset;
            p.flags &= (uint8_t) ~(TCP_FIN | TCP_PSH);
        }
        struct bytes payload = {f->stream->window + (h->offset - f->stream->start), len};
        size_t out = packet_rebuild(&p, payload, true, j->out, sizeof j->out, NULL);
        if (out)
            judge_accept(j, h->id, mark, (struct bytes){j->out, out});
        else
            judge_drop(j, h->id, MARK_PASS);
        if (p.flags & TCP_FIN)
            f->closing = true;
        flow_unhold(j->flows, f, h);
    }
}

void judge_tcp_approve(struct judge *j, struct flow *f)
{
    if (f->stream) {
        judge_tcp_release(j, f, f->stream->start + STREAM_WINDOW_BYTES, MARK_APPROVE);
        struct bytes ready = stream_ready(f->stream);
        if (ready.len)
            stream_release(f->stream, ready.len, false);
    }
    drop_held(j, f);
    give_stream(j, f);
    f->state = FLOW_APPROVED;
    f->last_usec = j->now_usec;
}

/* --- the client's side --- */

static void open_flow(struct judge *j, struct visit *v, const struct decision *d, bool released)
{
    struct flow_key key = key_of(&v->packet, false);
    struct flow *f = flow_take(j->flows, &key, v->in->scope);
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
    http_stream_init(&f->http);
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

static void refuse_syn(struct judge *j, struct visit *v, const struct decision *d, const struct bound_name *bound,
                       unsigned bounds)
{
    struct event e;
    judge_event_init(j, v, ACTION_TCP_CONNECT, &e);
    judge_event_decision(d, &e);
    if (e.reason == REASON_NOT_RESOLVED &&
        binding_was(j->config.bindings, v->in->scope, &v->packet.destination))
        e.reason = REASON_BINDING_EXPIRED;
    if (e.reason == REASON_NOT_RESOLVED && v->packet.destination_port == 53)
        e.reason = REASON_FOREIGN_RESOLVER;
    if (bounds)
        memcpy(e.domain, bound[0].name, bound[0].len + 1u);
    if (d->offer) {
        struct endpoint hint = {.port_low = v->packet.destination_port, .port_high = v->packet.destination_port};
        hint.scheme = v->packet.destination_port == 80 && bounds ? ENDPOINT_HTTP : ENDPOINT_TCP;
        if (bounds && name_from_wire((struct bytes){(const uint8_t *)bound[0].name, bound[0].len}, &hint.name)) {
            hint.host = ENDPOINT_NAME;
        } else {
            hint.host = ENDPOINT_ADDRESS;
            hint.range = (struct address_range){v->packet.destination, v->packet.version == 4 ? 32 : 128};
        }
        endpoint_format(&hint, e.hint, sizeof e.hint);
    }
    if (v->audit) { /* the SYN goes on; the kernel may have the rest.  A recording tells what it shows as well. */
        refusal_make(j, v, &e, REFUSAL_PASS, (struct bytes){0}, MARK_APPROVE);
        if (j->config.recorded)
            open_flow(j, v, &(struct decision){.path = DECIDE_INSPECT_EITHER}, false);
        return;
    }
    refusal_make(j, v, &e, REFUSAL_RESET, (struct bytes){0}, MARK_PASS);
}

static void client_syn(struct judge *j, struct visit *v)
{
    const struct packet *p = &v->packet;
    struct flow_key key = key_of(p, false);
    struct flow *f = flow_find(j->flows, &key);
    if (f && f->state == FLOW_SYN && f->isn == p->sequence) {
        f->last_usec = j->now_usec;
        judge_pass(j, v, MARK_PASS, (struct bytes){0});
        return;
    }
    /* Another connection between the same ports.  Should the server still have the old one, it acknowledges that one,
     * not this SYN, and nothing of this one is ever let out. */
    if (f)
        forget(j, f);
    struct bound_name bound[BINDING_NAMES_MAX];
    unsigned bounds = judge_bound(j, v, &p->destination, bound);
    struct decision d = {.path = DECIDE_INSPECT_EITHER, .reason = REASON_OBSERVED};
    if (v->scope)
        d = decide_tcp(v->scope, &p->destination, p->destination_port, bound, bounds);
    if (d.path == DECIDE_REFUSE) {
        refuse_syn(j, v, &d, bound, bounds);
        return;
    }
    uint8_t options[40];
    memcpy(options, p->options.at, p->options.len);
    if (packet_clean_options(options, p->options.len) != REASON_NONE && !v->audit) {
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

/* A segment that lies before what was released: the kept bytes go in place of its own. */
static void client_again(struct judge *j, struct visit *v, const struct flow *f, uint64_t offset, size_t len)
{
    memcpy(j->payload, v->packet.payload.at, len);
    if (f->stream)
        stream_overlay(f->stream, offset, j->payload, len);
    if (len < v->packet.payload.len)
        v->packet.flags &= (uint8_t) ~(TCP_FIN | TCP_PSH);
    judge_pass(j, v, MARK_PASS, (struct bytes){j->payload, len});
}

static bool is_held(struct judge *j, const struct flow *f, uint64_t offset, size_t len)
{
    for (struct flow_held *h = flow_held_first(j->flows, f); h; h = flow_held_next(j->flows, h))
        if (h->offset <= offset && h->offset + h->len >= offset + len)
            return true;
    return false;
}

static bool hold(struct judge *j, struct visit *v, struct flow *f, uint64_t offset)
{
    struct flow_held *h = flow_hold(j->flows, f);
    if (!h)
        return false;
    const struct packet *p = &v->packet;
    size_t head = p->transport_at + 20 + p->options.len;
    h->id = v->in->id;
    h->len = (uint32_t)p->payload.len;
    h->offset = offset;
    h->at_output = v->in->at_output;
    h->packet = *p;
    memcpy(h->head, p->whole.at, head);
    h->packet.whole = (struct bytes){h->head, head};
    h->packet.options = (struct bytes){h->head + p->transport_at + 20, p->options.len};
    h->packet.payload = (struct bytes){0};
    v->in_hand = false;
    return true;
}

/* Looks at what has come; may release, approve or refuse. */
static void judge_ready(struct judge *j, struct visit *v, struct flow *f)
{
    struct bytes ready = stream_ready(f->stream);
    if (f->state == FLOW_OPEN && !f->is_http && ready.len) {
        bool tls = handshake_is_tls(ready.at[0]) && f->path != DECIDE_INSPECT_HTTP;
        f->is_http = !tls && f->path != DECIDE_INSPECT_TLS && http_is_http(ready.at[0]);
        if (!tls && !f->is_http) {
            if (!v->scope) {
                judge_tcp_approve(j, f);
                return;
            }
            judge_tcp_refuse_for(j, v, f, f->path == DECIDE_INSPECT_HTTP ? ACTION_HTTP_REQUEST : ACTION_TLS_HELLO,
                                 f->path == DECIDE_INSPECT_HTTP ? REASON_HTTP_EXPECTED : REASON_TLS_EXPECTED);
            return;
        }
    }
    if (f->is_http)
        judge_http_client(j, v, f);
    else
        judge_tls_client(j, v, f);
    if ((f->state == FLOW_HTTP || f->state == FLOW_SHOWN) && f->stream && stream_idle(f->stream))
        give_stream(j, f);
}

/* Audit: the packet goes at once, as it lies; the judging is done on a copy. */
static void client_data_audit(struct judge *j, struct visit *v, struct flow *f, uint64_t offset)
{
    if (stream_add(f->stream, offset, v->packet.payload) == STREAM_CONFLICT)
        judge_tcp_refuse_for(j, v, f, ACTION_TCP_CONNECT, REASON_TCP_CONFLICT);
    else
        judge_ready(j, v, f);
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
        f->stream = stream_take(j->streams);
        if (!f->stream) { /* comes again */
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
    } else if (is_held(j, f, offset, p->payload.len) || !hold(j, v, f, offset)) {
        judge_discard(j, v);
        return;
    }
    judge_ready(j, v, f);
}

static void client_fin(struct judge *j, struct visit *v, struct flow *f, uint64_t offset)
{
    uint64_t released = released_of(f);
    if (offset <= released || v->audit) {
        f->closing = true;
        judge_pass(j, v, MARK_PASS, (struct bytes){0});
        return;
    }
    struct bytes ready = stream_ready(f->stream ? f->stream : &(struct stream){0});
    if (f->stream && released + ready.len == offset && f->state != FLOW_SHOWN && f->state != FLOW_RESHOWN) {
        judge_tcp_refuse_for(j, v, f, f->is_http ? ACTION_HTTP_REQUEST : ACTION_TLS_HELLO,
                             f->is_http ? REASON_HTTP_MALFORMED : REASON_TLS_MALFORMED);
        return;
    }
    judge_discard(j, v); /* something before it is missing: it comes again */
}

void judge_tcp_client(struct judge *j, struct visit *v)
{
    struct packet *p = &v->packet;
    if ((p->flags & (TCP_SYN | TCP_ACK | TCP_RST | TCP_FIN)) == TCP_SYN) {
        client_syn(j, v);
        return;
    }
    struct flow_key key = key_of(p, false);
    struct flow *f = flow_find(j->flows, &key);
    if (!f) {
        judge_stray(j, v);
        return;
    }
    f->last_usec = j->now_usec;
    if (f->state == FLOW_REFUSED) {
        judge_drop(j, v->in->id, v->in->at_output && !v->scope->drop ? MARK_RESET : MARK_PASS);
    } else if (f->state == FLOW_APPROVED) {
        judge_pass(j, v, MARK_APPROVE, p->payload);
    } else if (p->flags & TCP_RST) {
        judge_pass(j, v, MARK_PASS, (struct bytes){0});
        forget(j, f);
    } else if (f->state == FLOW_SYN || p->flags & TCP_SYN) {
        judge_discard(j, v); /* nothing goes before the server has answered this very SYN */
    } else if (p->flags & TCP_URG && !v->audit) {
        judge_tcp_refuse_for(j, v, f, ACTION_TCP_CONNECT, REASON_TCP_URGENT);
    } else {
        int64_t offset = offset_of(f, p->sequence);
        uint64_t end = (uint64_t)offset + p->payload.len;
        if (offset < 0) /* a keep-alive probe before the first byte: nothing of it is a byte of the stream */
            judge_pass(j, v, MARK_PASS, (struct bytes){0});
        else if (p->payload.len && end > released_of(f))
            client_data(j, v, f, (uint64_t)offset);
        else if (p->payload.len)
            client_again(j, v, f, (uint64_t)offset, p->payload.len);
        else if (p->flags & TCP_FIN)
            client_fin(j, v, f, (uint64_t)offset);
        else
            judge_pass(j, v, MARK_PASS, (struct bytes){0});
    }
}

/* --- the server's side --- */

static void server_syn(struct judge *j, struct visit *v, struct flow *f)
{
    const struct packet *p = &v->packet;
    bool answers = (p->flags & (TCP_SYN | TCP_ACK)) == (TCP_SYN | TCP_ACK) && p->acknowledgment == f->isn + 1;
    if (answers && f->state == FLOW_SYN) {
        f->state = FLOW_OPEN;
        f->server_isn = p->sequence;
        f->server_known = true;
    } else if (!answers || f->server_isn != p->sequence) { /* simultaneous open, or another connection's */
        judge_discard(j, v);
        return;
    }
    judge_pass(j, v, MARK_PASS, (struct bytes){0});
}

/* Keeps the server's first bytes, as far as they come in order. */
static void server_head(struct flow *f, const struct packet *p)
{
    int32_t at = packet_sequence_diff(p->sequence, f->server_isn + 1);
    int32_t end = at + (int32_t)p->payload.len;
    if (at < 0 || at > f->server_head_len || end <= f->server_head_len)
        return;
    size_t skip = f->server_head_len - (size_t)at;
    size_t len = p->payload.len - skip;
    if (len > sizeof f->server_head - f->server_head_len)
        len = sizeof f->server_head - f->server_head_len;
    memcpy(f->server_head + f->server_head_len, p->payload.at + skip, len);
    f->server_head_len = (uint8_t)(f->server_head_len + len);
}

/* False: the server acknowledges what it was never sent. */
static bool server_acknowledges(struct judge *j, struct visit *v, struct flow *f)
{
    int64_t upto = offset_of(f, v->packet.acknowledgment);
    if (upto > (int64_t)released_of(f) + (f->closing ? 1 : 0))
        return v->audit;
    if (upto <= (int64_t)f->acknowledged)
        return true;
    f->acknowledged = (uint64_t)upto;
    if (!f->stream)
        return true;
    stream_acknowledged(f->stream, f->acknowledged);
    if (f->state == FLOW_HTTP && stream_ready(f->stream).len)
        judge_http_client(j, v, f); /* a head may have waited for room */
    if (f->state == FLOW_HTTP && f->stream && stream_idle(f->stream))
        give_stream(j, f);
    return true;
}

static void server_unknown(struct judge *j, struct visit *v)
{
    if (v->audit) {
        judge_pass(j, v, MARK_PASS, v->packet.payload);
        return;
    }
    /* The handler was restarted: what the connection had shown is not known any more.  Its client is told. */
    if (!(v->packet.flags & (TCP_SYN | TCP_RST))) {
        uint8_t reset[100];
        size_t len = packet_build_reset_onward(&v->packet, v->packet.sequence, reset, sizeof reset);
        judge_inject(j, reset, len);
    }
    judge_drop(j, v->in->id, MARK_PASS);
}

void judge_tcp_server(struct judge *j, struct visit *v)
{
    struct packet *p = &v->packet;
    struct flow_key key = key_of(p, true);
    struct flow *f = flow_find(j->flows, &key);
    if (!f) {
        server_unknown(j, v);
        return;
    }
    f->last_usec = j->now_usec;
    if (f->state == FLOW_REFUSED) {
        judge_drop(j, v->in->id, MARK_PASS);
    } else if (f->state == FLOW_APPROVED) {
        judge_pass(j, v, MARK_APPROVE, p->payload);
    } else if (p->flags & TCP_RST) {
        judge_pass(j, v, MARK_PASS, (struct bytes){0});
        forget(j, f);
    } else if (p->flags & TCP_SYN || f->state == FLOW_SYN) {
        server_syn(j, v, f);
    } else if (!(p->flags & TCP_ACK) || !server_acknowledges(j, v, f)) {
        judge_discard(j, v);
    } else {
        bool approve = false;
        server_head(f, p);
        if (!judge_tls_server(j, v, f, &approve))
            return;
        judge_pass(j, v, approve ? MARK_APPROVE : MARK_PASS, p->payload);
        if (approve)
            judge_tcp_approve(j, f);
    }
}

/* --- time --- */

static uint64_t allowance(const struct judge *j, const struct flow *f)
{
    switch ((enum flow_state)f->state) {
    case FLOW_SYN:
        return SYN_USEC;
    case FLOW_OPEN:
        return SILENT_USEC;
    case FLOW_SHOWN:
    case FLOW_RETRY:
    case FLOW_RESHOWN:
        return SHOWN_USEC;
    case FLOW_HTTP:
        return HTTP_USEC;
    case FLOW_APPROVED:
        return j->config.recorded || (j->policy && !j->policy->fast_path) ? HTTP_USEC : DECIDED_USEC;
    case FLOW_REFUSED:
        break;
    }
    return DECIDED_USEC;
}

static void sweep(void *ctx, struct flow *f)
{
    struct judge *j = ctx;
    bool undecided = f->state == FLOW_OPEN && f->first_data_usec;
    if (undecided && j->now_usec > f->first_data_usec + UNDECIDED_USEC) {
        struct flow_held *h = flow_held_first(j->flows, f);
        const struct policy_scope *scope = j->policy ? policy_scope_find(j->policy, f->scope) : NULL;
        if (h && scope && scope->mode == POLICY_ENFORCE) {
            struct judge_packet in = {.id = h->id, .scope = f->scope, .at_output = h->at_output};
            struct visit v = {.in = &in, .packet = h->packet, .scope = scope};
            judge_tcp_refuse_for(j, &v, f, f->is_http ? ACTION_HTTP_REQUEST : ACTION_TLS_HELLO, REASON_TCP_TOO_LONG);
            return;
        }
        forget(j, f);
        return;
    }
    uint64_t allowed = f->closing && f->state == FLOW_HTTP ? SHOWN_USEC : allowance(j, f);
    if (j->now_usec > f->last_usec + allowed)
        forget(j, f);
}

void judge_tcp_sweep(struct judge *j)
{
    flow_sweep(j->flows, sweep, j);
}
