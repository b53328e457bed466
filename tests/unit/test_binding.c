/* SPDX-License-Identifier: GPL-3.0-or-later */
/* dns/binding: names and the addresses they were resolved to (law 2). */
#include "tests/unit/binding_bed.h"

static void test_lifetimes(void **state)
{
    (void)state;
    struct address a = numbered_address(1);
    struct name short_lived = named("short.example"), long_lived = named("long.example"), forever = named("f.example");
    bool grace;
    assert_true(binding_add(table, 1, &a, &short_lived, 5, START));
    assert_true(binding_add(table, 1, &a, &long_lived, 1000, START));
    assert_true(binding_add(table, 1, &a, &forever, 0x7fffffff, START)); /* RESEARCH 39 */
    assert_true(bound(1, &a, "short.example", START + 300 * SECOND, &grace) && !grace);
    assert_true(bound(1, &a, "short.example", START + 300 * SECOND + 1, &grace) && grace);
    assert_true(bound(1, &a, "long.example", START + 301 * SECOND, &grace) && !grace);
    assert_true(bound(1, &a, "short.example", START + 3900 * SECOND, &grace) && grace);
    assert_false(bound(1, &a, "short.example", START + 3900 * SECOND + 1, NULL));
    assert_true(bound(1, &a, "long.example", START + 4600 * SECOND, &grace) && grace);
    assert_int_equal(binding_count(table, START), 3);
    assert_int_equal(binding_count(table, START + 4601 * SECOND), 1);
    assert_false(bound(1, &a, "f.example", START + (604800 + 3601) * SECOND, NULL));
    assert_true(binding_was(table, 1, &a));
    /* Answers accumulate: a longer lifetime wins, a shorter one takes nothing away. */
    assert_true(binding_add(table, 1, &a, &long_lived, 5, START + SECOND));
    assert_true(bound(1, &a, "long.example", START + 1000 * SECOND, &grace) && !grace);
    assert_true(binding_add(table, 1, &a, &short_lived, 5, START + 200 * SECOND));
    assert_true(bound(1, &a, "short.example", START + 500 * SECOND, &grace) && !grace);
    assert_int_equal(binding_count(table, START), 3); /* the same entries */
}

static void test_keys(void **state)
{
    (void)state;
    struct address a = numbered_address(1), b = numbered_address(2), six = {6, {0x20, 1, 0xd, 0xb8, [15] = 1}};
    struct address like = {6, {203, 0, 0, 1}}; /* the octets of `a` in the other family */
    struct name n = named("a.example"), none = {0};
    assert_true(binding_add(table, 1, &a, &n, 60, START));
    assert_true(binding_add(table, 1, &six, &n, 60, START));
    assert_true(bound(1, &a, "a.example", START, NULL));
    assert_true(bound(1, &six, "a.example", START, NULL));
    assert_false(bound(2, &a, "a.example", START, NULL)); /* another scope's resolution is not ours */
    assert_false(bound(1, &b, "a.example", START, NULL));
    assert_false(bound(1, &like, "a.example", START, NULL));
    assert_false(bound(1, &a, "b.example", START, NULL));
    assert_false(binding_was(table, 2, &a));
    assert_false(binding_was(table, 1, &b));
    assert_false(binding_add(table, 1, &a, &none, 60, START));
}

static void test_many_names(void **state)
{
    (void)state;
    struct address a = numbered_address(1);
    struct binding_view view[BINDING_NAMES_MAX + 10];
    for (unsigned i = 0; i < BINDING_NAMES_MAX; i++) {
        struct name n = numbered_name(i);
        /* number 77 expires first */
        assert_true(binding_add(table, 1, &a, &n, i == 77 ? 1 : 400 + i, START));
    }
    assert_int_equal(binding_find(table, 1, &a, START, view, BINDING_NAMES_MAX + 10), BINDING_NAMES_MAX);
    assert_int_equal(binding_find(table, 1, &a, START, view, 3), 3);
    struct name more = numbered_name(1000), other = numbered_name(1001);
    assert_true(binding_add(table, 1, &a, &more, 9999, START));
    assert_int_equal(binding_find(table, 1, &a, START, view, BINDING_NAMES_MAX + 10), BINDING_NAMES_MAX);
    assert_false(bound(1, &a, "n77.example", START, NULL));
    assert_true(bound(1, &a, "n1000.example", START, NULL));
    assert_true(bound(1, &a, "n0.example", START, NULL));
    assert_true(binding_add(table, 1, &a, &other, 9999, START));
    assert_false(bound(1, &a, "n0.example", START, NULL)); /* the next that expires */
    assert_true(bound(1, &a, "n1.example", START, NULL));
}

