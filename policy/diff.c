/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "policy/diff.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/endpoint.h"
#include "policy/matcher.h"

#define TEXT_SIZE 4096

struct diff {
    void (*each)(void *ctx, const struct diff_row *row);
    void *ctx;
    const char *what, *name;
    struct error *e;
};

static void tell(const struct diff *d, char sign, const char *key, const char *text)
{
    struct diff_row row = {sign, d->what, d->name, key, text};
    d->each(d->ctx, &row);
}

static void tell_value(const struct diff *d, const char *key, const char *before, const char *after)
{
    char text[2 * TEXT_SIZE + 8];
    if (strcmp(before, after) == 0)
        return;
    snprintf(text, sizeof text, "%s -> %s", before, after);
    tell(d, '~', key, text);
}

static void tell_number(const struct diff *d, const char *key, uint32_t before, uint32_t after)
{
    char text[2][16];
    for (int i = 0; i < 2; i++) {
        uint32_t n = i ? after : before;
        snprintf(text[i], sizeof text[i], n ? "%u" : "default", n);
    }
    tell_value(d, key, text[0], text[1]);
}

struct texts {
    char **text;
    size_t count;
};

static void texts_free(struct texts *t)
{
    for (size_t i = 0; i < t->count; i++)
        free(t->text[i]);
    free(t->text);
}

static int compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The matcher's entries as they would be written, sorted. */
static bool texts_of(const struct matcher *m, struct texts *out)
{
    struct matcher_hit hit;
    struct endpoint entry;
    char text[TEXT_SIZE];
    *out = (struct texts){0};
    size_t expected = m ? matcher_count(m) : 0;
    if (!expected)
        return true;
    out->text = calloc(expected, sizeof *out->text);
    if (!out->text)
        return false;
    for (size_t next = 0; out->count < expected && matcher_each(m, &next, &hit);) {
        matcher_endpoint(&hit, &entry);
        endpoint_format(&entry, text, sizeof text);
        char *copy = strdup(text);
        if (!copy)
            return false;
        out->text[out->count++] = copy;
    }
    qsort(out->text, out->count, sizeof *out->text, compare);
    return true;
}

static bool diff_entries(const struct diff *d, const char *key, const struct matcher *before,
                         const struct matcher *after)
{
    struct texts old = {0}, new = {0};
    bool ok = texts_of(before, &old) && texts_of(after, &new);
    for (size_t i = 0, n = 0; ok && (i < old.count || n < new.count);) {
        int order = i == old.count ? 1 : n == new.count ? -1 : strcmp(old.text[i], new.text[n]);
        if (order < 0)
            tell(d, '-', key, old.text[i]);
        else if (order > 0)
            tell(d, '+', key, new.text[n]);
        i += order <= 0;
        n += order >= 0;
    }
    texts_free(&old);
    texts_free(&new);
    return ok || error_set(d->e, ERROR_LIMIT, 0, "no memory to compare the policies");
}

static bool diff_profile(struct diff *d, const struct policy_profile *before, const struct policy_profile *after)
{
    static const struct policy_profile none = {.quic = POLICY_QUIC_REFUSE, .ech = POLICY_ECH_REFUSE};
    d->what = "profile";
    d->name = (after ? after : before)->name;
    if (!before || !after)
        tell(d, after ? '+' : '-', "", "");
    before = before ? before : &none;
    after = after ? after : &none;
    const char *parents[] = {before->parent ? before->parent->name : "nothing",
                             after->parent ? after->parent->name : "nothing"};
    tell_value(d, "extends", parents[0], parents[1]);
    tell_number(d, "names_per_minute", before->budget.names_per_minute, after->budget.names_per_minute);
    tell_number(d, "label_bytes", before->budget.label_bytes, after->budget.label_bytes);
    tell_number(d, "bytes_per_hour", before->budget.bytes_per_hour, after->budget.bytes_per_hour);
    tell_value(d, "quic", before->quic == POLICY_QUIC_JUDGE ? "judge" : "refuse",
               after->quic == POLICY_QUIC_JUDGE ? "judge" : "refuse");
    tell_value(d, "ech", before->ech == POLICY_ECH_OUTER ? "outer" : "refuse",
               after->ech == POLICY_ECH_OUTER ? "outer" : "refuse");
    return diff_entries(d, "allow", before->allow, after->allow) && diff_entries(d, "deny", before->deny, after->deny);
}

static void append(char *out, const char *text)
{
    size_t have = strlen(out);
    if (have)
        snprintf(out + have, TEXT_SIZE - have, ", %s", text);
    else
        snprintf(out, TEXT_SIZE, "%s", text);
}

