/* SPDX-License-Identifier: GPL-3.0-or-later */
/* For tests of dns/message, answers: made and read back by ldns. */
#ifndef SLUICE_TESTS_UNIT_ANSWERS_H
#define SLUICE_TESTS_UNIT_ANSWERS_H

#include <stdbool.h> /* before ldns.h, which else makes _Bool a signed char */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <ldns/ldns.h>

#include "dns/message.h"

#define RRSIG(type)                                                                \
    " 300 IN RRSIG " type " 8 2 300 20300101000000 20200101000000 12345 example. " \
    "dGhpcyBpcyBubyBzaWduYXR1cmUgYnV0IGxvbmcgZW5vdWdoIHRvIGxvb2sgbGlrZSBvbmU="

static struct answer answer; /* 64 KiB: not on the stack */
static unsigned filtered;

struct exchanged {
    struct question q;
    uint8_t wire[65535];
    size_t len;
};

static struct exchanged x;

/* Makes the client's question, "Mixed.Case" as written, and the resolver's answer to it: records "an NAME TTL IN …",
 * "ns …", "ar …" one a line. */
static inline void make(const char *name, ldns_rr_type type, unsigned flags, const char *records)
{
    ldns_rdf *owner = ldns_dname_new_frm_str(name);
    assert_non_null(owner);
    memset(&x, 0, sizeof x);
    x.q.id = 0x7777;
    x.q.type = (uint16_t)type;
    x.q.labels_len = (uint8_t)ldns_rdf_size(owner);
    memcpy(x.q.labels, ldns_rdf_data(owner), x.q.labels_len);
    if (x.q.labels_len > 1)
        assert_true(name_from_labels((struct bytes){x.q.labels, x.q.labels_len}, &x.q.name));
    x.q.recursion_desired = true;
    x.q.udp_payload = 512;
    ldns_dname2canonical(owner); /* the query that went on was in lower case */
    ldns_pkt *pkt = ldns_pkt_query_new(owner, type, LDNS_RR_CLASS_IN, 0);
    ldns_pkt_set_id(pkt, 0x1234);
    for (const char *line = records; line && *line;) {
        char text[2048];
        size_t len = strcspn(line, "\n");
        assert_true(len > 3 && len < sizeof text);
        memcpy(text, line, len);
        text[len] = 0;
        ldns_rr *rr = NULL;
        if (ldns_rr_new_frm_str(&rr, text + 3, 0, NULL, NULL) != LDNS_STATUS_OK)
            fail_msg("%s", text);
        ldns_pkt_push_rr(pkt,
                         text[0] == 'n'   ? LDNS_SECTION_AUTHORITY
                         : text[1] == 'r' ? LDNS_SECTION_ADDITIONAL
                                          : LDNS_SECTION_ANSWER,
                         rr);
        line += len + (line[len] == '\n');
    }
    uint8_t *wire;
    assert_int_equal(ldns_pkt2wire(&wire, pkt, &x.len), LDNS_STATUS_OK);
    memcpy(x.wire, wire, x.len);
    x.wire[2] = (uint8_t)(flags >> 8);
    x.wire[3] = (uint8_t)flags;
    LDNS_FREE(wire);
    ldns_pkt_free(pkt);
}

static inline enum parse read_answer(size_t limit, answer_filter *filter)
{
    uint8_t *exact = malloc(x.len ? x.len : 1);
    memcpy(exact, x.wire, x.len);
    enum parse got = message_read_answer((struct bytes){exact, x.len}, &x.q, limit, filter, NULL, &filtered, &answer);
    free(exact);
    return got;
}

static inline void add_section(char *out, size_t size, const ldns_rr_list *list, const char *prefix)
{
    for (size_t i = 0; i < ldns_rr_list_rr_count(list); i++) {
        const ldns_rr *rr = ldns_rr_list_rr(list, i);
        char *text = ldns_rr2str(rr);
        for (char *at = text; (at = strchr(at, '\t'));)
            *at = ' ';
        size_t used = strlen(out);
        snprintf(out + used, size - used, "%s %s", prefix, text);
        free(text);
    }
}

/* What ldns reads in the rebuilt answer, as records of make(); and its header and question are the client's. */
static const char *rebuilt(void)
{
    static char out[16384];
    ldns_pkt *pkt = NULL;
    assert_int_equal(ldns_wire2pkt(&pkt, answer.wire, answer.wire_len), LDNS_STATUS_OK);
    assert_int_equal(ldns_pkt_id(pkt), 0x7777);
    assert_true(ldns_pkt_qr(pkt));
    assert_int_equal(ldns_pkt_tc(pkt), answer.truncated);
    assert_int_equal(ldns_pkt_get_rcode(pkt), answer.rcode);
    assert_int_equal(ldns_pkt_edns(pkt), x.q.edns);
    assert_int_equal(ldns_pkt_qdcount(pkt), 1);
    assert_true(answer.wire_len > 12u + x.q.labels_len + 4u - 1);
    assert_memory_equal(answer.wire + 12, x.q.labels, x.q.labels_len); /* case and all */
    out[0] = 0;
    add_section(out, sizeof out, ldns_pkt_answer(pkt), "an");
    add_section(out, sizeof out, ldns_pkt_authority(pkt), "ns");
    add_section(out, sizeof out, ldns_pkt_additional(pkt), "ar");
    ldns_pkt_free(pkt);
    return out;
}

static inline bool no_private(void *ctx, const struct address *address)
{
    (void)ctx;
    return !address_is_special(address);
}

struct answer_row {
    const char *why;
    const char *name;
    ldns_rr_type type;
    unsigned flags;
    const char *in;
    const char *out;       /* NULL: malformed */
    const char *addresses; /* "192.0.2.1/60 …" */
};

static inline void check_row(const struct answer_row *row, bool dnssec_ok)
{
    char got[2048] = "";
    make(row->name, row->type, row->flags, row->in);
    x.q.edns = x.q.dnssec_ok = dnssec_ok;
    enum parse parsed = read_answer(65535, no_private);
    if (parsed != (row->out ? PARSE_OK : PARSE_MALFORMED))
        fail_msg("%s: %d", row->why, parsed);
    for (unsigned i = 0; i < answer.addresses; i++) {
        char text[ADDRESS_TEXT_SIZE];
        address_format(&answer.address[i].address, text);
        size_t used = strlen(got);
        snprintf(got + used, sizeof got - used, "%s%s/%u", used ? " " : "", text, answer.address[i].ttl_sec);
    }
    if (row->out && strcmp(rebuilt(), row->out) != 0)
        fail_msg("%s:\n%s", row->why, rebuilt());
    if (strcmp(got, row->addresses ? row->addresses : "") != 0)
        fail_msg("%s: addresses %s", row->why, got);
}

#endif
