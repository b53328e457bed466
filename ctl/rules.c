/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/rules.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "nft/cgroup.h"

bool rules_holds(const struct gate *gate, const struct policy_scope *scope)
{
    return !gate->run.on || scope->id == gate->scope_first;
}

/* The cgroup of one match line; id 0: it does not exist. */
static struct ruleset_cgroup resolve(const struct policy_matcher_line *line)
{
    struct ruleset_cgroup found = {0};
    struct error e = {0};
    if (!cgroup_find(line->text, &found, &e))
        return (struct ruleset_cgroup){0};
    return found;
}

struct rules_line {
    char *path;
    bool gone;
};

/* True: there is memory. */
static bool add_cgroup(struct rules *r, struct ruleset_scope *scope, const char *path, struct ruleset_cgroup cgroup,
                       bool gone)
{
    char *copy = strdup(path);
    if (!copy)
        return false;
    r->line[r->cgroups] = (struct rules_line){copy, gone};
    cgroup.path = copy;
    r->cgroup[r->cgroups++] = cgroup;
    scope->cgroups++;
    return true;
}

/* The cgroup of a match line, and those that were there before it. */
static bool add_cgroups(struct rules *r, struct ruleset_scope *scope, const struct policy_matcher_line *line,
                        const struct rules *before)
{
    struct ruleset_cgroup found = resolve(line);
    unsigned first = r->cgroups;
    if (!found.id)
        r->missing++;
    else if (!add_cgroup(r, scope, line->text, found, false))
        return false;
    for (unsigned i = 0; before && i < before->cgroups && r->cgroups - first < RULES_GONE_MAX; i++) {
        bool known = strcmp(before->line[i].path, line->text) != 0;
        for (unsigned k = first; k < r->cgroups && !known; k++)
            known = r->cgroup[k].id == before->cgroup[i].id;
        if (!known && !add_cgroup(r, scope, line->text, before->cgroup[i], true))
            return false;
    }
    return true;
}

/* One scope's match lines, appended to the arrays of `r`. */
static bool add_scope(struct rules *r, const struct gate *gate, const struct policy_scope *scope,
                      const struct rules *before, unsigned *interfaces, unsigned *sources)
{
    struct ruleset_scope *out = &r->scope[r->set.scopes++];
    *out = (struct ruleset_scope){.id = scope->id,
                                  .resolvers = scope->resolvers,
                                  .cgroup = r->cgroup + r->cgroups,
                                  .interface = r->interface + *interfaces,
                                  .source = r->source + *sources,
                                  .resolver = scope->resolver,
                                  .relay_port = gate->relay_port,
                                  .incoming = scope->incoming,
                                  .quic = scope->profile->quic == POLICY_QUIC_JUDGE};
    for (unsigned i = 0; i < scope->matches; i++) {
        const struct policy_matcher_line *line = &scope->match[i];
        if (line->kind == POLICY_INTERFACE) {
            r->interface[(*interfaces)++] = line->text;
            out->interfaces++;
        } else if (line->kind == POLICY_SOURCE) {
            r->source[(*sources)++] = line->source;
            out->sources++;
        } else if (!add_cgroups(r, out, line, before)) {
            return false;
        }
    }
    return true;
}

static int by_text(const void *a, const void *b)
{
    const struct bytes *x = a, *y = b;
    int order = memcmp(x->at, y->at, x->len < y->len ? x->len : y->len);
    return order ? order : (x->len > y->len) - (x->len < y->len);
}

/* The parts of all cgroups' paths, sorted, each once. */
static bool list_parts(struct rules *r, const struct gate *gate, const struct policy *policy)
{
    size_t count = 0, kept = 0;
    for (unsigned round = 0; round < 2; round++) {
        if (round && !(r->part = calloc(count + 1, sizeof *r->part)))
            return false;
        count = 0;
        for (unsigned i = 0; i < policy->scopes; i++) {
            const struct policy_scope *scope = &policy->scope[i];
            for (unsigned k = 0; rules_holds(gate, scope) && k < scope->matches; k++) {
                const char *at = scope->match[k].kind == POLICY_CGROUP ? scope->match[k].text : "";
                for (at += strspn(at, "/"); *at; at += strspn(at, "/")) {
                    size_t len = strcspn(at, "/");
                    if (round)
                        r->part[count] = (struct bytes){(const uint8_t *)at, len};
                    count++;
                    at += len;
                }
            }
        }
    }
    if (count)
        qsort(r->part, count, sizeof *r->part, by_text);
    for (size_t i = 0; i < count; i++)
        if (!kept || by_text(&r->part[kept - 1], &r->part[i]) != 0)
            r->part[kept++] = r->part[i];
    r->parts = kept;
    return true;
}

