/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The last step of a change of policy: open connections are judged by the policy in force, and that is noted. */
#include <stdio.h>
#include <stdlib.h>

#include "ctl/bundle.h"
#include "ctl/keeper.h"
#include "ctl/rejudge.h"

unsigned reload_settle(struct keeper *k, const struct policy *before)
{
    struct error e = {0};
    attend_quiet(k); /* what connections showed that the policy before allowed a moment ago */
    unsigned cut = rejudge_all(k, before);
    if (!bundle_settle(k->gate->bundle_fd, &e))
        fprintf(stderr, "sluice: keeper: %s\n", e.text);
    return cut;
}

void reload_settle_other(struct keeper *k)
{
    struct error e = {0};
    struct bytes other = {0};
    if (!bundle_unsettled(k->gate->bundle_fd))
        return;
    struct policy *before = bundle_other(k->gate->bundle_fd, &other, &e) ? reload_compile(k, other, &e) : NULL;
    unsigned cut = reload_settle(k, before);
    fprintf(stderr, "sluice: a change of policy broke off: open connections were judged again, %u cut\n", cut);
    policy_free(before);
    free((void *)(uintptr_t)other.at);
}
