/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "core/event_words.h"
#include "core/hash.h"
#include "ctl/summary_state.h"

struct summary *summary_new(void)
{
    struct summary *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    if (getrandom(&s->seed, sizeof s->seed, GRND_NONBLOCK) < 0)
        s->seed = (uint32_t)(uintptr_t)s;
    for (unsigned k = 0; k < SUMMARY_KINDS; k++)
        s->table[k].last = &s->table[k].first;
    return s;
}

void summary_free(struct summary *s)
{
    if (!s)
        return;
    for (unsigned k = 0; k < SUMMARY_KINDS; k++) {
        for (struct summary_row *r = s->table[k].first, *next; r; r = next) {
            next = r->next;
            free(r);
        }
    }
    free(s);
}

size_t summary_bucket(const struct summary *s, const char *text)
{
    return hash_bytes((struct bytes){(const uint8_t *)text, strlen(text)}, s->seed) % SUMMARY_BUCKETS;
}

/* Finds or makes the row; NULL: no room, counted. */
struct summary_row *summary_row(struct summary *s, enum summary_kind kind, const char *text,
                                const struct summary_row *finding)
{
    struct summary_table *t = &s->table[kind];
    size_t len = strlen(text);
    struct summary_row **at = &t->bucket[summary_bucket(s, text)];
    for (; *at; at = &(*at)->next_in_bucket)
        if ((*at)->finding == finding && strcmp((*at)->text, text) == 0)
            return *at;
    struct summary_row *r = t->rows < SUMMARY_NAMES_MAX ? calloc(1, sizeof *r + len + 1) : NULL;
    if (!r) {
        t->beyond++;
        return NULL;
    }
    memcpy(r->text, text, len + 1);
    r->finding = finding;
    *at = r;
    *t->last = r;
    t->last = &r->next;
    t->rows++;
    return r;
}

static void summary_put_endpoint(struct writer *w, const struct event_endpoint *p)
{
    writer_u8(w, p->address.family);
    writer_bytes(w, (struct bytes){p->address.octets, sizeof p->address.octets});
    writer_u16(w, p->port);
}

/* One slot a tuple, so that the requests of one connection count once.  True: new. */
static bool summary_flow(struct summary *s, const struct event *e)
{
    uint8_t key[64];
    struct writer w = writer_init(key, sizeof key);
    summary_put_endpoint(&w, &e->source);
    summary_put_endpoint(&w, &e->destination);
    writer_u8(&w, e->ip_protocol);
    struct bytes bytes = {key, writer_len(&w)};
    uint64_t hash = (uint64_t)hash_bytes(bytes, s->seed) << 32 | hash_bytes(bytes, ~s->seed);
    uint64_t *slot = &s->flow[hash % SUMMARY_FLOWS];
    bool known = *slot == hash;
    if (e->action != ACTION_CONNECTION_END)
        *slot = hash;
    else if (known)
        *slot = 0;
    return !known;
}

static bool summary_is_connection(const struct event *e)
{
    return e->action == ACTION_TLS_HELLO || e->action == ACTION_HTTP_REQUEST || e->action == ACTION_TCP_CONNECT ||
           e->action == ACTION_DATAGRAM;
}

/* How many connections this event is the first of. */
static uint64_t summary_new_flows(struct summary *s, const struct event *e)
{
    if (e->action == ACTION_CONNECTION_END)
        summary_flow(s, e);
    if (!summary_is_connection(e) || !summary_flow(s, e))
        return 0;
    return e->count > 1 ? e->count : 1;
}

static void summary_allow(struct summary *s, const struct event *e)
{
    char text[EVENT_ENDPOINT_SIZE], domain[SUMMARY_KEY_SIZE];
    s->connections += summary_new_flows(s, e);
    if (!summary_is_connection(e))
        return;
    event_endpoint_format(&e->destination, text);
    const char *name = event_escape_domain(e, domain, sizeof domain) ? domain : text;
    struct summary_row *r = *name ? summary_row(s, SUMMARY_ALLOWED, name, NULL) : NULL;
    if (r)
        r->count++;
}

/* What the operator would look for: the name; where a name proves nothing (an attack that shows an allowed one) the
 * name and the address; without a name the address; for a foreign resolver the resolver. */
