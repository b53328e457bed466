/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Says when to look for containers that came: soon after links of this network namespace changed (RTNLGRP_LINK), which
 * is how an engine's set-up of a container begins.  What there is to find may come a little later (the process that
 * enters the namespace, its address), so the looks go on for LINKS_WATCH_USEC, and take a tenth of the time at most:
 * who changes links in a loop keeps nobody busy.  Clock: CLOCK_BOOTTIME, an argument.  One thread. */
#ifndef SLUICE_CTL_LINKS_WATCH_H
#define SLUICE_CTL_LINKS_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "core/error.h"

#define LINKS_WATCH_USEC      3000000u
#define LINKS_WATCH_REST_USEC 5000u /* between two looks, or nine times as long as the last one took */

struct links_watch {
    int fd;                         /* -1: not to be had */
    uint64_t until_usec, next_usec; /* looks end; the next one, and the next read of fd, is due */
};

bool links_watch_open(struct links_watch *w, struct error *e);
/* Microseconds until fd may be polled, and the next look is due; 0: now. */
uint64_t links_watch_rest(const struct links_watch *w, uint64_t now_usec);
/* Are looks under way? */
bool links_watch_active(const struct links_watch *w, uint64_t now_usec);
/* Something happened: reads what. */
void links_watch_read(struct links_watch *w, uint64_t now_usec);
/* A look began and ended. */
void links_watch_looked(struct links_watch *w, uint64_t began_usec, uint64_t now_usec);

#endif
