/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where the unix sockets of processes outside can be found.  The kernel tells the name that each was bound to, as it
 * was written: one that is relative, or leads through the process' own /proc, says something only with that process. */
#include "ctl/confine.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DISTANT_MAX 256
#define DATAGRAM    2u /* SOCK_DGRAM: takes messages in any state */
#define CONNECTED   3u /* SS_CONNECTED: takes no connection */

/* Names that are one process' own. */
struct distant {
    unsigned count;
    struct {
        unsigned long inode;
        char *name;
    } socket[DISTANT_MAX];
};

static bool too_many(struct error *e)
{
    return error_set(e, ERROR_LIMIT, 0, "more than %d unix sockets on this host", CONFINE_SOCKETS_MAX);
}

/* Takes `path`, also where it fails. */
static bool add(struct confine_sockets *out, char *path, struct error *e)
{
    if (!path || out->count == CONFINE_SOCKETS_MAX) {
        free(path);
        return too_many(e);
    }
    out->path[out->count++] = path;
    return true;
}

/* What is behind the process' own part of a name: "fd/7/x" of "/proc/self/fd/7/x"; NULL: it is everybody's. */
static const char *own_part(const char *name)
{
    static const char *const own[] = {"/proc/self/", "/proc/thread-self/", "/dev/fd/"};
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
        if (strncmp(name, own[i], strlen(own[i])) == 0)
            return name + strlen(own[i]) - (i == 2 ? strlen("fd/") : 0);
    return NULL;
}

/* As this process would have meant it; NULL: it leads nowhere. */
static char *as_seen_by(const char *pid, const char *name)
{
    char path[PATH_MAX], folder[PATH_MAX], *joined = NULL;
    const char *own = own_part(name);
    if (snprintf(path, sizeof path, "/proc/%s/%s%s", pid, own ? "" : "cwd/", own ? own : name) >= (int)sizeof path)
        return NULL;
    char *last = strrchr(path, '/');
    *last++ = 0;
    if (!realpath(path, folder) || asprintf(&joined, "%s/%s", folder, last) < 0)
        return NULL;
    return joined;
}

static bool look_into(const char *pid, const struct distant *distant, struct confine_sockets *out, struct error *e)
{
    char path[NAME_MAX + 16], link[64];
    snprintf(path, sizeof path, "/proc/%s/fd", pid);
    DIR *dir = opendir(path);
    bool ok = true;
    for (struct dirent *entry; dir && ok && (entry = readdir(dir));) {
        ssize_t len = readlinkat(dirfd(dir), entry->d_name, link, sizeof link - 1);
        link[len > 0 ? len : 0] = 0;
        if (strncmp(link, "socket:[", 8) != 0)
            continue;
        unsigned long inode = strtoul(link + 8, NULL, 10);
        for (unsigned i = 0; ok && i < distant->count; i++) {
            char *found = distant->socket[i].inode == inode ? as_seen_by(pid, distant->socket[i].name) : NULL;
            ok = !found || add(out, found, e);
        }
    }
    if (dir)
        closedir(dir);
    return ok; /* a process that has ended meanwhile has no socket */
}

static bool find_distant(const struct distant *distant, struct confine_sockets *out, struct error *e)
{
    DIR *dir = distant->count ? opendir("/proc") : NULL;
    bool ok = true;
    if (distant->count && !dir)
        return error_set(e, ERROR_SYSTEM, errno, "cannot read /proc");
    for (struct dirent *entry; dir && ok && (entry = readdir(dir));)
        if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9')
            ok = look_into(entry->d_name, distant, out, e);
    if (dir)
        closedir(dir);
    return ok;
}

static bool read_line(char *line, struct distant *distant, struct confine_sockets *out, struct error *e)
{
    /* Num RefCount Protocol Flags Type St Inode Path; an abstract name begins with @. */
    unsigned type, state;
    unsigned long inode;
    int end = 0;
    if (sscanf(line, "%*s %*x %*x %*x %x %x %lu%n", &type, &state, &inode, &end) != 3 || line[end] != ' ' ||
        (type != DATAGRAM && state == CONNECTED) || line[end + 1] == '@')
        return true;
    char *name = line + end + 1;
    name[strcspn(name, "\n")] = 0;
    if (name[0] == '/' && !own_part(name))
        return add(out, strdup(name), e);
    if (distant->count == DISTANT_MAX || !(distant->socket[distant->count].name = strdup(name)))
        return too_many(e);
    distant->socket[distant->count++].inode = inode;
    return true;
}

bool confine_sockets_read(struct confine_sockets *out, struct error *e)
{
    FILE *file = fopen("/proc/net/unix", "re");
    struct distant distant = {0};
    char *line = NULL;
    size_t size = 0;
    bool ok = true;
    *out = (struct confine_sockets){0};
    if (!file)
        return error_set(e, ERROR_SYSTEM, errno, "cannot read /proc/net/unix");
    while (ok && getline(&line, &size, file) >= 0)
        ok = read_line(line, &distant, out, e);
    ok = ok && find_distant(&distant, out, e);
    for (unsigned i = 0; i < distant.count; i++)
        free(distant.socket[i].name);
    free(line);
    fclose(file);
    return ok;
}

void confine_sockets_done(struct confine_sockets *sockets)
{
    for (unsigned i = 0; i < sockets->count; i++)
        free(sockets->path[i]);
    *sockets = (struct confine_sockets){0};
}
