/* SPDX-License-Identifier: GPL-3.0-or-later */
/* tls/client_hello and tls/ja4: RFC 8446 s4.1.2 and s4.2, RFC 5246 s7.4.1.2, RFC 6066 s3; RESEARCH s2 rows 47-50, 53.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <cmocka.h>

#include "tests/unit/hellos.h"
#include "tls/client_hello.h"
#include "tls/ja4.h"

/* Bytes written in hexadecimal; spaces may stand between them, and text in single quotes. */
static size_t unhex(const char *text, uint8_t *out)
{
    size_t len = 0;
    while (*text) {
        unsigned value;
        if (*text == ' ') {
            text++;
        } else if (*text == '\'') {
            for (text++; *text != '\''; text++)
                out[len++] = (uint8_t)*text;
            text++;
        } else {
            assert_int_equal(sscanf(text, "%2x", &value), 1);
            out[len++] = (uint8_t)value;
            text += 2;
        }
    }
    return len;
}

struct body {
    uint8_t at[20000];
    size_t len;
};

/* A hello of these parts, each in hexadecimal; `extensions` without the length of them all, NULL: none. */
static void make(struct body *b, const char *version, const char *session, const char *ciphers, const char *compression,
                 const char *extensions)
{
    b->len = unhex(version, b->at);
    memset(b->at + b->len, 0x5a, 32);
    b->len += 32;
    b->len += unhex(session, b->at + b->len);
    b->len += unhex(ciphers, b->at + b->len);
    b->len += unhex(compression, b->at + b->len);
    if (extensions) {
        size_t len = unhex(extensions, b->at + b->len + 2);
        b->at[b->len] = (uint8_t)(len >> 8);
        b->at[b->len + 1] = (uint8_t)len;
        b->len += 2 + len;
    }
}

static enum reason parse(const struct body *b, struct client_hello *out, char shown[256])
{
    /* A copy of the exact size, so that the sanitizer sees a read beyond it. */
    uint8_t *copy = malloc(b->len ? b->len : 1);
    memcpy(copy, b->at, b->len);
    enum reason reason = client_hello_parse((struct bytes){copy, b->len}, out, shown);
    free(copy);
    return reason;
}

#define NAME "0000 000a 0008 00 0005 'a.b-c'"

