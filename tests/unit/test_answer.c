/* SPDX-License-Identifier: GPL-3.0-or-later */
/* dns/message, answers: only what was asked for is left.  Messages are made and read back by ldns. */
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
static void make(const char *name, ldns_rr_type type, unsigned flags, const char *records)
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

static enum parse read_answer(size_t limit, answer_filter *filter)
{
    uint8_t *exact = malloc(x.len ? x.len : 1);
    memcpy(exact, x.wire, x.len);
    enum parse got = message_read_answer((struct bytes){exact, x.len}, &x.q, limit, filter, NULL, &filtered, &answer);
    free(exact);
    return got;
}

static void add_section(char *out, size_t size, const ldns_rr_list *list, const char *prefix)
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

static bool no_private(void *ctx, const struct address *address)
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

static void check_row(const struct answer_row *row, bool dnssec_ok)
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

static void test_plain(void **state)
{
    (void)state;
    static const struct answer_row rows[] = {
        {"A", "ReGiStRy.Example.", LDNS_RR_TYPE_A, 0x8180,
         "an registry.example. 60 IN A 192.0.2.1\nan registry.example. 90 IN A 192.0.2.2",
         "an ReGiStRy.Example. 60 IN A 192.0.2.1\nan ReGiStRy.Example. 90 IN A 192.0.2.2\n",
         "192.0.2.1/60 192.0.2.2/90"},
        {"AAAA", "a.example.", LDNS_RR_TYPE_AAAA, 0x8180, "an a.example. 1 IN AAAA 2001:db8::1",
         "an a.example. 1 IN AAAA 2001:db8::1\n", "2001:db8::1/1"},
        {"other types and names are left out (RESEARCH 38)", "a.example.", LDNS_RR_TYPE_A, 0x8180,
         "an a.example. 60 IN A 192.0.2.1\nan a.example. 60 IN AAAA 2001:db8::1\nan evil.test. 60 IN A 203.0.113.9\n"
         "an a.example. 60 IN TXT \"x\"\nns example. 60 IN NS ns.example.\nns example. 60 IN SOA a. b. 1 2 3 4 5\n"
         "ar ns.example. 60 IN A 203.0.113.8",
         "an a.example. 60 IN A 192.0.2.1\n", "192.0.2.1/60"},
        {"another class is no address", "a.example.", LDNS_RR_TYPE_A, 0x8180, "an a.example. 60 CH A 192.0.2.1", "",
         ""},
        {"a TTL with its highest bit, RFC 2181 s8", "a.example.", LDNS_RR_TYPE_A, 0x8180,
         "an a.example. 2147483648 IN A 192.0.2.1", "an a.example. 0 IN A 192.0.2.1\n", "192.0.2.1/0"},
        {"TXT", "a.example.", LDNS_RR_TYPE_TXT, 0x8180, "an a.example. 60 IN TXT \"one\" \"two\"",
         "an a.example. 60 IN TXT \"one\" \"two\"\n", NULL},
        {"SRV", "_http._tcp.a.example.", LDNS_RR_TYPE_SRV, 0x8180,
         "an _http._tcp.a.example. 60 IN SRV 1 2 80 b.example.",
         "an _http._tcp.a.example. 60 IN SRV 1 2 80 b.example.\n", NULL},
        {"MX, its name compressed", "a.example.", LDNS_RR_TYPE_MX, 0x8180,
         "an a.example. 60 IN MX 10 mail.a.example.\nan a.example. 60 IN MX 20 mail2.a.example.",
         "an a.example. 60 IN MX 10 mail.a.example.\nan a.example. 60 IN MX 20 mail2.a.example.\n", NULL},
        {"NAPTR", "a.example.", LDNS_RR_TYPE_NAPTR, 0x8180, "an a.example. 60 IN NAPTR 1 2 \"s\" \"x\" \"\" b.example.",
         "an a.example. 60 IN NAPTR 1 2 \"s\" \"x\" \"\" b.example.\n", NULL},
        {"HTTPS", "a.example.", LDNS_RR_TYPE_HTTPS, 0x8180, "an a.example. 60 IN HTTPS 1 . alpn=h2 ipv4hint=192.0.2.1",
         "an a.example. 60 IN HTTPS 1 . alpn=h2 ipv4hint=192.0.2.1\n", NULL},
        {"a type that ldns does not know", "a.example.", (ldns_rr_type)65400, 0x8180,
         "an a.example. 60 IN TYPE65400 \\# 3 c00cff", "an a.example. 60 IN TYPE65400 \\# 3 c00cff\n", NULL},
        {"ANY", "a.example.", LDNS_RR_TYPE_ANY, 0x8180,
         "an a.example. 60 IN TXT \"x\"\nan a.example. 60 IN A 10.0.0.1\nan a.example. 60 IN A 192.0.2.1\nan "
         "b.example. 60 "
         "IN A 192.0.2.2",
         "an a.example. 60 IN TXT \"x\"\nan a.example. 60 IN A 192.0.2.1\n", "192.0.2.1/60"},
        {"NODATA keeps the SOA alone, RFC 2308 s2.2", "a.example.", LDNS_RR_TYPE_A, 0x8180,
         "ns example. 60 IN NS ns.example.\nns example. 60 IN SOA ns.example. hm.example. 1 2 3 4 5\nar ns.example. 6 "
         "IN A "
         "192.0.2.9",
         "ns example. 60 IN SOA ns.example. hm.example. 1 2 3 4 5\n", NULL},
        {"NXDOMAIN", "a.example.", LDNS_RR_TYPE_A, 0x8183, "ns . 60 IN SOA a. b. 1 2 3 4 5",
         "ns . 60 IN SOA a. b. 1 2 3 4 5\n", NULL},
        {"an SOA of elsewhere", "a.example.", LDNS_RR_TYPE_A, 0x8183, "ns evil.test. 60 IN SOA a. b. 1 2 3 4 5", "",
         NULL},
        {"NXDOMAIN with an address", "a.example.", LDNS_RR_TYPE_A, 0x8183, "an a.example. 60 IN A 192.0.2.1", NULL,
         NULL},
        {"SERVFAIL holds nothing", "a.example.", LDNS_RR_TYPE_A, 0x8182, "an a.example. 60 IN A 192.0.2.1", "", NULL},
        {"REFUSED", "a.example.", LDNS_RR_TYPE_A, 0x8185, NULL, "", NULL},
        {"truncated", "a.example.", LDNS_RR_TYPE_A, 0x8380, "an a.example. 60 IN A 192.0.2.1", "", NULL},
        {"the root", ".", LDNS_RR_TYPE_NS, 0x8180, "an . 60 IN NS a.root.example.", "an . 60 IN NS a.root.example.\n",
         NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        check_row(&rows[i], false);
}

static void test_chain(void **state)
{
    (void)state;
    static const struct answer_row rows[] = {
        {"least TTL of the chain", "a.example.", LDNS_RR_TYPE_A, 0x8180,
         "an a.example. 60 IN CNAME b.cdn.test.\nan b.cdn.test. 5 IN CNAME c.cdn.test.\nan c.cdn.test. 300 IN A "
         "192.0.2.1",
         "an a.example. 60 IN CNAME b.cdn.test.\nan b.cdn.test. 5 IN CNAME c.cdn.test.\nan c.cdn.test. 300 IN A "
         "192.0.2.1\n",
         "192.0.2.1/5"},
        /* ldns compresses without regard to case when it makes the message */
        {"out of order, other case", "a.example.", LDNS_RR_TYPE_A, 0x8180,
         "an C.CDN.test. 300 IN A 192.0.2.1\nan b.cdn.test. 5 IN CNAME c.cdn.test.\nan A.example. 60 IN CNAME "
         "B.cdn.test.",
         "an a.example. 60 IN CNAME b.CDN.test.\nan b.CDN.test. 5 IN CNAME C.CDN.test.\nan C.CDN.test. 300 IN A "
         "192.0.2.1\n",
         "192.0.2.1/5"},
        {"an address beside an alias is none, RFC 2181 s10.1", "a.example.", LDNS_RR_TYPE_A, 0x8180,
         "an a.example. 60 IN CNAME b.example.\nan a.example. 60 IN A 203.0.113.1\nan b.example. 60 IN A 192.0.2.1",
         "an a.example. 60 IN CNAME b.example.\nan b.example. 60 IN A 192.0.2.1\n", "192.0.2.1/60"},
        {"an alias of another name", "a.example.", LDNS_RR_TYPE_A, 0x8180,
         "an z.example. 60 IN CNAME b.example.\nan b.example. 60 IN A 192.0.2.1", "", NULL},
        {"aliases without an end", "a.example.", LDNS_RR_TYPE_AAAA, 0x8180,
         "an a.example. 60 IN CNAME b.test.\nns test. 60 IN SOA a. b. 1 2 3 4 5",
         "an a.example. 60 IN CNAME b.test.\nns test. 60 IN SOA a. b. 1 2 3 4 5\n", NULL},
        {"aliases to what is not there", "a.example.", LDNS_RR_TYPE_A, 0x8183,
         "an a.example. 60 IN CNAME b.test.\nns test. 60 IN SOA a. b. 1 2 3 4 5",
         "an a.example. 60 IN CNAME b.test.\nns test. 60 IN SOA a. b. 1 2 3 4 5\n", NULL},
        {"a question for the alias itself", "a.example.", LDNS_RR_TYPE_CNAME, 0x8180,
         "an a.example. 60 IN CNAME b.example.\nan b.example. 60 IN CNAME c.example.",
         "an a.example. 60 IN CNAME b.example.\n", NULL},
        {"a loop of one", "a.example.", LDNS_RR_TYPE_A, 0x8180, "an a.example. 60 IN CNAME a.example.", NULL, NULL},
        {"a loop of two", "a.example.", LDNS_RR_TYPE_A, 0x8180,
         "an a.example. 60 IN CNAME b.example.\nan b.example. 60 IN CNAME a.example.\nan a.example. 60 IN A 192.0.2.1",
         NULL, NULL},
        {"two aliases", "a.example.", LDNS_RR_TYPE_A, 0x8180,
         "an a.example. 60 IN CNAME b.example.\nan a.example. 60 IN CNAME c.example.\nan b.example. 60 IN A 192.0.2.1",
         NULL, NULL},
        {"DNAME and the CNAME that it makes, RFC 6672", "www.a.example.", LDNS_RR_TYPE_A, 0x8180,
         "an a.example. 7 IN DNAME b.test.\nan www.a.example. 60 IN CNAME www.b.test.\nan www.b.test. 60 IN A "
         "192.0.2.1",
         "an a.example. 7 IN DNAME b.test.\nan www.a.example. 60 IN CNAME www.b.test.\nan www.b.test. 60 IN A "
         "192.0.2.1\n",
         "192.0.2.1/7"},
        {"DNAME without it", "www.a.example.", LDNS_RR_TYPE_A, 0x8180,
         "an a.example. 7 IN DNAME b.test.\nan www.b.test. 60 IN A 192.0.2.1", NULL, NULL},
        {"DNAME with another", "www.a.example.", LDNS_RR_TYPE_A, 0x8180,
         "an a.example. 7 IN DNAME b.test.\nan www.a.example. 60 IN CNAME evil.test.\nan evil.test. 60 IN A 192.0.2.1",
         NULL, NULL},
        {"DNAME of the name itself, RFC 6672 s2.3", "a.example.", LDNS_RR_TYPE_A, 0x8180,
         "an a.example. 7 IN DNAME b.test.\nan a.example. 60 IN A 192.0.2.1", "an a.example. 60 IN A 192.0.2.1\n",
         "192.0.2.1/60"},
        {"DNAME not above at a label", "wwwa.example.", LDNS_RR_TYPE_A, 0x8180,
         "an a.example. 7 IN DNAME b.test.\nan wwwa.example. 60 IN A 192.0.2.1", "an wwwa.example. 60 IN A 192.0.2.1\n",
         "192.0.2.1/60"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        check_row(&rows[i], false);
}

static void test_chain_length(void **state)
{
    (void)state;
    for (unsigned steps = 15; steps <= 18; steps++) {
        char records[4096] = "";
        for (unsigned i = 0; i < steps; i++) {
            size_t used = strlen(records);
            snprintf(records + used, sizeof records - used, "an n%u.example. 60 IN CNAME n%u.example.\n", i, i + 1);
        }
        size_t used = strlen(records);
        snprintf(records + used, sizeof records - used, "an n%u.example. 60 IN A 192.0.2.1", steps);
        make("n0.example.", LDNS_RR_TYPE_A, 0x8180, records);
        assert_int_equal(read_answer(65535, NULL), steps <= 16 ? PARSE_OK : PARSE_MALFORMED);
        assert_int_equal(answer.addresses, steps <= 16 ? 1 : 0);
        if (steps <= 16) {
            size_t len = strlen(records);
            assert_int_equal(strncmp(rebuilt(), records, len), 0);
            assert_string_equal(rebuilt() + len, "\n");
            assert_true(answer.wire_len <= x.len + 4); /* names are compressed as the resolver did */
        }
    }
}

static void test_filter(void **state)
{
    (void)state;
    static const struct answer_row some = {
        "one private address of three, its set unsigned",
        "a.example.",
        LDNS_RR_TYPE_A,
        0x81a0,
        "an a.example. 60 IN CNAME b.example.\nan a.example." RRSIG(
            "CNAME") "\nan b.example. 60 IN A 192.0.2.1\n"
                     "an b.example. 60 IN A 169.254.169.254\nan b.example. 60 IN A 192.0.2.3\nan b.example." RRSIG("A"),
        "an a.example. 60 IN CNAME b.example.\nan a.example." RRSIG("CNAME") "\nan b.example. 60 IN A 192.0.2.1\n"
                                                                             "an b.example. 60 IN A 192.0.2.3\n",
        "192.0.2.1/60 192.0.2.3/60"};
    check_row(&some, true);
    assert_int_equal(filtered, 1);
    assert_false(answer.wire[3] & 0x20); /* AD no longer holds */

    /* All of them: NODATA, nothing of the chain, no SOA, EDE 15 where the client has EDNS. */
    for (int edns = 0; edns < 2; edns++) {
        make("a.example.", LDNS_RR_TYPE_A, 0x8180,
             "an a.example. 60 IN CNAME b.example.\nan b.example. 60 IN A 10.0.0.1\nan b.example. 60 IN A 127.0.0.1\n"
             "ns example. 60 IN SOA a. b. 1 2 3 4 5");
        x.q.edns = edns == 1;
        assert_int_equal(read_answer(65535, no_private), PARSE_OK);
        assert_int_equal(filtered, 2);
        assert_int_equal(answer.addresses, 0);
        assert_int_equal(answer.rcode, 0);
        assert_string_equal(rebuilt(), "");
        size_t question_end = 12u + x.q.labels_len + 4u;
        assert_int_equal(answer.wire_len > question_end, edns);
        if (edns)
            assert_memory_equal(answer.wire + question_end + 11, "\0\x0f", 2); /* RFC 8914 s2: option 15 */
        if (edns)
            assert_memory_equal(answer.wire + question_end + 15, "\0\x0f", 2); /* s4.16: Blocked */
    }
    make("a.example.", LDNS_RR_TYPE_A, 0x8180, "an a.example. 60 IN A 10.0.0.1"); /* audit: nothing is removed */
    assert_int_equal(read_answer(65535, NULL), PARSE_OK);
    assert_int_equal(answer.addresses, 1);
    assert_int_equal(filtered, 0);
}

static void test_signatures(void **state)
{
    (void)state;
    static const char records[] = "an a.example. 60 IN A 192.0.2.1\nan a.example." RRSIG("A") "\nan a.example." RRSIG(
        "AAAA") "\nan b.example." RRSIG("A");
    static const struct answer_row with = {
        "DO",          "a.example.", LDNS_RR_TYPE_A,
        0x81a0,        records,      "an a.example. 60 IN A 192.0.2.1\nan a.example." RRSIG("A") "\n",
        "192.0.2.1/60"};
    static const struct answer_row without = {
        "no DO", "a.example.", LDNS_RR_TYPE_A, 0x81a0, records, "an a.example. 60 IN A 192.0.2.1\n", "192.0.2.1/60"};
    check_row(&with, true);
    assert_true(answer.wire[3] & 0x20); /* AD, RFC 6840 s5.8 */
    check_row(&without, false);
    assert_false(answer.wire[3] & 0x20);
    assert_int_equal(answer.dropped_records, 3);
    x.q.authentic_data = true;
    assert_int_equal(read_answer(65535, NULL), PARSE_OK);
    assert_true(answer.wire[3] & 0x20);
}

/* Longer than the client can take: truncated, and what it does not see is not bound. */
static void test_limit(void **state)
{
    (void)state;
    char records[8192] = "";
    for (unsigned i = 0; i < 140; i++) {
        size_t used = strlen(records);
        snprintf(records + used, sizeof records - used, "%san a.example. 60 IN A 192.0.2.%u", i ? "\n" : "", i + 1);
    }
    make("a.example.", LDNS_RR_TYPE_A, 0x8180, records);
    assert_int_equal(read_answer(512, NULL), PARSE_OK);
    assert_true(answer.truncated);
    assert_int_equal(answer.addresses, 0);
    assert_string_equal(rebuilt(), "");
    assert_int_equal(read_answer(65535, NULL), PARSE_OK);
    assert_false(answer.truncated);
    assert_int_equal(answer.addresses, MESSAGE_ADDRESSES_MAX);
    assert_int_equal(answer.wire_len, 12 + 11 + 4 + 16 * MESSAGE_ADDRESSES_MAX); /* and what is not bound is not seen */
}

static void test_broken(void **state)
{
    (void)state;
    static const char records[] = "an a.example. 60 IN CNAME b.example.\nan b.example. 60 IN A 192.0.2.1";
    make("a.example.", LDNS_RR_TYPE_A, 0x8180, records);
    size_t whole = x.len;
    for (x.len = 0; x.len < whole; x.len++) /* every prefix */
        assert_int_equal(read_answer(65535, NULL), PARSE_MALFORMED);
    x.len = whole + 1; /* a byte left over */
    assert_int_equal(read_answer(65535, NULL), PARSE_MALFORMED);
    x.len = whole;
    assert_int_equal(read_answer(65535, NULL), PARSE_OK);
    x.q.type = LDNS_RR_TYPE_AAAA; /* another question */
    assert_int_equal(read_answer(65535, NULL), PARSE_MALFORMED);

    static const struct {
        const char *why;
        const char *records; /* behind the question for "a. A", counts in n */
        size_t len;
        uint8_t counts[3];
    } rows[] = {
#define RECORDS(s) s, sizeof(s) - 1
        {"an address of three octets", RECORDS("\xc0\x0c\0\1\0\1\0\0\0\1\0\3abc"), {1}},
        {"an alias with bytes left over", RECORDS("\xc0\x0c\0\5\0\1\0\0\0\1\0\4\1b\0x"), {1}},
        {"an alias that ends in the next record", RECORDS("\xc0\x0c\0\5\0\1\0\0\0\1\0\1\1b\0"), {1}},
        {"a pointer to itself (RESEARCH 28)", RECORDS("\xc0\x13\0\1\0\1\0\0\0\1\0\4abcd"), {1}},
        {"a pointer forward", RECORDS("\xc0\x15\0\1\0\1\0\0\0\1\0\4abcd"), {1}},
        {"a pointer into the header", RECORDS("\xc0\x02\0\1\0\1\0\0\0\1\0\4abcd"), {1}},
        {"pointers in a circle", RECORDS("\1x\xc0\x13\0\1\0\1\0\0\0\1\0\4abcd"), {1}},
        {"a record more than there is", RECORDS("\xc0\x0c\0\1\0\1\0\0\0\1\0\4abcd"), {2}},
        {"a record fewer", RECORDS("\xc0\x0c\0\1\0\1\0\0\0\1\0\4abcd"), {0}},
        {"OPT as an answer", RECORDS("\0\0\x29\4\xd0\0\0\0\0\0\0"), {1}},
        {"OPT of a name", RECORDS("\1x\0\0\x29\4\xd0\0\0\0\0\0\0"), {0, 0, 1}},
        {"two OPT",
         RECORDS("\0\0\x29\4\xd0\0\0\0\0\0\0"
                 "\0\0\x29\4\xd0\0\0\0\0\0\0"),
         {0, 0, 2}},
        {"a broken SOA", RECORDS("\0\0\6\0\1\0\0\0\1\0\3\1a\0"), {0, 1}},
        {"an SOA with a forward pointer",
         RECORDS("\0\0\6\0\1\0\0\0\1\0\x18\xc0\x20\xc0\x0c"
                 "abcdefghijklmnopqrst"),
         {0, 1}},
    };
    struct question q = {.id = 1, .type = 1, .name = {1, "a"}, .labels = "\1a", .labels_len = 3};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint8_t wire[128] = "\0\1\x81\x80\0\1\0\0\0\0\0\0\1a\0\0\1\0\1";
        for (unsigned n = 0; n < 3; n++)
            wire[7 + 2 * n] = rows[i].counts[n];
        memcpy(wire + 19, rows[i].records, rows[i].len);
        if (message_read_answer((struct bytes){wire, 19 + rows[i].len}, &q, 512, NULL, NULL, &filtered, &answer) !=
            PARSE_MALFORMED)
            fail_msg("%s", rows[i].why);
        assert_int_equal(answer.addresses, 0);
    }
}

/* A record without data: ldns takes it for what RFC 2136 makes of it, Knot DNS refuses it (found by fuzz_dns_oracle).
 */
static void test_empty(void **state)
{
    (void)state;
    static const struct {
        uint16_t type;
        enum parse wanted;
    } rows[] = {{16, PARSE_MALFORMED},  {15, PARSE_MALFORMED},  {33, PARSE_MALFORMED}, {65, PARSE_MALFORMED},
                {257, PARSE_MALFORMED}, {13, PARSE_MALFORMED},  {10, PARSE_OK},        {65400, PARSE_OK},
                {251, PARSE_MALFORMED}, {128, PARSE_MALFORMED}, {41, PARSE_MALFORMED}, {127, PARSE_OK}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct question q = {.id = 1, .type = rows[i].type, .name = {1, "a"}, .labels = "\1a", .labels_len = 3};
        uint8_t wire[] = "\0\1\x81\x80\0\1\0\1\0\0\0\0\1a\0\0\0\0\1\xc0\x0c\0\0\0\1\0\0\0\1\0";
        wire[15] = wire[21] = (uint8_t)(rows[i].type >> 8);
        wire[16] = wire[22] = (uint8_t)rows[i].type;
        enum parse got =
            message_read_answer((struct bytes){wire, sizeof wire}, &q, 512, NULL, NULL, &filtered, &answer);
        if (got != rows[i].wanted)
            fail_msg("an empty record of type %u", rows[i].type);
    }
}

/* A DNAME that nobody needs, whose name runs beyond its data: read by its length, nothing follows for the question;
 * read by its name, an alias and its address do. */
static void test_overlong_name(void **state)
{
    (void)state;
    struct question q = {.id = 1, .type = 1, .name = {1, "a"}, .labels = "\1a", .labels_len = 3};
    static const uint8_t wire[] = "\0\1\x81\x80\0\1\0\3\0\0\0\0\1a\0\0\1\0\1" /* a A? */
                                  "\xc0\x0c\0\x27\0\1\0\0\0\7\0\3\1b" /* a DNAME b.cccc…: by length it ends here */
                                  "\x16"
                                  "\x16"
                                  "ccccccccccccccccccccc\0" /* by length, the owner of the next begins with 22 octets */
                                  "\xc0\x0c\0\5\0\1\0\0\0\x3c\0\3\1d\0"
                                  "\1d\0\0\1\0\1\0\0\0\x3c\0\4\xc0\0\2\1";
    assert_int_equal(
        message_read_answer((struct bytes){wire, sizeof wire - 1}, &q, 512, NULL, NULL, &filtered, &answer),
        PARSE_MALFORMED);
}

/* Whatever becomes of an answer, what is made of it can be read, holds one question and only addresses of addresses[].
 */
static void test_mutations(void **state)
{
    (void)state;
    static const char *const seeds[] = {
        "an a.example. 60 IN CNAME b.test.\nan b.test. 5 IN CNAME c.test.\nan c.test. 300 IN A 192.0.2.1\nan c.test. 9 "
        "IN A "
        "10.1.1.1\nan c.test." RRSIG("A"),
        "an example. 7 IN DNAME b.test.\nan a.example. 60 IN CNAME a.b.test.\nan a.b.test. 60 IN A 192.0.2.1",
        "ns example. 60 IN SOA ns.example. hm.example. 1 2 3 4 5\nns example. 60 IN NS ns.example.",
    };
    unsigned taken = 0, refused = 0;
    uint64_t r = 88172645463325252ull;
    for (unsigned round = 0; round < 6000; round++) {
        make("a.example.", LDNS_RR_TYPE_A, 0x8180, seeds[round % 3]);
        x.q.edns = x.q.dnssec_ok = (round & 4) != 0;
        for (unsigned changes = round % 3 + 1; changes > 0; changes--) {
            r ^= r << 13;
            r ^= r >> 7;
            r ^= r << 17;
            size_t at = (r >> 16) % x.len;
            x.wire[at] ^= (uint8_t)(r % 2 ? (unsigned)(r >> 24) | 1 : 1u << (r >> 8) % 8);
        }
        if (read_answer(65535, no_private) != PARSE_OK) {
            refused++;
            continue;
        }
        taken++;
        unsigned seen = 0;
        ldns_pkt *pkt = NULL;
        assert_int_equal(ldns_wire2pkt(&pkt, answer.wire, answer.wire_len), LDNS_STATUS_OK);
        assert_int_equal(ldns_pkt_qdcount(pkt), 1);
        for (size_t i = 0; i < ldns_pkt_ancount(pkt); i++) {
            const ldns_rr *rr = ldns_rr_list_rr(ldns_pkt_answer(pkt), i);
            seen += ldns_rr_get_type(rr) == LDNS_RR_TYPE_A || ldns_rr_get_type(rr) == LDNS_RR_TYPE_AAAA;
        }
        assert_int_equal(seen, answer.addresses);
        ldns_pkt_free(pkt);
    }
    assert_true(taken > 600 && refused > 600);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain),     cmocka_unit_test(test_chain),      cmocka_unit_test(test_chain_length),
        cmocka_unit_test(test_filter),    cmocka_unit_test(test_signatures), cmocka_unit_test(test_limit),
        cmocka_unit_test(test_broken),    cmocka_unit_test(test_empty),      cmocka_unit_test(test_overlong_name),
        cmocka_unit_test(test_mutations),
    };
    return cmocka_run_group_tests_name("answer", tests, NULL, NULL);
}
