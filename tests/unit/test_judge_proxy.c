/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The judge over connections to an HTTP proxy, and over upgrades: what is behind CONNECT or an upgrade is held until
 * the answer says what it is (RFC 9110 s7.8, s9.3.6; RFC 9112 s3.2; RFC 6455 s4). */
#include "tests/unit/judge_bed.h"
#include "tests/unit/hellos.h"

static const char policy[] =
    "version: 1\n"
    "profiles:\n"
    "  p:\n"
    "    allow: [good.example, 'http://web.example', 'tcp://git.example:22', '10.9.0.0/16:443',\n"
    "            'proxy://proxy.example:3128', 'ws://chat.example', 'http://plain.example',\n"
    "            '**.wild.example', 'http://**.wild.example']\n"
    "    dns: { budget: { names_per_minute: 3, bytes_per_hour: 30, label_bytes: 20 } }\n"
    "scopes:\n"
    "  - { name: s, match: { source: 198.18.0.0/15 }, profile: p, mode: MODE }\n";

#define SERVER        "198.19.0.7"
#define SERVER_ISN    700000u
#define OK_200        "HTTP/1.1 200 Connection established\r\nProxy-agent: x\r\n\r\n"
#define AUTH_407      "HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 5\r\n\r\nlogin"
#define CONNECT(host) "CONNECT " host " HTTP/1.1\r\nHost: " host "\r\nProxy-Authorization: Basic c2VjcmV0\r\n\r\n"
#define GOOD          CONNECT("good.example:443")
#define UPGRADE(host)                                                                                   \
    "GET /room HTTP/1.1\r\nHost: " host "\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n" \
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
#define SWITCHES "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"

static const struct bed_end client = {BED_CLIENT, 40000};
static const uint8_t server_hello[] = {22, 3,  3,  0,  80, 2,  0,  0,  76, 3,  3,    1,  2,  3,  4,  5,  6,
                                       7,  8,  9,  10, 11, 12, 13, 14, 15, 16, 17,   18, 19, 20, 21, 22, 23,
                                       24, 25, 26, 27, 28, 29, 30, 31, 32, 0,  0x13, 1,  0,  0,  0};
/* RFC 8446 s4.1.3 */
static const uint8_t retry[] = {22,   3,    3,    0,    80,   2,    0,    0,    76,   3,    3,    0xcf,
                                0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e,
                                0x65, 0xb8, 0x91, 0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07,
                                0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c, 0,    0x13, 1,    0};

/* One connection, with how far each side has spoken. */
struct talk {
    struct bed *b;
    struct bed_end server;
    uint32_t sent, received;
    uint32_t id; /* of the last packet */
};

static struct talk talk_to_mode(const char *name, uint16_t port, const char *mode)
{
    char text[sizeof policy + 20];
    const char *at = strstr(policy, "MODE");
    snprintf(text, sizeof text, "%.*s%s%s", (int)(at - policy), policy, mode, at + 4);
    struct talk t = {.b = bed_new(text), .server = {SERVER, port}};
    struct address a = bed_address(SERVER);
    struct name n;
    assert_true(name_from_wire((struct bytes){(const uint8_t *)name, strlen(name)}, &n));
    assert_true(binding_add(t.b->bindings, 1, &a, &n, 300, t.b->now));
    t.b->client_isn = 5000;
    uint32_t id =
        bed_tcp(t.b, MARK_TO_SERVER, client, t.server, TCP_SYN, 5000, 0, (struct bytes){0}, (struct bytes){0});
    assert_int_equal(bed_fate(t.b, id), BED_ACCEPTED);
    bed_tcp(t.b, MARK_FROM_SERVER, t.server, client, TCP_SYN | TCP_ACK, SERVER_ISN, 5001, (struct bytes){0},
            (struct bytes){0});
    return t;
}

static struct talk talk_to(const char *name, uint16_t port)
{
    return talk_to_mode(name, port, "enforce");
}

