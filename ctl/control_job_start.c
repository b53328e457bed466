/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A job's start: who may, what it is made of, and that nobody else has its place. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "ctl/control_caller.h"
#include "ctl/engine_bridge.h"
#include "ctl/jobs.h"
#include "ctl/peer.h"
#include "nft/cgroup.h"
#include "policy/endpoint.h"
#include "policy/policy_match.h"

static bool texts_good(const json_t *list)
{
    size_t i;
    json_t *text;
    json_array_foreach(list, i, text) if (!json_is_string(text)) return false;
    return true;
}

/* A list of texts of the request, under its key; NULL: it is none.  An absent one is empty. */
static json_t *list_of(const json_t *request, const char *key)
{
    json_t *list = json_object_get(request, key);
    if (!list)
        return json_array();
    return json_is_array(list) && texts_good(list) ? json_deep_copy(list) : NULL;
}

static bool discard(void *ctx, const struct endpoint *endpoint)
{
    (void)ctx;
    (void)endpoint;
    return true;
}

static bool allow_good(struct bytes entry, size_t *column, struct error *e)
{
    return endpoint_parse(entry, discard, NULL, column, e);
}

static bool cgroup_good(struct bytes entry, size_t *column, struct error *e)
{
    char mount[PATH_MAX];
    if (!policy_match_parse(POLICY_CGROUP, entry, NULL, column, e))
        return ++*column, false;
    const char *path = (const char *)entry.at;
    if (cgroup_mount_find(mount, NULL) && cgroup_is_below(path, mount)) /* not where it is mounted everywhere else */
        return error_set(e, ERROR_INPUT, 0, "a cgroup is its path below the cgroup2 mount, without %s", mount);
    return true;
}

static bool interface_good(struct bytes entry, size_t *column, struct error *e)
{
    return policy_match_parse(POLICY_INTERFACE, entry, NULL, column, e) || (++*column, false);
}

static bool source_good(struct bytes entry, size_t *column, struct error *e)
{
    struct address_range range;
    return policy_match_parse(POLICY_SOURCE, entry, &range, column, e) || (++*column, false);
}

static bool resolver_good(struct bytes entry, size_t *column, struct error *e)
{
    struct address address;
    if (address_parse(entry, &address) || (entry.len == 6 && memcmp(entry.at, "system", 6) == 0))
        return true;
    *column = 1;
    return error_set(e, ERROR_INPUT, 0, "a resolver is \"system\" or an address such as 192.0.2.53, without port");
}

/* The entries are read again with the policy; here so that the error shows what was typed. */
static bool entries_good(const json_t *order, const char *key,
                         bool (*good)(struct bytes entry, size_t *column, struct error *e), struct error *e)
{
    size_t i;
    json_t *text;
    json_array_foreach(json_object_get(order, key), i, text)
    {
        struct error why = {0};
        size_t column = 0;
        const char *entry = json_string_value(text);
        if (!good((struct bytes){(const uint8_t *)entry, strlen(entry)}, &column, &why))
            return error_set(e, ERROR_INPUT, 0, "--%s: column %zu: %s\n  %s\n  %*s^", key, column ? column : 1,
                             why.text, entry, column ? (int)column - 1 : 0, "");
    }
    return true;
}

static bool all_good(const json_t *order, struct error *e)
{
    return entries_good(order, "allow", allow_good, e) && entries_good(order, "cgroup", cgroup_good, e) &&
           entries_good(order, "interface", interface_good, e) && entries_good(order, "source", source_good, e) &&
           entries_good(order, "resolver", resolver_good, e);
}

/* A cgroup of a new job may not be in, or hold, one of another job's; an ended job's own cgroup is taken over. */
static const struct held_job *cgroup_taken(const struct keeper *k, const char *cgroup, const char **replaces)
{
    for (unsigned i = 0; i < k->jobs.count; i++) {
        const struct held_job *job = k->jobs.job[i];
        size_t n;
        json_t *text;
        json_array_foreach(json_object_get(job->order, "cgroup"), n, text)
        {
            const char *other = json_string_value(text);
            if (job->ended && strcmp(other, cgroup) == 0)
                *replaces = job->id;
            else if (cgroup_is_below(cgroup, other) || cgroup_is_below(other, cgroup))
                return job;
        }
    }
    return NULL;
}

