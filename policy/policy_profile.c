/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/endpoint.h"
#include "policy/matcher.h"
#include "policy/policy_build.h"
#include "policy/suffix.h"
#include "policy/text.h"

/* One list of entries on its way into a matcher. */
struct entries {
    struct policy_build *build;
    struct matcher *matcher;
    uint32_t suffixes; /* the profile's allow_public_suffix, or 0 */
    bool deny;
    struct error *sink_error; /* what the sink refuses is told here */
    bool sink_refused;
};

struct suffix_search {
    const struct name *zone;
    bool found;
};

static bool suffix_check(void *ctx, const struct document *d, uint32_t node, struct error *e)
{
    struct suffix_search *s = ctx;
    struct name n;
    struct bytes text = document_text(d, node);
    char quoted[TEXT_QUOTE_SIZE];
    size_t stars = 0;
    while (stars < 2 && stars < text.len && text.at[stars] == '*')
        stars++;
    if (stars && stars < text.len && text.at[stars] == '.')
        return document_wrong(d, node, 0, e, "write the suffix alone, without \"%.*s.\"", (int)stars, "**");
    if (!name_from_person(text, &n))
        return document_wrong(d, node, 0, e, "\"%s\" is no suffix; write for example github.io",
                              text_quote(text, quoted));
    s->found = s->found || (s->zone && name_equal(&n, s->zone));
    return true;
}

static bool suffix_listed(const struct policy_build *b, const struct document *d, uint32_t list,
                          const struct name *zone)
{
    struct suffix_search s = {zone, false};
    const struct document *top = &b->document[0];
    uint32_t top_list = document_find(top, top->root, "allow_public_suffix");
    struct error ignored;
    if (list)
        document_texts(d, list, "allow_public_suffix", suffix_check, &s, &ignored);
    if (top_list)
        document_texts(top, top_list, "allow_public_suffix", suffix_check, &s, &ignored);
    return s.found;
}

/* Errors of the sink have no column of their own: they concern the entry. */
static bool add_endpoint(void *ctx, const struct endpoint *ep)
{
    struct entries *entries = ctx;
    if (entries->deny && ep->has_at) {
        entries->sink_refused = true;
        return error_set(entries->sink_error, ERROR_INPUT, 0,
                         "a deny entry has no @range; deny the name, or the range alone");
    }
    if (!matcher_add(entries->matcher, ep, entries->sink_error)) {
        entries->sink_refused = true;
        return false;
    }
    return true;
}

struct guard {
    const struct policy_build *build;
    const struct document *document;
    struct entries *entries;
};

static bool guarded_endpoint(void *ctx, const struct endpoint *ep)
{
    struct guard *g = ctx;
    bool wildcard = ep->host == ENDPOINT_ONE_BELOW || ep->host == ENDPOINT_ANY_BELOW;
    if (wildcard && !g->entries->deny && suffix_of(&ep->name) != SUFFIX_NONE &&
        !suffix_listed(g->build, g->document, g->entries->suffixes, &ep->name)) {
        g->entries->sink_refused = true;
        return error_set(g->entries->sink_error, ERROR_INPUT, 0,
                         "this allows every name below \"%.70s\", where anyone can have one; name the hosts, or add "
                         "allow_public_suffix: [%.70s]",
                         ep->name.text, ep->name.text);
    }
    return add_endpoint(g->entries, ep);
}

static bool add_entry(void *ctx, const struct document *d, uint32_t node, struct error *e)
{
    struct entries *entries = ctx;
    struct error why = {0};
    struct guard guard = {entries->build, d, entries};
    size_t column = 1;
    entries->sink_error = &why;
    entries->sink_refused = false;
    if (endpoint_parse(document_text(d, node), guarded_endpoint, &guard, &column, &why))
        return true;
    return document_wrong(d, node, entries->sink_refused ? 0 : column - 1, e, "%s", why.text);
}

