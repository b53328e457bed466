/* SPDX-License-Identifier: GPL-3.0-or-later */
/* policy/matcher: names, wildcards and ranges in one table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "policy/matcher.h"

static struct bytes text(const char *s)
{
    return (struct bytes){(const uint8_t *)s, strlen(s)};
}

static bool sink(void *ctx, const struct endpoint *ep)
{
    return matcher_add(ctx, ep, NULL);
}

static struct matcher *build(const char *const *entries)
{
    struct matcher *m = matcher_new(0);
    assert_non_null(m);
    for (size_t i = 0; entries[i]; i++) {
        struct error e = {0};
        if (!endpoint_parse(text(entries[i]), sink, m, NULL, &e))
            fail_msg("%s: %s", entries[i], e.text);
    }
    matcher_finish(m);
    return m;
}

static const char *join(struct matcher_cursor c)
{
    static char out[2000];
    struct matcher_hit hit;
    out[0] = 0;
    while (matcher_next(&c, &hit)) {
        struct endpoint ep;
        char one[400];
        matcher_endpoint(&hit, &ep);
        endpoint_format(&ep, one, sizeof one);
        snprintf(out + strlen(out), sizeof out - strlen(out), "%s%s", out[0] ? " " : "", one);
    }
    return out;
}

static const char *by_name(const struct matcher *m, const char *name)
{
    static struct matcher_name n;
    matcher_name_init(&n, text(name));
    return join(matcher_find_name(m, &n));
}

static const char *by_address(const struct matcher *m, const char *address)
{
    struct address a;
    assert_true(address_parse(text(address), &a));
    return join(matcher_find_address(m, &a));
}

static void test_names(void **state)
{
    (void)state;
    static const char *const entries[] = {"a.example",          "*.one.example",
                                          "**.any.example",     "x.any.example",
                                          "tcp://a.example:22", "http://*.one.example",
                                          "**.example.org",     "*.b.example.org",
                                          "a.example",          NULL};
    static const struct {
        const char *name, *found;
    } rows[] = {
        {"a.example", "a.example tcp://a.example:22"},
        {"b.example", ""},
        {"example", ""},
        {"xa.example", ""}, /* kntrl: evilgithub.com ends with github.com */
        {"x.a.example", ""},
        {"one.example", ""}, /* never the apex itself */
        {"x.one.example", "*.one.example http://*.one.example"},
        {"y.x.one.example", ""},
        {"any.example", ""},
        {"x.any.example", "x.any.example **.any.example"}, /* the exact one first */
        {"y.any.example", "**.any.example"},
        {"z.y.x.any.example", "**.any.example"},
        {"xany.example", ""},
        {"c.b.example.org", "*.b.example.org **.example.org"}, /* the nearest zone first */
        {"b.example.org", "**.example.org"},
        {"any.example.x", ""},
        {"a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q.r.s.t.u.v.w.x.y.z.any.example", "**.any.example"},
    };
    struct matcher *m = build(entries);
    assert_int_equal(matcher_count(m), 8); /* the repeated one is kept once */
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_string_equal(by_name(m, rows[i].name), rows[i].found);
    matcher_free(m);
}

