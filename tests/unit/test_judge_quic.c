/* SPDX-License-Identifier: GPL-3.0-or-later */
/* nfq/judge_quic: which datagrams of a QUIC flow leave, when, and what cuts it. */
#include <stdio.h>

#include "nfq/quic_flow.h"
#include "tests/unit/judge_bed.h"
#include "tests/unit/quic_two_keys.h"

#define SITE "198.51.100.7"

static const char policy_text[] = "version: 1\n"
                                  "profiles:\n"
                                  "  p: { allow: [allowed.test, other.test, \"udp://any.test:443\"], quic: judge }\n"
                                  "scopes: [{ name: s, match: { source: 198.18.0.0/15 }, profile: p }]\n";

static const struct bed_end client = {BED_CLIENT, 40000}, site = {SITE, 443};
static struct quic_cipher *cipher;
static uint8_t datagram[4096];
static size_t datagram_len;
static uint32_t number, key_version;

static struct bed *bed_for(const char *text)
{
    struct bed *b = bed_new(text);
    datagram_len = 0;
    number = 0;
    bed_bind(b, 1, "allowed.test", SITE, 300);
    bed_bind(b, 1, "other.test", SITE, 300);
    return b;
}

static void put(const void *at, size_t len)
{
    assert_true(datagram_len + len <= sizeof datagram);
    memcpy(datagram + datagram_len, at, len);
    datagram_len += len;
}

/* Adds to the datagram an Initial with CRYPTO bytes at `offset`, padded by `padding`. */
static void put_initial(uint32_t version, const char *key_id, const char *dcid, size_t offset, struct bytes crypto,
                        size_t padding)
{
    static uint8_t frames[3000], packet[3100];
    struct writer w = writer_init(frames, sizeof frames);
    struct quic_sender s = {version, key_id, dcid, "client", NULL, number++, false, key_version};
    if (crypto.len)
        quic_put_crypto(&w, offset, crypto);
    else
        writer_u8(&w, 1);
    writer_zero(&w, padding);
    size_t len = quic_seal(cipher, &s, (struct bytes){frames, writer_len(&w)}, packet, sizeof packet);
    assert_int_not_equal(len, 0);
    put(packet, len);
}

static struct bytes hello_of(const char *name, size_t filler, uint16_t extra)
{
    static uint8_t at[4][4096];
    static unsigned turn;
    uint8_t *to = at[turn++ % 4];
    return (struct bytes){to, quic_hello(name, filler, extra, to, sizeof at[0])};
}

static void put_hello(const char *dcid, const char *name)
{
    put_initial(QUIC_VERSION_1, dcid, dcid, 0, hello_of(name, 0, 0), 900);
}

static void put_plain(uint8_t first, uint32_t version, const char *dcid, size_t len)
{
    uint8_t at[200];
    struct writer w = writer_init(at, sizeof at);
    writer_u8(&w, first);
    writer_u32(&w, version);
    writer_u8(&w, (uint8_t)strlen(dcid));
    writer_bytes(&w, (struct bytes){(const uint8_t *)dcid, strlen(dcid)});
    writer_u8(&w, 0);
    writer_u8(&w, (uint8_t)len);
    for (size_t i = 0; i < len; i++)
        writer_u8(&w, 0x5a);
    put(at, writer_len(&w));
}

static uint32_t send_from(struct bed *b, struct bed_end from)
{
    uint32_t id = bed_udp(b, MARK_TO_SERVER, from, site, (struct bytes){datagram, datagram_len});
    datagram_len = 0;
    return id;
}

static uint32_t sends(struct bed *b)
{
    return send_from(b, client);
}

/* As the rules send it once the flow is approved. */
static uint32_t send_approved(struct bed *b)
{
    b->approved = true;
    uint32_t id = send_from(b, client);
    b->approved = false;
    return id;
}

static void expect_passed(struct bed *b, uint32_t id)
{
    assert_int_equal(bed_fate(b, id), BED_ACCEPTED);
    assert_int_equal(b->mark[id % BED_IDS], MARK_HTTP_FLOW);
}

static void expect_refused(struct bed *b, uint32_t id, enum reason reason)
{
    assert_int_equal(bed_fate(b, id), BED_DROPPED);
    assert_int_equal(b->denial.reason, reason);
    assert_int_equal(b->denial.verdict, VERDICT_DENY);
}

