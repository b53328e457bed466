/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/relay_table.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "core/name.h"

#define READ_ATTEMPTS 8

/* A sequence lock: odd while the row is written; 0: never used. */
struct row {
    _Atomic uint32_t sequence;
    struct relay_asked asked;
};

struct relay_table {
    struct row row[RELAY_ROWS];
};

size_t relay_table_size(void)
{
    return sizeof(struct relay_table);
}

struct relay_table *relay_table_map(int fd, bool write, struct error *e)
{
    struct stat status;

    if (fstat(fd, &status) < 0 || status.st_size < (off_t)sizeof(struct relay_table)) {
        error_set(e, ERROR_SYSTEM, errno, "the relay's table is too small");
        return NULL;
    }
    void *at = mmap(NULL, sizeof(struct relay_table), write ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED, fd, 0);
    if (at == MAP_FAILED) {
        error_set(e, ERROR_SYSTEM, errno, "cannot map the relay's table");
        return NULL;
    }
    return at;
}

void relay_table_unmap(struct relay_table *t)
{
    if (t)
        munmap(t, sizeof *t);
}

void relay_table_clear(struct relay_table *t)
{
    /* Gives the memory back: of a table that nobody asked anything of, no page is ever there. */
    if (madvise(t, sizeof *t, MADV_REMOVE) == 0)
        return;
    for (unsigned i = 0; i < RELAY_ROWS; i++)
        if (atomic_load_explicit(&t->row[i].sequence, memory_order_relaxed) != 0)
            atomic_store_explicit(&t->row[i].sequence, 0, memory_order_release);
}

void relay_table_set(struct relay_table *t, unsigned row, const struct relay_asked *asked)
{
    struct row *r = &t->row[row];
    uint32_t sequence = atomic_load_explicit(&r->sequence, memory_order_relaxed) | 1u;

    atomic_store_explicit(&r->sequence, sequence, memory_order_relaxed);
    atomic_thread_fence(memory_order_release);
    memcpy(&r->asked, asked, sizeof *asked);
    sequence++;
    atomic_store_explicit(&r->sequence, sequence ? sequence : 2, memory_order_release);
}

void relay_table_answered(struct relay_table *t, unsigned row)
{
    struct relay_asked asked = t->row[row].asked;

    asked.waiting = false;
    relay_table_set(t, row, &asked);
}

/* Copies a row.  False: never used, or always found half-written. */
static bool read_row(const struct row *r, struct relay_asked *out)
{
    for (unsigned i = 0; i < READ_ATTEMPTS; i++) {
        uint32_t before = atomic_load_explicit(&r->sequence, memory_order_acquire);
        if (before == 0)
            return false;
        if (before & 1)
            continue;
        memcpy(out, &r->asked, sizeof *out);
        atomic_thread_fence(memory_order_acquire);
        if (atomic_load_explicit(&r->sequence, memory_order_relaxed) == before)
            return out->question_len <= RELAY_QUESTION_SIZE;
    }
    return false;
}

/* ASCII case is folded (RFC 4343): clients mix it on purpose.  Label lengths are below 'A'. */
static uint8_t fold(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c;
}

/* `labels`, then `type`, at the start of what the client wrote.  `labels` empty: any. */
static bool same_question(const struct relay_asked *asked, struct bytes labels, uint16_t type)
{
    if (!labels.len)
        return true;
    struct reader reader = reader_init((struct bytes){asked->question, asked->question_len}, false);
    struct bytes written = reader_bytes(&reader, labels.len);
    uint16_t asked_type = reader_u16(&reader);
    if (reader.state != PARSE_OK || asked_type != type)
        return false;
    for (size_t i = 0; i < labels.len; i++)
        if (fold(written.at[i]) != fold(labels.at[i]))
            return false;
    return true;
}

bool relay_table_find(const struct relay_table *t, unsigned scope, const struct address *resolver, struct bytes domain,
                      uint16_t type, struct relay_asked *out)
{
    struct relay_asked asked;
    struct name name;
    uint8_t wire[255];
    struct bytes labels = {wire, name_from_wire(domain, &name) ? name_to_labels(&name, wire) : 0};
    bool found = false;

    for (unsigned i = 0; i < RELAY_ROWS; i++) {
        if (!read_row(&t->row[i], &asked) || asked.scope != scope ||
            !address_equal(&asked.resolver.address, resolver) || !same_question(&asked, labels, type) ||
            (!labels.len && !asked.waiting))
            continue;
        if (found &&
            (out->waiting > asked.waiting || (out->waiting == asked.waiting && out->asked_usec >= asked.asked_usec)))
            continue;
        *out = asked;
        found = true;
    }
    return found;
}
