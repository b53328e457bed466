/* SPDX-License-Identifier: GPL-3.0-or-later */
/* policy/decide: facts in, verdict and reason out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "policy/decide.h"

static struct bytes text(const char *s)
{
    return (struct bytes){(const uint8_t *)s, strlen(s)};
}

static const char policy_text[] = "version: 1\n"
                                  "profiles:\n"
                                  "  base:\n"
                                  "    allow:\n"
                                  "      - tcp://git.example:22\n"
                                  "      - late.example\n"
                                  "      - inherited.example\n"
                                  "    deny:\n"
                                  "      - never.cdn.example\n"
                                  "      - 198.51.100.0/24\n"
                                  "  node:\n"
                                  "    extends: base\n"
                                  "    allow:\n"
                                  "      - registry.example\n"
                                  "      - '**.cdn.example'\n"
                                  "      - '*.one.example'\n"
                                  "      - http://mirror.example\n"
                                  "      - both.example:8080\n"
                                  "      - http://both.example:8080\n"
                                  "      - udp://time.example:123\n"
                                  "      - inside.example@10.0.0.0/8\n"
                                  "      - tcp://db.example@10.5.0.0/16:5432\n"
                                  "      - tcp://denied.example@10.6.0.0/16:5432\n"
                                  "      - 10.1.2.0/24:5432\n"
                                  "      - udp://10.1.2.0/24:53\n"
                                  "      - '[2001:db8:1::/48]:443'\n"
                                  "      - 169.254.169.254:8080\n"
                                  "      - dns://txt.example?types=TXT,SRV\n"
                                  "      - half.example\n"
                                  "      - http://half.example\n"
                                  "      - dns://notxt.example?types=TXT,MX\n"
                                  "      - 203.0.113.0/24:22-25\n"
                                  "      - deb.example\n"
                                  "      - ws://chat.example\n"
                                  "      - ws://nochat.example\n"
                                  "      - http://quiet.example\n"
                                  "      - proxy://proxy.example:3128\n"
                                  "      - proxy://proxy2.example@10.7.0.0/16:3128\n"
                                  "      - proxy://gone.example@10.8.0.0/16:3128\n"
                                  "      - proxy://10.1.2.9:5432\n"
                                  "      - http://web.example:8080\n"
                                  "      - tls://db.example:5433\n"
                                  "      - narrow.example\n"
                                  "    deny:\n"
                                  "      - ads.cdn.example\n"
                                  "      - '**.bad.cdn.example'\n"
                                  "      - inherited.example\n"
                                  "      - denied.example\n"
                                  "      - http://half.example\n"
                                  "      - dns://notxt.example?types=TXT\n"
                                  "      - tcp://203.0.113.7:22\n"
                                  "      - http://nochat.example\n"
                                  "      - ws://quiet.example\n"
                                  "      - gone.example\n"
                                  "      - tls://narrow.example:443\n"
                                  "scopes:\n"
                                  "  - { name: s, match: { cgroup: /s }, profile: node,\n"
                                  "      search_domains: [pods.example, Team.Svc.Cluster.local.] }\n"
                                  "  - { name: b, match: { cgroup: /b }, profile: base }\n";

struct fixture {
    struct policy *policy;
    const struct policy_scope *scope, *base;
};

static struct fixture f;

static int setup(void **state)
{
    (void)state;
    struct policy_system system = {.resolvers = 1, .resolver = {{4, {192, 0, 2, 53}}}, .search_domains = 2};
    struct error e = {0};
    struct policy_source source = {"test.yaml", text(policy_text)};
    assert_true(name_from_wire(text("corp.example"), &system.search_domain[0]));
    assert_true(name_from_wire(text("svc.cluster.local"), &system.search_domain[1]));
    assert_true(name_from_wire(text("runner1.hosts.example"), &system.host_name));
    f.policy = policy_compile(&source, 1, &system, NULL, &e);
    if (!f.policy)
        fail_msg("%s", e.text);
    f.scope = &f.policy->scope[0];
    f.base = &f.policy->scope[1];
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    policy_free(f.policy);
    return 0;
}

/* "a.example !b.example": bound names, '!' in grace. */
struct bound_list {
    char copy[200];
    struct bound_name name[8];
    unsigned count;
};

