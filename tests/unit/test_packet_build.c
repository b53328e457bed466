/* SPDX-License-Identifier: GPL-3.0-or-later */
/* nfq/packet, building: RFC 791, 8200, 768, 792, 1122, 4443, 9293; RESEARCH s2 rows 5, 16, 19. */
#include "tests/unit/packets.h"

static void test_rebuild(void **state)
{
    (void)state;
    static const uint8_t options[] = {2, 4, 5, 0xb4, 34, 4, 9, 9};
    uint8_t out[2048];
    for (int version = 4; version <= 6; version += 2) {
        size_t t = version == 4 ? 20 : 40;
        struct sample s = make(version, 6, TCP_SYN | TCP_ECE | TCP_CWR, options, sizeof options, "payload on a SYN");
        put16(s.at + t + 18, 0x7777); /* urgent pointer without URG */
        s.at[t + 12] |= 0x0f;         /* reserved bits */
        if (version == 4)
            s.at[6] |= 0x80;
        sum_up(&s);
        struct packet p, q;
        assert_int_equal(packet_parse(of(&s), true, &p), REASON_NONE);
        q = read_back(out, packet_rebuild(&p, (struct bytes){0}, true, out, sizeof out, NULL));
        assert_int_equal(q.payload.len, 0);
        assert_int_equal(q.flags, p.flags);
        assert_int_equal(q.sequence, p.sequence);
        assert_int_equal(q.acknowledgment, 0); /* no ACK, no words in its number */
        assert_int_equal(q.window, p.window);
        assert_true(address_equal(&q.source, &p.source) && address_equal(&q.destination, &p.destination));
        assert_memory_equal(q.options.at, ((uint8_t[]){2, 4, 5, 0xb4, 1, 1, 1, 1}), 8);
        assert_int_equal(out[t + 18] | out[t + 19] | (out[t + 12] & 0x0f), 0);
        assert_int_equal(version == 4 ? out[8] : out[7], PACKET_HOP_LIMIT);
        if (version == 4) {
            assert_int_equal(out[1], 2); /* DSCP gone, ECN kept */
            assert_memory_equal(out + 4, ((uint8_t[]){0x12, 0x34, 0x40, 0}), 4);
        } else {
            assert_memory_equal(out, ((uint8_t[]){0x60, 0x2a, 0xbc, 0xde}), 4);
        }

        q = read_back(out, packet_rebuild(&p, text("abc"), false, out, sizeof out, NULL));
        assert_true(bytes_equal(q.payload, text("abc")));
        assert_memory_equal(q.options.at, options, sizeof options);

        s = make(version, 6, TCP_ACK | TCP_URG, NULL, 0, "x");
        put16(s.at + t + 18, 0x7777);
        sum_up(&s);
        assert_int_equal(packet_parse(of(&s), true, &p), REASON_NONE);
        q = read_back(out, packet_rebuild(&p, p.payload, true, out, sizeof out, NULL));
        assert_int_equal(q.acknowledgment, p.acknowledgment);
        assert_memory_equal(out + t + 18, ((uint8_t[]){0x77, 0x77}), 2);

        s = make(version, 17, 0, NULL, 0, "question");
        assert_int_equal(packet_parse(of(&s), true, &p), REASON_NONE);
        q = read_back(out, packet_rebuild(&p, text("other question"), true, out, sizeof out, NULL));
        assert_true(bytes_equal(q.payload, text("other question")));
        assert_int_equal(version == 4 ? out[1] : (out[0] & 0x0f) << 4 | out[1] >> 4, 0); /* ECN too */
    }
}

