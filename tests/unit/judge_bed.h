/* SPDX-License-Identifier: GPL-3.0-or-later */
/* For tests of nfq/judge: packets in, verdicts out, and a check that every packet id goes out exactly once. */
#ifndef SLUICE_TESTS_UNIT_JUDGE_BED_H
#define SLUICE_TESTS_UNIT_JUDGE_BED_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "nfq/checksum.h"
#include "nfq/judge.h"
#include "nfq/packet.h"

#define BED_IDS  65536
#define BED_WIRE (1u << 18)

enum bed_fate { BED_NONE, BED_IN, BED_ACCEPTED, BED_DROPPED, BED_RESET };

struct bed {
    struct judge *judge;
    struct binding_table *bindings;
    struct policy *policy;
    struct mark_layout marks;
    uint64_t now;
    uint32_t id;
    uint8_t fate[BED_IDS];
    uint8_t mark[BED_IDS];
    bool approved;  /* packets come as those of an approved QUIC flow do */
    bool local;     /* the client is on this host */
    bool gso;       /* its packets are several on the wire */
    bool attribute; /* event() says that somebody will */
    unsigned events;
    struct event event; /* the last */
    uint16_t scope;     /* of the next packets; 0: 1 */
    unsigned told[REASON_COUNT];
    uint64_t counted[REASON_COUNT];
    unsigned denials;
    struct event denial; /* the last denial */
    uint8_t injected[2048], last[PACKET_MAX];
    size_t injected_len, last_len;
    unsigned injections, pokes;
    uint8_t injected_id[65536]; /* UDP: how often, by the first 16 bits */
    /* what the server received, by stream offset */
    uint32_t client_isn;
    uint8_t wire[BED_WIRE], seen[BED_WIRE];
};

static void bed_settle(struct bed *b, uint32_t id, enum bed_fate fate)
{
    assert_int_equal(b->fate[id % BED_IDS], BED_IN); /* known, and not settled before */
    b->fate[id % BED_IDS] = (uint8_t)fate;
}

static void bed_accept(void *ctx, uint32_t id, enum mark_verdict mark, struct bytes ip)
{
    struct bed *b = ctx;
    bed_settle(b, id, BED_ACCEPTED);
    b->mark[id % BED_IDS] = (uint8_t)mark;
    b->last_len = ip.len;
    if (!ip.len)
        return;
    memcpy(b->last, ip.at, ip.len);
    struct packet p;
    assert_int_equal(packet_parse((struct bytes){b->last, ip.len}, true, &p), REASON_NONE); /* checksums complete */
    if (p.protocol != IPPROTO_TCP || p.destination_port == 40000)
        return;
    uint32_t offset = p.sequence - b->client_isn - 1;
    for (size_t i = 0; i < p.payload.len && offset + i < BED_WIRE; i++) {
        if (b->seen[offset + i]) /* a receiver keeps what came first, another what came last: they must be one */
            assert_int_equal(b->wire[offset + i], p.payload.at[i]);
        b->wire[offset + i] = p.payload.at[i];
        b->seen[offset + i] = 1;
    }
}

static void bed_drop(void *ctx, uint32_t id, enum mark_verdict mark)
{
    bed_settle(ctx, id, mark == MARK_RESET ? BED_RESET : BED_DROPPED);
}

static void bed_inject(void *ctx, struct bytes ip)
{
    struct bed *b = ctx;
    assert_true(ip.len <= sizeof b->injected);
    memcpy(b->injected, ip.at, ip.len);
    b->injected_len = ip.len;
    b->injections++;
    struct packet p;
    bool sound = packet_parse(ip, true, &p) == REASON_NONE;
    b->pokes += sound && p.protocol == IPPROTO_TCP && p.payload.len == 1;
    if (sound && p.protocol == IPPROTO_UDP && p.payload.len >= 2)
        b->injected_id[p.payload.at[0] << 8 | p.payload.at[1]]++;
}

static bool bed_event(void *ctx, const struct event *e)
{
    struct bed *b = ctx;
    b->event = *e;
    b->events++;
    b->told[e->reason]++;
    b->counted[e->reason] += e->count ? e->count : 1;
    if (e->verdict == VERDICT_DENY || e->verdict == VERDICT_WOULD_DENY) {
        b->denial = *e;
        b->denials++;
    }
    return b->attribute && e->ticket;
}

static struct address bed_address(const char *text)
{
    struct address a;
    assert_true(address_parse((struct bytes){(const uint8_t *)text, strlen(text)}, &a));
    return a;
}

#define BED_CLIENT   "198.18.0.2"
#define BED_RESOLVER "198.18.0.53"

static struct bed *bed_new(const char *policy_text)
{
    struct bed *b = calloc(1, sizeof *b);
    int fd = memfd_create("bindings", 0);
    struct error e = {0};
    assert_int_equal(ftruncate(fd, (off_t)binding_table_size()), 0);
    b->bindings = binding_map(fd, true, &e);
    close(fd);
    assert_non_null(b->bindings);
    struct policy_system system = {.resolvers = 1, .resolver = {bed_address(BED_RESOLVER)}};
    struct policy_source source = {.file = "test.yaml", .text = {(const uint8_t *)policy_text, strlen(policy_text)}};
    b->policy = policy_compile(&source, 1, &system, NULL, &e);
    if (!b->policy)
        fail_msg("%s", e.text);
    struct judge_config config = {.bindings = b->bindings, .seed = 7};
    b->judge = judge_new(&config, (struct judge_sink){b, bed_accept, bed_drop, bed_inject, bed_event});
    assert_non_null(b->judge);
    judge_policy(b->judge, b->policy);
    b->now = 1000000000;
    b->client_isn = 5000;
    return b;
}

