/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Braces as in a shell: {a,b}, {0..19}, {00..19}, {0..10..5}, {a..e}, nested.  Pure, no allocation, any thread.
 *
 * A text is at most EXPAND_TEXT_MAX bytes, before and after, with at most EXPAND_BRACES_MAX pairs of braces. */
#ifndef SLUICE_POLICY_EXPAND_H
#define SLUICE_POLICY_EXPAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/bytes.h"
#include "core/error.h"

#define EXPAND_TEXT_MAX   1024
#define EXPAND_BRACES_MAX 16

/* One text, and for each byte of it (and for its end) the 0-based offset in what was written. */
struct expanded {
    size_t len;
    char text[EXPAND_TEXT_MAX + 1];
    uint16_t origin[EXPAND_TEXT_MAX + 1];
};

/* False stops the expansion. */
typedef bool expand_sink(void *ctx, const struct expanded *text);

/* Calls the sink for each text that `text` stands for, in the shell's order, at most `max` times.  On failure *e says
 * why and *offset where; when the sink stopped it, neither is written. */
bool expand_braces(struct bytes text, size_t max, expand_sink *sink, void *ctx, size_t *offset, struct error *e);

#endif
