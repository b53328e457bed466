/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/complaint.h"
#include "ctl/options.h"

#include <stdio.h>
#include <string.h>

#define ROWS_MAX 64
#define WORD_MAX 48

/* Copies the short or the long form of a row's name; false: it has none. */
static bool row_form(const struct command_option *row, bool want_long, char out[WORD_MAX])
{
    const char *at = row->name;
    while (*at) {
        size_t len = strcspn(at, ", ");
        bool is_long = len > 2 && at[0] == '-' && at[1] == '-';
        if (is_long == want_long && len > 0 && len < WORD_MAX) {
            memcpy(out, at, len);
            out[len] = 0;
            return true;
        }
        at += len;
        at += strspn(at, ", ");
    }
    return false;
}

struct options options_init(const struct command *command, int argc, char **argv, bool in_order)
{
    return (struct options){.command = command, .argc = argc, .argv = argv, .at = 1, .in_order = in_order};
}

/* The row that `argument` names, or -1.  *attached: the value that stands in the same argument, or NULL. */
static int row_find(const struct command *command, const char *argument, const char **attached)
{
    bool is_long = argument[1] == '-';
    size_t len = is_long ? strcspn(argument, "=") : 2;
    char form[WORD_MAX];
    *attached = NULL;
    for (int i = 0; command->option && command->option[i].name; i++) {
        if (!row_form(&command->option[i], is_long, form) || strlen(form) != len || memcmp(form, argument, len) != 0)
            continue;
        if (argument[len])
            *attached = argument + len + (is_long ? 1 : 0);
        return i;
    }
    return -1;
}

static int wrong_option(const struct command *command, const char *argument)
{
    static char form[ROWS_MAX][WORD_MAX];
    const char *words[ROWS_MAX];
    size_t count = 0;
    for (int i = 0; command->option && command->option[i].name && count < ROWS_MAX; i++)
        if (row_form(&command->option[i], true, form[count])) {
            words[count] = form[count];
            count++;
        }
    char asked[WORD_MAX];
    snprintf(asked, sizeof asked, "%.*s", (int)strcspn(argument, "="), argument);
    const char *near = options_nearest(asked, words, count);
    complaint(ERROR_INPUT, "%s: unknown option %s%s%s%s", command->name, asked, near ? "; did you mean " : "",
              near ? near : "", near ? "?" : "");
    fprintf(stderr, "Try 'sluice help %s'.\n", command->name);
    return OPTIONS_WRONG;
}

int options_next(struct options *o, const char **value)
{
    *value = NULL;
    if (o->at >= o->argc)
        return OPTIONS_END;
    const char *argument = o->argv[o->at];
    bool operand = o->after_dash || argument[0] != '-' || !argument[1];
    if (!operand && strcmp(argument, "--") == 0) {
        o->at++;
        o->after_dash = true;
        return o->in_order ? OPTIONS_END : options_next(o, value);
    }
    if (operand) {
        if (o->in_order)
            return OPTIONS_END;
        *value = argument;
        o->at++;
        return OPTIONS_OPERAND;
    }
    const char *attached;
    int row = row_find(o->command, argument, &attached);
    if (row < 0)
        return wrong_option(o->command, argument);
    o->at++;
    if (!o->command->option[row].argument) {
        if (!attached)
            return row;
        complaint(ERROR_INPUT, "%s: %s takes no value", o->command->name, o->command->option[row].name);
        return OPTIONS_WRONG;
    }
    if (!attached && o->at < o->argc)
        attached = o->argv[o->at++];
    if (!attached) {
        complaint(ERROR_INPUT, "%s: %s needs %s", o->command->name, o->command->option[row].name,
                  o->command->option[row].argument);
        return OPTIONS_WRONG;
    }
    *value = attached;
    return row;
}

static bool asks(const struct command *command, int argc, char **argv, bool in_order, const char *name,
                 const char *letter)
{
    for (int i = 1; i < argc; i++) {
        const char *argument = argv[i];
        if (strcmp(argument, "--") == 0)
            return false;
        if (strcmp(argument, name) == 0 || strcmp(argument, letter) == 0)
            return true;
        if (argument[0] != '-' || !argument[1]) {
            if (in_order)
                return false;
            continue;
        }
        const char *attached;
        int row = row_find(command, argument, &attached);
        if (row >= 0 && command->option[row].argument && !attached)
            i++;
    }
    return false;
}

bool options_ask_help(const struct command *command, int argc, char **argv, bool in_order)
{
    return asks(command, argc, argv, in_order, "--help", "-h");
}

bool options_ask_json(const struct command *command, int argc, char **argv, bool in_order)
{
    return asks(command, argc, argv, in_order, "--json", "--json");
}

/* Edits (insert, delete, replace, swap of neighbours) from one word to the other; both shorter than WORD_MAX. */
static unsigned distance(const char *a, const char *b)
{
    unsigned row[3][WORD_MAX + 1];
    size_t la = strlen(a), lb = strlen(b);
    for (size_t j = 0; j <= lb; j++)
        row[0][j] = (unsigned)j;
    for (size_t i = 1; i <= la; i++) {
        unsigned *now = row[i % 3], *last = row[(i + 2) % 3], *before = row[(i + 1) % 3];
        now[0] = (unsigned)i;
        for (size_t j = 1; j <= lb; j++) {
            unsigned best = last[j - 1] + (a[i - 1] != b[j - 1]);
            if (last[j] + 1 < best)
                best = last[j] + 1;
            if (now[j - 1] + 1 < best)
                best = now[j - 1] + 1;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && before[j - 2] + 1 < best)
                best = before[j - 2] + 1;
            now[j] = best;
        }
    }
    return row[la % 3][lb];
}

const char *options_nearest(const char *word, const char *const *words, size_t count)
{
    const char *near = NULL;
    unsigned best = ~0u;
    if (strlen(word) >= WORD_MAX)
        return NULL;
    for (size_t i = 0; i < count; i++) {
        size_t len = strlen(words[i]);
        if (len >= WORD_MAX)
            continue;
        unsigned d = distance(word, words[i]);
        if (d < best && d * 3 <= (len > strlen(word) ? len : strlen(word))) {
            best = d;
            near = words[i];
        }
    }
    return near;
}

bool options_fail_on(const char *value, bool *deny, bool *alert, struct error *e)
{
    while (*value) {
        size_t len = strcspn(value, ",");
        if (len == 4 && memcmp(value, "deny", 4) == 0)
            *deny = true;
        else if (len == 5 && memcmp(value, "alert", 5) == 0)
            *alert = true;
        else
            return error_set(e, ERROR_INPUT, 0, "--fail-on takes deny, alert or deny,alert, not '%.*s'", (int)len,
                             value);
        value += len;
        value += *value == ',';
    }
    return true;
}
