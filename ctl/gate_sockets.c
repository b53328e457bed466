/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/gate_sockets.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctl/number.h"

#define RELAY_BACKLOG 4096 /* of all scopes; the kernel's somaxconn bounds it */

static bool set_mark(int fd, uint32_t mark)
{
    return setsockopt(fd, SOL_SOCKET, SO_MARK, &mark, sizeof mark) == 0;
}

bool gate_sockets_raw(struct gate *gate, struct error *e)
{
    int on = 1, send_bytes = 1 << 20;
    uint32_t mark = mark_inject(&gate->marks);
    for (int six = 0; six < 2; six++) {
        int fd = socket(six ? AF_INET6 : AF_INET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_RAW);
        if (fd < 0 && six && errno == EAFNOSUPPORT)
            return true;
        if (fd < 0)
            return error_set(e, ERROR_SYSTEM, errno, "cannot open a raw socket");
        *(six ? &gate->raw6_fd : &gate->raw4_fd) = fd;
        if (setsockopt(fd, six ? IPPROTO_IPV6 : IPPROTO_IP, six ? IPV6_HDRINCL : IP_HDRINCL, &on, sizeof on) < 0 ||
            !set_mark(fd, mark))
            return error_set(e, ERROR_SYSTEM, errno, "cannot set up a raw socket");
        setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &send_bytes, sizeof send_bytes);
        /* An IPPROTO_RAW socket never receives; nothing to filter. */
    }
    return true;
}

/* A socket bound to any address and `port` (0: the kernel chooses); -1 with errno. */
static int bound(bool six, int type, uint16_t port, uint16_t *got)
{
    int on = 1;
    int fd = socket(six ? AF_INET6 : AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } at = {0};
    socklen_t len = six ? sizeof at.v6 : sizeof at.v4;
    at.any.sa_family = six ? AF_INET6 : AF_INET;
    *(six ? &at.v6.sin6_port : &at.v4.sin_port) = htons(port);
    if ((six && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) < 0) || bind(fd, &at.any, len) < 0 ||
        getsockname(fd, &at.any, &len) < 0) {
        int saved = errno;
        close(fd);
        errno = saved;
        return -1;
    }
    *got = ntohs(six ? at.v6.sin6_port : at.v4.sin_port);
    return fd;
}

/* The listeners, on one port number for both families. */
static bool relay_listen(struct gate *gate, struct error *e)
{
    for (int attempt = 0; attempt < 16; attempt++) {
        uint16_t port, port6;
        int four = bound(false, SOCK_STREAM, 0, &port);
        if (four < 0)
            break;
        int six = bound(true, SOCK_STREAM, port, &port6);
        if (six < 0 && errno == EADDRINUSE) {
            close(four);
            continue;
        }
        bool has_six = six >= 0 || errno != EAFNOSUPPORT;
        gate->relay_tcp_fd[0] = four;
        gate->relay_tcp_fd[1] = six;
        gate->relay_port = port;
        if ((has_six && six < 0) || listen(four, RELAY_BACKLOG) < 0 || (six >= 0 && listen(six, RELAY_BACKLOG) < 0))
            break;
        return true;
    }
    return error_set(e, ERROR_SYSTEM, errno, "cannot open a listener for DNS over TCP");
}

void gate_sockets_no_relay(struct gate *gate)
{
    for (unsigned six = 0; six < 2; six++) {
        gate->relay_tcp_fd[six] = -1;
        for (unsigned i = 0; i < GATE_RELAY_SLOTS; i++)
            gate->relay_udp_fd[six][i] = -1;
    }
    gate->relay_port = 0;
}

