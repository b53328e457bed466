/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctl/number.h"

const struct confine_mask confine_masks[] = {
    /* daemons that start processes for others */
    {"/run/dbus/system_bus_socket", false},
    {"/run/systemd/private", false},
    {"/run/user", false}, /* session bus, systemd --user, rootless engines */
    {"/run/docker.sock", false},
    {"/run/docker", false},
    {"/run/podman", false},
    {"/run/containerd", false},
    {"/run/crio", false},
    {"/run/buildkit", false},
    {"/run/k3s", false},
    {"/run/cri-dockerd.sock", false},
    {"/dev/net/tun", false},     /* a tunnel that the host left to this user */
    {"/dev/vhost-vsock", false}, /* a guest of one's own reaches the host's vsock listeners */
    {"/dev/uinput", false},      /* a keyboard of one's own, which types into the machine's terminal */
    {"/dev/uhid", false},
    {"/run/libvirt", false},
    {"/run/snapd.socket", false},
    {"/run/snapd-snap.socket", false},
    {"/run/lxd.socket", false},
    {"/run/incus", false},
    {"/var/lib/incus", false},
    {"/var/lib/lxd", false},
    {"/var/snap/lxd/common/lxd", false},
    {"/run/screen", false},
    {"/tmp/screens", false},
    {"/tmp/tmux-*", false},
    {"/run/tmux", false},
    {"/tmp/.X11-unix", true}, /* another X server's windows take typed commands; Xvfb in the job makes its own */
    /* what runs later */
    {"/var/spool/cron", false},
    {"/var/spool/at", false},
    {"/var/spool/atjobs", false},
    /* daemons that resolve names for others */
    {"/run/systemd/resolve/io.systemd.Resolve*", false},
    {"/run/nscd", false},
    {"/run/avahi-daemon", false},
    {NULL, false},
};

static bool mask_directory(const char *path, const char *options, bool writable, struct error *e)
{
    unsigned long flags = MS_NOSUID | MS_NODEV | (writable ? 0 : MS_NOEXEC | MS_RDONLY);
    if (mount("tmpfs", path, "tmpfs", flags, options) < 0)
        return error_set(e, ERROR_SYSTEM, errno, "cannot mask %s", path);
    return true;
}

static bool mask(const struct confine *c, const char *path, bool writable, struct error *e)
{
    struct stat st;
    if (stat(path, &st) < 0 || confine_is_kept(c, path, &st))
        return true;
    if (S_ISDIR(st.st_mode))
        return mask_directory(path, writable ? "size=1m,mode=1777" : "size=4k,mode=0555", writable, e);
    if (mount("/dev/null", path, NULL, MS_BIND, NULL) < 0)
        return error_set(e, ERROR_SYSTEM, errno, "cannot mask %s", path);
    return true;
}

static bool mask_all(const struct confine *c, struct error *e)
{
    for (const struct confine_mask *m = confine_masks; m->pattern; m++) {
        glob_t found;
        int rc = glob(m->pattern, GLOB_NOSORT, NULL, &found);
        if (rc == GLOB_NOMATCH)
            continue;
        if (rc != 0)
            return error_set(e, ERROR_SYSTEM, ENOMEM, "cannot look for %s", m->pattern);
        bool ok = true;
        for (size_t i = 0; ok && i < found.gl_pathc; i++)
            ok = mask(c, found.gl_pathv[i], m->writable, e);
        globfree(&found);
        if (!ok)
            return false;
    }
    return true;
}

/* mountinfo writes blank, tab, newline and backslash as \ooo. */
static void unescape(char *text)
{
    char *to = text;
    for (const char *at = text; *at; at++) {
        if (at[0] == '\\' && at[1] && at[2] && at[3]) {
            *to++ = (char)((at[1] - '0') << 6 | (at[2] - '0') << 3 | (at[3] - '0'));
            at += 3;
        } else {
            *to++ = *at;
        }
    }
    *to = 0;
}

