/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "policy/import.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "core/event.h"
#include "policy/import_build.h"
#include "policy/policy.h"

#define SHOWN_BYTES 200 /* of what was written */

static const struct {
    const char *name;
    bool (*read)(struct import_build *b);
    const char *const *notes;
} formats[IMPORT_FORMATS] = {
    [IMPORT_BULLFROG] = {"bullfrog", import_bullfrog, import_bullfrog_notes},
    [IMPORT_HARDEN_RUNNER] = {"harden-runner", import_harden_runner, import_harden_runner_notes},
    [IMPORT_CIJAIL] = {"cijail", import_cijail, import_cijail_notes},
};

const char *import_format_name(enum import_format format)
{
    return formats[format].name;
}

bool import_format_find(const char *name, enum import_format *out)
{
    for (unsigned i = 0; i < IMPORT_FORMATS; i++) {
        if (strcmp(name, formats[i].name) == 0) {
            *out = (enum import_format)i;
            return true;
        }
    }
    return false;
}

const char *const *import_notes(enum import_format format)
{
    return formats[format].notes;
}

bool import_wrong(const struct import_build *b, const struct import_word *w, const char *format, ...)
{
    char message[300];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    return document_wrong_at(b->file, b->source, w->line, w->column, b->e, message);
}

/* Every byte of the file that is shown again passes here: a comment cannot be left by what stands in it. */
static char *shown(struct bytes text)
{
    char raw[SHOWN_BYTES + 4], escaped[4 * sizeof raw];
    bool cut = text.len > SHOWN_BYTES;
    size_t len = cut ? SHOWN_BYTES : text.len;
    for (size_t i = 0; i < len; i++)
        raw[i] = text.at[i] ? (char)text.at[i] : '?';
    memcpy(raw + len, cut ? "..." : "", cut ? 4 : 1);
    event_escape(raw, escaped, sizeof escaped);
    return strdup(escaped);
}

static bool fact_add(struct import_build *b, struct import_list *list, const struct import_word *w, const char *text)
{
    if (list->count == IMPORT_FACTS_MAX)
        return import_wrong(b, w, "more than %d entries in one file", IMPORT_FACTS_MAX);
    if (list->count == list->size) {
        unsigned size = list->size ? list->size * 2 : 32;
        struct import_fact *moved = reallocarray(list->fact, size, sizeof *moved);
        if (!moved)
            return error_set(b->e, ERROR_LIMIT, 0, "%s: no memory", b->file);
        list->fact = moved;
        list->size = size;
    }
    char escaped[1200]; /* a text quotes words of the file */
    event_escape(text, escaped, sizeof escaped);
    struct import_fact fact = {b->profile, w->line, w->column, shown(w->text), strdup(escaped)};
    list->fact[list->count++] = fact;
    return (fact.from && fact.text) || error_set(b->e, ERROR_LIMIT, 0, "%s: no memory", b->file);
}

bool import_entry(struct import_build *b, const struct import_word *w, const char *entry)
{
    return fact_add(b, &b->out->entry, w, entry);
}

static bool __attribute__((format(printf, 4, 0)))
fact_say(struct import_build *b, struct import_list *list, const struct import_word *w, const char *format,
         va_list args)
{
    char text[700];
    vsnprintf(text, sizeof text, format, args);
    return fact_add(b, list, w, text);
}

bool import_lost(struct import_build *b, const struct import_word *w, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    bool ok = fact_say(b, &b->out->lost, w, format, args);
    va_end(args);
    return ok;
}

bool import_changed(struct import_build *b, const struct import_word *w, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    bool ok = fact_say(b, &b->out->changed, w, format, args);
    va_end(args);
    return ok;
}

static bool name_is_taken(const struct import *i, const char *name)
{
    for (unsigned k = 0; k < i->profiles; k++)
        if (strcmp(i->profile[k].name, name) == 0)
            return true;
    return strcmp(name, "unmatched") == 0; /* a scope's name that policies keep for themselves */
}

bool import_profile_add(struct import_build *b, struct bytes name, uint32_t line, bool audit)
{
    struct import *i = b->out;
    struct import_word at = {name, line, 1};
    char label[IMPORT_NAME_SIZE - 9], unique[IMPORT_NAME_SIZE];
    size_t len = 0;
    if (i->profiles == IMPORT_PROFILES_MAX)
        return import_wrong(b, &at, "more than %d of them in one file", IMPORT_PROFILES_MAX);
    for (; len < name.len && len < sizeof label - 1; len++) {
        char c = (char)name.at[len];
        bool good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.';
        label[len] = '-';
        if (good)
            label[len] = c;
    }
    label[len] = 0;
    snprintf(unique, sizeof unique, "%s-", label); /* a number may come to stand behind it */
    const char *before = policy_is_job_name(unique) ? "ci-" : "";
    snprintf(unique, sizeof unique, "%s%s", before, len ? label : "imported");
    for (unsigned n = 2; name_is_taken(i, unique); n++)
        snprintf(unique, sizeof unique, "%s%s-%u", before, len ? label : "imported", n);
    struct import_profile *p = &i->profile[i->profiles];
    *p = (struct import_profile){.line = line, .audit = audit};
    memcpy(p->name, unique, sizeof p->name);
    b->profile = i->profiles++;
    return true;
}

/* Facts are found input by input; a reader goes through the file line by line. */
static int by_place(const void *a, const void *b)
{
    const struct import_fact *x = a, *y = b;
    if (x->line != y->line)
        return x->line < y->line ? -1 : 1;
    return x->column < y->column ? -1 : x->column > y->column;
}

static void sort(struct import_list *list)
{
    if (list->count)
        qsort(list->fact, list->count, sizeof *list->fact, by_place);
}

bool import_read(enum import_format format, const char *file, struct bytes source, struct import *out, struct error *e)
{
    struct import_build b = {.out = out, .file = file, .source = source, .e = e, .profile = IMPORT_WHOLE};
    *out = (struct import){.format = format};
    if (source.len > IMPORT_BYTES_MAX)
        return error_set(e, ERROR_INPUT, 0, "%.120s:1:1: the file is larger than 1 MiB", file);
    bool ok = import_text_init(&b) && formats[format].read(&b);
    free(b.line);
    document_done(&b.document);
    sort(&out->lost);
    sort(&out->changed);
    if (!ok)
        import_done(out);
    return ok;
}

static void list_done(struct import_list *list)
{
    for (unsigned k = 0; k < list->count; k++) {
        free(list->fact[k].from);
        free(list->fact[k].text);
    }
    free(list->fact);
    *list = (struct import_list){0};
}

void import_done(struct import *i)
{
    list_done(&i->entry);
    list_done(&i->changed);
    list_done(&i->lost);
}