static const struct {
    const char *what, *extensions;
    enum reason reason;
    const char *name; /* or what is shown of a refused one; NULL: none */
} rows[] = {
    {"one name", NAME, REASON_NONE, "a.b-c"},
    {"no extensions at all", NULL, REASON_NONE, NULL},
    {"an empty list of extensions", "", REASON_NONE, NULL},
    {"other extensions only", "0017 0000 ff01 0001 00", REASON_NONE, NULL},
    {"name between others", "0017 0000 " NAME " ff01 0001 00", REASON_NONE, "a.b-c"},
    {"case is folded (RFC 6066 s3)", "0000 000a 0008 00 0005 'A.B_C'", REASON_NONE, "a.b_c"},
    {"RFC 8446 s4.2: server_name twice", NAME " " NAME, REASON_TLS_MALFORMED, NULL},
    {"RFC 8446 s4.2: another twice", NAME " 0017 0000 0017 0000", REASON_TLS_MALFORMED, NULL},
    {"RFC 8446 s4.2: GREASE twice", NAME " 1a1a 0000 1a1a 0000", REASON_TLS_MALFORMED, NULL},
    {"two host_names", "0000 0012 0010 00 0005 'a.b-c' 00 0005 'd.e-f'", REASON_TLS_MALFORMED, NULL},
    {"another type first", "0000 0012 0010 01 0005 'd.e-f' 00 0005 'a.b-c'", REASON_TLS_MALFORMED, NULL},
    {"another type behind", "0000 0012 0010 00 0005 'a.b-c' 01 0005 'd.e-f'", REASON_TLS_MALFORMED, NULL},
    {"only another type", "0000 000a 0008 01 0005 'a.b-c'", REASON_TLS_MALFORMED, NULL},
    {"empty name", "0000 0005 0003 00 0000", REASON_TLS_MALFORMED, NULL},
    {"empty list", "0000 0002 0000", REASON_TLS_MALFORMED, NULL},
    {"empty extension (a server's form)", "0000 0000", REASON_TLS_MALFORMED, NULL},
    {"list longer than the extension", "0000 000a 0009 00 0005 'a.b-c'", REASON_TLS_MALFORMED, NULL},
    {"list shorter than the extension", "0000 000b 0008 00 0005 'a.b-c' 00", REASON_TLS_MALFORMED, NULL},
    {"name shorter than the list", "0000 000a 0008 00 0004 'a.b-c'", REASON_TLS_MALFORMED, NULL},
    {"name longer than the list", "0000 000a 0008 00 0006 'a.b-c'", REASON_TLS_MALFORMED, NULL},
    {"extension longer than the rest", "0000 000b 0008 00 0005 'a.b-c'", REASON_TLS_MALFORMED, NULL},
    {"half an extension header", NAME " 00", REASON_TLS_MALFORMED, NULL},
    {"trailing dot", "0000 000a 0008 00 0005 'a.bc.'", REASON_TLS_NAME_FORM, "a.bc."},
    {"leading dot", "0000 000a 0008 00 0005 '.a.bc'", REASON_TLS_NAME_FORM, ".a.bc"},
    {"empty label", "0000 000a 0008 00 0005 'a..bc'", REASON_TLS_NAME_FORM, "a..bc"},
    {"NUL inside", "0000 000a 0008 00 0005 'a.b' 00 'c'", REASON_TLS_NAME_FORM, "a.b\\x00c"},
    {"BEL and escape", "0000 000a 0008 00 0005 'a.' 07 1b 'c'", REASON_TLS_NAME_FORM, "a.\\x07\\x1bc"},
    {"UTF-8", "0000 000a 0008 00 0005 'a.' c3a9 'c'", REASON_TLS_NAME_FORM, "a.\\xc3\\xa9c"},
    {"space", "0000 000a 0008 00 0005 'a.b c'", REASON_TLS_NAME_FORM, "a.b\\x20c"},
    {"backslash", "0000 000a 0008 00 0005 'a.b\\c'", REASON_TLS_NAME_FORM, "a.b\\x5cc"},
    {"a port", "0000 000a 0008 00 0005 'a.b:1'", REASON_TLS_NAME_FORM, "a.b:1"},
    {"IPv4 literal (RFC 6066 s3)", "0000 000c 000a 00 0007 '1.2.3.4'", REASON_TLS_NAME_FORM, "1.2.3.4"},
    {"IPv4 as one number", "0000 000f 000d 00 000a '2130706433'", REASON_TLS_NAME_FORM, "2130706433"},
    {"IPv4 in hexadecimal", "0000 000f 000d 00 000a '0x7f000001'", REASON_TLS_NAME_FORM, "0x7f000001"},
    {"IPv6 literal", "0000 0008 0006 00 0003 '::1'", REASON_TLS_NAME_FORM, "::1"},
    {"IPv6 literal in brackets", "0000 000a 0008 00 0005 '[::1]'", REASON_TLS_NAME_FORM, "[::1]"},
    {"RFC 8446 s4.2.11: pre_shared_key last", NAME " 0029 0001 00", REASON_NONE, "a.b-c"},
    {"RFC 8446 s4.2.11: pre_shared_key not last", "0029 0001 00 " NAME, REASON_TLS_MALFORMED, NULL},
    {"RFC 8446 s4.2.10: early_data with a body", NAME " 002a 0001 00", REASON_TLS_MALFORMED, NULL},
    {"RFC 7301: ALPN", NAME " 0010 0005 0003 02 'h2'", REASON_NONE, "a.b-c"},
    {"RFC 7301: empty list", NAME " 0010 0002 0000", REASON_TLS_MALFORMED, NULL},
    {"RFC 7301: empty protocol", NAME " 0010 0003 0001 00", REASON_TLS_MALFORMED, NULL},
    {"RFC 7301: bytes behind the list", NAME " 0010 0006 0003 02 'h2' 00", REASON_TLS_MALFORMED, NULL},
    {"RFC 8446 s4.2.1: supported_versions", NAME " 002b 0005 04 0304 0303", REASON_NONE, "a.b-c"},
    {"RFC 8446 s4.2.1: none", NAME " 002b 0001 00", REASON_TLS_MALFORMED, NULL},
    {"RFC 8446 s4.2.1: half a version", NAME " 002b 0004 03 0304 03", REASON_TLS_MALFORMED, NULL},
    {"RFC 8446 s4.2.3: half an algorithm", NAME " 000d 0005 0003 0403 05", REASON_TLS_MALFORMED, NULL},
    {"RFC 8446 s4.2.3: none", NAME " 000d 0002 0000", REASON_TLS_MALFORMED, NULL},
};

