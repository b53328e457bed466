/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/systemd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define FIRST_FD 3
#define FDS_MAX  64

static const char *const names[SYSTEMD_FDS] = {[SYSTEMD_CONTROL] = "sluice.socket",
                                               [SYSTEMD_RULES] = "sluice-rules",
                                               [SYSTEMD_BINDINGS] = "sluice-bindings",
                                               [SYSTEMD_POLICY] = "sluice-policy",
                                               [SYSTEMD_KEPT] = "sluice-kept"};

static struct sockaddr_un manager;
static socklen_t manager_len;
static uint64_t watchdog_usec;

/* A positive number of the environment; 0: none. */
static uint64_t number_of(const char *name)
{
    const char *text = getenv(name);
    char *end;
    errno = 0;
    unsigned long long n = text ? strtoull(text, &end, 10) : 0;
    return text && *text && !*end && errno == 0 ? n : 0;
}

/* The manager's socket: a path, or behind '@' an abstract one. */
static void find_manager(void)
{
    const char *at = getenv("NOTIFY_SOCKET");
    size_t len = at ? strlen(at) : 0;
    if (len < 2 || len >= sizeof manager.sun_path || (at[0] != '/' && at[0] != '@'))
        return;
    manager.sun_family = AF_UNIX;
    memcpy(manager.sun_path, at, len);
    if (at[0] == '@')
        manager.sun_path[0] = 0;
    manager_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len + (at[0] == '/'));
}

static void take_descriptor(int fd, const char *name, size_t len, int out[SYSTEMD_FDS])
{
    int flags = fcntl(fd, F_GETFD);
    if (flags < 0 || fcntl(fd, F_SETFD, flags | FD_CLOEXEC) < 0)
        return;
    for (int i = 0; i < SYSTEMD_FDS; i++)
        if (out[i] < 0 && strlen(names[i]) == len && memcmp(names[i], name, len) == 0) {
            out[i] = fd;
            return;
        }
    close(fd);
}

void systemd_take(int out[SYSTEMD_FDS])
{
    for (int i = 0; i < SYSTEMD_FDS; i++)
        out[i] = -1;
    find_manager();
    uint64_t us = (uint64_t)getpid(), watched = number_of("WATCHDOG_PID"), count = number_of("LISTEN_FDS");
    if (!watched || watched == us)
        watchdog_usec = number_of("WATCHDOG_USEC");
    const char *at = getenv("LISTEN_FDNAMES");
    if (number_of("LISTEN_PID") == us && count <= FDS_MAX)
        for (int fd = FIRST_FD; at && fd < FIRST_FD + (int)count; fd++) {
            size_t len = strcspn(at, ":");
            take_descriptor(fd, at, len, out);
            at += len + (at[len] == ':');
        }
    /* Nobody whom the gate starts is meant. */
    static const char *const said[] = {"NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC",
                                       "LISTEN_PID",    "LISTEN_FDS",   "LISTEN_FDNAMES"};
    for (size_t i = 0; i < sizeof said / sizeof *said; i++)
        unsetenv(said[i]);
}

static bool tell(const char *text, int fd)
{
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } ancillary = {0};
    struct iovec vector = {(void *)(uintptr_t)text, strlen(text)};
    struct msghdr header = {.msg_name = &manager, .msg_namelen = manager_len, .msg_iov = &vector, .msg_iovlen = 1};
    if (!manager_len)
        return false;
    if (fd >= 0) {
        header.msg_control = ancillary.bytes;
        header.msg_controllen = sizeof ancillary.bytes;
        struct cmsghdr *rights = CMSG_FIRSTHDR(&header);
        rights->cmsg_level = SOL_SOCKET;
        rights->cmsg_type = SCM_RIGHTS;
        rights->cmsg_len = CMSG_LEN(sizeof fd);
        memcpy(CMSG_DATA(rights), &fd, sizeof fd);
    }
    int to = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (to < 0)
        return false;
    bool ok = sendmsg(to, &header, MSG_NOSIGNAL) == (ssize_t)vector.iov_len;
    close(to);
    return ok;
}

bool systemd_say(const char *format, ...)
{
    char text[1200];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return tell(text, -1);
}

bool systemd_store(enum systemd_fd what, int fd)
{
    char text[100];
    systemd_forget(what);
    /* Without FDPOLL=0 a netlink socket that once lost a message counts as broken and is thrown out. */
    snprintf(text, sizeof text, "FDSTORE=1\nFDPOLL=0\nFDNAME=%s", names[what]);
    return tell(text, fd);
}

void systemd_forget(enum systemd_fd what)
{
    systemd_say("FDSTOREREMOVE=1\nFDNAME=%s", names[what]);
}

uint64_t systemd_watchdog_usec(void)
{
    return watchdog_usec;
}
