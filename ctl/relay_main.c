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

_Static_assert(GATE_RELAY_SCOPES <= RELAY_SCOPES_MAX, "the relay serves all of them");

#define FD_BELOW 1024 /* a power of two above all that the relay has and accepts */
#define OWN_MAX  (3 + 4 * GATE_RELAY_SCOPES)

struct own {
    int fd[OWN_MAX], udp_fd[2 * GATE_RELAY_SCOPES];
    unsigned fds, udp_fds;
};

/* The relay keeps rules_fd open without any use for it: before Linux 6.9 the table lives as long as somebody does. */
static void list_own(const struct gate *gate, struct own *own)
{
    const int *const row[] = {gate->relay_tcp4_fd, gate->relay_tcp6_fd, gate->relay_udp4_fd, gate->relay_udp6_fd};

    own->fd[own->fds++] = gate->lock_fd;
    own->fd[own->fds++] = gate->rules_fd;
    own->fd[own->fds++] = gate->relays_fd;
    for (unsigned i = 0; i < 4; i++)
        for (unsigned scope = 0; scope < GATE_RELAY_SCOPES; scope++) {
            own->fd[own->fds++] = row[i][scope];
            if (i >= 2)
                own->udp_fd[own->udp_fds++] = row[i][scope];
        }
}

/* Moves the rules' socket, which the relay only keeps, above every descriptor that it works with: the filter tells them
 * apart by that. */
static bool move_rules(struct gate *gate, struct error *e)
{
    struct rlimit files;

    if (gate->rules_fd < 0)
        return true;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur <= FD_BELOW) {
        files.rlim_cur = files.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &files);
    }
    int moved = fcntl(gate->rules_fd, F_DUPFD_CLOEXEC, FD_BELOW);
    if (moved < 0)
        return error_set(e, ERROR_SYSTEM, errno, "cannot move a descriptor to %d", FD_BELOW);
    close(gate->rules_fd);
    gate->rules_fd = moved;
    return true;
}

/* An ICMP error ends a question at once; without this an unconnected socket never hears of it. */
static void hear_errors(const struct gate *gate)
{
    int on = 1;

    for (unsigned i = 0; i < GATE_RELAY_SCOPES; i++) {
        if (gate->relay_udp4_fd[i] >= 0)
            (void)setsockopt(gate->relay_udp4_fd[i], IPPROTO_IP, IP_RECVERR, &on, sizeof on);
        if (gate->relay_udp6_fd[i] >= 0)
            (void)setsockopt(gate->relay_udp6_fd[i], IPPROTO_IPV6, IPV6_RECVERR, &on, sizeof on);
    }
}

static bool start(struct gate *gate, struct relay **out, struct error *e)
{
    struct own own = {.fds = 0};
    if (!role_take(gate->lock_fd, ROLE_RELAY, e) || !move_rules(gate, e))
        return false;
    list_own(gate, &own);
    (void)prctl(PR_SET_NAME, "sluice-relay", 0, 0, 0);
    if (!role_keep_only(own.fd, own.fds, e))
        return false;

    struct relay_config config = {.scopes = GATE_RELAY_SCOPES,
                                  .tcp_fd = {gate->relay_tcp4_fd, gate->relay_tcp6_fd},
                                  .udp_fd = {gate->relay_udp4_fd, gate->relay_udp6_fd},
                                  .origin = relay_origin};
    config.stop_fd = role_stop_fd(e);
    if (config.stop_fd < 0)
        return false;
    hear_errors(gate);
    config.table = relay_table_map(gate->relays_fd, true, e);
    *out = config.table ? relay_new(&config, e) : NULL;
    if (!*out)
        return false;

    struct seccomp_relay calls = {.udp_fd = own.udp_fd, .udp_fds = own.udp_fds, .below = FD_BELOW};
    return role_drop(ROLE_UID_RELAY, 0, e) && role_limit(own.fd, own.fds, 0, e) && seccomp_relay(&calls, e);
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
