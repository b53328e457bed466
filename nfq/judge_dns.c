/* SPDX-License-Identifier: GPL-3.0-or-later */
/* DNS over UDP, both ways: questions are rebuilt, answers matched and reduced, addresses bound before the answer goes
 * (DESIGN s3.2).  What came over TCP arrives here as UDP, from the relay. */
#include <stdio.h>
#include <string.h>

#include "nfq/judge_state.h"

#define TCP_ANSWER_LIMIT 65535u

static struct exchange_flow flow_of(const struct packet *p, bool answer)
{
    if (answer)
        return (struct exchange_flow){p->destination, p->source, p->destination_port, p->source_port};
    return (struct exchange_flow){p->source, p->destination, p->source_port, p->destination_port};
}

static void question_event(const struct judge *j, const struct visit *v, enum action action, const struct question *q,
                           struct event *e)
{
    judge_event_init(j, v, action, e);
    memcpy(e->domain, q->name.text, q->name.len);
    e->domain[q->name.len] = 0;
    e->dns_type = q->type;
}

/* Refuses with an answer in the resolver's place. */
static void refuse_question(struct judge *j, struct visit *v, const struct question *q, enum message_denial denial,
                            struct event *e)
{
    char text[200];
    snprintf(text, sizeof text, "sluice: %s%s%s%s", reason_text(e->reason), e->limit[0] ? " (" : "", e->limit,
             e->limit[0] ? ")" : "");
    uint8_t message[512], ip[JUDGE_INJECT_MAX];
    size_t len = message_build_denial(q, denial, text, message, sizeof message);
    size_t ip_len = len ? packet_build_udp_answer(&v->packet, (struct bytes){message, len}, ip, sizeof ip) : 0;
    refusal_make(j, v, e, ip_len ? REFUSAL_ANSWER : REFUSAL_DROP, (struct bytes){ip, ip_len}, MARK_PASS);
}

/* Not one well-formed question: no answer for what claims to be one, a format error for the rest. */
static void refuse_form(struct judge *j, struct visit *v, const struct question *q, enum reason reason,
                        const char *shown)
{
    struct event e;
    question_event(j, v, ACTION_DNS_QUERY, q, &e);
    e.reason = reason;
    e.verdict = VERDICT_DENY;
    if (!q->name.len) {
        snprintf(e.domain, sizeof e.domain, "%.253s", shown);
        e.domain_escaped = true;
    }
    enum message_denial denial = reason == REASON_DNS_NAME_FORM ? MESSAGE_NXDOMAIN
                                 : reason == REASON_DNS_CLASS   ? MESSAGE_REFUSED
                                                                : MESSAGE_FORMERR;
    if (reason == REASON_DNS_NOT_A_QUERY)
        refusal_make(j, v, &e, REFUSAL_ICMP, (struct bytes){0}, MARK_PASS);
    else
        refuse_question(j, v, q, denial, &e);
}

static bool reverse_is_bound(const struct judge *j, const struct visit *v, const struct question *q)
{
    struct address address;
    struct bound_name bound[BINDING_NAMES_MAX];
    return q->type == 12 && message_reverse_address(&q->name, &address) && judge_bound(j, v, &address, bound) > 0;
}

static void forward(struct judge *j, struct visit *v, const struct question *q, const struct decision *d)
{
    struct exchange_flow flow = flow_of(&v->packet, false);
    struct exchange_entry *entry = v->audit ? exchange_ask_as(j->exchange, &flow, v->in->scope, q, q->id, j->now_usec)
                                            : exchange_ask(j->exchange, &flow, v->in->scope, q, j->now_usec);
    if (!entry && !v->audit) {
        struct event e;
        question_event(j, v, ACTION_DNS_QUERY, q, &e);
        e.reason = REASON_QUESTIONS_FULL;
        e.verdict = VERDICT_DENY;
        refuse_question(j, v, q, MESSAGE_SERVFAIL, &e);
        return;
    }
    if (entry && entry->waits && !v->audit) {
        judge_discard(j, v); /* an equal question is on its way, and its answer answers this one */
        return;
    }
    uint8_t query[MESSAGE_QUERY_MAX];
    size_t len = v->audit     ? 0
                 : v->relayed ? message_build_query_over_tcp(q, entry->our_id, query)
                              : message_build_query(q, entry->our_id, query);
    if (j->config.recorded) {
        struct event e;
        question_event(j, v, ACTION_DNS_QUERY, q, &e);
        judge_event_decision(d, &e);
        judge_tell(j, &e);
    }
    judge_pass(j, v, MARK_PASS, (struct bytes){query, len});
}

