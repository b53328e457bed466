/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/capture.h"

#include <netinet/in.h>
#include <pcap/dlt.h>
#include <stdlib.h>
#include <string.h>

#include "core/hash.h"

enum { ETHER_IP4 = 0x0800, ETHER_IP6 = 0x86dd, ETHER_VLAN = 0x8100, ETHER_QINQ = 0x88a8, ETHER_QINQ_OLD = 0x9100 };
enum { VLAN_TAGS_MAX = 3 };
enum { FLOWS = 1 << 16 };

bool capture_link_known(int link_type)
{
    switch (link_type) {
    case DLT_EN10MB:
    case DLT_RAW:
    case DLT_IPV4:
    case DLT_IPV6:
    case DLT_LINUX_SLL:
    case DLT_LINUX_SLL2:
    case DLT_NULL:
        return true;
    default:
        return false;
    }
}

/* What follows an EtherType, behind any VLAN tags. */
static struct bytes behind_ethertype(struct reader *r, uint16_t type)
{
    for (int tags = 0; tags < VLAN_TAGS_MAX; tags++) {
        if (type != ETHER_VLAN && type != ETHER_QINQ && type != ETHER_QINQ_OLD)
            break;
        reader_u16(r);
        type = reader_u16(r);
    }
    if (type != ETHER_IP4 && type != ETHER_IP6)
        return (struct bytes){0};
    return reader_bytes(r, reader_left(r));
}

struct bytes capture_ip(int link_type, struct bytes frame)
{
    struct reader r = reader_init(frame, false);
    switch (link_type) {
    case DLT_EN10MB:
        reader_bytes(&r, 12);
        return behind_ethertype(&r, reader_u16(&r));
    case DLT_LINUX_SLL:
        reader_bytes(&r, 14);
        return behind_ethertype(&r, reader_u16(&r));
    case DLT_LINUX_SLL2: {
        uint16_t type = reader_u16(&r);
        reader_bytes(&r, 18);
        return behind_ethertype(&r, type);
    }
    case DLT_NULL:
        reader_bytes(&r, 4);
        return reader_bytes(&r, reader_left(&r));
    case DLT_RAW:
    case DLT_IPV4:
    case DLT_IPV6:
        return frame;
    default:
        return (struct bytes){0};
    }
}

/* The pair of ends, the lesser first, so that both directions meet. */
struct flow_row {
    struct address low, high;
    uint16_t low_port, high_port;
    uint8_t protocol;
    bool used, client_is_low;
};

struct capture_flows {
    struct flow_row row[FLOWS];
};

struct capture_flows *capture_flows_new(void)
{
    return calloc(1, sizeof(struct capture_flows));
}

void capture_flows_free(struct capture_flows *f)
{
    free(f);
}

static struct flow_row row_of(const struct packet *p, bool *source_is_low)
{
    int order = memcmp(&p->source, &p->destination, sizeof p->source);
    *source_is_low = order < 0 || (order == 0 && p->source_port <= p->destination_port);
    if (*source_is_low)
        return (struct flow_row){p->source, p->destination, p->source_port, p->destination_port, p->protocol, true, 0};
    return (struct flow_row){p->destination, p->source, p->destination_port, p->source_port, p->protocol, true, 0};
}

static bool same_flow(const struct flow_row *a, const struct flow_row *b)
{
    return a->used && a->protocol == b->protocol && a->low_port == b->low_port && a->high_port == b->high_port &&
           address_equal(&a->low, &b->low) && address_equal(&a->high, &b->high);
}

enum capture_side capture_side(struct capture_flows *f, const struct packet *p)
{
    bool source_is_low;
    struct flow_row key = row_of(p, &source_is_low);
    uint32_t at = address_hash(&key.low, address_hash(&key.high, key.low_port * 65537u + key.high_port)) % FLOWS;
    struct flow_row *row = &f->row[at];
    bool known = same_flow(row, &key);
    bool syn = p->protocol == IPPROTO_TCP && (p->flags & (TCP_SYN | TCP_ACK)) == TCP_SYN;
    if (!known && p->protocol == IPPROTO_TCP && !syn)
        return CAPTURE_UNKNOWN;
    if (!known || syn) {
        bool answer = p->protocol == IPPROTO_UDP && p->source_port == 53 && p->destination_port != 53;
        key.client_is_low = answer ? !source_is_low : source_is_low;
        *row = key;
    }
    return row->client_is_low == source_is_low ? CAPTURE_CLIENT : CAPTURE_SERVER;
}
