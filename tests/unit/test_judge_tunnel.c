/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The judge over CONNECT: what is behind it is held until the answer says what it is (RFC 9110 s9.3.6; RFC 9112 s3.2).
 */
#include "tests/unit/hellos.h"
#include "tests/unit/proxy_talk.h"

static void a_tunnel_shows_the_name_that_connect_named(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        enum reason reason;
    } rows[] = {{"good.example", REASON_NONE}, {"web.example", REASON_PROXY_NAME}, {NULL, REASON_TLS_NO_NAME}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        static uint8_t hello[4096];
        struct talk t = talk_to("proxy.example", 3128);
        assert_int_equal(says(&t, GOOD), BED_ACCEPTED);
        assert_string_equal(t.b->event.domain, "good.example");
        assert_string_equal(t.b->event.http_method, "CONNECT");
        assert_int_equal(t.b->event.asked_port, 443);
        assert_int_equal(answers(&t, OK_200), MARK_PASS);
        size_t len = hello_for(rows[i].name, 0, hello, sizeof hello);
        uint32_t before = t.sent;
        if (rows[i].reason) {
            assert_int_equal(says_bytes(&t, hello, len), BED_RESET);
            assert_int_equal(t.b->denial.reason, rows[i].reason);
            assert_int_equal(t.b->seen[before], 0);
        } else {
            assert_int_equal(says_bytes(&t, hello, len), BED_ACCEPTED);
            assert_int_equal(t.b->mark[t.id], MARK_PASS);
            assert_int_equal(answers_bytes(&t, t.sent, hello_answer, sizeof hello_answer), MARK_APPROVE);
            assert_int_equal(t.b->denials, 0);
        }
        bed_free(t.b);
    }
}

/* draft-ietf-tls-esni: an older draft is refused whatever the policy says of ECH; in a tunnel, too. */
static void a_draft_of_ech_in_a_tunnel_is_refused(void **state)
{
    (void)state;
    static uint8_t hello[4096];
    struct hello_options o = {.what = "test", .name = "good.example", .extra_len = 8};
    struct talk t = talk_to("proxy.example", 3128);
    size_t len = hello_make(&o, hello, sizeof hello);
    uint8_t *extension = memmem(hello, len, "\x4a\x4a\0\x08", 4);
    assert_non_null(extension);
    memcpy(extension, "\xff\xce", 2);
    says(&t, GOOD);
    answers(&t, OK_200);
    assert_int_equal(says_bytes(&t, hello, len), BED_RESET);
    assert_int_equal(t.b->denial.reason, REASON_TLS_ECH);
    bed_free(t.b);
}

static void after_a_retry_in_a_tunnel_the_name_stays(void **state)
{
    (void)state;
    for (int same = 0; same < 2; same++) {
        static uint8_t hello[4096];
        struct talk t = talk_to("proxy.example", 3128);
        says(&t, GOOD);
        answers(&t, OK_200);
        says_bytes(&t, hello, hello_for("good.example", 0, hello, sizeof hello));
        assert_int_equal(answers_bytes(&t, t.sent, hello_retry, sizeof hello_retry), MARK_PASS);
        size_t len = hello_for(same ? "good.example" : "web.example", 0, hello, sizeof hello);
        assert_int_equal(says_bytes(&t, hello, len), same ? BED_ACCEPTED : BED_RESET);
        if (same)
            assert_int_equal(answers_bytes(&t, t.sent, hello_answer, sizeof hello_answer), MARK_APPROVE);
        else
            assert_int_equal(t.b->denial.reason, REASON_TLS_NAME_CHANGED);
        bed_free(t.b);
    }
}

