/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The jobs that a gate holds.
 *
 * A job is one more source in the policy's bundle: a JSON text (JSON is YAML) with a scope, a profile that extends the
 * one it was started with, and under "job" the order it was made from.  So a job comes into force as any policy does,
 * all or nothing, and is kept by whatever keeps the bundle: over a death of the keeper, a restart and an upgrade.
 * What is here is the keeper's view of it, read back from the bundle after each change.  Keeper only, one thread. */
#ifndef SLUICE_CTL_JOBS_H
#define SLUICE_CTL_JOBS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/bytes.h"
#include "core/error.h"
#include "ctl/summary.h"

#define JOBS_MAX         1000
#define JOBS_STARTER_MAX 100 /* of one scope that starts jobs, whoever in it asks */
#define JOBS_ID_SIZE     49  /* with its NUL */
#define JOBS_SOURCE_SIZE (JOBS_ID_SIZE + 4)

struct keeper;
struct policy;
struct policy_ids;
struct policy_scope;

struct held_job {
    char id[JOBS_ID_SIZE], scope[64], profile[64];
    uint64_t started_usec; /* CLOCK_REALTIME */
    pid_t owner;           /* who may end it from a scope that starts jobs, and when that process began */
    uint64_t owner_start;
    bool ended; /* what it left running is held, and allowed nothing, until it is gone */
    json_t *order;
    struct summary *summary;
    uint64_t stored_usec, stored_events; /* ctl/jobs_store.c: when and what was written last */
    bool look_told;                      /* that they could not all be looked at */
    bool told;                           /* that its containers' networks could not be held */
    bool seen;                           /* while the list is read anew */
};

struct jobs {
    unsigned count;
    unsigned followed; /* jobs_below.c: who is next */
    struct held_job *job[JOBS_MAX];
};

/* 1 to 48 letters, digits, '.', '_' and '-', none of the last three first. */
bool jobs_id_good(const char *id);
/* How the job's source is called in the bundle and in errors. */
void jobs_source_name(const char *id, char out[JOBS_SOURCE_SIZE]);
/* The source's text, malloc'ed; NULL: no memory.  `order`: {"id", "profile", "allow": [..], "resolver": [..],
 * "cgroup": [..], "interface": [..], "source": [..], "audit": bool, "incoming": bool, "ended": bool, "started": usec,
 * "owner": {"pid", "start"},
 * "starter": the scope that it was started from, "below": what jobs_below says}. */
char *jobs_source_text(const json_t *order);

/* jobs_store.c.  Writes the summaries that have changed, at most once a second each (`last`: now, for the keeper ends);
 * reads one back; removes it. */
void jobs_store(struct jobs *jobs, bool last);
void jobs_store_read(struct held_job *job);
void jobs_store_drop(const struct held_job *job);

/* jobs_kept.c.  Writes which jobs are held, and in which phase, for a gate that starts after this one has ended. */
bool jobs_keep(const struct jobs *jobs, const struct policy *policy, struct error *e);
/* What the gate before held, if no service manager says it: *out: a bundle of the jobs' sources alone, malloc'ed, or
 * {0}; their phases become rows of `ids` (in: first and last, no rows).  False: there is a file, and it cannot be
 * relied on.
 */
bool jobs_kept(struct bytes *out, unsigned *count, struct policy_ids *ids, struct error *e);
void jobs_kept_forget(void);

/* Makes the list what the bundle says: who is known stays, with its summary; who comes gets the one that was stored. */
bool jobs_read(struct jobs *jobs, struct bytes bundle, struct error *e);
struct held_job *jobs_find(const struct jobs *jobs, const char *id);
/* How many were started from that scope, ended ones that are held among them. */
unsigned jobs_of_starter(const struct jobs *jobs, const char *scope);
struct held_job *jobs_of_scope(const struct jobs *jobs, const struct policy_scope *scope);

/* Does another scope of the policy, or unmatched: refuse, hold what a job's match lines hold? */
bool jobs_fall_back(const struct policy *policy, const struct policy_scope *scope);
/* Is anything of it left: processes in its cgroups, its interfaces, or addresses (which nobody sees go)? */
bool jobs_live(const struct policy_scope *scope);

/* jobs_below.c: {"interface": [..], "source": [..]}: the networks of containers that run below the order's cgroups,
 * now. *e says what of them could not be found, if anything. */
json_t *jobs_below(const json_t *order, struct error *e);
/* The job that has one of an order's networks already; NULL: none. */
const struct held_job *jobs_network_taken(const struct jobs *jobs, const json_t *order);
void jobs_follow(struct keeper *k); /* each second */
void jobs_look(struct keeper *k);   /* and soon after links changed, while links_watch says so */

#endif
