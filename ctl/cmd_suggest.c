/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sluice suggest: what of an events file was refused, as lines for the policy. */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/event_words.h"
#include "core/log.h"
#include "ctl/command.h"
#include "ctl/complaint.h"
#include "ctl/eventfile.h"
#include "ctl/options.h"
#include "ctl/summary.h"
#include "policy/policy.h"

#define SCOPES_MAX (2 * POLICY_SCOPES_MAX) /* each in a phase, too */

enum { OPTION_JSON, OPTION_SCOPE };

static const struct command_option options[] = {
    [OPTION_JSON] = {"--json", NULL, "print an object for each scope, one a line"},
    [OPTION_SCOPE] = {"--scope", "SCOPE", "only for this scope"},
    {NULL, NULL, NULL},
};

/* A scope, or it in one of its phases: what a phase allows stands there. */
struct scope {
    char name[EVENT_SCOPE_SIZE], phase[EVENT_PHASE_SIZE];
    struct summary *summary;
};

struct gathered {
    const char *only;
    struct scope *scope; /* SCOPES_MAX, in order of appearance */
    unsigned scopes;
    bool full, seen; /* an event of the scope that is asked for */
};

static bool gather(void *ctx, const char *line, const struct event *e)
{
    struct gathered *g = ctx;
    unsigned i = 0;
    (void)line;
    g->seen = g->seen || !g->only || strcmp(g->only, e->scope) == 0;
    if (!event_is_refusal(e) || e->action == ACTION_GATE || (g->only && strcmp(g->only, e->scope) != 0))
        return true;
    while (i < g->scopes && (strcmp(g->scope[i].name, e->scope) != 0 || strcmp(g->scope[i].phase, e->phase) != 0))
        i++;
    if (i == g->scopes) {
        struct summary *summary = i < SCOPES_MAX ? summary_new() : NULL;
        g->full = !summary;
        if (!summary)
            return false;
        snprintf(g->scope[i].name, sizeof g->scope[i].name, "%s", e->scope);
        snprintf(g->scope[i].phase, sizeof g->scope[i].phase, "%s", e->phase);
        g->scope[i].summary = summary;
        g->scopes++;
    }
    summary_add(g->scope[i].summary, e);
    return true;
}

static bool print_json(const struct scope *scope)
{
    char *facts = summary_json(scope->summary);
    json_t *o = facts ? json_loads(facts, 0, NULL) : NULL;
    if (o)
        json_object_set_new(o, "scope", json_string(scope->name));
    if (o && scope->phase[0])
        json_object_set_new(o, "phase", json_string(scope->phase));
    char *text = o ? json_dumps(o, JSON_COMPACT | JSON_ENSURE_ASCII) : NULL;
    bool ok = text && puts(text) >= 0;
    free(text);
    json_decref(o);
    free(facts);
    return ok;
}

static bool suggest(struct gathered *g, const char *file, bool json, struct error *e)
{
    unsigned long unread = 0;
    bool ok = eventfile_read(file, false, gather, g, &unread, e);
    if (ok && g->full)
        ok = error_set(e, ERROR_LIMIT, 0, "%s holds more scopes than a policy can", file);
    for (unsigned i = 0; i < g->scopes; i++) {
        if (ok && !json)
            summary_print_policy(g->scope[i].summary, g->scope[i].name, g->scope[i].phase, stdout);
        else if (ok)
            ok = print_json(&g->scope[i]) || error_set(e, ERROR_SYSTEM, ENOMEM, "cannot print");
        summary_free(g->scope[i].summary);
    }
    if (ok && !g->scopes && !json)
        printf("# nothing was refused\n");
    if (ok && !g->seen && g->only)
        log_note("no event there is of scope \"%s\"", g->only);
    if (ok && unread)
        fprintf(stderr, "sluice: %lu lines are no events of sluice\n", unread);
    return ok;
}

static int run(int argc, char **argv)
{
    struct options o = options_init(&command_suggest, argc, argv, false);
    struct gathered g = {.only = NULL};
    const char *value, *file = NULL;
    bool json = false;
    for (int option; (option = options_next(&o, &value)) != OPTIONS_END;) {
        if (option == OPTIONS_WRONG)
            return EXIT_INPUT;
        if (option == OPTION_JSON) {
            json = true;
        } else if (option == OPTION_SCOPE) {
            g.only = value;
        } else if (file) {
            complaint(ERROR_INPUT, "suggest takes one file");
            return EXIT_INPUT;
        } else {
            file = value;
        }
    }
    struct error e = {0};
    g.scope = calloc(SCOPES_MAX, sizeof *g.scope);
    bool ok = g.scope ? suggest(&g, file ? file : EVENTFILE_DEFAULT, json, &e)
                      : error_set(&e, ERROR_SYSTEM, ENOMEM, "cannot read events");
    free(g.scope);
    if (ok)
        return 0;
    complaint_error(&e);
    return e.code == ERROR_SYSTEM ? EXIT_SLUICE : EXIT_INPUT;
}

const struct command command_suggest = {
    .name = "suggest",
    .usage = "[--json] [--scope SCOPE] [FILE]",
    .summary = "print what was refused as lines for the policy",
    .text =
        "Reads FILE, an events file that run --events or gate --events wrote (- is standard input; without one "
        "/var/log/sluice/events.json), and prints for each scope the entries that would have allowed what was "
        "refused, or would have been under audit, as they stand under allow: of its profile, or of the phase that it "
        "was in: how often, and by whom. What looks like an attack is listed in comments with its reason, and so is "
        "what no entry is offered "
        "for. Read before you paste: a job under audit may ask for what you do not want. Exit status 0: printed; 2: "
        "FILE cannot be read.",
    .option = options,
    .run = run,
};