/* What comes behind CONNECT waits for its answer, in whatever pieces both come. */
static void bytes_behind_connect_are_held(void **state)
{
    (void)state;
    static uint8_t stream[8192];
    size_t head = strlen(GOOD),
           len = head + hello_for("good.example", 0, (memcpy(stream, GOOD, head), stream + head), 4096);
    for (size_t cut = 1; cut < strlen(OK_200); cut += 7) {
        struct talk t = talk_to("proxy.example", 3128);
        assert_int_equal(says_bytes(&t, stream, len), BED_ACCEPTED); /* the packet went, cut behind the head */
        assert_int_equal(t.b->seen[head - 1], 1);
        assert_int_equal(t.b->seen[head], 0);
        t.sent = (uint32_t)head;
        assert_int_equal(says_bytes(&t, stream + head, len - head), BED_IN); /* comes again, is held */
        uint32_t held = t.id;
        answers_bytes(&t, (uint32_t)head, OK_200, cut);
        assert_int_equal(bed_fate(t.b, held), BED_IN);
        assert_int_equal(t.b->seen[head], 0);
        answers_bytes(&t, (uint32_t)head, OK_200 + cut, strlen(OK_200) - cut);
        assert_int_equal(bed_fate(t.b, held), BED_ACCEPTED);
        assert_memory_equal(t.b->wire, stream, len);
        assert_int_equal(answers_bytes(&t, t.sent, hello_answer, sizeof hello_answer), MARK_APPROVE);
        bed_free(t.b);
    }
}

static void another_name_behind_connect_is_refused_when_the_proxy_agrees(void **state)
{
    (void)state;
    static uint8_t hello[4096];
    struct talk t = talk_to("proxy.example", 3128);
    says(&t, GOOD);
    uint32_t head = t.sent;
    assert_int_equal(says_bytes(&t, hello, hello_for("evil.example", 0, hello, sizeof hello)), BED_IN);
    uint32_t held = t.id;
    answers_bytes(&t, head, OK_200, strlen(OK_200));
    assert_int_equal(t.b->denial.reason, REASON_PROXY_NAME);
    assert_int_equal(fate_of(&t, held), BED_RESET);
    assert_int_equal(t.b->seen[head], 0);
    bed_free(t.b);
}

static void two_connects_pipelined_are_one_tunnel(void **state)
{
    (void)state;
    struct talk t = talk_to("proxy.example", 3128);
    says(&t, GOOD CONNECT("evil.example:443"));
    assert_int_equal(t.b->seen[strlen(GOOD)], 0);
    assert_int_equal(t.b->denials, 0);
    t.sent = (uint32_t)strlen(GOOD);
    assert_int_equal(says(&t, CONNECT("evil.example:443")), BED_IN);
    answers_bytes(&t, (uint32_t)strlen(GOOD), OK_200, strlen(OK_200));
    assert_int_equal(t.b->denial.reason, REASON_TLS_EXPECTED); /* in the tunnel it is no TLS */
    assert_int_equal(t.b->seen[strlen(GOOD)], 0);
    bed_free(t.b);
}

