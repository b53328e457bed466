/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the inspector tells the keeper: events, which are completed (scope, process), counted and written; and counts.
 */
#include <netinet/in.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "core/clock.h"
#include "ctl/eventlog.h"
#include "ctl/keeper.h"

/* For so long in all: an inspector that is dead, or that a flood keeps from its queues' end, has no more to tell us
 * than the keeper's other work can wait for. */
#define QUIET_USEC 1000000u

static void name_scope(const struct keeper *k, struct event *e)
{
    const struct policy_scope *scope = policy_scope_find(k->policy, e->scope_id);
    snprintf(e->scope, sizeof e->scope, "%s", scope ? scope->name : "");
    snprintf(e->job, sizeof e->job, "%s", scope && scope->job ? scope->job : "");
    snprintf(e->phase, sizeof e->phase, "%s", scope ? scope->phase : "");
}

/* A message that came over TCP: the relay's table tells who asked; the relay itself is nobody's suspect. */
static bool resolve_relayed(const struct keeper *k, struct event *e)
{
    struct relay_asked asked;
    struct bytes domain = {(const uint8_t *)e->domain, strlen(e->domain)};
    if (!k->relays || !relay_table_find(k->relays, e->scope_id, &e->destination.address, domain, e->dns_type, &asked))
        return false;
    e->source = asked.client;
    e->destination = asked.resolver;
    return true;
}

static bool is_relay_port(const struct keeper *k, const struct event *e)
{
    bool found = false;
    for (unsigned i = 0; i < 2 * GATE_RELAY_SLOTS && !found; i++)
        found = e->source.port == k->relay_udp_port[i];
    return found && e->ip_protocol == IPPROTO_UDP && e->source.port != 0;
}

#define ATTEND_EVENTS PROCESS_FIND_MAX /* that are attended together */

static bool refusal(const struct event *e)
{
    return e->verdict == VERDICT_DENY || e->verdict == VERDICT_WOULD_DENY;
}

/* What is looked for to name the process of this event; false: nothing is. */
static bool attribute_want(const struct keeper *k, struct event *e, struct process_wanted *out)
{
    uint8_t protocol = e->ip_protocol;
    if (!refusal(e) || !protocol)
        return false;
    if (e->relayed) {
        if (!resolve_relayed(k, e))
            return false;
        protocol = IPPROTO_TCP;
    }
    *out = (struct process_wanted){
        .protocol = protocol, .source = e->source, .destination = e->destination, .out = &e->process};
    return !e->incoming;
}

/* Finds the processes of a scope's refusals.  Scopes by interface or address have theirs elsewhere (a container,
 * another host). */
static void attribute_scope(struct keeper *k, uint16_t scope_id, struct process_wanted *wanted, unsigned count)
{
    const struct policy_scope *scope = policy_scope_find(k->policy, scope_id);
    const char *cgroup[POLICY_MATCHES_MAX];
    unsigned cgroups = 0;
    for (unsigned i = 0; scope && i < scope->matches && cgroups < POLICY_MATCHES_MAX; i++)
        if (scope->match[i].kind == POLICY_CGROUP)
            cgroup[cgroups++] = scope->match[i].text;
    struct process_finder *finder = k->job_finder ? k->job_finder : k->finder;
    uint64_t began_usec = clock_boot_usec();
    if (!finder || !cgroups || !lookups_may(k->lookups, scope_id, began_usec))
        return;
    process_find_all(finder, wanted, count, cgroup, cgroups);
    lookups_took(k->lookups, scope_id, began_usec, clock_boot_usec());
}

/* A look-up costs nearly the same for one refusal and for many of its scope. */
static void attribute(struct keeper *k, struct event *events, unsigned count)
{
    static struct process_wanted wanted[ATTEND_EVENTS]; /* one thread */
    bool seen[ATTEND_EVENTS] = {false};
    for (unsigned i = 0; i < count; i++) {
        unsigned wants = 0;
        for (unsigned n = i; n < count && !seen[i]; n++) {
            if (seen[n] || events[n].scope_id != events[i].scope_id)
                continue;
            wants += attribute_want(k, &events[n], &wanted[wants]);
            seen[n] = n != i;
        }
        if (wants)
            attribute_scope(k, events[i].scope_id, wanted, wants);
    }
}

void attend_write(struct keeper *k, struct event *e)
{
    uint64_t count = e->count > 1 ? e->count : 1;
    name_scope(k, e);
    eventlog_add(k->log, e, clock_boot_usec());
    struct held_job *job = e->job[0] ? jobs_find(&k->jobs, e->job) : NULL;
    if (job)
        summary_add(job->summary, e);
    k->allowed += e->verdict == VERDICT_ALLOW && e->action != ACTION_CONNECTION_END ? count : 0;
    if (!refusal(e))
        return;
    k->refused += count;
    atomic_store(&k->shared->denied, k->denied_before + summary_denied(k->summary));
    atomic_store(&k->shared->alerts, k->alerts_before + summary_alerts(k->summary));
}

/* A refused connection that was open: both ends are told by the inspector, conntrack by us, or it would keep the entry
 * until its time-out.  Only one that has this scope's mark: who asks is the process that hostile bytes reach. */
