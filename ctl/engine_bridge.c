/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/engine_bridge.h"

#include <net/if.h>
#include <string.h>

enum { BRIDGE_DOCKER, BRIDGE_NETWORK, BRIDGE_PODMAN, BRIDGES };

static const char *const bridges[BRIDGES] = {"docker0", "br-*", "podman*"};

/* Does an interface line, a name or a beginning and '*', take all that `kind` stands for? */
static bool takes(const char *line, const char *kind)
{
    size_t len = strlen(line), begin = strcspn(kind, "*");
    bool any = len && line[len - 1] == '*';
    return strcmp(line, kind) == 0 || (any && len - 1 <= begin && strncmp(line, kind, len - 1) == 0);
}

static bool held(const struct policy *policy, const json_t *own, const char *kind)
{
    bool found = policy->refuse_unmatched;
    size_t n;
    json_t *text;
    for (unsigned i = 0; i < policy->scopes && !found; i++) {
        const struct policy_scope *scope = &policy->scope[i];
        for (unsigned m = 0; m < scope->matches && !scope->job && !found; m++)
            found = scope->match[m].kind == POLICY_INTERFACE && takes(scope->match[m].text, kind);
    }
    json_array_foreach(own, n, text)
    {
        found = found || takes(json_string_value(text), kind);
    }
    return found;
}

/* br-0123456789ab is Docker's; a bridge of the host's own may begin so, too. */
static bool is_network(const char *name)
{
    return strncmp(name, "br-", 3) == 0 && strspn(name + 3, "0123456789abcdef") == 12 && !name[15];
}

const char *engine_bridge_open(const struct policy *policy, const json_t *own)
{
    bool here[BRIDGES] = {false};
    struct if_nameindex *names = if_nameindex();
    for (const struct if_nameindex *at = names; at && at->if_name; at++) {
        bool docker = strcmp(at->if_name, bridges[BRIDGE_DOCKER]) == 0;
        here[BRIDGE_DOCKER] = here[BRIDGE_DOCKER] || docker;
        here[BRIDGE_NETWORK] = here[BRIDGE_NETWORK] || docker || is_network(at->if_name);
        here[BRIDGE_PODMAN] = here[BRIDGE_PODMAN] || strncmp(at->if_name, "podman", 6) == 0;
    }
    if (names)
        if_freenameindex(names);
    for (unsigned i = 0; i < BRIDGES; i++)
        if (here[i] && !held(policy, own, bridges[i]))
            return bridges[i];
    return NULL;
}

bool engine_bridge_all_open(const struct policy *policy)
{
    bool any = false;
    for (unsigned i = 0; i < BRIDGES; i++)
        any = any || held(policy, NULL, bridges[i]);
    return !any;
}
