/* SPDX-License-Identifier: GPL-3.0-or-later */
/* policy/decide: may a connection start?  Facts in, verdict and reason out. */
#include "tests/unit/decide_bed.h"

struct connect_row {
    const char *address;
    uint16_t port;
    const char *bound;
    enum decide_path path;
    enum reason reason;
    const char *rule;
};

static const struct connect_row tcp_rows[] = {
    {PUBLIC, 80, "chat.example", DECIDE_INSPECT_HTTP, REASON_NAME_ALLOWED, "ws://chat.example"},
    {PUBLIC, 80, "nochat.example", DECIDE_REFUSE, REASON_DENIED, "http://nochat.example"},
    /* a proxy: by a live binding, by its range, by its address; never by another port or in grace */
    {PUBLIC, 3128, "proxy.example", DECIDE_INSPECT_PROXY, REASON_NAME_ALLOWED, "proxy://proxy.example:3128"},
    {PUBLIC, 3128, "!proxy.example", DECIDE_REFUSE, REASON_BINDING_EXPIRED, NULL},
    {PUBLIC, 3128, "", DECIDE_REFUSE, REASON_NOT_RESOLVED, NULL},
    {PUBLIC, 443, "proxy.example", DECIDE_REFUSE, REASON_PORT_NOT_ALLOWED, NULL},
    {"10.7.1.1", 3128, "", DECIDE_INSPECT_PROXY, REASON_NAME_ALLOWED, "proxy://proxy2.example@10.7.0.0/16:3128"},
    {"10.8.1.1", 3128, "", DECIDE_REFUSE, REASON_DENIED, "gone.example"},
    /* what is called a proxy is judged as one, also within a range that is open */
    {"10.1.2.9", 5432, "", DECIDE_INSPECT_PROXY, REASON_ADDRESS_ALLOWED, "proxy://10.1.2.9:5432"},
    /* by name: what the name's entries ask for */
    {PUBLIC, 443, "registry.example", DECIDE_INSPECT_TLS, REASON_NAME_ALLOWED, "registry.example"},
    {PUBLIC, 80, "mirror.example", DECIDE_INSPECT_HTTP, REASON_NAME_ALLOWED, "http://mirror.example"},
    {PUBLIC, 8080, "both.example", DECIDE_INSPECT_EITHER, REASON_NAME_ALLOWED, "tls://both.example:8080"},
    {PUBLIC, 22, "git.example", DECIDE_RELEASE, REASON_NAME_ALLOWED, "tcp://git.example:22"},
    {PUBLIC, 443, "a.b.cdn.example", DECIDE_INSPECT_TLS, REASON_NAME_ALLOWED, "**.cdn.example"},
    {PUBLIC, 443, "x.one.example", DECIDE_INSPECT_TLS, REASON_NAME_ALLOWED, "*.one.example"},
    {PUBLIC, 443, "evil.example registry.example", DECIDE_INSPECT_TLS, REASON_NAME_ALLOWED, "registry.example"},
    /* nothing resolved: an address alone proves nothing (law 2) */
    {PUBLIC, 443, "", DECIDE_REFUSE, REASON_NOT_RESOLVED, NULL},
    {"2001:db8::7", 443, "", DECIDE_REFUSE, REASON_NOT_RESOLVED, NULL},
    {PUBLIC, 80, "registry.example", DECIDE_REFUSE, REASON_PORT_NOT_ALLOWED, NULL},
    {PUBLIC, 443, "evil.example", DECIDE_REFUSE, REASON_NOT_IN_ALLOWLIST, NULL},
    {PUBLIC, 443, "cdn.example", DECIDE_REFUSE, REASON_NOT_IN_ALLOWLIST, NULL}, /* the apex is not below itself */
    {PUBLIC, 443, "y.x.one.example", DECIDE_REFUSE, REASON_NOT_IN_ALLOWLIST, NULL},
    {PUBLIC, 443, "txt.example", DECIDE_REFUSE, REASON_NOT_IN_ALLOWLIST, NULL}, /* dns:// is to resolve only */
    {PUBLIC, 443, "time.example", DECIDE_REFUSE, REASON_NOT_IN_ALLOWLIST, NULL},
    /* deny wins, at every level of extends */
    {PUBLIC, 443, "ads.cdn.example", DECIDE_REFUSE, REASON_DENIED, "ads.cdn.example"},
    {PUBLIC, 443, "x.bad.cdn.example", DECIDE_REFUSE, REASON_DENIED, "**.bad.cdn.example"},
    {PUBLIC, 443, "never.cdn.example", DECIDE_REFUSE, REASON_DENIED, "never.cdn.example"},
    {PUBLIC, 443, "inherited.example", DECIDE_REFUSE, REASON_DENIED, "inherited.example"},
    {PUBLIC, 443, "ads.cdn.example fine.cdn.example", DECIDE_INSPECT_TLS, REASON_NAME_ALLOWED, "**.cdn.example"},
    {PUBLIC, 80, "half.example", DECIDE_REFUSE, REASON_PORT_NOT_ALLOWED, NULL},
    {PUBLIC, 443, "half.example", DECIDE_INSPECT_TLS, REASON_NAME_ALLOWED, "half.example"},
    {"198.51.100.9", 443, "registry.example", DECIDE_REFUSE, REASON_DENIED, "198.51.100.0/24"},
    {"198.51.100.9", 443, "", DECIDE_REFUSE, REASON_DENIED, "198.51.100.0/24"},
    {"203.0.113.7", 22, "", DECIDE_REFUSE, REASON_DENIED, "203.0.113.7:22"},
    {"203.0.113.7", 23, "", DECIDE_RELEASE, REASON_ADDRESS_ALLOWED, "203.0.113.0/24:22-25"},
    /* by address */
    {"10.1.2.3", 5432, "", DECIDE_RELEASE, REASON_ADDRESS_ALLOWED, "10.1.2.0/24:5432"},
    {"10.1.2.3", 5433, "", DECIDE_REFUSE, REASON_PORT_NOT_ALLOWED, NULL},
    {"10.1.3.3", 5432, "evil.example", DECIDE_REFUSE, REASON_NOT_IN_ALLOWLIST, NULL},
    {"2001:db8:1::5", 443, "", DECIDE_RELEASE, REASON_ADDRESS_ALLOWED, "[2001:db8:1::/48]:443"},
    {"2001:db8:2::5", 443, "", DECIDE_REFUSE, REASON_NOT_RESOLVED, NULL},
    {"203.0.113.9", 25, "", DECIDE_RELEASE, REASON_ADDRESS_ALLOWED, "203.0.113.0/24:22-25"},
    {"203.0.113.9", 26, "", DECIDE_REFUSE, REASON_PORT_NOT_ALLOWED, NULL},
    {"203.0.113.9", 21, "", DECIDE_REFUSE, REASON_PORT_NOT_ALLOWED, NULL},
    /* name@range: without DNS (hosts file) the inspection may begin; tcp:// releases */
    {"10.9.9.9", 443, "", DECIDE_INSPECT_TLS, REASON_NAME_ALLOWED, "inside.example@10.0.0.0/8"},
    {"10.9.9.9", 444, "", DECIDE_REFUSE, REASON_NOT_RESOLVED, NULL},
    {"11.9.9.9", 443, "", DECIDE_REFUSE, REASON_NOT_RESOLVED, NULL},
    {"10.5.1.1", 5432, "", DECIDE_RELEASE, REASON_NAME_ALLOWED, "tcp://db.example@10.5.0.0/16:5432"},
    {"10.6.1.1", 5432, "", DECIDE_REFUSE, REASON_DENIED, "denied.example"},
    /* grace is good only where a server name is checked too */
    {PUBLIC, 443, "!registry.example", DECIDE_INSPECT_TLS, REASON_NAME_ALLOWED, "registry.example"},
    {PUBLIC, 80, "!mirror.example", DECIDE_INSPECT_HTTP, REASON_NAME_ALLOWED, "http://mirror.example"},
    {PUBLIC, 22, "!git.example", DECIDE_REFUSE, REASON_BINDING_EXPIRED, NULL},
    {PUBLIC, 22, "!git.example git.example", DECIDE_RELEASE, REASON_NAME_ALLOWED, "tcp://git.example:22"},
    /* the clouds' metadata */
    {"169.254.169.254", 80, "", DECIDE_REFUSE, REASON_METADATA_ADDRESS, NULL},
    {"169.254.169.254", 443, "evil.example", DECIDE_REFUSE, REASON_METADATA_ADDRESS, NULL},
    {"169.254.169.254", 8080, "", DECIDE_RELEASE, REASON_ADDRESS_ALLOWED, "169.254.169.254:8080"},
    {"168.63.129.16", 80, "", DECIDE_REFUSE, REASON_METADATA_ADDRESS, NULL},
    {"100.100.100.200", 80, "", DECIDE_REFUSE, REASON_METADATA_ADDRESS, NULL},
    {"fd00:ec2::254", 80, "", DECIDE_REFUSE, REASON_METADATA_ADDRESS, NULL},
};

