/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Steps of GitHub's workflows and composite actions: a mapping with "uses: OWNER/ACTION@VERSION" wherever it stands. */
#include <stdlib.h>
#include <string.h>

#include "policy/import_build.h"
#include "policy/text.h"

static bool is_action(struct bytes uses, const char *action)
{
    const uint8_t *at = uses.len ? memchr(uses.at, '@', uses.len) : NULL;
    size_t len = at ? (size_t)(at - uses.at) : uses.len;
    return import_is((struct bytes){uses.at, len}, action);
}

/* The step at `i`, a mapping or an alias of one. */
static bool visit(struct import_build *b, uint32_t i, import_step *each)
{
    const struct document *d = &b->document;
    uint32_t with = document_find(d, document_follow(d, i), "with");
    with = with ? document_follow(d, with) : 0;
    struct import_word at = import_node_word(b, with ? with : i);
    if (with && d->node[with].kind == DOCUMENT_TEXT && d->node[with].len == 0)
        with = 0; /* "with:" and nothing behind it */
    if (with && d->node[with].kind != DOCUMENT_MAPPING)
        return import_wrong(b, &at, "\"with\" is a mapping: \"input: value\" lines");
    return each(b, i, with);
}

bool import_each_step(struct import_build *b, const char *action, import_step *each, unsigned *steps)
{
    const struct document *d = &b->document;
    bool *is_step = calloc(d->nodes, sizeof *is_step), ok = true; /* each mapping is looked through once */
    *steps = 0;
    if (!is_step)
        return error_set(b->e, ERROR_LIMIT, 0, "%s: no memory", b->file);
    for (uint32_t i = 1; ok && i < d->nodes; i++) {
        uint32_t uses = d->node[i].kind == DOCUMENT_MAPPING ? document_find(d, i, "uses") : 0;
        is_step[i] = uses && is_action(document_text(d, document_follow(d, uses)), action);
        if (!is_step[document_follow(d, i)]) /* another job may have the same step by an alias */
            continue;
        ++*steps;
        ok = visit(b, i, each);
    }
    free(is_step);
    return ok;
}

/* The key of `mapping` below which the node stands: nodes are in the order of the text. */
static uint32_t key_above(const struct document *d, uint32_t mapping, uint32_t node)
{
    uint32_t found = 0;
    if (!mapping || d->node[mapping].kind != DOCUMENT_MAPPING || node < mapping)
        return 0;
    for (uint32_t key = d->node[mapping].child; key && key < node; key = d->node[d->node[key].next].next)
        found = key;
    return found;
}

bool import_profile_for(struct import_build *b, uint32_t node, bool audit)
{
    static const char *const no_job[] = {"on", "env", "variables", "runs", "default", "defaults", "services"};
    const struct document *d = &b->document;
    uint32_t key = key_above(d, d->root, node);
    struct bytes name = key && key != d->root ? document_text(d, key) : (struct bytes){0};
    bool is_job = node != d->root;
    for (size_t i = 0; i < sizeof no_job / sizeof *no_job; i++)
        is_job = is_job && !import_is(name, no_job[i]);
    if (import_is(name, "jobs")) {
        key = key_above(d, document_follow(d, d->node[key].next), node);
        name = key ? document_text(d, key) : (struct bytes){0};
    }
    return import_profile_add(b, is_job ? name : (struct bytes){0}, d->node[node].line, audit);
}

bool import_input(struct import_build *b, uint32_t with, const char *name, uint32_t *out)
{
    const struct document *d = &b->document;
    *out = 0;
    for (uint32_t key = with ? d->node[with].child : 0; key; key = d->node[d->node[key].next].next) {
        if (!import_is(document_text(d, key), name))
            continue;
        uint32_t value = document_follow(d, d->node[key].next);
        struct import_word at = import_node_word(b, d->node[key].next);
        if (d->node[value].kind != DOCUMENT_TEXT)
            return import_wrong(b, &at, "%s is a text; write its lines below \"%s: |\"", name, name);
        *out = value;
    }
    return true;
}

bool import_other_inputs(struct import_build *b, uint32_t with, const struct import_input *known, size_t count)
{
    const struct document *d = &b->document;
    const char *names[32];
    for (size_t i = 0; i < count && i < 32; i++)
        names[i] = known[i].name;
    for (uint32_t key = with ? d->node[with].child : 0; key; key = d->node[d->node[key].next].next) {
        struct import_word at = import_node_word(b, key);
        const struct import_input *found = NULL;
        for (size_t i = 0; i < count && !found; i++)
            found = import_is(at.text, known[i].name) ? &known[i] : NULL;
        if (found && !found->meant)
            continue;
        const char *near = found ? NULL : text_nearest(at.text, names, count < 32 ? count : 32);
        if (found ? !import_lost(b, &at, "%s", found->meant)
                  : !import_lost(b, &at, "no input of this name is known%s%s%s", near ? "; did you mean \"" : "",
                                 near ? near : "", near ? "\"?" : ""))
            return false;
    }
    return true;
}

bool import_egress(struct import_build *b, uint32_t node, bool fallback, bool *audit, bool *unknown)
{
    *audit = fallback;
    *unknown = false;
    if (!node)
        return true;
    struct import_word w = import_node_word(b, node);
    if (import_is_expression(w.text)) {
        *unknown = true;
        *audit = false;
        return true;
    }
    char quoted[TEXT_QUOTE_SIZE];
    *audit = import_is(w.text, "audit");
    return *audit || import_is(w.text, "block") ||
           import_wrong(b, &w, "egress-policy is audit or block, not \"%s\"", text_quote(w.text, quoted));
}
