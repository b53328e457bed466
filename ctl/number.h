/* SPDX-License-Identifier: GPL-3.0-or-later */
/* /run/sluice, and which numbers are taken in this network namespace.
 *
 * A gate, and each run, holds a lock on a file of its own there, named after the network namespace's inode.  All of its
 * processes share the lock (F_OFD_SETLK: it belongs to the open file), so it is free exactly when the last of them is
 * gone. */
#ifndef SLUICE_CTL_NUMBER_H
#define SLUICE_CTL_NUMBER_H

#include <stdbool.h>
#include <stddef.h>

#include "core/error.h"

#define NUMBER_DIRECTORY "/run/sluice"
#define NUMBER_RUNS_MAX  255 /* runs at one time in one network namespace */

/* Makes NUMBER_DIRECTORY: root's; others may pass through it, not list it. */
bool number_directory(struct error *e);
/* The lock of the gate; -1: one runs already (ERROR_LIMIT), or a failure. */
int number_take_gate(struct error *e);
/* The lock of the lowest free run number from `from` on; its number in *number.  -1: none is free. */
int number_take_run(unsigned from, unsigned *number, struct error *e);
/* Is that run, or the gate, alive?  *pid (may be NULL): who took it, 0 where that is not known. */
bool number_run_lives(unsigned number);
bool number_gate_lives(int *pid);
/* NUMBER_DIRECTORY/<netns>.<what> */
bool number_path(const char *what, char *out, size_t size_bytes, struct error *e);
/* Replaces the file at such a path whole, by way of one with "~" behind its name; else what was there stays. */
bool number_write(const char *path, const char *text, struct error *e);

#endif
