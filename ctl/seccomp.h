/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The system calls that are left to the processes which hostile bytes reach (DESIGN s4).
 *
 * Everything that is not listed kills the process.  Both filters bind calls that send or receive to the descriptors
 * that the role works with: the table's owning socket, which a role keeps open only so that the table lives, is not
 * among them.  No call can make a descriptor of a file or a socket, make memory executable, start a process or change
 * another.  The filters cover all threads of the process, and are for good. */
#ifndef SLUICE_CTL_SECCOMP_H
#define SLUICE_CTL_SECCOMP_H

#include <stdbool.h>

#include "core/error.h"

struct seccomp_inspector {
    int queue_fd[2]; /* receive groups, send verdicts */
    int raw_fd[2];   /* send; -1: none */
    int events_fd;   /* send and receive */
    int control_fd;  /* send; receive with a descriptor */
};

bool seccomp_inspector(const struct seccomp_inspector *own, struct error *e);

/* Of the relay, what a descriptor is goes by its number: accepted connections have numbers that nobody knows before.
 * Below `half`, a power of two: receive, and send without an address.  From there to twice that, its UDP sockets: also
 * send to any address, and read the error queue.  Above: nothing (there lies rules_fd). */
bool seccomp_relay(unsigned half, struct error *e);

#endif
