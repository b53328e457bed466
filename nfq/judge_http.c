/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Plain HTTP: every request of the connection is judged; bodies follow their length (DESIGN s3.3). */
#include <string.h>

#include "nfq/judge_state.h"

#define STEPS_MAX 32 /* of one look at the stream; what is behind waits for the next */

/* What may leave after one look: pieces in stream order. */
struct plan {
    size_t done; /* bytes */
    unsigned steps;
    struct {
        size_t len;
        bool judged;
    } step[STEPS_MAX];
};

static void plan_add(struct plan *plan, size_t len, bool judged)
{
    if (plan->steps && plan->step[plan->steps - 1].judged == judged) { /* pipelined requests go in one piece */
        plan->step[plan->steps - 1].len += len;
        plan->done += len;
        return;
    }
    plan->step[plan->steps].len = len;
    plan->step[plan->steps++].judged = judged;
    plan->done += len;
}

static void carry_out(struct judge *j, struct flow *f, const struct plan *plan)
{
    if (plan->done == 0)
        return;
    judge_tcp_release(j, f, f->stream->start + plan->done, MARK_PASS);
    for (unsigned i = 0; i < plan->steps; i++)
        stream_release(f->stream, plan->step[i].len, plan->step[i].judged);
}

/* Room to keep one more head, or the framing of a body, until the server has it.  Pieces planned already take theirs
 * first. */
static bool room_to_keep(const struct flow *f, const struct plan *plan)
{
    size_t bytes = f->stream->sent_used + HTTP_HEAD_MAX;
    unsigned heads = f->stream->sents + 1;
    for (unsigned i = 0; i < plan->steps; i++) {
        bytes += plan->step[i].judged ? plan->step[i].len : 0;
        heads += plan->step[i].judged;
    }
    return bytes <= STREAM_SENT_BYTES && heads <= STREAM_SENT_MAX;
}

static struct decision decide_request(struct judge *j, const struct visit *v, const struct flow *f,
                                      const struct http_request *request)
{
    if (!v->scope)
        return (struct decision){.path = DECIDE_RELEASE, .reason = REASON_OBSERVED};
    if (request->host_is_address || request->port != f->key.server_port)
        return (struct decision){.path = DECIDE_REFUSE, .reason = REASON_HTTP_HOST};
    struct bound_name bound[BINDING_NAMES_MAX];
    unsigned bounds = judge_bound(j, v, &f->key.server, bound);
    return decide_shown(v->scope, ENDPOINT_HTTP, &request->host, &f->key.server, f->key.server_port, bound, bounds);
}

/* Tells about the request; true: it is allowed. */
static bool request_allowed(struct judge *j, struct visit *v, struct flow *f, const struct http_request *request,
                            struct event *e)
{
    judge_event_init(j, v, ACTION_HTTP_REQUEST, e);
    memcpy(e->http_method, request->method, sizeof request->method);
    memcpy(e->http_path, request->path, sizeof request->path);
    if (request->host_is_address)
        memcpy(e->domain, request->address_text, sizeof request->address_text);
    else
        memcpy(e->domain, request->host.text, request->host.len + 1u);
    struct decision d = decide_request(j, v, f, request);
    judge_event_decision(&d, e);
    if (d.path != DECIDE_REFUSE) {
        f->shown = request->host;
        judge_tell(j, e);
        return true;
    }
    if (d.offer) {
        struct endpoint hint = {.scheme = ENDPOINT_HTTP, .host = ENDPOINT_NAME, .name = request->host};
        hint.port_low = hint.port_high = f->key.server_port;
        endpoint_format(&hint, e->hint, sizeof e->hint);
    }
    return false;
}

/* The offer of HTTP/2 that Java's client makes on every request is taken out before the head is read. */
static void mask_h2c(struct flow *f, size_t from)
{
    struct bytes ready = stream_ready(f->stream);
    size_t limit = ready.len - from < HTTP_HEAD_MAX ? ready.len - from : HTTP_HEAD_MAX;
    const uint8_t *head = ready.at + from;
    const uint8_t *end = limit >= 4 ? memmem(head, limit, "\r\n\r\n", 4) : NULL;
    if (end)
        http_mask_h2c(stream_ready_writable(f->stream) + from, (size_t)(end + 4 - head));
}

/* Audit: the request is told and goes on, and so does the judging of those behind it. */
static void tell_only(struct judge *j, struct visit *v, struct event *e)
{
    bool in_hand = v->in_hand;
    v->in_hand = false;
    refusal_make(j, v, e, REFUSAL_PASS, (struct bytes){0}, MARK_PASS);
    v->in_hand = in_hand;
}

/* One look at what is ready.  True: there may be more to do. */
static bool look(struct judge *j, struct visit *v, struct flow *f)
{
    struct plan plan = {0};
    struct bytes ready = stream_ready(f->stream);
    struct http_request request;
    struct event e;
    enum http_step step = HTTP_RELEASE;
    bool denied = false;
    while (!denied && plan.steps < STEPS_MAX && plan.done < ready.len) {
        bool judged = !http_stream_in_data(&f->http);
        if (judged && !room_to_keep(f, &plan))
            break;
        if (f->http.at == HTTP_HEAD && !v->audit)
            mask_h2c(f, plan.done);
        size_t consumed = 0;
        step = http_stream_feed(&f->http, (struct bytes){ready.at + plan.done, ready.len - plan.done}, &request,
                                &consumed);
        if (step == HTTP_NEED_MORE || step == HTTP_REFUSE)
            break;
        if (step == HTTP_REQUEST) {
            denied = !request_allowed(j, v, f, &request, &e);
            if (denied && !v->audit)
                break;
            if (denied)
                tell_only(j, v, &e);
            denied = false;
            f->state = FLOW_HTTP;
        }
        plan_add(&plan, consumed, judged);
    }
    carry_out(j, f, &plan);
    if (denied)
        judge_tcp_refuse(j, v, f, &e);
    else if (step == HTTP_REFUSE && !v->scope)
        judge_tcp_approve(j, f);
    else if (step == HTTP_REFUSE)
        judge_tcp_refuse_for(j, v, f, ACTION_HTTP_REQUEST, f->http.reason);
    return plan.steps == STEPS_MAX && !denied;
}

void judge_http_client(struct judge *j, struct visit *v, struct flow *f)
{
    while (look(j, v, f) && f->stream && stream_ready(f->stream).len)
        ;
}
