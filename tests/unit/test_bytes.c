/* SPDX-License-Identifier: GPL-3.0-or-later */
/* core/bytes: the cursors are sticky, a shortage means NEED_MORE only where more may follow. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/bytes.h"

static const uint8_t ten[10] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10};

static void test_read(void **state)
{
    (void)state;
    struct reader r = reader_init((struct bytes){ten, 10}, false);
    assert_int_equal(reader_u8(&r), 0x01);
    assert_int_equal(reader_u16(&r), 0x0203);
    assert_int_equal(reader_u24(&r), 0x040506);
    assert_int_equal(reader_u32(&r), 0x0708090a);
    assert_int_equal(reader_left(&r), 0);
    assert_int_equal(r.state, PARSE_OK);
    assert_int_equal(reader_u8(&r), 0);
    assert_int_equal(r.state, PARSE_MALFORMED);
}

/* Every prefix: NEED_MORE when open, MALFORMED when not, and zero from then on. */
static void test_short(void **state)
{
    (void)state;
    for (size_t len = 0; len < 10; len++) {
        for (int open = 0; open < 2; open++) {
            struct reader r = reader_init((struct bytes){ten, len}, open);
            struct bytes got = reader_bytes(&r, len + 1);
            enum parse want = open ? PARSE_NEED_MORE : PARSE_MALFORMED;
            assert_int_equal(r.state, want);
            assert_null(got.at);
            assert_int_equal(got.len, 0);
            assert_int_equal(reader_u8(&r), 0); /* sticky, though a byte would be there */
            assert_int_equal(reader_u32(&r), 0);
            assert_int_equal(reader_left(&r), 0);
            reader_fail(&r);
            assert_int_equal(r.state, want); /* the first failure stays */
        }
    }
    struct reader r = reader_init((struct bytes){NULL, 0}, true);
    assert_int_equal(reader_bytes(&r, 0).len, 0);
    assert_int_equal(r.state, PARSE_OK);
    r = reader_init((struct bytes){ten, 10}, true);
    reader_bytes(&r, SIZE_MAX);
    assert_int_equal(r.state, PARSE_NEED_MORE);
    r = reader_init((struct bytes){ten, 10}, true);
    reader_fail(&r);
    assert_int_equal(r.state, PARSE_MALFORMED);
}

static void test_block(void **state)
{
    (void)state;
    struct reader r = reader_init((struct bytes){ten, 10}, true);
    struct reader block = reader_block(&r, 4);
    assert_int_equal(reader_u32(&block), 0x01020304);
    reader_close(&r, &block);
    assert_int_equal(r.state, PARSE_OK);
    assert_int_equal(reader_u8(&r), 5);

    block = reader_block(&r, 2); /* bytes left over */
    reader_u8(&block);
    reader_close(&r, &block);
    assert_int_equal(r.state, PARSE_MALFORMED);

    r = reader_init((struct bytes){ten, 10}, true); /* a shortage inside a whole block is no NEED_MORE */
    block = reader_block(&r, 2);
    reader_u32(&block);
    assert_int_equal(block.state, PARSE_MALFORMED);
    reader_close(&r, &block);
    assert_int_equal(r.state, PARSE_MALFORMED);

    r = reader_init((struct bytes){ten, 10}, true); /* the block itself is not there yet */
    block = reader_block(&r, 11);
    assert_int_equal(r.state, PARSE_NEED_MORE);
    assert_int_equal(block.state, PARSE_NEED_MORE);
    assert_int_equal(reader_u8(&block), 0);
    reader_close(&r, &block);
    assert_int_equal(r.state, PARSE_NEED_MORE);
}

static void test_write(void **state)
{
    (void)state;
    uint8_t out[13];
    memset(out, 0xee, sizeof out);
    struct writer w = writer_init(out, 12);
    writer_u8(&w, 1);
    writer_u16(&w, 0x0203);
    writer_u32(&w, 0x04050607);
    writer_bytes(&w, (struct bytes){ten, 3});
    writer_bytes(&w, (struct bytes){NULL, 0});
    writer_zero(&w, 2);
    static const uint8_t want[12] = {1, 2, 3, 4, 5, 6, 7, 1, 2, 3, 0, 0};
    assert_int_equal(writer_len(&w), 12);
    assert_memory_equal(out, want, 12);
    writer_patch_u16(&w, 10, 0xabcd);
    assert_int_equal(out[10], 0xab);
    assert_int_equal(out[11], 0xcd);
    assert_false(w.full);
    writer_u8(&w, 9);
    assert_true(w.full);
    assert_int_equal(writer_len(&w), 0);
    assert_int_equal(out[12], 0xee);
}

static void test_write_overflow(void **state)
{
    (void)state;
    uint8_t out[4] = {0xee, 0xee, 0xee, 0xee};
    struct writer w = writer_init(out, 3);
    writer_bytes(&w, (struct bytes){ten, 4});
    assert_true(w.full);
    writer_u8(&w, 1); /* sticky, though it would fit */
    assert_int_equal(out[0], 0xee);
    w = writer_init(out, 3);
    writer_u8(&w, 1);
    writer_patch_u16(&w, 0, 0x1234); /* only bytes that were written */
    assert_true(w.full);
    assert_int_equal(out[1], 0xee);
}

static void test_equal(void **state)
{
    (void)state;
    assert_true(bytes_equal((struct bytes){NULL, 0}, (struct bytes){ten, 0}));
    assert_true(bytes_equal((struct bytes){ten, 3}, (struct bytes){(const uint8_t *)"\1\2\3", 3}));
    assert_false(bytes_equal((struct bytes){ten, 3}, (struct bytes){ten, 4}));
    assert_false(bytes_equal((struct bytes){ten, 3}, (struct bytes){(const uint8_t *)"\1\2\4", 3}));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read),  cmocka_unit_test(test_short),          cmocka_unit_test(test_block),
        cmocka_unit_test(test_write), cmocka_unit_test(test_write_overflow), cmocka_unit_test(test_equal),
    };
    return cmocka_run_group_tests_name("bytes", tests, NULL, NULL);
}