/* NOLINTBEGIN(clang-analyzer-core.NullDereference): it does not see that a profile and its place are set together */

/* Compiles one list; an absent one (0) is empty. */
static struct matcher *build_matcher(struct policy_build *b, const struct document *d, uint32_t list, uint32_t suffixes,
                                     bool deny)
{
    bool many = list && d->node[list].kind == DOCUMENT_LIST;
    struct matcher *m = matcher_new(many ? d->node[list].len : 1);
    if (!m) {
        policy_no_memory(b->e);
        return NULL;
    }
    struct entries entries = {.build = b, .matcher = m, .suffixes = suffixes, .deny = deny};
    if (list && !document_texts(d, list, deny ? "deny" : "allow", add_entry, &entries, b->e)) {
        matcher_free(m);
        return NULL;
    }
    matcher_finish(m);
    return m;
}

static bool build_budget(const struct document *d, uint32_t dns, struct policy_profile *p, struct error *e)
{
    static const char *const dns_keys[] = {"budget", NULL};
    static const char *const budget_keys[] = {"names_per_minute", "label_bytes", "bytes_per_hour", NULL};
    if (!dns)
        return true;
    if (!document_keys(d, dns, "dns", dns_keys, e))
        return false;
    uint32_t budget = document_find(d, dns, "budget");
    if (!budget)
        return true;
    return document_keys(d, budget, "budget", budget_keys, e) &&
           policy_number(d, document_find(d, budget, "names_per_minute"), "names_per_minute", 1, 1000000,
                         &p->budget.names_per_minute, e) &&
           policy_number(d, document_find(d, budget, "label_bytes"), "label_bytes", 1, 63, &p->budget.label_bytes, e) &&
           policy_number(d, document_find(d, budget, "bytes_per_hour"), "bytes_per_hour", 1, 1000000000,
                         &p->budget.bytes_per_hour, e);
}

static bool build_choices(const struct document *d, uint32_t node, struct policy_profile *p, struct error *e)
{
    static const char *const quic_words[] = {"refuse", "judge", NULL}, *const ech_words[] = {"refuse", "outer", NULL};
    unsigned quic = POLICY_QUIC_UNSET, ech = POLICY_ECH_UNSET;
    if (!policy_choose(d, document_find(d, node, "quic"), "quic", quic_words, &quic, e) ||
        !policy_choose(d, document_find(d, node, "ech"), "ech", ech_words, &ech, e))
        return false;
    p->quic = (enum policy_quic)quic;
    p->ech = (enum policy_ech)ech;
    return true;
}

static bool build_profile(struct policy_build *b, unsigned i)
{
    static const char *const keys[] = {"extends", "allow", "deny",   "dns", "allow_public_suffix",
                                       "quic",    "ech",   "phases", NULL},
                             *const phase_keys[] = {"allow", "deny", "allow_public_suffix", NULL};
    const struct policy_place *at = &b->profile_place[i];
    const struct document *d = at->document;
    struct policy_profile *p = b->whole->policy.profile[i];
    struct suffix_search any = {0};
    if (!document_keys(d, at->value, p->phase ? "a phase" : "a profile", p->phase ? phase_keys : keys, b->e))
        return false;
    uint32_t suffixes = document_find(d, at->value, "allow_public_suffix");
    if (suffixes && !document_texts(d, suffixes, "allow_public_suffix", suffix_check, &any, b->e))
        return false;
    p->allow = build_matcher(b, d, document_find(d, at->value, "allow"), suffixes, false);
    if (!p->allow)
        return false;
    p->deny = build_matcher(b, d, document_find(d, at->value, "deny"), 0, true);
    return p->deny && build_choices(d, at->value, p, b->e) &&
           build_budget(d, document_find(d, at->value, "dns"), p, b->e);
}

