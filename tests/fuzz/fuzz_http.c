/* SPDX-License-Identifier: GPL-3.0-or-later */
/* http/request: the same requests, released bytes and end at every split; and a head that was accepted has one Host,
 * the same one, and one framing for the most lenient reader, too.
 * Input: one octet, the size of the pieces in which the bytes arrive, then the bytes. */
#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "http/request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

/* A field's value as a lenient server finds it in a line: any space around name and value. */
static bool lenient_field(const char *line, const char *name, char value[256])
{
    while (isspace((unsigned char)*line))
        line++;
    if (strncasecmp(line, name, strlen(name)) != 0)
        return false;
    line += strlen(name);
    while (isspace((unsigned char)*line))
        line++;
    if (*line++ != ':')
        return false;
    while (isspace((unsigned char)*line))
        line++;
    snprintf(value, 256, "%s", line);
    for (size_t len = strlen(value); len > 0 && isspace((unsigned char)value[len - 1]); len--)
        value[len - 1] = 0;
    return true;
}

/* Reads the head as a lenient server: lines end at LF or CR. */
static void expect_one_meaning(const uint8_t *head, size_t len, const struct http_request *q)
{
    char *text = malloc(len + 1), value[256], expected[400], with_port[420];
    unsigned hosts = 0, lengths = 0, encodings = 0;
    memcpy(text, head, len);
    text[len] = 0;
    require(strlen(text) == len);
    bool ip6 = strchr(q->address_text, ':') != NULL;
    snprintf(expected, sizeof expected, "%s%s%s", ip6 ? "[" : "", q->host_is_address ? q->address_text : q->host.text,
             ip6 ? "]" : "");
    snprintf(with_port, sizeof with_port, "%s:%u", expected, q->port);
    char *rest = text;
    for (char *line = strsep(&rest, "\r\n"); line; line = strsep(&rest, "\r\n")) {
        lengths += lenient_field(line, "content-length", value);
        encodings += lenient_field(line, "transfer-encoding", value);
        if (lenient_field(line, "host", value)) {
            hosts++;
            require(ip6 || strcasecmp(value, expected) == 0 || strcasecmp(value, with_port) == 0);
        }
    }
    free(text);
    require(hosts == 1 && lengths + encodings <= 1);
    require(q->method[0] && q->path[0] && q->port);
    require((q->host.len > 0) != q->host_is_address);
}

struct story {
    size_t requests, released;
    uint32_t sum;
    enum reason reason;
};

static struct story feed(const uint8_t *bytes, size_t len, size_t step)
{
    struct story t = {0};
    struct http_stream s;
    http_stream_init(&s);
    for (size_t have = 0; have < len && t.reason == REASON_NONE;) {
        have = len - have > step ? have + step : len;
        for (enum http_step what = HTTP_RELEASE; what != HTTP_NEED_MORE && what != HTTP_REFUSE;) {
            struct http_request q;
            size_t consumed;
            what = http_stream_feed(&s, (struct bytes){bytes + t.released, have - t.released}, &q, &consumed);
            require((what == HTTP_REQUEST || what == HTTP_RELEASE) == (consumed > 0));
            require(consumed <= have - t.released);
            if (what == HTTP_REQUEST) {
                expect_one_meaning(bytes + t.released, consumed, &q);
                t.requests++;
                t.sum = t.sum * 31 + name_hash((struct bytes){(const uint8_t *)q.host.text, q.host.len}, q.port);
            }
            t.released += consumed;
            if (what == HTTP_REFUSE)
                t.reason = s.reason;
            require(what != HTTP_REFUSE || s.reason != REASON_NONE);
        }
    }
    return t;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2 || size > 2 * HTTP_HEAD_MAX)
        return 0;
    uint8_t *copy = malloc(size - 1);
    memcpy(copy, data + 1, size - 1);
    for (int masked = 0; masked < 2; masked++) {
        struct story whole = feed(copy, size - 1, SIZE_MAX / 2);
        size_t step = size > 4096 && data[0] < 64 ? 64 : data[0] + 1u;
        struct story part = feed(copy, size - 1, step);
        require(whole.requests == part.requests && whole.released == part.released && whole.sum == part.sum &&
                whole.reason == part.reason);
        if (masked || !http_mask_h2c(copy, size - 1))
            break;
        require(!http_mask_h2c(copy, size - 1));
    }
    free(copy);
    return 0;
}
