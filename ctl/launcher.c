/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/launcher.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/clock.h"
#include "ctl/forwarding.h"
#include "ctl/isolate.h"
#include "ctl/kept.h"
#include "ctl/role.h"
#include "ctl/systemd.h"
#include "nft/cgroup.h"
#include "nft/sockets.h"

#define STARTS_MAX        10       /* of one role in a second */
#define STOP_USEC         3000000u /* for the keeper to end in order, then we go on without it */
#define SETTLE_USEC       300000u  /* for a new process to take its lock */
#define POLL_LONGEST_MSEC 1000
#define LOOK_USEC         900000u /* between looks at the signs of life, each of which is due within a second */

static const char *const names[ROLE_COUNT] = {"sluice-launcher", "sluice-standby", "sluice-keeper", "sluice-inspect",
                                              "sluice-relay"};

/* One role as the primary sees it. */
struct watch {
    pid_t pid;
    int pidfd; /* -1: nobody, or not known yet */
    uint64_t started_usec;
    uint64_t window_usec; /* start of the second in which `starts` were made */
    unsigned starts;
    uint64_t beats;  /* of the role, when last looked */
    unsigned silent; /* looks in a row that found no new one */
};

struct launcher {
    struct gate *gate;
    struct gate_shared *shared;
    int signal_fd;
    bool stopping;
    uint64_t stop_usec;
    uint64_t looked_usec; /* at the signs of life */
    struct watch watch[ROLE_COUNT];
};

/* The kernel's memory shortage takes others first; no right to say so is no reason to stop. */
static void spare_from_shortage(bool spare)
{
    int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    const char *text = spare ? "-1000" : "0";
    if (write(fd, text, strlen(text)) < 0)
        errno = 0;
    close(fd);
}

static int role_main(struct gate *gate, enum gate_role role)
{
    switch (role) {
    case ROLE_KEEPER:
        return keeper_main(gate);
    case ROLE_INSPECTOR:
        return inspector_main(gate);
    case ROLE_RELAY:
        return relay_main(gate);
    default:
        return launcher_main(gate);
    }
}

pid_t launcher_fork(struct gate *gate, enum gate_role role)
{
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    sigset_t none;
    sigemptyset(&none);
    for (int number = 1; number < NSIG; number++)
        if (number != SIGKILL && number != SIGSTOP)
            (void)signal(number, SIG_DFL);
    (void)signal(SIGPIPE, SIG_IGN);
    sigprocmask(SIG_SETMASK, &none, NULL);
    setsid();
    int fds[GATE_FDS_MAX];
    unsigned count = gate_fds(gate, fds);
    struct error e = {0};
    if (!role_keep_only(fds, count, &e)) {
        fprintf(stderr, "sluice: %s: %s\n", names[role], e.text);
        _exit(1);
    }
    spare_from_shortage(role == ROLE_STANDBY || role == ROLE_LAUNCHER);
    prctl(PR_SET_NAME, names[role], 0, 0, 0);
    _exit(role_main(gate, role));
}

static int pid_open(pid_t pid)
{
    return (int)syscall(SYS_pidfd_open, pid, 0);
}

static void watch_forget(struct watch *w)
{
    if (w->pidfd >= 0)
        close(w->pidfd);
    w->pidfd = -1;
    w->pid = 0;
}

/* Makes sure that somebody has the role: watches its holder, or starts one. */
static void watch_ensure(struct launcher *l, enum gate_role role)
{
    struct watch *w = &l->watch[role];
    uint64_t now = clock_boot_usec();
    if (w->pidfd >= 0 || l->stopping)
        return;
    pid_t holder = role_holder(l->gate->lock_fd, role);
    if (!holder) {
        if (now - w->window_usec >= 1000000) {
            w->window_usec = now;
            w->starts = 0;
        }
        if (w->starts >= STARTS_MAX)
            return; /* tried again with the next second */
        w->starts++;
        holder = launcher_fork(l->gate, role);
    }
    if (holder <= 0)
        return;
    w->pid = holder;
    w->started_usec = now;
    w->pidfd = pid_open(holder);
}