static bool unknown_profile(struct policy_build *b, const struct document *d, uint32_t node)
{
    const struct policy *policy = &b->whole->policy;
    struct bytes text = document_text(d, node);
    const char *names[POLICY_PROFILES_MAX];
    char quoted[TEXT_QUOTE_SIZE];
    unsigned count = 0;
    for (unsigned i = 0; i < policy->profiles; i++)
        if (!policy->profile[i]->phase)
            names[count++] = policy->profile[i]->name;
    const char *nearest = text_nearest(text, names, count);
    text_quote(text, quoted);
    if (d->unseen)
        return document_wrong(d, node, 0, b->e, "it has profile \"%s\", which the policy does not have", quoted);
    if (nearest)
        return document_wrong(d, node, 0, b->e, "unknown profile \"%s\"; did you mean \"%s\"?", quoted, nearest);
    return document_wrong(d, node, 0, b->e, "unknown profile \"%s\"; it is not among the keys of profiles", quoted);
}

static int profile_index(const struct policy *policy, struct bytes name)
{
    for (unsigned i = 0; i < policy->profiles; i++) {
        const char *other = policy->profile[i]->phase ? "" : policy->profile[i]->name;
        if (strlen(other) == name.len && memcmp(other, name.at, name.len) == 0)
            return (int)i;
    }
    return -1;
}

const struct policy_profile *policy_build_profile_find(struct policy_build *b, const struct document *d, uint32_t node)
{
    int i = d->node[node].kind == DOCUMENT_TEXT ? profile_index(&b->whole->policy, document_text(d, node)) : -1;
    if (i >= 0)
        return b->whole->policy.profile[i];
    unknown_profile(b, d, node);
    return NULL;
}

static bool link_parents(struct policy_build *b)
{
    struct policy *policy = &b->whole->policy;
    for (unsigned i = 0; i < policy->profiles; i++) {
        const struct policy_place *at = &b->profile_place[i];
        uint32_t extends = document_find(at->document, at->value, "extends");
        if (!extends || policy->profile[i]->phase)
            continue;
        if (at->document->node[extends].kind != DOCUMENT_TEXT)
            return document_wrong(at->document, extends, 0, b->e, "extends names one profile");
        policy->profile[i]->parent = policy_build_profile_find(b, at->document, extends);
        if (!policy->profile[i]->parent)
            return false;
        policy->profile[i]->allow_parent = policy->profile[i]->parent;
    }
    for (unsigned i = 0; i < policy->profiles; i++) {
        unsigned depth = 0;
        const struct policy_place *at = &b->profile_place[i];
        char path[160] = "";
        size_t len = 0;
        for (const struct policy_profile *p = policy->profile[i]; p; p = p->parent) {
            if (len < sizeof path)
                len += (size_t)snprintf(path + len, sizeof path - len, "%s%.30s", depth ? " -> " : "", p->name);
            if (depth && p == policy->profile[i])
                return document_wrong(at->document, document_find(at->document, at->value, "extends"), 0, b->e,
                                      "extends goes in a circle: %s", path);
            if (++depth > POLICY_EXTENDS_MAX + policy->profiles) /* a circle further up: told at its own profile */
                break;
        }
    }
    return true;
}

