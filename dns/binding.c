/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How the table survives a kill -9 at any instruction, and stays readable meanwhile:
 *
 * An entry lies in one chain, that of the hash of its scope and address.  To add one, the writer takes a slot that no
 * chain holds, fills it, stores its state (odd: whole) and then links it by one store to the chain's head.  To remove
 * one, it unlinks it by one store and then makes its state even.  Whatever moment a writer dies at, the chains hold
 * whole entries only; a slot that was filled and not linked, or unlinked and still whole, is found free again when the
 * next writer maps the table and walks the chains.  A reader elsewhere compares the state before and after reading
 * an entry and ends its walk when a slot changed under it.  Nothing read from the table is trusted: indices are
 * bounded, and a walk is never longer than the table. */
#include "dns/binding.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "core/hash.h"
#include "core/share.h"

#define BINDING_MAGIC   0x53434e44494e4231ull
#define BINDING_VERSION 1
#define BINDING_BUCKETS (BINDING_CAPACITY / 2)

struct binding_entry {
    uint32_t state; /* odd: whole */
    uint32_t next;  /* slot + 1; 0: end of the chain */
    uint64_t expires_usec;
    struct address address;
    uint8_t name_len;
    uint16_t scope;
    char name[NAME_MAX_BYTES + 1];
};

struct binding_memory {
    uint64_t magic; /* stored last; 0: an empty table */
    uint32_t version, entry_size, capacity, buckets;
    uint32_t seed;
    uint32_t used; /* slots behind were never taken */
    uint32_t bucket[BINDING_BUCKETS];
    struct binding_entry entry[BINDING_CAPACITY];
};

/* The mapping, and what the one writer keeps for itself. */
struct binding_table {
    struct binding_memory *memory;
    bool write;
    uint32_t free_first, free_count; /* ring of free slots: the one that was freed first is taken first */
    uint64_t none_before_usec;       /* no entry's grace ends before: a full table is not searched again until then */
    struct share entries;            /* writer only */
    uint32_t free[BINDING_CAPACITY];
};

#define binding_load(at)         __atomic_load_n(at, __ATOMIC_ACQUIRE)
#define binding_store(at, value) __atomic_store_n(at, value, __ATOMIC_RELEASE)

size_t binding_table_size(void)
{
    return sizeof(struct binding_memory);
}

static uint32_t binding_used(const struct binding_memory *m)
{
    uint32_t used = binding_load(&m->used);
    return used < BINDING_CAPACITY ? used : BINDING_CAPACITY;
}

static uint32_t binding_bucket(const struct binding_memory *m, uint16_t scope, const struct address *address)
{
    return address_hash(address, m->seed + scope) % BINDING_BUCKETS;
}

static void binding_release(struct binding_table *t, uint32_t slot)
{
    t->free[(t->free_first + t->free_count) % BINDING_CAPACITY] = slot;
    t->free_count++;
}

/* Finds the slots that no chain holds, cuts chains that are broken, counts scopes. */
static void binding_recover(struct binding_table *t)
{
    struct binding_memory *m = t->memory;
    uint8_t linked[BINDING_CAPACITY / 8] = {0};
    uint32_t used = binding_used(m);
    for (uint32_t b = 0; b < BINDING_BUCKETS; b++) {
        uint32_t *link = &m->bucket[b];
        while (*link != 0) {
            uint32_t slot = *link - 1;
            struct binding_entry *e = slot < used ? &m->entry[slot] : NULL;
            if (!e || linked[slot / 8] & 1u << slot % 8 || !(e->state & 1) || e->name_len > NAME_MAX_BYTES ||
                binding_bucket(m, e->scope, &e->address) != b) {
                binding_store(link, 0);
                break;
            }
            linked[slot / 8] |= (uint8_t)(1u << slot % 8);
            share_note(&t->entries, e->scope, 1);
            link = &e->next;
        }
    }
    for (uint32_t slot = 0; slot < used; slot++) {
        if (linked[slot / 8] & 1u << slot % 8)
            continue;
        binding_store(&m->entry[slot].state, m->entry[slot].state & ~1u);
        binding_release(t, slot);
    }
}

