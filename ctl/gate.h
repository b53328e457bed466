/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One gate: its processes, and what they inherit from each other (DESIGN s4).
 *
 *     launcher, standby   root; hold every descriptor below; start, wait, restart.  Each watches the other.
 *     keeper              root; policy, rules, conntrack, control socket, attribution, events.  Reads no byte of the
 * wire. inspector           CAP_NET_ADMIN, seccomp; queues and raw sockets; judges. relay               no capability,
 * seccomp; DNS over TCP to messages.
 *
 * All descriptors are made once, before the first fork, and never change: a process that dies is forked again from the
 * launcher and finds the same ends.  Each role closes what is not its own.  Which process has a role is told by a POSIX
 * record lock on byte `role` of lock_fd (a memfd): taken by the role itself, released by its death whatever the cause,
 * readable with F_GETLK by whoever wants its pid. */
#ifndef SLUICE_CTL_GATE_H
#define SLUICE_CTL_GATE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/error.h"
#include "core/mark.h"
#include "ctl/report.h"
#include "nft/ruleset.h"
#include "policy/policy.h"

enum gate_role { ROLE_LAUNCHER, ROLE_STANDBY, ROLE_KEEPER, ROLE_INSPECTOR, ROLE_RELAY, ROLE_COUNT };

/* Connections of DNS over TCP at once, of all scopes together: each has a socket of its own to ask from. */
#define GATE_RELAY_SLOTS     128
#define GATE_RELAY_SLOTS_RUN 32 /* of a run: one scope */

/* How a job's traffic is told apart when the gate is embedded in `sluice run`. */
struct gate_run {
    bool on;
    unsigned number; /* of this run in its network namespace (ctl/number.h) */
    pid_t main_pid;  /* the `sluice run` process; when it is gone, the launcher ends the cgroup's processes */
    int main_pidfd;
    char cgroup[256];                        /* "/sluice-run-PID" */
    char veth[16];                           /* --isolate: the host's end; "" none */
    struct address_range network4, network6; /* --isolate: masqueraded */
    int forwarding_fd;                       /* --isolate: the lock on the host's forwarding (ctl/forwarding.h); -1 */
    int job_diag_fd;                         /* --isolate: a sock_diag netlink socket made in the job's namespace; -1 */
};

struct gate {
    bool audit;              /* --audit: every scope */
    const char *policy_path; /* NULL: the bundle below is all there is */
    /* NULL, or the bundle of that serial (ctl/bundle.h), compiled before any fork: whoever is forked shares it. */
    struct policy *policy;
    uint32_t policy_serial;
    char table[32];                   /* RULESET_TABLE or "sluice_run_N" */
    uint16_t scope_first, scope_last; /* ids this gate may give */
    uint16_t queue_tcp, queue_udp;
    struct mark_layout marks;
    struct ruleset_kernel kernel;
    struct gate_run run;
    enum report_format report_format;
    const char *report_path; /* a run's --report, or NULL */
    const char *events_path; /* --events, or NULL */
    bool color, quiet;       /* of the lines on standard error */
    bool json;               /* the summary as one JSON object */
    bool goes_on;            /* where the gate before it ended: bindings, policy and ids are that one's (ctl/kept.h) */
    bool same_policy;        /* then: what is in force is what was before */

    int number_fd;        /* the lock that says that this gate, or run, is alive (ctl/number.h); shared by all */
    int lock_fd;          /* roles; its memory is struct gate_shared */
    int rules_fd;         /* the table's owning netlink socket */
    int raw4_fd, raw6_fd; /* SOCK_RAW IPPROTO_RAW, IP_HDRINCL, SO_MARK mark_inject */
    int queue_tcp_fd, queue_udp_fd; /* made by the launcher too, so that packets wait over an inspector's death */
    int bindings_fd;                /* memfd, dns/binding */
    int bundle_fd;                  /* memfd: the last good policy bundle: two slots, see keeper */
    int relays_fd;                  /* memfd: ctl/relay's table of who asked, read by the keeper for attribution */
    int events_fd[2];               /* SOCK_SEQPACKET: [0] keeper, [1] inspector (nfq/channel.h) */
    int control_fd[2];              /* SOCK_SEQPACKET: [0] keeper, [1] inspector */
    int main_fd[2];     /* SOCK_SEQPACKET: [0] keeper, [1] the foreground process (ready, finish, summary) */
    int relay_fd[2];    /* SOCK_SEQPACKET: [0] keeper, [1] relay (ctl/relay_ask.h) */
    int status_fd;      /* listening unix socket, root's, or -1 */
    int jobs_fd;        /* everybody's, or -1 */
    int events_file_fd; /* opened 0600, O_APPEND, or -1 */
    int report_fd;      /* written at the end, or -1 */
    /* IPv4 and IPv6; -1: none.  One listener for all scopes; the keeper marks a slot's sockets with the scope of the
     * connection that has it, mark_value(scope, MARK_RELAYED), before the relay sends from them. */
    int relay_tcp_fd[2], relay_udp_fd[2][GATE_RELAY_SLOTS];
    uint16_t relay_port; /* of both listeners */
};

