/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The two clocks.  Only loops and entry points read them; everything below takes the time as an argument. */
#ifndef SLUICE_CORE_CLOCK_H
#define SLUICE_CORE_CLOCK_H

#include <stdint.h>

/* CLOCK_BOOTTIME in microseconds: the same in every process of this machine, counts while it sleeps, never set back. */
uint64_t clock_boot_usec(void);

/* CLOCK_REALTIME in microseconds, for events. */
uint64_t clock_real_usec(void);

#endif
