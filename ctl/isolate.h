/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A network namespace for one job, joined to the host by a veth pair whose host end is in the run's scope.
 *
 * The job's packets are judged in the host's hooks, where nothing that root can do inside reaches (packet sockets skip
 * the output hook of their own namespace).  Addresses are private and leave by masquerade; IPv6 inside only where the
 * host has a default IPv6 route.  No resolver of the host's loopback is reachable from inside: isolate_resolv_conf
 * names the others.  Used by `sluice run` before its gate starts; one thread. */
#ifndef SLUICE_CTL_ISOLATE_H
#define SLUICE_CTL_ISOLATE_H

#include <stdbool.h>
#include <stddef.h>

#include "core/address.h"
#include "core/error.h"

struct isolate {
    int netns_fd;      /* the job's network namespace */
    int diag_fd;       /* NETLINK_SOCK_DIAG socket of it */
    int forwarding_fd; /* ctl/forwarding.h */
    char veth[16];     /* the host's end */
    bool has6;
    struct address_range network4, network6;
};

void isolate_init(struct isolate *i);
/* `number`: of the run.  On failure everything is undone. */
bool isolate_make(unsigned number, struct isolate *out, struct error *e);
/* Closes the descriptors; the pair goes with the namespace, that is with its last process. */
void isolate_close(struct isolate *i);
/* Removes the host's end, and with it the job's; it would go with the namespace, but some time later. */
bool isolate_remove(const char *veth, struct error *e);
/* Removes the pair and sets forwarding back: for a run that never started. */
void isolate_undo(struct isolate *i);

/* The resolv.conf of the job: the resolvers that are not loopback, and the search and options lines of `host_text`
 * (the host's file).  malloc'ed; NULL with *e: no resolver can be reached. */
char *isolate_resolv_conf(const struct address *resolvers, unsigned count, const char *host_text, struct error *e);

/* The candidate networks of run `number`; the first that no route of the host overlaps is taken. */
struct address_range isolate_candidate4(unsigned number, unsigned attempt);
struct address_range isolate_candidate6(unsigned number, unsigned attempt);
#define ISOLATE_ATTEMPTS 64

#endif
