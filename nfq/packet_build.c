/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Packets that we send: copies of judged ones, answers, errors and resets.  Interface: nfq/packet.h. */
#include "nfq/packet.h"

#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>

#include "nfq/checksum.h"

enum { IP4_HEADER = 20, IP6_HEADER = 40, TCP_HEADER = 20, UDP_HEADER = 8, ICMP_HEADER = 8 };
enum { ICMP4_TOTAL_MAX = 576, ICMP6_TOTAL_MAX = 1280 };
enum { DONT_FRAGMENT = 0x4000, ECN_BITS = 3 };

/* An IP header to be written. */
struct ip_header {
    const struct address *source, *destination;
    uint8_t protocol;
    uint8_t traffic_class;
    uint32_t flow_label;     /* IPv6 */
    uint16_t identification; /* IPv4 */
    bool dont_fragment;      /* IPv4 */
};

static size_t ip_header_len(const struct address *a)
{
    return a->family == 4 ? IP4_HEADER : IP6_HEADER;
}

/* Starts a packet with room for its lengths and checksum, which finish_packet fills. */
static void write_ip(struct writer *w, const struct ip_header *h)
{
    if (h->source->family == 4) {
        writer_u8(w, 0x45);
        writer_u8(w, h->traffic_class);
        writer_u16(w, 0); /* total length */
        writer_u16(w, h->identification);
        writer_u16(w, h->dont_fragment ? DONT_FRAGMENT : 0);
        writer_u8(w, PACKET_HOP_LIMIT);
        writer_u8(w, h->protocol);
        writer_u16(w, 0); /* checksum */
    } else {
        writer_u32(w, 6u << 28 | (uint32_t)h->traffic_class << 20 | (h->flow_label & 0xfffff));
        writer_u16(w, 0); /* payload length */
        writer_u8(w, h->protocol);
        writer_u8(w, PACKET_HOP_LIMIT);
    }
    writer_bytes(w, (struct bytes){h->source->octets, address_octets(h->source)});
    writer_bytes(w, (struct bytes){h->destination->octets, address_octets(h->destination)});
}

/* Fills IP length and IPv4 checksum, and at `sum_at` in the transport header its checksum.  0: did not fit. */
static size_t finish_packet(struct writer *w, const struct ip_header *h, size_t sum_at)
{
    size_t len = writer_len(w), header_len = ip_header_len(h->source);
    if (len == 0 || (h->source->family == 4 && len > UINT16_MAX) || len - header_len > UINT16_MAX)
        return 0;
    if (h->source->family == 4) {
        writer_patch_u16(w, 2, (uint16_t)len);
        writer_patch_u16(w, 10, checksum((struct bytes){w->start, IP4_HEADER}));
    } else {
        writer_patch_u16(w, 4, (uint16_t)(len - header_len));
    }
    struct bytes segment = {w->start + header_len, len - header_len};
    uint16_t sum = h->protocol == IPPROTO_ICMP ? checksum(segment)
                                               : checksum_transport(h->source, h->destination, h->protocol, segment);
    if (sum == 0 && h->protocol == IPPROTO_UDP)
        sum = 0xffff; /* RFC 768: zero would say that there is none */
    writer_patch_u16(w, header_len + sum_at, sum);
    return len;
}

/* The fields of p's IP header that a copy keeps. */
static struct ip_header kept_ip_header(const struct packet *p)
{
    struct ip_header h = {.source = &p->source, .destination = &p->destination, .protocol = p->protocol};
    struct reader r = reader_init(p->whole, false);
    if (p->version == 4) {
        reader_u8(&r);
        h.traffic_class = reader_u8(&r);
        reader_u16(&r);
        h.identification = reader_u16(&r);
        h.dont_fragment = reader_u16(&r) & DONT_FRAGMENT;
    } else {
        uint32_t first = reader_u32(&r);
        h.traffic_class = (uint8_t)(first >> 20);
        h.flow_label = first & 0xfffff;
    }
    h.traffic_class = p->protocol == IPPROTO_TCP ? h.traffic_class & ECN_BITS : 0;
    return h;
}

static uint16_t urgent_pointer(const struct packet *p)
{
    struct reader r = reader_init(p->whole, false);
    reader_bytes(&r, p->transport_at + 18);
    return p->flags & TCP_URG ? reader_u16(&r) : 0;
}

static size_t refuse(enum reason *why, enum reason reason)
{
    if (why)
        *why = reason;
    return 0;
}

