/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <stdlib.h>

#include <jansson.h>

#include "ctl/command.h"
#include "ctl/complaint.h"
#include "ctl/engine_bridge.h"
#include "ctl/options.h"
#include "ctl/policy_open.h"
#include "dns/budget.h"
#include "policy/endpoint.h"
#include "policy/matcher.h"
#include "policy/policy.h"
#include "policy/suffix.h"

static const char *const quic_names[] = {[POLICY_QUIC_REFUSE] = "refuse", [POLICY_QUIC_JUDGE] = "judge"};
static const char *const ech_names[] = {[POLICY_ECH_REFUSE] = "refuse", [POLICY_ECH_OUTER] = "outer"};
static const char *const mode_names[] = {[POLICY_ENFORCE] = "enforce", [POLICY_AUDIT] = "audit"};
static const char *const match_names[] = {
    [POLICY_CGROUP] = "cgroup", [POLICY_INTERFACE] = "interface", [POLICY_SOURCE] = "source"};

static bool is_wildcard(const struct matcher_hit *hit)
{
    return hit->shape->host == ENDPOINT_ONE_BELOW || hit->shape->host == ENDPOINT_ANY_BELOW;
}

/* What names below the profile's wildcards, inherited ones too, may carry; false: it has none. */
static bool budget_of(const struct policy_profile *profile, struct budget_limits *out)
{
    struct matcher_hit hit;
    bool wildcards = false;
    struct budget_limits set = {profile->budget.names_per_minute, profile->budget.label_bytes,
                                profile->budget.bytes_per_hour};
    *out = budget_effective(&set);
    for (const struct policy_profile *p = profile; p && !wildcards; p = p->allow_parent)
        for (size_t next = 0; !wildcards && matcher_each(p->allow, &next, &hit);)
            wildcards = is_wildcard(&hit);
    return wildcards;
}

/* Calls for each allowed wildcard over a public suffix. */
static void each_wide(const struct policy_profile *p,
                      void (*each)(void *ctx, const struct policy_profile *profile, const struct endpoint *entry,
                                   enum suffix suffix),
                      void *ctx)
{
    struct matcher_hit hit;
    size_t next = 0;
    while (matcher_each(p->allow, &next, &hit)) {
        struct endpoint ep;
        if (!is_wildcard(&hit))
            continue;
        matcher_endpoint(&hit, &ep);
        enum suffix suffix = suffix_of(&ep.name);
        if (suffix != SUFFIX_NONE)
            each(ctx, p, &ep, suffix);
    }
}

static const char *suffix_text(enum suffix suffix)
{
    return suffix == SUFFIX_REGISTRY ? "a registry's suffix: anyone can register a name there"
                                     : "a shared domain: strangers have names there";
}

static void print_wide(void *ctx, const struct policy_profile *profile, const struct endpoint *entry,
                       enum suffix suffix)
{
    char text[400];
    (void)ctx;
    endpoint_format(entry, text, sizeof text);
    printf("  note: %s in profile %s lets in %s below %s, %s\n", text, profile->name,
           entry->host == ENDPOINT_ANY_BELOW ? "every name" : "every name one label", entry->name.text,
           suffix_text(suffix));
}

static void json_wide(void *ctx, const struct policy_profile *profile, const struct endpoint *entry, enum suffix suffix)
{
    char text[400];
    endpoint_format(entry, text, sizeof text);
    json_array_append_new(ctx, json_pack("{s:s, s:s, s:s, s:s}", "entry", text, "profile", profile->name, "suffix",
                                         entry->name.text, "kind", suffix == SUFFIX_REGISTRY ? "registry" : "shared"));
}

static void range_text(const struct address_range *range, char *out, size_t size)
{
    char address[ADDRESS_TEXT_SIZE];
    address_format(&range->base, address);
    snprintf(out, size, "%s/%u", address, range->prefix_bits);
}

static void match_text(const struct policy_matcher_line *line, char *out, size_t size)
{
    if (line->kind == POLICY_SOURCE)
        range_text(&line->source, out, size);
    else
        snprintf(out, size, "%s", line->text);
}

static void print_scope(const struct policy_scope *s)
{
    char text[4200];
    printf("  scope %s: profile %s, %s, on denial %s, incoming %s\n", s->name, s->profile->name, mode_names[s->mode],
           s->drop ? "drop" : "reject", s->incoming ? "pass" : "refuse");
    for (unsigned i = 0; i < s->matches; i++) {
        match_text(&s->match[i], text, sizeof text);
        printf("    match %s %s\n", match_names[s->match[i].kind], text);
    }
    printf("    resolvers");
    for (unsigned i = 0; i < s->resolvers; i++) {
        address_format(&s->resolver[i], text);
        printf(" %s", text);
    }
    printf("%s\n", s->resolvers ? "" : " none");
    for (unsigned i = 0; i < s->search_domains; i++)
        printf("%s%s%s", i ? " " : "    search domains ", s->search_domain[i].text,
               i + 1 == s->search_domains ? "\n" : "");
}