static void expect_cut(struct bed *b, uint32_t id, enum reason reason)
{
    assert_int_equal(bed_fate(b, id), BED_RESET); /* by this verdict the rules take the approval back */
    assert_int_equal(b->denial.reason, reason);
}

static void approve(struct bed *b)
{
    put_hello("firstid1", "allowed.test");
    expect_passed(b, sends(b));
}

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
        uint8_t record[600] = {22, 3, 1};
        snprintf(policy, sizeof policy,
                 "version: 1\nprofiles: { p: { allow: [allowed.test]%s } }\n"
                 "scopes: [{ name: s, match: { source: 198.18.0.0/15 }, profile: p }]\n",
                 rows[i].key);
        struct bed *b = bed_for(policy);
        size_t len = quic_hello("allowed.test", 0, rows[i].extension, record + 5, sizeof record - 5);
        record[4] = (uint8_t)len;
        assert_true(len < 256);
        struct bytes none = {0};
        bed_tcp(b, MARK_TO_SERVER, client, site, TCP_SYN, 5000, 0, none, none);
        bed_tcp(b, MARK_FROM_SERVER, site, client, TCP_SYN | TCP_ACK, 900, 5001, none, none);
        uint32_t id = bed_tcp(b, MARK_TO_SERVER, client, site, TCP_ACK | TCP_PSH, 5001, 901, none,
                              (struct bytes){record, 5 + len});
        struct packet sent;
        bool passed = bed_fate(b, id) == BED_ACCEPTED &&
                      packet_parse((struct bytes){b->last, b->last_len}, true, &sent) == REASON_NONE &&
                      sent.payload.len == 5 + len; /* a refused one may leave as a reset */
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
        uint8_t record[600] = {22, 3, 1};
        snprintf(policy, sizeof policy,
                 "version: 1\nprofiles: { p: { allow: [%s] } }\n"
                 "scopes: [{ name: s, match: { source: 198.18.0.0/15 }, profile: p%s }]\n",
                 rows[i].allow, rows[i].more);
        struct bed *b = bed_for(policy);
        size_t len = quic_hello(rows[i].name, 0, rows[i].extension, record + 5, sizeof record - 5);
        record[4] = (uint8_t)len;
        struct bytes none = {0};
        bed_tcp(b, MARK_TO_SERVER, client, site, TCP_SYN, 5000, 0, none, none);
        bed_tcp(b, MARK_FROM_SERVER, site, client, TCP_SYN | TCP_ACK, 900, 5001, none, none);
        bed_tcp(b, MARK_TO_SERVER, client, site, TCP_ACK | TCP_PSH, 5001, 901, none, (struct bytes){record, 5 + len});
        assert_int_equal(b->denial.reason, REASON_TLS_ECH);
        if (strcmp(b->denial.hint, rows[i].hint) != 0)
            fail_msg("row %zu: \"%s\"", i, b->denial.hint);
        bed_free(b);
    }
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
        number = rows[i].first;
        approve(b);
        number = rows[i].second;
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
    struct policy_source source = {"test.yaml", {(const uint8_t *)text, strlen(text)}};
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

static void a_scopes_share(void **state)
{
    (void)state;
    struct bed *b = bed_for(policy_text);
    unsigned passed = 0;
    for (unsigned i = 0; i < QUIC_FLOWS; i++) {
        struct bed_end from = {BED_CLIENT, (uint16_t)(1024 + i)};
        char dcid[9];
        snprintf(dcid, sizeof dcid, "id%06u", i);
        put_hello(dcid, "allowed.test");
        passed += bed_fate(b, send_from(b, from)) == BED_ACCEPTED;
    }
    assert_int_equal(passed, QUIC_FLOWS / 5 * 2);
    assert_int_equal(b->denial.reason, REASON_TABLE_FULL);
    for (unsigned i = 0; i < 160; i++) {
        b->now += 1000000;
        judge_tick(b->judge, b->now);
    }
    struct judge_counts counts;
    judge_counts(b->judge, &counts);
    assert_int_equal(counts.flows, 0);
    approve(b);
    bed_free(b);
}

static struct bed *bed_of_four(void)
{
    struct bed *b = bed_new("version: 1\n"
                            "profiles: { p: { allow: [allowed.test], quic: judge } }\n"
                            "scopes:\n"
                            "  - { name: a, match: { source: 198.18.0.0/24 }, profile: p }\n"
                            "  - { name: b, match: { source: 198.18.1.0/24 }, profile: p }\n"
                            "  - { name: c, match: { source: 198.18.2.0/24 }, profile: p }\n"
                            "  - { name: d, match: { source: 198.18.3.0/24 }, profile: p }\n");
    for (uint16_t scope = 1; scope <= 4; scope++)
        bed_bind(b, scope, "allowed.test", SITE, 300);
    datagram_len = 0;
    number = 0;
    return b;
}

