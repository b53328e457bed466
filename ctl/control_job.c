/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What may be asked about jobs, and by whom (law 5):
 *
 *     root, outside every scope         anything
 *     a process in a scope that says    starts jobs of those profiles, as they are, in cgroups below its own scope;
 * ends starts_jobs                       them and moves them between phases where the job's owner is it or its ancestor
 *     a process in a job                narrows its own job: a phase that allows nothing more than now; looks at it
 *     everybody else                    nothing, whatever the uid
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/control_caller.h"
#include "ctl/jobs.h"
#include "ctl/keeper.h"
#include "ctl/peer.h"
#include "ctl/rejudge.h"
#include "policy/endpoint.h"
#include "policy/narrow.h"

struct control_caller control_caller_of(const struct control_ask *a)
{
    struct control_caller c = {.scope = control_scope_of(a->k, a->peer)};
    if (!c.scope)
        c.right = a->peer->uid == 0 && a->peer->here ? RIGHT_ALL : RIGHT_NONE;
    else if (c.scope->job || a->k->gate->run.on)
        c.right = RIGHT_OWN;
    else if (c.scope->starts)
        c.right = RIGHT_STARTER;
    return c;
}

json_t *control_refuse_caller(const struct control_caller *c)
{
    if (!c->scope)
        return control_refused("refused: only root, and processes in the gate's scopes, may ask about jobs");
    if (c->right == RIGHT_OWN)
        return control_refused("refused: from inside a job it can only be narrowed: 'sluice job phase PHASE'");
    return control_refused("refused: the caller's scope has no starts_jobs");
}

json_t *control_change(const struct control_ask *a, const struct reload_change *change)
{
    struct error e = {0};
    return reload_change(a->k, change, &e) ? NULL : control_error(&e);
}

/* The job that a request names, if the caller has a say in it; else *refused is the answer. */
static struct held_job *named_job(const struct control_ask *a, const struct control_caller *c, json_t **refused)
{
    const char *id = json_string_value(json_object_get(a->request, "id"));
    struct held_job *job = id ? jobs_find(&a->k->jobs, id) : NULL;
    bool owner = job && job->owner_start && peer_descends(a->peer, job->owner, job->owner_start);
    bool own = job && c->scope && c->scope->job && strcmp(c->scope->job, job->id) == 0;
    *refused = NULL;
    if (!id)
        *refused = control_wrong("the request takes \"id\", the job's");
    else if (c->right == RIGHT_NONE)
        *refused = control_refuse_caller(c);
    else if (c->right != RIGHT_ALL && !own && !(c->right == RIGHT_STARTER && owner))
        *refused = control_refused("refused: there is no such job of the caller's"); /* nor who else's it may be */
    else if (!job)
        *refused = control_failed(ERROR_INPUT, "there is no job \"%s\"", id);
    return *refused ? NULL : job;
}

/* May a process inside enter that phase by itself? */
static json_t *check_narrow(const struct policy_scope *scope, const struct policy_profile *phase)
{
    struct endpoint beyond;
    struct error e = {0};
    const char *setting;
    char text[600];
    struct policy_profile then = policy_profile_in_phase(scope->base, phase);
    if (narrow_covers(scope->profile, &then, &beyond, &setting))
        return NULL;
    if (setting) {
        error_set(&e, ERROR_INPUT, 0, "refused: phase \"%s\" is wider in its %s than what holds now", phase->phase,
                  setting);
    } else {
        endpoint_format(&beyond, text, sizeof text);
        error_set(&e, ERROR_INPUT, 0,
                  "refused: phase \"%s\" allows %s, which is not allowed now; from inside a job can "
                  "only be narrowed",
                  phase->phase, text);
    }
    return control_error(&e);
}