static size_t entries(const struct policy *policy)
{
    size_t count = 0;
    for (unsigned i = 0; i < policy->profiles; i++)
        count += matcher_count(policy->profile[i]->allow) + matcher_count(policy->profile[i]->deny);
    return count;
}

/* Not wrong, but more than its writer may think.  Calls for each: what it is, whose, and a text for a person. */
typedef void each_remark(void *ctx, const char *kind, const char *whose, const char *name, const char *text);

static void each_warning(const struct policy *policy, each_remark *each, void *ctx)
{
    for (unsigned i = 0; i < policy->scopes && !policy->refuse_unmatched; i++) {
        const struct policy_scope *s = &policy->scope[i];
        bool by_source = false;
        for (unsigned k = 0; k < s->matches; k++)
            by_source = by_source || s->match[k].kind == POLICY_SOURCE;
        if (by_source)
            each(ctx, "source_unmatched_pass", "scope", s->name,
                 "a host that takes another address than the source it is matched by is claimed by nothing and let "
                 "pass; match its interface, or write unmatched: refuse");
    }
}

static void each_single_label(const struct policy_profile *p, each_remark *each, void *ctx)
{
    struct matcher_hit hit;
    for (size_t next = 0; matcher_each(p->allow, &next, &hit);) {
        struct endpoint ep;
        char text[500];
        if (hit.shape->host != ENDPOINT_NAME)
            continue;
        matcher_endpoint(&hit, &ep);
        snprintf(text, sizeof text, "%s " ENDPOINT_SINGLE_LABEL, ep.name.text);
        if (endpoint_is_single_label(&ep))
            each(ctx, "single_label", "profile", p->name, text);
    }
}

static void each_note(const struct policy *policy, each_remark *each, void *ctx)
{
    for (unsigned i = 0; i < policy->profiles; i++)
        each_single_label(policy->profile[i], each, ctx);
    for (unsigned i = 0; i < policy->scopes; i++)
        if (policy->scope[i].starts && engine_bridge_all_open(policy))
            each(ctx, "bridges_unmatched_pass", "scope", policy->scope[i].name,
                 "what a container that its jobs start sends in its first milliseconds, until the gate has seen it, "
                 "passes, for no scope holds the bridges of container engines; where there are any, add a scope that "
                 "allows nothing, match: { " ENGINE_BRIDGES " }, or say unmatched: refuse");
    for (unsigned i = 0; i < policy->profiles; i++)
        if (policy->profile[i]->ech == POLICY_ECH_OUTER)
            each(ctx, "ech_outer", "profile", policy->profile[i]->name,
                 "ech: outer judges an encrypted ClientHello by its outer name; the name inside, which the server "
                 "goes by, is not seen");
}

static void print_warning(void *ctx, const char *kind, const char *whose, const char *name, const char *text)
{
    (void)ctx;
    (void)kind;
    fprintf(stderr, "sluice: warning: %s %s: %s\n", whose, name, text);
}

static void print_note(void *ctx, const char *kind, const char *whose, const char *name, const char *text)
{
    (void)ctx;
    (void)kind;
    printf("  note: %s %s: %s\n", whose, name, text);
}

static void json_remark(void *ctx, const char *kind, const char *whose, const char *name, const char *text)
{
    json_array_append_new(ctx, json_pack("{s:s, s:s, s:s}", "kind", kind, whose, name, "text", text));
}

static void print_policy(const char *path, const struct policy *policy)
{
    printf("%s: good: %u scopes, %u profiles, %zu entries\n", path, policy->scopes, policy->profiles, entries(policy));
    for (unsigned i = 0; i < policy->scopes; i++)
        print_scope(&policy->scope[i]);
    for (unsigned i = 0; i < policy->profiles; i++) {
        const struct policy_profile *p = policy->profile[i];
        printf("  profile %s%s%s: %zu allowed, %zu denied, quic %s, ech %s\n", p->name, p->parent ? " extends " : "",
               p->parent ? p->parent->name : "", matcher_count(p->allow), matcher_count(p->deny), quic_names[p->quic],
               ech_names[p->ech]);
        struct budget_limits budget;
        if (budget_of(p, &budget))
            printf("    wildcards: budget of a client: names_per_minute %u, label_bytes %u, bytes_per_hour %u\n",
                   budget.names_per_minute, budget.label_bytes, budget.bytes_per_hour);
    }
    for (unsigned i = 0; i < policy->profiles; i++)
        each_wide(policy->profile[i], print_wide, NULL);
    each_note(policy, print_note, NULL);
    printf("  unmatched: %s\n", policy->refuse_unmatched ? "refuse" : "pass");
}