static void write_tcp(struct writer *w, const struct packet *p)
{
    writer_u16(w, p->source_port);
    writer_u16(w, p->destination_port);
    writer_u32(w, p->sequence);
    writer_u32(w, p->flags & TCP_ACK ? p->acknowledgment : 0);
    writer_u8(w, (uint8_t)((TCP_HEADER + p->options.len) / 4 << 4));
    writer_u8(w, p->flags);
    writer_u16(w, p->window);
    writer_u16(w, 0); /* checksum */
    writer_u16(w, urgent_pointer(p));
    writer_bytes(w, p->options);
}

static void write_udp(struct writer *w, uint16_t source_port, uint16_t destination_port, struct bytes payload)
{
    writer_u16(w, source_port);
    writer_u16(w, destination_port);
    writer_u16(w, (uint16_t)(UDP_HEADER + payload.len)); /* finish_packet refuses what overflows it */
    writer_u16(w, 0);
    writer_bytes(w, payload);
}

size_t packet_rebuild(const struct packet *p, struct bytes payload, bool trim_options, uint8_t *out, size_t size,
                      enum reason *why)
{
    if ((p->version != 4 && p->version != 6) || (p->protocol != IPPROTO_TCP && p->protocol != IPPROTO_UDP))
        return refuse(why, REASON_PROTOCOL);
    struct ip_header h = kept_ip_header(p);
    struct writer w = writer_init(out, size);
    write_ip(&w, &h);
    if (p->protocol == IPPROTO_UDP) {
        write_udp(&w, p->source_port, p->destination_port, payload);
    } else {
        write_tcp(&w, p);
        size_t options_at = ip_header_len(&p->source) + TCP_HEADER;
        if (!w.full && trim_options && packet_clean_options(out + options_at, p->options.len) != REASON_NONE)
            return refuse(why, REASON_TCP_OPTION);
        writer_bytes(&w, payload);
    }
    size_t len = finish_packet(&w, &h, p->protocol == IPPROTO_TCP ? 16 : 6);
    return len ? len : refuse(why, REASON_IP_FORM);
}

/* False for a packet that was refused before its ports were read. */
static bool has_ports(const struct packet *p)
{
    return p->version != 0 && (p->source_port != 0 || p->destination_port != 0);
}

size_t packet_build_udp_answer(const struct packet *p, struct bytes payload, uint8_t *out, size_t size)
{
    if (p->protocol != IPPROTO_UDP || !has_ports(p))
        return 0;
    struct ip_header h = {.source = &p->destination, .destination = &p->source, .protocol = IPPROTO_UDP};
    struct writer w = writer_init(out, size);
    write_ip(&w, &h);
    write_udp(&w, p->destination_port, p->source_port, payload);
    return finish_packet(&w, &h, 6);
}

/* One host, as far as the address tells. */
static bool is_unicast(const struct address *a)
{
    if (a->family == 6) {
        static const struct address unspecified = {.family = 6};
        return a->octets[0] != 0xff && !address_equal(a, &unspecified);
    }
    return a->octets[0] != 0 && a->octets[0] < 224;
}

/* Messages about which an error may be sent: queries and what answers them.  A type that is not known to be one may be
 * an error (RFC 1122 s3.2.2). */
bool packet_is_icmp_error(const struct packet *p)
{
    if (p->protocol != (p->version == 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6))
        return false;
    struct reader r = reader_init(p->whole, false);
    /* An IPv4 header with options is longer; it is quoted though it was refused. */
    reader_bytes(&r, p->version == 4 ? (size_t)(reader_u8(&r) & 0x0f) * 4 - 1 : IP6_HEADER);
    uint8_t type = reader_u8(&r);
    if (r.state != PARSE_OK)
        return true;
    if (p->version == 6)
        return type < 128 || type == ND_REDIRECT;
    switch (type) {
    case ICMP_ECHOREPLY:
    case ICMP_ECHO:
    case ICMP_TIMESTAMP:
    case ICMP_TIMESTAMPREPLY:
    case ICMP_INFO_REQUEST:
    case ICMP_INFO_REPLY:
    case ICMP_ADDRESS:
    case ICMP_ADDRESSREPLY:
    case 9: /* router advertisement and solicitation, RFC 1256 */
    case 10:
    case 42: /* extended echo, RFC 8335 */
    case 43:
        return false;
    default:
        return true;
    }
}