static void test_rebuild_refusals(void **state)
{
    (void)state;
    static uint8_t big[70000], out[PACKET_MAX];
    struct packet p;
    enum reason why = REASON_NONE;
    struct sample s = make(4, 6, TCP_ACK, OPTIONS(19, 4, 1, 1), "x");
    assert_int_equal(packet_parse(of(&s), true, &p), REASON_NONE);
    assert_int_equal(packet_rebuild(&p, p.payload, true, out, sizeof out, &why), 0);
    assert_int_equal(why, REASON_TCP_OPTION);
    for (size_t size = 0; size < s.len; size++) {
        assert_int_equal(packet_rebuild(&p, p.payload, false, out, size, &why), 0);
        assert_int_equal(why, REASON_IP_FORM);
    }
    assert_int_equal(packet_rebuild(&p, p.payload, false, out, s.len, NULL), s.len);
    s = make(4, 132, 0, NULL, 0, "sctp");
    assert_int_equal(packet_parse(of(&s), true, &p), REASON_NONE);
    assert_int_equal(packet_rebuild(&p, p.payload, true, out, sizeof out, &why), 0);
    assert_int_equal(why, REASON_PROTOCOL);

    /* The largest of each kind, and one octet more. */
    static const struct {
        int version;
        uint8_t protocol;
        size_t most;
    } largest[] = {{4, 6, 65535 - 40}, {4, 17, 65535 - 28}, {6, 6, 65535 - 20}, {6, 17, 65535 - 8}};
    for (size_t i = 0; i < 4; i++) {
        s = make(largest[i].version, largest[i].protocol, TCP_ACK, NULL, 0, "x");
        assert_int_equal(packet_parse(of(&s), true, &p), REASON_NONE);
        memset(big, 0xe7, sizeof big);
        struct packet q =
            read_back(out, packet_rebuild(&p, (struct bytes){big, largest[i].most}, true, out, sizeof out, NULL));
        assert_int_equal(q.payload.len, largest[i].most);
        assert_int_equal(packet_rebuild(&p, (struct bytes){big, largest[i].most + 1}, true, out, sizeof out, &why), 0);
        if (largest[i].protocol == 17)
            assert_int_equal(packet_build_udp_answer(&p, (struct bytes){big, largest[i].most + 1}, out, sizeof out), 0);
    }
}

/* RFC 768: a computed checksum of zero is sent as ones.  The payload is chosen so that it comes out zero. */
static void test_udp_zero_checksum(void **state)
{
    (void)state;
    for (int version = 4; version <= 6; version += 2) {
        size_t t = version == 4 ? 20 : 40;
        struct sample s = make(version, 17, 0, NULL, 0, "??");
        put16(s.at + t + 6, 0);
        put16(s.at + t + 8, 0);
        put16(s.at + t + 8, reference_transport_sum(s.at, s.len));
        struct packet p;
        assert_int_equal(packet_parse(of(&s), false, &p), REASON_NONE);
        uint8_t out[128];
        read_back(out, packet_rebuild(&p, p.payload, false, out, sizeof out, NULL));
        assert_memory_equal(out + t + 6, ((uint8_t[]){0xff, 0xff}), 2);
    }
}

static void test_answer(void **state)
{
    (void)state;
    for (int version = 4; version <= 6; version += 2) {
        struct sample s = make(version, 17, 0, NULL, 0, "question");
        struct packet p;
        uint8_t out[256];
        assert_int_equal(packet_parse(of(&s), true, &p), REASON_NONE);
        struct packet q = read_back(out, packet_build_udp_answer(&p, text("answer"), out, sizeof out));
        assert_true(address_equal(&q.source, &p.destination) && address_equal(&q.destination, &p.source));
        assert_int_equal(q.source_port, 443);
        assert_int_equal(q.destination_port, 40000);
        assert_true(bytes_equal(q.payload, text("answer")));
        assert_int_equal(packet_build_udp_answer(&p, text("answer"), out, 20), 0);
        s = make(version, 6, TCP_ACK, NULL, 0, "x");
        assert_int_equal(packet_parse(of(&s), true, &p), REASON_NONE);
        assert_int_equal(packet_build_udp_answer(&p, text("answer"), out, sizeof out), 0);
    }
}

