/* SPDX-License-Identifier: GPL-3.0-or-later */
/* IPv4 and IPv6 addresses and ranges of them.  Plain values, no allocation, any thread. */
#ifndef SLUICE_CORE_ADDRESS_H
#define SLUICE_CORE_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/bytes.h"

#define ADDRESS_TEXT_SIZE 46 /* INET6_ADDRSTRLEN */

/* `family` is 4 or 6; an IPv4 address fills octets[0..3], the rest is zero.  Two equal addresses are equal bytes. */
struct address {
    uint8_t family;
    uint8_t octets[16];
};

struct address_range {
    struct address base; /* bits beyond the prefix are zero */
    uint8_t prefix_bits; /* 0..32 or 0..128 */
};

/* `text` holds an address and nothing else ("192.0.2.1", "2001:db8::1"; no brackets, no zone). */
bool address_parse(struct bytes text, struct address *out);

/* As address_parse, with an optional "/prefix".  Host bits that are set are refused. */
bool address_range_parse(struct bytes text, struct address_range *out);

/* From 4 or 16 octets in network order. */
struct address address_from_octets(struct bytes octets);

/* Writes text and NUL; returns its length. */
size_t address_format(const struct address *a, char out[ADDRESS_TEXT_SIZE]);

size_t address_octets(const struct address *a); /* 4 or 16 */
bool address_equal(const struct address *a, const struct address *b);
bool address_in_range(const struct address *a, const struct address_range *range);
bool address_is_loopback(const struct address *a);

/* What a public name may not stand for (DESIGN s3.2): this network, private, shared, loopback, link-local, the cloud's
 * metadata addresses, 168.63.129.16, reserved, multicast, unspecified, unique-local, and the v4-mapped, v4-compatible,
 * NAT64 (64:ff9b::/96) and 6to4 forms of these. */
bool address_is_special(const struct address *a);

uint32_t address_hash(const struct address *a, uint32_t seed);

#endif
