/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whose connection is it?  The relay asks, the keeper answers (gate.relay_fd).
 *
 * All scopes' DNS over TCP comes in at one listener.  Nothing that a client sends tells its scope: the keeper reads it
 * from the connection's mark, which the rules set when its first packet was redirected.  With the answer, the sockets
 * of the connection's slot bear that scope's mark, so that each message is judged as the scope's own.
 *
 * The relay is the process that hostile bytes reach: its words are checked, and the worst that it can do is to ask
 * under another scope of this gate.  A question that gets no answer (a keeper died with it) is asked again. */
#ifndef SLUICE_CTL_RELAY_ASK_H
#define SLUICE_CTL_RELAY_ASK_H

#include <stdint.h>

#include "core/event.h"

struct relay_ask {
    uint64_t serial; /* of the connection, never used again, by a later relay either */
    uint32_t slot;
    struct event_endpoint client, resolver; /* before it was redirected */
};

struct relay_ask_answer {
    uint64_t serial;
    uint32_t slot;
    uint16_t scope; /* id; 0: of none, to be closed */
};

/* The keeper's. */
struct keeper;
struct policy;

/* Answers what is there, up to a round's share: one question to conntrack each. */
void relay_ask_serve(struct keeper *k);
/* Before the rules of `next` come into force: sockets of scopes that it does not have are nobody's. */
void relay_ask_retire(struct keeper *k, const struct policy *next);

#endif
