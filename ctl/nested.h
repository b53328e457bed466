/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Is the caller inside a scope already?  A run has a cgroup of its own, and one packet is judged by one scope: a run
 * inside a run, a job or another scope of the gate would take its command out of what holds it.  So it is refused (law
 * 5), and the error says what to do instead. */
#ifndef SLUICE_CTL_NESTED_H
#define SLUICE_CTL_NESTED_H

#include <stdbool.h>

#include "core/error.h"

/* False: it is, *e names the scope. */
bool nested_check(struct error *e);

#endif
