/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/help.h"

#include <stdio.h>
#include <string.h>

#define COLUMNS 100

const char help_about[] = "sluice holds the network traffic of build jobs: what a build must download is named in a "
                          "policy, everything else that it tries to say to the world is refused, reported and "
                          "traced to the process and the package that tried.";

static const struct help_exit exits_run[] =
    {
        {"N", "the command's own status; 128 and the signal's number where a signal ended it"},
        {"3", "the command succeeded, and something that --fail-on names happened"},
        {"125", "sluice itself failed; the command did not run"},
        {"126", "the command could not be run"},
        {"127", "the command was not found"},
        {NULL, NULL},
},
                              exits_other[] = {
                                  {"0", "done"},        {"1", "a finding, or not running"},
                                  {"2", "wrong input"}, {"125", "sluice itself failed"},
                                  {NULL, NULL},
};

const struct help_exit *help_exits(const struct command *command)
{
    return strcmp(command->name, "run") == 0 ? exits_run : exits_other;
}

/* Prints `text` wrapped at COLUMNS, each line behind `indent` blanks; the cursor stands at `column`. */
static void print_wrapped(FILE *out, const char *text, int indent, int column)
{
    while (*text) {
        size_t len = strcspn(text, " \n");
        if (column + (int)len + 1 > COLUMNS && column > indent) {
            fprintf(out, "\n");
            column = 0;
        }
        if (column < indent) {
            fprintf(out, "%*s", indent - column, "");
            column = indent;
        } else if (column > indent) {
            fputc(' ', out);
            column++;
        }
        fprintf(out, "%.*s", (int)len, text);
        column += (int)len;
        text += len;
        if (*text == '\n') {
            fputc('\n', out);
            column = 0;
        }
        text += *text ? 1 : 0;
    }
    fputc('\n', out);
}

void help_overview(const struct command *const *commands, size_t count, FILE *out)
{
    print_wrapped(out, help_about, 0, 0);
    fprintf(out, "\nUsage: sluice COMMAND [ARGUMENT]...\n\nCommands:\n");
    for (size_t i = 0; i < count; i++)
        fprintf(out, "  %-10s %s\n", commands[i]->name, commands[i]->summary);
    fprintf(out,
            "\n'sluice help COMMAND' or 'sluice COMMAND --help' says more.  'sluice --version' tells the version.\n");
}

void help_command(const struct command *command, FILE *out)
{
    fprintf(out, "Usage: ");
    char line[1000];
    snprintf(line, sizeof line, "sluice %s %s", command->name, command->usage);
    print_wrapped(out, line, 7, 7);
    fputc('\n', out);
    print_wrapped(out, command->text, 0, 0);
    if (!command->option || !command->option[0].name)
        return;
    fprintf(out, "\nOptions:\n");
    for (const struct command_option *o = command->option; o->name; o++) {
        int n = fprintf(out, "  %s%s%s", o->name, o->argument ? " " : "", o->argument ? o->argument : "");
        print_wrapped(out, o->text, 26, n < 25 ? n : 200);
    }
}
