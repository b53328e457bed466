/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Hellos of real clients (tests/corpus/hello): however their bytes are cut into records and segments, repeated and
 * ordered, the name stays the same, and what leaves is what was judged (RESEARCH s2 rows 8-11, 46).  Each says
 * invariance.test.  A file X-retry holds the bytes after a HelloRetryRequest; X-retry-first those before it.
 * HELLO_ROUNDS (10000, with sanitizers 500) random segmentations a file; HELLO_SEED: where the random numbers begin. */
#include "tests/unit/judge_bed.h"
#include "tests/unit/hello_corpus.h"

#define OTHER      "prohibited.test" /* as long */
#define SITE       "198.19.0.1"
#define SERVER_ISN 900000u
#define PIECES_MAX 48

#define POLICY(more)                                  \
    "version: 1\n"                                    \
    "profiles:\n  p: { " more "allow: [" NAME "] }\n" \
    "scopes:\n  - { name: s, match: { source: 198.18.0.0/15 }, profile: p }\n"

/* Browsers send encrypted hellos or what looks like one: their outer name is judged. */
static const char *const policy = POLICY(""), *const policy_outer = POLICY("ech: outer, ");

static const struct bed_end client = {BED_CLIENT, 40000}, site = {SITE, 443};

static void expect_same(const struct hello *h, const uint8_t *stream, size_t len)
{
    struct handshake_client got = hello_read(stream, len, h->second);
    if (got.state != PARSE_OK || got.consumed != len || memcmp(&got.hello, &h->whole.hello, sizeof got.hello) != 0)
        fail_msg("%s: state %d in records of another size", h->file, (int)got.state);
    if (hello_read(stream, len - 1, h->second).state != PARSE_NEED_MORE)
        fail_msg("%s: a prefix is not told to need more", h->file);
}

/* ---- the reader alone ---- */

static void every_client_shows_its_name(void **state)
{
    (void)state;
    static char index[100000];
    FILE *f = fopen(FOLDER "/README.md", "rb");
    assert_non_null(f);
    index[fread(index, 1, sizeof index - 1, f)] = 0;
    fclose(f);
    assert_true(hello_count >= 60);
    for (unsigned i = 0; i < hello_count; i++) {
        const struct hello *h = &hellos[i];
        const struct client_hello *hello = &h->whole.hello;
        if (h->whole.state != PARSE_OK || strcmp(hello->server_name.text, NAME) != 0)
            fail_msg("%s: state %d, name %s", h->file, (int)h->whole.state, hello->server_name.text);
        assert_int_equal(h->whole.consumed, h->len);
        assert_true(!h->second || h->first);
        for (size_t len = 0; len < h->len; len++)
            if (hello_read(h->at, len, h->second).state != PARSE_NEED_MORE)
                fail_msg("%s: the first %zu bytes are not told to need more", h->file, len);
        char row[400];
        snprintf(row, sizeof row, "| %.200s | %zu | %s |", h->file, h->len, hello->ja4);
        if (getenv("HELLO_INDEX"))
            printf("%s\n", row);
        else if (!strstr(index, row))
            fail_msg("README.md lacks the row: %s", row);
    }
}

static size_t put_record(uint8_t *out, uint8_t type, const uint8_t *at, size_t len)
{
    const uint8_t header[5] = {type, 3, (uint8_t)(1 + pick(3)), (uint8_t)(len >> 8), (uint8_t)len};
    memcpy(out, header, sizeof header);
    memcpy(out + sizeof header, at, len);
    return sizeof header + len;
}

