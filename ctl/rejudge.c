/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/rejudge.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "policy/decide.h"
#include "policy/narrow.h"

#define CUT_AT_ONCE_MAX 65536
#define FORGET_ROUNDS   64   /* of CUT_AT_ONCE_MAX flows */
#define FORGET_TOLD_MAX 8192 /* ends of flows; the buffer for them holds four times as many */

struct rejudge {
    struct keeper *k;
    uint16_t scope; /* 0: all */
    struct conntrack_flow *cut;
    unsigned cuts, size;
};

struct visit {
    struct keeper *k;
    const struct policy *policy, *before;
    void (*each)(void *ctx, const struct conntrack_flow *flow, const struct event *row);
    void *ctx;
};

/* A connection through a proxy: the proxy must still be one, and what was asked of it last still be allowed.
 * `undecided`: by which policy it was asked, if the tunnel has shown nothing yet; else NULL. */
static bool proxied_allows(const struct policy_scope *scope, const struct policy_scope *undecided,
                           const struct conntrack_flow *flow, const struct event *row, struct bound_name *bound,
                           unsigned bounds)
{
    struct name asked = {0};
    struct address address;
    struct bytes text = {(const uint8_t *)row->domain, strlen(row->domain)};
    bool by_name = name_from_wire(text, &asked);
    enum endpoint_scheme scheme = row->websocket ? ENDPOINT_WS : ENDPOINT_HTTP;
    if (row->action == ACTION_TLS_HELLO || strcmp(row->http_method, "CONNECT") == 0)
        scheme = ENDPOINT_TLS;
    for (unsigned i = 0; i < bounds; i++)
        bound[i].grace = false; /* open connections outlive their binding */
    if (decide_tcp(scope, &flow->destination, flow->destination_port, bound, bounds).path != DECIDE_INSPECT_PROXY ||
        (!by_name && !address_parse(text, &address)))
        return false;
    struct decision d = decide_proxied(scope, scheme, by_name ? &asked : NULL, &address, row->asked_port);
    if (d.path != DECIDE_INSPECT_TLS || row->action == ACTION_TLS_HELLO)
        return d.path != DECIDE_REFUSE;
    /* A tunnel that was, or when the proxy agrees will be, released because any bytes are allowed needs that still; one
     * that is to show its name first is judged when it does. */
    return undecided &&
           decide_proxied(undecided, scheme, by_name ? &asked : NULL, &address, row->asked_port).path == d.path;
}

static bool may_show(const struct policy_scope *scope, enum endpoint_scheme scheme, const struct conntrack_flow *flow,
                     const struct name *shown, const struct bound_name *bound, unsigned bounds)
{
    struct decision d =
        flow->protocol == IPPROTO_UDP
            ? decide_shown_quic(scope, shown, &flow->destination, flow->destination_port, bound, bounds)
            : decide_shown(scope, scheme, shown, &flow->destination, flow->destination_port, bound, bounds);
    return d.path != DECIDE_REFUSE;
}

static enum decide_path path_of(const struct policy_scope *scope, const struct conntrack_flow *flow,
                                const struct bound_name *bound, unsigned bounds)
{
    struct decision d = flow->protocol == IPPROTO_UDP
                            ? decide_udp(scope, &flow->destination, flow->destination_port, bound, bounds)
                            : decide_tcp(scope, &flow->destination, flow->destination_port, bound, bounds);
    return d.path;
}

/* A connection that was let go for a name which is not known (its event was lost, or the keeper that had it is gone)
 * goes on only if it could not have been one that went: of the names that its scope has bound to that address, none
 * was allowed by `before` and is not any more.  Where `before` is not known, or refused nothing, all must be allowed.
 */
static bool unnamed_allows(const struct policy_scope *scope, const struct policy_scope *before,
                           const struct conntrack_flow *flow, enum decide_path path, const struct bound_name *bound,
                           unsigned bounds)
{
    static const enum endpoint_scheme schemes[] = {ENDPOINT_TLS, ENDPOINT_HTTP, ENDPOINT_WS};
    before = before && before->mode != POLICY_AUDIT ? before : NULL;
    if (path == DECIDE_RELEASE)
        return true;
    enum decide_path went_by = before ? path_of(before, flow, bound, bounds) : path;
    if (went_by == DECIDE_RELEASE || (went_by == DECIDE_INSPECT_PROXY && path != went_by))
        return false; /* any bytes were let go, or what is asked of a proxy is, and are no more */
    if (path == DECIDE_INSPECT_PROXY || bounds >= BINDING_NAMES_MAX) /* any name; more than are kept */
        return before && (path != DECIDE_INSPECT_PROXY || path_of(before, flow, bound, bounds) == path) &&
               narrow_covers(scope->profile, before->profile, NULL, NULL);
    for (unsigned n = 0; n < bounds; n++) {
        struct name name = {0};
        bool now = false, went = false;
        if (!name_from_wire((struct bytes){(const uint8_t *)bound[n].name, bound[n].len}, &name))
            return false;
        for (unsigned i = 0; i < sizeof schemes / sizeof *schemes; i++) {
            bool may = may_show(scope, schemes[i], flow, &name, bound, bounds);
            now = now || may;
            went = went || (before && !may && may_show(before, schemes[i], flow, &name, bound, bounds));
        }
        if (before ? went : !now)
            return false;
    }
    return true;
}

