/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sluice replay: the judge of the live gate, over recorded traffic.  No kernel, no root. */
#include <fcntl.h>
#include <netinet/in.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/event.h"
#include "core/log.h"
#include "ctl/capture.h"
#include "ctl/command.h"
#include "ctl/complaint.h"
#include "ctl/options.h"
#include "ctl/replay_dns.h"
#include "nfq/judge.h"
#include "policy/policy.h"

struct replay {
    bool json, color;
    const char *policy_path, *scope_name;
    struct policy *policy;
    const struct policy_scope *scope; /* --scope, or the only choice */
    struct judge *judge;
    struct capture_flows *flows;
    struct replay_dns *dns;
    uint64_t now_usec;
    uint64_t refused, packets, events;
    uint32_t next_id;
};

static void on_accept(void *ctx, uint32_t id, enum mark_verdict mark, struct bytes ip)
{
    (void)ctx, (void)id, (void)mark, (void)ip;
}

static void on_drop(void *ctx, uint32_t id, enum mark_verdict mark)
{
    (void)ctx, (void)id, (void)mark;
}

static void on_inject(void *ctx, struct bytes ip)
{
    (void)ctx, (void)ip;
}

static bool on_event(void *ctx, const struct event *in)
{
    struct replay *r = ctx;
    struct event e = *in;
    e.ticket = 0;
    r->events++;
    if (e.verdict == VERDICT_DENY || e.verdict == VERDICT_WOULD_DENY)
        r->refused++;
    if (r->policy) {
        const struct policy_scope *scope = policy_scope_find(r->policy, e.scope_id);
        if (scope)
            snprintf(e.scope, sizeof e.scope, "%s", scope->name);
    }
    if (r->json) {
        char *line = event_to_json(&e, "replay");
        if (line)
            puts(line);
        free(line);
    } else {
        char line[2048];
        event_to_line(&e, r->color, line, sizeof line);
        puts(line);
    }
    return false;
}

/* The scope whose source lines cover the client; else the first. */
static const struct policy_scope *scope_of(const struct replay *r, const struct address *client)
{
    if (r->scope || !r->policy)
        return r->scope;
    for (unsigned i = 0; i < r->policy->scopes; i++) {
        const struct policy_scope *scope = &r->policy->scope[i];
        for (unsigned m = 0; m < scope->matches; m++)
            if (scope->match[m].kind == POLICY_SOURCE && address_in_range(client, &scope->match[m].source))
                return scope;
    }
    return r->policy->scopes ? &r->policy->scope[0] : NULL;
}

static void judge_it(struct replay *r, struct bytes ip, const struct address *client, enum capture_side side)
{
    const struct policy_scope *scope = scope_of(r, client);
    struct judge_packet in = {.id = ++r->next_id, .ip = ip, .at_output = side != CAPTURE_SERVER};
    in.path = side == CAPTURE_SERVER ? MARK_FROM_SERVER : MARK_TO_SERVER;
    in.sum_unfinished = true; /* a recording on the sender's host has no checksums yet */
    in.scope = scope ? scope->id : 1;
    judge_packet(r->judge, &in, r->now_usec);
}

static void dns_message(void *ctx, struct bytes ip, enum capture_side side)
{
    struct packet p;
    if (packet_parse(ip, false, &p) == REASON_NONE)
        judge_it(ctx, ip, side == CAPTURE_SERVER ? &p.destination : &p.source, side);
}

static void replay_packet(struct replay *r, struct bytes ip)
{
    struct packet p;
    enum reason form = packet_parse(ip, false, &p);
    r->packets++;
    enum capture_side side = CAPTURE_CLIENT;
    if (form == REASON_NONE && (p.protocol == IPPROTO_TCP || p.protocol == IPPROTO_UDP)) {
        side = capture_side(r->flows, &p);
        if (side == CAPTURE_UNKNOWN)
            return; /* the recording began in the middle of it */
        if (p.protocol == IPPROTO_TCP && (side == CAPTURE_SERVER ? p.source_port : p.destination_port) == 53) {
            replay_dns_packet(r->dns, &p, side);
            return;
        }
    } else if (!r->policy || p.version == 0) {
        return;
    }
    judge_it(r, ip, side == CAPTURE_SERVER ? &p.destination : &p.source, side);
}

static bool replay_file(struct replay *r, const char *path, struct error *e)
{
    char text[PCAP_ERRBUF_SIZE];
    pcap_t *pcap = pcap_open_offline_with_tstamp_precision(path, PCAP_TSTAMP_PRECISION_MICRO, text);
    if (!pcap && strncmp(text, path, strlen(path)) == 0) /* says it itself of what cannot be opened */
        return error_set(e, ERROR_INPUT, 0, "%s", text);
    if (!pcap)
        return error_set(e, ERROR_INPUT, 0, "%s: %s", path, text);
    int link = pcap_datalink(pcap);
    bool ok = capture_link_known(link);
    if (!ok)
        error_set(e, ERROR_INPUT, 0,
                  "%s: link type %d (%s) is not read; record with Ethernet, raw IP or Linux cooked (tcpdump -i any)",
                  path, link, pcap_datalink_val_to_name(link) ? pcap_datalink_val_to_name(link) : "unknown");
    struct pcap_pkthdr *header;
    const u_char *data;
    uint64_t ticked = 0;
    int got = 0;
    while (ok && (got = pcap_next_ex(pcap, &header, &data)) == 1) {
        uint64_t now = (uint64_t)header->ts.tv_sec * 1000000 + (uint64_t)header->ts.tv_usec;
        r->now_usec = now;
        if (now > ticked + 1000000) {
            judge_tick(r->judge, now);
            ticked = now;
        }
        struct bytes ip = capture_ip(link, (struct bytes){data, header->caplen});
        if (ip.len)
            replay_packet(r, ip);
    }
    if (ok && got == -1)
        ok = error_set(e, ERROR_INPUT, 0, "%s: after %llu packets: %s", path, (unsigned long long)r->packets,
                       pcap_geterr(pcap));
    pcap_close(pcap);
    return ok;
}

