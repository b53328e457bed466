/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Directories in which no unix socket of a process outside can be reached, whenever it is bound.
 *
 * A socket that is masked by itself loses its mask with its name: a daemon that starts again binds another one.  So an
 * overlay of the directory lies over it: a name below is there, a socket behind it is not, since the kernel finds a
 * listener by the inode and an overlay has its own (unix_find_socket_byinode).  Named pipes are the same. */
#include "ctl/confine.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "ctl/number.h"

#define RUN       "/run"
#define UPPER     NUMBER_DIRECTORY "/upper"
#define WORK      NUMBER_DIRECTORY "/work"
#define EMPTY     NUMBER_DIRECTORY "/empty"
#define BACK_MAX  64  /* entries that one directory gets back */
#define CARRY_MAX 512 /* of /run: mounts below it, most of all */

/* Who has which id: programs cannot do without, and what is asked there goes to the machine's own user directory. */
static const char *const directories_kept[] = {"/run/systemd/userdb", "/var/lib/sss/pipes", "/run/samba/winbindd",
                                               NULL};

/* What is shown again on top of an overlay: opened before, bound afterwards. */
struct carry {
    unsigned count;
    struct {
        char *path;
        int fd;
    } one[CARRY_MAX];
};

static bool is_below(const char *path, const char *directory)
{
    size_t len = strlen(directory);
    return strncmp(path, directory, len) == 0 && (path[len] == '/' || !path[len]);
}

bool confine_is_kept_directory(const char *path)
{
    for (size_t i = 0; directories_kept[i]; i++)
        if (is_below(path, directories_kept[i]))
            return true;
    return false;
}

static bool is_masked(const char *path)
{
    for (const struct confine_mask *m = confine_masks; m->pattern; m++)
        if (fnmatch(m->pattern, path, FNM_PATHNAME | FNM_LEADING_DIR) == 0)
            return true;
    return false;
}

static bool carry(const struct confine *c, struct carry *carried, const char *path, struct error *e)
{
    for (unsigned i = 0; i < carried->count; i++)
        if (is_below(path, carried->one[i].path))
            return true;
    struct stat st;
    int fd = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return true;
    if (fstat(fd, &st) < 0 || (S_ISSOCK(st.st_mode) && !confine_is_kept(c, path, &st))) {
        close(fd); /* a socket that was mounted into a container */
        return true;
    }
    char *copy = carried->count < CARRY_MAX ? strdup(path) : NULL;
    if (!copy) {
        close(fd);
        return error_set(e, ERROR_LIMIT, 0, "more than %d mounts below " RUN, CARRY_MAX);
    }
    carried->one[carried->count].path = copy;
    carried->one[carried->count++].fd = fd;
    return true;
}

static void carry_done(struct carry *carried)
{
    for (unsigned i = 0; i < carried->count; i++) {
        free(carried->one[i].path);
        close(carried->one[i].fd);
    }
}

/* A directory just below /run is the build's own where it works there, or where the user owns it: what it writes must
 * stay. */
static bool carry_own(const struct confine *c, struct carry *carried, struct error *e)
{
    DIR *dir = opendir(RUN);
    bool ok = true;
    for (struct dirent *entry; dir && ok && (entry = readdir(dir));) {
        char path[sizeof RUN + NAME_MAX + 1];
        struct stat st;
        snprintf(path, sizeof path, RUN "/%s", entry->d_name);
        if (entry->d_name[0] == '.' || is_masked(path) || lstat(path, &st) < 0 || !S_ISDIR(st.st_mode))
            continue;
        if (is_below(c->directory, path) || (!c->root && st.st_uid == c->uid))
            ok = carry(c, carried, path, e);
    }
    if (dir)
        closedir(dir);
    return ok;
}

static bool carry_sockets(const struct confine *c, struct carry *carried, struct error *e)
{
    bool ok = true;
    for (size_t i = 0; ok && directories_kept[i]; i++)
        if (is_below(directories_kept[i], RUN))
            ok = carry(c, carried, directories_kept[i], e);
    for (unsigned i = 0; ok && i <= c->keeps; i++) {
        const char *kept = i < c->keeps ? c->keep[i] : c->agent;
        char *path = kept ? realpath(kept, NULL) : NULL;
        struct stat st;
        if (path && is_below(path, RUN) && stat(path, &st) == 0 && S_ISSOCK(st.st_mode))
            ok = carry(c, carried, path, e);
        free(path);
    }
    return ok;
}

