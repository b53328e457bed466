/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/summary.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "core/event_words.h"
#include "core/hash.h"

#define SUMMARY_NAMES_MAX   10000
#define SUMMARY_BUCKETS     4096
#define SUMMARY_FLOWS       4096 /* tuples of open connections, one a slot */
#define SUMMARY_KEY_SIZE    400
#define SUMMARY_OFFERED_MAX 8 /* --allow entries in the one line of a run that was not audited */

enum summary_kind { SUMMARY_ALLOWED, SUMMARY_REFUSED, SUMMARY_HINT, SUMMARY_KINDS };

/* A name that was allowed; a finding (what was refused: a name, or an address where there is no name); or a hint that a
 * finding offers (text: the hint, then the finding it belongs to). */
struct summary_row {
    struct summary_row *next_in_bucket, *next; /* in order of appearance */
    const struct summary_row *finding;         /* of a hint */
    enum reason reason;                        /* of a finding: the first, or the first that is an attack */
    bool attack, address;                      /* of a finding: an address, which showed no name */
    uint64_t count;
    char process[64], package[128], limit[EVENT_LIMIT_SIZE];
    char text[];
};

struct summary_table {
    struct summary_row *bucket[SUMMARY_BUCKETS], *first, **last;
    size_t rows;
    uint64_t beyond; /* events of names that found no room */
};

struct summary {
    uint32_t seed;
    uint64_t connections, denied, alerts, ignored;
    struct summary_table table[SUMMARY_KINDS];
    uint64_t flow[SUMMARY_FLOWS];
};

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

static size_t summary_bucket(const struct summary *s, const char *text)
{
    return hash_bytes((struct bytes){(const uint8_t *)text, strlen(text)}, s->seed) % SUMMARY_BUCKETS;
}

