/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sluice run: one command behind a gate of its own. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "ctl/command.h"
#include "ctl/complaint.h"
#include "ctl/options.h"
#include "ctl/run.h"

enum {
    OPTION_POLICY,
    OPTION_PROFILE,
    OPTION_PHASE,
    OPTION_ALLOW,
    OPTION_AUDIT,
    OPTION_FAIL_ON,
    OPTION_EVENTS,
    OPTION_REPORT,
    OPTION_ISOLATE,
    OPTION_AS_ROOT,
    OPTION_RESOLVER,
    OPTION_SOCKET,
    OPTION_QUIC,
    OPTION_ECH,
    OPTION_JSON,
};

static const struct command_option options[] = {
    [OPTION_POLICY] = {"-p, --policy", "FILE", "a policy file, one profile of which holds the command"},
    [OPTION_PROFILE] = {"--profile", "NAME", "that profile; without it the only one, or the one named default"},
    [OPTION_PHASE] = {"--phase", "NAME",
                      "begin in that phase of the profile; 'sluice job phase' enters a narrower one"},
    [OPTION_ALLOW] = {"--allow", "ENDPOINT", "allow this endpoint too; may be given again"},
    [OPTION_AUDIT] = {"--audit", NULL, "refuse nothing, and say at the end what would have sufficed"},
    [OPTION_FAIL_ON] =
        {"--fail-on", "deny,alert",
         "exit with 3 where the command succeeded and something was refused (deny), or looked like an attack "
         "(alert)"},
    [OPTION_EVENTS] = {"--events", "FILE", "append one JSON object for each event to FILE"},
    [OPTION_REPORT] = {"--report", "FILE",
                       "write what the run did to FILE, a page: .md, .html or .json, by its ending"},
    [OPTION_ISOLATE] = {"--isolate", NULL, "give the command a network namespace of its own, judged from outside"},
    [OPTION_AS_ROOT] = {"--as-root", NULL, "keep root (with less capabilities); implies --isolate"},
    [OPTION_RESOLVER] = {"--resolver", "ADDRESS",
                         "the DNS server to allow, instead of resolv.conf's; may be given again"},
    [OPTION_SOCKET] = {"--socket", "PATH",
                       "leave the command this unix socket of a process outside (besides SSH_AUTH_SOCK), which may "
                       "send what it likes; may be given again"},
    [OPTION_QUIC] = {"--quic", "judge",
                     "QUIC to a name that is allowed for TLS passes too; else clients fall back to TLS"},
    [OPTION_ECH] = {"--ech", "outer",
                    "an encrypted ClientHello is judged by its outer name; browsers send one always, or what looks the "
                    "same"},
    [OPTION_JSON] = {"--json", NULL,
                     "print the summary as one JSON object, the last line on standard error; or why nothing was run"},
    {NULL, NULL, NULL},
};

static bool keep_socket(struct run_config *c, const char *path, struct error *e)
{
    if (path[0] != '/')
        return error_set(e, ERROR_INPUT, 0, "--socket takes an absolute path, not '%s'", path);
    if (c->sockets == CONFINE_KEEP_MAX)
        return error_set(e, ERROR_INPUT, 0, "more than %d --socket", CONFINE_KEEP_MAX);
    c->socket[c->sockets++] = path;
    return true;
}

/* An option with one word. */
static bool read_word(const char *option, const char *word, const char *value, bool *out, struct error *e)
{
    *out = strcmp(value, word) == 0;
    return *out || error_set(e, ERROR_INPUT, 0, "%s takes %s, not '%s'", option, word, value);
}

static bool read_report(struct run_config *c, const char *path, struct error *e)
{
    const char *ending = strrchr(path, '.');
    c->report_path = path;
    return (ending && report_format_find(ending + 1, &c->report_format)) ||
           error_set(e, ERROR_INPUT, 0, "--report takes a file whose name ends in .md, .html or .json, not '%s'", path);
}

