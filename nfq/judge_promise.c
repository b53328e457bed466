/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Acknowledging in the server's place, for messages that come in several segments.
 *
 * The server cannot acknowledge what it was not sent.  A sender that waits for that stops: after its initial window
 * (RFC 6928), after one small segment (Nagle, RFC 9293 s3.7.4), and on Linux, while a packet of its own is still held
 * on this host, after the first write (autocorking).  So the gate acknowledges the part of a message that it keeps, and
 * drops a local sender's packet instead of holding it.
 *
 * What was acknowledged so must reach the server by us alone.  It leaves in packets of the client's: the one that
 * completed the message (it is never acknowledged by us, so it comes again until the server has it), and bare
 * acknowledgments, which a client sends at once when it gets a byte that it has already ("poke"). */
#include <string.h>

#include "nfq/judge_state.h"

#define CHUNK_BYTES 1200u /* of payload, below any path's MSS that matters */
#define POKES_MAX   24u   /* at a time */

static void poke(struct judge *j, const struct visit *v, const struct flow *f, uint64_t missing)
{
    uint8_t ip[100];
    size_t len = packet_build_poke(&v->packet, f->isn + 1 + (uint32_t)f->promised, f->server_window,
                                   f->has_timestamp ? &f->server_timestamp : NULL, ip, sizeof ip);
    for (unsigned i = 0; i < POKES_MAX && i * CHUNK_BYTES < missing; i++)
        judge_inject(j, ip, len);
}

/* Puts kept bytes from `offset` on into the visit's packet and sends it; returns how many. */
static size_t send_chunk(struct judge *j, struct visit *v, struct flow *f, uint64_t offset)
{
    size_t len = f->promised - offset < CHUNK_BYTES ? (size_t)(f->promised - offset) : CHUNK_BYTES;
    stream_overlay(f->stream, offset, j->payload, len);
    v->packet.sequence = f->isn + 1 + (uint32_t)offset;
    v->packet.flags &= (uint8_t) ~(TCP_FIN | TCP_PSH);
    judge_pass(j, v, MARK_PASS, (struct bytes){j->payload, len});
    return len;
}

/* The promised bytes are judged, kept, and the server lacks some of them. */
static bool owes(const struct flow *f)
{
    return f->stream && f->promised > f->acknowledged && f->promised <= f->stream->start;
}

bool judge_promise_carry(struct judge *j, struct visit *v, struct flow *f, uint64_t offset)
{
    if (!owes(f) || offset <= f->acknowledged)
        return false;
    f->deliver = f->acknowledged + send_chunk(j, v, f, f->acknowledged);
    poke(j, v, f, f->promised - f->deliver);
    return true;
}

bool judge_promise_deliver(struct judge *j, struct visit *v, struct flow *f)
{
    if (!owes(f) || f->deliver >= f->promised)
        return false;
    if (f->deliver < f->acknowledged)
        f->deliver = f->acknowledged;
    f->deliver += send_chunk(j, v, f, f->deliver);
    return true;
}

/* A local sender's packet is let go, so that the sender goes on. */
static void drop_if_local(struct judge *j, const struct visit *v, struct flow *f)
{
    struct flow_held *h = flow_held_first(j->flows, f);
    while (h && h->id != v->in->id)
        h = flow_held_next(j->flows, h);
    if (!h || !v->in->local)
        return;
    judge_drop(j, h->id, MARK_PASS);
    flow_unhold(j->flows, f, h);
}

void judge_promise(struct judge *j, struct visit *v, struct flow *f)
{
    if (!f->stream || f->state == FLOW_REFUSED || f->state == FLOW_APPROVED)
        return;
    uint64_t start = f->stream->start;
    if (owes(f) && v->in->local && f->deliver <= f->acknowledged) { /* the message has just become whole */
        f->deliver = f->acknowledged;
        poke(j, v, f, f->promised - f->deliver);
    }
    bool waits_for_client = f->state == FLOW_OPEN || f->state == FLOW_RETRY || f->state == FLOW_HTTP;
    uint64_t upto = start + stream_ready(f->stream).len;
    if (!waits_for_client || f->acknowledged < start || upto <= f->promised || upto == start)
        return;
    uint8_t ip[100];
    size_t len = packet_build_acknowledgment(&v->packet, f->isn + 1 + (uint32_t)upto, f->server_window,
                                             f->has_timestamp ? &f->server_timestamp : NULL, ip, sizeof ip);
    drop_if_local(j, v, f);
    judge_inject(j, ip, len);
    f->promised = upto;
    f->deliver = 0;
}
