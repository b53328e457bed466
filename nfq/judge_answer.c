/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The answer to CONNECT and to an upgrade decides what the client's next bytes are: a tunnel's, or the next request.
 *
 * It can be told from other answers only because it is the only one that is awaited: such a request may come first on a
 * connection, or behind others of its kind that were answered whole (f->follows).  Else a client could have the answer
 * to an ordinary request taken for the proxy's agreement, and go on with requests that nobody judges. */
#include <string.h>

#include "http/answer.h"
#include "nfq/judge_state.h"

/* Not a tunnel: requests follow. */
static void go_on(struct judge *j, struct visit *v, struct flow *f)
{
    f->state = FLOW_HTTP;
    http_stream_resume(&f->http);
    if (f->stream && stream_ready(f->stream).len)
        judge_tcp_ready(j, v, f);
}

/* The server agreed.  What it sent behind its answer is the first that the tunnel shows. */
static void open_tunnel(struct judge *j, struct visit *v, struct flow *f, bool *approve)
{
    if (f->any_bytes) {
        judge_tcp_approve(j, f);
        *approve = true;
        return;
    }
    struct bytes ready = stream_ready(f->answer);
    size_t len = ready.len < sizeof f->server_head ? ready.len : sizeof f->server_head;
    if (len)
        memcpy(f->server_head, ready.at, len);
    f->server_head_len = (uint8_t)len;
    f->server_base = f->answer->start;
    judge_flow_give_answer(j, f);
    f->state = FLOW_OPEN;
    f->path = DECIDE_INSPECT_TLS;
    f->is_http = false;
    f->tunnel = true;
    f->follows = false;
    f->first_data_usec = f->stream && stream_ready(f->stream).len ? j->now_usec : 0;
    if (f->stream && stream_ready(f->stream).len)
        judge_tcp_ready(j, v, f);
}

enum step { STEP_WAIT, STEP_MORE, STEP_OVER, STEP_LOST, STEP_AGREED, STEP_BROKEN };

/* One piece of what came: a head, or some of a body. */
static enum step take(struct flow *f)
{
    struct bytes ready = stream_ready(f->answer);
    if (f->reply.at != HTTP_HEAD) {
        struct http_request none;
        size_t consumed;
        enum http_step step = http_stream_feed(&f->reply, ready, &none, &consumed);
        if (step != HTTP_RELEASE)
            return step == HTTP_NEED_MORE ? STEP_WAIT : STEP_LOST;
        stream_release(f->answer, consumed, false);
        return f->reply.at == HTTP_HEAD ? STEP_OVER : STEP_MORE;
    }
    struct http_answer a;
    enum parse parsed = http_answer_parse(ready, &a);
    if (parsed != PARSE_OK)
        return parsed == PARSE_NEED_MORE ? STEP_WAIT : STEP_BROKEN;
    stream_release(f->answer, a.consumed, false);
    if (f->connects ? a.status / 100 == 2 : a.status == 101)
        return STEP_AGREED;
    if (a.status / 100 == 1) /* RFC 9110 s15.2: interim; but nobody was asked to switch protocols */
        return a.status == 101 ? STEP_BROKEN : STEP_MORE;
    if (!a.framed)
        return STEP_LOST;
    http_stream_body(&f->reply, a.body, a.length);
    return f->reply.at == HTTP_HEAD ? STEP_OVER : STEP_MORE;
}

/* What the server says unasked could be taken for an answer later. */
static bool is_unasked(const struct flow *f, int64_t end)
{
    return f->follows && f->state != FLOW_AWAIT && end > (int64_t)f->answered;
}

bool judge_answer_server(struct judge *j, struct visit *v, struct flow *f, bool *approve)
{
    const struct packet *p = &v->packet;
    int64_t at = (int64_t)f->answered + packet_sequence_diff(p->sequence, f->server_isn + 1 + (uint32_t)f->answered);
    if (p->payload.len && is_unasked(f, at + (int64_t)p->payload.len))
        f->follows = false;
    if (f->state != FLOW_AWAIT)
        return true;
    if (!f->answer && p->payload.len) {
        f->answer = stream_take(j->streams, f->scope);
        if (f->answer)
            f->answer->start = f->answered;
    }
    if (p->payload.len && at + (int64_t)p->payload.len > (int64_t)f->answered &&
        (at < 0 || !f->answer || stream_add(f->answer, (uint64_t)at, p->payload) != STREAM_ADDED)) {
        judge_discard(j, v); /* it comes again */
        return false;
    }
    if (!f->answer || f->acknowledged < f->hello_end)
        return true;
    enum step step = STEP_MORE;
    while (step == STEP_MORE)
        step = take(f);
    f->answered = f->answer->start;
    if (step == STEP_AGREED) {
        open_tunnel(j, v, f, approve);
    } else if (step == STEP_BROKEN) {
        judge_tcp_refuse_for(j, v, f, ACTION_HTTP_REQUEST, REASON_HTTP_ANSWER);
    } else if (step == STEP_OVER || step == STEP_LOST) {
        f->follows = step == STEP_OVER && stream_ready(f->answer).len == 0;
        judge_flow_give_answer(j, f);
        go_on(j, v, f);
    }
    return v->in_hand;
}
