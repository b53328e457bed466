/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sluice gate: the long-running gate, in the foreground.  This process becomes its launcher. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl/bundle.h"
#include "ctl/command.h"
#include "ctl/complaint.h"
#include "ctl/gate.h"
#include "ctl/jobs.h"
#include "ctl/kept.h"
#include "ctl/options.h"
#include "ctl/systemd.h"
#include "nft/cgroup.h"

#define POLICY_PATH "/etc/sluice/policy.yaml"

enum { OPTION_CONFIG, OPTION_EVENTS, OPTION_AUDIT };

static const struct command_option options[] = {
    [OPTION_CONFIG] = {"-c, --config", "FILE", "the policy; without it " POLICY_PATH},
    [OPTION_EVENTS] = {"--events", "FILE", "append one JSON object for each event to FILE"},
    [OPTION_AUDIT] = {"--audit", NULL, "refuse nothing, report what would have been refused"},
    {NULL, NULL, NULL},
};

/* The files, and gate->policy, compiled from them without ids. */
static bool read_files(struct gate *gate, const struct policy_system *system, struct bytes *bundle, struct error *e)
{
    if (policy_bundle_load(gate->policy_path, system, NULL, bundle, e))
        gate->policy = policy_from_bundle(*bundle, e);
    return gate->policy != NULL;
}

static bool is_job(void *ctx, const char *file, struct bytes text)
{
    (void)file;
    (void)text;
    *(bool *)ctx = true;
    return true;
}

/* The jobs of a gate that this one does not go on for: its rules hold them until ours do, so without them we do not
 * start. */
static void tell_left(const struct gate *gate, unsigned jobs, struct error *e)
{
    if (gate->policy && jobs) {
        fprintf(stderr, "sluice: %u job%s of the gate before: held on\n", jobs, jobs == 1 ? "" : "s");
    } else if (jobs) {
        fprintf(stderr, "sluice: %s\n", e->text);
        error_set(e, ERROR_INPUT, 0,
                  "what the gate before held stays closed: start with a policy that has the profiles and phases of its "
                  "jobs, or open all of it with 'sluice down'");
    }
}

/* The same files with these ids, and the jobs of the gate before: its rules hold them still, and ours will be in their
 * place.  A policy that was compiled without any ids has 1 and so on in file order, and so has one with none that are
 * reserved, if they reach: then it need not be compiled again. */
static bool take_ids(struct gate *gate, struct policy_ids *ids, struct bytes *bundle, struct error *e)
{
    struct bytes kept = {0}, whole = {0};
    bool jobs = false;
    unsigned left = 0;
    bool ok = gate->goes_on || jobs_kept(&kept, &left, ids, e);
    if (gate->goes_on)
        (void)kept_policy(gate, &kept);
    ok = ok && (!kept.at || policy_bundle_jobs(kept, is_job, &jobs, e));
    bool same = ids->count == 0 && !jobs;
    struct policy_bundle_change change = {.jobs_of = jobs ? kept : (struct bytes){0}};
    ok = ok && policy_bundle_change(*bundle, &change, ids, &whole, e);
    gate->same_policy = ok && kept.at && bytes_equal(kept, whole) && !bundle_unsettled(gate->bundle_fd);
    free((void *)(uintptr_t)kept.at);
    free((void *)(uintptr_t)bundle->at);
    *bundle = whole;
    for (unsigned i = 0; i < gate->policy->scopes; i++)
        same = same && gate->policy->scope[i].id >= ids->first && gate->policy->scope[i].id <= ids->last;
    if (!ok || !same) {
        policy_free(gate->policy);
        gate->policy = ok ? policy_from_bundle(*bundle, e) : NULL;
    }
    tell_left(gate, left, e);
    return gate->policy != NULL;
}

/* The files, compiled: to see that they are good, and for all the processes to come.  Where a gate goes on that was
 * there before, wrong files are no reason to hold nothing: its last good policy stays in force. */
