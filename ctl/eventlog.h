/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where events go: JSON lines into a file, refusals as lines for a person, all of them into the summary.
 *
 * The same (scope, action, reason, verdict, and domain or destination) is told at most once a second: the first at
 * once, what repeats it when the second is over, with its count.  At most EVENTLOG_ROWS different things a second are
 * told apart; beyond that one event a (scope, action, reason) stands for all.  CONNECTION_END events are never merged.
 * Allowed flows are told by their CONNECTION_END: an ALLOW event of tcp-connect, tls-hello or datagram only counts in
 * the summary.
 *
 * Nothing here waits: a pipe, terminal or socket that takes no more loses the line, which is counted; a disk that is
 * full too. Losses are reported once a second with their scope: events_lost, and attacks_lost.  A file never gets half
 * a line that the next one continues. One thread (the keeper's).  Memory: EVENTLOG_ROWS + EVENTLOG_OVERFLOW events at
 * most, about 5 MiB. */
#ifndef SLUICE_CTL_EVENTLOG_H
#define SLUICE_CTL_EVENTLOG_H

#include <stdbool.h>
#include <stdint.h>

#include "core/event.h"
#include "ctl/summary.h"

#define EVENTLOG_ROWS        1024
#define EVENTLOG_OVERFLOW    64
#define EVENTLOG_SHOWN_LINES 50 /* a second, on standard error; the rest is counted in one line */

struct eventlog;

struct eventlog_config {
    int file_fd;             /* JSON lines; -1: none.  Borrowed, like line_fd */
    int line_fd;             /* lines for a person; -1: none */
    bool color;              /* of those lines */
    const char *host;        /* host.name; NULL: left out.  Copied */
    struct summary *summary; /* borrowed, or NULL */
};

/* NULL: no memory. */
struct eventlog *eventlog_new(const struct eventlog_config *config);
void eventlog_free(struct eventlog *log); /* does not flush */

/* Takes a sanitized event (copied).  `now_usec` is monotonic; the event's own time is what is written. */
void eventlog_add(struct eventlog *log, const struct event *e, uint64_t now_usec);

/* Tells what is due.  Call at least twice a second while eventlog_add is called; cheap when nothing is due. */
void eventlog_tick(struct eventlog *log, uint64_t now_usec);

/* Tells everything that still waits, due or not. */
void eventlog_flush(struct eventlog *log, uint64_t now_usec);

#endif
