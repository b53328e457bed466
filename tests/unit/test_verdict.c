/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Verdicts: each packet exactly one, marks outside our field untouched, bytes as given (DESIGN law 1, STYLE Verdicts).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <libnetfilter_queue/libnetfilter_queue.h>

#include "nfq/receive.h"
#include "nfq/verdict.h"

struct bed {
    struct verdicts *v;
    struct mark_layout layout;
    int ours[2], kernel[2]; /* a queue's socket, and what the kernel would get */
    uint8_t buffer[1 << 19];
};

struct seen {
    uint16_t number;
    uint32_t id, verdict, mark;
    bool has_mark;
    struct bytes payload;
};

static int setup(void **state)
{
    struct bed *bed = calloc(1, sizeof *bed);
    assert_true(mark_layout_init(MARK_MASK_DEFAULT, &bed->layout));
    for (int i = 0; i < 2; i++) {
        int pair[2], size = 1 << 20;
        assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, pair), 0);
        assert_int_equal(setsockopt(pair[0], SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size), 0);
        bed->ours[i] = pair[0];
        bed->kernel[i] = pair[1];
    }
    bed->v = verdict_new(&bed->layout, bed->ours);
    assert_non_null(bed->v);
    *state = bed;
    return 0;
}

static int teardown(void **state)
{
    struct bed *bed = *state;
    verdict_free(bed->v);
    for (int i = 0; i < 2; i++) {
        close(bed->ours[i]);
        close(bed->kernel[i]);
    }
    free(bed);
    return 0;
}

/* Reads one send; returns the verdicts in it. */
static unsigned read_group(struct bed *bed, unsigned queue, struct seen *out, unsigned max)
{
    ssize_t got = recv(bed->kernel[queue], bed->buffer, sizeof bed->buffer, 0);
    if (got < 0)
        return 0;
    unsigned count = 0;
    int len = (int)got;
    for (struct nlmsghdr *m = (struct nlmsghdr *)bed->buffer; mnl_nlmsg_ok(m, len); m = mnl_nlmsg_next(m, &len)) {
        struct nlattr *at[NFQA_MAX + 1] = {NULL};
        assert_int_equal(m->nlmsg_type, NFNL_SUBSYS_QUEUE << 8 | NFQNL_MSG_VERDICT);
        assert_int_equal(m->nlmsg_flags, NLM_F_REQUEST);
        assert_true(nfq_nlmsg_parse(m, at) >= 0);
        const struct nfqnl_msg_verdict_hdr *verdict = mnl_attr_get_payload(at[NFQA_VERDICT_HDR]);
        const struct nfgenmsg *general = mnl_nlmsg_get_payload(m);
        assert_true(count < max);
        out[count++] = (struct seen){
            .number = ntohs(general->res_id),
            .id = ntohl(verdict->id),
            .verdict = ntohl(verdict->verdict),
            .has_mark = at[NFQA_MARK] != NULL,
            .mark = at[NFQA_MARK] ? ntohl(mnl_attr_get_u32(at[NFQA_MARK])) : 0,
            .payload = at[NFQA_PAYLOAD] ? (struct bytes){mnl_attr_get_payload(at[NFQA_PAYLOAD]),
                                                         mnl_attr_get_payload_len(at[NFQA_PAYLOAD])}
                                        : (struct bytes){0},
        };
    }
    assert_int_equal(len, 0);
    return count;
}

static uint32_t take(struct bed *bed, unsigned queue, uint32_t kernel_id, uint32_t mark)
{
    uint32_t id;
    assert_true(verdict_take(
        bed->v,
        &(struct verdict_packet){.queue = queue, .number = (uint16_t)(21000 + queue), .id = kernel_id, .mark = mark},
        &id));
    return id;
}

