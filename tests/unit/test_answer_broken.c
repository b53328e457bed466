/* SPDX-License-Identifier: GPL-3.0-or-later */
/* dns/message, answers: what is not well-formed, and what readers take differently, goes nowhere. */
#include "tests/unit/answers.h"

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
        cmocka_unit_test(test_broken),
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_overlong_name),
        cmocka_unit_test(test_mutations),
    };
    return cmocka_run_group_tests_name("answer_broken", tests, NULL, NULL);
}
