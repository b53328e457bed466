/* SPDX-License-Identifier: GPL-3.0-or-later */
/* TLS connections: the hello's name, and what the server makes of it (RFC 8446 s4.1.2 to s4.1.4). */
#include <stdio.h>
#include <string.h>

#include "nfq/judge_state.h"

enum { RECORD_HEADER = 5, RECORD_APPLICATION_DATA = 23, RECORD_MAX = 16384 + 256 };

void judge_hello_event(const struct judge *j, const struct visit *v, const struct client_hello *hello, struct event *e)
{
    judge_event_init(j, v, ACTION_TLS_HELLO, e);
    memcpy(e->domain, hello->server_name.text, hello->server_name.len + 1u);
    memcpy(e->tls_server_name, e->domain, sizeof e->domain);
    memcpy(e->tls_ja4, hello->ja4, sizeof hello->ja4);
    memcpy(e->tls_next_protocol, hello->alpn, sizeof hello->alpn);
}

void judge_hello_hint(const struct name *name, uint16_t port, struct event *e)
{
    struct endpoint hint = {.scheme = ENDPOINT_TLS, .host = ENDPOINT_NAME, .name = *name};
    hint.port_low = hint.port_high = port;
    if (e->reason == REASON_TLS_ECH)
        snprintf(e->hint, sizeof e->hint, "ech: outer");
    else
        endpoint_format(&hint, e->hint, sizeof e->hint);
}

/* By the name in clear. */
static struct decision decide_name(struct judge *j, const struct visit *v, const struct flow *f,
                                   const struct client_hello *hello)
{
    struct bound_name bound[BINDING_NAMES_MAX];
    if (!hello->has_name)
        return (struct decision){.path = DECIDE_REFUSE, .reason = REASON_TLS_NO_NAME};
    if (f->tunnel && !name_equal(&f->shown, &hello->server_name))
        return (struct decision){.path = DECIDE_REFUSE, .reason = REASON_PROXY_NAME};
    if (f->tunnel) /* judged when CONNECT named it; but the policy may have changed */
        return decide_proxied(v->scope, ENDPOINT_TLS, &hello->server_name, NULL, f->asked_port);
    return decide_shown(v->scope, ENDPOINT_TLS, &hello->server_name, &f->key.server, f->key.server_port, bound,
                        judge_bound(j, v, &f->key.server, bound));
}

bool judge_hello_hides(const struct policy_scope *scope, const struct client_hello *hello)
{
    return hello->ech_draft || (hello->ech && scope && !decide_outer_name(scope));
}

struct decision judge_hello_decision(const struct policy_scope *scope, const struct client_hello *hello,
                                     struct decision d)
{
    if (judge_hello_hides(scope, hello))
        return (struct decision){.path = DECIDE_REFUSE,
                                 .reason = REASON_TLS_ECH,
                                 .offer = !hello->ech_draft && (d.path != DECIDE_REFUSE || d.offer)};
    if (hello->ech && d.path != DECIDE_REFUSE)
        d.reason = REASON_OUTER_NAME_ALLOWED;
    return d;
}

/* Tells what the hello showed; true: it is allowed. */
static bool hello_allowed(struct judge *j, struct visit *v, struct flow *f, const struct client_hello *hello)
{
    struct event e;
    judge_hello_event(j, v, hello, &e);
    struct decision d = {.path = DECIDE_RELEASE, .reason = REASON_OBSERVED};
    e.asked_port = f->asked_port;
    if (v->scope)
        d = judge_hello_decision(v->scope, hello, decide_name(j, v, f, hello));
    judge_event_decision(&d, &e);
    f->shown = hello->server_name;
    if (d.path != DECIDE_REFUSE) {
        judge_tell(j, &e);
        return true;
    }
    if (d.offer)
        judge_hello_hint(&hello->server_name, e.asked_port ? e.asked_port : v->packet.destination_port, &e);
    judge_tcp_refuse(j, v, f, &e);
    return false;
}

static void refuse_shown(struct judge *j, struct visit *v, struct flow *f)
{
    struct event e;
    judge_event_init(j, v, ACTION_TLS_HELLO, &e);
    e.reason = j->handshake.reason;
    e.verdict = VERDICT_DENY;
    memcpy(e.domain, j->handshake.shown, sizeof e.domain - 1);
    e.domain_escaped = true;
    judge_tcp_refuse(j, v, f, &e);
}