/* Makes an empty table ours; false: a header that is not ours. */
static bool binding_open(struct binding_table *t)
{
    struct binding_memory *m = t->memory;
    if (binding_load(&m->magic) == BINDING_MAGIC)
        return m->version == BINDING_VERSION && m->entry_size == sizeof(struct binding_entry) &&
               m->capacity == BINDING_CAPACITY && m->buckets == BINDING_BUCKETS;
    if (m->magic != 0 || m->used != 0)
        return false;
    if (!t->write)
        return true;
    uint32_t seed;
    if (getrandom(&seed, sizeof seed, 0) != (ssize_t)sizeof seed)
        return false;
    m->version = BINDING_VERSION;
    m->entry_size = sizeof(struct binding_entry);
    m->capacity = BINDING_CAPACITY;
    m->buckets = BINDING_BUCKETS;
    m->seed = seed;
    binding_store(&m->magic, BINDING_MAGIC);
    return true;
}

struct binding_table *binding_map(int fd, bool write, struct error *e)
{
    struct stat st;
    if (fstat(fd, &st) != 0) {
        error_set(e, ERROR_SYSTEM, errno, "table of bindings");
        return NULL;
    }
    if (st.st_size < 0 || (uint64_t)st.st_size < sizeof(struct binding_memory)) {
        error_set(e, ERROR_INPUT, 0, "table of bindings: %lld bytes instead of %zu", (long long)st.st_size,
                  sizeof(struct binding_memory));
        return NULL;
    }
    struct binding_table *t = calloc(1, sizeof *t);
    if (!t) {
        error_set(e, ERROR_SYSTEM, errno, "table of bindings");
        return NULL;
    }
    t->write = write;
    t->memory =
        mmap(NULL, sizeof(struct binding_memory), write ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED, fd, 0);
    if (t->memory == MAP_FAILED) {
        error_set(e, ERROR_SYSTEM, errno, "table of bindings: mmap");
        free(t);
        return NULL;
    }
    if (!binding_open(t)) {
        error_set(e, ERROR_INPUT, 0, "table of bindings: made by another version of the program, or by none");
        binding_unmap(t);
        return NULL;
    }
    if (write && !share_init(&t->entries, BINDING_CAPACITY, BINDING_SCOPE_MAX)) {
        error_set(e, ERROR_SYSTEM, errno, "table of bindings");
        binding_unmap(t);
        return NULL;
    }
    if (write)
        binding_recover(t);
    return t;
}

void binding_unmap(struct binding_table *table)
{
    if (!table)
        return;
    munmap(table->memory, sizeof(struct binding_memory));
    share_done(&table->entries);
    free(table);
}

void binding_scopes(struct binding_table *table, unsigned scopes)
{
    if (table->write)
        share_scopes(&table->entries, scopes);
}

static uint64_t binding_grace_end(const struct binding_entry *e)
{
    uint64_t expires = __atomic_load_n(&e->expires_usec, __ATOMIC_RELAXED);
    return expires > UINT64_MAX - BINDING_GRACE_USEC ? UINT64_MAX : expires + BINDING_GRACE_USEC;
}

static bool binding_is(const struct binding_entry *e, uint16_t scope, const struct address *address)
{
    return e->scope == scope && address_equal(&e->address, address);
}

/* Writer only: the link that leads to `slot`, whose chain is known to hold it. */
static uint32_t *binding_link_to(struct binding_memory *m, uint32_t slot)
{
    uint32_t *link = &m->bucket[binding_bucket(m, m->entry[slot].scope, &m->entry[slot].address)];
    while (*link != 0 && *link <= BINDING_CAPACITY && *link != slot + 1)
        link = &m->entry[*link - 1].next;
    return link;
}