bool rules_make(const struct gate *gate, const struct policy *policy, const struct rules *before, struct rules *out,
                struct error *e)
{
    /* `set` points into *out itself: it must not be copied. */
    unsigned lines = 1, interfaces = 0, sources = 0;
    for (unsigned i = 0; i < policy->scopes; i++)
        lines += policy->scope[i].matches;
    struct rules r = {.scope = calloc(policy->scopes + 1, sizeof *r.scope),
                      .cgroup = calloc((size_t)lines * (1 + RULES_GONE_MAX), sizeof *r.cgroup),
                      .line = calloc((size_t)lines * (1 + RULES_GONE_MAX), sizeof *r.line),
                      .interface = calloc(lines, sizeof *r.interface),
                      .source = calloc(lines, sizeof *r.source)};
    bool ok = r.scope && r.cgroup && r.line && r.interface && r.source && list_parts(&r, gate, policy);
    r.set.table = gate->table;
    r.set.marks = gate->marks;
    r.set.queue_tcp = gate->queue_tcp;
    r.set.queue_udp = gate->queue_udp;
    r.set.fast_path = policy->fast_path;
    r.set.scope = r.scope;
    for (unsigned i = 0; ok && i < policy->scopes; i++) {
        const struct policy_scope *scope = &policy->scope[i];
        if (!rules_holds(gate, scope))
            continue;
        ok = add_scope(&r, gate, scope, before, &interfaces, &sources);
        if (policy->refuse_unmatched && !gate->run.on && i + 1 == policy->scopes)
            r.set.unmatched = scope->id;
    }
    if (!ok) {
        rules_free(&r);
        return error_set(e, ERROR_SYSTEM, ENOMEM, "cannot make the rules");
    }
    *out = r;
    if (gate->run.veth[0]) {
        out->masquerade[0] = gate->run.network4;
        out->masquerade[1] = gate->run.network6;
        out->set.masquerade = out->masquerade;
        out->set.masquerades = gate->run.network6.base.family ? 2 : 1;
    }
    return true;
}

void rules_free(struct rules *r)
{
    for (unsigned i = 0; i < r->cgroups; i++)
        free(r->line[i].path);
    free(r->scope);
    free(r->cgroup);
    free(r->line);
    free(r->interface);
    free(r->source);
    free(r->part);
    *r = (struct rules){0};
}

/* The next one from `at` on that was there when the rules were made. */
static unsigned skip_gone(const struct rules *r, unsigned at)
{
    while (at < r->cgroups && r->line[at].gone)
        at++;
    return at;
}

bool rules_stale(const struct rules *r, const struct gate *gate, const struct policy *policy)
{
    unsigned at = 0;
    for (unsigned i = 0; i < policy->scopes; i++) {
        const struct policy_scope *scope = &policy->scope[i];
        if (!rules_holds(gate, scope))
            continue;
        for (unsigned k = 0; k < scope->matches; k++) {
            if (scope->match[k].kind != POLICY_CGROUP)
                continue;
            struct ruleset_cgroup found = resolve(&scope->match[k]);
            if (!found.id)
                continue;
            at = skip_gone(r, at);
            if (at == r->cgroups || r->cgroup[at].id != found.id || r->cgroup[at].level != found.level)
                return true;
            at++;
        }
    }
    return skip_gone(r, at) != r->cgroups;
}

/* Scopes mostly have their cgroups in one folder, which leads to all of them. */
static bool same_folder(const char *a, const char *b)
{
    size_t len = (size_t)(strrchr(a, '/') - a);
    return strncmp(a, b, len) == 0 && strrchr(b, '/') == b + len;
}

void rules_watch(struct cgroup_watch *watch, const struct gate *gate, const struct policy *policy)
{
    const char *last = NULL;
    for (unsigned i = 0; i < policy->scopes; i++) {
        const struct policy_scope *scope = &policy->scope[i];
        for (unsigned k = 0; rules_holds(gate, scope) && k < scope->matches; k++) {
            const struct policy_matcher_line *line = &scope->match[k];
            if (line->kind != POLICY_CGROUP)
                continue;
            if (!last || !same_folder(last, line->text))
                cgroup_watch_add(watch, line->text);
            last = line->text;
        }
    }
}

bool rules_name(const struct rules *r, const char *name)
{
    const struct bytes wanted = {(const uint8_t *)name, strlen(name)};
    return r->parts && bsearch(&wanted, r->part, r->parts, sizeof *r->part, by_text) != NULL;
}
