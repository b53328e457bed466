/* SPDX-License-Identifier: GPL-3.0-or-later */
/* process_find_all, in a process of its own.
 *
 * Reading a command line, an environment or a file of a job's process can be made to wait for ever (see
 * process_proc.h), and the keeper must not wait for the job.  So the finder forks a helper, "sluice-lookup", which does
 * all reading; the keeper gives it PROCESS_DEADLINE_MSEC, takes what was found until then, and replaces a helper that
 * hangs.  Where that happens again and again, only what never waits is read for a while.
 *
 * The helper owns nothing of the gate: it keeps its channel, the diag socket and standard error, and ends with the
 * keeper. */
#include "ctl/process.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "ctl/process_holder.h"
#include "ctl/process_proc.h"
#include "ctl/process_socket.h"
#include "nft/cgroup.h"

#define PROCESS_DEADLINE_MSEC 250
#define PROCESS_CGROUPS_BYTES 8192
#define PROCESS_STUCK_MAX     8 /* helpers that were killed and are not gone yet */
#define PROCESS_HANGS_MAX     3 /* then only names for PROCESS_BRIEF_MSEC */
#define PROCESS_BRIEF_MSEC    10000

struct process_packet {
    uint8_t protocol;
    struct event_endpoint source, destination;
};

struct process_request {
    uint32_t serial;
    bool brief; /* names only */
    uint32_t packets, cgroups;
    struct process_packet packet[PROCESS_FIND_MAX];
    char cgroup[PROCESS_CGROUPS_BYTES]; /* paths, each with its NUL; sent as far as used */
};

/* A process for each: first with its names, then with its details; the last names none. */
struct process_answer {
    uint32_t serial;
    bool last;
    uint64_t packets; /* that it sent: a bit each */
    struct event_process process;
};

_Static_assert(PROCESS_FIND_MAX <= 64, "a bit each in process_answer");

struct process_finder {
    int diag_fd, channel, helper_pidfd; /* channel -1: no helper */
    uint32_t serial;
    unsigned hangs;
    uint64_t hung_msec; /* the last time */
    int stuck_pidfd[PROCESS_STUCK_MAX];
    unsigned stuck;
};

/* ---- the helper ---- */

static void process_collect(void *context, pid_t pid)
{
    process_holders_add(context, pid);
}

static void process_collect_all(struct process_holders *holders)
{
    DIR *dir = opendir("/proc");
    if (!dir)
        return;
    for (struct dirent *entry; (entry = readdir(dir));)
        if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9')
            process_collect(holders, (pid_t)strtol(entry->d_name, NULL, 10));
    closedir(dir);
}

/* Who sent each of the packets; 0: not found. */
static void process_search(struct process_holders *holders, int diag_fd, const struct process_request *request,
                           size_t cgroup_bytes, pid_t found[PROCESS_FIND_MAX])
{
    struct process_sockets sockets;
    struct error e;
    const char *path = request->cgroup, *end = request->cgroup + cgroup_bytes;
    process_holders_clear(holders);
    if (!request->cgroups)
        process_collect_all(holders);
    for (uint32_t i = 0; i < request->cgroups && path < end; i++, path += strlen(path) + 1)
        cgroup_each_pid(path, process_collect, holders, &e); /* a cgroup that is gone has no processes */
    pid_t any = process_holders_any(holders);
    for (uint32_t i = 0; i < request->packets; i++) {
        const struct process_packet *p = &request->packet[i];
        found[i] = 0;
        if (any && process_socket_find(diag_fd, request->cgroups ? any : 0, p->protocol, &p->source, &p->destination,
                                       &sockets))
            found[i] = process_holders_find(holders, &sockets);
    }
}

/* The packets of the process that sent this one, and none if an earlier one is its first. */
static uint64_t process_packets_of(const pid_t found[PROCESS_FIND_MAX], uint32_t packets, uint32_t which)
{
    uint64_t all = 0;
    for (uint32_t i = 0; found[which] && i < packets; i++) {
        if (found[i] == found[which] && i < which)
            return 0;
        if (found[i] == found[which])
            all |= UINT64_C(1) << i;
    }
    return all;
}

