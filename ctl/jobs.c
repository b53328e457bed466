/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/jobs.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nft/cgroup.h"
#include "policy/policy.h"

bool jobs_id_good(const char *id)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    size_t len = strlen(id);
    for (const char *at = id; *at; at++)
        if (!strchr(letters, *at) && (at == id || !strchr("._-", *at)))
            return false;
    return len && len < JOBS_ID_SIZE;
}

void jobs_source_name(const char *id, char out[JOBS_SOURCE_SIZE])
{
    snprintf(out, JOBS_SOURCE_SIZE, "job %s", id);
}

static const char *text_of(const json_t *order, const char *key)
{
    const char *text = json_string_value(json_object_get(order, key));
    return text ? text : "";
}

/* Copies a list that is not empty. */
static void carry(json_t *to, const char *as, const json_t *order, const char *key)
{
    json_t *list = json_object_get(order, key);
    if (json_array_size(list))
        json_object_set(to, as, list);
}

static void scope_name(const json_t *order, char out[64])
{
    bool ended = json_is_true(json_object_get(order, "ended"));
    snprintf(out, 64, "%s%.48s", ended ? POLICY_ENDED_NAME : POLICY_JOB_NAME, text_of(order, "id"));
}

/* What it was started with, and what its containers add. */
static void carry_match(json_t *match, const json_t *order, const char *key)
{
    json_t *all = json_array(), *list = json_object_get(order, key);
    const json_t *below = json_object_get(json_object_get(order, "below"), key);
    if (list)
        json_array_extend(all, list);
    if (below)
        json_array_extend(all, (json_t *)(uintptr_t)below);
    if (json_array_size(all))
        json_object_set(match, key, all);
    json_decref(all);
}

/* The job's containers are inside: any of its own may connect to them. */
static void allow_inside(json_t *profile, const json_t *order)
{
    json_t *all = json_array(), *list = json_object_get(order, "allow"), *text;
    size_t i;
    if (list)
        json_array_extend(all, list);
    json_array_foreach(json_object_get(json_object_get(order, "below"), "address"), i, text)
    {
        const char *address = json_string_value(text);
        if (!address)
            continue;
        bool six = strchr(address, ':');
        json_array_append_new(all, json_sprintf("%s%s%s", six ? "[" : "", address, six ? "]" : ""));
        json_array_append_new(all, json_sprintf("udp://%s%s%s", six ? "[" : "", address, six ? "]" : ""));
    }
    if (json_array_size(all))
        json_object_set(profile, "allow", all);
    json_decref(all);
}

char *jobs_source_text(const json_t *order)
{
    char name[64];
    bool ended = json_is_true(json_object_get(order, "ended"));
    scope_name(order, name);
    json_t *profile = json_object(), *match = json_object();
    json_t *scope =
        json_pack("{s:s, s:s, s:s, s:O}", "name", name, "profile", name, "mode",
                  json_is_true(json_object_get(order, "audit")) && !ended ? "audit" : "enforce", "match", match);
    if (!ended) {
        json_object_set_new(profile, "extends", json_string(text_of(order, "profile")));
        allow_inside(profile, order);
        if (json_is_true(json_object_get(order, "incoming")))
            json_object_set_new(scope, "incoming", json_string("pass"));
        carry(scope, "resolvers", order, "resolver");
    }
    carry_match(match, order, "cgroup");
    carry_match(match, order, "interface");
    carry_match(match, order, "source");
    json_t *root =
        json_pack("{s:i, s:O, s:{s:o}, s:[o]}", "version", 1, "job", order, "profiles", name, profile, "scopes", scope);
    json_decref(match);
    /* An entry a line: errors show the line.  ASCII alone: YAML takes some characters beyond it for ends of lines. */
    char *text = json_dumps(root, JSON_INDENT(1) | JSON_ENSURE_ASCII);
    json_decref(root);
    return text;
}

static void drop(struct held_job *job)
{
    json_decref(job->order);
    summary_free(job->summary);
    free(job);
}

/* The stored summary of one that goes, if there is none of the same name that has begun since. */
static void forget_stored(const struct jobs *jobs, const struct held_job *gone)
{
    for (unsigned i = 0; i < jobs->count; i++)
        if (jobs->job[i]->seen && strcmp(jobs->job[i]->id, gone->id) == 0)
            return;
    jobs_store_drop(gone);
}

static struct held_job *make(json_t *order)
{
    struct held_job *job = calloc(1, sizeof *job);
    struct summary *summary = summary_new();
    if (!job || !summary) {
        free(job);
        summary_free(summary);
        return NULL;
    }
    job->summary = summary;
    snprintf(job->id, sizeof job->id, "%s", text_of(order, "id"));
    job->started_usec = (uint64_t)json_integer_value(json_object_get(order, "started"));
    return job;
}

