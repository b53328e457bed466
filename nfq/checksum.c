/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "nfq/checksum.h"

#include <arpa/inet.h>
#include <string.h>

/* Adds 16-bit words as they lie in memory; RFC 1071 s2(B): the byte order only matters once, at the end.  The sum of
 * 64 KiB of 32-bit words stays far below 2^64.  An odd last byte is padded with zero, so only the last part of a sum
 * may be odd. */
static uint64_t add(uint64_t sum, struct bytes in)
{
    struct reader r = reader_init(in, false);
    uint32_t words[16];
    while (reader_left(&r) >= sizeof words) {
        memcpy(words, reader_bytes(&r, sizeof words).at, sizeof words);
        for (unsigned i = 0; i < sizeof words / sizeof *words; i++)
            sum += words[i];
    }
    struct bytes rest = reader_bytes(&r, reader_left(&r));
    memset(words, 0, sizeof words);
    memcpy(words, rest.at, rest.len);
    for (unsigned i = 0; i < sizeof words / sizeof *words; i++)
        sum += words[i];
    return sum;
}

static uint16_t finish(uint64_t sum)
{
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return ntohs((uint16_t)~sum);
}

uint16_t checksum(struct bytes in)
{
    return finish(add(0, in));
}

uint16_t checksum_transport(const struct address *source, const struct address *destination, uint8_t protocol,
                            struct bytes segment)
{
    uint8_t pseudo[40];
    struct writer w = writer_init(pseudo, sizeof pseudo);
    writer_bytes(&w, (struct bytes){source->octets, address_octets(source)});
    writer_bytes(&w, (struct bytes){destination->octets, address_octets(destination)});
    /* IPv6 has two more zero octets on either side; they do not change the sum. */
    writer_u16(&w, (uint16_t)segment.len);
    writer_u16(&w, protocol);
    return finish(add(add(0, (struct bytes){pseudo, writer_len(&w)}), segment));
}
