/* SPDX-License-Identifier: GPL-3.0-or-later */
/* dns/binding: names and the addresses they were resolved to (law 2), in memory that outlives its writer. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "dns/binding.h"

#define SECOND 1000000ull
#define START  (1000 * SECOND)

static int table_fd = -1;
static struct binding_table *table;

static int set_up(void **state)
{
    (void)state;
    table_fd = memfd_create("bindings", MFD_CLOEXEC);
    if (table_fd < 0 || ftruncate(table_fd, (off_t)binding_table_size()) != 0)
        return -1;
    table = binding_map(table_fd, true, NULL);
    return table ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    binding_unmap(table);
    close(table_fd);
    table = NULL;
    return 0;
}

static struct address numbered_address(unsigned i)
{
    return (struct address){4, {203, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i}};
}

static struct name named(const char *s)
{
    struct name n;
    assert_true(name_from_wire((struct bytes){(const uint8_t *)s, strlen(s)}, &n));
    return n;
}

static struct name numbered_name(unsigned i)
{
    char s[64];
    snprintf(s, sizeof s, "n%u.example", i);
    return named(s);
}

static bool bound(uint16_t scope, const struct address *a, const char *name, uint64_t now, bool *grace)
{
    struct binding_view view[BINDING_NAMES_MAX];
    unsigned count = binding_find(table, scope, a, now, view, BINDING_NAMES_MAX);
    for (unsigned i = 0; i < count; i++) {
        if (view[i].len == strlen(name) && memcmp(view[i].name, name, view[i].len + 1u) == 0) {
            if (grace)
                *grace = view[i].grace;
            return true;
        }
    }
    return false;
}

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

static uint8_t *map_bytes(int fd)
{
    uint8_t *bytes = mmap(NULL, binding_table_size(), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    assert_true(bytes != MAP_FAILED);
    return bytes;
}

static void test_foreign_header(void **state)
{
    (void)state;
    struct error e = {0};
    uint8_t *bytes = map_bytes(table_fd), kept[32];
    memcpy(kept, bytes, sizeof kept);
    for (size_t i = 0; i < 24; i++) { /* magic, version, sizes */
        bytes[i] ^= 0x10;
        e.code = ERROR_NONE;
        for (int write = 0; write < 2; write++)
            assert_null(binding_map(table_fd, write == 1, &e));
        assert_int_equal(e.code, ERROR_INPUT);
        assert_true(strlen(e.text) > 10);
        memcpy(bytes, kept, sizeof kept);
    }
    memset(bytes, 0xa5, 4096);
    assert_null(binding_map(table_fd, true, &e));
    memset(bytes, 0, 8); /* no magic, but in use */
    assert_null(binding_map(table_fd, true, &e));
    munmap(bytes, binding_table_size());
    int small = memfd_create("small", MFD_CLOEXEC);
    assert_true(small >= 0 && ftruncate(small, (off_t)binding_table_size() - 1) == 0);
    assert_null(binding_map(small, false, &e)); /* beyond its end lies SIGBUS */
    assert_int_equal(e.code, ERROR_INPUT);
    close(small);
    assert_null(binding_map(-1, false, &e));
    assert_int_equal(e.code, ERROR_SYSTEM);
}