/* The names of all before the details of one: only these can be made to wait. */
static void process_helper_answer(struct process_holders *holders, int channel, int diag_fd,
                                  const struct process_request *request, size_t cgroup_bytes)
{
    static struct process_answer answer;
    static struct event_process named[PROCESS_FIND_MAX];
    pid_t found[PROCESS_FIND_MAX];
    process_search(holders, diag_fd, request, cgroup_bytes, found);
    for (int details = 0; details < (request->brief ? 1 : 2); details++) {
        for (uint32_t i = 0; i < request->packets; i++) {
            memset(&answer, 0, offsetof(struct process_answer, process));
            answer.serial = request->serial;
            answer.packets = process_packets_of(found, request->packets, i);
            if (!answer.packets)
                continue;
            if (details)
                process_proc_details(found[i], &named[i]);
            else if (!process_proc_names(found[i], &named[i]))
                found[i] = 0; /* it has just ended */
            if (!found[i])
                continue;
            answer.process = named[i];
            send(channel, &answer, sizeof answer, MSG_NOSIGNAL);
        }
    }
    memset(&answer, 0, sizeof answer);
    answer.serial = request->serial;
    answer.last = true;
    send(channel, &answer, sizeof answer, MSG_NOSIGNAL);
}

static _Noreturn void process_helper_main(int channel, int diag_fd, pid_t keeper)
{
    static struct process_request request;
    sigset_t none;
    prctl(PR_SET_NAME, "sluice-lookup");
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != keeper)
        _exit(0);
    sigemptyset(&none);
    for (int s = 1; s < NSIG; s++) /* handlers of the keeper's are not ours */
        signal(s, SIG_DFL);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGINT, SIG_IGN); /* ^C is for the keeper; we end with it */
    signal(SIGHUP, SIG_IGN);
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    channel = fcntl(channel, F_DUPFD_CLOEXEC, 10);
    diag_fd = fcntl(diag_fd, F_DUPFD_CLOEXEC, 10);
    if (null < 0 || channel < 0 || diag_fd < 0)
        _exit(1);
    dup2(null, 0);
    dup2(null, 1);
    dup2(channel, 3);
    dup2(diag_fd, 4);
    close_range(5, ~0U, 0);
    struct process_holders *holders = process_holders_new();
    if (!holders)
        _exit(1);
    process_socket_drain(4); /* what a helper before us was reading */
    for (;;) {
        ssize_t n = recv(3, &request, sizeof request, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < (ssize_t)offsetof(struct process_request, cgroup))
            _exit(0);
        process_helper_answer(holders, 3, 4, &request, (size_t)n - offsetof(struct process_request, cgroup));
    }
}

/* ---- the keeper's side ---- */

static uint64_t process_now_msec(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* Takes the exit status of killed helpers.  Never waits: a request that a FUSE server has taken is not killable. */
static void process_helpers_reap(struct process_finder *f)
{
    for (unsigned i = f->stuck; i-- > 0;) {
        siginfo_t info = {0};
        if (waitid(P_PIDFD, (id_t)f->stuck_pidfd[i], &info, WEXITED | WNOHANG) == 0 && !info.si_pid)
            continue; /* still there */
        close(f->stuck_pidfd[i]);
        f->stuck_pidfd[i] = f->stuck_pidfd[--f->stuck];
    }
}

static void process_helper_end(struct process_finder *f)
{
    if (f->channel < 0)
        return;
    pidfd_send_signal(f->helper_pidfd, SIGKILL, NULL, 0);
    close(f->channel);
    f->stuck_pidfd[f->stuck++] = f->helper_pidfd; /* process_helper_start left room */
    f->channel = f->helper_pidfd = -1;
    process_helpers_reap(f);
}

static bool process_helper_start(struct process_finder *f)
{
    int pair[2];
    pid_t keeper = getpid();
    process_helpers_reap(f);
    if (f->stuck == PROCESS_STUCK_MAX)
        return false;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
        return false;
    pid_t pid = fork();
    if (pid == 0)
        process_helper_main(pair[1], f->diag_fd, keeper);
    close(pair[1]);
    int pidfd = pid > 0 ? pidfd_open(pid, 0) : -1;
    if (pidfd < 0) {
        close(pair[0]); /* a helper without a pidfd ends at the end of its channel */
        return false;
    }
    f->channel = pair[0];
    f->helper_pidfd = pidfd;
    return true;
}

struct process_finder *process_finder_new(int diag_fd)
{
    struct process_finder *f = malloc(sizeof *f);
    if (!f)
        return NULL;
    *f = (struct process_finder){.diag_fd = diag_fd, .channel = -1, .helper_pidfd = -1};
    process_helper_start(f); /* tried again at the first search */
    return f;
}

void process_finder_free(struct process_finder *f)
{
    if (!f)
        return;
    process_helper_end(f);
    struct pollfd gone = {.events = POLLIN};
    for (unsigned i = 0; i < f->stuck; i++) { /* a moment for what ends in a moment, so that no zombie stays */
        gone.fd = f->stuck_pidfd[i];
        poll(&gone, 1, 50);
    }
    process_helpers_reap(f);
    for (unsigned i = 0; i < f->stuck; i++)
        close(f->stuck_pidfd[i]);
    close(f->diag_fd);
    free(f);
}

/* Sends the request; a helper that died is replaced once. */
static bool process_ask(struct process_finder *f, const struct process_request *request, size_t len)
{
    for (int attempt = 0; attempt < 2; attempt++) {
        if (f->channel < 0 && !process_helper_start(f))
            return false;
        if (send(f->channel, request, len, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)len)
            return true;
        process_helper_end(f);
    }
    return false;
}

static void process_take(const struct process_answer *answer, struct process_wanted *wanted, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        if (!(answer->packets >> i & 1))
            continue;
        *wanted[i].out = answer->process;
        wanted[i].found = true;
    }
}

