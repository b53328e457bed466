/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "nfq/packet.h"

#include <netinet/in.h>
#include <string.h>

#include "nfq/checksum.h"

enum { IP4_HEADER = 20, IP6_HEADER = 40, TCP_HEADER = 20, UDP_HEADER = 8 };

/* Next headers that are extension headers (RFC 8200 s4, RFC 6275, RFC 7401, RFC 5533), encrypt what follows, or say
 * that nothing follows.  Two receivers may walk such chains differently. */
static bool is_extension_header(uint8_t next_header)
{
    switch (next_header) {
    case IPPROTO_HOPOPTS:
    case IPPROTO_ROUTING:
    case IPPROTO_FRAGMENT:
    case IPPROTO_ESP:
    case IPPROTO_AH:
    case IPPROTO_NONE:
    case IPPROTO_DSTOPTS:
    case IPPROTO_MH:
    case 139: /* HIP */
    case 140: /* Shim6 */
        return true;
    default:
        return false;
    }
}

/* RFC 791 s3.1.  Fills `out` as far as it gets; on success out->whole is cut to the total length and *transport holds
 * what is behind the header. */
static bool parse_ip4(struct bytes ip, bool check_sum, struct packet *out, struct bytes *transport)
{
    struct reader r = reader_init(ip, false);
    uint8_t version_ihl = reader_u8(&r);
    reader_u8(&r);
    uint16_t total = reader_u16(&r);
    reader_u16(&r);
    uint16_t fragment = reader_u16(&r);
    reader_u8(&r);
    uint8_t protocol = reader_u8(&r);
    reader_u16(&r);
    struct bytes source = reader_bytes(&r, 4), destination = reader_bytes(&r, 4);
    if (r.state != PARSE_OK)
        return false;

    out->version = 4;
    out->protocol = protocol;
    out->source = address_from_octets(source);
    out->destination = address_from_octets(destination);
    if (total < IP4_HEADER || total > ip.len)
        return false;
    out->whole = (struct bytes){ip.at, total};
    if ((version_ihl & 0x0f) * 4 != IP4_HEADER)
        return false;
    if (fragment & 0x3fff) /* more fragments, or an offset */
        return false;
    if (check_sum && checksum((struct bytes){ip.at, IP4_HEADER}) != 0)
        return false;
    out->transport_at = IP4_HEADER;
    *transport = reader_bytes(&r, (size_t)total - IP4_HEADER);
    return r.state == PARSE_OK;
}

/* RFC 8200 s3.  A payload length of 0 is a jumbogram, or a GSO packet beyond 64 KiB whose real length is nowhere. */
static bool parse_ip6(struct bytes ip, struct packet *out, struct bytes *transport)
{
    struct reader r = reader_init(ip, false);
    reader_u32(&r);
    uint16_t payload_len = reader_u16(&r);
    uint8_t next_header = reader_u8(&r);
    reader_u8(&r);
    struct bytes source = reader_bytes(&r, 16), destination = reader_bytes(&r, 16);
    if (r.state != PARSE_OK)
        return false;

    out->version = 6;
    out->protocol = next_header;
    out->source = address_from_octets(source);
    out->destination = address_from_octets(destination);
    struct bytes behind = reader_bytes(&r, payload_len);
    if (r.state != PARSE_OK || payload_len == 0)
        return false;
    out->whole = (struct bytes){ip.at, (size_t)IP6_HEADER + payload_len};
    if (is_extension_header(next_header))
        return false;
    out->transport_at = IP6_HEADER;
    *transport = behind;
    return true;
}

static enum reason parse_udp(struct bytes segment, bool check_sum, struct packet *out)
{
    struct reader r = reader_init(segment, false);
    uint16_t source_port = reader_u16(&r), destination_port = reader_u16(&r);
    uint16_t len = reader_u16(&r);
    uint16_t sum = reader_u16(&r);
    if (r.state != PARSE_OK)
        return REASON_IP_FORM;
    out->source_port = source_port;
    out->destination_port = destination_port;
    /* What lies between the UDP length and the IP length reaches some receivers and not others (RFC 768; UDP options
     * are made of it). */
    if (len != segment.len)
        return REASON_IP_FORM;
    out->payload = reader_bytes(&r, reader_left(&r));
    if (!check_sum || (sum == 0 && out->version == 4))
        return REASON_NONE;
    /* RFC 8200 s8.1: over IPv6 a checksum of zero is none, and none is not allowed. */
    if (sum == 0 || checksum_transport(&out->source, &out->destination, out->protocol, segment) != 0)
        return REASON_TCP_SEQUENCE;
    return REASON_NONE;
}

/* The combinations that occur in a connection's life (RFC 9293 s3.10), as conntrack has them; PSH, ECE and CWR may
 * come with any. */
static bool flags_are_sound(uint8_t flags)
{
    switch (flags & (TCP_FIN | TCP_SYN | TCP_RST | TCP_ACK | TCP_URG)) {
    case TCP_SYN:
    case TCP_SYN | TCP_ACK:
    case TCP_RST:
    case TCP_RST | TCP_ACK:
    case TCP_ACK:
    case TCP_ACK | TCP_URG:
    case TCP_FIN | TCP_ACK:
    case TCP_FIN | TCP_ACK | TCP_URG:
        return true;
    default:
        return false;
    }
}

