/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/control.h"

#include <errno.h>
#include <jansson.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/clock.h"
#include "ctl/gate_sockets.h"
#include "ctl/keeper.h"
#include "ctl/role.h"
#include "nft/cgroup.h"

#define REQUEST_MAX  64
#define CLIENT_USEC  5000000u
#define ANSWER_MSEC  5000
#define ANSWER_BYTES (16u << 20)

struct client {
    int fd; /* -1: free */
    uint64_t since_usec;
    size_t have;
    char request[REQUEST_MAX];
};

struct control {
    int listen_fd;
    struct client client[CONTROL_CLIENTS];
};

struct control *control_new(int listen_fd)
{
    struct control *c = calloc(1, sizeof *c);
    if (!c)
        return NULL;
    c->listen_fd = listen_fd;
    for (unsigned i = 0; i < CONTROL_CLIENTS; i++)
        c->client[i].fd = -1;
    return c;
}

static void client_close(struct client *client)
{
    if (client->fd >= 0)
        close(client->fd);
    *client = (struct client){.fd = -1};
}

unsigned control_poll(const struct control *c, struct pollfd *fds)
{
    fds[0] = (struct pollfd){.fd = c->listen_fd, .events = POLLIN};
    for (unsigned i = 0; i < CONTROL_CLIENTS; i++)
        fds[i + 1] = (struct pollfd){.fd = c->client[i].fd, .events = POLLIN};
    return CONTROL_CLIENTS + 1;
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

static json_t *describe_scopes(const struct keeper *k)
{
    json_t *scopes = json_array();
    for (unsigned i = 0; i < k->policy->scopes; i++) {
        const struct policy_scope *scope = &k->policy->scope[i];
        json_t *cgroups = json_array();
        for (unsigned m = 0; m < scope->matches; m++)
            if (scope->match[m].kind == POLICY_CGROUP)
                json_array_append_new(cgroups, json_string(scope->match[m].text));
        json_array_append_new(scopes, json_pack("{s:s, s:i, s:s, s:s, s:o}", "name", scope->name, "id", (int)scope->id,
                                                "profile", scope->profile ? scope->profile->name : "", "mode",
                                                scope->mode == POLICY_AUDIT || k->gate->audit ? "audit" : "enforce",
                                                "cgroups", cgroups));
    }
    return scopes;
}

static char *describe(const struct keeper *k)
{
    static const char *const role[ROLE_COUNT] = {"launcher", "standby", "keeper", "inspector", "relay"};
    json_t *pids = json_object();
    for (unsigned i = 0; i < ROLE_COUNT; i++)
        json_object_set_new(pids, role[i],
                            json_integer(i == ROLE_KEEPER ? getpid() : role_holder(k->gate->lock_fd, i)));
    const struct channel_counts *c = &k->counts;
    json_t *counts = json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "allowed", (json_int_t)k->allowed,
                               "refused", (json_int_t)k->refused, "packets", (json_int_t)c->judge.packets,
                               "packets_dropped", (json_int_t)c->judge.dropped, "flows_undecided",
                               (json_int_t)c->judge.flows, "flows_open", (json_int_t)flows_count(k->flows), "bindings",
                               (json_int_t)binding_count(k->bindings, clock_boot_usec()), "overruns",
                               (json_int_t)c->overruns, "events_lost", (json_int_t)c->events_lost);
    json_object_set_new(counts, "packets_lost", json_integer((json_int_t)k->pressure.overruns));
    json_object_set_new(counts, "conntrack_refused", json_integer((json_int_t)k->pressure.conntrack_full));
    json_object_set_new(counts, "conntrack_entries", json_integer((json_int_t)k->pressure.connections));
    json_object_set_new(counts, "conntrack_max", json_integer((json_int_t)k->pressure.connections_max));
    json_object_set_new(counts, reason_name(REASON_FORGED_SOURCE),
                        json_integer((json_int_t)k->pressure.dropped[RULESET_FORGED]));
    json_object_set_new(counts, reason_name(REASON_UNPROVEN),
                        json_integer((json_int_t)k->pressure.dropped[RULESET_UNPROVEN]));
    json_object_set_new(counts, reason_name(REASON_NEIGHBOUR_ROUTED),
                        json_integer((json_int_t)k->pressure.dropped[RULESET_NEIGHBOUR]));
    for (unsigned i = 0; i < REASON_LIMITS; i++)
        json_object_set_new(counts, reason_name((enum reason)(REASON_LIMIT_FIRST + i)),
                            json_integer((json_int_t)c->judge.limits[i]));
    json_t *root =
        json_pack("{s:b, s:s, s:s, s:s, s:o, s:o, s:o, s:i, s:i, s:i, s:s}", "holds",
                  (int)(k->applied || atomic_load(&k->shared->ready)), "version", SLUICE_VERSION, "table",
                  k->gate->table, "policy", k->gate->policy_path ? k->gate->policy_path : "", "processes", pids,
                  "scopes", describe_scopes(k), "counts", counts, "generation", (int)k->generation, "reloads",
                  (int)k->reloads, "cgroups_awaited", (int)k->rules.missing, "reload_error", k->reload_error);
    char *text = root ? json_dumps(root, JSON_COMPACT) : NULL;
    json_decref(root);
    return text;
}

