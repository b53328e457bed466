/* SPDX-License-Identifier: GPL-3.0-or-later */
/* nfq/packet, reading: RFC 791, 8200, 768, 9293, 1071; RESEARCH s2 rows 1, 3, 12, 14, 15, 16, 19. */
#include "tests/unit/packets.h"

static void test_checksum(void **state)
{
    (void)state;
    static const uint8_t rfc1071[] = {0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7}; /* s3: sum ddf2 */
    assert_int_equal(checksum((struct bytes){rfc1071, sizeof rfc1071}), 0x220d);
    uint8_t many[301];
    for (size_t len = 0; len <= sizeof many; len++) {
        for (size_t i = 0; i < len; i++)
            many[i] = (uint8_t)(i * 37 + len);
        assert_int_equal(checksum((struct bytes){many, len}), reference_sum(0, many, len));
    }
}

static void test_parse_sound(void **state)
{
    (void)state;
    static const uint8_t mss[] = {2, 4, 5, 0xb4};
    for (int version = 4; version <= 6; version += 2) {
        struct sample s = make(version, 6, TCP_ACK | TCP_PSH, mss, 4, "hello");
        memset(s.at + s.len, 0xaa, 9); /* link padding behind the packet */
        struct packet p;
        assert_int_equal(packet_parse((struct bytes){s.at, s.len + 9}, true, &p), REASON_NONE);
        assert_int_equal(p.version, version);
        assert_int_equal(p.protocol, 6);
        assert_int_equal(p.whole.len, s.len);
        assert_int_equal(p.source_port, 40000);
        assert_int_equal(p.destination_port, 443);
        assert_int_equal(p.sequence, 0x11223344);
        assert_int_equal(p.acknowledgment, 0x55667788);
        assert_int_equal(p.window, 512);
        assert_int_equal(p.flags, TCP_ACK | TCP_PSH);
        assert_int_equal(p.options.len, 4);
        assert_true(bytes_equal(p.payload, text("hello")));
        assert_int_equal(p.source.family, version);
        assert_memory_equal(p.source.octets, version == 4 ? s.at + 12 : client6, version == 4 ? 4 : 16);
        assert_memory_equal(p.destination.octets, version == 4 ? s.at + 16 : server6, version == 4 ? 4 : 16);

        s = make(version, 17, 0, NULL, 0, "");
        assert_int_equal(packet_parse(of(&s), true, &p), REASON_NONE);
        assert_int_equal(p.payload.len, 0);
        assert_int_equal(p.destination_port, 443);
        s = make(version, version == 4 ? 1 : 58, 0, NULL, 0, "ping");
        assert_int_equal(packet_parse(of(&s), true, &p), REASON_NONE);
        assert_int_equal(p.transport_at, version == 4 ? 20 : 40);
    }
}

