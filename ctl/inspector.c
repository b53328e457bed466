/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The inspector: two threads in a process that can do little else (DESIGN s4).
 *
 *     worker    the main thread: nfq/worker.c; keeps CAP_NET_ADMIN, which nfnetlink asks for at each message
 *     control   policies from the keeper: compiled here, from bytes, and swapped by pointer; no capability
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/capability.h>
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cap-ng.h>

#include "ctl/gate.h"
#include "ctl/inspector_policy.h"
#include "ctl/role.h"
#include "ctl/seccomp.h"
#include "dns/binding.h"
#include "nfq/queue.h"
#include "nfq/worker.h"

#define CHANNEL_BYTES      (8 << 20)
#define DESCRIPTORS_SPARE  16 /* epoll descriptors, and memfds as they come */
#define CONTROL_STACK_SIZE (1 << 20)

struct inspector {
    struct gate *gate;
    int stop_fd;
    struct binding_table *bindings;
    struct inspector_policy policy;
    uint16_t relay_port[2 * GATE_RELAY_SLOTS];
    unsigned relay_ports;
    pthread_t control;
    pthread_barrier_t control_ready, confined;
};

static void *control_main(void *argument)
{
    struct inspector *inspector = argument;

    /* This thread parses policies, not packets, and sends nothing to netfilter. */
    capng_clear(CAPNG_SELECT_CAPS);
    int rc = capng_apply(CAPNG_SELECT_CAPS);
    pthread_barrier_wait(&inspector->control_ready);
    pthread_barrier_wait(&inspector->confined);
    if (rc == 0)
        inspector_policy_run(&inspector->policy);
    fprintf(stderr, "sluice: inspector: the control channel failed\n");
    _exit(1);
}

/* Room for the events of a keeper's restart: some two thousand. */
static bool widen_channels(const struct gate *gate, struct error *e)
{
    int bytes = CHANNEL_BYTES;

    if (setsockopt(gate->events_fd[1], SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof bytes) < 0)
        return error_set(e, ERROR_SYSTEM, errno, "cannot widen the events' channel");
    return true;
}

/* The ports that the relay asks from. */
static void note_relay_ports(struct inspector *inspector)
{
    for (unsigned i = 0; i < 2 * GATE_RELAY_SLOTS; i++) {
        const struct gate *gate = inspector->gate;
        int fd = gate->relay_udp_fd[i & 1][i / 2];
        union {
            struct sockaddr any;
            struct sockaddr_in v4;
            struct sockaddr_in6 v6;
        } at = {.any.sa_family = AF_UNSPEC};
        socklen_t len = sizeof at;
        if (fd >= 0 && getsockname(fd, &at.any, &len) == 0)
            inspector->relay_port[inspector->relay_ports++] =
                ntohs(at.any.sa_family == AF_INET6 ? at.v6.sin6_port : at.v4.sin_port);
    }
}

/* Everything that needs rights, before they go. */
static bool prepare(struct inspector *inspector, const int *own, unsigned owns, struct error *e)
{
    struct gate *gate = inspector->gate;

    if (!role_take(gate->lock_fd, ROLE_INSPECTOR, e))
        return false;
    (void)prctl(PR_SET_NAME, "sluice-inspect", 0, 0, 0);
    note_relay_ports(inspector);
    if (!role_keep_only(own, owns, e))
        return false;
    inspector->stop_fd = role_stop_fd(e);
    if (inspector->stop_fd < 0 || !widen_channels(gate, e))
        return false;
    /* What a dead inspector took and never judged goes now; from here on packets wait for us. */
    if (!queue_rebind(gate->queue_tcp_fd, gate->queue_tcp, true, e) ||
        !queue_rebind(gate->queue_udp_fd, gate->queue_udp, false, e))
        return false;
    inspector->bindings = binding_map(gate->bindings_fd, true, e);
    return inspector->bindings && inspector_policy_init(&inspector->policy, gate->control_fd[1], gate->policy, e);
}

static bool start_control(struct inspector *inspector, struct error *e)
{
    pthread_attr_t attributes;

    int why = pthread_barrier_init(&inspector->control_ready, NULL, 2);
    if (why == 0)
        why = pthread_barrier_init(&inspector->confined, NULL, 2);
    if (why == 0)
        why = pthread_attr_init(&attributes);
    if (why == 0) {
        why = pthread_attr_setstacksize(&attributes, CONTROL_STACK_SIZE);
        if (why == 0)
            why = pthread_create(&inspector->control, &attributes, control_main, inspector);
        pthread_attr_destroy(&attributes);
    }
    if (why != 0)
        return error_set(e, ERROR_SYSTEM, why, "cannot start the inspector's control thread");
    pthread_barrier_wait(&inspector->control_ready);
    return true;
}

/* Gives up the rights: what is left is CAP_NET_ADMIN in the worker's thread, and the calls of ctl/seccomp. */
static bool confine(struct inspector *inspector, const int *own, unsigned owns, struct error *e)
{
    const struct gate *gate = inspector->gate;
    struct seccomp_inspector calls = {
        .queue_fd = {gate->queue_tcp_fd, gate->queue_udp_fd},
        .raw_fd = {gate->raw4_fd, gate->raw6_fd},
        .events_fd = gate->events_fd[1],
        .control_fd = gate->control_fd[1],
    };

    if (!role_drop(ROLE_UID_INSPECTOR, UINT64_C(1) << CAP_NET_ADMIN, e) || !start_control(inspector, e) ||
        !role_limit(own, owns, DESCRIPTORS_SPARE, e) || !seccomp_inspector(&calls, e))
        return false;
    pthread_barrier_wait(&inspector->confined);
    return true;
}

int inspector_main(struct gate *gate)
{
    struct inspector inspector = {.gate = gate};
    struct error e = {0};
    const int own[] = {gate->lock_fd,     gate->rules_fd,     gate->raw4_fd,
                       gate->raw6_fd,     gate->queue_tcp_fd, gate->queue_udp_fd,
                       gate->bindings_fd, gate->events_fd[1], gate->control_fd[1]};
    const unsigned owns = sizeof own / sizeof *own;

    /* One arena: a second one's memory, when freed, makes the C library open a file, which the filter punishes. */
    (void)mallopt(M_ARENA_MAX, 1);
    bool ok = prepare(&inspector, own, owns, &e) && confine(&inspector, own, owns, &e);
    if (ok) {
        struct worker_config config = {
            .marks = gate->marks,
            .queue_tcp_fd = gate->queue_tcp_fd,
            .queue_udp_fd = gate->queue_udp_fd,
            .raw4_fd = gate->raw4_fd,
            .raw6_fd = gate->raw6_fd,
            .events_fd = gate->events_fd[1],
            .control_fd = gate->control_fd[1],
            .stop_fd = inspector.stop_fd,
            .bindings = inspector.bindings,
            .relay_port = inspector.relay_port,
            .relay_ports = inspector.relay_ports,
            .policy = &inspector.policy.current,
        };
        ok = worker_run(&config, &e);
    }
    if (!ok)
        fprintf(stderr, "sluice: inspector: %s\n", e.text);
    fflush(stderr);
    _exit(ok ? 0 : 1); /* not by return: the control thread is still there, and exit handlers are not for us */
}
