/* SPDX-License-Identifier: GPL-3.0-or-later */
/* nfq/packet: what is read is sound, and whatever is built of it reads back as it should, with right checksums.
 * Input: one octet of choices, then the packet. */
#include <stdint.h>
#include <stdlib.h>

#include "nfq/packet.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t out[PACKET_MAX];

static void require(bool holds)
{
    if (!holds)
        abort();
}

static bool inside(struct bytes part, struct bytes whole)
{
    return part.len == 0 || (part.at >= whole.at && part.at + part.len <= whole.at + whole.len);
}

/* What we built must be a packet from `source` to `destination`. */
static struct packet built(size_t len, const struct address *source, const struct address *destination)
{
    struct packet q;
    require(packet_parse((struct bytes){out, len}, true, &q) == REASON_NONE);
    require(q.whole.len == len);
    require(address_equal(&q.source, source) && address_equal(&q.destination, destination));
    return q;
}

static void build_all(const struct packet *p, struct bytes payload, bool trim)
{
    enum reason why = REASON_NONE;
    size_t len = packet_rebuild(p, payload, trim, out, sizeof out, &why);
    require((len == 0) == (why != REASON_NONE));
    if (len) {
        struct packet q = built(len, &p->source, &p->destination);
        require(q.protocol == p->protocol && bytes_equal(q.payload, payload));
        require(q.source_port == p->source_port && q.destination_port == p->destination_port);
        require(q.flags == p->flags && q.sequence == p->sequence && q.options.len == p->options.len);
        require(trim || bytes_equal(q.options, p->options));
    }
    len = packet_build_udp_answer(p, payload, out, sizeof out);
    if (len)
        require(bytes_equal(built(len, &p->destination, &p->source).payload, payload));
    len = packet_build_reset_onward(p, 7, out, sizeof out);
    if (len)
        require(built(len, &p->source, &p->destination).sequence == 7);
    len = packet_build_reset_bare(p, trim, 7, out, sizeof out);
    if (len) {
        struct packet q = built(len, trim ? &p->destination : &p->source, trim ? &p->source : &p->destination);
        require(q.sequence == 7 && q.flags == TCP_RST && q.acknowledgment == 0 && q.options.len == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1 || size > 3000)
        return 0;
    bool check_sum = data[0] & 1, trim = data[0] & 2;
    struct packet p;
    enum reason reason = packet_parse((struct bytes){data + 1, size - 1}, check_sum, &p);
    require(reason == REASON_NONE || reason == REASON_IP_FORM || reason == REASON_TCP_SEQUENCE);
    require(p.whole.len <= size - 1 && inside(p.payload, p.whole) && inside(p.options, p.whole));
    if (reason == REASON_NONE) {
        build_all(&p, p.payload, trim);
        build_all(&p, (struct bytes){data, data[0] < size ? data[0] : size}, trim);
    } else {
        packet_rebuild(&p, p.payload, trim, out, sizeof out, NULL);
    }
    /* Errors and resets are built about refused packets too. */
    size_t len = packet_build_icmp_error(&p, out, sizeof out);
    if (len) {
        require(len <= (p.version == 4 ? 576 : 1280));
        built(len, &p.destination, &p.source);
    }
    len = packet_rebuild_icmp_error(&p, out, sizeof out);
    if (len) { /* the header, 8 octets, the quoted header and 8 octets of what it carried: no more */
        require(len == (p.version == 4 ? 20 + 8 + 20 + 8 : 40 + 8 + 40 + 8));
        struct packet q = built(len, &p.source, &p.destination);
        require(q.protocol == p.protocol && packet_is_icmp_error(&q));
        uint8_t again[128];
        require(packet_rebuild_icmp_error(&q, again, sizeof again) == len);
        require(bytes_equal((struct bytes){again, len}, (struct bytes){out, len}));
    }
    len = packet_build_reset(&p, out, sizeof out);
    if (len)
        require(built(len, &p.destination, &p.source).flags & TCP_RST);
    return 0;
}