/* The scope is served: a hello of two datagrams, of which the first is held. */
static void is_served(struct bed *b, uint16_t scope, struct bed_end from)
{
    struct bytes hello = hello_of("allowed.test", 600, 0);
    b->scope = scope;
    put_initial(QUIC_VERSION_1, "firstid1", "firstid1", 0, (struct bytes){hello.at, 300}, 300);
    uint32_t id = send_from(b, from);
    assert_int_equal(bed_fate(b, id), BED_IN);
    put_initial(QUIC_VERSION_1, "firstid1", "firstid1", 300, (struct bytes){hello.at + 300, hello.len - 300}, 300);
    expect_passed(b, send_from(b, from));
    expect_passed(b, id);
}

/* Three scopes take all they can get; the fourth has its part of held datagrams, flows and connections. */
static void one_scope_does_not_starve_another(void **state)
{
    (void)state;
    for (unsigned held = 0; held < 2; held++) {
        struct bed *b = bed_of_four();
        unsigned count = held ? QUIC_HELD / 2 : QUIC_FLOWS / 2;
        struct bytes hello = hello_of("allowed.test", 600, 0);
        for (uint16_t scope = 1; scope <= 3; scope++)
            for (unsigned i = 0; i < count; i++) {
                char address[] = "198.18.0.2", dcid[9];
                address[7] = (char)('0' + scope - 1);
                snprintf(dcid, sizeof dcid, "%c%07u", 'a' + scope, i);
                number = 0;
                put_initial(QUIC_VERSION_1, dcid, dcid, 0,
                            held ? (struct bytes){hello.at, 300} : hello_of("allowed.test", 0, 0), 300);
                b->scope = scope;
                send_from(b, (struct bed_end){address, (uint16_t)(1024 + i)});
            }
        enum reason limit = held ? REASON_HELD_FULL : REASON_TABLE_FULL;
        assert_int_equal(b->told[limit], 3); /* each scope once a second */
        struct judge_counts counts;
        judge_counts(b->judge, &counts);
        assert_true(counts.limits[limit - REASON_LIMIT_FIRST] > 100);
        number = 0;
        is_served(b, 4, (struct bed_end){"198.18.3.2", 40000});
        for (unsigned i = 0; i < 160; i++) {
            b->now += 1000000;
            judge_tick(b->judge, b->now);
        }
        judge_counts(b->judge, &counts);
        assert_int_equal(counts.flows, 0);
        assert_int_equal(counts.held_packets, 0);
        bed_free(b);
    }
}

static int begin(void **state)
{
    (void)state;
    cipher = quic_cipher_new();
    return cipher ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    quic_cipher_free(cipher);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_allowed_name_passes_as_our_copy),
        cmocka_unit_test(other_names_are_refused),
        cmocka_unit_test(an_address_of_no_name_is_refused),
        cmocka_unit_test(ech_by_its_outer_name),
        cmocka_unit_test(ech_over_tcp),
        cmocka_unit_test(ech_says_what_it_takes),
        cmocka_unit_test(refused_without_quic_judge),
        cmocka_unit_test(held_until_whole),
        cmocka_unit_test(held_are_dropped_when_refused),
        cmocka_unit_test(halves_of_two_hellos),
        cmocka_unit_test(too_long_or_too_slow),
        cmocka_unit_test(what_is_no_initial),
        cmocka_unit_test(coalesced),
        cmocka_unit_test(all_initials_agree),
        cmocka_unit_test(opens_under_two_keys),
        cmocka_unit_test(numbers_of_a_connection),
        cmocka_unit_test(nothing_before_an_answer),
        cmocka_unit_test(conflicting_ranges),
        cmocka_unit_test(retry_and_versions),
        cmocka_unit_test(short_headers),
        cmocka_unit_test(a_stricter_policy),
        cmocka_unit_test(a_reload_after_the_lifetime),
        cmocka_unit_test(audit_changes_nothing),
        cmocka_unit_test(mutations),
        cmocka_unit_test(a_scopes_share),
        cmocka_unit_test(one_scope_does_not_starve_another),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
