/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The bits of packet marks and connection marks that are ours, and what they say.
 *
 * One contiguous field of both marks, by default 0x3fff: below kube-proxy's 0x4000 and 0x8000 and Tailscale's 0xff0000.
 * The three low bits of the field are a state, the rest is a scope's id.  All other bits are never touched.
 * A field of zero means: not ours. */
#ifndef SLUICE_CORE_MARK_H
#define SLUICE_CORE_MARK_H

#include <stdbool.h>
#include <stdint.h>

#define MARK_MASK_DEFAULT 0x3fffu
#define MARK_STATE_BITS   3
#define MARK_STATES       7u /* the state's bits, before the shift */

/* State in the connection mark. */
enum mark_connection {
    MARK_UNDECIDED = 0, /* every packet of both directions is queued */
    MARK_APPROVED = 1,  /* the kernel lets it go */
    MARK_LOOPBACK = 2,  /* must end at a local listener; judged at input */
    MARK_HTTP = 3, /* server to client goes; client to server is queued, but a datagram on loopback is asked for its
                      listener, and of an approved QUIC flow the kernel lets short headers go */
    /* TCP, undecided too, but bare acknowledgments go, of both sides. */
    MARK_HELLO = 4, /* all else is queued */
    MARK_BODY = 5,  /* plain HTTP: so does whatever the server sends, but what begins or ends the connection */
};
#define MARK_BARE_GO 4u /* the bit that both have, and no other state */

/* State in the packet mark, from the rules to the handler. */
enum mark_queued {
    MARK_TO_SERVER = 0,
    MARK_FROM_SERVER = 1, /* at output and prerouting: toward the server, of an approved QUIC flow */
    MARK_STRAY = 2, /* refuse: not a flow of this scope (older, flushed, untracked, another scope's, left loopback) */
    MARK_INCOMING = 3, /* refuse: a connection into the scope */
};

/* State in the packet mark, from the handler to the rules (−159 and +111 "conclude"). */
enum mark_verdict {
    MARK_PASS = 0,      /* the connection's state stays as it is */
    MARK_APPROVE = 1,   /* → MARK_APPROVED */
    MARK_RESET = 2,     /* reject with tcp reset; nothing goes on.  Not in postrouting.  UDP: drop, and the connection
                           is MARK_UNDECIDED again */
    MARK_HTTP_FLOW = 3, /* → MARK_HTTP */
    /* TCP that the kernel does not have yet. */
    MARK_WATCH = 4,      /* → MARK_UNDECIDED */
    MARK_HELLO_FLOW = 5, /* → MARK_HELLO */
    MARK_BODY_FLOW = 6,  /* → MARK_BODY */
};

/* In the packet mark of the relay's sockets: this scope's DNS message. */
#define MARK_RELAYED 3u

struct mark_layout {
    uint32_t mask;
    uint8_t shift;
    uint16_t scope_max; /* greatest id of a scope; the one above it, all ones, marks what the gate injects */
};

/* False: not contiguous, or narrower than 5 bits. */
static inline bool mark_layout_init(uint32_t mask, struct mark_layout *out)
{
    if (!mask)
        return false;
    uint8_t shift = (uint8_t)__builtin_ctz(mask);
    uint32_t field = mask >> shift;
    if ((field & (field + 1)) != 0 || field < 31 || field >> MARK_STATE_BITS > 0xffff)
        return false;
    *out = (struct mark_layout){mask, shift, (uint16_t)((field >> MARK_STATE_BITS) - 1)};
    return true;
}

static inline uint32_t mark_value(const struct mark_layout *l, uint16_t scope, unsigned state)
{
    return ((uint32_t)scope << MARK_STATE_BITS | (state & MARK_STATES)) << l->shift & l->mask;
}

static inline uint16_t mark_scope(const struct mark_layout *l, uint32_t mark)
{
    return (uint16_t)((mark & l->mask) >> l->shift >> MARK_STATE_BITS);
}

static inline unsigned mark_state(const struct mark_layout *l, uint32_t mark)
{
    return (mark & l->mask) >> l->shift & MARK_STATES;
}

/* Of a socket of the relay that is nobody's: what it sends is dropped. */
static inline uint32_t mark_retired(const struct mark_layout *l)
{
    return mark_value(l, (uint16_t)(l->scope_max + 1), MARK_RELAYED);
}

/* What the gate itself injects: untracked at output −310, grants nothing else. */
static inline uint32_t mark_inject(const struct mark_layout *l)
{
    return mark_value(l, (uint16_t)(l->scope_max + 1), 0);
}

#endif