static bool mount_is_read_only(const char *path, struct error *e)
{
    struct mount_attr attributes = {.attr_set = MOUNT_ATTR_RDONLY};
    if (mount_setattr(AT_FDCWD, path, 0, &attributes, sizeof attributes) < 0 && errno != ENOENT && errno != EINVAL)
        return error_set(e, ERROR_SYSTEM, errno, "cannot make %s read-only", path);
    return true;
}

static bool fresh_proc(const struct confine *c, const char *path, struct error *e)
{
    static const char *const read_only[] = {"sys", "irq", "bus", "fs"};
    static const char *const masked[] = {"sysrq-trigger", "kcore", "kmsg", "keys", "timer_list", "acpi", "scsi"};
    char at[PATH_MAX];
    if (mount("proc", path, "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0)
        return error_set(e, ERROR_SYSTEM, errno, "cannot mount a new %s", path);
    for (size_t i = 0; c->root && i < sizeof read_only / sizeof read_only[0]; i++) {
        snprintf(at, sizeof at, "%s/%s", path, read_only[i]);
        if (access(at, F_OK) < 0)
            continue;
        if (mount(at, at, NULL, MS_BIND | MS_REC, NULL) < 0)
            return error_set(e, ERROR_SYSTEM, errno, "cannot hold %s", at);
        if (!mount_is_read_only(at, e))
            return false;
    }
    for (size_t i = 0; c->root && i < sizeof masked / sizeof masked[0]; i++) {
        snprintf(at, sizeof at, "%s/%s", path, masked[i]);
        if (!mask(c, at, false, e))
            return false;
    }
    return true;
}

static bool is_kernel_own(const char *type)
{
    static const char *const types[] = {"sysfs",    "debugfs",  "tracefs", "securityfs",
                                        "configfs", "efivarfs", "bpf",     "binfmt_misc"};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (strcmp(type, types[i]) == 0)
            return true;
    return false;
}

/* A socket of another network namespace, mounted into the container that we are in. */
static bool is_socket_mount(const struct confine *c, const char *root, const char *path)
{
    struct stat st;
    return strcmp(root, "/") != 0 && lstat(path, &st) == 0 && S_ISSOCK(st.st_mode) && !confine_is_kept(c, path, &st);
}

/* One line of mountinfo: cgroupfs (and for root all below /sys, whose v1 release_agent runs as the host's root, and
 * views of the same elsewhere) becomes read-only; each view of /proc is replaced by one of this pid namespace. */
static bool treat_mount(const struct confine *c, char *line, struct confine_mounted *mounted, struct error *e)
{
    char *save = NULL, *field = strtok_r(line, " ", &save), *path = NULL, *root = NULL;
    for (int i = 0; field && i < 4; i++) {
        root = path;
        path = field = strtok_r(NULL, " ", &save);
    }
    while (field && strcmp(field, "-") != 0)
        field = strtok_r(NULL, " ", &save);
    char *type = field ? strtok_r(NULL, " ", &save) : NULL;
    if (!path || !type)
        return true;
    unescape(path);
    mounted->path[mounted->count++] = path;
    if (is_socket_mount(c, root, path))
        return mask(c, path, false, e);
    if (strcmp(type, "cgroup") == 0 || strcmp(type, "cgroup2") == 0)
        return mount_is_read_only(path, e);
    if (strcmp(type, "proc") == 0 && access(path, F_OK) == 0) {
        struct stat st;
        if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
            return strncmp(path, "/proc/", 6) == 0 ? true : fresh_proc(c, path, e);
    }
    if (c->root && (strcmp(path, "/sys") == 0 || strncmp(path, "/sys/", 5) == 0 || is_kernel_own(type)))
        return mount_is_read_only(path, e);
    return true;
}

/* `lines` hold what *mounted points to. */
static bool read_mounts(char *lines[], unsigned *count, struct error *e)
{
    FILE *file = fopen("/proc/self/mountinfo", "re");
    if (!file)
        return error_set(e, ERROR_SYSTEM, errno, "cannot read /proc/self/mountinfo");
    size_t size = 0;
    for (char *line = NULL; *count < CONFINE_MOUNTS_MAX && getline(&line, &size, file) >= 0; line = NULL, size = 0)
        lines[(*count)++] = line;
    fclose(file);
    return *count < CONFINE_MOUNTS_MAX || error_set(e, ERROR_LIMIT, 0, "more than %d mounts", CONFINE_MOUNTS_MAX);
}

static bool treat_mounts(const struct confine *c, struct confine_covers *covers, struct error *e)
{
    static struct confine_mounted mounted;
    static char *lines[CONFINE_MOUNTS_MAX];
    unsigned count = 0;
    bool ok = read_mounts(lines, &count, e);
    for (unsigned i = 0; ok && i < count; i++)
        ok = treat_mount(c, lines[i], &mounted, e);
    ok = ok && confine_cover_run(c, &mounted, covers, e);
    for (unsigned i = 0; i < count; i++)
        free(lines[i]);
    return ok;
}

static bool show_jobs(int jobs_fd, struct error *e)
{
    char self[64];
    int fd = open(CONFINE_JOBS, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    snprintf(self, sizeof self, "/proc/self/fd/%d", jobs_fd);
    bool ok = fd >= 0 && mount(self, CONFINE_JOBS, NULL, MS_BIND, NULL) == 0;
    if (!ok)
        error_set(e, ERROR_SYSTEM, errno, "cannot show the job the gate's socket");
    if (fd >= 0)
        close(fd);
    return ok;
}

/* Hides the gates' own directory, and on top of it keeps the resolv.conf that the job sees. */
static bool own_directory(const struct confine *c, int jobs_fd, struct error *e)
{
    if (!mask_directory(NUMBER_DIRECTORY, "size=64k,mode=0755", true, e) || !show_jobs(jobs_fd, e))
        return false;
    if (c->resolv_conf) {
        int fd = open(NUMBER_DIRECTORY "/resolv.conf", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
        size_t len = strlen(c->resolv_conf);
        bool written = fd >= 0 && fchmod(fd, 0644) == 0 && write(fd, c->resolv_conf, len) == (ssize_t)len;
        if (fd >= 0)
            close(fd);
        if (!written || mount(NUMBER_DIRECTORY "/resolv.conf", "/etc/resolv.conf", NULL, MS_BIND, NULL) < 0)
            return error_set(e, ERROR_SYSTEM, errno, "cannot show the job its own /etc/resolv.conf");
        if (!mount_is_read_only("/etc/resolv.conf", e))
            return false;
    }
    return mount_is_read_only(NUMBER_DIRECTORY, e);
}

/* Without a bounding set, execve refuses a program with file capabilities (ping): capabilities(7), "safety checking for
 * capability-dumb binaries".  On a nosuid mount they are not looked at, and with no_new_privs they would give nothing.
 */
static bool no_file_capabilities(struct error *e)
{
    struct mount_attr attributes = {.attr_set = MOUNT_ATTR_NOSUID};
    if (mount_setattr(AT_FDCWD, "/", AT_RECURSIVE, &attributes, sizeof attributes) < 0)
        return error_set(e, ERROR_SYSTEM, errno, "cannot make the job's mounts nosuid");
    return true;
}

bool confine_mounts(const struct confine *c, const struct confine_sockets *sockets, struct error *e)
{
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        return error_set(e, ERROR_SYSTEM, errno, "cannot make mounts private");
    static struct confine_covers covers = {.empty = -1};
    int jobs_fd = open(c->jobs, O_PATH | O_NOFOLLOW | O_CLOEXEC); /* before it is masked with all others */
    if (jobs_fd < 0)
        return error_set(e, ERROR_SYSTEM, errno, "cannot find the gate's socket %s", c->jobs);
    bool ok = treat_mounts(c, &covers, e) && mask_all(c, e) && confine_sockets_mask(c, sockets, &covers, e) &&
              own_directory(c, jobs_fd, e) && (c->root || no_file_capabilities(e));
    close(jobs_fd);
    if (covers.empty >= 0)
        close(covers.empty);
    return ok;
}