static void binding_remove(struct binding_table *t, uint32_t slot)
{
    struct binding_memory *m = t->memory;
    struct binding_entry *e = &m->entry[slot];
    uint32_t *link = binding_link_to(m, slot);
    if (*link == slot + 1)
        binding_store(link, e->next);
    binding_store(&e->state, e->state & ~1u);
    share_give(&t->entries, e->scope, 1);
    binding_release(t, slot);
}

/* Frees what is past its grace. */
static void binding_reclaim(struct binding_table *t, uint64_t now_usec)
{
    struct binding_memory *m = t->memory;
    uint32_t used = binding_used(m);
    uint64_t earliest = UINT64_MAX;
    if (now_usec <= t->none_before_usec)
        return;
    for (uint32_t slot = 0; slot < used; slot++) {
        if (!(m->entry[slot].state & 1))
            continue;
        uint64_t end = binding_grace_end(&m->entry[slot]);
        if (end < now_usec)
            binding_remove(t, slot);
        else if (end < earliest)
            earliest = end;
    }
    t->none_before_usec = earliest;
}

static bool binding_take_slot(struct binding_table *t, uint16_t scope, uint64_t now_usec, uint32_t *out)
{
    struct binding_memory *m = t->memory;
    if (!share_has_room(&t->entries, scope, 1))
        binding_reclaim(t, now_usec);
    if (!share_has_room(&t->entries, scope, 1))
        return false;
    if (m->used < BINDING_CAPACITY && t->free_count == 0) {
        *out = m->used;
        binding_store(&m->used, m->used + 1);
        return true;
    }
    if (t->free_count == 0)
        return false;
    *out = t->free[t->free_first];
    t->free_first = (t->free_first + 1) % BINDING_CAPACITY;
    t->free_count--;
    return true;
}

/* What a chain holds for a scope and address: the entry of `name`, or else how many there are, and the one that expires
 * first. */
struct binding_survey {
    struct binding_entry *same;
    unsigned names;
    uint32_t first; /* slot */
    uint64_t first_usec;
};

static struct binding_survey binding_survey(struct binding_memory *m, uint32_t bucket, uint16_t scope,
                                            const struct address *address, const struct name *name)
{
    struct binding_survey s = {.first_usec = UINT64_MAX};
    for (uint32_t at = m->bucket[bucket]; at != 0 && at <= BINDING_CAPACITY; at = m->entry[at - 1].next) {
        struct binding_entry *e = &m->entry[at - 1];
        if (!binding_is(e, scope, address))
            continue;
        if (e->name_len == name->len && memcmp(e->name, name->text, name->len) == 0) {
            s.same = e;
            break;
        }
        s.names++;
        if (e->expires_usec < s.first_usec) {
            s.first_usec = e->expires_usec;
            s.first = at - 1;
        }
    }
    return s;
}

bool binding_add(struct binding_table *table, uint16_t scope, const struct address *address, const struct name *name,
                 uint32_t ttl_sec, uint64_t now_usec)
{
    struct binding_memory *m = table->memory;
    uint64_t lifetime_usec = ttl_sec * 1000000ull;
    if (!table->write || name->len == 0)
        return false;
    if (lifetime_usec < BINDING_LIFETIME_MIN_USEC)
        lifetime_usec = BINDING_LIFETIME_MIN_USEC;
    if (lifetime_usec > BINDING_LIFETIME_MAX_USEC)
        lifetime_usec = BINDING_LIFETIME_MAX_USEC;
    uint32_t bucket = binding_bucket(m, scope, address), slot;
    struct binding_survey s = binding_survey(m, bucket, scope, address, name);
    uint64_t expires_usec = now_usec + lifetime_usec;
    if (s.same) {
        if (s.same->expires_usec < expires_usec)
            binding_store(&s.same->expires_usec, expires_usec);
        return true;
    }
    if (s.names >= BINDING_NAMES_MAX)
        binding_remove(table, s.first);
    if (!binding_take_slot(table, scope, now_usec, &slot))
        return false;
    struct binding_entry *e = &m->entry[slot];
    __atomic_thread_fence(__ATOMIC_RELEASE); /* its even state is seen before what follows */
    e->scope = scope;
    e->address = *address;
    e->expires_usec = expires_usec;
    e->name_len = name->len;
    memcpy(e->name, name->text, name->len);
    e->name[name->len] = 0;
    e->next = m->bucket[bucket];
    binding_store(&e->state, (e->state + 2) | 1u);
    binding_store(&m->bucket[bucket], slot + 1);
    share_note(&table->entries, scope, 1);
    return true;
}

