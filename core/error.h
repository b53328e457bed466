/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Failures of the environment or of what a person wrote, for a person to read.
 *
 * The caller owns the storage, nothing is allocated, and every function that takes a `struct error *` returns a bool
 * that must be checked.  Hostile bytes are never an error: they are a reason (core/reason.h). */
#ifndef SLUICE_CORE_ERROR_H
#define SLUICE_CORE_ERROR_H

#include <stdbool.h>

enum error_code {
    ERROR_NONE,
    ERROR_INPUT,  /* what a person wrote is wrong: exit status 2 */
    ERROR_SYSTEM, /* a system call or a library failed; sys_errno says how */
    ERROR_LIMIT,  /* a bound of ours was reached */
};

struct error {
    enum error_code code;
    int sys_errno;
    char text[1000];
};

/* Fills *e.  With a non-zero sys_errno the text gets ": " and strerror appended.  `e` may be NULL. */
void error_fill(struct error *e, enum error_code code, int sys_errno, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

static inline bool error_false(void)
{
    return false;
}

/* Fills *e and is false, so that a failure reads `return error_set(...)`; a macro, so that analysers see that it is. */
#define error_set(...) (error_fill(__VA_ARGS__), error_false())

#endif
