/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The program: one table of commands. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/command.h"
#include "ctl/help.h"
#include "ctl/options.h"

static const struct command *const commands[] = {
    &command_run,    &command_gate,    &command_check, &command_explain, &command_apply,  &command_status,
    &command_events, &command_suggest, &command_down,  &command_replay,  &command_import,
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
    fprintf(stderr, "sluice: unknown command '%.60s'", name);
    if (near)
        fprintf(stderr, "; did you mean '%s'?", near);
    fprintf(stderr, "\nTry 'sluice help'.\n");
    return EXIT_INPUT;
}

/* sluice help [--json] [COMMAND]; --json is what man pages and completions are made from. */
static int help(int argc, char **argv)
{
    bool json = argc > 1 && strcmp(argv[1], "--json") == 0;
    const char *name = argc > 1 + json ? argv[1 + json] : NULL;
    if (argc > 2 + json) {
        fprintf(stderr, "sluice: help takes one command\n");
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

int main(int argc, char **argv)
{
    if (argc < 2) {
        help_overview(commands, COMMANDS, stderr);
        return EXIT_INPUT;
    }
    const char *name = argv[1];
    if (strcmp(name, "--version") == 0 || strcmp(name, "version") == 0) {
        printf("sluice " SLUICE_VERSION "\n");
        return 0;
    }
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0)
        return help(argc - 1, argv + 1);
    const struct command *command = command_find(name);
    if (!command)
        return unknown_command(name);
    if (options_ask_help(command, argc - 1, argv + 1, command == &command_run)) {
        help_command(command, stdout);
        return 0;
    }
    return command->run(argc - 1, argv + 1);
}