/* A reader's way along a chain, and what it read of the entry that it stands at. */
struct binding_walk {
    uint32_t at, steps;
    uint8_t len;
    uint64_t expires_usec, grace_end_usec;
};

static struct binding_walk binding_walk_init(const struct binding_memory *m, uint16_t scope,
                                             const struct address *address)
{
    struct binding_walk w = {0};
    if (binding_load(&m->magic) == BINDING_MAGIC)
        w.at = binding_load(&m->bucket[binding_bucket(m, scope, address)]);
    return w;
}

/* The next entry of this scope and address; NULL: none, or a slot that changes meanwhile ends the walk. */
static const struct binding_entry *binding_walk_next(const struct binding_memory *m, struct binding_walk *w,
                                                     uint16_t scope, const struct address *address)
{
    while (w->at != 0 && w->at <= BINDING_CAPACITY && w->steps++ < BINDING_CAPACITY) {
        const struct binding_entry *e = &m->entry[w->at - 1];
        uint32_t state = binding_load(&e->state);
        if (!(state & 1))
            return NULL;
        w->at = binding_load(&e->next);
        w->len = e->name_len;
        w->expires_usec = __atomic_load_n(&e->expires_usec, __ATOMIC_RELAXED);
        w->grace_end_usec = binding_grace_end(e);
        bool match = binding_is(e, scope, address) && w->len > 0 && w->len <= NAME_MAX_BYTES &&
                     strnlen(e->name, w->len + 1u) == w->len;
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
        if (__atomic_load_n(&e->state, __ATOMIC_RELAXED) != state)
            return NULL;
        if (match)
            return e;
    }
    return NULL;
}

unsigned binding_find(const struct binding_table *table, uint16_t scope, const struct address *address,
                      uint64_t now_usec, struct binding_view *out, unsigned max)
{
    struct binding_walk w = binding_walk_init(table->memory, scope, address);
    const struct binding_entry *e;
    unsigned found = 0;
    while (found < max && (e = binding_walk_next(table->memory, &w, scope, address))) {
        if (w.grace_end_usec >= now_usec)
            out[found++] = (struct binding_view){e->name, w.len, w.expires_usec < now_usec};
    }
    return found;
}

bool binding_was(const struct binding_table *table, uint16_t scope, const struct address *address)
{
    struct binding_walk w = binding_walk_init(table->memory, scope, address);
    return binding_walk_next(table->memory, &w, scope, address) != NULL;
}

void binding_drop_scope(struct binding_table *table, uint16_t scope)
{
    uint32_t used = binding_used(table->memory);
    if (!table->write)
        return;
    for (uint32_t slot = 0; slot < used && share_of(&table->entries, scope) > 0; slot++) {
        const struct binding_entry *e = &table->memory->entry[slot];
        if (e->state & 1 && e->scope == scope)
            binding_remove(table, slot);
    }
}

unsigned binding_count(const struct binding_table *table, uint64_t now_usec)
{
    uint32_t used = binding_used(table->memory);
    unsigned count = 0;
    for (uint32_t slot = 0; slot < used; slot++) {
        const struct binding_entry *e = &table->memory->entry[slot];
        if (binding_load(&e->state) & 1 && binding_grace_end(e) >= now_usec)
            count++;
    }
    return count;
}
