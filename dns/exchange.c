/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "dns/exchange.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "core/hash.h"
#include "core/share.h"

#define EXCHANGE_BUCKETS         32768 /* so many that a chain is hardly ever walked: each step is a cache miss */
#define EXCHANGE_NONE            UINT16_MAX
#define EXCHANGE_UNANSWERED_USEC (30ull * 1000000)
#define EXCHANGE_DUPLICATES_USEC (2ull * 1000000)
#define EXCHANGE_DRAWS_MAX       256

/* An entry's places in the tables' chains. */
struct exchange_links {
    uint16_t next_question, next_answer; /* in the bucket of its question, of its flow and our id */
    uint16_t next_same, last_same;       /* in the bucket of its question whatever the id */
    uint16_t older, newer;               /* among the answered ones, by time; a free one: `newer` is the next free */
    uint32_t question_hash, answer_hash, flow_hash, same_hash;
};

struct exchange {
    uint32_t seed;
    uint64_t id_seed, id_counter;
    unsigned used;              /* entries ever taken: those behind are untouched memory */
    uint16_t free, first, last; /* free list; answered ones, first answered first */
    uint16_t by_question[EXCHANGE_BUCKETS], by_answer[EXCHANGE_BUCKETS];
    uint16_t flow_unanswered[EXCHANGE_BUCKETS]; /* by flow hash: two flows in a bucket share one allowance */
    struct share unanswered;
    uint16_t by_same[EXCHANGE_BUCKETS];        /* by flow, name, type and form, the newest first */
    uint16_t scope_wrong[UINT16_MAX + 1];      /* answers that nobody asked for, of late */
    uint64_t scope_wrong_usec[UINT16_MAX + 1]; /* the last of them */
    struct exchange_links links[EXCHANGE_CAPACITY];
    struct exchange_entry entry[EXCHANGE_CAPACITY];
};

struct exchange *exchange_new(uint64_t seed)
{
    struct exchange *x = calloc(1, sizeof *x);
    if (!x || !share_init(&x->unanswered, EXCHANGE_CAPACITY, EXCHANGE_SCOPE_MAX)) {
        free(x);
        return NULL;
    }
    x->seed = hash_bytes((struct bytes){(const uint8_t *)&seed, sizeof seed}, (uint32_t)(seed >> 32));
    x->id_seed = seed;
    x->free = x->first = x->last = EXCHANGE_NONE;
    memset(x->by_question, 0xff, sizeof x->by_question);
    memset(x->by_answer, 0xff, sizeof x->by_answer);
    memset(x->by_same, 0xff, sizeof x->by_same);
    return x;
}

void exchange_free(struct exchange *x)
{
    if (x)
        share_done(&x->unanswered);
    free(x);
}

void exchange_scopes(struct exchange *x, unsigned scopes)
{
    share_scopes(&x->unanswered, scopes);
}

static uint32_t exchange_flow_hash(const struct exchange *x, const struct exchange_flow *flow)
{
    uint8_t key[38];
    struct writer w = writer_init(key, sizeof key);
    writer_u8(&w, flow->client.family);
    writer_bytes(&w, (struct bytes){flow->client.octets, address_octets(&flow->client)});
    writer_u8(&w, flow->resolver.family);
    writer_bytes(&w, (struct bytes){flow->resolver.octets, address_octets(&flow->resolver)});
    writer_u16(&w, flow->client_port);
    writer_u16(&w, flow->resolver_port);
    return hash_bytes((struct bytes){key, writer_len(&w)}, x->seed);
}

/* Whatever the client's id. */
static uint32_t exchange_same_hash(const struct question *q, uint32_t flow_hash)
{
    uint32_t form = (uint32_t)q->edns << 17 | (uint32_t)q->dnssec_ok << 16;
    return hash_bytes((struct bytes){(const uint8_t *)q->name.text, q->name.len}, flow_hash ^ (form | q->type));
}

/* Of same_hash, so that the name is hashed once. */
static uint32_t exchange_question_hash(const struct question *q, uint32_t same_hash)
{
    uint8_t id[2] = {(uint8_t)(q->id >> 8), (uint8_t)q->id};
    return hash_bytes((struct bytes){id, sizeof id}, same_hash);
}

static uint32_t exchange_answer_hash(uint16_t our_id, uint32_t flow_hash)
{
    uint8_t id[2] = {(uint8_t)(our_id >> 8), (uint8_t)our_id};
    return hash_bytes((struct bytes){id, sizeof id}, flow_hash);
}

