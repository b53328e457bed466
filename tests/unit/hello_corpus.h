/* SPDX-License-Identifier: GPL-3.0-or-later */
/* For test_hello_invariance: the files of tests/corpus/hello in memory, and random numbers that can be had again.
 * HELLO_ROUNDS (10000, with sanitizers 500) and HELLO_SEED are read here. */
#ifndef SLUICE_TESTS_UNIT_HELLO_CORPUS_H
#define SLUICE_TESTS_UNIT_HELLO_CORPUS_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/hellos.h"

#define FOLDER     "tests/corpus/hello"
#define NAME       "invariance.test"
#define HELLOS_MAX 200
#define HELLO_MAX  3072
#ifdef __SANITIZE_ADDRESS__ /* ten times as slow */
#define ROUNDS 500
#else
#define ROUNDS 10000
#endif

static struct hello {
    char file[256];
    uint8_t at[HELLO_MAX], message[HELLO_MAX];
    size_t len, message_len, before; /* before: bytes of the stream that precede the message's first record */
    bool second;
    const struct hello *first; /* of a second one */
    struct handshake_client whole;
} hellos[HELLOS_MAX];
static unsigned hello_count;
static uint64_t seed;
static unsigned rounds;

static inline uint32_t pick(size_t below)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (uint32_t)((seed >> 16) % below);
}

static bool ends_with(const char *text, const char *end)
{
    return strlen(text) >= strlen(end) && strcmp(text + strlen(text) - strlen(end), end) == 0;
}

/* The handshake message without its records. */
static void unwrap(struct hello *h)
{
    struct reader r = reader_init((struct bytes){h->at, h->len}, false);
    while (reader_left(&r)) {
        uint8_t type = reader_u8(&r);
        reader_u16(&r);
        struct bytes part = reader_bytes(&r, reader_u16(&r));
        if (type != 22) {
            h->before += 5 + part.len;
            continue;
        }
        memcpy(h->message + h->message_len, part.at, part.len);
        h->message_len += part.len;
    }
    assert_int_equal(r.state, PARSE_OK);
}

static int by_file(const void *a, const void *b)
{
    return strcmp(((const struct hello *)a)->file, ((const struct hello *)b)->file);
}

static inline int load(void **state)
{
    (void)state;
    DIR *folder = opendir(FOLDER);
    assert_non_null(folder);
    for (struct dirent *entry; (entry = readdir(folder));) {
        if (entry->d_name[0] == '.' || strcmp(entry->d_name, "README.md") == 0)
            continue;
        struct hello *h = &hellos[hello_count++];
        assert_true(hello_count <= HELLOS_MAX);
        char path[300];
        snprintf(h->file, sizeof h->file, "%s", entry->d_name);
        snprintf(path, sizeof path, FOLDER "/%s", entry->d_name);
        FILE *f = fopen(path, "rb");
        assert_non_null(f);
        h->len = fread(h->at, 1, sizeof h->at, f);
        fclose(f);
        assert_in_range(h->len, 1, sizeof h->at - 1);
        h->second = ends_with(h->file, "-retry");
        unwrap(h);
    }
    closedir(folder);
    qsort(hellos, hello_count, sizeof hellos[0], by_file);
    for (unsigned i = 0; i < hello_count; i++) {
        hellos[i].whole = hello_read(hellos[i].at, hellos[i].len, hellos[i].second);
        for (unsigned k = 0; hellos[i].second && k < hello_count; k++)
            if (ends_with(hellos[k].file, "-retry-first") &&
                strncmp(hellos[k].file, hellos[i].file, strlen(hellos[i].file)) == 0)
                hellos[i].first = &hellos[k];
    }
    rounds = getenv("HELLO_ROUNDS") ? (unsigned)atol(getenv("HELLO_ROUNDS")) : ROUNDS;
    seed = getenv("HELLO_SEED") ? strtoull(getenv("HELLO_SEED"), NULL, 0) : 20261122;
    printf("%u files, %u random segmentations each, seed %llu\n", hello_count, rounds, (unsigned long long)seed);
    return 0;
}

#endif
