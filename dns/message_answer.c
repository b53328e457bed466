/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Answers: read strictly, reduced to what was asked, built anew. */
#include <string.h>

#include "dns/chain.h"
#include "dns/message_wire.h"
#include "dns/rdata.h"

#define MESSAGE_SUFFIXES_MAX 192

/* Where names already lie in what is being written, so that later ones can point there (RFC 1035 s4.1.4). */
struct message_rebuild {
    struct writer w;
    const struct labels *asked; /* the question's, behind the header */
    unsigned suffixes;
    struct {
        uint16_t offset;
        uint32_t hash;
    } suffix[MESSAGE_SUFFIXES_MAX];
};

/* The offset at which `name` lies already; 0: nowhere. */
static uint16_t message_find_name(const struct message_rebuild *b, const struct labels *name, uint32_t hash)
{
    struct bytes written = {b->w.start, writer_len(&b->w)};
    for (unsigned i = 0; i < b->suffixes; i++) {
        size_t at = b->suffix[i].offset;
        struct labels there;
        if (b->suffix[i].hash == hash && labels_read(written, &at, written.len, &there) && labels_equal(&there, name))
            return b->suffix[i].offset;
    }
    return 0;
}

/* Remembers that `name` begins at `offset`, and its suffixes behind it, as far as they were not known. */
static void message_know_name(struct message_rebuild *b, const struct labels *name, size_t offset)
{
    struct labels rest = *name;
    while (rest.len > 1 && offset < 0x4000 && b->suffixes < MESSAGE_SUFFIXES_MAX) {
        b->suffix[b->suffixes].offset = (uint16_t)offset;
        b->suffix[b->suffixes++].hash = labels_hash(&rest);
        offset += rest.octets[0] + 1u;
        if (!labels_pop(&rest))
            break;
    }
}

static void message_write_name(struct message_rebuild *b, const struct labels *name)
{
    if (name->len > 1 && labels_equal(name, b->asked)) { /* most of them; the other places need not be known */
        writer_u16(&b->w, 0xc000u | MESSAGE_HEADER_BYTES);
        return;
    }
    if (!b->suffixes)
        message_know_name(b, b->asked, MESSAGE_HEADER_BYTES);
    struct labels rest = *name;
    while (rest.len > 1) {
        uint32_t hash = labels_hash(&rest);
        uint16_t known = message_find_name(b, &rest, hash);
        if (known) {
            writer_u16(&b->w, (uint16_t)(0xc000u | known));
            return;
        }
        size_t here = writer_len(&b->w);
        struct reader r = reader_init(labels_bytes(&rest), false);
        writer_bytes(&b->w, reader_bytes(&r, rest.octets[0] + 1u));
        if (here < 0x4000 && b->suffixes < MESSAGE_SUFFIXES_MAX && !b->w.full) {
            b->suffix[b->suffixes].offset = (uint16_t)here;
            b->suffix[b->suffixes++].hash = hash;
        }
        if (!labels_pop(&rest))
            break;
    }
    writer_u8(&b->w, 0);
}

/* False: its RDATA is malformed. */
static bool message_write_record(struct message_rebuild *b, const struct chain *c, const struct chain_record *record)
{
    struct labels owner = chain_owner(c, record), target;
    size_t at = record->rdata, end = at + record->rdata_len;
    message_write_name(b, &owner);
    writer_u16(&b->w, record->type);
    writer_u16(&b->w, MESSAGE_CLASS_IN);
    writer_u32(&b->w, record->ttl_sec);
    writer_u16(&b->w, 0);
    size_t start = writer_len(&b->w);
    if (record->type == MESSAGE_A || record->type == MESSAGE_AAAA) {
        struct reader r = labels_cursor(c->wire, at);
        writer_bytes(&b->w, reader_bytes(&r, record->rdata_len));
    } else if (record->type == MESSAGE_CNAME || record->type == MESSAGE_DNAME) {
        if (!labels_read(c->wire, &at, end, &target) || at != end)
            return false;
        if (record->type == MESSAGE_CNAME)
            message_write_name(b, &target);
        else
            writer_bytes(&b->w, labels_bytes(&target)); /* RFC 6672 s2.5: not compressed */
    } else if (!rdata_write(c->wire, record->type, at, record->rdata_len, &b->w)) {
        return false;
    }
    if (!b->w.full)
        writer_patch_u16(&b->w, start - 2, (uint16_t)(writer_len(&b->w) - start));
    return true;
}