void judge_dns_query(struct judge *j, struct visit *v)
{
    struct question q;
    char shown[256];
    enum reason form = message_read_query(v->packet.payload, &q, shown);
    if (form != REASON_NONE) {
        refuse_form(j, v, &q, form, shown);
        return;
    }
    struct decision d = {.path = DECIDE_RELEASE, .reason = REASON_OBSERVED};
    if (v->scope)
        d = decide_question(j->policy, v->scope, &q.name, q.type, reverse_is_bound(j, v, &q));
    judge_budget(j, v, &q.name, &d);
    if (d.path != DECIDE_REFUSE) {
        forward(j, v, &q, &d);
        return;
    }
    struct event e;
    question_event(j, v, ACTION_DNS_QUERY, &q, &e);
    judge_event_decision(&d, &e);
    if (d.offer)
        decide_question_hint(&q.name, q.type, e.hint, sizeof e.hint);
    if (v->audit) { /* the answer is wanted too: its addresses are bound, so that one missing entry is one finding */
        struct exchange_flow flow = flow_of(&v->packet, false);
        exchange_ask_as(j->exchange, &flow, v->in->scope, &q, q.id, j->now_usec);
    }
    bool exists = d.reason == REASON_TYPE_NOT_ALLOWED;
    refuse_question(j, v, &q, exists ? MESSAGE_NODATA : MESSAGE_NXDOMAIN, &e);
}

/* --- answers --- */

struct filter {
    const struct judge *j;
    const struct visit *v;
    const struct name *name;
    struct address refused; /* the last */
};

static bool address_passes(void *ctx, const struct address *address)
{
    struct filter *f = ctx;
    bool own = false;
    for (unsigned i = 0; i < f->j->own_addresses && !own; i++)
        own = address_equal(address, &f->j->own_address[i]);
    if (decide_answer_address(f->v->scope, f->name, address, own))
        return true;
    f->refused = *address;
    return false;
}

static bool is_metadata(const struct address *a)
{
    char text[ADDRESS_TEXT_SIZE];
    address_format(a, text);
    return strcmp(text, "169.254.169.254") == 0 || strcmp(text, "fd00:ec2::254") == 0;
}

static void tell_filtered(struct judge *j, struct visit *v, const struct question *q, const struct filter *f,
                          unsigned filtered)
{
    struct event e;
    question_event(j, v, ACTION_DNS_ANSWER, q, &e);
    e.reason = is_metadata(&f->refused) ? REASON_METADATA_ADDRESS : REASON_PRIVATE_ADDRESS;
    e.verdict = judge_denial(v);
    e.count = filtered;
    e.answers = 1;
    e.answer[0] = f->refused;
    if (e.reason == REASON_PRIVATE_ADDRESS) {
        struct endpoint hint = {.scheme = ENDPOINT_TLS, .host = ENDPOINT_NAME, .name = q->name, .has_at = true};
        hint.port_low = hint.port_high = 443;
        hint.at = (struct address_range){f->refused, (uint8_t)(address_octets(&f->refused) * 8)};
        endpoint_format(&hint, e.hint, sizeof e.hint);
    }
    judge_tell(j, &e);
}

/* Audit: what would have been withheld from the answer goes on, and is told; not where the question itself is noise. */
static unsigned would_filter(const struct judge *j, const struct visit *v, const struct question *q, struct filter *f)
{
    unsigned filtered = 0;
    if (!v->scope || decide_question(j->policy, v->scope, &q->name, q->type, reverse_is_bound(j, v, q)).noise)
        return 0;
    for (unsigned i = 0; i < j->answer.addresses; i++)
        filtered += !address_passes(f, &j->answer.address[i].address);
    return filtered;
}

static void bind_and_tell(struct judge *j, struct visit *v, const struct question *q)
{
    struct event e;
    question_event(j, v, ACTION_DNS_ANSWER, q, &e);
    e.reason = v->scope ? REASON_ANSWERED : REASON_OBSERVED;
    e.verdict = VERDICT_ALLOW;
    bool refused = false;
    if (v->audit && v->scope) { /* the question may have been one that enforcing had refused */
        struct decision d = decide_question(j->policy, v->scope, &q->name, q->type, reverse_is_bound(j, v, q));
        refused = d.path == DECIDE_REFUSE;
        if (refused) {
            judge_event_decision(&d, &e);
            e.verdict = e.verdict == VERDICT_DENY ? judge_denial(v) : e.verdict;
        }
    }
    for (unsigned i = 0; i < j->answer.addresses; i++) {
        const struct answer_address *a = &j->answer.address[i];
        if (!binding_add(j->config.bindings, v->in->scope, &a->address, &q->name, a->ttl_sec, j->now_usec))
            judge_limit(j, v, REASON_BINDINGS_FULL);
        if (e.answers < EVENT_ANSWERS_MAX)
            e.answer[e.answers++] = a->address;
    }
    if (!refused || j->config.recorded)
        judge_tell(j, &e);
}

