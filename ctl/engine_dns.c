/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/engine_dns.h"

#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctl/process_proc.h"
#include "nft/cgroup.h"

#define PID_FILE    "/run/docker.pid"
#define CONFIG_FILE "/etc/docker/daemon.json"

/* Whether an interface line takes in bridges that Docker makes: docker0 and br-0123456789ab. */
static bool takes_bridges(const char *text)
{
    static const char *const bridge[] = {"docker0", "br-"};
    size_t len = strlen(text);
    bool any = len && text[len - 1] == '*';
    for (unsigned i = 0; i < sizeof bridge / sizeof *bridge; i++) {
        size_t own = strlen(bridge[i]), common = any && len - 1 < own ? len - 1 : own;
        if ((any || len >= own) && strncmp(text, bridge[i], common) == 0)
            return true;
    }
    return false;
}

static bool takes_cgroup(const char *line, const char *cgroup)
{
    size_t len = strlen(line);
    while (len && line[len - 1] == '/')
        len--;
    return strncmp(line, cgroup, len) == 0 && (cgroup[len] == '\0' || cgroup[len] == '/');
}

#define SERVERS_SIZE (POLICY_RESOLVERS_MAX * (ADDRESS_TEXT_SIZE + 4))

/* Those that a container can reach, as JSON writes them. */
static void write_servers(const struct address *resolver, unsigned count, char out[SERVERS_SIZE])
{
    size_t len = 0;
    snprintf(out, SERVERS_SIZE, "\"ADDRESS OF A RESOLVER\"");
    for (unsigned i = 0; i < count; i++) {
        char address[ADDRESS_TEXT_SIZE];
        if (address_is_loopback(&resolver[i]))
            continue;
        address_format(&resolver[i], address);
        len += (size_t)snprintf(out + len, SERVERS_SIZE - len, "%s\"%s\"", len ? ", " : "", address);
    }
}

bool engine_dns_text(const struct policy_scope *scope, const struct engine_dns_facts *facts, char *out, size_t size)
{
    bool bridges = false, dockerd = facts->own_servers;
    for (unsigned i = 0; i < scope->matches; i++) {
        const struct policy_matcher_line *line = &scope->match[i];
        bridges = bridges || (line->kind == POLICY_INTERFACE && takes_bridges(line->text));
        dockerd = dockerd || (line->kind == POLICY_CGROUP && takes_cgroup(line->text, facts->cgroup));
    }
    if (!bridges || dockerd)
        return false;
    char servers[SERVERS_SIZE];
    write_servers(scope->resolver, scope->resolvers, servers);
    snprintf(out, size,
             "scope %s: Docker's resolver for containers (127.0.0.11) %s the host's own network, past this scope. Say "
             "{ \"dns\": [ %s ] } in " CONFIG_FILE " and restart Docker, or add cgroup: %s to the scope's match",
             scope->name, facts->loopback_only ? "asks from" : "may ask from (newer releases of Docker do)", servers,
             facts->cgroup);
    return true;
}

static bool has_servers(int proc, const char *file)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "/proc/self/fd/%d/root%s", proc, file);
    json_t *root = json_load_file(path, 0, NULL);
    bool has = json_array_size(json_object_get(root, "dns")) > 0;
    json_decref(root);
    return has;
}

/* dockerd's options: --dns A, --dns=A, --config-file F, --config-file=F. */
static bool reads_servers(int proc)
{
    char text[65536];
    const char *file = CONFIG_FILE;
    size_t len = process_proc_read(proc, "cmdline", text, sizeof text);
    for (const char *at = text; at < text + len; at += strlen(at) + 1) {
        if (strcmp(at, "--dns") == 0 || strncmp(at, "--dns=", 6) == 0)
            return true;
        /* With its value behind '=' or as the next argument: 14 bytes on, both times. */
        if (strncmp(at, "--config-file", 13) == 0 && (at[13] == '=' || at[13] == '\0') && at + 14 < text + len)
            file = at + 14;
    }
    return has_servers(proc, file);
}

/* The dockerd of this network namespace; false: none runs. */
static bool look(struct engine_dns_facts *out)
{
    char text[64], own[64], other[64], path[PATH_MAX];
    struct policy_system system = {0};
    FILE *file = fopen(PID_FILE, "re");
    if (!file)
        return false;
    bool read = fgets(text, sizeof text, file) != NULL;
    fclose(file);
    pid_t pid = read ? (pid_t)strtol(text, NULL, 10) : 0;
    int proc = pid > 1 ? process_proc_open(pid) : -1, self = process_proc_open(getpid());
    bool runs = proc >= 0 && process_proc_read(proc, "comm", text, sizeof text) && strcmp(text, "dockerd\n") == 0 &&
                process_proc_link(self, "ns/net", own, sizeof own) &&
                process_proc_link(proc, "ns/net", other, sizeof other) && strcmp(own, other) == 0 &&
                cgroup_of(pid, path, NULL);
    if (runs) {
        snprintf(out->cgroup, sizeof out->cgroup, "%.511s", path);
        out->own_servers = reads_servers(proc);
        out->loopback_only = policy_system_read("/etc/resolv.conf", &system, NULL) && system.resolvers;
        for (unsigned i = 0; i < system.resolvers; i++)
            out->loopback_only = out->loopback_only && address_is_loopback(&system.resolver[i]);
    }
    if (proc >= 0)
        close(proc);
    if (self >= 0)
        close(self);
    return runs;
}

void engine_dns_tick(struct engine_dns *seen, const struct policy *policy, unsigned reloads)
{
    struct stat st;
    struct engine_dns_facts facts = {0};
    char text[2000];
    if (stat(PID_FILE, &st) < 0) {
        *seen = (struct engine_dns){0};
        return;
    }
    struct engine_dns now = {st.st_ino, st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec, reloads + 1};
    if (now.file == seen->file && now.changed_nsec == seen->changed_nsec && now.policies == seen->policies)
        return;
    if (!look(&facts)) /* its file may be there before it is */
        return;
    *seen = now;
    for (unsigned i = 0; i < policy->scopes; i++)
        if (engine_dns_text(&policy->scope[i], &facts, text, sizeof text)) {
            fprintf(stderr, "sluice: warning: %s\n", text);
            return; /* of one scope: what to change is the same for all */
        }
}

bool engine_dns_container(char *out, size_t size, bool *certain)
{
    struct engine_dns_facts facts = {0};
    struct policy_system system = {0};
    char servers[SERVERS_SIZE];
    if (!look(&facts) || facts.own_servers || !policy_system_read("/etc/resolv.conf", &system, NULL))
        return false;
    write_servers(system.resolver, system.resolvers, servers);
    *certain = facts.loopback_only;
    snprintf(out, size,
             "its resolver (Docker's, 127.0.0.11) %s the host's own network, past the job. Say { \"dns\": [ %s ] } "
             "in " CONFIG_FILE " and restart Docker, or make the container with --dns",
             *certain ? "asks from" : "may ask from (newer releases of Docker do)", servers);
    return true;
}
