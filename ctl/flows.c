/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/flows.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "core/hash.h"

#define BUCKETS (1u << 15)

struct key {
    struct address source, destination;
    uint16_t source_port, destination_port;
    uint8_t protocol, zero; /* no padding: keys are hashed and compared as bytes */
};
_Static_assert(sizeof(struct key) == 2 * sizeof(struct address) + 6, "no padding");

/* One open flow; the texts lie behind it, NUL-terminated. */
struct row {
    struct row *next;
    struct key key;
    uint64_t start_usec;
    uint16_t scope_id;
    uint8_t action, reason, verdict;
    uint16_t asked_port;
    bool websocket, connect;
    bool seen; /* by the sweep that goes on */
    uint16_t domain_at, server_name_at, rule_at, ja4_at, next_protocol_at;
    char text[];
};

struct flows {
    uint32_t seed;
    unsigned count;
    struct row *bucket[BUCKETS];
};

struct flows *flows_new(void)
{
    struct flows *f = calloc(1, sizeof *f);
    if (f && getrandom(&f->seed, sizeof f->seed, 0) != sizeof f->seed) {
        free(f);
        return NULL;
    }
    return f;
}

void flows_free(struct flows *f)
{
    if (!f)
        return;
    for (unsigned i = 0; i < BUCKETS; i++)
        for (struct row *row = f->bucket[i], *next; row; row = next) {
            next = row->next;
            free(row);
        }
    free(f);
}

unsigned flows_count(const struct flows *f)
{
    return f->count;
}

static struct key make_key(uint8_t protocol, const struct address *source, uint16_t source_port,
                           const struct address *destination, uint16_t destination_port)
{
    return (struct key){*source, *destination, source_port, destination_port, protocol, 0};
}

static struct key key_of_event(const struct event *e)
{
    return make_key(e->ip_protocol, &e->source.address, e->source.port, &e->destination.address, e->destination.port);
}

static struct key key_of_flow(const struct conntrack_flow *c)
{
    return make_key(c->protocol, &c->source, c->source_port, &c->destination, c->destination_port);
}

/* The link that points to the row, or to NULL at its bucket's end. */
static struct row **find(const struct flows *f, const struct key *key)
{
    uint32_t hash = hash_bytes((struct bytes){(const uint8_t *)key, sizeof *key}, f->seed);
    struct row **link = (struct row **)&f->bucket[hash % BUCKETS];
    while (*link && memcmp(&(*link)->key, key, sizeof *key) != 0)
        link = &(*link)->next;
    return link;
}

static bool opens(const struct event *e)
{
    return e->verdict == VERDICT_ALLOW && !e->incoming &&
           (e->action == ACTION_TCP_CONNECT || e->action == ACTION_TLS_HELLO || e->action == ACTION_HTTP_REQUEST ||
            e->action == ACTION_DATAGRAM);
}

static uint16_t put(char *text, size_t *used, const char *in, size_t size)
{
    size_t at = *used, len = strnlen(in, size - 1);
    memcpy(text + at, in, len);
    text[at + len] = 0;
    *used = at + len + 1;
    return (uint16_t)at;
}

bool flows_open(struct flows *f, const struct event *e)
{
    if (!opens(e))
        return false;
    struct key key = key_of_event(e);
    struct row **link = find(f, &key), *old = *link;
    if (!old && f->count >= FLOWS_MAX)
        return false;
    size_t room = strlen(e->domain) + strlen(e->tls_server_name) + strlen(e->rule) + strlen(e->tls_ja4) +
                  strlen(e->tls_next_protocol) + 5;
    struct row *row = malloc(sizeof *row + room);
    if (!row)
        return false;
    *row = (struct row){.next = old ? old->next : NULL,
                        .key = key,
                        .start_usec = old ? old->start_usec : e->time_usec,
                        .scope_id = e->scope_id,
                        .action = (uint8_t)e->action,
                        .reason = (uint8_t)e->reason,
                        .verdict = (uint8_t)e->verdict,
                        .asked_port = e->asked_port,
                        .websocket = e->websocket,
                        .connect = strcmp(e->http_method, "CONNECT") == 0};
    size_t used = 0;
    row->domain_at = put(row->text, &used, e->domain, sizeof e->domain);
    row->server_name_at = put(row->text, &used, e->tls_server_name, sizeof e->tls_server_name);
    row->rule_at = put(row->text, &used, e->rule, sizeof e->rule);
    row->ja4_at = put(row->text, &used, e->tls_ja4, sizeof e->tls_ja4);
    row->next_protocol_at = put(row->text, &used, e->tls_next_protocol, sizeof e->tls_next_protocol);
    *link = row;
    f->count += !old;
    free(old);
    return true;
}