static size_t build_unreadable(const struct question *q, uint8_t *out, size_t size)
{
    return message_build_denial(q, MESSAGE_SERVFAIL, "sluice: the resolver's answer cannot be read", out, size);
}

static void refuse_answer(struct judge *j, struct visit *v, enum reason reason, const struct question *q)
{
    struct event e;
    judge_event_init(j, v, ACTION_DNS_ANSWER, &e);
    if (q)
        question_event(j, v, ACTION_DNS_ANSWER, q, &e);
    e.reason = reason;
    e.verdict = judge_denial(v);
    judge_tell(j, &e);
    if (!q || v->audit) {
        judge_discard(j, v);
        return;
    }
    uint8_t message[512];
    size_t len = build_unreadable(q, message, sizeof message);
    judge_pass(j, v, MARK_PASS, (struct bytes){message, len});
}

/* What was read into j->answer. */
static void give_answer(struct judge *j, struct visit *v, const struct question *q, struct filter *filter,
                        unsigned filtered)
{
    bool withheld = filtered && !j->answer.addresses;
    if (v->audit)
        filtered = would_filter(j, v, q, filter);
    if (filtered)
        tell_filtered(j, v, q, filter, filtered);
    if (!withheld)
        bind_and_tell(j, v, q);
    judge_pass(j, v, MARK_PASS, (struct bytes){j->answer.wire, j->answer.wire_len});
}

/* The answer goes to all that wait for it, to each by its own id and as it wrote the question.  It is told and bound
 * already: the addresses are the same. */
static void answer_shared(struct judge *j, const struct visit *v, const struct exchange_flow *flow,
                          const struct answer_head *head)
{
    struct exchange_entry *entry;
    while ((entry = exchange_match_shared(j->exchange, flow, head, j->now_usec))) {
        const struct question *q = &entry->question;
        struct filter filter = {.j = j, .v = v, .name = &q->name};
        unsigned filtered = 0;
        size_t limit = v->relayed ? TCP_ANSWER_LIMIT : q->udp_payload;
        if (message_read_answer(v->packet.payload, q, limit, address_passes, &filter, &filtered, &j->answer) !=
            PARSE_OK)
            j->answer.wire_len = build_unreadable(q, j->answer.wire, sizeof j->answer.wire);
        struct bytes message = {j->answer.wire, j->answer.wire_len};
        judge_inject(j, j->out, packet_rebuild(&v->packet, message, true, j->out, sizeof j->out, NULL));
        exchange_shared(j->exchange, entry);
    }
}

void judge_dns_answer(struct judge *j, struct visit *v)
{
    struct exchange_flow flow = flow_of(&v->packet, true);
    struct answer_head head;
    struct exchange_entry *entry = NULL;
    if (message_read_answer_head(v->packet.payload, &head))
        entry = exchange_match(j->exchange, &flow, &head, j->now_usec);
    if (!entry) {
        exchange_wrong(j->exchange, &flow, v->in->scope, j->now_usec);
        refuse_answer(j, v, REASON_DNS_ANSWER_UNASKED, NULL);
        return;
    }
    if (entry->answered_usec && !v->audit) {
        /* A duplicate, or a forger who may try all ids while nothing is awaited: nothing of it is believed.  Who lost
         * the first one asks again. */
        judge_discard(j, v);
        return;
    }
    const struct question *q = &entry->question;
    struct filter filter = {.j = j, .v = v, .name = &q->name};
    unsigned filtered = 0;
    size_t limit = v->relayed ? TCP_ANSWER_LIMIT : q->udp_payload;
    bool sound = message_read_answer(v->packet.payload, q, limit, v->audit ? NULL : address_passes, &filter, &filtered,
                                     &j->answer) == PARSE_OK;
    exchange_answered(j->exchange, entry, j->now_usec);
    if (sound)
        give_answer(j, v, q, &filter, filtered);
    else
        refuse_answer(j, v, REASON_DNS_ANSWER_MALFORMED, q);
    if (!v->audit)
        answer_shared(j, v, &flow, &head);
}