static void forget_connection(const struct keeper *k, const struct event *e)
{
    const struct mark_layout *marks = &k->gate->marks;
    struct conntrack_flow flow = {.source = e->source.address,
                                  .destination = e->destination.address,
                                  .source_port = e->source.port,
                                  .destination_port = e->destination.port,
                                  .protocol = IPPROTO_TCP};
    if (!e->cut || e->verdict != VERDICT_DENY || e->ip_protocol != IPPROTO_TCP ||
        !policy_scope_find(k->policy, e->scope_id))
        return;
    uint32_t scope_bits = mark_value(marks, UINT16_MAX, 0);
    (void)conntrack_cut_marked(&flow, scope_bits, mark_value(marks, e->scope_id, 0), NULL);
}

/* What came in, as it is to be told; false: not at all. */
static bool take_event(const struct keeper *k, struct event *e)
{
    event_sanitize(e);
    memset(&e->process, 0,
           sizeof e->process); /* ours to fill: the inspector, which hostile bytes reach, knows nobody */
    if (!e->time_usec)
        e->time_usec = clock_real_usec();
    if (e->action == ACTION_GATE && e->reason == REASON_OVERRUN && k->pressure.queues_known)
        return false; /* how often it was late; the kernel says how many packets that cost (ctl/pressure.c) */
    e->relayed = is_relay_port(k, e);
    return true;
}

static void attend_taken(struct keeper *k, struct event *events, unsigned count)
{
    attribute(k, events, count);
    for (unsigned i = 0; i < count; i++) {
        struct event *e = &events[i];
        if (e->ticket) {
            struct channel_attributed answer = {.kind = CHANNEL_ATTRIBUTED, .ticket = e->ticket};
            /* A full channel: the inspector goes on by itself after JUDGE_ATTRIBUTION_USEC. */
            (void)send(k->gate->events_fd[0], &answer, sizeof answer, MSG_DONTWAIT | MSG_NOSIGNAL);
        }
        forget_connection(k, e);
        flows_open(k->flows, e); /* where there is no room, this flow's end is not told */
        attend_write(k, e);
    }
}

void attend_events(struct keeper *k, unsigned most)
{
    static uint8_t message[CHANNEL_EVENTS_BYTES]; /* one thread */
    static struct event event[ATTEND_EVENTS];
    unsigned count = 0;
    for (unsigned i = 0; i < most; i++) {
        ssize_t len = recv(k->gate->events_fd[0], message, sizeof message, MSG_DONTWAIT | MSG_TRUNC);
        uint32_t kind;
        if (len < 0)
            break;
        if (len < (ssize_t)sizeof kind || len > (ssize_t)sizeof message)
            continue;
        memcpy(&kind, message, sizeof kind);
        struct channel_mark mark;
        if (kind == CHANNEL_MARK && len == sizeof mark) {
            memcpy(&mark, message, sizeof mark);
            k->marked = k->marked || mark.serial == k->mark_serial; /* not the late answer to one before */
        }
        struct reader r = reader_init((struct bytes){message, (size_t)len}, false);
        reader_bytes(&r, sizeof kind);
        while (kind == CHANNEL_EVENTS && event_unpack(&r, &event[count])) {
            count += take_event(k, &event[count]);
            if (count == ATTEND_EVENTS) {
                attend_taken(k, event, count);
                count = 0;
            }
        }
    }
    attend_taken(k, event, count);
}

void attend_quiet(struct keeper *k)
{
    struct pollfd more = {.fd = k->gate->events_fd[0], .events = POLLIN};
    uint64_t now = clock_boot_usec(), until = now + QUIET_USEC;
    struct channel_mark mark = {.kind = CHANNEL_MARK, .serial = (uint32_t)now}; /* no keeper before had it, either */
    bool asked = false;
    k->marked = false;
    k->mark_serial = mark.serial;
    for (; now < until && !k->marked; now = clock_boot_usec()) {
        asked = asked || send(k->gate->events_fd[0], &mark, sizeof mark, MSG_DONTWAIT | MSG_NOSIGNAL) > 0;
        (void)poll(&more, 1, (int)((until - now) / 1000) + 1);
        attend_events(k, 64);
    }
}

void attend_flow_end(struct keeper *k, const struct conntrack_flow *flow)
{
    static struct event end;
    uint16_t scope = mark_scope(&k->gate->marks, flow->mark);
    if (scope < k->gate->scope_first || scope > k->gate->scope_last)
        return;
    if (flows_close(k->flows, flow, clock_real_usec(), &end))
        attend_write(k, &end);
}

void attend_dropped(struct keeper *k, enum reason reason, enum verdict verdict, uint16_t scope_id, uint64_t count)
{
    struct event e = {.time_usec = clock_real_usec(),
                      .action = ACTION_GATE,
                      .reason = reason,
                      .verdict = verdict,
                      .scope_id = scope_id,
                      .count = count};
    attend_write(k, &e);
}

void attend_gate_event(struct keeper *k, enum reason reason, enum verdict verdict, uint64_t count)
{
    struct event e = {
        .time_usec = clock_real_usec(), .action = ACTION_GATE, .reason = reason, .verdict = verdict, .count = count};
    attend_write(k, &e);
    if (!refusal(&e)) /* else the line is written with the event */
        fprintf(stderr, "sluice: gate: %s (%llu)\n", reason_text(reason), (unsigned long long)count);
}

/* What was lost is told by events of the inspector's own. */
void attend_counts(struct keeper *k, const struct channel_counts *counts)
{
    k->counts = *counts;
    atomic_fetch_add(&k->shared->beats[ROLE_INSPECTOR], 1);
}
