/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/job_container.h"

#include <stdio.h>
#include <string.h>

#include "ctl/control.h"
#include "ctl/engine.h"
#include "ctl/engine_dns.h"
#include "ctl/keeper.h"

static bool add_to(json_t *request, const char *key, const char *value)
{
    json_t *values = json_object_get(request, key);
    if (!values)
        json_object_set_new(request, key, values = json_array());
    return json_array_append_new(values, json_string(value)) == 0;
}

static bool allow_port(json_t *request, const struct engine_published *port, const struct address *address)
{
    char at[ADDRESS_TEXT_SIZE], text[ADDRESS_TEXT_SIZE + 32];
    bool six = address->family == 6;
    address_format(address, at);
    snprintf(text, sizeof text, "%s%s%s%s:%u", port->udp ? "udp://" : "", six ? "[" : "", at, six ? "]" : "",
             port->port);
    return add_to(request, "allow", text);
}

/* The ports of the host that lead to the container are inside of the job as it is. */
static bool allow_published(json_t *request, const struct engine_container *container)
{
    static struct address own[CHANNEL_OWN_ADDRESSES_MAX];
    unsigned count = surroundings_addresses(own);
    bool ok = true;
    for (unsigned i = 0; i < container->published; i++) {
        const struct engine_published *port = &container->port[i];
        for (unsigned n = 0; ok && port->any && n < count; n++)
            ok = allow_port(request, port, &own[n]);
        ok = ok && (port->any || allow_port(request, port, &port->address));
    }
    return ok;
}

/* The cgroups of the jobs that run. */
static json_t *held_cgroups(void)
{
    struct error ignored;
    json_t *held = json_array(), *job;
    json_t *answer = control_ask(json_pack("{s:s}", "request", "job_list"), CONTROL_WAIT_MSEC, &ignored);
    size_t i;
    json_array_foreach(json_object_get(answer, "jobs"), i, job)
    {
        json_t *list = json_object_get(job, "cgroup");
        if (list && !json_is_true(json_object_get(job, "ended"))) /* what one left, another job may take over */
            json_array_extend(held, list);
    }
    json_decref(answer);
    return held;
}

/* A container is known by its cgroup: the gate finds the networks of what runs there by itself. */
bool job_container_add(json_t *request, const char *name, struct error *e)
{
    static struct engine_matches found; /* 33 KiB */
    struct engine_container container;
    char text[2000];
    bool cgroup = false, docker = false, certain;
    found.lines = found.addresses = 0;
    json_t *held = held_cgroups();
    bool known = engine_matches(name, held, &container, &found, e);
    json_decref(held);
    if (!known)
        return false;
    for (unsigned i = 0; i < found.lines; i++) {
        const struct engine_line *line = &found.line[i];
        docker = docker || (line->kind == POLICY_INTERFACE && strncmp(line->text, "br-", 3) == 0);
        cgroup = cgroup || line->kind == POLICY_CGROUP;
        if (line->kind == POLICY_CGROUP && !add_to(request, "cgroup", line->text))
            return error_set(e, ERROR_INPUT, 0, "container %s: its cgroup is no text in UTF-8", name);
    }
    if (!cgroup)
        return error_set(e, ERROR_INPUT, 0, "container %s has no cgroup by which it is known (--cgroups=disabled?)",
                         name);
    if (!allow_published(request, &container))
        return error_set(e, ERROR_LIMIT, 0, "no memory");
    if (!docker || container.own_servers || !engine_dns_container(text, sizeof text, &certain))
        return true;
    if (certain)
        return error_set(e, ERROR_INPUT, 0, "container %s: %s", name, text);
    static bool told;
    if (!told)
        fprintf(stderr, "sluice: warning: container %s: %s\n", name, text);
    told = true;
    return true;
}
