/* SPDX-License-Identifier: GPL-3.0-or-later */
/* NFQUEUE sockets (libnetfilter_queue over libmnl): opening and binding.  Reading and verdicts: nfq/worker,
 * nfq/verdict. */
#ifndef SLUICE_NFQ_QUEUE_H
#define SLUICE_NFQ_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/error.h"

/* Opens and binds queue `number`, copy mode with whole packets, queue length 8192, SO_RCVBUFFORCE 8 MiB, non-blocking.
 * `gso`: take GSO packets whole (TCP queues only: with it a UDP_SEGMENT send shows one datagram and sends two).
 * Never NFQA_CFG_F_FAIL_OPEN.  Fails where another process has the queue.  Returns the descriptor or -1. */
int queue_open(uint16_t number, bool gso, struct error *e);

/* Unbinds and binds again what queue_open opened (shared with the process that had it before, by fork): every packet
 * that a dead holder took and never judged is dropped, and the queue's length starts at zero.  About 0.3 ms, in which
 * packets for the queue are dropped. */
bool queue_rebind(int fd, uint16_t number, bool gso, struct error *e);

/* The kernel's counts for queue `number` (/proc/net/netfilter/nfnetlink_queue): packets waiting, dropped because the
 * queue was full, dropped because the socket was.  False: no such queue. */
bool queue_counts(uint16_t number, uint64_t *waiting, uint64_t *dropped_full, uint64_t *dropped_socket);

#endif