/* Takes answers until the last one or the deadline.  False: the helper hangs or died. */
static bool process_hear(struct process_finder *f, uint64_t deadline_msec, struct process_wanted *wanted,
                         unsigned count)
{
    static struct process_answer answer; /* the keeper's thread */
    for (;;) {
        uint64_t now = process_now_msec();
        struct pollfd p = {.fd = f->channel, .events = POLLIN};
        int ready = now < deadline_msec ? poll(&p, 1, (int)(deadline_msec - now)) : 0;
        if (ready < 0 && errno == EINTR)
            continue;
        if (ready <= 0)
            return false;
        if (recv(f->channel, &answer, sizeof answer, MSG_DONTWAIT) != (ssize_t)sizeof answer)
            return false;
        if (answer.serial != f->serial)
            continue;
        if (answer.last)
            return true;
        process_take(&answer, wanted, count);
    }
}

/* The request, without its serial; returns its length, 0: it cannot be made. */
static size_t process_request_make(struct process_request *request, const struct process_wanted *wanted, unsigned count,
                                   const char *const *cgroup, unsigned cgroups)
{
    size_t used = 0;
    memset(request, 0, offsetof(struct process_request, cgroup));
    for (unsigned i = 0; i < count; i++)
        request->packet[i] = (struct process_packet){wanted[i].protocol, wanted[i].source, wanted[i].destination};
    request->packets = count;
    for (unsigned i = 0; i < cgroups; i++) {
        size_t n = strlen(cgroup[i]) + 1;
        if (used + n > sizeof request->cgroup)
            break;
        memcpy(request->cgroup + used, cgroup[i], n);
        used += n;
        request->cgroups++;
    }
    if (cgroups && !request->cgroups) /* a path too long must not become a search of all processes */
        return 0;
    return offsetof(struct process_request, cgroup) + used;
}

void process_find_all(struct process_finder *f, struct process_wanted *wanted, unsigned count,
                      const char *const *cgroup, unsigned cgroups)
{
    static struct process_request request; /* the keeper's thread */
    uint64_t now = process_now_msec();
    for (unsigned i = 0; i < count; i++)
        wanted[i].found = false;
    count = count < PROCESS_FIND_MAX ? count : PROCESS_FIND_MAX;
    size_t len = process_request_make(&request, wanted, count, cgroup, cgroups);
    if (now - f->hung_msec > PROCESS_BRIEF_MSEC)
        f->hangs = 0;
    request.serial = ++f->serial;
    request.brief = f->hangs >= PROCESS_HANGS_MAX;
    if (!len || !process_ask(f, &request, len))
        return;
    if (process_hear(f, now + PROCESS_DEADLINE_MSEC, wanted, count))
        return;
    process_helper_end(f);
    f->hangs++;
    f->hung_msec = process_now_msec();
}

bool process_find(struct process_finder *f, uint8_t protocol, const struct event_endpoint *source,
                  const struct event_endpoint *destination, const char *const *cgroup, unsigned cgroups,
                  struct event_process *out)
{
    struct process_wanted wanted = {.protocol = protocol, .source = *source, .destination = *destination, .out = out};
    process_find_all(f, &wanted, 1, cgroup, cgroups);
    return wanted.found;
}
