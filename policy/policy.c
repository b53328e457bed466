/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "policy/policy.h"

#include <stdlib.h>
#include <string.h>

#include "policy/matcher.h"
#include "policy/policy_build.h"

static const char *const top_keys[] = {
    "version", "resolvers", "profiles", "scopes", "unmatched", "allow_public_suffix", "mark_mask", "fast_path", NULL};
static const char *const job_keys[] = {"version", "job", "profiles", "scopes", NULL};

/* A file of policy.d adds profiles and scopes; what holds for the whole gate is said in one place. */
static bool check_keys(struct policy_build *b, unsigned i, bool job)
{
    static const char *const added[] = {"version", "profiles", "scopes", NULL};
    const struct document *d = &b->document[i];
    uint32_t version = document_find(d, d->root, "version");
    if (!document_keys(d, d->root, job ? "a job" : "a policy", job ? job_keys : top_keys, b->e))
        return false;
    if (job)
        return true;
    if (!version && i == 0)
        return document_wrong(d, d->root, 0, b->e, "the version is missing; write \"version: 1\" first");
    struct bytes text = version ? document_text(d, version) : (struct bytes){(const uint8_t *)"1", 1};
    if (text.len != 1 || text.at[0] != '1')
        return document_wrong(d, version, 0, b->e, "this sluice reads version 1 of the policy; write version: 1");
    for (uint32_t key = d->node[d->root].child; key && i > 0; key = d->node[d->node[key].next].next) {
        bool fine = false;
        for (unsigned k = 0; added[k]; k++)
            fine = fine || document_find(d, d->root, added[k]) == d->node[key].next;
        if (!fine)
            return document_wrong(d, key, 0, b->e, "this key belongs in the main file, %.100s", b->document[0].file);
    }
    return true;
}

static bool build_top(struct policy_build *b)
{
    static const char *const unmatched[] = {"pass", "refuse", NULL}, *const on_off[] = {"on", "off", NULL};
    struct policy *policy = &b->whole->policy;
    const struct document *d = &b->document[0];
    uint32_t resolvers = document_find(d, d->root, "resolvers"), mask = document_find(d, d->root, "mark_mask");
    unsigned refuse = 0, off = 0;
    policy->mark_mask = MARK_MASK_DEFAULT;
    if (!policy_choose(d, document_find(d, d->root, "unmatched"), "unmatched", unmatched, &refuse, b->e) ||
        !policy_choose(d, document_find(d, d->root, "fast_path"), "fast_path", on_off, &off, b->e) ||
        !policy_number(d, mask, "mark_mask", 1, UINT32_MAX, &policy->mark_mask, b->e))
        return false;
    if (!mark_layout_init(policy->mark_mask, &b->marks))
        return document_wrong(d, mask, 0, b->e, "mark_mask is one run of 5 to 19 bits, for example 0x3fff");
    policy->refuse_unmatched = refuse;
    policy->fast_path = !off;
    if (resolvers)
        return policy_build_resolvers(b, d, resolvers, &b->resolvers);
    return policy_system_resolvers(b, d, d->root, &b->resolvers);
}

static bool build_index(struct policy_build *b)
{
    struct policy_whole *w = b->whole;
    uint16_t last = 0;
    for (unsigned i = 0; i < w->policy.scopes; i++)
        last = w->policy.scope[i].id > last ? w->policy.scope[i].id : last;
    w->by_id = calloc(last + 1u, sizeof *w->by_id);
    if (!w->by_id)
        return policy_no_memory(b->e);
    w->by_ids = last + 1u;
    for (unsigned i = 0; i < w->policy.scopes; i++)
        w->by_id[w->policy.scope[i].id] = (uint16_t)(i + 1);
    return true;
}

