/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "policy/document.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <yaml.h>

#include "policy/text.h"

/* While events arrive: the open lists and mappings. */
struct builder {
    struct document *d;
    struct error *e;
    bool foreign;
    unsigned depth, anchors;
    struct {
        uint32_t node, last; /* last child so far */
    } open[DOCUMENT_MAX_DEPTH];
    struct {
        uint32_t text, len, node; /* its name, in the arena */
    } anchor[DOCUMENT_ANCHORS];
};

static bool grow(void **array, size_t *size, size_t needed, size_t element)
{
    if (needed <= *size)
        return true;
    size_t grown = *size ? *size : 256;
    while (grown < needed)
        grown *= 2;
    void *moved = reallocarray(*array, grown, element);
    if (!moved)
        return false;
    *array = moved;
    *size = grown;
    return true;
}

struct bytes document_text(const struct document *d, uint32_t node)
{
    const struct document_node *n = &d->node[node];
    if (n->kind != DOCUMENT_TEXT || n->len == 0)
        return (struct bytes){(const uint8_t *)"", 0};
    return (struct bytes){(const uint8_t *)d->arena + n->text, n->len};
}

static bool event_wrong(const struct builder *b, const yaml_event_t *event, const char *message)
{
    return document_wrong_at(b->d->file, b->d->source, event->start_mark.line + 1, event->start_mark.column + 1, b->e,
                             message);
}

/* Of two equal keys only one could count; which one is a guess. */
static bool key_is_new(struct builder *b, uint32_t mapping, uint32_t fresh)
{
    const struct document *d = b->d;
    struct bytes key = document_text(d, fresh);
    char quoted[TEXT_QUOTE_SIZE];
    if (d->node[mapping].len / 2 >= DOCUMENT_MAX_KEYS)
        return document_wrong(d, fresh, 0, b->e, "more than %d keys in one mapping", DOCUMENT_MAX_KEYS);
    for (uint32_t i = d->node[mapping].child; i && i != fresh; i = d->node[d->node[i].next].next) {
        if (bytes_equal(document_text(d, i), key))
            return document_wrong(d, fresh, 0, b->e, "\"%s\" is given twice; the first is in line %u",
                                  text_quote(key, quoted), d->node[i].line);
    }
    return true;
}

/* Hangs a new node under the innermost open one. */
static bool add_node(struct builder *b, const yaml_event_t *event, enum document_kind kind, uint32_t *out)
{
    struct document *d = b->d;
    if (!grow((void **)&d->node, &d->node_size, d->nodes + 1, sizeof *d->node))
        return error_set(b->e, ERROR_LIMIT, 0, "%s: no memory", d->file);
    uint32_t index = (uint32_t)d->nodes++;
    d->node[index] = (struct document_node){.line = (uint32_t)event->start_mark.line + 1,
                                            .column = (uint32_t)event->start_mark.column + 1,
                                            .kind = (uint8_t)kind};
    *out = index;
    if (b->depth == 0) {
        d->root = index;
        return true;
    }
    uint32_t parent = b->open[b->depth - 1].node, last = b->open[b->depth - 1].last;
    if (last)
        d->node[last].next = index;
    else
        d->node[parent].child = index;
    b->open[b->depth - 1].last = index;
    d->node[parent].len++;
    return true;
}

static bool arena_add(struct builder *b, const void *text, size_t len, uint32_t *at)
{
    struct document *d = b->d;
    if (!grow((void **)&d->arena, &d->arena_size, d->arena_len + len + 1, 1))
        return error_set(b->e, ERROR_LIMIT, 0, "%s: no memory", d->file);
    *at = (uint32_t)d->arena_len;
    if (len)
        memcpy(d->arena + d->arena_len, text, len);
    d->arena_len += len;
    return true;
}

/* Before a node is made: what a policy has no use for. */
static bool anchor_check(const struct builder *b, const yaml_event_t *event, const void *anchor, const void *tag)
{
    if (b->foreign)
        return true;
    if (anchor)
        return event_wrong(b, event, "anchors are not used in a policy; profiles share entries by \"extends\"");
    return !tag || event_wrong(b, event, "tags (!) are not used in a policy");
}

