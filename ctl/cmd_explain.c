/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "core/log.h"
#include "ctl/command.h"
#include "ctl/complaint.h"
#include "ctl/options.h"
#include "ctl/policy_open.h"
#include "policy/decide.h"
#include "policy/endpoint.h"
#include "policy/policy.h"

#define RULE_SIZE 400

enum { TYPE_A = 1 };

struct explanation {
    const struct policy *policy;
    const struct policy_scope *scope;
    struct error *e;
    json_t *rows; /* NULL: print lines */
    unsigned refused;
};

static bool is_one_address(const struct address_range *range)
{
    return range->prefix_bits == address_octets(&range->base) * 8;
}

/* A question is about one name or address, and one port. */
static bool is_concrete(const struct endpoint *ep, struct error *e)
{
    if (ep->host == ENDPOINT_ONE_BELOW || ep->host == ENDPOINT_ANY_BELOW)
        return error_set(e, ERROR_INPUT, 0, "explain takes a name, not a wildcard");
    if (ep->host == ENDPOINT_ADDRESS && !is_one_address(&ep->range))
        return error_set(e, ERROR_INPUT, 0, "explain takes one address, not a range");
    if (ep->has_at && !is_one_address(&ep->at))
        return error_set(e, ERROR_INPUT, 0, "behind the @ explain takes the one address that the name resolves to");
    if (ep->port_low != ep->port_high)
        return error_set(e, ERROR_INPUT, 0, "explain takes one port, for example 192.0.2.1:443");
    return true;
}

static struct decision explain_questions(const struct explanation *x, const struct endpoint *ep)
{
    struct decision d = decide_question(x->policy, x->scope, &ep->name, ep->types ? ep->type[0] : TYPE_A, false);
    for (unsigned i = 1; i < ep->types && d.path == DECIDE_RELEASE; i++)
        d = decide_question(x->policy, x->scope, &ep->name, ep->type[i], false);
    return d;
}

/* Asked as a proxy, only an entry that calls it one will do. */
static struct decision as_proxy(struct decision d)
{
    if (d.path == DECIDE_REFUSE || d.path == DECIDE_INSPECT_PROXY)
        return d;
    return (struct decision){
        .path = DECIDE_REFUSE, .reason = REASON_HTTP_CONNECT, .has_rule = true, .rule = d.rule, .offer = true};
}

/* A name: resolved first, then connected to as if it stood for `address` (family 0: for any public one). */
static struct decision explain_name(const struct explanation *x, const struct endpoint *ep)
{
    struct address address = {0};
    struct bound_name bound = {ep->name.text, ep->name.len, false};
    struct decision d = explain_questions(x, ep);
    if (d.path == DECIDE_REFUSE || ep->scheme == ENDPOINT_DNS)
        return d;
    if (ep->has_at) {
        address = ep->at.base;
        if (!decide_answer_address(x->scope, &ep->name, &address, false))
            return (struct decision){.path = DECIDE_REFUSE, .reason = REASON_PRIVATE_ADDRESS};
    }
    if (ep->scheme == ENDPOINT_UDP)
        return decide_udp(x->scope, &address, ep->port_low, &bound, 1);
    d = decide_tcp(x->scope, &address, ep->port_low, &bound, 1);
    if (d.path == DECIDE_REFUSE || d.path == DECIDE_RELEASE || ep->scheme == ENDPOINT_PROXY)
        return ep->scheme == ENDPOINT_PROXY ? as_proxy(d) : d;
    if (d.path == DECIDE_INSPECT_PROXY) { /* whatever else is allowed there: it is asked as a proxy, or refused */
        enum reason reason =
            ep->scheme == ENDPOINT_HTTP || ep->scheme == ENDPOINT_WS ? REASON_PROXY_FORM : REASON_HTTP_EXPECTED;
        return (struct decision){.path = DECIDE_REFUSE, .reason = reason, .has_rule = true, .rule = d.rule};
    }
    if (ep->scheme == ENDPOINT_TCP) { /* a server name is checked here, so not any bytes pass */
        enum reason reason = d.path == DECIDE_INSPECT_HTTP ? REASON_HTTP_EXPECTED : REASON_TLS_EXPECTED;
        return (struct decision){.path = DECIDE_REFUSE, .reason = reason, .has_rule = true, .rule = d.rule};
    }
    return decide_shown(x->scope, ep->scheme, &ep->name, &address, ep->port_low, &bound, 1);
}

static struct decision explain_endpoint(const struct explanation *x, const struct endpoint *ep)
{
    if (ep->host != ENDPOINT_ADDRESS)
        return explain_name(x, ep);
    struct decision d = ep->scheme == ENDPOINT_UDP ? decide_udp(x->scope, &ep->range.base, ep->port_low, NULL, 0)
                                                   : decide_tcp(x->scope, &ep->range.base, ep->port_low, NULL, 0);
    return ep->scheme == ENDPOINT_PROXY ? as_proxy(d) : d;
}