/* The address in an A or AAAA record; family 0: none. */
static struct address message_record_address(const struct chain *c, const struct chain_record *record)
{
    struct reader r = labels_cursor(c->wire, record->rdata);
    size_t want = record->type == MESSAGE_A ? 4 : record->type == MESSAGE_AAAA ? 16 : 0;
    if (want == 0 || record->rdata_len != want)
        return (struct address){0};
    return address_from_octets(reader_bytes(&r, want));
}

/* Takes the addresses at the chain's end, without those that the filter refuses, whose records are unkept and whose
 * sets lose their signatures.  False: an address of a wrong length. */
static bool message_take_addresses(struct chain *c, answer_filter *filter, void *ctx, unsigned *filtered,
                                   struct answer *out)
{
    for (unsigned i = 0; i < c->kept; i++) {
        struct chain_record *record = &c->record[c->keep[i]];
        if (record->type != MESSAGE_A && record->type != MESSAGE_AAAA)
            continue;
        struct address address = message_record_address(c, record);
        if (address.family == 0)
            return false;
        bool refused = filter && !filter(ctx, &address);
        if (refused || out->addresses == MESSAGE_ADDRESSES_MAX) {
            record->kept = false;
            c->at_end--;
            chain_unsign(c, record->type);
            *filtered += refused;
            continue;
        }
        uint32_t ttl_sec = record->ttl_sec < c->ttl_sec ? record->ttl_sec : c->ttl_sec;
        out->address[out->addresses++] = (struct answer_address){address, ttl_sec};
    }
    return true;
}

/* Writes header, question, kept records, SOA and OPT.  False: malformed RDATA.  b->w.full: too long. */
static bool message_write_answer(struct message_rebuild *b, const struct question *q, const struct chain *c,
                                 uint16_t flags, bool negative)
{
    unsigned records = 0;
    struct labels asked = labels_from_bytes((struct bytes){q->labels, q->labels_len}), zone;
    b->asked = &asked;
    message_write_head(&b->w, q, flags);
    for (unsigned i = 0; i < c->kept; i++) {
        if (!c->record[c->keep[i]].kept)
            continue;
        if (!message_write_record(b, c, &c->record[c->keep[i]]))
            return false;
        records++;
    }
    writer_patch_u16(&b->w, MESSAGE_COUNT_ANSWERS, (uint16_t)records);
    if (negative && c->soa.owner) { /* RFC 2308 s5: of a zone that the name lies in */
        struct labels above = c->end;
        zone = chain_owner(c, &c->soa);
        while (!labels_equal(&above, &zone) && labels_pop(&above))
            ;
        if (labels_equal(&above, &zone)) {
            if (!message_write_record(b, c, &c->soa))
                return false;
            writer_patch_u16(&b->w, MESSAGE_COUNT_AUTHORITY, 1);
        }
    }
    message_write_opt(&b->w, q);
    return true;
}

/* Header and question alone, and OPT. */
static void message_write_empty(struct answer *out, const struct question *q, uint16_t flags)
{
    struct writer w = writer_init(out->wire, sizeof out->wire);
    message_write_head(&w, q, flags);
    message_write_opt(&w, q);
    out->addresses = 0; /* what the client does not see is not bound */
    out->wire_len = writer_len(&w);
}

