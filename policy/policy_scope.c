/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/matcher.h"
#include "policy/policy_build.h"
#include "policy/policy_match.h"
#include "policy/text.h"

#define UNMATCHED "unmatched"

struct match_lines {
    struct policy_scope *scope;
    enum policy_match kind;
};

static bool add_match(void *ctx, const struct document *d, uint32_t node, struct error *e)
{
    struct match_lines *m = ctx;
    struct policy_scope *s = m->scope;
    struct bytes text = document_text(d, node);
    struct policy_matcher_line line = {.kind = m->kind};
    struct error why;
    size_t at;
    if (s->matches == POLICY_MATCHES_MAX)
        return document_wrong(d, node, 0, e, "a scope has at most %d match lines", POLICY_MATCHES_MAX);
    if (!policy_match_parse(m->kind, text, &line.source, &at, &why))
        return document_wrong(d, node, at, e, "%s", why.text);
    line.text = policy_copy(text);
    if (!line.text)
        return policy_no_memory(e);
    s->match[s->matches++] = line;
    return true;
}

static bool build_match(struct policy_build *b, const struct document *d, uint32_t scope, struct policy_scope *out)
{
    static const char *const keys[] = {"cgroup", "interface", "source", NULL};
    static const char example[] = "match: { cgroup: /system.slice/x.service }";
    uint32_t match = document_find(d, scope, "match");
    if (!match)
        return document_wrong(d, scope, 0, b->e, "the scope has no match; write %s", example);
    if (!document_keys(d, match, "match", keys, b->e))
        return false;
    out->match = calloc(POLICY_MATCHES_MAX, sizeof *out->match);
    if (!out->match)
        return policy_no_memory(b->e);
    for (unsigned i = 0; keys[i]; i++) {
        struct match_lines lines = {out, (enum policy_match)i};
        uint32_t node = document_find(d, match, keys[i]);
        if (node && !document_texts(d, node, keys[i], add_match, &lines, b->e))
            return false;
    }
    if (out->matches == 0)
        return document_wrong(d, match, 0, b->e, "this matches nothing; write %s", example);
    struct policy_matcher_line *exact = reallocarray(out->match, out->matches, sizeof *out->match);
    out->match = exact ? exact : out->match;
    return true;
}

struct resolver_list {
    struct policy_build *build;
    struct policy_resolvers *out;
};

static bool push_resolver(struct policy_resolvers *r, const struct address *a)
{
    for (unsigned i = 0; i < r->count; i++) {
        if (address_equal(&r->address[i], a))
            return true;
    }
    if (r->count == POLICY_RESOLVERS_MAX)
        return false;
    r->address[r->count++] = *a;
    return true;
}

static bool too_many_resolvers(const struct document *d, uint32_t node, struct error *e)
{
    return document_wrong(d, node, 0, e, "more than %d resolvers", POLICY_RESOLVERS_MAX);
}

bool policy_system_resolvers(struct policy_build *b, const struct document *d, uint32_t node,
                             struct policy_resolvers *out)
{
    if (b->system->resolvers == 0)
        return document_wrong(d, node, 0, b->e,
                              "this machine's resolv.conf names no resolver; write resolvers: [192.0.2.53]");
    for (unsigned i = 0; i < b->system->resolvers; i++) {
        if (!push_resolver(out, &b->system->resolver[i]))
            return too_many_resolvers(d, node, b->e);
    }
    return true;
}

static bool add_resolver(void *ctx, const struct document *d, uint32_t node, struct error *e)
{
    struct resolver_list *list = ctx;
    struct bytes text = document_text(d, node);
    struct address a;
    char quoted[TEXT_QUOTE_SIZE];
    if (text.len == 6 && memcmp(text.at, "system", 6) == 0)
        return policy_system_resolvers(list->build, d, node, list->out);
    if (!address_parse(text, &a))
        return document_wrong(d, node, 0, e,
                              "\"%s\" is no resolver; write \"system\" or an address such as 192.0.2.53, without port",
                              text_quote(text, quoted));
    return push_resolver(list->out, &a) || too_many_resolvers(d, node, e);
}