static const char *path_text(enum decide_path path)
{
    switch (path) {
    case DECIDE_INSPECT_TLS:
        return "if the TLS server name shown is allowed and stands for it";
    case DECIDE_INSPECT_HTTP:
        return "if the HTTP Host shown is allowed and stands for it";
    case DECIDE_INSPECT_EITHER:
        return "if the TLS server name or HTTP Host shown is allowed and stands for it";
    case DECIDE_INSPECT_QUIC:
        return "if it is QUIC and the server name shown is allowed and stands for it";
    case DECIDE_INSPECT_PROXY:
        return "if what is asked of the proxy is allowed by name";
    default:
        return "";
    }
}

static void print_row(const char *asked, const struct decision *d, const char *verdict, const char *rule,
                      const struct policy_scope *scope)
{
    const char *phase = scope->profile->phase, *quote = strpbrk(asked, ":?*[{") ? "'" : "";
    printf("%-8s %-40s %s%s%s%s%s\n", verdict, asked, reason_text(d->reason), *path_text(d->path) ? ", " : "",
           path_text(d->path), *rule ? "; rule: " : "", rule);
    if (d->path == DECIDE_REFUSE && d->offer && phase) /* no --allow holds there */
        printf("%-8s to allow: phases: { %s: { allow: [%s%s%s] } }\n", "", phase, quote, asked, quote);
    else if (d->path == DECIDE_REFUSE && d->offer && scope->name) /* nor in a gate's scope */
        printf("%-8s to allow: profiles: { %s: { allow: [%s%s%s] } }\n", "", scope->profile->name, quote, asked, quote);
    else if (d->path == DECIDE_REFUSE && d->offer)
        printf("%-8s to allow: --allow %s\n", "", asked);
}

static bool explain_one(void *ctx, const struct endpoint *ep)
{
    struct explanation *x = ctx;
    char asked[RULE_SIZE], rule[RULE_SIZE] = "";
    if (!is_concrete(ep, x->e))
        return false;
    struct decision d = explain_endpoint(x, ep);
    /* What stands for a private address is for its owner to say. */
    d.offer = d.offer && !(ep->has_at && address_is_special(&ep->at.base));
    const char *verdict = d.path != DECIDE_REFUSE ? "allow" : d.noise ? "ignored" : "deny";
    endpoint_format(ep, asked, sizeof asked);
    if (d.has_rule)
        endpoint_format(&d.rule, rule, sizeof rule);
    x->refused += d.path == DECIDE_REFUSE;
    if (!x->rows) {
        print_row(asked, &d, verdict, rule, x->scope);
        return true;
    }
    json_t *row = json_pack("{s:s, s:s, s:s, s:s, s:s?, s:s?, s:b}", "endpoint", asked, "verdict", verdict, "reason",
                            reason_name(d.reason), "text", reason_text(d.reason), "rule", *rule ? rule : NULL,
                            "condition", *path_text(d.path) ? path_text(d.path) : NULL, "offer", (int)d.offer);
    json_array_append_new(x->rows, row);
    return true;
}

/* The profile as a scope that takes the policy's profile alone, as `sluice run` does. */
static bool choose_profile(const struct policy *policy, const char *name, struct policy_scope *out)
{
    const struct policy_profile *p = policy_profile_find(policy, name ? name : "default");
    if (!p && !name)
        p = policy_profile_only(policy);
    *out = (struct policy_scope){.profile = p};
    if (p)
        return true;
    char names[800] = " none";
    for (size_t i = 0, len = 0; i < policy->profiles && len < sizeof names; i++) { /* set together: */
        const struct policy_profile *one = policy->profile[i]; /* NOLINT(clang-analyzer-core.NullDereference) */
        if (!one->phase)
            len += (size_t)snprintf(names + len, sizeof names - len, " %s", one->name);
    }
    if (name)
        complaint(ERROR_INPUT, "the policy has no profile \"%s\"; it has:%s", name, names);
    else
        complaint(ERROR_INPUT, "the policy has no scopes: say which profile by --profile; it has:%s", names);
    return false;
}

static bool choose_scope(const struct policy *policy, const char *name, struct policy_scope *out)
{
    for (unsigned i = 0; i < policy->scopes; i++) {
        if (name ? strcmp(policy->scope[i].name, name) == 0 : policy->scopes == 1) {
            *out = policy->scope[i]; /* borrowed */
            return true;
        }
    }
    char names[800] = " none";
    for (size_t i = 0, len = 0; i < policy->scopes && len < sizeof names; i++)
        len += (size_t)snprintf(names + len, sizeof names - len, " %s", policy->scope[i].name);
    if (name)
        complaint(ERROR_INPUT, "the policy has no scope \"%s\"; it has:%s", name, names);
    else
        complaint(ERROR_INPUT,
                  "say which scope by --scope, or which profile by --profile; the policy has the scopes:%s", names);
    return false;
}