/* IPv4: an offset.  IPv6: any fragment header, as its offset is not read here. */
static bool is_later_fragment(const struct packet *p)
{
    if (p->version == 6)
        return p->protocol == IPPROTO_FRAGMENT;
    struct reader r = reader_init(p->whole, false);
    reader_bytes(&r, 6);
    return (reader_u16(&r) & 0x1fff) != 0;
}

size_t packet_build_icmp_error(const struct packet *p, uint8_t *out, size_t size)
{
    if (p->whole.len == 0 || !is_unicast(&p->source) || !is_unicast(&p->destination) || is_later_fragment(p))
        return 0;
    bool ip4 = p->version == 4, udp = p->protocol == IPPROTO_UDP;
    if (packet_is_icmp_error(p))
        return 0;

    struct ip_header h = {.source = &p->destination,
                          .destination = &p->source,
                          .protocol = ip4 ? IPPROTO_ICMP : IPPROTO_ICMPV6,
                          .traffic_class = 0};
    struct writer w = writer_init(out, size);
    write_ip(&w, &h);
    if (ip4) {
        writer_u8(&w, ICMP_DEST_UNREACH);
        writer_u8(&w, udp ? ICMP_PORT_UNREACH : ICMP_PROT_UNREACH);
    } else {
        writer_u8(&w, ICMP6_DST_UNREACH);
        writer_u8(&w, udp ? ICMP6_DST_UNREACH_NOPORT : ICMP6_DST_UNREACH_ADMIN);
    }
    writer_u16(&w, 0); /* checksum */
    writer_u32(&w, 0);
    size_t room = ip4 ? ICMP4_TOTAL_MAX - IP4_HEADER - ICMP_HEADER : ICMP6_TOTAL_MAX - IP6_HEADER - ICMP_HEADER;
    struct reader r = reader_init(p->whole, false);
    writer_bytes(&w, reader_bytes(&r, p->whole.len < room ? p->whole.len : room));
    return finish_packet(&w, &h, 2);
}

/* Nothing but what a receiver needs to find its connection: the header of the packet it is about, without what could
 * be words, and the first 8 bytes behind it (RFC 792, RFC 4443 s3.1 asks for more but needs no more). */
static void write_quoted(struct writer *w, struct reader *r, bool ip4)
{
    if (ip4) {
        size_t start = writer_len(w);
        reader_u16(r);
        writer_u16(w, 0x4500);
        writer_u16(w, reader_u16(r)); /* its length */
        writer_u32(w, DONT_FRAGMENT);
        reader_bytes(r, 5); /* identification, fragment, hop limit */
        writer_u8(w, PACKET_HOP_LIMIT);
        writer_u8(w, reader_u8(r));
        reader_u16(r);
        writer_u16(w, 0);
        writer_bytes(w, reader_bytes(r, 8)); /* its addresses */
        if (writer_len(w) == start + IP4_HEADER)
            writer_patch_u16(w, start + 10, checksum((struct bytes){w->start + start, IP4_HEADER}));
    } else {
        reader_u32(r);
        writer_u32(w, 6u << 28);
        writer_u16(w, reader_u16(r));
        writer_u8(w, reader_u8(r));
        reader_u8(r);
        writer_u8(w, PACKET_HOP_LIMIT);
        writer_bytes(w, reader_bytes(r, 32));
    }
    writer_bytes(w, reader_bytes(r, 8));
}

size_t packet_rebuild_icmp_error(const struct packet *p, uint8_t *out, size_t size)
{
    bool ip4 = p->version == 4;
    struct reader r = reader_init(p->whole, false);
    reader_bytes(&r, p->transport_at);
    uint8_t type = reader_u8(&r), code = reader_u8(&r);
    reader_u16(&r); /* checksum */
    uint32_t more = reader_u32(&r);
    struct reader quoted = r;
    uint8_t first = reader_u8(&r);
    bool problem = type == (ip4 ? ICMP_PARAMETERPROB : ICMP6_PARAM_PROB);
    bool too_big = ip4 ? type == ICMP_DEST_UNREACH && code == ICMP_FRAG_NEEDED : type == ICMP6_PACKET_TOO_BIG;
    bool error = too_big || problem || type == (ip4 ? ICMP_DEST_UNREACH : ICMP6_DST_UNREACH) ||
                 type == (ip4 ? ICMP_TIME_EXCEEDED : ICMP6_TIME_EXCEEDED);
    if (p->protocol != (ip4 ? IPPROTO_ICMP : IPPROTO_ICMPV6) || !error || (ip4 ? first != 0x45 : first >> 4 != 6))
        return 0;

    struct ip_header h = kept_ip_header(p);
    struct writer w = writer_init(out, size);
    write_ip(&w, &h);
    writer_u8(&w, type);
    writer_u8(&w, code);
    writer_u16(&w, 0);
    writer_u32(&w, too_big ? (ip4 ? more & 0xffff : more) : problem ? (ip4 ? more & 0xff000000 : more) : 0);
    write_quoted(&w, &quoted, ip4);
    return quoted.state == PARSE_OK ? finish_packet(&w, &h, 2) : 0;
}

