/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/eventlog.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "core/clock.h"
#include "core/event_words.h"
#include "core/hash.h"
#include "core/losses.h"
#include "ctl/eventlog_sink.h"

#define EVENTLOG_WINDOW_USEC 1000000
#define EVENTLOG_SCAN_USEC   100000 /* how often rows are looked at */
#define EVENTLOG_BUCKETS     2048
#define EVENTLOG_KEY_SIZE    (64 + NAME_MAX_BYTES)
#define EVENTLOG_LINE_SIZE   4096 /* PIPE_BUF: a pipe takes it whole or not at all */

/* One thing that was told in the running second; `later` is the latest that repeated it, `repeats` how many did. */
struct eventlog_row {
    struct eventlog_row *next; /* in its bucket, or in the free list */
    uint64_t since_usec, repeats;
    struct event *later; /* made at the first repeat */
    size_t key_len;
    uint8_t key[EVENTLOG_KEY_SIZE];
};

struct eventlog_table {
    struct eventlog_row *bucket[EVENTLOG_BUCKETS], *free_list, *rows;
    size_t used, max;
};

struct eventlog {
    struct eventlog_sink file, line;
    bool color;
    char host[256];
    struct summary *summary;
    uint32_t seed;
    struct eventlog_table exact, overflow;
    uint64_t scanned_usec;
    uint64_t shown_since_usec, shown, hidden; /* lines for a person in the running second */
    struct losses *losses;                    /* that are to be told */
    uint64_t lost;                            /* since it was told last */
    uint64_t lost_told_usec;
    bool told_lost;
};

static bool eventlog_table_init(struct eventlog_table *t, size_t max)
{
    t->rows = calloc(max, sizeof *t->rows);
    t->max = max;
    for (size_t i = 0; t->rows && i < max; i++) {
        t->rows[i].next = t->free_list;
        t->free_list = &t->rows[i];
    }
    return t->rows != NULL;
}

static void eventlog_table_done(struct eventlog_table *t)
{
    for (size_t i = 0; t->rows && i < t->max; i++)
        free(t->rows[i].later);
    free(t->rows);
}

struct eventlog *eventlog_new(const struct eventlog_config *config)
{
    struct eventlog *log = calloc(1, sizeof *log);
    if (!log)
        return NULL;
    log->file = eventlog_sink_init(-1);
    log->line = eventlog_sink_init(-1);
    log->losses = losses_new();
    if (!log->losses || !eventlog_table_init(&log->exact, EVENTLOG_ROWS) ||
        !eventlog_table_init(&log->overflow, EVENTLOG_OVERFLOW)) {
        eventlog_free(log);
        return NULL;
    }
    if (getrandom(&log->seed, sizeof log->seed, GRND_NONBLOCK) < 0)
        log->seed = (uint32_t)(uintptr_t)log;
    log->file = eventlog_sink_init(config->file_fd);
    log->line = eventlog_sink_init(config->line_fd);
    log->color = config->color;
    log->summary = config->summary;
    snprintf(log->host, sizeof log->host, "%s", config->host ? config->host : "");
    return log;
}

void eventlog_free(struct eventlog *log)
{
    if (!log)
        return;
    eventlog_table_done(&log->exact);
    eventlog_table_done(&log->overflow);
    losses_free(log->losses);
    eventlog_sink_done(&log->file);
    eventlog_sink_done(&log->line);
    free(log);
}

/* ---- what is written ---- */

static void eventlog_lose(struct eventlog *log, const struct event *e)
{
    losses_add(log->losses, e);
    log->lost += e->count > 1 ? e->count : 1;
}

/* False: it was not written. */
static bool eventlog_write_json(struct eventlog *log, const struct event *e)
{
    if (log->file.fd < 0)
        return true;
    char *json = event_to_json(e, log->host);
    /* The newline takes the NUL's place. */
    bool written = json && eventlog_sink_write(&log->file, json, strlen(json));
    free(json);
    return written;
}