/* All of them, also behind one that is wrong. */
static int explain_all(struct explanation *x, int count, char **endpoints)
{
    struct error e = {0};
    bool wrong = false;
    x->e = &e;
    for (int i = 0; i < count; i++) {
        size_t column = 1;
        struct bytes text = {(const uint8_t *)endpoints[i], strlen(endpoints[i])};
        if (!endpoint_parse(text, explain_one, x, &column, &e)) {
            struct error placed;
            error_fill(&placed, ERROR_INPUT, 0, "endpoint %d, column %zu: %.800s", i + 1, column, e.text);
            fflush(stdout);
            if (x->rows) {
                log_note("%s", placed.text);
                json_array_append_new(
                    x->rows, json_pack("{s:s, s:o}", "endpoint", endpoints[i], "error", complaint_to_json(&placed)));
            } else {
                complaint_error(&placed);
            }
            wrong = true;
        }
    }
    if (x->rows) {
        char *text = json_dumps(x->rows, JSON_COMPACT);
        if (text)
            puts(text);
        free(text);
    }
    return wrong ? EXIT_INPUT : x->refused ? EXIT_FINDING : 0;
}

/* As if the scope were in that phase; *in_phase is then its profile. */
static bool choose_phase(const struct policy *policy, const char *name, struct policy_scope *scope,
                         struct policy_profile *in_phase)
{
    const struct policy_profile *base = scope->base ? scope->base : scope->profile;
    const struct policy_profile *phase = policy_phase_find(policy, base, name);
    if (!phase) {
        complaint(ERROR_INPUT, "the profile \"%s\" has no phase \"%s\"", base->name, name);
        return false;
    }
    *in_phase = policy_profile_in_phase(base, phase);
    scope->profile = in_phase;
    return true;
}

enum { OPTION_SCOPE, OPTION_PROFILE, OPTION_PHASE, OPTION_JSON };

static int explain_run(int argc, char **argv)
{
    struct options options = options_init(&command_explain, argc, argv, false);
    const char *value, *scope = NULL, *profile = NULL, *phase = NULL, *path = NULL;
    bool json = false;
    int count = 0, status = EXIT_INPUT;
    char **endpoints = calloc((size_t)argc + 1, sizeof *endpoints);
    struct policy *policy = NULL;
    int option = endpoints ? 0 : OPTIONS_WRONG;
    while (option != OPTIONS_WRONG && (option = options_next(&options, &value)) != OPTIONS_END) {
        if (option == OPTION_SCOPE)
            scope = value;
        else if (option == OPTION_PROFILE)
            profile = value;
        else if (option == OPTION_PHASE)
            phase = value;
        else if (option == OPTION_JSON)
            json = true;
        else if (option == OPTIONS_OPERAND && !path)
            path = value;
        else if (option == OPTIONS_OPERAND)
            endpoints[count++] = (char *)(uintptr_t)value;
    }
    for (; option == OPTIONS_END && options.at < argc; options.at++) {
        if (!path)
            path = argv[options.at];
        else
            endpoints[count++] = argv[options.at];
    }
    if (option == OPTIONS_END && count == 0)
        complaint(ERROR_INPUT, "explain takes a policy file and one or more endpoints; see sluice explain --help");
    else if (option == OPTIONS_END && scope && profile)
        complaint(ERROR_INPUT, "explain takes --scope or --profile, not both");
    else if (option == OPTIONS_END)
        policy = policy_open(path);
    if (policy) {
        struct policy_scope asks;
        struct policy_profile in_phase;
        struct explanation x = {.policy = policy, .scope = &asks, .rows = json ? json_array() : NULL};
        bool by_profile = profile || (!scope && policy->scopes == 0);
        if ((by_profile ? choose_profile(policy, profile, &asks) : choose_scope(policy, scope, &asks)) &&
            (!phase || choose_phase(policy, phase, &asks, &in_phase)))
            status = explain_all(&x, count, endpoints);
        json_decref(x.rows);
    }
    policy_free(policy);
    free(endpoints);
    return status;
}

static const struct command_option explain_options[] = {
    [OPTION_SCOPE] = {"--scope", "S", "the scope that asks; not needed where the policy has one"},
    [OPTION_PROFILE] = {"--profile", "NAME",
                        "a profile, as sluice run -p would take it; where the policy has no scopes"},
    [OPTION_PHASE] = {"--phase", "NAME", "as in that phase of the profile"},
    [OPTION_JSON] = {"--json", NULL, "print one JSON array, a row for each endpoint"},
    {0},
};

const struct command command_explain = {
    .name = "explain",
    .section = 1,
    .usage = "[--json] [--scope S | --profile NAME] [--phase NAME] POLICY ENDPOINT...",
    .summary = "may a scope reach an endpoint?  Why, and by which entry",
    .text = "Asks the policy what the gate would ask it, by the same function.  ENDPOINT is written as in a policy: "
            "a name, http://NAME, ws://NAME, tcp://NAME:PORT, proxy://NAME:PORT, ADDRESS:PORT, dns://NAME?types=TXT; "
            "NAME@ADDRESS asks what happens when the name resolves to that address.  Exit status 0: all allowed; 1: "
            "some refused; 2: wrong input (the endpoints that can be read are answered all the same).",
    .option = explain_options,
    .run = explain_run,
};
