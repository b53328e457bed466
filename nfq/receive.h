/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Queue messages: read in groups (recvmmsg), taken apart, handed over one by one.
 *
 * What is parsed here is the kernel's own netlink framing; the packet inside is not looked at.  One thread.  Memory:
 * RECEIVE_GROUP messages of the greatest size, mapped at start and touched as far as messages reach. */
#ifndef SLUICE_NFQ_RECEIVE_H
#define SLUICE_NFQ_RECEIVE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/bytes.h"
#include "core/error.h"
#include "nfq/verdict.h"

#define RECEIVE_GROUP         32
#define RECEIVE_MESSAGE_BYTES (68u * 1024) /* an attribute of 64 KiB and the others */

struct receive_packet {
    struct verdict_packet verdict;
    bool at_output; /* queued at output or prerouting */
    bool local;     /* at output */
    bool forwarded; /* at forward */
    bool sum_unfinished, gso;
    bool cut;        /* the kernel gave less than the packet: it cannot be judged */
    struct bytes ip; /* valid during the call */
};

struct receive;

struct receive *receive_new(const int fd[VERDICT_QUEUES]);
void receive_free(struct receive *r);

/* Reads at most RECEIVE_GROUP messages of one queue (its index), without waiting; `each` is called for every packet. */
bool receive_round(struct receive *r, unsigned queue, void (*each)(void *ctx, const struct receive_packet *packet),
                   void *ctx, struct error *e);

/* One message.  False: no packet in it (an answer of the kernel's to a verdict; anything malformed).  `queue` is the
 * index to be told on. */
struct nlmsghdr;
bool receive_parse(const struct nlmsghdr *message, unsigned queue, struct receive_packet *out);

struct receive_counts {
    uint64_t overruns;         /* times that the kernel dropped packets because our socket was full */
    uint64_t verdicts_refused; /* the kernel had no such packet any more (its device went, its queue was flushed) */
};
struct receive_counts receive_counts_of(const struct receive *r);

#endif
