/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/address.h"

#include <arpa/inet.h>
#include <string.h>

#include "core/hash.h"

/* Textual forms: dotted quad without leading zeros, and RFC 4291 s2.2, both as inet_pton reads them. */
bool address_parse(struct bytes text, struct address *out)
{
    char copy[ADDRESS_TEXT_SIZE];
    if (text.len == 0 || text.len >= sizeof copy || memchr(text.at, 0, text.len))
        return false;
    memcpy(copy, text.at, text.len);
    copy[text.len] = 0;
    struct address a = {0};
    a.family = memchr(copy, ':', text.len) ? 6 : 4;
    if (inet_pton(a.family == 6 ? AF_INET6 : AF_INET, copy, a.octets) != 1)
        return false;
    *out = a;
    return true;
}

/* "0".."128" without leading zeros; false otherwise. */
static bool address_prefix_parse(struct bytes text, unsigned max, uint8_t *out)
{
    if (text.len == 0 || text.len > 3 || (text.len > 1 && text.at[0] == '0'))
        return false;
    unsigned value = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] < '0' || text.at[i] > '9')
            return false;
        value = value * 10 + (unsigned)(text.at[i] - '0');
    }
    if (value > max)
        return false;
    *out = (uint8_t)value;
    return true;
}

bool address_range_parse(struct bytes text, struct address_range *out)
{
    const uint8_t *slash = text.len ? memchr(text.at, '/', text.len) : NULL;
    struct bytes base = {text.at, slash ? (size_t)(slash - text.at) : text.len};
    struct address_range range = {0};
    if (!address_parse(base, &range.base))
        return false;
    size_t octets = address_octets(&range.base);
    range.prefix_bits = (uint8_t)(octets * 8);
    if (slash) {
        struct bytes prefix = {slash + 1, text.len - base.len - 1};
        if (!address_prefix_parse(prefix, (unsigned)octets * 8, &range.prefix_bits))
            return false;
    }
    for (unsigned bit = range.prefix_bits; bit < octets * 8; bit++) {
        if (range.base.octets[bit / 8] & 0x80u >> bit % 8)
            return false;
    }
    *out = range;
    return true;
}

struct address address_from_octets(struct bytes octets)
{
    struct address a = {0};
    if (octets.len != 4 && octets.len != 16)
        return a;
    a.family = octets.len == 4 ? 4 : 6;
    memcpy(a.octets, octets.at, octets.len);
    return a;
}

size_t address_format(const struct address *a, char out[ADDRESS_TEXT_SIZE])
{
    out[0] = 0;
    if (a->family == 4 || a->family == 6)
        inet_ntop(a->family == 6 ? AF_INET6 : AF_INET, a->octets, out, ADDRESS_TEXT_SIZE);
    return strlen(out);
}

size_t address_octets(const struct address *a)
{
    return a->family == 6 ? 16 : 4;
}

bool address_equal(const struct address *a, const struct address *b)
{
    return a->family == b->family && memcmp(a->octets, b->octets, sizeof a->octets) == 0;
}

bool address_in_range(const struct address *a, const struct address_range *range)
{
    if (a->family != range->base.family || range->prefix_bits > address_octets(a) * 8)
        return false;
    size_t whole = range->prefix_bits / 8;
    if (memcmp(a->octets, range->base.octets, whole) != 0)
        return false;
    unsigned rest = range->prefix_bits % 8;
    if (rest == 0)
        return true;
    return ((a->octets[whole] ^ range->base.octets[whole]) & (0xff00u >> rest) & 0xff) == 0;
}

/* The IPv4 address that an IPv6 address carries: ::ffff:0:0/96 and ::/96 (RFC 4291 s2.5.5), 64:ff9b::/96 (RFC 6052),
 * 2002::/16 (RFC 3056). */
static bool address_embedded(const struct address *a, struct address *out)
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    static const uint8_t compatible[12];
    static const uint8_t nat64[12] = {0, 0x64, 0xff, 0x9b};
    size_t at;
    if (a->family != 6)
        return false;
    if (memcmp(a->octets, mapped, 12) == 0 || memcmp(a->octets, compatible, 12) == 0 ||
        memcmp(a->octets, nat64, 12) == 0)
        at = 12;
    else if (a->octets[0] == 0x20 && a->octets[1] == 0x02)
        at = 2;
    else
        return false;
    *out = (struct address){.family = 4};
    memcpy(out->octets, a->octets + at, 4);
    return true;
}

bool address_is_loopback(const struct address *a)
{
    if (a->family == 4)
        return a->octets[0] == 127;
    static const uint8_t one[16] = {[15] = 1};
    static const uint8_t mapped[13] = {[10] = 0xff, [11] = 0xff, [12] = 127};
    return a->family == 6 && (memcmp(a->octets, one, 16) == 0 || memcmp(a->octets, mapped, 13) == 0);
}

bool address_is_special(const struct address *a)
{
    static const struct address_range ranges[] = {
        {{4, {0}}, 8},                 /* this network, RFC 791 */
        {{4, {10}}, 8},                /* RFC 1918 */
        {{4, {100, 64}}, 10},          /* shared, RFC 6598 */
        {{4, {127}}, 8},               /* loopback */
        {{4, {169, 254}}, 16},         /* link-local, RFC 3927; the clouds' metadata */
        {{4, {172, 16}}, 12},          /* RFC 1918 */
        {{4, {192, 168}}, 16},         /* RFC 1918 */
        {{4, {168, 63, 129, 16}}, 32}, /* Azure's wire server */
        {{4, {224}}, 4},               /* multicast */
        {{4, {240}}, 4},               /* reserved, and broadcast */
        {{6, {0xfc}}, 7},              /* unique local, RFC 4193; fd00:ec2::254 */
        {{6, {0xfe, 0x80}}, 10},       /* link-local */
        {{6, {0xff}}, 8},              /* multicast */
    };
    struct address inner;
    if (address_embedded(a, &inner)) /* :: and ::1 are among these: 0/8 */
        return address_is_special(&inner);
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
        if (address_in_range(a, &ranges[i]))
            return true;
    }
    return a->family != 4 && a->family != 6;
}

uint32_t address_hash(const struct address *a, uint32_t seed)
{
    return hash_bytes((struct bytes){a->octets, address_octets(a)}, seed ^ a->family);
}