bool policy_build_resolvers(struct policy_build *b, const struct document *d, uint32_t node,
                            struct policy_resolvers *out)
{
    struct resolver_list list = {b, out};
    *out = (struct policy_resolvers){0};
    return document_texts(d, node, "resolvers", add_resolver, &list, b->e);
}

static bool add_search_domain(void *ctx, const struct document *d, uint32_t node, struct error *e)
{
    struct policy_scope *s = ctx;
    char quoted[TEXT_QUOTE_SIZE];
    struct name name;
    if (!name_from_person(document_text(d, node), &name))
        return document_wrong(d, node, 0, e, "\"%s\" is no domain; write a name such as svc.cluster.local",
                              text_quote(document_text(d, node), quoted));
    if (s->search_domains == POLICY_SEARCH_MAX)
        return document_wrong(d, node, 0, e, "a scope has at most %d search domains", POLICY_SEARCH_MAX);
    struct name *grown = reallocarray(s->search_domain, s->search_domains + 1, sizeof *grown);
    if (!grown)
        return policy_no_memory(e);
    s->search_domain = grown;
    s->search_domain[s->search_domains++] = name;
    return true;
}

struct starts_list {
    struct policy_build *build;
    struct policy_scope *scope;
};

static bool add_start(void *ctx, const struct document *d, uint32_t node, struct error *e)
{
    struct starts_list *list = ctx;
    struct policy_scope *s = list->scope;
    const struct policy_profile *profile = policy_build_profile_find(list->build, d, node);
    if (!profile)
        return false;
    const struct policy_profile **grown = reallocarray(s->start, s->starts + 1, sizeof(void *));
    if (!grown)
        return policy_no_memory(e);
    s->start = grown;
    s->start[s->starts++] = profile;
    return true;
}

/* A scope that had an id before keeps it; the ids of others are not given anew, because marks may still hold them. */
static bool give_id(struct policy_build *b, const struct document *d, uint32_t node, struct policy_scope *s)
{
    uint16_t first = b->ids ? b->ids->first : 1, last = b->ids ? b->ids->last : b->marks.scope_max;
    for (unsigned i = 0; b->ids && i < b->ids->count; i++) {
        if (strcmp(b->ids->row[i].name, s->name) == 0)
            s->id = b->ids->row[i].id;
    }
    for (uint32_t id = first ? first : 1; !s->id && id <= last; id++) {
        if (!(b->taken[id / 64] >> id % 64 & 1))
            s->id = (uint16_t)id;
    }
    if (!s->id || s->id > b->marks.scope_max)
        return document_wrong(d, node, 0, b->e, "no id is left for scope \"%s\": mark_mask 0x%x has room for %u scopes",
                              s->name, b->marks.mask, b->marks.scope_max);
    b->taken[s->id / 64] |= (uint64_t)1 << s->id % 64;
    return true;
}

bool policy_is_job_name(const char *name)
{
    return strncmp(name, POLICY_JOB_NAME, strlen(POLICY_JOB_NAME)) == 0 ||
           strncmp(name, POLICY_ENDED_NAME, strlen(POLICY_ENDED_NAME)) == 0;
}

