/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the files of the keeper share: keeper.c (start, loop, end), attend.c (events), reload.c (policy and rules),
 * surroundings.c (addresses, resolv.conf),
 * control*.c (control socket), rehearse.c (what an apply would change).  One process, one thread; nothing here is used
 * by others.
 *
 * A policy comes into force in five steps, each of which may fail without harm: it is stored in the bundle's spare
 * slot, the inspector compiles it and says so (CHANNEL_POLICY_DONE), the rules are replaced in one transaction, the
 * bundle's slot is switched, open connections are judged again.  A keeper that dies between the first and the last
 * leaves the last to the one that takes its place. */
#ifndef SLUICE_CTL_KEEPER_H
#define SLUICE_CTL_KEEPER_H

#include <jansson.h>

#include "core/event.h"
#include "ctl/control.h"
#include "ctl/engine_dns.h"
#include "ctl/flows.h"
#include "ctl/gate.h"
#include "ctl/jobs.h"
#include "ctl/links_watch.h"
#include "ctl/lookups.h"
#include "ctl/pressure.h"
#include "ctl/process.h"
#include "ctl/relay_table.h"
#include "ctl/rules.h"
#include "ctl/summary.h"
#include "dns/binding.h"
#include "nft/cgroup_watch.h"
#include "nfq/channel.h"

struct eventlog;

enum keeper_why {
    KEEPER_IDLE,
    KEEPER_START,  /* the first policy of this keeper: then the rules */
    KEEPER_RELOAD, /* a new one: then the rules, then the slot */
    KEEPER_AGAIN,  /* the same once more: a new inspector, other addresses of the host, back from a failed reload */
};

/* A policy that the inspector is compiling. */
struct keeper_pending {
    enum keeper_why why;
    uint32_t generation;
    uint64_t deadline_usec;
    struct policy *policy; /* RELOAD: what comes into force */
    struct bytes bundle;
    struct policy_ids *ids;
    char *file; /* RELOAD: where it was read from */
    struct control_client client;
    json_t *answer;            /* of a change to jobs: what is told of it; NULL: an apply */
    char leaves[JOBS_ID_SIZE]; /* the job that ends with it: its connections are forgotten, its summary told */
};

/* Which policy is to come into force. */
struct reload_ask {
    const char *file; /* absolute; NULL: the gate's own */
    struct control_client client;
};

/* A change of the bundle in force that does not read the files again. */
struct reload_change {
    struct policy_bundle_change bundle;
    const char *scope, *phase; /* that scope is in that phase from then on; NULL: as before */
    const char *leaves;        /* as in struct keeper_pending, or NULL */
    json_t *answer;            /* taken, also on failure */
    struct control_client client;
};

struct keeper {
    struct gate *gate;
    struct gate_shared *shared;
    int signal_fd, conntrack_fd;
    struct cgroup_watch watch;
    struct links_watch links; /* of containers that come: jobs_look */

    struct bytes bundle; /* in force */
    struct policy_ids *ids;
    struct policy *policy;
    char *policy_file; /* where it was read from; NULL: a run's own */
    struct rules rules;
    struct ruleset_socket *socket;
    uint32_t rules_generation; /* the kernel's, when we last looked */
    bool applied, table_seen, flow_tables_seen;

    uint32_t generation; /* of the last policy sent */
    struct keeper_pending pending;
    struct policy_system system; /* what the machine says, as the policy in force has it */
    unsigned own_addresses;
    struct address own_address[CHANNEL_OWN_ADDRESSES_MAX];
    char reload_error[1000]; /* "" : the last one was good */
    uint64_t reloaded_usec;
    unsigned reloads;

