/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/job_ask.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/event.h"
#include "ctl/command.h"
#include "ctl/complaint.h"
#include "ctl/confine.h"
#include "ctl/control.h"
#include "ctl/gate_sockets.h"
#include "ctl/job_cgroup.h"
#include "nft/cgroup.h"

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

static long long number_of(const json_t *object, const char *key)
{
    return (long long)json_integer_value(json_object_get(object, key));
}

static void print_safe(const char *text)
{
    char safe[16384];
    event_escape(text, safe, sizeof safe);
    fputs(safe, stdout);
}

/* In a run its own gate is asked; else this network namespace's: root at root's socket, others at everybody's. */
bool job_ask_socket(struct job_ask *a, struct error *e)
{
    char cgroup[PATH_MAX];
    struct sockaddr_un at;
    if (!cgroup_of(getpid(), cgroup, e))
        return false;
    bool in_run = strncmp(cgroup, "/sluice-run-", 12) == 0;
    if (!in_run && geteuid() == 0)
        return true;
    if (!in_run && !gate_sockets_jobs_path(0, &at, e))
        return false;
    snprintf(a->path, sizeof a->path, "%s", in_run ? CONFINE_JOBS : at.sun_path);
    return true;
}

int job_ask_failed(const struct error *e)
{
    if (e->code == ERROR_NONE)
        complaint(ERROR_NONE, "no gate runs in this network namespace");
    else
        complaint_error(e);
    return e->code == ERROR_INPUT ? EXIT_INPUT : EXIT_FINDING;
}

/* One request; NULL: *status, and it was said why. */
static json_t *ask(const struct job_ask *a, json_t *request, int *status)
{
    struct error e;
    json_t *answer = control_ask_change(a->path[0] ? a->path : NULL, request, &e);
    if (!answer)
        *status = job_ask_failed(&e);
    return answer;
}

static void print_json(const json_t *answer)
{
    json_dumpf(answer, stdout, JSON_COMPACT);
    putchar('\n');
}

static const char *plural(long long n)
{
    return n == 1 ? "" : "s";
}

/* Those that are not there yet: what begins in one that is made later may be quicker than the gate.  Whoever may not
 * make one there lets the gate wait for it; a path that is none is refused by the gate, in its words.  Returns how many
 * levels of each were made. */
static json_t *make_cgroups(const json_t *paths)
{
    size_t i;
    json_t *path, *levels = json_array();
    struct error ignored;
    json_array_foreach(paths, i, path)
    {
        unsigned made = 0;
        (void)cgroup_make_levels(json_string_value(path), &made, &ignored);
        json_array_append_new(levels, json_integer((json_int_t)made));
    }
    return levels;
}

/* The job was refused: what was made for it goes. */
static void unmake_cgroups(const json_t *paths, const json_t *levels)
{
    for (size_t i = json_array_size(levels); i-- > 0;)
        cgroup_unmake(json_string_value(json_array_get(paths, i)),
                      (unsigned)json_integer_value(json_array_get(levels, i)));
}

static void print_warnings(const json_t *answer)
{
    size_t i;
    json_t *text;
    char safe[2048];
    json_array_foreach(json_object_get(answer, "warnings"), i, text)
    {
        event_escape(json_string_value(text), safe, sizeof safe);
        fprintf(stderr, "sluice: warning: %s\n", safe);
    }
}

