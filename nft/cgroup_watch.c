/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "nft/cgroup_watch.h"

#include <errno.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "nft/cgroup.h"
#include "nft/cgroup_tree.h"

#define READ_BYTES    (64u << 10)
#define READS_AT_ONCE 64 /* more than inotify's queue holds (16,384 events) comes back as an overflow */
#define EACH_USEC     (1000000u / CGROUP_WATCH_RATE)

bool cgroup_watch_open(struct cgroup_watch *w, struct error *e)
{
    *w = (struct cgroup_watch){.fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK)};
    return w->fd >= 0 || error_set(e, ERROR_SYSTEM, errno, "cannot watch the folders of cgroups");
}

void cgroup_watch_add(struct cgroup_watch *w, const char *path)
{
    char full[PATH_MAX];
    uint32_t level;
    if (w->fd < 0 || !cgroup_path_make(path, full, &level, NULL))
        return;
    char *at = full + strlen(full);
    for (uint32_t i = 0; i < level; i++)
        do
            at--;
        while (*at != '/');
    /* From the mount down: a folder that comes between two steps is told by the one above it.  The last part is no
     * folder of the way. */
    while (*at) {
        *at = '\0';
        if (inotify_add_watch(w->fd, full, IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_ONLYDIR) < 0)
            return;
        *at = '/';
        at += 1 + strcspn(at + 1, "/");
    }
}

uint64_t cgroup_watch_wait(const struct cgroup_watch *w, uint64_t now_usec)
{
    uint64_t credit = now_usec + (uint64_t)CGROUP_WATCH_BURST * EACH_USEC;
    return w->next_usec > credit ? w->next_usec - credit : 0;
}

/* The events of one read: the kernel's own words, whole ones. */
static bool look(const uint8_t *at, size_t len, bool (*wanted)(void *ctx, const char *name), void *ctx)
{
    bool found = false;
    for (size_t from = 0; from + sizeof(struct inotify_event) <= len;) {
        struct inotify_event event;
        memcpy(&event, at + from, sizeof event);
        from += sizeof event;
        if (event.len > len - from)
            break;
        found = found || event.mask & IN_Q_OVERFLOW || (event.len && wanted(ctx, (const char *)at + from));
        from += event.len;
    }
    return found;
}

bool cgroup_watch_read(struct cgroup_watch *w, uint64_t now_usec, bool (*wanted)(void *ctx, const char *name),
                       void *ctx)
{
    static uint8_t buffer[READ_BYTES] __attribute__((aligned(8))); /* one thread */
    bool found = false;
    w->next_usec = (w->next_usec > now_usec ? w->next_usec : now_usec) + EACH_USEC;
    for (unsigned i = 0; i < READS_AT_ONCE; i++) {
        ssize_t n = read(w->fd, buffer, sizeof buffer);
        if (n <= 0)
            break;
        found = look(buffer, (size_t)n, wanted, ctx) || found;
    }
    return found;
}