static void eventlog_write_line(struct eventlog *log, const struct event *e)
{
    static const char prefix[] = "sluice: ";
    char line[EVENTLOG_LINE_SIZE];
    if (log->line.fd < 0 || !event_is_refusal(e))
        return;
    if (log->shown >= EVENTLOG_SHOWN_LINES) {
        log->hidden++;
        return;
    }
    memcpy(line, prefix, sizeof prefix - 1);
    size_t n = sizeof prefix - 1;
    n += event_to_line(e, log->color, line + n, sizeof line - n - 1);
    if (eventlog_sink_write(&log->line, line, n))
        log->shown++;
    else
        log->hidden++;
}

static void eventlog_emit(struct eventlog *log, const struct event *e)
{
    if (!eventlog_write_json(log, e))
        eventlog_lose(log, e);
    eventlog_write_line(log, e);
}

/* A note of the log's own, on the person's side. */
static void __attribute__((format(printf, 2, 3))) eventlog_note(struct eventlog *log, const char *format, ...)
{
    char line[512] = "sluice: ";
    va_list args;
    va_start(args, format);
    int n = vsnprintf(line + 8, sizeof line - 9, format, args);
    va_end(args);
    if (n > 0)
        eventlog_sink_write(&log->line, line, strlen(line));
}

/* ---- merging ---- */

/* Scope, action, reason, verdict, and the domain or else the destination; without the last for the overflow rows. */
static size_t eventlog_key(const struct event *e, bool whole, uint8_t out[EVENTLOG_KEY_SIZE])
{
    struct writer w = writer_init(out, EVENTLOG_KEY_SIZE);
    writer_u16(&w, e->scope_id);
    writer_u8(&w, (uint8_t)e->action);
    writer_u8(&w, (uint8_t)e->reason);
    writer_u8(&w, (uint8_t)e->verdict);
    whole = whole && !reason_is_limit(e->reason); /* once a second, whoever met it */
    if (whole && e->domain[0]) {
        writer_bytes(&w, (struct bytes){(const uint8_t *)e->domain, strnlen(e->domain, NAME_MAX_BYTES)});
    } else if (whole) {
        writer_u8(&w, 0); /* no name begins so */
        writer_u8(&w, e->ip_protocol);
        writer_u8(&w, e->destination.address.family);
        writer_bytes(&w, (struct bytes){e->destination.address.octets, sizeof e->destination.address.octets});
        writer_u16(&w, e->destination.port);
    }
    return writer_len(&w);
}

static struct eventlog_row **eventlog_find(struct eventlog *log, struct eventlog_table *t, const uint8_t *key,
                                           size_t len)
{
    struct eventlog_row **at = &t->bucket[hash_bytes((struct bytes){key, len}, log->seed) % EVENTLOG_BUCKETS];
    while (*at && ((*at)->key_len != len || memcmp((*at)->key, key, len) != 0))
        at = &(*at)->next;
    return at;
}

/* A new row at the end of its bucket; NULL: the table is full. */
static struct eventlog_row *eventlog_row_new(struct eventlog_table *t, struct eventlog_row **at, const uint8_t *key,
                                             size_t len, uint64_t now_usec)
{
    struct eventlog_row *r = t->free_list;
    if (!r)
        return NULL;
    t->free_list = r->next;
    *r = (struct eventlog_row){.since_usec = now_usec, .key_len = len};
    memcpy(r->key, key, len);
    *at = r;
    t->used++;
    return r;
}

static void eventlog_repeat(struct eventlog *log, struct eventlog_row *r, const struct event *e)
{
    if (!r->later)
        r->later = malloc(sizeof *r->later);
    if (!r->later) {
        eventlog_lose(log, e);
        return;
    }
    /* Not everyone's process is found (the job's end, a flood): the latest that was found stands for the row. */
    struct event_process found = r->repeats ? r->later->process : (struct event_process){0};
    memcpy(r->later, e, sizeof *e);
    if (!e->process.pid)
        r->later->process = found;
    r->repeats += e->count > 1 ? e->count : 1;
}

/* Tells what repeated since the row was last told. */
static void eventlog_row_tell(struct eventlog *log, struct eventlog_row *r, uint64_t now_usec)
{
    r->later->count = r->repeats;
    eventlog_emit(log, r->later);
    free(r->later);
    r->later = NULL;
    r->repeats = 0;
    r->since_usec = now_usec;
}