int job_ask_start(struct job_ask *a)
{
    struct error e = {0};
    char made[PATH_MAX] = "";
    unsigned made_levels = 0;
    int status = 0;
    json_object_set_new(a->request, "request", json_string("job_start"));
    json_object_set_new(a->request, "id", json_string(a->id));
    json_object_set_new(a->request, "profile", json_string(a->profile));
    json_object_set_new(a->request, "phase", json_string(a->phase ? a->phase : ""));
    json_object_set_new(a->request, "audit", json_boolean(a->audit));
    json_object_set_new(a->request, "incoming", json_boolean(a->incoming));
    json_object_set_new(a->request, "owner", json_integer(a->owner));
    if (a->pid && !job_cgroup_make(a->pid, a->id, made, &made_levels, &e))
        return job_ask_failed(&e);
    if (made[0]) {
        json_t *list = json_object_get(a->request, "cgroup");
        if (!list)
            json_object_set_new(a->request, "cgroup", list = json_array());
        json_array_append_new(list, json_string(made));
        json_object_set_new(a->request, "made", json_string(made));
    }
    json_t *levels = make_cgroups(json_object_get(a->request, "cgroup"));
    json_t *answer = ask(a, json_incref(a->request), &status);
    if (!answer) {
        unmake_cgroups(json_object_get(a->request, "cgroup"), levels);
        if (made[0])
            cgroup_unmake(made, made_levels);
    }
    json_decref(levels);
    if (!answer)
        return status;
    print_warnings(answer);
    /* Held before anything is in it. */
    if (made[0] && !job_cgroup_take(made, a->pid, &e)) {
        json_decref(answer);
        return job_ask_failed(&e);
    }
    if (a->json) {
        print_json(answer);
    } else {
        printf("job %s started: profile %s%s%s%s\n", a->id, a->profile, a->phase ? ", phase " : "",
               a->phase ? a->phase : "", a->audit ? " (audited)" : "");
    }
    if (*text_of(answer, "takes_over"))
        fprintf(stderr,
                "sluice: job %s takes over what job %s left running in its place: that is allowed what this job is, "
                "and counts as its own ('sluice job end %s --kill' before would have ended it)\n",
                a->id, text_of(answer, "takes_over"), text_of(answer, "takes_over"));
    json_decref(answer);
    return 0;
}

int job_ask_phase(struct job_ask *a)
{
    int status = 0;
    const char *id = a->operands > 2 ? a->operand[1] : NULL, *name = a->operand[a->operands - 1];
    json_t *request = json_pack("{s:s, s:s}", "request", "job_phase", "phase", name);
    if (id)
        json_object_set_new(request, "id", json_string(id));
    json_t *answer = ask(a, request, &status);
    if (!answer)
        return status;
    long long cut = number_of(answer, "cut");
    if (a->json)
        print_json(answer);
    else if (*name)
        printf("phase %s entered; %lld open connection%s cut\n", name, cut, plural(cut));
    else
        printf("phase left; %lld open connection%s cut\n", cut, plural(cut));
    json_decref(answer);
    return 0;
}

/* "3 refused", "3 refused (2 not listed)". */
static void print_refused(const json_t *counts)
{
    long long unlisted = number_of(counts, "unlisted");
    printf("%lld refused", number_of(counts, "denied"));
    if (unlisted)
        printf(" (%lld not listed)", unlisted);
}

static void started_text(const json_t *job, char *out, size_t size)
{
    time_t started = (time_t)(number_of(job, "started_usec") / 1000000);
    struct tm parts;
    if (!gmtime_r(&started, &parts) || !strftime(out, size, "%Y-%m-%d %H:%M:%S UTC", &parts))
        out[0] = 0;
}

static void print_report(const struct job_ask *a, const json_t *job, const json_t *summary)
{
    char title[100], about[300], started[40];
    started_text(job, started, sizeof started);
    snprintf(title, sizeof title, "sluice: job %.48s", text_of(job, "id"));
    snprintf(about, sizeof about, "Profile %.63s%s%.31s, %s, started %s.", text_of(job, "profile"),
             *text_of(job, "phase") ? ", phase " : "", text_of(job, "phase"),
             strcmp(text_of(job, "mode"), "audit") == 0 ? "audited" : "enforced", started);
    report_write(a->format, title, about, summary, stdout);
}

/* What the gate knows of the job. */
static json_t *look(const struct job_ask *a, const char *id, int *status)
{
    json_t *answer = ask(a, json_pack("{s:s, s:s}", "request", "job_list", "id", id), status);
    json_t *job = answer ? json_incref(json_array_get(json_object_get(answer, "jobs"), 0)) : NULL;
    json_decref(answer);
    return job;
}

static bool kill_all(const json_t *job, struct error *e)
{
    char own[PATH_MAX];
    size_t i;
    json_t *path;
    bool ok = cgroup_of(getpid(), own, e);
    json_array_foreach(json_object_get(job, "cgroup"), i, path)
    {
        const char *text = json_string_value(path);
        size_t len = strlen(text);
        if (ok && strncmp(own, text, len) == 0 && (own[len] == '/' || !own[len]))
            ok = error_set(e, ERROR_INPUT, 0, "--kill would end this very process, which is in the job's cgroup %s",
                           text);
        ok = ok && (cgroup_kill(text, e) || e->sys_errno == ENOENT);
    }
    return ok;
}

