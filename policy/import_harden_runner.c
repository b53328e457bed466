/* SPDX-License-Identifier: GPL-3.0-or-later */
/* harden-runner: steps "uses: step-security/harden-runner@..." of a workflow, or its agent.json.
 *
 * Endpoints are host[:port], 443 without one, divided by single blanks; the first * stands for any depth below, and a
 * wildcard keeps the first port that is given for it. */
#include <string.h>
#include <strings.h>

#include "policy/import_build.h"
#include "policy/text.h"

#define ACTION "step-security/harden-runner"

const char *const import_harden_runner_notes[] = {
    "NAME:443, and NAME without a port, is TLS with that server name; NAME:80 is plain HTTP with that Host; any other "
    "port "
    "is tcp://, any bytes: write tls://NAME:PORT where it is TLS.  Each at an address that the name was resolved to.",
    "A * of harden-runner's spans dots: its *.NAME is **.NAME here, any number of labels below NAME, never NAME "
    "itself.",
    "What harden-runner allows by itself is not copied: codeload.github.com, *.actions.githubusercontent.com, "
    "actions-results-receiver-production.githubapp.com, productionresultssa* below blob.core.windows.net, the cache's "
    "host and its vendor's API.  The runner agent belongs into a scope of its own; add what the build itself needs.",
    NULL,
};

static const struct import_input inputs[] = {
    {"egress-policy", NULL},
    {"allowed-endpoints", NULL},
    {"disable-sudo", "sluice leaves sudoers alone; a command of sluice run has no capability and gains none"},
    {"disable-sudo-and-containers",
     "sluice leaves sudoers and groups alone; a command of sluice run has no capability and no container socket"},
    {"disable-telemetry", "nothing is sent to a service"},
    {"disable-file-monitoring", "files are not watched"},
    {"exempt-files", "files are not watched"},
    {"token", "nothing is fetched at run time"},
    {"api-key", "nothing is fetched at run time"},
    {"policy", "that policy is in its vendor's store; export its endpoints and import them"},
    {"use-policy-store", "that policy is in its vendor's store; export its endpoints and import them"},
    {"deploy-on-self-hosted-vm", "sluice gate is installed on the host once (deploy/README.md)"},
};

/* True when a wildcard with this text was read before in this profile. */
static bool wildcard_again(const struct import_build *b, uint32_t since, struct bytes host)
{
    const struct import_list *list = &b->out->entry;
    for (uint32_t i = since; i < list->count; i++) {
        const char *from = list->fact[i].from;
        if (strncasecmp(from, (const char *)host.at, host.len) == 0 && (!from[host.len] || from[host.len] == ':'))
            return true;
    }
    return false;
}

static bool add_endpoint(struct import_build *b, uint32_t since, const struct import_word *w)
{
    struct bytes host;
    struct import_hosts hosts;
    uint16_t port;
    char quoted[TEXT_QUOTE_SIZE];
    if (import_is_expression(w->text))
        return import_lost(b, w, "what this expression stands for is not in the file; write the entries out");
    if (w->text.len > 3 && memmem(w->text.at, w->text.len, "://", 3))
        return import_wrong(b, w, "an endpoint of harden-runner's is host:port, without a scheme");
    if (!import_split(w->text, &host, &port))
        return import_wrong(b, w, "\"%s\" has no port from 1 to 65535 behind its \":\"", text_quote(w->text, quoted));
    port = port ? port : 443;
    if (!import_address(b, w, host, &hosts))
        return false;
    if (hosts.address)
        return import_hosts_at(b, w, &hosts, port, "tcp://");
    if (host.len && host.len < 300 && memchr(host.at, '*', host.len) && wildcard_again(b, since, host))
        return import_lost(b, w,
                           "harden-runner keeps the first port of a wildcard; for this one too, write it as an entry");
    return import_hosts(b, w, host, false, &hosts) && import_hosts_at(b, w, &hosts, port, "tcp://");
}

