/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The verdict "to queue N": nft's own queue expression, or the xt target NFQUEUE where the kernel lacks that.  Never
 * with bypass.  Internal to nft/. */
#ifndef SLUICE_NFT_QUEUE_ACTION_H
#define SLUICE_NFT_QUEUE_ACTION_H

#include "nft/expression.h"

void queue_action(struct expression_rule *r, bool native, uint16_t queue);

#endif
