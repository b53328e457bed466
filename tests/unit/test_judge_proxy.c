/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The judge over what is asked of an HTTP proxy, and over upgrades, which wait for their answer as CONNECT does (RFC
 * 9110 s7.8; RFC 9112 s3.2; RFC 6455 s4). */
#include "tests/unit/hellos.h"
#include "tests/unit/proxy_talk.h"

static const struct {
    const char *what, *request;
    enum reason reason;
    const char *hint;
} asked[] = {
    {"absolute", "GET http://web.example/x HTTP/1.1\r\nHost: web.example\r\n\r\n", REASON_NONE, ""},
    {"absolute without Host", "GET http://web.example/x HTTP/1.0\r\n\r\n", REASON_NONE, ""},
    {"CONNECT without Host", "CONNECT good.example:443 HTTP/1.0\r\n\r\n", REASON_NONE, ""},
    {"CONNECT, Host without 443", "CONNECT good.example:443 HTTP/1.1\r\nHost: good.example\r\n\r\n", REASON_NONE, ""},
    {"an address entry", CONNECT("10.9.1.1:443"), REASON_NONE, ""},
    {"another name", "GET http://evil.example/x HTTP/1.1\r\nHost: evil.example\r\n\r\n", REASON_NOT_IN_ALLOWLIST,
     "http://evil.example"},
    {"https:// there", "GET https://good.example/x HTTP/1.1\r\nHost: good.example\r\n\r\n", REASON_PROXY_FORM, ""},
    {"origin form", "GET / HTTP/1.1\r\nHost: web.example\r\n\r\n", REASON_PROXY_FORM, ""},
    {"asterisk form", "OPTIONS * HTTP/1.1\r\nHost: web.example\r\n\r\n", REASON_PROXY_FORM, ""},
    {"Host differs", "GET http://web.example/x HTTP/1.1\r\nHost: evil.example\r\n\r\n", REASON_HTTP_HOST_DIFFERS, ""},
    {"CONNECT's Host differs", "CONNECT good.example:443 HTTP/1.1\r\nHost: evil.example:443\r\n\r\n",
     REASON_HTTP_HOST_DIFFERS, ""},
    {"CONNECT's Host has another port", "CONNECT git.example:22 HTTP/1.1\r\nHost: git.example\r\n\r\n",
     REASON_HTTP_HOST_DIFFERS, ""},
    {"CONNECT without a port", "CONNECT good.example HTTP/1.1\r\nHost: good.example\r\n\r\n", REASON_HTTP_HOST, ""},
    {"CONNECT with a scheme", "CONNECT http://good.example:443/ HTTP/1.1\r\n\r\n", REASON_HTTP_HOST, ""},
    {"CONNECT with userinfo", "CONNECT u@good.example:443 HTTP/1.1\r\n\r\n", REASON_HTTP_HOST, ""},
    {"CONNECT with a body", "CONNECT good.example:443 HTTP/1.1\r\nContent-Length: 3\r\n\r\n", REASON_HTTP_BODY, ""},
    {"CONNECT with chunks", "CONNECT good.example:443 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", REASON_HTTP_BODY,
     ""},
    {"CONNECT to another port", CONNECT("good.example:25"), REASON_PORT_NOT_ALLOWED, "tcp://good.example:25"},
    {"CONNECT to the port of http://", CONNECT("web.example:80"), REASON_PROXY_CONNECT, "tcp://web.example:80"},
    {"CONNECT to an address", CONNECT("203.0.113.9:443"), REASON_HTTP_ADDRESS, ""},
    {"CONNECT to an IPv6 address", CONNECT("[2001:db8::9]:443"), REASON_HTTP_ADDRESS, ""},
    {"an address in octal", "CONNECT 0312.0.113.9:443 HTTP/1.1\r\n\r\n", REASON_HTTP_HOST, ""},
    {"absolute to an address", "GET http://203.0.113.9/ HTTP/1.1\r\nHost: 203.0.113.9\r\n\r\n", REASON_HTTP_ADDRESS,
     ""},
    {"TLS to the proxy", "\x16\x03\x01", REASON_HTTP_EXPECTED, ""},
    {"HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", REASON_HTTP_2, ""},
};

static void what_is_asked_of_a_proxy(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof asked / sizeof asked[0]; i++) {
        struct talk t = talk_to("proxy.example", 3128);
        enum bed_fate fate = says(&t, asked[i].request);
        if (fate != (asked[i].reason ? BED_RESET : BED_ACCEPTED) || t.b->denial.reason != asked[i].reason ||
            strcmp(t.b->denial.hint, asked[i].hint) != 0)
            fail_msg("%s: %d, %s, hint \"%s\"", asked[i].what, fate, reason_name(t.b->denial.reason), t.b->denial.hint);
        assert_null(memmem(&t.b->event, sizeof t.b->event, "c2VjcmV0", 8)); /* credentials are in no event */
        bed_free(t.b);
    }
}

