/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/replay_dns.h"

#include <netinet/in.h>
#include <stdlib.h>

#include "nfq/stream.h"

#define HALVES 512 /* two of a connection */

/* One direction of one connection. */
struct half {
    struct address source, destination;
    uint16_t source_port, destination_port;
    uint32_t isn;
    uint64_t used; /* serial of its last packet */
    struct stream *stream;
};

struct replay_dns {
    void (*datagram)(void *ctx, struct bytes ip, enum capture_side side);
    void *ctx;
    uint64_t serial;
    struct stream_pool *streams;
    struct half half[HALVES];
    uint8_t ip[PACKET_MAX];
};

struct replay_dns *replay_dns_new(void (*datagram)(void *ctx, struct bytes ip, enum capture_side side), void *ctx)
{
    struct replay_dns *d = calloc(1, sizeof *d);
    struct stream_pool *streams = stream_pool_new(HALVES, HALVES);
    if (!d || !streams) {
        free(d);
        stream_pool_free(streams);
        return NULL;
    }
    d->datagram = datagram;
    d->ctx = ctx;
    d->streams = streams;
    return d;
}

void replay_dns_free(struct replay_dns *d)
{
    if (!d)
        return;
    stream_pool_free(d->streams);
    free(d);
}

static struct half *half_find(struct replay_dns *d, const struct packet *p)
{
    struct half *oldest = &d->half[0];
    for (unsigned i = 0; i < HALVES; i++) {
        struct half *h = &d->half[i];
        if (h->stream && h->source_port == p->source_port && h->destination_port == p->destination_port &&
            address_equal(&h->source, &p->source) && address_equal(&h->destination, &p->destination))
            return h;
        if (h->used < oldest->used)
            oldest = h;
    }
    return p->flags & TCP_SYN ? oldest : NULL;
}

static void half_begin(struct replay_dns *d, struct half *h, const struct packet *p)
{
    stream_give(d->streams, h->stream);
    *h = (struct half){.source = p->source,
                       .destination = p->destination,
                       .source_port = p->source_port,
                       .destination_port = p->destination_port,
                       .isn = p->sequence,
                       .stream = stream_take(d->streams, 0)};
}

/* Every whole message that is ready (RFC 1035 s4.2.2). */
static void messages(struct replay_dns *d, struct half *h, const struct packet *p, enum capture_side side)
{
    for (;;) {
        struct bytes ready = stream_ready(h->stream);
        struct reader r = reader_init(ready, true);
        size_t len = reader_u16(&r);
        struct bytes message = reader_bytes(&r, len);
        if (r.state != PARSE_OK)
            return;
        struct packet as_udp = *p;
        as_udp.protocol = IPPROTO_UDP;
        size_t ip = packet_rebuild(&as_udp, message, false, d->ip, sizeof d->ip, NULL);
        if (ip)
            d->datagram(d->ctx, (struct bytes){d->ip, ip}, side);
        stream_release(h->stream, len + 2, false);
    }
}

void replay_dns_packet(struct replay_dns *d, const struct packet *p, enum capture_side side)
{
    struct half *h = half_find(d, p);
    if (!h)
        return;
    h->used = ++d->serial;
    if (p->flags & TCP_SYN) {
        half_begin(d, h, p);
        h->used = d->serial;
    }
    if (!h->stream || p->payload.len == 0)
        return;
    int32_t ahead = packet_sequence_diff(p->sequence, h->isn + 1 + (uint32_t)h->stream->start);
    int64_t offset = (int64_t)h->stream->start + ahead;
    if (offset >= 0 && stream_add(h->stream, (uint64_t)offset, p->payload) == STREAM_ADDED)
        messages(d, h, p, side);
}
