/* SPDX-License-Identifier: GPL-3.0-or-later */
/* core/name: the one canonical form, from presentation form, wire labels and what a person wrote. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/hash.h"
#include "core/name.h"

#define LABEL63 "abcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabc"
#define NAME253                         \
    LABEL63 "." LABEL63 "." LABEL63 "." \
            "abcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghija"

static struct bytes text(const char *s)
{
    return (struct bytes){(const uint8_t *)s, strlen(s)};
}

struct name_row {
    const char *in, *out; /* NULL: refused */
};

static void check_rows(const struct name_row *rows, size_t count, bool (*read)(struct bytes, struct name *))
{
    for (size_t i = 0; i < count; i++) {
        struct name n = {.len = 77};
        bool ok = read(text(rows[i].in), &n);
        if (ok != (rows[i].out != NULL))
            fail_msg("row %zu (%s): %s", i, rows[i].in, ok ? "taken" : "refused");
        if (!ok) {
            assert_int_equal(n.len, 77);
            continue;
        }
        assert_string_equal(n.text, rows[i].out);
        assert_int_equal(n.len, strlen(rows[i].out));
    }
}

static void test_wire(void **state)
{
    (void)state;
    static const struct name_row rows[] = {
        {"registry.example", "registry.example"},
        {"ReGiStRy.EXAMPLE", "registry.example"}, /* RFC 4343 */
        {"_sip._tcp.example", "_sip._tcp.example"},
        {"xn--bcher-kva.example", "xn--bcher-kva.example"},
        {"localhost", "localhost"},
        {"1and1.example", "1and1.example"},
        {"1.2.3.4.example", "1.2.3.4.example"},
        {LABEL63 ".example", LABEL63 ".example"},
        {NAME253, NAME253},
        {"", NULL},
        {".", NULL},
        {"registry.example.", NULL}, /* RFC 6066 s3: no trailing dot */
        {".registry.example", NULL},
        {"registry..example", NULL},
        {LABEL63 "d.example", NULL}, /* 64 bytes */
        {NAME253 "b", NULL},
        {"registry.example ", NULL},
        {"registry\\.example", NULL},
        {"registry/example", NULL},
        {"registry.example:443", NULL},
        {"*.example", NULL},
        {"b\xc3\xbc"
         "cher.example",
         NULL},
        {"192.0.2.1", NULL}, /* RFC 6066 s3: no literal addresses */
        {"example.1", NULL}, /* WHATWG URL: ends in a number */
        {"4294967295", NULL},
        {"a.0x7f", NULL},
        {"0X7F", NULL},
        {"127.0.0.0x", NULL}, /* 0x alone is zero there */
        {"a.0x7g", "a.0x7g"},
        {"a.0b1", "a.0b1"},
        {"[2001:db8::1]", NULL},
    };
    check_rows(rows, sizeof rows / sizeof *rows, name_from_wire);
    struct name n;
    assert_false(name_from_wire((struct bytes){(const uint8_t *)"good.example\0.evil.test", 23}, &n));
    assert_false(name_from_wire((struct bytes){NULL, 0}, &n));
}

static void test_every_byte(void **state)
{
    (void)state;
    for (unsigned byte = 0; byte < 256; byte++) {
        uint8_t in[3] = {'a', (uint8_t)byte, 'b'};
        uint8_t labels[5] = {3, 'a', (uint8_t)byte, 'b', 0};
        bool letter = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || (byte >= '0' && byte <= '9') ||
                      byte == '-' || byte == '_';
        struct name n;
        assert_int_equal(name_from_wire((struct bytes){in, 3}, &n), letter || byte == '.');
        /* A dot byte inside a label is not a separator (RESEARCH s2, 30). */
        assert_int_equal(name_from_labels((struct bytes){labels, 5}, &n), letter);
    }
}

static void test_labels(void **state)
{
    (void)state;
    static const struct {
        const char *in;
        size_t len;
        const char *out;
    } rows[] = {
        {"\x08registry\x07"
         "EXAMPLE",
         18, "registry.example"}, /* the string's own NUL is the root label */
        {"\x03"
         "123\x03"
         "456",
         9, "123.456"}, /* a question decides by lookup only */
        {"\x01"
         "a",
         3, "a"},
        {"", 1, NULL}, /* the root alone */
        {"", 0, NULL}, /* nothing */
        {"\x01"
         "a",
         2, NULL}, /* no root label */
        {"\x02"
         "a",
         3, NULL}, /* RFC 1035 s3.1: the label is longer than what follows */
        {"\x01"
         "a\0b",
         4, NULL},             /* bytes after the root label */
        {"\xc0\x0c", 2, NULL}, /* a pointer (RFC 1035 s4.1.4) */
        {"\x01"
         "a\xc0\x0c",
         4, NULL},
        {"\x41"
         "a",
         3, NULL}, /* label type 01, RFC 6891 s5 */
        {"\x81"
         "a",
         3, NULL}, /* label type 10 */
        {"\x03"
         "a.b",
         5, NULL}, /* dot inside a label */
        {"\x03"
         "a\0b",
         5, NULL}, /* NUL inside a label */
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct name n;
        bool ok = name_from_labels((struct bytes){(const uint8_t *)rows[i].in, rows[i].len}, &n);
        if (ok != (rows[i].out != NULL))
            fail_msg("row %zu", i);
        if (ok)
            assert_string_equal(n.text, rows[i].out);
    }
}