/* Every place for one boundary, every even size, and random ones; nothing else may stand between (RFC 8446 s5.1). */
static void records_of_any_size_say_the_same(void **state)
{
    (void)state;
    static uint8_t out[6 * HELLO_MAX];
    for (unsigned i = 0; i < hello_count; i++) {
        const struct hello *h = &hellos[i];
        memcpy(out, h->at, h->before);
        for (size_t cut = 1; cut < h->message_len; cut++) {
            size_t len = h->before + put_record(out + h->before, 22, h->message, cut);
            size_t rest = put_record(out + len, 22, h->message + cut, h->message_len - cut);
            expect_same(h, out, len + rest);
            /* An empty record, an alert, a change of ciphers between the two. */
            static const uint8_t between[][7] = {{22, 3, 3, 0, 0}, {21, 3, 3, 0, 2, 1, 0}, {20, 3, 3, 0, 1, 1}};
            static const size_t between_len[] = {5, 7, 6};
            unsigned kind = pick(3);
            memcpy(out + len, between[kind], between_len[kind]);
            rest = put_record(out + len + between_len[kind], 22, h->message + cut, h->message_len - cut);
            struct handshake_client got = hello_read(out, len + between_len[kind] + rest, h->second);
            assert_int_equal(got.reason, REASON_TLS_MALFORMED);
        }
        for (size_t size = 1; size < h->message_len; size++) {
            size_t len = h->before;
            for (size_t at = 0; at < h->message_len; at += size)
                len +=
                    put_record(out + len, 22, h->message + at, h->message_len - at < size ? h->message_len - at : size);
            expect_same(h, out, len);
        }
        for (unsigned round = 0; round < rounds / 10; round++) {
            size_t len = h->before, most = 1 + pick(h->message_len);
            for (size_t at = 0, part; at < h->message_len; at += part) {
                part = 1 + pick(most);
                part = part > h->message_len - at ? h->message_len - at : part;
                len += put_record(out + len, 22, h->message + at, part);
            }
            expect_same(h, out, len);
        }
    }
}

/* ---- the judge ---- */

static uint32_t server_says(struct bed *b, uint8_t flags, uint32_t at, size_t acknowledges, struct bytes payload)
{
    return bed_tcp(b, MARK_FROM_SERVER, site, client, flags, SERVER_ISN + at,
                   b->client_isn + 1 + (uint32_t)acknowledges, (struct bytes){0}, payload);
}

static uint32_t client_says(struct bed *b, size_t offset, const uint8_t *data, size_t len)
{
    return bed_tcp(b, MARK_TO_SERVER, client, site, TCP_ACK | TCP_PSH, b->client_isn + 1 + (uint32_t)offset,
                   SERVER_ISN + 1, (struct bytes){0}, (struct bytes){data, len});
}

/* A client answers each byte that it has already with an acknowledgment. */
static void answer_pokes(struct bed *b)
{
    for (; b->pokes; b->pokes--)
        bed_tcp(b, MARK_TO_SERVER, client, site, TCP_ACK, b->client_isn + 1, SERVER_ISN + 1, (struct bytes){0},
                (struct bytes){0});
}

static size_t server_hello(uint8_t out[128], bool retry)
{
    static const uint8_t random[32] = {0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c,
                                       0x02, 0x1e, 0x65, 0xb8, 0x91, 0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb,
                                       0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c};
    static const uint8_t head[] = {22, 3, 3, 0, 44, 2, 0, 0, 40, 3, 3};
    memset(out, 0, 128);
    memcpy(out, head, sizeof head);
    memcpy(out + sizeof head, random, sizeof random);
    out[sizeof head] ^= retry ? 0 : 0xff;
    return 49;
}

/* A new connection, up to where the bytes of `h` begin in its stream; returns that place. */
static size_t open_connection(struct bed *b, const struct hello *h)
{
    uint8_t reply[128];
    memset(b->seen, 0, 2 * HELLO_MAX);
    b->denials = b->events = b->pokes = 0;
    b->now += 2500;                 /* more connections a second would be told as a count */
    b->client_isn = (uint32_t)seed; /* around the end of the numbers too */
    b->local = pick(2);
    bed_tcp(b, MARK_TO_SERVER, client, site, TCP_SYN, b->client_isn, 0, (struct bytes){0}, (struct bytes){0});
    server_says(b, TCP_SYN | TCP_ACK, 0, 0, (struct bytes){0});
    if (!h->second)
        return 0;
    client_says(b, 0, h->first->at, h->first->len);
    server_says(b, TCP_ACK, 1, h->first->len, (struct bytes){reply, server_hello(reply, true)});
    assert_int_equal(b->denials, 0);
    return h->first->len;
}

static size_t arrived(const struct bed *b, size_t from, size_t len)
{
    size_t has = 0;
    while (has < len && b->seen[from + has])
        has++;
    return has;
}

static bool anything_left(const struct bed *b, size_t from)
{
    return memchr(b->seen + from, 1, 2 * HELLO_MAX - from) != NULL;
}

