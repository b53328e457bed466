/* SPDX-License-Identifier: GPL-3.0-or-later */
/* tls/handshake: RFC 8446 s5.1, s4.1.3, s4.1.4, D.4; RESEARCH s2 rows 8, 46, 51, 52. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <cmocka.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "tests/unit/hellos.h"
#include "tls/handshake.h"

struct stream {
    uint8_t at[140000];
    size_t len;
};

static enum handshake_server server(const uint8_t *at, size_t len)
{
    uint8_t *copy = malloc(len ? len : 1);
    memcpy(copy, at, len);
    enum handshake_server got = handshake_server((struct bytes){copy, len});
    free(copy);
    return got;
}

static void put(struct stream *s, const void *at, size_t len)
{
    memcpy(s->at + s->len, at, len);
    s->len += len;
}

static void put_record(struct stream *s, uint8_t type, uint16_t version, const void *at, size_t len)
{
    uint8_t header[5] = {type, (uint8_t)(version >> 8), (uint8_t)version, (uint8_t)(len >> 8), (uint8_t)len};
    put(s, header, sizeof header);
    put(s, at, len);
}

/* The message of a one-record flight, cut into records of `size` bytes. */
static void fragment(const uint8_t *flight, size_t len, size_t size, struct stream *out)
{
    out->len = 0;
    for (size_t at = 5; at < len; at += size)
        put_record(out, 22, 0x0301, flight + at, len - at < size ? len - at : size);
}

/* Every prefix NEED_MORE, the whole OK, and the same with other records behind it. */
static void expect_name(struct stream *s, bool second, const char *name, size_t step)
{
    struct handshake_client got;
    for (size_t len = 0; len < s->len; len += len + 700 < s->len ? step : 1) {
        got = hello_read(s->at, len, second);
        if (got.state != PARSE_NEED_MORE)
            fail_msg("prefix of %zu bytes: state %d", len, (int)got.state);
    }
    for (size_t more = 0; more < 40; more += 13) {
        memset(s->at + s->len, 0x17, more);
        got = hello_read(s->at, s->len + more, second);
        assert_int_equal(got.state, PARSE_OK);
        assert_int_equal(got.consumed, s->len);
        assert_int_equal(got.hello.has_name, name != NULL);
        if (name)
            assert_int_equal(strcasecmp(got.hello.server_name.text, name), 0);
    }
}

static void test_real_hellos(void **state)
{
    (void)state;
    static struct stream s;
    static uint8_t flight[20000];
    for (size_t i = 0; i < HELLO_OPTIONS; i++) {
        size_t len = hello_make(&hello_options[i], flight, sizeof flight), step = len > 3000 ? 97 : 1;
        assert_int_not_equal(len, 0);
        s.len = 0;
        put(&s, flight, len);
        expect_name(&s, false, hello_options[i].name, step);
        static const size_t sizes[] = {1, 2, 3, 4, 5, 37, 100, 512, 1400, 16384};
        for (size_t f = 0; f < sizeof sizes / sizeof sizes[0]; f++) {
            fragment(flight, len, sizes[f], &s);
            if (s.len <= HANDSHAKE_STREAM_MAX)
                expect_name(&s, false, hello_options[i].name, step);
        }
    }
}

/* A record boundary at every place. */
static void test_every_split(void **state)
{
    (void)state;
    static struct stream s;
    static uint8_t flight[20000];
    size_t len = hello_make(&hello_options[0], flight, sizeof flight);
    for (size_t at = 6; at < len; at++) {
        s.len = 0;
        put_record(&s, 22, 0x0301, flight + 5, at - 5);
        put_record(&s, 22, 0x0303, flight + at, len - at);
        struct handshake_client got = hello_read(s.at, s.len, false);
        assert_int_equal(got.state, PARSE_OK);
        assert_string_equal(got.hello.server_name.text, "registry.example");
        assert_int_equal(hello_read(s.at, s.len - 1, false).state, PARSE_NEED_MORE);
    }
}