static void summary_key(const struct event *e, char out[SUMMARY_KEY_SIZE], bool *is_address)
{
    char address[EVENT_ENDPOINT_SIZE], word[EVENT_WORD_SIZE], domain[4 * NAME_MAX_BYTES + 1];
    event_escape_domain(e, domain, sizeof domain);
    event_endpoint_format(&e->destination, address);
    *is_address = e->reason == REASON_FOREIGN_RESOLVER || e->reason == REASON_METADATA_ADDRESS || !e->domain[0];
    if (*is_address)
        snprintf(out, SUMMARY_KEY_SIZE, "%s", address[0] ? address : event_ip_protocol(e->ip_protocol, word));
    else if (reason_is_attack(e->reason) && !event_is_dns(e) && address[0])
        snprintf(out, SUMMARY_KEY_SIZE, "%s at %s", domain, address);
    else
        snprintf(out, SUMMARY_KEY_SIZE, "%s", domain);
}

/* The entry that would allow it.  That for a literal address is no hint of the event: it is never offered, only told.
 */
static const char *summary_hint(const struct event *e, char entry[EVENT_RULE_SIZE])
{
    char text[EVENT_ENDPOINT_SIZE];
    bool six = strchr(e->domain, ':') != NULL;
    if (e->hint[0])
        return e->hint;
    entry[0] = 0;
    if (e->reason == REASON_HTTP_ADDRESS && e->domain[0])
        snprintf(entry, EVENT_RULE_SIZE, "%s%.60s%s:%u", six ? "[" : "", e->domain, six ? "]" : "",
                 e->asked_port ? e->asked_port : e->destination.port);
    else if (e->reason == REASON_NOT_RESOLVED && (e->ip_protocol == IPPROTO_TCP || e->ip_protocol == IPPROTO_UDP) &&
             e->destination.port && event_endpoint_format(&e->destination, text))
        snprintf(entry, EVENT_RULE_SIZE, "%s%s", e->ip_protocol == IPPROTO_UDP ? "udp://" : "", text);
    return entry;
}

static void summary_refuse(struct summary *s, const struct event *e)
{
    char key[SUMMARY_KEY_SIZE], entry[EVENT_RULE_SIZE];
    bool address;
    uint64_t count = e->count > 1 ? e->count : 1;
    bool attack = reason_is_attack(e->reason);
    s->denied += count;
    if (e->verdict == VERDICT_WOULD_DENY)
        s->went_on += summary_new_flows(s, e);
    if (attack)
        s->alerts += count;
    if (e->action == ACTION_GATE) /* the gate's own losses have no name */
        return;
    summary_key(e, key, &address);
    struct summary_row *r = summary_row(s, SUMMARY_REFUSED, key, NULL);
    if (!r)
        return;
    r->address = address;
    if (!r->count || (attack && !r->attack)) {
        r->reason = e->reason;
        memcpy(r->limit, e->limit, sizeof r->limit);
    }
    r->count += count;
    r->attack |= attack;
    r->hostile |= attack && e->reason != REASON_PRIVATE_ADDRESS;
    if (!r->process[0]) {
        memcpy(r->process, e->process.name, sizeof r->process);
        memcpy(r->package, e->process.package_name, sizeof r->package);
    }
    const char *hint = summary_hint(e, entry);
    struct summary_row *h = *hint ? summary_row(s, SUMMARY_HINT, hint, r) : NULL;
    if (h) {
        h->address |= hint == entry;
        memcpy(h->phase, e->phase, sizeof h->phase);
    } else if (!*hint && r->bare == REASON_NONE)
        r->bare = e->reason;
}

void summary_add(struct summary *s, const struct event *e)
{
    if (e->reason == REASON_POLICY_CHANGED) /* the policy's owner cut it: nobody tried anything */
        return;
    if (e->verdict == VERDICT_ALLOW)
        summary_allow(s, e);
    else if (event_is_refusal(e))
        summary_refuse(s, e);
    else
        s->ignored += e->count > 1 ? e->count : 1;
}

uint64_t summary_denied(const struct summary *s)
{
    return s->denied;
}

uint64_t summary_alerts(const struct summary *s)
{
    return s->alerts;
}

uint64_t summary_unlisted(const struct summary *s)
{
    uint64_t listed = 0;
    for (const struct summary_row *r = s->table[SUMMARY_REFUSED].first; r; r = r->next)
        listed += r->count;
    return s->denied > listed ? s->denied - listed : 0;
}
