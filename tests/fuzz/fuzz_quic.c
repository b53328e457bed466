/* SPDX-License-Identifier: GPL-3.0-or-later */
/* tls/quic_packet, tls/quic_initial.  Input: an octet of choices, then
 *     even: a datagram as it came: its packets are walked, and its Initials opened under their own ids;
 *     odd:  the frames of Initials, one behind the other, each with its length in two octets.
 * What is given as a hello lies as it is in the CRYPTO bytes, whatever order these came in; and what was opened can be
 * sealed again. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tls/quic_initial.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define PARTS_MAX 64

static struct quic_cipher *cipher;
static struct quic_crypto crypto, reversed;
static uint8_t plain[65536], again[65536];

static void require(bool holds)
{
    if (!holds)
        abort();
}

/* The name of the first whole hello, or none. */
static enum parse hello_in(struct quic_crypto *c, struct client_hello *out)
{
    enum reason why = REASON_NONE;
    char shown[256];
    memset(out, 0, sizeof *out);
    if (!quic_crypto_pending(c))
        return PARSE_NEED_MORE;
    enum parse state = quic_crypto_hello(c, out, &why, shown);
    require((state == PARSE_OK) == (why == REASON_NONE) || state == PARSE_NEED_MORE);
    require(c->judged <= c->ready && c->ready <= c->end && c->end <= QUIC_CRYPTO_MAX);
    return state;
}

static void open_initial(const struct quic_packet *p)
{
    struct quic_keys keys;
    size_t len = 0;
    uint64_t number = 0;
    require(quic_initial_keys(p->version, p->dcid, false, &keys));
    if (quic_initial_open(cipher, &keys, p, 0, plain, &len, &number) == QUIC_OTHER_KEYS)
        return;
    require(len <= p->guarded.len);
    struct client_hello hello;
    quic_crypto_init(&crypto);
    if (quic_initial_frames((struct bytes){plain, len}, &crypto) == REASON_NONE)
        while (hello_in(&crypto, &hello) == PARSE_OK)
            ;
}

static void walk(struct bytes datagram)
{
    struct reader r = reader_init(datagram, false);
    while (reader_left(&r) > 0) {
        struct quic_packet p;
        size_t before = reader_left(&r);
        enum quic_kind kind = quic_packet_read(&r, &p);
        if (kind == QUIC_MALFORMED)
            return;
        require(p.whole.len == before - reader_left(&r) && p.whole.len > 0);
        require(p.guarded.len < p.whole.len);
        if (kind == QUIC_INITIAL)
            open_initial(&p);
    }
}

static void join_all(struct quic_crypto *to, const struct bytes *part, unsigned parts, bool backward, enum reason *why)
{
    quic_crypto_init(to);
    *why = REASON_NONE;
    for (unsigned i = 0; i < parts && *why == REASON_NONE; i++)
        *why = quic_initial_frames(part[backward ? parts - 1 - i : i], to);
}

static void frames(struct bytes in)
{
    struct bytes part[PARTS_MAX];
    unsigned parts = 0;
    struct reader r = reader_init(in, false);
    while (parts < PARTS_MAX && reader_left(&r) > 2) {
        size_t len = reader_u16(&r), left = reader_left(&r);
        part[parts++] = reader_bytes(&r, len < left ? len : left);
    }
    enum reason why, why_reversed;
    struct client_hello hello, other;
    join_all(&crypto, part, parts, false, &why);
    join_all(&reversed, part, parts, true, &why_reversed);
    require((why == REASON_NONE) == (why_reversed == REASON_NONE));
    if (why != REASON_NONE)
        return;
    require(crypto.ready == reversed.ready && memcmp(crypto.at, reversed.at, crypto.ready) == 0);
    enum parse state = hello_in(&crypto, &hello);
    require(state == hello_in(&reversed, &other));
    if (state == PARSE_OK)
        require(memcmp(&hello, &other, sizeof hello) == 0);
}

/* Whatever the octets: sealed, they are opened as they were. */
static void there_and_back(struct bytes in)
{
    static const uint8_t header[] = {0xc3, 0, 0, 0, 1, 4, 'a', 'b', 'c', 'd', 0, 0, 0x44, 0x14};
    struct quic_keys keys;
    struct quic_packet p;
    size_t len = 0;
    uint64_t number = 0;
    uint8_t padded[1024] = {0};
    memcpy(padded, in.at, in.len < sizeof padded ? in.len : sizeof padded);
    quic_initial_keys(QUIC_VERSION_1, (struct bytes){header + 6, 4}, false, &keys);
    size_t sealed = quic_initial_seal(cipher, &keys, (struct bytes){header, sizeof header}, 7,
                                      (struct bytes){padded, sizeof padded}, again, sizeof again);
    struct reader r = reader_init((struct bytes){again, sealed}, false);
    require(quic_packet_read(&r, &p) == QUIC_INITIAL);
    require(quic_initial_open(cipher, &keys, &p, 7, plain, &len, &number) == QUIC_OPENED && number == 7);
    require(len == sizeof padded && memcmp(plain, padded, len) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!cipher)
        cipher = quic_cipher_new();
    require(cipher != NULL);
    if (size < 1 || size > 32768)
        return 0;
    struct bytes rest = {data + 1, size - 1};
    if (data[0] & 1)
        frames(rest);
    else
        walk(rest);
    if (data[0] & 2 && rest.len)
        there_and_back(rest);
    return 0;
}
