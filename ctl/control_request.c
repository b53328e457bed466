/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What may be asked of the gate, one function a request. */
#include <limits.h>
#include <string.h>
#include <sys/socket.h>

#include "ctl/control.h"
#include "ctl/keeper.h"
#include "nft/cgroup.h"

struct ask {
    struct keeper *k;
    uint32_t client;
    json_t *request;
};

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

static json_t *wrong(const char *text)
{
    struct error e;
    error_fill(&e, ERROR_INPUT, 0, "%s", text);
    return control_error(&e);
}

/* Is the peer a process of one of our own scopes? */
static bool peer_is_held(const struct keeper *k, int fd)
{
    struct ucred peer;
    socklen_t len = sizeof peer;
    char path[PATH_MAX];
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0 || peer.uid != 0 || !cgroup_of(peer.pid, path, NULL))
        return true;
    for (unsigned i = 0; i < k->policy->scopes; i++) {
        const struct policy_scope *scope = &k->policy->scope[i];
        for (unsigned m = 0; m < scope->matches; m++) {
            size_t held = scope->match[m].kind == POLICY_CGROUP ? strlen(scope->match[m].text) : 0;
            if (held && strncmp(path, scope->match[m].text, held) == 0 && (path[held] == '/' || !path[held]))
                return true;
        }
    }
    return false;
}

static json_t *ask_status(const struct ask *a)
{
    return control_status(a->k);
}

static json_t *ask_stop(const struct ask *a)
{
    a->k->stop_asked = true;
    return json_pack("{s:i, s:b}", "version", CONTROL_VERSION, "ok", 1);
}

static json_t *ask_apply(const struct ask *a)
{
    struct error e = {0};
    struct reload_ask reload = {.client = a->client};
    int dry = 0;
    const char *file = NULL;
    if (json_unpack(a->request, "{s?s, s?b}", "policy", &file, "dry_run", &dry) < 0)
        return wrong("apply takes \"policy\", the path of a file, and \"dry_run\", true or false");
    if (file && (file[0] != '/' || strlen(file) >= PATH_MAX))
        return wrong("\"policy\" must be the absolute path of a file");
    reload.file = file;
    if (dry)
        return rehearse(a->k, file);
    return reload_begin(a->k, &reload, &e) ? NULL : control_error(&e);
}

static const struct request {
    const char *name;
    bool from_scopes; /* a process in one of our scopes may ask it */
    json_t *(*answer)(const struct ask *a);
} requests[] = {
    {"status", true, ask_status},
    {"apply", false, ask_apply},
    {"stop", false, ask_stop},
};

json_t *control_request(struct keeper *k, uint32_t number, int fd, const char *text)
{
    const char *name;
    int version;
    json_t *answer = NULL, *root = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    struct ask ask = {k, number, root};
    if (json_unpack(root, "{s:i, s:s}", "version", &version, "request", &name) < 0) {
        json_decref(root);
        return wrong("a request is a JSON object on one line with \"version\" and \"request\"");
    }
    const struct request *found = NULL;
    for (unsigned i = 0; i < sizeof requests / sizeof *requests; i++)
        if (strcmp(requests[i].name, name) == 0)
            found = &requests[i];
    if (version != CONTROL_VERSION)
        answer = wrong("this gate speaks version 1 of the protocol");
    else if (!found)
        answer = wrong("unknown request; there are: status, apply, stop");
    else if (!found->from_scopes && peer_is_held(k, fd))
        answer = control_refused("refused: the caller is in a scope of this gate");
    else
        answer = found->answer(&ask);
    json_decref(root);
    return answer;
}