static void test_extensions(void **state)
{
    (void)state;
    static struct body b;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct client_hello hello = {0};
        char shown[256] = "";
        make(&b, "0303", "00", "0002 1301", "01 00", rows[i].extensions);
        enum reason reason = parse(&b, &hello, shown);
        const char *name = reason == REASON_TLS_NAME_FORM ? shown : hello.has_name ? hello.server_name.text : NULL;
        if (reason != rows[i].reason)
            fail_msg("%s: %s", rows[i].what, reason_name(reason));
        if (!name != !rows[i].name || (name && strcmp(name, rows[i].name) != 0))
            fail_msg("%s: name %s", rows[i].what, name ? name : "(none)");
    }
}

static void test_body(void **state)
{
    (void)state;
    static const char session32[] = "20 '0123456789abcdef0123456789abcdef'";
    static const char session33[] = "21 '0123456789abcdef0123456789abcdef0'";
    static const struct {
        const char *what, *version, *session, *ciphers, *compression, *extensions;
        enum reason reason;
    } bodies[] = {
        {"TLS 1.0", "0301", "00", "0002 002f", "01 00", NAME, REASON_NONE},
        {"TLS 1.1", "0302", "00", "0002 002f", "01 00", NAME, REASON_NONE},
        {"SSL 3.0", "0300", "00", "0002 002f", "01 00", NAME, REASON_TLS_MALFORMED},
        {"RFC 8446 s4.1.2: legacy_version 3.4", "0304", "00", "0002 1301", "01 00", NAME, REASON_TLS_MALFORMED},
        {"DTLS 1.2", "fefd", "00", "0002 1301", "01 00", NAME, REASON_TLS_MALFORMED},
        {"session id of 32", "0303", session32, "0002 1301", "01 00", NAME, REASON_NONE},
        {"session id of 33", "0303", session33, "0002 1301", "01 00", NAME, REASON_TLS_MALFORMED},
        {"no ciphers", "0303", "00", "0000", "01 00", NAME, REASON_TLS_MALFORMED},
        {"half a cipher", "0303", "00", "0003 1301 13", "01 00", NAME, REASON_TLS_MALFORMED},
        {"no compression methods", "0303", "00", "0002 1301", "00", NAME, REASON_TLS_MALFORMED},
        {"RFC 5246 s7.4.1.2: no null compression", "0303", "00", "0002 1301", "01 01", NAME, REASON_TLS_MALFORMED},
        {"deflate and null", "0303", "00", "0002 002f", "02 01 00", NAME, REASON_NONE},
    };
    static struct body b;
    struct client_hello hello;
    char shown[256];
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        make(&b, bodies[i].version, bodies[i].session, bodies[i].ciphers, bodies[i].compression, bodies[i].extensions);
        enum reason reason = parse(&b, &hello, shown);
        if (reason != bodies[i].reason)
            fail_msg("%s: %s", bodies[i].what, reason_name(reason));
    }
    make(&b, "0303", "00", "0002 1301", "01 00", NAME);
    b.at[b.len++] = 0; /* RFC 8446 s4.1.2: bytes behind the extensions */
    assert_int_equal(parse(&b, &hello, shown), REASON_TLS_MALFORMED);
    b.len = 0;
    assert_int_equal(parse(&b, &hello, shown), REASON_TLS_MALFORMED);
}