/* A table full of garbage behind a good header: no read leaves it, no walk is endless, a new writer cleans it. */
static void test_garbage_body(void **state)
{
    (void)state;
    uint64_t r = 88172645463325252ull;
    struct name n = named("a.example");
    struct binding_view view[8];
    uint8_t *bytes = map_bytes(table_fd);
    for (unsigned i = 0; i < 2000; i++) {
        struct address a = numbered_address(i);
        assert_true(binding_add(table, 1, &a, &n, 60, START));
    }
    for (size_t at = 28; at < binding_table_size() && at < (2u << 20); at += 1 + r % 64) {
        r ^= r << 13;
        r ^= r >> 7;
        r ^= r << 17;
        bytes[at] = (uint8_t)(r >> 32);
    }
    struct binding_table *reader = binding_map(table_fd, false, NULL);
    assert_non_null(reader);
    for (unsigned i = 0; i < 4000; i++) {
        struct address a = numbered_address(i);
        unsigned found = binding_find(reader, 1, &a, START, view, 8);
        for (unsigned j = 0; j < found; j++)
            assert_int_equal(strlen(view[j].name), view[j].len);
        binding_was(reader, 1, &a);
    }
    binding_count(reader, START);
    binding_unmap(reader);
    binding_unmap(table);
    table = binding_map(table_fd, true, NULL);
    assert_non_null(table);
    for (unsigned i = 10000; i < 12000; i++) {
        struct address a = numbered_address(i);
        assert_true(binding_add(table, 2, &a, &n, 60, START));
        assert_true(bound(2, &a, "a.example", START, NULL));
    }
    binding_drop_scope(table, 2);
    munmap(bytes, binding_table_size());
}

/* The child's life: adds, renews, evicts and drops without end. */
static void write_without_end(void)
{
    struct binding_table *t = binding_map(table_fd, true, NULL);
    if (!t)
        _exit(1);
    for (unsigned i = 0;; i++) {
        struct address a = numbered_address(i % 50);
        struct name n = numbered_name(i % 700);
        binding_add(t, (uint16_t)(1 + i % 3), &a, &n, i % 1000, START + i);
        if (i % 977 == 0)
            binding_drop_scope(t, (uint16_t)(1 + i % 3));
    }
}

/* kill -9 at any moment: whoever maps the table then finds whole entries only, and can go on writing. */
static void test_killed_writer(void **state)
{
    (void)state;
    struct binding_view view[BINDING_NAMES_MAX];
    unsigned found = 0;
    binding_unmap(table);
    table = NULL;
    for (unsigned round = 0; round < 60; round++) {
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0)
            write_without_end();
        struct binding_table *reader = binding_map(table_fd, false, NULL);
        assert_non_null(reader);
        for (unsigned wait = 0; wait < 10000 && binding_count(reader, START) < 100; wait++)
            usleep(1000);                                    /* a busy machine: the writer has not begun */
        for (unsigned pass = 0; pass < 40 + round; pass++) { /* while it writes, and then no more */
            if (pass == 30 + round) {
                kill(pid, SIGKILL);
                assert_int_equal(waitpid(pid, NULL, 0), pid);
            }
            for (unsigned i = 0; i < 50; i++) {
                struct address a = numbered_address(i);
                unsigned count = binding_find(reader, (uint16_t)(1 + i % 3), &a, START, view, BINDING_NAMES_MAX);
                for (unsigned j = 0; j < count && pass > 30 + round; j++) {
                    unsigned number;
                    char tail[16];
                    assert_int_equal(sscanf(view[j].name, "n%u%15s", &number, tail), 2);
                    assert_string_equal(tail, ".example");
                    assert_true(number < 700 && view[j].len == strlen(view[j].name));
                    found++;
                }
            }
        }
        binding_unmap(reader);
    }
    assert_true(found > 1000);
    table = binding_map(table_fd, true, NULL);
    assert_non_null(table);
    for (uint16_t scope = 1; scope <= 3; scope++)
        binding_drop_scope(table, scope);
    assert_int_equal(binding_count(table, START), 0);
    unsigned taken = 0; /* no slot was lost */
    struct name n = named("a.example");
    for (unsigned i = 0; i < BINDING_CAPACITY; i++) {
        struct address a = numbered_address(i);
        taken += binding_add(table, (uint16_t)(1 + i % 2), &a, &n, 60, START);
    }
    assert_int_equal(taken, BINDING_CAPACITY);
}