static bool load(struct gate *gate, int fds[SYSTEMD_FDS], struct policy_ids *ids, struct bytes *bundle, struct error *e)
{
    struct policy_system system = {0};
    if (!policy_system_read("/etc/resolv.conf", &system, e))
        return false;
    bool wrong = !read_files(gate, &system, bundle, e);
    /* Which ids may be given depends on the mark's width, which the policy says. */
    uint32_t mask = wrong ? kept_mask(fds) : gate->policy->mark_mask;
    if (!mask)
        return false;
    if (!mark_layout_init(mask, &gate->marks))
        return error_set(e, ERROR_INPUT, 0, "mark_mask is no contiguous run of bits");
    struct error taken = {0};
    if (!gate_take_numbers(gate, &taken)) {
        *e = taken;
        return false;
    }
    kept_take(gate, fds, ids);
    ids->first = gate->scope_first;
    ids->last = gate->scope_last;
    if (wrong || !take_ids(gate, ids, bundle, e)) {
        free((void *)(uintptr_t)bundle->at);
        *bundle = (struct bytes){0};
        if (!kept_policy(gate, bundle))
            return false;
        gate->same_policy = !bundle_unsettled(gate->bundle_fd);
        fprintf(stderr, "sluice: %s\nsluice: the policy of before stays in force\n", e->text);
        return true;
    }
    if (gate->policy->scopes == 0)
        fprintf(stderr, "sluice: warning: " GATE_HOLDS_NOTHING "\n", gate->policy_path);
    return true;
}

static bool start(struct gate *gate, struct error *e)
{
    char mount[PATH_MAX];
    int fds[SYSTEMD_FDS];
    struct bytes bundle = {0};
    struct policy_ids *ids = calloc(1, sizeof *ids);
    systemd_take(fds);
    gate->status_fd = fds[SYSTEMD_CONTROL];
    bool ok = ids && load(gate, fds, ids, &bundle, e) && cgroup_mount_find(mount, e) && gate_open(gate, bundle, ids, e);
    free((void *)(uintptr_t)bundle.at);
    free(ids);
    return ok;
}

static int run(int argc, char **argv)
{
    struct options o = options_init(&command_gate, argc, argv, false);
    static struct gate gate;
    struct error e = {0};
    const char *value;
    gate_init(&gate);
    gate.policy_path = POLICY_PATH;
    for (int option; (option = options_next(&o, &value)) != OPTIONS_END;) {
        if (option == OPTIONS_WRONG)
            return EXIT_INPUT;
        if (option == OPTIONS_OPERAND) {
            complaint(ERROR_INPUT, "gate takes no operand; '%s' is one: the policy is given with -c", value);
            return EXIT_INPUT;
        }
        if (option == OPTION_CONFIG)
            gate.policy_path = value;
        else if (option == OPTION_EVENTS)
            gate.events_path = value;
        else
            gate.audit = true;
    }
    if (geteuid() != 0) {
        complaint(ERROR_SYSTEM, "gate needs root: it makes the host's packet rules");
        return EXIT_SLUICE;
    }
    char *absolute = realpath(gate.policy_path, NULL); /* so that a reload finds it from wherever */
    if (absolute)
        gate.policy_path = absolute;
    gate.color = isatty(STDERR_FILENO);
    if (!start(&gate, &e)) {
        fprintf(stderr, "sluice: %s\n", e.text);
        gate_close(&gate);
        free(absolute);
        return e.code == ERROR_INPUT ? EXIT_INPUT : EXIT_SLUICE;
    }
    int status = launcher_main(&gate);
    free(absolute);
    return status == 0 ? 0 : EXIT_SLUICE;
}

const struct command command_gate = {
    .name = "gate",
    .usage = "[-c FILE] [--events FILE] [--audit]",
    .summary = "hold the scopes of a policy until told to end",
    .text =
        "Runs the gate in the foreground: packets of the policy's scopes (cgroups, interfaces, source networks) are "
        "judged, everything else passes as before. SIGHUP reads the policy again, all or nothing. SIGTERM or SIGINT "
        "end the gate; its rules stay in force, closed, until a gate starts again or 'sluice down' removes them. They "
        "hold the cgroups that were there, what is made below them, and interfaces and sources; a scope's own cgroup "
        "that is made or made again while no gate runs is held by a scope around it or 'unmatched: refuse' alone. The "
        "next gate holds the "
        "jobs of the one before on.",
    .option = options,
    .run = run,
};
