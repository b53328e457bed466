/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void error_fill(struct error *e, enum error_code code, int sys_errno, const char *format, ...)
{
    if (!e)
        return;
    va_list args;
    va_start(args, format);
    int n = vsnprintf(e->text, sizeof e->text, format, args);
    va_end(args);
    e->code = code;
    e->sys_errno = sys_errno;
    if (sys_errno && n >= 0 && (size_t)n < sizeof e->text)
        snprintf(e->text + n, sizeof e->text - (size_t)n, ": %s", strerror(sys_errno));
}
