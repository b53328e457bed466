/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <netinet/in.h> /* before linux/ */
#include "nft/conntrack_message.h"

#include <arpa/inet.h>
#include <endian.h>
#include <linux/netfilter/nf_conntrack_tcp.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <string.h>
#include <sys/socket.h>

/* Attributes of one level, by type; those above `max` are passed over. */
struct attributes {
    const struct nlattr *at[CTA_MAX + 1];
    uint16_t max;
};

static int keep(const struct nlattr *attr, void *data)
{
    struct attributes *a = data;
    uint16_t type = mnl_attr_get_type(attr);
    if (type <= a->max && type <= CTA_MAX)
        a->at[type] = attr;
    return MNL_CB_OK;
}

static struct attributes nested(const struct nlattr *attr, uint16_t max)
{
    struct attributes a = {.max = max};
    if (attr)
        mnl_attr_parse_nested(attr, keep, &a);
    return a;
}

static bool sized(const struct nlattr *attr, size_t len)
{
    return attr && mnl_attr_get_payload_len(attr) == len;
}

static uint32_t get_u32(const struct nlattr *attr)
{
    return sized(attr, 4) ? ntohl(mnl_attr_get_u32(attr)) : 0;
}

static uint16_t get_u16(const struct nlattr *attr)
{
    return sized(attr, 2) ? ntohs(mnl_attr_get_u16(attr)) : 0;
}

static uint8_t get_u8(const struct nlattr *attr)
{
    return sized(attr, 1) ? mnl_attr_get_u8(attr) : 0;
}

static bool get_address(const struct nlattr *four, const struct nlattr *six, struct address *out)
{
    const struct nlattr *attr = sized(four, 4) ? four : sized(six, 16) ? six : NULL;
    if (!attr)
        return false;
    *out = address_from_octets((struct bytes){mnl_attr_get_payload(attr), mnl_attr_get_payload_len(attr)});
    return true;
}

static void get_counters(const struct nlattr *attr, uint64_t *bytes, uint64_t *packets)
{
    struct attributes a = nested(attr, CTA_COUNTERS_MAX);
    *bytes = sized(a.at[CTA_COUNTERS_BYTES], 8) ? be64toh(mnl_attr_get_u64(a.at[CTA_COUNTERS_BYTES])) : 0;
    *packets = sized(a.at[CTA_COUNTERS_PACKETS], 8) ? be64toh(mnl_attr_get_u64(a.at[CTA_COUNTERS_PACKETS])) : 0;
}

/* ICMP has no ports: the identifier stands for the source's, type and code for the destination's. */
static void get_ports(const struct attributes *proto, struct conntrack_flow *flow)
{
    bool six = flow->protocol == IPPROTO_ICMPV6;
    flow->source_port = get_u16(proto->at[CTA_PROTO_SRC_PORT]);
    flow->destination_port = get_u16(proto->at[CTA_PROTO_DST_PORT]);
    if (flow->protocol != IPPROTO_ICMP && !six)
        return;
    flow->source_port = get_u16(proto->at[six ? CTA_PROTO_ICMPV6_ID : CTA_PROTO_ICMP_ID]);
    flow->destination_port = (uint16_t)(get_u8(proto->at[six ? CTA_PROTO_ICMPV6_TYPE : CTA_PROTO_ICMP_TYPE]) << 8 |
                                        get_u8(proto->at[six ? CTA_PROTO_ICMPV6_CODE : CTA_PROTO_ICMP_CODE]));
}

/* Both sides have sent FIN, or one a reset. */
static bool is_over(const struct nlattr *protoinfo)
{
    struct attributes info = nested(protoinfo, CTA_PROTOINFO_MAX);
    struct attributes tcp = nested(info.at[CTA_PROTOINFO_TCP], CTA_PROTOINFO_TCP_MAX);
    uint8_t state = get_u8(tcp.at[CTA_PROTOINFO_TCP_STATE]);
    return state == TCP_CONNTRACK_LAST_ACK || state == TCP_CONNTRACK_TIME_WAIT || state == TCP_CONNTRACK_CLOSE;
}

