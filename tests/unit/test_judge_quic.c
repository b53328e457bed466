/* SPDX-License-Identifier: GPL-3.0-or-later */
/* nfq/judge_quic: which datagrams of a QUIC flow leave, when, and what cuts it. */
#include "nfq/quic_flow.h"
#include "tests/unit/quic_talk.h"

static void an_allowed_name_passes_as_our_copy(void **state)
{
    (void)state;
    struct bed *b = bed_for(policy_text);
    struct packet p;
    put_hello("firstid1", "allowed.test");
    uint8_t sent[sizeof datagram];
    size_t len = datagram_len;
    memcpy(sent, datagram, len);
    expect_passed(b, sends(b));
    assert_int_equal(packet_parse((struct bytes){b->last, b->last_len}, true, &p), REASON_NONE);
    assert_true(bytes_equal(p.payload, (struct bytes){sent, len}));
    assert_int_equal(b->last[8], PACKET_HOP_LIMIT); /* a decoy does not die on the way */
    assert_int_equal(b->event.action, ACTION_TLS_HELLO);
    assert_int_equal(b->event.verdict, VERDICT_ALLOW);
    assert_int_equal(b->event.ip_protocol, IPPROTO_UDP);
    assert_string_equal(b->event.tls_server_name, "allowed.test");
    assert_int_equal(b->events, 1);
    bed_free(b);
}

static void other_names_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        uint16_t extra;
        enum reason why;
        const char *hint;
    } rows[] = {
        {"evil.test", 0, REASON_NOT_IN_ALLOWLIST, ""},
        {NULL, 0, REASON_TLS_NO_NAME, ""},
        {"any.test", 0, REASON_NOT_IN_ALLOWLIST, ""}, /* a udp:// entry, and not bound here */
        {"allowed.test", 0xfe0d, REASON_TLS_ECH, "ech: outer"},
        {"evil.test", 0xfe0d, REASON_TLS_ECH, ""}, /* the outer name would not do either */
        {NULL, 0xfe0d, REASON_TLS_ECH, ""},
        {"allowed.test", 0xffce, REASON_TLS_ECH, ""}, /* an old draft: no setting helps */
        {"al\x01owed.test", 0, REASON_TLS_NAME_FORM, ""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct bed *b = bed_for(policy_text);
        put_initial(QUIC_VERSION_1, "firstid1", "firstid1", 0, hello_of(rows[i].name, 0, rows[i].extra), 900);
        expect_refused(b, sends(b), rows[i].why);
        assert_string_equal(b->denial.hint, rows[i].hint);
        char domain[300];
        event_escape_domain(&b->denial, domain, sizeof domain); /* escaped once */
        if (rows[i].why == REASON_TLS_NAME_FORM)
            assert_string_equal(domain, "al\\x01owed.test");
        assert_int_equal(b->injections, 1);    /* ICMP, at once */
        put_hello("firstid1", "allowed.test"); /* the flow stays refused for a moment, without another word */
        uint32_t id = sends(b);
        assert_int_equal(bed_fate(b, id), BED_DROPPED);
        assert_int_equal(b->denials, 1);
        assert_int_equal(b->injections, 2);
        bed_free(b);
    }
}

static void an_address_of_no_name_is_refused(void **state)
{
    (void)state;
    struct bed *b = bed_new(policy_text);
    datagram_len = 0;
    put_hello("firstid1", "allowed.test");
    expect_refused(b, sends(b), REASON_NOT_RESOLVED);
    bed_free(b);
}

static void refused_without_quic_judge(void **state)
{
    (void)state;
    struct bed *b = bed_for("version: 1\n"
                            "profiles: { p: { allow: [allowed.test] } }\n"
                            "scopes: [{ name: s, match: { source: 198.18.0.0/15 }, profile: p }]\n");
    put_hello("firstid1", "allowed.test");
    expect_refused(b, sends(b), REASON_QUIC);
    put_plain(0x40, 0, "", 50);
    expect_refused(b, send_approved(b), REASON_UDP_NOT_ALLOWED); /* the policy changed meanwhile */
    bed_free(b);
}

