/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reading /proc of processes that may be hostile.
 *
 * Texts are bounded and NUL-terminated; any byte may occur in them.  cmdline, environ and files below cwd are the
 * process' own memory and file systems: reading them can wait for as long as the process likes (a page behind FUSE or
 * userfaultfd), so only ctl/process' helper process reads them, under a deadline. */
#ifndef SLUICE_CTL_PROCESS_PROC_H
#define SLUICE_CTL_PROCESS_PROC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/event.h"

/* A handle on /proc/PID that stays with the process: after its end all reads fail, also when the pid is used again. */
int process_proc_open(pid_t pid);

/* Up to size-1 bytes of the file `name`; returns the length, 0 for empty or failed. */
size_t process_proc_read(int proc, const char *name, char *out, size_t size);
/* The target of the link `name`, cut to fit. */
size_t process_proc_link(int proc, const char *name, char *out, size_t size);
/* From `stat`: the parent and the start time in ticks since boot. */
bool process_proc_stat(int proc, pid_t *parent, uint64_t *start);

/* Where the command line is joined: NULs become spaces, spaces at the end go. */
void process_proc_join(char *text, size_t len);

/* pid, parent, uid, name, executable, parent's name: what never waits.  False: no such process. */
bool process_proc_names(pid_t pid, struct event_process *out);
/* Command line and package: what may wait. */
void process_proc_details(pid_t pid, struct event_process *out);

#endif
