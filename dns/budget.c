/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "dns/budget.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "core/hash.h"
#include "core/share.h"

#define BUDGET_MINUTE_USEC 60000000ull
#define BUDGET_HOUR_USEC   (60 * BUDGET_MINUTE_USEC)
#define BUDGET_PART_USEC   (10 * BUDGET_MINUTE_USEC)
#define BUDGET_PARTS       7    /* this one, and those that an hour before now reaches into */
#define BUDGET_SOURCES     4096 /* powers of two */
#define BUDGET_NAMES       65536
#define BUDGET_PROBES      16
#define BUDGET_FORGOTTEN   2048 /* bits of an hour: who spent as many does not give way to strangers */

/* What a question says beside new names.  Of all that may be asked next, whose costs are c1, c2, ... bits, the sum of
 * 2^-c stays below 1, so that nobody says more than it costs (Kraft): the last name again, for A or AAAA, is 2 of 2
 * bits; one of n others, for either, 2n of log2(n) + 4; a new one of L bytes, which are of 39 values, 2 * 39^L of 8L.
 */
#define BUDGET_AGAIN_BITS 2
#define BUDGET_TURN_BITS  4

/* The minute of one source in one scope, and what it spent in the last parts of an hour. */
struct budget_source {
    bool in_use;
    uint16_t scope;
    struct address source;
    uint64_t first_usec; /* names that it spent before are forgotten */
    uint64_t start_usec;
    uint32_t names;
    uint64_t last; /* hash of the name */
    uint64_t part; /* now's, counted from the start of time */
    struct budget_part {
        uint64_t bits;
        uint32_t names; /* new ones */
    } hour[BUDGET_PARTS];
};

/* A name that a source spent: by hash, when it was counted last, and when it was paid as a new one. */
struct budget_name {
    uint64_t hash; /* of scope, source and name; 0: unused */
    uint64_t spent_usec, paid_usec;
};

struct budget {
    uint32_t seed[2];
    struct share sources;
    struct budget_source source[BUDGET_SOURCES];
    struct budget_name name[BUDGET_NAMES];
};

struct budget *budget_new(void)
{
    struct budget *b = calloc(1, sizeof *b);
    if (b && (!share_init(&b->sources, BUDGET_SOURCES, BUDGET_SOURCES / 2) ||
              getrandom(b->seed, sizeof b->seed, 0) != (ssize_t)sizeof b->seed)) {
        budget_free(b);
        return NULL;
    }
    return b;
}

void budget_free(struct budget *b)
{
    if (b)
        share_done(&b->sources);
    free(b);
}

void budget_scopes(struct budget *b, unsigned scopes)
{
    share_scopes(&b->sources, scopes);
}

/* A host of IPv6 takes any address of its /64: they are one source. */
static struct address budget_source_address(const struct address *source)
{
    struct address a = *source;
    if (a.family == 6)
        memset(a.octets + 8, 0, 8);
    return a;
}

/* Forgets the parts of the hour that are past; returns the sum of those that are left. */
static struct budget_part budget_hour(struct budget_source *s, uint64_t now_usec)
{
    uint64_t part = now_usec / BUDGET_PART_USEC;
    struct budget_part sum = {0};
    if (part - s->part >= BUDGET_PARTS)
        memset(s->hour, 0, sizeof s->hour);
    else
        for (uint64_t i = s->part + 1; i <= part; i++)
            s->hour[i % BUDGET_PARTS] = (struct budget_part){0};
    s->part = part;
    for (unsigned i = 0; i < BUDGET_PARTS; i++) {
        sum.bits += s->hour[i].bits;
        sum.names += s->hour[i].names;
    }
    return sum;
}

/* A place for a new source among those where it may be; NULL: too many sources at once. */
static struct budget_source *budget_place(struct budget *b, uint16_t scope, uint32_t hash, uint64_t now_usec)
{
    bool room = share_has_room(&b->sources, scope, 1);
    struct budget_source *best = NULL;
    uint64_t least = BUDGET_FORGOTTEN;
    for (uint32_t i = 0; i < BUDGET_PROBES; i++) {
        struct budget_source *s = &b->source[(hash + i) % BUDGET_SOURCES];
        if (!s->in_use && room)
            return s;
        if (!s->in_use || now_usec - s->start_usec < BUDGET_MINUTE_USEC || (!room && s->scope != scope))
            continue;
        uint64_t bits = budget_hour(s, now_usec).bits;
        if (bits < least) {
            best = s;
            least = bits;
        }
    }
    return best;
}

