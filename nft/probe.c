/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What this kernel has.  Each question is a transaction that ends by deleting what it made: nothing of it is ever in
 * force. */
#include <netinet/in.h> /* before linux/ */
#include <errno.h>
#include <linux/netfilter/nf_tables.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "nft/queue_action.h"
#include "nft/ruleset.h"
#include "nft/transaction.h"

#define CHAIN "probe"

struct question {
    struct mnl_socket *nl;
    char table[32];
};

static bool works(const struct question *q, uint32_t flags, const bool *native, struct error *e)
{
    struct transaction t;
    transaction_init(&t);
    transaction_table_new(&t, q->table, flags);
    if (native) {
        struct expression_rule r = expression_rule(q->table, CHAIN);
        transaction_chain_new(&t, q->table, CHAIN, NULL);
        queue_action(&r, *native, 0);
        transaction_rule(&t, &r);
    }
    transaction_table_delete(&t, q->table);
    bool ok = transaction_send(&t, q->nl, e);
    transaction_done(&t);
    return ok;
}

static bool probe_queue(const struct question *q, bool *native, struct error *e)
{
    const char *forced = getenv("SLUICE_QUEUE");
    struct error first = {0};
    if (forced && strcmp(forced, "xt") != 0 && strcmp(forced, "native") != 0)
        return error_set(e, ERROR_INPUT, 0, "SLUICE_QUEUE is xt or native");
    if (!forced || strcmp(forced, "native") == 0) {
        *native = true;
        if (works(q, 0, native, &first))
            return true;
        if (forced || first.sys_errno == EPERM)
            return error_set(e, ERROR_SYSTEM, first.sys_errno, "nftables' queue expression");
    }
    *native = false;
    if (works(q, 0, native, &first))
        return true;
    return error_set(e, ERROR_SYSTEM, first.sys_errno,
                     "this kernel has neither nftables' queue expression (CONFIG_NFT_QUEUE) nor the NFQUEUE target "
                     "(CONFIG_NFT_COMPAT, CONFIG_NETFILTER_XT_TARGET_NFQUEUE)");
}

bool ruleset_probe(struct ruleset_kernel *out, struct error *e)
{
    struct ruleset_kernel found = {0};
    struct question q = {.nl = transaction_socket(e)};
    if (!q.nl)
        return false;
    snprintf(q.table, sizeof q.table, "sluice_probe_%ld", (long)getpid());
    bool ok = probe_queue(&q, &found.native_queue, e);
    if (ok)
        found.persist = works(&q, NFT_TABLE_F_OWNER | NFT_TABLE_F_PERSIST, NULL, NULL);
    mnl_socket_close(q.nl);
    if (ok)
        *out = found;
    return ok;
}
