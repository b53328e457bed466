/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Containers that run below a job's cgroups send from networks of their own: those are the job's too, for as long as
 * they are there. */
#include <net/if.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "ctl/engine.h"
#include "ctl/jobs.h"
#include "ctl/keeper.h"
#include "nft/cgroup.h"

static const char *const list_key[] = {[POLICY_INTERFACE] = "interface", [POLICY_SOURCE] = "source"};

json_t *jobs_below(const json_t *order, struct error *e)
{
    static struct engine_matches found; /* 33 KiB; one thread */
    json_t *below = json_pack("{s:[], s:[], s:[], s:{}}", "interface", "source", "address", "end"), *text;
    json_t *end = json_object_get(below, "end");
    size_t i;
    found.lines = found.addresses = 0;
    json_array_foreach(json_object_get(order, "cgroup"), i, text)
    {
        struct error why = {0};
        if (!engine_below(json_string_value(text), &found, &why) && e->code == ERROR_NONE)
            *e = why; /* what was found is held all the same */
    }
    for (unsigned n = 0; n < found.lines; n++) {
        json_array_append_new(json_object_get(below, list_key[found.line[n].kind]), json_string(found.line[n].text));
        if (found.line[n].end)
            json_object_set_new(end, found.line[n].text, json_integer(found.line[n].end));
    }
    for (unsigned n = 0; n < found.addresses; n++) {
        char address[ADDRESS_TEXT_SIZE];
        address_format(&found.address[n].address, address);
        json_array_append_new(json_object_get(below, "address"), json_string(address));
        json_object_set_new(end, address, json_integer(found.address[n].end));
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
    const char *id = json_string_value(json_object_get(order, "id"));
    for (unsigned i = 0; i < jobs->count; i++)
        for (enum policy_match kind = POLICY_INTERFACE; kind <= POLICY_SOURCE; kind++) {
            const struct held_job *job = jobs->job[i];
            const json_t *below = json_object_get(order, "below"), *other = json_object_get(job->order, "below");
            size_t n;
            json_t *text;
            json_array_foreach(json_object_get(below, list_key[kind]), n, text)
            {
                const char *one = json_string_value(text);
                if (!job->ended && strcmp(job->id, id) != 0 &&
                    (holds(json_object_get(other, list_key[kind]), one) ||
                     holds(json_object_get(job->order, list_key[kind]), one)))
                    return job;
            }
        }
    return NULL;
}

/* Does what was found before still lead anywhere?  A bridge that is gone does not, nor an address whose link is: it is
 * another container's next. */
static bool leads(const json_t *before, unsigned key, const char *text)
{
    char name[IF_NAMESIZE];
    json_int_t end = json_integer_value(json_object_get(json_object_get(before, "end"), text));
    return key == 0 ? if_nametoindex(text) != 0 : end <= 0 || end > INT32_MAX || if_indextoname((unsigned)end, name);
}

/* What was found before stays while anything runs in the job's cgroups: a process can hide which network it is in, or
 * send by sockets of one that it has left. */
static void keep_before(const json_t *order, json_t *below)
{
    static const char *const keys[] = {"interface", "source", "address"};
    const json_t *before = json_object_get(order, "below");
    bool lives = false;
    size_t i;
    json_t *text;
    json_array_foreach(json_object_get(order, "cgroup"), i, text)
    {
        lives = lives || cgroup_populated(json_string_value(text));
    }
    for (unsigned k = 0; lives && k < sizeof keys / sizeof *keys; k++) {
        json_array_foreach(json_object_get(before, keys[k]), i, text)
        {
            const char *one = json_string_value(text);
            if (holds(json_object_get(below, keys[k]), one) || !leads(before, k, one))
                continue;
            json_array_append(json_object_get(below, keys[k]), text);
            json_object_set(json_object_get(below, "end"), one, json_object_get(json_object_get(before, "end"), one));
        }
    }
}

/* The same lines, in whatever order, by the same links. */
static bool same_lines(const json_t *a, const json_t *b)
{
    static const char *const keys[] = {"interface", "source", "address"};
    size_t i;
    json_t *text;
    for (unsigned k = 0; k < sizeof keys / sizeof *keys; k++) {
        if (json_array_size(json_object_get(a, keys[k])) != json_array_size(json_object_get(b, keys[k])))
            return false;
        json_array_foreach(json_object_get(a, keys[k]), i, text)
        {
            if (!holds(json_object_get(b, keys[k]), json_string_value(text)))
                return false;
        }
    }
    return json_equal(json_object_get(a, "end"), json_object_get(b, "end"));
}

/* Has a container come or gone?  Then the job's source is made anew. */
static bool follow(struct keeper *k, struct held_job *job, struct error *e)
{
    struct error look = {0};
    char name[JOBS_SOURCE_SIZE];
    json_t *below = jobs_below(job->order, &look);
    keep_before(job->order, below);
    if (look.code != ERROR_NONE && !job->look_told)
        fprintf(stderr, "sluice: keeper: job %s: its containers' networks: %s\n", job->id, look.text);
    job->look_told = look.code != ERROR_NONE;
    if (same_lines(below, json_object_get(job->order, "below"))) {
        json_decref(below);
        return true;
    }
    json_t *order = json_deep_copy(job->order);
    json_object_set_new(order, "below", below);
    const struct held_job *taken = jobs_network_taken(&k->jobs, order);
    if (taken) { /* who had it first keeps it */
        json_decref(order);
        return error_set(e, ERROR_INPUT, 0, "a network that its containers are in is job \"%s\"'s", taken->id);
    }
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

/* So that a container is its job's before it sends: an engine makes its link first, and starts what is in it then. */
void jobs_look(struct keeper *k)
{
    uint64_t began = clock_boot_usec();
    if (!links_watch_active(&k->links, began) || links_watch_rest(&k->links, began))
        return;
    if (k->applied && !k->finished)
        jobs_follow(k);
    links_watch_looked(&k->links, began, clock_boot_usec());
}
