/* SPDX-License-Identifier: GPL-3.0-or-later */
/* tls/quic_packet, tls/quic_initial: the RFCs' own samples; headers, frames and CRYPTO ranges, split and mutated. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/quic_vectors.h"
#include "tests/unit/quics.h"
#include "tls/quic_initial.h"

static size_t unhex(const char *hex, uint8_t *out, size_t size)
{
    size_t len = strlen(hex) / 2;
    assert_true(len <= size);
    for (size_t i = 0; i < len; i++) {
        unsigned byte;
        assert_int_equal(sscanf(hex + 2 * i, "%2x", &byte), 1);
        out[i] = (uint8_t)byte;
    }
    return len;
}

static enum quic_kind read_one(const uint8_t *at, size_t len, struct quic_packet *p)
{
    struct reader r = reader_init((struct bytes){at, len}, false);
    return quic_packet_read(&r, p);
}

static const struct {
    uint32_t version;
    const char *packet, *header, *key, *iv, *hp, *server_key;
} samples[] = {
    {QUIC_VERSION_1, vector_v1, "c300000001088394c8f03e5157080000449e", "1f369613dd76d5467730efcbe3b1a22d",
     "fa044b2f42a3fd3b46fb255c", "9f50449e04a0e810283a1e9933adedd2", "cf3a5331653c364c88f0f379b6067e37"},
    {QUIC_VERSION_2, vector_v2, "d36b3343cf088394c8f03e5157080000449e", "8b1a0bc121284290a29e0971b5cd045d",
     "91f73e2351d8fa91660e909f", "45b95e15235d6f45a6b19cbcb0294ba9", "82db637861d55e1d011f19ea71d5d2a7"},
};

/* RFC 9001 A.1, A.2; RFC 9369 A.1, A.2 */
static void samples_of_the_rfcs(void **state)
{
    (void)state;
    static const uint8_t dcid[] = {0x83, 0x94, 0xc8, 0xf0, 0x3e, 0x51, 0x57, 0x08};
    static struct quic_crypto crypto;
    for (size_t i = 0; i < sizeof samples / sizeof *samples; i++) {
        uint8_t packet[1300], again[1300], plain[1300], header[32], expected[16], frames[1162] = {0};
        struct quic_keys keys;
        struct quic_packet p;
        size_t len = unhex(samples[i].packet, packet, sizeof packet), plain_len;
        uint64_t number;
        assert_true(quic_initial_keys(samples[i].version, (struct bytes){dcid, 8}, true, &keys));
        unhex(samples[i].server_key, expected, 16);
        assert_memory_equal(keys.key, expected, 16);
        assert_true(quic_initial_keys(samples[i].version, (struct bytes){dcid, 8}, false, &keys));
        unhex(samples[i].key, expected, 16);
        assert_memory_equal(keys.key, expected, 16);
        unhex(samples[i].iv, expected, 12);
        assert_memory_equal(keys.iv, expected, 12);
        unhex(samples[i].hp, expected, 16);
        assert_memory_equal(keys.hp, expected, 16);

        assert_int_equal(len, 1200);
        assert_int_equal(read_one(packet, len, &p), QUIC_INITIAL);
        assert_int_equal(p.version, samples[i].version);
        assert_true(bytes_equal(p.dcid, (struct bytes){dcid, 8}));
        assert_int_equal(p.scid.len + p.token.len, 0);
        assert_int_equal(p.whole.len, 1200);
        assert_int_equal(p.guarded.len, 1182);
        assert_int_equal(quic_initial_open(quics_cipher, &keys, &p, 0, plain, &plain_len, &number), QUIC_OPENED);
        assert_int_equal(number, 2);
        assert_int_equal(plain_len, 1162);
        unhex(vector_crypto_frame, frames, sizeof frames);
        assert_memory_equal(plain, frames, 1162);

        quic_crypto_init(&crypto);
        struct client_hello hello;
        enum reason why;
        char shown[256];
        assert_int_equal(quic_initial_frames((struct bytes){plain, plain_len}, &crypto), REASON_NONE);
        assert_int_equal(quic_crypto_hello(&crypto, &hello, &why, shown), PARSE_OK);
        assert_string_equal(hello.server_name.text, "example.com");
        assert_int_equal(hello.ja4[0], 'q');
        assert_false(quic_crypto_pending(&crypto));

        size_t header_len = unhex(samples[i].header, header, sizeof header);
        assert_int_equal(quic_initial_seal(quics_cipher, &keys, (struct bytes){header, header_len}, 2,
                                           (struct bytes){frames, 1162}, again, sizeof again),
                         1200);
        assert_memory_equal(again, packet, 1200);
    }
    struct quic_keys none;
    assert_false(quic_initial_keys(0xff00001d, (struct bytes){dcid, 8}, false, &none));
}

