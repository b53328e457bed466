/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "dns/budget.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "core/hash.h"

#define BUDGET_MINUTE_USEC 60000000ull
#define BUDGET_SOURCES     4096 /* powers of two */
#define BUDGET_NAMES       65536
#define BUDGET_PROBES      16

/* The minute of one source in one scope. */
struct budget_source {
    bool in_use;
    uint16_t scope;
    struct address source;
    uint64_t start_usec;
    uint32_t names;
};

/* A name that a source spent: by hash, and the minute that it was spent in. */
struct budget_name {
    uint64_t hash; /* of scope, source and name; 0: unused */
    uint64_t spent_usec;
};

struct budget {
    uint32_t seed[2];
    struct budget_source source[BUDGET_SOURCES];
    struct budget_name name[BUDGET_NAMES];
};

struct budget *budget_new(void)
{
    struct budget *b = calloc(1, sizeof *b);
    if (b && getrandom(b->seed, sizeof b->seed, 0) != (ssize_t)sizeof b->seed) {
        free(b);
        return NULL;
    }
    return b;
}

void budget_free(struct budget *b)
{
    free(b);
}

/* A host of IPv6 takes any address of its /64: they are one source. */
static struct address budget_source_address(const struct address *source)
{
    struct address a = *source;
    if (a.family == 6)
        memset(a.octets + 8, 0, 8);
    return a;
}

/* The source's minute, begun anew when it is over; NULL: too many sources at once. */
static struct budget_source *budget_find_source(struct budget *b, uint16_t scope, const struct address *address,
                                                uint64_t now_usec)
{
    uint32_t hash = address_hash(address, b->seed[0] ^ scope);
    struct budget_source *unused = NULL;
    for (uint32_t i = 0; i < BUDGET_PROBES; i++) {
        struct budget_source *s = &b->source[(hash + i) % BUDGET_SOURCES];
        bool over = !s->in_use || now_usec - s->start_usec >= BUDGET_MINUTE_USEC;
        if (s->in_use && s->scope == scope && address_equal(&s->source, address)) {
            if (over) {
                s->start_usec = now_usec;
                s->names = 0;
            }
            return s;
        }
        if (over && !unused)
            unused = s;
    }
    if (unused)
        *unused = (struct budget_source){true, scope, *address, now_usec, 0};
    return unused;
}

static uint64_t budget_name_hash(const struct budget *b, uint16_t scope, const struct address *source,
                                 const struct name *name)
{
    uint32_t half[2];
    for (unsigned i = 0; i < 2; i++) {
        uint32_t h = address_hash(source, b->seed[i] + scope);
        half[i] = name_hash((struct bytes){(const uint8_t *)name->text, name->len}, h);
    }
    uint64_t both = (uint64_t)half[0] << 32 | half[1];
    return both ? both : 1;
}

static size_t budget_longest_label(const struct name *name)
{
    size_t longest = 0, len = 0;
    for (size_t i = 0; i < name->len; i++) {
        len = name->text[i] == '.' ? 0 : len + 1;
        longest = len > longest ? len : longest;
    }
    return longest;
}

bool budget_spend(struct budget *b, uint16_t scope, const struct address *source, const struct name *name,
                  uint32_t names_per_minute, uint32_t label_bytes, uint64_t now_usec)
{
    struct address from = budget_source_address(source);
    uint32_t names_max = names_per_minute ? names_per_minute : BUDGET_NAMES_PER_MINUTE;
    if (budget_longest_label(name) > (label_bytes ? label_bytes : BUDGET_LABEL_BYTES))
        return false;
    struct budget_source *s = budget_find_source(b, scope, &from, now_usec);
    if (!s)
        return false;
    uint64_t hash = budget_name_hash(b, scope, &from, name);
    struct budget_name *unused = NULL;
    for (uint64_t i = 0; i < BUDGET_PROBES; i++) {
        struct budget_name *n = &b->name[(hash + i) % BUDGET_NAMES];
        bool over = !n->hash || now_usec - n->spent_usec >= BUDGET_MINUTE_USEC;
        if (n->hash == hash && !over)
            return true;
        if (over && !unused)
            unused = n;
    }
    if (s->names >= names_max)
        return false;
    s->names++;
    if (unused) /* else the name costs again when it comes again */
        *unused = (struct budget_name){hash, now_usec};
    return true;
}
