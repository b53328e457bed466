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

/* Fills *e and returns false, so that a failure reads `return error_set(...)`.  With a non-zero sys_errno the text
 * gets ": " and strerror appended.  `e` may be NULL. */
bool error_set(struct error *e, enum error_code code, int sys_errno, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

#endif