static bool exchange_flow_equal(const struct exchange_flow *a, const struct exchange_flow *b)
{
    return a->client_port == b->client_port && a->resolver_port == b->resolver_port &&
           address_equal(&a->client, &b->client) && address_equal(&a->resolver, &b->resolver);
}

static bool exchange_dead(const struct exchange_entry *e, uint64_t now_usec)
{
    return e->answered_usec ? now_usec - e->answered_usec > EXCHANGE_DUPLICATES_USEC
                            : now_usec - e->asked_usec > EXCHANGE_UNANSWERED_USEC;
}

static uint16_t exchange_index(const struct exchange *x, const struct exchange_entry *e)
{
    return (uint16_t)(e - x->entry);
}

/* Unanswered entries are counted, answered ones are listed. */
static void exchange_count(struct exchange *x, uint16_t i, int change)
{
    uint16_t *flow = &x->flow_unanswered[x->links[i].flow_hash % EXCHANGE_BUCKETS];
    *flow = (uint16_t)(*flow + change);
    if (change > 0)
        share_note(&x->unanswered, x->entry[i].scope, 1);
    else
        share_give(&x->unanswered, x->entry[i].scope, 1);
}

static void exchange_list(struct exchange *x, uint16_t i)
{
    x->links[i].older = x->last;
    x->links[i].newer = EXCHANGE_NONE;
    if (x->last != EXCHANGE_NONE)
        x->links[x->last].newer = i;
    else
        x->first = i;
    x->last = i;
}

static void exchange_unlist(struct exchange *x, uint16_t i)
{
    uint16_t older = x->links[i].older, newer = x->links[i].newer;
    *(older != EXCHANGE_NONE ? &x->links[older].newer : &x->first) = newer;
    *(newer != EXCHANGE_NONE ? &x->links[newer].older : &x->last) = older;
}

static void exchange_remove(struct exchange *x, uint16_t i)
{
    struct exchange_links *l = &x->links[i];
    uint16_t *at = &x->by_question[l->question_hash % EXCHANGE_BUCKETS];
    while (*at != i)
        at = &x->links[*at].next_question;
    *at = l->next_question;
    at = &x->by_answer[l->answer_hash % EXCHANGE_BUCKETS];
    while (*at != i)
        at = &x->links[*at].next_answer;
    *at = l->next_answer;
    *(l->last_same != EXCHANGE_NONE ? &x->links[l->last_same].next_same
                                    : &x->by_same[l->same_hash % EXCHANGE_BUCKETS]) = l->next_same;
    if (l->next_same != EXCHANGE_NONE)
        x->links[l->next_same].last_same = l->last_same;
    if (x->entry[i].answered_usec)
        exchange_unlist(x, i);
    else
        exchange_count(x, i, -1);
    x->entry[i].in_use = false;
    l->newer = x->free;
    x->free = i;
}

/* An unused entry; EXCHANGE_NONE: none. */
static uint16_t exchange_take(struct exchange *x)
{
    if (x->free == EXCHANGE_NONE && x->used == EXCHANGE_CAPACITY && x->first != EXCHANGE_NONE)
        exchange_remove(x, x->first);
    if (x->free == EXCHANGE_NONE)
        return x->used < EXCHANGE_CAPACITY ? (uint16_t)x->used++ : EXCHANGE_NONE;
    uint16_t i = x->free;
    x->free = x->links[i].newer;
    return i;
}

static struct exchange_entry *exchange_find_answer(struct exchange *x, const struct exchange_flow *flow,
                                                   uint16_t our_id, uint32_t hash)
{
    for (uint16_t i = x->by_answer[hash % EXCHANGE_BUCKETS]; i != EXCHANGE_NONE; i = x->links[i].next_answer) {
        struct exchange_entry *e = &x->entry[i];
        if (x->links[i].answer_hash == hash && e->our_id == our_id && exchange_flow_equal(&e->flow, flow))
            return e;
    }
    return NULL;
}

/* An id that is outstanding on no entry of this flow.  Keyed hash of a counter: who sees some cannot tell the next. */
static bool exchange_draw_id(struct exchange *x, const struct exchange_flow *flow, uint32_t flow_hash, uint16_t *out)
{
    for (unsigned i = 0; i < EXCHANGE_DRAWS_MAX; i++) {
        uint64_t input[2] = {x->id_seed, x->id_counter++};
        uint16_t id = (uint16_t)hash_bytes((struct bytes){(const uint8_t *)input, sizeof input}, ~x->seed);
        if (!exchange_find_answer(x, flow, id, exchange_answer_hash(id, flow_hash))) {
            *out = id;
            return true;
        }
    }
    return false;
}