/* A cgroup that a scope which starts jobs may give to one: below what it holds itself, and nobody else's. */
static bool cgroup_is_of(const struct keeper *k, const struct policy_scope *starter, const char *cgroup)
{
    bool first = true; /* no scope before the starter's holds it */
    for (unsigned i = 0; i < k->policy->scopes; i++) {
        const struct policy_scope *scope = &k->policy->scope[i];
        for (unsigned m = 0; m < scope->matches; m++) {
            const struct policy_matcher_line *line = &scope->match[m];
            if (line->kind != POLICY_CGROUP || scope->job)
                continue;
            bool below = cgroup_is_below(cgroup, line->text) && strcmp(cgroup, line->text) != 0;
            if (scope != starter && (cgroup_is_below(line->text, cgroup) || (below && first)))
                return false;
            if (scope == starter && below)
                first = false;
        }
    }
    return !first;
}

static json_t *check_starter(const struct control_ask *a, const struct control_caller *c, const char *profile,
                             const json_t *order)
{
    bool may = false;
    size_t i;
    json_t *text;
    for (unsigned n = 0; n < c->scope->starts; n++)
        may = may || strcmp(c->scope->start[n]->name, profile) == 0;
    if (!may)
        return control_failed(ERROR_INPUT, "refused: the caller's scope may not start jobs of profile \"%s\"", profile);
    if (json_array_size(json_object_get(order, "allow")) || json_array_size(json_object_get(order, "interface")) ||
        json_array_size(json_object_get(order, "source")) || json_array_size(json_object_get(order, "resolver")) ||
        json_is_true(json_object_get(order, "audit")) || json_is_true(json_object_get(order, "incoming")))
        return control_refused(
            "refused: from inside a scope a job is started with its profile as it is, in a cgroup: no "
            "--allow, --audit, --incoming, --resolver, --interface or --source");
    if (json_object_get(a->request, "owner") && !json_object_get(order, "owner"))
        return control_refused("refused: nobody could end the job, for the caller's parent is process 1: name another "
                               "ancestor as its owner (--owner)");
    json_array_foreach(
        json_object_get(order, "cgroup"), i,
        text) if (!cgroup_is_of(a->k, c->scope,
                                json_string_value(text))) return control_failed(ERROR_INPUT,
                                                                                "refused: cgroup %s is not below the "
                                                                                "caller's own scope alone",
                                                                                json_string_value(text));
    return NULL;
}

/* The job's owner: the ancestor that the caller names, or (0) its parent as it is seen here, which its own pid
 * namespace may call otherwise.  Process 1 owns none: whoever lost its parent would descend from it.  Without one, root
 * alone ends the job.  False: the one that is named is none. */
static bool add_owner(const struct control_ask *a, json_t *order)
{
    const json_t *named = json_object_get(a->request, "owner");
    json_int_t pid = json_integer_value(named);
    if (!named)
        return true;
    if (json_is_integer(named) && pid == 0 && (pid = peer_parent(a->peer)) <= 1)
        return true;
    uint64_t start = pid > 0 && pid <= INT32_MAX ? peer_start((pid_t)pid) : 0;
    if (!start || !peer_descends(a->peer, (pid_t)pid, start))
        return false;
    json_object_set_new(order, "owner", json_pack("{s:I, s:I}", "pid", pid, "start", (json_int_t)start));
    return true;
}

