/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How the table comes from what it is to what it shall be, without a packet that meets neither.
 *
 * The kernel commits a transaction by one step to the next generation.  A packet that is on its way then goes on with
 * the rules of before, but looks into the sets as they are now: an element that went finds nothing, a chain that came
 * with the new generation is empty for it.  And an interval set shows what was changed in it only some time after the
 * step.  (Seen: a few of 50,000 datagrams left a scope while its rules were replaced.)  Hence:
 *   whole       new rules come with sets of their own (an epoch in their names), which are filled in a transaction
 *               before; those of before go in a third one, when no packet can be on its way with the old rules.
 *   difference  the rules are the same, but a packet asks several sets, one after the other: by which scope, is that a
 *               scope.  (Seen: 3 of 4.6 million datagrams left while a cgroup went from scope to scope.)  So first all
 *               comes that is new, or another scope's; then goes by what a packet's scope was found; then go the scopes
 *               that nothing finds any more.  Between the steps all packets of before get through.  Not where an
 *               interval would change hands: that is done whole. */
#include <errno.h>
#include <linux/membarrier.h>
#include <stdio.h>
#include <libmnl/libmnl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "nft/ruleset_build.h"

#define WAY_USEC 50000 /* where the kernel does not tell that all packets of before are through */

static uint32_t table_flags(const struct ruleset_kernel *kernel)
{
    return kernel->ownerless ? 0 : NFT_TABLE_F_OWNER | (kernel->persist ? (uint32_t)NFT_TABLE_F_PERSIST : 0);
}

/* What rules refer to. */
static void build_referred(const struct build *b)
{
    build_shared_chains(b);
    build_toward_chains(b);
    build_input_chains(b);
    build_hook_chains(b);
    for (unsigned i = 0; i < b->sets->scopes; i++)
        build_scope_chains(b, b->sets->scope[i]);
    for (size_t i = 0; i < b->sets->sets; i++) {
        transaction_set_new(b->t, b->rules->table, &b->sets->set[i], (uint32_t)i + 1);
        (void)transaction_set_come(b->t, b->rules->table, NULL, &b->sets->set[i]);
    }
}

static void build_rules(const struct build *b)
{
    build_base_chains(b);
    for (unsigned i = 0; i < b->sets->scopes; i++)
        build_scope_rules(b, b->sets->scope[i]);
    build_shared_rules(b);
    build_toward_rules(b);
    build_hook_rules(b);
}

/* One more than the greatest that is there. */
static unsigned next_epoch(const struct ruleset_names *set)
{
    unsigned epoch = 0, at;
    for (size_t i = 0; i < set->count; i++)
        if (sscanf(set->name[i], "v%u_", &at) == 1 && at > epoch && at < 1000000000)
            epoch = at;
    return epoch + 1;
}

/* All packets that began before are through: membarrier waits for what runs in the kernel now (RCU). */
static void wait_for_packets(void)
{
    if (syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0) < 0)
        usleep(WAY_USEC);
}

/* Sets and chains of before; they are harmless while they stay. */
static void sweep(struct mnl_socket *nl, const char *table, const struct ruleset_state *before,
                  const struct ruleset_names *chains)
{
    struct error e = {0};
    struct transaction t;
    transaction_init(&t);
    for (size_t i = 0; i < before->set.count; i++)
        transaction_set_delete(&t, table, before->set.name[i]);
    for (size_t i = 0; i < before->chain.count; i++)
        if (!ruleset_names_has(chains, before->chain.name[i]))
            transaction_chain_delete(&t, table, before->chain.name[i]);
    if (!transaction_send(&t, nl, &e))
        fprintf(stderr, "sluice: rules of before stay beside the new ones: %s\n", e.text);
    transaction_done(&t);
}

