/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A command line, read by the rows of struct command (ctl/command.h), so that help, man page and parsing cannot differ.
 *
 * A row's name is "--policy", "-p", or "-p, --policy".  Accepted: --name VALUE, --name=VALUE, -p VALUE, -pVALUE, "--".
 * No abbreviations: an option added later must not change what a script means.  One thread. */
#ifndef SLUICE_CTL_OPTIONS_H
#define SLUICE_CTL_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "core/error.h"
#include "ctl/command.h"

enum { OPTIONS_END = -1, OPTIONS_WRONG = -2, OPTIONS_OPERAND = -3 };

struct options {
    const struct command *command;
    int argc;
    char **argv;
    int at;          /* the next argument; at OPTIONS_END the first that was not read */
    bool in_order;   /* the first operand ends the options (a command that runs another) */
    bool after_dash; /* "--" was seen */
};

/* argv[0] is the command's name.  in_order false: operands may stand between options (OPTIONS_OPERAND). */
struct options options_init(const struct command *command, int argc, char **argv, bool in_order);

/* The next option: the index of its row, with *value its argument (NULL: takes none).  OPTIONS_OPERAND: *value is an
 * operand.  OPTIONS_END: all read.  OPTIONS_WRONG: a line on standard error says what is wrong (with the nearest
 * known option): exit with EXIT_INPUT. */
int options_next(struct options *o, const char **value);

/* True when --help, or --json, stands among the options (not behind "--", not among the operands of a command that is
 * in_order). */
bool options_ask_help(const struct command *command, int argc, char **argv, bool in_order);
bool options_ask_json(const struct command *command, int argc, char **argv, bool in_order);

/* The one of `count` words that a person most likely meant, or NULL (Damerau-Levenshtein, at most a third of it wrong).
 */
const char *options_nearest(const char *word, const char *const *words, size_t count);

/* The value of --fail-on: "deny", "alert" or both. */
bool options_fail_on(const char *value, bool *deny, bool *alert, struct error *e);

#endif