/* After all of the hello was sent at least once, with the same bytes: it has left whole, or nothing of it. */
static void expect_whole(struct bed *b, const struct hello *h, size_t from)
{
    size_t has = arrived(b, from, h->len);
    for (unsigned again = 0; again < 60 && has < h->len; again++) { /* as a client's timer would */
        size_t at = again & 1 ? h->len - (h->len < 300 ? h->len : 300) : has, len = h->len - at;
        client_says(b, from + at, h->at + at, len < 1200 ? len : 1200);
        answer_pokes(b);
        has = arrived(b, from, h->len);
        server_says(b, TCP_ACK, from ? 50 : 1, from + has, (struct bytes){0});
    }
    if (b->denials || has < h->len || memcmp(b->wire + from, h->at, h->len) != 0)
        fail_msg("%s: %zu of %zu bytes arrived, %u refusals (%s)", h->file, has, h->len, b->denials,
                 b->denials ? reason_text(b->denial.reason) : "");
    assert_false(anything_left(b, from + h->len));
    assert_int_equal(b->events, 1);
    assert_string_equal(b->event.tls_server_name, NAME);
    uint8_t reply[128];
    uint32_t id =
        server_says(b, TCP_ACK, from ? 50 : 1, from + h->len, (struct bytes){reply, server_hello(reply, false)});
    assert_int_equal(b->mark[id % BED_IDS], MARK_APPROVE);
}

static struct bed *prepare(const char *text)
{
    struct bed *b = bed_new(text);
    bed_bind(b, 1, NAME, SITE, 300);
    return b;
}

static void encrypted_hellos_are_refused_by_default(void **state)
{
    (void)state;
    unsigned found = 0;
    for (unsigned i = 0; i < hello_count; i++) {
        const struct hello *h = &hellos[i];
        if (!h->whole.hello.ech || h->second)
            continue;
        struct bed *b = prepare(policy);
        for (size_t cut = 1; cut < h->len; cut++) {
            open_connection(b, h);
            client_says(b, cut, h->at + cut, h->len - cut);
            client_says(b, 0, h->at, cut);
            assert_int_equal(b->denials, 1);
            assert_int_equal(b->denial.reason, REASON_TLS_ECH);
            assert_false(anything_left(b, 0));
        }
        bed_free(b);
        found++;
    }
    assert_true(found > 5);
}

static void every_single_split(void **state)
{
    (void)state;
    for (unsigned i = 0; i < hello_count; i++) {
        const struct hello *h = &hellos[i];
        struct bed *b = prepare(policy_outer);
        for (size_t cut = 1; cut < h->len; cut++) {
            size_t from = open_connection(b, h);
            bool swapped = pick(2);
            for (unsigned k = 0; k < 2; k++) {
                bool head = (k == 0) != swapped;
                client_says(b, from + (head ? 0 : cut), h->at + (head ? 0 : cut), head ? cut : h->len - cut);
                assert_true(k || !anything_left(b, from));
            }
            expect_whole(b, h, from);
        }
        bed_free(b);
    }
}

struct piece {
    uint32_t low, high;
};

/* Cuts the hello at random, lets pieces overlap, repeats some and puts all in random order. */
static unsigned cut_at_random(size_t len, struct piece out[PIECES_MAX])
{
    uint32_t cut[PIECES_MAX + 1];
    unsigned cuts = 1 + pick(pick(8) ? 12 : PIECES_MAX / 2), count;
    for (unsigned i = 0; i < cuts; i++) { /* sorted as they come */
        uint32_t at = i ? pick(len) : 0;
        unsigned k = i;
        for (; k > 0 && cut[k - 1] > at; k--)
            cut[k] = cut[k - 1];
        cut[k] = at;
    }
    cut[cuts] = (uint32_t)len;
    for (count = 0; count < cuts; count++)
        out[count] = (struct piece){cut[count], cut[count + 1]};
    for (unsigned more = pick(cuts + 1); more > 0 && count < PIECES_MAX; more--)
        out[count++] = out[pick(cuts)];
    bool ordered = pick(3) == 0, overlaps = pick(2);
    for (unsigned i = 0; i < count; i++) {
        if (overlaps && pick(3) == 0)
            out[i].low -= pick(out[i].low + 1u);
        if (overlaps && pick(3) == 0)
            out[i].high += pick(len - out[i].high + 1);
        unsigned k = ordered ? i : i + pick(count - i);
        struct piece t = out[k];
        out[k] = out[i];
        out[i] = t;
    }
    return count;
}

