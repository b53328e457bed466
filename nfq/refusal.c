/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Refusals: told, held while the keeper finds the process, then carried out (DESIGN s4). */
#include <string.h>

#include "core/hash.h"
#include "nfq/judge_state.h"

static void carry_out(struct judge *j, const struct refusal *r)
{
    judge_inject(j, r->inject, r->inject_len);
    if (r->has_vehicle && !r->server_reset_len) /* without bytes of ours it would go as it lies */
        judge_drop(j, r->vehicle, MARK_PASS);
    else if (r->has_vehicle)
        judge_accept(j, r->vehicle, MARK_PASS, (struct bytes){r->server_reset, r->server_reset_len});
    else
        judge_inject(j, r->server_reset, r->server_reset_len);
    if (!r->has_id)
        return;
    if (r->how == REFUSAL_PASS)
        judge_accept(j, r->id, (enum mark_verdict)r->mark, (struct bytes){0});
    else
        judge_drop(j, r->id, r->how == REFUSAL_RESET ? MARK_RESET : MARK_PASS);
}

/* Turns what was asked for into what can be done: a reset by mark where the rules can make one, else a packet of ours.
 */
static void prepare(const struct visit *v, enum refusal_how how, struct bytes answer, struct refusal *r)
{
    r->how = how == REFUSAL_CUT ? REFUSAL_RESET : REFUSAL_DROP;
    if (how == REFUSAL_RESET && r->has_id && v->in->at_output)
        r->how = REFUSAL_RESET;
    else if (how == REFUSAL_RESET && v->in->path == MARK_FROM_SERVER) /* it is the client that is to be told */
        r->inject_len =
            (uint16_t)packet_build_reset_onward(&v->packet, v->packet.sequence, r->inject, sizeof r->inject);
    else if (how == REFUSAL_RESET)
        r->inject_len = (uint16_t)packet_build_reset(&v->packet, r->inject, sizeof r->inject);
    else if (how == REFUSAL_ICMP || (how == REFUSAL_CUT && !v->scope->drop))
        r->inject_len = (uint16_t)packet_build_icmp_error(&v->packet, r->inject, sizeof r->inject);
    else if (how == REFUSAL_ANSWER && answer.len <= sizeof r->inject) {
        memcpy(r->inject, answer.at, answer.len);
        r->inject_len = (uint16_t)answer.len;
    }
}

static struct refusal *refusal_take(struct judge *j, uint16_t scope)
{
    if (!share_has_room(&j->refusals, scope, 1))
        return NULL;
    for (unsigned i = 0; i < JUDGE_REFUSALS_MAX; i++) {
        struct refusal *r = &j->refusal[(j->tickets + i) % JUDGE_REFUSALS_MAX];
        if (r->ticket == 0)
            return r;
    }
    return NULL;
}

/* What an event of this refusal has in common with those that repeat it (ctl/eventlog.c merges them). */
static uint32_t thing_of(const struct judge *j, const struct event *e)
{
    uint8_t octets[32 + NAME_MAX_BYTES];
    struct writer w = writer_init(octets, sizeof octets);
    writer_u8(&w, (uint8_t)e->action);
    writer_u8(&w, (uint8_t)e->reason);
    writer_u8(&w, (uint8_t)e->verdict);
    writer_u8(&w, e->ip_protocol);
    writer_u8(&w, e->destination.address.family);
    writer_bytes(&w, (struct bytes){e->destination.address.octets, sizeof e->destination.address.octets});
    writer_u16(&w, e->destination.port);
    writer_bytes(&w, (struct bytes){(const uint8_t *)e->domain, strnlen(e->domain, NAME_MAX_BYTES)});
    return hash_bytes((struct bytes){octets, writer_len(&w)}, (uint32_t)j->config.seed);
}

/* Is it told?  Beyond the limit only as fast as the keeper answers. */
static bool tell(struct judge *j, const struct visit *v, const struct event *e)
{
    bool room = share_of(&j->refusals, v->in->scope) < JUDGE_REPEATS_WAITING;
    if (j->config.recorded)
        return true;
    if (e->verdict == VERDICT_IGNORED)
        return limit_tell(j->limits, e->scope_id, e->reason, false, j->now_usec);
    return limit_tell_thing(j->limits, e->scope_id, e->reason, thing_of(j, e), room, j->now_usec);
}

void refusal_make(struct judge *j, struct visit *v, struct event *e, enum refusal_how how, struct bytes answer,
                  enum mark_verdict audit_mark)
{
    struct refusal now;
    bool noise = e->verdict == VERDICT_IGNORED;
    if (reason_is_limit(e->reason))
        e->action = ACTION_GATE; /* one kind of event, whatever met the limit */
    bool told = tell(j, v, e);
    struct refusal *r = noise || !told ? NULL : refusal_take(j, v->in->scope);
    bool waits = r != NULL;
    if (!r)
        r = &now;
    r->ticket = 0;
    r->id = v->in->id;
    r->has_id = v->in_hand;
    v->in_hand = false;
    r->inject_len = r->server_reset_len = 0;
    r->has_vehicle = v->has_vehicle;
    r->vehicle = v->vehicle;
    r->mark = (uint8_t)audit_mark;
    if (e->verdict == VERDICT_DENY)
        j->counts.refused++;
    if (v->audit) {
        if (e->verdict == VERDICT_DENY)
            e->verdict = judge_denial(v);
        r->how = REFUSAL_PASS;
    } else {
        if (v->cuts)
            r->server_reset_len = (uint8_t)packet_build_reset_bare(
                &v->packet, v->in->path == MARK_FROM_SERVER, v->server_next, r->server_reset, sizeof r->server_reset);
        prepare(v, v->scope->drop && how != REFUSAL_ANSWER && how != REFUSAL_CUT ? REFUSAL_DROP : how, answer, r);
    }
    e->ticket = waits ? ++j->tickets : 0;
    bool attributed_later = told && j->sink.event(j->sink.ctx, e) && waits;
    if (!attributed_later) {
        carry_out(j, r);
        return;
    }
    r->ticket = e->ticket;
    r->scope = v->in->scope;
    r->deadline_usec = j->now_usec + JUDGE_ATTRIBUTION_USEC;
    share_take(&j->refusals, r->scope, 1);
}

static void finish(struct judge *j, struct refusal *r)
{
    r->ticket = 0;
    share_give(&j->refusals, r->scope, 1);
    carry_out(j, r);
}

void refusal_attributed(struct judge *j, uint64_t ticket)
{
    for (unsigned i = 0; ticket && j->refusals.used && i < JUDGE_REFUSALS_MAX; i++) {
        struct refusal *r = &j->refusal[(ticket - 1 + i) % JUDGE_REFUSALS_MAX]; /* as refusal_take looked for a place */
        if (r->ticket != ticket)
            continue;
        finish(j, r);
        return;
    }
}

void refusal_policy(struct judge *j)
{
    for (unsigned i = 0; j->refusals.used && i < JUDGE_REFUSALS_MAX; i++) {
        struct refusal *r = &j->refusal[i];
        if (!r->ticket || (j->policy && policy_scope_find(j->policy, r->scope)))
            continue;
        if (r->how == REFUSAL_RESET)
            r->how = REFUSAL_DROP;
        finish(j, r);
    }
}

void refusal_expire(struct judge *j)
{
    for (unsigned i = 0; j->refusals.used && i < JUDGE_REFUSALS_MAX; i++)
        if (j->refusal[i].ticket && j->refusal[i].deadline_usec <= j->now_usec)
            finish(j, &j->refusal[i]);
}
