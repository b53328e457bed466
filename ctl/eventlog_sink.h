/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A file, pipe, terminal or socket that takes whole lines and never makes the writer wait.  One thread. */
#ifndef SLUICE_CTL_EVENTLOG_SINK_H
#define SLUICE_CTL_EVENTLOG_SINK_H

#include <stdbool.h>
#include <stddef.h>

struct eventlog_sink {
    int fd;
    bool own, socket; /* fd is a description of ours; it is a socket */
    bool torn;        /* the last line was written in part */
    int error;        /* errno of the last failure */
};

/* `fd` -1: takes everything and writes nothing.  Otherwise borrowed; a pipe or terminal is opened once more, so that
 * O_NONBLOCK is not forced on whoever shares it (the job shares standard error). */
struct eventlog_sink eventlog_sink_init(int fd);
void eventlog_sink_done(struct eventlog_sink *s);

/* One write(2) of the line and its newline.  False: not written, or not whole; `line` has room for the newline at
 * line[len] and is changed there. */
bool eventlog_sink_write(struct eventlog_sink *s, char *line, size_t len);

#endif
