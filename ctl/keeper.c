/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The keeper: policy, rules, attribution, events, status.  Reads no byte that came from the wire, but names in events.
 */
#include "ctl/keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/clock.h"
#include "ctl/control.h"
#include "ctl/eventlog.h"
#include "ctl/launcher.h"
#include "ctl/relay_ask.h"
#include "ctl/rejudge.h"
#include "ctl/role.h"
#include "nft/cgroup.h"

#define EVENTS_AT_ONCE 64
#define OWN_FDS        8
#define JOBS_REST      9 /* times as long as they were served */
#define POLL_MSEC      250
#define TICK_USEC      1000000u
#define WATCH_USEC     200000u
#define LONE_USEC      500000u /* no launcher for so long: we start one */

static bool open_signals(struct keeper *k, struct error *e)
{
    sigset_t mask;
    sigemptyset(&mask);
    sigaddset(&mask, SIGHUP);
    sigaddset(&mask, SIGTERM);
    sigaddset(&mask, SIGINT);
    sigprocmask(SIG_SETMASK, &mask, NULL);
    (void)signal(SIGCHLD, SIG_IGN); /* a launcher that we start is nobody to wait for */
    k->signal_fd = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
    return k->signal_fd >= 0 || error_set(e, ERROR_SYSTEM, errno, "cannot read signals");
}

void keeper_count_bytes(bool first)
{
    int fd = open("/proc/sys/net/netfilter/nf_conntrack_acct", O_WRONLY | O_CLOEXEC);
    bool ok = fd >= 0 && write(fd, "1", 1) == 1;
    if (!ok && first)
        fprintf(stderr, "sluice: connections' bytes are not counted: nf_conntrack_acct cannot be set: %s\n",
                strerror(errno));
    if (fd >= 0)
        close(fd);
}

static uint16_t port_of(int fd)
{
    struct sockaddr_in6 at = {0}; /* the port lies at the same place for IPv4 */
    socklen_t len = sizeof at;
    return fd >= 0 && getsockname(fd, (struct sockaddr *)&at, &len) == 0 ? ntohs(at.sin6_port) : 0;
}

static struct process_finder *open_finder(int diag_fd)
{
    if (diag_fd < 0)
        return NULL;
    struct process_finder *finder = process_finder_new(diag_fd);
    if (!finder)
        close(diag_fd);
    return finder;
}

static bool open_all(struct keeper *k, struct error *e)
{
    struct gate *g = k->gate;
    k->shared = gate_shared(g);
    k->policy_file = g->policy_path ? strdup(g->policy_path) : NULL;
    if (!k->shared)
        return error_set(e, ERROR_SYSTEM, errno, "cannot map the shared memory");
    k->denied_before = atomic_load(&k->shared->denied);
    k->alerts_before = atomic_load(&k->shared->alerts);
    for (unsigned i = 0; i < 2 * GATE_RELAY_SLOTS; i++)
        k->relay_udp_port[i] = port_of(g->relay_udp_fd[i & 1][i / 2]);
    k->socket = ruleset_adopt(g->rules_fd, e);
    if (!k->socket || !open_signals(k, e))
        return false;
    k->bindings = binding_map(g->bindings_fd, false, e);
    k->relays = k->bindings ? relay_table_map(g->relays_fd, false, e) : NULL;
    if (!k->relays)
        return false;
    k->flows = flows_new();
    k->summary = summary_new();
    k->lookups = lookups_new();
    char host[256] = "";
    if (gethostname(host, sizeof host - 1) < 0)
        host[0] = 0;
    struct eventlog_config log = {.file_fd = g->events_file_fd,
                                  .line_fd = g->quiet ? -1 : STDERR_FILENO,
                                  .color = g->color,
                                  .host = host[0] ? host : NULL,
                                  .summary = k->summary};
    k->log = eventlog_new(&log);
    if (!k->flows || !k->summary || !k->lookups || !k->log)
        return error_set(e, ERROR_SYSTEM, ENOMEM, "cannot start the keeper");
    if ((g->status_fd >= 0 && !(k->control = control_new(g->status_fd, false))) ||
        (g->jobs_fd >= 0 && !(k->jobs_control = control_new(g->jobs_fd, true))))
        return error_set(e, ERROR_SYSTEM, ENOMEM, "cannot start the keeper");
    k->finder = open_finder(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG));
    if (g->run.job_diag_fd >= 0)
        k->job_finder = open_finder(fcntl(g->run.job_diag_fd, F_DUPFD_CLOEXEC, 3));
    struct error unwatched = {0};
    k->watch.fd = -1;
    if (!g->run.on && !cgroup_watch_open(&k->watch, &unwatched)) /* a run's own: nobody makes it again */
        fprintf(stderr, "sluice: a cgroup that is made again is matched within a second, not at once: %s\n",
                unwatched.text);
    k->links.fd = -1;
    if (!g->run.on && !links_watch_open(&k->links, &unwatched))
        fprintf(stderr, "sluice: a container that a job starts is found within a second, not at once: %s\n",
                unwatched.text);
    k->conntrack_fd = conntrack_events_open(e);
    return k->conntrack_fd >= 0;
}