/* Blanks divide; in a "|" block lines do, which harden-runner reads as one entry with a port that is none. */
static bool add_endpoints(struct import_build *b, uint32_t node)
{
    struct import_value v = import_node_value(b, node);
    struct import_word list = import_node_word(b, node), w;
    uint32_t since = b->out->entry.count;
    list.text = (struct bytes){(const uint8_t *)"allowed-endpoints", 17};
    import_trim(&v);
    if (memchr(v.text.at, '\n', v.text.len) &&
        !import_changed(b, &list,
                        "harden-runner divides entries by blanks alone, so in a \"|\" block it reads one entry "
                        "without a good port; here each line is an entry, as it was meant"))
        return false;
    while (import_next_word(b, &v, &w)) {
        struct import_word more = w;
        bool whole_expression = !memmem(w.text.at, w.text.len, "${{", 3);
        while (!whole_expression && !memmem(more.text.at, more.text.len, "}}", 2) && import_next_word(b, &v, &more))
            w.text.len = (size_t)(more.text.at - w.text.at) + more.text.len;
        if (!add_endpoint(b, since, &w))
            return false;
    }
    return true;
}

static bool mode_facts(struct import_build *b, uint32_t egress, bool unknown)
{
    struct import_word w = import_node_word(b, egress);
    return !unknown || import_lost(b, &w, "what this expression stands for is not in the file: mode is enforce here");
}

static bool read_step(struct import_build *b, uint32_t step, uint32_t with)
{
    uint32_t egress, endpoints;
    bool audit, unknown;
    return import_input(b, with, "egress-policy", &egress) && import_input(b, with, "allowed-endpoints", &endpoints) &&
           import_egress(b, egress, false, &audit, &unknown) && import_profile_for(b, step, audit) &&
           mode_facts(b, egress, unknown) && (!endpoints || add_endpoints(b, endpoints)) &&
           import_other_inputs(b, with, inputs, sizeof inputs / sizeof *inputs);
}

/* "disable_sudo" of agent.json is "disable-sudo" of the action. */
static const struct import_input *agent_input(struct bytes key)
{
    char name[40];
    if (key.len >= sizeof name)
        return NULL;
    for (size_t i = 0; i < key.len; i++)
        name[i] = key.at[i] == '_' ? '-' : (char)key.at[i];
    name[key.len] = 0;
    for (size_t i = 0; i < sizeof inputs / sizeof *inputs; i++)
        if (strcmp(name, inputs[i].name) == 0)
            return &inputs[i];
    return NULL;
}

/* Keys that say where and for whom the agent runs (repo, run_id, ...) are no settings, and what is false is not asked
 * for. */
static bool read_agent(struct import_build *b, uint32_t egress, uint32_t endpoints)
{
    const struct document *d = &b->document;
    bool audit, unknown;
    if (!import_egress(b, egress, false, &audit, &unknown) || !import_profile_add(b, (struct bytes){0}, 1, audit) ||
        !mode_facts(b, egress, unknown))
        return false;
    uint32_t list = endpoints && d->node[endpoints].kind == DOCUMENT_LIST ? endpoints : 0;
    for (uint32_t i = list ? d->node[list].child : 0; i; i = d->node[i].next) {
        struct import_word w = import_node_word(b, i);
        if (d->node[i].kind != DOCUMENT_TEXT)
            return import_wrong(b, &w, "an endpoint is a text, \"host:port\"");
        if (!add_endpoint(b, 0, &w))
            return false;
    }
    if (endpoints && !list && !add_endpoints(b, endpoints))
        return false;
    for (uint32_t key = d->node[d->root].child; key; key = d->node[d->node[key].next].next) {
        struct import_word w = import_node_word(b, key);
        const struct import_input *input = agent_input(w.text);
        struct bytes value = document_text(d, d->node[key].next);
        if (input && input->meant && value.len && !import_is(value, "false") && !import_lost(b, &w, "%s", input->meant))
            return false;
    }
    return true;
}

bool import_harden_runner(struct import_build *b)
{
    const struct document *d = &b->document;
    struct import_word top = {{NULL, 0}, 1, 1};
    unsigned steps = 0;
    if (!document_parse_foreign(b->file, b->source, &b->document, b->e) ||
        !import_each_step(b, ACTION, read_step, &steps))
        return false;
    if (steps)
        return true;
    uint32_t egress = document_find(d, d->root, "egress_policy");
    uint32_t endpoints = document_find(d, d->root, "allowed_endpoints");
    struct import_word at = import_node_word(b, endpoints ? endpoints : egress);
    if (endpoints && d->node[endpoints].kind == DOCUMENT_MAPPING)
        return import_wrong(b, &at, "allowed_endpoints is a text or a list of texts");
    if (egress || endpoints)
        return read_agent(b, egress, endpoints);
    return import_wrong(b, &top,
                        "neither a workflow with a step \"uses: " ACTION "@...\", nor an agent.json with "
                        "\"allowed_endpoints\"");
}
