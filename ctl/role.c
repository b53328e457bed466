/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/role.h"

#include <cap-ng.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

bool role_take(int lock_fd, unsigned role, struct error *e)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = (off_t)role, .l_len = 1};

    if (fcntl(lock_fd, F_SETLK, &lock) == 0)
        return true;
    if (errno == EACCES || errno == EAGAIN)
        return error_set(e, ERROR_LIMIT, 0, "another process has role %u", role);
    return error_set(e, ERROR_SYSTEM, errno, "cannot lock role %u", role);
}

pid_t role_holder(int lock_fd, unsigned role)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = (off_t)role, .l_len = 1};

    if (fcntl(lock_fd, F_GETLK, &lock) < 0 || lock.l_type == F_UNLCK)
        return 0;
    return lock.l_pid;
}

/* The least kept descriptor that is at least `from`; -1: none. */
static int next_kept(const int *keep, unsigned count, int from)
{
    int least = -1;

    for (unsigned i = 0; i < count; i++)
        if (keep[i] >= from && (least < 0 || keep[i] < least))
            least = keep[i];
    return least;
}

bool role_keep_only(const int *keep, unsigned count, struct error *e)
{
    int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null_fd < 0)
        return error_set(e, ERROR_SYSTEM, errno, "cannot open /dev/null");
    bool replaced = dup2(null_fd, STDIN_FILENO) >= 0;
    close(null_fd);
    if (!replaced)
        return error_set(e, ERROR_SYSTEM, errno, "cannot replace standard input");

    unsigned from = STDERR_FILENO + 1;
    for (;;) {
        int kept = next_kept(keep, count, (int)from);
        unsigned to = kept < 0 ? ~0u : (unsigned)kept - 1;
        if (from <= to && close_range(from, to, 0) < 0)
            return error_set(e, ERROR_SYSTEM, errno, "cannot close inherited descriptors");
        if (kept < 0)
            return true;
        from = (unsigned)kept + 1;
    }
}

int role_stop_fd(struct error *e)
{
    sigset_t none, term;
    sigemptyset(&none);
    sigemptyset(&term);
    sigaddset(&term, SIGTERM);

    for (int number = 1; number < NSIG; number++)
        if (number != SIGKILL && number != SIGSTOP)
            (void)signal(number, SIG_DFL); /* fails only for the two that the C library keeps for itself */
    (void)signal(SIGINT, SIG_IGN);
    (void)signal(SIGHUP, SIG_IGN);
    (void)signal(SIGPIPE, SIG_IGN);
    if (sigprocmask(SIG_SETMASK, &term, NULL) < 0) {
        error_set(e, ERROR_SYSTEM, errno, "cannot block signals");
        return -1;
    }
    int fd = signalfd(-1, &term, SFD_CLOEXEC | SFD_NONBLOCK);
    if (fd < 0)
        error_set(e, ERROR_SYSTEM, errno, "cannot open a signal descriptor");
    return fd;
}

bool role_drop(uid_t uid, uint64_t capabilities, struct error *e)
{
    struct rlimit none = {0, 0};

    capng_clear(CAPNG_SELECT_ALL);
    for (unsigned cap = 0; cap <= CAP_LAST_CAP; cap++)
        if (capabilities >> cap & 1)
            if (capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED, cap) != 0)
                return error_set(e, ERROR_SYSTEM, 0, "cannot name capability %u", cap);
    int rc = capng_change_id((int)uid, (int)uid, CAPNG_DROP_SUPP_GRP | CAPNG_CLEAR_BOUNDING | CAPNG_CLEAR_AMBIENT);
    if (rc != 0)
        return error_set(e, ERROR_SYSTEM, errno, "cannot give up rights (capng_change_id says %d)", rc);
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 ||
        setrlimit(RLIMIT_CORE, &none) < 0)
        return error_set(e, ERROR_SYSTEM, errno, "cannot give up rights");
    if (getuid() != uid || geteuid() != uid || getgid() != uid || (uid != 0 && setuid(0) == 0))
        return error_set(e, ERROR_SYSTEM, 0, "the rights came back after they were given up");
    return true;
}

bool role_limit(const int *keep, unsigned count, unsigned spare, struct error *e)
{
    struct rlimit none = {0, 0}, files, old;
    rlim_t highest = STDERR_FILENO;

    for (unsigned i = 0; i < count; i++)
        if (keep[i] >= 0 && (rlim_t)keep[i] > highest)
            highest = (rlim_t)keep[i];
    if (getrlimit(RLIMIT_NOFILE, &old) < 0)
        return error_set(e, ERROR_SYSTEM, errno, "cannot read limits");
    files.rlim_cur = files.rlim_max = highest + 1 + spare;
    if (files.rlim_max > old.rlim_max)
        files.rlim_cur = files.rlim_max = old.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &files) < 0 || setrlimit(RLIMIT_NPROC, &none) < 0)
        return error_set(e, ERROR_SYSTEM, errno, "cannot set limits");
    return true;
}
