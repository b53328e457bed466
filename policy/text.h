/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Words for error messages: quoting what a person wrote, and guessing what was meant.  No allocation, any thread. */
#ifndef SLUICE_POLICY_TEXT_H
#define SLUICE_POLICY_TEXT_H

#include <stddef.h>

#include "core/bytes.h"

#define TEXT_QUOTE_SIZE 100

/* Copies at most 90 bytes of `in`, control bytes shown as '?', cut at a whole UTF-8 character with "..."; returns out.
 */
const char *text_quote(struct bytes in, char out[TEXT_QUOTE_SIZE]);

/* The bytes that one character takes at `at` (1..4); 1 where the bytes are no UTF-8. */
size_t text_character(struct bytes in, size_t at);

/* True when the character at `at` must not be printed as it is: C0, DEL, C1, broken UTF-8. */
bool text_is_control(struct bytes in, size_t at);

/* The nearest of `count` candidates by edit distance, when it is near enough to be what was meant; else NULL.
 * Words beyond 64 bytes have no nearest. */
const char *text_nearest(struct bytes word, const char *const *candidates, size_t count);

#endif