/* One octet of a sound packet changed; checksums are made anew but where `keep_sums`. */
static const struct {
    const char *what;
    int version;
    uint8_t protocol;
    size_t at;
    uint8_t value;
    bool keep_sums;
    enum reason reason;
} changes[] = {
    {"RFC 791: version 5", 4, 6, 0, 0x55, true, REASON_IP_FORM},
    {"RFC 791: IHL 6, options", 4, 6, 0, 0x46, false, REASON_IP_FORM},
    {"RFC 791: IHL 4", 4, 6, 0, 0x44, false, REASON_IP_FORM},
    {"RFC 791: more fragments", 4, 17, 6, 0x20, false, REASON_IP_FORM},
    {"RFC 791: offset 8", 4, 17, 7, 0x01, false, REASON_IP_FORM},
    {"RFC 791: offset, high bits", 4, 17, 6, 0x10, false, REASON_IP_FORM},
    {"RFC 791: reserved flag alone changes nothing", 4, 17, 6, 0x80, false, REASON_NONE},
    {"RFC 791: header checksum", 4, 6, 10, 0x01, true, REASON_IP_FORM},
    {"RFC 791: total length beyond the buffer", 4, 6, 2, 0x7f, true, REASON_IP_FORM},
    {"RFC 791: total length below 20", 4, 6, 3, 0x13, true, REASON_IP_FORM},
    {"RFC 8200 s4.3: hop-by-hop", 6, 6, 6, 0, true, REASON_IP_FORM},
    {"RFC 8200 s4.4: routing", 6, 6, 6, 43, true, REASON_IP_FORM},
    {"RFC 8200 s4.5: fragment", 6, 6, 6, 44, true, REASON_IP_FORM},
    {"RFC 4303: ESP", 6, 6, 6, 50, true, REASON_IP_FORM},
    {"RFC 4302: AH", 6, 6, 6, 51, true, REASON_IP_FORM},
    {"RFC 8200 s4.7: no next header", 6, 6, 6, 59, true, REASON_IP_FORM},
    {"RFC 8200 s4.6: destination options", 6, 6, 6, 60, true, REASON_IP_FORM},
    {"RFC 6275: mobility", 6, 6, 6, 135, true, REASON_IP_FORM},
    {"RFC 7401: HIP", 6, 6, 6, 139, true, REASON_IP_FORM},
    {"RFC 5533: Shim6", 6, 6, 6, 140, true, REASON_IP_FORM},
    {"SCTP is another protocol, not a broken packet", 6, 6, 6, 132, true, REASON_NONE},
    {"RFC 8200 s3: payload length beyond the buffer", 6, 6, 4, 1, true, REASON_IP_FORM},
    {"RFC 768: length below the IP payload", 4, 17, 25, 9, true, REASON_IP_FORM},
    {"RFC 768: length beyond the IP payload", 6, 17, 44, 1, true, REASON_IP_FORM},
    {"RFC 768: checksum", 4, 17, 26, 0x55, true, REASON_TCP_SEQUENCE},
    {"RFC 9293 s3.1: data offset 4", 4, 6, 32, 0x40, false, REASON_IP_FORM},
    {"RFC 9293 s3.1: data offset beyond the segment", 6, 6, 52, 0xf0, false, REASON_IP_FORM},
    {"RFC 9293 s3.1: checksum", 6, 6, 56, 0x55, true, REASON_TCP_SEQUENCE},
    {"flags: none", 4, 6, 33, 0, false, REASON_TCP_SEQUENCE},
    {"flags: SYN FIN", 4, 6, 33, TCP_SYN | TCP_FIN, false, REASON_TCP_SEQUENCE},
    {"flags: SYN RST", 4, 6, 33, TCP_SYN | TCP_RST, false, REASON_TCP_SEQUENCE},
    {"flags: SYN URG", 4, 6, 33, TCP_SYN | TCP_URG, false, REASON_TCP_SEQUENCE},
    {"flags: FIN RST ACK", 4, 6, 33, TCP_FIN | TCP_RST | TCP_ACK, false, REASON_TCP_SEQUENCE},
    {"flags: FIN without ACK", 4, 6, 33, TCP_FIN, false, REASON_TCP_SEQUENCE},
    {"flags: PSH without ACK", 4, 6, 33, TCP_PSH, false, REASON_TCP_SEQUENCE},
    {"flags: all", 4, 6, 33, 0xff, false, REASON_TCP_SEQUENCE},
    {"flags: FIN ACK PSH", 4, 6, 33, TCP_FIN | TCP_ACK | TCP_PSH, false, REASON_NONE},
    {"flags: SYN with ECN (RFC 3168 s6.1.1)", 4, 6, 33, TCP_SYN | TCP_ECE | TCP_CWR, false, REASON_NONE},
    {"flags: RST", 4, 6, 33, TCP_RST, false, REASON_NONE},
    {"flags: SYN ACK", 6, 6, 53, TCP_SYN | TCP_ACK, false, REASON_NONE},
};

static void test_parse_changes(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        struct sample s = make(changes[i].version, changes[i].protocol, TCP_ACK, NULL, 0, "hello world!");
        s.at[changes[i].at] = changes[i].value;
        if (!changes[i].keep_sums) {
            size_t header = changes[i].version == 4 ? 20 : 40;
            sum_up(&s);
            assert_true(changes[i].at < header || s.at[changes[i].at] == changes[i].value);
        }
        struct packet p;
        enum reason reason = packet_parse(of(&s), true, &p);
        if (reason != changes[i].reason)
            fail_msg("%s: %s", changes[i].what, reason_name(reason));
    }
}

static void test_parse_form(void **state)
{
    (void)state;
    struct packet p;
    /* Every cut is a broken packet, and what was read of the addresses is told. */
    for (int version = 4; version <= 6; version += 2) {
        struct sample s = make(version, 6, TCP_ACK, NULL, 0, "x");
        for (size_t len = 0; len < s.len; len++) {
            assert_int_equal(packet_parse((struct bytes){s.at, len}, true, &p), REASON_IP_FORM);
            assert_int_equal(p.version, len >= (version == 4 ? 20 : 40) ? version : 0);
            assert_int_equal(p.protocol, p.version ? 6 : 0);
            assert_int_equal(p.whole.len, 0);
        }
    }
    /* RFC 2675, and GSO beyond 64 KiB: the length is nowhere. */
    struct sample s = make(6, 6, TCP_ACK, NULL, 0, "x");
    put16(s.at + 4, 0);
    assert_int_equal(packet_parse(of(&s), false, &p), REASON_IP_FORM);
    /* Without check_sum an unfinished checksum is no matter; RFC 768: UDP over IPv4 may have none, RFC 8200 s8.1: over
     * IPv6 it may not. */
    s = make(4, 6, TCP_ACK, NULL, 0, "x");
    s.at[36] ^= 1;
    assert_int_equal(packet_parse(of(&s), true, &p), REASON_TCP_SEQUENCE);
    assert_int_equal(p.payload.len, 1);
    assert_int_equal(packet_parse(of(&s), false, &p), REASON_NONE);
    s = make(4, 17, 0, NULL, 0, "x");
    put16(s.at + 26, 0);
    assert_int_equal(packet_parse(of(&s), true, &p), REASON_NONE);
    s = make(6, 17, 0, NULL, 0, "x");
    put16(s.at + 46, 0);
    assert_int_equal(packet_parse(of(&s), true, &p), REASON_TCP_SEQUENCE);
}