static bool carry_mounts(const struct confine *c, const struct confine_mounted *mounted, struct carry *carried,
                         struct error *e)
{
    bool ok = true;
    for (unsigned i = 0; ok && i < mounted->count; i++) {
        const char *path = mounted->path[i];
        if (is_below(path, RUN) && strcmp(path, RUN) != 0 && !is_below(path, NUMBER_DIRECTORY) && !is_masked(path))
            ok = carry(c, carried, path, e);
    }
    return ok;
}

static uint64_t mount_of(int fd)
{
    struct statx st;
    bool known = statx(fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &st) == 0 && (st.stx_mask & STATX_MNT_ID);
    return known ? st.stx_mnt_id : 0;
}

static void remember(struct confine_covers *covers, int fd)
{
    if (covers->count < CONFINE_COVERS_MAX)
        covers->mount[covers->count++] = mount_of(fd);
}

bool confine_is_covered(const struct confine_covers *covers, int fd)
{
    uint64_t mount = mount_of(fd);
    for (unsigned i = 0; mount && i < covers->count; i++)
        if (covers->mount[i] == mount)
            return true;
    return false;
}

/* Its writable layer is a tmpfs that the overlay itself hides; what the job writes to /run ends with it. */
static bool overlay_run(struct confine_covers *covers, struct error *e)
{
    struct stat st;
    if (mount("tmpfs", NUMBER_DIRECTORY, "tmpfs", MS_NOSUID | MS_NODEV, "size=64m,mode=0700") < 0)
        return error_set(e, ERROR_SYSTEM, errno, "cannot mount on " NUMBER_DIRECTORY);
    bool ok = stat(RUN, &st) == 0 && mkdir(UPPER, 0700) == 0 && mkdir(WORK, 0700) == 0 && mkdir(EMPTY, 0555) == 0 &&
              chown(UPPER, st.st_uid, st.st_gid) == 0 && chmod(UPPER, st.st_mode & 07777) == 0;
    covers->empty = ok ? open(EMPTY, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
    if (covers->empty < 0)
        return error_set(e, ERROR_SYSTEM, errno, "cannot write to " NUMBER_DIRECTORY);
    if (mount("sluice", RUN, "overlay", MS_NOSUID | MS_NODEV, "lowerdir=" RUN ",upperdir=" UPPER ",workdir=" WORK) <
        0) {
        fprintf(stderr,
                "sluice: no overlay of " RUN " (%s): a daemon that binds its socket anew while the command runs stays "
                "in its reach\n",
                strerror(errno));
        close(covers->empty);
        covers->empty = -1;
        return true;
    }
    int fd = open(RUN, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return error_set(e, ERROR_SYSTEM, errno, "cannot open " RUN);
    remember(covers, fd);
    close(fd);
    return true;
}

/* What cannot be shown again (a namespace's file, for one) stays away. */
static void bind_back(const struct carry *carried)
{
    for (unsigned i = 0; i < carried->count; i++) {
        char from[64];
        snprintf(from, sizeof from, "/proc/self/fd/%d", carried->one[i].fd);
        (void)mount(from, carried->one[i].path, NULL, MS_BIND | MS_REC, NULL);
    }
}

bool confine_cover_run(const struct confine *c, const struct confine_mounted *mounted, struct confine_covers *covers,
                       struct error *e)
{
    struct carry carried = {0};
    bool ok = carry_own(c, &carried, e) && carry_mounts(c, mounted, &carried, e) && carry_sockets(c, &carried, e) &&
              overlay_run(covers, e);
    if (ok && covers->empty >= 0)
        bind_back(&carried);
    carry_done(&carried);
    return ok;
}

/* ---- other directories that hold a listener's socket ---- */

/* May the job's user write there?  Unsure is yes: with an access list, the group's bits are the most that it grants. */
static bool is_writable(const struct confine *c, int fd, const struct stat *st)
{
    char self[64];
    if (c->root || (st->st_mode & S_IWOTH) || (st->st_uid == c->uid && (st->st_mode & S_IWUSR)))
        return true;
    if (!(st->st_mode & S_IWGRP))
        return false;
    for (int i = 0; i < c->groups; i++)
        if (c->group[i] == st->st_gid)
            return true;
    snprintf(self, sizeof self, "/proc/self/fd/%d", fd);
    return getxattr(self, "system.posix_acl_access", NULL, 0) > 0;
}

struct content {
    unsigned sockets; /* none of them to keep */
    unsigned others;
    unsigned count; /* to show again */
    struct {
        char name[NAME_MAX + 1];
        int fd;
    } back[BACK_MAX];
};

/* False: too much, or it cannot be read. */
static bool read_content(const struct confine *c, int directory, const char *path, struct content *out)
{
    DIR *dir = fdopendir(openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    bool ok = dir != NULL;
    for (struct dirent *entry; ok && (entry = readdir(dir));) {
        char one[PATH_MAX + NAME_MAX + 2];
        struct stat st;
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 || entry->d_type == DT_LNK)
            continue;
        int fd = openat(directory, entry->d_name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0 || fstat(fd, &st) < 0) {
            if (fd >= 0)
                close(fd);
            continue;
        }
        snprintf(one, sizeof one, "%s/%s", path, entry->d_name);
        bool kept = confine_is_kept(c, one, &st);
        *(S_ISSOCK(st.st_mode) && !kept ? &out->sockets : &out->others) += 1;
        bool back = kept || S_ISDIR(st.st_mode) || S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode) ||
                    (S_ISREG(st.st_mode) && is_writable(c, fd, &st));
        ok = !back || out->count < BACK_MAX;
        if (back && ok) {
            snprintf(out->back[out->count].name, sizeof out->back[0].name, "%s", entry->d_name);
            out->back[out->count++].fd = fd;
        } else {
            close(fd);
        }
    }
    if (dir)
        closedir(dir);
    return ok;
}

/* A mount that is nowhere yet; -1: this kernel, or what lies below, gives none. */
static int make_overlay(int directory, int empty)
{
    char lower[64];
    snprintf(lower, sizeof lower, "/proc/self/fd/%d:/proc/self/fd/%d", directory, empty);
    int mount = -1, context = fsopen("overlay", FSOPEN_CLOEXEC);
    if (context >= 0 && fsconfig(context, FSCONFIG_SET_STRING, "lowerdir", lower, 0) == 0 &&
        fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) == 0)
        mount = fsmount(context, FSMOUNT_CLOEXEC, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
    if (context >= 0)
        close(context);
    return mount;
}

static bool lay_over(int directory, int empty, const struct content *content, struct confine_covers *covers)
{
    int cover = make_overlay(directory, empty);
    bool ok =
        cover >= 0 && move_mount(cover, "", directory, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) == 0;
    for (unsigned i = 0; ok && i < content->count; i++) {
        char from[64], to[64];
        int at = openat(cover, content->back[i].name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
        snprintf(from, sizeof from, "/proc/self/fd/%d", content->back[i].fd);
        snprintf(to, sizeof to, "/proc/self/fd/%d", at);
        if (at >= 0)
            (void)mount(from, to, NULL, MS_BIND | MS_REC, NULL);
        if (at >= 0)
            close(at);
    }
    if (ok)
        remember(covers, cover);
    if (cover >= 0)
        close(cover);
    return ok;
}

static bool is_on_the_way(const struct confine *c, const char *path)
{
    return is_below(c->directory, path) || (c->home[0] && is_below(c->home, path));
}

bool confine_cover(const struct confine *c, int directory, struct confine_covers *covers)
{
    static struct content content;
    char self[64], path[PATH_MAX];
    struct stat st;
    snprintf(self, sizeof self, "/proc/self/fd/%d", directory);
    ssize_t len = readlink(self, path, sizeof path - 1);
    path[len > 0 ? len : 0] = 0;
    if (covers->empty < 0 || covers->count == CONFINE_COVERS_MAX || len <= 1 || strcmp(path, "/dev") == 0 ||
        confine_is_kept_directory(path) || fstat(directory, &st) < 0)
        return false;
    content = (struct content){0};
    bool ok = read_content(c, directory, path, &content);
    bool for_sockets = content.sockets && !content.others && !(st.st_mode & S_IWOTH) && !is_on_the_way(c, path);
    ok = ok && (for_sockets || !is_writable(c, directory, &st)) && lay_over(directory, covers->empty, &content, covers);
    for (unsigned i = 0; i < content.count; i++)
        close(content.back[i].fd);
    return ok;
}
