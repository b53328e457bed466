/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What sluice says to a person, on standard error: "sluice: ..." and a newline, one write(2) each.
 *
 * Callers pass text of ours; what came from the wire or from /proc goes through event_escape first.  Control bytes
 * other than newline and tab are shown as \xNN here all the same, so that no message can drive a terminal.
 * At most LOG_MAX_BYTES of a message are written.  No allocation, any thread, never blocks on anything but the write.
 */
#ifndef SLUICE_CORE_LOG_H
#define SLUICE_CORE_LOG_H

#include <stdbool.h>

#define LOG_MAX_BYTES 4096

/* Something worth knowing; nothing failed. */
void log_note(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Something failed: "sluice: error: ...", the word in red where colour is wanted. */
void log_error(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* True when `fd` is a terminal that shows colour and NO_COLOR is unset or empty (no-color.org). */
bool log_wants_color(int fd);

#endif