/* Finds or makes the row; NULL: no room, counted. */
static struct summary_row *summary_row(struct summary *s, enum summary_kind kind, const char *text,
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

static void summary_allow(struct summary *s, const struct event *e)
{
    if (e->action == ACTION_CONNECTION_END)
        summary_flow(s, e);
    if (e->action != ACTION_TLS_HELLO && e->action != ACTION_HTTP_REQUEST && e->action != ACTION_TCP_CONNECT &&
        e->action != ACTION_DATAGRAM)
        return;
    char text[EVENT_ENDPOINT_SIZE];
    event_endpoint_format(&e->destination, text);
    const char *name = e->domain[0] ? e->domain : text;
    if (summary_flow(s, e))
        s->connections += e->count > 1 ? e->count : 1;
    struct summary_row *r = *name ? summary_row(s, SUMMARY_ALLOWED, name, NULL) : NULL;
    if (r)
        r->count++;
}

/* What the operator would look for: the name; where a name proves nothing (an attack that shows an allowed one) the
 * name and the address; without a name the address; for a foreign resolver the resolver. */
static void summary_key(const struct event *e, char out[SUMMARY_KEY_SIZE], bool *is_address)
{
    char address[EVENT_ENDPOINT_SIZE], word[EVENT_WORD_SIZE];
    event_endpoint_format(&e->destination, address);
    *is_address = e->reason == REASON_FOREIGN_RESOLVER || e->reason == REASON_METADATA_ADDRESS || !e->domain[0];
    if (*is_address)
        snprintf(out, SUMMARY_KEY_SIZE, "%s", address[0] ? address : event_ip_protocol(e->ip_protocol, word));
    else if (reason_is_attack(e->reason) && !event_is_dns(e) && address[0])
        snprintf(out, SUMMARY_KEY_SIZE, "%s at %s", e->domain, address);
    else
        snprintf(out, SUMMARY_KEY_SIZE, "%s", e->domain);
}

static void summary_refuse(struct summary *s, const struct event *e)
{
    char key[SUMMARY_KEY_SIZE];
    bool address;
    uint64_t count = e->count > 1 ? e->count : 1;
    bool attack = reason_is_attack(e->reason);
    s->denied += count;
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
    if (!r->process[0]) {
        memcpy(r->process, e->process.name, sizeof r->process);
        memcpy(r->package, e->process.package_name, sizeof r->package);
    }
    if (e->hint[0])
        summary_row(s, SUMMARY_HINT, e->hint, r);
}

void summary_add(struct summary *s, const struct event *e)
{
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

/* A hint is offered once, and never where anything that led to it looks like an attack.  Equal hints share a bucket, in
 * order of appearance. */
static bool summary_offers(const struct summary *s, const struct summary_row *hint)
{
    bool first = true;
    const struct summary_row *r = s->table[SUMMARY_HINT].bucket[summary_bucket(s, hint->text)];
    for (; r; r = r->next_in_bucket) {
        if (strcmp(r->text, hint->text) != 0)
            continue;
        if (r->finding->attack || (first && r != hint))
            return false;
        first = false;
    }
    return true;
}

/* The hints that are offered, in order of appearance, into out[0..max); returns how many there are in all. */
static size_t summary_offered(const struct summary *s, const struct summary_row **out, size_t max)
{
    size_t n = 0;
    for (const struct summary_row *r = s->table[SUMMARY_HINT].first; r; r = r->next) {
        if (!summary_offers(s, r))
            continue;
        if (n < max)
            out[n] = r;
        n++;
    }
    return n;
}

static void summary_print_escaped(const char *text, FILE *out)
{
    char escaped[4 * SUMMARY_KEY_SIZE + 1];
    event_escape(text, escaped, sizeof escaped);
    fputs(escaped, out);
}

/* `--allow ENTRY`, quoted where a shell would read it differently. */
static void summary_print_allow(const char *hint, FILE *out)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:/@%+,=";
    char escaped[4 * EVENT_RULE_SIZE + 1];
    size_t n = event_escape(hint, escaped, sizeof escaped);
    bool quote = strspn(escaped, plain) != n;
    fputs(quote ? "--allow '" : "--allow ", out);
    for (size_t i = 0; i < n; i++) {
        if (escaped[i] == '\'')
            fputs("'\\''", out);
        else
            fputc(escaped[i], out);
    }
    if (quote)
        fputc('\'', out);
}

static const char *summary_plural(uint64_t n)
{
    return n == 1 ? "" : "s";
}

static size_t summary_attacks(const struct summary *s)
{
    size_t n = 0;
    for (const struct summary_row *r = s->table[SUMMARY_REFUSED].first; r; r = r->next)
        n += r->attack;
    return n;
}

/* Names that look like an attack, apart: told, never offered. */
static void summary_print_attacks(const struct summary *s, FILE *out)
{
    if (!summary_attacks(s))
        return;
    fputs("sluice: these look like attacks and are not offered:\n", out);
    for (const struct summary_row *r = s->table[SUMMARY_REFUSED].first; r; r = r->next) {
        if (!r->attack)
            continue;
        fputs("  ", out);
        summary_print_escaped(r->text, out);
        fprintf(out, ": %s", reason_text(r->reason));
        if (r->limit[0]) {
            fputs(", ", out);
            summary_print_escaped(r->limit, out);
        }
        if (r->process[0] || r->package[0]) {
            fputs(" (", out);
            summary_print_escaped(r->process, out);
            fputs(r->process[0] && r->package[0] ? ", package " : "", out);
            summary_print_escaped(r->package, out);
            fputs(")", out);
        }
        fputc('\n', out);
    }
}

/* "2 names", "1 address", "2 names, 1 address". */
static void summary_print_findings(const struct summary *s, FILE *out)
{
    size_t addresses = 0;
    for (const struct summary_row *r = s->table[SUMMARY_REFUSED].first; r; r = r->next)
        addresses += r->address;
    size_t names = s->table[SUMMARY_REFUSED].rows - addresses;
    if (names)
        fprintf(out, "%zu name%s%s", names, summary_plural(names), addresses ? ", " : "");
    if (addresses)
        fprintf(out, "%zu address%s", addresses, addresses == 1 ? "" : "es");
}

void summary_print(const struct summary *s, bool audit, FILE *out)
{
    size_t allowed = s->table[SUMMARY_ALLOWED].rows;
    size_t hints = s->table[SUMMARY_HINT].rows;
    const struct summary_row **offered = calloc(hints + 1, sizeof *offered);
    size_t offers = offered ? summary_offered(s, offered, hints) : 0;
    fprintf(out, "sluice: run finished: %llu connection%s to %zu name%s allowed, %llu %s",
            (unsigned long long)s->connections, summary_plural(s->connections), allowed, summary_plural(allowed),
            (unsigned long long)s->denied, audit ? "would be refused" : "refused");
    if (s->table[SUMMARY_REFUSED].rows) {
        fputs(" (", out);
        summary_print_findings(s, out);
        fputc(')', out);
    }
    if (s->table[SUMMARY_REFUSED].beyond)
        fputs(", and more names than could be kept", out);
    fputc('.', out);
    if (!audit && offers) {
        fputs(" To allow:", out);
        for (size_t i = 0; i < offers && i < SUMMARY_OFFERED_MAX; i++) {
            fputc(' ', out);
            summary_print_allow(offered[i]->text, out);
        }
        if (offers > SUMMARY_OFFERED_MAX)
            fprintf(out, " and %zu more (--audit lists them all)", offers - SUMMARY_OFFERED_MAX);
    }
    fputc('\n', out);
    if (audit) {
        if (offers)
            fputs("sluice: these entries would have sufficed:\n", out);
        for (size_t i = 0; i < offers; i++) {
            fputs("  ", out);
            summary_print_allow(offered[i]->text, out);
            fputc('\n', out);
        }
        summary_print_attacks(s, out);
    }
    free(offered);
}

static json_t *summary_json_text(const char *text)
{
    char escaped[4 * SUMMARY_KEY_SIZE + 1];
    event_escape(text, escaped, sizeof escaped);
    return json_string(escaped);
}

char *summary_json(const struct summary *s)
{
    json_t *allowed = json_array(), *refused = json_array(), *hints = json_array();
    for (const struct summary_row *r = s->table[SUMMARY_ALLOWED].first; r; r = r->next)
        json_array_append_new(
            allowed, json_pack("{s:o,s:I}", "name", summary_json_text(r->text), "connections", (json_int_t)r->count));
    for (const struct summary_row *r = s->table[SUMMARY_REFUSED].first; r; r = r->next)
        json_array_append_new(refused, json_pack("{s:o,s:s,s:b,s:I,s:o,s:o}", "name", summary_json_text(r->text),
                                                 "reason", reason_name(r->reason), "attack", r->attack, "count",
                                                 (json_int_t)r->count, "process", summary_json_text(r->process),
                                                 "package", summary_json_text(r->package)));
    for (const struct summary_row *r = s->table[SUMMARY_HINT].first; r; r = r->next)
        if (summary_offers(s, r))
            json_array_append_new(hints, summary_json_text(r->text));
    json_t *root = json_pack("{s:I,s:I,s:I,s:I,s:o,s:o,s:o}", "connections", (json_int_t)s->connections, "denied",
                             (json_int_t)s->denied, "alerts", (json_int_t)s->alerts, "ignored", (json_int_t)s->ignored,
                             "allowed", allowed, "refused", refused, "allow", hints);
    char *text = root ? json_dumps(root, JSON_COMPACT | JSON_ENSURE_ASCII) : NULL;
    json_decref(root);
    return text;
}
