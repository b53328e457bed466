/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is different from scope to scope, as the contents of sets and maps: with them, a packet's scope is found by one
 * look-up for each kind of match, however many scopes there are, and a scope that comes or goes is some elements.
 *
 * The first scope that matches, in file order, is worked out here:
 *   cgroups      one map for each depth that is in use.  A cgroup below one that an earlier scope has is left out, so
 *                the deepest that is found belongs to the first scope: the maps are asked from the top down, and each
 *                find replaces the one before.
 *   interfaces,  intervals without overlap, each of the first scope that has it.  A run is a map of interfaces and the
 *   sources      maps of addresses behind it; where the file goes from sources back to interfaces, the next run begins:
 *                no map tells which of two different things a packet had first.  One run does for scopes that all have
 *                the one, the other, or first the one and then the other.
 *
 * Owns its elements; nothing in it points into the rules.  Internal to nft/. */
#ifndef SLUICE_NFT_RULESET_SETS_H
#define SLUICE_NFT_RULESET_SETS_H

#include "nft/ruleset.h"
#include "nft/set.h"

/* Names of sets and maps; those with a number behind them have an underscore before it. */
#define SET_SCOPES     "scopes"     /* our scopes, as they are in a mark */
#define SET_IDENTIFY   "identify"   /* scope → its SCOPE_MARK chain */
#define SET_BEGIN      "begin"      /* scope → its SCOPE_BEGIN chain */
#define SET_SAME       "same"       /* scope . the same scope */
#define SET_INCOMING   "incoming"   /* scopes that connections may be made into */
#define SET_QUIC       "quic"       /* scopes whose QUIC is judged */
#define SET_FORGED     "forged"     /* scope → counter, where it has interfaces or sources, or takes the unmatched */
#define SET_UNPROVEN   "unproven"   /* scope → counter, where it has cgroups */
#define SET_RELAY4     "relay4"     /* scope . resolver → port of the relay */
#define SET_RELAY6     "relay6"     /* likewise */
#define SET_RELAY_PORT "relay_port" /* scope . port of the relay */
#define SET_CGROUP     "cgroup"     /* _DEPTH: cgroup → SCOPE_MARK chain */
#define SET_INTERFACE  "interface"  /* _RUN: interface's name → SCOPE_MARK chain */
#define SET_ADDRESS4   "address4"   /* _RUN: address → SCOPE_MARK chain */
#define SET_ADDRESS6   "address6"   /* _RUN */

#define SCOPE_MARK  "mark"  /* chain of a scope: into the packet mark, and is the connection its own? */
#define SCOPE_BEGIN "begin" /* chain of a scope: its connection, undecided */

struct ruleset_sets {
    unsigned epoch; /* in the sets' names: new rules have new sets (nft/ruleset.c) */
    struct set *set;
    size_t sets, size;
    uint16_t *scope; /* their ids, sorted */
    unsigned scopes;
    uint32_t *level; /* depths of cgroups, sorted */
    unsigned levels;
    unsigned runs;
};

/* `had`, unless NULL: the depths and runs that it has are there too, if only empty, so that rules which look into them
 * stay as they are.  False without memory. */
bool ruleset_sets_make(const struct ruleset *rules, const struct ruleset_sets *had, struct ruleset_sets *out);
void ruleset_sets_done(struct ruleset_sets *s);
bool ruleset_sets_has_scope(const struct ruleset_sets *s, uint16_t id);
/* Have both the same sets (with whatever in them), so that the same rules go with them? */
bool ruleset_sets_alike(const struct ruleset_sets *a, const struct ruleset_sets *b);
/* Is it one by which a packet's scope is found, not one of scopes? */
bool ruleset_sets_finds(const struct set *s);
void ruleset_sets_set_epoch(struct ruleset_sets *s, unsigned epoch);
/* "NAME_NUMBER". */
void ruleset_sets_name(char out[SET_NAME_SIZE], const char *name, unsigned number);

#endif