bool gate_sockets_relay(struct gate *gate, unsigned slots, struct error *e)
{
    int receive_bytes = 1 << 18;
    if (!relay_listen(gate, e))
        return false;
    for (unsigned i = 0; i < 2 * slots; i++) {
        bool six = i & 1;
        uint16_t port;
        int fd = bound(six, SOCK_DGRAM, 0, &port);
        if (fd < 0 && six && errno == EAFNOSUPPORT)
            continue;
        if (fd < 0)
            return error_set(e, ERROR_SYSTEM, errno, "cannot open the relay's socket");
        gate->relay_udp_fd[six][i / 2] = fd;
        if (!set_mark(fd, mark_retired(&gate->marks)))
            return error_set(e, ERROR_SYSTEM, errno, "cannot mark the relay's socket");
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_bytes, sizeof receive_bytes);
    }
    return true;
}

bool gate_sockets_path(struct sockaddr_un *out, struct error *e)
{
    *out = (struct sockaddr_un){.sun_family = AF_UNIX};
    return number_path("gate.sock", out->sun_path, sizeof out->sun_path, e);
}

/* The service manager listens in our place: clients find its socket by the name that they know. */
static bool link_to_activated(int fd, const char *path, struct error *e)
{
    struct sockaddr_un at = {0};
    socklen_t len = sizeof at;
    int listens = 0;
    socklen_t size = sizeof listens;
    if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) < 0 || !listens ||
        getsockname(fd, (struct sockaddr *)&at, &len) < 0 || at.sun_family != AF_UNIX || at.sun_path[0] != '/')
        return error_set(e, ERROR_INPUT, 0,
                         "the socket that the service manager handed over is no listening unix socket with a path");
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
        return error_set(e, ERROR_SYSTEM, errno, "cannot set up the control socket");
    at.sun_path[sizeof at.sun_path - 1] = 0;
    if (strcmp(at.sun_path, path) == 0)
        return true;
    if (unlink(path) < 0 && errno != ENOENT)
        return error_set(e, ERROR_SYSTEM, errno, "cannot remove %s", path);
    return symlink(at.sun_path, path) == 0 || error_set(e, ERROR_SYSTEM, errno, "cannot make %s", path);
}

/* A listening socket at `path`; whatever lies there is left over, for the gate's lock is ours.  -1. */
static int listen_at(const struct sockaddr_un *at, mode_t mode, struct error *e)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool ok = fd >= 0 || error_set(e, ERROR_SYSTEM, errno, "cannot open a control socket");
    if (ok && unlink(at->sun_path) < 0 && errno != ENOENT)
        ok = error_set(e, ERROR_SYSTEM, errno, "cannot remove %s", at->sun_path);
    if (ok &&
        (bind(fd, (const struct sockaddr *)at, sizeof *at) < 0 || chmod(at->sun_path, mode) < 0 || listen(fd, 64) < 0))
        ok = error_set(e, ERROR_SYSTEM, errno, "cannot listen at %s", at->sun_path);
    if (!ok && fd >= 0)
        close(fd);
    return ok ? fd : -1;
}

bool gate_sockets_jobs_path(pid_t run, struct sockaddr_un *out, struct error *e)
{
    *out = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (!run)
        return number_path("jobs.sock", out->sun_path, sizeof out->sun_path, e);
    snprintf(out->sun_path, sizeof out->sun_path, NUMBER_DIRECTORY "/run-%d.sock", (int)run);
    return true;
}

bool gate_sockets_control(struct gate *gate, struct error *e)
{
    struct sockaddr_un at;
    if (!number_directory(e) || !gate_sockets_jobs_path(gate->run.on ? gate->run.main_pid : 0, &at, e))
        return false;
    gate->jobs_fd = listen_at(&at, 0666, e);
    if (gate->jobs_fd < 0 || gate->run.on)
        return gate->jobs_fd >= 0;
    if (!gate_sockets_path(&at, e))
        return false;
    if (gate->status_fd >= 0)
        return link_to_activated(gate->status_fd, at.sun_path, e);
    gate->status_fd = listen_at(&at, 0600, e);
    return gate->status_fd >= 0;
}
