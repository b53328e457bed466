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
    uint64_t len;
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

bool bundle_read(int fd, struct bytes *bundle, struct policy_ids *ids, struct error *e)
{
    struct header h;
    if (!read_all(fd, &h, sizeof h, 0, e))
        return false;
    if (h.magic != MAGIC || h.len > (uint64_t)SLOT_SIZE - TEXT_AT)
        return error_set(e, ERROR_SYSTEM, 0, "no policy is stored");
    if (ids && !read_all(fd, ids, sizeof *ids, slot_at(h.slot) + IDS_AT, e))
        return false;
    if (!bundle)
        return true;
    uint8_t *copy = malloc(h.len ? h.len : 1);
    if (!copy)
        return error_set(e, ERROR_SYSTEM, ENOMEM, "cannot read the stored policy");
    if (!read_all(fd, copy, h.len, slot_at(h.slot) + TEXT_AT, e)) {
        free(copy);
        return false;
    }
    *bundle = (struct bytes){copy, h.len};
    return true;
}

uint32_t bundle_serial(int fd)
{
    struct header h;
    return pread(fd, &h, sizeof h, 0) == sizeof h && h.magic == MAGIC ? h.serial : 0;
}

bool bundle_write(int fd, struct bytes bundle, const struct policy_ids *ids, struct error *e)
{
    struct header h = {0};
    if (bundle.len > (size_t)SLOT_SIZE - TEXT_AT)
        return error_set(e, ERROR_LIMIT, 0, "the policy is too large to store");
    ssize_t n = pread(fd, &h, sizeof h, 0);
    bool first = n != sizeof h || h.magic != MAGIC;
    uint32_t spare = first ? 0 : !(h.slot & 1);
    if (!write_all(fd, ids, sizeof *ids, slot_at(spare) + IDS_AT, e) ||
        !write_all(fd, bundle.at, bundle.len, slot_at(spare) + TEXT_AT, e))
        return false;
    h = (struct header){MAGIC, spare, first ? 1 : h.serial + 1, 0, bundle.len};
    if (!write_all(fd, &h, sizeof h, 0, e))
        return false;
    /* The old slot's memory goes back; where the kernel cannot do that, it stays until the next reload. */
    if (!first)
        (void)fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, slot_at(!spare) + TEXT_AT, SLOT_SIZE - TEXT_AT);
    return true;
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
