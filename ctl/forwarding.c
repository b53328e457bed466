/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/forwarding.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ctl/number.h"

#define SETTING_MAX 160

/* Byte 0 of the file: held by each run; byte 1: held while the settings change. */
static bool lock(int fd, short type, off_t byte, bool wait)
{
    struct flock l = {.l_type = type, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1};
    while (fcntl(fd, wait ? F_OFD_SETLKW : F_OFD_SETLK, &l) < 0)
        if (errno != EINTR)
            return false;
    return true;
}

static bool setting_read(const char *path, char *out, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t n = read(fd, out, size - 1);
    close(fd);
    if (n <= 0)
        return false;
    out[n] = 0;
    out[strcspn(out, "\n")] = 0;
    return true;
}

static bool setting_write(const char *path, const char *value, struct error *e)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    size_t len = strlen(value);
    bool ok = fd >= 0 && write(fd, value, len) == (ssize_t)len;
    if (!ok)
        error_set(e, ERROR_SYSTEM, errno, "cannot set %s to %s", path, value);
    if (fd >= 0)
        close(fd);
    return ok;
}

/* Sets, and notes the old value unless it is the same or noted already. */
static bool change(int fd, const char *path, const char *value, struct error *e)
{
    char old[32], note[SETTING_MAX + 40], kept[8192] = "";
    if (!setting_read(path, old, sizeof old))
        return error_set(e, ERROR_SYSTEM, errno, "cannot read %s", path);
    if (strcmp(old, value) == 0)
        return true;
    ssize_t have = pread(fd, kept, sizeof kept - 1, 0);
    int n = snprintf(note, sizeof note, "%s ", path);
    if (have >= 0 && !strstr(kept, note)) {
        n += snprintf(note + n, sizeof note - (size_t)n, "%s\n", old);
        if (pwrite(fd, note, (size_t)n, have) != n)
            return error_set(e, ERROR_SYSTEM, errno, "cannot note the old value of %s", path);
    }
    return setting_write(path, value, e);
}

/* With all.forwarding the kernel stops listening to router advertisements, unless accept_ra is 2: the host's own
 * default route would go. */
static bool keep_advertisements(int fd, struct error *e)
{
    DIR *dir = opendir("/proc/sys/net/ipv6/conf");
    bool ok = true;
    if (!dir)
        return true;
    for (struct dirent *entry; ok && (entry = readdir(dir));) {
        char path[SETTING_MAX], value[32];
        if (entry->d_name[0] == '.' || strlen(entry->d_name) > 15)
            continue;
        snprintf(path, sizeof path, "/proc/sys/net/ipv6/conf/%.15s/accept_ra", entry->d_name);
        if (setting_read(path, value, sizeof value) && strcmp(value, "1") == 0)
            ok = change(fd, path, "2", e);
    }
    closedir(dir);
    return ok;
}

static bool forward6(int fd, const char *veth, const char *uplink, struct error *e)
{
    static const char all[] = "/proc/sys/net/ipv6/conf/all/forwarding";
    char value[32], path[SETTING_MAX];
    if (setting_read(all, value, sizeof value) && strcmp(value, "0") != 0)
        return true;
    /* Linux 6.17: by interface, which leaves the rest of the host as it is. */
    snprintf(path, sizeof path, "/proc/sys/net/ipv6/conf/%s/force_forwarding", veth);
    if (access(path, W_OK) == 0) {
        if (!setting_write(path, "1", e))
            return false;
        snprintf(path, sizeof path, "/proc/sys/net/ipv6/conf/%s/force_forwarding", uplink);
        return change(fd, path, "1", e);
    }
    return keep_advertisements(fd, e) && change(fd, all, "1", e);
}

bool forwarding_acquire(const char *veth, const char *uplink6, int *fd, struct error *e)
{
    char path[PATH_MAX];
    if (!number_directory(e) || !number_path("forwarding", path, sizeof path, e))
        return false;
    int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (file < 0 || !lock(file, F_WRLCK, 1, true) || !lock(file, F_RDLCK, 0, true)) {
        error_set(e, ERROR_SYSTEM, errno, "cannot lock %s", path);
        if (file >= 0)
            close(file);
        return false;
    }
    bool ok = change(file, "/proc/sys/net/ipv4/ip_forward", "1", e) && (!uplink6 || forward6(file, veth, uplink6, e));
    lock(file, F_UNLCK, 1, false);
    *fd = file;
    if (!ok) {
        forwarding_release(file, NULL);
        close(file);
        *fd = -1;
    }
    return ok;
}

bool forwarding_release(int fd, struct error *e)
{
    char kept[8192];
    bool ok = true;
    if (!lock(fd, F_WRLCK, 1, true))
        return error_set(e, ERROR_SYSTEM, errno, "cannot lock the forwarding settings");
    if (lock(fd, F_WRLCK, 0, false)) {
        ssize_t n = pread(fd, kept, sizeof kept - 1, 0);
        kept[n > 0 ? n : 0] = 0;
        char *save = NULL;
        for (char *line = strtok_r(kept, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
            char *value = strchr(line, ' ');
            if (!value)
                continue;
            *value++ = 0;
            if (access(line, F_OK) == 0) /* else the interface is gone */
                ok &= setting_write(line, value, e);
        }
        ok = ok && ftruncate(fd, 0) == 0;
    }
    lock(fd, F_UNLCK, 1, false);
    return ok;
}
