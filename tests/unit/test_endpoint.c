/* SPDX-License-Identifier: GPL-3.0-or-later */
/* policy/endpoint: the grammar of DESIGN s2. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "policy/endpoint.h"

static struct bytes text(const char *s)
{
    return (struct bytes){(const uint8_t *)s, strlen(s)};
}

struct collected {
    size_t count, stop_at;
    char joined[4000];
    struct endpoint last;
};

static bool collect(void *ctx, const struct endpoint *ep)
{
    struct collected *c = ctx;
    char one[400];
    endpoint_format(ep, one, sizeof one);
    size_t len = strlen(c->joined);
    if (len + strlen(one) + 2 < sizeof c->joined)
        snprintf(c->joined + len, sizeof c->joined - len, "%s%s", c->count ? " " : "", one);
    c->last = *ep;
    return ++c->count != c->stop_at;
}

struct row {
    const char *in, *out; /* the canonical form of everything it stands for */
};

static const struct row good[] = {
    {"registry.example", "registry.example"},
    {"https://registry.example/", "registry.example"},
    {"https://registry.example", "registry.example"},
    {"HTTPS://Registry.EXAMPLE.", "registry.example"},
    {"registry.example:443", "registry.example"},
    {"registry.example:8443", "tls://registry.example:8443"},
    {"registry.example:8000-8010", "tls://registry.example:8000-8010"},
    {"registry.example:443-444", "tls://registry.example:443-444"},
    {"tls://db.example:5433", "tls://db.example:5433"},
    {"tls://db.example", "db.example"},
    {"_dmarc.example", "_dmarc.example"},
    {"localhost", "localhost"},
    /* wildcards */
    {"*.example.org", "*.example.org"},
    {"**.example.org", "**.example.org"},
    {"http://*.example.org", "http://*.example.org"},
    {"tcp://**.example.org:22", "tcp://**.example.org:22"},
    /* IDN: IDNA2008, RFC 5891; UTS 46 maps case and the ideographic full stop */
    {"b\xc3\xbc"
     "cher.example",
     "xn--bcher-kva.example"},
    {"B\xc3\x9c"
     "CHER.Example",
     "xn--bcher-kva.example"},
    {"**.\xe4\xbe\x8b\xe3\x80\x82\xe4\xb8\xad\xe5\x9b\xbd", "**.xn--fsq.xn--fiqs8s"},
    {"xn--bcher-kva.example", "xn--bcher-kva.example"},
    /* http */
    {"http://mirror.example", "http://mirror.example"},
    {"http://mirror.example/", "http://mirror.example"},
    {"http://mirror.example:80", "http://mirror.example"},
    {"http://mirror.example:8080/", "http://mirror.example:8080"},
    /* WebSocket, proxies */
    {"ws://chat.example", "ws://chat.example"},
    {"WS://chat.example:80/", "ws://chat.example"},
    {"ws://*.chat.example:8080", "ws://*.chat.example:8080"},
    {"wss://chat.example", "chat.example"},
    {"wss://chat.example:8443/", "tls://chat.example:8443"},
    {"proxy://proxy.example:3128", "proxy://proxy.example:3128"},
    {"proxy://proxy.example@10.0.0.0/8:3128", "proxy://proxy.example@10.0.0.0/8:3128"},
    {"proxy://10.1.2.3:8080", "proxy://10.1.2.3:8080"},
    {"proxy://[2001:db8::1]:3128", "proxy://[2001:db8::1]:3128"},
    {"proxy://proxy{1,2}.example:3128", "proxy://proxy1.example:3128 proxy://proxy2.example:3128"},
    /* any bytes */
    {"tcp://git.example:22", "tcp://git.example:22"},
    {"udp://time.example:123", "udp://time.example:123"},
    {"tcp://git.example:1-65535", "tcp://git.example:1-65535"},
    /* addresses */
    {"10.1.2.3", "10.1.2.3"},
    {"10.1.2.3/32", "10.1.2.3"},
    {"10.1.2.0/24:5432", "10.1.2.0/24:5432"},
    {"tcp://10.1.2.0/24:5432", "10.1.2.0/24:5432"},
    {"0.0.0.0/0", "0.0.0.0/0"},
    {"10.1.2.3:8000-8010", "10.1.2.3:8000-8010"},
    {"udp://10.1.2.3:123", "udp://10.1.2.3:123"},
    {"udp://10.1.2.3", "udp://10.1.2.3"},
    {"[2001:db8::/32]:443", "[2001:db8::/32]:443"},
    {"[2001:DB8:0::1]", "[2001:db8::1]"},
    {"tcp://[::/0]", "[::/0]"},
    {"udp://[2001:db8::1]:53", "udp://[2001:db8::1]:53"},
    /* name@range: split horizon */
    {"name.example@10.0.0.0/8", "name.example@10.0.0.0/8"},
    {"name.example@10.0.0.0/8:8443", "tls://name.example@10.0.0.0/8:8443"},
    {"https://name.example@10.0.0.0/8", "name.example@10.0.0.0/8"},
    {"https://name.example@10.0.0.0/8/", "name.example@10.0.0.0/8"},
    {"https://name.example@10.0.0.1/", "name.example@10.0.0.1"},
    {"name.example@[fd00::/8]:8443", "tls://name.example@[fd00::/8]:8443"},
    {"**.corp.example@192.168.0.0/16", "**.corp.example@192.168.0.0/16"},
    {"tcp://git.example@10.1.1.1:22", "tcp://git.example@10.1.1.1:22"},
    {"dns://a.example@10.0.0.0/8?types=TXT", "dns://a.example@10.0.0.0/8?types=TXT"},
    /* dns */
    {"dns://name.example", "dns://name.example"},
    {"dns://name.example?types=TXT,SRV", "dns://name.example?types=TXT,SRV"},
    {"dns://name.example?types=srv,txt,TXT", "dns://name.example?types=TXT,SRV"},
    {"dns://name.example?types=A,AAAA,MX", "dns://name.example?types=MX"},
    {"dns://name.example?types=TYPE257,TYPE1234", "dns://name.example?types=CAA,TYPE1234"},
    {"dns://2.0.192.in-addr.arpa?types=PTR", "dns://2.0.192.in-addr.arpa?types=PTR"},
    /* braces, as bash prints them */
    {"{a,b}.example", "a.example b.example"},
    {"store{0..3}.example", "store0.example store1.example store2.example store3.example"},
    {"s{08..11}.example", "s08.example s09.example s10.example s11.example"},
    {"s{1..010..4}.example", "s001.example s005.example s009.example"},
    {"s{3..1}.example", "s3.example s2.example s1.example"},
    {"s{9..0..5}.example", "s9.example s4.example"},
    {"{a..c}.example", "a.example b.example c.example"},
    {"{a,b{1,2}}.example", "a.example b1.example b2.example"},
    {"{a,b}{1,2}.example", "a1.example a2.example b1.example b2.example"},
    {"{,www.}site.example", "site.example www.site.example"},
    {"host.example:{443,8443}", "host.example tls://host.example:8443"},
    {"{http,https}://m.example", "http://m.example m.example"},
    {"10.{1,2}.0.0/16", "10.1.0.0/16 10.2.0.0/16"},
    {"{{a,b},c}.example", "a.example b.example c.example"},
};