/* A cut body is never a hello with a name: only the one without extensions is a hello at all. */
static void test_prefixes(void **state)
{
    (void)state;
    static struct body b;
    struct client_hello hello;
    char shown[256];
    make(&b, "0303", "02 aabb", "0004 1301 c02f", "01 00", "0010 0005 0003 02 'h2' " NAME);
    size_t whole = b.len, sound = 0;
    for (b.len = 0; b.len < whole; b.len++) {
        if (parse(&b, &hello, shown) == REASON_NONE) {
            sound++;
            assert_false(hello.has_name);
        }
    }
    assert_int_equal(sound, 1);
}

static void test_facts(void **state)
{
    (void)state;
    static const struct {
        const char *extensions, *alpn;
        bool ech, draft, early_data;
    } facts[] = {
        {NAME, "", false, false, false},
        {NAME " 0010 000e 000c 02 'h2' 08 'http/1.1'", "h2", false, false, false},
        {NAME " 0010 0005 0003 02 1a1a", "\\x1a\\x1a", false, false, false},
        {NAME " 002a 0000", "", false, false, true},
        {NAME " fe0d 0001 00", "", true, false, false},
        {NAME " fd00 0001 00", "", false, true, false},
        {NAME " fe08 0001 00", "", false, true, false},
        {NAME " ffce 0001 00", "", false, true, false},
        {NAME " fe07 0001 00 fe0e 0001 00", "", false, false, false},
    };
    static struct body b;
    for (size_t i = 0; i < sizeof facts / sizeof facts[0]; i++) {
        struct client_hello hello;
        char shown[256];
        make(&b, "0303", "00", "0002 1301", "01 00", facts[i].extensions);
        assert_int_equal(parse(&b, &hello, shown), REASON_NONE);
        assert_string_equal(hello.alpn, facts[i].alpn);
        assert_int_equal(hello.ech, facts[i].ech);
        assert_int_equal(hello.ech_draft, facts[i].draft);
        assert_int_equal(hello.early_data, facts[i].early_data);
    }
    /* A protocol's name longer than the field is cut, not overrun. */
    make(&b, "0303", "00", "0002 1301", "01 00",
         "0010 002b 0029 28 ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff");
    struct client_hello hello;
    char shown[256];
    assert_int_equal(parse(&b, &hello, shown), REASON_NONE);
    assert_int_equal(strlen(hello.alpn), 28);
}

static void test_ja4(void **state)
{
    (void)state;
    static const struct {
        const char *what, *version, *ciphers, *extensions, *ja4;
    } prints[] = {
        /* The example of FoxIO's description, with GREASE that must not count. */
        {"FoxIO's example", "0303",
         "0020 2a2a 1301 1302 1303 c02b c02f c02c c030 cca9 cca8 c013 c014 009c 009d 002f 0035",
         "0a0a 0000 0000 000a 0008 00 0005 'a.b-c' 0017 0000 ff01 0001 00 000a 0000 000b 0000 0023 0000 "
         "0010 000e 000c 02 'h2' 08 'http/1.1' 0005 0000 000d 0012 0010 0403 0804 0401 0503 0805 0501 0806 0601 "
         "0012 0000 0033 0000 002d 0000 002b 0007 06 8a8a 0304 0303 001b 0000 4469 0000 3a3a 0001 00 0015 0000",
         "t13d1516h2_8daaf6152771_e5627efa2ab1"},
        /* The hashes of these were made with sha256sum. */
        {"no extensions", "0301", "0002 002f", NULL, "t10i010000_ba72b8082249_000000000000"},
        {"GREASE only", "0303", "0002 4a4a", "4a4a 0000", "t12i000000_000000000000_000000000000"},
        {"no signature algorithms", "0302", "0004 0035 002f", "0017 0000", "t11i020100_f54dd463d39b_1ca028f07214"},
        {"an ALPN that is no text", "0303", "0002 002f", "0010 0005 0003 02 abcd 0017 0000",
         "t12i0102ad_ba72b8082249_1ca028f07214"},
        {"an ALPN of one letter", "0303", "0002 002f", "0010 0004 0002 01 'x' 0017 0000",
         "t12i0102xx_ba72b8082249_1ca028f07214"},
    };
    static struct body b;
    for (size_t i = 0; i < sizeof prints / sizeof prints[0]; i++) {
        struct client_hello hello;
        char shown[256];
        make(&b, prints[i].version, "00", prints[i].ciphers, "01 00", prints[i].extensions);
        assert_int_equal(parse(&b, &hello, shown), REASON_NONE);
        if (strcmp(hello.ja4, prints[i].ja4) != 0)
            fail_msg("%s: %s, not %s", prints[i].what, hello.ja4, prints[i].ja4);
    }
    /* As many ciphers as fit are counted up to 99 and sorted within the buffer. */
    make(&b, "0303", "00", "", "", NULL);
    b.at[b.len++] = 0x3e;
    b.at[b.len++] = 0x80; /* 16000 octets */
    for (unsigned i = 0; i < 8000; i++) {
        b.at[b.len++] = (uint8_t)((7999 - i) >> 8);
        b.at[b.len++] = (uint8_t)(7999 - i);
    }
    b.len += unhex("01 00", b.at + b.len);
    struct client_hello hello;
    char shown[256];
    assert_int_equal(parse(&b, &hello, shown), REASON_NONE);
    assert_memory_equal(hello.ja4, "t12i990000_", 11);
}

