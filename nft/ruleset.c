/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "nft/ruleset.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "nft/ruleset_build.h"

struct ruleset_socket {
    struct mnl_socket *nl;
};

static struct ruleset_socket *wrap(struct mnl_socket *nl, struct error *e)
{
    struct ruleset_socket *s = nl ? calloc(1, sizeof *s) : NULL;
    if (s)
        s->nl = nl;
    else if (nl)
        error_set(e, ERROR_SYSTEM, ENOMEM, "nftables");
    return s;
}

struct ruleset_socket *ruleset_open(struct error *e)
{
    struct mnl_socket *nl = transaction_socket(e);
    struct ruleset_socket *s = wrap(nl, e);
    if (!s && nl)
        mnl_socket_close(nl);
    return s;
}

struct ruleset_socket *ruleset_adopt(int fd, struct error *e)
{
    char unread[4096];
    struct mnl_socket *nl = mnl_socket_fdopen(fd);
    if (!nl) {
        error_set(e, ERROR_SYSTEM, errno, "nftables: not a netlink socket");
        return NULL;
    }
    /* What the keeper before us did not read; ENOBUFS is told once and then gone. */
    for (unsigned i = 0; i < 100000; i++)
        if (recv(fd, unread, sizeof unread, MSG_DONTWAIT) < 0 && errno != EINTR && errno != ENOBUFS)
            break;
    struct ruleset_socket *s = wrap(nl, e);
    if (!s)
        free(nl); /* the descriptor stays the caller's */
    return s;
}

int ruleset_fd(const struct ruleset_socket *s)
{
    return mnl_socket_get_fd(s->nl);
}

void ruleset_close(struct ruleset_socket *s)
{
    if (!s)
        return;
    mnl_socket_close(s->nl);
    free(s);
}

/* The scope of `unmatched` must have its chains even when nothing matches it. */
static bool has_scope(const struct ruleset *rules, uint16_t id)
{
    for (unsigned i = 0; i < rules->scopes; i++)
        if (rules->scope[i].id == id)
            return true;
    return false;
}

static bool check(const struct ruleset *rules, struct error *e)
{
    const struct mark_layout *m = &rules->marks;
    for (unsigned i = 0; i < rules->scopes; i++) {
        if (rules->scope[i].id == 0 || rules->scope[i].id > m->scope_max)
            return error_set(e, ERROR_LIMIT, 0, "scope id %u does not fit into the mark", rules->scope[i].id);
        for (unsigned k = 0; k < rules->scope[i].cgroups; k++)
            if (rules->scope[i].cgroup[k].level == 0 || rules->scope[i].cgroup[k].level > 255)
                return error_set(e, ERROR_LIMIT, 0, "cgroups are matched at a depth of 1 to 255");
        for (unsigned k = 0; k < rules->scope[i].interfaces; k++)
            if (strlen(rules->scope[i].interface[k]) > 15)
                return error_set(e, ERROR_INPUT, 0, "interface %s: too long a name", rules->scope[i].interface[k]);
    }
    if (rules->unmatched && !has_scope(rules, rules->unmatched))
        return error_set(e, ERROR_LIMIT, 0, "scope %u, for what no scope claims, is not among the scopes",
                         rules->unmatched);
    return true;
}

static void build_all(const struct build *b)
{
    build_hook_chains(b);
    build_shared_chains(b);
    for (unsigned i = 0; i < b->rules->scopes; i++)
        build_scope_chains(b, b->rules->scope[i].id);
    build_shared_rules(b);
    for (unsigned i = 0; i < b->rules->scopes; i++)
        build_scope_rules(b, &b->rules->scope[i]);
    build_hook_rules(b);
}

bool ruleset_apply(struct ruleset_socket *s, const struct ruleset_kernel *kernel, const struct ruleset *rules,
                   struct error *e)
{
    uint32_t flags = kernel->ownerless ? 0 : NFT_TABLE_F_OWNER | (kernel->persist ? (uint32_t)NFT_TABLE_F_PERSIST : 0);
    struct ruleset_state now;
    struct transaction t;
    if (!check(rules, e) || !ruleset_state_read(rules->table, &now, e))
        return false;
    if (now.owner && now.owner != mnl_socket_get_portid(s->nl)) {
        ruleset_state_done(&now);
        return error_set(e, ERROR_SYSTEM, EBUSY, "nftables: table %s belongs to another process", rules->table);
    }
    transaction_init(&t);
    /* Ours, or orphaned with PERSIST: NEWTABLE takes it over.  A table that anyone may flush cannot become owned. */
    bool keep = now.found && now.same_base && (now.flags | NFT_TABLE_F_OWNER) == flags &&
                (now.owner || (now.flags & NFT_TABLE_F_PERSIST));
    if (now.found && !keep)
        transaction_table_delete(&t, rules->table);
    transaction_table_new(&t, rules->table, flags);
    if (keep) {
        transaction_flush(&t, rules->table);
        for (size_t i = 0; i < now.chains; i++)
            transaction_chain_delete(&t, rules->table, now.chain[i]);
    }
    struct build b = {.t = &t,
                      .rules = rules,
                      .native_queue = kernel->native_queue,
                      .mask = rules->marks.mask,
                      .state = MARK_STATES << rules->marks.shift};
    b.scope = b.mask & ~b.state;
    build_all(&b);
    bool ok = transaction_send(&t, s->nl, e);
    transaction_done(&t);
    ruleset_state_done(&now);
    return ok;
}

bool ruleset_remove(struct ruleset_socket *s, const char *table, struct error *e)
{
    struct error failed = {0};
    struct transaction t;
    transaction_init(&t);
    transaction_table_delete(&t, table);
    bool ok = transaction_send(&t, s->nl, &failed);
    transaction_done(&t);
    if (ok || failed.sys_errno == ENOENT)
        return true;
    if (e)
        *e = failed;
    return false;
}
