/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Names of the DNS query types that dns://name?types=… may list.  Pure, no allocation, any thread. */
#ifndef SLUICE_POLICY_ENDPOINT_TYPE_H
#define SLUICE_POLICY_ENDPOINT_TYPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/bytes.h"

#define ENDPOINT_TYPE_SIZE 12 /* "NSEC3PARAM", "TYPE65535" */

/* "TXT", "srv", "TYPE257" (RFC 3597 s5).  False: unknown. */
bool endpoint_type_parse(struct bytes text, uint16_t *out);

/* The mnemonic, or TYPEn; NUL-terminated. */
void endpoint_type_format(uint16_t type, char out[ENDPOINT_TYPE_SIZE]);

/* False for what is no record type to ask for: OPT, TKEY, TSIG, transfers, ANY (RFC 6895 s3.1), and 0. */
bool endpoint_type_is_askable(uint16_t type);

#endif
