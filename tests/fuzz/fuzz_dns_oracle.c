/* SPDX-License-Identifier: GPL-3.0-or-later */
/* dns/message against two other readers, ldns and Knot DNS: a query that we take, both read as the same one question
 * and nothing else, before and after we rebuilt it; of an answer that we take, both find the same addresses at the end
 * of the same chain, in what came and in what the client gets.
 * Input: a message; the bit QR says which. */
#include <stdbool.h> /* before ldns.h, which else makes _Bool a signed char */
#include <ldns/ldns.h>
#include <libknot/libknot.h>
#include <stdlib.h>
#include <string.h>

#include "dns/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { TYPE_A = 1, TYPE_CNAME = 5, TYPE_AAAA = 28, CLASS_IN = 1, STEPS_MAX = 20 };

/* What a reader makes of a message. */
struct seen {
    bool read;
    unsigned questions, answers, authorities, additionals; /* the last without OPT */
    uint16_t type, class_code;
    uint8_t name[255]; /* lower case, wire form */
    size_t name_len;
    unsigned addresses; /* at the end of the chain; not more than fit */
    struct address address[MESSAGE_ADDRESSES_MAX + 1];
    bool whole; /* the chain did not loop */
};

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void take_address(struct seen *s, const uint8_t *at, size_t len)
{
    if (s->addresses <= MESSAGE_ADDRESSES_MAX)
        s->address[s->addresses++] = address_from_octets((struct bytes){at, len});
}

static struct seen by_ldns(const uint8_t *wire, size_t size)
{
    struct seen s = {0};
    ldns_pkt *pkt = NULL;
    if (ldns_wire2pkt(&pkt, wire, size) != LDNS_STATUS_OK)
        return s;
    s.read = true;
    s.questions = ldns_pkt_qdcount(pkt);
    s.answers = ldns_pkt_ancount(pkt);
    s.authorities = ldns_pkt_nscount(pkt);
    s.additionals = ldns_pkt_arcount(pkt);
    ldns_rr *question = s.questions == 1 ? ldns_rr_list_rr(ldns_pkt_question(pkt), 0) : NULL;
    if (question) {
        ldns_rdf *at = ldns_rdf_clone(ldns_rr_owner(question));
        ldns_dname2canonical(at);
        s.type = (uint16_t)ldns_rr_get_type(question);
        s.class_code = (uint16_t)ldns_rr_get_class(question);
        s.name_len = ldns_rdf_size(at);
        memcpy(s.name, ldns_rdf_data(at), s.name_len);
        ldns_rr_list *list = ldns_pkt_answer(pkt);
        bool moved = true;
        for (unsigned step = 0; moved && step < STEPS_MAX; step++) {
            moved = false;
            for (size_t i = 0; !moved && i < ldns_rr_list_rr_count(list); i++) {
                ldns_rr *rr = ldns_rr_list_rr(list, i);
                if (ldns_rr_get_type(rr) != LDNS_RR_TYPE_CNAME || s.type == TYPE_CNAME ||
                    ldns_rr_get_class(rr) != LDNS_RR_CLASS_IN || ldns_dname_compare(ldns_rr_owner(rr), at) != 0 ||
                    !ldns_rr_rdf(rr, 0)) /* an empty record, as RFC 2136 has them, is read too */
                    continue;
                ldns_rdf_deep_free(at);
                at = ldns_rdf_clone(ldns_rr_rdf(rr, 0));
                moved = true;
            }
        }
        s.whole = !moved;
        for (size_t i = 0; i < ldns_rr_list_rr_count(list); i++) {
            ldns_rr *rr = ldns_rr_list_rr(list, i);
            if ((uint16_t)ldns_rr_get_type(rr) == s.type && ldns_rr_get_class(rr) == LDNS_RR_CLASS_IN &&
                (s.type == TYPE_A || s.type == TYPE_AAAA) && ldns_dname_compare(ldns_rr_owner(rr), at) == 0 &&
                ldns_rr_rdf(rr, 0))
                take_address(&s, ldns_rdf_data(ldns_rr_rdf(rr, 0)), ldns_rdf_size(ldns_rr_rdf(rr, 0)));
        }
        ldns_rdf_deep_free(at);
    }
    ldns_pkt_free(pkt);
    return s;
}

static const knot_rrset_t *knot_alias(const knot_pktsection_t *section, const knot_dname_t *name)
{
    for (uint16_t i = 0; i < section->count; i++) {
        const knot_rrset_t *rr = knot_pkt_rr(section, i);
        if (rr->type == TYPE_CNAME && rr->rclass == CLASS_IN && knot_dname_is_case_equal(rr->owner, name))
            return rr;
    }
    return NULL;
}

static void by_knot_read(const knot_pkt_t *pkt, struct seen *s)
{
    const knot_pktsection_t *section = knot_pkt_section(pkt, KNOT_ANSWER);
    s->questions = knot_wire_get_qdcount(pkt->wire);
    s->answers = knot_wire_get_ancount(pkt->wire);
    s->authorities = knot_wire_get_nscount(pkt->wire);
    s->additionals = knot_wire_get_arcount(pkt->wire) - (pkt->opt_rr ? 1u : 0u);
    const knot_dname_t *at = knot_pkt_qname(pkt);
    if (s->questions != 1 || !at)
        return;
    s->type = knot_pkt_qtype(pkt);
    s->class_code = knot_pkt_qclass(pkt);
    s->name_len = knot_dname_size(at);
    memcpy(s->name, at, s->name_len);
    knot_dname_to_lower(s->name);
    const knot_rrset_t *alias = NULL;
    for (unsigned step = 0; step < STEPS_MAX && s->type != TYPE_CNAME; step++) {
        alias = knot_alias(section, at);
        if (!alias)
            break;
        at = knot_cname_name(alias->rrs.rdata);
    }
    s->whole = alias == NULL;
    for (uint16_t i = 0; i < section->count; i++) {
        const knot_rrset_t *rr = knot_pkt_rr(section, i);
        if (rr->type != s->type || rr->rclass != CLASS_IN || !knot_dname_is_case_equal(rr->owner, at) ||
            (s->type != TYPE_A && s->type != TYPE_AAAA))
            continue;
        knot_rdata_t *rdata = rr->rrs.rdata;
        for (uint16_t k = 0; k < rr->rrs.count; k++, rdata = knot_rdataset_next(rdata))
            take_address(s, rdata->data, rdata->len);
    }
}