/* The scope has resolved the name to this address. */
static inline void bed_bind(struct bed *b, uint16_t scope, const char *name, const char *address, uint32_t ttl_sec)
{
    struct name n;
    struct address a = bed_address(address);
    assert_true(name_from_wire((struct bytes){(const uint8_t *)name, strlen(name)}, &n));
    assert_true(binding_add(b->bindings, scope, &a, &n, ttl_sec, b->now));
}

/* Every packet must be settled by now. */
static void bed_free(struct bed *b)
{
    for (uint32_t i = 0; i < BED_IDS; i++)
        assert_int_not_equal(b->fate[i], BED_IN);
    judge_free(b->judge);
    binding_unmap(b->bindings);
    policy_free(b->policy);
    free(b);
}

static uint32_t bed_judge(struct bed *b, struct bytes ip, enum mark_queued path)
{
    struct judge_packet in = {.id = ++b->id, .scope = b->scope ? b->scope : 1, .path = path, .ip = ip};
    in.approved = b->approved;
    in.local = b->local && path == MARK_TO_SERVER;
    in.gso = b->gso && path == MARK_TO_SERVER;
    in.at_output = path == MARK_TO_SERVER || path == MARK_STRAY;
    assert_int_not_equal(b->fate[in.id % BED_IDS], BED_IN);
    b->fate[in.id % BED_IDS] = BED_IN;
    judge_packet(b->judge, &in, b->now);
    return in.id;
}

static inline enum bed_fate bed_fate(const struct bed *b, uint32_t id)
{
    return (enum bed_fate)b->fate[id % BED_IDS];
}

struct bed_end {
    const char *address;
    uint16_t port;
};

static size_t bed_ip(uint8_t *out, struct bed_end from, struct bed_end to, uint8_t protocol, struct bytes transport)
{
    struct address source = bed_address(from.address), destination = bed_address(to.address);
    struct writer w = writer_init(out, PACKET_MAX);
    if (source.family == 4) {
        writer_u16(&w, 0x4500);
        writer_u16(&w, (uint16_t)(20 + transport.len));
        writer_u32(&w, 0x00014000);
        writer_u8(&w, 7);
        writer_u8(&w, protocol);
        writer_u16(&w, 0);
    } else {
        writer_u32(&w, 0x60000000);
        writer_u16(&w, (uint16_t)transport.len);
        writer_u8(&w, protocol);
        writer_u8(&w, 7);
    }
    writer_bytes(&w, (struct bytes){source.octets, address_octets(&source)});
    writer_bytes(&w, (struct bytes){destination.octets, address_octets(&destination)});
    if (source.family == 4)
        writer_patch_u16(&w, 10, checksum((struct bytes){out, 20}));
    size_t at = writer_len(&w);
    writer_bytes(&w, transport);
    uint16_t sum = checksum_transport(&source, &destination, protocol, (struct bytes){out + at, transport.len});
    if (protocol == IPPROTO_TCP || protocol == IPPROTO_UDP)
        writer_patch_u16(&w, at + (protocol == IPPROTO_TCP ? 16 : 6), sum);
    return writer_len(&w);
}

static inline uint32_t bed_tcp(struct bed *b, enum mark_queued path, struct bed_end from, struct bed_end to,
                               uint8_t flags, uint32_t sequence, uint32_t acknowledgment, struct bytes options,
                               struct bytes payload)
{
    static uint8_t segment[PACKET_MAX], ip[PACKET_MAX];
    struct writer w = writer_init(segment, sizeof segment);
    writer_u16(&w, from.port);
    writer_u16(&w, to.port);
    writer_u32(&w, sequence);
    writer_u32(&w, acknowledgment);
    writer_u8(&w, (uint8_t)((20 + options.len) / 4 << 4));
    writer_u8(&w, flags);
    writer_u16(&w, 65000);
    writer_u32(&w, 0);
    writer_bytes(&w, options);
    writer_bytes(&w, payload);
    size_t len = bed_ip(ip, from, to, IPPROTO_TCP, (struct bytes){segment, writer_len(&w)});
    return bed_judge(b, (struct bytes){ip, len}, path);
}

static inline uint32_t bed_udp(struct bed *b, enum mark_queued path, struct bed_end from, struct bed_end to,
                               struct bytes payload)
{
    static uint8_t datagram[PACKET_MAX], ip[PACKET_MAX];
    struct writer w = writer_init(datagram, sizeof datagram);
    writer_u16(&w, from.port);
    writer_u16(&w, to.port);
    writer_u16(&w, (uint16_t)(8 + payload.len));
    writer_u16(&w, 0);
    writer_bytes(&w, payload);
    size_t len = bed_ip(ip, from, to, IPPROTO_UDP, (struct bytes){datagram, writer_len(&w)});
    return bed_judge(b, (struct bytes){ip, len}, path);
}

#endif