/* A name given again stands for the later node from there on (YAML 1.2 s7.1). */
static bool anchor_add(struct builder *b, const yaml_event_t *event, const yaml_char_t *anchor, uint32_t node)
{
    if (!anchor)
        return true;
    if (b->anchors == DOCUMENT_ANCHORS)
        return event_wrong(b, event, "more anchors than are read");
    b->anchor[b->anchors].len = (uint32_t)strlen((const char *)anchor);
    b->anchor[b->anchors].node = node;
    return arena_add(b, anchor, b->anchor[b->anchors].len, &b->anchor[b->anchors].text) && ++b->anchors;
}

static bool add_alias(struct builder *b, const yaml_event_t *event)
{
    uint32_t index;
    struct bytes name = {event->data.alias.anchor, strlen((const char *)event->data.alias.anchor)};
    if (!b->foreign)
        return event_wrong(b, event, "an entry that begins with * stands in quotes: \"*.example\"");
    for (unsigned i = b->anchors; i-- > 0;) {
        struct bytes known = {(const uint8_t *)b->d->arena + b->anchor[i].text, b->anchor[i].len};
        if (!bytes_equal(known, name))
            continue;
        if (!add_node(b, event, DOCUMENT_ALIAS, &index))
            return false;
        b->d->node[index].child = b->anchor[i].node;
        return true;
    }
    return event_wrong(b, event, "no anchor of this name stands before it; an entry that begins with * is quoted");
}

static bool is_key(const struct builder *b)
{
    if (b->depth == 0)
        return false;
    const struct document_node *parent = &b->d->node[b->open[b->depth - 1].node];
    return parent->kind == DOCUMENT_MAPPING && parent->len % 2 == 1;
}

static bool add_text(struct builder *b, const yaml_event_t *event)
{
    struct document *d = b->d;
    size_t len = event->data.scalar.length;
    uint32_t index, text;
    if (!anchor_check(b, event, event->data.scalar.anchor, event->data.scalar.tag) ||
        !add_node(b, event, DOCUMENT_TEXT, &index) || !arena_add(b, event->data.scalar.value, len, &text))
        return false;
    d->node[index].text = text;
    d->node[index].len = (uint32_t)len;
    d->node[index].quoted = event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    if (!anchor_add(b, event, event->data.scalar.anchor, index))
        return false;
    return !is_key(b) || key_is_new(b, b->open[b->depth - 1].node, index);
}

static bool open_node(struct builder *b, const yaml_event_t *event, enum document_kind kind, const yaml_char_t *anchor,
                      const void *tag)
{
    uint32_t index;
    if (!anchor_check(b, event, anchor, tag))
        return false;
    if (b->depth == DOCUMENT_MAX_DEPTH)
        return event_wrong(b, event, "nested too deep");
    if (!add_node(b, event, kind, &index) || !anchor_add(b, event, anchor, index))
        return false;
    if (is_key(b))
        return event_wrong(b, event, "a key is a plain word; an entry that begins with { or [ stands in quotes");
    b->open[b->depth].node = index;
    b->open[b->depth++].last = 0;
    return true;
}

static bool take_event(struct builder *b, const yaml_event_t *event)
{
    switch (event->type) {
    case YAML_SCALAR_EVENT:
        return add_text(b, event);
    case YAML_SEQUENCE_START_EVENT:
        return open_node(b, event, DOCUMENT_LIST, event->data.sequence_start.anchor, event->data.sequence_start.tag);
    case YAML_MAPPING_START_EVENT:
        return open_node(b, event, DOCUMENT_MAPPING, event->data.mapping_start.anchor, event->data.mapping_start.tag);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        b->depth--;
        return true;
    case YAML_ALIAS_EVENT:
        return add_alias(b, event);
    case YAML_DOCUMENT_START_EVENT:
        return !b->d->root || event_wrong(b, event, "a second document begins here; the file is one document");
    default:
        return true;
    }
}

