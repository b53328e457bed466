/* SPDX-License-Identifier: GPL-3.0-or-later */
/* tls/handshake and tls/client_hello against OpenSSL: a hello that we accept with a name, OpenSSL reads with the same
 * name or refuses; without a name it sees none.  And no split changes the result.
 * Input: one octet of choices (lowest bit: second hello), then the client's bytes. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "tests/unit/hellos.h"
#include "tls/handshake.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t scratch[HANDSHAKE_HELLO_MAX + 4], again[8 * HANDSHAKE_STREAM_MAX];

static void require(bool holds)
{
    if (!holds)
        abort();
}

static struct handshake_client client(const uint8_t *at, size_t len, bool second)
{
    struct handshake_client got;
    handshake_client((struct bytes){at, len}, second, scratch, &got);
    require((got.state == PARSE_MALFORMED) == (got.reason != REASON_NONE));
    require(got.state == PARSE_OK ? got.consumed > 0 && got.consumed <= len : got.consumed == 0);
    return got;
}

/* The same message in records of `record` octets. */
static void expect_same_in_records(const struct handshake_client *whole, const uint8_t *stream, size_t record)
{
    static uint8_t message[HANDSHAKE_STREAM_MAX];
    size_t len = 0, written = 0;
    for (size_t at = 0; at < whole->consumed;) {
        size_t fragment = (size_t)(stream[at + 3] << 8 | stream[at + 4]);
        memcpy(message + len, stream + at + 5, fragment);
        len += fragment;
        at += 5 + fragment;
    }
    for (size_t at = 0; at < len; at += record) {
        size_t fragment = len - at < record ? len - at : record;
        const uint8_t header[5] = {22, 3, 1, (uint8_t)(fragment >> 8), (uint8_t)fragment};
        memcpy(again + written, header, sizeof header);
        memcpy(again + written + 5, message + at, fragment);
        written += 5 + fragment;
    }
    struct handshake_client got = client(again, written, false);
    if (written > HANDSHAKE_STREAM_MAX)
        require(got.reason == REASON_TCP_TOO_LONG);
    else
        require(got.state == PARSE_OK && memcmp(&got.hello, &whole->hello, sizeof got.hello) == 0);
}

static void expect_oracle(const struct handshake_client *whole, const uint8_t *stream)
{
    struct oracle o = oracle_read(stream, whole->consumed);
    if (o.hello)
        require(o.extension == whole->hello.has_name);
    if (o.accepted)
        require(strcasecmp(o.name, whole->hello.server_name.text) == 0);
}

/* No prefix says OK with something else; what is refused stays refused. */
static void expect_prefixes(const struct handshake_client *whole, const uint8_t *stream, size_t len, bool second)
{
    for (size_t prefix = 0, step = len / 16 + 1; prefix < len; prefix += step) {
        struct handshake_client got = client(stream, prefix, second);
        if (got.state == PARSE_OK)
            require(whole->state == PARSE_OK && got.consumed == whole->consumed &&
                    memcmp(&got.hello, &whole->hello, sizeof got.hello) == 0);
        if (got.state == PARSE_MALFORMED)
            require(whole->state == PARSE_MALFORMED && whole->reason == got.reason);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1 || size > HANDSHAKE_STREAM_MAX + 100)
        return 0;
    bool second = data[0] & 1;
    const uint8_t *stream = data + 1;
    size_t len = size - 1;
    struct handshake_client whole = client(stream, len, second);
    expect_prefixes(&whole, stream, len, second);
    if (whole.state == PARSE_OK && !second) {
        expect_same_in_records(&whole, stream, (data[0] >> 1) + 1u);
        expect_oracle(&whole, stream);
    }
    enum handshake_server server = handshake_server((struct bytes){stream, len});
    for (size_t prefix = 0; prefix < len && prefix < 64; prefix++) {
        enum handshake_server before = handshake_server((struct bytes){stream, prefix});
        require(before == HANDSHAKE_SERVER_NEED_MORE || before == server);
    }
    return 0;
}
