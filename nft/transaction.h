/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One nf_tables transaction: messages are gathered, sent in one datagram, and every answer of the kernel is read.
 *
 * The kernel commits all of a batch or nothing, inside the send call; its answers wait when that returns.  The adding
 * functions do not fail: the first failure (memory) is kept and told by transaction_send.  Internal to nft/. */
#ifndef SLUICE_NFT_TRANSACTION_H
#define SLUICE_NFT_TRANSACTION_H

#include <libmnl/libmnl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/error.h"
#include "nft/expression.h"

#ifndef NFT_TABLE_F_PERSIST
#define NFT_TABLE_F_PERSIST 0x4 /* Linux 6.9 */
#endif

#define TRANSACTION_BYTES_MAX (32u << 20)

struct transaction_note; /* what message number n was, for the error's text */

struct transaction {
    uint8_t *buffer;
    size_t len, size;
    size_t last; /* offset of the last message */
    uint32_t sequence_first, sequence;
    struct transaction_note *note;
    size_t notes, notes_size;
    bool failed;
};

/* Where a base chain is hooked. */
struct transaction_hook {
    const char *type; /* "filter" or "nat" */
    uint32_t hook;    /* NF_INET_* */
    int32_t priority;
};

/* An nfnetlink socket with buffers for large transactions; NULL on failure. */
struct mnl_socket *transaction_socket(struct error *e);
void transaction_buffers(int fd);

void transaction_init(struct transaction *t);
void transaction_done(struct transaction *t);

void transaction_table_new(struct transaction *t, const char *table, uint32_t flags);
void transaction_table_delete(struct transaction *t, const char *table);
/* A base chain (policy accept) with `hook`, else a chain to jump to.  One that exists already stays as it is. */
void transaction_chain_new(struct transaction *t, const char *table, const char *chain,
                           const struct transaction_hook *hook);
void transaction_chain_delete(struct transaction *t, const char *table, const char *chain);
void transaction_counter_delete(struct transaction *t, const char *table, const char *counter);
/* That the table is ours: else the transaction fails.  The kernel makes one that is not there, empty: where nothing
 * else in the transaction fails without it, transaction_set_expect must. */
void transaction_table_expect(struct transaction *t, const char *table, uint32_t flags);
/* A named counter, from zero.  One that exists already stays. */
void transaction_counter_new(struct transaction *t, const char *table, const char *counter);
/* Removes all rules of all chains. */
void transaction_flush(struct transaction *t, const char *table);
/* Appends the rule to its chain and frees it. */
void transaction_rule(struct transaction *t, struct expression_rule *rule);

/* A message of another file's (nft/set_message.c): begin, put attributes, end.  NULL: failed before.  What it is, and
 * of which name, for an error's text. */
struct nlmsghdr *transaction_begin(struct transaction *t, uint16_t type, uint16_t flags, const char *note,
                                   const char *name);
void transaction_end(struct transaction *t, const struct nlmsghdr *nlh);

/* True: committed.  Else nothing was; e->sys_errno is the kernel's. */
bool transaction_send(struct transaction *t, struct mnl_socket *socket, struct error *e);
/* Has the kernel check each message and commit none: the batch has no end.  failed[n]: the errno for the message that
 * was added as number n (0 the first), 0: it is good; for those that come after `size`, nothing is told. */
bool transaction_try(struct transaction *t, struct mnl_socket *socket, int *failed, size_t size, struct error *e);

#endif
