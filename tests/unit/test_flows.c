/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Open flows (ctl/flows) and what a stored policy survives (ctl/bundle). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "ctl/bundle.h"
#include "ctl/flows.h"

static struct address v4(uint8_t last)
{
    return (struct address){.family = 4, .octets = {192, 0, 2, last}};
}

static struct event allowed(enum action action, uint16_t port, const char *name)
{
    struct event e = {.time_usec = 1000,
                      .action = action,
                      .reason = REASON_NAME_ALLOWED,
                      .verdict = VERDICT_ALLOW,
                      .scope_id = 7,
                      .ip_protocol = 6,
                      .source = {v4(1), port},
                      .destination = {v4(2), 443}};
    snprintf(e.domain, sizeof e.domain, "%s", name);
    return e;
}

static struct conntrack_flow ended(uint16_t port)
{
    return (struct conntrack_flow){.source = v4(1),
                                   .destination = v4(2),
                                   .source_port = port,
                                   .destination_port = 443,
                                   .protocol = 6,
                                   .bytes_out = 10,
                                   .bytes_in = 20,
                                   .packets_out = 1,
                                   .packets_in = 2};
}

static void test_life(void **state)
{
    (void)state;
    static struct event end, e;
    struct flows *f = flows_new();
    struct conntrack_flow flow = ended(5000);
    e = allowed(ACTION_TCP_CONNECT, 5000, "");
    assert_true(flows_open(f, &e));
    e = allowed(ACTION_TLS_HELLO, 5000, "a.example"); /* the same flow shows its name */
    e.time_usec = 2000;
    snprintf(e.tls_ja4, sizeof e.tls_ja4, "t13d1516h2_8daaf6152771_02713d6af862");
    snprintf(e.tls_next_protocol, sizeof e.tls_next_protocol, "h2");
    assert_true(flows_open(f, &e));
    assert_int_equal(flows_count(f), 1);
    assert_true(flows_find(f, &flow, &end));
    assert_int_equal(end.action, ACTION_TLS_HELLO);
    assert_true(flows_close(f, &flow, 9000, &end));
    assert_int_equal(end.action, ACTION_CONNECTION_END);
    assert_int_equal(end.verdict, VERDICT_ALLOW);
    assert_string_equal(end.domain, "a.example");
    assert_string_equal(end.tls_ja4, e.tls_ja4);
    assert_string_equal(end.tls_next_protocol, "h2");
    assert_int_equal(end.start_usec, 1000); /* of the first event */
    assert_int_equal(end.time_usec, 9000);
    assert_int_equal(end.bytes_in, 20);
    assert_int_equal(end.packets_out, 1);
    assert_int_equal(end.scope_id, 7);
    assert_false(flows_close(f, &flow, 9000, &end)); /* told once */
    flows_free(f);
}

static void test_what_opens(void **state)
{
    (void)state;
    struct flows *f = flows_new();
    static struct event e;
    e = allowed(ACTION_DNS_QUERY, 1, "a.example");
    assert_false(flows_open(f, &e));
    e = allowed(ACTION_TLS_HELLO, 1, "a.example");
    e.verdict = VERDICT_DENY;
    assert_false(flows_open(f, &e));
    e.verdict = VERDICT_WOULD_DENY; /* told at once, not again at its end */
    assert_false(flows_open(f, &e));
    e.verdict = VERDICT_ALLOW;
    e.incoming = true;
    assert_false(flows_open(f, &e));
    assert_int_equal(flows_count(f), 0);
    flows_free(f);
}

static void count_end(void *ctx, const struct event *end)
{
    assert_int_equal(end->action, ACTION_CONNECTION_END);
    ++*(unsigned *)ctx;
}

static void test_many(void **state)
{
    (void)state;
    struct flows *f = flows_new();
    static struct event e;
    unsigned told = 0;
    for (unsigned i = 0; i < FLOWS_MAX + 10; i++) {
        e = allowed(ACTION_TLS_HELLO, (uint16_t)i, "a.example");
        e.destination.port = (uint16_t)(i >> 16);
        assert_int_equal(flows_open(f, &e), i < FLOWS_MAX); /* bounded */
    }
    assert_int_equal(flows_count(f), FLOWS_MAX);
    flows_close_all(f, 1, count_end, &told);
    assert_int_equal(told, FLOWS_MAX);
    assert_int_equal(flows_count(f), 0);
    flows_free(f);
}

