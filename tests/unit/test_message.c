/* SPDX-License-Identifier: GPL-3.0-or-later */
/* dns/message: queries are read strictly and built anew, answers reduced to what was asked.  ldns is the oracle. */
#include <stdbool.h> /* before ldns.h, which else makes _Bool a signed char */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <ldns/ldns.h>

#include "dns/message.h"

#define HEAD(flags, qd, an, ns, ar) "\x12\x34" flags "\0" qd "\0" an "\0" ns "\0" ar
#define NAME           \
    "\x08ReGiStRy\x07" \
    "example\0"
#define IN_A     "\0\1\0\1"
#define OPT      "\0\0\x29\x10\0\0\0\x80\0\0\0"
#define BYTES(s) s, sizeof(s) - 1

/* A copy of exactly its size, so that a read beyond it is seen under ASan. */
static struct bytes copied(const void *at, size_t len)
{
    uint8_t *copy = malloc(len ? len : 1);
    assert_non_null(copy);
    memcpy(copy, at, len);
    return (struct bytes){copy, len};
}

static enum reason read_query(const void *at, size_t len, struct question *q, char shown[256])
{
    struct bytes b = copied(at, len);
    enum reason reason = message_read_query(b, q, shown);
    free((void *)(uintptr_t)b.at);
    return reason;
}