static const struct connect_row udp_rows[] = {
    {PUBLIC, 123, "time.example", DECIDE_RELEASE, REASON_NAME_ALLOWED, "udp://time.example:123"},
    {PUBLIC, 124, "time.example", DECIDE_REFUSE, REASON_PORT_NOT_ALLOWED, NULL},
    {PUBLIC, 123, "!time.example", DECIDE_REFUSE, REASON_BINDING_EXPIRED, NULL},
    {PUBLIC, 123, "", DECIDE_REFUSE, REASON_NOT_RESOLVED, NULL},
    {PUBLIC, 443, "registry.example", DECIDE_REFUSE, REASON_UDP_NOT_ALLOWED, NULL}, /* TLS entries allow no QUIC */
    {PUBLIC, 22, "git.example", DECIDE_REFUSE, REASON_UDP_NOT_ALLOWED, NULL},
    {"10.1.2.3", 53, "", DECIDE_RELEASE, REASON_ADDRESS_ALLOWED, "udp://10.1.2.0/24:53"},
    {"10.1.2.3", 5432, "", DECIDE_REFUSE, REASON_PORT_NOT_ALLOWED, NULL},
    {"203.0.113.9", 22, "", DECIDE_REFUSE, REASON_UDP_NOT_ALLOWED, NULL},
    {"198.51.100.9", 123, "time.example", DECIDE_REFUSE, REASON_DENIED, "198.51.100.0/24"},
    {"169.254.169.254", 53, "", DECIDE_REFUSE, REASON_METADATA_ADDRESS, NULL},
};

