/* SPDX-License-Identifier: GPL-3.0-or-later */
/* For tests of nfq/packet: sound packets made octet by octet, and checksums summed by no code of the module. */
#ifndef SLUICE_TESTS_UNIT_PACKETS_H
#define SLUICE_TESTS_UNIT_PACKETS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "nfq/checksum.h"
#include "nfq/packet.h"

/* RFC 1071 s1, word by word, and by no code of the module under test. */
static inline uint16_t reference_sum(uint32_t start, const uint8_t *at, size_t len)
{
    uint32_t sum = start;
    for (size_t i = 0; i < len; i++)
        sum += i % 2 ? at[i] : (uint32_t)at[i] << 8;
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

static inline uint16_t reference_transport_sum(const uint8_t *ip, size_t len)
{
    size_t header = ip[0] >> 4 == 4 ? 20 : 40, addresses_at = ip[0] >> 4 == 4 ? 12 : 8;
    uint8_t protocol = ip[0] >> 4 == 4 ? ip[9] : ip[6];
    uint32_t sum = protocol + (uint32_t)(len - header);
    for (size_t i = addresses_at; i < header; i += 2)
        sum += (uint32_t)ip[i] << 8 | ip[i + 1];
    return reference_sum(sum, ip + header, len - header);
}

struct sample {
    uint8_t at[2048];
    size_t len;
};

static inline void put16(uint8_t *at, size_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static const uint8_t client6[16] = {0x20, 0x01, 0x0d, 0xb8, [15] = 1}, server6[16] = {0x20, 0x01, 0x0d, 0xb8, [15] = 2};

/* Fills lengths and checksums for whatever lies in `s`. */
static inline void sum_up(struct sample *s)
{
    bool ip4 = s->at[0] >> 4 == 4;
    uint8_t protocol = ip4 ? s->at[9] : s->at[6];
    size_t header = ip4 ? 20 : 40, sum_at = header + (protocol == 6 ? 16 : 6);
    if (ip4) {
        put16(s->at + 2, s->len);
        put16(s->at + 10, 0);
        put16(s->at + 10, reference_sum(0, s->at, 20));
    } else {
        put16(s->at + 4, s->len - 40);
    }
    if (protocol == 17)
        put16(s->at + header + 4, s->len - header);
    if (protocol == 6 || protocol == 17) {
        put16(s->at + sum_at, 0);
        put16(s->at + sum_at, reference_transport_sum(s->at, s->len));
    }
}

/* From 192.0.2.1:40000 (2001:db8::1) to 198.51.100.2:443 (2001:db8::2). */
static inline struct sample make(int version, uint8_t protocol, uint8_t flags, const void *options, size_t options_len,
                                 const char *payload)
{
    struct sample s = {0};
    if (version == 4) {
        static const uint8_t header[20] = {0x45, 0xfe, 0,   0, 0x12, 0x34, 0x40, 0,  3,   0,
                                           0,    0,    192, 0, 2,    1,    198,  51, 100, 2};
        memcpy(s.at, header, sizeof header);
        s.at[9] = protocol;
        s.len = 20;
    } else {
        static const uint8_t header[8] = {0x6f, 0xea, 0xbc, 0xde, 0, 0, 0, 3};
        memcpy(s.at, header, sizeof header);
        s.at[6] = protocol;
        memcpy(s.at + 8, client6, 16);
        memcpy(s.at + 24, server6, 16);
        s.len = 40;
    }
    uint8_t *t = s.at + s.len;
    put16(t, 40000);
    put16(t + 2, 443);
    if (protocol == 6) {
        static const uint8_t numbers[8] = {0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88};
        memcpy(t + 4, numbers, sizeof numbers);
        t[12] = (uint8_t)((20 + options_len) / 4 << 4);
        t[13] = flags;
        put16(t + 14, 512);
        if (options_len)
            memcpy(t + 20, options, options_len);
        s.len += 20 + options_len;
    } else {
        s.len += 8;
    }
    memcpy(s.at + s.len, payload, strlen(payload));
    s.len += strlen(payload);
    sum_up(&s);
    return s;
}

static inline struct bytes of(const struct sample *s)
{
    return (struct bytes){s->at, s->len};
}

static inline struct bytes text(const char *t)
{
    return (struct bytes){(const uint8_t *)t, strlen(t)};
}

/* What leaves must be read back, with correct checksums, by an independent sum too. */
static inline struct packet read_back(const uint8_t *out, size_t len)
{
    struct packet p;
    assert_int_not_equal(len, 0);
    assert_int_equal(packet_parse((struct bytes){out, len}, true, &p), REASON_NONE);
    assert_int_equal(p.whole.len, len);
    if (p.version == 4)
        assert_int_equal(reference_sum(0, out, 20), 0);
    if (p.protocol == 6 || p.protocol == 17 || p.protocol == 58)
        assert_int_equal(reference_transport_sum(out, len), 0);
    return p;
}

#define OPTIONS(...) (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__})

#endif