/* The bits of kube-proxy, Docker and Tailscale stay as they were; the scope stays, the state is the verdict's. */
static void marks(void **state)
{
    struct bed *bed = *state;
    static const uint32_t mask[] = {MARK_MASK_DEFAULT, 0x3fff0000u, 0xf8u, 0xffff8000u};
    static const uint32_t foreign[] = {0, 0xffffffffu, 0x4000u, 0x00ff0000u, 0x80000001u};

    for (unsigned m = 0; m < sizeof mask / sizeof *mask; m++) {
        struct mark_layout layout;
        assert_true(mark_layout_init(mask[m], &layout));
        struct verdicts *v = verdict_new(&layout, bed->ours);
        for (unsigned f = 0; f < sizeof foreign / sizeof *foreign; f++)
            for (unsigned verdict = MARK_PASS; verdict <= MARK_BODY_FLOW; verdict++) {
                uint16_t scope = layout.scope_max;
                uint32_t mark = (foreign[f] & ~mask[m]) | mark_value(&layout, scope, MARK_FROM_SERVER), id;
                struct seen seen[2];
                assert_true(verdict_take(v, &(struct verdict_packet){.number = 7, .id = 9, .mark = mark}, &id));
                if (verdict == MARK_RESET)
                    verdict_drop(v, id, MARK_RESET);
                else
                    verdict_accept(v, id, (enum mark_verdict)verdict, (struct bytes){0});
                verdict_flush(v);
                assert_int_equal(read_group(bed, 0, seen, 2), 1);
                assert_int_equal(seen[0].verdict, NF_ACCEPT);
                assert_int_equal(seen[0].mark & ~mask[m], foreign[f] & ~mask[m]);
                assert_int_equal(mark_scope(&layout, seen[0].mark), scope);
                assert_int_equal(mark_state(&layout, seen[0].mark), verdict);
                assert_int_equal(seen[0].payload.len, 0);
                assert_int_equal(seen[0].id, 9);
                assert_int_equal(seen[0].number, 7);
            }
        verdict_free(v);
    }
}

/* Both queues number from 1: the same kernel id in each is two packets. */
static void two_queues(void **state)
{
    struct bed *bed = *state;
    struct seen seen[4];
    uint32_t a = take(bed, 0, 1, 8), b = take(bed, 1, 1, 16);

    assert_int_not_equal(a, b);
    verdict_drop(bed->v, b, MARK_PASS);
    verdict_accept(bed->v, a, MARK_APPROVE, (struct bytes){(const uint8_t *)"abc", 3});
    assert_int_equal(read_group(bed, 0, seen, 4), 0); /* nothing leaves before flush */
    verdict_flush(bed->v);
    assert_int_equal(read_group(bed, 0, seen, 4), 1);
    assert_int_equal(seen[0].number, 21000);
    assert_int_equal(seen[0].mark, 9);
    assert_true(bytes_equal(seen[0].payload, (struct bytes){(const uint8_t *)"abc", 3}));
    assert_int_equal(read_group(bed, 1, seen, 4), 1);
    assert_int_equal(seen[0].number, 21001);
    assert_int_equal(seen[0].verdict, NF_DROP);
    assert_false(seen[0].has_mark);
}

/* A second verdict, one for an id never given, and one for an id that was used before, are not sent. */
static void exactly_once(void **state)
{
    struct bed *bed = *state;
    struct verdict_counts counts;
    uint32_t first = take(bed, 0, 1, 4);

    verdict_drop(bed->v, first, MARK_PASS);
    verdict_accept(bed->v, first, MARK_APPROVE, (struct bytes){0});
    verdict_drop(bed->v, first + VERDICT_CAPACITY, MARK_PASS);
    verdict_drop(bed->v, 0xffffffffu, MARK_RESET);
    for (unsigned i = 0; i < VERDICT_CAPACITY; i++) { /* every slot is used again, so the first one is too */
        uint32_t id = take(bed, 0, 2 + i, 4);
        assert_int_not_equal(id, first);
        verdict_accept(bed->v, first, MARK_APPROVE, (struct bytes){0});
        verdict_drop(bed->v, id, MARK_PASS);
    }
    verdict_counts(bed->v, &counts);
    assert_int_equal(counts.accepted, 0);
    assert_int_equal(counts.dropped, VERDICT_CAPACITY + 1);
    assert_int_equal(counts.unknown, VERDICT_CAPACITY + 3);
    assert_int_equal(counts.waiting, 0);
}