static void test_labels_length(void **state)
{
    (void)state;
    /* RFC 1035 s2.3.4: 255 octets on the wire, which are 253 bytes of text. */
    struct name n, back;
    uint8_t wire[256];
    assert_true(name_from_wire(text(NAME253), &n));
    assert_int_equal(name_to_labels(&n, wire), 255);
    assert_true(name_from_labels((struct bytes){wire, 255}, &back));
    assert_true(name_equal(&n, &back));
    wire[192]++; /* the last label one longer: 256 octets */
    wire[254] = 'x';
    wire[255] = 0;
    assert_false(name_from_labels((struct bytes){wire, 256}, &back));
    for (size_t len = 0; len < 255; len++) /* every prefix is refused */
        assert_false(name_from_labels((struct bytes){wire, len}, &back));
}

static void test_person(void **state)
{
    (void)state;
    static const struct name_row rows[] = {
        {"Registry.Example.", "registry.example"},
        {"b\xc3\xbc"
         "cher.example",
         "xn--bcher-kva.example"},
        {"B\xc3\x9c"
         "CHER.example.",
         "xn--bcher-kva.example"},
        {"bu\xcc\x88"
         "cher.example",
         "xn--bcher-kva.example"},                    /* combining form */
        {"fa\xc3\x9f.example", "xn--fa-hia.example"}, /* IDNA2008 keeps the sharp s */
        {"\xe4\xbe\x8b\xe3\x80\x82\xe3\x83\x86\xe3\x82\xb9\xe3\x83\x88", "xn--fsq.xn--zckzah"}, /* ideographic stop */
        {"\xef\xbc\x87", NULL},          /* maps to an apostrophe */
        {"a\xe2\x84\x80.example", NULL}, /* maps to a/c */
        {"_srv.b\xc3\xbc"
         "cher.example",
         "_srv.xn--bcher-kva.example"},
        {"\xc3\x28.example", NULL}, /* not UTF-8 */
        {"a..example", NULL},
        {"example..", NULL},
        {".", NULL},
        {"", NULL},
        {"192.0.2.1", NULL},
        {"\xef\xbc\x91\xef\xbc\x92\xef\xbc\x97.1", NULL}, /* fullwidth digits are digits */
    };
    check_rows(rows, sizeof rows / sizeof *rows, name_from_person);
    struct name n;
    assert_false(name_from_person((struct bytes){(const uint8_t *)"good.example\0evil", 17}, &n));
}

static void test_relations(void **state)
{
    (void)state;
    static const struct {
        const char *name, *zone;
        bool below;
    } rows[] = {
        {"a.example", "example", true},         {"b.a.example", "example", true}, {"example", "example", false},
        {"evilexample", "example", false}, /* kntrl's suffix match (RESEARCH s1) */
        {"evil-a.example", "a.example", false}, {"example", "a.example", false},  {"example.evil", "example", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct name n, zone;
        assert_true(name_from_wire(text(rows[i].name), &n) && name_from_wire(text(rows[i].zone), &zone));
        if (name_is_below(&n, &zone) != rows[i].below)
            fail_msg("%s below %s", rows[i].name, rows[i].zone);
    }
    struct name none = {0}, n;
    assert_true(name_from_wire(text("a.b.example"), &n));
    assert_int_equal(name_label_count(&n), 3);
    assert_int_equal(name_label_count(&none), 0);
    assert_false(name_is_below(&n, &none));
    uint8_t wire[255];
    assert_int_equal(name_to_labels(&none, wire), 1);
    assert_int_equal(wire[0], 0);
}

/* The seed must matter, and short keys must spread: 4096 names over 256 buckets, none with over 48 (mean 16). */
static void test_hash(void **state)
{
    (void)state;
    unsigned buckets[256] = {0}, most = 0, same = 0;
    for (unsigned i = 0; i < 4096; i++) {
        uint8_t key[3] = {(uint8_t)('a' + i % 26), (uint8_t)(i >> 8), (uint8_t)i};
        uint32_t h = name_hash((struct bytes){key, 3}, 1);
        unsigned count = ++buckets[h & 255];
        most = count > most ? count : most;
        same += h == hash_bytes((struct bytes){key, 3}, 2);
    }
    assert_in_range(most, 17, 48);
    assert_true(same < 3);
    assert_int_not_equal(hash_bytes((struct bytes){(const uint8_t *)"a", 1}, 0),
                         hash_bytes((struct bytes){(const uint8_t *)"a\0", 2}, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wire),          cmocka_unit_test(test_every_byte), cmocka_unit_test(test_labels),
        cmocka_unit_test(test_labels_length), cmocka_unit_test(test_person),     cmocka_unit_test(test_relations),
        cmocka_unit_test(test_hash),
    };
    return cmocka_run_group_tests_name("name", tests, NULL, NULL);
}
