/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Pieces of the file that is imported, and where they stand in it.
 *
 * A YAML scalar may be folded over lines, so a word's place is found by looking for the word in the bytes of the file
 * that the scalar was read from: those of its words that were not written with escapes stand there, in order. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "policy/import_build.h"
#include "policy/text.h"

bool import_text_init(struct import_build *b)
{
    uint32_t count = 1;
    for (size_t i = 0; i < b->source.len; i++)
        count += b->source.at[i] == '\n';
    b->line = malloc((size_t)count * sizeof *b->line);
    if (!b->line)
        return error_set(b->e, ERROR_LIMIT, 0, "%s: no memory", b->file);
    b->line[b->lines++] = 0;
    for (size_t i = 0; i < b->source.len; i++)
        if (b->source.at[i] == '\n')
            b->line[b->lines++] = (uint32_t)i + 1;
    return true;
}

/* Counts characters from the last place on where that is in the same line: a long line is counted once. */
static void advance(struct import_build *b, uint32_t line, size_t offset, uint32_t column)
{
    if (b->seen.line != line || b->seen.offset > offset || b->seen.column > column) {
        b->seen.line = line;
        b->seen.column = 1;
        b->seen.offset = b->line[line - 1];
    }
    while (b->seen.offset < offset && b->seen.column < column && b->seen.offset < b->source.len &&
           b->source.at[b->seen.offset] != '\n') {
        b->seen.offset += text_character(b->source, b->seen.offset);
        b->seen.column++;
    }
}

void import_text_place(struct import_build *b, size_t offset, uint32_t *line, uint32_t *column)
{
    uint32_t low = 0, high = b->lines;
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        if (b->line[middle] <= offset)
            low = middle;
        else
            high = middle;
    }
    advance(b, low + 1, offset, UINT32_MAX);
    *line = low + 1;
    *column = b->seen.column;
}

static size_t node_offset(struct import_build *b, uint32_t node)
{
    const struct document_node *n = &b->document.node[node];
    if (n->line > b->lines)
        return b->source.len;
    advance(b, n->line, SIZE_MAX, n->column);
    return b->seen.offset;
}

struct import_word import_node_word(const struct import_build *b, uint32_t node)
{
    return (struct import_word){document_text(&b->document, node), b->document.node[node].line,
                                b->document.node[node].column};
}

struct import_value import_node_value(struct import_build *b, uint32_t node)
{
    const struct document_node *n = &b->document.node[node];
    size_t end = node + 1 < b->document.nodes ? node_offset(b, node + 1) : b->source.len;
    size_t from = node_offset(b, node);
    return (struct import_value){
        .text = document_text(&b->document, node), .from = from, .end = end, .line = n->line, .column = n->column};
}

struct import_value import_source_value(struct import_build *b, size_t from, size_t end)
{
    struct import_value v = {.text = {b->source.at + from, end - from}, .from = from, .end = end};
    import_text_place(b, from, &v.line, &v.column);
    return v;
}

static bool is_blank(uint8_t c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* text[from, to) as a word, and where it stands. */
static struct import_word take(struct import_build *b, struct import_value *v, size_t from, size_t to)
{
    struct import_word w = {{v->text.at + from, to - from}, v->line, v->column};
    const uint8_t *found = NULL;
    if (w.text.len && v->from < v->end)
        found = memmem(b->source.at + v->from, v->end - v->from, w.text.at, w.text.len);
    if (!found) {
        v->from = v->end; /* nor will the others be: one search that fails, not one a word */
        return w;
    }
    import_text_place(b, (size_t)(found - b->source.at), &w.line, &w.column);
    v->from = (size_t)(found - b->source.at) + w.text.len;
    return w;
}

bool import_next_word(struct import_build *b, struct import_value *v, struct import_word *out)
{
    struct bytes t = v->text;
    while (v->at < t.len && (is_blank(t.at[v->at]) || (t.at[v->at] == '\\' && v->at + 1 < t.len &&
                                                       (t.at[v->at + 1] == '\n' || t.at[v->at + 1] == '\r'))))
        v->at++;
    size_t from = v->at;
    while (v->at < t.len && !is_blank(t.at[v->at]))
        v->at++;
    if (v->at == from)
        return false;
    *out = take(b, v, from, v->at);
    return true;
}

static bool next_until(struct import_build *b, struct import_value *v, uint8_t separator, struct import_word *out)
{
    if (v->at > v->text.len || v->text.len == 0)
        return false;
    const uint8_t *end = memchr(v->text.at + v->at, separator, v->text.len - v->at);
    size_t to = end ? (size_t)(end - v->text.at) : v->text.len;
    *out = take(b, v, v->at, to);
    v->at = to + 1;
    return true;
}

bool import_next_line(struct import_build *b, struct import_value *v, struct import_word *out)
{
    return next_until(b, v, '\n', out);
}

bool import_next_piece(struct import_build *b, struct import_value *v, struct import_word *out)
{
    return next_until(b, v, ',', out);
}

void import_trim(struct import_value *v)
{
    while (v->text.len && is_blank(v->text.at[0])) {
        v->text.at++;
        v->text.len--;
    }
    while (v->text.len && is_blank(v->text.at[v->text.len - 1]))
        v->text.len--;
}

size_t import_find(struct bytes in, size_t from, const char *what)
{
    size_t len = strlen(what);
    for (size_t i = from; i + len <= in.len; i++)
        if (strncasecmp((const char *)in.at + i, what, len) == 0)
            return i;
    return SIZE_MAX;
}

bool import_is(struct bytes text, const char *word)
{
    return text.len == strlen(word) && strncasecmp((const char *)text.at, word, text.len) == 0;
}

bool import_is_expression(struct bytes text)
{
    return import_find(text, 0, "${") != SIZE_MAX || import_find(text, 0, "$(") != SIZE_MAX;
}
