/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The command line, read by the rows of a command (ctl/options). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/options.h"

static const struct command_option rows[] = {
    {"-p, --policy", "FILE", "a file"},
    {"--allow", "ENDPOINT", "again"},
    {"--audit", NULL, "a flag"},
    {"-q", NULL, "a short flag"},
    {NULL, NULL, NULL},
};
static const struct command command = {.name = "test", .option = rows};

#define ARGS_MAX 8

struct line {
    const char *why;
    bool in_order;
    const char *argv[ARGS_MAX];
    const char *read; /* "row=value " for each option or operand (row o), then where the rest starts */
};

static void test_lines(void **state)
{
    (void)state;
    static const struct line lines[] = {
        {"long with a separate value", false, {"test", "--policy", "a"}, "0=a end3"},
        {"long with =", false, {"test", "--policy=a=b"}, "0=a=b end2"},
        {"an empty value is a value", false, {"test", "--policy="}, "0= end2"},
        {"short, separate and attached", false, {"test", "-p", "a", "-pb"}, "0=a 0=b end4"},
        {"flags", false, {"test", "--audit", "-q"}, "2 3 end3"},
        {"a value may look like an option", false, {"test", "--policy", "--audit"}, "0=--audit end3"},
        {"operands between options", false, {"test", "x", "--audit", "y"}, "o=x 2 o=y end4"},
        {"behind -- all are operands", false, {"test", "--", "--audit"}, "o=--audit end3"},
        {"a lone - is an operand", false, {"test", "-"}, "o=- end2"},
        {"in order: the first operand ends", true, {"test", "--audit", "cmd", "--audit"}, "2 end2"},
        {"in order: -- ends", true, {"test", "--audit", "--", "--cmd"}, "2 end3"},
        {"no abbreviations", false, {"test", "--pol", "a"}, "wrong"},
        {"unknown", false, {"test", "--nothing"}, "wrong"},
        {"unknown short", false, {"test", "-z"}, "wrong"},
        {"a missing value", false, {"test", "--policy"}, "wrong"},
        {"a flag with a value", false, {"test", "--audit=yes"}, "wrong"},
        {"a short flag with something attached", false, {"test", "-qx"}, "wrong"},
    };
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        char *argv[ARGS_MAX + 1] = {0}, got[200] = "";
        int argc = 0;
        for (; argc < ARGS_MAX && lines[i].argv[argc]; argc++)
            argv[argc] = strdup(lines[i].argv[argc]);
        struct options o = options_init(&command, argc, argv, lines[i].in_order);
        for (;;) {
            const char *value;
            char part[64];
            int row = options_next(&o, &value);
            if (row == OPTIONS_END)
                snprintf(part, sizeof part, "end%d", o.at);
            else if (row == OPTIONS_WRONG)
                snprintf(part, sizeof part, "wrong");
            else if (row == OPTIONS_OPERAND)
                snprintf(part, sizeof part, "o=%s ", value);
            else
                snprintf(part, sizeof part, "%d%s%s ", row, value ? "=" : "", value ? value : "");
            strncat(got, part, sizeof got - strlen(got) - 1);
            if (row == OPTIONS_END || row == OPTIONS_WRONG)
                break;
        }
        if (strcmp(got, lines[i].read) != 0)
            fail_msg("%s: read \"%s\", not \"%s\"", lines[i].why, got, lines[i].read);
        while (argc)
            free(argv[--argc]);
    }
}

static void test_help(void **state)
{
    (void)state;
    static const struct {
        bool in_order, asks;
        const char *argv[ARGS_MAX];
    } lines[] = {
        {false, true, {"test", "--help"}},
        {false, true, {"test", "operand", "-h"}},
        {true, false, {"test", "curl", "--help"}},      /* the command's own */
        {true, true, {"test", "-p", "file", "--help"}}, /* file is a value, not the command */
        {true, false, {"test", "-p", "--help"}},        /* --help is a value */
        {false, false, {"test", "--", "--help"}},
    };
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        char *argv[ARGS_MAX + 1];
        int argc = 0;
        for (; argc < ARGS_MAX && lines[i].argv[argc]; argc++)
            argv[argc] = (char *)(uintptr_t)lines[i].argv[argc];
        assert_int_equal(options_ask_help(&command, argc, argv, lines[i].in_order), lines[i].asks);
    }
}

static void test_nearest(void **state)
{
    (void)state;
    static const char *const words[] = {"run", "gate", "status", "explain"};
    assert_string_equal(options_nearest("rnu", words, 4), "run"); /* a swap is one edit */
    assert_string_equal(options_nearest("explian", words, 4), "explain");
    assert_string_equal(options_nearest("statsu", words, 4), "status");
    assert_null(options_nearest("completely", words, 4));
    assert_null(options_nearest("xy", words, 4));
    char giant[4096];
    memset(giant, 'a', sizeof giant);
    giant[sizeof giant - 1] = 0;
    assert_null(options_nearest(giant, words, 4));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_lines), cmocka_unit_test(test_help),
                                       cmocka_unit_test(test_nearest)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
