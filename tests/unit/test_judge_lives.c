/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How long connections live, by the judge's clock: pools that are idle for an hour, addresses kept longer than their
 * TTL, thousands of short connections. */
#include <netinet/in.h>

#include "tests/unit/hellos.h"
#include "tests/unit/judge_bed.h"

#define SITE    "198.18.5.1"
#define SECONDS 1000000ull

static const char policy[] =
    "version: 1\nresolvers: [198.18.0.53]\nprofiles: { p: { allow: [good.example, 'http://web.example'] } }\n"
    "scopes: [ { name: s, match: { source: 198.18.0.0/24 }, profile: p } ]\n";

static const struct bed_end site = {SITE, 443}, web = {SITE, 80};

/* One side's segment; `port` is the client's. */
static uint32_t says(struct bed *b, enum mark_queued path, uint16_t port, struct bed_end server, uint8_t flags,
                     uint32_t at, struct bytes payload)
{
    struct bed_end client = {BED_CLIENT, port};
    bool up = path == MARK_TO_SERVER;
    return bed_tcp(b, path, up ? client : server, up ? server : client, flags, up ? b->client_isn + at : 7000 + at,
                   up ? 7001 : b->client_isn + 1, (struct bytes){0}, payload);
}

static enum bed_fate opened(struct bed *b, uint16_t port, struct bed_end server)
{
    b->client_isn = 5000;
    memset(b->seen, 0, sizeof b->seen); /* another stream */
    struct bed_end client = {BED_CLIENT, port};
    uint32_t id = bed_tcp(b, MARK_TO_SERVER, client, server, TCP_SYN, 5000, 0, (struct bytes){0}, (struct bytes){0});
    if (bed_fate(b, id) == BED_ACCEPTED)
        says(b, MARK_FROM_SERVER, port, server, TCP_SYN | TCP_ACK, 0, (struct bytes){0});
    return bed_fate(b, id);
}

static enum bed_fate greets(struct bed *b, uint16_t port)
{
    uint8_t hello[2000];
    size_t len = hello_for("good.example", 0, hello, sizeof hello);
    return bed_fate(b, says(b, MARK_TO_SERVER, port, site, TCP_ACK | TCP_PSH, 1, (struct bytes){hello, len}));
}

static const char request[] = "GET / HTTP/1.1\r\nHost: web.example\r\n\r\n";

static enum bed_fate asks(struct bed *b, uint16_t port, unsigned nth)
{
    uint32_t at = 1 + nth * (uint32_t)(sizeof request - 1);
    return bed_fate(b, says(b, MARK_TO_SERVER, port, web, TCP_ACK | TCP_PSH, at,
                            (struct bytes){(const uint8_t *)request, sizeof request - 1}));
}

static void later(struct bed *b, uint64_t seconds)
{
    b->now += seconds * SECONDS;
    judge_tick(b->judge, b->now);
}

static unsigned flows(const struct bed *b)
{
    struct judge_counts counts;
    judge_counts(b->judge, &counts);
    return counts.flows;
}

/* JVMs and pools keep an address longer than its TTL: 300 seconds at least, and an hour of grace where a name is shown.
 */
static void an_address_may_be_kept_for_an_hour(void **state)
{
    (void)state;
    struct bed *b = bed_new(policy);
    bed_bind(b, 1, "good.example", SITE, 5);
    static const unsigned after[] = {10, 280, 1200, 2400};
    for (uint16_t i = 0; i < sizeof after / sizeof *after; i++) {
        later(b, after[i]); /* in all 3,890 seconds of the 3,900 */
        assert_int_equal(opened(b, (uint16_t)(40000 + i), site), BED_ACCEPTED);
        assert_int_equal(greets(b, (uint16_t)(40000 + i)), BED_ACCEPTED);
    }
    assert_int_equal(b->denials, 0);
    later(b, 20);
    assert_int_equal(opened(b, 40100, site), BED_RESET);
    assert_int_equal(b->denial.reason, REASON_BINDING_EXPIRED);
    bed_free(b);
}

