/* SPDX-License-Identifier: GPL-3.0-or-later */
/* For tests of the judge over QUIC: a client puts packets into a datagram and sends it. */
#ifndef SLUICE_TESTS_UNIT_QUIC_TALK_H
#define SLUICE_TESTS_UNIT_QUIC_TALK_H

#include "tests/unit/judge_bed.h"
#include "tests/unit/quics.h"

#define SITE "198.51.100.7"

static const char policy_text[] = "version: 1\n"
                                  "profiles:\n"
                                  "  p: { allow: [allowed.test, other.test, \"udp://any.test:443\"], quic: judge }\n"
                                  "scopes: [{ name: s, match: { source: 198.18.0.0/15 }, profile: p }]\n";

static const struct bed_end client = {BED_CLIENT, 40000}, site = {SITE, 443};
static uint8_t datagram[4096];
static size_t datagram_len;
static uint32_t next_number, key_version;

static inline struct bed *bed_for(const char *text)
{
    struct bed *b = bed_new(text);
    datagram_len = 0;
    next_number = 0;
    bed_bind(b, 1, "allowed.test", SITE, 300);
    bed_bind(b, 1, "other.test", SITE, 300);
    return b;
}

static inline void put(const void *at, size_t len)
{
    assert_true(datagram_len + len <= sizeof datagram);
    memcpy(datagram + datagram_len, at, len);
    datagram_len += len;
}

/* Adds to the datagram an Initial with CRYPTO bytes at `offset`, padded by `padding`. */
static inline void put_initial(uint32_t version, const char *key_id, const char *dcid, size_t offset,
                               struct bytes crypto, size_t padding)
{
    static uint8_t frames[3000], packet[3100];
    struct writer w = writer_init(frames, sizeof frames);
    struct quic_sender s = {version, key_id, dcid, "client", NULL, next_number++, false, key_version};
    if (crypto.len)
        quic_put_crypto(&w, offset, crypto);
    else
        writer_u8(&w, 1);
    writer_zero(&w, padding);
    size_t len = quic_seal(quics_cipher, &s, (struct bytes){frames, writer_len(&w)}, packet, sizeof packet);
    assert_int_not_equal(len, 0);
    put(packet, len);
}

static inline struct bytes hello_of(const char *name, size_t filler, uint16_t extra)
{
    static uint8_t at[4][4096];
    static unsigned turn;
    uint8_t *to = at[turn++ % 4];
    return (struct bytes){to, quic_hello(name, filler, extra, to, sizeof at[0])};
}

static inline void put_hello(const char *dcid, const char *name)
{
    put_initial(QUIC_VERSION_1, dcid, dcid, 0, hello_of(name, 0, 0), 900);
}

static inline void put_plain(uint8_t first, uint32_t version, const char *dcid, size_t len)
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

static inline uint32_t send_from(struct bed *b, struct bed_end from)
{
    uint32_t id = bed_udp(b, MARK_TO_SERVER, from, site, (struct bytes){datagram, datagram_len});
    datagram_len = 0;
    return id;
}

static inline uint32_t sends(struct bed *b)
{
    return send_from(b, client);
}

/* As the rules send it once the flow is approved. */
static inline uint32_t send_approved(struct bed *b)
{
    b->approved = true;
    uint32_t id = send_from(b, client);
    b->approved = false;
    return id;
}

static inline void expect_passed(struct bed *b, uint32_t id)
{
    assert_int_equal(bed_fate(b, id), BED_ACCEPTED);
    assert_int_equal(b->mark[id % BED_IDS], MARK_HTTP_FLOW);
}

static inline void expect_refused(struct bed *b, uint32_t id, enum reason reason)
{
    assert_int_equal(bed_fate(b, id), BED_DROPPED);
    assert_int_equal(b->denial.reason, reason);
    assert_int_equal(b->denial.verdict, VERDICT_DENY);
}

static inline void expect_cut(struct bed *b, uint32_t id, enum reason reason)
{
    assert_int_equal(bed_fate(b, id), BED_RESET); /* by this verdict the rules take the approval back */
    assert_int_equal(b->denial.reason, reason);
}

static inline void approve(struct bed *b)
{
    put_hello("firstid1", "allowed.test");
    expect_passed(b, sends(b));
}

#endif
