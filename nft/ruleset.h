/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The gate's nftables rules: one table, changed in one transaction (DESIGN s3).  The rules are the same for all scopes;
 * what is different from scope to scope are elements of sets and maps (nft/ruleset_sets.h) and three rules each, so a
 * scope that comes or goes is a short transaction, and 1,000 scopes are found as one is.
 *
 * The table belongs to the netlink socket that made it (NFT_TABLE_F_OWNER; with NFT_TABLE_F_PERSIST where the kernel
 * has it, Linux 6.9, the table outlives the socket, closed).  The socket is made by the launcher and shared by fork;
 * only the keeper sends on it.  Not thread-safe. */
#ifndef SLUICE_NFT_RULESET_H
#define SLUICE_NFT_RULESET_H

#include <stdbool.h>
#include <stdint.h>

#include "core/address.h"
#include "core/error.h"
#include "core/mark.h"

#define RULESET_TABLE        "sluice"
#define RULESET_TABLE_CLOSED "sluice_closed" /* what an ended gate leaves behind where tables cannot persist */

struct ruleset_cgroup {
    uint64_t id;      /* inode of the cgroup directory */
    uint32_t level;   /* its depth below the cgroup2 root; root itself is 0 and cannot be matched */
    const char *path; /* "/a/b": by it one is known to be below another; borrowed */
};

struct ruleset_scope {
    uint16_t id;
    unsigned cgroups, interfaces, sources, resolvers;
    const struct ruleset_cgroup *cgroup;
    const char *const *interface; /* a trailing '*' is a wildcard */
    const struct address_range *source;
    const struct address *resolver;
    uint16_t relay_port; /* the relay's listener of this scope, IPv4 and IPv6; 0: TCP 53 is queued like the rest */
    bool incoming;       /* connections into the scope pass */
    bool quic;           /* QUIC is judged: MARK_HTTP on UDP is a QUIC flow that was approved */
};

struct ruleset {
    const char *table; /* RULESET_TABLE, or a run's own */
    struct mark_layout marks;
    uint16_t queue_tcp, queue_udp; /* queue_udp takes all that is not TCP */
    unsigned scopes;
    const struct ruleset_scope *scope; /* the first that matches */
    uint16_t unmatched;         /* id of the scope that takes what no scope claims (unmatched: refuse); 0: pass */
    struct ruleset_cgroup gate; /* the gate's own processes, exempt from unmatched; id 0: none */
    unsigned masquerades;       /* --isolate: networks behind a veth of ours that reach out by the host's address */
    const struct address_range *masquerade;
    bool fast_path; /* false: MARK_APPROVED is queued too (fast_path: off) */
};

struct ruleset_kernel {
    bool native_queue; /* nft's own queue expression; else xt NFQUEUE revision 3 */
    bool persist;
    bool ownerless; /* never found by the probe: the table shall be nobody's, and stay when all its makers are gone */
};

struct ruleset_socket; /* the owning netlink socket */

/* Opens the owning socket (close-on-exec, buffers sized for large transactions). */
struct ruleset_socket *ruleset_open(struct error *e);
/* Takes over a descriptor that ruleset_fd gave (after fork in a new keeper): drains what was left unread. */
struct ruleset_socket *ruleset_adopt(int fd, struct error *e);
int ruleset_fd(const struct ruleset_socket *s);
/* Is the socket with this netlink port id the owning one? */
bool ruleset_owner(const struct ruleset_socket *s, uint32_t port_id);
void ruleset_close(struct ruleset_socket *s);

/* Finds out what the kernel has, in a throw-away table of this process.  `SLUICE_QUEUE=xt` or `native` in the
 * environment (tests) forces one. */
bool ruleset_probe(struct ruleset_kernel *out, struct error *e);

/* Makes the table, or brings it to these rules: by the difference to what this socket applied last where only scopes
 * changed, else whole.  All or nothing; packets meet the old rules or the new, never none.  An orphaned persistent
 * table of the same name is taken over. */
bool ruleset_apply(struct ruleset_socket *s, const struct ruleset_kernel *kernel, const struct ruleset *rules,
                   struct error *e);

/* Removes the table (owned by `s`, or orphaned).  A table that is not there is no error. */
bool ruleset_remove(struct ruleset_socket *s, const char *table, struct error *e);

/* Names of tables that start with RULESET_TABLE; calls back for each with its owner's netlink port id (0: none). */
bool ruleset_list(void (*each)(void *ctx, const char *table, uint32_t owner), void *ctx, struct error *e);

/* What rules drop before the handler could say a word: told by a counter each of the table, which live as long as it.
 */
enum ruleset_dropped {
    RULESET_FORGED,    /* a source that does not live where the packet came in */
    RULESET_UNPROVEN,  /* to a socket of the scope, and part of no connection */
    RULESET_NEIGHBOUR, /* neighbour discovery that is to be routed; of no scope (0) */
    RULESET_ERROR,     /* an error of the kernel's own that quotes what no rule has seen; of no scope (0) */
    RULESET_DROPPED
};
typedef void ruleset_each_dropped(void *ctx, enum ruleset_dropped kind, uint16_t scope, uint64_t packets);
bool ruleset_read_dropped(const char *table, ruleset_each_dropped *each, void *ctx, struct error *e);

/* A flow table (nft's `flowtable`, another table's) takes what its devices receive of an established connection out of
 * the way to every rule, ours too, once a rule in a forward hook has added it; TCP before its first byte.  *out: one
 * that there is ("inet router fast (lan0, wan0)"), or "". */
#define RULESET_FLOW_TABLE_TEXT 200
bool ruleset_flow_table(char out[RULESET_FLOW_TABLE_TEXT], struct error *e);

/* The kernel's rule-set generation, to notice changes by others. */
bool ruleset_generation(uint32_t *out, struct error *e);

#endif
