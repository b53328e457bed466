/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Help texts, made from the command table; and the table itself as JSON, from which deploy/man/generate and
 * deploy/completion/generate make man pages and completions. */
#ifndef SLUICE_CTL_HELP_H
#define SLUICE_CTL_HELP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "ctl/command.h"

struct help_exit {
    const char *status, *text;
};

extern const char help_about[];

/* All commands, one line each. */
void help_overview(const struct command *const *commands, size_t count, FILE *out);
/* One command: usage, text, options. */
void help_command(const struct command *command, FILE *out);
/* Its exit statuses; ends with NULL. */
const struct help_exit *help_exits(const struct command *command);

/* One JSON object: the commands with their options, operands and exit statuses, and the closed lists that events draw
 * from (core/reason.h).  False: no memory. */
bool help_json(const struct command *const *commands, size_t count, FILE *out);

#endif
