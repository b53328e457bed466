/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The inspector's worker: one thread, one TCP queue, one UDP queue, one judge.
 *
 * worker_run loops until its stop descriptor is readable: reads queue messages (recvmmsg), gives them to the judge,
 * sends verdicts in groups (nfq/verdict.c), injects answers over the raw sockets, and passes events up and attributions
 * down the channel.  The policy pointer is swapped by another thread; the worker says by liburcu-qsbr that it holds
 * none. */
#ifndef SLUICE_NFQ_WORKER_H
#define SLUICE_NFQ_WORKER_H

#include <stdbool.h>
#include <stdint.h>

#include "core/error.h"
#include "core/mark.h"
#include "dns/binding.h"
#include "policy/policy.h"

#define WORKER_FIRST_POLICY_USEC 2000000

/* What the worker judges by; replaced whole. */
struct worker_policy {
    const struct policy *policy;
    unsigned own_addresses;
    struct address own_address[256];
    uint64_t serial; /* never the same twice: the memory of one may become the next but one */
};

struct worker_config {
    struct mark_layout marks;
    int queue_tcp_fd, queue_udp_fd; /* bound queues (queue_open) */
    int raw4_fd, raw6_fd;           /* SOCK_RAW, IPPROTO_RAW, with SO_MARK mark_inject */
    int events_fd;                  /* channel: events */
    int control_fd;                 /* channel: only CHANNEL_COUNTS are sent on it here */
    int stop_fd;                    /* readable: stop */
    struct binding_table *bindings;
    const uint16_t *relay_port; /* of the relay's sockets, for the judge; borrowed */
    unsigned relay_ports;
    /* By rcu_dereference.  NULL until the first policy: packets wait in the kernel's queue for at most
     * WORKER_FIRST_POLICY_USEC (a restarted inspector gets its policy within milliseconds), then they are dropped. */
    struct worker_policy **policy;
};

/* Runs in the calling thread, which it registers with rcu-qsbr.  True: stopped by stop_fd. */
bool worker_run(const struct worker_config *config, struct error *e);

#endif
