/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What keeper and inspector say to each other over two SOCK_SEQPACKET socketpairs, one datagram a message.
 *
 *     events   inspector's worker → keeper   uint32_t CHANNEL_EVENTS, then packed events (core/event_pack.h);
 *                                            struct channel_mark
 *              keeper → inspector's worker   struct channel_attributed, struct channel_mark
 *     control  keeper → inspector            struct channel_policy (+ a sealed memfd with the policy bundle)
 *              inspector → keeper            struct channel_policy_done, struct channel_counts
 *
 * Both ends of both pairs live in the launcher, so messages survive the death of either side.  A message of another
 * length or kind than these is dropped. */
#ifndef SLUICE_NFQ_CHANNEL_H
#define SLUICE_NFQ_CHANNEL_H

#include <stdint.h>

#include "core/address.h"
#include "core/event_pack.h"
#include "nfq/judge.h"

#define CHANNEL_OWN_ADDRESSES_MAX 256

enum channel_kind {
    CHANNEL_EVENTS = 1,
    CHANNEL_ATTRIBUTED,
    CHANNEL_POLICY,
    CHANNEL_POLICY_DONE,
    CHANNEL_STARTED, /* inspector → keeper: I am new, send me the policy */
    CHANNEL_COUNTS,
    CHANNEL_MARK,
};

#define CHANNEL_EVENTS_BYTES (16u * 1024) /* of a message at most */

/* The keeper asks, the worker sends it back when no packet waits: every event of what came before has been sent. */
struct channel_mark {
    uint32_t kind;
    uint32_t serial; /* the answer's is the question's */
};

struct channel_attributed {
    uint32_t kind;
    uint64_t ticket;
};

struct channel_policy {
    uint32_t kind;
    uint32_t generation;
    uint32_t audit; /* sluice gate --audit: every scope is in audit mode, whatever the bundle says */
    /* No memfd: the policy that the gate began with, which both have from before they were forked. */
    uint32_t inherited;
    uint64_t bundle_len;
    uint32_t own_addresses;
    struct address own_address[CHANNEL_OWN_ADDRESSES_MAX];
};

struct channel_policy_done {
    uint32_t kind; /* CHANNEL_POLICY_DONE or CHANNEL_STARTED */
    uint32_t generation;
    uint32_t ok;
};

struct channel_counts {
    uint32_t kind;
    uint64_t overruns; /* messages the kernel dropped before we read them */
    uint64_t events_lost;
    struct judge_counts judge;
};

#endif
