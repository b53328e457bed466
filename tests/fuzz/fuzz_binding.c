/* SPDX-License-Identifier: GPL-3.0-or-later */
/* dns/binding against a model: for each scope, address and name one time at which its lifetime ends.  No name is bound
 * that was not added for this scope and address, none is lost, none lives too long (law 2).
 * Input: steps of 4 octets. */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "dns/binding.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { SCOPES = 3, ADDRESSES = 8, NAMES = 16 };

static struct binding_table *table;
static uint64_t now = 1000000, ends[SCOPES][ADDRESSES][NAMES]; /* 0: not bound */

static void require(bool holds)
{
    if (!holds)
        abort();
}

static struct name name_of(unsigned i)
{
    char text[] = "a0.test";
    struct name n;
    text[1] = (char)('a' + i);
    require(name_from_wire((struct bytes){(const uint8_t *)text, strlen(text)}, &n));
    return n;
}

/* Version 4 and 6 with the same first octets. */
static struct address address_of(unsigned i)
{
    struct address a = {i & 1 ? 6 : 4, {192, 0, 2, (uint8_t)(i >> 1)}};
    return a;
}

static void add(unsigned s, unsigned a, unsigned n, uint32_t ttl)
{
    struct name name = name_of(n);
    struct address address = address_of(a);
    uint64_t lifetime = ttl * 1000000ull;
    lifetime = lifetime < BINDING_LIFETIME_MIN_USEC ? BINDING_LIFETIME_MIN_USEC : lifetime;
    lifetime = lifetime > BINDING_LIFETIME_MAX_USEC ? BINDING_LIFETIME_MAX_USEC : lifetime;
    require(binding_add(table, (uint16_t)(s + 1), &address, &name, ttl, now));
    if (ends[s][a][n] < now + lifetime)
        ends[s][a][n] = now + lifetime;
}

static void find(unsigned s, unsigned a)
{
    struct binding_view view[BINDING_NAMES_MAX];
    struct address address = address_of(a);
    unsigned live = 0, count = binding_find(table, (uint16_t)(s + 1), &address, now, view, BINDING_NAMES_MAX);
    for (unsigned n = 0; n < NAMES; n++) {
        struct name name = name_of(n);
        unsigned seen = 0;
        bool wanted = ends[s][a][n] && ends[s][a][n] + BINDING_GRACE_USEC >= now;
        for (unsigned i = 0; i < count; i++) {
            if (view[i].len != name.len || memcmp(view[i].name, name.text, name.len + 1u) != 0)
                continue;
            require(view[i].grace == (ends[s][a][n] < now));
            seen++;
        }
        require(seen == wanted);
        live += wanted;
    }
    require(count == live && (!live || binding_was(table, (uint16_t)(s + 1), &address)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct error e = {0};
    if (!table) {
        int fd = memfd_create("bindings", 0);
        require(ftruncate(fd, (off_t)binding_table_size()) == 0);
        table = binding_map(fd, true, &e);
        close(fd);
        require(table);
    }
    memset(ends, 0, sizeof ends);
    for (uint16_t s = 1; s <= SCOPES; s++)
        binding_drop_scope(table, s);
    require(binding_count(table, 0) == 0);
    struct reader r = reader_init((struct bytes){data, size}, false);
    for (unsigned i = 0; i < 500 && reader_left(&r) >= 4; i++) {
        uint8_t how = reader_u8(&r), what = reader_u8(&r);
        uint16_t number = reader_u16(&r);
        unsigned s = (how >> 4) % SCOPES, a = what & 7;
        switch (how & 7) {
        case 0:
        case 1:
        case 2:
            add(s, a, number & 15, how & 8 ? number * 100u : number);
            break;
        case 3:
        case 4:
            find(s, a);
            break;
        case 5:
        case 6:
            now += number * (how & 8 ? 10000000ull : 100000ull);
            break;
        default:
            if (how & 8) {
                binding_drop_scope(table, (uint16_t)(s + 1));
                memset(ends[s], 0, sizeof ends[s]);
            }
        }
    }
    for (unsigned s = 0; s < SCOPES; s++)
        for (unsigned a = 0; a < ADDRESSES; a++)
            find(s, a);
    return 0;
}