/* Opened ahead of need: the first byte comes much later than the SYN. */
static void a_connection_may_wait_for_its_first_byte(void **state)
{
    (void)state;
    struct bed *b = bed_new(policy);
    bed_bind(b, 1, "good.example", SITE, 5);
    assert_int_equal(opened(b, 40000, site), BED_ACCEPTED);
    later(b, 1700);
    assert_int_equal(greets(b, 40000), BED_ACCEPTED);
    assert_int_equal(b->denials, 0);
    bed_free(b);
}

/* DESIGN s2: open flows outlive their binding. */
static void a_kept_connection_outlives_its_binding(void **state)
{
    (void)state;
    struct bed *b = bed_new(policy);
    bed_bind(b, 1, "web.example", SITE, 5);
    assert_int_equal(opened(b, 40000, web), BED_ACCEPTED);
    assert_int_equal(asks(b, 40000, 0), BED_ACCEPTED);
    static const unsigned after[] = {310, 3000, 1000, 7000};
    for (unsigned i = 0; i < sizeof after / sizeof *after; i++) {
        later(b, after[i]);
        assert_int_equal(asks(b, 40000, i + 1), BED_ACCEPTED);
    }
    assert_int_equal(b->denials, 0);
    bed_free(b);
}

/* A tool that makes a connection a request: what is closed does not fill the table. */
static void closed_connections_are_soon_forgotten(void **state)
{
    (void)state;
    struct bed *b = bed_new(policy);
    bed_bind(b, 1, "web.example", SITE, 5);
    for (unsigned i = 0; i < 300; i++) {
        uint16_t port = (uint16_t)(30000 + i);
        assert_int_equal(opened(b, port, web), BED_ACCEPTED);
        assert_int_equal(asks(b, port, 0), BED_ACCEPTED);
        uint32_t id = says(b, MARK_TO_SERVER, port, web, TCP_ACK | TCP_FIN, sizeof request, (struct bytes){0});
        assert_int_equal(bed_fate(b, id), BED_ACCEPTED);
        b->now += SECONDS / 10;
        judge_tick(b->judge, b->now);
        assert_true(flows(b) <= 120); /* ten a second */
    }
    /* Its last segment is lost and comes again, after the longest of the first time-outs. */
    later(b, 7);
    uint32_t id = says(b, MARK_TO_SERVER, 30299, web, TCP_ACK | TCP_FIN, sizeof request, (struct bytes){0});
    assert_int_equal(bed_fate(b, id), BED_ACCEPTED);
    later(b, 30);
    assert_int_equal(flows(b), 0);
    assert_int_equal(b->denials, 0);
    bed_free(b);
}

/* Short of memory, Linux puts the FIN on the last segment that it sent and sends that again (tcp_send_fin). */
static void a_last_segment_comes_again_with_the_end(void **state)
{
    (void)state;
    struct bed *b = bed_new(policy);
    bed_bind(b, 1, "web.example", SITE, 5);
    assert_int_equal(opened(b, 40000, web), BED_ACCEPTED);
    assert_int_equal(asks(b, 40000, 0), BED_ACCEPTED);
    struct bytes again = {(const uint8_t *)request, sizeof request - 1};
    uint32_t id = says(b, MARK_TO_SERVER, 40000, web, TCP_ACK | TCP_FIN, 1, again);
    assert_int_equal(bed_fate(b, id), BED_ACCEPTED);
    struct packet p;
    assert_int_equal(packet_parse((struct bytes){b->last, b->last_len}, true, &p), REASON_NONE);
    assert_true(p.flags & TCP_FIN);
    struct bed_end to = {BED_CLIENT, 40000};
    id = bed_tcp(b, MARK_FROM_SERVER, web, to, TCP_ACK, 7001, b->client_isn + 1 + sizeof request, (struct bytes){0},
                 (struct bytes){0});
    assert_int_equal(bed_fate(b, id), BED_ACCEPTED); /* it acknowledges the end too */
    bed_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_address_may_be_kept_for_an_hour),
        cmocka_unit_test(a_connection_may_wait_for_its_first_byte),
        cmocka_unit_test(a_kept_connection_outlives_its_binding),
        cmocka_unit_test(closed_connections_are_soon_forgotten),
        cmocka_unit_test(a_last_segment_comes_again_with_the_end),
    };
    return cmocka_run_group_tests_name("judge_lives", tests, NULL, NULL);
}