static void matches_text(const struct policy_scope *s, char out[TEXT_SIZE])
{
    out[0] = 0;
    for (unsigned i = 0; i < s->matches; i++) {
        char range[ADDRESS_TEXT_SIZE + 8], address[ADDRESS_TEXT_SIZE];
        address_format(&s->match[i].source.base, address);
        snprintf(range, sizeof range, "%s/%u", address, s->match[i].source.prefix_bits);
        append(out, s->match[i].kind == POLICY_SOURCE ? range : s->match[i].text);
    }
    if (!out[0])
        append(out, "whatever no other scope has");
}

static void resolvers_text(const struct policy_scope *s, char out[TEXT_SIZE])
{
    out[0] = 0;
    for (unsigned i = 0; i < s->resolvers; i++) {
        char text[ADDRESS_TEXT_SIZE];
        address_format(&s->resolver[i], text);
        append(out, text);
    }
    if (!out[0])
        append(out, "none");
}

static void diff_scope(struct diff *d, const struct policy_scope *before, const struct policy_scope *after)
{
    char text[2][TEXT_SIZE];
    d->what = "scope";
    d->name = (after ? after : before)->name;
    if (!before || !after) {
        const struct policy_scope *s = after ? after : before;
        matches_text(s, text[0]);
        tell(d, after ? '+' : '-', "profile", s->profile ? s->profile->name : "none");
        tell(d, after ? '+' : '-', "match", text[0]);
        return;
    }
    tell_value(d, "profile", before->profile ? before->profile->name : "none",
               after->profile ? after->profile->name : "none");
    tell_value(d, "mode", before->mode == POLICY_AUDIT ? "audit" : "enforce",
               after->mode == POLICY_AUDIT ? "audit" : "enforce");
    tell_value(d, "on_deny", before->drop ? "drop" : "reject", after->drop ? "drop" : "reject");
    tell_value(d, "incoming", before->incoming ? "pass" : "refuse", after->incoming ? "pass" : "refuse");
    matches_text(before, text[0]);
    matches_text(after, text[1]);
    tell_value(d, "match", text[0], text[1]);
    resolvers_text(before, text[0]);
    resolvers_text(after, text[1]);
    tell_value(d, "resolvers", text[0], text[1]);
}

static const struct policy_scope *scope_named(const struct policy *policy, const char *name)
{
    for (unsigned i = 0; i < policy->scopes; i++)
        if (strcmp(policy->scope[i].name, name) == 0)
            return &policy->scope[i];
    return NULL;
}

/* The profile, or phase, that is the same one in the other policy; policy_profile_find knows no phases. */
static const struct policy_profile *profile_like(const struct policy *policy, const struct policy_profile *p)
{
    for (unsigned i = 0; i < policy->profiles; i++)
        if (!policy->profile[i]->phase == !p->phase && strcmp(policy->profile[i]->name, p->name) == 0)
            return policy->profile[i];
    return NULL;
}

/* The scopes that both have, in the order of `of`: the first that matches holds a packet. */
static void common_order(const struct policy *of, const struct policy *other, char out[TEXT_SIZE])
{
    out[0] = 0;
    for (unsigned i = 0; i < of->scopes; i++)
        if (scope_named(other, of->scope[i].name))
            append(out, of->scope[i].name);
}

static void diff_whole(struct diff *d, const struct policy *before, const struct policy *after)
{
    char text[2][TEXT_SIZE];
    d->what = "policy";
    d->name = "";
    tell_value(d, "unmatched", before->refuse_unmatched ? "refuse" : "pass",
               after->refuse_unmatched ? "refuse" : "pass");
    tell_value(d, "fast_path", before->fast_path ? "on" : "off", after->fast_path ? "on" : "off");
    common_order(before, after, text[0]);
    common_order(after, before, text[1]);
    tell_value(d, "order of scopes", text[0], text[1]);
}

bool policy_diff(const struct policy *before, const struct policy *after,
                 void (*each)(void *ctx, const struct diff_row *row), void *ctx, struct error *e)
{
    struct diff d = {each, ctx, NULL, NULL, e};
    diff_whole(&d, before, after);
    for (unsigned i = 0; i < after->scopes; i++)
        diff_scope(&d, scope_named(before, after->scope[i].name), &after->scope[i]);
    for (unsigned i = 0; i < before->scopes; i++)
        if (!scope_named(after, before->scope[i].name))
            diff_scope(&d, &before->scope[i], NULL);
    for (unsigned i = 0; i < after->profiles; i++)
        if (!diff_profile(&d, profile_like(before, after->profile[i]), after->profile[i]))
            return false;
    for (unsigned i = 0; i < before->profiles; i++)
        if (!profile_like(after, before->profile[i]) && !diff_profile(&d, before->profile[i], NULL))
            return false;
    return true;
}