static void signal_holder(struct launcher *l, enum gate_role role, int number)
{
    pid_t pid = role_holder(l->gate->lock_fd, role);
    if (pid > 0)
        kill(pid, number);
}

/* Asks the keeper to end; the rest follows when it has. */
static void begin_stop(struct launcher *l)
{
    if (l->stop_usec)
        return;
    l->stop_usec = clock_boot_usec();
    systemd_say("STOPPING=1");
    if (!gate_send(l->gate->main_fd[1], GATE_STOP, NULL))
        atomic_store(&l->shared->stopping, GATE_STOPS);
}

/* `sluice run` is gone and cannot end its job: we do (law 3: the job goes before the rules). */
static void orphaned_run(struct launcher *l)
{
    struct error e = {0};
    if (l->stop_usec)
        return;
    if (!cgroup_kill(l->gate->run.cgroup, &e))
        fprintf(stderr, "sluice: cannot end what runs in %s: %s\n", l->gate->run.cgroup, e.text);
    begin_stop(l);
}

static void read_signals(struct launcher *l)
{
    struct signalfd_siginfo info;
    while (read(l->signal_fd, &info, sizeof info) == sizeof info) {
        if (info.ssi_signo == SIGCHLD)
            while (waitpid(-1, NULL, WNOHANG) > 0)
                ;
        else if (info.ssi_signo == SIGHUP)
            signal_holder(l, ROLE_KEEPER, SIGHUP);
        else if (!l->gate->run.on) /* of a run, only the main process decides when it ends */
            begin_stop(l);
    }
}

/* What the keeper says to the foreground process of `sluice gate`, which is us. */
static void read_main(struct launcher *l)
{
    struct gate_message message;
    while (!l->gate->run.on && gate_receive(l->gate->main_fd[1], &message)) {
        if (message.kind == GATE_READY) {
            if (!atomic_exchange(&l->shared->ready, 1)) {
                fprintf(stderr, "sluice: gate ready: %s\n", message.text);
                kept_store(l->gate);
                systemd_say("READY=1\nSTATUS=%s", message.text);
            }
        } else if (message.kind == GATE_FAILED && !atomic_load(&l->shared->ready)) {
            fprintf(stderr, "sluice: %s\n", message.text);
            atomic_store(&l->shared->stopping, GATE_STOPS_FAILED);
        }
    }
}

/* The keeper is gone and nobody is to be started again: ends the other processes. */
static void end_others(struct launcher *l)
{
    static const enum gate_role others[] = {ROLE_STANDBY, ROLE_RELAY, ROLE_INSPECTOR, ROLE_KEEPER};
    l->stopping = true;
    for (int attempt = 0; attempt < 50; attempt++) {
        bool left = false;
        for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
            pid_t pid = role_holder(l->gate->lock_fd, others[i]);
            if (pid > 0) {
                kill(pid, SIGKILL);
                left = true;
            }
            if (l->watch[others[i]].pidfd >= 0) /* one that has no lock yet */
                syscall(SYS_pidfd_send_signal, l->watch[others[i]].pidfd, SIGKILL, NULL, 0);
        }
        /* Reaped here: who started the gate may be the first process of a container, which often reaps nothing. */
        while (waitpid(-1, NULL, WNOHANG) > 0)
            ;
        if (!left)
            break;
        for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
            struct pollfd end = {.fd = l->watch[others[i]].pidfd, .events = POLLIN};
            if (end.fd >= 0 && attempt == 0)
                poll(&end, 1, 10);
        }
        if (attempt > 0)
            poll(NULL, 0, 2);
    }
    for (int attempt = 0; attempt < 50 && waitpid(-1, NULL, WNOHANG) >= 0; attempt++)
        poll(NULL, 0, 1);
}

/* What a run leaves on the host goes: the job's processes, its way out, what the kernel still has to send for it, and
 * only then the rules that held them. */
