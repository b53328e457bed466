/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/engine_sender.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctl/process_proc.h"

struct search {
    struct stat namespace;
    pid_t parent; /* conmon, in whose mount namespace the paths of arguments hold */
    uid_t user;
    bool named; /* only those whose arguments name the namespace */
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

/* An argument is a path of the namespace, or the pid of a process in it. */
static bool names_namespace(int proc, const struct search *search)
{
    char text[16384], path[PATH_MAX];
    size_t len = process_proc_read(proc, "cmdline", text, sizeof text);
    for (const char *at = text; at < text + len; at += strlen(at) + 1) {
        struct stat st;
        int n = 0;
        if (at[0] == '/')
            n = snprintf(path, sizeof path, "/proc/%d/root%s", (int)search->parent, at);
        else if (at[0] && at[strspn(at, "0123456789")] == '\0')
            n = snprintf(path, sizeof path, "/proc/%.10s/ns/net", at);
        if (n > 0 && n < (int)sizeof path && stat(path, &st) == 0 && st.st_ino == search->namespace.st_ino &&
            st.st_dev == search->namespace.st_dev)
            return true;
    }
    return false;
}

static void look(struct search *search)
{
    DIR *dir = opendir("/proc");
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        struct stat st;
        pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);
        int proc = pid > 0 ? process_proc_open(pid) : -1;
        if (proc < 0)
            continue;
        if (is_sender(proc) &&
            (search->named ? names_namespace(proc, search) : fstat(proc, &st) == 0 && st.st_uid == search->user)) {
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
    bool known = process_proc_stat(proc, &search.parent, &start) && fstat(netns_fd, &search.namespace) == 0;
    close(proc);
    snprintf(path, sizeof path, "/proc/%d", (int)search.parent);
    if (!known || stat(path, &st) < 0)
        return;
    search.user = st.st_uid;
    look(&search);
    if (search.found)
        return;
    search.named = false;
    look(&search);
}
