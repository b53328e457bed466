/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/job.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

struct report {
    enum job_outcome outcome;
    int status;
    struct error error;
};

_Noreturn static void say_and_wait(int fd, const struct report *report)
{
    if (write(fd, report, sizeof *report) != sizeof *report)
        _exit(125);
    /* Our end would end all that is left of the pid namespace; `sluice run` first counts it, then kills us. */
    for (;;)
        pause();
}

/* Everything before the command: any failure means that it does not run. */
static bool confine_all(const struct job_config *config, int report_fd, struct error *e)
{
    static struct confine_sockets sockets;
    bool ok = confine_sockets_read(&sockets, e);
    if (ok && config->netns_fd >= 0 && setns(config->netns_fd, CLONE_NEWNET) < 0)
        ok = error_set(e, ERROR_SYSTEM, errno, "cannot enter the job's network namespace");
    ok = ok && confine_descriptors(report_fd, e) && confine_mounts(config->confine, &sockets, e);
    confine_sockets_done(&sockets);
    if (!ok)
        return false;
    confine_environment(config->confine);
    bool inside = confine_enter(config->confine, e);
    if (!confine_calls(e) || !confine_domain(e) || !confine_rights(config->confine, e) ||
        (!inside && !confine_enter(config->confine, e)))
        return false;
    /* A change of credentials resets it, so after them.  Not dumpable: the command shall not trace us. */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
        return error_set(e, ERROR_SYSTEM, errno, "cannot tie the job to sluice");
    return true;
}

/* As env(1) means it: a directory of PATH that cannot be searched does not turn "not found" into "not allowed". */
static int exec_error(const char *command, int why)
{
    const char *at = getenv("PATH");
    if (why != EACCES || strchr(command, '/'))
        return why;
    for (; at && *at; at += strcspn(at, ":"), at += *at == ':') {
        char path[4096];
        int len = (int)strcspn(at, ":");
        if (snprintf(path, sizeof path, "%.*s/%s", len, at, command) < (int)sizeof path && access(path, F_OK) == 0)
            return why;
    }
    return ENOENT;
}

/* Forks the command.  *exec_fd: reads its errno if the exec failed, end of file if it succeeded. */
static pid_t fork_command(const struct job_config *config, int *exec_fd, struct error *e)
{
    int fds[2];
    if (pipe2(fds, O_CLOEXEC) < 0) {
        error_set(e, ERROR_SYSTEM, errno, "cannot make a pipe");
        return -1;
    }
    pid_t pid = fork();
    if (pid == 0) {
        sigprocmask(SIG_SETMASK, &config->mask, NULL);
        execvp(config->argv[0], config->argv);
        int why = exec_error(config->argv[0], errno);
        if (write(fds[1], &why, sizeof why) != sizeof why)
            _exit(125);
        _exit(127);
    }
    if (pid < 0) {
        error_set(e, ERROR_SYSTEM, errno, "cannot fork");
        close(fds[0]);
    } else {
        *exec_fd = fds[0];
    }
    close(fds[1]);
    return pid;
}

/* Reaps and passes signals on until the command has ended. */
static int wait_command(pid_t command, const sigset_t *all)
{
    for (;;) {
        siginfo_t info;
        int number = sigwaitinfo(all, &info), status;
        if (number < 0)
            continue;
        /* pid 0: from outside the pid namespace, so from `sluice run`.  What the terminal sends reaches the command
         * itself. */
        if (number != SIGCHLD) {
            if (info.si_code <= 0 && info.si_pid == 0)
                kill(command, number);
            continue;
        }
        for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;)
            if (pid == command)
                return status;
    }
}

_Noreturn static void first_process(const struct job_config *config, int report_fd)
{
    struct report report = {.outcome = JOB_FAILED};
    sigset_t all;
    int exec_fd, why;
    sigfillset(&all);
    sigdelset(&all, SIGTSTP); /* ignored by a pid 1 as it is */
    sigprocmask(SIG_SETMASK, &all, NULL);
    prctl(PR_SET_NAME, "sluice-job", 0, 0, 0);
    if (!confine_all(config, report_fd, &report.error))
        say_and_wait(report_fd, &report);
    pid_t command = fork_command(config, &exec_fd, &report.error);
    if (command < 0)
        say_and_wait(report_fd, &report);
    if (read(exec_fd, &why, sizeof why) == sizeof why) {
        waitpid(command, NULL, 0);
        report = (struct report){.outcome = JOB_NO_EXEC, .status = why};
        say_and_wait(report_fd, &report);
    }
    close(exec_fd);
    report = (struct report){.outcome = JOB_ENDED, .status = wait_command(command, &all)};
    say_and_wait(report_fd, &report);
}

bool job_start(const struct job_config *config, struct job *out, struct error *e)
{
    int fds[2];
    if (pipe2(fds, O_CLOEXEC) < 0)
        return error_set(e, ERROR_SYSTEM, errno, "cannot make a pipe");
    struct clone_args args = {.flags = CLONE_NEWPID | CLONE_NEWNS | CLONE_INTO_CGROUP,
                              .exit_signal = SIGCHLD,
                              .cgroup = (unsigned long long)config->cgroup_fd};
    pid_t pid = (pid_t)syscall(SYS_clone3, &args, sizeof args);
    if (pid == 0)
        first_process(config, fds[1]);
    close(fds[1]);
    if (pid < 0) {
        close(fds[0]);
        return error_set(e, ERROR_SYSTEM, errno, "cannot start the job's first process");
    }
    fcntl(fds[0], F_SETFL, O_NONBLOCK);
    *out = (struct job){.pid = pid, .report_fd = fds[0]};
    return true;
}

enum job_outcome job_poll(struct job *job, int *status, struct error *error)
{
    struct report report;
    ssize_t n = read(job->report_fd, &report, sizeof report);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return JOB_RUNS;
    if (n != sizeof report)
        return JOB_KILLED;
    *status = report.status;
    *error = report.error;
    return report.outcome;
}

void job_signal(const struct job *job, int number)
{
    kill(job->pid, number);
}
