/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/kept.h"

#include <linux/netlink.h>
#include <stdio.h>
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
static uint64_t socket_netns(int fd)
{
    uint64_t cookie = 0;
    socklen_t len = sizeof cookie;
    return fd >= 0 && getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &len) == 0 ? cookie : 0;
}

uint64_t kept_netns(void)
{
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    uint64_t cookie = socket_netns(fd);
    if (fd >= 0)
        close(fd);
    return cookie;
}

/* NULL: it can be gone on with; else why not. */
static const char *read_kept(int fd, struct kept *out)
{
    if (fd < 0 || pread(fd, out, sizeof *out, 0) != sizeof *out || out->magic != KEPT_MAGIC)
        return "it is none, or another release's";
    if (!out->netns_cookie || out->netns_cookie != kept_netns())
        return "it is of another network namespace";
    return out->bindings_bytes == binding_table_size() ? NULL : "its bindings are laid out in another way";
}

uint32_t kept_mask(const int fds[SYSTEMD_FDS])
{
    struct kept kept;
    return read_kept(fds[SYSTEMD_KEPT], &kept) ? 0 : kept.mark_mask;
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

/* The socket that owns the rules is of use whatever became of the rest: while the manager holds it, nobody else can
 * change them, a gate with another socket neither. */
static bool rules_fit(int fd)
{
    int domain = 0, protocol = 0;
    socklen_t len = sizeof domain;
    uint64_t cookie = socket_netns(fd);
    return cookie && cookie == kept_netns() && getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) == 0 &&
           getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &len) == 0 && domain == AF_NETLINK &&
           protocol == NETLINK_NETFILTER;
}

static bool ids_fit(const struct gate *gate, const struct policy_ids *ids)
{
    bool fit = ids->first == gate->scope_first && ids->last == gate->scope_last && ids->count <= POLICY_SCOPES_MAX;
    for (unsigned i = 0; fit && i < ids->count; i++)
        fit = memchr(ids->row[i].name, 0, sizeof ids->row[i].name) && ids->row[i].id >= ids->first &&
              ids->row[i].id <= ids->last;
    return fit;
}

/* As read_kept, of all that a gate goes on with. */
static const char *unfit(const struct gate *gate, const int fds[SYSTEMD_FDS], struct policy_ids *ids)
{
    struct kept kept;
    struct bytes bundle = {0};
    struct error e = {0};
    const char *why = read_kept(fds[SYSTEMD_KEPT], &kept);
    if (why)
        return why;
    if (kept.mark_mask != gate->marks.mask)
        return "it has another mark";
    if (kept.scope_first != gate->scope_first || kept.scope_last != gate->scope_last)
        return "its scopes have other ids";
    if (!bindings_fit(fds[SYSTEMD_BINDINGS]))
        return "its bindings cannot be read";
    if (!bundle_read(fds[SYSTEMD_POLICY], &bundle, ids, NULL))
        return "its policy cannot be read";
    struct policy *policy = policy_from_bundle(bundle, &e);
    free((void *)(uintptr_t)bundle.at);
    if (!policy)
        return "its policy cannot be understood";
    policy_free(policy);
    return ids_fit(gate, ids) ? NULL : "the ids of its scopes cannot be read";
}

void kept_take(struct gate *gate, int fds[SYSTEMD_FDS], struct policy_ids *ids)
{
    bool any = false;
    for (enum systemd_fd what = SYSTEMD_RULES; what < SYSTEMD_FDS; what++)
        any = any || fds[what] >= 0;
    if (rules_fit(fds[SYSTEMD_RULES])) {
        gate->rules_fd = fds[SYSTEMD_RULES];
        fds[SYSTEMD_RULES] = -1;
    }
    const char *why = any ? unfit(gate, fds, ids) : NULL;
    if (any && !why) {
        gate->bindings_fd = fds[SYSTEMD_BINDINGS];
        gate->bundle_fd = fds[SYSTEMD_POLICY];
        fds[SYSTEMD_BINDINGS] = fds[SYSTEMD_POLICY] = -1;
        gate->goes_on = true;
    } else {
        memset(ids, 0, sizeof *ids);
    }
    if (why)
        fprintf(stderr,
                "sluice: what the gate before left is not gone on with: %s; names are to be asked for again, and its "
                "open connections end\n",
                why);
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
                        .netns_cookie = kept_netns(),
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