static struct seen by_knot(const uint8_t *wire, size_t size)
{
    static uint8_t copy[65536]; /* it may fold case in place */
    struct seen s = {0};
    memcpy(copy, wire, size);
    knot_pkt_t *pkt = knot_pkt_new(copy, (uint16_t)size, NULL);
    require(pkt);
    s.read = knot_pkt_parse(pkt, 0) == KNOT_EOK && pkt->parsed == size;
    if (s.read)
        by_knot_read(pkt, &s);
    knot_pkt_free(pkt);
    return s;
}

static void expect_question(const struct seen *s, const struct question *q)
{
    uint8_t labels[255];
    size_t len = name_to_labels(&q->name, labels);
    require(s->read && s->questions == 1 && s->type == q->type && s->class_code == CLASS_IN);
    require(s->name_len == len && memcmp(s->name, labels, len) == 0);
}

/* `ours`: built by us, so nobody may refuse it.  Knot refuses an OPT with a payload of next to nothing, which RFC 6891
 * s6.2.3 reads as 512. */
static void expect_only_question(const uint8_t *wire, size_t size, const struct question *q, bool ours)
{
    const struct seen both[] = {by_ldns(wire, size), by_knot(wire, size)};
    for (unsigned i = 0; i < 2; i++) {
        if (!both[i].read && !ours)
            continue;
        expect_question(&both[i], q);
        require(both[i].answers == 0 && both[i].authorities == 0 && both[i].additionals == 0);
    }
}

static bool holds(const struct seen *s, const struct address *a)
{
    for (unsigned i = 0; i < s->addresses; i++)
        if (address_equal(&s->address[i], a))
            return true;
    return false;
}

/* The same set of addresses, order and repetitions apart? */
static bool same_addresses(const struct seen *s, const struct answer *a)
{
    bool same = s->whole;
    for (unsigned i = 0; i < a->addresses; i++)
        same = same && holds(s, &a->address[i].address);
    for (unsigned i = 0; i < s->addresses && a->addresses < MESSAGE_ADDRESSES_MAX; i++) {
        bool ours = false;
        for (unsigned k = 0; k < a->addresses; k++)
            ours = ours || address_equal(&s->address[i], &a->address[k].address);
        same = same && ours;
    }
    return same;
}

static void query(const uint8_t *wire, size_t size)
{
    struct question q;
    char shown[256];
    uint8_t out[MESSAGE_QUERY_MAX];
    if (message_read_query((struct bytes){wire, size}, &q, shown) != REASON_NONE)
        return;
    expect_only_question(wire, size, &q, false);
    expect_only_question(out, message_build_query(&q, 0x1234, out), &q, true);
    expect_only_question(out, message_build_query_over_tcp(&q, 0x1234, out), &q, true);
}

static void answer(const uint8_t *wire, size_t size)
{
    static struct answer got;
    struct answer_head head;
    unsigned filtered;
    if (!message_read_answer_head((struct bytes){wire, size}, &head))
        return;
    struct question q = {.id = 0x4321, .type = head.type, .name = head.name, .udp_payload = 1232, .edns = wire[1] & 1};
    q.labels_len = (uint8_t)name_to_labels(&q.name, q.labels);
    if (message_read_answer((struct bytes){wire, size}, &q, 65535, NULL, NULL, &filtered, &got) != PARSE_OK)
        return;
    bool whole = !got.truncated && (got.rcode == 0 || got.rcode == 3);
    const struct seen came[] = {by_ldns(wire, size), by_knot(wire, size)};
    const struct seen given[] = {by_ldns(got.wire, got.wire_len), by_knot(got.wire, got.wire_len)};
    bool addresses = q.type == TYPE_A || q.type == TYPE_AAAA;
    /* Behind data that is too short for its type ldns goes on where it stopped, and not at the record's length (RFC
     * 1035 s3.2.1): of what came, which nobody gets as it is, one of two that differ must read what we do. */
    if (whole && addresses && came[0].read && came[1].read)
        require(same_addresses(&came[0], &got) || same_addresses(&came[1], &got));
    for (unsigned i = 0; i < 2; i++) {
        if (came[i].read) /* stricter than we are about records that we leave out */
            expect_question(&came[i], &q);
        /* Knot knows the forms of rare types (LOC, EUI64 …) better than ldns, by which we write them: of an answer with
         * such records a strict client reads nothing, but nobody anything else. */
        if (i == 1 && !addresses && !given[i].read)
            continue;
        expect_question(&given[i], &q);
        require(given[i].additionals == 0 && given[i].authorities <= 1);
        require(!addresses || same_addresses(&given[i], &got));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 3 || size > 65535)
        return 0;
    uint8_t *exact = malloc(size);
    memcpy(exact, data, size);
    if (data[2] & 0x80)
        answer(exact, size);
    else
        query(exact, size);
    free(exact);
    return 0;
}
