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

struct seccomp_relay {
    const int *udp_fd; /* send to any address; -1 is skipped */
    unsigned udp_fds;
    unsigned below; /* a power of two: nothing can be sent to or read from a descriptor from here on */
};

/* Accepted connections have numbers that nobody knows before: the relay may receive, and send without an address, on
 * any descriptor below `below` (rules_fd is moved above), and send with an address on udp_fd. */
bool seccomp_relay(const struct seccomp_relay *own, struct error *e);

#endif
