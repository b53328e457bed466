/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ctl/relay_connection: the client's bytes, however they come in pieces, are cut into the messages that a reader of all
 * of them at once finds; answers leave whole and in order.
 * Input: one octet for the pieces' size, then the stream. */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ctl/relay_connection.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct relay_connection connection;

static void require(bool holds)
{
    if (!holds)
        abort();
}

/* Takes what is whole; checks it against the stream from *at on.  False: to be closed. */
static bool take(const uint8_t *stream, size_t size, size_t *at, size_t *answered)
{
    struct bytes message;
    enum parse state;
    while ((state = relay_connection_next(&connection, &message)) == PARSE_OK) {
        require(*at + 2 <= size && message.len == (size_t)(stream[*at] << 8 | stream[*at + 1]));
        require(message.len >= RELAY_MESSAGE_MIN && message.len <= RELAY_MESSAGE_MAX);
        require(*at + 2 + message.len <= size && memcmp(message.at, stream + *at + 2, message.len) == 0);
        if (relay_connection_answer(&connection, message))
            *answered += 2 + message.len;
        *at += 2 + message.len;
        relay_connection_consume(&connection, message);
        if (connection.out_len > RELAY_OUT_BYTES / 2)
            connection.out_from = connection.out_len; /* as if the client had read */
    }
    return state == PARSE_NEED_MORE;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int pair[2];
    if (size < 1)
        return 0;
    size_t piece = data[0] + 1u, at = 0, answered = 0, sent = 0;
    const uint8_t *stream = data + 1;
    size--;
    require(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
    relay_connection_init(&connection, pair[0], 1);
    bool open = true;
    for (; open && sent < size; sent += piece) {
        piece = piece < size - sent ? piece : size - sent;
        require(send(pair[1], stream + sent, piece, MSG_NOSIGNAL) == (ssize_t)piece);
        require(relay_connection_read(&connection));
        require(connection.in_len <= sizeof connection.in);
        open = take(stream, size, &at, &answered);
    }
    shutdown(pair[1], SHUT_WR);
    while (open && !connection.at_end) {
        require(relay_connection_read(&connection));
        open = take(stream, size, &at, &answered);
    }
    /* Where it ends: in a length that is refused, in a message that did not come whole, or behind the last one. */
    uint32_t len = at + 2 <= size ? (uint32_t)(stream[at] << 8 | stream[at + 1]) : 0;
    require(open ? at == size
                 : at + 2 > size || len < RELAY_MESSAGE_MIN || len > RELAY_MESSAGE_MAX || at + 2 + len > size);
    close(pair[0]);
    close(pair[1]);
    return 0;
}
