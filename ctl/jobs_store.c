/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Jobs' summaries on their way over the death of a keeper: a file each below NUMBER_DIRECTORY, replaced whole.  What
 * happened in the second before a keeper is killed is in the events alone. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/clock.h"
#include "ctl/jobs.h"
#include "ctl/number.h"

#define STORE_USEC  1000000u
#define STORE_BYTES (8u << 20)
#define LARGE_USEC  30000000u /* of one that has many names */
#define LARGE_ROWS  1000

static bool path_of(const struct held_job *job, char out[PATH_MAX])
{
    char what[JOBS_ID_SIZE + 16];
    snprintf(what, sizeof what, "job.%s", job->id);
    return number_path(what, out, PATH_MAX, NULL);
}

void jobs_store_drop(const struct held_job *job)
{
    char path[PATH_MAX];
    if (path_of(job, path))
        (void)unlink(path);
}

void jobs_store_read(struct held_job *job)
{
    char path[PATH_MAX];
    json_t *stored = path_of(job, path) ? json_load_file(path, 0, NULL) : NULL;
    /* Another job of the same name may have left it. */
    if ((uint64_t)json_integer_value(json_object_get(stored, "started")) == job->started_usec)
        (void)summary_restore(job->summary, json_object_get(stored, "summary"));
    json_decref(stored);
    job->stored_events = summary_events(job->summary);
}

static void write_one(const struct held_job *job)
{
    char path[PATH_MAX];
    json_t *summary = summary_store(job->summary);
    json_t *root = json_pack("{s:I, s:o}", "started", (json_int_t)job->started_usec, "summary", summary);
    char *text = root ? json_dumps(root, JSON_COMPACT) : NULL;
    if (text && strlen(text) <= STORE_BYTES && path_of(job, path)) /* no id ends in "~" */
        (void)number_write(path, text, NULL);
    free(text);
    json_decref(root);
}

void jobs_store(struct jobs *jobs, bool last)
{
    uint64_t now = clock_boot_usec();
    for (unsigned i = 0; i < jobs->count; i++) {
        struct held_job *job = jobs->job[i];
        uint64_t events = summary_events(job->summary);
        uint64_t wait = summary_rows(job->summary) > LARGE_ROWS ? LARGE_USEC : STORE_USEC;
        if (events == job->stored_events || (!last && now - job->stored_usec < wait))
            continue;
        write_one(job);
        job->stored_events = events;
        job->stored_usec = now;
    }
}