static void full_table(void **state)
{
    struct bed *bed = *state;
    struct verdict_packet packet = {.number = 1, .id = 99999, .mark = 4};
    struct verdict_counts counts;
    static uint32_t id[VERDICT_CAPACITY];
    struct seen seen[1];
    uint32_t none;

    for (unsigned i = 0; i < VERDICT_CAPACITY; i++)
        id[i] = take(bed, i & 1, i, 4);
    assert_false(verdict_take(bed->v, &packet, &none));
    verdict_drop_now(bed->v, &packet);
    verdict_flush(bed->v);
    assert_int_equal(read_group(bed, 0, seen, 1), 1);
    assert_int_equal(seen[0].verdict, NF_DROP);
    assert_int_equal(seen[0].id, 99999);
    verdict_counts(bed->v, &counts);
    assert_int_equal(counts.waiting, VERDICT_CAPACITY);
    verdict_drop(bed->v, id[77], MARK_PASS); /* out of order; one is free again */
    assert_true(verdict_take(bed->v, &packet, &none));
    assert_false(verdict_take(bed->v, &packet, &none));
    packet.queue = 2; /* there is no third queue */
    verdict_drop(bed->v, none, MARK_PASS);
    assert_false(verdict_take(bed->v, &packet, &none));
}

/* Groups of large packets: none is cut, each send is at most VERDICT_BATCH_BYTES, the bytes are copied at once. */
static void large_payloads(void **state)
{
    struct bed *bed = *state;
    static uint8_t packet[VERDICT_PAYLOAD_MAX + 1];
    struct seen seen[8];
    struct verdict_counts counts;
    unsigned sends = 0, found = 0;

    for (unsigned i = 0; i < 10; i++) {
        uint32_t id = take(bed, 0, i, 4);
        memset(packet, (int)i, sizeof packet);
        verdict_accept(bed->v, id, MARK_PASS, (struct bytes){packet, VERDICT_PAYLOAD_MAX - i});
        for (unsigned count; (count = read_group(bed, 0, seen, 8)) != 0; sends++)
            for (unsigned k = 0; k < count; k++, found++) {
                assert_int_equal(seen[k].id, found);
                assert_int_equal(seen[k].payload.len, VERDICT_PAYLOAD_MAX - found);
                assert_int_equal(seen[k].payload.at[0], found);
                assert_int_equal(seen[k].payload.at[seen[k].payload.len - 1], found);
            }
    }
    verdict_flush(bed->v);
    found += read_group(bed, 0, seen, 8);
    assert_int_equal(found, 10);
    assert_int_equal(sends, 3); /* three a group, and the last by flush */

    /* What no attribute can carry is dropped, not cut. */
    verdict_accept(bed->v, take(bed, 0, 50, 4), MARK_APPROVE, (struct bytes){packet, VERDICT_PAYLOAD_MAX + 1});
    verdict_flush(bed->v);
    assert_int_equal(read_group(bed, 0, seen, 8), 1);
    assert_int_equal(seen[0].verdict, NF_DROP);
    verdict_counts(bed->v, &counts);
    assert_int_equal(counts.too_long, 1);
    assert_int_equal(counts.accepted, 10);
}

