/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/relay_connection.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

void relay_connection_init(struct relay_connection *c, int fd, uint64_t now_usec)
{
    c->fd = fd;
    c->scope = 0;
    c->serial = c->asked_usec = 0;
    c->client = c->resolver = (struct event_endpoint){0};
    c->active_usec = now_usec;
    c->begun_usec = 0;
    c->outstanding = 0;
    c->watched = 0;
    c->at_end = false;
    c->in_len = c->out_from = c->out_len = 0;
}

bool relay_connection_read(struct relay_connection *c)
{
    size_t room = sizeof c->in - c->in_len;

    if (c->at_end || !room)
        return true;
    ssize_t len = recv(c->fd, c->in + c->in_len, room, MSG_DONTWAIT);
    if (len < 0)
        return errno == EAGAIN || errno == EINTR;
    c->at_end = len == 0;
    c->in_len += (size_t)len;
    return true;
}

enum parse relay_connection_next(const struct relay_connection *c, struct bytes *message)
{
    struct reader reader = reader_init((struct bytes){c->in, c->in_len}, !c->at_end);
    uint16_t len = reader_u16(&reader);

    if (c->in_len == 0)
        return PARSE_NEED_MORE;
    if (reader.state != PARSE_OK)
        return reader.state;
    if (len < RELAY_MESSAGE_MIN || len > RELAY_MESSAGE_MAX)
        return PARSE_MALFORMED;
    *message = reader_bytes(&reader, len);
    return reader.state;
}

void relay_connection_consume(struct relay_connection *c, struct bytes message)
{
    size_t used = 2 + message.len;

    memmove(c->in, c->in + used, c->in_len - used);
    c->in_len -= used;
}

bool relay_connection_answer(struct relay_connection *c, struct bytes message)
{
    if (c->out_from > 0 && sizeof c->out - c->out_len < 2 + message.len) {
        memmove(c->out, c->out + c->out_from, c->out_len - c->out_from);
        c->out_len -= c->out_from;
        c->out_from = 0;
    }
    struct writer writer = writer_init(c->out + c->out_len, sizeof c->out - c->out_len);
    writer_u16(&writer, (uint16_t)message.len);
    writer_bytes(&writer, message);
    if (writer.full || message.len > UINT16_MAX)
        return false;
    c->out_len += writer_len(&writer);
    return true;
}

bool relay_connection_write(struct relay_connection *c, uint64_t now_usec)
{
    while (c->out_from < c->out_len) {
        ssize_t len = send(c->fd, c->out + c->out_from, c->out_len - c->out_from, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (len < 0)
            return errno == EAGAIN || errno == EINTR;
        c->out_from += (size_t)len;
        c->active_usec = now_usec;
    }
    c->out_from = c->out_len = 0;
    return true;
}

bool relay_connection_over(const struct relay_connection *c, uint64_t now_usec)
{
    bool unread = c->out_from < c->out_len;

    if (c->at_end && !c->outstanding && !unread)
        return true;
    if (c->begun_usec && now_usec - c->begun_usec > RELAY_TIMEOUT_USEC)
        return true;
    return (unread || !c->outstanding) && now_usec - c->active_usec > RELAY_TIMEOUT_USEC;
}