static json_t *make_order(const struct control_ask *a, const char *id, const char *profile, struct error *e)
{
    static const char *const lists[] = {"allow", "resolver", "cgroup", "interface", "source"};
    json_t *order =
        json_pack("{s:s, s:s, s:b, s:b, s:I}", "id", id, "profile", profile, "audit",
                  json_is_true(json_object_get(a->request, "audit")), "incoming",
                  json_is_true(json_object_get(a->request, "incoming")), "started", (json_int_t)clock_real_usec());
    size_t matches = 0;
    for (unsigned i = 0; i < sizeof lists / sizeof *lists; i++) {
        json_t *list = list_of(a->request, lists[i]);
        if (!list) {
            error_set(e, ERROR_INPUT, 0, "\"%s\" is a list of texts", lists[i]);
            json_decref(order);
            return NULL;
        }
        matches += i >= 2 ? json_array_size(list) : 0;
        json_object_set_new(order, lists[i], list);
    }
    if (!add_owner(a, order)) {
        json_decref(order);
        error_set(e, ERROR_INPUT, 0, "the owner (--owner) is the caller or an ancestor of it");
        return NULL;
    }
    if (matches && matches <= POLICY_MATCHES_MAX && all_good(order, e))
        return order;
    if (matches > POLICY_MATCHES_MAX)
        error_set(e, ERROR_INPUT, 0, "a job is known by at most %d cgroups, interfaces and sources",
                  POLICY_MATCHES_MAX);
    else if (!matches)
        error_set(e, ERROR_INPUT, 0, "a job needs a cgroup, an interface or a source by which it is known");
    json_decref(order);
    return NULL;
}

static bool lists(const json_t *list, const char *text)
{
    size_t i;
    json_t *one;
    json_array_foreach(list, i, one)
    {
        if (strcmp(json_string_value(one), text) == 0)
            return true;
    }
    return false;
}

/* Does the new job hold all that an ended one's place holds?  Else what is left there would be nobody's. */
static bool takes_over(const json_t *order, const struct held_job *ended)
{
    static const char *const keys[] = {"cgroup", "interface", "source"};
    size_t i;
    json_t *one;
    for (unsigned k = 0; k < sizeof keys / sizeof *keys; k++) {
        json_array_foreach(json_object_get(ended->order, keys[k]), i, one)
        {
            if (!lists(json_object_get(order, keys[k]), json_string_value(one)))
                return false;
        }
    }
    return true;
}

/* The ended job whose place the new one takes, or NULL; *refused: it cannot. */
static const struct held_job *find_place(const struct control_ask *a, const json_t *order, json_t **refused)
{
    const char *id = json_string_value(json_object_get(order, "id"));
    const struct held_job *place = jobs_find(&a->k->jobs, id);
    size_t i;
    json_t *text;
    if (place && !place->ended) {
        *refused = control_failed(ERROR_INPUT, "job \"%s\" runs already", id);
        return NULL;
    }
    json_array_foreach(json_object_get(order, "cgroup"), i, text)
    {
        const char *taker = NULL;
        const struct held_job *other = cgroup_taken(a->k, json_string_value(text), &taker);
        if (other && other != place)
            *refused =
                control_failed(ERROR_INPUT, "job \"%s\" has that cgroup, or one that holds it or is in it", other->id);
        if (taker && place && strcmp(taker, place->id) != 0)
            *refused = control_failed(ERROR_INPUT,
                                      "what job \"%s\" left running is still held there: end it with --release", taker);
        if (*refused)
            return NULL;
        place = taker ? jobs_find(&a->k->jobs, taker) : place;
    }
    if (place && !takes_over(order, place))
        *refused = control_failed(ERROR_INPUT,
                                  "what job \"%s\" left running is still held, and not all of it would be this job's: "
                                  "end it with --release, or take another id and cgroup",
                                  place->id);
    const struct held_job *shares = *refused ? NULL : jobs_network_taken(&a->k->jobs, order);
    if (shares)
        *refused = control_failed(ERROR_INPUT,
                                  "job \"%s\" has a network that a container of this one is in: give each job a "
                                  "network of its own",
                                  shares->id);
    return *refused ? NULL : place;
}

/* What the job may start is its own before it sends, or is held by a scope meanwhile: or it is said. */
static json_t *warnings(const struct keeper *k, const json_t *order)
{
    json_t *list = json_array();
    const char *bridge = json_array_size(json_object_get(order, "cgroup"))
                             ? engine_bridge_open(k->policy, json_object_get(order, "interface"))
                             : NULL;
    if (bridge)
        json_array_append_new(
            list,
            json_sprintf("no scope of the policy holds %s: what a container that the job starts there sends in its "
                         "first milliseconds, until the gate has seen it, passes. Add a scope that allows nothing, "
                         "match: { " ENGINE_BRIDGES " }, or say unmatched: refuse",
                         bridge));
    return list;
}

