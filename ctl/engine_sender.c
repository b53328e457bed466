/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/engine_sender.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/nsfs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctl/process_proc.h"

#define OWNERS_MAX 32 /* user namespaces nest no deeper */

/* Which network namespaces a sender's arguments name. */
enum names { NAMES_NONE, NAMES_OTHERS, NAMES_NEIGHBOUR, NAMES_THIS };

struct search {
    struct stat namespace; /* the container's */
    unsigned owners;       /* the user namespace that owns it, and those above it, but ours */
    ino_t owner[OWNERS_MAX];
    ino_t own_user; /* our user namespace */
    pid_t parent;   /* conmon, in whose mount namespace the paths of arguments hold */
    uid_t user;
    bool named; /* only those whose arguments name the namespace itself */
    void (*each)(void *ctx, pid_t pid);
    void *ctx;
    unsigned found;
};

static bool is_sender(int proc)
{
    static const char *const names[] = {"slirp4netns\n", "pasta\n", "pasta.avx2\n", "passt\n", "vpnkit\n"};
    char comm[32];
    process_proc_read(proc, "comm", comm, sizeof comm);
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(comm, names[i]) == 0)
            return true;
    return false;
}

/* The kernel tells the owners of a namespace up to the user namespace of who asks. */
static void take_owners(int netns_fd, struct search *search)
{
    struct stat st;
    int fd = ioctl(netns_fd, NS_GET_USERNS);
    while (fd >= 0) {
        bool more = search->owners < OWNERS_MAX && fstat(fd, &st) == 0 && st.st_ino != search->own_user;
        if (more)
            search->owner[search->owners++] = st.st_ino;
        int above = more ? ioctl(fd, NS_GET_PARENT) : -1;
        close(fd);
        fd = above;
    }
}

static bool owner_of(int netns_fd, ino_t *out)
{
    struct stat st;
    int fd = ioctl(netns_fd, NS_GET_USERNS);
    bool ok = fd >= 0 && fstat(fd, &st) == 0;
    if (fd >= 0)
        close(fd);
    if (ok)
        *out = st.st_ino;
    return ok;
}

static enum names path_names(const char *path, const struct search *search)
{
    struct stat st;
    ino_t owner;
    if (stat(path, &st) < 0 || st.st_dev != search->namespace.st_dev)
        return NAMES_NONE; /* no namespace at all */
    if (st.st_ino == search->namespace.st_ino)
        return NAMES_THIS;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    bool known = fd >= 0 && owner_of(fd, &owner);
    if (fd >= 0)
        close(fd);
    if (!known || owner == search->own_user)
        return NAMES_NONE; /* the host's: some number among the arguments */
    for (unsigned i = 0; i < search->owners; i++)
        if (search->owner[i] == owner)
            return NAMES_NEIGHBOUR;
    return NAMES_OTHERS;
}

/* An argument is a path of the namespace, or the pid of a process in it. */
static enum names names_namespace(int proc, const struct search *search)
{
    char text[16384], path[PATH_MAX];
    enum names best = NAMES_NONE;
    size_t len = process_proc_read(proc, "cmdline", text, sizeof text);
    for (const char *at = text; at < text + len; at += strlen(at) + 1) {
        enum names one = NAMES_NONE;
        int n = 0;
        if (at[0] == '/')
            n = snprintf(path, sizeof path, "/proc/%d/root%s", (int)search->parent, at);
        else if (at[0] && at[strspn(at, "0123456789")] == '\0')
            n = snprintf(path, sizeof path, "/proc/%.10s/ns/net", at);
        if (n > 0 && n < (int)sizeof path)
            one = path_names(path, search);
        best = one > best ? one : best;
    }
    return best;
}

/* Behind one more namespace, the sender names that one: its owner is the container's, or above it (podman's
 * --userns=keep-id).  Where its arguments name none that we see, its user has to do. */
static bool sends(int proc, const struct search *search)
{
    struct stat st;
    enum names names = names_namespace(proc, search);
    if (search->named)
        return names == NAMES_THIS;
    return names != NAMES_OTHERS && fstat(proc, &st) == 0 && st.st_uid == search->user;
}

static void look(struct search *search)
{
    DIR *dir = opendir("/proc");
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);
        int proc = pid > 0 ? process_proc_open(pid) : -1;
        if (proc < 0)
            continue;
        if (is_sender(proc) && sends(proc, search)) {
            search->found++;
            search->each(search->ctx, pid);
        }
        close(proc);
    }
    if (dir)
        closedir(dir);
}

void engine_sender_each(pid_t pid, int netns_fd, void (*each)(void *ctx, pid_t pid), void *ctx)
{
    struct search search = {.named = true, .each = each, .ctx = ctx};
    struct stat st;
    uint64_t start;
    char path[64];
    int proc = process_proc_open(pid);
    if (proc < 0)
        return;
    /* The container's first process may be another user's to the host; its parent (conmon, containerd-shim) is not. */
    bool known = process_proc_stat(proc, &search.parent, &start) && fstat(netns_fd, &search.namespace) == 0 &&
                 stat("/proc/self/ns/user", &st) == 0;
    close(proc);
    search.own_user = known ? st.st_ino : 0;
    snprintf(path, sizeof path, "/proc/%d", (int)search.parent);
    if (!known || stat(path, &st) < 0)
        return;
    search.user = st.st_uid;
    take_owners(netns_fd, &search);
    look(&search);
    if (search.found)
        return;
    search.named = false;
    look(&search);
}
