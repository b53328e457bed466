/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Events as a person reads them: verdict, kind, what, who, why, in columns (DESIGN s2). */
#include "core/event.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/event_words.h"

/* Where columns begin; what is too long for its own ends in the next one, and the one after stands where it did. */
enum { LINE_WORD = 6, LINE_SUBJECT = 11, LINE_ACTOR = 43, LINE_REASON = 83 };

#define LINE_PATH_BYTES 100 /* of a URL's path, escaped */

/* Sticky: what does not fit is cut, the NUL always fits. */
struct line {
    char *out;
    size_t len, size;
};

static void line_text(struct line *l, const char *text)
{
    size_t n = strlen(text), room = l->size - 1 - l->len;
    if (n > room)
        n = room;
    memcpy(l->out + l->len, text, n);
    l->len += n;
    l->out[l->len] = '\0';
}

static void __attribute__((format(printf, 2, 3))) line_format(struct line *l, const char *format, ...)
{
    char text[128];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    line_text(l, text);
}

static void line_domain(struct line *l, const struct event *e)
{
    char escaped[4 * NAME_MAX_BYTES + 1];
    event_escape_domain(e, escaped, sizeof escaped);
    line_text(l, escaped);
}

/* Hostile bytes, at most `most` bytes of their printable form. */
static void line_hostile(struct line *l, const char *text, size_t most)
{
    char escaped[4 * (NAME_MAX_BYTES + 1) + 1];
    event_escape(text, escaped, most + 1 < sizeof escaped ? most + 1 : sizeof escaped);
    line_text(l, escaped);
}

/* Fills up with spaces to `column`, where the line began at `from`; at least `gap` spaces. */
static void line_column(struct line *l, size_t from, size_t column, size_t gap)
{
    do {
        line_text(l, " ");
        if (gap)
            gap--;
    } while (l->len + 1 < l->size && (gap || l->len - from < column));
}

static const char *line_word(const struct event *e, char word[EVENT_WORD_SIZE])
{
    const char *application = event_application(e);
    if (application)
        return application;
    if (e->action == ACTION_GATE)
        return "gate";
    if (e->ip_protocol == 58)
        return "icmp";
    return e->ip_protocol ? event_ip_protocol(e->ip_protocol, word) : "ip";
}

static void line_endpoint(struct line *l, const char *before, const struct event_endpoint *p, const char *after)
{
    char text[EVENT_ENDPOINT_SIZE];
    if (event_endpoint_format(p, text))
        line_format(l, "%s%s%s", before, text, after);
}

static void line_dns(struct line *l, const struct event *e)
{
    char word[EVENT_WORD_SIZE], text[ADDRESS_TEXT_SIZE];
    if (e->domain[0])
        line_domain(l, e);
    else
        line_text(l, "a message");
    if (e->domain[0] && e->dns_type)
        line_format(l, " %s", event_dns_type(e->dns_type, word));
    if (e->action == ACTION_DNS_ANSWER && e->answers && e->answer[0].family) {
        address_format(&e->answer[0], text);
        line_format(l, " = %s", text);
    }
    /* Which server was asked matters only where it was not the right one; dig's notation. */
    if (e->reason == REASON_FOREIGN_RESOLVER || !e->domain[0])
        line_endpoint(l, " @", &e->destination, "");
}

/* What was asked, shown or addressed. */
static void line_subject(struct line *l, const struct event *e)
{
    const char *name = e->domain[0] ? e->domain : e->tls_server_name;
    size_t before = l->len;
    if (event_is_dns(e)) {
        line_dns(l, e);
        return;
    }
    if (e->action == ACTION_GATE && e->scope[0]) {
        line_text(l, "scope ");
        line_hostile(l, e->scope, 4 * EVENT_SCOPE_SIZE);
        return;
    }
    if (e->http_method[0]) {
        line_hostile(l, e->http_method, sizeof e->http_method);
        line_text(l, " ");
    }
    bool bracket = e->asked_port && strchr(name, ':');
    line_text(l, bracket ? "[" : "");
    if (name == e->domain)
        line_domain(l, e);
    else
        line_hostile(l, name, 4 * NAME_MAX_BYTES);
    line_text(l, bracket ? "]" : "");
    if (e->asked_port)
        line_format(l, ":%u", e->asked_port);
    if (e->http_method[0])
        line_hostile(l, e->http_path, LINE_PATH_BYTES);
    if (*name)
        line_endpoint(l, " (", &e->destination, ")");
    else
        line_endpoint(l, e->http_method[0] ? "at " : "", &e->destination, "");
    if (e->incoming)
        line_endpoint(l, " from ", &e->source, "");
    if (l->len == before)
        line_text(l, "-");
}

