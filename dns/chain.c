/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "dns/chain.h"

#include "dns/message_wire.h"
#include "dns/rdata.h"

/* RFC 1035 s3.2.1.  Moves *at behind the record. */
static bool chain_read_record(struct bytes wire, size_t *at, struct chain_record *out, uint16_t *class_code)
{
    struct labels owner;
    struct chain_record record = {.owner = (uint16_t)*at};
    if (!labels_read(wire, at, wire.len, &owner))
        return false;
    struct reader r = labels_cursor(wire, *at);
    record.type = reader_u16(&r);
    *class_code = reader_u16(&r);
    record.ttl_sec = reader_u32(&r);
    record.rdata_len = reader_u16(&r);
    reader_bytes(&r, record.rdata_len);
    if (r.state != PARSE_OK)
        return false;
    record.rdata = (uint16_t)(*at + 10);
    *at += 10u + record.rdata_len;
    record.owner_hash = labels_hash(&owner);
    *out = record;
    return true;
}

/* RFC 2181 s8: a TTL with its highest bit set counts as zero. */
static void chain_clamp_ttl(struct chain_record *record)
{
    if (record->ttl_sec > INT32_MAX)
        record->ttl_sec = 0;
}

bool chain_read(struct chain *c, struct bytes wire, size_t at, unsigned answers, unsigned authorities,
                unsigned additionals)
{
    bool opt = false;
    unsigned total = answers + authorities + additionals;
    if (wire.len > UINT16_MAX || answers > CHAIN_RECORDS_MAX)
        return false;
    c->wire = wire;
    c->count = c->others = c->kept = c->at_end = 0;
    c->rcode_high = 0;
    c->soa = (struct chain_record){0};
    for (unsigned i = 0; i < total; i++) {
        struct chain_record record;
        uint16_t class_code;
        bool in_answer = i < answers, in_authority = !in_answer && i < answers + authorities;
        if (!chain_read_record(wire, &at, &record, &class_code))
            return false;
        if (record.type == MESSAGE_OPT) { /* RFC 6891 s6.1.1: one, additional, owned by the root */
            struct labels owner = chain_owner(c, &record);
            if (opt || in_answer || in_authority || owner.len != 1)
                return false;
            opt = true;
            c->rcode_high = (uint8_t)(record.ttl_sec >> 24);
            continue;
        }
        if (!rdata_names_fit(wire, record.type, record.rdata, record.rdata_len))
            return false;
        chain_clamp_ttl(&record);
        if (in_answer && class_code == MESSAGE_CLASS_IN)
            c->record[c->count++] = record;
        else if (in_authority && class_code == MESSAGE_CLASS_IN && record.type == MESSAGE_SOA && !c->soa.owner)
            c->soa = record;
        else
            c->others++;
    }
    return at == wire.len;
}

struct labels chain_owner(const struct chain *c, const struct chain_record *record)
{
    struct labels owner = {0};
    size_t at = record->owner;
    labels_read(c->wire, &at, c->wire.len, &owner); /* was read before */
    return owner;
}

static bool chain_owned_by(const struct chain *c, const struct chain_record *record, const struct labels *name,
                           uint32_t hash)
{
    if (record->owner_hash != hash)
        return false;
    struct labels owner = chain_owner(c, record);
    return labels_equal(&owner, name);
}

static void chain_keep(struct chain *c, unsigned index)
{
    if (!c->record[index].kept) {
        c->record[index].kept = true;
        c->keep[c->kept++] = (uint16_t)index;
    }
}

static void chain_keep_signatures(struct chain *c, const struct labels *owner, uint16_t type)
{
    uint32_t hash = labels_hash(owner);
    for (unsigned i = 0; i < c->count; i++) {
        const struct chain_record *s = &c->record[i];
        if (s->type == MESSAGE_RRSIG && rdata_covered(c->wire, s->rdata, s->rdata_len) == type &&
            chain_owned_by(c, s, owner, hash))
            chain_keep(c, i);
    }
}

/* RDATA that is one name and nothing else. */
static bool chain_target(const struct chain *c, const struct chain_record *record, struct labels *out)
{
    size_t at = record->rdata, end = at + record->rdata_len;
    return labels_read(c->wire, &at, end, out) && at == end;
}

