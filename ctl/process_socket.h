/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From a packet's tuple to the inodes of the sockets that may have sent it: inet_diag, and /proc/PID/net where
 * inet_diag has nothing (ping sockets; raw sockets of a kernel without raw_diag).
 *
 * The diag socket decides the network namespace.  Nothing blocks: the kernel answers netlink requests while they are
 * sent.  One thread at a time per diag socket. */
#ifndef SLUICE_CTL_PROCESS_SOCKET_H
#define SLUICE_CTL_PROCESS_SOCKET_H

#include <stdint.h>
#include <sys/types.h>

#include "core/event.h"

#define PROCESS_SOCKETS_MAX 16

struct process_socket {
    uint64_t inode;
    unsigned score; /* how well it fits; the highest is meant */
};

struct process_sockets {
    unsigned count;
    struct process_socket socket[PROCESS_SOCKETS_MAX];
};

/* Fills *out with at most PROCESS_SOCKETS_MAX sockets, the best ones, in no order; returns their number.  `net_pid`: a
 * process of the same network namespace, for /proc/PID/net; 0: our own.  Cost: one lookup for TCP; a walk of the
 * kernel's UDP or raw table for the others. */
unsigned process_socket_find(int diag_fd, pid_t net_pid, uint8_t protocol, const struct event_endpoint *source,
                             const struct event_endpoint *destination, struct process_sockets *out);

/* Throws away what an interrupted user of the diag socket left unread. */
void process_socket_drain(int diag_fd);

#endif
