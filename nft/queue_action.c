/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "nft/queue_action.h"

#include <libnftnl/expr.h>
#include <linux/netfilter/xt_NFQUEUE.h>
#include <stdlib.h>

#define XT_REVISION 3

/* As XT_ALIGN pads it: the kernel wants the padded length. */
union info {
    struct xt_NFQ_info_v3 v3;
    uint64_t align;
};

static void xt_queue(struct expression_rule *r, uint16_t queue)
{
    struct nftnl_expr *x = expression_add(r, "target");
    if (!x || nftnl_expr_set_str(x, NFTNL_EXPR_TG_NAME, "NFQUEUE") < 0) {
        r->failed = true;
        return;
    }
    union info *info = calloc(1, sizeof *info);
    if (!info) {
        r->failed = true;
        return;
    }
    info->v3.queuenum = queue;
    info->v3.queues_total = 1;
    info->v3.flags = 0; /* never NFQ_FLAG_BYPASS */
    nftnl_expr_set_u32(x, NFTNL_EXPR_TG_REV, XT_REVISION);
    /* The expression takes `info` and frees it. */
    if (nftnl_expr_set(x, NFTNL_EXPR_TG_INFO, info, sizeof *info) < 0) {
        free(info);
        r->failed = true;
    }
} /* NOLINT(clang-analyzer-unix.Malloc): the expression owns `info` */

void queue_action(struct expression_rule *r, bool native, uint16_t queue)
{
    if (!native) {
        xt_queue(r, queue);
        return;
    }
    struct nftnl_expr *x = expression_add(r, "queue");
    if (!x)
        return;
    nftnl_expr_set_u16(x, NFTNL_EXPR_QUEUE_NUM, queue);
    nftnl_expr_set_u16(x, NFTNL_EXPR_QUEUE_TOTAL, 1);
    nftnl_expr_set_u16(x, NFTNL_EXPR_QUEUE_FLAGS, 0); /* never NFT_QUEUE_FLAG_BYPASS */
}
