/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The judge at the edges of TCP: options on segments, bytes left of the first, ICMP errors about an own connection. */
#include "tests/unit/judge_bed.h"
#include "tests/unit/hellos.h"

#define SITE       "198.19.0.1"
#define SITE6      "2001:db8:2::80"
#define CLIENT6    "2001:db8:1::2"
#define SERVER_ISN 900000u

static const char enforce[] =
    "version: 1\nresolvers: [198.18.0.53]\nprofiles: { p: { allow: [good.example] } }\n"
    "scopes: [ { name: s, match: { source: [198.18.0.0/15, '2001:db8:1::/64'] }, profile: p } ]\n";
static const char audit[] = "version: 1\nresolvers: [198.18.0.53]\nprofiles: { p: { allow: [good.example] } }\n"
                            "scopes: [ { name: s, match: { source: 198.18.0.0/15 }, profile: p, mode: audit } ]\n";

static const struct bed_end client = {BED_CLIENT, 40000}, site = {SITE, 443};

static struct bytes bytes_of(const void *at, size_t len)
{
    return (struct bytes){at, len};
}

/* A connection to an allowed address, whose server has answered; nothing of it was said yet. */
static struct bed *opened(const char *policy)
{
    struct bed *b = bed_new(policy);
    bed_bind(b, 1, "good.example", SITE, 300);
    uint32_t id =
        bed_tcp(b, MARK_TO_SERVER, client, site, TCP_SYN, b->client_isn, 0, (struct bytes){0}, (struct bytes){0});
    assert_int_equal(bed_fate(b, id), BED_ACCEPTED);
    id = bed_tcp(b, MARK_FROM_SERVER, site, client, TCP_SYN | TCP_ACK, SERVER_ISN, b->client_isn + 1, (struct bytes){0},
                 (struct bytes){0});
    assert_int_equal(bed_fate(b, id), BED_ACCEPTED);
    return b;
}

/* The client's segment, `at` bytes right of its first. */
static uint32_t says(struct bed *b, int32_t at, struct bytes options, struct bytes payload)
{
    return bed_tcp(b, MARK_TO_SERVER, client, site, TCP_ACK | TCP_PSH, b->client_isn + 1 + (uint32_t)at, SERVER_ISN + 1,
                   options, payload);
}

static bool says_hello(struct bed *b)
{
    static uint8_t hello[2000];
    struct hello_options o = {.what = "test", .name = "good.example"};
    size_t len = hello_make(&o, hello, sizeof hello);
    uint32_t id = says(b, 0, (struct bytes){0}, bytes_of(hello, len));
    return bed_fate(b, id) == BED_ACCEPTED && memcmp(b->wire, hello, len) == 0;
}

static bool server_has_bytes(const struct bed *b)
{
    return memchr(b->seen, 1, sizeof b->seen) != NULL;
}

/* The connection was cut for `reason`: both ends are told, nothing of the client's bytes went, and nothing more does.
 */
static void assert_cut(struct bed *b, enum reason reason)
{
    struct packet p;
    assert_int_equal(b->denial.reason, reason);
    assert_true(b->denial.cut);
    assert_int_equal(packet_parse(bytes_of(b->last, b->last_len), true, &p), REASON_NONE);
    assert_true(p.flags & TCP_RST && p.destination_port == site.port && p.payload.len == 0 && p.options.len == 0);
    assert_int_equal(packet_parse(bytes_of(b->injected, b->injected_len), true, &p), REASON_NONE);
    assert_true(p.flags & TCP_RST && p.destination_port == client.port);
    assert_false(says_hello(b));
    assert_false(server_has_bytes(b));
}

/* RFC 2385, RFC 5925: a server without the key drops such a segment, and reads another in its place.  Options that
 * receivers read differently: the same. */