bool conntrack_message_parse(const struct nlmsghdr *nlh, struct conntrack_flow *out)
{
    struct attributes top = {.max = CTA_MAX};
    struct conntrack_flow flow;
    memset(&flow, 0, sizeof flow);
    if (mnl_nlmsg_get_payload_len(nlh) < sizeof(struct nfgenmsg))
        return false;
    mnl_attr_parse(nlh, sizeof(struct nfgenmsg), keep, &top);
    struct attributes tuple = nested(top.at[CTA_TUPLE_ORIG], CTA_TUPLE_MAX);
    struct attributes ip = nested(tuple.at[CTA_TUPLE_IP], CTA_IP_MAX);
    struct attributes proto = nested(tuple.at[CTA_TUPLE_PROTO], CTA_PROTO_MAX);
    if (!get_address(ip.at[CTA_IP_V4_SRC], ip.at[CTA_IP_V6_SRC], &flow.source) ||
        !get_address(ip.at[CTA_IP_V4_DST], ip.at[CTA_IP_V6_DST], &flow.destination) || !proto.at[CTA_PROTO_NUM])
        return false;
    flow.protocol = get_u8(proto.at[CTA_PROTO_NUM]);
    get_ports(&proto, &flow);
    flow.over = flow.protocol == IPPROTO_TCP && is_over(top.at[CTA_PROTOINFO]);
    flow.mark = get_u32(top.at[CTA_MARK]);
    flow.id = get_u32(top.at[CTA_ID]);
    flow.zone = get_u16(top.at[CTA_ZONE]);
    get_counters(top.at[CTA_COUNTERS_ORIG], &flow.bytes_out, &flow.packets_out);
    get_counters(top.at[CTA_COUNTERS_REPLY], &flow.bytes_in, &flow.packets_in);
    *out = flow;
    return true;
}

struct nlmsghdr *conntrack_message_begin(void *buffer, uint16_t type, uint16_t flags, int family)
{
    struct nlmsghdr *nlh = mnl_nlmsg_put_header(buffer);
    nlh->nlmsg_type = (uint16_t)(NFNL_SUBSYS_CTNETLINK << 8 | type);
    nlh->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
    nlh->nlmsg_seq = 1;
    struct nfgenmsg *header = mnl_nlmsg_put_extra_header(nlh, sizeof *header);
    header->nfgen_family = (uint8_t)family;
    header->version = NFNETLINK_V0;
    return nlh;
}

static void put_ports(struct nlmsghdr *nlh, const struct conntrack_flow *flow)
{
    bool six = flow->protocol == IPPROTO_ICMPV6;
    mnl_attr_put_u8(nlh, CTA_PROTO_NUM, flow->protocol);
    if (flow->protocol == IPPROTO_ICMP || six) {
        mnl_attr_put_u16(nlh, six ? CTA_PROTO_ICMPV6_ID : CTA_PROTO_ICMP_ID, htons(flow->source_port));
        mnl_attr_put_u8(nlh, six ? CTA_PROTO_ICMPV6_TYPE : CTA_PROTO_ICMP_TYPE, (uint8_t)(flow->destination_port >> 8));
        mnl_attr_put_u8(nlh, six ? CTA_PROTO_ICMPV6_CODE : CTA_PROTO_ICMP_CODE, (uint8_t)flow->destination_port);
        return;
    }
    mnl_attr_put_u16(nlh, CTA_PROTO_SRC_PORT, htons(flow->source_port));
    mnl_attr_put_u16(nlh, CTA_PROTO_DST_PORT, htons(flow->destination_port));
}

void conntrack_message_put(struct nlmsghdr *nlh, const struct conntrack_flow *flow)
{
    bool four = flow->source.family == 4;
    uint16_t len = four ? 4 : 16;
    struct nlattr *tuple = mnl_attr_nest_start(nlh, CTA_TUPLE_ORIG);
    struct nlattr *ip = mnl_attr_nest_start(nlh, CTA_TUPLE_IP);
    mnl_attr_put(nlh, four ? CTA_IP_V4_SRC : CTA_IP_V6_SRC, len, flow->source.octets);
    mnl_attr_put(nlh, four ? CTA_IP_V4_DST : CTA_IP_V6_DST, len, flow->destination.octets);
    mnl_attr_nest_end(nlh, ip);
    struct nlattr *proto = mnl_attr_nest_start(nlh, CTA_TUPLE_PROTO);
    put_ports(nlh, flow);
    mnl_attr_nest_end(nlh, proto);
    mnl_attr_nest_end(nlh, tuple);
    if (flow->id)
        mnl_attr_put_u32(nlh, CTA_ID, htonl(flow->id));
    if (flow->zone)
        mnl_attr_put_u16(nlh, CTA_ZONE, htons(flow->zone));
}
