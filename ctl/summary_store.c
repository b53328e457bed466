/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/summary_state.h"

/* Texts are any bytes, and JSON holds UTF-8: so they are written as event_escape does, and read back. */
static json_t *put_text(const char *text)
{
    char escaped[4 * SUMMARY_KEY_SIZE + 1];
    event_escape(text, escaped, sizeof escaped);
    return json_string(escaped);
}

static int hex(char c)
{
    return isdigit((unsigned char)c) ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* False: it is none of ours. */
static bool take_text(const json_t *value, char *out, size_t size)
{
    const char *in = json_string_value(value);
    size_t n = 0;
    if (!in)
        return false;
    for (; *in && n + 1 < size; n++) {
        if (in[0] != '\\') {
            out[n] = *in++;
            continue;
        }
        int high = in[1] == 'x' ? hex(in[2]) : -1, low = high >= 0 ? hex(in[3]) : -1;
        if (high < 0 || low < 0 || high + low == 0)
            return false;
        out[n] = (char)(16 * high + low);
        in += 4;
    }
    out[n] = 0;
    return !*in;
}

static json_t *put_row(const struct summary_row *r, unsigned kind, json_int_t finding)
{
    return json_pack("{s:i, s:o, s:I, s:s, s:s, s:[b,b,b], s:I, s:o, s:o, s:o, s:s}", "kind", (int)kind, "text",
                     put_text(r->text), "finding", finding, "reason", reason_name(r->reason), "bare",
                     reason_name(r->bare), "is", r->attack, r->address, r->hostile, "count", (json_int_t)r->count,
                     "process", put_text(r->process), "package", put_text(r->package), "limit", put_text(r->limit),
                     "phase", r->phase);
}

/* Findings have their place among the refused as a number. */
static json_int_t finding_number(const struct summary *s, const struct summary_row *finding)
{
    json_int_t n = 0;
    for (const struct summary_row *r = s->table[SUMMARY_REFUSED].first; r; r = r->next, n++)
        if (r == finding)
            return n;
    return -1;
}

static struct summary_row *finding_at(const struct summary *s, json_int_t number)
{
    struct summary_row *r = number >= 0 ? s->table[SUMMARY_REFUSED].first : NULL;
    while (r && number-- > 0)
        r = r->next;
    return r;
}

json_t *summary_store(const struct summary *s)
{
    json_t *rows = json_array();
    for (unsigned kind = 0; kind < SUMMARY_KINDS; kind++)
        for (const struct summary_row *r = s->table[kind].first; r; r = r->next)
            json_array_append_new(rows, put_row(r, kind, r->finding ? finding_number(s, r->finding) : -1));
    return json_pack("{s:I, s:I, s:I, s:I, s:o}", "connections", (json_int_t)s->connections, "denied",
                     (json_int_t)s->denied, "alerts", (json_int_t)s->alerts, "ignored", (json_int_t)s->ignored, "rows",
                     rows);
}

static bool take_reason(const char *name, enum reason *out)
{
    for (unsigned i = 0; i < REASON_COUNT; i++) {
        if (strcmp(reason_name((enum reason)i), name) == 0) {
            *out = (enum reason)i;
            return true;
        }
    }
    return false;
}

static bool restore_row(struct summary *s, json_t *row)
{
    char text[SUMMARY_KEY_SIZE];
    int kind, attack, address, hostile;
    json_int_t finding, count;
    const char *reason, *bare;
    if (json_unpack(row, "{s:i, s:I, s:s, s:s, s:[b,b,b], s:I}", "kind", &kind, "finding", &finding, "reason", &reason,
                    "bare", &bare, "is", &attack, &address, &hostile, "count", &count) < 0 ||
        kind < 0 || kind >= SUMMARY_KINDS || !take_text(json_object_get(row, "text"), text, sizeof text))
        return false;
    struct summary_row *r = summary_row(s, (enum summary_kind)kind, text, finding_at(s, finding));
    if (!r)
        return false;
    r->attack = attack;
    r->address = address;
    r->hostile = hostile;
    r->count = (uint64_t)count;
    const char *phase = json_string_value(json_object_get(row, "phase"));
    snprintf(r->phase, sizeof r->phase, "%s", phase ? phase : "");
    return take_reason(reason, &r->reason) && take_reason(bare, &r->bare) &&
           take_text(json_object_get(row, "process"), r->process, sizeof r->process) &&
           take_text(json_object_get(row, "package"), r->package, sizeof r->package) &&
           take_text(json_object_get(row, "limit"), r->limit, sizeof r->limit);
}

bool summary_restore(struct summary *s, const json_t *stored)
{
    json_int_t connections, denied, alerts, ignored;
    size_t i;
    json_t *row;
    bool ok = true;
    if (json_unpack((json_t *)(uintptr_t)stored, "{s:I, s:I, s:I, s:I}", "connections", &connections, "denied", &denied,
                    "alerts", &alerts, "ignored", &ignored) < 0)
        return false;
    s->connections = (uint64_t)connections;
    s->denied = (uint64_t)denied;
    s->alerts = (uint64_t)alerts;
    s->ignored = (uint64_t)ignored;
    json_array_foreach(json_object_get(stored, "rows"), i, row) ok = ok && restore_row(s, row);
    return ok;
}

uint64_t summary_events(const struct summary *s)
{
    return s->connections + s->denied + s->ignored;
}

size_t summary_rows(const struct summary *s)
{
    size_t rows = 0;
    for (unsigned kind = 0; kind < SUMMARY_KINDS; kind++)
        rows += s->table[kind].rows;
    return rows;
}
