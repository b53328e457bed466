/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The judge: packets in, verdicts, answers and events out.  No I/O, no clock: the live worker and `sluice replay` give
 * it packets and carry out what it says.
 *
 * One judge = one worker = one shard of flows.  Not thread-safe.  Memory is taken at judge_new; while judging it
 * allocates nothing (ldns, a DNS message, apart).  Every packet id that comes in goes out exactly once. */
#ifndef SLUICE_NFQ_JUDGE_H
#define SLUICE_NFQ_JUDGE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/bytes.h"
#include "core/event.h"
#include "core/mark.h"
#include "dns/binding.h"
#include "policy/policy.h"

#define JUDGE_FLOWS_DEFAULT    16384  /* flows of one scope; four times as many in all */
#define JUDGE_REFUSALS_MAX     1024   /* refusals that wait for attribution */
#define JUDGE_ATTRIBUTION_USEC 250000 /* how long they wait */

struct judge_packet {
    uint32_t id;
    uint16_t scope;
    enum mark_queued path;
    bool at_output; /* queued at output or prerouting, where a reset may be asked for by mark; else input/postrouting */
    bool local;     /* queued at output: its sender is on this host */
    bool forwarded; /* queued at forward: an answer that came in on its client's side */
    bool approved;  /* of a QUIC flow that was approved before; path is MARK_TO_SERVER */
    bool sum_unfinished;
    bool gso; /* one packet here, several on the wire */
    struct bytes ip;
};

struct judge_sink {
    void *ctx;
    /* Sends the packet on.  `ip`: what leaves in its place.  len 0: as it lies (audit only). */
    void (*accept)(void *ctx, uint32_t id, enum mark_verdict mark, struct bytes ip);
    /* Drops; MARK_RESET: the kernel resets its sender (only where at_output), else mark is MARK_PASS. */
    void (*drop)(void *ctx, uint32_t id, enum mark_verdict mark);
    /* A packet of ours, untracked: an answer or error towards the client, a reset towards either side. */
    void (*inject)(void *ctx, struct bytes ip);
    /* Tells what happened.  e->ticket not 0 asks for attribution: true: judge_attributed will be called with it; false:
     * nobody will (the judge goes on at once). */
    bool (*event)(void *ctx, const struct event *e);
};

struct judge_config {
    struct binding_table *bindings;
    unsigned flows_max; /* 0: JUDGE_FLOWS_DEFAULT */
    uint64_t seed;
    const uint16_t
        *relay_port; /* copied: source ports of the relay's sockets: what comes from them was asked over TCP */
    unsigned relay_ports;
    /* Replay: bytes cannot be changed any more, so packets are taken as they lie and ids as they are.  Without a policy
     * everything is allowed, reason OBSERVED. */
    bool recorded;
};

struct judge;

struct judge *judge_new(const struct judge_config *config, struct judge_sink sink);
void judge_free(struct judge *j);

/* The policy from now on; borrowed until the next call.  Undecided flows are judged by it. */
void judge_policy(struct judge *j, const struct policy *policy);
/* The host's own addresses (refused in answers, beside the special ranges); copied, at most 256. */
void judge_own_addresses(struct judge *j, const struct address *own, unsigned count);

void judge_packet(struct judge *j, const struct judge_packet *packet, uint64_t now_usec);
void judge_attributed(struct judge *j, uint64_t ticket, uint64_t now_usec);
/* Ends what waited too long.  Call at least every 50 ms while judge_waiting, else every second. */
void judge_tick(struct judge *j, uint64_t now_usec);
bool judge_waiting(const struct judge *j);
/* Tells at once what is only counted until its second is over: what is asked now is answered whole. */
void judge_tell_counts(struct judge *j, uint64_t now_usec);

struct judge_counts {
    uint64_t packets, accepted, dropped, injected, refused;
    unsigned flows, held_packets, questions, waiting_refusals;
    uint64_t limits[REASON_LIMITS]; /* how often each was met */
};
void judge_counts(const struct judge *j, struct judge_counts *out);

#endif
