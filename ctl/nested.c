/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/nested.h"

#include <jansson.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl/control.h"
#include "ctl/gate_sockets.h"
#include "nft/cgroup.h"
#include "policy/policy.h"

#define WOULD_LEAVE ", and 'sluice run' would take the command out of it. Start the command as it is: it is held too. "

static bool in_job(const char *id, struct error *e)
{
    return error_set(e, ERROR_INPUT, 0,
                     "this process is in job \"%s\" of the running gate" WOULD_LEAVE
                     "For less than the job may: a phase of its profile, 'sluice job phase NAME'",
                     id);
}

static bool in_scope(const char *name, struct error *e)
{
    if (strncmp(name, POLICY_JOB_NAME, strlen(POLICY_JOB_NAME)) == 0)
        return in_job(name + strlen(POLICY_JOB_NAME), e);
    if (policy_is_job_name(name))
        return error_set(
            e, ERROR_INPUT, 0,
            "this process is what an ended job of the running gate left: it is held, and allowed nothing. Start "
            "the command elsewhere");
    return error_set(e, ERROR_INPUT, 0,
                     "this process is in scope \"%s\" of the running gate" WOULD_LEAVE
                     "For a profile of its own: a job, 'sluice job start', in a cgroup of its own",
                     name);
}

/* Is one of an object's cgroups around this path? */
static bool holds(const json_t *object, const char *key, const char *path)
{
    size_t i;
    json_t *cgroup;
    bool found = false;
    json_array_foreach(json_object_get(object, key), i, cgroup)
    {
        const char *text = json_string_value(cgroup);
        found = found || (text && cgroup_is_below(path, text));
    }
    return found;
}

static bool check_gate(const char *path, struct error *e)
{
    struct error why;
    size_t i;
    json_t *scope;
    bool free_to_go = true;
    json_t *root = control_ask(json_pack("{s:s}", "request", "status"), CONTROL_WAIT_MSEC, &why);
    if (!root)
        return why.code == ERROR_NONE ? true : error_set(e, why.code, 0, "%s", why.text);
    json_array_foreach(json_object_get(root, "scopes"), i, scope)
    {
        if (free_to_go && holds(scope, "cgroups", path))
            free_to_go = in_scope(json_string_value(json_object_get(scope, "name")), e);
    }
    json_decref(root);
    return free_to_go;
}

/* Who is not root is told of jobs alone, and can start no run anyway: it is only to hear the better reason. */
static bool check_jobs(const char *path, struct error *e)
{
    struct error ignored;
    struct sockaddr_un at;
    size_t i;
    json_t *job;
    bool free_to_go = true;
    if (!gate_sockets_jobs_path(0, &at, &ignored))
        return true;
    json_t *root = control_ask_change(at.sun_path, json_pack("{s:s}", "request", "job_list"), &ignored);
    json_array_foreach(json_object_get(root, "jobs"), i, job)
    {
        if (free_to_go && holds(job, "cgroup", path))
            free_to_go = in_job(json_string_value(json_object_get(job, "id")), e);
    }
    json_decref(root);
    return free_to_go;
}

bool nested_check(struct error *e)
{
    char path[PATH_MAX];
    if (!cgroup_of(getpid(), path, e))
        return false;
    if (strncmp(path, "/sluice-run-", 12) == 0)
        return error_set(e, ERROR_INPUT, 0,
                         "this process is in a 'sluice run' already" WOULD_LEAVE
                         "For less than that run may: a phase of its policy (sluice run -p POLICY), "
                         "'sluice job phase NAME'");
    return geteuid() == 0 ? check_gate(path, e) : check_jobs(path, e);
}