static bool chain_has(const struct chain *c, uint16_t type)
{
    for (unsigned i = 0; i < c->count; i++)
        if (c->record[i].type == type)
            return true;
    return false;
}

/* The only record of `type` at `name`: its index, -1 for none, -2 for several. */
static int chain_find_one(const struct chain *c, const struct labels *name, uint16_t type)
{
    int found = -1;
    if (!chain_has(c, type))
        return found;
    uint32_t hash = labels_hash(name);
    for (unsigned i = 0; i < c->count; i++) {
        if (c->record[i].type != type || !chain_owned_by(c, &c->record[i], name, hash))
            continue;
        if (found >= 0)
            return -2;
        found = (int)i;
    }
    return found;
}

/* The DNAME nearest above `name`, likewise. */
static int chain_find_dname(const struct chain *c, const struct labels *name)
{
    int found = -1;
    if (!chain_has(c, MESSAGE_DNAME))
        return found;
    struct labels above = *name;
    while (found == -1 && labels_pop(&above))
        found = chain_find_one(c, &above, MESSAGE_DNAME);
    return found;
}

/* RFC 6672 s3.1: the CNAME at `name` is what the DNAME above it makes. */
static bool chain_keep_dname(struct chain *c, unsigned index, const struct labels *name, const struct labels *target,
                             bool signatures)
{
    const struct chain_record *record = &c->record[index];
    struct labels owner = chain_owner(c, record), base, made;
    if (!chain_target(c, record, &base) || !labels_substitute(name, &owner, &base, &made) ||
        !labels_equal(&made, target))
        return false;
    if (record->ttl_sec < c->ttl_sec)
        c->ttl_sec = record->ttl_sec;
    chain_keep(c, index);
    if (signatures)
        chain_keep_signatures(c, &owner, MESSAGE_DNAME);
    return true;
}

/* What stands at the chain's end.  A signature is an answer only to a question for signatures or for anything. */
static void chain_keep_end(struct chain *c, uint16_t type, bool signatures)
{
    uint32_t hash = labels_hash(&c->end);
    for (unsigned i = 0; i < c->count; i++) {
        if ((c->record[i].type == type || type == MESSAGE_ANY) && chain_owned_by(c, &c->record[i], &c->end, hash)) {
            chain_keep(c, i);
            c->at_end++;
        }
    }
    if (signatures && c->at_end > 0)
        chain_keep_signatures(c, &c->end, type);
}

bool chain_follow(struct chain *c, const struct labels *start, uint16_t type, bool signatures)
{
    c->end = *start;
    c->type = type;
    c->ttl_sec = UINT32_MAX;
    for (unsigned step = 0; type != MESSAGE_CNAME && type != MESSAGE_ANY; step++) {
        struct labels target;
        int alias = chain_find_one(c, &c->end, MESSAGE_CNAME), dname = chain_find_dname(c, &c->end);
        if (alias == -2 || dname == -2 || (dname >= 0 && alias < 0))
            return false;
        if (alias < 0)
            break;
        if (step == CHAIN_STEPS_MAX || !chain_target(c, &c->record[alias], &target))
            return false;
        if (dname >= 0 && !chain_keep_dname(c, (unsigned)dname, &c->end, &target, signatures))
            return false;
        chain_keep(c, (unsigned)alias);
        if (signatures)
            chain_keep_signatures(c, &c->end, MESSAGE_CNAME);
        if (c->record[alias].ttl_sec < c->ttl_sec)
            c->ttl_sec = c->record[alias].ttl_sec;
        c->end = target;
    }
    if (type == MESSAGE_CNAME && chain_find_one(c, &c->end, MESSAGE_CNAME) == -2)
        return false;
    chain_keep_end(c, type, signatures);
    return true;
}

void chain_unsign(struct chain *c, uint16_t type)
{
    for (unsigned i = 0; i < c->count; i++) {
        struct chain_record *s = &c->record[i];
        if (s->kept && s->type == MESSAGE_RRSIG && rdata_covered(c->wire, s->rdata, s->rdata_len) == type &&
            chain_owned_by(c, s, &c->end, labels_hash(&c->end))) {
            s->kept = false;
            c->at_end -= c->type == MESSAGE_ANY; /* there it was counted */
        }
    }
}
