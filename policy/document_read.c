/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "policy/document.h"
#include "policy/text.h"

#define SHOWN_BEFORE 70 /* characters of a long line that are shown before and after the place */
#define SHOWN_AFTER  40

static struct bytes find_line(struct bytes source, size_t line)
{
    size_t start = 0;
    while (line > 1 && start < source.len) {
        const uint8_t *newline = memchr(source.at + start, '\n', source.len - start);
        if (!newline)
            return (struct bytes){0};
        start = (size_t)(newline - source.at) + 1;
        line--;
    }
    const uint8_t *end = start < source.len ? memchr(source.at + start, '\n', source.len - start) : NULL;
    size_t len = end ? (size_t)(end - source.at) - start : source.len - start;
    if (len && source.at[start + len - 1] == '\r')
        len--;
    return (struct bytes){source.at ? source.at + start : NULL, len};
}

/* The line, or the part around `column`, and below it a caret; tabs stay tabs in both. */
static size_t show_line(struct bytes line, size_t column, char *out, size_t size)
{
    char caret[SHOWN_BEFORE + 8];
    size_t len = 0, carets = 0, character = 1;
    for (size_t at = 0; at < line.len; character++) {
        size_t step = text_character(line, at);
        if (character + SHOWN_BEFORE >= column && character <= column + SHOWN_AFTER) {
            if (len + step + sizeof caret + 3 > size)
                break;
            bool tab = line.at[at] == '\t';
            if (text_is_control(line, at) && !tab) {
                out[len++] = '?';
            } else {
                memcpy(out + len, line.at + at, step);
                len += step;
            }
            if (character < column)
                caret[carets++] = tab ? '\t' : ' ';
        } else if (character > column + SHOWN_AFTER) {
            break;
        }
        at += step;
    }
    caret[carets++] = '^';
    out[len++] = '\n';
    memcpy(out + len, caret, carets);
    out[len + carets] = 0;
    return len + carets;
}

bool document_wrong_at(const char *file, struct bytes source, size_t line, size_t column, struct error *e,
                       const char *message)
{
    char shown[600];
    show_line(find_line(source, line), column, shown, sizeof shown);
    return error_set(e, ERROR_INPUT, 0, "%.120s:%zu:%zu: %.250s\n%s", file, line, column, message, shown);
}

/* Characters in the first `bytes` bytes. */
static size_t characters(struct bytes text, size_t bytes)
{
    size_t count = 0;
    for (size_t at = 0; at < text.len && at < bytes; count++)
        at += text_character(text, at);
    return count;
}

bool document_wrong(const struct document *d, uint32_t node, size_t skip, struct error *e, const char *format, ...)
{
    char message[400];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    if (d->unseen)
        return error_set(e, ERROR_INPUT, 0, "%.120s: %.250s", d->file, message);
    const struct document_node *n = &d->node[node];
    size_t column = n->column;
    if (skip && n->kind == DOCUMENT_TEXT)
        column += characters(document_text(d, node), skip) + n->quoted;
    return document_wrong_at(d->file, d->source, n->line, column, e, message);
}

uint32_t document_find(const struct document *d, uint32_t mapping, const char *key)
{
    struct bytes wanted = {(const uint8_t *)key, strlen(key)};
    if (d->node[mapping].kind != DOCUMENT_MAPPING)
        return 0;
    for (uint32_t i = d->node[mapping].child; i; i = d->node[d->node[i].next].next) {
        if (bytes_equal(document_text(d, i), wanted))
            return d->node[i].next;
    }
    return 0;
}

bool document_texts(const struct document *d, uint32_t node, const char *what, document_each_text *each, void *ctx,
                    struct error *e)
{
    const struct document_node *n = &d->node[node];
    if (n->kind == DOCUMENT_TEXT && (n->len || n->quoted))
        return each(ctx, d, node, e);
    if (n->kind == DOCUMENT_TEXT)
        return document_wrong(d, node, 0, e, "%s is missing here; write [] for none", what);
    if (n->kind != DOCUMENT_LIST)
        return document_wrong(d, node, 0, e, "%s is a list here: [first, second]; quote what begins with {", what);
    for (uint32_t i = n->child; i; i = d->node[i].next) {
        if (d->node[i].kind != DOCUMENT_TEXT)
            return document_wrong(
                d, i, 0, e, "%s holds plain texts; quote an entry that has \": \" in it or begins with { or [", what);
        if (!each(ctx, d, i, e))
            return false;
    }
    return true;
}

bool document_keys(const struct document *d, uint32_t mapping, const char *what, const char *const *known,
                   struct error *e)
{
    size_t count = 0;
    char quoted[TEXT_QUOTE_SIZE];
    if (d->node[mapping].kind != DOCUMENT_MAPPING)
        return document_wrong(d, mapping, 0, e, "%s is a mapping: \"key: value\" lines, for example \"%s: ...\"", what,
                              known[0]);
    while (known[count])
        count++;
    for (uint32_t i = d->node[mapping].child; i; i = d->node[d->node[i].next].next) {
        struct bytes key = document_text(d, i);
        bool found = false;
        for (size_t k = 0; k < count && !found; k++)
            found = key.len == strlen(known[k]) && memcmp(key.at, known[k], key.len) == 0;
        if (found)
            continue;
        const char *nearest = text_nearest(key, known, count);
        if (nearest)
            return document_wrong(d, i, 0, e, "unknown key \"%s\"; did you mean \"%s\"?", text_quote(key, quoted),
                                  nearest);
        char list[200] = "";
        for (size_t k = 0, len = 0; k < count && len < sizeof list - 1; k++)
            len += (size_t)snprintf(list + len, sizeof list - len, "%s%s", k ? ", " : "", known[k]);
        return document_wrong(d, i, 0, e, "unknown key \"%s\"; %s has: %s", text_quote(key, quoted), what, list);
    }
    return true;
}
