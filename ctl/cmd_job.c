/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sluice job: what a runner's hooks call, and what a job may ask for itself. */
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/address.h"
#include "core/event.h"
#include "ctl/command.h"
#include "ctl/confine.h"
#include "ctl/control.h"
#include "ctl/gate_sockets.h"
#include "ctl/job_cgroup.h"
#include "ctl/job_container.h"
#include "ctl/options.h"
#include "ctl/report.h"
#include "nft/cgroup.h"

#define OPERANDS_MAX 3

enum {
    OPTION_ID,
    OPTION_PROFILE,
    OPTION_CGROUP,
    OPTION_PID,
    OPTION_CONTAINER,
    OPTION_INTERFACE,
    OPTION_SOURCE,
    OPTION_ALLOW,
    OPTION_PHASE,
    OPTION_AUDIT,
    OPTION_INCOMING,
    OPTION_RESOLVER,
    OPTION_OWNER,
    OPTION_SUMMARY,
    OPTION_FAIL_ON,
    OPTION_KILL,
    OPTION_RELEASE,
    OPTION_JSON,
};

static const struct command_option options[] = {
    [OPTION_ID] = {"--id", "ID", "start: the job's name: letters, digits, '.', '_', '-'"},
    [OPTION_PROFILE] = {"--profile", "NAME", "start: the policy's profile that it gets"},
    [OPTION_CGROUP] =
        {"--cgroup", "PATH",
         "start: what runs in this cgroup (its path below the cgroup v2 mount) and below it is the job; it "
         "is made if it is not there; may be given again"},
    [OPTION_PID] =
        {"--pid", "PID",
         "start: this process and all that descends from it are the job: they get a cgroup of their own, and "
         "their open sockets are ended"},
    [OPTION_CONTAINER] = {"--container", "NAME",
                          "start: this container (Docker's or podman's, by name or id) is the job: its cgroup, and its "
                          "networks as they come and go; may be given again"},
    [OPTION_INTERFACE] = {"--interface", "NAME",
                          "start: what comes in by this bridge is the job's; may be given again"},
    [OPTION_SOURCE] = {"--source", "RANGE", "start: what these addresses send through this host is the job's"},
    [OPTION_ALLOW] = {"--allow", "ENDPOINT", "start: allow this endpoint too; may be given again"},
    [OPTION_PHASE] = {"--phase", "NAME", "start: begin in that phase of the profile"},
    [OPTION_AUDIT] = {"--audit", NULL, "start: refuse nothing, report what would have been refused"},
    [OPTION_INCOMING] =
        {"--incoming", NULL,
         "start: others may connect into the job, which published ports need that Docker's proxy serves; "
         "what it answers them is not judged"},
    [OPTION_RESOLVER] = {"--resolver", "ADDRESS", "start: the DNS server to allow, instead of the policy's"},
    [OPTION_OWNER] =
        {"--owner", "PID",
         "start, from a scope with starts_jobs: which process, besides root, may end the job: the caller or "
         "an ancestor of it (without: the caller's parent)"},
    [OPTION_SUMMARY] = {"--summary", "md|json|html", "end, list ID: print what the job did, as such a page"},
    [OPTION_FAIL_ON] = {"--fail-on", "deny,alert",
                        "end: exit with 3 where something was refused (deny), or looked like an attack (alert)"},
    [OPTION_KILL] = {"--kill", NULL, "end: end all processes of its cgroups before"},
    [OPTION_RELEASE] = {"--release", NULL, "end: hold no longer what it left running, even where no other scope does"},
    [OPTION_JSON] = {"--json", NULL, "print the gate's answer as it is"},
    {NULL, NULL, NULL},
};

struct job_ask {
    const char *verb, *operand[OPERANDS_MAX];
    unsigned operands;
    const char *id, *profile, *phase, *summary;
    json_t *request; /* of a start: the lists */
    pid_t pid, owner;
    bool json, kill, release, audit, incoming, fail_on_deny, fail_on_alert;
    enum report_format format;
    char path[108]; /* of the socket; "": root's */
};

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
static bool find_socket(struct job_ask *a, struct error *e)
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

