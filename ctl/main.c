/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The program: one table of commands. */
#include <stdbool.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/command.h"
#include "ctl/complaint.h"
#include "ctl/help.h"
#include "ctl/options.h"

static const struct command *const commands[] = {
    &command_run,    &command_gate,   &command_check,   &command_explain, &command_apply,  &command_job,
    &command_status, &command_events, &command_suggest, &command_down,    &command_replay, &command_import,
};
#define COMMANDS (sizeof commands / sizeof commands[0])

static const struct command *command_find(const char *name)
{
    for (size_t i = 0; i < COMMANDS; i++)
        if (strcmp(commands[i]->name, name) == 0)
            return commands[i];
    return NULL;
}

static int unknown_command(const char *name)
{
    const char *words[COMMANDS];
    for (size_t i = 0; i < COMMANDS; i++)
        words[i] = commands[i]->name;
    const char *near = options_nearest(name, words, COMMANDS);
    complaint(ERROR_INPUT, "unknown command '%.60s'%s%s%s", name, near ? "; did you mean '" : "", near ? near : "",
              near ? "'?" : "");
    fprintf(stderr, "Try 'sluice help'.\n");
    return EXIT_INPUT;
}

/* sluice help [--json] [COMMAND]; --json is what man pages and completions are made from. */
static int help(int argc, char **argv)
{
    bool json = argc > 1 && strcmp(argv[1], "--json") == 0;
    const char *name = argc > 1 + json ? argv[1 + json] : NULL;
    if (argc > 2 + json) {
        complaint(ERROR_INPUT, "help takes one command");
        return EXIT_INPUT;
    }
    const struct command *command = name && strcmp(name, "help") != 0 ? command_find(name) : NULL;
    if (!command && name && strcmp(name, "help") != 0)
        return unknown_command(name);
    if (json)
        return help_json(command ? &command : commands, command ? 1 : COMMANDS, stdout) ? 0 : EXIT_SLUICE;
    if (command)
        help_command(command, stdout);
    else
        help_overview(commands, COMMANDS, stdout);
    return 0;
}

/* sluice version [--json] */
static int version(int argc, char **argv)
{
    bool json = argc > 1 && strcmp(argv[1], "--json") == 0;
    if (argc > 1 + json) {
        complaint(ERROR_INPUT, "version takes nothing but --json");
        return EXIT_INPUT;
    }
    printf(json ? "{\"version\": \"" SLUICE_VERSION "\"}\n" : "sluice " SLUICE_VERSION "\n");
    return 0;
}

static bool has_word(int argc, char **argv, const char *word)
{
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], word) == 0)
            return true;
    return false;
}

static int run(const struct command *command, int argc, char **argv)
{
    bool in_order = command == &command_run;
    if (options_ask_help(command, argc, argv, in_order)) {
        help_command(command, stdout);
        return 0;
    }
    int status = command->run(argc, argv);
    /* Of `sluice run`, standard output is the command's. */
    if (status != 0 && options_ask_json(command, argc, argv, in_order))
        complaint_print(in_order ? stderr : stdout);
    return status;
}

int main(int argc, char **argv)
{
    /* What is large lies in pages of its own, which go back when it is freed.  Left alone, the C library begins to keep
     * them after the first, and each process that is forked then holds what its parent no longer needs. */
    (void)mallopt(M_MMAP_THRESHOLD, 256 * 1024);
    if (argc < 2) {
        help_overview(commands, COMMANDS, stderr);
        return EXIT_INPUT;
    }
    const char *name = argv[1];
    const struct command *command = command_find(name);
    if (command)
        return run(command, argc - 1, argv + 1);
    int status;
    if (strcmp(name, "--version") == 0 || strcmp(name, "version") == 0)
        status = version(argc - 1, argv + 1);
    else if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0)
        status = help(argc - 1, argv + 1);
    else
        status = unknown_command(name);
    if (status != 0 && has_word(argc, argv, "--json"))
        complaint_print(stdout);
    return status;
}
