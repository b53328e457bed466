/* SPDX-License-Identifier: GPL-3.0-or-later */
/* core/address: text forms, ranges, and which addresses a public name may not stand for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/address.h"

static struct bytes text(const char *s)
{
    return (struct bytes){(const uint8_t *)s, strlen(s)};
}

static struct address parsed(const char *s)
{
    struct address a = {0};
    if (!address_parse(text(s), &a))
        fail_msg("cannot parse %s", s);
    return a;
}

static void test_parse(void **state)
{
    (void)state;
    static const struct {
        const char *in, *out; /* NULL: refused */
    } rows[] = {
        {"192.0.2.1", "192.0.2.1"},
        {"0.0.0.0", "0.0.0.0"},
        {"2001:DB8::1", "2001:db8::1"},
        {"2001:db8:0:0:0:0:0:1", "2001:db8::1"},
        {"::ffff:192.0.2.1", "::ffff:192.0.2.1"},
        {"::", "::"},
        {"", NULL},
        {"192.0.2", NULL},    /* inet_aton's short forms */
        {"3221225985", NULL}, /* one number */
        {"0300.0.2.1", NULL}, /* octal */
        {"192.0.2.01", NULL}, /* leading zero: octal to some, decimal to others */
        {"0xc0.0.2.1", NULL}, /* hexadecimal */
        {"192.0.2.256", NULL},
        {"192.0.2.1 ", NULL},
        {" 192.0.2.1", NULL},
        {"[2001:db8::1]", NULL}, /* brackets belong to URLs */
        {"fe80::1%eth0", NULL},  /* no zones */
        {"1::2::3", NULL},
        {"12345::", NULL},
        {"1111:2222:3333:4444:5555:6666:7777:8888:9999", NULL},
        {"0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000", NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct address a = {.family = 99};
        char out[ADDRESS_TEXT_SIZE];
        bool ok = address_parse(text(rows[i].in), &a);
        if (ok != (rows[i].out != NULL))
            fail_msg("%s: %s", rows[i].in, ok ? "taken" : "refused");
        if (!ok) {
            assert_int_equal(a.family, 99); /* outputs only on success */
            continue;
        }
        assert_int_equal(address_format(&a, out), strlen(rows[i].out));
        assert_string_equal(out, rows[i].out);
    }
    struct address a;
    assert_false(address_parse((struct bytes){(const uint8_t *)"192.0.2.1\0x", 11}, &a)); /* NUL ends nothing */
    assert_false(address_parse((struct bytes){NULL, 0}, &a));
}