/* What has shown nothing yet is judged by the new policy when it does; but one to a proxy is read as that. */
static bool silent_allows(const struct policy_scope *scope, const struct policy_scope *before,
                          const struct conntrack_flow *flow, enum decide_path path, const struct bound_name *bound,
                          unsigned bounds)
{
    bool proxied = before && path_of(before, flow, bound, bounds) == DECIDE_INSPECT_PROXY;
    return unnamed_allows(scope, proxied ? before : scope, flow, path, bound, bounds);
}

bool rejudge_allows(const struct policy *policy, const struct policy *before, const struct rejudge_flow *open,
                    const struct binding_view *names, unsigned count)
{
    const struct conntrack_flow *flow = open->flow;
    const struct event *row = open->row;
    struct bound_name bound[BINDING_NAMES_MAX + 1];
    unsigned used = 0;
    const struct policy_scope *scope = policy_scope_find(policy, open->scope_id);
    const struct policy_scope *by = before ? policy_scope_find(before, open->scope_id) : NULL;
    if (!scope)
        return false;
    if (scope->mode == POLICY_AUDIT)
        return true;
    for (unsigned i = 0; i < count && i < BINDING_NAMES_MAX; i++)
        bound[used++] = (struct bound_name){names[i].name, names[i].len, names[i].grace};
    struct name shown = {0};
    if (row && row->asked_port)
        return proxied_allows(scope, open->undecided ? by : NULL, flow, row, bound, used);
    if (row && row->domain[0] &&
        name_from_wire((struct bytes){(const uint8_t *)row->domain, strlen(row->domain)}, &shown))
        bound[used++] = (struct bound_name){shown.text, shown.len, false};
    bool named = row && shown.len && (row->action == ACTION_TLS_HELLO || row->action == ACTION_HTTP_REQUEST);
    if (named) {
        enum endpoint_scheme scheme = row->action == ACTION_TLS_HELLO ? ENDPOINT_TLS
                                      : row->websocket                ? ENDPOINT_WS
                                                                      : ENDPOINT_HTTP;
        if (may_show(scope, scheme, flow, &shown, bound, used))
            return true;
        /* It may have been released by address or tcp://, whatever it showed. */
    }
    if (flow->destination_port == 53 && decide_is_resolver(scope, &flow->destination))
        return true; /* each message is judged by itself */
    enum decide_path path = path_of(scope, flow, bound, used);
    if (path == DECIDE_REFUSE)
        return false;
    /* With its name known and refused above, only a release by address or tcp:// is left. */
    if (named)
        return path == DECIDE_RELEASE;
    return (open->undecided ? silent_allows : unnamed_allows)(scope, by, flow, path, bound, used);
}

static void note_cut(void *ctx, const struct conntrack_flow *flow, const struct event *row)
{
    struct rejudge *r = ctx;
    (void)row;
    if (r->cuts == r->size && r->size < CUT_AT_ONCE_MAX) {
        unsigned size = r->size ? 2 * r->size : 64;
        struct conntrack_flow *grown = realloc(r->cut, size * sizeof *grown);
        if (!grown)
            return;
        r->cut = grown;
        r->size = size;
    }
    if (r->cuts < r->size)
        r->cut[r->cuts++] = *flow;
}

/* A datagram on loopback has the mark of an approved QUIC flow (core/mark.h), and no name. */
static bool on_loopback(const struct keeper *k, const struct conntrack_flow *flow, const struct event *row)
{
    if (row && row->action == ACTION_TLS_HELLO)
        return false;
    bool own = address_is_loopback(&flow->destination) || address_equal(&flow->source, &flow->destination);
    for (unsigned i = 0; i < k->own_addresses && !own; i++)
        own = address_equal(&k->own_address[i], &flow->destination);
    return own;
}

static void judge_flow(void *ctx, const struct conntrack_flow *flow)
{
    static struct event row;
    struct visit *v = ctx;
    struct keeper *k = v->k;
    struct binding_view names[BINDING_NAMES_MAX];
    uint16_t scope_id = mark_scope(&k->gate->marks, flow->mark);
    if (scope_id < k->gate->scope_first || scope_id > k->gate->scope_last)
        return;
    unsigned state = mark_state(&k->gate->marks, flow->mark);
    bool known = flows_find(k->flows, flow, &row);
    if (state == MARK_LOOPBACK ||
        (state == MARK_HTTP && flow->protocol == IPPROTO_UDP && on_loopback(k, flow, known ? &row : NULL)))
        return;
    unsigned count =
        binding_find(k->bindings, scope_id, &flow->destination, clock_boot_usec(), names, BINDING_NAMES_MAX);
    struct rejudge_flow open = {flow, known ? &row : NULL, scope_id,
                                flow->protocol == IPPROTO_TCP && (state == MARK_UNDECIDED || state == MARK_HELLO)};
    if (!rejudge_allows(v->policy, v->before, &open, names, count))
        v->each(v->ctx, flow, known ? &row : NULL);
}