#define HEX(...) (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__})
static const struct {
    const char *what;
    const uint8_t *at;
    size_t len;
    enum parse state;
    enum reason reason;
} beginnings[] = {
    {"nothing", HEX(22), PARSE_NEED_MORE, REASON_NONE},
    {"SSLv2 hello", HEX(0x80, 0x2e, 1, 0, 2), PARSE_MALFORMED, REASON_TLS_MALFORMED},
    {"an alert", HEX(21, 3, 1, 0, 2, 2, 10), PARSE_MALFORMED, REASON_TLS_MALFORMED},
    {"application data", HEX(23), PARSE_MALFORMED, REASON_TLS_MALFORMED},
    {"change_cipher_spec before a first hello", HEX(20, 3, 3, 0, 1, 1), PARSE_MALFORMED, REASON_TLS_MALFORMED},
    {"version 2.0", HEX(22, 2), PARSE_MALFORMED, REASON_TLS_MALFORMED},
    {"version 3.4", HEX(22, 3, 4), PARSE_MALFORMED, REASON_TLS_MALFORMED},
    {"RFC 5246 E.1: version 3.0", HEX(22, 3, 0, 0, 9), PARSE_NEED_MORE, REASON_NONE},
    {"RFC 8446 s5.1: empty record", HEX(22, 3, 1, 0, 0), PARSE_MALFORMED, REASON_TLS_MALFORMED},
    {"RFC 8446 s5.1: 16384 octets", HEX(22, 3, 1, 0x40, 0), PARSE_NEED_MORE, REASON_NONE},
    {"RFC 8446 s5.1: 16385 octets", HEX(22, 3, 1, 0x40, 1), PARSE_MALFORMED, REASON_TLS_MALFORMED},
    {"a ServerHello", HEX(22, 3, 1, 0, 90, 2), PARSE_MALFORMED, REASON_TLS_MALFORMED},
    {"a HelloRequest", HEX(22, 3, 1, 0, 4, 0), PARSE_MALFORMED, REASON_TLS_MALFORMED},
    {"a message of 16385 octets", HEX(22, 3, 1, 0x40, 0, 1, 0, 0x40, 1), PARSE_MALFORMED, REASON_TCP_TOO_LONG},
    {"a message of 16 MiB", HEX(22, 3, 1, 0x40, 0, 1, 0xff, 0xff, 0xff), PARSE_MALFORMED, REASON_TCP_TOO_LONG},
    {"a record beyond its message", HEX(22, 3, 1, 0, 9, 1, 0, 0, 4), PARSE_MALFORMED, REASON_TLS_MALFORMED},
    {"an empty record between", HEX(22, 3, 1, 0, 2, 1, 0, 22, 3, 1, 0, 0), PARSE_MALFORMED, REASON_TLS_MALFORMED},
    {"an alert between", HEX(22, 3, 1, 0, 2, 1, 0, 21), PARSE_MALFORMED, REASON_TLS_MALFORMED},
    {"change_cipher_spec between", HEX(22, 3, 1, 0, 2, 1, 0, 20), PARSE_MALFORMED, REASON_TLS_MALFORMED},
    {"an empty hello", HEX(22, 3, 1, 0, 4, 1, 0, 0, 0), PARSE_MALFORMED, REASON_TLS_MALFORMED},
};

static void test_beginnings(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof beginnings / sizeof beginnings[0]; i++) {
        for (size_t len = 0; len < beginnings[i].len; len++) {
            enum parse before = hello_read(beginnings[i].at, len, false).state;
            assert_true(before == PARSE_NEED_MORE || beginnings[i].state == PARSE_MALFORMED);
        }
        struct handshake_client got = hello_read(beginnings[i].at, beginnings[i].len, false);
        if (got.state != beginnings[i].state || got.reason != beginnings[i].reason)
            fail_msg("%s: %d %s", beginnings[i].what, (int)got.state, reason_name(got.reason));
    }
    assert_true(handshake_is_tls(22));
    assert_false(handshake_is_tls(0x80));
    assert_false(handshake_is_tls('G'));
}

