/* SPDX-License-Identifier: GPL-3.0-or-later */
/* core/event_pack: what comes out is what went in; what another process may send is taken within its bounds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "core/event_pack.h"

static struct event full(void)
{
    struct event e = {.time_usec = 1, .ticket = 2, .action = ACTION_TLS_HELLO, .reason = REASON_ANSWERED};
    e.verdict = VERDICT_ALLOW;
    e.scope_id = 77;
    e.answers = 2;
    e.answer[1] = (struct address){6, {0x20, 1}};
    e.source = (struct event_endpoint){{4, {198, 18, 0, 2}}, 40000};
    e.count = 9;
    memset(e.domain, 'd', sizeof e.domain - 1);
    memset(e.http_path, 0xff, sizeof e.http_path - 1);
    memcpy(e.tls_ja4, "t13d", 5);
    memset(e.rule, 'r', sizeof e.rule - 1);
    memset(e.hint, 'h', sizeof e.hint - 1);
    memset(e.limit, 'l', sizeof e.limit - 1);
    memset(e.tls_server_name, 's', sizeof e.tls_server_name - 1);
    memset(e.http_method, 'm', sizeof e.http_method - 1);
    memset(e.tls_next_protocol, 'n', sizeof e.tls_next_protocol - 1);
    return e;
}

static void several_in_a_message(void **state)
{
    (void)state;
    static uint8_t message[3 * EVENT_PACKED_MAX];
    struct event one = full(), two = {.time_usec = 5, .domain = "x.example"}, out;
    struct writer w = writer_init(message, sizeof message);
    event_pack(&one, &w);
    assert_false(w.full);
    assert_true(writer_len(&w) <= EVENT_PACKED_MAX);
    event_pack(&two, &w);
    struct reader r = reader_init((struct bytes){message, writer_len(&w)}, false);
    assert_true(event_unpack(&r, &out));
    assert_memory_equal(&out, &one, sizeof out);
    assert_true(event_unpack(&r, &out));
    assert_memory_equal(&out, &two, sizeof out);
    assert_false(event_unpack(&r, &out));
}

/* The keeper's own facts do not travel, whatever the sender wrote there. */
static void the_keepers_facts_stay_behind(void **state)
{
    (void)state;
    static uint8_t message[EVENT_PACKED_MAX];
    struct event e = {.time_usec = 5, .scope = "forged"}, out;
    e.process.pid = 1;
    struct writer w = writer_init(message, sizeof message);
    event_pack(&e, &w);
    struct reader r = reader_init((struct bytes){message, writer_len(&w)}, false);
    assert_true(event_unpack(&r, &out));
    assert_int_equal(out.scope[0], 0);
    assert_int_equal(out.process.pid, 0);
}

static void a_text_without_an_end_is_cut(void **state)
{
    (void)state;
    static uint8_t message[EVENT_PACKED_MAX];
    struct event e = full(), out;
    memset(e.rule, 'r', sizeof e.rule);
    struct writer w = writer_init(message, sizeof message);
    event_pack(&e, &w);
    struct reader r = reader_init((struct bytes){message, writer_len(&w)}, false);
    assert_true(event_unpack(&r, &out));
    assert_int_equal(strlen(out.rule), sizeof out.rule - 1);
}

/* Every shorter message is refused, and so is a text that is longer than its array. */
static void what_was_not_packed_is_refused(void **state)
{
    (void)state;
    static uint8_t message[EVENT_PACKED_MAX + 1024];
    struct event e = full(), out;
    struct writer w = writer_init(message, sizeof message);
    event_pack(&e, &w);
    for (size_t len = 0; len < writer_len(&w); len++) {
        struct reader r = reader_init((struct bytes){message, len}, false);
        assert_false(event_unpack(&r, &out));
    }
    size_t facts = offsetof(struct event, scope);
    for (uint32_t len = sizeof e.domain; len <= UINT16_MAX; len += 97) {
        message[facts] = (uint8_t)(len >> 8);
        message[facts + 1] = (uint8_t)len;
        struct reader r = reader_init((struct bytes){message, sizeof message}, false);
        assert_false(event_unpack(&r, &out));
    }
    for (unsigned seed = 0; seed < 20000; seed++) { /* whatever comes stays within its array (sanitizers) */
        uint32_t x = seed * 2654435761u;
        message[(x >> 8) % sizeof message] ^= (uint8_t)x;
        struct reader r = reader_init((struct bytes){message, sizeof message}, false);
        while (event_unpack(&r, &out))
            event_sanitize(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(several_in_a_message),
        cmocka_unit_test(the_keepers_facts_stay_behind),
        cmocka_unit_test(a_text_without_an_end_is_cut),
        cmocka_unit_test(what_was_not_packed_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