/* After the parents are known to end: how deep, and what is inherited. */
static bool inherit(struct policy_build *b)
{
    struct policy *policy = &b->whole->policy;
    for (unsigned i = 0; i < policy->profiles; i++) {
        struct policy_profile *p = policy->profile[i];
        unsigned depth = 1;
        for (const struct policy_profile *up = p->parent; up; up = up->parent) {
            if (++depth > POLICY_EXTENDS_MAX)
                return document_wrong(b->profile_place[i].document, b->profile_place[i].key, 0, b->e,
                                      "more than %d profiles extend each other", POLICY_EXTENDS_MAX);
            p->budget.names_per_minute =
                p->budget.names_per_minute ? p->budget.names_per_minute : up->budget.names_per_minute;
            p->budget.label_bytes = p->budget.label_bytes ? p->budget.label_bytes : up->budget.label_bytes;
            p->quic = p->quic == POLICY_QUIC_UNSET ? up->quic : p->quic;
            p->ech = p->ech == POLICY_ECH_UNSET ? up->ech : p->ech;
            p->budget.bytes_per_hour = p->budget.bytes_per_hour ? p->budget.bytes_per_hour : up->budget.bytes_per_hour;
        }
    }
    for (unsigned i = 0; i < policy->profiles; i++) {
        struct policy_profile *p = policy->profile[i];
        p->quic = p->quic == POLICY_QUIC_JUDGE ? POLICY_QUIC_JUDGE : POLICY_QUIC_REFUSE;
        p->ech = p->ech == POLICY_ECH_OUTER ? POLICY_ECH_OUTER : POLICY_ECH_REFUSE;
    }
    return true;
}

struct policy_profile *policy_build_profile_new(struct policy_build *b, const struct document *d, uint32_t key)
{
    struct policy *policy = &b->whole->policy;
    struct policy_profile *p = NULL;
    if (policy->profiles == POLICY_PROFILES_MAX)
        document_wrong(d, key, 0, b->e, "more than %d profiles and phases", POLICY_PROFILES_MAX);
    else if (!(p = calloc(1, sizeof *p)))
        policy_no_memory(b->e);
    if (!p)
        return NULL;
    b->profile_place[policy->profiles] = (struct policy_place){d, key, d->node[key].next};
    policy->profile[policy->profiles++] = p;
    return p;
}

static bool add_profile(struct policy_build *b, const struct document *d, uint32_t key)
{
    struct policy *policy = &b->whole->policy;
    struct bytes name = document_text(d, key);
    if (!policy_label(d, key, "profile", b->e))
        return false;
    int twin = profile_index(policy, name);
    if (twin >= 0)
        return document_wrong(d, key, 0, b->e, "profile \"%s\" is defined twice; the first is at %.100s:%u",
                              policy->profile[twin]->name, b->profile_place[twin].document->file,
                              b->profile_place[twin].document->node[b->profile_place[twin].key].line);
    struct policy_profile *p = policy_build_profile_new(b, d, key);
    if (!p)
        return false;
    p->name = policy_copy(name);
    return p->name || policy_no_memory(b->e);
}

bool policy_build_profiles(struct policy_build *b)
{
    struct policy *policy = &b->whole->policy;
    policy->profile = calloc(POLICY_PROFILES_MAX, sizeof *policy->profile);
    b->profile_place = calloc(POLICY_PROFILES_MAX, sizeof *b->profile_place);
    if (!policy->profile || !b->profile_place)
        return policy_no_memory(b->e);
    const struct document *top = &b->document[0];
    uint32_t suffixes = document_find(top, top->root, "allow_public_suffix");
    struct suffix_search any = {0};
    if (suffixes && !document_texts(top, suffixes, "allow_public_suffix", suffix_check, &any, b->e))
        return false;
    for (unsigned i = 0; i < b->documents; i++) {
        const struct document *d = &b->document[i];
        uint32_t profiles = document_find(d, d->root, "profiles");
        if (!profiles)
            continue;
        if (d->node[profiles].kind != DOCUMENT_MAPPING)
            return document_wrong(d, profiles, 0, b->e, "profiles is a mapping: \"name: { allow: [...] }\" lines");
        for (uint32_t key = d->node[profiles].child; key; key = d->node[d->node[key].next].next) {
            if (!add_profile(b, d, key) || !policy_build_phases(b, d, d->node[key].next))
                return false;
        }
    }
    for (unsigned i = 0; i < policy->profiles; i++) {
        if (!build_profile(b, i))
            return false;
    }
    return link_parents(b) && inherit(b);
}

/* NOLINTEND(clang-analyzer-core.NullDereference) */
