/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/gate.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctl/bundle.h"
#include "ctl/gate_sockets.h"
#include "ctl/number.h"
#include "ctl/relay_table.h"
#include "dns/binding.h"
#include "nfq/queue.h"

#define QUEUE_GATE 21000
#define QUEUE_RUNS 22000

void gate_init(struct gate *gate)
{
    *gate = (struct gate){.number_fd = -1,
                          .lock_fd = -1,
                          .rules_fd = -1,
                          .raw4_fd = -1,
                          .raw6_fd = -1,
                          .queue_tcp_fd = -1,
                          .queue_udp_fd = -1,
                          .bindings_fd = -1,
                          .bundle_fd = -1,
                          .relays_fd = -1,
                          .events_fd = {-1, -1},
                          .control_fd = {-1, -1},
                          .main_fd = {-1, -1},
                          .relay_fd = {-1, -1},
                          .status_fd = -1,
                          .jobs_fd = -1,
                          .events_file_fd = -1,
                          .report_fd = -1};
    gate->run.main_pidfd = gate->run.job_diag_fd = gate->run.forwarding_fd = -1;
    gate_sockets_no_relay(gate);
}

unsigned gate_fds(const struct gate *g, int out[GATE_FDS_MAX])
{
    const int single[] = {g->number_fd,       g->lock_fd,           g->rules_fd,       g->raw4_fd,
                          g->raw6_fd,         g->queue_tcp_fd,      g->queue_udp_fd,   g->bindings_fd,
                          g->bundle_fd,       g->relays_fd,         g->events_fd[0],   g->events_fd[1],
                          g->control_fd[0],   g->control_fd[1],     g->main_fd[0],     g->main_fd[1],
                          g->status_fd,       g->jobs_fd,           g->events_file_fd, g->run.main_pidfd,
                          g->run.job_diag_fd, g->run.forwarding_fd, g->relay_fd[0],    g->relay_fd[1],
                          g->relay_tcp_fd[0], g->relay_tcp_fd[1],   g->report_fd};
    unsigned count = 0;
    for (size_t i = 0; i < sizeof single / sizeof single[0]; i++)
        if (single[i] >= 0)
            out[count++] = single[i];
    for (unsigned i = 0; i < 2 * GATE_RELAY_SLOTS; i++)
        if (g->relay_udp_fd[i & 1][i / 2] >= 0)
            out[count++] = g->relay_udp_fd[i & 1][i / 2];
    return count;
}

void gate_close(struct gate *gate)
{
    int fds[GATE_FDS_MAX];
    unsigned count = gate_fds(gate, fds);
    for (unsigned i = 0; i < count; i++)
        close(fds[i]);
    policy_free(gate->policy);
    struct gate keep = *gate;
    gate_init(gate);
    gate->run = keep.run;
    gate->run.main_pidfd = gate->run.job_diag_fd = gate->run.forwarding_fd = -1;
}

/* One that is there already was kept from the gate before. */
static bool memory(const char *name, size_t size, int *fd, struct error *e)
{
    if (*fd >= 0)
        return true;
    *fd = memfd_create(name, MFD_CLOEXEC);
    if (*fd < 0 || ftruncate(*fd, (off_t)size) < 0)
        return error_set(e, ERROR_SYSTEM, errno, "cannot make the memory file %s", name);
    return true;
}

static bool pair(int fds[2], int buffer_bytes, struct error *e)
{
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) < 0)
        return error_set(e, ERROR_SYSTEM, errno, "cannot make a socket pair");
    for (int i = 0; i < 2; i++) /* as far as the kernel lets us; FORCE needs CAP_NET_ADMIN, which we have */
        if (setsockopt(fds[i], SOL_SOCKET, SO_SNDBUFFORCE, &buffer_bytes, sizeof buffer_bytes) < 0)
            setsockopt(fds[i], SOL_SOCKET, SO_SNDBUF, &buffer_bytes, sizeof buffer_bytes);
    return true;
}

bool gate_take_numbers(struct gate *g, struct error *e)
{
    uint16_t gate_last = (uint16_t)(g->marks.scope_max / 2);
    if (g->marks.scope_max > 2 * NUMBER_RUNS_MAX)
        gate_last = (uint16_t)(g->marks.scope_max - NUMBER_RUNS_MAX);
    if (!g->run.on) {
        g->number_fd = number_take_gate(e);
        g->scope_first = 1;
        g->scope_last = gate_last;
        g->queue_tcp = QUEUE_GATE;
        g->queue_udp = QUEUE_GATE + 1;
        snprintf(g->table, sizeof g->table, "%s", RULESET_TABLE);
        return g->number_fd >= 0;
    }
    unsigned n;
    g->number_fd = number_take_run(0, &n, e);
    if (g->number_fd < 0)
        return false;
    if (n >= (unsigned)(g->marks.scope_max - gate_last))
        return error_set(e, ERROR_LIMIT, 0, "%u runs are alive, as many as the policy's mark bits can tell apart", n);
    g->run.number = n;
    g->scope_first = g->scope_last = (uint16_t)(g->marks.scope_max - n);
    g->queue_tcp = (uint16_t)(QUEUE_RUNS + 2 * n);
    g->queue_udp = (uint16_t)(g->queue_tcp + 1);
    snprintf(g->table, sizeof g->table, RULESET_TABLE "_run_%u", n);
    return true;
}

/* Is the path's directory root's alone? */
static bool folder_is_roots(const char *path)
{
    char folder[PATH_MAX];
    struct stat st;
    const char *last = strrchr(path, '/');
    int len = last ? (int)(last - path) : 0;
    if (snprintf(folder, sizeof folder, "%.*s", len ? len : 1, len || last ? path : ".") >= (int)sizeof folder)
        return false;
    return stat(folder, &st) == 0 && st.st_uid == 0 && !(st.st_mode & (S_IWGRP | S_IWOTH));
}