/* The flags that go on: RA; AD only to who asked for it (RFC 6840 s5.8). */
static uint16_t message_answer_flags(const struct message_header *h, const struct question *q)
{
    unsigned flags = h->flags & MESSAGE_RA;
    if (q->authentic_data || q->dnssec_ok)
        flags |= h->flags & MESSAGE_AD;
    return (uint16_t)flags;
}

/* Rebuilds from the chain.  False: malformed RDATA. */
static bool message_rebuild(const struct question *q, const struct chain *c, uint16_t flags, bool negative,
                            size_t size_limit, struct answer *out)
{
    size_t size = size_limit < sizeof out->wire ? size_limit : sizeof out->wire;
    struct message_rebuild b = {.w = writer_init(out->wire, size < 512 ? 512 : size)};
    if (!message_write_answer(&b, q, c, flags, negative))
        return false;
    out->wire_len = writer_len(&b.w);
    if (b.w.full) {
        out->truncated = true;
        message_write_empty(out, q, (uint16_t)(flags | MESSAGE_TC));
    }
    return true;
}

/* A whole answer: NOERROR or NXDOMAIN, not truncated. */
static bool message_reduce(struct chain *c, const struct labels *name, const struct question *q, uint16_t flags,
                           size_t size_limit, answer_filter *filter, void *ctx, unsigned *filtered, struct answer *out)
{
    if (!chain_follow(c, name, q->type, q->dnssec_ok) ||
        (c->at_end > 0 &&
         out->rcode == MESSAGE_RCODE_NXDOMAIN)) /* exists and does not: which, is for nobody to guess */
        return false;
    out->dropped_records = c->others + c->count - c->kept;
    bool negative = c->at_end == 0;
    if (!message_take_addresses(c, filter, ctx, filtered, out))
        return false;
    if (*filtered > 0 && c->at_end == 0) {
        out->wire_len = message_build_denial(q, MESSAGE_NODATA, "no address in the answer is permitted", out->wire,
                                             sizeof out->wire);
        return true;
    }
    if (*filtered > 0)
        flags &= (uint16_t)~MESSAGE_AD;
    return message_rebuild(q, c, (uint16_t)(flags | out->rcode), negative, size_limit, out);
}

enum parse message_read_answer(struct bytes wire, const struct question *q, size_t size_limit, answer_filter *filter,
                               void *ctx, unsigned *filtered, struct answer *out)
{
    struct answer_head head;
    struct chain c;
    struct labels name;
    struct message_header h;
    size_t at;
    *filtered = 0;
    out->addresses = out->dropped_records = 0;
    out->wire_len = 0;
    if (!message_open_answer(wire, &h, &name, &head, &at) || head.type != q->type || !name_equal(&head.name, &q->name))
        return PARSE_MALFORMED;
    uint16_t flags = message_answer_flags(&h, q);
    out->rcode = h.flags & 15;
    out->truncated = (h.flags & MESSAGE_TC) != 0;
    if (out->truncated) { /* RFC 2181 s9: what it holds is not used */
        message_write_empty(out, q, (uint16_t)(flags | MESSAGE_TC | out->rcode));
        return PARSE_OK;
    }
    if (!chain_read(&c, wire, at, h.answers, h.authorities, h.additionals))
        return PARSE_MALFORMED;
    if (c.rcode_high) /* BADVERS and beyond: about our own OPT, nothing that the client's question could mean */
        out->rcode = MESSAGE_RCODE_SERVFAIL;
    if (out->rcode != MESSAGE_RCODE_NOERROR && out->rcode != MESSAGE_RCODE_NXDOMAIN) {
        out->dropped_records = c.others + c.count;
        message_write_empty(out, q, (uint16_t)(flags | out->rcode));
        return PARSE_OK;
    }
    if (message_reduce(&c, &name, q, flags, size_limit, filter, ctx, filtered, out))
        return PARSE_OK;
    out->addresses = 0;
    out->wire_len = 0;
    return PARSE_MALFORMED;
}
