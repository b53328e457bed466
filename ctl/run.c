/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/run.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/clock.h"
#include "ctl/command.h"
#include "ctl/complaint.h"
#include "ctl/confine.h"
#include "ctl/gate.h"
#include "ctl/gate_sockets.h"
#include "ctl/isolate.h"
#include "ctl/job.h"
#include "ctl/launcher.h"
#include "ctl/nested.h"
#include "ctl/role.h"
#include "nft/cgroup.h"

#define READY_USEC   30000000u
#define SUMMARY_USEC 5000000u
#define END_USEC     5000000u

struct run {
    struct run_config *config;
    struct gate gate;
    struct gate_shared *shared;
    struct confine confine;
    struct isolate isolate;
    struct job job;
    pid_t launcher;
    bool cgroup_made, launched;
    int signal_fd, cgroup_fd;
    sigset_t mask; /* as we were called */
    char *resolv_conf;
    struct sockaddr_un jobs_at; /* where it is asked to enter a phase */
    bool removing;              /* the veth pair, in a thread of its own */
    pthread_t remover;
};

static char *read_text(const char *path)
{
    char *text = calloc(1, 65536);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (text && fd >= 0 && read(fd, text, 65535) < 0)
        text[0] = 0;
    if (fd >= 0)
        close(fd);
    return text;
}

/* The resolvers that the job's own namespace can reach. */
static bool make_resolv_conf(struct run *r, const struct policy *policy, struct error *e)
{
    const struct policy_scope *scope = policy_scope_find(policy, r->gate.scope_first);
    struct address reachable[POLICY_RESOLVERS_MAX];
    unsigned count = 0;
    for (unsigned i = 0; scope && i < scope->resolvers; i++)
        if (scope->resolver[i].family == 4 || r->isolate.has6)
            reachable[count++] = scope->resolver[i];
    char *host = read_text("/etc/resolv.conf");
    r->resolv_conf = isolate_resolv_conf(reachable, count, host, e);
    free(host);
    r->confine.resolv_conf = r->resolv_conf;
    return r->resolv_conf != NULL;
}

static bool open_gate(struct run *r, struct error *e)
{
    struct policy_ids *ids = calloc(1, sizeof *ids);
    struct bytes bundle = {0};
    struct policy *policy = NULL;
    struct gate *g = &r->gate;
    bool ok = ids &&
              run_policy_make(&r->config->policy, g->scope_first, g->run.cgroup, g->run.veth, ids, &bundle, &policy, e);
    if (ok && policy->mark_mask != g->marks.mask)
        ok = error_set(e, ERROR_INPUT, 0, "%s sets mark_mask, which is for 'sluice gate'", r->config->policy.file);
    ok = ok && (!r->config->isolate || make_resolv_conf(r, policy, e)) && gate_open(g, bundle, ids, e);
    g->policy = policy;
    free((void *)(uintptr_t)bundle.at);
    free(ids);
    return ok;
}

static bool enter_isolation(struct run *r, struct error *e)
{
    struct gate_run *run = &r->gate.run;
    if (!isolate_make(run->number, &r->isolate, e))
        return false;
    run->network4 = r->isolate.network4;
    if (r->isolate.has6)
        run->network6 = r->isolate.network6;
    run->job_diag_fd = r->isolate.diag_fd;
    run->forwarding_fd = r->isolate.forwarding_fd;
    snprintf(run->veth, sizeof run->veth, "%s", r->isolate.veth);
    return true;
}

/* Everything up to the gate's processes.  What was made is undone by tidy. */
static bool prepare(struct run *r, struct error *e)
{
    struct gate *g = &r->gate;
    char mount[PATH_MAX], path[2 * PATH_MAX];
    if (!confine_user(r->config->as_root, &r->confine, e) || !confine_stdio(e))
        return false;
    r->config->isolate |= r->confine.root;
    r->confine.keeps = r->config->sockets;
    r->confine.agent = getenv("SSH_AUTH_SOCK");
    memcpy(r->confine.keep, r->config->socket, sizeof r->confine.keep);
    g->run.on = true;
    g->run.main_pid = getpid();
    if (!gate_sockets_jobs_path(g->run.main_pid, &r->jobs_at, e))
        return false;
    r->confine.jobs = r->jobs_at.sun_path;
    g->run.main_pidfd = (int)syscall(SYS_pidfd_open, getpid(), 0);
    if (g->run.main_pidfd < 0)
        return error_set(e, ERROR_SYSTEM, errno, "cannot watch ourselves");
    mark_layout_init(MARK_MASK_DEFAULT, &g->marks);
    snprintf(g->run.cgroup, sizeof g->run.cgroup, "/sluice-run-%d", (int)getpid());
    if (!gate_take_numbers(g, e) || !cgroup_mount_find(mount, e) || !cgroup_make(g->run.cgroup, e))
        return false;
    r->cgroup_made = true;
    snprintf(path, sizeof path, "%s%s", mount, g->run.cgroup);
    r->cgroup_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (r->cgroup_fd < 0)
        return error_set(e, ERROR_SYSTEM, errno, "cannot open %s", path);
    if (r->config->isolate && !enter_isolation(r, e))
        return false;
    return open_gate(r, e);
}

