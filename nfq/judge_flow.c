/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A TCP flow's life: holding, releasing, approving, refusing, expiring.  judge_tcp*.c decide. */
#include <string.h>

#include "nfq/judge_state.h"

/* How long a flow may stay as it is. */
#define SYN_USEC       (20ull * 1000000)   /* the next SYN, which comes later, begins anew */
#define UNDECIDED_USEC (10ull * 1000000)   /* from the first byte to a whole hello or head */
#define SILENT_USEC    (1800ull * 1000000) /* opened ahead of need, nothing said yet */
#define SHOWN_USEC     (120ull * 1000000)
#define AWAIT_USEC     (600ull * 1000000) /* a proxy connects before it answers */
#define HTTP_USEC      (7200ull * 1000000)
#define CLOSING_USEC   (10ull * 1000000) /* of silence after the client's FIN, which may be lost and come again */
#define DECIDED_USEC   (3ull * 1000000)  /* what was queued before the verdict has arrived by then */

struct flow_key judge_flow_key(const struct packet *p, bool from_server)
{
    if (from_server)
        return (struct flow_key){p->destination, p->source, p->destination_port, p->source_port};
    return (struct flow_key){p->source, p->destination, p->source_port, p->destination_port};
}

uint64_t judge_flow_released(const struct flow *f)
{
    return f->stream ? f->stream->start : f->next;
}

/* The stream offset of a sequence number, by the nearest to what was released. */
int64_t judge_flow_offset(const struct flow *f, uint32_t sequence)
{
    uint64_t released = judge_flow_released(f);
    return (int64_t)released + packet_sequence_diff(sequence, f->isn + 1 + (uint32_t)released);
}

uint32_t judge_flow_server_next(const struct flow *f)
{
    return f->isn + 1 + (uint32_t)judge_flow_released(f) + (f->closing ? 1 : 0);
}

static void drop_held(struct judge *j, struct flow *f)
{
    for (struct flow_held *h = flow_held_first(j->flows, f); h; h = flow_held_first(j->flows, f)) {
        judge_drop(j, h->id, MARK_PASS);
        flow_unhold(j->flows, f, h);
    }
}

void judge_flow_give_stream(struct judge *j, struct flow *f)
{
    if (!f->stream)
        return;
    f->next = f->stream->start;
    stream_give(j->streams, f->stream);
    f->stream = NULL;
}

void judge_flow_give_answer(struct judge *j, struct flow *f)
{
    if (!f->answer)
        return;
    f->answered = f->answer->start;
    stream_give(j->streams, f->answer);
    f->answer = NULL;
}

void judge_flow_forget(struct judge *j, struct flow *f)
{
    drop_held(j, f);
    judge_flow_give_answer(j, f);
    judge_flow_give_stream(j, f);
    flow_give(j->flows, f);
}

static void set_refused(struct judge *j, struct flow *f)
{
    drop_held(j, f);
    judge_flow_give_answer(j, f);
    judge_flow_give_stream(j, f);
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

/* The server of a connection that is cut would keep its half of it until a time-out of its own.  A packet of the
 * client's becomes its reset: so it goes the way of the connection, NAT included.  One that is several on the wire
 * cannot, for the kernel keeps their size.  Without any, one of ours goes, untracked. */
static void choose_vehicle(struct judge *j, struct visit *v, struct flow *f)
{
    if (v->in_hand && v->in->path == MARK_TO_SERVER && !v->in->gso) {
        v->has_vehicle = true;
        v->vehicle = v->in->id;
        v->in_hand = false;
        return;
    }
    struct flow_held *h = flow_held_first(j->flows, f);
    while (h && h->gso)
        h = flow_held_next(j->flows, h);
    if (!h)
        return;
    v->has_vehicle = true;
    v->vehicle = h->id;
    flow_unhold(j->flows, f, h);
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
    v->cuts = e->cut = f->server_known;
    if (v->cuts)
        choose_vehicle(j, v, f);
    v->server_next = judge_flow_server_next(f);
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

enum mark_verdict judge_flow_mark(const struct flow *f)
{
    return f->is_http || f->promised > f->acknowledged ? MARK_WATCH : MARK_PASS;
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
    judge_flow_give_answer(j, f);
    judge_flow_give_stream(j, f);
    f->state = FLOW_APPROVED;
    f->last_usec = j->now_usec;
    flow_line_up(j->flows, f, FLOW_LINE_DECIDED);
}

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
    case FLOW_AWAIT:
        return AWAIT_USEC;
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
            struct judge_packet in = {.id = h->id, .scope = f->scope, .at_output = h->at_output, .gso = h->gso};
            struct visit v = {.in = &in, .packet = h->packet, .scope = scope};
            judge_tcp_refuse_for(j, &v, f, f->is_http ? ACTION_HTTP_REQUEST : ACTION_TLS_HELLO, REASON_TCP_TOO_LONG);
            return;
        }
        judge_flow_forget(j, f);
        return;
    }
    uint64_t allowed = f->closing && f->state == FLOW_HTTP ? CLOSING_USEC : allowance(j, f);
    if (j->now_usec > f->last_usec + allowed)
        judge_flow_forget(j, f);
}

void judge_tcp_sweep(struct judge *j)
{
    flow_sweep(j->flows, sweep, j);
}