bool ruleset_send_whole(struct mnl_socket *nl, const struct ruleset_kernel *kernel, struct build *b,
                        struct ruleset_sets *sets, struct error *e)
{
    const char *table = b->rules->table;
    uint32_t flags = table_flags(kernel);
    struct ruleset_state now;
    struct ruleset_names chains = {0};
    struct transaction t;
    if (!ruleset_state_read(table, &now, e))
        return false;
    if (now.owner && now.owner != mnl_socket_get_portid(nl)) {
        ruleset_state_done(&now);
        return error_set(e, ERROR_SYSTEM, EBUSY, "nftables: table %s belongs to another process", table);
    }
    transaction_init(&t);
    b->t = &t;
    b->chains = &chains;
    /* Ours, or orphaned with PERSIST: NEWTABLE takes it over.  A table that anyone may flush cannot become owned: it is
     * deleted in the transaction that makes the new one. */
    bool keep = now.found && now.same_base && (now.flags | NFT_TABLE_F_OWNER) == flags &&
                (now.owner || (now.flags & NFT_TABLE_F_PERSIST));
    bool ok = true;
    if (now.found && !keep)
        transaction_table_delete(&t, table);
    transaction_table_new(&t, table, flags);
    ruleset_sets_set_epoch(sets, keep ? next_epoch(&now.set) : 1);
    build_referred(b);
    if (keep || !now.found) {
        ok = transaction_send(&t, nl, e);
        transaction_done(&t);
        transaction_init(&t);
        transaction_table_expect(&t, table, flags);
    }
    if (keep)
        transaction_flush(&t, table);
    build_rules(b);
    ok = ok && transaction_send(&t, nl, e);
    transaction_done(&t);
    if (ok && keep && now.set.count + now.chain.count > 0 && !chains.failed) {
        ruleset_names_sort(&chains);
        wait_for_packets();
        sweep(nl, table, &now, &chains);
    }
    free(chains.name);
    ruleset_state_done(&now);
    return ok;
}

/* The chains of scopes that come. */
static bool send_new_scopes(struct mnl_socket *nl, const struct ruleset_kernel *kernel, struct build *b,
                            const struct ruleset_sets *old, struct error *e)
{
    struct transaction t;
    bool any = false;
    transaction_init(&t);
    transaction_table_expect(&t, b->rules->table, table_flags(kernel));
    b->t = &t;
    for (unsigned i = 0; i < b->sets->scopes; i++) {
        uint16_t id = b->sets->scope[i];
        if (ruleset_sets_has_scope(old, id))
            continue;
        build_scope_chains(b, id);
        build_scope_rules(b, id);
        any = true;
    }
    bool ok = !any || transaction_send(&t, nl, e);
    transaction_done(&t);
    return ok;
}

enum step { STEP_COME, STEP_GO_FINDING, STEP_GO_SCOPES };

/* One step of a difference, if there is anything to do.  *changed: was there, in a step before?  Then the packets of
 * before are waited for; and is there, in this one too?  The first finds out whether all is as it was left. */
static bool send_step(struct mnl_socket *nl, const struct ruleset_kernel *kernel, struct build *b,
                      const struct ruleset_sets *old, enum step step, bool *changed, struct error *e)
{
    const char *table = b->rules->table;
    struct transaction t;
    size_t count = 0;
    bool ok = true;
    transaction_init(&t);
    transaction_table_expect(&t, table, table_flags(kernel));
    b->t = &t;
    for (size_t i = 0; i < b->sets->sets; i++) {
        const struct set *was = &old->set[i], *is = &b->sets->set[i];
        transaction_set_expect(&t, table, is);
        if (step == STEP_COME)
            count += transaction_set_come(&t, table, was, is);
        else if (ruleset_sets_finds(is) == (step == STEP_GO_FINDING))
            count += transaction_set_go(&t, table, was, is);
    }
    for (unsigned i = 0; step == STEP_GO_SCOPES && i < old->scopes; i++) {
        if (!ruleset_sets_has_scope(b->sets, old->scope[i])) {
            build_scope_delete(b, old->scope[i]);
            count++;
        }
    }
    if (count && *changed)
        wait_for_packets();
    if (count || step == STEP_COME)
        ok = transaction_send(&t, nl, e);
    transaction_done(&t);
    *changed = *changed || count;
    return ok;
}

bool ruleset_send_difference(struct mnl_socket *nl, const struct ruleset_kernel *kernel, struct build *b,
                             const struct ruleset_sets *old, struct error *e)
{
    bool changed = false;
    for (size_t i = 0; i < b->sets->sets; i++)
        if (set_changes_hands(&old->set[i], &b->sets->set[i]))
            return error_set(e, ERROR_LIMIT, 0, "nftables: %s cannot be changed by the difference", old->set[i].name);
    return send_new_scopes(nl, kernel, b, old, e) && send_step(nl, kernel, b, old, STEP_COME, &changed, e) &&
           send_step(nl, kernel, b, old, STEP_GO_FINDING, &changed, e) &&
           send_step(nl, kernel, b, old, STEP_GO_SCOPES, &changed, e);
}