static void clear_run(struct gate *gate)
{
    struct error e = {0};
    struct ruleset_cgroup cgroup;
    if (!cgroup_kill(gate->run.cgroup, &e) && e.sys_errno != ENOENT)
        fprintf(stderr, "sluice: %s\n", e.text);
    if (gate->run.veth[0] && !isolate_remove(gate->run.veth, &e))
        fprintf(stderr, "sluice: %s\n", e.text);
    bool silent = !cgroup_find(gate->run.cgroup, &cgroup, &e) || sockets_end(cgroup.id, &e);
    struct ruleset_socket *rules = silent ? ruleset_adopt(gate->rules_fd, &e) : NULL;
    if (!rules || !ruleset_remove(rules, gate->table, &e))
        fprintf(stderr, "sluice: the rules of this run stay, closed ('sluice down' removes them): %s\n", e.text);
    if (!cgroup_remove(gate->run.cgroup, &e) && e.sys_errno != ENOENT)
        fprintf(stderr, "sluice: %s\n", e.text);
    if (gate->run.veth[0] && !forwarding_release(gate->run.forwarding_fd, &e))
        fprintf(stderr, "sluice: %s\n", e.text);
}

/* The service manager hears from us each second as long as we run.  Of the others, one that shows no sign of life for
 * as long as the manager would wait is ended and started again, as if it had died: a hang closes no less than a crash.
 * The time is counted in looks of ours, so that neither a stopped machine nor a stopped launcher makes others look
 * dead. */
static void watch_life(struct launcher *l)
{
    static const enum gate_role lively[] = {ROLE_KEEPER, ROLE_INSPECTOR};
    uint64_t now = clock_boot_usec(), most = systemd_watchdog_usec() / LOOK_USEC;
    if (!most || now - l->looked_usec < LOOK_USEC || atomic_load(&l->shared->stopping) || l->stop_usec)
        return;
    l->looked_usec = now;
    systemd_say("WATCHDOG=1");
    for (size_t i = 0; i < sizeof lively / sizeof lively[0]; i++) {
        struct watch *w = &l->watch[lively[i]];
        uint64_t beats = atomic_load(&l->shared->beats[lively[i]]);
        if (beats != w->beats || w->pidfd < 0 || now - w->started_usec < systemd_watchdog_usec())
            w->silent = 0;
        else
            w->silent++;
        w->beats = beats;
        if (w->silent < most)
            continue;
        fprintf(stderr, "sluice: %s (pid %d) shows no sign of life: started again\n", names[lively[i]], (int)w->pid);
        w->silent = 0;
        syscall(SYS_pidfd_send_signal, w->pidfd, SIGKILL, NULL, 0);
    }
}

static bool must_end(const struct launcher *l)
{
    if (l->stop_usec && clock_boot_usec() - l->stop_usec > STOP_USEC)
        return true;
    if (!atomic_load(&l->shared->stopping))
        return false;
    return !role_holder(l->gate->lock_fd, ROLE_KEEPER);
}

/* Until one of the watched ends, or something is said. */
static void wait_something(struct launcher *l)
{
    struct pollfd fds[ROLE_COUNT + 3];
    for (int i = 0; i < ROLE_COUNT; i++)
        fds[i] = (struct pollfd){.fd = l->watch[i].pidfd, .events = POLLIN};
    fds[ROLE_COUNT] = (struct pollfd){.fd = l->signal_fd, .events = POLLIN};
    fds[ROLE_COUNT + 1] = (struct pollfd){.fd = l->gate->run.on ? -1 : l->gate->main_fd[1], .events = POLLIN};
    fds[ROLE_COUNT + 2] = (struct pollfd){.fd = l->stop_usec ? -1 : l->gate->run.main_pidfd, .events = POLLIN};
    bool busy = l->stop_usec || atomic_load(&l->shared->stopping);
    for (int i = ROLE_STANDBY; i < ROLE_COUNT; i++)
        busy |= l->watch[i].pidfd < 0;
    if (poll(fds, ROLE_COUNT + 3, busy ? 20 : POLL_LONGEST_MSEC) < 0)
        return;
    for (int i = ROLE_STANDBY; i < ROLE_COUNT; i++)
        if (fds[i].revents)
            watch_forget(&l->watch[i]);
    if (fds[ROLE_COUNT].revents)
        read_signals(l);
    if (fds[ROLE_COUNT + 1].revents)
        read_main(l);
    if (fds[ROLE_COUNT + 2].revents)
        orphaned_run(l);
}

