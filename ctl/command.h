/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One command of the program: help, man page and completion are made from these rows (ctl/main.c holds the table). */
#ifndef SLUICE_CTL_COMMAND_H
#define SLUICE_CTL_COMMAND_H

enum {
    EXIT_FINDING = 1,
    EXIT_INPUT = 2,
    EXIT_FAIL_ON = 3,
    EXIT_SLUICE = 125,
    EXIT_CANNOT_RUN = 126,
    EXIT_NOT_FOUND = 127
};

struct command_option {
    const char *name;     /* "--profile" */
    const char *argument; /* NULL: takes none.  "FILE" and other capitals: what kind of text (ctl/help_json.c); small
                             letters: the words themselves, "audit|block" one of them, "deny,alert" several */
    const char *text;     /* one sentence, lower-case first letter, no full stop */
};

struct command {
    const char *name;
    int section;         /* of its man page: 1 any user's, 0 (meaning 8) the administrator's */
    const char *usage;   /* behind "sluice NAME "; what is no option is an operand; "a ID | b": two ways */
    const char *summary; /* one line */
    const char *text;    /* a few sentences for --help and the man page */
    const struct command_option *option; /* ends with a NULL name */
    /* argv[0] is the command's name.  Returns the exit status.  --help and --version are handled before. */
    int (*run)(int argc, char **argv);
};

extern const struct command command_run, command_gate, command_check, command_explain, command_status, command_down,
    command_apply, command_replay, command_import, command_job, command_events, command_suggest;

#endif
