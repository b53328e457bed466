/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The command of `sluice run` as a process: born in its cgroup, confined, waited for.
 *
 *     sluice run ── first process of the job (pid 1 of its pid namespace: confines itself, forks, reaps, reports)
 *                      └─ COMMAND
 *
 * All of them share the caller's process group and terminal: ^C, ^Z and fg work as without sluice.  The first process
 * is born in the cgroup (CLONE_INTO_CGROUP), so no socket of the job is older than its scope.  It ends with `sluice
 * run` (PR_SET_PDEATHSIG), and the kernel ends whatever is left of the pid namespace with it. */
#ifndef SLUICE_CTL_JOB_H
#define SLUICE_CTL_JOB_H

#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>

#include "core/error.h"
#include "ctl/confine.h"

struct job_config {
    const struct confine *confine;
    char **argv;   /* COMMAND and its arguments; argv[0] is looked up in PATH */
    int cgroup_fd; /* the job's cgroup directory */
    int netns_fd;  /* its network namespace, or -1: the caller's */
    sigset_t mask; /* the command's signal mask */
};

struct job {
    pid_t pid;     /* the first process */
    int report_fd; /* readable when there is a report, or when it died without one */
};

enum job_outcome {
    JOB_RUNS,    /* no report yet */
    JOB_ENDED,   /* the command ended: `status` is wait's; the first process waits to be killed */
    JOB_NO_EXEC, /* the command could not be executed: `status` is the errno */
    JOB_FAILED,  /* confining failed: `error`; the command did not run */
    JOB_KILLED,  /* the first process died without a report */
};

bool job_start(const struct job_config *config, struct job *out, struct error *e);
/* Reads the report, without waiting. */
enum job_outcome job_poll(struct job *job, int *status, struct error *error);
/* Passes a signal on to the command. */
void job_signal(const struct job *job, int number);

#endif
