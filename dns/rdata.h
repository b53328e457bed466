/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The data of records other than addresses and aliases (TXT, SRV, MX, SOA, RRSIG, HTTPS, …), by ldns.
 *
 * ldns knows the types' forms and checks them; it never sees a compressed name or a length that our own reader did not
 * follow first.  ldns allocates a few small blocks a record, all freed here.  Any thread. */
#ifndef SLUICE_DNS_RDATA_H
#define SLUICE_DNS_RDATA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/bytes.h"

/* Writes the RDATA of `len` octets at `offset` of `message` as ldns understood it, its names uncompressed (RFC 3597
 * s4).  False: not a well-formed record of `type`, or no memory; then `w` is as before. */
bool rdata_write(struct bytes message, uint16_t type, size_t offset, size_t len, struct writer *w);

/* False: a name in RDATA of this type does not end within it.  A reader that follows the name reads other records
 * behind it than one that follows the length. */
bool rdata_names_fit(struct bytes message, uint16_t type, size_t offset, size_t len);

/* The first field of RRSIG RDATA (RFC 4034 s3.1.1): the type that it covers; 0: too short. */
uint16_t rdata_covered(struct bytes message, size_t offset, size_t len);

#endif
