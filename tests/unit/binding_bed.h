/* SPDX-License-Identifier: GPL-3.0-or-later */
/* For tests of dns/binding: an empty table, and names and addresses by number. */
#ifndef SLUICE_TESTS_UNIT_BINDING_BED_H
#define SLUICE_TESTS_UNIT_BINDING_BED_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "dns/binding.h"

#define SECOND 1000000ull
#define START  (1000 * SECOND)

static int table_fd = -1;
static struct binding_table *table;

static inline int set_up(void **state)
{
    (void)state;
    table_fd = memfd_create("bindings", MFD_CLOEXEC);
    if (table_fd < 0 || ftruncate(table_fd, (off_t)binding_table_size()) != 0)
        return -1;
    table = binding_map(table_fd, true, NULL);
    return table ? 0 : -1;
}

static inline int tear_down(void **state)
{
    (void)state;
    binding_unmap(table);
    close(table_fd);
    table = NULL;
    return 0;
}

static inline struct address numbered_address(unsigned i)
{
    return (struct address){4, {203, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i}};
}

static inline struct name named(const char *s)
{
    struct name n;
    assert_true(name_from_wire((struct bytes){(const uint8_t *)s, strlen(s)}, &n));
    return n;
}

static inline struct name numbered_name(unsigned i)
{
    char s[64];
    snprintf(s, sizeof s, "n%u.example", i);
    return named(s);
}

static inline bool bound(uint16_t scope, const struct address *a, const char *name, uint64_t now, bool *grace)
{
    struct binding_view view[BINDING_NAMES_MAX];
    unsigned count = binding_find(table, scope, a, now, view, BINDING_NAMES_MAX);
    for (unsigned i = 0; i < count; i++) {
        if (view[i].len == strlen(name) && memcmp(view[i].name, name, view[i].len + 1u) == 0) {
            if (grace)
                *grace = view[i].grace;
            return true;
        }
    }
    return false;
}

#endif
