/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/hash.h"
#include "nfq/judge.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "nfq/judge_state.h"

struct judge *judge_new(const struct judge_config *config, struct judge_sink sink)
{
    struct judge *j = calloc(1, sizeof *j);
    if (!j)
        return NULL;
    j->config = *config;
    j->sink = sink;
    for (unsigned i = 0; i < config->relay_ports; i++)
        j->relay_port[config->relay_port[i] / 8] |= (uint8_t)(1u << config->relay_port[i] % 8);
    unsigned share = config->flows_max ? config->flows_max : JUDGE_FLOWS_DEFAULT;
    j->flows = flow_table_new(share * 4, share, (uint32_t)config->seed);
    j->streams = stream_pool_new(JUDGE_STREAMS, JUDGE_STREAMS_SCOPE);
    j->quic = quic_table_new((uint32_t)config->seed);
    j->exchange = exchange_new(config->seed);
    j->budget = budget_new();
    j->refusal = calloc(JUDGE_REFUSALS_MAX, sizeof *j->refusal);
    j->limits = limits_new();
    bool shared = share_init(&j->refusals, JUDGE_REFUSALS_MAX, JUDGE_REFUSALS_SCOPE);
    if (!shared || !j->flows || !j->streams || !j->quic || !j->exchange || !j->budget || !j->refusal || !j->limits) {
        judge_free(j);
        return NULL;
    }
    return j;
}

void judge_free(struct judge *j)
{
    if (!j)
        return;
    flow_table_free(j->flows);
    stream_pool_free(j->streams);
    quic_table_free(j->quic);
    exchange_free(j->exchange);
    budget_free(j->budget);
    limits_free(j->limits);
    share_done(&j->refusals);
    free(j->refusal);
    free(j->scope);
    free(j);
}

static uint64_t scope_hash(const char *name)
{
    struct bytes text = {(const uint8_t *)name, strlen(name)};
    return (uint64_t)hash_bytes(text, 1) << 32 | hash_bytes(text, 2);
}

/* A scope that is gone leaves nothing to who gets its id next. */
static void forget_scopes(struct judge *j, const struct policy *next)
{
    unsigned scopes = next ? next->scopes : 0;
    for (unsigned i = 0; j->config.bindings && i < j->scopes; i++) {
        const struct policy_scope *now = next ? policy_scope_find(next, j->scope[i].id) : NULL;
        if (!now || scope_hash(now->name) != j->scope[i].name)
            binding_drop_scope(j->config.bindings, j->scope[i].id);
    }
    free(j->scope);
    j->scope = scopes ? calloc(scopes, sizeof *j->scope) : NULL;
    j->scopes = j->scope ? scopes : 0; /* no memory: what goes next stays bound as long as it would have */
    for (unsigned i = 0; i < j->scopes; i++)
        j->scope[i] = (struct judge_scope){next->scope[i].id, scope_hash(next->scope[i].name)};
}

void judge_policy(struct judge *j, const struct policy *policy)
{
    unsigned scopes = policy ? policy->scopes : 0;
    forget_scopes(j, policy);
    j->policy = policy;
    flow_table_scopes(j->flows, scopes);
    stream_pool_scopes(j->streams, scopes);
    quic_table_scopes(j->quic, scopes);
    exchange_scopes(j->exchange, scopes);
    budget_scopes(j->budget, scopes);
    share_scopes(&j->refusals, scopes);
    if (j->config.bindings)
        binding_scopes(j->config.bindings, scopes);
    j->policies++;
    refusal_policy(j);
}

void judge_own_addresses(struct judge *j, const struct address *own, unsigned count)
{
    j->own_addresses = count < JUDGE_OWN_ADDRESSES_MAX ? count : JUDGE_OWN_ADDRESSES_MAX;
    if (j->own_addresses)
        memcpy(j->own_address, own, j->own_addresses * sizeof *own);
}

void judge_accept(struct judge *j, uint32_t id, enum mark_verdict mark, struct bytes ip)
{
    j->counts.accepted++;
    j->sink.accept(j->sink.ctx, id, mark, ip);
}

void judge_drop(struct judge *j, uint32_t id, enum mark_verdict mark)
{
    j->counts.dropped++;
    j->sink.drop(j->sink.ctx, id, mark);
}

void judge_inject(struct judge *j, const uint8_t *ip, size_t len)
{
    if (len == 0)
        return;
    j->counts.injected++;
    j->sink.inject(j->sink.ctx, (struct bytes){ip, len});
}

void judge_discard(struct judge *j, struct visit *v)
{
    v->in_hand = false;
    if (v->audit)
        judge_accept(j, v->in->id, MARK_PASS, (struct bytes){0});
    else
        judge_drop(j, v->in->id, MARK_PASS);
}

