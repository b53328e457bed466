/* SPDX-License-Identifier: GPL-3.0-or-later */
/* TCP, client to server: the SYN, judged by its address and options; what is told of it, and the flow it begins. */
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

void judge_tcp_refuse_late(struct judge *j, struct visit *v, struct flow *f)
{
    struct bound_name bound[BINDING_NAMES_MAX];
    unsigned bounds = judge_bound(j, v, &f->key.server, bound);
    struct decision d = decide_tcp(v->scope, &f->key.server, f->key.server_port, bound, bounds);
    struct event e;
    connect_event(j, v, &d, bound, bounds, &e);
    judge_tcp_refuse(j, v, f, &e);
}

bool judge_tcp_options_refused(const struct packet *p)
{
    uint8_t options[40];
    memcpy(options, p->options.at, p->options.len);
    return packet_clean_options(options, p->options.len) != REASON_NONE;
}

void judge_tcp_syn(struct judge *j, struct visit *v)
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
    if (judge_tcp_options_refused(p) && !v->audit) {
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