/* Gives back what was reserved for the greatest policy; links by pointer stay valid, only the arrays move. */
static void trim(struct policy *policy)
{
    void *moved = policy->profiles ? reallocarray(policy->profile, policy->profiles, sizeof *policy->profile) : NULL;
    policy->profile = moved ? moved : policy->profile;
    moved = policy->scopes ? reallocarray(policy->scope, policy->scopes, sizeof *policy->scope) : NULL;
    policy->scope = moved ? moved : policy->scope;
}

static bool build(struct policy_build *b, const struct policy_source *sources, unsigned count)
{
    struct policy *policy = &b->whole->policy;
    for (unsigned i = 0; i < count; i++) {
        if (!document_parse(sources[i].file, sources[i].text, &b->document[i], b->e))
            return false;
        b->document[b->documents++].unseen = sources[i].job;
        if (!check_keys(b, i, sources[i].job))
            return false;
    }
    policy->search_domains = b->system->search_domains;
    memcpy(policy->search_domain, b->system->search_domain, sizeof policy->search_domain);
    policy->host_name = b->system->host_name;
    if (!build_top(b) || !policy_build_profiles(b) || !policy_build_scopes(b) || !build_index(b))
        return false;
    trim(policy);
    return true;
}

struct policy *policy_compile(const struct policy_source *sources, unsigned count, const struct policy_system *system,
                              const struct policy_ids *ids, struct error *e)
{
    static const struct policy_system bare;
    struct error ignored;
    struct policy_build b = {.system = system ? system : &bare, .ids = ids, .e = e ? e : &ignored};
    *b.e = (struct error){0};
    if (count == 0) {
        error_set(b.e, ERROR_INPUT, 0, "no policy was given");
        return NULL;
    }
    b.whole = calloc(1, sizeof *b.whole);
    b.document = calloc(count, sizeof *b.document);
    bool ok = b.whole && b.document ? build(&b, sources, count) : policy_no_memory(b.e);
    for (unsigned i = 0; i < b.documents; i++)
        document_done(&b.document[i]);
    free(b.document);
    free(b.profile_place);
    free(b.scope_place);
    if (ok)
        return &b.whole->policy;
    policy_free(b.whole ? &b.whole->policy : NULL);
    return NULL;
}

static void profile_free(struct policy_profile *p)
{
    if (!p)
        return;
    matcher_free(p->allow);
    matcher_free(p->deny);
    free(p->name);
    free(p);
}

void policy_free(struct policy *policy)
{
    struct policy_whole *w = (struct policy_whole *)policy;
    if (!w)
        return;
    for (unsigned i = 0; i < policy->scopes; i++) {
        for (unsigned k = 0; k < policy->scope[i].matches; k++)
            free(policy->scope[i].match[k].text);
        free(policy->scope[i].match);
        free(policy->scope[i].search_domain);
        free(policy->scope[i].name);
        free(policy->scope[i].job);
        free(policy->scope[i].start);
        free(policy->scope[i].in_phase);
    }
    for (unsigned i = 0; i < policy->profiles; i++)
        profile_free(policy->profile[i]);
    profile_free(w->nothing);
    free(policy->scope);
    free(policy->profile);
    free(w->by_id);
    free(w);
}

const struct policy_scope *policy_scope_find(const struct policy *policy, uint16_t id)
{
    const struct policy_whole *w = (const struct policy_whole *)policy;
    if (id >= w->by_ids || !w->by_id[id])
        return NULL;
    return &policy->scope[w->by_id[id] - 1];
}

const struct policy_scope *policy_scope_named(const struct policy *policy, const char *name)
{
    for (unsigned i = 0; i < policy->scopes; i++) {
        if (strcmp(policy->scope[i].name, name) == 0)
            return &policy->scope[i];
    }
    return NULL;
}

const struct policy_profile *policy_profile_find(const struct policy *policy, const char *name)
{
    for (unsigned i = 0; i < policy->profiles; i++) {
        if (!policy->profile[i]->phase && strcmp(policy->profile[i]->name, name) == 0)
            return policy->profile[i];
    }
    return NULL;
}
