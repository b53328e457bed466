/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Host names in the one form that everything compares: lower-case ASCII, labels of letters, digits, hyphen and
 * underscore joined by dots, no trailing dot, 1..253 bytes.  In this alphabet the written form is unambiguous.
 * Plain values, no allocation except name_from_person (libidn2), any thread. */
#ifndef SLUICE_CORE_NAME_H
#define SLUICE_CORE_NAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/bytes.h"

#define NAME_MAX_BYTES 253

struct name {
    uint8_t len;                   /* 0: no name */
    char text[NAME_MAX_BYTES + 1]; /* NUL-terminated */
};

/* From bytes that were on the wire in presentation form (SNI, Host): folds case; refuses an empty name, an empty or
 * over-long label, any byte outside the alphabet, a trailing dot, and what reads as an IPv4 address (last label all
 * digits or 0x…, as WHATWG's URL standard ends in a number). */
bool name_from_wire(struct bytes text, struct name *out);

/* From DNS wire labels (RFC 1035 s3.1), uncompressed, ending in the root label.  Same alphabet.  The root alone is
 * refused.  Labels that are all digits are accepted here: a question decides by lookup only. */
bool name_from_labels(struct bytes labels, struct name *out);

/* From what a person wrote: as name_from_wire, and one trailing dot is dropped and U-labels become A-labels
 * (libidn2, IDNA2008 with UTS 46 mapping). */
bool name_from_person(struct bytes text, struct name *out);

/* Writes the uncompressed DNS wire form (at most 255 bytes); returns its length. */
size_t name_to_labels(const struct name *n, uint8_t out[255]);

bool name_equal(const struct name *a, const struct name *b);
unsigned name_label_count(const struct name *n);
/* True when `n` is one or more labels below `zone`. */
bool name_is_below(const struct name *n, const struct name *zone);
uint32_t name_hash(struct bytes text, uint32_t seed);

#endif