static bool load_policy(struct replay *r, struct error *e)
{
    struct policy_system system = {0};
    struct bytes bundle;
    if (!policy_system_read("/etc/resolv.conf", &system, NULL))
        system = (struct policy_system){0};
    if (!policy_bundle_load(r->policy_path, &system, NULL, &bundle, e))
        return false;
    r->policy = policy_from_bundle(bundle, e);
    free((void *)bundle.at);
    if (!r->policy)
        return false;
    for (unsigned i = 0; r->scope_name && i < r->policy->scopes; i++)
        if (strcmp(r->policy->scope[i].name, r->scope_name) == 0)
            r->scope = &r->policy->scope[i];
    if (r->scope_name && !r->scope)
        return error_set(e, ERROR_INPUT, 0, "%s has no scope \"%s\"", r->policy_path, r->scope_name);
    return true;
}

static bool prepare(struct replay *r, struct binding_table **bindings, struct error *e)
{
    int fd = memfd_create("sluice-bindings", MFD_CLOEXEC);
    if (fd < 0 || ftruncate(fd, (off_t)binding_table_size()) != 0)
        return error_set(e, ERROR_SYSTEM, 0, "memory for bindings: %m");
    *bindings = binding_map(fd, true, e);
    close(fd);
    if (!*bindings)
        return false;
    struct judge_config config = {.bindings = *bindings, .recorded = true};
    r->judge = judge_new(&config, (struct judge_sink){r, on_accept, on_drop, on_inject, on_event});
    r->flows = capture_flows_new();
    r->dns = replay_dns_new(dns_message, r);
    if (!r->judge || !r->flows || !r->dns)
        return error_set(e, ERROR_SYSTEM, 0, "out of memory");
    judge_policy(r->judge, r->policy);
    return true;
}

enum { OPTION_POLICY, OPTION_SCOPE, OPTION_JSON };

static const struct command_option options[] = {
    [OPTION_POLICY] = {"-p, --policy", "POLICY", "judge by this policy"},
    [OPTION_SCOPE] = {"--scope", "NAME", "by this scope of it; default: by its source lines, else the first"},
    [OPTION_JSON] = {"--json", NULL, "one ECS object a line on standard output"},
    {NULL, NULL, NULL},
};

/* The recording, or NULL: a line on standard error says what is wrong. */
static const char *read_options(struct replay *r, int argc, char **argv)
{
    struct options o = options_init(&command_replay, argc, argv, false);
    const char *value, *path = NULL;
    unsigned paths = 0;
    for (int option; (option = options_next(&o, &value)) != OPTIONS_END;) {
        if (option == OPTIONS_WRONG)
            return NULL;
        if (option == OPTION_POLICY)
            r->policy_path = value;
        else if (option == OPTION_SCOPE)
            r->scope_name = value;
        else if (option == OPTION_JSON)
            r->json = true;
        else if (++paths)
            path = value;
    }
    if (paths != 1)
        complaint(ERROR_INPUT, "give one recording: sluice replay [-p POLICY] CAPTURE.pcap");
    return paths == 1 ? path : NULL;
}

static int cmd_replay(int argc, char **argv)
{
    struct replay r = {.color = log_wants_color(STDOUT_FILENO)};
    struct binding_table *bindings = NULL;
    struct error e = {0};
    const char *path = read_options(&r, argc, argv);
    if (!path)
        return EXIT_INPUT;
    bool ok = (!r.policy_path || load_policy(&r, &e)) && prepare(&r, &bindings, &e) && replay_file(&r, path, &e);
    if (!ok)
        complaint_error(&e);
    else if (!r.json)
        fprintf(stderr, "sluice: %llu packets read, %llu events, %llu refused%s\n", (unsigned long long)r.packets,
                (unsigned long long)r.events, (unsigned long long)r.refused,
                r.policy ? "" : " (no policy: only observed)");
    judge_free(r.judge);
    capture_flows_free(r.flows);
    replay_dns_free(r.dns);
    if (bindings)
        binding_unmap(bindings);
    policy_free(r.policy);
    return !ok ? EXIT_INPUT : r.refused ? EXIT_FINDING : 0;
}

const struct command command_replay = {
    .name = "replay",
    .section = 1,
    .usage = "[-p POLICY] [--scope NAME] [--json] CAPTURE",
    .summary = "judge recorded traffic, print its events; no kernel, no root",
    .text = "Reads a pcap or pcapng recording (Ethernet, VLAN, raw IP, Linux cooked) and judges it with the code of "
            "the live "
            "gate: every DNS message, TLS connection and HTTP request is an event with its verdict and reason.  "
            "Without -p it "
            "only observes.  Exit status 1: something was refused.",
    .option = options,
    .run = cmd_replay,
};