static bool scope_name(struct policy_build *b, const struct document *d, uint32_t scope, struct policy_scope *out)
{
    const struct policy *policy = &b->whole->policy;
    uint32_t node = document_find(d, scope, "name");
    if (!node)
        return document_wrong(d, scope, 0, b->e, "the scope has no name; write name: runner");
    if (!policy_label(d, node, "scope", b->e))
        return false;
    out->name = policy_copy(document_text(d, node));
    if (!out->name)
        return policy_no_memory(b->e);
    if (!document_find(d, d->root, "job") && policy_is_job_name(out->name))
        return document_wrong(d, node, 0, b->e,
                              "names that begin with \"" POLICY_JOB_NAME "\" or \"" POLICY_ENDED_NAME
                              "\" are for jobs");
    if (strcmp(out->name, UNMATCHED) == 0)
        return document_wrong(d, node, 0, b->e, "the name \"unmatched\" is taken by what no scope claims");
    /* NOLINTBEGIN(clang-analyzer-core.NullDereference): a scope and its place are set together */
    for (unsigned i = 0; i < policy->scopes; i++) {
        const struct policy_place *at = &b->scope_place[i];
        if (strcmp(policy->scope[i].name, out->name) == 0)
            return document_wrong(d, node, 0, b->e, "scope \"%s\" is defined twice; the first is at %.100s:%u",
                                  out->name, at->document->file, at->document->node[at->value].line);
    }
    /* NOLINTEND(clang-analyzer-core.NullDereference) */
    return true;
}

/* The phase that the scope is in, by what the keeper says beside the files. */
static bool enter_phase(struct policy_build *b, const struct document *d, uint32_t scope, struct policy_scope *out)
{
    const char *phase = "";
    for (unsigned i = 0; b->ids && i < b->ids->count; i++)
        if (strcmp(b->ids->row[i].name, out->name) == 0)
            phase = b->ids->row[i].phase;
    out->phase = "";
    out->base = out->profile;
    if (!*phase)
        return true;
    const struct policy_profile *found = policy_phase_find(&b->whole->policy, out->profile, phase);
    if (!found && d->unseen)
        return document_wrong(d, scope, 0, b->e, "it is in phase \"%s\", which profile \"%s\" does not have", phase,
                              (out->profile->parent ? out->profile->parent : out->profile)->name);
    if (!found)
        return document_wrong(d, scope, 0, b->e, "scope \"%s\" is in phase \"%s\", which profile \"%s\" does not have",
                              out->name, phase, out->profile->name);
    out->in_phase = malloc(sizeof *out->in_phase);
    if (!out->in_phase)
        return policy_no_memory(b->e);
    *out->in_phase = policy_profile_in_phase(out->base, found);
    out->profile = out->in_phase;
    out->phase = found->phase;
    return true;
}

/* Whose scope it is: `job: { id: ID, ... }` beside it, which only the keeper writes. */
static bool take_job(struct policy_build *b, const struct document *d, struct policy_scope *out)
{
    uint32_t job = document_find(d, d->root, "job"), id = job ? document_find(d, job, "id") : 0;
    if (!id)
        return true;
    out->job = policy_copy(document_text(d, id));
    return out->job || policy_no_memory(b->e);
}

static bool build_scope(struct policy_build *b, const struct document *d, uint32_t scope, struct policy_scope *out)
{
    static const char *const keys[] = {"name",      "match",    "profile",        "mode",        "on_deny",
                                       "resolvers", "incoming", "search_domains", "starts_jobs", NULL};
    static const char *const modes[] = {"enforce", "audit", NULL}, *const denials[] = {"reject", "drop", NULL},
                             *const incoming[] = {"refuse", "pass", NULL};
    unsigned mode = 0, drop = 0, pass = 0;
    struct policy_resolvers resolvers = b->resolvers;
    if (!document_keys(d, scope, "a scope", keys, b->e) || !scope_name(b, d, scope, out))
        return false;
    uint32_t profile = document_find(d, scope, "profile"), list = document_find(d, scope, "resolvers");
    uint32_t search = document_find(d, scope, "search_domains"), starts = document_find(d, scope, "starts_jobs");
    struct starts_list list_of_starts = {b, out};
    if (!build_match(b, d, scope, out))
        return false;
    if (!profile)
        return document_wrong(d, scope, 0, b->e, "the scope has no profile; write profile: NAME");
    out->profile = policy_build_profile_find(b, d, profile);
    if (!out->profile || !policy_choose(d, document_find(d, scope, "mode"), "mode", modes, &mode, b->e) ||
        !policy_choose(d, document_find(d, scope, "on_deny"), "on_deny", denials, &drop, b->e) ||
        !policy_choose(d, document_find(d, scope, "incoming"), "incoming", incoming, &pass, b->e) ||
        (list && !policy_build_resolvers(b, d, list, &resolvers)) ||
        (search && !document_texts(d, search, "search_domains", add_search_domain, out, b->e)) ||
        (starts && !document_texts(d, starts, "starts_jobs", add_start, &list_of_starts, b->e)))
        return false;
    out->mode = mode ? POLICY_AUDIT : POLICY_ENFORCE;
    out->drop = drop;
    out->incoming = pass;
    out->resolvers = resolvers.count;
    memcpy(out->resolver, resolvers.address, sizeof out->resolver);
    return enter_phase(b, d, scope, out) && take_job(b, d, out) && give_id(b, d, scope, out);
}