static void a_refusal_of_the_proxy_is_followed_by_requests(void **state)
{
    (void)state;
    struct talk t = talk_to("proxy.example", 3128);
    says(&t, GOOD);
    assert_int_equal(answers(&t, AUTH_407), MARK_PASS);
    says(&t, GOOD); /* with credentials this time */
    answers(&t, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 503 Busy\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
    assert_int_equal(says(&t, CONNECT("evil.example:443")), BED_IN); /* the body is not over */
    t.b->injections = 0;
    answers_bytes(&t, (uint32_t)strlen(GOOD GOOD), "0\r\n\r\n", 5);
    assert_int_equal(t.b->denials, 1);
    assert_int_equal(t.b->denial.reason, REASON_NOT_IN_ALLOWLIST);
    assert_string_equal(t.b->denial.domain, "evil.example");
    assert_string_equal(t.b->denial.hint, "evil.example");
    assert_int_equal(t.b->seen[strlen(GOOD GOOD)], 0);
    bed_free(t.b);
}

/* An answer of which nobody can tell where it ends, an answer that nobody asked for, an ordinary request before: the
 * next answer could be taken for another one. */
static void a_tunnel_needs_its_own_answer(void **state)
{
    (void)state;
    static const char *const firsts[][2] = {
        {GOOD, "HTTP/1.1 403 No\r\n\r\nuntil the end"},
        {GOOD, "HTTP/1.1 403 No\r\nContent-Length: 0\r\nContent-Length: 3\r\n\r\n"},
        {GOOD, "HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n" OK_200},
        {"GET http://web.example/ HTTP/1.1\r\nHost: web.example\r\n\r\n",
         "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"},
        {"GET http://web.example/ HTTP/1.1\r\nHost: web.example\r\n\r\n", ""},
    };
    for (size_t i = 0; i < sizeof firsts / sizeof firsts[0]; i++) {
        struct talk t = talk_to("proxy.example", 3128);
        assert_int_equal(says(&t, firsts[i][0]), BED_ACCEPTED);
        answers(&t, firsts[i][1]);
        assert_int_equal(says(&t, CONNECT("git.example:22")), BED_RESET);
        assert_int_equal(t.b->denial.reason, REASON_HTTP_ORDER);
        bed_free(t.b);
    }
}

static void an_answer_that_cannot_be_read_ends_it(void **state)
{
    (void)state;
    static const char *const answer[] = {"HTTP/2 200\r\n\r\n",
                                         "SSH-2.0-x\r\n\r\n",
                                         "HTTP/1.1 200 OK\n\n",
                                         "HTTP/1.1 101 Switch\r\n\r\n",
                                         "HTTP/1.1 200 OK\r\n folded\r\n\r\n",
                                         "HTTP/1.1 2000\r\n\r\n"};
    for (size_t i = 0; i < sizeof answer / sizeof answer[0]; i++) {
        struct talk t = talk_to("proxy.example", 3128);
        says(&t, GOOD);
        answers(&t, answer[i]);
        assert_int_equal(t.b->denial.reason, REASON_HTTP_ANSWER);
        assert_int_equal(says(&t, "x"), BED_RESET);
        bed_free(t.b);
    }
}

static void tcp_entries_take_any_bytes_in_the_tunnel(void **state)
{
    (void)state;
    struct talk t = talk_to("proxy.example", 3128);
    assert_int_equal(says(&t, CONNECT("git.example:22")), BED_ACCEPTED);
    assert_int_equal(t.b->mark[t.id], MARK_WATCH);
    assert_int_equal(says(&t, "SSH-2.0-client\r\n"), BED_IN);
    uint32_t held = t.id, head = t.sent - 16;
    /* An answer before the whole request was received is none. */
    assert_int_equal(answers_bytes(&t, head - 1, OK_200, strlen(OK_200)), MARK_PASS);
    assert_int_equal(bed_fate(t.b, held), BED_IN);
    assert_int_equal(answers_bytes(&t, head, "SSH-2.0-server\r\n", 16), MARK_APPROVE);
    assert_int_equal(bed_fate(t.b, held), BED_ACCEPTED);
    assert_int_equal(t.b->mark[held], MARK_APPROVE);
    bed_free(t.b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tunnel_shows_the_name_that_connect_named),
        cmocka_unit_test(a_draft_of_ech_in_a_tunnel_is_refused),
        cmocka_unit_test(after_a_retry_in_a_tunnel_the_name_stays),
        cmocka_unit_test(bytes_behind_connect_are_held),
        cmocka_unit_test(another_name_behind_connect_is_refused_when_the_proxy_agrees),
        cmocka_unit_test(two_connects_pipelined_are_one_tunnel),
        cmocka_unit_test(a_refusal_of_the_proxy_is_followed_by_requests),
        cmocka_unit_test(a_tunnel_needs_its_own_answer),
        cmocka_unit_test(an_answer_that_cannot_be_read_ends_it),
        cmocka_unit_test(tcp_entries_take_any_bytes_in_the_tunnel),
    };
    return cmocka_run_group_tests_name("judge_tunnel", tests, NULL, NULL);
}
