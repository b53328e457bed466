/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The TCP sockets of a cgroup whose processes are gone: what the kernel still has to send for them. */
#ifndef SLUICE_NFT_SOCKETS_H
#define SLUICE_NFT_SOCKETS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/error.h"

/* Destroys them (SOCK_DESTROY), until none is left; false: some still are after two seconds.  `cgroup`: inode of its
 * directory.  Its processes must have ended, else they make new ones. */
bool sockets_end(uint64_t cgroup, struct error *e);

/* Destroys TCP and UDP sockets by their inodes (sorted on return): those that a process had before it came into the
 * cgroup by which it is known, which bear the cgroup of before. */
bool sockets_end_inodes(uint64_t *inode, size_t count, struct error *e);

#endif