/* Said at a start and at a reload, behind "warning: "; %s: the policy's path. */
#define GATE_HOLDS_NOTHING "%s has no scopes: this gate holds nothing"

#define GATE_FDS_MAX (32 + 2 * GATE_RELAY_SLOTS)

enum gate_stops { GATE_RUNS, GATE_STOPS, GATE_STOPS_FAILED, GATE_STOPS_DOWN };

/* What all processes of a gate tell each other without a message: the memory of lock_fd. */
struct gate_shared {
    _Atomic uint32_t stopping;          /* enum gate_stops: asked to end, nobody is started again */
    _Atomic uint32_t ready;             /* the rules were in force once */
    _Atomic uint32_t generation;        /* of the last policy that a keeper sent to an inspector */
    _Atomic uint64_t denied, alerts;    /* of keepers that died, for --fail-on */
    _Atomic uint64_t beats[ROLE_COUNT]; /* signs of life, each second one or more: keeper and inspector */
};

/* ctl/gate.c.  An empty gate: defaults, every descriptor -1. */
void gate_init(struct gate *gate);
/* Takes what no other gate in this network namespace has: scope ids, queue numbers, the table's name.  In: marks,
 * run.on.
 */
bool gate_take_numbers(struct gate *gate, struct error *e);
/* Is a scope matched by where its packets come in: by interface, source, or as all that is unmatched?  A run's only
 * where it is isolated. */
bool gate_forwards(const struct gate *g, const struct policy *policy);
/* Makes every descriptor that is not there yet.  In: the numbers, and audit, policy_path, run.*, events_path,
 * report_path, json, quiet, the policy bundle (compiled already, with these numbers) and the scope ids in it.  On
 * failure the caller closes what was made. */
bool gate_open(struct gate *gate, struct bytes bundle, const struct policy_ids *ids, struct error *e);
/* Closes all, those of `run` too. */
void gate_close(struct gate *gate);
/* All descriptors that are open; returns how many. */
unsigned gate_fds(const struct gate *gate, int out[GATE_FDS_MAX]);
/* The shared memory; NULL: no memory.  Never unmapped. */
struct gate_shared *gate_shared(const struct gate *gate);
/* Exit statuses of roles: 0 asked to stop, else a failure that is restarted (at most 10 a second). */
int launcher_main(struct gate *gate);  /* ctl/launcher.c; also the standby */
int keeper_main(struct gate *gate);    /* ctl/keeper.c */
int inspector_main(struct gate *gate); /* ctl/inspector.c */
int relay_main(struct gate *gate);     /* ctl/relay.c */

/* Messages on main_fd, one datagram each. */
enum gate_message_kind {
    GATE_READY = 1, /* keeper → main: rules are in force, the inspector judges */
    GATE_FAILED,    /* keeper → main: `text` says why; nothing was opened */
    GATE_FINISH,    /* main → keeper: the command ended; write what is left, answer GATE_SUMMARY */
    GATE_SUMMARY,   /* keeper → main */
    GATE_STOP,      /* main → keeper: remove the rules (a run) or leave them closed (a gate), then exit 0 */
    GATE_STOPPED,
};

struct gate_message {
    uint32_t kind;
    uint64_t denied, alerts; /* GATE_SUMMARY, for --fail-on */
    char text[1000];
};

/* Sends and receives one message on main_fd[side]; false: nothing there, or the other side is gone. */
bool gate_send(int fd, enum gate_message_kind kind, const char *text);
bool gate_receive(int fd, struct gate_message *out);

#endif
