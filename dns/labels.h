/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Domain names as they lie in a DNS message: any octets, compressed or not (RFC 1035 s3.1, s4.1.4).
 *
 * `struct name` (core/name.h) holds only host names; this holds whatever an answer may legally contain.  Everything is
 * addressed by offset into the message.  Plain values, no allocation, any thread. */
#ifndef SLUICE_DNS_LABELS_H
#define SLUICE_DNS_LABELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/bytes.h"

#define LABELS_MAX_BYTES 255 /* RFC 1035 s2.3.4 */

struct labels {
    uint8_t len; /* root label included: 1..255; 0: none */
    uint8_t octets[LABELS_MAX_BYTES];
};

/* A closed cursor at `offset` of `message`; one that failed when the offset lies outside. */
struct reader labels_cursor(struct bytes message, size_t offset);

/* Reads the name at *at and moves *at behind it.  Its part in place may not pass `limit`.  A pointer must lead to an
 * offset behind the header and before the run of labels that it ends, so every chase ends; at most 64 of them.
 * Label types 0x40 and 0x80 and more than 255 octets are refused.  Outputs are written only on success. */
bool labels_read(struct bytes message, size_t *at, size_t limit, struct labels *out);

struct bytes labels_bytes(const struct labels *n);
struct labels labels_from_bytes(struct bytes wire); /* uncompressed, at most 255 octets, read before */

bool labels_equal(const struct labels *a, const struct labels *b); /* case-insensitive, RFC 4343 */
uint32_t labels_hash(const struct labels *n);                      /* of the folded octets */

/* Drops the first label; false at the root. */
bool labels_pop(struct labels *n);

/* When `n` lies one or more labels below `owner`: puts what n has in front of it before `target` (RFC 6672 s2.3).
 * False: not below, or the result is too long. */
bool labels_substitute(const struct labels *n, const struct labels *owner, const struct labels *target,
                       struct labels *out);

/* Presentation form for people: other than letters, digits, '-' and '_' as \DDD or \. (RFC 1035 s5.1); cut to fit. */
void labels_show(const struct labels *n, char out[256]);

#endif