static void test_good(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        struct collected c = {0};
        struct error e = {0};
        size_t column = 99;
        if (!endpoint_parse(text(good[i].in), collect, &c, &column, &e))
            fail_msg("%s: column %zu: %s", good[i].in, column, e.text);
        assert_string_equal(c.joined, good[i].out);
        assert_int_equal(column, 99); /* written on failure only */
        /* The canonical form stands for the same endpoint. */
        if (c.count != 1)
            continue;
        struct collected again = {0};
        assert_true(endpoint_parse(text(c.joined), collect, &again, NULL, &e));
        assert_string_equal(again.joined, c.joined);
        assert_memory_equal(&again.last, &c.last, sizeof c.last);
    }
}

struct bad_row {
    const char *in;
    size_t column;
    const char *says;
};

static const struct bad_row bad[] = {
    {"", 1, "empty"},
    {" registry.example", 1, "no blanks"},
    {"a.example\n", 10, "no blanks"},
    {"https://", 9, "a host is missing"},
    {"://a.example", 1, "unknown scheme"},
    {"ssh://git.example", 1, "tcp://HOST:22"},
    {"gopher://a.example", 1, "https, http, ws, tls"},
    {"ws://10.0.0.1", 6, "needs a name"},
    {"ws://chat.example/room", 18, "all of its paths"},
    {"proxy://proxy.example", 22, "needs a port, for example proxy://proxy.example:3128"},
    {"proxy://10.1.2.3", 17, "needs a port"},
    {"proxy://[2001:db8::1]", 22, "needs a port"},
    {"proxy://proxy.example:3128/", 27, "no path"},
    {"proxy://proxy.example:3128/x", 27, "no path"},
    {"proxy://user:pass@proxy.example:3128", 9, "password do not belong here"},
    {"proxy://user:pass@10.1.2.3:3128", 9, "password do not belong here"},
    {"https://u:1234@a.example", 9, "password do not belong here"},
    {"a.example:443@10.0.0.0/8", 14, "the range comes before the port"},
    {"proxy://user@proxy.example:3128", 14, "a user name does not belong"},
    {"proxy://*.example:3128", 9, "not a wildcard"},
    {"proxy://10.1.2.0/24:3128", 9, "not a range"},
    {"proxy://proxy.example:3128-3130", 32, "takes one port"},
    {"https_proxy://proxy.example:3128", 1, "proxy://HOST:3128"},
    {"quic://a.example", 1, "\"quic: judge\""},
    {"tcp://git.example", 18, "needs a port"},
    {"udp://time.example", 19, "needs a port"},
    {"a.example:", 11, "a port is a number"},
    {"a.example:0", 11, "no port"},
    {"a.example:65536", 11, "no port"},
    {"a.example:999999999999", 11, "no port"},
    {"a.example:080", 11, "no port"},
    {"a.example:https", 11, "a port is a number"},
    {"a.example:80x", 13, "a port is a number"},
    {"a.example:80-", 14, "a port is a number"},
    {"a.example:8010-8000", 11, "write 8000-8010"},
    {"a.example:80,443", 13, "two entries, or braces"},
    {"a.example:*", 11, "1-65535"},
    {"https://git.example/org/**", 20, "write \"https://git.example\""},
    {"git.example/org", 12, "write \"git.example\""},
    {"tcp://git.example:22/", 21, "no path"},
    {"https://a.example?x=1", 18, "queries"},
    {"https://a.example#top", 18, "not understood"},
    {"https://user@a.example", 14, "a user name does not belong"},
    {"a.example:443@10.0.0.0/8", 14, "the range comes before the port"},
    {"a.example@", 11, "the range that the name may resolve to"},
    {"a.example@2001:db8::1", 11, "in brackets"},
    {"10.0.0.1@10.0.0.0/8", 9, "a name, not an address"},
    {"*", 1, "every name"},
    {"**", 1, "every name"},
    {"*.", 1, "every name"},
    {"**.", 1, "every name"},
    {"***.example.org", 1, "whole labels"},
    {"*a.example", 1, "whole labels"},
    {"a*.example", 2, "whole labels"},
    {"a.*.example", 3, "whole labels"},
    {"*.*.example", 3, "whole labels"},
    {".example.org", 1, "**.example.org"},
    {"a..example", 3, "empty label"},
    {"a!b.example", 2, "'!'"},
    {"0x7f.0.0.1", 1, "reads as an IPv4 address"}, /* WHATWG URL, "ends in a number" */
    {"a.example.1", 1, "IPv4"},
    {"10.0.0.0/33", 1, "0 to 32"},
    {"10.0.0.1/8", 1, "write 10.0.0.0/8"},
    {"10.0.0.300", 1, "no address"},
    {"10.0.0", 1, "no address"},
    {"010.0.0.1", 1, "no address"}, /* octal to some, decimal to others */
    {"a.example@10.0.0.1/8", 11, "write 10.0.0.0/8"},
    {"2001:db8::1", 1, "[2001:db8::1]"},
    {"[2001:db8::1", 1, "without"},
    {"[2001:db8::1/32]", 2, "write [2001:db8::/32]"},
    {"[2001:db8::/129]", 2, "0 to 128"},
    {"[2001:db8::1]/64", 14, "inside the brackets"},
    {"[fe80::1%eth0]", 2, "no zone"},
    {"[10.0.0.1]", 1, "brackets are for IPv6"},
    {"[a.example]", 2, "no address"},
    {"https://10.0.0.1", 9, "needs a name"},
    {"http://[2001:db8::1]", 8, "needs a name"},
    {"dns://10.0.0.1", 7, "needs a name"},
    {"dns://a.example:53", 7, "no port"},
    {"dns://a.example?type=TXT", 16, "?types="},
    {"dns://a.example?types=", 23, "no DNS query type"},
    {"dns://a.example?types=TXT,", 27, "no DNS query type"},
    {"dns://a.example?types=TXTT", 23, "no DNS query type"},
    {"dns://a.example?types=ANY", 23, "no DNS query type"},
    {"dns://a.example?types=TYPE255", 23, "cannot be allowed"}, /* ANY, RFC 8482 */
    {"dns://a.example?types=TYPE252", 23, "cannot be allowed"}, /* AXFR */
    {"dns://a.example?types=TYPE65536", 23, "no DNS query type"},
    {"dns://a.example?types=NS,CNAME,SOA,PTR,HINFO,MX,TXT,SRV,CAA", 57, "at most 8"},
    {"{a,b.example", 1, "'{' without"},
    {"a,b}.example", 4, "'}' without"},
    {"{a}.example", 1, "a list {a,b}"},
    {"{}.example", 1, "a list {a,b}"},
    {"s{0..9999}.example", 2, "more than 4096"},
    {"{0..63}{0..64}.example", 1, "more than 4096"},
    {"{0..999999999}{0..999999999}", 1, "more than 4096"},
    {"{{{{{{{{{{{{{{{{{a,b}}}}}}}}}}}}}}}}}", 17, "too many braces"},
    {"ok.{a,b!}.example", 8, "'!'"}, /* the column is that of what was written */
    {"\xff.example", 1, "no host name"},
};