/* We are root, and the place is often one that a job of before could write to: a link that it left there would have us
 * append its words to a file of root's, and a pipe that nobody reads would keep us. */
static bool open_file(const char *path, int flags, mode_t mode, int *fd, struct error *e)
{
    flags |= O_WRONLY | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
    if (!path)
        return true;
    *fd = open(path, flags | O_NOFOLLOW, mode);
    if (*fd < 0 && errno == ELOOP) {
        if (!folder_is_roots(path))
            return error_set(e, ERROR_INPUT, 0, "%s is a symbolic link in a directory that others than root write to",
                             path);
        *fd = open(path, flags, mode);
    }
    return *fd >= 0 || error_set(e, ERROR_INPUT, errno, "cannot open %s", path);
}

/* The socket that owns the rules: its descriptor lives on, the keeper adopts it. */
static bool open_rules(struct gate *g, struct error *e)
{
    if (g->rules_fd >= 0)
        return true;
    struct ruleset_socket *rules = ruleset_open(e);
    if (!rules)
        return false;
    g->rules_fd = fcntl(ruleset_fd(rules), F_DUPFD_CLOEXEC, 3);
    if (g->rules_fd < 0)
        error_set(e, ERROR_SYSTEM, errno, "cannot keep the rules' socket");
    ruleset_close(rules);
    return g->rules_fd >= 0;
}

bool gate_forwards(const struct gate *g, const struct policy *policy)
{
    if (g->run.on) /* a run holds its own command: isolated, it is forwarded for */
        return g->run.veth[0] != 0;
    bool found = policy->refuse_unmatched;
    for (unsigned i = 0; i < policy->scopes; i++)
        for (unsigned k = 0; k < policy->scope[i].matches; k++)
            found = found || policy->scope[i].match[k].kind != POLICY_CGROUP;
    return found;
}

/* Beside such a table a gate would hold nothing of what it forwards, and say nothing of it.  One that goes on where it
 * was is no reason to end: it is told (reload_verify). */
static bool no_flow_table(const struct gate *g, struct error *e)
{
    char table[RULESET_FLOW_TABLE_TEXT];
    if (g->goes_on || !gate_forwards(g, g->policy) || !ruleset_flow_table(table, NULL) || !table[0])
        return true;
    return error_set(e, ERROR_INPUT, 0,
                     "the flow table %s would take forwarded connections past the gate before they are judged: remove "
                     "its rules ('flow add') and it, or %s",
                     table, g->run.on ? "run without --isolate" : "hold this host's own cgroups only");
}

/* Of a gate that goes on with another policy than before, open connections are still to be judged by it: the keeper
 * settles that, and a gate that is started again before finds that it is not (cmd_gate.c). */
static bool store_policy(struct gate *g, struct bytes bundle, const struct policy_ids *ids, struct error *e)
{
    bool settled = !g->goes_on || g->same_policy;
    bool stored = settled ? bundle_write(g->bundle_fd, bundle, ids, e)
                          : bundle_prepare(g->bundle_fd, bundle, ids, e) && bundle_switch(g->bundle_fd, e);
    g->policy_serial = stored ? bundle_serial(g->bundle_fd) : 0;
    return g->policy_serial;
}

bool gate_open(struct gate *g, struct bytes bundle, const struct policy_ids *ids, struct error *e)
{
    if (!open_file(g->events_path, O_APPEND, 0600, &g->events_file_fd, e) ||
        !open_file(g->report_path, 0, 0644, &g->report_fd, e) || !memory("sluice-roles", 4096, &g->lock_fd, e) ||
        !memory("sluice-bindings", binding_table_size(), &g->bindings_fd, e) ||
        !memory("sluice-bundle", 4096, &g->bundle_fd, e) ||
        !memory("sluice-relays", relay_table_size(), &g->relays_fd, e) || !store_policy(g, bundle, ids, e) ||
        !pair(g->events_fd, 8 << 20, e) || !pair(g->control_fd, 1 << 20, e) || !pair(g->main_fd, 1 << 18, e) ||
        !pair(g->relay_fd, 1 << 18, e))
        return false;
    if (!gate_sockets_raw(g, e) || !gate_sockets_relay(g, g->run.on ? GATE_RELAY_SLOTS_RUN : GATE_RELAY_SLOTS, e) ||
        !gate_sockets_control(g, e))
        return false;
    if (!no_flow_table(g, e) || !ruleset_probe(&g->kernel, e) || !open_rules(g, e))
        return false;
    g->queue_tcp_fd = queue_open(g->queue_tcp, true, e);
    if (g->queue_tcp_fd >= 0)
        g->queue_udp_fd = queue_open(g->queue_udp, false, e);
    return g->queue_tcp_fd >= 0 && g->queue_udp_fd >= 0;
}

struct gate_shared *gate_shared(const struct gate *gate)
{
    void *at = mmap(NULL, sizeof(struct gate_shared), PROT_READ | PROT_WRITE, MAP_SHARED, gate->lock_fd, 0);
    return at == MAP_FAILED ? NULL : at;
}

bool gate_send(int fd, enum gate_message_kind kind, const char *text)
{
    struct gate_message message = {.kind = kind};
    snprintf(message.text, sizeof message.text, "%s", text ? text : "");
    return send(fd, &message, sizeof message, MSG_NOSIGNAL | MSG_DONTWAIT) == sizeof message;
}

bool gate_receive(int fd, struct gate_message *out)
{
    if (recv(fd, out, sizeof *out, MSG_DONTWAIT) != sizeof *out)
        return false;
    out->text[sizeof out->text - 1] = 0;
    return true;
}
