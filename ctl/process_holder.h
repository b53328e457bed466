/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which of some processes holds a socket.
 *
 * A set of processes is taken once and asked for many sockets: each descriptor table is read at most once, when it is
 * first needed, so that a burst of refusals costs one reading of /proc and not one each.  An answer is as good as the
 * set is young: a set is for packets that were there before it was taken, and is thrown away with them.  Bounded: at
 * most PROCESS_HOLDER_PIDS processes, 65,536 descriptors and 4,096 threads a set.  One thread. */
#ifndef SLUICE_CTL_PROCESS_HOLDER_H
#define SLUICE_CTL_PROCESS_HOLDER_H

#include <sys/types.h>

#include "ctl/process_socket.h"

#define PROCESS_HOLDER_PIDS 4096

struct process_holders;

struct process_holders *process_holders_new(void); /* NULL: no memory */
void process_holders_free(struct process_holders *h);

/* An empty set; then the processes are added (those beyond the limit are not); then it is asked. */
void process_holders_clear(struct process_holders *h);
void process_holders_add(struct process_holders *h, pid_t pid);
/* One of the set; 0: it is empty. */
pid_t process_holders_any(const struct process_holders *h);

/* The process that holds one of the sockets, the best-fitting socket first; where a process and its children hold it,
 * the last child.  0: none. */
pid_t process_holders_find(struct process_holders *h, const struct process_sockets *sockets);

#endif