static int tell(const struct error *e)
{
    fprintf(stderr, "sluice: %s\n", e->code == ERROR_NONE ? "no gate runs in this network namespace" : e->text);
    return e->code == ERROR_INPUT ? EXIT_INPUT : EXIT_FINDING;
}

/* One request; NULL: *status, and it was said why. */
static json_t *ask(const struct job_ask *a, json_t *request, int *status)
{
    struct error e;
    json_t *answer = control_ask_change(a->path[0] ? a->path : NULL, request, &e);
    if (!answer)
        *status = tell(&e);
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

/* ---- start ---- */

/* Those that are not there yet: what begins in one that is made later may be quicker than the gate.  Whoever may not
 * make one there lets the gate wait for it; a path that is none is refused by the gate, in its words. */
static void make_cgroups(const json_t *paths)
{
    size_t i;
    json_t *path;
    struct error ignored;
    json_array_foreach(paths, i, path)(void) cgroup_make(json_string_value(path), &ignored);
}

static int start(struct job_ask *a)
{
    struct error e = {0};
    char made[PATH_MAX] = "";
    int status = 0;
    json_object_set_new(a->request, "request", json_string("job_start"));
    json_object_set_new(a->request, "id", json_string(a->id));
    json_object_set_new(a->request, "profile", json_string(a->profile));
    json_object_set_new(a->request, "phase", json_string(a->phase ? a->phase : ""));
    json_object_set_new(a->request, "audit", json_boolean(a->audit));
    json_object_set_new(a->request, "incoming", json_boolean(a->incoming));
    json_object_set_new(a->request, "owner", json_integer(a->owner ? a->owner : getppid()));
    if (a->pid && !job_cgroup_make(a->pid, a->id, made, &e))
        return tell(&e);
    if (made[0]) {
        json_t *list = json_object_get(a->request, "cgroup");
        if (!list)
            json_object_set_new(a->request, "cgroup", list = json_array());
        json_array_append_new(list, json_string(made));
        json_object_set_new(a->request, "made", json_string(made));
    }
    make_cgroups(json_object_get(a->request, "cgroup"));
    json_t *answer = ask(a, json_incref(a->request), &status);
    if (!answer) {
        if (made[0])
            (void)cgroup_remove(made, NULL);
        return status;
    }
    /* Held before anything is in it. */
    if (made[0] && !job_cgroup_take(made, a->pid, &e)) {
        json_decref(answer);
        return tell(&e);
    }
    if (a->json) {
        print_json(answer);
    } else {
        printf("job %s started: profile %s%s%s%s\n", a->id, a->profile, a->phase ? ", phase " : "",
               a->phase ? a->phase : "", a->audit ? " (audited)" : "");
    }
    json_decref(answer);
    return 0;
}

/* ---- phase ---- */

static int phase(struct job_ask *a)
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

/* ---- end and list ---- */

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

static int end_job(struct job_ask *a)
{
    struct error e = {0};
    int status = 0;
    const char *id = a->operand[1];
    json_t *job = look(a, id, &status);
    if (!job)
        return status;
    if (a->kill && !kill_all(job, &e)) {
        json_decref(job);
        return tell(&e);
    }
    json_t *answer =
        ask(a, json_pack("{s:s, s:s, s:b}", "request", "job_end", "id", id, "release", (int)a->release), &status);
    if (!answer) {
        json_decref(job);
        return status;
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
    else
        printf("job %s ended: %lld connection%s allowed, %lld refused\n", id, number_of(summary, "connections"),
               plural(number_of(summary, "connections")), denied);
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
    printf("%s%s  %s  %lld refused  since %s%s", *text_of(job, "phase") ? "/" : "", text_of(job, "phase"),
           text_of(job, "mode"), number_of(job, "denied"), started,
           json_is_true(json_object_get(job, "ended")) ? "  ended: what it left is held" : "");
    for (unsigned k = 0; k < sizeof lists / sizeof *lists; k++) {
        json_array_foreach(json_object_get(job, lists[k]), i, text)
        {
            printf("  %s ", lists[k]);
            print_safe(json_string_value(text));
        }
    }
    putchar('\n');
}

static int list(struct job_ask *a)
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

/* ---- the command line ---- */

static bool read_pid(const char *option, const char *value, pid_t *out, struct error *e)
{
    char *end;
    long pid = strtol(value, &end, 10);
    if (!*value || *end || pid < 1 || pid > INT32_MAX)
        return error_set(e, ERROR_INPUT, 0, "%s takes a process id, not '%s'", option, value);
    *out = (pid_t)pid;
    return true;
}

static bool add_to(struct job_ask *a, const char *key, const char *value)
{
    json_t *values = json_object_get(a->request, key);
    if (!values)
        json_object_set_new(a->request, key, values = json_array());
    return json_array_append_new(values, json_string(value)) == 0;
}

static bool read_option(struct job_ask *a, int option, const char *value, struct error *e)
{
    static const char *const keys[] = {[OPTION_CGROUP] = "cgroup",
                                       [OPTION_INTERFACE] = "interface",
                                       [OPTION_SOURCE] = "source",
                                       [OPTION_ALLOW] = "allow",
                                       [OPTION_RESOLVER] = "resolver"};
    switch (option) {
    case OPTIONS_OPERAND:
        if (a->operands == OPERANDS_MAX)
            return error_set(e, ERROR_INPUT, 0, "unexpected '%s'", value);
        a->operand[a->operands++] = value;
        return true;
    case OPTION_ID:
        a->id = value;
        return true;
    case OPTION_PROFILE:
        a->profile = value;
        return true;
    case OPTION_PID:
        return read_pid("--pid", value, &a->pid, e);
    case OPTION_CONTAINER:
        return job_container_add(a->request, value, e);
    case OPTION_OWNER:
        return read_pid("--owner", value, &a->owner, e);
    case OPTION_PHASE:
        a->phase = value;
        return true;
    case OPTION_AUDIT:
        a->audit = true;
        return true;
    case OPTION_INCOMING:
        a->incoming = true;
        return true;
    case OPTION_SUMMARY:
        a->summary = value;
        return report_format_find(value, &a->format) ||
               error_set(e, ERROR_INPUT, 0, "--summary takes md, json or html, not '%s'", value);
    case OPTION_FAIL_ON:
        return options_fail_on(value, &a->fail_on_deny, &a->fail_on_alert, e);
    case OPTION_KILL:
        a->kill = true;
        return true;
    case OPTION_RELEASE:
        a->release = true;
        return true;
    case OPTION_JSON:
        a->json = true;
        return true;
    default: /* JSON holds UTF-8 alone */
        return add_to(a, keys[option], value) ||
               error_set(e, ERROR_INPUT, 0, "%s takes text in UTF-8", options[option].name);
    }
}

struct verb {
    const char *name;
    unsigned least, most; /* operands, itself counted */
    unsigned takes;       /* options, a bit each */
    int (*run)(struct job_ask *a);
};

#define BIT(option) (1u << (option))
static const struct verb verbs[] = {
    {"start", 1, 1,
     BIT(OPTION_ID) | BIT(OPTION_PROFILE) | BIT(OPTION_CGROUP) | BIT(OPTION_PID) | BIT(OPTION_CONTAINER) |
         BIT(OPTION_INTERFACE) | BIT(OPTION_SOURCE) | BIT(OPTION_ALLOW) | BIT(OPTION_PHASE) | BIT(OPTION_AUDIT) |
         BIT(OPTION_INCOMING) | BIT(OPTION_RESOLVER) | BIT(OPTION_OWNER) | BIT(OPTION_JSON),
     start},
    {"phase", 2, 3, BIT(OPTION_JSON), phase},
    {"end", 2, 2, BIT(OPTION_SUMMARY) | BIT(OPTION_FAIL_ON) | BIT(OPTION_KILL) | BIT(OPTION_RELEASE) | BIT(OPTION_JSON),
     end_job},
    {"list", 1, 2, BIT(OPTION_SUMMARY) | BIT(OPTION_JSON), list},
};

static const struct verb *check(const struct job_ask *a, unsigned given, struct error *e)
{
    const struct verb *verb = NULL;
    for (unsigned i = 0; i < sizeof verbs / sizeof *verbs; i++)
        if (a->operands && strcmp(verbs[i].name, a->operand[0]) == 0)
            verb = &verbs[i];
    if (!verb) {
        error_set(e, ERROR_INPUT, 0, "job takes start, phase, end or list%s%s", a->operands ? ", not " : "",
                  a->operands ? a->operand[0] : "");
        return NULL;
    }
    for (unsigned i = 0; options[i].name; i++)
        if (given & BIT(i) & ~verb->takes)
            return error_set(e, ERROR_INPUT, 0, "job %s takes no %s", verb->name, options[i].name), NULL;
    if (a->operands < verb->least || a->operands > verb->most)
        return error_set(e, ERROR_INPUT, 0, "%s",
                         a->operands > verb->most ? "too many arguments"
                         : verb->run == phase     ? "job phase takes the phase's name"
                                                  : "job end takes the job's id"),
               NULL;
    if (verb->run == start && (!a->id || !a->profile))
        return error_set(e, ERROR_INPUT, 0, "job start takes --id and --profile"), NULL;
    if (verb->run == start && !(given & (BIT(OPTION_CGROUP) | BIT(OPTION_PID) | BIT(OPTION_CONTAINER) |
                                         BIT(OPTION_INTERFACE) | BIT(OPTION_SOURCE))))
        return error_set(
                   e, ERROR_INPUT, 0,
                   "job start takes --cgroup, --pid, --container, --interface or --source: what the job is known by"),
               NULL;
    if (verb->run == list && a->summary && a->operands < 2)
        return error_set(e, ERROR_INPUT, 0, "--summary is of one job: sluice job list ID --summary md"), NULL;
    if (verb->run == start && a->pid && geteuid() != 0)
        return error_set(e, ERROR_INPUT, 0, "--pid needs root: it moves processes; use --cgroup"), NULL;
    return verb;
}

static int run(int argc, char **argv)
{
    struct options o = options_init(&command_job, argc, argv, false);
    struct job_ask a = {.request = json_object()};
    struct error e = {0};
    const char *value;
    unsigned given = 0;
    bool ok = true;
    for (int option; ok && (option = options_next(&o, &value)) != OPTIONS_END;) {
        if (option == OPTIONS_WRONG) {
            json_decref(a.request);
            return EXIT_INPUT;
        }
        given |= option >= 0 ? BIT(option) : 0;
        ok = read_option(&a, option, value, &e);
    }
    const struct verb *verb = ok ? check(&a, given, &e) : NULL;
    if (!verb) {
        fprintf(stderr, "sluice: %s\nTry 'sluice help job'.\n", e.text);
        json_decref(a.request);
        return EXIT_INPUT;
    }
    int status = find_socket(&a, &e) ? verb->run(&a) : tell(&e);
    json_decref(a.request);
    return status;
}

const struct command command_job = {
    .name = "job",
    .usage =
        "start --id ID --profile NAME [--cgroup PATH]... [--pid PID] [--container NAME]... [--interface NAME]... "
        "[--source RANGE]... "
        "[--allow ENDPOINT]... [--phase NAME] [--audit] [--incoming] [--resolver ADDRESS]... [--owner PID] [--json] | "
        "phase [ID] PHASE [--json] | end ID [--summary md|json|html] [--fail-on deny,alert] [--kill] [--release] "
        "[--json] | list [ID] [--summary md|json|html] [--json]",
    .summary = "start, narrow, end and list the jobs of the running gate",
    .text =
        "What a runner's hooks call. 'start' gives the gate of this network namespace a job: what runs in a cgroup, or "
        "comes in by a bridge, gets a profile of the policy for itself, with its own bindings, budgets, events and "
        "summary; it is in force when the command returns. 'phase' moves it to a phase of its profile, where only what "
        "that allows is allowed: connections that it does not allow are cut. From inside a job, and inside 'sluice "
        "run', "
        "'sluice job phase PHASE' narrows it, and nothing widens it; PHASE \"\", which leaves a phase, is for those "
        "outside. 'end' takes the job away; what it leaves running falls back to the scope around it, and where there "
        "is none it stays held, allowed nothing, until it is gone. Root may do all of it; a process in a scope with "
        "starts_jobs starts jobs of those profiles, in cgroups below its own, and ends what it started.",
    .option = options,
    .run = run,
};
