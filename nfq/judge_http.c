/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Plain HTTP: every request of the connection is judged; bodies follow their length (DESIGN s3.3). */
#include <string.h>

#include "nfq/judge_state.h"

#define PORT_TLS  443
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
    judge_tcp_release(j, f, f->stream->start + plan->done, judge_flow_mark(f));
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

/* What is asked of a proxy: the name alone decides, the proxy resolves it, so that it costs what a question costs. */
static struct decision decide_asked(struct judge *j, const struct visit *v, const struct http_request *request)
{
    struct address address;
    const char *text = request->address_text;
    enum endpoint_scheme asked = request->form == HTTP_FORM_CONNECT ? ENDPOINT_TLS
                                 : request->websocket               ? ENDPOINT_WS
                                                                    : ENDPOINT_HTTP;
    if (request->host_is_address && !address_parse((struct bytes){(const uint8_t *)text, strlen(text)}, &address))
        return (struct decision){.path = DECIDE_REFUSE, .reason = REASON_HTTP_ADDRESS};
    struct decision d =
        decide_proxied(v->scope, asked, request->host_is_address ? NULL : &request->host, &address, request->port);
    if (!request->host_is_address)
        judge_budget(j, v, &request->host, &d);
    return d;
}

static struct decision decide_request(struct judge *j, const struct visit *v, const struct flow *f,
                                      const struct http_request *request)
{
    bool switches = request->form == HTTP_FORM_CONNECT || request->websocket;
    if (!v->scope)
        return (struct decision){.path = DECIDE_RELEASE, .reason = REASON_OBSERVED};
    if (switches && !f->follows)
        return (struct decision){.path = DECIDE_REFUSE, .reason = REASON_HTTP_ORDER};
    if (f->http.proxy)
        return decide_asked(j, v, request);
    if (request->host_is_address)
        return (struct decision){.path = DECIDE_REFUSE, .reason = REASON_HTTP_ADDRESS};
    if (request->port != f->key.server_port)
        return (struct decision){.path = DECIDE_REFUSE, .reason = REASON_HTTP_HOST_DIFFERS};
    struct bound_name bound[BINDING_NAMES_MAX + 1];
    unsigned bounds = judge_bound(j, v, &f->key.server, bound);
    if (name_equal(&f->shown, &request->host)) /* an open flow outlives the binding of what it showed */
        bound[bounds++] = (struct bound_name){f->shown.text, f->shown.len, false};
    return decide_shown(v->scope, request->websocket ? ENDPOINT_WS : ENDPOINT_HTTP, &request->host, &f->key.server,
                        f->key.server_port, bound, bounds);
}

/* The entry that would allow it. */
static void hint_for(const struct http_request *request, struct event *e)
{
    struct endpoint hint = {.scheme = request->websocket ? ENDPOINT_WS : ENDPOINT_HTTP,
                            .host = ENDPOINT_NAME,
                            .name = request->host,
                            .port_low = request->port,
                            .port_high = request->port};
    if (request->form == HTTP_FORM_CONNECT)
        hint.scheme = request->port == PORT_TLS ? ENDPOINT_TLS : ENDPOINT_TCP;
    endpoint_format(&hint, e->hint, sizeof e->hint);
}

/* Tells about the request; true: it is allowed. */
static bool request_allowed(struct judge *j, struct visit *v, struct flow *f, const struct http_request *request,
                            struct event *e)
{
    judge_event_init(j, v, ACTION_HTTP_REQUEST, e);
    memcpy(e->http_method, request->method, sizeof request->method);
    memcpy(e->http_path, request->path, sizeof request->path);
    e->asked_port = f->http.proxy ? request->port : 0;
    e->websocket = request->websocket;
    if (request->host_is_address)
        memcpy(e->domain, request->address_text, sizeof request->address_text);
    else
        memcpy(e->domain, request->host.text, request->host.len + 1u);
    struct decision d = decide_request(j, v, f, request);
    judge_event_decision(&d, e);
    f->connects = request->form == HTTP_FORM_CONNECT;
    f->any_bytes = !f->connects || d.path != DECIDE_INSPECT_TLS;
    f->asked_port = e->asked_port;
    if (d.path != DECIDE_REFUSE) {
        f->shown = request->host;
        judge_tell(j, e);
        return true;
    }
    if (d.offer)
        hint_for(request, e);
    return false;
}

/* The offer of HTTP/2 that Java's client makes on every request is taken out before the head is read. */
static void mask_h2c(const struct visit *v, struct flow *f, size_t from)
{
    struct bytes ready = stream_ready(f->stream);
    size_t limit = ready.len - from < HTTP_HEAD_MAX ? ready.len - from : HTTP_HEAD_MAX;
    const uint8_t *head = ready.at + from;
    const uint8_t *end = limit >= 4 ? memmem(head, limit, "\r\n\r\n", 4) : NULL;
    if (end && http_mask_h2c(stream_ready_writable(f->stream) + from, (size_t)(end + 4 - head)))
        f->h2c = v->audit; /* audit masks its copy only: the server may agree to the offer */
}

/* Audit: the request is told and goes on, and so does the judging of those behind it. */
static void tell_only(struct judge *j, struct visit *v, struct event *e)
{
    bool in_hand = v->in_hand;
    v->in_hand = false;
    refusal_make(j, v, e, REFUSAL_PASS, (struct bytes){0}, MARK_PASS);
    v->in_hand = in_hand;
}

/* A request that cannot be read, or is not meant for this connection. */
static void refuse_form(struct judge *j, struct visit *v, struct flow *f)
{
    struct bound_name bound[BINDING_NAMES_MAX];
    unsigned bounds = judge_bound(j, v, &f->key.server, bound);
    struct endpoint hint = {.scheme = ENDPOINT_PROXY, .port_low = f->key.server_port, .port_high = f->key.server_port};
    struct event e;
    judge_event_init(j, v, ACTION_HTTP_REQUEST, &e);
    e.reason = f->http.reason;
    e.verdict = VERDICT_DENY;
    if (f->shown.len)
        memcpy(e.domain, f->shown.text, f->shown.len + 1u);
    else if (bounds)
        memcpy(e.domain, bound[0].name, bound[0].len + 1u);
    bool is_name = bounds && name_from_wire((struct bytes){(const uint8_t *)bound[0].name, bound[0].len}, &hint.name);
    if (is_name && e.reason == REASON_HTTP_CONNECT)
        endpoint_format(&hint, e.hint, sizeof e.hint);
    judge_tcp_refuse(j, v, f, &e);
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
        if (f->http.at == HTTP_HEAD)
            mask_h2c(v, f, plan.done);
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
            f->state = f->http.at == HTTP_AWAIT ? FLOW_AWAIT : FLOW_HTTP;
            f->follows = f->follows && f->http.at == HTTP_AWAIT;
        }
        plan_add(&plan, consumed, judged);
        f->hello_end = f->stream->start + plan.done;
    }
    carry_out(j, f, &plan);
    if (denied)
        judge_tcp_refuse(j, v, f, &e);
    else if (step == HTTP_REFUSE && (!v->scope || (f->h2c && f->http.reason == REASON_HTTP_2)))
        judge_tcp_approve(j, f);
    else if (step == HTTP_REFUSE)
        refuse_form(j, v, f);
    return plan.steps == STEPS_MAX && !denied;
}

void judge_http_client(struct judge *j, struct visit *v, struct flow *f)
{
    while (look(j, v, f) && f->stream && stream_ready(f->stream).len)
        ;
}
