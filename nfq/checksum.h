/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The Internet checksum (RFC 1071).  Pure, no allocation, any thread. */
#ifndef SLUICE_NFQ_CHECKSUM_H
#define SLUICE_NFQ_CHECKSUM_H

#include <stdint.h>

#include "core/address.h"
#include "core/bytes.h"

/* The one's complement of the one's complement sum, in host order.  Over bytes that hold their own checksum: 0 when it
 * is right.  O(len), about 4 bytes a cycle. */
uint16_t checksum(struct bytes in);

/* The same over the pseudo-header (RFC 9293 s3.1, RFC 8200 s8.1) and `segment`, the transport header and payload of
 * 0..65535 bytes. */
uint16_t checksum_transport(const struct address *source, const struct address *destination, uint8_t protocol,
                            struct bytes segment);

#endif