static json_t *enter_phase(const struct control_ask *a, const struct policy_scope *scope, const char *name, bool inside)
{
    struct error e = {0};
    if (!reload_may_begin(a->k, &e)) /* nor is it said that it is in that phase already: perhaps the cut is to come */
        return control_error(&e);
    const struct policy_profile *phase = policy_phase_find(a->k->policy, scope->base, name);
    json_t *answer = json_pack("{s:i, s:b, s:s, s:s, s:s}", "version", CONTROL_VERSION, "ok", 1, "job",
                               scope->job ? scope->job : "", "scope", scope->name, "phase", name);
    if (strcmp(scope->phase, name) == 0) {
        json_object_set_new(answer, "cut", json_integer(0));
        return answer;
    }
    json_t *refused = NULL;
    if (*name && (!phase || strlen(name) >= POLICY_PHASE_SIZE))
        refused = control_failed(ERROR_INPUT, "the profile has no phase \"%s\"", name);
    else if (inside && !*name)
        refused = control_refused("refused: from inside, a phase is not left");
    else if (inside)
        refused = check_narrow(scope, phase);
    if (refused) {
        json_decref(answer);
        return refused;
    }
    struct reload_change change = {.scope = scope->name, .phase = name, .answer = answer, .client = a->client};
    return control_change(a, &change);
}

json_t *control_job_phase(const struct control_ask *a)
{
    struct control_caller c = control_caller_of(a);
    json_t *refused = NULL;
    const char *name = json_string_value(json_object_get(a->request, "phase"));
    if (!name)
        return control_wrong("job_phase takes \"phase\"; \"\" leaves it");
    /* Inside a job, or a run, it is its own that is meant. */
    if (c.right == RIGHT_OWN && !json_object_get(a->request, "id"))
        return enter_phase(a, c.scope, name, true);
    if (c.right > RIGHT_OWN && !json_object_get(a->request, "id"))
        return control_wrong("outside a job its id is needed: sluice job phase ID PHASE");
    struct held_job *job = named_job(a, &c, &refused);
    if (!job)
        return refused;
    if (job->ended)
        return control_failed(ERROR_INPUT, "job \"%s\" has ended", job->id);
    return enter_phase(a, policy_scope_named(a->k->policy, job->scope), name, c.right == RIGHT_OWN);
}

static json_t *summary_of(const struct held_job *job)
{
    char *text = summary_json(job->summary);
    json_t *summary = text ? json_loads(text, 0, NULL) : NULL;
    free(text);
    return summary ? summary : json_object();
}

void jobs_leave(struct keeper *k, const char *id, json_t *answer)
{
    struct held_job *job = jobs_find(&k->jobs, id);
    const struct policy_scope *scope = job ? policy_scope_named(k->policy, job->scope) : NULL;
    if (!scope)
        return;
    rejudge_forget_scope(k, scope->id);
    json_object_set_new(answer, "summary", summary_of(job));
}

/* Taking away the scope of a job that left something running would open it, where no other scope holds that: then the
 * scope stays, and allows nothing, until it is gone (jobs_tick) or somebody releases it. */
json_t *control_job_end(const struct control_ask *a)
{
    struct control_caller c = control_caller_of(a);
    json_t *refused = NULL;
    if (c.right == RIGHT_OWN)
        return control_refuse_caller(&c);
    struct held_job *job = named_job(a, &c, &refused);
    if (!job)
        return refused;
    const struct policy_scope *scope = policy_scope_named(a->k->policy, job->scope);
    bool release = c.right == RIGHT_ALL && json_is_true(json_object_get(a->request, "release"));
    bool stays = !release && !jobs_fall_back(a->k->policy, scope) && jobs_live(scope);
    char name[JOBS_SOURCE_SIZE];
    jobs_source_name(job->id, name);
    json_t *order = json_deep_copy(job->order);
    json_object_set_new(order, "ended", json_true());
    char *source = stays ? jobs_source_text(order) : NULL;
    struct policy_source more = {
        .file = name, .text = {(const uint8_t *)source, source ? strlen(source) : 0}, .job = true};
    struct reload_change change = {.bundle = {.more = stays ? &more : NULL, .without = name},
                                   .scope = job->scope,
                                   .phase = "",
                                   .leaves = job->id,
                                   .answer = json_pack("{s:i, s:b, s:s, s:b}", "version", CONTROL_VERSION, "ok", 1,
                                                       "job", job->id, "held", (int)stays),
                                   .client = a->client};
    json_t *answer =
        stays && !source ? control_failed(ERROR_LIMIT, "no memory for the job") : control_change(a, &change);
    free(source);
    json_decref(order);
    return answer;
}

