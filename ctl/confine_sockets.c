/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Unix sockets of processes outside the job: none of them may send for it. */
#include "ctl/confine.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* landlock(7): struct landlock_ruleset_attr of Linux 6.12, newer than Debian 12's header. */
#define LANDLOCK_CREATE              444
#define LANDLOCK_RESTRICT            446
#define LANDLOCK_VERSION             1u
#define LANDLOCK_ABI_SCOPES          6
#define LANDLOCK_SCOPE_ABSTRACT_UNIX 1u
#define LANDLOCK_SCOPE_SIGNAL        2u
struct domain_rules {
    uint64_t access_files, access_network, scoped;
};

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
    return is_same(c->agent, st) || confine_is_kept_directory(path);
}

/* By descriptor: whoever owns the directory must not lead the mount elsewhere meanwhile.  `at` is where `name` begins.
 * *there: the path names a socket, or what hides one. */
static bool hide(const struct confine *c, int at, const char *name, const char *path, bool *there, struct error *e)
{
    char self[64];
    struct stat st;
    int fd = openat(at, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    *there = false;
    if (fd < 0)
        return true;
    bool ok = true;
    snprintf(self, sizeof self, "/proc/self/fd/%d", fd);
    bool known = fstat(fd, &st) == 0;
    *there = known && (S_ISSOCK(st.st_mode) || S_ISCHR(st.st_mode));
    if (known && S_ISSOCK(st.st_mode) && !confine_is_kept(c, path, &st) &&
        mount("/dev/null", self, NULL, MS_BIND, NULL) < 0)
        ok = error_set(e, ERROR_SYSTEM, errno, "cannot mask %s", path);
    close(fd);
    return ok;
}

/* A socket whose name is gone: it was given another one there (ssh binds its control socket so, then links it in
 * place). Which one is not told, so all that are there are hidden. */
static bool hide_beside(const struct confine *c, int directory, const char *folder, struct error *e)
{
    char one[PATH_MAX + NAME_MAX + 2];
    DIR *dir = fdopendir(openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    bool ok = true, there;
    for (struct dirent *entry; dir && ok && (entry = readdir(dir));) {
        if (entry->d_type != DT_SOCK && entry->d_type != DT_UNKNOWN)
            continue;
        snprintf(one, sizeof one, "%s/%s", folder, entry->d_name);
        ok = hide(c, directory, entry->d_name, one, &there, e);
    }
    if (dir)
        closedir(dir);
    return ok;
}

static bool mask_one(const struct confine *c, const char *path, struct confine_covers *covers, struct error *e)
{
    char folder[PATH_MAX];
    const char *name = strrchr(path, '/') + 1;
    int len = (int)(name - 1 - path);
    snprintf(folder, sizeof folder, "%.*s", len ? len : 1, path);
    int directory = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0)
        return true; /* of another mount namespace */
    bool there, ok = confine_is_covered(covers, directory) || confine_cover(c, directory, covers) ||
                     (hide(c, directory, name, path, &there, e) && (there || hide_beside(c, directory, folder, e)));
    close(directory);
    return ok;
}

bool confine_sockets_mask(const struct confine *c, const struct confine_sockets *sockets, struct confine_covers *covers,
                          struct error *e)
{
    struct stat st;
    for (unsigned i = 0; i < sockets->count; i++)
        if (!mask_one(c, sockets->path[i], covers, e))
            return false;
    for (unsigned i = 0; i < c->keeps; i++)
        if (stat(c->keep[i], &st) < 0 || !S_ISSOCK(st.st_mode))
            return error_set(e, ERROR_INPUT, 0, "--socket %s: there is no such socket, or its directory is masked",
                             c->keep[i]);
    return true;
}

bool confine_domain(struct error *e)
{
    static const struct domain_rules rules = {.scoped = LANDLOCK_SCOPE_ABSTRACT_UNIX | LANDLOCK_SCOPE_SIGNAL};
    if (syscall(LANDLOCK_CREATE, NULL, 0, LANDLOCK_VERSION) < LANDLOCK_ABI_SCOPES)
        return true; /* not this kernel's: SECURITY.md says what remains */
    int fd = (int)syscall(LANDLOCK_CREATE, &rules, sizeof rules, 0);
    bool ok = fd >= 0 && syscall(LANDLOCK_RESTRICT, fd, 0) == 0;
    if (!ok)
        error_set(e, ERROR_SYSTEM, errno,
                  "cannot keep the job from other processes' abstract sockets and from signalling them");
    if (fd >= 0)
        close(fd);
    return ok;
}
