/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a run's events added up to, told.  Interface: ctl/summary.h. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/summary_state.h"

#define SUMMARY_OFFERED_MAX 8 /* entries in the one line of a run that was not audited */

/* Equal hints share a bucket, in order of appearance. */
bool summary_offers(const struct summary *s, const struct summary_row *hint)
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

void summary_print_escaped(const char *text, FILE *out)
{
    char escaped[4 * SUMMARY_KEY_SIZE + 1];
    event_escape(text, escaped, sizeof escaped);
    fputs(escaped, out);
}

/* A hint that is no endpoint but a setting of the policy, as the option of `sluice run` that says it. */
static const struct {
    const char *before, *option;
    size_t after; /* bytes behind the value */
} summary_settings[] = {{"ech: ", "--ech ", 0}, {"quic: ", "--quic ", 0}, {"resolvers: [", "--resolver ", 1}};

bool summary_is_setting(const char *hint, size_t *index)
{
    for (*index = 0; *index < sizeof summary_settings / sizeof *summary_settings; ++*index)
        if (strncmp(hint, summary_settings[*index].before, strlen(summary_settings[*index].before)) == 0)
            return true;
    return false;
}

bool summary_in_phase(const struct summary_row *hint)
{
    size_t setting;
    return hint->phase[0] && !summary_is_setting(hint->text, &setting);
}

/* In a phase only what it allows is allowed, and no --allow: what would do is a line of the profile. */
static void summary_print_phase(const struct summary_row *hint, FILE *out)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_/";
    char escaped[4 * EVENT_RULE_SIZE + 1];
    size_t n = event_escape(hint->text, escaped, sizeof escaped);
    const char *quote = strspn(escaped, plain) == n ? "" : "'";
    fputs("phases: { ", out);
    summary_print_escaped(hint->phase, out);
    fprintf(out, ": { allow: [%s", quote);
    for (size_t i = 0; i < n; i++)
        fprintf(out, "%s%c", escaped[i] == '\'' ? "'" : "", escaped[i]);
    fprintf(out, "%s] } }", quote);
}

/* `--allow ENTRY` or a setting's option, quoted where a shell would read it differently; or a phase's line. */
static void summary_print_option(const struct summary_row *row, FILE *out)
{
    const char *hint = row->text;
    if (summary_in_phase(row)) {
        summary_print_phase(row, out);
        return;
    }
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:/@%+,=";
    char escaped[4 * EVENT_RULE_SIZE + 1];
    const char *option = "--allow ";
    size_t setting, after = 0;
    if (summary_is_setting(hint, &setting)) {
        option = summary_settings[setting].option;
        after = summary_settings[setting].after;
        hint += strlen(summary_settings[setting].before);
    }
    size_t n = event_escape(hint, escaped, sizeof escaped);
    n -= n < after ? n : after;
    escaped[n] = 0;
    bool quote = strspn(escaped, plain) != n;
    fputs(option, out);
    fputs(quote ? "'" : "", out);
    for (size_t i = 0; i < n; i++) {
        if (escaped[i] == '\'')
            fputs("'\\''", out);
        else
            fputc(escaped[i], out);
    }
    if (quote)
        fputc('\'', out);
}

const char *summary_plural(uint64_t n)
{
    return n == 1 ? "" : "s";
}

bool summary_is(const struct summary_row *r, enum summary_apart apart)
{
    switch (apart) {
    case SUMMARY_PRIVATE: /* the operator knows whether it is theirs */
        return r->attack && !r->hostile;
    case SUMMARY_ATTACK:
        return r->hostile;
    default:
        return !r->attack && r->bare != REASON_NONE;
    }
}

bool summary_any(const struct summary *s, enum summary_apart apart)
{
    for (const struct summary_row *r = s->table[SUMMARY_REFUSED].first; r; r = r->next)
        if (summary_is(r, apart))
            return true;
    return false;
}

/* What a finding would take: for a private address all hints but the name alone, which does not suffice; for an attack
 * what is no name. */
static void summary_print_hints(const struct summary *s, const struct summary_row *finding, const char *before,
                                FILE *out)
{
    size_t setting;
    for (const struct summary_row *h = s->table[SUMMARY_HINT].first; h; h = h->next) {
        bool option = !finding->hostile || summary_is_setting(h->text, &setting);
        if (h->finding != finding || (finding->hostile ? !option && !h->address : !strcmp(h->text, finding->text)))
            continue;
        fputs(before, out);
        if (option)
            summary_print_option(h, out);
        else
            summary_print_escaped(h->text, out);
    }
}

void summary_print_reason(const struct summary_row *r, enum reason reason, FILE *out)
{
    fprintf(out, "  %s: %s", r->text, reason_text(reason));
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
}

/* What looks like an attack is told, with the entry that it would take, but never offered. */
static void summary_print_apart(const struct summary *s, enum summary_apart apart, FILE *out)
{
    static const char *const heading[] = {
        [SUMMARY_PRIVATE] = "these stand for private addresses; if those are yours, it takes:",
        [SUMMARY_ATTACK] = "these look like attacks and are not offered:",
        [SUMMARY_BARE] = "no entry is offered for these:",
    };
    if (!summary_any(s, apart))
        return;
    fprintf(out, "sluice: %s\n", heading[apart]);
    for (const struct summary_row *r = s->table[SUMMARY_REFUSED].first; r; r = r->next) {
        if (!summary_is(r, apart))
            continue;
        if (apart == SUMMARY_PRIVATE) {
            fputc(' ', out);
            summary_print_hints(s, r, " ", out);
        } else {
            summary_print_reason(r, apart == SUMMARY_BARE ? r->bare : r->reason, out);
            if (apart == SUMMARY_ATTACK)
                summary_print_hints(s, r, "; it would take ", out);
        }
        fputc('\n', out);
    }
}