static void test_bad(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct collected c = {0};
        struct error e = {0};
        size_t column = 0;
        if (endpoint_parse(text(bad[i].in), collect, &c, &column, &e))
            fail_msg("%s was taken as %s", bad[i].in, c.joined);
        if (column != bad[i].column || !strstr(e.text, bad[i].says))
            fail_msg("%s: column %zu: %s", bad[i].in, column, e.text);
        assert_int_equal(e.code, ERROR_INPUT);
    }
}

static void test_fields(void **state)
{
    (void)state;
    struct collected c = {0};
    assert_true(endpoint_parse(text("tcp://**.Git.example@[fd00::/8]:22-23"), collect, &c, NULL, NULL));
    assert_int_equal(c.last.scheme, ENDPOINT_TCP);
    assert_int_equal(c.last.host, ENDPOINT_ANY_BELOW);
    assert_string_equal(c.last.name.text, "git.example");
    assert_true(c.last.has_at);
    assert_int_equal(c.last.at.base.family, 6);
    assert_int_equal(c.last.at.prefix_bits, 8);
    assert_int_equal(c.last.port_low, 22);
    assert_int_equal(c.last.port_high, 23);
    c = (struct collected){0};
    assert_true(endpoint_parse(text("10.0.0.0/8"), collect, &c, NULL, NULL));
    assert_int_equal(c.last.scheme, ENDPOINT_TCP);
    assert_int_equal(c.last.port_low, 0);
    assert_int_equal(c.last.port_high, 65535);
    c = (struct collected){0};
    assert_true(endpoint_parse(text("dns://a.example"), collect, &c, NULL, NULL));
    assert_int_equal(c.last.port_low, 0);
    assert_int_equal(c.last.port_high, 0);
    assert_int_equal(c.last.types, 0);
}

