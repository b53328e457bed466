/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/relay_ask.h"

#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "ctl/keeper.h"
#include "nft/conntrack.h"

#define ASKS_AT_ONCE 32

static bool is_address(const struct event_endpoint *at)
{
    return at->address.family == 4 || at->address.family == 6;
}

/* The scope of the policy in force that the redirected connection belongs to; 0: none. */
static uint16_t scope_of(const struct keeper *k, const struct relay_ask *ask)
{
    const struct conntrack_flow asked = {.source = ask->client.address,
                                         .destination = ask->resolver.address,
                                         .source_port = ask->client.port,
                                         .destination_port = ask->resolver.port,
                                         .protocol = IPPROTO_TCP};
    struct conntrack_flow flow = {0};

    if (!is_address(&ask->client) || ask->client.address.family != ask->resolver.address.family ||
        !conntrack_find(&asked, &flow, NULL) || mark_state(&k->gate->marks, flow.mark) != MARK_APPROVED)
        return 0;
    const struct policy_scope *scope = policy_scope_find(k->policy, mark_scope(&k->gate->marks, flow.mark));
    return scope && rules_holds(k->gate, scope) ? scope->id : 0;
}

static bool mark_slot(const struct keeper *k, unsigned slot, uint32_t mark)
{
    bool any = false;

    for (unsigned six = 0; six < 2; six++) {
        int fd = k->gate->relay_udp_fd[six][slot];
        if (fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_MARK, &mark, sizeof mark) < 0)
            return false;
        any |= fd >= 0;
    }
    return any;
}

void relay_ask_serve(struct keeper *k)
{
    struct relay_ask ask;

    for (unsigned i = 0; i < ASKS_AT_ONCE; i++) {
        if (recv(k->gate->relay_fd[0], &ask, sizeof ask, MSG_DONTWAIT) != sizeof ask)
            return;
        if (ask.slot >= GATE_RELAY_SLOTS)
            continue;
        struct relay_ask_answer answer;
        memset(&answer, 0, sizeof answer); /* its padding too */
        answer.serial = ask.serial;
        answer.slot = ask.slot;
        answer.scope = scope_of(k, &ask);
        if (answer.scope && !mark_slot(k, ask.slot, mark_value(&k->gate->marks, answer.scope, MARK_RELAYED)))
            answer.scope = 0;
        (void)send(k->gate->relay_fd[0], &answer, sizeof answer, MSG_DONTWAIT | MSG_NOSIGNAL);
    }
}

void relay_ask_retire(struct keeper *k, const struct policy *next)
{
    for (unsigned slot = 0; slot < GATE_RELAY_SLOTS; slot++) {
        uint32_t mark = 0;
        socklen_t len = sizeof mark;
        int fd = k->gate->relay_udp_fd[0][slot];
        if (fd >= 0 && getsockopt(fd, SOL_SOCKET, SO_MARK, &mark, &len) == 0 &&
            !policy_scope_find(next, mark_scope(&k->gate->marks, mark)))
            (void)mark_slot(k, slot, mark_retired(&k->gate->marks));
    }
}