/* Any bit of the sample flipped: it is no Initial any more, or does not open; never more than that. */
static void every_bit_is_guarded(void **state)
{
    (void)state;
    uint8_t packet[1300], plain[1300];
    struct quic_keys keys;
    size_t len = unhex(vector_v1, packet, sizeof packet), plain_len;
    uint64_t number;
    for (size_t bit = 0; bit < 8 * len; bit += bit < 200 ? 1 : 37) {
        struct quic_packet p;
        packet[bit / 8] ^= (uint8_t)(1u << bit % 8);
        if (read_one(packet, len, &p) == QUIC_INITIAL) {
            quic_initial_keys(p.version, p.dcid, false, &keys);
            assert_int_equal(quic_initial_open(quics_cipher, &keys, &p, 0, plain, &plain_len, &number),
                             QUIC_OTHER_KEYS);
        }
        packet[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    for (size_t cut = 0; cut < len; cut++) { /* every prefix */
        struct quic_packet p;
        assert_int_equal(read_one(packet, cut, &p), QUIC_MALFORMED);
    }
}

static void headers(void **state)
{
    (void)state;
    static const struct {
        const char *what, *hex;
        enum quic_kind kind;
    } rows[] = {
        {"v1 0-RTT", "d0000000010100000441414141", QUIC_ZERO_RTT},
        {"v1 Handshake", "e0000000010100000441414141", QUIC_HANDSHAKE},
        {"v1 Retry", "f000000001010000414141414141414141414141414141414141", QUIC_RETRY},
        {"v1 Retry without its tag", "f00000000101000041", QUIC_MALFORMED},
        {"v2 Initial (RFC 9369 s3.2)", "d06b3343cf010000000441414141", QUIC_INITIAL},
        {"v2 0-RTT", "e06b3343cf0100000441414141", QUIC_ZERO_RTT},
        {"v2 Handshake", "f06b3343cf0100000441414141", QUIC_HANDSHAKE},
        {"v2 Retry", "c06b3343cf010000414141414141414141414141414141414141", QUIC_RETRY},
        {"version negotiation", "8000000000010000000001", QUIC_OTHER_VERSION},
        {"a draft", "c0ff00001d0100000000", QUIC_OTHER_VERSION},
        {"a long id of another version (RFC 8999 s5.1)",
         "c01a2a3a4a15010203040506070809101112131415161718192021"
         "00",
         QUIC_OTHER_VERSION},
        {"an id of 21 bytes",
         "c00000000115010203040506070809101112131415161718192021"
         "00000141",
         QUIC_MALFORMED},
        {"a source id of 21 bytes",
         "c0000000010015010203040506070809101112131415161718192021"
         "000141",
         QUIC_MALFORMED},
        {"a length beyond the datagram", "c000000001010000000541414141", QUIC_MALFORMED},
        {"a length of 2^62 - 1", "c00000000101000000ffffffffffffffff41414141", QUIC_MALFORMED},
        {"a token beyond the datagram", "c00000000101000040ff0441414141", QUIC_MALFORMED},
        {"the fixed bit clear (RFC 9287)",
         "80000000010100000004"
         "41414141",
         QUIC_INITIAL},
        {"a short header", "40010203", QUIC_SHORT},
        {"one zero, then not", "00000001", QUIC_SHORT},
        {"zeros", "00000000", QUIC_PADDING},
        {"nothing", "", QUIC_MALFORMED},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint8_t at[64];
        struct quic_packet p;
        size_t len = unhex(rows[i].hex, at, sizeof at);
        if (read_one(at, len, &p) != rows[i].kind)
            fail_msg("%s: read as %d", rows[i].what, (int)p.kind);
    }
}

static enum reason frames_of(const char *hex, struct quic_crypto *crypto)
{
    uint8_t plain[128];
    size_t len = unhex(hex, plain, sizeof plain);
    return quic_initial_frames((struct bytes){plain, len}, crypto);
}

/* RFC 9000 s12.4, s12.5 */
static void frames(void **state)
{
    (void)state;
    static const struct {
        const char *what, *hex;
        enum reason why;
    } rows[] = {
        {"padding and ping", "000001", REASON_NONE},
        {"nothing", "", REASON_QUIC_MALFORMED},
        {"ACK", "02050a0105", REASON_QUIC_MALFORMED},
        {"ACK of 5, first range 2, one more", "02050a01020000", REASON_NONE},
        {"ACK below packet 0", "02050a0006", REASON_QUIC_MALFORMED},
        {"a gap below packet 0", "02050a01020200", REASON_QUIC_MALFORMED},
        {"a range below packet 0", "02050a01020002", REASON_QUIC_MALFORMED},
        {"more ranges than bytes", "02050affffffffffffffff0000", REASON_QUIC_MALFORMED},
        {"ACK with ECN counts", "03050a0002010203", REASON_NONE},
        {"ACK without its ECN counts", "03050a00020102", REASON_QUIC_MALFORMED},
        {"CONNECTION_CLOSE",
         "1c000002"
         "4142",
         REASON_NONE},
        {"CONNECTION_CLOSE, reason cut", "1c00000241", REASON_QUIC_MALFORMED},
        {"CONNECTION_CLOSE of the application", "1d00024142", REASON_QUIC_MALFORMED},
        {"STREAM", "0800", REASON_QUIC_MALFORMED},
        {"NEW_TOKEN", "070141", REASON_QUIC_MALFORMED},
        {"HANDSHAKE_DONE", "1e", REASON_QUIC_MALFORMED},
        {"an unknown frame", "1f", REASON_QUIC_MALFORMED},
        {"a type in two bytes", "4001", REASON_QUIC_MALFORMED},
        {"CRYPTO cut", "06000501", REASON_QUIC_MALFORMED},
        {"CRYPTO up to the bound", "067fff0101", REASON_NONE},
        {"CRYPTO beyond the bound", "067fff020101", REASON_QUIC_TOO_LONG},
        {"CRYPTO far away", "06ffffffffffffffff0101", REASON_QUIC_TOO_LONG},
    };
    static struct quic_crypto crypto;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        quic_crypto_init(&crypto);
        if (frames_of(rows[i].hex, &crypto) != rows[i].why)
            fail_msg("%s", rows[i].what);
    }
    quic_crypto_init(&crypto);
    assert_int_equal(frames_of("060003010203", &crypto), REASON_NONE);
    assert_int_equal(frames_of("06020203"
                               "04",
                               &crypto),
                     REASON_NONE); /* overlaps, the same */
    assert_int_equal(frames_of("06030105", &crypto), REASON_QUIC_CONFLICT);
    assert_int_equal(frames_of("060401"
                               "05"
                               "060401"
                               "06",
                               &crypto),
                     REASON_QUIC_CONFLICT); /* within one packet */
}

/* Every split, in both orders, with repetition and overlap, gives the same name. */
static void every_split(void **state)
{
    (void)state;
    uint8_t hello[700], plain[900];
    static struct quic_crypto crypto;
    size_t len = quic_hello("registry.example", 100, 0, hello, sizeof hello);
    for (size_t cut = 1; cut < len; cut++) {
        for (unsigned order = 0; order < 4; order++) {
            size_t overlap = order & 2 && cut > 5 ? 5 : 0;
            struct bytes part[2] = {{hello, cut}, {hello + cut - overlap, len - cut + overlap}};
            struct client_hello got;
            enum reason why;
            char shown[256];
            quic_crypto_init(&crypto);
            for (unsigned k = 0; k < 2; k++) {
                unsigned which = (order + k) & 1;
                struct writer w = writer_init(plain, sizeof plain);
                quic_put_crypto(&w, which ? cut - overlap : 0, part[which]);
                assert_int_equal(quic_initial_frames((struct bytes){plain, writer_len(&w)}, &crypto), REASON_NONE);
                assert_int_equal(quic_initial_frames((struct bytes){plain, writer_len(&w)}, &crypto), REASON_NONE);
                assert_true(quic_crypto_pending(&crypto));
                if (k == 0)
                    assert_int_equal(quic_crypto_hello(&crypto, &got, &why, shown), PARSE_NEED_MORE);
            }
            assert_int_equal(quic_crypto_hello(&crypto, &got, &why, shown), PARSE_OK);
            assert_string_equal(got.server_name.text, "registry.example");
        }
    }
}

static void hellos_that_are_none(void **state)
{
    (void)state;
    static struct quic_crypto crypto;
    struct client_hello got;
    enum reason why;
    char shown[256];
    quic_crypto_init(&crypto);
    assert_int_equal(frames_of("06000102", &crypto), REASON_NONE); /* a ServerHello's type */
    assert_int_equal(quic_crypto_hello(&crypto, &got, &why, shown), PARSE_MALFORMED);
    assert_int_equal(why, REASON_TLS_MALFORMED);
    quic_crypto_init(&crypto);
    assert_int_equal(frames_of("06000401003ffd", &crypto), REASON_NONE);
    assert_int_equal(quic_crypto_hello(&crypto, &got, &why, shown), PARSE_MALFORMED);
    assert_int_equal(why, REASON_QUIC_TOO_LONG);
    quic_crypto_init(&crypto);
    assert_int_equal(frames_of("0600050100000141", &crypto), REASON_NONE);
    assert_int_equal(quic_crypto_hello(&crypto, &got, &why, shown), PARSE_MALFORMED);
}

/* RFC 9000 A.3: a number is read by the nearest to what was expected; reserved bits (s17.2). */
static void packet_numbers(void **state)
{
    (void)state;
    uint8_t packet[256], plain[256], frames[40] = {1};
    struct quic_sender s = {
        .version = QUIC_VERSION_1, .key_id = "8bytesid", .dcid = "8bytesid", .scid = "", .number = 0xfffffffe};
    struct quic_packet p;
    struct quic_keys keys;
    size_t len = quic_seal(quics_cipher, &s, (struct bytes){frames, sizeof frames}, packet, sizeof packet), plain_len;
    uint64_t number;
    assert_int_equal(read_one(packet, len, &p), QUIC_INITIAL);
    quic_initial_keys(QUIC_VERSION_1, p.dcid, false, &keys);
    assert_int_equal(quic_initial_open(quics_cipher, &keys, &p, 0, plain, &plain_len, &number), QUIC_OPENED);
    assert_true(number == 0xfffffffe);
    s.number = 3;
    s.reserved = true;
    len = quic_seal(quics_cipher, &s, (struct bytes){frames, sizeof frames}, packet, sizeof packet);
    assert_int_equal(read_one(packet, len, &p), QUIC_INITIAL);
    assert_int_equal(quic_initial_open(quics_cipher, &keys, &p, 0, plain, &plain_len, &number), QUIC_BROKEN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(samples_of_the_rfcs),
        cmocka_unit_test(every_bit_is_guarded),
        cmocka_unit_test(headers),
        cmocka_unit_test(frames),
        cmocka_unit_test(every_split),
        cmocka_unit_test(packet_numbers),
        cmocka_unit_test(hellos_that_are_none),
    };
    return cmocka_run_group_tests(tests, quics_begin, quics_end);
}