static int primary(struct launcher *l)
{
    sigset_t mask;
    sigemptyset(&mask);
    sigaddset(&mask, SIGHUP);
    sigaddset(&mask, SIGINT);
    sigaddset(&mask, SIGTERM);
    sigaddset(&mask, SIGCHLD);
    sigprocmask(SIG_BLOCK, &mask, NULL);
    l->signal_fd = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
    if (l->signal_fd < 0)
        return 1;
    spare_from_shortage(true);
    while (!must_end(l)) {
        if (!atomic_load(&l->shared->stopping))
            for (int role = ROLE_STANDBY; role < ROLE_COUNT; role++)
                watch_ensure(l, (enum gate_role)role);
        wait_something(l);
        read_main(l);
        watch_life(l);
    }
    uint32_t why = atomic_load(&l->shared->stopping);
    if (!why)
        atomic_store(&l->shared->stopping, why = GATE_STOPS);
    end_others(l);
    if (!l->gate->run.on && why == GATE_STOPS_DOWN)
        kept_forget();
    if (l->gate->run.on)
        clear_run(l->gate);
    else if (why == GATE_STOPS)
        fprintf(stderr,
                "sluice: gate ended; its rules stay, closed: what its scopes want to open is dropped until a gate "
                "starts again or 'sluice down' removes them. Cgroups that are made meanwhile are not known to them\n");
    else if (why == GATE_STOPS_DOWN)
        fprintf(stderr, "sluice: gate ended by 'sluice down'\n");
    return why == GATE_STOPS_FAILED;
}

/* Waits for the primary's end.  True: we are the primary now. */
static bool standby(struct gate *gate, struct gate_shared *shared)
{
    uint64_t since = clock_boot_usec();
    for (;;) {
        if (atomic_load(&shared->stopping))
            return false;
        pid_t pid = role_holder(gate->lock_fd, ROLE_LAUNCHER);
        int fd = pid > 0 ? pid_open(pid) : -1;
        if (fd >= 0) {
            struct pollfd end = {.fd = fd, .events = POLLIN};
            poll(&end, 1, -1);
            close(fd);
        } else if (clock_boot_usec() - since < SETTLE_USEC && pid == 0) {
            poll(NULL, 0, 5);
        }
        if (!atomic_load(&shared->stopping) && role_take(gate->lock_fd, ROLE_LAUNCHER, NULL))
            return true;
    }
}

int launcher_main(struct gate *gate)
{
    struct launcher l = {.gate = gate, .shared = gate_shared(gate)};
    for (int i = 0; i < ROLE_COUNT; i++)
        l.watch[i].pidfd = -1;
    if (!l.shared)
        return 1;
    if (!role_take(gate->lock_fd, ROLE_LAUNCHER, NULL)) {
        if (!role_take(gate->lock_fd, ROLE_STANDBY, NULL))
            return 1;
        if (!standby(gate, l.shared))
            return 0;
        struct flock free_standby = {.l_type = F_UNLCK, .l_whence = SEEK_SET, .l_start = ROLE_STANDBY, .l_len = 1};
        fcntl(gate->lock_fd, F_SETLK, &free_standby);
    }
    /* Whoever was started as the standby, and found the launcher's place free at once, is it too. */
    char name[16] = "";
    prctl(PR_GET_NAME, name, 0, 0, 0);
    if (strcmp(name, names[ROLE_STANDBY]) == 0)
        prctl(PR_SET_NAME, names[ROLE_LAUNCHER], 0, 0, 0);
    return primary(&l);
}
