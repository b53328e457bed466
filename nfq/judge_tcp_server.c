/* SPDX-License-Identifier: GPL-3.0-or-later */
/* TCP, server to client: which SYN is answered, how far the hello was received, what the server makes of it. */
#include <string.h>

#include "nfq/judge_state.h"

/* What an acknowledgment in the server's place must look like. */
static void server_manner(struct flow *f, const struct packet *p)
{
    uint32_t echo;
    f->has_timestamp = packet_timestamp(p, &f->server_timestamp, &echo);
    if (!(p->flags & TCP_SYN)) {
        f->server_window = p->window;
        return;
    }
    struct reader r = reader_init(p->options, false);
    while (reader_left(&r)) {
        uint8_t kind = reader_u8(&r);
        if (kind == 0)
            break;
        if (kind == 1)
            continue;
        uint8_t len = reader_u8(&r);
        if (kind == 3 && len == 3)
            f->server_scale = reader_u8(&r) & 15;
        else
            reader_bytes(&r, len < 2 ? SIZE_MAX : len - 2u);
    }
    f->server_window = (uint16_t)(p->window >> f->server_scale); /* a SYN's is not scaled (RFC 7323 s2.2) */
}

/* The kernel may let go what says nothing to the handler: so a TLS connection costs four queued packets, and a download
 * over plain HTTP one a request.  With `fast_path: off` every packet is asked for. */
static enum mark_verdict server_mark(const struct judge *j, const struct flow *f)
{
    if (!j->policy || !j->policy->fast_path || !f->server_known)
        return MARK_PASS;
    if (f->state == FLOW_OPEN && !f->first_data_usec && !f->tunnel)
        return MARK_HELLO_FLOW;
    bool all_answered = !f->stream && f->acknowledged == f->next;
    return f->state == FLOW_HTTP && all_answered && !f->follows && !f->closing ? MARK_BODY_FLOW : MARK_PASS;
}

static void server_syn(struct judge *j, struct visit *v, struct flow *f)
{
    const struct packet *p = &v->packet;
    bool answers = (p->flags & (TCP_SYN | TCP_ACK)) == (TCP_SYN | TCP_ACK) && p->acknowledgment == f->isn + 1;
    if (answers && f->state == FLOW_SYN) {
        f->state = FLOW_OPEN;
        flow_line_up(j->flows, f, FLOW_LINE_NONE);
        f->server_isn = p->sequence;
        f->server_known = true;
        server_manner(f, p);
    } else if (f->state == FLOW_SYN && (p->flags & (TCP_SYN | TCP_ACK)) == TCP_ACK) {
        /* The server still has an earlier connection of these ports (RFC 9293 s3.5.2): the client will reset that one.
         */
        judge_pass(j, v, MARK_PASS, (struct bytes){0});
        return;
    } else if (!answers || f->server_isn != p->sequence) { /* simultaneous open, or another connection's */
        judge_discard(j, v);
        return;
    }
    judge_pass(j, v, server_mark(j, f), (struct bytes){0});
}

/* Keeps the server's first bytes, as far as they come in order. */
static void server_head(struct flow *f, const struct packet *p)
{
    int32_t at = packet_sequence_diff(p->sequence, f->server_isn + 1 + (uint32_t)f->server_base);
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
    int64_t upto = judge_flow_offset(f, v->packet.acknowledgment);
    if (upto > (int64_t)judge_flow_released(f) + (f->closing ? 1 : 0))
        return v->audit;
    if (upto <= (int64_t)f->acknowledged)
        return true;
    f->acknowledged = (uint64_t)upto;
    if (!f->stream)
        return true;
    stream_acknowledged(f->stream, f->acknowledged);
    if (f->state == FLOW_HTTP && stream_ready(f->stream).len)
        judge_http_client(j, v, f); /* a head may have waited for room */
    if ((f->state == FLOW_HTTP || f->state == FLOW_AWAIT) && f->stream && stream_idle(f->stream))
        judge_flow_give_stream(j, f);
    return true;
}

/* A server that goes on with a connection that was cut: the reset was lost, or did not fit what it had received.  Its
 * own acknowledgment says what fits (RFC 5961 s3.2). */
static void end_server(struct judge *j, const struct visit *v)
{
    uint8_t reset[JUDGE_RESET_MAX];
    if (!(v->packet.flags & TCP_ACK) || v->packet.flags & TCP_RST)
        return;
    size_t len = packet_build_reset_bare(&v->packet, true, v->packet.acknowledgment, reset, sizeof reset);
    judge_inject(j, reset, len);
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
        end_server(j, v);
    }
    judge_drop(j, v->in->id, MARK_PASS);
}

void judge_tcp_server(struct judge *j, struct visit *v)
{
    struct packet *p = &v->packet;
    struct flow_key key = judge_flow_key(p, true);
    struct flow *f = flow_find(j->flows, &key);
    if (!f) {
        server_unknown(j, v);
        return;
    }
    f->last_usec = j->now_usec;
    if (f->state == FLOW_REFUSED) {
        end_server(j, v);
        judge_drop(j, v->in->id, MARK_PASS);
    } else if (f->state == FLOW_APPROVED) {
        judge_pass(j, v, MARK_APPROVE, p->payload);
    } else if (p->flags & TCP_RST) {
        judge_pass(j, v, MARK_PASS, (struct bytes){0});
        judge_flow_forget(j, f);
    } else if (p->flags & TCP_SYN || f->state == FLOW_SYN) {
        server_syn(j, v, f);
    } else if (!(p->flags & TCP_ACK) || !server_acknowledges(j, v, f)) {
        judge_discard(j, v);
    } else if (v->in_hand) { /* else a request that had waited for room was refused just now */
        bool approve = false;
        server_manner(f, p);
        server_head(f, p);
        if (!judge_answer_server(j, v, f, &approve) || (!approve && !judge_tls_server(j, v, f, &approve)))
            return;
        judge_pass(j, v, approve ? MARK_APPROVE : server_mark(j, f), p->payload);
        if (approve)
            judge_tcp_approve(j, f);
    }
}
