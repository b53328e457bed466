/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sluice job: what a runner's hooks call, and what a job may ask for itself.  The command line; job_ask.c does it. */
#include <jansson.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl/command.h"
#include "ctl/complaint.h"
#include "ctl/job_ask.h"
#include "ctl/job_container.h"
#include "ctl/options.h"

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
        if (a->operands == JOB_OPERANDS_MAX)
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

#define BIT(option) (1u << (option))
/* Those that add up; of the others a second would win unseen. */
#define ADD_UP                                                                                                     \
    (BIT(OPTION_CGROUP) | BIT(OPTION_CONTAINER) | BIT(OPTION_INTERFACE) | BIT(OPTION_SOURCE) | BIT(OPTION_ALLOW) | \
     BIT(OPTION_RESOLVER))

struct verb {
    const char *name;
    unsigned least, most; /* operands, itself counted */
    unsigned takes;       /* options, a bit each */
    int (*run)(struct job_ask *a);
};

static const struct verb verbs[] = {
    {"start", 1, 1,
     BIT(OPTION_ID) | BIT(OPTION_PROFILE) | BIT(OPTION_CGROUP) | BIT(OPTION_PID) | BIT(OPTION_CONTAINER) |
         BIT(OPTION_INTERFACE) | BIT(OPTION_SOURCE) | BIT(OPTION_ALLOW) | BIT(OPTION_PHASE) | BIT(OPTION_AUDIT) |
         BIT(OPTION_INCOMING) | BIT(OPTION_RESOLVER) | BIT(OPTION_OWNER) | BIT(OPTION_JSON),
     job_ask_start},
    {"phase", 2, 3, BIT(OPTION_JSON), job_ask_phase},
    {"end", 2, 2, BIT(OPTION_SUMMARY) | BIT(OPTION_FAIL_ON) | BIT(OPTION_KILL) | BIT(OPTION_RELEASE) | BIT(OPTION_JSON),
     job_ask_end},
    {"list", 1, 2, BIT(OPTION_SUMMARY) | BIT(OPTION_JSON), job_ask_list},
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
                         a->operands > verb->most     ? "too many arguments"
                         : verb->run == job_ask_phase ? "job phase takes the phase's name"
                                                      : "job end takes the job's id"),
               NULL;
    if (verb->run == job_ask_start && (!a->id || !a->profile))
        return error_set(e, ERROR_INPUT, 0, "job start takes --id and --profile"), NULL;
    if (verb->run == job_ask_start && !(given & (BIT(OPTION_CGROUP) | BIT(OPTION_PID) | BIT(OPTION_CONTAINER) |
                                                 BIT(OPTION_INTERFACE) | BIT(OPTION_SOURCE))))
        return error_set(
                   e, ERROR_INPUT, 0,
                   "job start takes --cgroup, --pid, --container, --interface or --source: what the job is known by"),
               NULL;
    if (verb->run == job_ask_list && a->summary && a->operands < 2)
        return error_set(e, ERROR_INPUT, 0, "--summary is of one job: sluice job list ID --summary md"), NULL;
    if (verb->run == job_ask_start && a->pid && geteuid() != 0)
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
        unsigned bit = option >= 0 ? BIT(option) : 0;
        ok = !(given & bit & ~ADD_UP) || !options[option].argument ||
             error_set(&e, ERROR_INPUT, 0, "%s is given twice", options[option].name);
        given |= bit;
        ok = ok && read_option(&a, option, value, &e);
    }
    const struct verb *verb = ok ? check(&a, given, &e) : NULL;
    if (!verb) {
        complaint_error(&e);
        fputs("Try 'sluice help job'.\n", stderr);
        json_decref(a.request);
        return EXIT_INPUT;
    }
    int status = job_ask_socket(&a, &e) ? verb->run(&a) : job_ask_failed(&e);
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
