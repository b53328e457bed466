/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/eventfile.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define LOOK_NSEC 200000000

/* Another file has the name now (the log was rotated), or it was emptied. */
static bool eventfile_replaced(FILE *in, const char *path, off_t at)
{
    struct stat here, there;
    return fstat(fileno(in), &here) == 0 && stat(path, &there) == 0 &&
           (here.st_ino != there.st_ino || here.st_dev != there.st_dev || there.st_size < at);
}

/* At the end of what is there.  A line that is not whole yet is read again.  False: the file cannot be read on. */
static bool eventfile_wait(FILE **in, const char *path, off_t at)
{
    bool replaced = eventfile_replaced(*in, path, at); /* looked at first: what came before it is read */
    fflush(stdout);
    if (replaced) {
        FILE *next = fopen(path, "re");
        if (!next)
            return true;
        fclose(*in);
        *in = next;
        return true;
    }
    clearerr(*in);
    if (fseeko(*in, at, SEEK_SET) < 0)
        return false;
    nanosleep(&(struct timespec){.tv_nsec = LOOK_NSEC}, NULL);
    return true;
}

bool eventfile_read(const char *path, bool follow, eventfile_each *each, void *ctx, unsigned long *unread,
                    struct error *e)
{
    static struct event event; /* 7 KiB; one thread */
    bool is_stdin = strcmp(path, "-") == 0, more = true;
    FILE *in = is_stdin ? stdin : fopen(path, "re");
    char *line = NULL;
    size_t size = 0;
    *unread = 0;
    if (!in)
        return error_set(e, ERROR_INPUT, errno, "cannot open %s", path);
    while (more) {
        off_t at = follow && !is_stdin ? ftello(in) : 0;
        ssize_t len = getline(&line, &size, in);
        bool whole = len > 0 && line[len - 1] == '\n';
        if (follow && !is_stdin && !whole) {
            if (eventfile_wait(&in, path, at))
                continue;
            break;
        }
        if (len < 0)
            break;
        line[len - whole] = 0;
        if (event_from_json(line, &event))
            more = each(ctx, line, &event);
        else
            ++*unread;
    }
    bool ok = !more || !ferror(in) || error_set(e, ERROR_INPUT, errno, "cannot read %s", path);
    free(line);
    if (!is_stdin)
        fclose(in);
    return ok;
}
