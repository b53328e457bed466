/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What this kernel has.  All questions are one batch, which it checks and never commits: nothing of it is ever in
 * force, and the answer costs one grace period of the kernel instead of several. */
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

/* The batch's messages, in their order. */
enum question { TABLE, BASE, NATIVE, XT, PERSIST, QUESTIONS };

static void ask_queue(struct transaction *t, const char *table, bool native)
{
    struct expression_rule r = expression_rule(table, CHAIN);
    queue_action(&r, native, 0);
    transaction_rule(t, &r);
}

static bool ask(struct mnl_socket *nl, int failed[QUESTIONS], struct error *e)
{
    char table[32], owned[32];
    struct transaction t;
    snprintf(table, sizeof table, "sluice_probe_%ld", (long)getpid());
    snprintf(owned, sizeof owned, "sluice_probe_%ld_o", (long)getpid());
    transaction_init(&t);
    transaction_table_new(&t, table, 0);
    transaction_chain_new(&t, table, CHAIN, NULL);
    ask_queue(&t, table, true);
    ask_queue(&t, table, false);
    transaction_table_new(&t, owned, NFT_TABLE_F_OWNER | NFT_TABLE_F_PERSIST);
    bool ok = transaction_try(&t, nl, failed, QUESTIONS, e);
    transaction_done(&t);
    return ok;
}

static bool choose_queue(const int failed[QUESTIONS], bool *native, struct error *e)
{
    const char *forced = getenv("SLUICE_QUEUE");
    if (forced && strcmp(forced, "xt") != 0 && strcmp(forced, "native") != 0)
        return error_set(e, ERROR_INPUT, 0, "SLUICE_QUEUE is xt or native");
    *native = forced ? strcmp(forced, "native") == 0 : !failed[NATIVE];
    if (!failed[*native ? NATIVE : XT])
        return true;
    if (*native || failed[XT] == EPERM)
        return error_set(e, ERROR_SYSTEM, failed[*native ? NATIVE : XT], "nftables' queue expression");
    return error_set(e, ERROR_SYSTEM, failed[XT],
                     "this kernel has neither nftables' queue expression (CONFIG_NFT_QUEUE) nor the NFQUEUE target "
                     "(CONFIG_NFT_COMPAT, CONFIG_NETFILTER_XT_TARGET_NFQUEUE)");
}

bool ruleset_probe(struct ruleset_kernel *out, struct error *e)
{
    struct ruleset_kernel found = {0};
    int failed[QUESTIONS];
    struct mnl_socket *nl = transaction_socket(e);
    if (!nl)
        return false;
    bool ok = ask(nl, failed, e);
    mnl_socket_close(nl);
    if (ok && (failed[TABLE] || failed[BASE]))
        ok = error_set(e, ERROR_SYSTEM, failed[TABLE] ? failed[TABLE] : failed[BASE], "nftables: a table");
    if (!ok || !choose_queue(failed, &found.native_queue, e))
        return false;
    found.persist = !failed[PERSIST];
    *out = found;
    return true;
}