static enum reason parse_tcp(struct bytes segment, bool check_sum, struct packet *out)
{
    struct reader r = reader_init(segment, false);
    uint16_t source_port = reader_u16(&r), destination_port = reader_u16(&r);
    uint32_t sequence = reader_u32(&r), acknowledgment = reader_u32(&r);
    uint8_t header_len = (uint8_t)((reader_u8(&r) >> 4) * 4);
    uint8_t flags = reader_u8(&r);
    uint16_t window = reader_u16(&r);
    reader_u32(&r); /* checksum, urgent pointer */
    if (r.state != PARSE_OK)
        return REASON_IP_FORM;
    out->source_port = source_port;
    out->destination_port = destination_port;
    out->sequence = sequence;
    out->acknowledgment = acknowledgment;
    out->flags = flags;
    out->window = window;
    if (header_len < TCP_HEADER || header_len > segment.len)
        return REASON_IP_FORM;
    out->options = reader_bytes(&r, (size_t)header_len - TCP_HEADER);
    out->payload = reader_bytes(&r, reader_left(&r));
    if (!flags_are_sound(flags))
        return REASON_TCP_SEQUENCE;
    if (check_sum && checksum_transport(&out->source, &out->destination, out->protocol, segment) != 0)
        return REASON_TCP_SEQUENCE;
    return REASON_NONE;
}

enum reason packet_parse(struct bytes ip, bool check_sum, struct packet *out)
{
    *out = (struct packet){0};
    struct reader r = reader_init(ip, false);
    struct bytes transport = {0};
    switch (reader_u8(&r) >> 4) {
    case 4:
        if (!parse_ip4(ip, check_sum, out, &transport))
            return REASON_IP_FORM;
        break;
    case 6:
        if (!parse_ip6(ip, out, &transport))
            return REASON_IP_FORM;
        break;
    default:
        return REASON_IP_FORM;
    }
    if (out->protocol == IPPROTO_TCP)
        return parse_tcp(transport, check_sum, out);
    if (out->protocol == IPPROTO_UDP)
        return parse_udp(transport, check_sum, out);
    return REASON_NONE;
}

/* What to do with an option of this kind, `len` bytes long with kind and length. */
enum option_fate { OPTION_PASS, OPTION_BLANK, OPTION_REFUSE };

static enum option_fate option_fate(uint8_t kind, uint8_t len)
{
    switch (kind) {
    case 2: /* maximum segment size, RFC 9293 s3.7.1 */
        return len == 4 ? OPTION_PASS : OPTION_REFUSE;
    case 3: /* window scale, RFC 7323 s2.2 */
        return len == 3 ? OPTION_PASS : OPTION_REFUSE;
    case 4: /* SACK permitted, RFC 2018 s2 */
        return len == 2 ? OPTION_PASS : OPTION_REFUSE;
    case 5: /* SACK, RFC 2018 s3 */
        return len >= 10 && len % 8 == 2 ? OPTION_PASS : OPTION_REFUSE;
    case 8: /* timestamps, RFC 7323 s3.2 */
        return len == 10 ? OPTION_PASS : OPTION_REFUSE;
    case 19: /* MD5, RFC 2385: a receiver without the key drops the segment, one with it takes it */
    case 29: /* AO, RFC 5925 */
        return OPTION_REFUSE;
    default: /* fast open, multipath, experiments, what we do not know: the connection works without */
        return OPTION_BLANK;
    }
}

enum reason packet_clean_options(uint8_t *options, size_t len)
{
    enum { OPTION_END = 0, OPTION_NOP = 1, OPTION_MSS = 2 };
    size_t at = 0;
    while (at < len) {
        uint8_t kind = options[at];
        if (kind == OPTION_END) {
            memset(options + at, OPTION_END, len - at); /* RFC 9293 s3.1: padding is zeros; no words behind the end */
            return REASON_NONE;
        }
        if (kind == OPTION_NOP) {
            at++;
            continue;
        }
        size_t left = len - at;
        if (left < 2 || options[at + 1] < 2 || options[at + 1] > left)
            return REASON_TCP_OPTION;
        uint8_t option_len = options[at + 1];
        if (kind == OPTION_MSS && option_len == 4 && options[at + 2] >= PACKET_MSS_MAX >> 8) {
            options[at + 2] = PACKET_MSS_MAX >> 8; /* loopback's 65,483: such a packet does not fit a queue's message */
            options[at + 3] = 0;
        }
        switch (option_fate(kind, option_len)) {
        case OPTION_PASS:
            break;
        case OPTION_BLANK:
            memset(options + at, OPTION_NOP, option_len);
            break;
        case OPTION_REFUSE:
            return REASON_TCP_OPTION;
        }
        at += option_len;
    }
    return REASON_NONE;
}

bool packet_timestamp(const struct packet *p, uint32_t *value, uint32_t *echo)
{
    struct reader r = reader_init(p->options, false);
    while (reader_left(&r)) {
        uint8_t kind = reader_u8(&r);
        if (kind == 0)
            return false;
        if (kind == 1)
            continue;
        uint8_t len = reader_u8(&r);
        if (kind == 8 && len == 10) {
            *value = reader_u32(&r);
            *echo = reader_u32(&r);
            return r.state == PARSE_OK;
        }
        reader_bytes(&r, len < 2 ? SIZE_MAX : len - 2u);
    }
    return false;
}
