/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The host forwards while jobs with a network namespace of their own run, and as before when the last has ended.
 *
 * NUMBER_DIRECTORY/<netns>.forwarding keeps what the settings were.  Each run holds a read lock on it for its life
 * (shared by its processes); who gets the write lock when it ends was the last, and sets them back.  While a run lives,
 * other hosts of the local network could route through this one as through any machine with ip_forward: the host's own
 * forward rules decide about that. */
#ifndef SLUICE_CTL_FORWARDING_H
#define SLUICE_CTL_FORWARDING_H

#include <stdbool.h>

#include "core/error.h"

/* Turns forwarding on for the job behind `veth`; `uplink6` is the interface of the default IPv6 route (NULL: no IPv6).
 * *fd holds the lock until it is closed everywhere. */
bool forwarding_acquire(const char *veth, const char *uplink6, int *fd, struct error *e);
/* Sets back, if no other run needs it. */
bool forwarding_release(int fd, struct error *e);

#endif