static bool read_option(int option, const char *value, struct run_config *c, struct error *e)
{
    struct address address;
    switch (option) {
    case OPTION_POLICY:
        c->policy.file = value;
        return true;
    case OPTION_PROFILE:
        c->policy.profile = value;
        return true;
    case OPTION_PHASE:
        c->policy.phase = value;
        return true;
    case OPTION_ALLOW:
        return run_policy_allow(&c->policy, value, "--allow", e);
    case OPTION_AUDIT:
        c->policy.audit = true;
        return true;
    case OPTION_FAIL_ON:
        return options_fail_on(value, &c->fail_on_deny, &c->fail_on_alert, e);
    case OPTION_EVENTS:
        c->events_path = value;
        return true;
    case OPTION_REPORT:
        return read_report(c, value, e);
    case OPTION_ISOLATE:
        c->isolate = true;
        return true;
    case OPTION_AS_ROOT:
        c->as_root = true;
        return true;
    case OPTION_RESOLVER:
        if (!address_parse((struct bytes){(const uint8_t *)value, strlen(value)}, &address))
            return error_set(e, ERROR_INPUT, 0, "--resolver takes an address, not '%s'", value);
        if (c->policy.resolvers == POLICY_RESOLVERS_MAX)
            return error_set(e, ERROR_INPUT, 0, "more than %d resolvers", POLICY_RESOLVERS_MAX);
        c->policy.resolver[c->policy.resolvers++] = value;
        return true;
    case OPTION_SOCKET:
        return keep_socket(c, value, e);
    case OPTION_QUIC:
        return read_word("--quic", "judge", value, &c->policy.quic_judge, e);
    case OPTION_ECH:
        return read_word("--ech", "outer", value, &c->policy.ech_outer, e);
    default:
        c->json = true;
        return true;
    }
}

static bool check(struct run_config *c, struct error *e)
{
    const char *environment = getenv("SLUICE_ALLOW");
    if (environment && !run_policy_environment(&c->policy, environment, e))
        return false;
    if (c->policy.profile && !c->policy.file)
        return error_set(e, ERROR_INPUT, 0, "--profile names a profile of a policy: give the policy with -p");
    return true;
}

static int run(int argc, char **argv)
{
    struct options o = options_init(&command_run, argc, argv, true);
    struct run_config config = {0};
    struct error e = {0};
    const char *value;
    run_policy_init(&config.policy);
    bool ok = true;
    for (int option; ok && (option = options_next(&o, &value)) != OPTIONS_END;) {
        if (option == OPTIONS_WRONG)
            return EXIT_SLUICE;
        ok = read_option(option, value, &config, &e);
    }
    ok = ok && check(&config, &e);
    if (!ok) {
        complaint_error(&e);
        run_policy_done(&config.policy);
        return EXIT_SLUICE;
    }
    if (o.at >= argc) {
        complaint(ERROR_INPUT, "no command was given; see 'sluice help run'");
        run_policy_done(&config.policy);
        return EXIT_SLUICE;
    }
    config.argv = argv + o.at;
    int status = run_command(&config);
    run_policy_done(&config.policy);
    return status;
}

const struct command command_run = {
    .name = "run",
    .section = 1,
    .usage = "[-p FILE] [--profile NAME] [--phase NAME] [--allow ENDPOINT]... [--audit] [--fail-on deny,alert] "
             "[--events FILE] [--report FILE] [--isolate] "
             "[--as-root] [--resolver ADDRESS]... [--socket PATH]... [--quic judge] [--ech outer] [--json] -- COMMAND "
             "[ARG]...",
    .summary = "run one command, and let it reach only what is allowed",
    .text =
        "Runs COMMAND behind a gate of its own: only the endpoints of the policy, of --allow and of the environment "
        "variable SLUICE_ALLOW (one a line) can be reached; every refusal is a line on standard error, and a summary "
        "follows at the end. Under sudo, COMMAND runs as the user who called, without any capability. As root without "
        "sudo, and with --as-root, it keeps root in a network namespace of its own. What COMMAND leaves running is "
        "ended with it. ENDPOINT is NAME (TLS on 443; *.NAME and **.NAME for what is below it), tls://NAME:PORT, "
        "http://NAME, ws://NAME, tcp://NAME:PORT, udp://NAME:PORT, ADDRESS[/BITS][:PORT], dns://NAME?types=TXT, or "
        "proxy://NAME:PORT for an HTTP proxy, of which may be asked what the others allow.",
    .option = options,
    .run = run,
};