/* What no scope claims, where it is refused: a scope without match lines that allows nothing. */
static bool build_unmatched(struct policy_build *b)
{
    struct policy *policy = &b->whole->policy;
    struct policy_scope *s = &policy->scope[policy->scopes];
    const struct document *top = &b->document[0];
    struct policy_profile *p = b->whole->nothing = calloc(1, sizeof *p);
    if (!p)
        return policy_no_memory(b->e);
    p->name = strdup(UNMATCHED);
    p->allow = matcher_new(0);
    p->deny = matcher_new(0);
    s->name = strdup(UNMATCHED);
    s->phase = "";
    s->profile = s->base = p;
    s->resolvers = b->resolvers.count;
    memcpy(s->resolver, b->resolvers.address, sizeof s->resolver);
    policy->scopes++;
    if (!p->name || !p->allow || !p->deny || !s->name)
        return policy_no_memory(b->e);
    return give_id(b, top, document_find(top, top->root, "unmatched"), s);
}

static void scope_drop(struct policy_scope *s)
{
    for (unsigned i = 0; i < s->matches; i++)
        free(s->match[i].text);
    free(s->match);
    free(s->search_domain);
    free(s->name);
    free(s->job);
    free(s->start);
    free(s->in_phase);
    *s = (struct policy_scope){0};
}

static bool build_document(struct policy_build *b, const struct document *d)
{
    struct policy *policy = &b->whole->policy;
    uint32_t scopes = document_find(d, d->root, "scopes");
    if (scopes && d->node[scopes].kind != DOCUMENT_LIST)
        return document_wrong(d, scopes, 0, b->e, "scopes is a list: \"- name: ...\" items");
    for (uint32_t node = scopes ? d->node[scopes].child : 0; node; node = d->node[node].next) {
        struct policy_scope *s = &policy->scope[policy->scopes];
        if (policy->scopes + policy->refuse_unmatched == POLICY_SCOPES_MAX)
            return document_wrong(d, node, 0, b->e, "more than %d scopes", POLICY_SCOPES_MAX);
        if (!build_scope(b, d, node, s)) {
            scope_drop(s);
            return false;
        }
        b->scope_place[policy->scopes++] = (struct policy_place){d, node, node};
    }
    return true;
}

bool policy_build_scopes(struct policy_build *b)
{
    struct policy *policy = &b->whole->policy;
    for (unsigned i = 0; b->ids && i < b->ids->count; i++)
        b->taken[b->ids->row[i].id / 64] |= (uint64_t)1 << b->ids->row[i].id % 64;
    policy->scope = calloc(POLICY_SCOPES_MAX, sizeof *policy->scope);
    b->scope_place = calloc(POLICY_SCOPES_MAX, sizeof *b->scope_place);
    if (!policy->scope || !b->scope_place)
        return policy_no_memory(b->e);
    /* Jobs first: they run below what the files' scopes hold, and the first that matches has the packet. */
    for (unsigned jobs = 2; jobs-- > 0;) {
        for (unsigned i = 0; i < b->documents; i++) {
            const struct document *d = &b->document[i];
            if (!document_find(d, d->root, "job") == !jobs && !build_document(b, d))
                return false;
        }
    }
    return !policy->refuse_unmatched || build_unmatched(b);
}