static json_t *start_order(const struct control_ask *a, const json_t *order, const char *phase)
{
    const char *id = json_string_value(json_object_get(order, "id"));
    char name[JOBS_SOURCE_SIZE], old[JOBS_SOURCE_SIZE], scope[64];
    json_t *refused = NULL;
    const struct held_job *place = find_place(a, order, &refused);
    if (refused)
        return refused;
    const char *replaces = place ? place->id : NULL;
    if (a->k->jobs.count == JOBS_MAX && !replaces)
        return control_failed(ERROR_LIMIT, "no more than 1,000 jobs at a time");
    const char *starter = json_string_value(json_object_get(order, "starter"));
    if (starter && !replaces && jobs_of_starter(&a->k->jobs, starter) >= JOBS_STARTER_MAX)
        return control_refused("refused: 100 jobs of the caller's scope are there already, no more may be at a time; "
                               "'sluice job end' some");
    jobs_source_name(id, name);
    jobs_source_name(replaces ? replaces : "", old);
    snprintf(scope, sizeof scope, POLICY_JOB_NAME "%s", id);
    char *source = jobs_source_text(order);
    struct policy_source more = {
        .file = name, .text = {(const uint8_t *)source, source ? strlen(source) : 0}, .job = true};
    struct reload_change change = {.bundle = {.more = &more, .without = replaces ? old : NULL},
                                   .scope = scope,
                                   .phase = phase,
                                   .answer = json_pack("{s:i, s:b, s:s, s:s, s:O, s:s, s:o}", "version",
                                                       CONTROL_VERSION, "ok", 1, "job", id, "scope", scope, "profile",
                                                       json_object_get(order, "profile"), "phase", phase, "warnings",
                                                       warnings(a->k, order)),
                                   .client = a->client};
    const struct policy_scope *left = place ? policy_scope_named(a->k->policy, place->scope) : NULL;
    if (left && jobs_live(left))
        json_object_set_new(change.answer, "takes_over", json_string(place->id));
    json_t *answer = source ? control_change(a, &change) : control_failed(ERROR_LIMIT, "no memory for the job");
    free(source);
    return answer;
}

json_t *control_job_start(const struct control_ask *a)
{
    struct error e = {0};
    struct control_caller c = control_caller_of(a);
    const char *id = NULL, *profile = NULL, *phase = "";
    int audit = 0, incoming = 0;
    if (c.right < RIGHT_STARTER)
        return control_refuse_caller(&c);
    if (a->k->gate->run.on)
        return control_refused("refused: 'sluice run' holds one command; jobs are started by 'sluice gate'");
    if (json_unpack((json_t *)(uintptr_t)a->request, "{s:s, s:s, s?s, s?b, s?b}", "id", &id, "profile", &profile,
                    "phase", &phase, "audit", &audit, "incoming", &incoming) < 0)
        return control_wrong("job_start takes \"id\", \"profile\" and what the job is known by");
    if (!jobs_id_good(id))
        return control_wrong(
            "a job's id is 1 to 48 letters, digits, '.', '_' and '-', and begins with a letter or digit");
    if (!policy_profile_find(a->k->policy, profile) || policy_is_job_name(profile))
        return control_failed(ERROR_INPUT, "the policy has no profile \"%s\"", profile);
    if (strlen(phase) >= POLICY_PHASE_SIZE ||
        (*phase && !policy_phase_find(a->k->policy, policy_profile_find(a->k->policy, profile), phase)))
        return control_failed(ERROR_INPUT, "the profile has no phase \"%s\"", phase);
    json_t *order = make_order(a, id, profile, &e);
    if (!order)
        return control_error(&e);
    json_t *answer = c.right == RIGHT_STARTER ? check_starter(a, &c, profile, order) : NULL;
    if (c.right == RIGHT_STARTER)
        json_object_set_new(order, "starter", json_string(c.scope->name));
    const char *made = json_string_value(json_object_get(a->request, "made"));
    if (made && c.right == RIGHT_ALL) /* who ends the job removes it, as root: so it is root's word alone */
        json_object_set_new(order, "made", json_string(made));
    if (!answer) /* only now: it looks at all that runs there */
        json_object_set_new(order, "below", jobs_below(order, &e));
    if (!answer)
        answer = e.code == ERROR_NONE ? start_order(a, order, phase) : control_error(&e);
    json_decref(order);
    return answer;
}
