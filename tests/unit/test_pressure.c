/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ctl/pressure: the columns of /proc/net/stat/nf_conntrack, which kernels have moved. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ctl/pressure.h"

static void columns(void **state)
{
    (void)state;
    static const char now[] = "entries  clashres found new invalid ignore delete chainlength insert insert_failed drop "
                              "early_drop icmp_error  expect_new expect_create expect_delete search_restart\n"
                              "00000007  0000000d 1 2 3 4 5 6 7 8 00000009 0000000a b  c d e f\n"
                              "00000007  00000001 1 2 3 4 5 6 7 8 000000ff 00000001 b  c d e f\n";
    static const char before[] = "drop entries\n10 20\n";
    static const struct {
        const char *text, *name;
        bool found;
        uint64_t sum;
    } rows[] = {
        {now, "entries", true, 14},    {now, "clashres", true, 14},        {now, "drop", true, 0x108},
        {now, "early_drop", true, 11}, {now, "search_restart", true, 30},  {now, "rop", false, 0},
        {before, "drop", true, 16},    {before, "entries", true, 32},      {"drop\n", "drop", true, 0},
        {"drop", "drop", true, 0},     {"drop x\n\n5 6", "drop", true, 5}, {"", "drop", false, 0},
    };
    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint64_t sum = 77;
        assert_int_equal(pressure_column(rows[i].text, rows[i].name, &sum), rows[i].found);
        assert_int_equal(sum, rows[i].sum);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(columns)};
    return cmocka_run_group_tests_name("pressure", tests, NULL, NULL);
}
