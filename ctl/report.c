/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/report.h"

#include <string.h>
#include <strings.h>

#include "core/reason.h"

struct page {
    FILE *out;
    bool html;
};

bool report_format_find(const char *name, enum report_format *out)
{
    static const char *const names[] = {"md", "json", "html"};
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(names[i], name) == 0) {
            *out = (enum report_format)i;
            return true;
        }
    }
    return false;
}

/* Where GitHub's Markdown would make a link of bare text: "www." and "://".  A summary is no place for a job's links.
 */
static bool begins_link(const char *text, const char *at)
{
    return (*at == '.' && at - text >= 3 && strncasecmp(at - 3, "www", 3) == 0) ||
           (*at == ':' && at[1] == '/' && at[2] == '/');
}

/* Text that came from outside.  Of Markdown every character that may begin something is written as a number, which
 * renders as itself. */
static void put(const struct page *p, const char *text)
{
    for (const char *at = text; *at; at++) {
        if (strchr(p->html ? "&<>\"'" : "\\`*_{}[]()<>#+!|&~@", *at) || (!p->html && begins_link(text, at)))
            fprintf(p->out, "&#%d;", (unsigned char)*at);
        else
            fputc(*at, p->out);
    }
}

static void heading(const struct page *p, int level, const char *text)
{
    if (p->html)
        fprintf(p->out, "<h%d>", level);
    else
        fprintf(p->out, "%.*s ", level, "###");
    put(p, text);
    if (p->html)
        fprintf(p->out, "</h%d>\n", level);
    else
        fputs("\n\n", p->out);
}

static void paragraph(const struct page *p, const char *text)
{
    fputs(p->html ? "<p>" : "", p->out);
    put(p, text);
    fputs(p->html ? "</p>\n" : "\n\n", p->out);
}

static void row(const struct page *p, const char *const *cell, unsigned cells, bool head)
{
    fputs(p->html ? "<tr>" : "|", p->out);
    for (unsigned i = 0; i < cells; i++) {
        fputs(p->html ? head ? "<th>" : "<td>" : " ", p->out);
        put(p, cell[i] ? cell[i] : "");
        fputs(p->html ? head ? "</th>" : "</td>" : " |", p->out);
    }
    fputs(p->html ? "</tr>\n" : "\n", p->out);
    for (unsigned i = 0; head && !p->html && i < cells; i++)
        fprintf(p->out, "|---%s", i + 1 == cells ? "|\n" : "");
}

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

static long long number_of(const json_t *object, const char *key)
{
    return (long long)json_integer_value(json_object_get(object, key));
}

static void table_begin(const struct page *p)
{
    fputs(p->html ? "<table>\n" : "", p->out);
}

static void table_end(const struct page *p)
{
    fputs(p->html ? "</table>\n" : "\n", p->out);
}

/* "a, b", or "phases: { build: { allow: [a, b] } }": nothing for an attack, which is told and never offered. */
static void takes_text(const json_t *finding, char *out, size_t size)
{
    size_t i, n = 0;
    json_t *text;
    out[0] = 0;
    const char *phase = text_of(finding, "phase");
    if (json_is_true(json_object_get(finding, "attack")) || json_array_size(json_object_get(finding, "takes")) == 0)
        return;
    if (*phase)
        n = (size_t)snprintf(out, size, "phases: { %.31s: { allow: [", phase);
    json_array_foreach(json_object_get(finding, "takes"), i, text)
    {
        int w = snprintf(out + n, size - n, "%s%s", i ? ", " : "", json_string_value(text));
        if (w < 0 || (size_t)w >= size - n)
            return;
        n += (size_t)w;
    }
    if (*phase)
        snprintf(out + n, size - n, "] } }");
}

static const char *reason_words(const char *name)
{
    for (unsigned i = 0; i < REASON_COUNT; i++)
        if (strcmp(reason_name((enum reason)i), name) == 0)
            return reason_text((enum reason)i);
    return name;
}

static void refused(const struct page *p, const json_t *summary, bool attacks)
{
    static const char *const head[] = {"what", "times", "why", "by", "the entry that would allow it"};
    size_t i;
    json_t *finding;
    bool any = false;
    json_array_foreach(json_object_get(summary, "refused"), i, finding)
    {
        char count[24], by[300], takes[1000];
        if (json_is_true(json_object_get(finding, "attack")) != attacks)
            continue;
        if (!any) {
            heading(p, 2, attacks ? "Refused, and looks like an attack" : "Refused");
            table_begin(p);
            row(p, head, attacks ? 4 : 5, true);
        }
        any = true;
        const char *process = text_of(finding, "process"), *package = text_of(finding, "package");
        snprintf(count, sizeof count, "%lld", number_of(finding, "count"));
        snprintf(by, sizeof by, "%s%s%s%s", process, *package ? " (" : "", package, *package ? ")" : "");
        takes_text(finding, takes, sizeof takes);
        const char *cells[] = {text_of(finding, "name"), count, reason_words(text_of(finding, "reason")), by, takes};
        row(p, cells, attacks ? 4 : 5, false);
    }
    if (any)
        table_end(p);
}

static void allowed(const struct page *p, const json_t *summary)
{
    static const char *const head[] = {"name", "connections"};
    const json_t *list = json_object_get(summary, "allowed");
    size_t i;
    json_t *name;
    if (json_array_size(list) == 0)
        return;
    heading(p, 2, "Allowed");
    table_begin(p);
    row(p, head, 2, true);
    json_array_foreach(list, i, name)
    {
        char count[24];
        snprintf(count, sizeof count, "%lld", number_of(name, "connections"));
        const char *cells[] = {text_of(name, "name"), count};
        row(p, cells, 2, false);
    }
    table_end(p);
}

void report_write(enum report_format format, const char *title, const char *about, const json_t *summary, FILE *out)
{
    const struct page p = {out, format == REPORT_HTML};
    char line[300];
    if (format == REPORT_JSON) {
        json_dumpf(summary, out, JSON_INDENT(2) | JSON_ENSURE_ASCII);
        fputc('\n', out);
        return;
    }
    if (p.html) {
        fputs("<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>", out);
        put(&p, title);
        fputs("</title>\n<style>body{font:15px/1.5 system-ui,sans-serif;max-width:70em;margin:2em auto;padding:0 1em}"
              "table{border-collapse:collapse}th,td{border:1px solid #bbb;padding:.2em .6em;text-align:left;"
              "overflow-wrap:anywhere}th{background:#eee}</style></head><body>\n",
              out);
    }
    heading(&p, 1, title);
    if (*about)
        paragraph(&p, about);
    snprintf(line, sizeof line,
             "%lld connections to %zu names were allowed, %lld attempts refused, %lld of these look like attacks.",
             number_of(summary, "connections"), json_array_size(json_object_get(summary, "allowed")),
             number_of(summary, "denied"), number_of(summary, "alerts"));
    paragraph(&p, line);
    if (number_of(summary, "unlisted")) {
        snprintf(line, sizeof line,
                 "%lld of them are not listed below: they came too fast, or from nowhere that is known, and were only "
                 "counted.",
                 number_of(summary, "unlisted"));
        paragraph(&p, line);
    }
    refused(&p, summary, true);
    refused(&p, summary, false);
    allowed(&p, summary);
    if (p.html)
        fputs("</body></html>\n", out);
}
