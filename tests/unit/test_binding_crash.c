/* SPDX-License-Identifier: GPL-3.0-or-later */
/* dns/binding: memory that outlives its writer, and nothing read from it is trusted. */
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

#include "tests/unit/binding_bed.h"

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
        TEST(test_foreign_header),
        TEST(test_garbage_body),
        TEST(test_killed_writer),
        TEST(test_every_instruction),
    };
    return cmocka_run_group_tests_name("binding_crash", tests, NULL, NULL);
}