/* Moves over early data that a server skips after a HelloRetryRequest (RFC 8446 s4.2.10).  False: it is not whole yet,
 * or refused.  It is kept until the server has it, like a hello: sent beyond the server's window, it could come again
 * as another second hello. */
static bool skip_early_data(struct judge *j, struct visit *v, struct flow *f)
{
    for (;;) {
        struct bytes ready = stream_ready(f->stream);
        struct reader r = reader_init(ready, true);
        uint8_t type = reader_u8(&r);
        reader_u16(&r);
        size_t len = reader_u16(&r);
        if (r.state != PARSE_OK || type != RECORD_APPLICATION_DATA)
            return r.state == PARSE_OK;
        if (len > RECORD_MAX || ready.len < RECORD_HEADER + len)
            return false;
        if (!stream_has_room(f->stream, RECORD_HEADER + len)) {
            judge_tcp_refuse_for(j, v, f, ACTION_TLS_HELLO, REASON_TCP_TOO_LONG);
            return false;
        }
        judge_tcp_release(j, f, f->stream->start + RECORD_HEADER + len, judge_flow_mark(f));
        stream_release(f->stream, RECORD_HEADER + len, true);
    }
}

void judge_tls_client(struct judge *j, struct visit *v, struct flow *f)
{
    bool second = f->state == FLOW_RETRY;
    if (f->state != FLOW_OPEN && !second)
        return; /* held until the server has answered */
    if (second && f->early_data && !skip_early_data(j, v, f))
        return;
    struct bytes ready = stream_ready(f->stream);
    struct handshake_client *h = &j->handshake;
    handshake_client(ready, second, j->hello, h);
    if (h->state == PARSE_NEED_MORE) {
        if (ready.len > HANDSHAKE_STREAM_MAX)
            judge_tcp_refuse_for(j, v, f, ACTION_TLS_HELLO, REASON_TCP_TOO_LONG);
        return;
    }
    if (h->state == PARSE_MALFORMED) {
        if (!v->scope)
            judge_tcp_approve(j, f);
        else
            refuse_shown(j, v, f);
        return;
    }
    if (second) {
        if (!h->hello.has_name || judge_hello_hides(v->scope, &h->hello) ||
            !name_equal(&f->shown, &h->hello.server_name)) {
            judge_tcp_refuse_for(j, v, f, ACTION_TLS_HELLO, REASON_TLS_NAME_CHANGED);
            return;
        }
    } else if (!hello_allowed(j, v, f, &h->hello)) {
        return;
    }
    f->early_data |= h->hello.early_data;
    f->hello_end = f->stream->start + h->consumed;
    judge_tcp_release(j, f, f->hello_end, judge_flow_mark(f));
    if (!stream_release(f->stream, h->consumed, true)) { /* cannot be: two hellos have room */
        judge_tcp_refuse_for(j, v, f, ACTION_TLS_HELLO, REASON_TCP_TOO_LONG);
        return;
    }
    f->state = second ? FLOW_RESHOWN : FLOW_SHOWN;
}

bool judge_tls_server(struct judge *j, struct visit *v, struct flow *f, bool *approve)
{
    *approve = false;
    if (f->state == FLOW_RESHOWN) { /* a server retries once (RFC 8446 s4.1.4) */
        *approve = f->acknowledged >= f->hello_end && v->packet.payload.len > 0;
        return true;
    }
    if (f->state != FLOW_SHOWN || f->server_head_len == 0)
        return true;
    switch (handshake_server((struct bytes){f->server_head, f->server_head_len})) {
    case HANDSHAKE_SERVER_NEED_MORE:
        break;
    case HANDSHAKE_SERVER_HELLO:
        *approve = f->acknowledged >= f->hello_end;
        break;
    case HANDSHAKE_SERVER_RETRY:
        f->state = FLOW_RETRY;
        if (f->stream && stream_ready(f->stream).len)
            judge_tls_client(j, v, f);
        return f->state != FLOW_REFUSED;
    case HANDSHAKE_SERVER_OTHER:
        judge_tcp_refuse_for(j, v, f, ACTION_TLS_HELLO, REASON_TLS_EXPECTED);
        return false;
    }
    return true;
}