static void take_order(struct held_job *job, json_t *order)
{
    const json_t *owner = json_object_get(order, "owner");
    scope_name(order, job->scope);
    snprintf(job->profile, sizeof job->profile, "%s", text_of(order, "profile"));
    job->owner = (pid_t)json_integer_value(json_object_get(owner, "pid"));
    job->owner_start = (uint64_t)json_integer_value(json_object_get(owner, "start"));
    job->ended = json_is_true(json_object_get(order, "ended"));
    json_decref(job->order);
    job->order = json_incref(order);
    job->seen = true;
}

static bool read_one(void *ctx, const char *file, struct bytes text)
{
    struct jobs *jobs = ctx;
    (void)file;
    json_t *root = json_loadb((const char *)text.at, text.len, 0, NULL);
    json_t *order = json_object_get(root, "job");
    struct held_job *job = jobs_find(jobs, text_of(order, "id"));
    uint64_t started = (uint64_t)json_integer_value(json_object_get(order, "started"));
    if (job && job->started_usec != started) /* another job of the same name */
        job = NULL;
    if (!job && jobs->count < JOBS_MAX && order && (job = make(order))) {
        jobs_store_read(job);
        jobs->job[jobs->count++] = job;
    }
    if (job)
        take_order(job, order);
    json_decref(root);
    return true;
}

bool jobs_read(struct jobs *jobs, struct bytes bundle, struct error *e)
{
    for (unsigned i = 0; i < jobs->count; i++)
        jobs->job[i]->seen = false;
    bool ok = policy_bundle_jobs(bundle, read_one, jobs, e);
    unsigned kept = 0;
    for (unsigned i = 0; i < jobs->count; i++)
        if (!jobs->job[i]->seen)
            forget_stored(jobs, jobs->job[i]);
    for (unsigned i = 0; i < jobs->count; i++) {
        if (jobs->job[i]->seen)
            jobs->job[kept++] = jobs->job[i];
        else
            drop(jobs->job[i]);
    }
    jobs->count = kept;
    return ok;
}

struct held_job *jobs_find(const struct jobs *jobs, const char *id)
{
    for (unsigned i = jobs->count; i-- > 0;) /* the newest first: one of the same name may be about to go */
        if (strcmp(jobs->job[i]->id, id) == 0)
            return jobs->job[i];
    return NULL;
}

unsigned jobs_of_starter(const struct jobs *jobs, const char *scope)
{
    unsigned count = 0;
    for (unsigned i = 0; i < jobs->count; i++)
        count += strcmp(text_of(jobs->job[i]->order, "starter"), scope) == 0;
    return count;
}

struct held_job *jobs_of_scope(const struct jobs *jobs, const struct policy_scope *scope)
{
    return scope && scope->job ? jobs_find(jobs, scope->job) : NULL;
}

/* One match line: does some other scope hold it? */
static bool line_held(const struct policy *policy, const struct policy_scope *except,
                      const struct policy_matcher_line *line)
{
    for (unsigned i = 0; i < policy->scopes; i++) {
        const struct policy_scope *scope = &policy->scope[i];
        /* One that starts jobs would make what a job left a starter. */
        for (unsigned m = 0; scope != except && !scope->starts && m < scope->matches; m++) {
            const struct policy_matcher_line *other = &scope->match[m];
            size_t len = strlen(other->text);
            if (other->kind != line->kind)
                continue;
            if (line->kind == POLICY_CGROUP && cgroup_is_below(line->text, other->text))
                return true;
            if (line->kind == POLICY_INTERFACE &&
                (strcmp(line->text, other->text) == 0 ||
                 (len && other->text[len - 1] == '*' && strncmp(line->text, other->text, len - 1) == 0)))
                return true;
            if (line->kind == POLICY_SOURCE && other->source.prefix_bits <= line->source.prefix_bits &&
                address_in_range(&line->source.base, &other->source))
                return true;
        }
    }
    return false;
}

bool jobs_fall_back(const struct policy *policy, const struct policy_scope *scope)
{
    bool held = true;
    for (unsigned i = 0; i < scope->matches && held && !policy->refuse_unmatched; i++)
        held = line_held(policy, scope, &scope->match[i]);
    return held;
}

bool jobs_live(const struct policy_scope *scope)
{
    for (unsigned i = 0; i < scope->matches; i++) {
        const struct policy_matcher_line *line = &scope->match[i];
        if (line->kind == POLICY_SOURCE || (line->kind == POLICY_INTERFACE && if_nametoindex(line->text)) ||
            (line->kind == POLICY_CGROUP && cgroup_populated(line->text)))
            return true;
    }
    return false;
}
