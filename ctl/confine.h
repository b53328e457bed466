/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the command of `sluice run` loses, so that it cannot leave its cgroup or have another process send for it.
 *
 * As a user (under sudo): user, groups and environment of who called; no capability, no_new_privs.
 * As root (--as-root): what a package install needs stays (confine_rights); the rest leaves the bounding set.
 * Both: a mount namespace with cgroupfs read-only, and in which no unix socket of a process outside is to be reached
 * below /run, whenever it is bound; elsewhere each is masked that is bound when the job starts, and where the job need
 * not write to its directory, all that are bound there later.  Left are those the caller names (`--socket`,
 * SSH_AUTH_SOCK) and user databases; a pid namespace, so that no other process can be traced or entered by /proc, and
 * none signalled but those of the caller's process group before Linux 6.12; no inherited sockets; no AF_VSOCK, no
 * io_uring (it makes sockets behind the filter), no clone3 (it begins a process in another cgroup), no typing into the
 * terminal (TIOCSTI).
 *
 * What this cannot hold, for SECURITY.md: on Linux before 6.12, abstract unix sockets of daemons in the host's network
 * namespace (--isolate leaves them behind); files that a process outside reads and runs later (a user's shell start
 * files; as root, all of the host's); a unix socket that a process outside binds after the job has started in a
 * directory where the job writes, or, if it is in another network namespace, outside of /run and the list's places.
 *
 * confine_user and confine_stdio are called by `sluice run`; all others in the job's own process, in the order given.
 */
#ifndef SLUICE_CTL_CONFINE_H
#define SLUICE_CTL_CONFINE_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "core/error.h"
#include "ctl/number.h"

#define CONFINE_GROUPS_MAX  256
#define CONFINE_SOCKETS_MAX 4096 /* on the host */
#define CONFINE_KEEP_MAX    16   /* of these, for the job */
#define CONFINE_JOBS        NUMBER_DIRECTORY "/job.sock"
#define CONFINE_MOUNTS_MAX  4096 /* that the job sees */
#define CONFINE_COVERS_MAX  64   /* directories under an overlay */

struct confine {
    bool root; /* keeps uid 0 */
    uid_t uid;
    gid_t gid;
    int groups;
    gid_t group[CONFINE_GROUPS_MAX];
    char user[64], home[256], shell[256];
    char directory[PATH_MAX]; /* where the caller was, as the command shall be; empty: it is no more */
    unsigned keeps;
    const char *keep[CONFINE_KEEP_MAX]; /* sockets outside that the job may use; borrowed */
    const char *jobs;                   /* the gate's, at which the job narrows itself: CONFINE_JOBS in there */
    const char *agent;                  /* SSH_AUTH_SOCK: git over ssh needs it, and it carries nothing; or NULL */
    const char *resolv_conf;            /* what /etc/resolv.conf shall say in there, or NULL: as it is */
};

/* Who the command runs as: SUDO_UID and SUDO_GID, or root (`as_root`, or no SUDO_UID). */
bool confine_user(bool as_root, struct confine *out, struct error *e);
/* Standard input, output and error must not be sockets of the network: they are older than the scope. */
bool confine_stdio(struct error *e);

/* 1. Closes what the command must not inherit: all but plain files, pipes and terminals, and what closes on exec;
 * `keep` stays. */
bool confine_descriptors(int keep, struct error *e);
/* 2. Where all unix sockets of the network namespace we are in were bound: before that of the job is entered.  The
 * caller ends with confine_sockets_done, also after a failure. */
struct confine_sockets {
    unsigned count;
    char *path[CONFINE_SOCKETS_MAX];
};
bool confine_sockets_read(struct confine_sockets *out, struct error *e);
void confine_sockets_done(struct confine_sockets *sockets);
/* 3. In new mount and pid namespaces: read-only cgroupfs, fresh /proc, masks; every socket of `sockets` but those to
 * keep. */
bool confine_mounts(const struct confine *c, const struct confine_sockets *sockets, struct error *e);
/* 4. HOME, USER, LOGNAME, SHELL; what leads to masked sockets goes. */
void confine_environment(const struct confine *c);
/* 5. The system calls that are refused. */
bool confine_calls(struct error *e);
/* 6. No abstract unix socket that is older than the job, or not made in it, and no signal to a process outside: kill(0)
 * goes to all of the process group, which is the caller's, whatever the pid namespace (Landlock, Linux 6.12; else as it
 * is). */
bool confine_domain(struct error *e);
/* 7. User, groups, capabilities. */
bool confine_rights(const struct confine *c, struct error *e);
/* 8. The directory, again by its name: by the old one, ".." would lead below the masks.  As root or, where that is not
 * let in (a network's file system), as the user. */
bool confine_enter(const struct confine *c, struct error *e);

/* Overlays, under which no socket is reached, and what of them is left open. */
struct confine_covers {
    int empty; /* a directory; -1: this kernel makes no overlays */
    unsigned count;
    uint64_t mount[CONFINE_COVERS_MAX];
};
/* Where something is mounted, in the order of mountinfo. */
struct confine_mounted {
    unsigned count;
    char *path[CONFINE_MOUNTS_MAX];
};
/* Covers /run; what is mounted there, what the job's user owns just below it, and what is to be kept, is shown again.
 * Where the kernel makes no overlay, that is said, and the masks of single sockets have to do. */
bool confine_cover_run(const struct confine *c, const struct confine_mounted *mounted, struct confine_covers *covers,
                       struct error *e);
/* Covers a directory, read-only: one that the job may not write to (directories and files there that it may, are as
 * they were), or that holds nothing but sockets.  False: it is none of these, or has too much in it. */
bool confine_cover(const struct confine *c, int directory, struct confine_covers *covers);
bool confine_is_covered(const struct confine_covers *covers, int fd);

/* A socket that is not masked: the caller's choice, or a user database. */
bool confine_is_kept(const struct confine *c, const char *path, const struct stat *st);
bool confine_is_kept_directory(const char *path); /* it, or one below */
bool confine_sockets_mask(const struct confine *c, const struct confine_sockets *sockets, struct confine_covers *covers,
                          struct error *e);

/* The places that confine_mounts masks: glob patterns; what does not exist is skipped. */
struct confine_mask {
    const char *pattern;
    bool writable; /* an empty directory that the job may use as its own */
};
extern const struct confine_mask confine_masks[]; /* ends with a NULL pattern */

#endif