static void test_full(void **state)
{
    (void)state;
    struct name n = named("a.example"), other = named("b.example");
    unsigned taken[3] = {0};
    for (uint16_t scope = 1; scope <= 2; scope++) {
        for (unsigned i = 0; i < BINDING_CAPACITY; i++) {
            struct address a = numbered_address(i);
            taken[scope] += binding_add(table, scope, &a, &n, scope == 1 ? 300 : 900, START);
        }
    }
    assert_int_equal(taken[1], BINDING_SCOPE_MAX); /* one scope does not starve the others */
    assert_int_equal(taken[2], BINDING_CAPACITY - BINDING_SCOPE_MAX);
    struct address a = numbered_address(5), fresh = numbered_address(1u << 20);
    assert_false(binding_add(table, 3, &fresh, &n, 60, START + 3900 * SECOND)); /* grace counts as live */
    assert_true(binding_add(table, 1, &a, &n, 60, START + 3900 * SECOND));      /* what is there can be renewed */
    assert_true(binding_add(table, 3, &fresh, &n, 60, START + 3900 * SECOND + 1));
    assert_true(bound(3, &fresh, "a.example", START + 3901 * SECOND, NULL));
    assert_true(bound(1, &a, "a.example", START + 3901 * SECOND, NULL));
    assert_true(bound(2, &a, "a.example", START + 3901 * SECOND, NULL));
    a = numbered_address(6);
    assert_false(binding_was(table, 1, &a)); /* its slot was taken back */
    assert_true(binding_add(table, 1, &a, &other, 60, START + 3901 * SECOND));
    assert_int_equal(binding_count(table, START + 3901 * SECOND), 3 + BINDING_CAPACITY - BINDING_SCOPE_MAX);
}

static void test_drop_scope(void **state)
{
    (void)state;
    struct name n = named("a.example");
    for (unsigned i = 0; i < 1000; i++) {
        struct address a = numbered_address(i);
        assert_true(binding_add(table, (uint16_t)(1 + i % 2), &a, &n, 60, START));
    }
    binding_drop_scope(table, 1);
    assert_int_equal(binding_count(table, START), 500);
    for (unsigned i = 0; i < 1000; i++) {
        struct address a = numbered_address(i);
        assert_int_equal(bound((uint16_t)(1 + i % 2), &a, "a.example", START, NULL), i % 2);
        assert_int_equal(binding_was(table, 1, &a), false);
    }
    struct address a = numbered_address(0);
    struct name other = named("b.example");
    assert_true(binding_add(table, 1, &a, &other, 60, START)); /* the id is used anew */
    assert_false(bound(1, &a, "a.example", START, NULL));
    assert_true(bound(1, &a, "b.example", START, NULL));
    binding_drop_scope(table, 1);
    binding_drop_scope(table, 2);
    binding_drop_scope(table, 9);
    assert_int_equal(binding_count(table, START), 0);
}

static void test_reader(void **state)
{
    (void)state;
    struct address a = numbered_address(1);
    struct name n = named("a.example");
    struct binding_view view;
    int empty_fd = memfd_create("empty", MFD_CLOEXEC);
    assert_true(empty_fd >= 0 && ftruncate(empty_fd, (off_t)binding_table_size()) == 0);
    struct binding_table *reader = binding_map(empty_fd, false, NULL); /* before any writer came */
    assert_non_null(reader);
    assert_int_equal(binding_find(reader, 1, &a, START, &view, 1), 0);
    assert_false(binding_add(reader, 1, &a, &n, 60, START));
    struct binding_table *writer = binding_map(empty_fd, true, NULL);
    assert_true(binding_add(writer, 1, &a, &n, 60, START));
    assert_int_equal(binding_find(reader, 1, &a, START, &view, 1), 1);
    assert_string_equal(view.name, "a.example");
    assert_true(binding_was(reader, 1, &a));
    assert_int_equal(binding_count(reader, START), 1);
    binding_unmap(writer); /* the table outlives it */
    writer = binding_map(empty_fd, true, NULL);
    assert_int_equal(binding_find(writer, 1, &a, START, &view, 1), 1);
    binding_drop_scope(writer, 1);
    assert_int_equal(binding_find(reader, 1, &a, START, &view, 1), 0);
    binding_unmap(writer);
    binding_unmap(reader);
    binding_unmap(NULL);
    close(empty_fd);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_lifetimes), TEST(test_keys),       TEST(test_many_names),
        TEST(test_full),      TEST(test_drop_scope), TEST(test_reader),
    };
    return cmocka_run_group_tests_name("binding", tests, NULL, NULL);
}
