/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What `sluice help --json` makes of a usage: man pages and completions rest on it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/help.h"

static const struct command_option rows[] = {
    {"-p, --policy", "FILE", "a file"},
    {"--profile", "NAME", "a profile"},
    {"--fail-on", "deny,alert", "words"},
    {"--mode", "audit|block", "one word"},
    {"--id", "ID", "a text"},
    {"--json", NULL, "a flag"},
    {NULL, NULL, NULL},
};

static json_t *table(const char *usage)
{
    struct command command = {.name = "test", .usage = usage, .summary = "a summary", .text = "a text", .option = rows};
    const struct command *commands[] = {&command};
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    assert_true(help_json(commands, 1, out));
    fclose(out);
    json_t *all = json_loads(text, 0, NULL);
    free(text);
    assert_non_null(all);
    return all;
}

static json_t *part(json_t *all, const char *key)
{
    return json_object_get(json_array_get(json_object_get(all, "commands"), 0), key);
}

static void test_operands(void **state)
{
    (void)state;
    static const struct {
        const char *usage, *operands; /* "name:kind[words]" each */
    } lines[] = {
        {"", ""},
        {"[--json] POLICY", "POLICY:file "},
        {"[-p FILE] [--id ID]... POLICY ENDPOINT...", "POLICY:file ENDPOINT...:endpoint "},
        {"[--json] a|b|c FILE", "a|b|c:word[a,b,c] FILE:file "},
        {"[--id ID]... -- COMMAND [ARG]...", "COMMAND:command ARG:text "},
        {"[--json] [POLICY]", "POLICY:file "},
        {"[-p FILE | --profile NAME] CAPTURE", "CAPTURE:file "},
        {"start --id ID --json FILE | phase ID NAME | end ID | list", "start:word[start,phase,end,list] FILE:file "},
    };
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        json_t *all = table(lines[i].usage), *operand, *word;
        char got[400] = "";
        size_t k, w;
        json_array_foreach(part(all, "operands"), k, operand)
        {
            size_t len = strlen(got);
            snprintf(got + len, sizeof got - len, "%s:%s", json_string_value(json_object_get(operand, "name")),
                     json_string_value(json_object_get(operand, "kind")));
            json_array_foreach(json_object_get(operand, "words"), w, word)
            {
                len = strlen(got);
                snprintf(got + len, sizeof got - len, "%s%s", w ? "," : "[", json_string_value(word));
            }
            len = strlen(got);
            snprintf(got + len, sizeof got - len, "%s", json_object_get(operand, "words") ? "] " : " ");
        }
        if (strcmp(got, lines[i].operands) != 0)
            fail_msg("%s: \"%s\", not \"%s\"", lines[i].usage, got, lines[i].operands);
        json_decref(all);
    }
}

static void test_options(void **state)
{
    (void)state;
    json_t *all = table(""), *options = part(all, "options");
    json_t *expected = json_loads(
        "[[[\"-p\",\"--policy\"],\"file\"],[[\"--profile\"],\"profile\"],[[\"--fail-on\"],\"word\"],[[\"--mode\"],"
        "\"word\"],[[\"--id\"],\"text\"],[[\"--json\"],null]]",
        0, NULL);
    assert_int_equal(json_array_size(options), json_array_size(expected));
    for (size_t i = 0; i < json_array_size(expected); i++) {
        json_t *o = json_array_get(options, i), *e = json_array_get(expected, i);
        json_t *argument = json_object_get(o, "argument");
        json_t *kind = json_is_null(argument) ? argument : json_object_get(argument, "kind");
        assert_true(json_equal(json_object_get(o, "names"), json_array_get(e, 0)));
        assert_true(json_equal(kind, json_array_get(e, 1)));
    }
    json_t *several = json_object_get(json_object_get(json_array_get(options, 2), "argument"), "several");
    assert_true(json_is_true(several));
    json_decref(expected);
    json_decref(all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_operands), cmocka_unit_test(test_options)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