static void test_icmp_error(void **state)
{
    (void)state;
    static const struct {
        int version;
        uint8_t protocol, type, code;
    } rows[] = {
        {4, 17, 3, 3},                 /* RFC 792: port unreachable */
        {4, 132, 3, 2},                /* protocol unreachable */
        {4, 6, 3, 2},   {6, 17, 1, 4}, /* RFC 4443 s3.1 */
        {6, 132, 1, 1},
    };
    static char long_text[1800];
    memset(long_text, 'a', sizeof long_text - 1);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        for (int longer = 0; longer < 2; longer++) {
            struct sample s = make(rows[i].version, rows[i].protocol, TCP_ACK, NULL, 0, longer ? long_text : "short");
            struct packet p;
            uint8_t out[2048];
            assert_int_equal(packet_parse(of(&s), true, &p), REASON_NONE);
            size_t len = packet_build_icmp_error(&p, out, sizeof out);
            struct packet q = read_back(out, len);
            size_t t = rows[i].version == 4 ? 20 : 40, most = rows[i].version == 4 ? 576 : 1280;
            assert_int_equal(len, longer ? most : t + 8 + s.len);
            assert_true(address_equal(&q.source, &p.destination) && address_equal(&q.destination, &p.source));
            assert_int_equal(q.protocol, rows[i].version == 4 ? 1 : 58);
            assert_int_equal(out[t], rows[i].type);
            assert_int_equal(out[t + 1], rows[i].code);
            assert_memory_equal(out + t + 4, "\0\0\0\0", 4);
            assert_memory_equal(out + t + 8, s.at, len - t - 8);
            if (rows[i].version == 4)
                assert_int_equal(reference_sum(0, out + 20, len - 20), 0);
            assert_int_equal(packet_build_icmp_error(&p, out, t + 8), 0);
        }
    }
}

