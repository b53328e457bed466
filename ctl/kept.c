/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/kept.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ctl/bundle.h"
#include "dns/binding.h"

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71 /* Linux 5.14; not in Debian 12's headers */
#endif

#define KEPT_MAGIC 0x736c75696365313aull /* of this layout */

/* The memory file SYSTEMD_KEPT. */
struct kept {
    uint64_t magic, netns_cookie;
    uint64_t bindings_bytes;
    uint32_t mark_mask;
    uint16_t scope_first, scope_last;
};

/* A number that no other network namespace has until the machine starts anew; 0: not known. */
static uint64_t netns_cookie(void)
{
    uint64_t cookie = 0;
    socklen_t len = sizeof cookie;
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &len) < 0)
        cookie = 0;
    if (fd >= 0)
        close(fd);
    return cookie;
}

static bool read_kept(int fd, struct kept *out)
{
    return fd >= 0 && pread(fd, out, sizeof *out, 0) == sizeof *out && out->magic == KEPT_MAGIC && out->netns_cookie &&
           out->netns_cookie == netns_cookie() && out->bindings_bytes == binding_table_size();
}

uint32_t kept_mask(const int fds[SYSTEMD_FDS])
{
    struct kept kept;
    return read_kept(fds[SYSTEMD_KEPT], &kept) ? kept.mark_mask : 0;
}

static void drop(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

/* Can the bindings be gone on with?  A table that a gate of another release left may have another layout. */
static bool bindings_fit(int fd)
{
    struct error e = {0};
    struct binding_table *table = fd >= 0 ? binding_map(fd, true, &e) : NULL;
    if (table)
        binding_unmap(table);
    return table != NULL;
}

void kept_take(struct gate *gate, int fds[SYSTEMD_FDS], struct policy_ids *ids)
{
    struct kept kept;
    struct bytes bundle = {0};
    bool same = read_kept(fds[SYSTEMD_KEPT], &kept);
    if (same) {
        gate->rules_fd = fds[SYSTEMD_RULES];
        fds[SYSTEMD_RULES] = -1;
    }
    same = same && kept.mark_mask == gate->marks.mask && kept.scope_first == gate->scope_first &&
           kept.scope_last == gate->scope_last && bindings_fit(fds[SYSTEMD_BINDINGS]) && fds[SYSTEMD_POLICY] >= 0 &&
           bundle_read(fds[SYSTEMD_POLICY], &bundle, ids, NULL) && ids->first == gate->scope_first &&
           ids->last == gate->scope_last && ids->count <= POLICY_SCOPES_MAX;
    free((void *)(uintptr_t)bundle.at);
    if (same) {
        gate->bindings_fd = fds[SYSTEMD_BINDINGS];
        gate->bundle_fd = fds[SYSTEMD_POLICY];
        fds[SYSTEMD_BINDINGS] = fds[SYSTEMD_POLICY] = -1;
        gate->goes_on = true;
    } else {
        memset(ids, 0, sizeof *ids);
    }
    for (int i = 0; i < SYSTEMD_FDS; i++)
        if (i != SYSTEMD_CONTROL)
            drop(&fds[i]);
}

bool kept_policy(const struct gate *gate, struct bytes *bundle)
{
    return gate->goes_on && bundle_read(gate->bundle_fd, bundle, NULL, NULL);
}

void kept_store(struct gate *gate)
{
    struct kept kept = {.magic = KEPT_MAGIC,
                        .netns_cookie = netns_cookie(),
                        .bindings_bytes = binding_table_size(),
                        .mark_mask = gate->marks.mask,
                        .scope_first = gate->scope_first,
                        .scope_last = gate->scope_last};
    int fd = memfd_create("sluice-kept", MFD_CLOEXEC);
    if (fd < 0 || !kept.netns_cookie || write(fd, &kept, sizeof kept) != sizeof kept) {
        drop(&fd);
        return;
    }
    if (systemd_store(SYSTEMD_RULES, gate->rules_fd)) {
        systemd_store(SYSTEMD_BINDINGS, gate->bindings_fd);
        systemd_store(SYSTEMD_POLICY, gate->bundle_fd);
        systemd_store(SYSTEMD_KEPT, fd); /* last: it vouches for the others */
    }
    close(fd);
}

void kept_forget(void)
{
    for (enum systemd_fd what = SYSTEMD_RULES; what < SYSTEMD_FDS; what++)
        systemd_forget(what);
}
