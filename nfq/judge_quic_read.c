/* SPDX-License-Identifier: GPL-3.0-or-later */
/* QUIC: what a server reads in the packets of a client's datagram.
 *
 * Initial keys are public and AES-GCM commits to none of them: one packet can be built that opens under two keys, each
 * time to something else.  Which of the two a server reads depends on the connection to which the id that the packet
 * bears leads it.  We do not see the ids that servers choose, so we do not guess: a packet is tried under every key
 * that a sound server could use for it on this flow, and it must open under exactly one of them.  These are
 *
 *   - of each connection that was begun on this flow, by whatever id it has now: the keys of the id that it began with
 *     (RFC 9001 s5.2), of version 1 and of version 2.  The client keeps them when it bears the id that the server chose
 *     (RFC 9000 s7.2), and so do some when the server goes on in the other version (RFC 9369 s4.1, aioquic);
 *   - those of the id that it bears: it begins a connection.  So does the first Initial after a Retry, for which the
 *     keys change to the Retry's id (RFC 9001 s5.2), and the one after version negotiation, in the version that its
 *     header says (RFC 9000 s6.2).  The other version's are tried too, and never taken.
 *
 * While nothing of a connection was released, no server has answered it: then its Initials bear the id that they began
 * with, in the version that they began with.  Later an Initial under its keys may bear an id that we do not know, the
 * server's, but not the one with which another connection began.
 *
 * What a server makes of a truncated packet number depends on the greatest that it has opened (RFC 9000 A.3), of which
 * we only know the bounds: packets are lost.  Packet numbers of a connection lie within NUMBERS_SPAN, which is less
 * than half of the smallest window; so any of its states leads to one of three readings (nothing opened yet, the lowest
 * number, the highest), and each is tried.
 *
 * What stays open: an id that the server chose for a connection which was begun elsewhere, on another machine or
 * another flow (SECURITY.md): its keys are not among these. */
#include <string.h>

#include "nfq/judge_state.h"
#include "tls/quic_packet.h"

#define INITIALS_MAX 8 /* of a datagram: each costs some trials; clients send one or two */
#define NUMBERS_SPAN 64
#define IDENTITY     128 /* below it every truncated number is the number itself, whatever was opened before */

/* Under which keys an Initial opened. */
struct opening {
    unsigned sets; /* of keys */
    enum quic_open how;
    unsigned version;           /* index of the keys */
    struct quic_connection *of; /* NULL: of the id that it bears, with which none began so far */
    size_t len;                 /* of the plaintext, in j->payload */
    uint64_t number;
};

static void try_keys(struct judge *j, const struct quic_packet *p, const struct quic_keys *keys,
                     struct quic_connection *of, unsigned version, struct opening *o)
{
    uint64_t expected[3] = {0}, number = 0;
    unsigned states = 1;
    size_t len = 0;
    if (of && of->end > IDENTITY) {
        expected[1] = of->low + 1;
        expected[2] = of->end;
        states = 3;
    }
    for (unsigned i = 0; i < states; i++) {
        uint8_t *plain = o->sets ? j->out : j->payload; /* the first stays */
        enum quic_open how = quic_initial_open(quic_table_cipher(j->quic), keys, p, expected[i], plain, &len, &number);
        if (how == QUIC_OTHER_KEYS)
            continue;
        if (o->sets++ == 0)
            *o = (struct opening){1, how, version, of, len, number};
        return; /* under one key two numbers cannot have one tag */
    }
}

static void try_all(struct judge *j, const struct quic_flow *f, const struct quic_packet *p,
                    const struct quic_connection *own, struct opening *o)
{
    static const uint32_t version[2] = {QUIC_VERSION_1, QUIC_VERSION_2};
    for (struct quic_connection *c = quic_connection_first(j->quic, f); c; c = quic_connection_next(j->quic, c))
        for (unsigned i = 0; i < 2; i++)
            try_keys(j, p, &c->keys[i], c, i, o);
    for (unsigned i = 0; !own && i < 2; i++) {
        struct quic_keys keys;
        quic_initial_keys(version[i], p->dcid, false, &keys);
        try_keys(j, p, &keys, NULL, i, o);
    }
}