/* One message of the keeper within `usec`.  False: none came, or the gate is gone. */
static bool await(struct run *r, enum gate_message_kind kind, uint64_t usec, struct gate_message *out)
{
    uint64_t end = clock_boot_usec() + usec;
    for (;;) {
        while (gate_receive(r->gate.main_fd[1], out))
            if (out->kind == kind || out->kind == GATE_FAILED)
                return out->kind == kind;
        uint64_t now = clock_boot_usec();
        if (now >= end || (atomic_load(&r->shared->stopping) && !role_holder(r->gate.lock_fd, ROLE_LAUNCHER))) {
            out->kind = 0;
            return false;
        }
        struct pollfd more = {.fd = r->gate.main_fd[1], .events = POLLIN};
        poll(&more, 1, end - now < 100000 ? (int)((end - now) / 1000) + 1 : 100);
    }
}

static bool launch(struct run *r, struct error *e)
{
    struct gate_message message;
    r->shared = gate_shared(&r->gate);
    if (!r->shared)
        return error_set(e, ERROR_SYSTEM, errno, "cannot map the shared memory");
    r->launcher = launcher_fork(&r->gate, ROLE_LAUNCHER);
    if (r->launcher < 0)
        return error_set(e, ERROR_SYSTEM, errno, "cannot start the gate");
    r->launched = true;
    if (await(r, GATE_READY, READY_USEC, &message))
        return atomic_store(&r->shared->ready, 1), true;
    return error_set(e, ERROR_SYSTEM, 0, "%s",
                     message.kind == GATE_FAILED ? message.text : "the gate did not get ready in time");
}

