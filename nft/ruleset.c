/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "nft/ruleset.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "nft/ruleset_build.h"

#define MASQUERADES_MAX 8

struct ruleset_socket {
    struct mnl_socket *nl;
    /* What was applied last, to change by the difference; `applied`: there is such a thing. */
    bool applied;
    struct ruleset_sets sets;
    struct ruleset rules; /* its values; the pointers are not followed, but `table` is not NULL */
    char table[CHAIN_NAME_SIZE];
    struct ruleset_kernel kernel;
    struct address_range masquerade[MASQUERADES_MAX];
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

bool ruleset_owner(const struct ruleset_socket *s, uint32_t port_id)
{
    return port_id == mnl_socket_get_portid(s->nl);
}

void ruleset_close(struct ruleset_socket *s)
{
    if (!s)
        return;
    mnl_socket_close(s->nl);
    ruleset_sets_done(&s->sets);
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
        for (unsigned k = 0; k < rules->scope[i].cgroups; k++)
            if (!rules->scope[i].cgroup[k].path)
                return error_set(e, ERROR_INPUT, 0, "a cgroup without its path");
        for (unsigned k = 0; k < rules->scope[i].interfaces; k++)
            if (strlen(rules->scope[i].interface[k]) > 15)
                return error_set(e, ERROR_INPUT, 0, "interface %s: too long a name", rules->scope[i].interface[k]);
    }
    if (rules->masquerades > MASQUERADES_MAX)
        return error_set(e, ERROR_LIMIT, 0, "at most %d networks are masqueraded", MASQUERADES_MAX);
    if (rules->unmatched && !has_scope(rules, rules->unmatched))
        return error_set(e, ERROR_LIMIT, 0, "scope %u, for what no scope claims, is not among the scopes",
                         rules->unmatched);
    return true;
}

static bool same_kernel(const struct ruleset_kernel *a, const struct ruleset_kernel *b)
{
    return a->native_queue == b->native_queue && a->persist == b->persist && a->ownerless == b->ownerless;
}

/* Would the rules be the same but for the contents of sets? */
static bool same_rules(const struct ruleset_socket *s, const struct ruleset_kernel *kernel, const struct ruleset *rules,
                       const struct ruleset_sets *sets)
{
    const struct ruleset *had = &s->rules;
    return s->applied && same_kernel(&s->kernel, kernel) && strcmp(s->table, rules->table) == 0 &&
           had->marks.mask == rules->marks.mask && had->queue_tcp == rules->queue_tcp &&
           had->queue_udp == rules->queue_udp && had->unmatched == rules->unmatched && had->gate.id == rules->gate.id &&
           had->gate.level == rules->gate.level && had->fast_path == rules->fast_path &&
           had->masquerades == rules->masquerades &&
           (!had->masquerades ||
            memcmp(s->masquerade, rules->masquerade, had->masquerades * sizeof *s->masquerade) == 0) &&
           ruleset_sets_alike(&s->sets, sets);
}

static void remember(struct ruleset_socket *s, const struct ruleset_kernel *kernel, const struct ruleset *rules,
                     const struct ruleset_sets *sets)
{
    ruleset_sets_done(&s->sets);
    s->sets = *sets;
    s->rules = *rules;
    s->kernel = *kernel;
    for (unsigned i = 0; i < rules->masquerades; i++)
        s->masquerade[i] = rules->masquerade[i];
    s->applied = strlen(rules->table) < sizeof s->table;
    if (s->applied)
        memcpy(s->table, rules->table, strlen(rules->table) + 1);
}

bool ruleset_apply(struct ruleset_socket *s, const struct ruleset_kernel *kernel, const struct ruleset *rules,
                   struct error *e)
{
    struct ruleset_sets sets = {0};
    if (!check(rules, e))
        return false;
    struct build b = {.rules = rules,
                      .sets = &sets,
                      .native_queue = kernel->native_queue,
                      .mask = rules->marks.mask,
                      .state = MARK_STATES << rules->marks.shift};
    b.scope = b.mask & ~b.state;
    bool ok = false, made = true;
    if (s->applied) {
        made = ruleset_sets_make(rules, &s->sets, &sets);
        ruleset_sets_set_epoch(&sets, s->sets.epoch);
        ok = made && same_rules(s, kernel, rules, &sets) && ruleset_send_difference(s->nl, kernel, &b, &s->sets, NULL);
    }
    /* The first time, other rules, or the difference does not fit what is there: somebody found a way to change it. */
    if (!ok) {
        ruleset_sets_done(&sets);
        made = ruleset_sets_make(rules, NULL, &sets);
        ok = made ? ruleset_send_whole(s->nl, kernel, &b, &sets, e)
                  : error_set(e, ERROR_SYSTEM, ENOMEM, "cannot make the rules");
    }
    s->applied = false;
    if (ok)
        remember(s, kernel, rules, &sets);
    else
        ruleset_sets_done(&sets);
    return ok;
}

bool ruleset_remove(struct ruleset_socket *s, const char *table, struct error *e)
{
    struct error failed = {0};
    struct transaction t;
    transaction_init(&t);
    transaction_table_delete(&t, table);
    s->applied = s->applied && strcmp(table, s->table) != 0;
    bool ok = transaction_send(&t, s->nl, &failed);
    transaction_done(&t);
    if (ok || failed.sys_errno == ENOENT)
        return true;
    if (e)
        *e = failed;
    return false;
}
