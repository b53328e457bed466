/* SPDX-License-Identifier: GPL-3.0-or-later */
/* nfq/judge_quic_read: whatever a server could read in a client's Initials is judged, and shows one name. */
#include "tests/unit/quic_talk.h"
#include "tests/unit/quic_two_keys.h"

/* A server may have got one of two datagrams (one of less than 1,200 bytes it drops: RFC 9000 s14.1), and joins what
 * comes later under the same id, from this port or another (s5.2).  A half of each of two hellos is a third. */
static void halves_of_two_hellos(void **state)
{
    (void)state;
    for (unsigned row = 0; row < 3; row++) {
        struct bed *b = bed_for(policy_text);
        struct bytes first = hello_of("allowed.test", 600, 0), second = hello_of("allowed.test", 700, 0);
        struct bed_end from = {BED_CLIENT, row == 1 ? 40001 : 40000};
        put_initial(QUIC_VERSION_1, "firstid1", "firstid1", 0, (struct bytes){first.at, 300}, 900);
        uint32_t id = sends(b);
        put_initial(QUIC_VERSION_1, "firstid1", "firstid1", 300, (struct bytes){first.at + 300, first.len - 300}, 0);
        expect_passed(b, sends(b));
        expect_passed(b, id);
        if (row == 2) { /* the flow is cut, and then forgotten? */
            put_initial(QUIC_VERSION_1, "firstid1", "firstid1", 300, (struct bytes){second.at, 300}, 900);
            expect_cut(b, send_approved(b), REASON_QUIC_CONFLICT);
            for (unsigned i = 0; i < 40; i++) {
                b->now += 1000000;
                judge_tick(b->judge, b->now);
            }
        }
        put_initial(QUIC_VERSION_1, "firstid1", "firstid1", 300, (struct bytes){second.at + 300, second.len - 300},
                    900);
        id = send_from(b, from);
        assert_int_not_equal(bed_fate(b, id), BED_ACCEPTED);
        put_initial(QUIC_VERSION_1, "firstid1", "firstid1", 0, (struct bytes){second.at, 300}, 0);
        assert_int_not_equal(bed_fate(b, send_from(b, from)), BED_ACCEPTED);
        assert_int_not_equal(bed_fate(b, id), BED_ACCEPTED);
        assert_int_equal(b->denial.reason, REASON_QUIC_CONFLICT);
        for (unsigned i = 0; i < 100; i++) { /* no server waits so long for the rest of a hello */
            b->now += 1000000;
            judge_tick(b->judge, b->now);
        }
        put_hello("firstid1", "allowed.test");
        expect_passed(b, send_from(b, from));
        bed_free(b);
    }
}

/* Row 59: a decoy with an allowed name, then the real one. */
static void all_initials_agree(void **state)
{
    (void)state;
    static const char *const second[] = {"firstid1", "otherid1"};
    for (size_t i = 0; i < 2; i++) {
        struct bed *b = bed_for(policy_text);
        approve(b);
        put_hello(second[i], "evil.test");
        expect_cut(b, send_approved(b), i ? REASON_TLS_NAME_CHANGED : REASON_QUIC_CONFLICT);
        put("\x40 short", 7);
        uint32_t id = sends(b); /* no longer approved, so it comes by the queue */
        assert_int_equal(bed_fate(b, id), BED_DROPPED);
        bed_free(b);
    }
    struct bed *b = bed_for(policy_text);
    approve(b);
    put_hello("otherid1", "other.test"); /* allowed by itself, but not on this flow */
    expect_cut(b, send_approved(b), REASON_TLS_NAME_CHANGED);
    assert_string_equal(b->denial.domain, "other.test");
    bed_free(b);
    b = bed_for(policy_text);
    approve(b);
    put_hello("firstid1", "allowed.test"); /* sent again */
    expect_passed(b, send_approved(b));
    struct bytes half = hello_of("allowed.test", 600, 0);
    put_initial(QUIC_VERSION_1, "otherid1", "otherid1", 0, (struct bytes){half.at, 300}, 300);
    uint32_t id = send_approved(b); /* on an approved flow, too, a hello is held until it is whole */
    assert_int_equal(bed_fate(b, id), BED_IN);
    put_initial(QUIC_VERSION_1, "otherid1", "otherid1", 300, (struct bytes){half.at + 300, half.len - 300}, 300);
    expect_passed(b, send_approved(b));
    expect_passed(b, id);
    bed_free(b);
}

/* AES-GCM commits to no key: an Initial that is nothing under a known connection's keys may be a hello under those of
 * the id that it bears, by which the server reads it. */
static void opens_under_two_keys(void **state)
{
    (void)state;
    static const uint32_t version[] = {QUIC_VERSION_1, QUIC_VERSION_2};
    for (size_t i = 0; i < 2; i++) {
        static uint8_t packet[1500];
        uint8_t borne[8];
        struct bed *b = bed_for(policy_text);
        size_t len = quic_two_keys(version[i], "firstid1", "evil.test", "", borne, packet, sizeof packet);
        assert_int_not_equal(len, 0);
        approve(b);
        put(packet, len);
        expect_cut(b, send_approved(b), REASON_QUIC_KEYS);
        put("\x40 short", 7);
        assert_int_equal(bed_fate(b, sends(b)), BED_DROPPED);
        bed_free(b);
        b = bed_for(policy_text); /* by itself it is the hello */
        put(packet, len);
        expect_refused(b, sends(b), REASON_NOT_IN_ALLOWLIST);
        bed_free(b);
    }
}