static bool exchange_same(const struct exchange_entry *e, const struct exchange_flow *flow, uint16_t scope,
                          const struct question *q)
{
    return e->scope == scope && e->question.type == q->type && e->question.edns == q->edns &&
           e->question.dnssec_ok == q->dnssec_ok && name_equal(&e->question.name, &q->name) &&
           exchange_flow_equal(&e->flow, flow);
}

static struct exchange_entry *exchange_find_question(struct exchange *x, const struct exchange_flow *flow,
                                                     uint16_t scope, const struct question *q, uint32_t hash)
{
    for (uint16_t i = x->by_question[hash % EXCHANGE_BUCKETS]; i != EXCHANGE_NONE; i = x->links[i].next_question) {
        struct exchange_entry *e = &x->entry[i];
        if (x->links[i].question_hash == hash && e->question.id == q->id && exchange_same(e, flow, scope, q))
            return e;
    }
    return NULL;
}

/* One whose id of ours the question shares.  All that live have the same. */
static struct exchange_entry *exchange_find_same(struct exchange *x, const struct exchange_flow *flow, uint16_t scope,
                                                 const struct question *q, uint32_t hash, uint64_t now_usec)
{
    for (uint16_t i = x->by_same[hash % EXCHANGE_BUCKETS]; i != EXCHANGE_NONE; i = x->links[i].next_same) {
        struct exchange_entry *e = &x->entry[i];
        if (x->links[i].same_hash == hash && !e->as_is && !exchange_dead(e, now_usec) &&
            exchange_same(e, flow, scope, q))
            return e;
    }
    return NULL;
}

static void exchange_keep_question(struct question *to, const struct question *from)
{
    memcpy(to, from, offsetof(struct question, name));
    to->name.len = from->name.len;
    memcpy(to->name.text, from->name.text, from->name.len + 1u);
    memcpy(to->labels, from->labels, from->labels_len);
}

static void exchange_link(struct exchange *x, uint16_t i, uint32_t flow_hash, uint32_t same_hash, uint32_t hash)
{
    struct exchange_links *l = &x->links[i];
    uint16_t *same = &x->by_same[same_hash % EXCHANGE_BUCKETS];
    l->flow_hash = flow_hash;
    l->same_hash = same_hash;
    l->question_hash = hash;
    l->answer_hash = exchange_answer_hash(x->entry[i].our_id, flow_hash);
    l->next_question = x->by_question[hash % EXCHANGE_BUCKETS];
    x->by_question[hash % EXCHANGE_BUCKETS] = i;
    l->next_answer = x->by_answer[l->answer_hash % EXCHANGE_BUCKETS];
    x->by_answer[l->answer_hash % EXCHANGE_BUCKETS] = i;
    l->next_same = *same;
    l->last_same = EXCHANGE_NONE;
    if (*same != EXCHANGE_NONE)
        x->links[*same].last_same = i;
    *same = i;
}

/* An identical question came before: its answer was lost, or comes too late for the client. */
static struct exchange_entry *exchange_retry(struct exchange *x, struct exchange_entry *e, const struct question *q,
                                             bool more, uint64_t now_usec)
{
    uint16_t i = exchange_index(x, e);
    if (e->answered_usec && !more)
        return NULL;
    if (e->answered_usec) {
        exchange_unlist(x, i);
        e->answered_usec = 0;
        exchange_count(x, i, 1);
    }
    exchange_keep_question(&e->question, q); /* its case and flags may differ */
    e->asked_usec = e->sent_usec = now_usec;
    e->waits = false;
    return e;
}