/* Any split of the hello into datagrams, in any order: nothing leaves before it is whole; then all, in their order. */
static void held_until_whole(void **state)
{
    (void)state;
    for (unsigned order = 0; order < 6; order++) {
        static const uint8_t turns[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
        struct bed *b = bed_for(policy_text);
        struct bytes hello = hello_of("allowed.test", 1700, 0);
        size_t third = hello.len / 3;
        uint32_t id[4];
        put_plain(0xd0, 1, "firstid1", 40); /* 0-RTT that came first */
        id[3] = sends(b);
        for (unsigned k = 0; k < 3; k++) {
            unsigned part = turns[order][k];
            size_t at = part * third, len = part == 2 ? hello.len - at : third;
            put_initial(QUIC_VERSION_1, "firstid1", "firstid1", at, (struct bytes){hello.at + at, len}, 300);
            if (k == 1)
                put_plain(0xd0, 1, "firstid1", 60); /* and coalesced */
            id[k] = sends(b);
            for (unsigned before = 0; before <= k && k < 2; before++)
                assert_int_equal(bed_fate(b, id[before]), BED_IN);
        }
        for (unsigned k = 0; k < 4; k++)
            expect_passed(b, id[k]);
        assert_int_equal(b->events, 1);
        bed_free(b);
    }
}

static void held_are_dropped_when_refused(void **state)
{
    (void)state;
    struct bed *b = bed_for(policy_text);
    struct bytes hello = hello_of("evil.test", 600, 0);
    put_plain(0xd0, 1, "firstid1", 40);
    uint32_t early = sends(b);
    put_initial(QUIC_VERSION_1, "firstid1", "firstid1", 300, (struct bytes){hello.at + 300, hello.len - 300}, 300);
    uint32_t second = sends(b);
    assert_int_equal(bed_fate(b, early), BED_IN);
    put_initial(QUIC_VERSION_1, "firstid1", "firstid1", 0, (struct bytes){hello.at, 300}, 300);
    expect_refused(b, sends(b), REASON_NOT_IN_ALLOWLIST);
    assert_int_equal(bed_fate(b, early), BED_DROPPED);
    assert_int_equal(bed_fate(b, second), BED_DROPPED);
    bed_free(b);
}

static void too_long_or_too_slow(void **state)
{
    (void)state;
    struct bed *b = bed_for(policy_text);
    struct bytes hello = hello_of("allowed.test", 600, 0);
    put_initial(QUIC_VERSION_1, "firstid1", "firstid1", 0, (struct bytes){hello.at, 300}, 300);
    uint32_t id = sends(b);
    for (unsigned i = 0; i < 40; i++) {
        b->now += 1000000;
        judge_tick(b->judge, b->now);
    }
    expect_refused(b, id, REASON_QUIC_TOO_LONG);
    judge_tick(b->judge, b->now);

    uint32_t last = 0;
    for (unsigned i = 0; i < QUIC_HELD_FLOW + 1; i++) { /* more than a flow may hold */
        put_plain(0xd0, 1, "firstid2", 40);
        last = sends(b);
    }
    expect_refused(b, last, REASON_QUIC_TOO_LONG);
    struct bed_end other = {BED_CLIENT, 40001};
    put_initial(QUIC_VERSION_1, "firstid3", "firstid3", 0, (struct bytes){hello.at, 300}, QUIC_HELD_BYTES);
    expect_refused(b, send_from(b, other), REASON_QUIC_TOO_LONG); /* a datagram that is too large to be held */
    other.port++;
    for (unsigned i = 0; i < 9; i++) /* more to open than any client sends */
        put_initial(QUIC_VERSION_1, "firstid4", "firstid4", 0, (struct bytes){0}, 20);
    expect_refused(b, send_from(b, other), REASON_QUIC_TOO_LONG);
    bed_free(b);
}

static void what_is_no_initial(void **state)
{
    (void)state;
    static const struct {
        uint8_t first;
        uint32_t version;
        enum reason why;
    } rows[] = {
        {0x40, 0, REASON_QUIC_EXPECTED},          /* a short header without an Initial: migration */
        {0x00, 0, REASON_QUIC_EXPECTED},          /* anything */
        {0x16, 0xfefd0000, REASON_QUIC_EXPECTED}, /* DTLS */
        {0xe0, 1, REASON_QUIC_EXPECTED},          /* a Handshake packet */
        {0xf0, 1, REASON_QUIC_EXPECTED},          /* a Retry */
        {0xc0, 1, REASON_QUIC_MALFORMED},         /* an Initial that does not open */
        {0xc0, 0xff00001d, REASON_QUIC_VERSION},  /* a draft */
        {0x80, 0, REASON_QUIC_VERSION},           /* version negotiation */
        {0xc0, 0x709a50c4, REASON_QUIC_VERSION},  /* an early version 2 */
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct bed *b = bed_for(policy_text);
        put_plain(rows[i].first, rows[i].version, "firstid1", 60);
        expect_refused(b, sends(b), rows[i].why);
        assert_int_equal(b->injections, 1);
        bed_free(b);
    }
    struct bed *b = bed_for(policy_text);
    expect_refused(b, sends(b), REASON_QUIC_EXPECTED); /* empty */
    bed_free(b);
}

static void coalesced(void **state)
{
    (void)state;
    static const struct {
        const char *what;
        uint8_t first;
        uint32_t version;
        const char *dcid;
        enum reason why; /* NONE: passes */
    } rows[] = {
        {"0-RTT", 0xd0, 1, "firstid1", REASON_NONE},
        {"0-RTT of another connection", 0xd0, 1, "firstid2", REASON_QUIC_MALFORMED},
        {"a Handshake packet, too early", 0xe0, 1, "firstid1", REASON_QUIC_EXPECTED},
        {"a Retry", 0xf0, 1, "firstid1", REASON_QUIC_MALFORMED},
        {"another version", 0xc0, 0xff00001d, "firstid1", REASON_QUIC_VERSION},
        {"an Initial that does not open", 0xc0, 1, "firstid1", REASON_QUIC_MALFORMED},
        {"a short header, too early", 0x40, 0, "", REASON_QUIC_MALFORMED},
        {"bytes that are nothing", 0x01, 0, "", REASON_QUIC_MALFORMED},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct bed *b = bed_for(policy_text);
        put_hello("firstid1", "allowed.test");
        put_plain(rows[i].first, rows[i].version, rows[i].dcid, 60);
        uint32_t id = sends(b);
        if (rows[i].why == REASON_NONE)
            expect_passed(b, id);
        else if (bed_fate(b, id) != BED_DROPPED || b->denial.reason != rows[i].why)
            fail_msg("%s: %s", rows[i].what, reason_name(b->denial.reason));
        bed_free(b);
    }
    struct bed *b = bed_for(policy_text);
    put_hello("firstid1", "allowed.test");
    put("\0\0\0\0\0\0", 6); /* padding behind the packet */
    expect_passed(b, sends(b));
    put_initial(QUIC_VERSION_1, "firstid1", "serverid", 0, (struct bytes){0}, 100); /* the handshake goes on */
    put_plain(0xe0, 1, "serverid", 60);
    put("\x41serverid and data", 18);
    expect_passed(b, send_approved(b));
    put_initial(QUIC_VERSION_1, "firstid1", "serverid", 0, (struct bytes){0}, 100);
    put("\x41otherid8 and data", 18);
    expect_cut(b, send_approved(b), REASON_QUIC_MALFORMED);
    bed_free(b);
    b = bed_for(policy_text); /* two Initials in one datagram, of two names */
    put_hello("firstid1", "allowed.test");
    put_hello("firstid1", "evil.test");
    expect_refused(b, sends(b), REASON_QUIC_CONFLICT);
    bed_free(b);
}

static void short_headers(void **state)
{
    (void)state;
    struct bed *b = bed_for(policy_text);
    put("\x40 approved by an inspector that is gone", 30);
    uint32_t id = send_approved(b);
    assert_int_equal(bed_fate(b, id), BED_ACCEPTED);
    assert_int_equal(b->mark[id % BED_IDS], MARK_PASS);
    put_hello("firstid1", "evil.test"); /* which no approval covers */
    expect_cut(b, send_approved(b), REASON_NOT_IN_ALLOWLIST);
    struct bed_end other = {BED_CLIENT, 40001};
    put("\x40 from another port", 10);
    expect_refused(b, send_from(b, other), REASON_QUIC_EXPECTED);
    bed_free(b);
}

static void reload(struct bed *b, const char *text)
{
    struct error e;
    struct policy_system system = {.resolvers = 1, .resolver = {bed_address(BED_RESOLVER)}};
    struct policy_source source = {.file = "test.yaml", .text = {(const uint8_t *)text, strlen(text)}};
    struct policy *now = policy_compile(&source, 1, &system, NULL, &e), *before = b->policy;
    assert_non_null(now);
    judge_policy(b->judge, now);
    policy_free(before);
    b->policy = now;
}

static void a_stricter_policy(void **state)
{
    (void)state;
    struct bed *b = bed_for(policy_text);
    approve(b);
    reload(b, "version: 1\n"
              "profiles: { p: { allow: [other.test], quic: judge } }\n"
              "scopes: [{ name: s, match: { source: 198.18.0.0/15 }, profile: p }]\n");
    put("\x40 short", 7);
    expect_cut(b, sends(b), REASON_NOT_IN_ALLOWLIST);
    bed_free(b);
}

/* An open flow outlives its name's lifetime, under a new policy too. */
static void a_reload_after_the_lifetime(void **state)
{
    (void)state;
    struct bed *b = bed_for(policy_text);
    approve(b);
    b->now += 4000ull * 1000000; /* more than 300 s and an hour of grace */
    reload(b, policy_text);
    put_initial(QUIC_VERSION_1, "firstid1", "serverid", 0, (struct bytes){0}, 100);
    expect_passed(b, send_approved(b));
    bed_free(b);
}

static void audit_changes_nothing(void **state)
{
    (void)state;
    struct bed *b = bed_for("version: 1\n"
                            "profiles: { p: { allow: [allowed.test], quic: judge } }\n"
                            "scopes: [{ name: s, match: { source: 198.18.0.0/15 }, profile: p, mode: audit }]\n");
    struct bytes hello = hello_of("evil.test", 600, 0);
    put_initial(QUIC_VERSION_1, "firstid1", "firstid1", 0, (struct bytes){hello.at, 300}, 300);
    assert_int_equal(bed_fate(b, sends(b)), BED_ACCEPTED);
    put_initial(QUIC_VERSION_1, "firstid1", "firstid1", 300, (struct bytes){hello.at + 300, hello.len - 300}, 300);
    assert_int_equal(bed_fate(b, sends(b)), BED_ACCEPTED);
    assert_int_equal(b->last_len, 0); /* as it lies */
    assert_int_equal(b->denial.verdict, VERDICT_WOULD_DENY);
    assert_string_equal(b->denial.domain, "evil.test");
    put_plain(0xe0, 1, "serverid", 60);
    assert_int_equal(bed_fate(b, send_approved(b)), BED_ACCEPTED);
    assert_int_equal(b->denials, 1);
    bed_free(b);
}

/* A scope's share, and nothing crashes by what is cut or changed. */
static void mutations(void **state)
{
    (void)state;
    struct bed *b = bed_for(policy_text);
    uint32_t seed = 1;
    uint8_t whole[sizeof datagram];
    put_hello("firstid1", "allowed.test");
    put_plain(0xd0, 1, "firstid1", 60);
    size_t len = datagram_len;
    memcpy(whole, datagram, len);
    for (unsigned i = 0; i < 3000; i++) {
        struct bed_end from = {BED_CLIENT, (uint16_t)(1024 + i)};
        datagram_len = 0;
        put(whole, len);
        seed = seed * 1103515245 + 12345;
        datagram[(seed >> 8) % (len - 76)] ^= (uint8_t)(seed >> 24 | 1); /* the 0-RTT packet is opaque */
        if (i % 3 == 0)
            datagram_len = (seed >> 4) % len;
        uint32_t id = send_from(b, from);
        assert_int_not_equal(bed_fate(b, id), BED_ACCEPTED);
    }
    for (unsigned i = 0; i < 60; i++) {
        b->now += 1000000;
        judge_tick(b->judge, b->now);
    }
    approve(b);
    bed_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_allowed_name_passes_as_our_copy),
        cmocka_unit_test(other_names_are_refused),
        cmocka_unit_test(an_address_of_no_name_is_refused),
        cmocka_unit_test(refused_without_quic_judge),
        cmocka_unit_test(held_until_whole),
        cmocka_unit_test(held_are_dropped_when_refused),
        cmocka_unit_test(too_long_or_too_slow),
        cmocka_unit_test(what_is_no_initial),
        cmocka_unit_test(coalesced),
        cmocka_unit_test(short_headers),
        cmocka_unit_test(a_stricter_policy),
        cmocka_unit_test(a_reload_after_the_lifetime),
        cmocka_unit_test(audit_changes_nothing),
        cmocka_unit_test(mutations),
    };
    return cmocka_run_group_tests_name("judge_quic", tests, quics_begin, quics_end);
}