static void random_splits_orders_repetitions(void **state)
{
    (void)state;
    for (unsigned i = 0; i < hello_count; i++) {
        const struct hello *h = &hellos[i];
        struct bed *b = prepare(policy_outer);
        for (unsigned round = 0; round < rounds; round++) {
            struct piece piece[PIECES_MAX];
            unsigned count = cut_at_random(h->len, piece);
            size_t from = open_connection(b, h);
            for (unsigned k = 0; k < count; k++)
                if (piece[k].high > piece[k].low)
                    client_says(b, from + piece[k].low, h->at + piece[k].low, piece[k].high - piece[k].low);
            expect_whole(b, h, from);
        }
        bed_free(b);
    }
}

/* While the hello waits for its last byte, any other byte in place of one that came is the end of it. */
static void every_byte_in_conflict(void **state)
{
    (void)state;
    for (unsigned i = 0; i < hello_count; i++) {
        const struct hello *h = &hellos[i];
        struct bed *b = prepare(policy_outer);
        for (size_t at = 0; at + 1 < h->len; at++) {
            size_t from = open_connection(b, h);
            uint8_t other = h->at[at] ^ (uint8_t)(1 + pick(255));
            client_says(b, from, h->at, h->len - 1);
            client_says(b, from + at, &other, 1);
            assert_int_equal(b->denial.reason, REASON_TCP_CONFLICT);
            client_says(b, from, h->at, h->len);
            assert_int_equal(b->denials, 1);
            assert_false(anything_left(b, from));
        }
        bed_free(b);
    }
}

/* One segment comes with other bytes: at random, or with another name.  What left is one whole hello with the allowed
 * name, the same in all copies (the bed compares them), or nothing. */
static void one_conflicting_segment(void **state)
{
    (void)state;
    unsigned passed = 0, refused = 0;
    for (unsigned i = 0; i < hello_count; i++) {
        const struct hello *h = &hellos[i];
        struct bed *b = prepare(policy_outer);
        const uint8_t *name = memmem(h->at, h->len, NAME, strlen(NAME));
        for (unsigned round = 0; round < rounds / 4; round++) {
            struct piece piece[PIECES_MAX];
            uint8_t forged[HELLO_MAX];
            memcpy(forged, h->at, h->len);
            if (pick(2))
                memcpy(forged + (name - h->at), OTHER, strlen(OTHER));
            else
                forged[pick(h->len)] ^= (uint8_t)(1 + pick(255));
            unsigned count = cut_at_random(h->len, piece), false_one = pick(count + 1);
            size_t from = open_connection(b, h);
            for (unsigned k = 0; k <= count; k++) { /* false_one == count: after all others */
                const struct piece *p = k == false_one ? &piece[pick(count)] : &piece[k < false_one ? k : k - 1];
                if (p->high > p->low)
                    client_says(b, from + p->low, (k == false_one ? forged : h->at) + p->low, p->high - p->low);
            }
            for (unsigned again = 0; again < 8 && anything_left(b, from); again++) {
                size_t has = arrived(b, from, h->len), at = again & 1 && has < h->len / 2 ? h->len / 2 : has;
                client_says(b, from + at, h->at + at, h->len - at); /* without payload once all is there */
                answer_pokes(b);
                server_says(b, TCP_ACK, from ? 50 : 1, from + has, (struct bytes){0});
            }
            if (!anything_left(b, from)) {
                refused++;
                continue;
            }
            struct handshake_client left = hello_read(b->wire + from, arrived(b, from, h->len), h->second);
            assert_int_equal(left.state, PARSE_OK);
            assert_string_equal(left.hello.server_name.text, NAME);
            assert_int_equal(b->denials, 0);
            passed++;
        }
        bed_free(b);
    }
    printf("%u went out with the allowed name, %u were refused\n", passed, refused);
    assert_true(passed > 0 && refused > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_client_shows_its_name),
        cmocka_unit_test(records_of_any_size_say_the_same),
        cmocka_unit_test(encrypted_hellos_are_refused_by_default),
        cmocka_unit_test(every_single_split),
        cmocka_unit_test(random_splits_orders_repetitions),
        cmocka_unit_test(every_byte_in_conflict),
        cmocka_unit_test(one_conflicting_segment),
    };
    return cmocka_run_group_tests(tests, load, NULL);
}