/* The same packet, if the server could count the known connection's numbers otherwise than we do: numbers lie close
 * together, and each reading of a number is tried. */
static void numbers_of_a_connection(void **state)
{
    (void)state;
    static const struct {
        uint32_t first, second;
        bool passes;
    } rows[] = {{0, 1, true},
                {0, 63, true},
                {0, 64, false},
                {200, 150, true},
                {200, 137, true},
                {200, 136, false},
                {0xfffff0, 0xfffff3, true},
                {0, 0x7fffffff, false},
                {70000, 0, false}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct bed *b = bed_for(policy_text);
        next_number = rows[i].first;
        approve(b);
        next_number = rows[i].second;
        put_initial(QUIC_VERSION_1, "firstid1", "serverid", 0, (struct bytes){0}, 100);
        uint32_t id = send_approved(b);
        if (rows[i].passes)
            expect_passed(b, id);
        else
            expect_cut(b, id, REASON_QUIC_MALFORMED);
        bed_free(b);
    }
}

/* A server's id, or another version's keys, before the server can have answered. */
static void nothing_before_an_answer(void **state)
{
    (void)state;
    static const struct {
        uint32_t version, key_version;
        const char *key_id, *dcid;
    } rows[] = {
        {QUIC_VERSION_1, 0, "firstid1", "serverid"},
        {QUIC_VERSION_2, QUIC_VERSION_1, "firstid1", "firstid1"},
        {QUIC_VERSION_2, QUIC_VERSION_1, "otherid1", "otherid1"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct bed *b = bed_for(policy_text);
        struct bytes half = hello_of("allowed.test", 600, 0);
        put_initial(QUIC_VERSION_1, "firstid1", "firstid1", 0, (struct bytes){half.at, 300}, 300);
        uint32_t id = sends(b);
        key_version = rows[i].key_version;
        put_initial(rows[i].version, rows[i].key_id, rows[i].dcid, 300, (struct bytes){half.at + 300, half.len - 300},
                    300);
        key_version = 0;
        expect_refused(b, sends(b), REASON_QUIC_MALFORMED);
        assert_int_equal(bed_fate(b, id), BED_DROPPED);
        bed_free(b);
    }
    struct bed *b = bed_for(policy_text); /* nor under the keys of one connection what bears another's id */
    approve(b);
    put_hello("otherid1", "allowed.test");
    expect_passed(b, send_approved(b));
    put_initial(QUIC_VERSION_1, "firstid1", "otherid1", 0, (struct bytes){0}, 100);
    expect_cut(b, send_approved(b), REASON_QUIC_MALFORMED);
    bed_free(b);
}

static void conflicting_ranges(void **state)
{
    (void)state;
    struct bed *b = bed_for(policy_text);
    struct bytes good = hello_of("allowed.test", 400, 0), evil = hello_of("evilone.test", 400, 0);
    assert_int_equal(good.len, evil.len);
    put_initial(QUIC_VERSION_1, "firstid1", "firstid1", 300, (struct bytes){good.at + 300, good.len - 300}, 300);
    uint32_t id = sends(b);
    put_initial(QUIC_VERSION_1, "firstid1", "firstid1", 300, (struct bytes){evil.at + 300, evil.len - 300}, 300);
    expect_refused(b, sends(b), REASON_QUIC_CONFLICT);
    assert_int_equal(bed_fate(b, id), BED_DROPPED);
    bed_free(b);
}

static void retry_and_versions(void **state)
{
    (void)state;
    struct bed *b = bed_for(policy_text);
    approve(b);
    put_hello("retryid1", "allowed.test"); /* after a Retry the keys are of the server's id */
    expect_passed(b, send_approved(b));
    assert_int_equal(b->events, 1);
    put_initial(QUIC_VERSION_2, "firstid1", "serverid", 0, (struct bytes){0}, 100); /* the server took version 2 */
    expect_passed(b, send_approved(b));
    key_version = QUIC_VERSION_1; /* and the client keeps its keys */
    put_initial(QUIC_VERSION_2, "firstid1", "serverid", 0, (struct bytes){0}, 100);
    key_version = 0;
    expect_passed(b, send_approved(b));
    struct bytes hello = hello_of("allowed.test", 0, 0);
    put_initial(QUIC_VERSION_2, "versionn", "versionn", 0, hello, 900); /* version negotiation */
    expect_passed(b, send_approved(b));
    hello = hello_of("allowed.test", 10, 0); /* a HelloRetryRequest's second hello */
    put_initial(QUIC_VERSION_2, "versionn", "serverid", hello_of("allowed.test", 0, 0).len, hello, 100);
    expect_passed(b, send_approved(b));
    hello = hello_of("evil.test", 0, 0);
    put_initial(QUIC_VERSION_1, "firstid1", "serverid", hello_of("allowed.test", 0, 0).len, hello, 100);
    expect_cut(b, send_approved(b), REASON_TLS_NAME_CHANGED);
    bed_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(halves_of_two_hellos),     cmocka_unit_test(all_initials_agree),
        cmocka_unit_test(opens_under_two_keys),     cmocka_unit_test(numbers_of_a_connection),
        cmocka_unit_test(nothing_before_an_answer), cmocka_unit_test(conflicting_ranges),
        cmocka_unit_test(retry_and_versions),
    };
    return cmocka_run_group_tests_name("judge_quic_keys", tests, quics_begin, quics_end);
}