/* What had ended before and is dead now, the gate lets go by itself: perhaps before it is asked to. */
static bool gone(const struct job_ask *a, const char *id)
{
    struct error e = {0};
    json_t *answer =
        control_ask_change(a->path[0] ? a->path : NULL, json_pack("{s:s, s:s}", "request", "job_list", "id", id), &e);
    json_decref(answer);
    return !answer && e.code == ERROR_INPUT;
}

int job_ask_end(struct job_ask *a)
{
    struct error e = {0};
    int status = 0;
    const char *id = a->operand[1];
    json_t *job = look(a, id, &status);
    if (!job)
        return status;
    if (a->kill && !kill_all(job, &e)) {
        json_decref(job);
        return job_ask_failed(&e);
    }
    json_t *answer = control_ask_change(
        a->path[0] ? a->path : NULL,
        json_pack("{s:s, s:s, s:b}", "request", "job_end", "id", id, "release", (int)a->release), &e);
    if (!answer && a->kill && json_is_true(json_object_get(job, "ended")) && gone(a, id))
        answer = json_pack("{s:i, s:b, s:s, s:b, s:O*}", "version", CONTROL_VERSION, "ok", 1, "job", id, "held", 0,
                           "summary", json_object_get(job, "summary"));
    if (!answer) {
        json_decref(job);
        return job_ask_failed(&e);
    }
    bool held = json_is_true(json_object_get(answer, "held"));
    const json_t *summary = json_object_get(answer, "summary");
    long long denied = number_of(summary, "denied"), alerts = number_of(summary, "alerts");
    unsigned left = 0;
    if (!held && *text_of(job, "made") && geteuid() == 0 && !job_cgroup_leave(text_of(job, "made"), &left, &e))
        fprintf(stderr, "sluice: %s\n", e.text);
    if (a->json && !a->summary)
        print_json(answer);
    else if (a->summary)
        print_report(a, job, summary);
    else {
        printf("job %s ended: %lld connection%s allowed, ", id, number_of(summary, "connections"),
               plural(number_of(summary, "connections")));
        print_refused(summary);
        putchar('\n');
    }
    if (held)
        fprintf(stderr,
                "sluice: job %s left something running, which no other scope holds: it stays held, and is allowed "
                "nothing, until it is gone (--kill ends it, --release lets it go)\n",
                id);
    json_decref(answer);
    json_decref(job);
    return (a->fail_on_deny && denied) || (a->fail_on_alert && alerts) ? EXIT_FAIL_ON : 0;
}

static void print_row(const json_t *job)
{
    char started[40];
    size_t i;
    json_t *text;
    static const char *const lists[] = {"cgroup", "interface", "source"};
    started_text(job, started, sizeof started);
    printf("%-20s ", text_of(job, "id"));
    print_safe(text_of(job, "profile"));
    printf("%s%s  %s  ", *text_of(job, "phase") ? "/" : "", text_of(job, "phase"), text_of(job, "mode"));
    print_refused(job);
    printf("  since %s%s", started, json_is_true(json_object_get(job, "ended")) ? "  ended: what it left is held" : "");
    /* Root starts jobs by commands that end; of a scope's own, nobody in it can end one whose owner is gone. */
    if (*text_of(job, "starter") && number_of(job, "owner") == 0)
        fputs("  its owner is gone: only root ends it", stdout);
    for (unsigned k = 0; k < sizeof lists / sizeof *lists; k++) {
        json_array_foreach(json_object_get(job, lists[k]), i, text)
        {
            printf("  %s ", lists[k]);
            print_safe(json_string_value(text));
        }
    }
    putchar('\n');
}

int job_ask_list(struct job_ask *a)
{
    int status = 0;
    size_t i;
    json_t *job, *request = json_pack("{s:s}", "request", "job_list");
    if (a->operands > 1)
        json_object_set_new(request, "id", json_string(a->operand[1]));
    json_t *answer = ask(a, request, &status);
    if (!answer)
        return status;
    const json_t *jobs = json_object_get(answer, "jobs");
    if (a->json && !a->summary) {
        print_json(answer);
    } else if (a->summary) {
        job = json_array_get(jobs, 0);
        print_report(a, job, json_object_get(job, "summary"));
    } else {
        json_array_foreach(jobs, i, job) print_row(job);
        if (json_array_size(jobs) == 0)
            puts("no jobs");
    }
    json_decref(answer);
    return 0;
}