static void flow_ended(void *ctx, const struct conntrack_flow *flow)
{
    attend_flow_end(ctx, flow);
}

static void flow_left(void *ctx, const struct event *end)
{
    struct event copy = *end;
    attend_write(ctx, &copy);
}

static void flow_lives(void *ctx, const struct conntrack_flow *flow)
{
    struct keeper *k = ctx;
    flows_sweep_see(k->flows, flow);
}

/* Reads which flows ended; where some were lost, those that are gone are found at the next tick. */
static void read_conntrack(struct keeper *k)
{
    if (!conntrack_events_read(k->conntrack_fd, k->gate->marks.mask, flow_ended, k))
        k->ends_lost = true;
}

static void sweep(struct keeper *k)
{
    if (!k->ends_lost)
        return;
    k->ends_lost = false;
    flows_sweep_begin(k->flows);
    if (conntrack_dump(k->gate->marks.mask, flow_lives, k, NULL))
        flows_sweep_end(k->flows, clock_real_usec(), flow_left, k);
}

static void write_report(const struct keeper *k)
{
    struct gate *g = k->gate;
    char *text = summary_json(k->summary);
    json_t *summary = text ? json_loads(text, 0, NULL) : NULL;
    bool replaced = ftruncate(g->report_fd, 0) == 0 || errno == EINVAL; /* a pipe has no length */
    FILE *out = summary && replaced ? fdopen(g->report_fd, "w") : NULL;
    if (out)
        report_write(g->report_format, "sluice run", g->audit ? "Audited: what is told as refused went on." : "",
                     summary, out);
    if (!out || fclose(out) != 0)
        fprintf(stderr, "sluice: the report %s could not be written: %s\n", g->report_path, strerror(errno));
    g->report_fd = -1;
    json_decref(summary);
    free(text);
}

/* The command ended, and none of its processes is left: what is still on its way comes, open flows are closed with the
 * counts they have, and what their sockets still hold goes. */
static void finish(struct keeper *k)
{
    struct gate_message answer = {.kind = GATE_SUMMARY};
    attend_quiet(k);
    pressure_tick(k);
    rejudge_forget_all(k);
    flows_close_all(k->flows, clock_real_usec(), flow_left, k);
    eventlog_flush(k->log, clock_boot_usec());
    k->finished = true;
    if (!k->gate->quiet && k->gate->json) {
        char *text = summary_json(k->summary);
        fprintf(stderr, "%s\n", text ? text : "{}");
        free(text);
    } else if (!k->gate->quiet) {
        summary_print(k->summary, k->gate->audit, stderr);
    }
    if (k->gate->report_fd >= 0)
        write_report(k);
    answer.denied = atomic_load(&k->shared->denied);
    answer.alerts = atomic_load(&k->shared->alerts);
    (void)send(k->gate->main_fd[0], &answer, sizeof answer, MSG_NOSIGNAL);
}

/* Where a table cannot outlive its owner, a copy that is nobody's takes its place: closed, as nobody reads its queues.
 */
