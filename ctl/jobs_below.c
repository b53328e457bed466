/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Containers that run below a job's cgroups send from networks of their own: those are the job's too, for as long as
 * they are there. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/engine.h"
#include "ctl/jobs.h"
#include "ctl/keeper.h"

static const char *const list_key[] = {[POLICY_INTERFACE] = "interface", [POLICY_SOURCE] = "source"};

json_t *jobs_below(const json_t *order, struct error *e)
{
    static struct engine_matches found; /* 33 KiB; one thread */
    json_t *below = json_pack("{s:[], s:[], s:[]}", "interface", "source", "address"), *text;
    size_t i;
    found.lines = found.addresses = 0;
    json_array_foreach(json_object_get(order, "cgroup"), i, text)
    {
        struct error why = {0};
        if (!engine_below(json_string_value(text), &found, &why) && e->code == ERROR_NONE)
            *e = why; /* what was found is held all the same */
    }
    for (unsigned n = 0; n < found.lines; n++)
        json_array_append_new(json_object_get(below, list_key[found.line[n].kind]), json_string(found.line[n].text));
    for (unsigned n = 0; n < found.addresses; n++) {
        char address[ADDRESS_TEXT_SIZE];
        address_format(&found.address[n], address);
        json_array_append_new(json_object_get(below, "address"), json_string(address));
    }
    return below;
}

static bool holds(const json_t *list, const char *text)
{
    size_t i;
    json_t *one;
    json_array_foreach(list, i, one) if (strcmp(json_string_value(one), text) == 0) return true;
    return false;
}

const struct held_job *jobs_network_taken(const struct jobs *jobs, const json_t *order)
{
    for (unsigned i = 0; i < jobs->count; i++)
        for (enum policy_match kind = POLICY_INTERFACE; kind <= POLICY_SOURCE; kind++) {
            const struct held_job *job = jobs->job[i];
            const json_t *below = json_object_get(order, "below"), *other = json_object_get(job->order, "below");
            size_t n;
            json_t *text;
            json_array_foreach(json_object_get(below, list_key[kind]), n, text)
            {
                const char *one = json_string_value(text);
                if (!job->ended && (holds(json_object_get(other, list_key[kind]), one) ||
                                    holds(json_object_get(job->order, list_key[kind]), one)))
                    return job;
            }
        }
    return NULL;
}

/* Has a container come or gone?  Then the job's source is made anew. */
static bool follow(struct keeper *k, const struct held_job *job, struct error *e)
{
    struct error look = {0};
    char name[JOBS_SOURCE_SIZE];
    json_t *below = jobs_below(job->order, &look);
    if (json_equal(below, json_object_get(job->order, "below"))) {
        json_decref(below);
        return true;
    }
    json_t *order = json_deep_copy(job->order);
    json_object_set_new(order, "below", below);
    char *source = jobs_source_text(order);
    jobs_source_name(job->id, name);
    struct policy_source more = {
        .file = name, .text = {(const uint8_t *)source, source ? strlen(source) : 0}, .job = true};
    struct reload_change change = {.bundle = {.more = &more, .without = name},
                                   .answer = json_pack("{s:s}", "job", job->id)};
    bool ok = source ? reload_change(k, &change, e) : error_set(e, ERROR_LIMIT, 0, "no memory");
    if (!source)
        json_decref(change.answer);
    free(source);
    json_decref(order);
    return ok;
}

void jobs_follow(struct keeper *k)
{
    for (unsigned i = 0; i < k->jobs.count && k->pending.why == KEEPER_IDLE; i++) {
        struct error e = {0};
        struct held_job *job = k->jobs.job[k->jobs.followed++ % k->jobs.count];
        if (!follow(k, job, &e) && !job->told)
            fprintf(stderr, "sluice: keeper: job %s: its containers' networks: %s\n", job->id, e.text);
        job->told = e.code != ERROR_NONE;
    }
}