static json_t *json_scope(const struct policy_scope *s)
{
    char text[4200];
    json_t *match = json_array(), *resolvers = json_array(), *search = json_array();
    for (unsigned i = 0; i < s->search_domains; i++)
        json_array_append_new(search, json_string(s->search_domain[i].text));
    for (unsigned i = 0; i < s->matches; i++) {
        match_text(&s->match[i], text, sizeof text);
        json_array_append_new(match, json_pack("{s:s}", match_names[s->match[i].kind], text));
    }
    for (unsigned i = 0; i < s->resolvers; i++) {
        address_format(&s->resolver[i], text);
        json_array_append_new(resolvers, json_string(text));
    }
    return json_pack("{s:s, s:i, s:s, s:s, s:s, s:s, s:o, s:o, s:o}", "name", s->name, "id", (int)s->id, "profile",
                     s->profile->name, "mode", mode_names[s->mode], "on_deny", s->drop ? "drop" : "reject", "incoming",
                     s->incoming ? "pass" : "refuse", "match", match, "resolvers", resolvers, "search_domains", search);
}

static void print_json(const char *path, const struct policy *policy)
{
    json_t *scopes = json_array(), *profiles = json_array(), *wide = json_array();
    json_t *warnings = json_array(), *notes = json_array();
    each_warning(policy, json_remark, warnings);
    each_note(policy, json_remark, notes);
    for (unsigned i = 0; i < policy->scopes; i++)
        json_array_append_new(scopes, json_scope(&policy->scope[i]));
    for (unsigned i = 0; i < policy->profiles; i++) {
        const struct policy_profile *p = policy->profile[i];
        struct budget_limits limits;
        json_t *budget =
            budget_of(p, &limits)
                ? json_pack("{s:I, s:I, s:I}", "names_per_minute", (json_int_t)limits.names_per_minute, "label_bytes",
                            (json_int_t)limits.label_bytes, "bytes_per_hour", (json_int_t)limits.bytes_per_hour)
                : json_null();
        json_array_append_new(
            profiles, json_pack("{s:s, s:s?, s:I, s:I, s:s, s:s, s:o, s:I}", "name", p->name, "extends",
                                p->parent ? p->parent->name : NULL, "allow", (json_int_t)matcher_count(p->allow),
                                "deny", (json_int_t)matcher_count(p->deny), "quic", quic_names[p->quic], "ech",
                                ech_names[p->ech], "budget", budget, "bytes",
                                (json_int_t)matcher_memory(p->allow) + (json_int_t)matcher_memory(p->deny)));
        each_wide(p, json_wide, wide);
    }
    json_t *all =
        json_pack("{s:s, s:s, s:I, s:o, s:o, s:o, s:s, s:o, s:o}", "file", path, "result", "good", "entries",
                  (json_int_t)entries(policy), "scopes", scopes, "profiles", profiles, "over_public_suffix", wide,
                  "unmatched", policy->refuse_unmatched ? "refuse" : "pass", "warnings", warnings, "notes", notes);
    char *text = all ? json_dumps(all, JSON_COMPACT) : NULL;
    if (text)
        puts(text);
    free(text);
    json_decref(all);
}

static int check_run(int argc, char **argv)
{
    struct options options = options_init(&command_check, argc, argv, false);
    const char *value, *path = NULL;
    bool json = false;
    unsigned paths = 0;
    for (int option; (option = options_next(&options, &value)) != OPTIONS_END;) {
        if (option == OPTIONS_WRONG)
            return EXIT_INPUT;
        if (option == OPTIONS_OPERAND) {
            path = value;
            paths++;
        } else {
            json = true;
        }
    }
    for (; options.at < argc; options.at++, paths++)
        path = argv[options.at];
    if (paths != 1) {
        complaint(ERROR_INPUT, "check takes one policy file; see sluice check --help");
        return EXIT_INPUT;
    }
    struct policy *policy = policy_open(path);
    if (!policy)
        return EXIT_INPUT;
    each_warning(policy, print_warning, NULL);
    if (json)
        print_json(path, policy);
    else
        print_policy(path, policy);
    policy_free(policy);
    return 0;
}

static const struct command_option check_options[] = {{"--json", NULL, "print one JSON object"}, {0}};

const struct command command_check = {
    .name = "check",
    .section = 1,
    .usage = "[--json] POLICY",
    .summary = "read a policy: what it holds, or what is wrong with it",
    .text =
        "Reads POLICY and the files of policy.d beside it, as the gate would.  Prints its scopes, profiles and the "
        "number of their entries, the budget of profiles with wildcards, for each wildcard over a public suffix what "
        "it lets in, what ech: outer means, and names of one label.  A scope whose hosts leave it by taking another "
        "address is warned of, "
        "a mistake is shown with file, line and column, both on standard error.  Exit status 0: good; 2: not.",
    .option = check_options,
    .run = check_run,
};
