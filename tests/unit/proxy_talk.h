/* SPDX-License-Identifier: GPL-3.0-or-later */
/* For tests of the judge over connections to an HTTP proxy, and over upgrades: one connection, spoken step by step. */
#ifndef SLUICE_TESTS_UNIT_PROXY_TALK_H
#define SLUICE_TESTS_UNIT_PROXY_TALK_H

#include <stdio.h>

#include "tests/unit/judge_bed.h"

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

/* One connection, with how far each side has spoken. */
struct talk {
    struct bed *b;
    struct bed_end server;
    uint32_t sent, received;
    uint32_t id; /* of the last packet */
};

static inline struct talk talk_to_mode(const char *name, uint16_t port, const char *mode)
{
    char text[sizeof policy + 20];
    const char *at = strstr(policy, "MODE");
    snprintf(text, sizeof text, "%.*s%s%s", (int)(at - policy), policy, mode, at + 4);
    struct talk t = {.b = bed_new(text), .server = {SERVER, port}};
    bed_bind(t.b, 1, name, SERVER, 300);
    t.b->client_isn = 5000;
    uint32_t id =
        bed_tcp(t.b, MARK_TO_SERVER, client, t.server, TCP_SYN, 5000, 0, (struct bytes){0}, (struct bytes){0});
    assert_int_equal(bed_fate(t.b, id), BED_ACCEPTED);
    bed_tcp(t.b, MARK_FROM_SERVER, t.server, client, TCP_SYN | TCP_ACK, SERVER_ISN, 5001, (struct bytes){0},
            (struct bytes){0});
    return t;
}

static inline struct talk talk_to(const char *name, uint16_t port)
{
    return talk_to_mode(name, port, "enforce");
}

/* The packet's fate; one that left as the server's reset, with nothing of its own in it, counts as reset. */
static inline enum bed_fate fate_of(const struct talk *t, uint32_t id)
{
    struct packet p;
    enum bed_fate fate = bed_fate(t->b, id);
    if (fate != BED_ACCEPTED || !t->b->denials || !t->b->denial.cut)
        return fate;
    assert_int_equal(packet_parse((struct bytes){t->b->last, t->b->last_len}, true, &p), REASON_NONE);
    return p.flags == TCP_RST && !p.payload.len ? BED_RESET : fate;
}

static inline enum bed_fate says_bytes(struct talk *t, const void *data, size_t len)
{
    t->id = bed_tcp(t->b, MARK_TO_SERVER, client, t->server, TCP_ACK | TCP_PSH, 5001 + t->sent,
                    SERVER_ISN + 1 + t->received, (struct bytes){0}, (struct bytes){data, len});
    t->sent += (uint32_t)len;
    return fate_of(t, t->id);
}

static inline enum bed_fate says(struct talk *t, const char *text)
{
    return says_bytes(t, text, strlen(text));
}

/* The server's answer to all that it was sent so far (`acknowledges` bytes). */
static inline enum mark_verdict answers_bytes(struct talk *t, uint32_t acknowledges, const void *data, size_t len)
{
    t->id = bed_tcp(t->b, MARK_FROM_SERVER, t->server, client, TCP_ACK, SERVER_ISN + 1 + t->received,
                    5001 + acknowledges, (struct bytes){0}, (struct bytes){data, len});
    t->received += (uint32_t)len;
    return (enum mark_verdict)t->b->mark[t->id];
}

static inline enum mark_verdict answers(struct talk *t, const char *text)
{
    return answers_bytes(t, t->sent, text, strlen(text));
}

#endif
