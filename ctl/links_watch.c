/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/links_watch.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>
#include <unistd.h>

#define READS_AT_ONCE 64
#define LOOK_REST     9 /* times as long as a look took */

bool links_watch_open(struct links_watch *w, struct error *e)
{
    struct sockaddr_nl here = {.nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK};
    *w = (struct links_watch){.fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE)};
    if (w->fd >= 0 && bind(w->fd, (const struct sockaddr *)&here, sizeof here) == 0)
        return true;
    error_set(e, ERROR_SYSTEM, errno, "cannot watch the interfaces");
    if (w->fd >= 0)
        close(w->fd);
    w->fd = -1;
    return false;
}

uint64_t links_watch_rest(const struct links_watch *w, uint64_t now_usec)
{
    return w->next_usec > now_usec ? w->next_usec - now_usec : 0;
}

bool links_watch_active(const struct links_watch *w, uint64_t now_usec)
{
    return now_usec < w->until_usec;
}

/* What changed is not asked: the look says.  ENOBUFS, too much to tell, is a change too. */
void links_watch_read(struct links_watch *w, uint64_t now_usec)
{
    char some[64]; /* the rest of each message is cut off */
    for (unsigned i = 0; i < READS_AT_ONCE; i++)
        if (recv(w->fd, some, sizeof some, MSG_DONTWAIT) < 0 && errno != ENOBUFS)
            break;
    w->until_usec = now_usec + LINKS_WATCH_USEC;
}

void links_watch_looked(struct links_watch *w, uint64_t began_usec, uint64_t now_usec)
{
    uint64_t rest = (now_usec - began_usec) * LOOK_REST;
    w->next_usec = now_usec + (rest > LINKS_WATCH_REST_USEC ? rest : LINKS_WATCH_REST_USEC);
}