static void options_of_a_segment(void **state)
{
    (void)state;
    static const struct {
        const char *what;
        uint8_t options[20];
        uint8_t len;
        bool passes;
    } rows[] = {
        {"none", {0}, 0, true},
        {"timestamps", {1, 1, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8}, 12, true},
        {"an unknown one", {254, 4, 'l', 'k'}, 4, true},
        {"MD5", {19, 18, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 1, 1}, 20, false},
        {"short MD5", {1, 1, 19, 2}, 4, false},
        {"AO", {29, 4, 1, 1}, 4, false},
        {"MD5 behind another", {254, 2, 19, 2}, 4, false},
        {"length 0", {254, 0, 1, 1}, 4, false},
        {"length 1", {254, 1, 1, 1}, 4, false},
        {"beyond the header", {1, 1, 254, 3}, 4, false},
        {"no length", {1, 1, 1, 254}, 4, false},
        {"timestamps of 9", {8, 9, 1, 2, 3, 4, 5, 6, 7, 1, 1, 1}, 12, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct bytes options = {rows[i].options, rows[i].len};
        for (unsigned bare = 0; bare < 2; bare++) {
            struct bed *b = opened(enforce);
            uint32_t id = says(b, 0, options, bytes_of("\x16\x03\x01", bare ? 0 : 3));
            if (rows[i].passes && (b->denials || bed_fate(b, id) != (bare ? BED_ACCEPTED : BED_IN)))
                fail_msg("%s: refused", rows[i].what);
            if (rows[i].passes && bare)
                assert_null(memmem(b->last, b->last_len, "lk", 2));
            if (!rows[i].passes && b->denials != 1)
                fail_msg("%s: not refused", rows[i].what);
            if (!rows[i].passes)
                assert_cut(b, REASON_TCP_OPTION);
            else
                assert_true(says_hello(b));
            bed_free(b);
        }
        struct bed *b = opened(audit); /* there it goes as it lies */
        assert_int_equal(bed_fate(b, says(b, 0, options, bytes_of("\x16\x03\x01", 3))), BED_ACCEPTED);
        assert_int_equal(b->told[REASON_TCP_OPTION], 0);
        bed_free(b);
    }
}

/* RFC 9293 s3.4: a server cuts off what lies left of its window and reads the rest. */
static void bytes_left_of_the_first(void **state)
{
    (void)state;
    static const struct {
        int32_t at;
        size_t len;
        bool passes;
    } rows[] = {
        {0, 1, true},   /* the first itself */
        {-1, 1, true},  /* a keep-alive probe (RFC 1122 s4.2.3.6) */
        {-1, 0, true},  /* one without a byte */
        {-1, 2, false}, /* one of them is the first */
        {-1, 6, false},       {-5, 5, false},     {-5, 1000, false},
        {-1000, 1400, false}, {-70000, 2, false}, {-0x7fffff00, 2, false},
    };
    static uint8_t words[1400];
    memset(words, 0x16, sizeof words);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct bed *b = opened(enforce);
        uint32_t id = says(b, rows[i].at, (struct bytes){0}, bytes_of(words, rows[i].len));
        if (rows[i].passes != (b->denials == 0))
            fail_msg("%d, %zu bytes: %s", rows[i].at, rows[i].len, reason_name(b->denial.reason));
        if (!rows[i].passes) {
            assert_cut(b, REASON_TCP_SEQUENCE);
        } else if (rows[i].at < 0) { /* goes, without its byte */
            struct packet p;
            assert_int_equal(bed_fate(b, id), BED_ACCEPTED);
            assert_int_equal(packet_parse(bytes_of(b->last, b->last_len), true, &p), REASON_NONE);
            assert_int_equal(p.payload.len, 0);
        }
        if (rows[i].passes)
            assert_true(says_hello(b));
        bed_free(b);
    }
}

/* An ICMP error about what SITE sent: a quotation of `quoted` octets behind the quoted header, and words in each. */
static size_t error_about(uint8_t *ip, bool ip6, uint8_t type, size_t quoted)
{
    uint8_t inner[PACKET_MAX], tcp[600], icmp[700];
    struct bed_end near = {ip6 ? CLIENT6 : BED_CLIENT, 40000}, far = {ip6 ? SITE6 : SITE, 443};
    struct writer w = writer_init(tcp, sizeof tcp);
    writer_u16(&w, far.port);
    writer_u16(&w, near.port);
    writer_u32(&w, SERVER_ISN);
    for (unsigned i = 0; i < 100; i++)
        writer_bytes(&w, bytes_of("leak", 4));
    size_t inner_len = bed_ip(inner, far, near, IPPROTO_TCP, bytes_of(tcp, writer_len(&w)));
    size_t cut = (ip6 ? 40 : 20) + quoted;
    w = writer_init(icmp, sizeof icmp);
    writer_u8(&w, type);
    writer_u8(&w, 3);
    writer_u16(&w, 0);
    writer_bytes(&w, bytes_of("leak", 4));
    writer_bytes(&w, bytes_of(inner, cut < inner_len ? cut : inner_len));
    return bed_ip(ip, near, far, ip6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP, bytes_of(icmp, writer_len(&w)));
}