bool rejudge_each(struct keeper *k, const struct policy *policy, const struct policy *before,
                  void (*each)(void *ctx, const struct conntrack_flow *flow, const struct event *row), void *ctx,
                  struct error *e)
{
    struct visit v = {k, policy, before, each, ctx};
    return conntrack_dump(k->gate->marks.mask, judge_flow, &v, e);
}

static void tell(struct keeper *k, const struct conntrack_flow *flow)
{
    static struct event e;
    if (!flows_find(k->flows, flow, &e)) {
        memset(&e, 0, sizeof e);
        e.source = (struct event_endpoint){flow->source, flow->source_port};
        e.destination = (struct event_endpoint){flow->destination, flow->destination_port};
        e.ip_protocol = flow->protocol;
        e.scope_id = mark_scope(&k->gate->marks, flow->mark);
        e.action = flow->protocol == IPPROTO_TCP ? ACTION_TCP_CONNECT : ACTION_DATAGRAM;
    }
    e.time_usec = clock_real_usec();
    e.verdict = VERDICT_DENY;
    e.reason = REASON_POLICY_CHANGED;
    attend_write(k, &e);
}

unsigned rejudge_all(struct keeper *k, const struct policy *before)
{
    struct error e = {0};
    unsigned total = 0;
    for (;;) {
        struct rejudge r = {.k = k};
        if (!rejudge_each(k, k->policy, before, note_cut, &r, &e))
            fprintf(stderr, "sluice: keeper: cannot judge open connections again: %s\n", e.text);
        /* All are cut before the first is told, which takes longer.  Sockets: without it, a flow's next packet is a
         * stray and is reset. */
        if (r.cuts && !conntrack_cut(r.cut, r.cuts, &e))
            fprintf(stderr, "sluice: keeper: %s\n", e.text);
        if (r.cuts)
            (void)conntrack_destroy_sockets(r.cut, r.cuts, NULL);
        for (unsigned i = 0; i < r.cuts; i++) {
            if (r.cut[i].over) /* nobody lost anything by it */
                attend_flow_end(k, &r.cut[i]);
            else
                tell(k, &r.cut[i]);
            total += !r.cut[i].over;
        }
        free(r.cut);
        if (r.cuts < CUT_AT_ONCE_MAX)
            return total;
    }
}

static bool is_own(const struct keeper *k, const struct conntrack_flow *flow)
{
    uint16_t scope = mark_scope(&k->gate->marks, flow->mark);
    return scope >= k->gate->scope_first && scope <= k->gate->scope_last;
}

static void note_own(void *ctx, const struct conntrack_flow *flow)
{
    struct rejudge *r = ctx;
    if (is_own(r->k, flow) && (!r->scope || mark_scope(&r->k->gate->marks, flow->mark) == r->scope))
        note_cut(r, flow, NULL);
}

/* All of them, or of one scope, by a list of the kernel's whole table, which costs milliseconds. */
static void forget_listed(struct keeper *k, uint16_t scope)
{
    for (int round = 0; round < FORGET_ROUNDS; round++) {
        struct rejudge r = {.k = k, .scope = scope};
        (void)conntrack_dump(k->gate->marks.mask, note_own, &r, NULL);
        for (unsigned i = 0; i < r.cuts; i++)
            attend_flow_end(k, &r.cut[i]);
        if (r.cuts) {
            (void)conntrack_destroy_sockets(r.cut, r.cuts, NULL);
            (void)conntrack_cut(r.cut, r.cuts, NULL);
        }
        free(r.cut);
        if (r.cuts < CUT_AT_ONCE_MAX)
            return;
    }
}

static void ended_before(void *ctx, const struct conntrack_flow *flow)
{
    attend_flow_end(ctx, flow);
}

static void forgotten(void *ctx, const struct conntrack_flow *flow)
{
    struct keeper *k = ctx;
    attend_flow_end(k, flow);
    if (flow->protocol == IPPROTO_TCP && is_own(k, flow))
        (void)conntrack_destroy_sockets(flow, 1, NULL);
}

void rejudge_forget_all(struct keeper *k)
{
    const struct mark_layout *marks = &k->gate->marks;
    uint32_t scope_bits = mark_value(marks, UINT16_MAX, 0);
    /* One scope, and all its ends fit into the buffer of events: those tell which sockets are to go.  What waits there
     * already ended by itself. */
    bool few = k->gate->scope_first == k->gate->scope_last && pressure_connections() <= FORGET_TOLD_MAX;
    if (few && conntrack_events_read(k->conntrack_fd, marks->mask, ended_before, k) &&
        conntrack_forget(scope_bits, mark_value(marks, k->gate->scope_first, 0), NULL) &&
        conntrack_events_read(k->conntrack_fd, marks->mask, forgotten, k))
        return;
    forget_listed(k, 0);
}

void rejudge_forget_scope(struct keeper *k, uint16_t scope)
{
    forget_listed(k, scope);
}