static void test_ranges(void **state)
{
    (void)state;
    static const struct {
        const char *range, *in, *out; /* in: first or last inside, out: next outside; NULL in: refused range */
    } rows[] = {
        {"10.0.0.0/8", "10.255.255.255", "11.0.0.0"},
        {"10.1.2.0/23", "10.1.3.255", "10.1.4.0"},
        {"172.16.0.0/12", "172.31.255.255", "172.32.0.0"},
        {"192.0.2.1", "192.0.2.1", "192.0.2.2"},
        {"192.0.2.1/32", "192.0.2.1", "192.0.2.0"},
        {"0.0.0.0/0", "255.255.255.255", "::"},
        {"::/0", "ffff::", "1.2.3.4"},
        {"2001:db8::/32", "2001:db8:ffff::1", "2001:db9::"},
        {"2001:db8::/33", "2001:db8:7fff::1", "2001:db8:8000::"},
        {"2001:db8::1/128", "2001:db8::1", "2001:db8::2"},
        {"fc00::/7", "fdff::1", "fe00::"},
        {"10.0.0.1/8", NULL, NULL}, /* host bits */
        {"10.0.0.0/33", NULL, NULL},
        {"2001:db8::/129", NULL, NULL},
        {"10.0.0.0/", NULL, NULL},
        {"10.0.0.0/08", NULL, NULL},
        {"10.0.0.0/+8", NULL, NULL},
        {"10.0.0.0/8/8", NULL, NULL},
        {"10.0.0.0/1000", NULL, NULL},
        {"/8", NULL, NULL},
        {"", NULL, NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct address_range range;
        bool ok = address_range_parse(text(rows[i].range), &range);
        if (ok != (rows[i].in != NULL))
            fail_msg("%s: %s", rows[i].range, ok ? "taken" : "refused");
        if (!ok)
            continue;
        struct address in = parsed(rows[i].in), out = parsed(rows[i].out);
        if (!address_in_range(&in, &range) || address_in_range(&out, &range) || !address_in_range(&range.base, &range))
            fail_msg("%s", rows[i].range);
    }
}

static void test_special(void **state)
{
    (void)state;
    static const struct {
        const char *address;
        bool special;
    } rows[] = {
        {"0.0.0.0", true},
        {"0.255.255.255", true},
        {"1.0.0.0", false},
        {"9.255.255.255", false},
        {"10.0.0.0", true},
        {"11.0.0.0", false},
        {"100.63.255.255", false},
        {"100.64.0.0", true}, /* RFC 6598; Alibaba's metadata 100.100.100.200 is here */
        {"100.127.255.255", true},
        {"100.128.0.0", false},
        {"127.0.0.1", true},
        {"127.255.255.255", true},
        {"128.0.0.0", false},
        {"169.253.255.255", false},
        {"169.254.169.254", true}, /* metadata */
        {"172.15.255.255", false},
        {"172.16.0.0", true},
        {"172.31.255.255", true},
        {"172.32.0.0", false},
        {"192.167.255.255", false},
        {"192.168.0.1", true},
        {"192.169.0.0", false},
        {"168.63.129.16", true}, /* Azure */
        {"168.63.129.17", false},
        {"198.18.0.1", false}, /* DESIGN s3.2: no other range */
        {"192.0.2.1", false},
        {"203.0.113.1", false},
        {"223.255.255.255", false},
        {"224.0.0.1", true},
        {"239.255.255.255", true},
        {"240.0.0.0", true},
        {"255.255.255.255", true},
        {"::", true},
        {"::1", true},
        {"::10.0.0.1", true}, /* v4-compatible */
        {"::8.8.8.8", false},
        {"::ffff:127.0.0.1", true}, /* v4-mapped */
        {"::ffff:169.254.169.254", true},
        {"::ffff:8.8.8.8", false},
        {"64:ff9b::10.0.0.1", true}, /* RFC 6052 */
        {"64:ff9b::a9fe:a9fe", true},
        {"64:ff9b::8.8.8.8", false},
        {"64:ff9b:0:1::a00:1", false}, /* not the well-known /96 */
        {"2002:7f00:1::", true},       /* 6to4 of 127.0.0.1 */
        {"2002:c0a8:1::1", true},
        {"2002:808:808::1", false},
        {"fbff::1", false},
        {"fc00::", true},
        {"fd00:ec2::254", true}, /* AWS metadata */
        {"fdff::1", true},
        {"fe00::1", false},
        {"fe80::1", true},
        {"febf::1", true},
        {"fec0::1", false},
        {"ff02::fb", true},
        {"2001:db8::1", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct address a = parsed(rows[i].address);
        if (address_is_special(&a) != rows[i].special)
            fail_msg("%s", rows[i].address);
    }
    struct address none = {0};
    assert_true(address_is_special(&none)); /* what is no address stands for nothing */
}

static void test_loopback(void **state)
{
    (void)state;
    static const char *const yes[] = {"127.0.0.1", "127.0.0.53", "127.255.0.1", "::1", "::ffff:127.0.0.1"};
    static const char *const no[] = {"126.255.255.255", "128.0.0.1", "::2", "::", "::ffff:128.0.0.1", "7f00::1"};
    for (size_t i = 0; i < sizeof yes / sizeof *yes; i++) {
        struct address a = parsed(yes[i]);
        assert_true(address_is_loopback(&a));
    }
    for (size_t i = 0; i < sizeof no / sizeof *no; i++) {
        struct address a = parsed(no[i]);
        assert_false(address_is_loopback(&a));
    }
}

static void test_values(void **state)
{
    (void)state;
    static const uint8_t four[4] = {192, 0, 2, 1};
    struct address a = address_from_octets((struct bytes){four, 4}), b = parsed("192.0.2.1");
    assert_true(address_equal(&a, &b));
    assert_memory_equal(&a, &b, sizeof a); /* equal addresses are equal bytes */
    assert_int_equal(address_octets(&a), 4);
    assert_int_equal(address_hash(&a, 7), address_hash(&b, 7));
    assert_int_not_equal(address_hash(&a, 7), address_hash(&a, 8));
    b = parsed("c000:201::"); /* the same leading octets in the other family */
    assert_false(address_equal(&a, &b));
    assert_int_not_equal(address_hash(&a, 7), address_hash(&b, 7));
    assert_int_equal(address_octets(&b), 16);
    a = address_from_octets((struct bytes){four, 3});
    assert_int_equal(a.family, 0);
    char out[ADDRESS_TEXT_SIZE];
    assert_int_equal(address_format(&a, out), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),    cmocka_unit_test(test_ranges), cmocka_unit_test(test_special),
        cmocka_unit_test(test_loopback), cmocka_unit_test(test_values),
    };
    return cmocka_run_group_tests_name("address", tests, NULL, NULL);
}