void judge_pass(struct judge *j, struct visit *v, enum mark_verdict mark, struct bytes payload)
{
    v->in_hand = false;
    if (v->audit) {
        judge_accept(j, v->in->id, mark, (struct bytes){0});
        return;
    }
    size_t len = packet_rebuild(&v->packet, payload, true, j->out, sizeof j->out, NULL);
    if (len)
        judge_accept(j, v->in->id, mark, (struct bytes){j->out, len});
    else
        judge_drop(j, v->in->id, MARK_PASS);
}

void judge_event_init(const struct judge *j, const struct visit *v, enum action action, struct event *e)
{
    const struct packet *p = &v->packet;
    memset(e, 0, sizeof *e);
    e->time_usec = j->config.recorded ? j->now_usec : clock_real_usec();
    e->action = action;
    e->scope_id = v->in->scope;
    e->source = (struct event_endpoint){p->source, p->source_port};
    e->destination = (struct event_endpoint){p->destination, p->destination_port};
    e->ip_protocol = p->protocol;
    e->relayed = v->relayed;
    bool member_answers = v->in->path == MARK_INCOMING && v->in->at_output && p->flags & TCP_SYN;
    if (v->in->path == MARK_FROM_SERVER || member_answers) {
        struct event_endpoint client = e->destination;
        e->destination = e->source;
        e->source = client;
    }
    e->incoming = v->in->path == MARK_INCOMING && (!v->in->at_output || member_answers);
}

void judge_event_decision(const struct decision *d, struct event *e)
{
    e->reason = d->reason;
    e->verdict = d->path != DECIDE_REFUSE ? VERDICT_ALLOW : d->noise ? VERDICT_IGNORED : VERDICT_DENY;
    if (d->has_rule)
        endpoint_format(&d->rule, e->rule, sizeof e->rule);
    if (d->limit)
        snprintf(e->limit, sizeof e->limit, "%s: %u", d->limit, d->limit_max);
}

/* Loopback, or an address of an interface. */
static bool is_here(const struct judge *j, const struct address *a)
{
    bool found = address_is_loopback(a);
    for (unsigned i = 0; i < j->own_addresses && !found; i++)
        found = address_equal(a, &j->own_address[i]);
    return found;
}

/* Whose budget it is.  A program on this host sends from whichever of its addresses it likes, and of loopback's there
 * are 2^24 (a resolver on 127.0.0.53): they are one. */
static struct address spender(const struct judge *j, const struct visit *v)
{
    static const struct address here = {4, {127, 0, 0, 1}};
    const struct packet *p = &v->packet; /* the server's: a request of a proxy that had waited for it */
    const struct address *client = v->in->path == MARK_FROM_SERVER ? &p->destination : &p->source;
    return v->in->local || is_here(j, client) ? here : *client;
}

void judge_budget(struct judge *j, const struct visit *v, const struct name *name, struct decision *d)
{
    bool below_wildcard = d->has_rule && (d->rule.host == ENDPOINT_ONE_BELOW || d->rule.host == ENDPOINT_ANY_BELOW);
    if (d->path == DECIDE_REFUSE || !below_wildcard)
        return;
    const struct policy_profile *profile = v->scope->profile;
    struct budget_limits limits = {profile->budget.names_per_minute, profile->budget.label_bytes,
                                   profile->budget.bytes_per_hour};
    size_t below = name->len > d->rule.name.len ? name->len - d->rule.name.len - 1u : name->len;
    struct address from = spender(j, v);
    enum budget_met met = budget_spend(j->budget, v->in->scope, &from, name, below, &limits, j->now_usec);
    if (met == BUDGET_WITHIN)
        return;
    limits = budget_effective(&limits);
    d->limit = met == BUDGET_MET_NAMES   ? "names_per_minute"
               : met == BUDGET_MET_LABEL ? "label_bytes"
               : met == BUDGET_MET_BYTES ? "bytes_per_hour"
                                         : NULL;
    d->limit_max = met == BUDGET_MET_NAMES   ? limits.names_per_minute
                   : met == BUDGET_MET_LABEL ? limits.label_bytes
                                             : limits.bytes_per_hour;
    d->path = DECIDE_REFUSE;
    d->reason = REASON_TUNNEL_SUSPECTED;
    d->offer = false;
}

void judge_tell(struct judge *j, struct event *e)
{
    bool refusal = e->verdict == VERDICT_DENY || e->verdict == VERDICT_WOULD_DENY;
    e->ticket = 0;
    if (j->config.recorded || limit_tell(j->limits, e->scope_id, e->reason, refusal, j->now_usec))
        j->sink.event(j->sink.ctx, e);
}

void judge_limit(struct judge *j, const struct visit *v, enum reason reason)
{
    struct event e;
    judge_event_init(j, v, ACTION_GATE, &e);
    e.reason = reason;
    e.verdict = judge_denial(v);
    judge_tell(j, &e);
}

