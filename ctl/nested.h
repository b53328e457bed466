/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Is the caller inside a scope already?  A run inside a run, or inside a scope of the gate, could only be given what
 * that scope allows; until both can be enforced together it is refused (law 5). */
#ifndef SLUICE_CTL_NESTED_H
#define SLUICE_CTL_NESTED_H

#include <stdbool.h>

#include "core/error.h"

/* False: it is, *e names the scope. */
bool nested_check(struct error *e);

#endif
