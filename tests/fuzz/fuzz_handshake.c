/* SPDX-License-Identifier: GPL-3.0-or-later */
/* tls/handshake against a reference that first takes the stream apart into records and then looks: the same hello, the
 * same end, and never a name where the reference finds none.  Both hellos, and the server's first bytes.
 * Input: a stream; its length's lowest bit says whether it is a second hello, so that recorded hellos are seeds. */
#include <stdlib.h>
#include <string.h>

#include "tls/handshake.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t scratch[HANDSHAKE_HELLO_MAX + 4], message[HANDSHAKE_STREAM_MAX + 8];

static void require(bool holds)
{
    if (!holds)
        abort();
}

enum found { WHOLE, SHORT, WRONG };

/* Joins handshake records until a message is whole; *end: where the stream's last record of it ends. */
static enum found take_apart(const uint8_t *at, size_t len, bool second, size_t *message_len, size_t *end)
{
    size_t i = 0, joined = 0;
    if (second && len && len < 6 && at[0] == 20)
        return SHORT; /* or wrong already */
    if (second && len >= 6 && memcmp(at, "\x14\x03", 2) == 0 && at[2] <= 3 && memcmp(at + 3, "\0\1\1", 3) == 0)
        i = 6;
    for (;;) {
        if (len - i < 5)
            return SHORT;
        size_t part = (size_t)(at[i + 3] << 8 | at[i + 4]);
        if (at[i] != 22 || at[i + 1] != 3 || at[i + 2] > 3 || part == 0 || part > 16384)
            return WRONG;
        if (len - i - 5 < part)
            return SHORT;
        if (joined + part > sizeof message)
            return WRONG;
        memcpy(message + joined, at + i + 5, part);
        joined += part;
        i += 5 + part;
        if (joined < 4)
            continue;
        *message_len = 4 + (size_t)(message[1] << 16 | message[2] << 8 | message[3]);
        if (message[0] != 1 || *message_len < joined || *message_len > HANDSHAKE_HELLO_MAX + 4)
            return WRONG;
        if (*message_len == joined) {
            *end = i;
            return WHOLE;
        }
    }
}

static void expect_reference(const uint8_t *at, size_t len, bool second, const struct handshake_client *got)
{
    size_t message_len = 0, end = 0;
    struct client_hello hello;
    char shown[256];
    enum found found = take_apart(at, len, second, &message_len, &end);
    if (found == WRONG)
        require(got->state == PARSE_MALFORMED);
    if (found == SHORT) /* what has come may show already that it cannot be one */
        require(got->state != PARSE_OK);
    if (found != WHOLE || end > HANDSHAKE_STREAM_MAX) {
        require(got->state != PARSE_OK);
        return;
    }
    enum reason reason = client_hello_parse((struct bytes){message + 4, message_len - 4}, &hello, shown);
    require(got->state == (reason == REASON_NONE ? PARSE_OK : PARSE_MALFORMED) && got->reason == reason);
    if (reason != REASON_NONE)
        return;
    require(got->consumed == end && got->hello.has_name == hello.has_name && got->hello.ech == hello.ech);
    require(!hello.has_name || name_equal(&got->hello.server_name, &hello.server_name));
    require(strcmp(got->hello.ja4, hello.ja4) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > HANDSHAKE_STREAM_MAX + 100)
        return 0;
    bool second = size && data[0] == 20 ? true : size & 1;
    uint8_t *stream = malloc(size ? size : 1);
    struct handshake_client got, before;
    if (size)
        memcpy(stream, data, size);
    handshake_client((struct bytes){stream, size}, second, scratch, &got);
    require((got.state == PARSE_MALFORMED) == (got.reason != REASON_NONE));
    expect_reference(stream, size, second, &got);
    for (size_t len = 0, step = size / 24 + 1; len < size; len += step) {
        handshake_client((struct bytes){stream, len}, second, scratch, &before);
        require(before.state == PARSE_NEED_MORE || before.state == got.state);
        require(before.state != PARSE_OK || before.consumed == got.consumed);
        require(before.state != PARSE_MALFORMED || before.reason == got.reason);
    }
    enum handshake_server server = handshake_server((struct bytes){stream, size});
    for (size_t len = 0; len < size && len < 300; len++) {
        enum handshake_server sooner = handshake_server((struct bytes){stream, len});
        require(sooner == HANDSHAKE_SERVER_NEED_MORE || sooner == server);
    }
    free(stream);
    return 0;
}