static void connect_elsewhere_names_what_would_allow_it(void **state)
{
    (void)state;
    struct talk t = talk_to("plain.example", 80);
    assert_int_equal(says(&t, GOOD), BED_RESET);
    assert_int_equal(t.b->denial.reason, REASON_HTTP_CONNECT);
    assert_string_equal(t.b->denial.hint, "proxy://plain.example:80");
    bed_free(t.b);
}

static void an_upgrade_needs_its_entry_and_the_servers_word(void **state)
{
    (void)state;
    struct talk t = talk_to("plain.example", 80);
    assert_int_equal(says(&t, UPGRADE("plain.example")), BED_RESET);
    assert_int_equal(t.b->denial.reason, REASON_HTTP_WEBSOCKET);
    assert_string_equal(t.b->denial.hint, "ws://plain.example");
    bed_free(t.b);

    t = talk_to("chat.example", 80);
    assert_int_equal(says(&t, UPGRADE("chat.example")), BED_ACCEPTED);
    assert_true(t.b->event.websocket);
    assert_int_equal(says(&t, "frame"), BED_IN);
    uint32_t held = t.id, head = t.sent - 5;
    assert_int_equal(answers_bytes(&t, head, SWITCHES, strlen(SWITCHES)), MARK_APPROVE);
    assert_int_equal(bed_fate(t.b, held), BED_ACCEPTED);
    assert_int_equal(t.b->mark[held], MARK_APPROVE);
    bed_free(t.b);

    /* Not agreed to: it goes on as HTTP, also with what was sent behind it. */
    t = talk_to("chat.example", 80);
    says(&t, UPGRADE("chat.example"));
    assert_int_equal(says(&t, "GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n"), BED_IN);
    answers_bytes(&t, (uint32_t)strlen(UPGRADE("chat.example")), "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 40);
    assert_int_equal(t.b->denial.reason, REASON_NOT_IN_ALLOWLIST);
    assert_int_equal(t.b->seen[strlen(UPGRADE("chat.example"))], 0);
    bed_free(t.b);

    /* Behind an ordinary request, whose answer could say 101. */
    t = talk_to("chat.example", 80);
    says(&t, "GET / HTTP/1.1\r\nHost: chat.example\r\n\r\n");
    assert_int_equal(says(&t, UPGRADE("chat.example")), BED_RESET);
    assert_int_equal(t.b->denial.reason, REASON_HTTP_ORDER);
    bed_free(t.b);
}

static void audit_tells_and_lets_go(void **state)
{
    (void)state;
    static uint8_t hello[4096];
    struct talk t = talk_to_mode("proxy.example", 3128, "audit");
    assert_int_equal(says(&t, CONNECT("evil.example:443")), BED_ACCEPTED);
    assert_int_equal(t.b->denial.verdict, VERDICT_WOULD_DENY);
    assert_int_equal(answers(&t, OK_200), MARK_APPROVE);
    bed_free(t.b);
    t = talk_to_mode("proxy.example", 3128, "audit");
    says(&t, GOOD);
    assert_int_equal(answers(&t, OK_200), MARK_PASS);
    assert_int_equal(says_bytes(&t, hello, hello_for("evil.example", 0, hello, sizeof hello)), BED_ACCEPTED);
    assert_int_equal(t.b->denial.reason, REASON_PROXY_NAME);
    bed_free(t.b);
    /* Java's offer of HTTP/2 goes on as it lies, and what the server makes of it is no finding. */
    t = talk_to_mode("plain.example", 80, "audit");
    says(&t, "GET / HTTP/1.1\r\nConnection: Upgrade, HTTP2-Settings\r\nHost: plain.example\r\nHTTP2-Settings: AAEA\r\n"
             "Upgrade: h2c\r\n\r\n");
    says(&t, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    assert_int_equal(t.b->denials, 0);
    assert_int_equal(t.b->mark[t.id], MARK_APPROVE);
    bed_free(t.b);
}

/* A head that had to wait for room to be kept is judged when the server acknowledges: one verdict for that packet. */
static void a_request_refused_at_an_acknowledgment(void **state)
{
    (void)state;
    static char many[60000];
    struct talk t = talk_to("plain.example", 80);
    size_t len = 0;
    memset(many, 'x', sizeof many);
    for (int i = 0; i < 3; i++) {
        len += (size_t)snprintf(many + len, 64, "GET / HTTP/1.1\r\nHost: plain.example\r\nX: ");
        many[len] = 'x';
        len += 14000;
        memcpy(many + len, "\r\n\r\n", 4);
        len += 4;
    }
    static const char evil[] = "GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n";
    memcpy(many + len, evil, sizeof evil - 1);
    for (size_t at = 0; at < len + sizeof evil - 1; at += 1400)
        says_bytes(&t, many + at, len + sizeof evil - 1 - at < 1400 ? len + sizeof evil - 1 - at : 1400);
    assert_int_equal(t.b->denials, 0);
    for (uint32_t heads = 2; heads <= 3; heads++) /* what the server had until now */
        answers_bytes(&t, (uint32_t)len / 3 * heads, "", 0);
    assert_int_equal(t.b->denial.reason, REASON_NOT_IN_ALLOWLIST);
    assert_null(memmem(t.b->wire, sizeof t.b->wire, "evil", 4));
    bed_free(t.b);
}

/* The proxy resolves the name, so that it reaches the name's servers: it costs what a question costs. */
static void names_below_a_wildcard_have_a_budget(void **state)
{
    (void)state;
    static const struct {
        const char *what, *request[5];
        unsigned passes; /* how many of them; the next is refused */
        const char *limit;
    } rows[] = {
        {"names of a minute",
         {"GET http://a.wild.example/ HTTP/1.1\r\nHost: a.wild.example\r\n\r\n",
          "GET http://b.wild.example/ HTTP/1.1\r\nHost: b.wild.example\r\n\r\n",
          "GET http://c.wild.example/ HTTP/1.1\r\nHost: c.wild.example\r\n\r\n",
          "GET http://a.wild.example/ HTTP/1.1\r\nHost: a.wild.example\r\n\r\n",
          "GET http://d.wild.example/ HTTP/1.1\r\nHost: d.wild.example\r\n\r\n"},
         4,
         "names_per_minute: 3"},
        {"bytes of an hour",
         {"GET http://a123456789.12345.wild.example/ HTTP/1.1\r\nHost: a123456789.12345.wild.example\r\n\r\n",
          "GET http://b123456789.12345.wild.example/ HTTP/1.1\r\nHost: b123456789.12345.wild.example\r\n\r\n"},
         1,
         "bytes_per_hour: 30"},
        {"a long label", {CONNECT("a12345678901234567890.wild.example:443")}, 0, "label_bytes: 20"},
        {"exact entries cost nothing",
         {"GET http://web.example/ HTTP/1.1\r\nHost: web.example\r\n\r\n",
          "GET http://plain.example/ HTTP/1.1\r\nHost: plain.example\r\n\r\n",
          "GET http://web.example/a HTTP/1.1\r\nHost: web.example\r\n\r\n",
          "GET http://plain.example/a HTTP/1.1\r\nHost: plain.example\r\n\r\n"},
         4,
         NULL},
    };
    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct talk t = talk_to("proxy.example", 3128);
        for (unsigned k = 0; k < 5 && rows[i].request[k]; k++) {
            enum bed_fate fate = says(&t, rows[i].request[k]);
            if (k < rows[i].passes ? fate != BED_ACCEPTED : t.b->denials != 1)
                fail_msg("%s: request %u: %d, %u denials", rows[i].what, k, fate, t.b->denials);
        }
        assert_int_equal(t.b->denials, rows[i].limit ? 1 : 0);
        if (t.b->denials) {
            assert_int_equal(t.b->denial.reason, REASON_TUNNEL_SUSPECTED);
            assert_string_equal(t.b->denial.limit, rows[i].limit);
            assert_string_equal(t.b->denial.hint, "");
        }
        bed_free(t.b);
    }
}

/* What waits for the proxy's answer is judged when that comes, and is the client's all the same. */
static void what_had_waited_costs_its_client(void **state)
{
    (void)state;
    static const char *const each[] = {CONNECT("a.wild.example:443"), CONNECT("b.wild.example:443"),
                                       CONNECT("c.wild.example:443"), CONNECT("d.wild.example:443")};
    struct talk t = talk_to("proxy.example", 3128);
    uint32_t acknowledges = 0;
    for (unsigned i = 0; i < 4; i++)
        says(&t, each[i]);
    for (unsigned i = 0; i < 4 && !t.b->denials; i++) {
        acknowledges += (uint32_t)strlen(each[i]);
        answers_bytes(&t, acknowledges, AUTH_407, strlen(AUTH_407));
    }
    assert_int_equal(t.b->denials, 1);
    assert_int_equal(t.b->denial.reason, REASON_TUNNEL_SUSPECTED);
    assert_null(memmem(t.b->wire, sizeof t.b->wire, "d.wild", 6));
    bed_free(t.b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_asked_of_a_proxy),
        cmocka_unit_test(connect_elsewhere_names_what_would_allow_it),
        cmocka_unit_test(an_upgrade_needs_its_entry_and_the_servers_word),
        cmocka_unit_test(audit_tells_and_lets_go),
        cmocka_unit_test(a_request_refused_at_an_acknowledgment),
        cmocka_unit_test(names_below_a_wildcard_have_a_budget),
        cmocka_unit_test(what_had_waited_costs_its_client),
    };
    return cmocka_run_group_tests_name("judge_proxy", tests, NULL, NULL);
}
