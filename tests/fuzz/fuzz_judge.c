/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The judge over sequences of packets: path (1 byte), length (2), an IP packet, and so on.  Checked: every packet id is
 * settled exactly once, what leaves in a packet's place is a sound packet, and no hello for a name that is not allowed
 * is ever let out. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "nfq/judge.h"
#include "nfq/packet.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define IDS 512

static uint8_t pending[IDS];
static struct policy *policy;
static struct binding_table *bindings;

static void settle(uint32_t id)
{
    assert(id < IDS && pending[id] == 1);
    pending[id] = 2;
}

static void on_accept(void *ctx, uint32_t id, enum mark_verdict mark, struct bytes ip)
{
    struct packet p;
    (void)ctx, (void)mark;
    settle(id);
    assert(packet_parse(ip, true, &p) == REASON_NONE);
    assert(!p.payload.len || !memmem(p.payload.at, p.payload.len, "evil.example", 12) || p.protocol != 6 ||
           p.destination_port != 443);
}

static void on_drop(void *ctx, uint32_t id, enum mark_verdict mark)
{
    (void)ctx, (void)mark;
    settle(id);
}

static void on_inject(void *ctx, struct bytes ip)
{
    struct packet p;
    (void)ctx;
    assert(packet_parse(ip, true, &p) == REASON_NONE);
}

static bool on_event(void *ctx, const struct event *e)
{
    (void)ctx;
    return e->ticket & 1;
}

static void prepare(void)
{
    static const char text[] =
        "version: 1\nresolvers: [198.18.2.53]\nprofiles:\n  p:\n    allow: [allowed.test, "
        "'http://mirror.test', '**.wild.test', 'ws://mirror.test:8081', 'proxy://mirror.test:3128', "
        "'tcp://git.test:22', 'tcp://tcp.test:22', 'udp://u.test:9', 'example.com']\n    quic: judge\n    ech: outer\n"
        "scopes:\n  - { name: s, match: { source: 0.0.0.0/0 }, profile: p }\n";
    struct policy_source source = {.file = "fuzz.yaml", .text = {(const uint8_t *)text, sizeof text - 1}};
    struct policy_system system = {0};
    struct error e = {0};
    policy = policy_compile(&source, 1, &system, NULL, &e);
    int fd = memfd_create("bindings", 0);
    assert(policy && ftruncate(fd, (off_t)binding_table_size()) == 0);
    bindings = binding_map(fd, true, &e);
    close(fd);
    static const char *const names[] = {"allowed.test", "mirror.test", "tcp.test", "u.test",
                                        "example.com"}; /* the RFCs' QUIC examples show that */
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct name n;
        struct address a = {4, {198, 18, 2, 80}};
        assert(name_from_wire((struct bytes){(const uint8_t *)names[i], strlen(names[i])}, &n));
        assert(binding_add(bindings, 1, &a, &n, 4000000, 1));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!policy)
        prepare();
    struct judge_config config = {.bindings = bindings, .flows_max = 64, .seed = 3};
    struct judge *j = judge_new(&config, (struct judge_sink){NULL, on_accept, on_drop, on_inject, on_event});
    assert(j);
    judge_policy(j, policy);
    struct reader r = reader_init((struct bytes){data, size}, false);
    uint64_t now = 1000000;
    memset(pending, 0, sizeof pending);
    for (uint32_t id = 1; id < IDS && reader_left(&r) > 3; id++) {
        uint8_t how = reader_u8(&r);
        uint16_t len = reader_u16(&r);
        struct bytes ip = reader_bytes(&r, len < reader_left(&r) ? len : reader_left(&r));
        struct judge_packet in = {.id = id, .scope = 1, .path = (enum mark_queued)(how & 3), .ip = ip};
        in.at_output = how & 4;
        in.sum_unfinished = !(how & 8); /* so that mutations need not mend checksums */
        pending[id] = 1;
        judge_packet(j, &in, now);
        now += how & 16 ? 400000 : 100;
        if (how & 32)
            judge_tick(j, now);
        if (how & 64)
            judge_attributed(j, how >> 1, now);
    }
    for (unsigned i = 0; i < 200; i++) /* time ends all that waits */
        judge_tick(j, now += 200000000);
    for (unsigned i = 0; i < IDS; i++)
        assert(pending[i] != 1);
    judge_free(j);
    return 0;
}
