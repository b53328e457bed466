/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/clock.h"

#include <time.h>

static uint64_t clock_read_usec(clockid_t id)
{
    struct timespec now = {0};
    clock_gettime(id, &now);
    return (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
}

uint64_t clock_boot_usec(void)
{
    return clock_read_usec(CLOCK_BOOTTIME);
}

uint64_t clock_real_usec(void)
{
    return clock_read_usec(CLOCK_REALTIME);
}