static void errors_go_on_as_copies(void **state)
{
    (void)state;
    static uint8_t ip[PACKET_MAX];
    for (unsigned ip6 = 0; ip6 < 2; ip6++) {
        size_t head = ip6 ? 40 : 20;
        for (size_t quoted = 0; quoted < 300; quoted += quoted < 12 ? 1 : 100) {
            struct bed *b = bed_new(enforce);
            size_t len = error_about(ip, ip6, ip6 ? 1 : 3, quoted);
            uint32_t id = bed_judge(b, bytes_of(ip, len), MARK_TO_SERVER);
            assert_int_equal(b->injections, 0); /* none about an ICMP error (RFC 1122 s3.2.2) */
            if (quoted < 8) {
                assert_int_equal(bed_fate(b, id), BED_DROPPED);
                assert_int_equal(b->denial.reason, REASON_PROTOCOL);
            } else {
                assert_int_equal(bed_fate(b, id), BED_ACCEPTED);
                assert_int_equal(b->mark[id], MARK_PASS);
                assert_int_equal(b->events, 0);
                assert_int_equal(b->last_len, head + 8 + head + 8);
                assert_memory_equal(b->last + head + 8 + head, ip + head + 8 + head, 8);
                assert_null(memmem(b->last, b->last_len, "leak", 4));
            }
            bed_free(b);
        }
    }
}

/* What is no error, or one that quotes what no host was sent, is refused with its reason. */
static void other_icmp_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *what;
        bool ip6;
        uint8_t type;
        size_t at; /* an octet of the packet that is changed; 0: none */
        uint8_t value;
        bool answered;
    } rows[] = {
        {"echo", false, 8, 0, 0, true},
        {"redirect", false, 5, 0, 0, false},
        {"timestamp", false, 13, 0, 0, true},
        {"options quoted", false, 3, 28, 0x46, false},
        {"IPv6 quoted", false, 3, 28, 0x60, false},
        {"echo", true, 128, 0, 0, true},
        {"redirect", true, 137, 0, 0, false},
        {"IPv4 quoted", true, 1, 48, 0x45, false},
    };
    static uint8_t ip[PACKET_MAX];
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct bed *b = bed_new(enforce);
        size_t len = error_about(ip, rows[i].ip6, rows[i].type, 100);
        if (rows[i].at)
            ip[rows[i].at] = rows[i].value;
        uint32_t id = bed_judge(b, bytes_of(ip, len), MARK_TO_SERVER);
        if (bed_fate(b, id) != BED_DROPPED || b->denial.reason != REASON_PROTOCOL || b->injections != rows[i].answered)
            fail_msg("%s: fate %d, %s, %u answers", rows[i].what, bed_fate(b, id), reason_name(b->denial.reason),
                     b->injections);
        bed_free(b);
    }
}

/* Audit changes nothing: the original goes. */
static void errors_in_audit(void **state)
{
    (void)state;
    static uint8_t ip[PACKET_MAX];
    struct bed *b = bed_new(audit);
    size_t len = error_about(ip, false, 3, 100);
    assert_int_equal(bed_fate(b, bed_judge(b, bytes_of(ip, len), MARK_TO_SERVER)), BED_ACCEPTED);
    assert_int_equal(b->last_len, 0);
    bed_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_of_a_segment),   cmocka_unit_test(bytes_left_of_the_first),
        cmocka_unit_test(errors_go_on_as_copies), cmocka_unit_test(other_icmp_is_refused),
        cmocka_unit_test(errors_in_audit),
    };
    return cmocka_run_group_tests_name("judge_edges", tests, NULL, NULL);
}