/* Whole names only, at most one of the address's 256 away: the one that gives way. */
static void check_whole(const struct binding_table *reader, const struct address *a, unsigned least)
{
    struct binding_view view[BINDING_NAMES_MAX];
    unsigned count = binding_find(reader, 1, a, START, view, BINDING_NAMES_MAX);
    if (count < least)
        fail_msg("%u names are left", count);
    for (unsigned i = 0; i < count; i++) {
        unsigned number;
        char tail[16];
        assert_int_equal(sscanf(view[i].name, "n%u%15s", &number, tail), 2);
        assert_string_equal(tail, ".example");
        assert_int_equal(strlen(view[i].name), view[i].len);
        assert_int_not_equal(number, 7777); /* what the slot held before, of this length too */
    }
}

/* What a new writer finds if the old one died right now: tried on a copy, since the old one goes on. */
static void check_recovery(const uint8_t *bytes, const struct address *a)
{
    enum { FRONT_BYTES = 512 * 1024 }; /* header, buckets and the entries in use */
    int fd = memfd_create("copy", MFD_CLOEXEC);
    assert_true(fd >= 0 && ftruncate(fd, (off_t)binding_table_size()) == 0);
    assert_int_equal(pwrite(fd, bytes, FRONT_BYTES, 0), FRONT_BYTES);
    struct binding_table *t = binding_map(fd, true, NULL);
    assert_non_null(t);
    check_whole(t, a, BINDING_NAMES_MAX - 1);
    struct name n = named("n9999.example");
    unsigned before = binding_count(t, START);
    struct address fresh = numbered_address(123456);
    assert_true(binding_add(t, 7, &fresh, &n, 60, START));
    assert_int_equal(binding_count(t, START), before + 1);
    binding_unmap(t);
    close(fd);
}

static void evict_add_drop(const struct address *a)
{
    struct binding_table *t = binding_map(table_fd, true, NULL);
    struct name n = named("n1000.example");
    struct address fresh = numbered_address(2);
    if (!t || ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0)
        _exit(2);
    raise(SIGSTOP);
    binding_add(t, 1, a, &n, 9999, START);
    binding_add(t, 1, &fresh, &n, 9999, START);
    binding_drop_scope(t, 2);
    _exit(0);
}

/* A death between any two instructions: the writer is stopped behind each, and the table looked at. */
static void test_every_instruction(void **state)
{
    (void)state;
    struct address a = numbered_address(1);
    struct name stale = numbered_name(7777);
    for (unsigned i = 0; i < BINDING_NAMES_MAX; i++) {
        struct name n = numbered_name(i);
        assert_true(binding_add(table, 1, &a, &n, i == 128 ? 300 : 400, START)); /* from the chain's middle */
        assert_true(i % 64 || binding_add(table, 2, &a, &n, 400, START));
        struct address other = numbered_address(1000 + i);
        assert_true(i % 64 || binding_add(table, 3, &other, &stale, 400, START));
    }
    binding_drop_scope(table, 3);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        evict_add_drop(&a);
    uint8_t *bytes = map_bytes(table_fd);
    struct binding_table *reader = binding_map(table_fd, false, NULL);
    int status = 0;
    unsigned steps = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    while (WIFSTOPPED(status) && steps < 2000000) {
        check_whole(reader, &a, BINDING_NAMES_MAX - 1);
        if (steps++ % 256 == 0)
            check_recovery(bytes, &a);
        assert_int_equal(ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL), 0);
        assert_int_equal(waitpid(pid, &status, 0), pid);
    }
    if (!WIFEXITED(status))
        kill(pid, SIGKILL);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == 2)
        skip(); /* no ptrace here */
    assert_true(steps > 1000);
    check_recovery(bytes, &a);
    assert_true(bound(1, &a, "n1000.example", START, NULL));
    assert_false(bound(1, &a, "n128.example", START, NULL));
    assert_false(binding_was(reader, 2, &a));
    binding_unmap(reader);
    munmap(bytes, binding_table_size());
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_lifetimes),      TEST(test_keys),
        TEST(test_many_names),     TEST(test_full),
        TEST(test_drop_scope),     TEST(test_reader),
        TEST(test_foreign_header), TEST(test_garbage_body),
        TEST(test_killed_writer),  TEST(test_every_instruction),
    };
    return cmocka_run_group_tests_name("binding", tests, NULL, NULL);
}
