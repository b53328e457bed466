/* SPDX-License-Identifier: GPL-3.0-or-later */
/* For tests of the judge over DNS: a client asks, the pinned resolver answers. */
#ifndef SLUICE_TESTS_UNIT_DNS_TALK_H
#define SLUICE_TESTS_UNIT_DNS_TALK_H

#include "dns/message.h"
#include "tests/unit/judge_bed.h"

static const char *const policy = "version: 1\n"
                                  "profiles:\n"
                                  "  p:\n"
                                  "    allow: [good.example, '**.wild.example', inner.example@10.0.0.0/8,\n"
                                  "            'udp://time.example:123', 'dns://text.example?types=TXT']\n"
                                  "    dns: { budget: { names_per_minute: 5 } }\n"
                                  "scopes:\n"
                                  "  - name: s\n"
                                  "    match: { source: 198.18.0.0/15 }\n"
                                  "    profile: p\n";

static const struct bed_end client = {BED_CLIENT, 40000}, resolver = {BED_RESOLVER, 53};

static inline size_t query(uint8_t *out, uint16_t id, const char *name, uint16_t type)
{
    struct writer w = writer_init(out, 512);
    writer_u16(&w, id);
    writer_u16(&w, 0x0100);
    writer_u16(&w, 1);
    writer_zero(&w, 6);
    for (const char *label = name; *label;) {
        size_t len = strcspn(label, ".");
        writer_u8(&w, (uint8_t)len);
        writer_bytes(&w, (struct bytes){(const uint8_t *)label, len});
        label += len + (label[len] == '.');
    }
    writer_u8(&w, 0);
    writer_u16(&w, type);
    writer_u16(&w, 1);
    return writer_len(&w);
}

static inline uint32_t ask_from(struct bed *b, struct bed_end from, uint16_t id, const char *name, uint16_t type)
{
    uint8_t wire[512];
    size_t len = query(wire, id, name, type);
    return bed_udp(b, MARK_TO_SERVER, from, resolver, (struct bytes){wire, len});
}

static inline uint32_t ask(struct bed *b, uint16_t id, const char *name, uint16_t type)
{
    return ask_from(b, client, id, name, type);
}

static inline struct bytes last_payload(struct bed *b)
{
    struct packet p;
    assert_int_equal(packet_parse((struct bytes){b->last, b->last_len}, true, &p), REASON_NONE);
    return p.payload;
}

static inline uint16_t u16(struct bytes b, size_t at)
{
    return (uint16_t)(b.at[at] << 8 | b.at[at + 1]);
}

/* An answer's head, and the question once more. */
static inline void answer_begin(struct writer *w, struct bytes q, uint16_t flags, uint16_t records)
{
    size_t question_end = 12;
    while (q.at[question_end])
        question_end += 1u + q.at[question_end];
    question_end += 5;
    writer_u16(w, u16(q, 0));
    writer_u16(w, flags);
    writer_u16(w, 1);
    writer_u16(w, records);
    writer_u32(w, 0);
    writer_bytes(w, (struct bytes){q.at + 12, question_end - 12});
}

/* The resolver's answer to the question: one record. */
static inline uint32_t answer_to(struct bed *b, struct bytes q, const char *address)
{
    uint8_t wire[1024];
    struct writer w = writer_init(wire, sizeof wire);
    answer_begin(&w, q, 0x8180, 1);
    struct address a = bed_address(address);
    writer_u16(&w, 0xc00c);
    writer_u16(&w, a.family == 4 ? 1 : 28);
    writer_u16(&w, 1);
    writer_u32(&w, 60);
    writer_u16(&w, (uint16_t)address_octets(&a));
    writer_bytes(&w, (struct bytes){a.octets, address_octets(&a)});
    return bed_udp(b, MARK_FROM_SERVER, resolver, client, (struct bytes){wire, writer_len(&w)});
}

/* To what was let out last. */
static inline uint32_t answer(struct bed *b, const char *address)
{
    return answer_to(b, last_payload(b), address);
}

/* What goes out in audit is what came. */
static inline uint32_t ask_and_answer(struct bed *b, const char *name, const char *address)
{
    uint8_t wire[512];
    size_t len = query(wire, 9, name, 1);
    ask(b, 9, name, 1);
    return answer_to(b, (struct bytes){wire, len}, address);
}

/* The name does not exist. */
static inline void answer_nothing(struct bed *b)
{
    uint8_t wire[512];
    struct writer w = writer_init(wire, sizeof wire);
    answer_begin(&w, last_payload(b), 0x8183, 0);
    uint32_t id = bed_udp(b, MARK_FROM_SERVER, resolver, client, (struct bytes){wire, writer_len(&w)});
    assert_int_equal(bed_fate(b, id), BED_ACCEPTED);
}

static inline unsigned bound(struct bed *b, const char *address)
{
    struct address a = bed_address(address);
    struct binding_view view[4];
    return binding_find(b->bindings, 1, &a, b->now, view, 4);
}

#endif