/* Other bytes around a sound hello. */
static void test_around(void **state)
{
    (void)state;
    static struct stream s;
    static uint8_t flight[20000];
    size_t len = hello_make(&hello_options[0], flight, sizeof flight);
    const size_t half = 60;
    static const uint8_t change[] = {1}, alert[] = {1, 0};

    s.len = 0; /* another message in the last record */
    memcpy(flight + len, flight + 5, len - 5);
    put_record(&s, 22, 0x0301, flight + 5, 2 * (len - 5));
    assert_int_equal(hello_read(s.at, s.len, false).state, PARSE_MALFORMED);
    assert_int_equal(hello_read(s.at, 9, false).state, PARSE_MALFORMED); /* told as soon as it shows */

    for (int what = 0; what < 3; what++) { /* another record between the hello's */
        s.len = 0;
        put_record(&s, 22, 0x0301, flight + 5, half);
        if (what == 0)
            put_record(&s, 20, 0x0303, change, 1);
        if (what == 1)
            put_record(&s, 21, 0x0303, alert, 2);
        put_record(&s, 22, 0x0301, flight + 5 + half, len - 5 - half);
        assert_int_equal(hello_read(s.at, s.len, false).state, what == 2 ? PARSE_OK : PARSE_MALFORMED);
    }

    s.len = 0; /* a whole second flight behind it: not looked at, not consumed */
    put(&s, flight, len);
    put_record(&s, 20, 0x0303, change, 1);
    put_record(&s, 23, 0x0303, flight, 100);
    struct handshake_client got = hello_read(s.at, s.len, false);
    assert_int_equal(got.state, PARSE_OK);
    assert_int_equal(got.consumed, len);

    uint8_t *name = memmem(flight, len, "registry.example", 16);
    assert_non_null(name);
    name[8] = 0;
    got = hello_read(flight, len, false);
    assert_int_equal(got.state, PARSE_MALFORMED);
    assert_int_equal(got.reason, REASON_TLS_NAME_FORM);
    assert_string_equal(got.shown, "registry\\x00example");
}

/* The bound on the stream holds at every split: a hello that ends beyond it is refused, also when it is all here. */
static void test_stream_bound(void **state)
{
    (void)state;
    static struct stream s;
    static uint8_t flight[20000];
    struct hello_options o = hello_options[0];
    o.extra_len = 10000;
    size_t len = hello_make(&o, flight, sizeof flight);
    fragment(flight, len, 1, &s);
    assert_true(s.len > HANDSHAKE_STREAM_MAX);
    assert_int_equal(hello_read(s.at, HANDSHAKE_STREAM_MAX - 1, false).state, PARSE_NEED_MORE);
    struct handshake_client got = hello_read(s.at, HANDSHAKE_STREAM_MAX, false);
    assert_int_equal(got.state, PARSE_MALFORMED);
    assert_int_equal(got.reason, REASON_TCP_TOO_LONG);
    got = hello_read(s.at, s.len, false);
    assert_int_equal(got.state, PARSE_MALFORMED);
    assert_int_equal(got.reason, REASON_TCP_TOO_LONG);
}

/* One byte changed at each place of a fragmented stream: whatever comes of it, it comes at every split, or a drop. */
static void test_mutations(void **state)
{
    (void)state;
    static struct stream s;
    static uint8_t flight[20000];
    static const uint8_t masks[] = {0x01, 0x80, 0xff};
    size_t len = hello_make(&hello_options[0], flight, sizeof flight);
    fragment(flight, len, 50, &s);
    for (size_t at = 0; at < s.len; at++) {
        for (size_t m = 0; m < sizeof masks; m++) {
            s.at[at] ^= masks[m];
            struct handshake_client whole = hello_read(s.at, s.len, false);
            bool refused = false;
            for (size_t prefix = 0; prefix < s.len; prefix += 7) {
                struct handshake_client part = hello_read(s.at, prefix, false);
                assert_true(!refused || part.state == PARSE_MALFORMED);
                refused = refused || part.state == PARSE_MALFORMED;
                if (part.state == PARSE_OK)
                    assert_memory_equal(&part.hello, &whole.hello, sizeof part.hello);
            }
            assert_true(!refused || whole.state == PARSE_MALFORMED);
            s.at[at] ^= masks[m];
        }
    }
}