/* The source's minute, begun anew when it is over; NULL: too many sources at once. */
static struct budget_source *budget_find_source(struct budget *b, uint16_t scope, const struct address *address,
                                                uint64_t now_usec)
{
    uint32_t hash = address_hash(address, b->seed[0] ^ scope);
    for (uint32_t i = 0; i < BUDGET_PROBES; i++) {
        struct budget_source *s = &b->source[(hash + i) % BUDGET_SOURCES];
        if (!s->in_use || s->scope != scope || !address_equal(&s->source, address))
            continue;
        if (now_usec - s->start_usec >= BUDGET_MINUTE_USEC) {
            s->start_usec = now_usec;
            s->names = 0;
        }
        return s;
    }
    struct budget_source *s = budget_place(b, scope, hash, now_usec);
    if (!s)
        return NULL;
    if (s->in_use)
        share_give(&b->sources, s->scope, 1);
    *s = (struct budget_source){
        .in_use = true, .scope = scope, .source = *address, .first_usec = now_usec, .start_usec = now_usec};
    s->part = now_usec / BUDGET_PART_USEC;
    share_note(&b->sources, scope, 1);
    return s;
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

/* The place of a name: its own, or else the one whose name was spent longest ago, if it may go. */
static struct budget_name *budget_find_name(struct budget *b, uint64_t hash, uint64_t now_usec)
{
    struct budget_name *oldest = NULL;
    for (uint64_t i = 0; i < BUDGET_PROBES; i++) {
        struct budget_name *n = &b->name[(hash + i) % BUDGET_NAMES];
        if (n->hash == hash)
            return n;
        if (n->hash && now_usec - n->spent_usec < BUDGET_MINUTE_USEC)
            continue;
        if (!oldest || !n->hash || (oldest->hash && n->spent_usec < oldest->spent_usec))
            oldest = n;
    }
    return oldest;
}

/* One of so many names. */
static unsigned budget_turn_bits(uint32_t names)
{
    unsigned bits = 0;
    while (bits < 31 && 1u << bits < names)
        bits++;
    return BUDGET_TURN_BITS + bits;
}

struct budget_limits budget_effective(const struct budget_limits *limits)
{
    return (struct budget_limits){
        .names_per_minute = limits->names_per_minute ? limits->names_per_minute : BUDGET_NAMES_PER_MINUTE,
        .label_bytes = limits->label_bytes ? limits->label_bytes : BUDGET_LABEL_BYTES,
        .bytes_per_hour = limits->bytes_per_hour ? limits->bytes_per_hour : BUDGET_BYTES_PER_HOUR};
}

enum budget_met budget_spend(struct budget *b, uint16_t scope, const struct address *source, const struct name *name,
                             size_t below, const struct budget_limits *limits, uint64_t now_usec)
{
    struct address from = budget_source_address(source);
    struct budget_limits max = budget_effective(limits);
    uint64_t bits_max = max.bytes_per_hour * 8ull;
    if (budget_longest_label(name) > max.label_bytes)
        return BUDGET_MET_LABEL;
    struct budget_source *s = budget_find_source(b, scope, &from, now_usec);
    if (!s)
        return BUDGET_MET_SOURCES;
    uint64_t hash = budget_name_hash(b, scope, &from, name);
    struct budget_name *n = budget_find_name(b, hash, now_usec);
    bool known = n && n->hash == hash && n->paid_usec >= s->first_usec;
    bool again = hash == s->last;
    bool counted = (again && s->names) || (known && now_usec - n->spent_usec < BUDGET_MINUTE_USEC);
    bool paid = again || (known && now_usec - n->paid_usec < BUDGET_HOUR_USEC);
    if (!counted && s->names >= max.names_per_minute)
        return BUDGET_MET_NAMES;
    struct budget_part hour = budget_hour(s, now_usec);
    uint64_t bits = again ? BUDGET_AGAIN_BITS : paid ? budget_turn_bits(hour.names) : below * 8ull;
    if (hour.bits > bits_max || bits > bits_max - hour.bits)
        return BUDGET_MET_BYTES;
    s->last = hash;
    s->names += !counted;
    s->hour[s->part % BUDGET_PARTS].bits += bits;
    s->hour[s->part % BUDGET_PARTS].names += !paid;
    if (n && (known || !paid)) /* else it is a new name when it comes again behind another one */
        *n = (struct budget_name){hash, counted ? n->spent_usec : now_usec, paid ? n->paid_usec : now_usec};
    return BUDGET_WITHIN;
}
