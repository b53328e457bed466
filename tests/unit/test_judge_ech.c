/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The judge over an encrypted ClientHello, in QUIC and in TLS (DESIGN s3.3; RFC 9849). */
#include <stdio.h>

#include "tests/unit/quic_talk.h"

static void ech_by_its_outer_name(void **state)
{
    (void)state;
    struct bed *b = bed_for("version: 1\n"
                            "profiles: { p: { allow: [allowed.test], quic: judge, ech: outer } }\n"
                            "scopes: [{ name: s, match: { source: 198.18.0.0/15 }, profile: p }]\n");
    put_initial(QUIC_VERSION_1, "firstid1", "firstid1", 0, hello_of("allowed.test", 0, 0xfe0d), 900);
    expect_passed(b, sends(b));
    assert_int_equal(b->event.reason, REASON_OUTER_NAME_ALLOWED);
    struct bed_end other = {BED_CLIENT, 40001};
    put_initial(QUIC_VERSION_1, "otherid1", "otherid1", 0, hello_of("allowed.test", 0, 0xffce), 900);
    expect_refused(b, send_from(b, other), REASON_TLS_ECH);
    bed_free(b);
}

/* A connection whose first record is a hello with this name and extension. */
static uint32_t says_over_tcp(struct bed *b, const char *name, uint16_t extension, size_t *len)
{
    static const struct bytes none = {0};
    uint8_t record[600] = {22, 3, 1};
    size_t hello = quic_hello(name, 0, extension, record + 5, sizeof record - 5);
    assert_true(hello < 256);
    record[4] = (uint8_t)hello;
    *len = 5 + hello;
    bed_tcp(b, MARK_TO_SERVER, client, site, TCP_SYN, 5000, 0, none, none);
    bed_tcp(b, MARK_FROM_SERVER, site, client, TCP_SYN | TCP_ACK, 900, 5001, none, none);
    return bed_tcp(b, MARK_TO_SERVER, client, site, TCP_ACK | TCP_PSH, 5001, 901, none, (struct bytes){record, *len});
}

/* The same over TCP. */
static void ech_over_tcp(void **state)
{
    (void)state;
    static const struct {
        const char *key;
        uint16_t extension;
        bool passes;
        enum reason why;
    } rows[] = {
        {"", 0xfe0d, false, REASON_TLS_ECH},
        {", ech: outer", 0xfe0d, true, REASON_OUTER_NAME_ALLOWED},
        {", ech: outer", 0xffce, false, REASON_TLS_ECH},
        {", ech: outer", 0xfd00, false, REASON_TLS_ECH},
        {", ech: outer", 0, true, REASON_NAME_ALLOWED},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char policy[300];
        snprintf(policy, sizeof policy,
                 "version: 1\nprofiles: { p: { allow: [allowed.test]%s } }\n"
                 "scopes: [{ name: s, match: { source: 198.18.0.0/15 }, profile: p }]\n",
                 rows[i].key);
        struct bed *b = bed_for(policy);
        size_t len;
        uint32_t id = says_over_tcp(b, "allowed.test", rows[i].extension, &len);
        struct packet sent;
        bool passed = bed_fate(b, id) == BED_ACCEPTED &&
                      packet_parse((struct bytes){b->last, b->last_len}, true, &sent) == REASON_NONE &&
                      sent.payload.len == len; /* a refused one may leave as a reset */
        if (passed != rows[i].passes || b->event.reason != rows[i].why)
            fail_msg("row %zu: %s", i, reason_name(b->event.reason));
        bed_free(b);
    }
}

/* A refused ECH over TCP says the setting that cures it, where the name in clear would pass or be offered. */
static void ech_says_what_it_takes(void **state)
{
    (void)state;
    static const struct {
        const char *allow, *more, *name;
        uint16_t extension;
        const char *hint;
    } rows[] = {
        {"allowed.test", "", "allowed.test", 0xfe0d, "ech: outer"},
        {"other.test", ", mode: audit", "allowed.test", 0xfe0d, "ech: outer"}, /* with the name, which is offered too */
        {"allowed.test", "", "elsewhere.test", 0xfe0d, ""},
        {"allowed.test", "", "allowed.test", 0xffce, ""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char policy[300];
        snprintf(policy, sizeof policy,
                 "version: 1\nprofiles: { p: { allow: [%s] } }\n"
                 "scopes: [{ name: s, match: { source: 198.18.0.0/15 }, profile: p%s }]\n",
                 rows[i].allow, rows[i].more);
        struct bed *b = bed_for(policy);
        size_t len;
        says_over_tcp(b, rows[i].name, rows[i].extension, &len);
        assert_int_equal(b->denial.reason, REASON_TLS_ECH);
        if (strcmp(b->denial.hint, rows[i].hint) != 0)
            fail_msg("row %zu: \"%s\"", i, b->denial.hint);
        bed_free(b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ech_by_its_outer_name),
        cmocka_unit_test(ech_over_tcp),
        cmocka_unit_test(ech_says_what_it_takes),
    };
    return cmocka_run_group_tests_name("judge_ech", tests, quics_begin, quics_end);
}
