/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A YAML file as a tree in which every node knows its line and column, and errors that show them.
 *
 * What a policy needs and no more: one document of mappings, lists and strings.  Anchors, aliases, tags, a second
 * document and a key given twice are refused, so that the size of the tree is bounded by the size of the text.
 * The text is borrowed.  One thread. */
#ifndef SLUICE_POLICY_DOCUMENT_H
#define SLUICE_POLICY_DOCUMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/bytes.h"
#include "core/error.h"

#define DOCUMENT_MAX_BYTES (64u * 1024 * 1024)
#define DOCUMENT_MAX_DEPTH 16
#define DOCUMENT_MAX_KEYS  10000 /* of one mapping */
#define DOCUMENT_ANCHORS   256   /* of a foreign file */

enum document_kind { DOCUMENT_TEXT, DOCUMENT_LIST, DOCUMENT_MAPPING, DOCUMENT_ALIAS };

/* 0 is no node.  A mapping's children are key, value, key, value, ...  Nodes stand in the order of the text, a parent
 * before its children.  An alias's `child` is what it stands for, which is nobody's to walk through: a file can nest
 * aliases so that the whole has more nodes than memory (document_follow leads there). */
struct document_node {
    uint32_t line, column; /* 1-based; columns in characters */
    uint32_t text, len;    /* a text's bytes in the arena; otherwise len is the number of children */
    uint32_t child, next;
    uint8_t kind;
    bool quoted;
};

struct document {
    const char *file;
    struct bytes source;
    struct document_node *node;
    size_t nodes, node_size;
    char *arena;
    size_t arena_len, arena_size;
    uint32_t root;
    bool unseen; /* nobody wrote it, and nobody can look at it: errors say whose it is, and show no place */
};

/* On failure nothing has to be freed. */
bool document_parse(const char *file, struct bytes source, struct document *out, struct error *e);
/* The same for a file that was written for another program: anchors, aliases and tags may stand in it. */
bool document_parse_foreign(const char *file, struct bytes source, struct document *out, struct error *e);
void document_done(struct document *d);

/* What an alias stands for; any other node is itself. */
uint32_t document_follow(const struct document *d, uint32_t node);

struct bytes document_text(const struct document *d, uint32_t node);

/* "policy.yaml:7:12: message", the line, and a caret.  `skip` bytes into the node's text. */
bool document_wrong(const struct document *d, uint32_t node, size_t skip, struct error *e, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

/* The same for a place of any kind. */
bool document_wrong_at(const char *file, struct bytes source, size_t line, size_t column, struct error *e,
                       const char *message);

/* The value of a key, or 0. */
uint32_t document_find(const struct document *d, uint32_t mapping, const char *key);

/* Calls for each node of a list, or once for a text that stands for a list of one; `what` names it in errors
 * ("a list of resolvers").  False: the node is neither, or the callback failed. */
typedef bool document_each_text(void *ctx, const struct document *d, uint32_t node, struct error *e);
bool document_texts(const struct document *d, uint32_t node, const char *what, document_each_text *each, void *ctx,
                    struct error *e);

/* Fails with the nearest known key when the mapping has a key that is not among `known` (NULL-terminated), or when the
 * node is no mapping. */
bool document_keys(const struct document *d, uint32_t mapping, const char *what, const char *const *known,
                   struct error *e);

#endif