/* Rows whose second is over: told and kept for another where something repeated, else free. */
static void eventlog_expire(struct eventlog *log, struct eventlog_table *t, uint64_t now_usec, bool all)
{
    for (size_t b = 0; t->used && b < EVENTLOG_BUCKETS; b++) {
        for (struct eventlog_row **at = &t->bucket[b]; *at;) {
            struct eventlog_row *r = *at;
            if (!all && now_usec - r->since_usec < EVENTLOG_WINDOW_USEC) {
                at = &r->next;
            } else if (r->later) {
                eventlog_row_tell(log, r, now_usec);
                at = &r->next;
            } else {
                *at = r->next;
                r->next = t->free_list;
                t->free_list = r;
                t->used--;
            }
        }
    }
}

/* Allowed flows are told at their end; each end has its own counts. */
static bool eventlog_is_opening(const struct event *e)
{
    return e->verdict == VERDICT_ALLOW &&
           (e->action == ACTION_TCP_CONNECT || e->action == ACTION_TLS_HELLO || e->action == ACTION_DATAGRAM);
}

void eventlog_add(struct eventlog *log, const struct event *e, uint64_t now_usec)
{
    uint8_t key[EVENTLOG_KEY_SIZE];
    if (log->summary)
        summary_add(log->summary, e);
    if (eventlog_is_opening(e))
        return;
    eventlog_tick(log, now_usec);
    if (e->action == ACTION_CONNECTION_END) {
        eventlog_emit(log, e);
        return;
    }
    size_t len = eventlog_key(e, true, key);
    struct eventlog_row **at = eventlog_find(log, &log->exact, key, len);
    if (*at) {
        eventlog_repeat(log, *at, e);
        return;
    }
    if (eventlog_row_new(&log->exact, at, key, len, now_usec)) {
        eventlog_emit(log, e);
        return;
    }
    len = eventlog_key(e, false, key);
    at = eventlog_find(log, &log->overflow, key, len);
    struct eventlog_row *r = *at ? *at : eventlog_row_new(&log->overflow, at, key, len, now_usec);
    if (r)
        eventlog_repeat(log, r, e);
    else
        eventlog_lose(log, e);
}

static bool eventlog_tell_loss(void *ctx, const struct event *e)
{
    struct eventlog *log = ctx;
    bool written = eventlog_write_json(log, e);
    if (!written)
        losses_add(log->losses, e);
    return written;
}

/* At most once a second, an event each scope.  One may fail too: then its count stands.  The summaries have counted
 * what was lost here. */
static void eventlog_tell_lost(struct eventlog *log, uint64_t now_usec, bool now)
{
    if (!losses_wait(log->losses) || (!now && log->told_lost && now_usec - log->lost_told_usec < EVENTLOG_WINDOW_USEC))
        return;
    log->told_lost = true;
    log->lost_told_usec = now_usec;
    losses_tell(log->losses, eventlog_tell_loss, log);
    if (losses_wait(log->losses)) {
        eventlog_note(log, "events cannot be written: %s (%llu lost so far)", strerror(log->file.error),
                      (unsigned long long)log->lost);
    } else {
        eventlog_note(log, "%llu events were lost", (unsigned long long)log->lost);
        log->lost = 0;
    }
}

static void eventlog_tell_hidden(struct eventlog *log, uint64_t now_usec)
{
    uint64_t hidden = log->hidden;
    log->shown_since_usec = now_usec;
    log->shown = log->hidden = 0;
    if (hidden)
        eventlog_note(log, "%llu more refusals in that second are not shown here", (unsigned long long)hidden);
}

void eventlog_tick(struct eventlog *log, uint64_t now_usec)
{
    if (now_usec - log->shown_since_usec >= EVENTLOG_WINDOW_USEC)
        eventlog_tell_hidden(log, now_usec);
    if (now_usec - log->scanned_usec >= EVENTLOG_SCAN_USEC) {
        log->scanned_usec = now_usec;
        eventlog_expire(log, &log->exact, now_usec, false);
        eventlog_expire(log, &log->overflow, now_usec, false);
    }
    eventlog_tell_lost(log, now_usec, false);
}

void eventlog_flush(struct eventlog *log, uint64_t now_usec)
{
    eventlog_expire(log, &log->exact, now_usec, true);
    eventlog_expire(log, &log->overflow, now_usec, true);
    eventlog_tell_hidden(log, now_usec);
    eventlog_tell_lost(log, now_usec, true);
}