static void bind_names(struct bound_list *b, const char *names)
{
    b->count = 0;
    snprintf(b->copy, sizeof b->copy, "%s", names);
    for (char *save, *word = strtok_r(b->copy, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
        bool grace = word[0] == '!';
        b->name[b->count++] = (struct bound_name){word + grace, (uint8_t)strlen(word + grace), grace};
    }
}

static struct address address(const char *s)
{
    struct address a;
    assert_true(address_parse(text(s), &a));
    return a;
}

static void check_rule(const char *what, const struct decision *d, const char *rule)
{
    char shown[400] = "";
    if (d->has_rule)
        endpoint_format(&d->rule, shown, sizeof shown);
    if (strcmp(shown, rule ? rule : "") != 0)
        fail_msg("%s: rule \"%s\", not \"%s\"", what, shown, rule ? rule : "");
}

struct connect_row {
    const char *address;
    uint16_t port;
    const char *bound;
    enum decide_path path;
    enum reason reason;
    const char *rule;
};

#define PUBLIC "192.0.2.7"

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

enum { A = 1, CNAME = 5, PTR = 12, MX = 15, TXT = 16, AAAA = 28, SRV = 33, SVCB = 64, HTTPS = 65 };

static void test_question(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        uint16_t type;
        bool reverse_bound;
        enum reason reason;
        bool noise, offer;
        const char *rule;
    } rows[] = {
        {"registry.example", A, false, REASON_NAME_ALLOWED, false, false, "registry.example"},
        {"registry.example", AAAA, false, REASON_NAME_ALLOWED, false, false, "registry.example"},
        {"git.example", A, false, REASON_NAME_ALLOWED, false, false, "tcp://git.example:22"},
        {"time.example", A, false, REASON_NAME_ALLOWED, false, false, "udp://time.example:123"},
        {"txt.example", A, false, REASON_NAME_ALLOWED, false, false, "dns://txt.example?types=TXT,SRV"},
        {"txt.example", TXT, false, REASON_NAME_ALLOWED, false, false, "dns://txt.example?types=TXT,SRV"},
        {"txt.example", SRV, false, REASON_NAME_ALLOWED, false, false, "dns://txt.example?types=TXT,SRV"},
        {"txt.example", MX, false, REASON_TYPE_NOT_ALLOWED, false, true, NULL},
        {"a.b.cdn.example", A, false, REASON_NAME_ALLOWED, false, false, "**.cdn.example"},
        {"half.example", A, false, REASON_NAME_ALLOWED, false, false, "half.example"},
        /* an allowed name, another type: NODATA */
        {"registry.example", HTTPS, false, REASON_TYPE_NOT_ALLOWED, true, false, NULL},
        {"registry.example", SVCB, false, REASON_TYPE_NOT_ALLOWED, true, false, NULL},
        {"registry.example", TXT, false, REASON_TYPE_NOT_ALLOWED, false, true, NULL},
        {"registry.example", CNAME, false, REASON_TYPE_NOT_ALLOWED, false, true, NULL},
        {"registry.example", 255, false, REASON_TYPE_NOT_ALLOWED, false, false, NULL},
        {"notxt.example", TXT, false, REASON_TYPE_NOT_ALLOWED, false, false, NULL}, /* that type is denied */
        {"notxt.example", MX, false, REASON_NAME_ALLOWED, false, false, "dns://notxt.example?types=MX,TXT"},
        /* no entry */
        {"evil.test", A, false, REASON_NOT_IN_ALLOWLIST, false, true, NULL},
        {"evil.test", TXT, false, REASON_NOT_IN_ALLOWLIST, false, true, NULL},
        {"cdn.example", A, false, REASON_NOT_IN_ALLOWLIST, false, true, NULL},
        {"xregistry.example", A, false, REASON_NOT_IN_ALLOWLIST, false, true, NULL},
        {"example", A, false, REASON_NOT_IN_ALLOWLIST, false, true, NULL},
        {"0123456789abcdef0123456789abcdef01.evil.test", A, false, REASON_NOT_IN_ALLOWLIST, false, false, NULL},
        {"mzxw6ytboi2gk3tumf4q3b5.evil.test", A, false, REASON_NOT_IN_ALLOWLIST, false, false, NULL},
        {"1.2.3.4.5.6.7.8.evil.test", A, false, REASON_NOT_IN_ALLOWLIST, false, false, NULL},
        /* denied */
        {"ads.cdn.example", A, false, REASON_DENIED, false, false, "ads.cdn.example"},
        {"ads.cdn.example", TXT, false, REASON_DENIED, false, false, "ads.cdn.example"},
        {"never.cdn.example", A, false, REASON_DENIED, false, false, "never.cdn.example"},
        {"inherited.example", A, false, REASON_DENIED, false, false, "inherited.example"},
        /* noise */
        {"registry.example.corp.example", A, false, REASON_SEARCH_DOMAIN, true, false, NULL},
        {"registry.example.svc.cluster.local", AAAA, false, REASON_SEARCH_DOMAIN, true, false, NULL},
        {"registry.example.corp.example", TXT, false, REASON_SEARCH_DOMAIN, true, false, NULL},
        {"registry.example.pods.example", A, false, REASON_SEARCH_DOMAIN, true, false, NULL}, /* the scope's own */
        {"registry.example.team.svc.cluster.local", AAAA, false, REASON_SEARCH_DOMAIN, true, false, NULL},
        {"_http._tcp.deb.example.pods.example", SRV, false, REASON_SEARCH_DOMAIN, true, false, NULL},
        {"runner1.pods.example", A, false, REASON_OWN_NAME, true, false, NULL},
        {"evil.test.pods.example", A, false, REASON_NOT_IN_ALLOWLIST, false, true, NULL},
        {"registry.examplepods.example", A, false, REASON_NOT_IN_ALLOWLIST, false, true, NULL},
        {"pods.example", A, false, REASON_NOT_IN_ALLOWLIST, false, true, NULL},
        {"evil.test.corp.example", A, false, REASON_NOT_IN_ALLOWLIST, false, true, NULL},
        {"ads.cdn.example.corp.example", A, false, REASON_NOT_IN_ALLOWLIST, false, true, NULL}, /* denied: no noise */
        {"corp.example", A, false, REASON_NOT_IN_ALLOWLIST, false, true, NULL},
        {"registry.examplecorp.example", A, false, REASON_NOT_IN_ALLOWLIST, false, true, NULL},
        {"7.2.0.192.in-addr.arpa", PTR, true, REASON_REVERSE_OF_BOUND, true, false, NULL},
        {"7.2.0.192.in-addr.arpa", PTR, false, REASON_NOT_IN_ALLOWLIST, false, false, NULL},
        {"7.2.0.192.in-addr.arpa", TXT, true, REASON_NOT_IN_ALLOWLIST, false, true, NULL},
        {"payload.evil.test", PTR, true, REASON_NOT_IN_ALLOWLIST, false, false, NULL}, /* RESEARCH: PTR is a tunnel */
        {"_http._tcp.deb.example", SRV, false, REASON_PROBE_NAME, true, false, NULL},
        {"_https._tcp.deb.example", SRV, false, REASON_PROBE_NAME, true, false, NULL},
        {"_http._tcp.a.cdn.example", SRV, false, REASON_PROBE_NAME, true, false, NULL}, /* itself below a wildcard */
        {"_http._tcp.evil.test", SRV, false, REASON_NOT_IN_ALLOWLIST, false, true, NULL},
        {"_http._tcp.deb.example", TXT, false, REASON_NOT_IN_ALLOWLIST, false, true, NULL},
        {"_ldap._tcp.deb.example", SRV, false, REASON_NOT_IN_ALLOWLIST, false, true, NULL},
        {"_http._tcp.deb.example.corp.example", SRV, false, REASON_SEARCH_DOMAIN, true, false, NULL},
        {"ipv4only.arpa", AAAA, false, REASON_PROBE_NAME, true, false, NULL}, /* RFC 7050 */
        {"x.ipv4only.arpa", A, false, REASON_NOT_IN_ALLOWLIST, false, true, NULL},
        {"runner1.hosts.example", A, false, REASON_OWN_NAME, true, false, NULL},
        {"runner1", A, false, REASON_OWN_NAME, true, false, NULL},
        {"runner1.corp.example", A, false, REASON_OWN_NAME, true, false, NULL},
        {"runner1.hosts.example.corp.example", A, false, REASON_OWN_NAME, true, false, NULL},
        {"runner2", A, false, REASON_NOT_IN_ALLOWLIST, false, true, NULL},
        {"hosts.example", A, false, REASON_NOT_IN_ALLOWLIST, false, true, NULL},
        {"localhost", A, false, REASON_OWN_NAME, true, false, NULL},
        {"x.localhost", A, false, REASON_OWN_NAME, true, false, NULL}, /* RFC 6761 s6.3 */
        {"localhost.corp.example", A, false, REASON_OWN_NAME, true, false, NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct name n;
        uint8_t wire[255];
        n.len = (uint8_t)strlen(rows[i].name);
        memcpy(n.text, rows[i].name, n.len + 1u);
        assert_true(name_from_labels((struct bytes){wire, name_to_labels(&n, wire)}, &n));
        struct decision d = decide_question(f.policy, f.scope, &n, rows[i].type, rows[i].reverse_bound);
        bool allow = rows[i].reason == REASON_NAME_ALLOWED;
        if (d.reason != rows[i].reason || d.noise != rows[i].noise || d.offer != rows[i].offer)
            fail_msg("%s %u: %s, noise %d, offer %d", rows[i].name, rows[i].type, reason_name(d.reason), d.noise,
                     d.offer);
        assert_int_equal(d.path, allow ? DECIDE_RELEASE : DECIDE_REFUSE); /* noise is never forwarded */
        check_rule(rows[i].name, &d, rows[i].rule);
    }
}

/* A scope's search domains are that scope's. */
static void test_search_domains_of_scope(void **state)
{
    (void)state;
    struct name n;
    assert_int_equal(f.scope->search_domains, 2);
    assert_int_equal(f.base->search_domains, 0);
    assert_true(name_from_wire(text("inherited.example.corp.example"), &n));
    assert_int_equal(decide_question(f.policy, f.base, &n, A, false).reason, REASON_SEARCH_DOMAIN);
    assert_true(name_from_wire(text("inherited.example.pods.example"), &n));
    assert_int_equal(decide_question(f.policy, f.base, &n, A, false).reason, REASON_NOT_IN_ALLOWLIST);
}

/* What is offered suffices: with that entry the same question is allowed, or noise. */
static void test_question_hint(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        uint16_t type;
        const char *hint;
    } rows[] = {
        {"evil.test", A, "evil.test"},
        {"evil.test", AAAA, "evil.test"},
        {"evil.test", HTTPS, "evil.test"},
        {"evil.test", SVCB, "evil.test"},
        {"evil.test", TXT, "dns://evil.test?types=TXT"},
        {"_ldap._tcp.evil.test", SRV, "dns://_ldap._tcp.evil.test?types=SRV"},
        {"evil.test", 4711, "dns://evil.test?types=TYPE4711"},
    };
    static const struct policy_system system = {.resolvers = 1, .resolver = {{4, {192, 0, 2, 53}}}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct name n;
        char hint[300], source[500];
        assert_true(name_from_wire(text(rows[i].name), &n));
        decide_question_hint(&n, rows[i].type, hint, sizeof hint);
        assert_string_equal(hint, rows[i].hint);
        snprintf(source, sizeof source,
                 "version: 1\nprofiles: { p: { allow: ['%s'] } }\n"
                 "scopes: [{ name: s, match: { source: 10.0.0.0/8 }, profile: p }]\n",
                 hint);
        struct policy_source file = {"hint", text(source)};
        struct policy *policy = policy_compile(&file, 1, &system, NULL, NULL);
        assert_non_null(policy);
        struct decision d = decide_question(policy, &policy->scope[0], &n, rows[i].type, false);
        assert_true(d.path == DECIDE_RELEASE || d.noise);
        policy_free(policy);
    }
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

static void test_answer(void **state)
{
    (void)state;
    static const struct {
        const char *name, *address;
        bool own, good;
    } rows[] = {
        {"registry.example", "192.0.2.7", false, true},
        {"registry.example", "192.0.2.7", true, false}, /* the host's own */
        {"registry.example", "10.0.0.1", false, false},
        {"registry.example", "169.254.169.254", false, false},
        {"registry.example", "127.0.0.1", false, false},
        {"registry.example", "::ffff:10.0.0.1", false, false},
        {"registry.example", "64:ff9b::a00:1", false, false},
        {"registry.example", "2001:db8::1", false, true},
        {"inside.example", "10.0.0.1", false, true},
        {"inside.example", "10.0.0.1", true, true},
        {"inside.example", "192.168.0.1", false, false},
        {"db.example", "10.5.0.1", false, true},
        {"db.example", "10.6.0.1", false, false},
        {"denied.example", "10.6.0.1", false, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct name n;
        struct address a = address(rows[i].address);
        assert_true(name_from_wire(text(rows[i].name), &n));
        if (decide_answer_address(f.scope, &n, &a, rows[i].own) != rows[i].good)
            fail_msg("%s %s", rows[i].name, rows[i].address);
    }
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
    struct policy_source source = {"test.yaml", text(quic_text)};
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
        cmocka_unit_test(test_tcp),
        cmocka_unit_test(test_udp),
        cmocka_unit_test(test_shown),
        cmocka_unit_test(test_proxied),
        cmocka_unit_test(test_question),
        cmocka_unit_test(test_question_hint),
        cmocka_unit_test(test_answer),
        cmocka_unit_test(test_search_domains_of_scope),
        cmocka_unit_test(test_chain_is_upwards),
        cmocka_unit_test(test_resolver),
        cmocka_unit_test(test_pure),
        cmocka_unit_test(test_quic),
    };
    return cmocka_run_group_tests_name("decide", tests, setup, teardown);
}