static const char *line_package_tool(const char *type)
{
    return strcmp(type, "pypi") == 0 ? "pip" : type;
}

/* Who: the process, and the package it says it works for; without a process the address it came from. */
static void line_actor(struct line *l, const struct event *e)
{
    const struct event_process *p = &e->process;
    if (e->action == ACTION_GATE)
        return;
    if (p->pid <= 0 && e->source.address.family && !e->incoming) {
        struct event_endpoint host = {.address = e->source.address};
        line_endpoint(l, "from ", &host, "");
        return;
    }
    line_text(l, "by ");
    if (p->pid <= 0) {
        line_text(l, "unknown");
        return;
    }
    line_hostile(l, p->name[0] ? p->name : "?", sizeof p->name);
    if (!p->package_name[0]) {
        line_format(l, " (pid %d)", (int)p->pid);
        return;
    }
    line_text(l, " (");
    line_hostile(l, line_package_tool(p->package_type), sizeof p->package_type);
    line_text(l, " ");
    if (p->package_stage[0]) {
        line_hostile(l, p->package_stage, sizeof p->package_stage);
        line_text(l, " of ");
    }
    line_hostile(l, p->package_name, sizeof p->package_name);
    line_text(l, ")");
}

/* reason_text as the end of a line: without the article, the advice behind a semicolon and the source in brackets. */
static void line_reason(struct line *l, enum reason reason)
{
    static const char *const articles[] = {"the ", "a ", "an "};
    const char *text = reason == REASON_NOT_IN_ALLOWLIST ? "not in allowlist" : reason_text(reason);
    for (size_t i = 0; i < sizeof articles / sizeof *articles; i++) {
        if (strncmp(text, articles[i], strlen(articles[i])) == 0) {
            text += strlen(articles[i]);
            break;
        }
    }
    size_t n = strcspn(text, ";(");
    while (n && text[n - 1] == ' ')
        n--;
    line_format(l, "%.*s", (int)n, text);
}

size_t event_to_line(const struct event *e, bool color, char *out, size_t size_bytes)
{
    static const char *const colors[VERDICT_COUNT] = {
        [VERDICT_ALLOW] = "32", [VERDICT_DENY] = "31", [VERDICT_WOULD_DENY] = "33", [VERDICT_IGNORED] = "2"};
    char word[EVENT_WORD_SIZE];
    struct line l = {.out = out, .size = size_bytes};
    if (!size_bytes)
        return 0;
    out[0] = '\0';
    if (color && (unsigned)e->verdict < VERDICT_COUNT)
        line_format(&l, "\033[%sm", colors[e->verdict]);
    size_t from = l.len;
    line_text(&l, verdict_name(e->verdict));
    size_t verdict_len = l.len - from;
    if (color && (unsigned)e->verdict < VERDICT_COUNT)
        line_text(&l, "\033[0m");
    from = l.len - verdict_len; /* as if the colour took no room */
    line_column(&l, from, LINE_WORD, 1);
    line_text(&l, line_word(e, word));
    line_column(&l, from, LINE_SUBJECT, 1);
    line_subject(&l, e);
    line_column(&l, from, LINE_ACTOR, 1);
    line_actor(&l, e);
    line_column(&l, from, LINE_REASON, 2);
    line_reason(&l, e->reason);
    if (e->limit[0]) {
        line_text(&l, " (");
        line_hostile(&l, e->limit, sizeof e->limit);
        line_text(&l, ")");
    }
    if (e->count > 1)
        line_format(&l, " (%llu times)", (unsigned long long)e->count);
    return l.len;
}