/* The server may have answered the connection's first Initials.  Audit releases them before their hello is whole. */
static bool may_be_answered(const struct visit *v, const struct quic_flow *f, const struct quic_connection *c)
{
    return v->audit || (f->state == QUIC_APPROVED && c->crypto.hellos > 0);
}

static bool note_number(struct quic_connection *c, uint64_t number)
{
    uint64_t low = c->end && c->low < number ? c->low : number, end = c->end > number ? c->end : number + 1;
    if (end - low > NUMBERS_SPAN)
        return false;
    c->low = low;
    c->end = end;
    return true;
}

/* An Initial of a connection that is known, or of a new one. */
static enum reason read_initial(struct judge *j, const struct visit *v, struct quic_flow *f,
                                const struct quic_packet *p)
{
    struct quic_connection *own = quic_connection_find(j->quic, f, p->dcid);
    struct opening o = {0};
    try_all(j, f, p, own, &o);
    if (o.sets > 1)
        return REASON_QUIC_KEYS;
    if (!o.sets || o.how != QUIC_OPENED)
        return REASON_QUIC_MALFORMED;
    bool as_begun = o.of == own && o.version == (p->version == QUIC_VERSION_2);
    if (!as_begun && (!o.of || (own && own != o.of) || !may_be_answered(v, f, o.of)))
        return REASON_QUIC_MALFORMED;
    if (!o.of && quic_connection_elsewhere(j->quic, f, p->dcid))
        return REASON_QUIC_CONFLICT; /* a server joins the two: it knows a connection by its id */
    if (!o.of && !(o.of = quic_connection_add(j->quic, f, p->dcid)))
        return REASON_TABLE_FULL;
    if (!note_number(o.of, o.number))
        return REASON_QUIC_MALFORMED;
    return quic_initial_frames((struct bytes){j->payload, o.len}, &o.of->crypto);
}

/* A short header behind long ones: for the same connection (RFC 9000 s12.2). */
static bool follows(const struct quic_packet *p, struct bytes dcid)
{
    struct reader r = reader_init(p->whole, false);
    reader_u8(&r);
    return bytes_equal(reader_bytes(&r, dcid.len), dcid) && r.state == PARSE_OK;
}

enum reason judge_quic_read(struct judge *j, const struct visit *v, struct quic_flow *f)
{
    struct reader r = reader_init(v->packet.payload, false);
    bool approved = f->state == QUIC_APPROVED || v->in->approved, first = true;
    struct bytes dcid = {0};
    unsigned initials = 0;
    enum reason why = REASON_NONE;
    while (why == REASON_NONE && reader_left(&r) > 0) {
        struct quic_packet p;
        enum quic_kind kind = quic_packet_read(&r, &p);
        bool is_long = kind != QUIC_SHORT && kind != QUIC_PADDING && kind != QUIC_MALFORMED;
        if (first)
            dcid = p.dcid;
        else if (is_long && !bytes_equal(p.dcid, dcid))
            return REASON_QUIC_MALFORMED;
        switch (kind) {
        case QUIC_INITIAL:
            why = ++initials > INITIALS_MAX ? REASON_QUIC_TOO_LONG : read_initial(j, v, f, &p);
            break;
        case QUIC_ZERO_RTT: /* under keys that only the two have; held as all is while the name is not judged */
            break;
        case QUIC_HANDSHAKE:
            why = approved ? REASON_NONE : REASON_QUIC_EXPECTED;
            break;
        case QUIC_SHORT:
            if (!approved)
                why = first ? REASON_QUIC_EXPECTED : REASON_QUIC_MALFORMED;
            else if (!first && !follows(&p, dcid))
                why = REASON_QUIC_MALFORMED;
            break;
        case QUIC_PADDING:
            why = first ? REASON_QUIC_EXPECTED : REASON_NONE;
            break;
        case QUIC_OTHER_VERSION:
            why = REASON_QUIC_VERSION;
            break;
        case QUIC_RETRY:
        case QUIC_MALFORMED:
            why = REASON_QUIC_MALFORMED;
        }
        first = false;
    }
    return first ? REASON_QUIC_EXPECTED : why; /* an empty datagram */
}