static void leave_closed(const struct keeper *k)
{
    struct error e = {0};
    struct rules rules;
    struct ruleset_kernel kernel = k->gate->kernel;
    if (kernel.persist || k->gate->run.on)
        return;
    kernel.ownerless = true;
    struct ruleset_socket *nobody = ruleset_open(&e);
    bool ok = nobody && rules_make(k->gate, k->policy, &k->rules, &rules, &e);
    if (ok) {
        rules.set.table = RULESET_TABLE_CLOSED;
        ok = ruleset_apply(nobody, &kernel, &rules.set, &e);
        rules_free(&rules);
    }
    if (nobody)
        ruleset_close(nobody);
    if (!ok)
        fprintf(stderr, "sluice: the rules end with the gate: %s\n", e.text);
}

/* The rules stay as they are: without anyone who reads the queues, closed.  Of a run, the launcher removes them when
 * the job's last process is gone. */
_Noreturn static void stop(struct keeper *k, unsigned why)
{
    if (why == GATE_STOPS)
        leave_closed(k); /* before all that takes time: the launcher does not wait for ever */
    if (!k->finished) {
        attend_quiet(k);
        pressure_tick(k);
        eventlog_flush(k->log, clock_boot_usec());
        jobs_store(&k->jobs, true);
    }
    if (k->gate->run.on) { /* the job first, then what its sockets still hold, then (the launcher) the rules */
        (void)cgroup_kill(k->gate->run.cgroup, NULL);
        if (!k->finished)
            rejudge_forget_all(k);
    }
    atomic_store(&k->shared->stopping, why);
    gate_send(k->gate->main_fd[0], GATE_STOPPED, NULL);
    _exit(0);
}

static void read_main(struct keeper *k)
{
    struct gate_message message;
    while (gate_receive(k->gate->main_fd[0], &message)) {
        if (message.kind == GATE_FINISH)
            finish(k);
        else if (message.kind == GATE_STOP)
            stop(k, GATE_STOPS);
    }
}

static void read_control(struct keeper *k)
{
    static union {
        struct channel_policy_done done;
        struct channel_counts counts;
        uint32_t kind;
    } message;
    for (unsigned i = 0; i < EVENTS_AT_ONCE; i++) {
        ssize_t len = recv(k->gate->control_fd[0], &message, sizeof message, MSG_DONTWAIT);
        if (len < (ssize_t)sizeof message.kind)
            return;
        if (message.kind == CHANNEL_COUNTS && len == sizeof message.counts)
            attend_counts(k, &message.counts);
        else if (len == sizeof message.done && (message.kind == CHANNEL_POLICY_DONE || message.kind == CHANNEL_STARTED))
            reload_answer(k, &message.done);
    }
}

static void read_signals(struct keeper *k)
{
    struct signalfd_siginfo info;
    while (read(k->signal_fd, &info, sizeof info) == sizeof info)
        if (info.ssi_signo == SIGHUP)
            reload_signal(k);
}

/* Launcher and standby killed at once: we are the only one left who can start them. */
static void watch_launcher(struct keeper *k, uint64_t now)
{
    if (role_holder(k->gate->lock_fd, ROLE_LAUNCHER) || role_holder(k->gate->lock_fd, ROLE_STANDBY) ||
        atomic_load(&k->shared->stopping)) {
        k->lone_since_usec = 0;
    } else if (!k->lone_since_usec) {
        k->lone_since_usec = now;
    } else if (now - k->lone_since_usec > LONE_USEC) {
        k->lone_since_usec = 0;
        if (launcher_fork(k->gate, ROLE_LAUNCHER) < 0)
            fprintf(stderr, "sluice: keeper: cannot start a launcher: %s\n", strerror(errno));
    }
}

/* Whoever may connect there must not keep us from our work: a tenth of the time is for them. */
static void serve_everybody(struct keeper *k, const struct pollfd *fds, unsigned count)
{
    uint64_t began = clock_boot_usec();
    control_serve(k->jobs_control, k, fds, count);
    uint64_t now = clock_boot_usec();
    k->jobs_rest_usec = now + (now - began) * JOBS_REST;
}

