/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sluice status: what the running gate says of itself. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/event.h"
#include "ctl/command.h"
#include "ctl/complaint.h"
#include "ctl/control.h"
#include "ctl/options.h"
#include "nft/ruleset.h"

enum { OPTION_JSON };

static const struct command_option options[] = {
    [OPTION_JSON] = {"--json", NULL, "print the gate's answer as it is"},
    {NULL, NULL, NULL},
};

/* Text of the gate's, made safe for a terminal: names come from policy files. */
static void print_text(const char *text)
{
    char safe[1200];
    event_escape(text ? text : "", safe, sizeof safe);
    fputs(safe, stdout);
}

static void print_scopes(const json_t *scopes)
{
    size_t i;
    json_t *scope;
    json_array_foreach(scopes, i, scope)
    {
        printf("scope       ");
        print_text(json_string_value(json_object_get(scope, "name")));
        printf("  profile ");
        print_text(json_string_value(json_object_get(scope, "profile")));
        printf("  %s", json_string_value(json_object_get(scope, "mode")));
        size_t k;
        json_t *cgroup;
        json_array_foreach(json_object_get(scope, "cgroups"), k, cgroup)
        {
            printf("  ");
            print_text(json_string_value(cgroup));
        }
        putchar('\n');
    }
}

/* An error of several lines: where, the line, a caret below it. */
static void print_failure(const char *text)
{
    const char *before = "last reload failed: ";
    while (*text) {
        char line[600];
        size_t len = strcspn(text, "\n");
        snprintf(line, sizeof line, "%.*s", (int)len, text);
        fputs(before, stdout);
        print_text(line);
        putchar('\n');
        before = "    ";
        text += len + (text[len] == '\n');
    }
}

static void print_status(json_t *root)
{
    const char *key;
    json_t *value;
    printf("gate        sluice %s, policy ", json_string_value(json_object_get(root, "release")));
    print_text(json_string_value(json_object_get(root, "policy")));
    printf("\nprocesses  ");
    json_object_foreach(json_object_get(root, "processes"), key, value)
        printf(" %s %lld", key, (long long)json_integer_value(value));
    putchar('\n');
    print_scopes(json_object_get(root, "scopes"));
    json_object_foreach(json_object_get(root, "counts"), key, value)
        printf("%-17s %lld\n", key, (long long)json_integer_value(value));
    printf("%-17s %lld\n", "reloads", (long long)json_integer_value(json_object_get(root, "reloads")));
    long long awaited = json_integer_value(json_object_get(root, "cgroups_awaited"));
    if (awaited)
        printf("%-17s %lld\n", "cgroups_awaited", awaited);
    const char *failed = json_string_value(json_object_get(root, "reload_error"));
    if (failed && *failed) {
        print_failure(failed);
    }
}

static void note_table(void *ctx, const char *table, uint32_t owner)
{
    bool *stand = ctx;
    (void)owner; /* nobody, or a service manager that keeps it for the next gate */
    *stand = *stand || strcmp(table, RULESET_TABLE) == 0 || strcmp(table, RULESET_TABLE_CLOSED) == 0;
}

/* An ended gate leaves its rules, closed. */
static void print_absent(bool json)
{
    bool stand = false;
    struct error ignored;
    (void)ruleset_list(note_table, &stand, &ignored);
    if (json)
        printf("{\"running\": false, \"rules\": %s}\n", stand ? "true" : "false");
    else if (stand)
        puts("no gate runs in this network namespace, and the rules of one that ended stand: what its scopes hold is "
             "refused until 'sluice gate' starts again, or 'sluice down' removes them");
    else
        puts("no gate runs in this network namespace");
}

static int run(int argc, char **argv)
{
    struct options o = options_init(&command_status, argc, argv, false);
    struct error e;
    const char *value;
    bool json = false;
    for (int option; (option = options_next(&o, &value)) != OPTIONS_END;) {
        if (option == OPTIONS_OPERAND)
            complaint(ERROR_INPUT, "status takes no operand; '%s' is one", value);
        if (option < 0)
            return EXIT_INPUT;
        json = true;
    }
    if (geteuid() != 0) {
        complaint(ERROR_SYSTEM, "status needs root");
        return EXIT_SLUICE;
    }
    json_t *root = control_ask(json_pack("{s:s}", "request", "status"), CONTROL_WAIT_MSEC, &e);
    if (!root) {
        if (e.code == ERROR_NONE)
            print_absent(json);
        else
            complaint_error(&e);
        return EXIT_FINDING;
    }
    bool holds = json_is_true(json_object_get(root, "holds"));
    int status = holds ? 0 : EXIT_FINDING;
    if (json) {
        json_dumpf(root, stdout, JSON_COMPACT);
        putchar('\n');
    } else if (status == 0) {
        print_status(root);
    } else {
        fputs("the gate is starting: its rules are not in force yet\n", stdout);
    }
    json_decref(root);
    return status;
}

const struct command command_status = {
    .name = "status",
    .usage = "[--json]",
    .summary = "show the running gate: processes, scopes, counts",
    .text = "Asks the gate of this network namespace what it is doing. Exit status 0: it runs and its rules are in "
            "force; 1: not, and whether the rules of a gate that ended stand.",
    .option = options,
    .run = run,
};
