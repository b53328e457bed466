/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/confine.h"

#include <cap-ng.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <linux/capability.h>
#include <linux/magic.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* What root in the job keeps: package installs change owners, modes and users, and chroot.  Not here, on purpose:
 * SYS_ADMIN (mounts, setns), SYS_PTRACE, SYS_MODULE, SYS_RAWIO, SYS_BOOT, BPF, PERFMON, NET_ADMIN, MKNOD (disks),
 * DAC_READ_SEARCH (open_by_handle_at), SYSLOG, SYS_RESOURCE, SYS_TIME.  NET_RAW is harmless: such a job has a network
 * namespace of its own and is judged outside of it. */
static const int root_keeps[] = {CAP_CHOWN,   CAP_DAC_OVERRIDE, CAP_FOWNER,           CAP_FSETID,     CAP_KILL,
                                 CAP_SETGID,  CAP_SETUID,       CAP_NET_BIND_SERVICE, CAP_SYS_CHROOT, CAP_SETFCAP,
                                 CAP_SETPCAP, CAP_NET_RAW,      CAP_AUDIT_WRITE};

/* Of one that is removed, or beyond what the caller sees ("(unreachable)/…"), nothing is kept. */
static void note_directory(struct confine *c)
{
    if (!getcwd(c->directory, sizeof c->directory) || c->directory[0] != '/')
        c->directory[0] = 0;
}

static bool number_from(const char *variable, unsigned *out)
{
    const char *text = getenv(variable);
    char *end;
    if (!text || !*text)
        return false;
    errno = 0;
    unsigned long value = strtoul(text, &end, 10);
    if (*end || errno || value >= UINT_MAX || text[0] == '-')
        return false;
    *out = (unsigned)value;
    return true;
}

bool confine_user(bool as_root, struct confine *out, struct error *e)
{
    struct confine c = {.root = true};
    unsigned uid, gid;
    const char *sudo = getenv("SUDO_UID");
    if (sudo && (!number_from("SUDO_UID", &uid) || !number_from("SUDO_GID", &gid)))
        return error_set(e, ERROR_INPUT, 0, "SUDO_UID or SUDO_GID is no number");
    if (as_root || !sudo || uid == 0) {
        note_directory(&c);
        *out = c;
        return true;
    }
    c = (struct confine){.uid = uid, .gid = gid, .groups = 1, .group = {gid}};
    const struct passwd *entry = getpwuid(uid);
    if (entry) {
        snprintf(c.user, sizeof c.user, "%s", entry->pw_name);
        snprintf(c.home, sizeof c.home, "%s", entry->pw_dir);
        snprintf(c.shell, sizeof c.shell, "%s", entry->pw_shell);
        c.groups = CONFINE_GROUPS_MAX;
        if (getgrouplist(c.user, gid, c.group, &c.groups) < 0)
            return error_set(e, ERROR_LIMIT, 0, "%s is in more than %d groups", c.user, CONFINE_GROUPS_MAX);
    }
    note_directory(&c);
    *out = c;
    return true;
}

bool confine_enter(const struct confine *c, struct error *e)
{
    const char *directory = c->directory[0] ? c->directory : "/";
    return chdir(directory) == 0 ||
           error_set(e, errno == ENOENT ? ERROR_INPUT : ERROR_SYSTEM, errno,
                     "the command cannot be started in %s, of which the job sees nothing", directory);
}

bool confine_stdio(struct error *e)
{
    static const char *const names[] = {"input", "output", "error"};
    for (int fd = 0; fd < 3; fd++) {
        int domain = AF_UNIX;
        socklen_t len = sizeof domain;
        if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) == 0 && domain != AF_UNIX)
            return error_set(e, ERROR_INPUT, 0,
                             "standard %s is a network socket, which the gate cannot hold; put a pipe between (| cat)",
                             names[fd]);
    }
    return true;
}