static void test_read_query(void **state)
{
    (void)state;
    static const struct {
        const char *why;
        const char *at;
        size_t len;
        enum reason reason;
        bool readable; /* the question, for an error answer */
    } rows[] = {
        {"plain", BYTES(HEAD("\1\0", "\1", "\0", "\0", "\0") NAME IN_A), REASON_NONE, true},
        {"OPT", BYTES(HEAD("\1\0", "\1", "\0", "\0", "\1") NAME IN_A OPT), REASON_NONE, true},
        {"OPT with a cookie",
         BYTES(HEAD("\1\0", "\1", "\0", "\0", "\1") NAME IN_A "\0\0\x29\x10\0\0\0\0\0\0\x0c\0\x0a\0\x08"
                                                              "abcdefgh"),
         REASON_NONE, true},
        {"ANY is read", BYTES(HEAD("\1\0", "\1", "\0", "\0", "\0") NAME "\0\xff\0\1"), REASON_NONE, true},
        {"the root", BYTES(HEAD("\1\0", "\1", "\0", "\0", "\0") "\0\0\2\0\1"), REASON_NONE, true},
        {"Z, AA, RA, RCODE set", BYTES(HEAD("\5\xcf", "\1", "\0", "\0", "\0") NAME IN_A), REASON_NONE, true},
        {"empty", BYTES(""), REASON_DNS_MALFORMED, false},
        {"header cut", BYTES("\x12\x34\1\0\0\1\0\0\0\0\0"), REASON_DNS_MALFORMED, false},
        {"QR set (RESEARCH 33)", BYTES(HEAD("\x81\0", "\1", "\0", "\0", "\0") NAME IN_A), REASON_DNS_NOT_A_QUERY, true},
        {"IQUERY", BYTES(HEAD("\x09\0", "\1", "\0", "\0", "\0") NAME IN_A), REASON_DNS_NOT_A_QUERY, true},
        {"STATUS", BYTES(HEAD("\x11\0", "\0", "\0", "\0", "\0")), REASON_DNS_NOT_A_QUERY, false},
        {"NOTIFY", BYTES(HEAD("\x21\0", "\1", "\0", "\0", "\0") NAME IN_A), REASON_DNS_NOT_A_QUERY, true},
        {"UPDATE", BYTES(HEAD("\x29\0", "\1", "\0", "\0", "\0") NAME "\0\6\0\1"), REASON_DNS_NOT_A_QUERY, true},
        {"DSO", BYTES(HEAD("\x31\0", "\0", "\0", "\0", "\0")), REASON_DNS_NOT_A_QUERY, false},
        {"TC in a query", BYTES(HEAD("\3\0", "\1", "\0", "\0", "\0") NAME IN_A), REASON_DNS_MALFORMED, true},
        {"no question (RESEARCH 32)", BYTES(HEAD("\1\0", "\0", "\0", "\0", "\0")), REASON_DNS_MALFORMED, false},
        {"two questions", BYTES(HEAD("\1\0", "\2", "\0", "\0", "\0") NAME IN_A NAME IN_A), REASON_DNS_MALFORMED, true},
        {"an answer record", BYTES(HEAD("\1\0", "\1", "\1", "\0", "\0") NAME IN_A "\xc0\x0c\0\1\0\1\0\0\0\0\0\4abcd"),
         REASON_DNS_MALFORMED, true},
        {"an authority record", BYTES(HEAD("\1\0", "\1", "\0", "\1", "\0") NAME IN_A "\0\0\1\0\1\0\0\0\0\0\4abcd"),
         REASON_DNS_MALFORMED, true},
        {"bytes left over", BYTES(HEAD("\1\0", "\1", "\0", "\0", "\0") NAME IN_A "x"), REASON_DNS_MALFORMED, true},
        {"bytes behind OPT", BYTES(HEAD("\1\0", "\1", "\0", "\0", "\1") NAME IN_A OPT "x"), REASON_DNS_MALFORMED, true},
        {"OPT not counted", BYTES(HEAD("\1\0", "\1", "\0", "\0", "\0") NAME IN_A OPT), REASON_DNS_MALFORMED, true},
        {"OPT counted, absent", BYTES(HEAD("\1\0", "\1", "\0", "\0", "\1") NAME IN_A), REASON_DNS_MALFORMED, true},
        {"two OPT, RFC 6891 s6.1.1", BYTES(HEAD("\1\0", "\1", "\0", "\0", "\2") NAME IN_A OPT OPT),
         REASON_DNS_MALFORMED, true},
        {"OPT of a name", BYTES(HEAD("\1\0", "\1", "\0", "\0", "\1") NAME IN_A "\1a\0\0\x29\x10\0\0\0\0\0\0\0"),
         REASON_DNS_MALFORMED, true},
        {"OPT version 1", BYTES(HEAD("\1\0", "\1", "\0", "\0", "\1") NAME IN_A "\0\0\x29\x10\0\0\1\0\0\0\0"),
         REASON_DNS_MALFORMED, true},
        {"an option longer than OPT",
         BYTES(HEAD("\1\0", "\1", "\0", "\0", "\1") NAME IN_A "\0\0\x29\x10\0\0\0\0\0\0\x05\0\x0a\0\x02"
                                                              "a"),
         REASON_DNS_MALFORMED, true},
        {"TSIG", BYTES(HEAD("\1\0", "\1", "\0", "\0", "\1") NAME IN_A "\0\0\xfa\0\xff\0\0\0\0\0\0"),
         REASON_DNS_MALFORMED, true},
        {"pointer to itself (RESEARCH 28)", BYTES(HEAD("\1\0", "\1", "\0", "\0", "\0") "\xc0\x0c\0\1\0\1"),
         REASON_DNS_MALFORMED, false},
        {"pointer into the header", BYTES(HEAD("\1\0", "\1", "\0", "\0", "\0") "\xc0\x04\0\1\0\1"),
         REASON_DNS_MALFORMED, false},
        {"pointer forward",
         BYTES(HEAD("\1\0", "\1", "\0", "\0", "\0") "\xc0\x12\0\1\0\1"
                                                    "\1a\0"),
         REASON_DNS_MALFORMED, false},
        {"pointer behind a label", BYTES(HEAD("\1\0", "\1", "\0", "\0", "\0") "\1a\xc0\x0c\0\1\0\1"),
         REASON_DNS_MALFORMED, false},
        {"label type 0x40 (RESEARCH 29)",
         BYTES(HEAD("\1\0", "\1", "\0", "\0", "\0") "\x41"
                                                    "a\0\0\1\0\1"),
         REASON_DNS_MALFORMED, false},
        {"label type 0x80",
         BYTES(HEAD("\1\0", "\1", "\0", "\0", "\0") "\x81"
                                                    "a\0\0\1\0\1"),
         REASON_DNS_MALFORMED, false},
        {"CHAOS (RESEARCH 34)", BYTES(HEAD("\1\0", "\1", "\0", "\0", "\0") "\7version\4bind\0\0\x10\0\3"),
         REASON_DNS_CLASS, true},
        {"class ANY", BYTES(HEAD("\1\0", "\1", "\0", "\0", "\0") NAME "\0\1\0\xff"), REASON_DNS_CLASS, true},
        {"class NONE", BYTES(HEAD("\1\0", "\1", "\0", "\0", "\0") NAME "\0\1\0\xfe"), REASON_DNS_CLASS, true},
        {"mDNS's unicast bit", BYTES(HEAD("\1\0", "\1", "\0", "\0", "\0") NAME "\0\1\x80\1"), REASON_DNS_CLASS, true},
        {"a dot in a label (RESEARCH 30)", BYTES(HEAD("\1\0", "\1", "\0", "\0", "\0") "\3a.b\0" IN_A),
         REASON_DNS_NAME_FORM, true},
        {"a NUL in a label", BYTES(HEAD("\1\0", "\1", "\0", "\0", "\0") "\3a\0b\0" IN_A), REASON_DNS_NAME_FORM, true},
        {"UTF-8 in a label", BYTES(HEAD("\1\0", "\1", "\0", "\0", "\0") "\2\xc3\xbc\0" IN_A), REASON_DNS_NAME_FORM,
         true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct question q;
        char shown[256];
        enum reason got = read_query(rows[i].at, rows[i].len, &q, shown);
        if (got != rows[i].reason || (q.labels_len > 0) != rows[i].readable)
            fail_msg("%s: %s, labels_len %u", rows[i].why, reason_name(got), q.labels_len);
        if (rows[i].len >= 2 && rows[i].len != 11)
            assert_int_equal(q.id, 0x1234);
    }
}

static void test_query_fields(void **state)
{
    (void)state;
    static const char wire[] = HEAD("\1\x30", "\1", "\0", "\0", "\1") NAME IN_A OPT;
    struct question q;
    char shown[256];
    assert_int_equal(read_query(BYTES(wire), &q, shown), REASON_NONE);
    assert_string_equal(q.name.text, "registry.example");
    assert_string_equal(shown, "");
    assert_int_equal(q.labels_len, 18);
    assert_memory_equal(q.labels, NAME, 18);
    assert_int_equal(q.type, 1);
    assert_true(q.recursion_desired && q.checking_disabled && q.authentic_data && q.edns && q.dnssec_ok);
    assert_int_equal(q.udp_payload, 4096);
    static const char small[] = HEAD("\0\0", "\1", "\0", "\0", "\1") NAME IN_A "\0\0\x29\0\x10\0\0\0\0\0\0";
    assert_int_equal(read_query(BYTES(small), &q, shown), REASON_NONE);
    assert_int_equal(q.udp_payload, 512); /* RFC 6891 s6.2.3 */
    assert_false(q.recursion_desired || q.checking_disabled || q.authentic_data || q.dnssec_ok);
    static const char odd[] = HEAD("\0\0", "\1", "\0", "\0", "\0") "\4a.\0\xff\1b\0" IN_A;
    assert_int_equal(read_query(BYTES(odd), &q, shown), REASON_DNS_NAME_FORM);
    assert_string_equal(shown, "a\\.\\000\\255.b");
}

/* Every prefix of a valid query is malformed, never a shorter question. */
static void test_query_prefixes(void **state)
{
    (void)state;
    static const char wire[] = HEAD("\1\0", "\1", "\0", "\0", "\1") NAME IN_A OPT;
    for (size_t len = 0; len < sizeof wire - 1; len++) {
        struct question q;
        char shown[256];
        assert_int_equal(read_query(wire, len, &q, shown), REASON_DNS_MALFORMED);
    }
}

static ldns_pkt *oracle(const uint8_t *wire, size_t len)
{
    ldns_pkt *pkt = NULL;
    return ldns_wire2pkt(&pkt, wire, len) == LDNS_STATUS_OK ? pkt : NULL;
}

/* ldns reads the same question, alone, in the message. */
static void check_same_question(const uint8_t *wire, size_t len, const struct question *q, unsigned opt_max)
{
    ldns_pkt *pkt = oracle(wire, len);
    assert_non_null(pkt);
    assert_int_equal(ldns_pkt_qdcount(pkt), 1);
    assert_int_equal(ldns_pkt_ancount(pkt), 0);
    assert_int_equal(ldns_pkt_nscount(pkt), 0);
    assert_true(ldns_pkt_arcount(pkt) + (unsigned)ldns_pkt_edns(pkt) <= opt_max);
    const ldns_rr *rr = ldns_rr_list_rr(ldns_pkt_question(pkt), 0);
    assert_int_equal(ldns_rr_get_type(rr), q->type);
    assert_int_equal(ldns_rr_get_class(rr), LDNS_RR_CLASS_IN);
    uint8_t labels[255];
    size_t labels_len = name_to_labels(&q->name, labels);
    ldns_dname2canonical(ldns_rr_owner(rr));
    assert_int_equal(ldns_rdf_size(ldns_rr_owner(rr)), labels_len);
    assert_memory_equal(ldns_rdf_data(ldns_rr_owner(rr)), labels, labels_len);
    ldns_pkt_free(pkt);
}

static void check_rebuilt_query(const struct question *q)
{
    uint8_t out[MESSAGE_QUERY_MAX];
    size_t len = message_build_query(q, 0xbeef, out);
    assert_in_range(len, 17, MESSAGE_QUERY_MAX);
    check_same_question(out, len, q, 1);
    struct question again;
    char shown[256];
    assert_int_equal(read_query(out, len, &again, shown), REASON_NONE);
    assert_int_equal(again.id, 0xbeef);
    assert_true(name_equal(&again.name, &q->name));
    uint8_t labels[255] = {0};
    assert_string_equal(shown, q->name.len ? "" : ".");
    assert_int_equal(again.labels_len, name_to_labels(&q->name, labels));
    assert_memory_equal(again.labels, labels, again.labels_len); /* lower case */
    assert_int_equal(again.edns, q->edns);
    assert_int_equal(again.dnssec_ok, q->dnssec_ok);
    assert_true(again.recursion_desired && again.authentic_data && !again.checking_disabled); /* whatever q says */
    assert_int_equal(again.udp_payload, q->edns ? MESSAGE_UDP_PAYLOAD : 512);
}

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/* What message_read_query takes, ldns reads as the same one question; and its rebuilt form too. */
static void test_query_mutations(void **state)
{
    (void)state;
    static const struct {
        const char *at;
        size_t len;
    } seeds[] = {
        {BYTES(HEAD("\1\0", "\1", "\0", "\0", "\0") NAME IN_A)},
        {BYTES(HEAD("\1\x30", "\1", "\0", "\0", "\1") NAME IN_A OPT)},
        {BYTES(HEAD("\1\0", "\1", "\0", "\0", "\1") "\1a\2bc\3def\0\0\x1c\0\1"
                                                    "\0\0\x29\4\xd0\0\0\0\0\0\x0c\0\x0a\0\x08"
                                                    "abcdefgh")},
        {BYTES(HEAD("\1\0", "\1", "\0", "\0", "\0") "\0\0\2\0\1")},
    };
    unsigned taken = 0, refused = 0;
    uint64_t random = 88172645463325252ull;
    for (unsigned round = 0; round < 4000; round++) {
        uint8_t wire[128];
        size_t which = round % 4, len = seeds[which].len;
        memcpy(wire, seeds[which].at, len);
        for (uint64_t changes = 1 + next_random(&random) % 3; changes > 0; changes--) {
            uint64_t r = next_random(&random);
            if (r % 8 == 0)
                len = len > 1 ? len - 1 : len;
            else if (r % 8 == 1)
                wire[len++] = (uint8_t)(r >> 8);
            else
                wire[(r >> 16) % len] ^= (uint8_t)(r % 8 < 5 ? 1u << (r >> 8) % 8 : (unsigned)(r >> 24) | 1);
        }
        struct question q;
        char shown[256];
        if (read_query(wire, len, &q, shown) != REASON_NONE) {
            refused++;
            continue;
        }
        taken++;
        check_same_question(wire, len, &q, 1);
        check_rebuilt_query(&q);
    }
    assert_true(taken > 400 && refused > 400); /* both ways were tried */
}

static void test_build_query(void **state)
{
    (void)state;
    struct question q;
    char shown[256];
    uint8_t out[MESSAGE_QUERY_MAX];
    static const char with[] = HEAD("\1\xf0", "\1", "\0", "\0", "\1") NAME IN_A OPT;
    static const char want[] = "\xab\xcd\1\x20\0\1\0\0\0\0\0\1\x08registry\x07"
                               "example\0\0\1\0\1" /* Z, CD and RA are gone */
                               "\0\0\x29\4\xd0\0\0\x80\0\0\0";
    assert_int_equal(read_query(BYTES(with), &q, shown), REASON_NONE);
    assert_int_equal(message_build_query(&q, 0xabcd, out), sizeof want - 1);
    assert_memory_equal(out, want, sizeof want - 1);
    /* RD, AD, CD and the payload size carry nothing of the client's (RESEARCH s2, 31). */
    static const char other[] = HEAD("\0\0", "\1", "\0", "\0", "\1") NAME IN_A "\0\0\x29\2\x41\0\0\x80\0\0\0";
    assert_int_equal(read_query(BYTES(other), &q, shown), REASON_NONE);
    assert_int_equal(message_build_query(&q, 0xabcd, out), sizeof want - 1);
    assert_memory_equal(out, want, sizeof want - 1);
    static const char without[] = HEAD("\1\0", "\1", "\0", "\0", "\0") NAME IN_A;
    assert_int_equal(read_query(BYTES(without), &q, shown), REASON_NONE);
    assert_int_equal(message_build_query(&q, 1, out), sizeof without - 1);
    size_t len = message_build_query_over_tcp(&q, 1, out); /* OPT though the client had none */
    assert_int_equal(len, sizeof without - 1 + 11);
    assert_int_equal(out[len - 8] << 8 | out[len - 7], MESSAGE_UDP_PAYLOAD_TCP);
}

static void test_denial(void **state)
{
    (void)state;
    static const char wire[] = HEAD("\1\x10", "\1", "\0", "\0", "\1") NAME IN_A OPT;
    struct question q;
    char shown[256], text[1024];
    uint8_t out[512];
    assert_int_equal(read_query(BYTES(wire), &q, shown), REASON_NONE);
    static const char want[] =
        "\x12\x34\x81\x93\0\1\0\0\0\0\0\1" NAME IN_A "\0\0\x29\4\xd0\0\0\x80\0\0\x0c\0\x0f\0\x08\0\x0f"
        "denied";
    assert_int_equal(message_build_denial(&q, MESSAGE_NXDOMAIN, "denied", out, sizeof out), sizeof want - 1);
    assert_memory_equal(out, want, sizeof want - 1);
    static const struct {
        enum message_denial kind;
        unsigned rcode;
    } kinds[] = {{MESSAGE_NODATA, 0},   {MESSAGE_FORMERR, 1}, {MESSAGE_SERVFAIL, 2},
                 {MESSAGE_NXDOMAIN, 3}, {MESSAGE_NOTIMP, 4},  {MESSAGE_REFUSED, 5}};
    for (size_t i = 0; i < 6; i++) {
        assert_true(message_build_denial(&q, kinds[i].kind, NULL, out, sizeof out) > 12);
        assert_int_equal(out[3] & 15, kinds[i].rcode);
    }
    /* Text is cut between characters so that all fits in 512 octets. */
    memset(text, 'x', sizeof text);
    for (size_t i = 0; i + 2 < sizeof text; i += 2)
        memcpy(text + i, "\xc3\xa4", 2);
    text[sizeof text - 1] = 0;
    for (size_t size = 60; size <= 512; size++) {
        size_t len = message_build_denial(&q, MESSAGE_NXDOMAIN, text, out, size);
        assert_true(len >= size - 1 && len <= size);
        assert_true(out[len - 1] == 0xa4 || len < 52);
        ldns_pkt *pkt = oracle(out, len);
        assert_non_null(pkt);
        assert_int_equal(ldns_pkt_get_rcode(pkt), LDNS_RCODE_NXDOMAIN);
        assert_int_equal(ldns_pkt_nscount(pkt), 0);
        ldns_pkt_free(pkt);
    }
    assert_int_equal(message_build_denial(&q, MESSAGE_NXDOMAIN, text, out, 11), 0);
    /* Without EDNS none is sent (RFC 6891 s7). */
    q.edns = false;
    assert_int_equal(message_build_denial(&q, MESSAGE_NODATA, "denied", out, sizeof out), 12 + 18 + 4);
    assert_int_equal(out[11], 0);
    /* No question that could be read: the header alone. */
    static const char notify[] = HEAD("\x21\0", "\0", "\0", "\0", "\0");
    assert_int_equal(read_query(BYTES(notify), &q, shown), REASON_DNS_NOT_A_QUERY);
    assert_int_equal(message_build_denial(&q, MESSAGE_NOTIMP, "no", out, sizeof out), 12);
    assert_memory_equal(out, "\x12\x34\xa1\x84\0\0\0\0\0\0\0\0", 12); /* the opcode comes back */
}

static void test_answer_head(void **state)
{
    (void)state;
    struct answer_head head = {.id = 7};
    static const struct {
        const char *at;
        size_t len;
    } bad[] = {
        {BYTES(HEAD("\1\0", "\1", "\0", "\0", "\0") NAME IN_A)},             /* QR 0 */
        {BYTES(HEAD("\x89\0", "\1", "\0", "\0", "\0") NAME IN_A)},           /* opcode */
        {BYTES(HEAD("\x81\0", "\0", "\0", "\0", "\0"))},                     /* no question */
        {BYTES(HEAD("\x81\0", "\2", "\0", "\0", "\0") NAME IN_A NAME IN_A)}, /* two: ended bullfrog's agent */
        {BYTES(HEAD("\x81\0", "\1", "\0", "\0", "\0") NAME "\0\1\0\3")},     /* class */
        {BYTES(HEAD("\x81\0", "\1", "\0", "\0", "\0") NAME "\0\1\0")},       /* cut */
        {BYTES(HEAD("\x81\0", "\1", "\0", "\0", "\0") "\3a.b\0" IN_A)},      /* name */
        {BYTES("\x12\x34")},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_false(message_read_answer_head((struct bytes){(const uint8_t *)bad[i].at, bad[i].len}, &head));
        assert_int_equal(head.id, 7);
    }
    static const char good[] = HEAD("\x81\0", "\1", "\0", "\0", "\0") NAME IN_A;
    assert_true(message_read_answer_head((struct bytes){(const uint8_t *)good, sizeof good - 1}, &head));
    assert_int_equal(head.id, 0x1234);
    assert_int_equal(head.type, 1);
    assert_string_equal(head.name.text, "registry.example");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read_query),     cmocka_unit_test(test_query_fields),
        cmocka_unit_test(test_query_prefixes), cmocka_unit_test(test_query_mutations),
        cmocka_unit_test(test_build_query),    cmocka_unit_test(test_denial),
        cmocka_unit_test(test_answer_head),
    };
    return cmocka_run_group_tests_name("message", tests, NULL, NULL);
}