static void test_expansion_bound(void **state)
{
    (void)state;
    struct collected c = {0};
    assert_true(endpoint_parse(text("h{0..4095}.example"), collect, &c, NULL, NULL));
    assert_int_equal(c.count, ENDPOINT_EXPANSION_MAX);
    c = (struct collected){0};
    assert_true(endpoint_parse(text("{0..63}{0..63}.example"), collect, &c, NULL, NULL));
    assert_int_equal(c.count, ENDPOINT_EXPANSION_MAX);
}

static void test_sink_stops(void **state)
{
    (void)state;
    struct collected c = {.stop_at = 2};
    assert_false(endpoint_parse(text("{a,b,c}.example"), collect, &c, NULL, NULL));
    assert_int_equal(c.count, 2);
}

static void test_long(void **state)
{
    (void)state;
    static char big[70000];
    struct error e;
    size_t column;
    struct collected c = {0};
    memset(big, 'x', sizeof big);
    assert_false(endpoint_parse((struct bytes){(uint8_t *)big, sizeof big}, collect, &c, &column, &e));
    memset(big, '{', sizeof big);
    assert_false(endpoint_parse((struct bytes){(uint8_t *)big, 1024}, collect, &c, &column, &e));
    memset(big, ',', sizeof big);
    big[0] = '{';
    big[1023] = '}';
    assert_false(endpoint_parse((struct bytes){(uint8_t *)big, 1024}, collect, &c, &column, &e));
    assert_false(endpoint_parse((struct bytes){NULL, 0}, collect, &c, &column, &e));
    assert_int_equal(c.count, 0);
}