/* Names of full length fit, whatever bytes they have. */
static void test_long_texts(void **state)
{
    (void)state;
    struct flows *f = flows_new();
    static struct event e, out;
    struct conntrack_flow flow = ended(1);
    e = allowed(ACTION_TLS_HELLO, 1, "");
    memset(e.domain, 0xff, sizeof e.domain - 1);
    memset(e.rule, 'r', sizeof e.rule - 1);
    memset(e.tls_server_name, 's', sizeof e.tls_server_name - 1);
    memset(e.tls_ja4, 'j', sizeof e.tls_ja4 - 1);
    memset(e.tls_next_protocol, 'n', sizeof e.tls_next_protocol - 1);
    assert_true(flows_open(f, &e));
    assert_true(flows_find(f, &flow, &out));
    assert_string_equal(out.domain, e.domain);
    assert_string_equal(out.rule, e.rule);
    assert_string_equal(out.tls_server_name, e.tls_server_name);
    assert_string_equal(out.tls_ja4, e.tls_ja4);
    assert_string_equal(out.tls_next_protocol, e.tls_next_protocol);
    flows_free(f);
}

static void test_bundle_slots(void **state)
{
    (void)state;
    struct error e;
    struct bytes got;
    int fd = memfd_create("test", MFD_CLOEXEC);
    struct policy_ids *ids = calloc(1, sizeof *ids), *read = calloc(1, sizeof *read);
    assert_false(bundle_read(fd, &got, NULL, &e)); /* nothing is stored */
    for (unsigned i = 0; i < 5; i++) {
        char text[32];
        int n = snprintf(text, sizeof text, "policy %u", i);
        ids->count = 1;
        ids->row[0].id = (uint16_t)(i + 1);
        assert_true(bundle_write(fd, (struct bytes){(const uint8_t *)text, (size_t)n}, ids, &e));
        assert_true(bundle_read(fd, &got, read, &e));
        assert_int_equal(got.len, n);
        assert_memory_equal(got.at, text, got.len);
        assert_int_equal(read->row[0].id, i + 1);
        free((void *)(uintptr_t)got.at);
    }
    /* A keeper that died while it wrote the spare slot: the header still names the other. */
    assert_int_equal(pwrite(fd, "garbage", 7, (off_t)(1ll << 34) + (1 << 20)), 7);
    assert_true(bundle_read(fd, &got, NULL, &e));
    assert_memory_equal(got.at, "policy 4", 8);
    free((void *)(uintptr_t)got.at);
    free(ids);
    free(read);
    close(fd);
}

static bool same_text(struct bytes got, const char *text)
{
    bool same = got.len == strlen(text) && memcmp(got.at, text, got.len) == 0;
    free((void *)(uintptr_t)got.at);
    return same;
}

/* What a keeper finds that takes over between the steps of a change: the policy that holds, and the other. */
static void test_bundle_unsettled(void **state)
{
    (void)state;
    struct error e;
    struct bytes got, first = {(const uint8_t *)"first", 5}, second = {(const uint8_t *)"the second", 10};
    int fd = memfd_create("test", MFD_CLOEXEC);
    struct policy_ids *ids = calloc(1, sizeof *ids);
    assert_false(bundle_unsettled(fd));
    assert_true(bundle_write(fd, first, ids, &e));
    assert_false(bundle_unsettled(fd));
    uint32_t serial = bundle_serial(fd);
    for (unsigned i = 0; i < 2; i++) { /* prepared twice: the one before was dropped */
        assert_true(bundle_prepare(fd, second, ids, &e));
        assert_true(bundle_unsettled(fd));
        assert_int_equal(bundle_serial(fd), serial);
        assert_true(bundle_read(fd, &got, NULL, &e) && same_text(got, "first"));
        assert_true(bundle_other(fd, &got, &e) && same_text(got, "the second"));
    }
    assert_true(bundle_switch(fd, &e));
    assert_true(bundle_unsettled(fd));
    assert_int_equal(bundle_serial(fd), serial + 1);
    assert_true(bundle_read(fd, &got, NULL, &e) && same_text(got, "the second"));
    assert_true(bundle_other(fd, &got, &e) && same_text(got, "first"));
    assert_true(bundle_settle(fd, &e));
    assert_false(bundle_unsettled(fd));
    assert_true(bundle_read(fd, &got, NULL, &e) && same_text(got, "the second"));
    free(ids);
    close(fd);
}

static void test_bundle_seal(void **state)
{
    (void)state;
    struct error e;
    int fd = bundle_seal((struct bytes){(const uint8_t *)"bytes", 5}, &e);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, "other", 5, 0), -1); /* what was judged is what is compiled */
    assert_int_equal(ftruncate(fd, 1), -1);
    assert_int_equal(ftruncate(fd, 10), -1);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_life),         cmocka_unit_test(test_what_opens),
                                       cmocka_unit_test(test_many),         cmocka_unit_test(test_long_texts),
                                       cmocka_unit_test(test_bundle_slots), cmocka_unit_test(test_bundle_unsettled),
                                       cmocka_unit_test(test_bundle_seal)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
