/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool log_wants_color(int fd)
{
    const char *no_color = getenv("NO_COLOR"), *terminal = getenv("TERM");
    if (no_color && *no_color)
        return false;
    return isatty(fd) == 1 && terminal && strcmp(terminal, "dumb") != 0;
}

/* Control bytes become \xNN; newline, tab and everything from 0x80 up (UTF-8 of a file's name) stay. */
static size_t log_clean(const char *in, char *out, size_t size_bytes)
{
    static const char hex[] = "0123456789abcdef";
    size_t n = 0;
    for (; *in && n + 5 < size_bytes; in++) {
        unsigned char c = (unsigned char)*in;
        if ((c < 0x20 && c != '\n' && c != '\t') || c == 0x7f) {
            out[n++] = '\\';
            out[n++] = 'x';
            out[n++] = hex[c >> 4];
            out[n++] = hex[c & 15];
        } else {
            out[n++] = (char)c;
        }
    }
    return n;
}

static void __attribute__((format(printf, 2, 0))) log_write(const char *prefix, const char *format, va_list args)
{
    char text[LOG_MAX_BYTES], line[LOG_MAX_BYTES + 64];
    int saved = errno;
    if (vsnprintf(text, sizeof text, format, args) >= 0) {
        size_t n = strlen(prefix);
        memcpy(line, prefix, n);
        n += log_clean(text, line + n, LOG_MAX_BYTES);
        line[n++] = '\n';
        /* Where standard error cannot be written there is nobody to tell. */
        ssize_t written = write(STDERR_FILENO, line, n);
        (void)written;
    }
    errno = saved;
}

void log_note(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    log_write("sluice: ", format, args);
    va_end(args);
}

void log_error(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    log_write(log_wants_color(STDERR_FILENO) ? "sluice: \033[31merror:\033[0m " : "sluice: error: ", format, args);
    va_end(args);
}