/* RFC 1122 s3.2.2, RFC 4443 s2.4: about these no error may be sent. */
static void test_icmp_error_never(void **state)
{
    (void)state;
    static const struct {
        const char *what;
        int version;
        uint8_t protocol;
        size_t at;
        uint8_t value;
        bool sent;
    } rows[] = {
        {"ICMP echo is a query", 4, 1, 20, 8, true},
        {"ICMP unreachable", 4, 1, 20, 3, false},
        {"ICMP redirect", 4, 1, 20, 5, false},
        {"ICMP time exceeded", 4, 1, 20, 11, false},
        {"ICMP of an unknown type", 4, 1, 20, 99, false},
        {"multicast destination", 4, 17, 16, 239, false},
        {"class E destination", 4, 17, 16, 255, false},
        {"unspecified source", 4, 17, 12, 0, false},
        {"later fragment", 4, 17, 7, 1, false},
        {"first fragment", 4, 17, 6, 0x20, true},
        {"ICMPv6 echo is a query", 6, 58, 40, 128, true},
        {"ICMPv6 packet too big", 6, 58, 40, 2, false},
        {"ICMPv6 redirect", 6, 58, 40, 137, false},
        {"IPv6 multicast destination", 6, 17, 24, 0xff, false},
        {"IPv6 multicast source", 6, 17, 8, 0xff, false},
        {"IPv6 fragment", 6, 17, 6, 44, false},
        {"IPv6 destination options", 6, 17, 6, 60, true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct sample s = make(rows[i].version, rows[i].protocol, 0, NULL, 0, "payload of it");
        s.at[rows[i].at] = rows[i].value;
        struct packet p;
        uint8_t out[512];
        packet_parse(of(&s), false, &p);
        if ((packet_build_icmp_error(&p, out, sizeof out) > 0) != rows[i].sent)
            fail_msg("%s", rows[i].what);
    }
    struct packet nothing = {0};
    uint8_t out[64];
    assert_int_equal(packet_build_icmp_error(&nothing, out, sizeof out), 0);
}

/* An ICMP error from the client's side about what the server sent it: 8 octets, the quoted IP header, `quoted` octets
 * of the quoted segment, all of them with words wherever words fit. */
static struct sample icmp_error(int version, uint8_t type, uint8_t code, size_t quoted)
{
    struct sample s = make(version, version == 4 ? 1 : 58, 0, NULL, 0, "");
    struct sample inner = make(version, 6, TCP_ACK, NULL, 0, "words words words words words");
    size_t t = version == 4 ? 20 : 40;
    memset(s.at + t, 'w', 8);
    s.at[t] = type;
    s.at[t + 1] = code;
    memcpy(s.at + t + 8, inner.at, t + quoted);
    s.len = t + 8 + t + quoted;
    sum_up(&s);
    return s;
}

/* What its receiver needs, and no room for words (RFC 792; RFC 4443 s3). */
static void test_rebuild_icmp_error(void **state)
{
    (void)state;
    static const struct {
        int version;
        uint8_t type, code;
        const char *rest; /* of the second word; NULL: no such error goes */
    } rows[] = {
        {4, 3, 3, "\0\0\0\0"}, {4, 3, 4, "\0\0ww"}, {4, 11, 0, "\0\0\0\0"}, {4, 12, 0, "w\0\0\0"}, {4, 0, 0, NULL},
        {4, 4, 0, NULL},       {4, 5, 1, NULL},     {4, 8, 0, NULL},        {4, 13, 0, NULL},      {4, 99, 0, NULL},
        {6, 1, 4, "\0\0\0\0"}, {6, 2, 0, "wwww"},   {6, 3, 0, "\0\0\0\0"},  {6, 4, 1, "wwww"},     {6, 5, 0, NULL},
        {6, 128, 0, NULL},     {6, 129, 0, NULL},   {6, 135, 0, NULL},      {6, 137, 0, NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        size_t t = rows[i].version == 4 ? 20 : 40, whole = t + 8 + t + 8;
        for (size_t quoted = 0; quoted <= 40; quoted++) {
            struct sample s = icmp_error(rows[i].version, rows[i].type, rows[i].code, quoted);
            struct packet p;
            uint8_t out[256];
            assert_int_equal(packet_parse(of(&s), true, &p), REASON_NONE);
            size_t len = packet_rebuild_icmp_error(&p, out, sizeof out);
            if (!rows[i].rest || quoted < 8) {
                assert_int_equal(len, 0);
                continue;
            }
            struct packet q = read_back(out, len), inner;
            assert_int_equal(len, whole);
            assert_true(address_equal(&q.source, &p.source) && address_equal(&q.destination, &p.destination));
            assert_int_equal(q.protocol, p.protocol);
            assert_int_equal(rows[i].version == 4 ? out[8] : out[7], PACKET_HOP_LIMIT);
            if (rows[i].version == 4)
                assert_int_equal(reference_sum(0, out + 20, len - 20), 0);
            assert_memory_equal(out + t, s.at + t, 2);
            assert_memory_equal(out + t + 4, rows[i].rest, 4);
            assert_null(memmem(out, len, "word", 4));
            /* The quotation: lengths, protocol, addresses and 8 octets; all else as we would send it. */
            const uint8_t *quote = out + t + 8, *original = s.at + t + 8;
            assert_memory_equal(quote + t, original + t, 8);
            if (rows[i].version == 4) {
                assert_memory_equal(quote, ((uint8_t[]){0x45, 0, original[2], original[3], 0, 0, 0x40, 0, 64, 6}), 10);
                assert_memory_equal(quote + 12, original + 12, 8);
                assert_int_equal(reference_sum(0, quote, 20), 0);
            } else {
                assert_memory_equal(quote, ((uint8_t[]){0x60, 0, 0, 0, original[4], original[5], 6, 64}), 8);
                assert_memory_equal(quote + 8, original + 8, 32);
            }
            assert_int_equal(packet_parse((struct bytes){quote, t + 8}, false, &inner), REASON_IP_FORM); /* cut short */
            for (size_t size = 0; size < whole; size++)
                assert_int_equal(packet_rebuild_icmp_error(&p, out, size), 0);
        }
    }
}

/* Quotations that no sound host sends. */
static void test_rebuild_icmp_error_never(void **state)
{
    (void)state;
    static const struct {
        const char *what;
        int version;
        size_t at; /* of the packet */
        uint8_t value;
    } rows[] = {
        {"IPv4 options quoted", 4, 28, 0x46},
        {"a header of 16 octets quoted", 4, 28, 0x44},
        {"IPv6 in an ICMP error", 4, 28, 0x60},
        {"nothing quoted", 4, 28, 0},
        {"IPv4 in an ICMPv6 error", 6, 48, 0x45},
        {"version 0", 6, 48, 0},
        {"ICMPv6 over IPv4", 4, 9, 58},
        {"ICMP over IPv6", 6, 6, 1},
        {"SCTP", 4, 9, 132},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct sample s = icmp_error(rows[i].version, rows[i].version == 4 ? 3 : 1, 3, 8);
        struct packet p;
        uint8_t out[256];
        assert_int_equal(packet_parse(of(&s), false, &p), REASON_NONE);
        assert_int_not_equal(packet_rebuild_icmp_error(&p, out, sizeof out), 0);
        s.at[rows[i].at] = rows[i].value;
        assert_int_equal(packet_parse(of(&s), false, &p), REASON_NONE);
        if (packet_rebuild_icmp_error(&p, out, sizeof out))
            fail_msg("%s", rows[i].what);
    }
}

static void test_reset(void **state)
{
    (void)state;
    static const struct {
        const char *what;
        uint8_t flags;
        const char *payload;
        uint8_t reset_flags;
        uint32_t sequence, acknowledgment;
    } rows[] = {
        {"RFC 9293 s3.10.7.1: ACK off", TCP_SYN, "", TCP_RST | TCP_ACK, 0, 0x11223345},
        {"SYN with payload", TCP_SYN, "data", TCP_RST | TCP_ACK, 0, 0x11223349},
        {"ACK on", TCP_ACK, "data", TCP_RST, 0x55667788, 0},
        {"FIN ACK", TCP_ACK | TCP_FIN, "", TCP_RST, 0x55667788, 0},
        {"SYN ACK", TCP_ACK | TCP_SYN, "", TCP_RST, 0x55667788, 0},
    };
    for (int version = 4; version <= 6; version += 2) {
        struct packet p;
        uint8_t out[256];
        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
            struct sample s = make(version, 6, rows[i].flags, OPTIONS(1, 1, 1, 1), rows[i].payload);
            assert_int_equal(packet_parse(of(&s), true, &p), REASON_NONE);
            struct packet q = read_back(out, packet_build_reset(&p, out, sizeof out));
            if (q.flags != rows[i].reset_flags || q.sequence != rows[i].sequence ||
                q.acknowledgment != rows[i].acknowledgment)
                fail_msg("%s", rows[i].what);
            assert_true(address_equal(&q.source, &p.destination) && address_equal(&q.destination, &p.source));
            assert_int_equal(q.source_port, 443);
            assert_int_equal(q.destination_port, 40000);
            assert_int_equal(q.payload.len + q.options.len, 0);

            q = read_back(out, packet_build_reset_onward(&p, 0xfffffff0, out, sizeof out));
            assert_true(address_equal(&q.source, &p.source) && address_equal(&q.destination, &p.destination));
            assert_int_equal(q.source_port, 40000);
            assert_int_equal(q.sequence, 0xfffffff0);
            assert_int_equal(q.flags & TCP_RST, TCP_RST);
            assert_int_equal(q.acknowledgment, rows[i].flags & TCP_ACK ? p.acknowledgment : 0);
            for (int back = 0; back < 2; back++) {
                q = read_back(out, packet_build_reset_bare(&p, back, 0xfffffff0, out, sizeof out));
                assert_true(address_equal(&q.source, back ? &p.destination : &p.source));
                assert_int_equal(q.source_port, back ? 443 : 40000);
                assert_int_equal(q.sequence, 0xfffffff0);
                assert_int_equal(q.flags, TCP_RST);
                assert_int_equal(q.acknowledgment | q.window, 0);
            }
            assert_int_equal(packet_build_reset(&p, out, 39), 0);
        }
        struct sample s = make(version, 6, TCP_RST | TCP_ACK, NULL, 0, "");
        assert_int_equal(packet_parse(of(&s), true, &p), REASON_NONE);
        assert_int_equal(packet_build_reset(&p, out, sizeof out), 0);
        s = make(version, 17, 0, NULL, 0, "");
        assert_int_equal(packet_parse(of(&s), true, &p), REASON_NONE);
        assert_int_equal(packet_build_reset(&p, out, sizeof out), 0);
    }
    /* RFC 9293 s3.4 */
    assert_int_equal(packet_sequence_diff(2, 0xfffffffe), 4);
    assert_int_equal(packet_sequence_diff(0xfffffffe, 2), -4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rebuild),
        cmocka_unit_test(test_rebuild_refusals),
        cmocka_unit_test(test_udp_zero_checksum),
        cmocka_unit_test(test_answer),
        cmocka_unit_test(test_icmp_error),
        cmocka_unit_test(test_icmp_error_never),
        cmocka_unit_test(test_rebuild_icmp_error),
        cmocka_unit_test(test_rebuild_icmp_error_never),
        cmocka_unit_test(test_reset),
    };
    return cmocka_run_group_tests_name("packet_build", tests, NULL, NULL);
}