/* `as`: the id that it goes on with; NULL: one is drawn, or shared. */
static struct exchange_entry *exchange_enter(struct exchange *x, const struct exchange_flow *flow, uint16_t scope,
                                             const struct question *q, const uint16_t *as, uint64_t now_usec)
{
    uint32_t flow_hash = exchange_flow_hash(x, flow), same_hash = exchange_same_hash(q, flow_hash),
             hash = exchange_question_hash(q, same_hash);
    struct exchange_entry *e = exchange_find_question(x, flow, scope, q, hash), *same = NULL;
    if (e && (exchange_dead(e, now_usec) || e->as_is != (as != NULL))) {
        exchange_remove(x, exchange_index(x, e));
        e = NULL;
    }
    bool more = x->flow_unanswered[flow_hash % EXCHANGE_BUCKETS] < EXCHANGE_FLOW_MAX &&
                share_has_room(&x->unanswered, scope, 1);
    if (e)
        return exchange_retry(x, e, q, more, now_usec);
    if (!as)
        same = exchange_find_same(x, flow, scope, q, same_hash, now_usec);
    uint16_t our_id = as ? *as : same ? same->our_id : 0, i;
    bool waits = same && !same->answered_usec && now_usec - same->sent_usec < EXCHANGE_AGAIN_USEC;
    uint64_t sent_usec = waits ? same->sent_usec : now_usec;
    if (!more || (!as && !same && !exchange_draw_id(x, flow, flow_hash, &our_id)))
        return NULL;
    if (same && same->answered_usec) /* the new one meets its duplicates */
        exchange_remove(x, exchange_index(x, same));
    if ((i = exchange_take(x)) == EXCHANGE_NONE)
        return NULL;
    e = &x->entry[i];
    e->flow = *flow;
    exchange_keep_question(&e->question, q);
    e->our_id = our_id;
    e->scope = scope;
    e->asked_usec = now_usec;
    e->sent_usec = sent_usec;
    e->answered_usec = 0;
    e->in_use = true;
    e->waits = waits;
    e->as_is = as != NULL;
    exchange_link(x, i, flow_hash, same_hash, hash);
    exchange_count(x, i, 1);
    return e;
}

struct exchange_entry *exchange_ask(struct exchange *x, const struct exchange_flow *flow, uint16_t scope,
                                    const struct question *q, uint64_t now_usec)
{
    return exchange_enter(x, flow, scope, q, NULL, now_usec);
}

struct exchange_entry *exchange_ask_as(struct exchange *x, const struct exchange_flow *flow, uint16_t scope,
                                       const struct question *q, uint16_t id, uint64_t now_usec)
{
    return exchange_enter(x, flow, scope, q, &id, now_usec);
}

static bool exchange_distrusts(const struct exchange *x, uint16_t scope, uint64_t now_usec)
{
    return x->scope_wrong[scope] >= EXCHANGE_WRONG_MAX &&
           now_usec - x->scope_wrong_usec[scope] < EXCHANGE_DISTRUST_USEC;
}

void exchange_wrong(struct exchange *x, const struct exchange_flow *flow, uint16_t scope, uint64_t now_usec)
{
    if (x->flow_unanswered[exchange_flow_hash(x, flow) % EXCHANGE_BUCKETS] == 0)
        return; /* late: harmless */
    if (now_usec - x->scope_wrong_usec[scope] >= EXCHANGE_DISTRUST_USEC)
        x->scope_wrong[scope] = 0;
    if (x->scope_wrong[scope] < EXCHANGE_WRONG_MAX)
        x->scope_wrong[scope]++;
    x->scope_wrong_usec[scope] = now_usec;
}

struct exchange_entry *exchange_match(struct exchange *x, const struct exchange_flow *flow,
                                      const struct answer_head *head, uint64_t now_usec)
{
    struct exchange_entry *answered = NULL;
    uint32_t hash = exchange_answer_hash(head->id, exchange_flow_hash(x, flow));
    for (uint16_t i = x->by_answer[hash % EXCHANGE_BUCKETS]; i != EXCHANGE_NONE; i = x->links[i].next_answer) {
        struct exchange_entry *e = &x->entry[i];
        if (x->links[i].answer_hash != hash || e->our_id != head->id || e->question.type != head->type ||
            !name_equal(&e->question.name, &head->name) || !exchange_flow_equal(&e->flow, flow) ||
            exchange_dead(e, now_usec) || exchange_distrusts(x, e->scope, now_usec))
            continue;
        if (!e->answered_usec)
            return e;
        answered = e;
    }
    return answered;
}

struct exchange_entry *exchange_match_shared(struct exchange *x, const struct exchange_flow *flow,
                                             const struct answer_head *head, uint64_t now_usec)
{
    struct exchange_entry *e = exchange_match(x, flow, head, now_usec);
    return e && !e->answered_usec && !e->as_is ? e : NULL;
}

void exchange_shared(struct exchange *x, struct exchange_entry *entry)
{
    exchange_remove(x, exchange_index(x, entry));
}

void exchange_answered(struct exchange *x, struct exchange_entry *entry, uint64_t now_usec)
{
    uint16_t i = exchange_index(x, entry);
    if (!entry->in_use || entry->answered_usec)
        return;
    exchange_count(x, i, -1);
    entry->answered_usec = now_usec ? now_usec : 1;
    exchange_list(x, i);
}

void exchange_expire(struct exchange *x, uint64_t now_usec)
{
    for (unsigned i = 0; i < x->used; i++) {
        if (x->entry[i].in_use && exchange_dead(&x->entry[i], now_usec))
            exchange_remove(x, (uint16_t)i);
    }
}