/* The body of a flight that OpenSSL made: one record, one message. */
static void test_openssl(void **state)
{
    (void)state;
    static struct body b;
    static uint8_t flight[20000];
    for (size_t i = 0; i < HELLO_OPTIONS; i++) {
        struct client_hello hello;
        char shown[256];
        size_t len = hello_make(&hello_options[i], flight, sizeof flight);
        assert_true(len > 9 && len > hello_options[i].extra_len);
        b.len = len - 9;
        memcpy(b.at, flight + 9, b.len);
        enum reason reason = parse(&b, &hello, shown);
        if (reason != REASON_NONE)
            fail_msg("%s: %s", hello_options[i].what, reason_name(reason));
        struct oracle o = oracle_read(flight, len);
        assert_true(o.hello);
        assert_int_equal(hello.has_name, hello_options[i].name != NULL);
        assert_int_equal(hello.has_name, o.extension);
        if (hello.has_name)
            assert_int_equal(strcasecmp(hello.server_name.text, hello_options[i].name), 0);
        assert_string_equal(hello.alpn, hello_options[i].alpn ? "h2" : "");
        assert_int_equal(hello.ja4[3], hello.has_name ? 'd' : 'i');
    }
}

/* Each byte of a real hello changed in turn: what we accept with a name, OpenSSL reads as that name or refuses. */
static void test_differential(void **state)
{
    (void)state;
    static struct body b;
    static uint8_t flight[20000];
    static const uint8_t masks[] = {0x01, 0x02, 0x80, 0xff, 0x20};
    size_t same = 0, refused = 0;
    for (size_t i = 0; i <= 4; i++) {
        size_t len = hello_make(&hello_options[i], flight, sizeof flight);
        for (size_t at = 9; at < len; at++) {
            for (size_t m = 0; m < sizeof masks; m++) {
                flight[at] ^= masks[m];
                b.len = len - 9;
                memcpy(b.at, flight + 9, b.len);
                struct client_hello hello;
                char shown[256];
                if (parse(&b, &hello, shown) == REASON_NONE) {
                    struct oracle o = oracle_read(flight, len);
                    if (o.hello)
                        assert_int_equal(hello.has_name, o.extension);
                    if (o.accepted)
                        assert_int_equal(strcasecmp(o.name, hello.server_name.text), 0);
                    same += o.accepted;
                } else {
                    refused++;
                }
                flight[at] ^= masks[m];
            }
        }
    }
    assert_true(same > 1000);
    assert_true(refused > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_extensions),   cmocka_unit_test(test_body), cmocka_unit_test(test_prefixes),
        cmocka_unit_test(test_facts),        cmocka_unit_test(test_ja4),  cmocka_unit_test(test_openssl),
        cmocka_unit_test(test_differential),
    };
    return cmocka_run_group_tests_name("client_hello", tests, NULL, NULL);
}