static void test_ranges(void **state)
{
    (void)state;
    static const char *const entries[] = {"10.0.0.0/8:80",
                                          "10.1.0.0/16",
                                          "10.1.2.3:443",
                                          "[2001:db8::/32]",
                                          "[2001:db8::1]:22",
                                          "udp://10.1.2.3:53",
                                          "0.0.0.0/0:25",
                                          "[::/0]:25",
                                          "10.1.2.0/31",
                                          "[2001:db8::/33]:9",
                                          NULL};
    static const struct {
        const char *address, *found;
    } rows[] = {
        {"10.1.2.3", "10.1.2.3:443 udp://10.1.2.3:53 10.1.0.0/16 10.0.0.0/8:80 0.0.0.0/0:25"},
        {"10.1.2.1", "10.1.2.0/31 10.1.0.0/16 10.0.0.0/8:80 0.0.0.0/0:25"},
        {"10.2.0.0", "10.0.0.0/8:80 0.0.0.0/0:25"},
        {"11.0.0.0", "0.0.0.0/0:25"},
        {"2001:db8::1", "[2001:db8::1]:22 [2001:db8::/33]:9 [2001:db8::/32] [::/0]:25"},
        {"2001:db8:8000::1", "[2001:db8::/32] [::/0]:25"},
        {"2001:db9::1", "[::/0]:25"},
    };
    struct matcher *m = build(entries);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_string_equal(by_address(m, rows[i].address), rows[i].found);
    struct address none = {0};
    assert_string_equal(join(matcher_find_address(m, &none)), "");
    matcher_free(m);
}

/* name@range is found by its name and by an address of the range. */
static void test_at(void **state)
{
    (void)state;
    static const char *const entries[] = {"a.example@10.0.0.0/8",          "b.example@10.0.0.0/8",
                                          "tcp://c.example@10.0.0.0/8:22", "tcp://d.example@10.0.0.0/8:22",
                                          "dns://e.example@10.0.0.0/8",    NULL};
    struct matcher *m = build(entries);
    assert_int_equal(matcher_count(m), 5);
    assert_string_equal(by_name(m, "b.example"), "b.example@10.0.0.0/8");
    /* tls: one of each shape; tcp: every name, because a denial of the name closes it; dns: no connection */
    assert_string_equal(by_address(m, "10.9.9.9"),
                        "a.example@10.0.0.0/8 tcp://c.example@10.0.0.0/8:22 tcp://d.example@10.0.0.0/8:22");
    assert_string_equal(by_address(m, "11.9.9.9"), "");
    size_t next = 0, seen = 0;
    struct matcher_hit hit;
    while (matcher_each(m, &next, &hit))
        seen++;
    assert_int_equal(seen, 5);
    matcher_free(m);
}

static void test_chain_bound(void **state)
{
    (void)state;
    struct matcher *m = matcher_new(0);
    struct error e = {0};
    struct endpoint ep = {.scheme = ENDPOINT_TCP, .host = ENDPOINT_NAME, .name = {9, "a.example"}};
    for (unsigned i = 1; i <= MATCHER_CHAIN_MAX; i++) {
        ep.port_low = ep.port_high = (uint16_t)i;
        assert_true(matcher_add(m, &ep, &e));
        assert_true(matcher_add(m, &ep, &e)); /* again: kept once */
    }
    assert_int_equal(matcher_count(m), MATCHER_CHAIN_MAX);
    ep.port_low = ep.port_high = 60000;
    assert_false(matcher_add(m, &ep, &e));
    assert_int_equal(e.code, ERROR_LIMIT);
    matcher_finish(m);
    matcher_free(m);
    matcher_free(NULL);
}

static void test_empty(void **state)
{
    (void)state;
    static const char *const nothing[] = {NULL};
    struct matcher *m = build(nothing);
    assert_string_equal(by_name(m, "a.example"), "");
    assert_string_equal(by_address(m, "10.0.0.1"), "");
    assert_string_equal(by_name(m, ""), "");
    matcher_free(m);
}

