/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The command table as JSON. */
#include <ctype.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "core/reason.h"
#include "ctl/help.h"

/* What a shell can offer for an argument: by the word that stands for it, or by the option's own name. */
static const char *argument_kind(const char *option, const char *word)
{
    static const struct {
        const char *word, *kind;
    } kinds[] = {
        {"FILE", "file"},           {"POLICY", "file"},     {"CAPTURE", "file"},      {"PATH", "file"},
        {"DIRECTORY", "directory"}, {"COMMAND", "command"}, {"ENDPOINT", "endpoint"}, {"ADDRESS", "address"},
    };
    if (strstr(option, "--profile"))
        return "profile";
    if (strstr(option, "--scope"))
        return "scope";
    if (islower((unsigned char)word[0]))
        return "word";
    size_t len = strspn(word, "ABCDEFGHIJKLMNOPQRSTUVWXYZ");
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (len == strlen(kinds[i].word) && memcmp(word, kinds[i].word, len) == 0)
            return kinds[i].kind;
    return "text";
}

/* "audit|block" or "deny,alert": the words; of those with commas several may be given. */
static json_t *words_of(const char *argument)
{
    json_t *words = json_array();
    while (*argument) {
        size_t len = strcspn(argument, "|,");
        json_array_append_new(words, json_stringn(argument, len));
        argument += len;
        argument += *argument != 0;
    }
    return words;
}

static json_t *json_argument(const char *option, const char *argument)
{
    const char *kind = argument_kind(option, argument);
    json_t *o = json_pack("{s:s, s:s}", "name", argument, "kind", kind);
    if (strcmp(kind, "word") == 0) {
        json_object_set_new(o, "words", words_of(argument));
        json_object_set_new(o, "several", json_boolean(strchr(argument, ',') != NULL));
    }
    return o;
}

/* "-p, --policy" */
static json_t *json_option(const struct command_option *option)
{
    json_t *names = json_array();
    for (const char *at = option->name; *at;) {
        size_t len = strcspn(at, ", ");
        json_array_append_new(names, json_stringn(at, len));
        at += len;
        at += strspn(at, ", ");
    }
    return json_pack("{s:o, s:o, s:s}", "names", names, "argument",
                     option->argument ? json_argument(option->name, option->argument) : json_null(), "text",
                     option->text);
}

static bool takes_value(const struct command *command, const char *option, size_t len)
{
    for (const struct command_option *o = command->option; o && o->name; o++) {
        const char *at = strstr(o->name, "--");
        if (at && strlen(at) == len && memcmp(at, option, len) == 0)
            return o->argument != NULL;
    }
    return false;
}

/* What of a usage is no option: its operands, of which [THOSE] may be left out.  "start ... | end ID" is two ways to
 * use the command: their first words are one operand. */
static json_t *json_operands(const struct command *command)
{
    json_t *operands = json_array();
    unsigned depth = 0;
    bool value = false, first = true, another = false;
    for (const char *at = command->usage; *at;) {
        size_t len = strcspn(at, " \n");
        bool optional = at[0] == '[' && len > 2 && isalpha((unsigned char)at[1]);
        bool outside = depth == 0 && len > 0 && (optional || at[0] != '[');
        for (size_t i = 0; i < len; i++) {
            depth += at[i] == '[';
            depth -= at[i] == ']' && depth > 0;
        }
        if (outside && len == 1 && at[0] == '|') {
            first = another = true;
        } else if (outside && at[0] == '-') {
            value = takes_value(command, at, len);
        } else if (outside && value) {
            value = false;
        } else if (outside && another && first) {
            json_array_append_new(json_object_get(json_array_get(operands, 0), "words"), json_stringn(at, len));
            first = false;
        } else if (outside && !another) {
            char word[64];
            snprintf(word, sizeof word, "%.*s", (int)(optional ? strcspn(at + 1, "] ") : len), at + optional);
            json_array_append_new(operands, json_argument("", word));
        }
        at += len;
        at += *at != 0;
    }
    return operands;
}

static json_t *json_command(const struct command *command)
{
    json_t *options = json_array(), *exits = json_array();
    for (const struct command_option *o = command->option; o && o->name; o++)
        json_array_append_new(options, json_option(o));
    for (const struct help_exit *e = help_exits(command); e->status; e++)
        json_array_append_new(exits, json_pack("{s:s, s:s}", "status", e->status, "text", e->text));
    return json_pack("{s:s, s:i, s:s, s:s, s:s, s:o, s:o, s:o}", "name", command->name, "section",
                     command->section ? command->section : 8, "usage", command->usage, "summary", command->summary,
                     "text", command->text, "options", options, "operands", json_operands(command), "exits", exits);
}

static json_t *json_events(void)
{
    json_t *actions = json_array(), *reasons = json_array(), *verdicts = json_array();
    for (unsigned i = ACTION_NONE + 1; i < ACTION_COUNT; i++)
        json_array_append_new(actions, json_string(action_name((enum action)i)));
    for (unsigned i = REASON_NONE + 1; i < REASON_COUNT; i++)
        json_array_append_new(reasons,
                              json_pack("{s:s, s:s, s:b}", "name", reason_name((enum reason)i), "text",
                                        reason_text((enum reason)i), "attack", (int)reason_is_attack((enum reason)i)));
    for (unsigned i = 0; i < VERDICT_COUNT; i++)
        json_array_append_new(verdicts, json_string(verdict_name((enum verdict)i)));
    return json_pack("{s:o, s:o, s:o}", "actions", actions, "reasons", reasons, "verdicts", verdicts);
}

bool help_json(const struct command *const *commands, size_t count, FILE *out)
{
    json_t *rows = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(rows, json_command(commands[i]));
    json_t *all = json_pack("{s:s, s:s, s:o, s:o}", "version", SLUICE_VERSION, "about", help_about, "commands", rows,
                            "events", json_events());
    char *text = all ? json_dumps(all, JSON_COMPACT | JSON_ENSURE_ASCII) : NULL;
    if (text)
        fprintf(out, "%s\n", text);
    json_decref(all);
    free(text);
    return text != NULL;
}