/* Milliseconds to wait: until something is due in so many microseconds (0: nothing is). */
static int sooner(int msec, uint64_t due_usec)
{
    return due_usec && due_usec / 1000 + 1 < (uint64_t)msec ? (int)(due_usec / 1000) + 1 : msec;
}

static void serve(struct keeper *k)
{
    struct pollfd fds[OWN_FDS + 2 * CONTROL_FDS];
    unsigned roots = 0, jobs = 0;
    uint64_t now = clock_boot_usec();
    uint64_t unread_usec = cgroup_watch_wait(&k->watch, now), rest_usec = links_watch_rest(&k->links, now);
    int most_msec = sooner(sooner(POLL_MSEC, unread_usec), rest_usec);
    fds[0] = (struct pollfd){.fd = k->gate->events_fd[0], .events = POLLIN};
    fds[1] = (struct pollfd){.fd = k->gate->control_fd[0], .events = POLLIN};
    fds[2] = (struct pollfd){.fd = k->gate->main_fd[0], .events = POLLIN};
    fds[3] = (struct pollfd){.fd = k->signal_fd, .events = POLLIN};
    fds[4] = (struct pollfd){.fd = k->conntrack_fd, .events = POLLIN};
    fds[5] = (struct pollfd){.fd = unread_usec ? -1 : k->watch.fd, .events = POLLIN};
    fds[6] = (struct pollfd){.fd = k->gate->relay_fd[0], .events = POLLIN};
    fds[7] = (struct pollfd){.fd = rest_usec ? -1 : k->links.fd, .events = POLLIN};
    if (k->control)
        roots = control_poll(k->control, fds + OWN_FDS);
    if (k->jobs_control && now >= k->jobs_rest_usec)
        jobs = control_poll(k->jobs_control, fds + OWN_FDS + roots);
    else if (k->jobs_control)
        most_msec = sooner(most_msec, k->jobs_rest_usec - now);
    if (poll(fds, OWN_FDS + roots + jobs, most_msec) < 0)
        return;
    if (fds[7].revents)
        links_watch_read(&k->links, clock_boot_usec());
    jobs_look(k);
    if (fds[5].revents)
        reload_cgroups(k);
    if (fds[6].revents)
        relay_ask_serve(k);
    if (fds[1].revents)
        read_control(k);
    if (fds[0].revents)
        attend_events(k, EVENTS_AT_ONCE);
    if (fds[4].revents)
        read_conntrack(k);
    if (fds[3].revents)
        read_signals(k);
    if (fds[2].revents)
        read_main(k);
    if (k->control)
        control_serve(k->control, k, fds + OWN_FDS, roots);
    if (jobs)
        serve_everybody(k, fds + OWN_FDS + roots, jobs);
    if (k->stop_asked)
        stop(k, GATE_STOPS_DOWN);
}

int keeper_main(struct gate *gate)
{
    struct keeper *k = calloc(1, sizeof *k);
    struct error e = {0};
    if (!k || !role_take(gate->lock_fd, ROLE_KEEPER, &e)) {
        free(k);
        return 1;
    }
    k->gate = gate;
    if (!open_all(k, &e) || !reload_start(k, &e)) {
        fprintf(stderr, "sluice: keeper: %s\n", e.text);
        if (k->shared && !atomic_load(&k->shared->ready)) {
            gate_send(gate->main_fd[0], GATE_FAILED, e.text);
            atomic_store(&k->shared->stopping, GATE_STOPS_FAILED);
        }
        return 1; /* NOLINT(clang-analyzer-unix.Malloc): the process ends */
    }
    for (uint64_t ticked = 0, watched = 0;;) {
        serve(k);
        uint64_t now = clock_boot_usec();
        if (now - watched >= WATCH_USEC) {
            watched = now;
            watch_launcher(k, now);
        }
        if (now - ticked >= TICK_USEC) {
            ticked = now;
            atomic_fetch_add(&k->shared->beats[ROLE_KEEPER], 1);
            reload_tick(k);
            sweep(k);
            pressure_tick(k);
        }
        eventlog_tick(k->log, now);
    }
}