    struct binding_table *bindings;
    struct relay_table *relays;
    struct process_finder *finder, *job_finder;
    struct lookups *lookups; /* how long we wait for them */
    struct flows *flows;
    struct eventlog *log;
    struct summary *summary;
    struct control *control, *jobs_control; /* root's, and everybody's who runs in a scope */
    uint64_t jobs_rest_usec;                /* until then everybody's socket waits */
    struct jobs jobs;
    struct channel_counts counts;
    struct pressure pressure;
    struct engine_dns docker;
    uint64_t allowed, refused;
    uint64_t denied_before, alerts_before; /* of keepers that died */
    uint16_t relay_udp_port[2 * GATE_RELAY_SLOTS];
    uint64_t lone_since_usec;
    bool stop_asked; /* by the control socket */
    uint32_t mark_serial;
    bool marked;    /* the inspector answered CHANNEL_MARK */
    bool ends_lost; /* conntrack's events were; sweep */
    bool finished;  /* GATE_FINISH came: nothing more is to come */
};

/* attend.c: what the inspector tells. */
/* ctl/keeper.c: conntrack counts bytes only when told to; flows that exist already go uncounted.  `first`: say why not.
 */
void keeper_count_bytes(bool first);

void attend_events(struct keeper *k, unsigned most);  /* reads at most `most` messages */
void attend_quiet(struct keeper *k);                  /* reads until the inspector says that this is all */
void attend_write(struct keeper *k, struct event *e); /* fills scope, writes, counts */
void attend_flow_end(struct keeper *k, const struct conntrack_flow *flow);
void attend_counts(struct keeper *k, const struct channel_counts *counts);
/* Of packets that the rules dropped, so many; told only by the event. */
void attend_dropped(struct keeper *k, enum reason reason, enum verdict verdict, uint16_t scope_id, uint64_t count);
/* An event of the gate itself. */
void attend_gate_event(struct keeper *k, enum reason reason, enum verdict verdict, uint64_t count);

/* reload.c: policy and rules. */
bool reload_start(struct keeper *k, struct error *e); /* loads the stored policy, sends it to the inspector */
void reload_signal(struct keeper *k);                 /* SIGHUP: the gate's own file again */
/* Reads the files and hands them to the inspector; the answer goes to ask->client when the policy is in force, or is
 * not to be.  False: nothing was begun, `e` says why, and nobody else was told. */
bool reload_begin(struct keeper *k, const struct reload_ask *ask, struct error *e);
/* The files in force, but for what *change says.  As above. */
bool reload_change(struct keeper *k, const struct reload_change *change, struct error *e);
/* False: another change is not finished, nor what it cuts cut. */
bool reload_may_begin(const struct keeper *k, struct error *e);
/* Reads and compiles a policy file (NULL: the gate's own) with our scopes' ids; the caller frees what is in *out. */
bool reload_read(struct keeper *k, const char *file, struct keeper_pending *out, struct error *e);
void reload_drop(struct keeper_pending *p);
void reload_answer(struct keeper *k, const struct channel_policy_done *done);
void reload_tick(struct keeper *k);    /* time-outs, own addresses, cgroups, rules: each second */
void reload_cgroups(struct keeper *k); /* something happened where scopes have their cgroups */
bool reload_send(struct keeper *k, enum keeper_why why, struct bytes bundle, struct error *e);
/* The bundle, compiled as the inspector compiles it. */
struct policy *reload_compile(const struct keeper *k, struct bytes bundle, struct error *e);
/* reload_settle.c: cuts what `before` let go and the policy in force does not allow; returns how many. */
unsigned reload_settle(struct keeper *k, const struct policy *before);
/* The same for what a change left that failed, or that the keeper before died over, in force or not; often nothing. */
void reload_settle_other(struct keeper *k);
/* reload_rules.c */
bool reload_apply(struct keeper *k, const struct policy *policy, struct error *e);
void reload_verify(struct keeper *k); /* are the rules still there, and as they should be? */

/* control_job.c.  The job leaves the policy in force: its connections end, its summary goes into `answer`. */
void jobs_leave(struct keeper *k, const char *id, json_t *answer);
void jobs_tick(struct keeper *k); /* what ended jobs left: is it gone? */

/* surroundings.c: what the machine says of itself, looked at each second. */
#define RESOLV_CONF "/etc/resolv.conf"
unsigned surroundings_addresses(struct address out[CHANNEL_OWN_ADDRESSES_MAX]);
void surroundings_tick(struct keeper *k);

/* rehearse.c: the answer to an apply that is only to say what it would change. */
json_t *rehearse(struct keeper *k, const char *file);

#endif