/* Client and server of OpenSSL that cannot agree on the first share: the four flights up to the server's hello. */
struct retry {
    struct stream first, retry, second, hello;
};

static void take(BIO *from, BIO *to, struct stream *s)
{
    int len = BIO_read(from, s->at, sizeof s->at);
    assert_true(len > 0);
    s->len = (size_t)len;
    BIO_write(to, s->at, len);
}

static void make_retry(struct retry *out)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *x = X509_new();
    X509_gmtime_adj(X509_getm_notBefore(x), 0);
    X509_gmtime_adj(X509_getm_notAfter(x), 3600);
    X509_set_pubkey(x, key);
    X509_sign(x, key, EVP_sha256());
    SSL_CTX *sc = SSL_CTX_new(TLS_server_method()), *cc = SSL_CTX_new(TLS_client_method());
    SSL_CTX_use_certificate(sc, x);
    SSL_CTX_use_PrivateKey(sc, key);
    SSL_CTX_set1_groups_list(sc, "P-384");
    SSL_CTX_set1_groups_list(cc, "P-256:P-384");
    SSL *s = SSL_new(sc), *c = SSL_new(cc);
    BIO *si = BIO_new(BIO_s_mem()), *so = BIO_new(BIO_s_mem()), *ci = BIO_new(BIO_s_mem()), *co = BIO_new(BIO_s_mem());
    SSL_set_bio(s, si, so);
    SSL_set_bio(c, ci, co);
    SSL_set_tlsext_host_name(c, "registry.example");
    SSL_connect(c);
    take(co, si, &out->first);
    SSL_accept(s);
    take(so, ci, &out->retry);
    SSL_connect(c);
    take(co, si, &out->second);
    SSL_accept(s);
    take(so, ci, &out->hello);
    SSL_free(s);
    SSL_free(c);
    SSL_CTX_free(sc);
    SSL_CTX_free(cc);
    X509_free(x);
    EVP_PKEY_free(key);
}

/* Every prefix tells nothing or what the whole tells. */
static size_t expect_server(const struct stream *s, enum handshake_server what)
{
    size_t undecided = 0;
    for (size_t len = 0; len <= s->len; len++) {
        enum handshake_server got = server(s->at, len);
        if (got == HANDSHAKE_SERVER_NEED_MORE)
            undecided = len + 1;
        else if (got != what)
            fail_msg("prefix of %zu bytes: %d", len, (int)got);
    }
    assert_true(undecided <= s->len);
    return undecided;
}

static void test_retry(void **state)
{
    (void)state;
    static struct retry r;
    static struct stream s;
    make_retry(&r);
    expect_name(&r.first, false, "registry.example", 1);
    /* 5 + 4 + 2 + 32: decided by header, version and random, not before. */
    assert_int_equal(expect_server(&r.retry, HANDSHAKE_SERVER_RETRY), 43);
    assert_int_equal(expect_server(&r.hello, HANDSHAKE_SERVER_HELLO), 43);
    assert_int_equal(r.second.at[0], 20); /* OpenSSL sends change_cipher_spec first (RFC 8446 D.4) */
    expect_name(&r.second, true, "registry.example", 1);
    assert_int_equal(hello_read(r.second.at, r.second.len, false).state, PARSE_MALFORMED);

    s.len = 0; /* without change_cipher_spec it is as good */
    put(&s, r.second.at + 6, r.second.len - 6);
    expect_name(&s, true, "registry.example", 1);
    s.len = 0; /* twice is not */
    put(&s, r.second.at, 6);
    put(&s, r.second.at, r.second.len);
    assert_int_equal(hello_read(s.at, s.len, true).state, PARSE_MALFORMED);
    static const uint8_t wrong[][7] = {{20, 3, 3, 0, 1, 2}, {20, 3, 3, 0, 2, 1, 1}, {20, 3, 3, 0, 0}, {20, 2}};
    static const size_t wrong_len[] = {6, 7, 5, 2};
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(hello_read(wrong[i], wrong_len[i] - 1, true).state,
                         i == 1 ? PARSE_MALFORMED : PARSE_NEED_MORE);
        assert_int_equal(hello_read(wrong[i], wrong_len[i], true).state, PARSE_MALFORMED);
    }

    /* After a warning (RFC 6066 s3) what follows decides. */
    static const uint8_t warning[] = {21, 3, 3, 0, 2, 1, 112};
    s.len = 0;
    put(&s, warning, sizeof warning);
    put(&s, r.retry.at, r.retry.len);
    assert_int_equal(expect_server(&s, HANDSHAKE_SERVER_RETRY), 43 + sizeof warning);
    s.len = 0;
    put(&s, warning, sizeof warning);
    put(&s, r.hello.at, r.hello.len);
    assert_int_equal(expect_server(&s, HANDSHAKE_SERVER_HELLO), 43 + sizeof warning);

    for (size_t size = 1; size < 60; size++) { /* a retry in small records is one, too */
        fragment(r.retry.at, 5 + (size_t)(r.retry.at[3] << 8 | r.retry.at[4]), size, &s);
        expect_server(&s, HANDSHAKE_SERVER_RETRY);
    }
}

