/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A policy, compiled: what DESIGN s2's YAML says, ready to be asked.
 *
 * Immutable after policy_load/policy_from_bundle; any number of threads may read it.  Everything it points to lives
 * until policy_free.  Memory: below 100 bytes a name beside its text. */
#ifndef SLUICE_POLICY_POLICY_H
#define SLUICE_POLICY_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/address.h"
#include "core/bytes.h"
#include "core/error.h"
#include "core/name.h"

#define POLICY_SCOPES_MAX    2048
#define POLICY_RESOLVERS_MAX 16
#define POLICY_MATCHES_MAX   64
#define POLICY_SEARCH_MAX    64 /* search domains of a scope */
#define POLICY_PHASE_SIZE    32 /* of a phase's name, with its NUL */

struct matcher; /* policy/matcher.h */

/* quic: and ech: of a profile; UNSET before the parents are known, and no more after. */
enum policy_quic { POLICY_QUIC_REFUSE, POLICY_QUIC_JUDGE, POLICY_QUIC_UNSET };
enum policy_ech { POLICY_ECH_REFUSE, POLICY_ECH_OUTER, POLICY_ECH_UNSET };

struct policy_profile {
    char *name;                                /* of a phase PROFILE/PHASE */
    const char *phase;                         /* in `name`; NULL: the profile itself */
    const struct policy_profile *parent;       /* extends, or NULL; of a phase its profile */
    const struct policy_profile *allow_parent; /* whose allow list holds too: parent, and nobody's of a phase */
    struct matcher *allow, *deny;
    struct {
        uint32_t names_per_minute, label_bytes, bytes_per_hour;
    } budget;              /* 0: the default */
    enum policy_quic quic; /* JUDGE: a TLS entry stands for QUIC on the same ports too */
    enum policy_ech ech;   /* OUTER: an encrypted ClientHello is judged by its outer name */
};

enum policy_mode { POLICY_ENFORCE, POLICY_AUDIT };

enum policy_match { POLICY_CGROUP, POLICY_INTERFACE, POLICY_SOURCE };

struct policy_matcher_line {
    enum policy_match kind;
    char *text;                  /* cgroup path below the cgroup2 mount ("/system.slice/x.service"), or interface name,
                                    a trailing '*' standing for any rest */
    struct address_range source; /* POLICY_SOURCE */
};

struct policy_scope {
    uint16_t id; /* stable over reloads for one name (struct policy_ids) */
    char *name;
    const struct policy_profile *profile; /* of a scope in a phase that phase's */
    const struct policy_profile *base;    /* without the phase: as it was written */
    const char *phase;                    /* of profile; "": in none */
    struct policy_profile *in_phase;      /* profile, where it is a phase: the phase's lists on top of base */
    char *job;                            /* the id of the job that it holds; NULL: of the files */
    enum policy_mode mode;
    bool drop;       /* on_deny: drop (silence); default reject */
    bool incoming;   /* incoming: pass */
    unsigned starts; /* starts_jobs: profiles of the jobs that its processes may start */
    const struct policy_profile **start;
    unsigned matches;
    struct policy_matcher_line *match;
    unsigned resolvers; /* pinned; expanded from `system`, never 0 unless the policy says [] */
    struct address resolver[POLICY_RESOLVERS_MAX];
    unsigned search_domains; /* that its resolvers' configuration appends (containers, pods), for noise; beside the
                                system's own */
    struct name *search_domain;
};

struct policy {
    unsigned profiles, scopes;
    struct policy_profile **profile;
    struct policy_scope *scope; /* file order */
    bool refuse_unmatched;      /* unmatched: refuse; then the last scope is named "unmatched" and has no match lines */
    uint32_t mark_mask;         /* the bits of packet and connection mark that are ours; contiguous */
    bool fast_path;             /* true unless fast_path: off */
    unsigned search_domains;    /* of resolv.conf, for noise (DESIGN s2) */
    struct name search_domain[8];
    struct name host_name; /* len 0: not a plain host name */
};

/* What the policy is read from: files, all in memory, so that the inspector (which can open nothing) and a keeper that
 * was restarted compile the very same bytes. */
struct policy_source {
    const char *file; /* as shown in errors */
    struct bytes text;
    bool job; /* made by the keeper: its scope stands before those of all files, and may say `job` */
};

/* What the machine contributes; gathered once by whoever may read files (policy/system.c), then handed on. */
struct policy_system {
    unsigned resolvers;
    struct address resolver[POLICY_RESOLVERS_MAX]; /* resolv.conf's, and the uplinks behind a local stub */
    unsigned search_domains;
    struct name search_domain[8];
    struct name host_name;
};

