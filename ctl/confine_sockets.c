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
static bool hide_beside(const struct confine *c, const char *path, struct error *e)
{
    char folder[PATH_MAX], one[PATH_MAX + NAME_MAX + 2];
    int len = (int)(strrchr(path, '/') - path);
    snprintf(folder, sizeof folder, "%.*s", len ? len : 1, path);
    DIR *dir = opendir(folder);
    bool ok = true, there;
    for (struct dirent *entry; dir && ok && (entry = readdir(dir));) {
        if (entry->d_type != DT_SOCK && entry->d_type != DT_UNKNOWN)
            continue;
        snprintf(one, sizeof one, "%s/%s", folder, entry->d_name);
        ok = hide(c, dirfd(dir), entry->d_name, one, &there, e);
    }
    if (dir)
        closedir(dir);
    return ok; /* no such directory: of another mount namespace */
}

bool confine_sockets_mask(const struct confine *c, const struct confine_sockets *sockets, struct error *e)
{
    struct stat st;
    for (unsigned i = 0; i < sockets->count; i++) {
        bool there;
        if (!hide(c, AT_FDCWD, sockets->path[i], sockets->path[i], &there, e) ||
            (!there && !hide_beside(c, sockets->path[i], e)))
            return false;
    }
    for (unsigned i = 0; i < c->keeps; i++)
        if (stat(c->keep[i], &st) < 0 || !S_ISSOCK(st.st_mode))
            return error_set(e, ERROR_INPUT, 0, "--socket %s: there is no such socket, or its directory is masked",
                             c->keep[i]);
    return true;
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
