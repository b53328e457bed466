/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The relay's process: takes its role, gives up every right, serves (ctl/gate.h). */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ctl/gate.h"
#include "ctl/relay.h"
#include "ctl/role.h"
#include "ctl/seccomp.h"

#define FD_HALF                                                                                          \
    512 /* a power of two above all that the relay has and accepts, but for its UDP sockets: those above \
         */
#define OWN_MAX (6 + 2 * GATE_RELAY_SLOTS)

_Static_assert(GATE_RELAY_SLOTS <= RELAY_CONNECTIONS, "the relay serves all of them");
_Static_assert(2 * GATE_RELAY_SLOTS <= FD_HALF && RELAY_CONNECTIONS + 64 <= FD_HALF, "numbers tell what is what");

struct own {
    int fd[OWN_MAX];
    unsigned fds;
};

/* The relay keeps rules_fd open without any use for it: before Linux 6.9 the table lives as long as somebody does. */
static void list_own(const struct gate *gate, struct own *own)
{
    const int single[] = {gate->lock_fd,     gate->rules_fd,        gate->relays_fd,
                          gate->relay_fd[1], gate->relay_tcp_fd[0], gate->relay_tcp_fd[1]};

    for (unsigned i = 0; i < sizeof single / sizeof *single; i++)
        own->fd[own->fds++] = single[i];
    for (unsigned i = 0; i < 2 * GATE_RELAY_SLOTS; i++)
        own->fd[own->fds++] = gate->relay_udp_fd[i & 1][i / 2];
}

/* Moves the rules' socket, which the relay only keeps, above every descriptor that it works with, and the UDP sockets
 * above all others: the filter tells them apart by that. */
static bool move(int *fd, int to, struct error *e)
{
    if (*fd < 0)
        return true;
    int moved = fcntl(*fd, F_DUPFD_CLOEXEC, to);
    if (moved < 0)
        return error_set(e, ERROR_SYSTEM, errno, "cannot move a descriptor to %d", to);
    close(*fd);
    *fd = moved;
    return true;
}

static bool move_all(struct gate *gate, struct error *e)
{
    struct rlimit files;

    if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur <= 2 * FD_HALF) {
        files.rlim_cur = files.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &files);
    }
    bool ok = move(&gate->rules_fd, 2 * FD_HALF, e);
    for (unsigned i = 0; i < 2 * GATE_RELAY_SLOTS && ok; i++)
        ok = move(&gate->relay_udp_fd[i & 1][i / 2], FD_HALF, e);
    return ok;
}

/* An ICMP error ends a question at once; without this an unconnected socket never hears of it. */
static void hear_errors(const struct gate *gate)
{
    int on = 1;

    for (unsigned i = 0; i < GATE_RELAY_SLOTS; i++) {
        if (gate->relay_udp_fd[0][i] >= 0)
            (void)setsockopt(gate->relay_udp_fd[0][i], IPPROTO_IP, IP_RECVERR, &on, sizeof on);
        if (gate->relay_udp_fd[1][i] >= 0)
            (void)setsockopt(gate->relay_udp_fd[1][i], IPPROTO_IPV6, IPV6_RECVERR, &on, sizeof on);
    }
}

static unsigned slots(const struct gate *gate)
{
    unsigned count = 0;

    while (count < GATE_RELAY_SLOTS && (gate->relay_udp_fd[0][count] >= 0 || gate->relay_udp_fd[1][count] >= 0))
        count++;
    return count;
}

static bool start(struct gate *gate, struct relay **out, struct error *e)
{
    struct own own = {.fds = 0};
    if (!role_take(gate->lock_fd, ROLE_RELAY, e) || !move_all(gate, e))
        return false;
    list_own(gate, &own);
    (void)prctl(PR_SET_NAME, "sluice-relay", 0, 0, 0);
    if (!role_keep_only(own.fd, own.fds, e))
        return false;

    struct relay_config config = {.tcp_fd = {gate->relay_tcp_fd[0], gate->relay_tcp_fd[1]},
                                  .slots = slots(gate),
                                  .udp_fd = {gate->relay_udp_fd[0], gate->relay_udp_fd[1]},
                                  .keeper_fd = gate->relay_fd[1],
                                  .origin = relay_origin};
    config.stop_fd = role_stop_fd(e);
    if (config.stop_fd < 0)
        return false;
    hear_errors(gate);
    config.table = relay_table_map(gate->relays_fd, true, e);
    *out = config.table ? relay_new(&config, e) : NULL;
    if (!*out)
        return false;

    return role_drop(ROLE_UID_RELAY, 0, e) && role_limit(own.fd, own.fds, 0, e) && seccomp_relay(FD_HALF, e);
}

int relay_main(struct gate *gate)
{
    struct relay *relay = NULL;
    struct error e = {0};

    bool ok = start(gate, &relay, &e) && relay_run(relay, &e);
    if (!ok)
        fprintf(stderr, "sluice: relay: %s\n", e.text);
    fflush(stderr);
    _exit(ok ? 0 : 1); /* not by return: what the launcher would do then needs calls that are gone */
}
