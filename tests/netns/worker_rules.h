/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the worker's test bed needs of a network namespace: loopback up, and rules that queue loopback traffic to ports
 * 7000..7019 (TCP to one queue, the rest to another) with scope 5 in the packet mark.  Root in a namespace of its own.
 */
#ifndef SLUICE_TESTS_NETNS_WORKER_RULES_H
#define SLUICE_TESTS_NETNS_WORKER_RULES_H

#include <stdbool.h>
#include <stdint.h>

#define BED_SCOPE     5
#define BED_QUEUE_TCP 100
#define BED_QUEUE_UDP 101
#define BED_INJECTED  0x3ffc /* mark_inject of the default mask */
#define BED_FOREIGN   0xabc00000u

bool bed_make(void);     /* unshares the calling process's network */
bool bed_mtu(int bytes); /* of loopback, 65536 at first */
/* Packets that came out of the queue with the mark that `name` counts ("approved", "foreign", "zeroed"). */
uint64_t bed_counter(const char *name);

#endif
