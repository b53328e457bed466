/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What may be asked of the gate, one function a request. */
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "ctl/control.h"
#include "ctl/keeper.h"
#include "ctl/peer.h"
#include "nft/cgroup.h"

json_t *control_error(const struct error *e)
{
    static const char *const kinds[] = {
        [ERROR_NONE] = "", [ERROR_INPUT] = "input", [ERROR_SYSTEM] = "system", [ERROR_LIMIT] = "limit"};
    return json_pack("{s:i, s:b, s:{s:s, s:s}}", "version", CONTROL_VERSION, "ok", 0, "error", "kind", kinds[e->code],
                     "text", e->text);
}

json_t *control_refused(const char *text)
{
    return json_pack("{s:i, s:b, s:{s:s, s:s}}", "version", CONTROL_VERSION, "ok", 0, "error", "kind", "refused",
                     "text", text);
}

json_t *control_failed(enum error_code code, const char *format, ...)
{
    struct error e = {.code = code};
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(e.text, sizeof e.text, format, arguments);
    va_end(arguments);
    return control_error(&e);
}

json_t *control_wrong(const char *text)
{
    struct error e;
    error_fill(&e, ERROR_INPUT, 0, "%s", text);
    return control_error(&e);
}

const struct policy_scope *control_scope_of(const struct keeper *k, const struct peer *peer)
{
    for (unsigned i = 0; i < k->policy->scopes; i++) {
        const struct policy_scope *scope = &k->policy->scope[i];
        for (unsigned m = 0; rules_holds(k->gate, scope) && m < scope->matches; m++)
            if (scope->match[m].kind == POLICY_CGROUP && cgroup_is_below(peer->cgroup, scope->match[m].text))
                return scope;
    }
    return NULL;
}

static json_t *ask_status(const struct control_ask *a)
{
    return control_status(a->k);
}

static json_t *ask_stop(const struct control_ask *a)
{
    a->k->stop_asked = true;
    return json_pack("{s:i, s:b}", "version", CONTROL_VERSION, "ok", 1);
}

static json_t *ask_apply(const struct control_ask *a)
{
    struct error e = {0};
    struct reload_ask reload = {.client = a->client};
    int dry = 0;
    const char *file = NULL;
    if (json_unpack((json_t *)(uintptr_t)a->request, "{s?s, s?b}", "policy", &file, "dry_run", &dry) < 0)
        return control_wrong("apply takes \"policy\", the path of a file, and \"dry_run\", true or false");
    if (file && (file[0] != '/' || strlen(file) >= PATH_MAX))
        return control_wrong("\"policy\" must be the absolute path of a file");
    reload.file = file;
    if (dry)
        return rehearse(a->k, file);
    return reload_begin(a->k, &reload, &e) ? NULL : control_error(&e);
}

static const struct request {
    const char *name;
    bool everybody;   /* may be asked at the socket that is everybody's; who may what is looked at there */
    bool from_scopes; /* a process in one of our scopes may ask it at root's */
    json_t *(*answer)(const struct control_ask *a);
} requests[] = {
    {"status", false, true, ask_status},
    {"apply", false, false, ask_apply},
    {"stop", false, false, ask_stop},
    {"job_start", true, true, control_job_start},
    {"job_phase", true, true, control_job_phase},
    {"job_end", true, true, control_job_end},
    {"job_list", true, true, control_job_list},
};

json_t *control_request(struct control_ask *ask, const char *text)
{
    const char *name;
    int version;
    json_t *answer = NULL, *root = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    if (json_unpack(root, "{s:i, s:s}", "version", &version, "request", &name) < 0) {
        json_decref(root);
        return control_wrong("a request is a JSON object on one line with \"version\" and \"request\"");
    }
    const struct request *found = NULL;
    for (unsigned i = 0; i < sizeof requests / sizeof *requests; i++)
        if (strcmp(requests[i].name, name) == 0)
            found = &requests[i];
    ask->request = root;
    if (version != CONTROL_VERSION)
        answer = control_wrong("this gate speaks version 1 of the protocol");
    else if (!found)
        answer =
            control_wrong("unknown request; there are: status, apply, stop, job_start, job_phase, job_end, job_list");
    else if (ask->everybody && !found->everybody)
        answer = control_refused("refused: this is asked at the socket that is root's");
    else if (!peer_lives(ask->peer) || (!found->from_scopes && control_scope_of(ask->k, ask->peer)))
        answer = control_refused("refused: the caller is in a scope of this gate");
    else if (!found->from_scopes && !ask->peer->here)
        answer = control_refused("refused: the caller is in another network namespace");
    else
        answer = found->answer(ask);
    json_decref(root);
    return answer;
}