static void take_signals(struct run *r)
{
    static const int passed[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGALRM, SIGCONT, SIGWINCH};
    sigset_t mask;
    sigemptyset(&mask);
    for (size_t i = 0; i < sizeof passed / sizeof passed[0]; i++)
        sigaddset(&mask, passed[i]);
    sigprocmask(SIG_BLOCK, &mask, &r->mask);
    r->signal_fd = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* The terminal's own ^C reaches the command without us: only what a process sent is passed on. */
static void pass_signals(struct run *r)
{
    struct signalfd_siginfo info;
    while (read(r->signal_fd, &info, sizeof info) == sizeof info)
        if (info.ssi_code <= 0)
            job_signal(&r->job, (int)info.ssi_signo);
}

/* Waits for the command; the exit status.  *ran: it was executed. */
static int wait_job(struct run *r, bool *ran)
{
    struct error e = {0};
    for (;;) {
        struct pollfd fds[2] = {{.fd = r->job.report_fd, .events = POLLIN}, {.fd = r->signal_fd, .events = POLLIN}};
        if (poll(fds, 2, -1) < 0)
            continue;
        pass_signals(r);
        int status = 0;
        switch (job_poll(&r->job, &status, &e)) {
        case JOB_RUNS:
            continue;
        case JOB_ENDED:
            *ran = true;
            return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
        case JOB_NO_EXEC:
            complaint(ERROR_INPUT, "cannot run %s: %s", r->config->argv[0], strerror(status));
            return status == ENOENT ? EXIT_NOT_FOUND : EXIT_CANNOT_RUN;
        case JOB_FAILED:
            complaint_error(&e);
            return EXIT_SLUICE;
        case JOB_KILLED:
            fprintf(stderr, "sluice: the job was killed\n");
            *ran = true;
            return 128 + SIGKILL;
        }
    }
}

struct leftovers {
    pid_t first;
    unsigned count;
};

static void count_one(void *ctx, pid_t pid)
{
    struct leftovers *left = ctx;
    left->count += pid != left->first;
}

/* The launcher does it too, before the rules go, and is told then if it fails: the kernel takes 15 ms, of which nothing
 * else needs to wait for more than the first. */
static void *remove_veth(void *veth)
{
    (void)isolate_remove(veth, NULL);
    return NULL;
}

/* Ends what the command left running, and the way out of its network namespace. */
static void end_job(struct run *r)
{
    struct error e = {0};
    struct leftovers left = {.first = r->job.pid};
    if (cgroup_each_pid(r->gate.run.cgroup, count_one, &left, &e) && left.count)
        fprintf(stderr, "sluice: %u process%s that the command left running %s ended\n", left.count,
                left.count == 1 ? "" : "es", left.count == 1 ? "is" : "are");
    if (!cgroup_kill(r->gate.run.cgroup, &e))
        fprintf(stderr, "sluice: %s\n", e.text);
    kill(r->job.pid, SIGKILL);
    while (waitpid(r->job.pid, NULL, 0) < 0 && errno == EINTR)
        ;
    char *veth = r->gate.run.veth;
    r->removing = veth[0] && pthread_create(&r->remover, NULL, remove_veth, veth) == 0;
}

/* Until the launcher that we started has ended; another process may be it by then. */
static void await_launcher(struct run *r)
{
    struct pollfd end = {.fd = (int)syscall(SYS_pidfd_open, r->launcher, 0), .events = POLLIN};
    if (end.fd < 0)
        return;
    poll(&end, 1, END_USEC / 1000);
    close(end.fd);
}

/* Ends the gate and waits until the launcher has cleared everything away. */
static void end_gate(struct run *r)
{
    gate_send(r->gate.main_fd[1], GATE_STOP, NULL);
    uint64_t end = clock_boot_usec() + END_USEC;
    if (!atomic_load(&r->shared->ready)) /* nothing is judged yet; who waits for an inspector need not */
        atomic_store(&r->shared->stopping, GATE_STOPS_FAILED);
    await_launcher(r);
    for (;;) {
        bool left = false;
        for (unsigned role = 0; role < ROLE_COUNT; role++)
            left |= role_holder(r->gate.lock_fd, role) != 0;
        if (!left) {
            waitpid(r->launcher, NULL, 0);
            return;
        }
        if (clock_boot_usec() > end) {
            fprintf(stderr, "sluice: the gate does not end; 'sluice down' removes what is left\n");
            return;
        }
        poll(NULL, 0, 2);
    }
}

/* What is left where no launcher could do it. */
static void tidy(struct run *r)
{
    if (r->launched) {
        end_gate(r);
    } else {
        if (r->cgroup_made)
            cgroup_remove(r->gate.run.cgroup, NULL);
        isolate_undo(&r->isolate); /* closes what it shares with the gate */
        r->gate.run.job_diag_fd = r->gate.run.forwarding_fd = -1;
    }
    if (r->jobs_at.sun_path[0] && r->gate.jobs_fd >= 0)
        unlink(r->jobs_at.sun_path);
    if (r->removing)
        pthread_join(r->remover, NULL);
    if (r->isolate.netns_fd >= 0)
        close(r->isolate.netns_fd);
    if (r->cgroup_fd >= 0)
        close(r->cgroup_fd);
    gate_close(&r->gate);
    free(r->resolv_conf);
}

static int run_job(struct run *r)
{
    struct error e = {0};
    struct gate_message summary;
    struct job_config config = {.confine = &r->confine,
                                .argv = r->config->argv,
                                .cgroup_fd = r->cgroup_fd,
                                .netns_fd = r->isolate.netns_fd,
                                .mask = r->mask};
    if (!job_start(&config, &r->job, &e)) {
        complaint_error(&e);
        return EXIT_SLUICE;
    }
    bool ran = false;
    int status = wait_job(r, &ran);
    end_job(r);
    if (!ran)
        return status;
    gate_send(r->gate.main_fd[1], GATE_FINISH, NULL);
    if (!await(r, GATE_SUMMARY, SUMMARY_USEC, &summary)) {
        fprintf(stderr, "sluice: the gate gave no summary\n");
        summary.denied = atomic_load(&r->shared->denied);
        summary.alerts = atomic_load(&r->shared->alerts);
    }
    if (status == 0 && ((r->config->fail_on_deny && summary.denied) || (r->config->fail_on_alert && summary.alerts)))
        return EXIT_FAIL_ON;
    return status;
}

int run_command(struct run_config *config)
{
    static struct run r;
    struct error e = {0};
    int status = EXIT_SLUICE;
    r = (struct run){.config = config, .cgroup_fd = -1, .signal_fd = -1};
    if (!nested_check(&e)) {
        complaint_error(&e);
        return EXIT_SLUICE;
    }
    if (geteuid() != 0) {
        complaint(ERROR_SYSTEM,
                  "run needs root to make the packet rules: sudo sluice run …; the command itself runs as you");
        return EXIT_SLUICE;
    }
    isolate_init(&r.isolate);
    gate_init(&r.gate);
    r.gate.events_path = config->events_path;
    r.gate.report_path = config->report_path;
    r.gate.report_format = config->report_format;
    r.gate.audit = config->policy.audit;
    r.gate.json = config->json;
    r.gate.color = isatty(STDERR_FILENO);
    take_signals(&r);
    if (r.signal_fd < 0)
        error_set(&e, ERROR_SYSTEM, errno, "cannot read signals");
    if (r.signal_fd >= 0 && prepare(&r, &e) && launch(&r, &e))
        status = run_job(&r);
    else
        complaint_error(&e);
    tidy(&r);
    return status;
}
