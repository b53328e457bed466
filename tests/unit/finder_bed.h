/* SPDX-License-Identifier: GPL-3.0-or-later */
/* For tests of ctl/process: a finder of processes, of the whole group of tests. */
#ifndef SLUICE_TESTS_UNIT_FINDER_BED_H
#define SLUICE_TESTS_UNIT_FINDER_BED_H

#include <linux/netlink.h>
#include <sys/socket.h>

#include "ctl/process.h"

static struct process_finder *finder;

static inline int setup(void **state)
{
    (void)state;
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
    finder = fd < 0 ? NULL : process_finder_new(fd);
    return finder ? 0 : -1;
}

static inline int teardown(void **state)
{
    (void)state;
    process_finder_free(finder);
    return 0;
}

#endif
