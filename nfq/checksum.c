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
    while (reader_left(&r) >= 16) {
        uint32_t words[4];
        memcpy(words, reader_bytes(&r, sizeof words).at, sizeof words);
        sum += (uint64_t)words[0] + words[1] + words[2] + words[3];
    }
    while (reader_left(&r) > 0) {
        uint16_t word = 0;
        size_t take = reader_left(&r) >= 2 ? 2 : 1;
        memcpy(&word, reader_bytes(&r, take).at, take);
        sum += word;
    }
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
