/* SPDX-License-Identifier: GPL-3.0-or-later */
/* policy/decide: the name that a connection shows, or asks a proxy for. */
#include "tests/unit/decide_bed.h"

static void test_shown(void **state)
{
    (void)state;
    static const struct {
        enum endpoint_scheme scheme;
        const char *shown, *address;
        uint16_t port;
        const char *bound;
        enum reason reason;
        const char *rule;
    } rows[] = {
        {ENDPOINT_TLS, "registry.example", PUBLIC, 443, "registry.example", REASON_NAME_ALLOWED, "registry.example"},
        {ENDPOINT_TLS, "registry.example", PUBLIC, 443, "!registry.example", REASON_NAME_ALLOWED, "registry.example"},
        {ENDPOINT_HTTP, "mirror.example", PUBLIC, 80, "mirror.example", REASON_NAME_ALLOWED, "http://mirror.example"},
        {ENDPOINT_TLS, "x.cdn.example", PUBLIC, 443, "y.cdn.example x.cdn.example", REASON_NAME_ALLOWED,
         "**.cdn.example"},
        /* an allowed name towards an address that it was not resolved to: the SNI proves nothing */
        {ENDPOINT_TLS, "registry.example", PUBLIC, 443, "x.cdn.example", REASON_NAME_NOT_BOUND, NULL},
        {ENDPOINT_TLS, "x.cdn.example", PUBLIC, 443, "y.cdn.example", REASON_NAME_NOT_BOUND, NULL},
        {ENDPOINT_TLS, "registry.example", PUBLIC, 443, "", REASON_NAME_NOT_BOUND, NULL},
        {ENDPOINT_TLS, "evil.example", PUBLIC, 443, "registry.example", REASON_NOT_IN_ALLOWLIST, NULL},
        {ENDPOINT_TLS, "evil.example", PUBLIC, 443, "evil.example", REASON_NOT_IN_ALLOWLIST, NULL},
        {ENDPOINT_TLS, "ads.cdn.example", PUBLIC, 443, "ads.cdn.example", REASON_DENIED, "ads.cdn.example"},
        {ENDPOINT_TLS, "never.cdn.example", PUBLIC, 443, "never.cdn.example", REASON_DENIED, "never.cdn.example"},
        {ENDPOINT_TLS, "registry.example", "198.51.100.1", 443, "registry.example", REASON_DENIED, "198.51.100.0/24"},
        {ENDPOINT_TLS, "registry.example", PUBLIC, 444, "registry.example", REASON_PORT_NOT_ALLOWED, NULL},
        {ENDPOINT_HTTP, "registry.example", PUBLIC, 443, "registry.example", REASON_TLS_EXPECTED, NULL},
        {ENDPOINT_TLS, "mirror.example", PUBLIC, 80, "mirror.example", REASON_HTTP_EXPECTED, NULL},
        {ENDPOINT_HTTP, "registry.example", PUBLIC, 80, "registry.example", REASON_NOT_IN_ALLOWLIST, NULL},
        {ENDPOINT_HTTP, "half.example", PUBLIC, 80, "half.example", REASON_DENIED, "http://half.example"},
        {ENDPOINT_TLS, "both.example", PUBLIC, 8080, "both.example", REASON_NAME_ALLOWED, "tls://both.example:8080"},
        {ENDPOINT_HTTP, "both.example", PUBLIC, 8080, "both.example", REASON_NAME_ALLOWED, "http://both.example:8080"},
        /* WebSocket: http:// is not enough, ws:// is http:// too */
        {ENDPOINT_WS, "chat.example", PUBLIC, 80, "chat.example", REASON_NAME_ALLOWED, "ws://chat.example"},
        {ENDPOINT_HTTP, "chat.example", PUBLIC, 80, "chat.example", REASON_NAME_ALLOWED, "ws://chat.example"},
        {ENDPOINT_WS, "chat.example", PUBLIC, 80, "mirror.example", REASON_NAME_NOT_BOUND, NULL},
        {ENDPOINT_WS, "mirror.example", PUBLIC, 80, "mirror.example", REASON_HTTP_WEBSOCKET, NULL},
        {ENDPOINT_WS, "evil.example", PUBLIC, 80, "evil.example", REASON_NOT_IN_ALLOWLIST, NULL},
        {ENDPOINT_WS, "nochat.example", PUBLIC, 80, "nochat.example", REASON_DENIED, "http://nochat.example"},
        {ENDPOINT_WS, "quiet.example", PUBLIC, 80, "quiet.example", REASON_DENIED, "ws://quiet.example"},
        {ENDPOINT_HTTP, "quiet.example", PUBLIC, 80, "quiet.example", REASON_NAME_ALLOWED, "http://quiet.example"},
        /* @range: resolved or not, in the range only */
        {ENDPOINT_TLS, "inside.example", "10.9.9.9", 443, "", REASON_NAME_ALLOWED, "inside.example@10.0.0.0/8"},
        {ENDPOINT_TLS, "inside.example", PUBLIC, 443, "", REASON_NAME_NOT_BOUND, NULL},
        {ENDPOINT_TLS, "inside.example", PUBLIC, 443, "inside.example", REASON_NAME_ALLOWED,
         "inside.example@10.0.0.0/8"},
        {ENDPOINT_TLS, "registry.example", "10.9.9.9", 443, "", REASON_NAME_NOT_BOUND, NULL},
        {ENDPOINT_TLS, "registry.example", "169.254.169.254", 443, "", REASON_METADATA_ADDRESS, NULL},
        /* any bytes are allowed there, so these are */
        {ENDPOINT_TLS, "other.example", "10.1.2.3", 5432, "", REASON_ADDRESS_ALLOWED, "10.1.2.0/24:5432"},
        {ENDPOINT_TLS, "git.example", PUBLIC, 22, "git.example", REASON_NAME_ALLOWED, "tcp://git.example:22"},
        {ENDPOINT_TLS, "ads.cdn.example", "10.1.2.3", 5432, "", REASON_DENIED, "ads.cdn.example"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct name shown;
        struct address a = address(rows[i].address);
        struct bound_list bound;
        bind_names(&bound, rows[i].bound);
        assert_true(name_from_wire(text(rows[i].shown), &shown));
        struct decision d = decide_shown(f.scope, rows[i].scheme, &shown, &a, rows[i].port, bound.name, bound.count);
        bool allow = rows[i].reason == REASON_NAME_ALLOWED || rows[i].reason == REASON_ADDRESS_ALLOWED;
        if (d.reason != rows[i].reason || (d.path == DECIDE_RELEASE) != allow ||
            (d.path != DECIDE_RELEASE && d.path != DECIDE_REFUSE))
            fail_msg("row %zu: path %d, %s", i, (int)d.path, reason_name(d.reason));
        check_rule(rows[i].shown, &d, rows[i].rule);
    }
}

/* RFC 9110 s9.3.6, RFC 9112 s3.2.2: what is asked of a proxy is judged as a name, nothing is bound. */
static void test_proxied(void **state)
{
    (void)state;
    static const struct {
        enum endpoint_scheme asked;
        const char *host;
        uint16_t port;
        enum decide_path path;
        enum reason reason;
        const char *rule;
    } rows[] = {
        {ENDPOINT_TLS, "registry.example", 443, DECIDE_INSPECT_TLS, REASON_NAME_ALLOWED, "registry.example"},
        {ENDPOINT_TLS, "a.b.cdn.example", 443, DECIDE_INSPECT_TLS, REASON_NAME_ALLOWED, "**.cdn.example"},
        {ENDPOINT_TLS, "inherited.example", 443, DECIDE_REFUSE, REASON_DENIED, "inherited.example"},
        {ENDPOINT_TLS, "late.example", 443, DECIDE_INSPECT_TLS, REASON_NAME_ALLOWED, "late.example"},
        {ENDPOINT_TLS, "db.example", 5433, DECIDE_INSPECT_TLS, REASON_NAME_ALLOWED, "tls://db.example:5433"},
        {ENDPOINT_TLS, "git.example", 22, DECIDE_RELEASE, REASON_NAME_ALLOWED, "tcp://git.example:22"},
        {ENDPOINT_TLS, "git.example", 443, DECIDE_REFUSE, REASON_PORT_NOT_ALLOWED, NULL},
        {ENDPOINT_TLS, "registry.example", 8443, DECIDE_REFUSE, REASON_PORT_NOT_ALLOWED, NULL},
        {ENDPOINT_TLS, "registry.example", 80, DECIDE_REFUSE, REASON_PORT_NOT_ALLOWED, NULL},
        {ENDPOINT_TLS, "mirror.example", 80, DECIDE_REFUSE, REASON_PROXY_CONNECT, NULL},
        {ENDPOINT_TLS, "evil.example", 443, DECIDE_REFUSE, REASON_NOT_IN_ALLOWLIST, NULL},
        {ENDPOINT_TLS, "ads.cdn.example", 443, DECIDE_REFUSE, REASON_DENIED, "ads.cdn.example"},
        {ENDPOINT_TLS, "narrow.example", 443, DECIDE_REFUSE, REASON_DENIED, "narrow.example"},
        {ENDPOINT_TLS, "proxy.example", 3128, DECIDE_REFUSE, REASON_NOT_IN_ALLOWLIST, NULL},
        {ENDPOINT_TLS, "txt.example", 443, DECIDE_REFUSE, REASON_NOT_IN_ALLOWLIST, NULL},
        {ENDPOINT_TLS, "time.example", 123, DECIDE_REFUSE, REASON_NOT_IN_ALLOWLIST, NULL},
        {ENDPOINT_HTTP, "mirror.example", 80, DECIDE_RELEASE, REASON_NAME_ALLOWED, "http://mirror.example"},
        {ENDPOINT_HTTP, "web.example", 8080, DECIDE_RELEASE, REASON_NAME_ALLOWED, "http://web.example:8080"},
        {ENDPOINT_HTTP, "chat.example", 80, DECIDE_RELEASE, REASON_NAME_ALLOWED, "ws://chat.example"},
        {ENDPOINT_HTTP, "registry.example", 443, DECIDE_REFUSE, REASON_TLS_EXPECTED, NULL},
        {ENDPOINT_HTTP, "registry.example", 80, DECIDE_REFUSE, REASON_NOT_IN_ALLOWLIST, NULL},
        {ENDPOINT_HTTP, "half.example", 80, DECIDE_REFUSE, REASON_DENIED, "http://half.example"},
        {ENDPOINT_WS, "chat.example", 80, DECIDE_RELEASE, REASON_NAME_ALLOWED, "ws://chat.example"},
        {ENDPOINT_WS, "mirror.example", 80, DECIDE_REFUSE, REASON_HTTP_WEBSOCKET, NULL},
        /* literal addresses: address entries alone */
        {ENDPOINT_TLS, "10.1.2.3", 5432, DECIDE_RELEASE, REASON_ADDRESS_ALLOWED, "10.1.2.0/24:5432"},
        {ENDPOINT_HTTP, "10.1.2.3", 5432, DECIDE_RELEASE, REASON_ADDRESS_ALLOWED, "10.1.2.0/24:5432"},
        {ENDPOINT_TLS, "10.1.2.3", 443, DECIDE_REFUSE, REASON_HTTP_ADDRESS, NULL},
        {ENDPOINT_TLS, "10.1.2.9", 443, DECIDE_REFUSE, REASON_HTTP_ADDRESS, NULL},
        {ENDPOINT_TLS, "10.9.9.9", 443, DECIDE_REFUSE, REASON_HTTP_ADDRESS, NULL}, /* inside.example@10.0.0.0/8 */
        {ENDPOINT_TLS, "2001:db8:1::5", 443, DECIDE_RELEASE, REASON_ADDRESS_ALLOWED, "[2001:db8:1::/48]:443"},
        {ENDPOINT_TLS, "203.0.113.7", 22, DECIDE_REFUSE, REASON_DENIED, "203.0.113.7:22"},
        {ENDPOINT_TLS, "198.51.100.9", 443, DECIDE_REFUSE, REASON_DENIED, "198.51.100.0/24"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct name name;
        struct address a;
        bool literal = address_parse(text(rows[i].host), &a);
        assert_true(literal || name_from_wire(text(rows[i].host), &name));
        struct decision d = decide_proxied(f.scope, rows[i].asked, literal ? NULL : &name, &a, rows[i].port);
        if (d.path != rows[i].path || d.reason != rows[i].reason)
            fail_msg("row %zu, %s:%u: path %d, %s", i, rows[i].host, rows[i].port, (int)d.path, reason_name(d.reason));
        if (rows[i].rule)
            check_rule(rows[i].host, &d, rows[i].rule);
    }
}

/* quic: judge: an entry for TLS stands for UDP on its ports, and for nothing else. */
static void test_quic(void **state)
{
    (void)state;
    static const char quic_text[] = "version: 1\n"
                                    "profiles:\n"
                                    "  p:\n"
                                    "    quic: judge\n"
                                    "    allow: [registry.example, 'tcp://git.example:443', http://mirror.example,\n"
                                    "            'udp://time.example:443', noquic.example]\n"
                                    "    deny: ['udp://noquic.example:443']\n"
                                    "scopes: [{ name: s, match: { cgroup: /s }, profile: p }]\n";
    static const struct {
        const char *bound, *shown;
        uint16_t port;
        enum decide_path path;
        enum reason shown_reason; /* NONE: it is not asked for */
    } rows[] = {
        {"registry.example", "registry.example", 443, DECIDE_INSPECT_QUIC, REASON_NAME_ALLOWED},
        {"!registry.example", "registry.example", 443, DECIDE_INSPECT_QUIC, REASON_NAME_ALLOWED},
        {"registry.example", "other.example", 443, DECIDE_INSPECT_QUIC, REASON_NOT_IN_ALLOWLIST},
        {"registry.example", "noquic.example", 443, DECIDE_INSPECT_QUIC, REASON_DENIED},
        {"registry.example git.example", "git.example", 443, DECIDE_INSPECT_QUIC, REASON_NOT_IN_ALLOWLIST},
        {"registry.example", "registry.example", 8443, DECIDE_REFUSE, REASON_NONE},
        {"git.example", "git.example", 443, DECIDE_REFUSE, REASON_NONE},
        {"mirror.example", "mirror.example", 80, DECIDE_REFUSE, REASON_NONE},
        {"noquic.example", "noquic.example", 443, DECIDE_REFUSE, REASON_NONE},
        {"time.example", "time.example", 443, DECIDE_RELEASE, REASON_NONE},
        {"", "registry.example", 443, DECIDE_REFUSE, REASON_NAME_NOT_BOUND},
    };
    struct policy_system system = {.resolvers = 1, .resolver = {{4, {192, 0, 2, 53}}}};
    struct error e = {0};
    struct policy_source source = {.file = "test.yaml", .text = text(quic_text)};
    struct policy *policy = policy_compile(&source, 1, &system, NULL, &e);
    if (!policy)
        fail_msg("%s", e.text);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct name shown;
        struct address a = address(PUBLIC);
        struct bound_list bound;
        bind_names(&bound, rows[i].bound);
        struct decision d = decide_udp(&policy->scope[0], &a, rows[i].port, bound.name, bound.count);
        if (d.path != rows[i].path)
            fail_msg("row %zu: path %d", i, (int)d.path);
        if (rows[i].shown_reason == REASON_NONE)
            continue;
        assert_true(name_from_wire(text(rows[i].shown), &shown));
        d = decide_shown_quic(&policy->scope[0], &shown, &a, rows[i].port, bound.name, bound.count);
        if (d.reason != rows[i].shown_reason)
            fail_msg("row %zu: %s", i, reason_name(d.reason));
    }
    struct name shown;
    struct address a = address(PUBLIC);
    assert_true(name_from_wire(text("registry.example"), &shown));
    assert_int_equal(decide_shown_quic(f.scope, &shown, &a, 443, NULL, 0).reason, REASON_QUIC);
    policy_free(policy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shown),
        cmocka_unit_test(test_proxied),
        cmocka_unit_test(test_quic),
    };
    return cmocka_run_group_tests_name("decide_shown", tests, setup, teardown);
}