/* Reads resolv.conf (and /run/systemd/resolve/resolv.conf behind a stub), and the host's name. */
bool policy_system_read(const char *resolv_conf, struct policy_system *out, struct error *e);

/* Scope ids that are in use: a scope keeps its id over reloads, because connection marks hold it.  A name that is not
 * listed gets the lowest id from `first` on that is not listed and not taken. */
struct policy_ids {
    uint16_t first, last; /* the ids that may be given, inclusive */
    unsigned count;
    struct policy_id {
        char name[64];
        uint16_t id;
        char phase[POLICY_PHASE_SIZE]; /* that the scope is in; "": none */
    } row[POLICY_SCOPES_MAX];
};

/* After `policy` was compiled with these ids: names that are new get a row.  Names that no scope has any more keep
 * theirs until the rows run out: marks of their connections may still be about. */
void policy_ids_remember(struct policy_ids *ids, const struct policy *policy);
/* The scope is in that phase ("": in none) when it is compiled next; a name that no scope has yet gets its id then.
 * `policy`: the one in force. */
bool policy_ids_set_phase(struct policy_ids *ids, const struct policy *policy, const char *scope, const char *phase,
                          struct error *e);

/* Compiles.  `ids` may be NULL: 1.. in file order.  sources[0] is the main file; the others are policy.d's, in order.
 * Errors carry file, line and column, show the line and say what to write: policy.yaml:7:12: unknown key "alow"; did
 * you mean "allow"? alow: [registry.example]
 *         ^
 * Returns NULL on failure. */
struct policy *policy_compile(const struct policy_source *sources, unsigned count, const struct policy_system *system,
                              const struct policy_ids *ids, struct error *e);
void policy_free(struct policy *policy);

/* A source bundle in one buffer: what crosses to the inspector by memfd and what a restarted keeper reads.
 * policy_bundle_load reads `path` and `path/../policy.d/`*.yaml (in name order) into one malloc'ed bundle, together
 * with `system` and `ids`; each file at most 64 MiB, regular files only. */
bool policy_bundle_load(const char *path, const struct policy_system *system, const struct policy_ids *ids,
                        struct bytes *out, struct error *e);
bool policy_bundle_make(const struct policy_source *sources, unsigned count, const struct policy_system *system,
                        const struct policy_ids *ids, struct bytes *out, struct error *e);
/* The same once more, but for what *change says. */
struct policy_bundle_change {
    const struct policy_source *more;   /* a file more at the end: what `sluice run` and a job add to a policy */
    const char *without;                /* no more this job's source */
    const struct policy_system *system; /* the machine says something else: resolv.conf changed */
    struct bytes jobs_of;               /* and the jobs' sources of this bundle */
};
bool policy_bundle_change(struct bytes bundle, const struct policy_bundle_change *change, const struct policy_ids *ids,
                          struct bytes *out, struct error *e);
/* Calls for each job's source; `file` and `text` live as long as the call. */
bool policy_bundle_jobs(struct bytes bundle, bool (*each)(void *ctx, const char *file, struct bytes text), void *ctx,
                        struct error *e);
struct policy *policy_from_bundle(struct bytes bundle, struct error *e);
/* The path of its main file, malloc'ed; NULL: no memory, or the bundle is damaged. */
char *policy_bundle_file(struct bytes bundle);

/* Scopes of `sluice job start`; only a source of theirs (flag `job`) may call one so. */
#define POLICY_JOB_NAME   "job-"   /* and the id: the job's scope and profile */
#define POLICY_ENDED_NAME "ended-" /* the same for what it left: another scope, with nothing of the one before */
bool policy_is_job_name(const char *name);
const struct policy_scope *policy_scope_find(const struct policy *policy, uint16_t id); /* NULL: none; O(1) */
const struct policy_scope *policy_scope_named(const struct policy *policy, const char *name);
const struct policy_profile *policy_profile_find(const struct policy *policy, const char *name); /* no phase */
/* The only profile beside its phases; NULL: there are more, or none. */
const struct policy_profile *policy_profile_only(const struct policy *policy);
/* The phase of a profile that is none itself, its own or one that it inherits; NULL: there is none. */
const struct policy_profile *policy_phase_find(const struct policy *policy, const struct policy_profile *profile,
                                               const char *phase);
/* What holds in that phase for a scope of that profile: the phase's own lists, and all that the profile denies, its
 * budgets and settings.  Borrows from both. */
struct policy_profile policy_profile_in_phase(const struct policy_profile *base, const struct policy_profile *phase);

#endif