static void tell_limit(void *ctx, uint16_t scope_id, enum reason reason, uint64_t count)
{
    struct judge *j = ctx;
    const struct policy_scope *scope = j->policy ? policy_scope_find(j->policy, scope_id) : NULL;
    struct event e = {.time_usec = clock_real_usec(),
                      .action = ACTION_GATE,
                      .reason = reason,
                      .verdict = scope && scope->mode == POLICY_AUDIT ? VERDICT_WOULD_DENY : VERDICT_DENY,
                      .scope_id = scope_id,
                      .count = count};
    if (reason == REASON_FACTS_UNTOLD)
        e.verdict = VERDICT_IGNORED;
    j->sink.event(j->sink.ctx, &e);
}

enum verdict judge_denial(const struct visit *v)
{
    return v->scope && v->scope->mode == POLICY_AUDIT ? VERDICT_WOULD_DENY : VERDICT_DENY;
}

unsigned judge_bound(const struct judge *j, const struct visit *v, const struct address *address,
                     struct bound_name out[BINDING_NAMES_MAX])
{
    struct binding_view view[BINDING_NAMES_MAX];
    unsigned n = binding_find(j->config.bindings, v->in->scope, address, j->now_usec, view, BINDING_NAMES_MAX);
    for (unsigned i = 0; i < n; i++)
        out[i] = (struct bound_name){view[i].name, view[i].len, view[i].grace};
    return n;
}

/* Is it the relay's?  A host behind the gate may use the same port. */
static bool is_relayed(const struct judge *j, const struct packet *p, enum mark_queued path)
{
    bool answer = path == MARK_FROM_SERVER;
    uint16_t port = answer ? p->destination_port : p->source_port;
    const struct address *own = answer ? &p->destination : &p->source;
    return p->protocol == IPPROTO_UDP && j->relay_port[port / 8] & 1u << port % 8 && is_here(j, own);
}

static void to_server(struct judge *j, struct visit *v)
{
    const struct packet *p = &v->packet;
    if (p->protocol == IPPROTO_TCP)
        judge_tcp_client(j, v);
    else if (p->protocol != IPPROTO_UDP)
        judge_related(j, v);
    else if (p->destination_port == 53 && (!v->scope || decide_is_resolver(v->scope, &p->destination)))
        judge_dns_query(j, v);
    else
        judge_datagram(j, v);
}

static void from_server(struct judge *j, struct visit *v)
{
    const struct packet *p = &v->packet;
    if (p->protocol == IPPROTO_TCP)
        judge_tcp_server(j, v);
    else if (p->protocol == IPPROTO_UDP && p->source_port == 53)
        judge_dns_answer(j, v);
    else
        judge_discard(j, v); /* the answer to a datagram that was never let out */
}

void judge_packet(struct judge *j, const struct judge_packet *packet, uint64_t now_usec)
{
    struct visit v = {.in = packet, .in_hand = true};
    j->now_usec = now_usec;
    j->counts.packets++;
    enum reason form = packet_parse(packet->ip, !packet->sum_unfinished && !packet->gso, &v.packet);
    v.scope = j->policy ? policy_scope_find(j->policy, packet->scope) : NULL;
    if (!v.scope && !(j->config.recorded && !j->policy)) { /* the scope went between queue and handler */
        judge_drop(j, packet->id, MARK_PASS);
        return;
    }
    v.audit = j->config.recorded || v.scope->mode == POLICY_AUDIT;
    v.relayed = is_relayed(j, &v.packet, packet->path);
    if (form != REASON_NONE)
        judge_other(j, &v, form);
    else if (packet->path == MARK_TO_SERVER)
        to_server(j, &v);
    else if (packet->path == MARK_FROM_SERVER)
        from_server(j, &v);
    else if (packet->path == MARK_STRAY)
        judge_stray(j, &v);
    else
        judge_incoming(j, &v);
}

void judge_attributed(struct judge *j, uint64_t ticket, uint64_t now_usec)
{
    j->now_usec = now_usec;
    refusal_attributed(j, ticket);
}

void judge_tick(struct judge *j, uint64_t now_usec)
{
    j->now_usec = now_usec;
    refusal_expire(j);
    judge_tcp_sweep(j);
    judge_quic_sweep(j);
    exchange_expire(j->exchange, now_usec);
    if (!j->config.recorded)
        limits_tick(j->limits, now_usec, false, tell_limit, j);
}

void judge_tell_counts(struct judge *j, uint64_t now_usec)
{
    j->now_usec = now_usec;
    limits_tick(j->limits, now_usec, true, tell_limit, j);
}

bool judge_waiting(const struct judge *j)
{
    return j->refusals.used > 0;
}

void judge_counts(const struct judge *j, struct judge_counts *out)
{
    *out = j->counts;
    out->flows = flow_count(j->flows);
    out->flows += quic_flow_count(j->quic);
    out->held_packets = flow_held_count(j->flows) + quic_held_count(j->quic);
    out->waiting_refusals = j->refusals.used;
    for (unsigned i = 0; i < REASON_LIMITS; i++)
        out->limits[i] = limit_total(j->limits, (enum reason)(REASON_LIMIT_FIRST + i));
}
