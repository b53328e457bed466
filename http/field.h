/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Lines and fields of an HTTP/1 head (RFC 9112 s2.2, s5), shared by http/head and http/mask.  Pure, no allocation, any
 * thread; everything is borrowed from the caller's bytes. */
#ifndef SLUICE_HTTP_FIELD_H
#define SLUICE_HTTP_FIELD_H

#include <stdbool.h>

#include "core/bytes.h"

struct field {
    struct bytes name, value; /* the value without space around it */
    bool value_is_plain;      /* in front of the value nothing but spaces, behind it nothing */
};

/* The next line without its CRLF.  r's state tells: NEED_MORE: no CRLF yet, MALFORMED: a bare CR or LF, or a control
 * byte other than HTAB, told as soon as it is there. */
struct bytes field_line(struct reader *r);

/* Splits `line` at its colon.  False: no colon, a name that is no token (s5.1: no space before the colon), or a line
 * that begins with space (s5.2: obs-fold). */
bool field_split(struct bytes line, struct field *out);

/* A token character (RFC 9110 s5.6.2). */
bool field_is_token_byte(uint8_t c);

/* Is it `lower`, whatever its case? */
bool field_is(struct bytes text, const char *lower);

/* Is it `lower`, or what a server that turns punctuation into `-` or `_` would take for it? */
bool field_resembles(struct bytes text, const char *lower);
uint8_t field_normal_byte(uint8_t c); /* the same for one byte: lower case, punctuation as '-' */

/* Decimal, no sign, no leading zeros, at most 18 digits: what strtol, atoi and strict readers take for the same. */
bool field_number(struct bytes text, uint64_t *out);

/* The next element of a comma-separated list (RFC 9110 s5.6.1) without space around it; false at the end. */
bool field_next_element(struct reader *list, struct bytes *out);

#endif
