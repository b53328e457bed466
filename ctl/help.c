/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/help.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define COLUMNS 100

static const char about[] = "sluice holds the network traffic of build jobs: what a build must download is named in a "
                            "policy, everything else that it tries to say to the world is refused, reported and "
                            "traced to the process and the package that tried.";

static const struct {
    const char *status, *text;
} exits_run[] =
    {
        {"N", "the command's own status; 128 and the signal's number where a signal ended it"},
        {"3", "the command succeeded, and something that --fail-on names happened"},
        {"125", "sluice itself failed; the command did not run"},
        {"126", "the command could not be run"},
        {"127", "the command was not found"},
},
  exits_other[] = {
      {"0", "done"},
      {"1", "a finding, or not running"},
      {"2", "wrong input"},
      {"125", "sluice itself failed"},
};

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
    print_wrapped(out, about, 0, 0);
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

/* roff reads a backslash, and a point or quote at a line's start. */
static void man_text(FILE *out, const char *text)
{
    bool start = true;
    for (; *text; text++) {
        if (start && (*text == '.' || *text == '\''))
            fputs("\\&", out);
        if (*text == '\\')
            fputs("\\e", out);
        else if (*text == '-')
            fputs("\\-", out);
        else
            fputc(*text, out);
        start = *text == '\n';
    }
    fputc('\n', out);
}

static void man_head(FILE *out, const char *page, const char *summary)
{
    fprintf(out, ".TH \"");
    for (const char *c = page; *c; c++)
        fputc(*c >= 'a' && *c <= 'z' ? *c - 'a' + 'A' : *c, out);
    fprintf(out, "\" 8 \"\" \"sluice " SLUICE_VERSION "\" \"sluice\"\n.SH NAME\n%s \\- ", page);
    man_text(out, summary);
}

static void man_exits(FILE *out, bool run)
{
    fprintf(out, ".SH EXIT STATUS\n");
    size_t count = run ? sizeof exits_run / sizeof exits_run[0] : sizeof exits_other / sizeof exits_other[0];
    for (size_t i = 0; i < count; i++) {
        fprintf(out, ".TP\n.B %s\n", run ? exits_run[i].status : exits_other[i].status);
        man_text(out, run ? exits_run[i].text : exits_other[i].text);
    }
}

void help_man(const struct command *command, FILE *out)
{
    char page[64];
    snprintf(page, sizeof page, "sluice-%s", command->name);
    man_head(out, page, command->summary);
    fprintf(out, ".SH SYNOPSIS\n.B sluice %s\n", command->name);
    man_text(out, command->usage);
    fprintf(out, ".SH DESCRIPTION\n");
    man_text(out, command->text);
    if (command->option && command->option[0].name)
        fprintf(out, ".SH OPTIONS\n");
    for (const struct command_option *o = command->option; o && o->name; o++) {
        fprintf(out, ".TP\n.B ");
        char head[200];
        snprintf(head, sizeof head, "%s%s%s", o->name, o->argument ? " " : "", o->argument ? o->argument : "");
        man_text(out, head);
        man_text(out, o->text);
    }
    man_exits(out, strcmp(command->name, "run") == 0);
    fprintf(out, ".SH SEE ALSO\n.BR sluice (8)\n");
}

void help_man_overview(const struct command *const *commands, size_t count, FILE *out)
{
    man_head(out, "sluice", "a transparent DNS/HTTP egress firewall for build jobs");
    fprintf(out, ".SH SYNOPSIS\n.B sluice\n.I COMMAND\n.RI [ ARGUMENT ]...\n.SH DESCRIPTION\n");
    man_text(out, about);
    fprintf(out, ".SH COMMANDS\n");
    for (size_t i = 0; i < count; i++) {
        fprintf(out, ".TP\n.BR sluice\\-%s (8)\n", commands[i]->name);
        man_text(out, commands[i]->summary);
    }
}