/* Every prefix and every changed byte of the good rows: taken or refused, never a crash, and what is taken can be
 * written and read again. */
static void test_mutations(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        char copy[128];
        size_t len = strlen(good[i].in);
        assert_true(len < sizeof copy);
        for (size_t at = 0; at < len; at++) {
            for (size_t k = 0; k < 12; k++) {
                struct collected c = {0}, again = {0};
                struct error e = {0};
                memcpy(copy, good[i].in, len + 1);
                copy[at] = "{},.:/@[*-0\xff"[k];
                if (!endpoint_parse((struct bytes){(uint8_t *)copy, k == 11 ? at : len}, collect, &c, NULL, &e)) {
                    assert_int_not_equal(e.code, ERROR_NONE);
                    continue;
                }
                if (c.count != 1)
                    continue;
                assert_true(endpoint_parse(text(c.joined), collect, &again, NULL, &e));
                assert_string_equal(again.joined, c.joined);
            }
        }
    }
}

static void test_format_cut(void **state)
{
    (void)state;
    struct collected c = {0};
    char small[8];
    assert_true(endpoint_parse(text("dns://registry.example?types=TXT"), collect, &c, NULL, NULL));
    memset(small, '#', sizeof small);
    assert_int_equal(endpoint_format(&c.last, small, sizeof small), 7);
    assert_string_equal(small, "dns://r");
    assert_int_equal(endpoint_format(&c.last, small, 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),       cmocka_unit_test(test_bad),
        cmocka_unit_test(test_fields),     cmocka_unit_test(test_expansion_bound),
        cmocka_unit_test(test_sink_stops), cmocka_unit_test(test_long),
        cmocka_unit_test(test_mutations),  cmocka_unit_test(test_format_cut),
    };
    return cmocka_run_group_tests_name("endpoint", tests, NULL, NULL);
}
