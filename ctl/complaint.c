/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/complaint.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "core/event.h"
#include "core/log.h"

static struct error first;
static bool complained;

void complaint_error(const struct error *e)
{
    log_note("%s", e->text); /* what was typed, and paths, are in it: no byte of them drives the terminal */
    if (!complained)
        first = *e;
    complained = true;
}

void complaint(enum error_code kind, const char *format, ...)
{
    struct error e = {.code = kind};
    va_list args;
    va_start(args, format);
    vsnprintf(e.text, sizeof e.text, format, args);
    va_end(args);
    complaint_error(&e);
}

struct place {
    size_t len;                 /* of the file, or of what else it is in */
    unsigned long line, column; /* line 0: it is no file */
    const char *text;           /* behind it */
};

static const char *number(const char *at, const char *after, unsigned long *out)
{
    char *end;
    if (*at < '0' || *at > '9')
        return NULL;
    *out = strtoul(at, &end, 10);
    return strncmp(end, after, strlen(after)) == 0 ? end + strlen(after) : NULL;
}

/* "FILE:LINE:COLUMN: text", or "PLACE: column COLUMN: text", also behind a comma. */
static struct place place_of(const char *text)
{
    struct place p = {.text = text};
    for (const char *colon = strchr(text, ':'); colon; colon = strchr(colon + 1, ':')) {
        unsigned long line, column;
        const char *at = number(colon + 1, ":", &line), *rest = at ? number(at, ": ", &column) : NULL;
        if (rest)
            return (struct place){(size_t)(colon - text), line, column, rest};
    }
    const char *mark = strstr(text, " column ");
    const char *rest = mark && mark > text ? number(mark + strlen(" column "), ": ", &p.column) : NULL;
    if (!rest || (mark[-1] != ':' && mark[-1] != ','))
        return (struct place){.text = text};
    return (struct place){(size_t)(mark - 1 - text), 0, p.column, rest};
}

/* A path may hold any byte. */
static json_t *json_text(const char *text, size_t len)
{
    json_t *made = json_stringn(text, len);
    char raw[sizeof first.text], escaped[4 * sizeof raw];
    if (made)
        return made;
    snprintf(raw, sizeof raw, "%.*s", (int)len, text);
    event_escape(raw, escaped, sizeof escaped);
    return json_string(escaped);
}

json_t *complaint_to_json(const struct error *e)
{
    static const char *const kinds[] = {
        [ERROR_NONE] = "absent", [ERROR_INPUT] = "input", [ERROR_SYSTEM] = "system", [ERROR_LIMIT] = "limit"};
    struct place p = place_of(e->text);
    /* A place comes with the line and a caret below: these are for a person. */
    size_t len = p.len ? strcspn(p.text, "\n") : strlen(p.text);
    json_t *o = json_pack("{s:s, s:o}", "kind", kinds[e->code], "text", json_text(p.text, len));
    if (p.len)
        json_object_set_new(o, p.line ? "file" : "at", json_text(e->text, p.len));
    if (p.line)
        json_object_set_new(o, "line", json_integer((json_int_t)p.line));
    if (p.len)
        json_object_set_new(o, "column", json_integer((json_int_t)p.column));
    return o;
}

void complaint_print(FILE *out)
{
    if (!complained)
        return;
    json_t *all = json_pack("{s:b, s:o}", "ok", 0, "error", complaint_to_json(&first));
    char *text = all ? json_dumps(all, JSON_COMPACT | JSON_ENSURE_ASCII) : NULL;
    if (text)
        fprintf(out, "%s\n", text);
    free(text);
    json_decref(all);
}
