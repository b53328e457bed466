/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/eventlog_sink.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

struct eventlog_sink eventlog_sink_init(int fd)
{
    struct eventlog_sink s = {.fd = fd};
    struct stat status;
    char path[48];
    if (fd < 0 || fstat(fd, &status) != 0)
        return s;
    s.socket = S_ISSOCK(status.st_mode);
    /* A regular file is not opened again: it would lose the offset that a shell's `2>file` shares with the job. */
    if (!S_ISFIFO(status.st_mode) && !S_ISCHR(status.st_mode))
        return s;
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    int again = open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (again >= 0) {
        s.fd = again;
        s.own = true;
    }
    return s;
}

void eventlog_sink_done(struct eventlog_sink *s)
{
    if (s->own)
        close(s->fd);
    *s = (struct eventlog_sink){.fd = -1};
}

bool eventlog_sink_write(struct eventlog_sink *s, char *line, size_t len)
{
    static char newline[] = "\n";
    if (s->fd < 0)
        return true;
    line[len] = '\n';
    /* After half a line the next one begins on a line of its own. */
    struct iovec parts[2] = {{newline, s->torn ? 1 : 0}, {line, len + 1}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
    size_t want = parts[0].iov_len + parts[1].iov_len;
    ssize_t n;
    do {
        n = s->socket ? sendmsg(s->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) : writev(s->fd, parts, 2);
    } while (n < 0 && errno == EINTR);
    if (n == (ssize_t)want) {
        s->torn = false;
        return true;
    }
    s->error = n < 0 ? errno : ENOSPC;
    if (n > 0)
        s->torn = true;
    return false;
}
