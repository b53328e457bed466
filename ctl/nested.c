/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/nested.h"

#include <jansson.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl/control.h"
#include "nft/cgroup.h"

static bool check_gate(const char *path, struct error *e)
{
    struct error why;
    size_t i, k;
    json_t *scope, *cgroup;
    bool free_to_go = true;
    json_t *root = control_ask(json_pack("{s:s}", "request", "status"), CONTROL_WAIT_MSEC, &why);
    if (!root)
        return why.code == ERROR_NONE ? true : error_set(e, why.code, 0, "%s", why.text);
    json_array_foreach(json_object_get(root, "scopes"), i, scope)
    {
        json_array_foreach(json_object_get(scope, "cgroups"), k, cgroup)
        {
            const char *text = json_string_value(cgroup);
            if (free_to_go && text && cgroup_is_below(path, text))
                free_to_go =
                    error_set(e, ERROR_INPUT, 0,
                              "this process is in scope \"%s\" of the running gate; a run inside a scope is not "
                              "possible yet",
                              json_string_value(json_object_get(scope, "name")));
        }
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
                         "this process is held by a 'sluice run' already; a run inside a run is not possible yet");
    return check_gate(path, e);
}