/* libyaml's own errors, in words that fit what people write in a policy. */
static bool parser_wrong(const yaml_parser_t *p, const char *file, struct bytes source, struct error *e)
{
    size_t line = p->problem_mark.line + 1, column = p->problem_mark.column + 1;
    char message[300];
    const char *problem = p->problem ? p->problem : "unreadable", *context = p->context ? p->context : "";
    if (p->error == YAML_MEMORY_ERROR)
        return error_set(e, ERROR_LIMIT, 0, "%s: no memory", file);
    if (p->error == YAML_READER_ERROR) { /* it has an offset in bytes, no mark */
        line = column = 1;
        for (size_t i = 0; i < p->problem_offset && i < source.len;) {
            bool newline = source.at[i] == '\n';
            i += text_character(source, i);
            line += newline;
            column = newline ? 1 : column + 1;
        }
        bool control = strstr(problem, "control") != NULL;
        snprintf(message, sizeof message, "not a text file in UTF-8: %s 0x%02x", control ? "control byte" : "byte",
                 p->problem_offset < source.len ? source.at[p->problem_offset] : 0u);
    } else if (strstr(context, "alias")) {
        column = p->context_mark.line == p->problem_mark.line ? p->context_mark.column + 1 : column;
        snprintf(message, sizeof message, "an entry that begins with * stands in quotes: \"*.example\"");
    } else if (strstr(problem, "cannot start any token") || strstr(problem, "tab character")) {
        snprintf(message, sizeof message, "indent with blanks, not with tabs; quote what begins with @ or `");
    } else {
        snprintf(message, sizeof message, "%s%s%s; entries with { } [ ] # or * stand in quotes", context,
                 *context ? ", " : "", problem);
    }
    return document_wrong_at(file, source, line, column, e, message);
}

static bool read_events(yaml_parser_t *parser, struct builder *b)
{
    for (;;) {
        yaml_event_t event;
        if (!yaml_parser_parse(parser, &event))
            return parser_wrong(parser, b->d->file, b->d->source, b->e);
        bool end = event.type == YAML_STREAM_END_EVENT, ok = take_event(b, &event);
        yaml_event_delete(&event);
        if (!ok || end)
            return ok;
    }
}

static bool parse(const char *file, struct bytes source, bool foreign, struct document *out, struct error *e)
{
    struct document d = {.file = file, .source = source, .nodes = 1};
    struct builder b = {.d = &d, .e = e, .foreign = foreign};
    yaml_parser_t parser;
    if (source.len > DOCUMENT_MAX_BYTES)
        return error_set(e, ERROR_INPUT, 0, "%s:1:1: the file is larger than 64 MiB", file);
    if (!grow((void **)&d.node, &d.node_size, 1, sizeof *d.node) || !yaml_parser_initialize(&parser)) {
        document_done(&d);
        return error_set(e, ERROR_LIMIT, 0, "%s: no memory", file);
    }
    memset(&d.node[0], 0, sizeof d.node[0]);
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser, source.len ? source.at : (const uint8_t *)"", source.len);
    bool ok = read_events(&parser, &b);
    yaml_parser_delete(&parser);
    if (ok && !d.root)
        ok =
            document_wrong_at(file, source, 1, 1, e,
                              foreign ? "the file is empty" : "the file is empty; a policy begins with \"version: 1\"");
    if (!ok) {
        document_done(&d);
        return false;
    }
    *out = d;
    return true;
}

bool document_parse(const char *file, struct bytes source, struct document *out, struct error *e)
{
    return parse(file, source, false, out, e);
}

bool document_parse_foreign(const char *file, struct bytes source, struct document *out, struct error *e)
{
    return parse(file, source, true, out, e);
}

uint32_t document_follow(const struct document *d, uint32_t node)
{
    return d->node[node].kind == DOCUMENT_ALIAS ? d->node[node].child : node; /* an anchor never stands on an alias */
}

void document_done(struct document *d)
{
    free(d->node);
    free(d->arena);
    *d = (struct document){0};
}