static json_t *describe(const struct keeper *k, const struct held_job *job, bool whole)
{
    const struct policy_scope *scope = policy_scope_named(k->policy, job->scope);
    json_t *row =
        json_pack("{s:s, s:s, s:s, s:s, s:s, s:b, s:I, s:I, s:I, s:I}", "id", job->id, "scope", job->scope, "profile",
                  job->profile, "phase", scope ? scope->phase : "", "mode",
                  scope && scope->mode == POLICY_AUDIT ? "audit" : "enforce", "ended", (int)job->ended, "started_usec",
                  (json_int_t)job->started_usec, "denied", (json_int_t)summary_denied(job->summary), "unlisted",
                  (json_int_t)summary_unlisted(job->summary), "alerts", (json_int_t)summary_alerts(job->summary));
    static const char *const lists[] = {"cgroup", "interface", "source", "below", "allow", "made", "starter"};
    for (unsigned i = 0; i < sizeof lists / sizeof *lists; i++)
        json_object_set(row, lists[i], json_object_get(job->order, lists[i]));
    bool lives = job->owner_start && peer_start(job->owner) == job->owner_start;
    json_object_set_new(row, "owner", json_integer(lives ? job->owner : 0));
    if (whole)
        json_object_set_new(row, "summary", summary_of(job));
    return row;
}

static bool may_see(const struct control_ask *a, const struct control_caller *c, const struct held_job *job)
{
    if (c->right == RIGHT_STARTER)
        return job->owner_start && peer_descends(a->peer, job->owner, job->owner_start);
    return c->right == RIGHT_ALL || (c->right == RIGHT_OWN && c->scope->job && strcmp(c->scope->job, job->id) == 0);
}

json_t *control_job_list(const struct control_ask *a)
{
    struct control_caller c = control_caller_of(a);
    const char *id = json_string_value(json_object_get(a->request, "id"));
    if (c.right == RIGHT_NONE)
        return control_refuse_caller(&c);
    json_t *jobs = json_array();
    for (unsigned i = 0; i < a->k->jobs.count; i++) {
        const struct held_job *job = a->k->jobs.job[i];
        if (may_see(a, &c, job) && (!id || strcmp(id, job->id) == 0))
            json_array_append_new(jobs, describe(a->k, job, id != NULL));
    }
    if (!id || json_array_size(jobs))
        return json_pack("{s:i, s:b, s:o}", "version", CONTROL_VERSION, "ok", 1, "jobs", jobs);
    json_decref(jobs);
    return control_failed(ERROR_INPUT, "there is no job \"%s\"", id);
}

void jobs_tick(struct keeper *k)
{
    struct error e = {0};
    jobs_store(&k->jobs, false);
    for (unsigned i = 0; i < k->jobs.count && k->pending.why == KEEPER_IDLE; i++) {
        const struct held_job *job = k->jobs.job[i];
        const struct policy_scope *scope = job->ended ? policy_scope_named(k->policy, job->scope) : NULL;
        char name[JOBS_SOURCE_SIZE];
        if (!scope || jobs_live(scope))
            continue;
        jobs_source_name(job->id, name);
        struct reload_change change = {.bundle.without = name, .answer = json_pack("{s:s}", "job", job->id)};
        if (!reload_change(k, &change, &e))
            fprintf(stderr, "sluice: keeper: job %s: %s\n", job->id, e.text);
    }
}
