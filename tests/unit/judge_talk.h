/* SPDX-License-Identifier: GPL-3.0-or-later */
/* For tests of the judge over TCP: one client, one server, and how a refusal must look. */
#ifndef SLUICE_TESTS_UNIT_JUDGE_TALK_H
#define SLUICE_TESTS_UNIT_JUDGE_TALK_H

#include "tests/unit/judge_bed.h"

static const char *const policy =
    "version: 1\n"
    "profiles:\n"
    "  p:\n"
    "    allow: [good.example, other.example, 'http://web.example', 'tcp://any.example:22']\n"
    "scopes:\n"
    "  - name: s\n"
    "    match: { source: 198.18.0.0/15 }\n"
    "    profile: p\n";

#define SITE       "198.19.0.1"
#define SERVER_ISN 900000u

static const struct bed_end client = {BED_CLIENT, 40000}, site = {SITE, 443}, web = {SITE, 80};

static inline uint32_t syn(struct bed *b, struct bed_end to, uint32_t isn, struct bytes options)
{
    b->client_isn = isn;
    return bed_tcp(b, MARK_TO_SERVER, client, to, TCP_SYN, isn, 0, options, (struct bytes){0});
}

static inline uint32_t server_says(struct bed *b, struct bed_end from, uint8_t flags, uint32_t at,
                                   uint64_t acknowledges, struct bytes payload)
{
    return bed_tcp(b, MARK_FROM_SERVER, from, client, flags, SERVER_ISN + at,
                   b->client_isn + 1 + (uint32_t)acknowledges, (struct bytes){0}, payload);
}

static inline uint32_t client_says(struct bed *b, struct bed_end to, uint32_t offset, const void *data, size_t len)
{
    return bed_tcp(b, MARK_TO_SERVER, client, to, TCP_ACK | TCP_PSH, b->client_isn + 1 + offset, SERVER_ISN + 1,
                   (struct bytes){0}, (struct bytes){data, len});
}

static inline void open_connection(struct bed *b, struct bed_end to)
{
    uint32_t id = syn(b, to, 5000, (struct bytes){0});
    assert_int_equal(bed_fate(b, id), BED_ACCEPTED);
    id = server_says(b, to, TCP_SYN | TCP_ACK, 0, 0, (struct bytes){0});
    assert_int_equal(bed_fate(b, id), BED_ACCEPTED);
}

/* The packet in hand left as a reset with nothing of the client's in it, at `next` bytes behind the SYN. */
static inline void assert_left_as_reset(const struct bed *b, uint32_t id, size_t next)
{
    struct packet p;
    assert_int_equal(bed_fate(b, id), BED_ACCEPTED);
    assert_int_equal(b->mark[id], MARK_PASS);
    assert_int_equal(packet_parse((struct bytes){b->last, b->last_len}, true, &p), REASON_NONE);
    assert_int_equal(b->last_len, 40);
    assert_int_equal(p.flags, TCP_RST);
    assert_int_equal(p.sequence, b->client_isn + 1 + (uint32_t)next);
    assert_int_equal(p.acknowledgment | p.window, 0);
    assert_int_equal(p.source_port, client.port);
    assert_true(b->denial.cut);
}

/* An open connection was cut: so the server was told, and the client got a reset of ours. */
static inline void assert_cut(const struct bed *b, uint32_t id, size_t next)
{
    struct packet p;
    assert_left_as_reset(b, id, next);
    assert_int_equal(packet_parse((struct bytes){b->injected, b->injected_len}, true, &p), REASON_NONE);
    assert_true(p.flags & TCP_RST);
    assert_int_equal(p.destination_port, client.port);
}

#endif