/* A reset with nothing else: `p` gives version and ports, `back` their order. */
static size_t build_reset(const struct packet *p, bool back, uint32_t sequence, bool ack, uint32_t acknowledgment,
                          uint8_t *out, size_t size)
{
    if (p->protocol != IPPROTO_TCP || !has_ports(p))
        return 0;
    struct ip_header h = {.source = back ? &p->destination : &p->source,
                          .destination = back ? &p->source : &p->destination,
                          .protocol = IPPROTO_TCP,
                          .dont_fragment = true};
    struct packet reset = {.source_port = back ? p->destination_port : p->source_port,
                           .destination_port = back ? p->source_port : p->destination_port,
                           .sequence = sequence,
                           .acknowledgment = acknowledgment,
                           .flags = (uint8_t)(TCP_RST | (ack ? TCP_ACK : 0))};
    struct writer w = writer_init(out, size);
    write_ip(&w, &h);
    write_tcp(&w, &reset);
    return finish_packet(&w, &h, 16);
}

size_t packet_build_reset(const struct packet *p, uint8_t *out, size_t size)
{
    if (p->flags & TCP_RST)
        return 0; /* never a reset about a reset */
    if (p->flags & TCP_ACK)
        return build_reset(p, true, p->acknowledgment, false, 0, out, size);
    uint32_t segment_len = (uint32_t)p->payload.len + !!(p->flags & TCP_SYN) + !!(p->flags & TCP_FIN);
    return build_reset(p, true, 0, true, p->sequence + segment_len, out, size);
}

size_t packet_build_reset_onward(const struct packet *p, uint32_t sequence, uint8_t *out, size_t size)
{
    return build_reset(p, false, sequence, p->flags & TCP_ACK, p->acknowledgment, out, size);
}

size_t packet_build_reset_bare(const struct packet *p, bool back, uint32_t sequence, uint8_t *out, size_t size)
{
    return build_reset(p, back, sequence, false, 0, out, size);
}

static size_t build_back(const struct packet *p, uint32_t sequence, uint32_t acknowledgment, uint16_t window,
                         const uint32_t *timestamp, size_t payload_len, uint8_t *out, size_t size)
{
    uint8_t options[12];
    uint32_t theirs, seen;
    struct writer o = writer_init(options, sizeof options);
    if (timestamp && packet_timestamp(p, &theirs, &seen)) {
        writer_u32(&o, 0x0101080a); /* two NOPs, kind 8, length 10 (RFC 7323 appendix A) */
        writer_u32(&o, packet_sequence_diff(seen, *timestamp) > 0 ? seen : *timestamp);
        writer_u32(&o, theirs);
    }
    struct ip_header h = {
        .source = &p->destination, .destination = &p->source, .protocol = IPPROTO_TCP, .dont_fragment = true};
    struct packet back = {.source_port = p->destination_port,
                          .destination_port = p->source_port,
                          .sequence = sequence,
                          .acknowledgment = acknowledgment,
                          .flags = TCP_ACK,
                          .window = window,
                          .options = {options, writer_len(&o)}};
    struct writer w = writer_init(out, size);
    write_ip(&w, &h);
    write_tcp(&w, &back);
    writer_zero(&w, payload_len);
    return finish_packet(&w, &h, 16);
}

size_t packet_build_acknowledgment(const struct packet *p, uint32_t acknowledgment, uint16_t window,
                                   const uint32_t *timestamp, uint8_t *out, size_t size)
{
    return build_back(p, p->acknowledgment, acknowledgment, window, timestamp, 0, out, size);
}

size_t packet_build_poke(const struct packet *p, uint32_t acknowledgment, uint16_t window, const uint32_t *timestamp,
                         uint8_t *out, size_t size)
{
    return build_back(p, p->acknowledgment - 1, acknowledgment, window, timestamp, 1, out, size);
}