static void describe(const struct row *row, struct event *out)
{
    memset(out, 0, sizeof *out);
    out->action = (enum action)row->action;
    out->reason = (enum reason)row->reason;
    out->verdict = (enum verdict)row->verdict;
    out->scope_id = row->scope_id;
    out->asked_port = row->asked_port;
    out->websocket = row->websocket;
    if (row->connect)
        memcpy(out->http_method, "CONNECT", sizeof "CONNECT");
    out->source = (struct event_endpoint){row->key.source, row->key.source_port};
    out->destination = (struct event_endpoint){row->key.destination, row->key.destination_port};
    out->ip_protocol = row->key.protocol;
    out->start_usec = row->start_usec;
    size_t used = 0;
    put(out->domain, &used, row->text + row->domain_at, sizeof out->domain);
    used = 0;
    put(out->tls_server_name, &used, row->text + row->server_name_at, sizeof out->tls_server_name);
    used = 0;
    put(out->rule, &used, row->text + row->rule_at, sizeof out->rule);
    used = 0;
    put(out->tls_ja4, &used, row->text + row->ja4_at, sizeof out->tls_ja4);
    used = 0;
    put(out->tls_next_protocol, &used, row->text + row->next_protocol_at, sizeof out->tls_next_protocol);
}

static void describe_end(const struct row *row, uint64_t now_usec, struct event *end)
{
    describe(row, end);
    end->action = ACTION_CONNECTION_END;
    end->time_usec = now_usec;
}

bool flows_find(const struct flows *f, const struct conntrack_flow *flow, struct event *out)
{
    struct key key = key_of_flow(flow);
    const struct row *row = *find(f, &key);
    if (row)
        describe(row, out);
    return row != NULL;
}

bool flows_close(struct flows *f, const struct conntrack_flow *flow, uint64_t now_usec, struct event *end)
{
    struct key key = key_of_flow(flow);
    struct row **link = find(f, &key), *row = *link;
    if (!row)
        return false;
    describe_end(row, now_usec, end);
    end->bytes_out = flow->bytes_out;
    end->bytes_in = flow->bytes_in;
    end->packets_out = flow->packets_out;
    end->packets_in = flow->packets_in;
    *link = row->next;
    f->count--;
    free(row);
    return true;
}

/* Closes the rows that are not seen, or all. */
static void close_rows(struct flows *f, bool all, uint64_t now_usec, void (*each)(void *ctx, const struct event *end),
                       void *ctx)
{
    static struct event end; /* 5 KiB; one thread */
    for (unsigned i = 0; i < BUCKETS; i++)
        for (struct row **link = &f->bucket[i], *row; (row = *link);) {
            if (!all && row->seen) {
                link = &row->next;
                continue;
            }
            describe_end(row, now_usec, &end);
            *link = row->next;
            f->count--;
            free(row);
            each(ctx, &end);
        }
}

void flows_close_all(struct flows *f, uint64_t now_usec, void (*each)(void *ctx, const struct event *end), void *ctx)
{
    close_rows(f, true, now_usec, each, ctx);
}

void flows_sweep_begin(struct flows *f)
{
    for (unsigned i = 0; i < BUCKETS; i++)
        for (struct row *row = f->bucket[i]; row; row = row->next)
            row->seen = false;
}

void flows_sweep_see(struct flows *f, const struct conntrack_flow *flow)
{
    struct key key = key_of_flow(flow);
    struct row *row = *find(f, &key);
    if (row)
        row->seen = true;
}

void flows_sweep_end(struct flows *f, uint64_t now_usec, void (*each)(void *ctx, const struct event *end), void *ctx)
{
    close_rows(f, false, now_usec, each, ctx);
}