/* The packet's fate; one that left as the server's reset, with nothing of its own in it, counts as reset. */
static enum bed_fate fate_of(const struct talk *t, uint32_t id)
{
    struct packet p;
    enum bed_fate fate = bed_fate(t->b, id);
    if (fate != BED_ACCEPTED || !t->b->denials || !t->b->denial.cut)
        return fate;
    assert_int_equal(packet_parse((struct bytes){t->b->last, t->b->last_len}, true, &p), REASON_NONE);
    return p.flags == TCP_RST && !p.payload.len ? BED_RESET : fate;
}

static enum bed_fate says_bytes(struct talk *t, const void *data, size_t len)
{
    t->id = bed_tcp(t->b, MARK_TO_SERVER, client, t->server, TCP_ACK | TCP_PSH, 5001 + t->sent,
                    SERVER_ISN + 1 + t->received, (struct bytes){0}, (struct bytes){data, len});
    t->sent += (uint32_t)len;
    return fate_of(t, t->id);
}

static enum bed_fate says(struct talk *t, const char *text)
{
    return says_bytes(t, text, strlen(text));
}

/* The server's answer to all that it was sent so far (`acknowledges` bytes). */
static enum mark_verdict answers_bytes(struct talk *t, uint32_t acknowledges, const void *data, size_t len)
{
    t->id = bed_tcp(t->b, MARK_FROM_SERVER, t->server, client, TCP_ACK, SERVER_ISN + 1 + t->received,
                    5001 + acknowledges, (struct bytes){0}, (struct bytes){data, len});
    t->received += (uint32_t)len;
    return (enum mark_verdict)t->b->mark[t->id];
}

static enum mark_verdict answers(struct talk *t, const char *text)
{
    return answers_bytes(t, t->sent, text, strlen(text));
}

static size_t hello_for(const char *name, uint8_t *out, size_t size)
{
    struct hello_options o = {.what = "test", .name = name};
    return hello_make(&o, out, size);
}

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
        size_t len = hello_for(rows[i].name, hello, sizeof hello);
        uint32_t before = t.sent;
        if (rows[i].reason) {
            assert_int_equal(says_bytes(&t, hello, len), BED_RESET);
            assert_int_equal(t.b->denial.reason, rows[i].reason);
            assert_int_equal(t.b->seen[before], 0);
        } else {
            assert_int_equal(says_bytes(&t, hello, len), BED_ACCEPTED);
            assert_int_equal(t.b->mark[t.id], MARK_PASS);
            assert_int_equal(answers_bytes(&t, t.sent, server_hello, sizeof server_hello), MARK_APPROVE);
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
        says_bytes(&t, hello, hello_for("good.example", hello, sizeof hello));
        assert_int_equal(answers_bytes(&t, t.sent, retry, sizeof retry), MARK_PASS);
        size_t len = hello_for(same ? "good.example" : "web.example", hello, sizeof hello);
        assert_int_equal(says_bytes(&t, hello, len), same ? BED_ACCEPTED : BED_RESET);
        if (same)
            assert_int_equal(answers_bytes(&t, t.sent, server_hello, sizeof server_hello), MARK_APPROVE);
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
           len = head + hello_for("good.example", (memcpy(stream, GOOD, head), stream + head), 4096);
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
        assert_int_equal(answers_bytes(&t, t.sent, server_hello, sizeof server_hello), MARK_APPROVE);
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
    assert_int_equal(says_bytes(&t, hello, hello_for("evil.example", hello, sizeof hello)), BED_IN);
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
    assert_int_equal(says_bytes(&t, hello, hello_for("evil.example", hello, sizeof hello)), BED_ACCEPTED);
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
        cmocka_unit_test(names_below_a_wildcard_have_a_budget),
        cmocka_unit_test(what_is_asked_of_a_proxy),
        cmocka_unit_test(connect_elsewhere_names_what_would_allow_it),
        cmocka_unit_test(an_upgrade_needs_its_entry_and_the_servers_word),
        cmocka_unit_test(audit_tells_and_lets_go),
        cmocka_unit_test(a_request_refused_at_an_acknowledgment),
    };
    return cmocka_run_group_tests_name("judge_proxy", tests, NULL, NULL);
}
