/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sluice gate: the long-running gate, in the foreground.  This process becomes its launcher. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl/command.h"
#include "ctl/complaint.h"
#include "ctl/gate.h"
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

/* The mark bits that the policy's files ask for; 0: they are wrong. */
static uint32_t mask_of(const char *path, const struct policy_system *system, struct error *e)
{
    struct bytes bundle = {0};
    if (!policy_bundle_load(path, system, NULL, &bundle, e))
        return 0;
    struct policy *policy = policy_from_bundle(bundle, e);
    uint32_t mask = policy ? policy->mark_mask : 0;
    policy_free(policy);
    free((void *)(uintptr_t)bundle.at);
    return mask;
}

/* The files, compiled once to see that they are good; the keeper compiles the same bytes.  Where a gate goes on that
 * was there before, wrong files are no reason to hold nothing: its last good policy stays in force. */
static bool load(struct gate *gate, int fds[SYSTEMD_FDS], struct policy_ids *ids, struct bytes *bundle, struct error *e)
{
    struct policy_system system = {0};
    /* Which ids may be given depends on the mark's width, which the policy says: so twice, the second time for good. */
    if (!policy_system_read("/etc/resolv.conf", &system, e))
        return false;
    uint32_t mask = mask_of(gate->policy_path, &system, e);
    bool wrong = !mask;
    if (wrong)
        mask = kept_mask(fds);
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
    if (wrong && kept_policy(gate, bundle)) {
        fprintf(stderr, "sluice: %s\nsluice: the policy of before stays in force\n", e->text);
        return true;
    }
    if (wrong || !policy_bundle_load(gate->policy_path, &system, ids, bundle, e))
        return false;
    struct policy *policy = policy_from_bundle(*bundle, e);
    if (policy && policy->scopes == 0)
        fprintf(stderr, "sluice: warning: " GATE_HOLDS_NOTHING "\n", gate->policy_path);
    policy_free(policy);
    return policy != NULL;
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
        "end "
        "the gate; its rules stay in force, closed, until a gate starts again or 'sluice down' removes them.",
    .option = options,
    .run = run,
};