static const struct {
    const char *what;
    const uint8_t *at;
    size_t len;
    enum handshake_server is;
} server_rows[] = {
    {"an alert", HEX(21, 3, 3, 0, 2, 2, 40), HANDSHAKE_SERVER_HELLO},
    {"two fatal alerts in a record", HEX(21, 3, 3, 0, 4, 2, 40, 2, 40), HANDSHAKE_SERVER_HELLO},
    {"a warning alone", HEX(21, 3, 3, 0, 2, 1, 112), HANDSHAKE_SERVER_NEED_MORE},
    {"two warnings", HEX(21, 3, 3, 0, 2, 1, 112, 21), HANDSHAKE_SERVER_OTHER},
    {"two warnings in a record", HEX(21, 3, 3, 0, 4, 1, 112), HANDSHAKE_SERVER_OTHER},
    {"an alert of no level", HEX(21, 3, 3, 0, 2, 3), HANDSHAKE_SERVER_OTHER},
    {"no alert", HEX(21, 2, 3, 0, 2), HANDSHAKE_SERVER_OTHER},
    {"HTTP", HEX('H', 'T', 'T', 'P', '/'), HANDSHAKE_SERVER_OTHER},
    {"SSLv2", HEX(0x80, 0x10, 4, 0, 0), HANDSHAKE_SERVER_OTHER},
    {"a ClientHello", HEX(22, 3, 3, 0, 90, 1), HANDSHAKE_SERVER_OTHER},
    {"change_cipher_spec", HEX(20, 3, 3, 0, 1, 1), HANDSHAKE_SERVER_OTHER},
    {"an empty record", HEX(22, 3, 3, 0, 0), HANDSHAKE_SERVER_OTHER},
    {"DTLS' version", HEX(22, 3, 3, 0, 90, 2, 0, 0, 86, 0xfe), HANDSHAKE_SERVER_OTHER},
    {"half a header", HEX(22, 3, 3), HANDSHAKE_SERVER_NEED_MORE},
};

static void test_server_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof server_rows / sizeof server_rows[0]; i++) {
        for (size_t len = 0; len <= server_rows[i].len; len++) {
            enum handshake_server got = server(server_rows[i].at, len);
            if (got != server_rows[i].is && (got != HANDSHAKE_SERVER_NEED_MORE || len == server_rows[i].len))
                fail_msg("%s: %d", server_rows[i].what, (int)got);
        }
    }
    /* TLS 1.2's hello, by hand: any other random. */
    static struct stream s;
    uint8_t hello[4 + 2 + 32] = {2, 0, 0, 70, 3, 3, 0xcf, 0x21, 0xad};
    put_record(&s, 22, 0x0303, hello, sizeof hello);
    expect_server(&s, HANDSHAKE_SERVER_HELLO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_real_hellos), cmocka_unit_test(test_every_split),  cmocka_unit_test(test_beginnings),
        cmocka_unit_test(test_around),      cmocka_unit_test(test_stream_bound), cmocka_unit_test(test_mutations),
        cmocka_unit_test(test_retry),       cmocka_unit_test(test_server_rows),
    };
    return cmocka_run_group_tests_name("handshake", tests, NULL, NULL);
}