/* A descriptor that cannot reach the network or another mount namespace. */
static bool harmless(int fd)
{
    struct stat st;
    if (fstat(fd, &st) < 0)
        return false;
    if (S_ISCHR(st.st_mode))
        return st.st_rdev != makedev(10, 200); /* not a tun device */
    if (!S_ISREG(st.st_mode) && !S_ISFIFO(st.st_mode))
        return false;
    /* A namespace to enter, a cgroup.procs to write to, another process' memory: plain files all of them. */
    struct statfs fs;
    return fstatfs(fd, &fs) == 0 && fs.f_type != NSFS_MAGIC && fs.f_type != PROC_SUPER_MAGIC &&
           fs.f_type != SYSFS_MAGIC && fs.f_type != CGROUP_SUPER_MAGIC && fs.f_type != CGROUP2_SUPER_MAGIC;
}

bool confine_descriptors(int keep, struct error *e)
{
    DIR *dir = opendir("/proc/self/fd");
    if (!dir)
        return error_set(e, ERROR_SYSTEM, errno, "cannot read /proc/self/fd");
    for (struct dirent *entry; (entry = readdir(dir));) {
        char *end;
        long fd = strtol(entry->d_name, &end, 10);
        if (*end || end == entry->d_name || fd < 3 || fd == keep || fd == dirfd(dir))
            continue;
        int flags = fcntl((int)fd, F_GETFD);
        if (flags < 0 || (flags & FD_CLOEXEC) || !harmless((int)fd))
            close((int)fd);
    }
    closedir(dir);
    return true;
}

void confine_environment(const struct confine *c)
{
    static const char *const leads_out[] = {"DBUS_SESSION_BUS_ADDRESS",
                                            "DBUS_SYSTEM_BUS_ADDRESS",
                                            "XDG_RUNTIME_DIR",
                                            "NOTIFY_SOCKET",
                                            "LISTEN_FDS",
                                            "LISTEN_PID",
                                            "LISTEN_FDNAMES",
                                            "TMUX",
                                            "STY"};
    for (size_t i = 0; i < sizeof leads_out / sizeof leads_out[0]; i++)
        unsetenv(leads_out[i]);
    if (c->root || !c->user[0])
        return;
    setenv("HOME", c->home, 1);
    setenv("USER", c->user, 1);
    setenv("LOGNAME", c->user, 1);
    setenv("SHELL", c->shell[0] ? c->shell : "/bin/sh", 1);
    unsetenv("MAIL");
}

static bool keep_root(struct error *e)
{
    capng_clear(CAPNG_SELECT_ALL);
    for (size_t i = 0; i < sizeof root_keeps / sizeof root_keeps[0]; i++)
        if (capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED | CAPNG_BOUNDING_SET, (unsigned)root_keeps[i]) !=
            0)
            return error_set(e, ERROR_SYSTEM, 0, "cannot name capability %d", root_keeps[i]);
    int rc = capng_apply(CAPNG_SELECT_ALL);
    if (rc != 0)
        return error_set(e, ERROR_SYSTEM, errno, "cannot give up capabilities (capng_apply says %d)", rc);
    return true;
}

bool confine_rights(const struct confine *c, struct error *e)
{
    if (c->root)
        return keep_root(e);
    if (setgroups((size_t)c->groups, c->group) < 0)
        return error_set(e, ERROR_SYSTEM, errno, "cannot set groups");
    capng_clear(CAPNG_SELECT_ALL);
    int rc = capng_change_id((int)c->uid, (int)c->gid, CAPNG_CLEAR_BOUNDING | CAPNG_CLEAR_AMBIENT);
    if (rc != 0)
        return error_set(e, ERROR_SYSTEM, errno, "cannot become user %u (capng_change_id says %d)", c->uid, rc);
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return error_set(e, ERROR_SYSTEM, errno, "cannot give up new privileges");
    if (getuid() != c->uid || geteuid() != c->uid || getgid() != c->gid || setuid(0) == 0)
        return error_set(e, ERROR_SYSTEM, 0, "the rights came back after they were given up");
    return true;
}
