/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The judge over other datagrams, other protocols and broken packets (DESIGN s3.4, s3.6). */
#include "tests/unit/dns_talk.h"

static void datagrams(void **state)
{
    (void)state;
    struct bed *b = bed_new(policy);
    uint8_t quic[1200] = {0xc3, 0, 0, 0, 1, 8};
    uint32_t id = bed_udp(b, MARK_TO_SERVER, client, (struct bed_end){"198.19.0.1", 443}, (struct bytes){quic, 1200});
    assert_int_equal(bed_fate(b, id), BED_DROPPED);
    assert_int_equal(b->denial.reason, REASON_QUIC);
    assert_string_equal(b->denial.hint, ""); /* the name is what lacks */
    assert_int_equal(b->injections, 1);      /* so that HTTP/3 clients fall back at once */
    struct packet p;
    packet_parse((struct bytes){b->injected, b->injected_len}, true, &p);
    assert_int_equal(p.protocol, IPPROTO_ICMP);
    ask(b, 2, "good.example", 1);
    answer(b, "198.19.0.7");
    bed_udp(b, MARK_TO_SERVER, client, (struct bed_end){"198.19.0.7", 443}, (struct bytes){quic, 1200});
    assert_int_equal(b->denial.reason, REASON_QUIC); /* also at the address of an allowed name */
    assert_string_equal(b->denial.hint, "quic: judge");
    id = bed_udp(b, MARK_TO_SERVER, client, (struct bed_end){"9.9.9.9", 53}, (struct bytes){quic, 40});
    assert_int_equal(bed_fate(b, id), BED_DROPPED);
    assert_int_equal(b->denial.reason, REASON_FOREIGN_RESOLVER);
    assert_string_equal(b->denial.hint, "resolvers: [9.9.9.9]");
    id = bed_udp(b, MARK_TO_SERVER, client, (struct bed_end){"198.19.0.5", 123}, (struct bytes){quic, 48});
    assert_int_equal(bed_fate(b, id), BED_DROPPED);
    ask(b, 3, "time.example", 1);
    answer(b, "198.19.0.5");
    id = bed_udp(b, MARK_TO_SERVER, client, (struct bed_end){"198.19.0.5", 123}, (struct bytes){quic, 48});
    assert_int_equal(bed_fate(b, id), BED_ACCEPTED);
    assert_int_equal(b->mark[id], MARK_APPROVE);
    bed_free(b);
}

static void other_protocols_and_broken_packets(void **state)
{
    (void)state;
    struct bed *b = bed_new(policy);
    static uint8_t ip[PACKET_MAX];
    static const uint8_t echo[] = {8, 0, 0, 0, 0, 1, 0, 1, 's', 'e', 'c', 'r', 'e', 't'};
    for (unsigned protocol = 0; protocol < 256; protocol++) {
        if (protocol == IPPROTO_TCP || protocol == IPPROTO_UDP)
            continue;
        size_t len = bed_ip(ip, client, resolver, (uint8_t)protocol, (struct bytes){echo, sizeof echo});
        assert_int_equal(bed_fate(b, bed_judge(b, (struct bytes){ip, len}, MARK_TO_SERVER)), BED_DROPPED);
    }
    size_t len = bed_ip(ip, client, resolver, IPPROTO_UDP, (struct bytes){echo, sizeof echo});
    ip[6] = 0x20; /* more fragments */
    assert_int_equal(bed_fate(b, bed_judge(b, (struct bytes){ip, len}, MARK_TO_SERVER)), BED_DROPPED);
    assert_int_equal(b->denial.reason, REASON_IP_FORM);
    for (size_t cut = 0; cut < 28; cut++)
        assert_int_equal(bed_fate(b, bed_judge(b, (struct bytes){ip, cut}, MARK_TO_SERVER)), BED_DROPPED);
    bed_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(datagrams),
        cmocka_unit_test(other_protocols_and_broken_packets),
    };
    return cmocka_run_group_tests_name("judge_datagram", tests, NULL, NULL);
}