static enum control_wish answer(struct keeper *k, struct client *client)
{
    enum control_wish wish = CONTROL_NOTHING;
    char *text = NULL;
    const char *said = "{\"error\": \"unknown request\"}";
    int bytes = ANSWER_BYTES;
    if (strcmp(client->request, "status") == 0) {
        text = describe(k);
        said = text ? text : "{\"error\": \"no memory\"}";
    } else if (strcmp(client->request, "stop") == 0 || strcmp(client->request, "reload") == 0) {
        if (peer_is_held(k, client->fd)) {
            said = "{\"error\": \"refused: the caller is in a scope of this gate\"}";
        } else {
            wish = client->request[0] == 's' ? CONTROL_STOP : CONTROL_RELOAD;
            said = "{\"ok\": true}";
        }
    }
    /* One send into a buffer that holds it whole: a client that does not read cannot keep us. */
    setsockopt(client->fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof bytes);
    if (send(client->fd, said, strlen(said), MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
        errno = 0;
    free(text);
    client_close(client);
    return wish;
}

static void accept_client(struct control *c)
{
    int fd = accept4(c->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    struct ucred peer;
    socklen_t len = sizeof peer;
    if (fd < 0)
        return;
    struct client *oldest = &c->client[0];
    for (unsigned i = 0; i < CONTROL_CLIENTS; i++)
        if (c->client[i].fd < 0 || (oldest->fd >= 0 && c->client[i].since_usec < oldest->since_usec))
            oldest = &c->client[i];
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0 || peer.uid != 0) {
        close(fd);
        return;
    }
    client_close(oldest);
    *oldest = (struct client){.fd = fd, .since_usec = clock_boot_usec()};
}

static enum control_wish read_client(struct keeper *k, struct client *client)
{
    ssize_t n = recv(client->fd, client->request + client->have, sizeof client->request - client->have - 1, 0);
    if (n <= 0) {
        if (n == 0 || errno != EAGAIN)
            client_close(client);
        return CONTROL_NOTHING;
    }
    client->have += (size_t)n;
    client->request[client->have] = 0;
    char *end = strchr(client->request, '\n');
    if (!end && client->have < sizeof client->request - 1)
        return CONTROL_NOTHING;
    if (end)
        *end = 0;
    return answer(k, client);
}

enum control_wish control_serve(struct control *c, struct keeper *k, const struct pollfd *fds, unsigned count)
{
    enum control_wish wish = CONTROL_NOTHING;
    uint64_t now = clock_boot_usec();
    for (unsigned i = 1; i < count; i++) {
        struct client *client = &c->client[i - 1];
        if (client->fd < 0)
            continue;
        if (fds[i].revents && fds[i].fd == client->fd) {
            enum control_wish asked = read_client(k, client);
            wish = asked > wish ? asked : wish;
        } else if (now - client->since_usec > CLIENT_USEC) {
            client_close(client);
        }
    }
    if (fds[0].revents)
        accept_client(c);
    return wish;
}

static bool read_answer(int fd, char **answer_text, struct error *e)
{
    size_t size = 65536, have = 0;
    char *text = malloc(size);
    struct pollfd more = {.fd = fd, .events = POLLIN};
    while (text && poll(&more, 1, ANSWER_MSEC) > 0) {
        ssize_t n = recv(fd, text + have, size - have - 1, 0);
        if (n <= 0) {
            text[have] = 0;
            *answer_text = text;
            return true;
        }
        have += (size_t)n;
        if (have + 1 == size) {
            char *grown = size < ANSWER_BYTES ? realloc(text, size * 2) : NULL;
            if (!grown)
                break;
            text = grown;
            size *= 2;
        }
    }
    free(text);
    return error_set(e, ERROR_SYSTEM, 0, "the gate does not answer");
}

bool control_ask(const char *request, char **answer_text, struct error *e)
{
    struct sockaddr_un at;
    *e = (struct error){0};
    if (!gate_sockets_path(&at, e))
        return false;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return error_set(e, ERROR_SYSTEM, errno, "cannot open a socket");
    if (connect(fd, (struct sockaddr *)&at, sizeof at) < 0) {
        int why = errno;
        close(fd);
        if (why == ENOENT || why == ECONNREFUSED)
            return false;
        return error_set(e, ERROR_SYSTEM, why, "cannot ask the gate at %s", at.sun_path);
    }
    char line[REQUEST_MAX];
    int n = snprintf(line, sizeof line, "%s\n", request);
    bool ok = send(fd, line, (size_t)n, MSG_NOSIGNAL) == n || error_set(e, ERROR_SYSTEM, errno, "cannot ask the gate");
    ok = ok && read_answer(fd, answer_text, e);
    close(fd);
    return ok;
}