/* A group that the kernel does not take goes out one by one; what is too large even so becomes a drop. */
static void refused_group(void **state)
{
    struct bed *bed = *state;
    static uint8_t packet[60000];
    struct seen seen[8];
    int size = 40000; /* SO_SNDBUF: doubled; the largest datagram is about that */
    uint32_t verdict[4] = {0};
    unsigned found = 0;

    assert_int_equal(setsockopt(bed->ours[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof size), 0);
    size = 20000;
    struct verdicts *v = verdict_new(&bed->layout, bed->ours);
    for (uint32_t i = 0; i < 3; i++) {
        uint32_t id;
        assert_true(verdict_take(v, &(struct verdict_packet){.number = 3, .id = i, .mark = 4}, &id));
        verdict_accept(v, id, MARK_PASS, (struct bytes){packet, i == 1 ? 100 : 60000});
    }
    assert_int_equal(setsockopt(bed->ours[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof size), 0);
    verdict_flush(v);
    for (unsigned count; (count = read_group(bed, 0, seen, 8)) != 0;)
        for (unsigned k = 0; k < count; k++, found++)
            verdict[seen[k].id] = seen[k].verdict + 1;
    assert_int_equal(found, 3);
    assert_int_equal(verdict[0], NF_DROP + 1);
    assert_int_equal(verdict[1], NF_ACCEPT + 1);
    assert_int_equal(verdict[2], NF_DROP + 1);
    verdict_free(v);
}

/* Queue messages as the kernel makes them (net/netfilter/nfnetlink_queue.c), and broken ones. */
static void messages(void **state)
{
    (void)state;
    _Alignas(8) char buffer[2048];
    struct receive_packet packet;
    struct nfqnl_msg_packet_hdr header = {.packet_id = htonl(0x01020304), .hook = NF_INET_LOCAL_OUT};
    static const uint8_t ip[] = {0x45, 0, 0, 20};

    struct nlmsghdr *m = nfq_nlmsg_put(buffer, NFQNL_MSG_PACKET, 21001);
    assert_false(receive_parse(m, 1, &packet)); /* no header: no id to judge under */
    mnl_attr_put(m, NFQA_PACKET_HDR, sizeof header, &header);
    assert_true(receive_parse(m, 1, &packet)); /* no payload: dropped by the worker */
    assert_true(packet.cut);
    mnl_attr_put(m, NFQA_PAYLOAD, sizeof ip, ip);
    assert_true(receive_parse(m, 1, &packet));
    assert_false(packet.cut || packet.gso || packet.sum_unfinished);
    assert_true(packet.at_output);
    assert_int_equal(packet.verdict.id, 0x01020304);
    assert_int_equal(packet.verdict.number, 21001);
    assert_int_equal(packet.verdict.queue, 1);
    assert_int_equal(packet.verdict.mark, 0);
    assert_true(bytes_equal(packet.ip, (struct bytes){ip, sizeof ip}));
    mnl_attr_put_u32(m, NFQA_MARK, htonl(0xdead4005));
    mnl_attr_put_u32(m, NFQA_SKB_INFO, htonl(NFQA_SKB_GSO | NFQA_SKB_CSUMNOTREADY));
    assert_true(receive_parse(m, 1, &packet));
    assert_true(packet.gso && packet.sum_unfinished && !packet.cut);
    assert_int_equal(packet.verdict.mark, 0xdead4005);
    mnl_attr_put_u32(m, NFQA_CAP_LEN, htonl(70000));
    assert_true(receive_parse(m, 1, &packet));
    assert_true(packet.cut);

    static const struct {
        uint8_t hook;
        bool at_output;
    } hooks[] = {{NF_INET_PRE_ROUTING, true}, {NF_INET_LOCAL_IN, false},     {NF_INET_FORWARD, false},
                 {NF_INET_LOCAL_OUT, true},   {NF_INET_POST_ROUTING, false}, {200, false}};
    for (unsigned i = 0; i < sizeof hooks / sizeof *hooks; i++) {
        header.hook = hooks[i].hook;
        m = nfq_nlmsg_put(buffer, NFQNL_MSG_PACKET, 1);
        mnl_attr_put(m, NFQA_PACKET_HDR, sizeof header, &header);
        mnl_attr_put(m, NFQA_PAYLOAD, sizeof ip, ip);
        assert_true(receive_parse(m, 0, &packet));
        assert_int_equal(packet.at_output, hooks[i].at_output);
    }
    m->nlmsg_type = NFNL_SUBSYS_QUEUE << 8 | NFQNL_MSG_CONFIG;
    assert_false(receive_parse(m, 0, &packet));
    m = nfq_nlmsg_put(buffer, NFQNL_MSG_PACKET, 1);
    mnl_attr_put(m, NFQA_PACKET_HDR, 3, &header); /* shorter than its structure */
    assert_false(receive_parse(m, 0, &packet));
    m = nfq_nlmsg_put(buffer, NFQNL_MSG_PACKET, 1);
    m->nlmsg_len = sizeof *m;
    assert_false(receive_parse(m, 0, &packet));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(marks, setup, teardown),
        cmocka_unit_test_setup_teardown(two_queues, setup, teardown),
        cmocka_unit_test_setup_teardown(exactly_once, setup, teardown),
        cmocka_unit_test_setup_teardown(full_table, setup, teardown),
        cmocka_unit_test_setup_teardown(large_payloads, setup, teardown),
        cmocka_unit_test_setup_teardown(refused_group, setup, teardown),
        cmocka_unit_test(messages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
