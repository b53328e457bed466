/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Unix sockets of processes outside the job: none of them may send for it. */
#include "ctl/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Who has which id: programs cannot do without, and what is asked there goes to the machine's own user directory. */
static const char *const directories_kept[] = {"/run/systemd/userdb/", "/var/lib/sss/pipes/", "/run/samba/winbindd/",
                                               NULL};

/* landlock(7): struct landlock_ruleset_attr of Linux 6.12, newer than Debian 12's header. */
#define LANDLOCK_CREATE              444
#define LANDLOCK_RESTRICT            446
#define LANDLOCK_VERSION             1u
#define LANDLOCK_ABI_SCOPES          6
#define LANDLOCK_SCOPE_ABSTRACT_UNIX 1u
struct domain_rules {
    uint64_t access_files, access_network, scoped;
};

bool confine_sockets_read(struct confine_sockets *out, struct error *e)
{
    FILE *file = fopen("/proc/net/unix", "re");
    char *line = NULL;
    size_t size = 0;
    bool ok = true;
    *out = (struct confine_sockets){0};
    if (!file)
        return error_set(e, ERROR_SYSTEM, errno, "cannot read /proc/net/unix");
    while (ok && getline(&line, &size, file) >= 0) {
        /* Num RefCount Protocol Flags Type St Inode Path; an abstract name begins with @. */
        char *path = strchr(line, '/');
        if (!path || path == line || path[-1] != ' ')
            continue;
        path[strcspn(path, "\n")] = 0;
        if (out->count == CONFINE_SOCKETS_MAX || !(out->path[out->count] = strdup(path)))
            ok = error_set(e, ERROR_LIMIT, 0, "more than %d unix sockets on this host", CONFINE_SOCKETS_MAX);
        else
            out->count++;
    }
    free(line);
    fclose(file);
    return ok;
}

static bool is_same(const char *path, const struct stat *st)
{
    struct stat kept;
    return path && stat(path, &kept) == 0 && kept.st_dev == st->st_dev && kept.st_ino == st->st_ino;
}

bool confine_is_kept(const struct confine *c, const char *path, const struct stat *st)
{
    if (!S_ISSOCK(st->st_mode))
        return false;
    for (unsigned i = 0; i < c->keeps; i++)
        if (is_same(c->keep[i], st))
            return true;
    if (is_same(c->agent, st))
        return true;
    for (size_t i = 0; directories_kept[i]; i++)
        if (strncmp(path, directories_kept[i], strlen(directories_kept[i])) == 0)
            return true;
    return false;
}

/* By descriptor: whoever owns the directory must not lead the mount elsewhere meanwhile. */
static bool hide(const struct confine *c, const char *path, struct error *e)
{
    char at[64];
    struct stat st;
    int fd = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return true; /* of another mount namespace, or gone */
    bool ok = true;
    snprintf(at, sizeof at, "/proc/self/fd/%d", fd);
    bool is_socket = fstat(fd, &st) == 0 && S_ISSOCK(st.st_mode);
    if (is_socket && !confine_is_kept(c, path, &st) && mount("/dev/null", at, NULL, MS_BIND, NULL) < 0)
        ok = error_set(e, ERROR_SYSTEM, errno, "cannot mask %s", path);
    close(fd);
    return ok;
}

bool confine_sockets_mask(const struct confine *c, const struct confine_sockets *sockets, struct error *e)
{
    struct stat st;
    for (unsigned i = 0; i < sockets->count; i++)
        if (!hide(c, sockets->path[i], e))
            return false;
    for (unsigned i = 0; i < c->keeps; i++)
        if (stat(c->keep[i], &st) < 0 || !S_ISSOCK(st.st_mode))
            return error_set(e, ERROR_INPUT, 0, "--socket %s: there is no such socket, or its directory is masked",
                             c->keep[i]);
    return true;
}

void confine_sockets_done(struct confine_sockets *sockets)
{
    for (unsigned i = 0; i < sockets->count; i++)
        free(sockets->path[i]);
    *sockets = (struct confine_sockets){0};
}

bool confine_domain(struct error *e)
{
    static const struct domain_rules rules = {.scoped = LANDLOCK_SCOPE_ABSTRACT_UNIX};
    if (syscall(LANDLOCK_CREATE, NULL, 0, LANDLOCK_VERSION) < LANDLOCK_ABI_SCOPES)
        return true; /* not this kernel's: SECURITY.md says what remains */
    int fd = (int)syscall(LANDLOCK_CREATE, &rules, sizeof rules, 0);
    bool ok = fd >= 0 && syscall(LANDLOCK_RESTRICT, fd, 0) == 0;
    if (!ok)
        error_set(e, ERROR_SYSTEM, errno, "cannot keep the job from other processes' abstract sockets");
    if (fd >= 0)
        close(fd);
    return ok;
}
