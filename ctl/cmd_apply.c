/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sluice apply: another policy for the running gate, all or nothing; or what it would change. */
#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/event.h"
#include "ctl/command.h"
#include "ctl/complaint.h"
#include "ctl/control.h"
#include "ctl/options.h"

enum { OPTION_DRY_RUN, OPTION_DIFF, OPTION_JSON };

static const struct command_option options[] = {
    [OPTION_DRY_RUN] = {"--dry-run", NULL, "change nothing, say what would be cut"},
    [OPTION_DIFF] = {"--diff", NULL, "say what the policy changes, before it is applied"},
    [OPTION_JSON] =
        {"--json", NULL,
         "print the gate's answer as one JSON object; with --diff what the policy changes is its \"rehearsal\""},
    {NULL, NULL, NULL},
};

struct apply {
    bool dry_run, diff, json;
    char file[PATH_MAX];
};

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

static long long number_of(const json_t *object, const char *key)
{
    return (long long)json_integer_value(json_object_get(object, key));
}

/* Text that came from policy files, made safe for a terminal. */
static void print_text(const char *before, const char *text)
{
    char safe[16384];
    event_escape(text, safe, sizeof safe);
    printf("%s%s", before, safe);
}

static void print_differences(const json_t *answer)
{
    size_t i;
    json_t *row;
    json_array_foreach(json_object_get(answer, "differences"), i, row)
    {
        printf("  %s %s", text_of(row, "sign"), text_of(row, "what"));
        const char *keys[] = {"name", "key", "text"};
        for (int k = 0; k < 3; k++)
            if (*text_of(row, keys[k]))
                print_text(k == 2 ? "  " : " ", text_of(row, keys[k]));
        putchar('\n');
    }
    long long more = number_of(answer, "different") - (long long)i;
    if (more > 0)
        printf("  and %lld more\n", more);
    if (i == 0)
        puts("  the policy in force says the same");
}

static void print_cut(const json_t *answer)
{
    size_t i;
    json_t *row;
    long long cuts = number_of(answer, "cut");
    printf("would cut %lld open connection%s%s\n", cuts, cuts == 1 ? "" : "s", cuts ? ":" : "");
    json_array_foreach(json_object_get(answer, "would_cut"), i, row)
    {
        const json_t *to = json_object_get(row, "destination"), *from = json_object_get(row, "source");
        printf("  %s", text_of(row, "transport"));
        printf("  %s port %lld to %s port %lld", text_of(from, "ip"), number_of(from, "port"), text_of(to, "ip"),
               number_of(to, "port"));
        printf("  %s", text_of(row, "domain")); /* escaped by the gate */
        print_text("  scope ", text_of(row, "scope"));
        putchar('\n');
    }
    if (cuts > (long long)i)
        printf("  and %lld more\n", cuts - (long long)i);
}

/* One request; false: said why. */
static json_t *ask(const struct apply *a, bool dry_run, int *status)
{
    struct error e;
    json_t *answer, *request = json_pack("{s:s, s:b}", "request", "apply", "dry_run", (int)dry_run);
    if (a->file[0])
        json_object_set_new(request, "policy", json_string(a->file));
    answer = control_ask_change(NULL, request, &e);
    if (answer)
        return answer;
    *status = e.code == ERROR_INPUT ? EXIT_INPUT : EXIT_FINDING;
    if (e.code == ERROR_NONE)
        complaint(ERROR_NONE, "no gate runs in this network namespace");
    else
        complaint_error(&e);
    return NULL;
}

static void print_json(const json_t *answer)
{
    json_dumpf(answer, stdout, JSON_COMPACT);
    putchar('\n');
}

/* What it would change: printed, or in *out for the one object of --json. */
static bool rehearse_first(const struct apply *a, json_t **out, int *status)
{
    json_t *answer = ask(a, true, status);
    *out = NULL;
    if (!answer)
        return false;
    if (a->json) {
        *out = answer;
        return true;
    }
    if (a->diff)
        print_differences(answer);
    print_cut(answer);
    if (a->dry_run)
        puts("dry run: nothing was changed");
    fflush(stdout);
    json_decref(answer);
    return true;
}

static int apply(const struct apply *a)
{
    int status = 0;
    json_t *rehearsal = NULL;
    if ((a->dry_run || a->diff) && !rehearse_first(a, &rehearsal, &status))
        return status;
    if (a->dry_run) {
        if (rehearsal)
            print_json(rehearsal);
        json_decref(rehearsal);
        return 0;
    }
    json_t *answer = ask(a, false, &status);
    if (!answer) {
        json_decref(rehearsal);
        return status;
    }
    if (rehearsal)
        json_object_set_new(answer, "rehearsal", rehearsal);
    if (a->json) {
        print_json(answer);
    } else {
        long long cut = number_of(answer, "cut");
        print_text("", text_of(answer, "policy"));
        printf(" is in force: %s; %lld open connection%s cut\n", text_of(answer, "holds"), cut, cut == 1 ? "" : "s");
    }
    json_decref(answer);
    return 0;
}

static int run(int argc, char **argv)
{
    struct options o = options_init(&command_apply, argc, argv, false);
    struct apply a = {0};
    const char *value, *file = NULL;
    for (int option; (option = options_next(&o, &value)) != OPTIONS_END;) {
        if (option == OPTIONS_WRONG)
            return EXIT_INPUT;
        if (option == OPTIONS_OPERAND && file) {
            complaint(ERROR_INPUT, "apply takes one policy at a time; '%s' is a second", value);
            return EXIT_INPUT;
        }
        if (option == OPTIONS_OPERAND)
            file = value;
        a.dry_run |= option == OPTION_DRY_RUN;
        a.diff |= option == OPTION_DIFF;
        a.json |= option == OPTION_JSON;
    }
    if (file && !realpath(file, a.file)) {
        complaint(ERROR_INPUT, "cannot open %s: %s", *file ? file : "''", strerror(errno));
        return EXIT_INPUT;
    }
    if (geteuid() != 0) {
        complaint(ERROR_SYSTEM, "apply needs root");
        return EXIT_SLUICE;
    }
    return apply(&a);
}

const struct command command_apply = {
    .name = "apply",
    .usage = "[--dry-run] [--diff] [--json] [POLICY]",
    .summary = "give the running gate another policy, all or nothing",
    .text = "Gives the gate of this network namespace the policy in POLICY, or its own file again, and returns when it "
            "is in force. It comes into force as a whole or not at all: with any error in it the old one stays. No "
            "packet of a connection that both policies allow is lost; open connections that the new one does not allow "
            "are cut. A policy from another file than the gate's own holds until the gate starts again or gets SIGHUP. "
            "Exit status 0: it is in force; 1: not; 2: the policy is wrong.",
    .option = options,
    .run = run,
};
