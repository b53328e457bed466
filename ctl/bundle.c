/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/bundle.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define MAGIC     0x736c7564u /* of this layout */
#define SLOT_SIZE (1ll << 34) /* of a sparse file */
#define IDS_AT    4096
#define TEXT_AT   (1 << 20)

_Static_assert(IDS_AT + sizeof(struct policy_ids) <= TEXT_AT, "the ids fit before the bundle");

struct header {
    uint32_t magic, slot;
    uint32_t serial, zero;
    uint64_t len, other_len; /* of the slot that holds, and of the other; 0: there is none */
};

static bool write_all(int fd, const void *data, size_t len, off_t at, struct error *e)
{
    const uint8_t *from = data;
    while (len) {
        ssize_t n = pwrite(fd, from, len, at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return error_set(e, ERROR_SYSTEM, n < 0 ? errno : ENOSPC, "cannot store the policy");
        from += n;
        len -= (size_t)n;
        at += n;
    }
    return true;
}

static bool read_all(int fd, void *data, size_t len, off_t at, struct error *e)
{
    uint8_t *to = data;
    while (len) {
        ssize_t n = pread(fd, to, len, at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return error_set(e, ERROR_SYSTEM, n < 0 ? errno : ENODATA, "cannot read the stored policy");
        to += n;
        len -= (size_t)n;
        at += n;
    }
    return true;
}

static off_t slot_at(uint32_t slot)
{
    return (off_t)(slot & 1) * SLOT_SIZE;
}

static bool read_header(int fd, struct header *h, struct error *e)
{
    return read_all(fd, h, sizeof *h, 0, e) && ((h->magic == MAGIC && h->len <= (uint64_t)SLOT_SIZE - TEXT_AT &&
                                                 h->other_len <= (uint64_t)SLOT_SIZE - TEXT_AT) ||
                                                error_set(e, ERROR_SYSTEM, 0, "no policy is stored"));
}

static bool read_slot(int fd, uint32_t slot, uint64_t len, struct bytes *bundle, struct error *e)
{
    uint8_t *copy = malloc(len ? len : 1);
    if (!copy)
        return error_set(e, ERROR_SYSTEM, ENOMEM, "cannot read the stored policy");
    if (!read_all(fd, copy, len, slot_at(slot) + TEXT_AT, e)) {
        free(copy);
        return false;
    }
    *bundle = (struct bytes){copy, len};
    return true;
}

bool bundle_read(int fd, struct bytes *bundle, struct policy_ids *ids, struct error *e)
{
    struct header h;
    return read_header(fd, &h, e) && (!ids || read_all(fd, ids, sizeof *ids, slot_at(h.slot) + IDS_AT, e)) &&
           (!bundle || read_slot(fd, h.slot, h.len, bundle, e));
}

bool bundle_unsettled(int fd)
{
    struct header h;
    return read_header(fd, &h, NULL) && h.other_len;
}

bool bundle_other(int fd, struct bytes *bundle, struct error *e)
{
    struct header h;
    return read_header(fd, &h, e) && read_slot(fd, !(h.slot & 1), h.other_len, bundle, e);
}

uint32_t bundle_serial(int fd)
{
    struct header h;
    return pread(fd, &h, sizeof h, 0) == sizeof h && h.magic == MAGIC ? h.serial : 0;
}

bool bundle_prepare(int fd, struct bytes bundle, const struct policy_ids *ids, struct error *e)
{
    struct header h;
    if (bundle.len > (size_t)SLOT_SIZE - TEXT_AT)
        return error_set(e, ERROR_LIMIT, 0, "the policy is too large to store");
    if (!read_header(fd, &h, NULL))
        h = (struct header){.magic = MAGIC, .slot = 1};
    uint32_t spare = !(h.slot & 1);
    if (!write_all(fd, ids, sizeof *ids, slot_at(spare) + IDS_AT, e) ||
        !write_all(fd, bundle.at, bundle.len, slot_at(spare) + TEXT_AT, e))
        return false;
    h.other_len = bundle.len;
    return write_all(fd, &h, sizeof h, 0, e);
}

bool bundle_switch(int fd, struct error *e)
{
    struct header h;
    if (!read_header(fd, &h, e))
        return false;
    h = (struct header){MAGIC, !(h.slot & 1), h.serial + 1, 0, h.other_len, h.len};
    return write_all(fd, &h, sizeof h, 0, e);
}

bool bundle_settle(int fd, struct error *e)
{
    struct header h;
    if (!read_header(fd, &h, e))
        return false;
    h.other_len = 0;
    if (!write_all(fd, &h, sizeof h, 0, e))
        return false;
    /* Its memory goes back; where the kernel cannot do that, it stays until the next change. */
    (void)fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, slot_at(!(h.slot & 1)) + TEXT_AT,
                    SLOT_SIZE - TEXT_AT);
    return true;
}

bool bundle_write(int fd, struct bytes bundle, const struct policy_ids *ids, struct error *e)
{
    return bundle_prepare(fd, bundle, ids, e) && bundle_switch(fd, e) && bundle_settle(fd, e);
}

int bundle_seal(struct bytes bundle, struct error *e)
{
    int fd = memfd_create("sluice-policy", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0) {
        error_set(e, ERROR_SYSTEM, errno, "cannot make a memory file");
        return -1;
    }
    if (!write_all(fd, bundle.at, bundle.len, 0, e)) {
        close(fd);
        return -1;
    }
    if (fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0) {
        error_set(e, ERROR_SYSTEM, errno, "cannot seal a memory file");
        close(fd);
        return -1;
    }
    return fd;
}
