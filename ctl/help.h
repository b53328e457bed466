/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Help texts and man pages, made from the command table. */
#ifndef SLUICE_CTL_HELP_H
#define SLUICE_CTL_HELP_H

#include <stddef.h>
#include <stdio.h>

#include "ctl/command.h"

/* All commands, one line each. */
void help_overview(const struct command *const *commands, size_t count, FILE *out);
/* One command: usage, text, options. */
void help_command(const struct command *command, FILE *out);
/* The man page of one command, sluice-NAME(8), in man(7). */
void help_man(const struct command *command, FILE *out);
/* The man page sluice(8). */
void help_man_overview(const struct command *const *commands, size_t count, FILE *out);

#endif