typedef struct decision decide_connect(const struct policy_scope *, const struct address *, uint16_t,
                                       const struct bound_name *, unsigned);

static void check_connect(const struct connect_row *rows, size_t count, decide_connect *decide)
{
    for (size_t i = 0; i < count; i++) {
        const struct connect_row *r = &rows[i];
        struct address a = address(r->address);
        struct bound_list bound;
        char what[200];
        bind_names(&bound, r->bound);
        snprintf(what, sizeof what, "%s:%u [%s]", r->address, r->port, r->bound);
        struct decision d = decide(f.scope, &a, r->port, bound.name, bound.count);
        if (d.path != r->path || d.reason != r->reason)
            fail_msg("%s: path %d, %s", what, (int)d.path, reason_name(d.reason));
        check_rule(what, &d, r->rule);
        assert_false(d.noise);
        if (d.offer)
            assert_true(d.path == DECIDE_REFUSE && !reason_is_attack(d.reason) && d.reason != REASON_DENIED);
    }
}

static void test_tcp(void **state)
{
    (void)state;
    check_connect(tcp_rows, sizeof tcp_rows / sizeof *tcp_rows, decide_tcp);
}

static void test_udp(void **state)
{
    (void)state;
    check_connect(udp_rows, sizeof udp_rows / sizeof *udp_rows, decide_udp);
}

/* A child's entries do not reach its parent. */
static void test_chain_is_upwards(void **state)
{
    (void)state;
    struct name n;
    assert_true(name_from_wire(text("inherited.example"), &n));
    assert_int_equal(decide_question(f.policy, f.base, &n, A, false).reason, REASON_NAME_ALLOWED);
    assert_true(name_from_wire(text("registry.example"), &n));
    assert_int_equal(decide_question(f.policy, f.base, &n, A, false).reason, REASON_NOT_IN_ALLOWLIST);
}

static void test_resolver(void **state)
{
    (void)state;
    struct address pinned = address("192.0.2.53"), other = address("8.8.8.8"), mapped = address("::ffff:192.0.2.53");
    assert_true(decide_is_resolver(f.scope, &pinned));
    assert_false(decide_is_resolver(f.scope, &other));
    assert_false(decide_is_resolver(f.scope, &mapped));
}

/* The same facts give the same decision: no state is kept. */
static void test_pure(void **state)
{
    (void)state;
    struct address a = address(PUBLIC);
    struct bound_list bound;
    bind_names(&bound, "registry.example git.example");
    struct decision first = decide_tcp(f.scope, &a, 443, bound.name, bound.count);
    for (unsigned port = 1; port < 65536; port += 7)
        decide_tcp(f.scope, &a, (uint16_t)port, bound.name, bound.count);
    struct decision again = decide_tcp(f.scope, &a, 443, bound.name, bound.count);
    assert_int_equal(first.path, again.path);
    assert_int_equal(first.reason, again.reason);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tcp),      cmocka_unit_test(test_udp),  cmocka_unit_test(test_chain_is_upwards),
        cmocka_unit_test(test_resolver), cmocka_unit_test(test_pure),
    };
    return cmocka_run_group_tests_name("decide", tests, setup, teardown);
}