static const struct {
    const char *what;
    const uint8_t *in;
    size_t len;
    enum reason reason;
    const uint8_t *out;
    size_t out_len;
} option_rows[] = {
    {"Linux's SYN", OPTIONS(2, 4, 5, 0xb4, 4, 2, 8, 10, 1, 2, 3, 4, 0, 0, 0, 0, 1, 3, 3, 7), REASON_NONE,
     OPTIONS(2, 4, 5, 0xb4, 4, 2, 8, 10, 1, 2, 3, 4, 0, 0, 0, 0, 1, 3, 3, 7)},
    {"RFC 7413 fast open", OPTIONS(2, 4, 5, 0xb4, 34, 6, 9, 9, 9, 9, 1, 1), REASON_NONE,
     OPTIONS(2, 4, 5, 0xb4, 1, 1, 1, 1, 1, 1, 1, 1)},
    {"RFC 8684 multipath", OPTIONS(30, 4, 0, 1), REASON_NONE, OPTIONS(1, 1, 1, 1)},
    {"RFC 6994 experimental fast open", OPTIONS(254, 4, 0xf9, 0x89, 253, 4, 7, 7), REASON_NONE,
     OPTIONS(1, 1, 1, 1, 1, 1, 1, 1)},
    {"an option we do not know (RFC 5482)", OPTIONS(28, 4, 7, 7), REASON_NONE, OPTIONS(1, 1, 1, 1)},
    {"words behind the end", OPTIONS(1, 0, 7, 7), REASON_NONE, OPTIONS(1, 0, 0, 0)},
    {"RFC 2018 three blocks", OPTIONS(5, 26, 1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 6, 7, 8),
     REASON_NONE, OPTIONS(5, 26, 1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 6, 7, 8)},
    {"RFC 2385 MD5", OPTIONS(19, 4, 1, 1), REASON_TCP_OPTION, NULL, 0},
    {"RFC 5925 AO", OPTIONS(1, 1, 29, 2), REASON_TCP_OPTION, NULL, 0},
    {"MD5 behind fast open", OPTIONS(34, 2, 19, 2), REASON_TCP_OPTION, NULL, 0},
    {"length 0", OPTIONS(30, 0, 1, 1), REASON_TCP_OPTION, NULL, 0},
    {"length 1", OPTIONS(30, 1, 1, 1), REASON_TCP_OPTION, NULL, 0},
    {"length beyond the header", OPTIONS(1, 1, 30, 3), REASON_TCP_OPTION, NULL, 0},
    {"no room for a length", OPTIONS(1, 1, 1, 30), REASON_TCP_OPTION, NULL, 0},
    {"RFC 9293 s3.7.1: MSS of 3 octets", OPTIONS(2, 3, 5, 1), REASON_TCP_OPTION, NULL, 0},
    {"RFC 7323: timestamps of 9", OPTIONS(8, 9, 1, 2, 3, 4, 5, 6, 7, 1, 1, 1), REASON_TCP_OPTION, NULL, 0},
    {"RFC 2018: SACK without a block", OPTIONS(5, 2, 1, 1), REASON_TCP_OPTION, NULL, 0},
};

static void test_options(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof option_rows / sizeof option_rows[0]; i++) {
        uint8_t options[40];
        memcpy(options, option_rows[i].in, option_rows[i].len);
        enum reason reason = packet_clean_options(options, option_rows[i].len);
        if (reason != option_rows[i].reason ||
            (reason == REASON_NONE && memcmp(options, option_rows[i].out, option_rows[i].out_len)))
            fail_msg("%s: %s", option_rows[i].what, reason_name(reason));
    }
    assert_int_equal(packet_clean_options(NULL, 0), REASON_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_checksum),   cmocka_unit_test(test_parse_sound), cmocka_unit_test(test_parse_changes),
        cmocka_unit_test(test_parse_form), cmocka_unit_test(test_options),
    };
    return cmocka_run_group_tests_name("packet", tests, NULL, NULL);
}
