/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reading an events file, for people: `sluice events` and `sluice suggest`. */
#ifndef SLUICE_CTL_EVENTFILE_H
#define SLUICE_CTL_EVENTFILE_H

#include <stdbool.h>

#include "core/error.h"
#include "core/event.h"

#define EVENTFILE_DEFAULT "/var/log/sluice/events.json" /* where deploy/systemd has the gate write */

/* `line` is without its newline.  False: enough. */
typedef bool eventfile_each(void *ctx, const char *line, const struct event *e);

/* Calls back for each event of the file ("-": standard input), in order.  Lines that are no events are counted.
 * `follow`: goes on with what is appended, also where another file takes its place, until `each` has enough. */
bool eventfile_read(const char *path, bool follow, eventfile_each *each, void *ctx, unsigned long *unread,
                    struct error *e);

#endif