/* "2 names", "1 address", "2 names, 1 address, 5 not listed". */
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
    uint64_t unlisted = summary_unlisted(s);
    if (unlisted)
        fprintf(out, "%s%llu not listed", names || addresses ? ", " : "", (unsigned long long)unlisted);
}

static void summary_print_audit(const struct summary *s, const struct summary_row *const *offered, size_t offers,
                                FILE *out)
{
    bool all = true;
    for (enum summary_apart a = 0; a < SUMMARY_APARTS; a++)
        all = all && !summary_any(s, a);
    if (offers)
        fprintf(out, "sluice: these entries would have sufficed%s:\n", all ? "" : ", but for what is listed below");
    for (size_t i = 0; i < offers; i++) {
        fputs("  ", out);
        summary_print_option(offered[i], out);
        fputc('\n', out);
    }
    for (enum summary_apart a = 0; a < SUMMARY_APARTS; a++)
        summary_print_apart(s, a, out);
}

void summary_print(const struct summary *s, bool audit, FILE *out)
{
    size_t allowed = s->table[SUMMARY_ALLOWED].rows;
    size_t hints = s->table[SUMMARY_HINT].rows;
    const struct summary_row **offered = calloc(hints + 1, sizeof *offered);
    size_t offers = offered ? summary_offered(s, offered, hints) : 0;
    fprintf(out, "sluice: run finished: %llu connection%s to %zu name%s allowed, ", (unsigned long long)s->connections,
            summary_plural(s->connections), allowed, summary_plural(allowed));
    if (s->went_on)
        fprintf(out, "%llu more went on, ", (unsigned long long)s->went_on);
    fprintf(out, "%llu %s", (unsigned long long)s->denied, audit ? "would be refused" : "refused");
    if (s->denied) {
        fputs(" (", out);
        summary_print_findings(s, out);
        fputc(')', out);
    }
    fputc('.', out);
    if (!audit && offers) {
        fputs(" To allow:", out);
        for (size_t i = 0; i < offers && i < SUMMARY_OFFERED_MAX; i++) {
            fputs(i && (summary_in_phase(offered[i]) || summary_in_phase(offered[i - 1])) ? ", " : " ", out);
            summary_print_option(offered[i], out);
        }
        if (offers > SUMMARY_OFFERED_MAX)
            fprintf(out, " and %zu more (--audit lists them all)", offers - SUMMARY_OFFERED_MAX);
    }
    if (!audit && summary_any(s, SUMMARY_PRIVATE)) {
        unsigned told = 0;
        fputs(" If the private addresses are yours:", out);
        for (const struct summary_row *r = s->table[SUMMARY_REFUSED].first; r; r = r->next)
            if (summary_is(r, SUMMARY_PRIVATE) && told++ < SUMMARY_OFFERED_MAX)
                summary_print_hints(s, r, " ", out);
        fputs(told > SUMMARY_OFFERED_MAX ? " and more (--audit lists them all)" : "", out);
    }
    fputc('\n', out);
    if (audit)
        summary_print_audit(s, offered, offers, out);
    free(offered);
}

static json_t *summary_json_text(const char *text)
{
    char escaped[4 * SUMMARY_KEY_SIZE + 1];
    event_escape(text, escaped, sizeof escaped);
    return json_string(escaped);
}

static json_t *summary_json_refused(const struct summary *s, const struct summary_row *r)
{
    json_t *takes = json_array();
    const char *phase = "";
    for (const struct summary_row *h = s->table[SUMMARY_HINT].first; h; h = h->next)
        if (h->finding == r) {
            json_array_append_new(takes, summary_json_text(h->text));
            phase = summary_in_phase(h) ? h->phase : phase;
        }
    json_t *refused =
        json_pack("{s:s,s:s,s:b,s:I,s:o,s:o,s:o}", "name", r->text, "reason", reason_name(r->reason), "attack",
                  r->attack, "count", (json_int_t)r->count, "process", summary_json_text(r->process), "package",
                  summary_json_text(r->package), "takes", takes);
    if (*phase) /* it takes them there, and nowhere else */
        json_object_set_new(refused, "phase", json_string(phase));
    return refused;
}

char *summary_json(const struct summary *s)
{
    json_t *allowed = json_array(), *refused = json_array(), *hints = json_array(), *settings = json_array();
    size_t setting;
    for (const struct summary_row *r = s->table[SUMMARY_ALLOWED].first; r; r = r->next)
        json_array_append_new(allowed, json_pack("{s:s,s:I}", "name", r->text, "connections", (json_int_t)r->count));
    for (const struct summary_row *r = s->table[SUMMARY_REFUSED].first; r; r = r->next)
        json_array_append_new(refused, summary_json_refused(s, r));
    for (const struct summary_row *r = s->table[SUMMARY_HINT].first; r; r = r->next)
        if (summary_offers(s, r) && !summary_in_phase(r))
            json_array_append_new(summary_is_setting(r->text, &setting) ? settings : hints, summary_json_text(r->text));
    json_t *root =
        json_pack("{s:I,s:I,s:I,s:I,s:I,s:I,s:o,s:o,s:o,s:o}", "connections", (json_int_t)s->connections, "went_on",
                  (json_int_t)s->went_on, "denied", (json_int_t)s->denied, "unlisted", (json_int_t)summary_unlisted(s),
                  "alerts", (json_int_t)s->alerts, "ignored", (json_int_t)s->ignored, "allowed", allowed, "refused",
                  refused, "allow", hints, "settings", settings);
    char *text = root ? json_dumps(root, JSON_COMPACT | JSON_ENSURE_ASCII) : NULL;
    json_decref(root);
    return text;
}
