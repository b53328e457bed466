/* SPDX-License-Identifier: GPL-3.0-or-later */
/* dns/message, answers: only what was asked for is left. */
#include "tests/unit/answers.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain),  cmocka_unit_test(test_chain),      cmocka_unit_test(test_chain_length),
        cmocka_unit_test(test_filter), cmocka_unit_test(test_signatures), cmocka_unit_test(test_limit),
    };
    return cmocka_run_group_tests_name("answer", tests, NULL, NULL);
}