/* The table against a plain list, on names that share suffixes. */
static void test_against_list(void **state)
{
    (void)state;
    static const char *const labels[] = {"a", "b", "cc", "d-d", "_e"};
    struct endpoint list[600];
    size_t count = 0;
    struct matcher *m = matcher_new(0);
    uint32_t random = 12345;
    for (; count < sizeof list / sizeof *list; count++) {
        char name[64] = "";
        random = random * 1664525 + 1013904223;
        unsigned depth = 1 + (random >> 28) % 4;
        for (unsigned k = 0; k < depth; k++) {
            random = random * 1664525 + 1013904223;
            snprintf(name + strlen(name), sizeof name - strlen(name), "%s%s", k ? "." : "", labels[(random >> 24) % 5]);
        }
        memset(&list[count], 0, sizeof *list);
        assert_true(name_from_wire(text(name), &list[count].name));
        list[count].host = (enum endpoint_host)((random >> 16) % 3);
        list[count].port_low = list[count].port_high = (uint16_t)(1 + (random >> 20) % 3);
        assert_true(matcher_add(m, &list[count], NULL));
    }
    matcher_finish(m);
    for (unsigned q = 0; q < 3000; q++) {
        char asked[80] = "";
        bool plain[3][4] = {{0}}, found[3][4] = {{0}};
        random = random * 1664525 + 1013904223;
        unsigned depth = 1 + (random >> 28) % 5;
        for (unsigned k = 0; k < depth; k++) {
            random = random * 1664525 + 1013904223;
            snprintf(asked + strlen(asked), sizeof asked - strlen(asked), "%s%s", k ? "." : "",
                     labels[(random >> 24) % 5]);
        }
        struct name name;
        assert_true(name_from_wire(text(asked), &name));
        for (size_t i = 0; i < count; i++) {
            const struct endpoint *ep = &list[i];
            unsigned more = name_label_count(&name) - name_label_count(&ep->name);
            bool covers = ep->host == ENDPOINT_NAME ? name_equal(&name, &ep->name) : name_is_below(&name, &ep->name);
            if (covers && !(ep->host == ENDPOINT_ONE_BELOW && more != 1))
                plain[ep->host][ep->port_low] = true;
        }
        struct matcher_name n;
        matcher_name_init(&n, text(asked));
        struct matcher_cursor c = matcher_find_name(m, &n);
        struct matcher_hit hit;
        while (matcher_next(&c, &hit))
            found[hit.shape->host][hit.shape->port_low] = true;
        assert_memory_equal(plain, found, sizeof plain);
    }
    matcher_free(m);
}

/* DESIGN s2: 1,000,000 entries in O(labels).  200,000 here, to be kind to sanitizers: memory a name stays below 100
 * bytes, and the probes that a look-up makes do not grow (the longest chain of slots stays short). */
static void test_many(void **state)
{
    (void)state;
    const size_t count = 200000;
    struct matcher *m = matcher_new(count);
    struct endpoint ep = {.scheme = ENDPOINT_TLS, .port_low = 443, .port_high = 443};
    char name[64];
    for (size_t i = 0; i < count; i++) {
        snprintf(name, sizeof name, "host%zu.zone%zu.cdn.example", i, i % 997);
        assert_true(name_from_wire(text(name), &ep.name));
        ep.host = i % 2 ? ENDPOINT_NAME : ENDPOINT_ANY_BELOW;
        assert_true(matcher_add(m, &ep, NULL));
    }
    matcher_finish(m);
    assert_int_equal(matcher_count(m), count);
    assert_true(matcher_memory(m) / count < 100);
    for (size_t i = 0; i < count; i++) {
        struct matcher_name n;
        struct matcher_hit hit;
        snprintf(name, sizeof name, "%shost%zu.zone%zu.cdn.example", i % 2 ? "" : "deep.er.", i, i % 997);
        matcher_name_init(&n, text(name));
        struct matcher_cursor c = matcher_find_name(m, &n);
        assert_true(matcher_next(&c, &hit));
        assert_false(matcher_next(&c, &hit));
    }
    assert_string_equal(by_name(m, "host1.zone2.cdn.example"), "");
    matcher_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),       cmocka_unit_test(test_ranges), cmocka_unit_test(test_at),
        cmocka_unit_test(test_chain_bound), cmocka_unit_test(test_empty),  cmocka_unit_test(test_against_list),
        cmocka_unit_test(test_many),
    };
    return cmocka_run_group_tests_name("matcher", tests, NULL, NULL);
}
