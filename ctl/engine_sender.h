/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who sends for a container that has no link to the host: slirp4netns and pasta are ordinary programs, which take what
 * the container sends from a device in its network namespace and send it from sockets of their own.  One thread. */
#ifndef SLUICE_CTL_ENGINE_SENDER_H
#define SLUICE_CTL_ENGINE_SENDER_H

#include <sys/types.h>

/* Calls back for each such program of the container's network namespace (`netns_fd`), told by its arguments.  Where
 * none names it (containers behind one more namespace: rootless Docker, rootless networks), for each of the container's
 * user, but for those that name only namespaces of another user namespace (another engine of that user).  `pid`: a
 * process of the container. */
void engine_sender_each(pid_t pid, int netns_fd, void (*each)(void *ctx, pid_t pid), void *ctx);

#endif
