/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/number.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

bool number_directory(struct error *e)
{
    struct stat st;
    if (mkdir(NUMBER_DIRECTORY, 0711) < 0 && errno != EEXIST)
        return error_set(e, ERROR_SYSTEM, errno, "cannot make " NUMBER_DIRECTORY);
    if (lstat(NUMBER_DIRECTORY, &st) < 0)
        return error_set(e, ERROR_SYSTEM, errno, "cannot look at " NUMBER_DIRECTORY);
    if (!S_ISDIR(st.st_mode) || st.st_uid != 0 || (st.st_mode & 066))
        return error_set(e, ERROR_INPUT, 0,
                         NUMBER_DIRECTORY " must be a directory of root's with mode 0711; remove what is there");
    /* Jobs of other users reach their socket in it, by its name; all else in it is root's by its own mode. */
    return (st.st_mode & 0777) == 0711 || chmod(NUMBER_DIRECTORY, 0711) == 0 ||
           error_set(e, ERROR_SYSTEM, errno, "cannot set the mode of " NUMBER_DIRECTORY);
}

bool number_path(const char *what, char *out, size_t size_bytes, struct error *e)
{
    struct stat st;
    if (stat("/proc/self/ns/net", &st) < 0)
        return error_set(e, ERROR_SYSTEM, errno, "cannot look at /proc/self/ns/net");
    snprintf(out, size_bytes, NUMBER_DIRECTORY "/%lu.%s", (unsigned long)st.st_ino, what);
    return true;
}

/* The locked file, with our pid in it; -1 and errno EAGAIN: somebody else has it. */
static int take(const char *path)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return -1;
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    if (fcntl(fd, F_OFD_SETLK, &lock) < 0) {
        int saved = errno;
        close(fd);
        errno = saved;
        return -1;
    }
    char text[24];
    int n = snprintf(text, sizeof text, "%-11d\n", (int)getpid()); /* of one length: nothing to cut off */
    /* Only for a message: whether the lock is held is what counts. */
    if (pwrite(fd, text, (size_t)n, 0) < 0)
        errno = 0;
    return fd;
}

static bool lives(const char *what, int *pid)
{
    char path[PATH_MAX];
    if (pid)
        *pid = 0;
    if (!number_path(what, path, sizeof path, NULL))
        return false;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return false;
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    bool held = fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
    char text[24] = "";
    if (held && pid && read(fd, text, sizeof text - 1) > 0)
        *pid = (int)strtol(text, NULL, 10);
    close(fd);
    return held;
}

bool number_gate_lives(int *pid)
{
    return lives("gate", pid);
}

bool number_run_lives(unsigned number)
{
    char what[24];
    snprintf(what, sizeof what, "run.%u", number);
    return lives(what, NULL);
}

int number_take_gate(struct error *e)
{
    char path[PATH_MAX];
    if (!number_directory(e) || !number_path("gate", path, sizeof path, e))
        return -1;
    int fd = take(path);
    if (fd >= 0)
        return fd;
    if (errno != EAGAIN) {
        error_set(e, ERROR_SYSTEM, errno, "cannot lock %s", path);
        return -1;
    }
    int pid;
    number_gate_lives(&pid);
    error_set(e, ERROR_LIMIT, 0, "a gate runs already in this network namespace (pid %d); 'sluice down' ends it", pid);
    return -1;
}

int number_take_run(unsigned from, unsigned *number, struct error *e)
{
    if (!number_directory(e))
        return -1;
    for (unsigned n = from; n < NUMBER_RUNS_MAX; n++) {
        char what[24], path[PATH_MAX];
        snprintf(what, sizeof what, "run.%u", n);
        if (!number_path(what, path, sizeof path, e))
            return -1;
        int fd = take(path);
        if (fd >= 0) {
            *number = n;
            return fd;
        }
        if (errno != EAGAIN) {
            error_set(e, ERROR_SYSTEM, errno, "cannot lock %s", path);
            return -1;
        }
    }
    error_set(e, ERROR_LIMIT, 0, "%d runs are alive already", NUMBER_RUNS_MAX);
    return -1;
}

bool number_write(const char *path, const char *text, struct error *e)
{
    char fresh[PATH_MAX];
    size_t len = strlen(text);
    if (snprintf(fresh, sizeof fresh, "%s~", path) >= (int)sizeof fresh)
        return error_set(e, ERROR_SYSTEM, ENAMETOOLONG, "cannot write %s", path);
    int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    ssize_t written = fd >= 0 ? write(fd, text, len) : -1;
    int why = written < 0 ? errno : ENOSPC;
    if (fd >= 0)
        close(fd);
    if (written == (ssize_t)len) {
        if (rename(fresh, path) == 0)
            return true;
        why = errno;
    }
    if (fd >= 0)
        (void)unlink(fresh);
    return error_set(e, ERROR_SYSTEM, why, "cannot write %s", path);
}
