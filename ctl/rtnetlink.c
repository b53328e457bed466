/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/rtnetlink.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/net_namespace.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>

#define MESSAGE_BYTES 1024

/* One request being built. */
struct request {
    _Alignas(struct nlmsghdr) char buffer[MESSAGE_BYTES];
    struct nlmsghdr *header;
};

static int family_of(const struct address *a)
{
    return a->family == 4 ? AF_INET : AF_INET6;
}

static void *request_init(struct request *r, uint16_t type, uint16_t flags, size_t body_bytes)
{
    memset(r->buffer, 0, sizeof r->buffer);
    r->header = mnl_nlmsg_put_header(r->buffer);
    r->header->nlmsg_type = type;
    r->header->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
    r->header->nlmsg_seq = 1;
    return mnl_nlmsg_put_extra_header(r->header, body_bytes);
}

/* Sends, and reads answers until the last; 0 or an errno. */
static int talk(struct mnl_socket *s, struct request *r, mnl_cb_t each, void *ctx)
{
    _Alignas(struct nlmsghdr) char buffer[32768];
    if (mnl_socket_sendto(s, r->header, r->header->nlmsg_len) < 0)
        return errno;
    for (;;) {
        ssize_t len = mnl_socket_recvfrom(s, buffer, sizeof buffer);
        if (len < 0)
            return errno;
        int more = mnl_cb_run(buffer, (size_t)len, r->header->nlmsg_seq, mnl_socket_get_portid(s), each, ctx);
        if (more < 0)
            return errno;
        if (more == MNL_CB_STOP)
            return 0;
    }
}

static bool acknowledged(struct mnl_socket *s, struct request *r, const char *what, struct error *e)
{
    int why = talk(s, r, NULL, NULL);
    return why == 0 ? true : error_set(e, ERROR_SYSTEM, why, "cannot %s", what);
}

struct mnl_socket *rtnetlink_open(struct error *e)
{
    struct mnl_socket *s = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
    if (s && mnl_socket_bind(s, 0, MNL_SOCKET_AUTOPID) == 0)
        return s;
    error_set(e, ERROR_SYSTEM, errno, "cannot open a route socket");
    if (s)
        mnl_socket_close(s);
    return NULL;
}

bool rtnetlink_veth(struct mnl_socket *s, const struct rtnetlink_end *outer, const struct rtnetlink_end *inner,
                    int netns_fd, uint32_t mtu, struct error *e)
{
    struct request r;
    struct ifinfomsg *body = request_init(&r, RTM_NEWLINK, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, sizeof *body);
    body->ifi_family = AF_UNSPEC;
    mnl_attr_put_strz(r.header, IFLA_IFNAME, outer->name);
    mnl_attr_put(r.header, IFLA_ADDRESS, sizeof outer->mac, outer->mac);
    mnl_attr_put_u32(r.header, IFLA_MTU, mtu);
    struct nlattr *info = mnl_attr_nest_start(r.header, IFLA_LINKINFO);
    mnl_attr_put_strz(r.header, IFLA_INFO_KIND, "veth");
    struct nlattr *data = mnl_attr_nest_start(r.header, IFLA_INFO_DATA);
    struct nlattr *peer = mnl_attr_nest_start(r.header, VETH_INFO_PEER);
    struct ifinfomsg *peer_body = mnl_nlmsg_put_extra_header(r.header, sizeof *peer_body);
    peer_body->ifi_family = AF_UNSPEC;
    mnl_attr_put_strz(r.header, IFLA_IFNAME, inner->name);
    mnl_attr_put(r.header, IFLA_ADDRESS, sizeof inner->mac, inner->mac);
    mnl_attr_put_u32(r.header, IFLA_MTU, mtu);
    mnl_attr_put_u32(r.header, IFLA_NET_NS_FD, (uint32_t)netns_fd);
    mnl_attr_nest_end(r.header, peer);
    mnl_attr_nest_end(r.header, data);
    mnl_attr_nest_end(r.header, info);
    return acknowledged(s, &r, "make a veth pair", e);
}

bool rtnetlink_delete(struct mnl_socket *s, const char *name, struct error *e)
{
    struct request r;
    struct ifinfomsg *body = request_init(&r, RTM_DELLINK, NLM_F_ACK, sizeof *body);
    body->ifi_family = AF_UNSPEC;
    mnl_attr_put_strz(r.header, IFLA_IFNAME, name);
    int why = talk(s, &r, NULL, NULL);
    return why == 0 || why == ENODEV ? true : error_set(e, ERROR_SYSTEM, why, "cannot remove %s", name);
}

struct link_facts {
    unsigned index;
    uint32_t mtu;
};

static int read_link_attribute(const struct nlattr *attribute, void *ctx)
{
    struct link_facts *facts = ctx;
    if (mnl_attr_get_type(attribute) == IFLA_MTU && mnl_attr_validate(attribute, MNL_TYPE_U32) == 0)
        facts->mtu = mnl_attr_get_u32(attribute);
    return MNL_CB_OK;
}

static int read_link(const struct nlmsghdr *header, void *ctx)
{
    struct link_facts *facts = ctx;
    const struct ifinfomsg *body = mnl_nlmsg_get_payload(header);
    facts->index = (unsigned)body->ifi_index;
    return mnl_attr_parse(header, sizeof *body, read_link_attribute, facts);
}

unsigned rtnetlink_index(struct mnl_socket *s, const char *name, uint32_t *mtu)
{
    struct request r;
    struct link_facts facts = {0};
    struct ifinfomsg *body = request_init(&r, RTM_GETLINK, NLM_F_ACK, sizeof *body);
    body->ifi_family = AF_UNSPEC;
    mnl_attr_put_strz(r.header, IFLA_IFNAME, name);
    if (talk(s, &r, read_link, &facts) != 0)
        return 0;
    if (mtu)
        *mtu = facts.mtu;
    return facts.index;
}

bool rtnetlink_up(struct mnl_socket *s, unsigned index, bool quiet, struct error *e)
{
    struct request r;
    struct ifinfomsg *body = request_init(&r, RTM_NEWLINK, NLM_F_ACK, sizeof *body);
    body->ifi_family = AF_UNSPEC;
    body->ifi_index = (int)index;
    body->ifi_flags = body->ifi_change = IFF_UP | (quiet ? IFF_NOARP : 0);
    return acknowledged(s, &r, "bring an interface up", e);
}

bool rtnetlink_address(struct mnl_socket *s, unsigned index, const struct address *address, uint8_t prefix_bits,
                       struct error *e)
{
    struct request r;
    struct ifaddrmsg *body = request_init(&r, RTM_NEWADDR, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, sizeof *body);
    body->ifa_family = (uint8_t)family_of(address);
    body->ifa_prefixlen = prefix_bits;
    body->ifa_index = index;
    body->ifa_flags = address->family == 6 ? IFA_F_NODAD : 0;
    mnl_attr_put(r.header, IFA_LOCAL, address_octets(address), address->octets);
    mnl_attr_put(r.header, IFA_ADDRESS, address_octets(address), address->octets);
    return acknowledged(s, &r, "set an address", e);
}

bool rtnetlink_default_route(struct mnl_socket *s, unsigned index, const struct address *gateway, struct error *e)
{
    struct request r;
    struct rtmsg *body = request_init(&r, RTM_NEWROUTE, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, sizeof *body);
    body->rtm_family = (uint8_t)family_of(gateway);
    body->rtm_table = RT_TABLE_MAIN;
    body->rtm_protocol = RTPROT_STATIC;
    body->rtm_type = RTN_UNICAST;
    mnl_attr_put(r.header, RTA_GATEWAY, address_octets(gateway), gateway->octets);
    mnl_attr_put_u32(r.header, RTA_OIF, index);
    return acknowledged(s, &r, "set the job's default route", e);
}

bool rtnetlink_neighbour(struct mnl_socket *s, unsigned index, const struct address *address, const uint8_t mac[6],
                         struct error *e)
{
    struct request r;
    struct ndmsg *body = request_init(&r, RTM_NEWNEIGH, NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE, sizeof *body);
    body->ndm_family = (uint8_t)family_of(address);
    body->ndm_ifindex = (int)index;
    body->ndm_state = NUD_PERMANENT;
    mnl_attr_put(r.header, NDA_DST, address_octets(address), address->octets);
    mnl_attr_put(r.header, NDA_LLADDR, 6, mac);
    return acknowledged(s, &r, "set a neighbour", e);
}

struct route_reader {
    void (*each)(void *ctx, const struct rtnetlink_route *route);
    void *ctx;
    uint8_t family;
};

static int read_route_attribute(const struct nlattr *attribute, void *ctx)
{
    struct rtnetlink_route *route = ctx;
    size_t len = mnl_attr_get_payload_len(attribute);
    if (mnl_attr_get_type(attribute) == RTA_DST && len == address_octets(&route->to.base))
        memcpy(route->to.base.octets, mnl_attr_get_payload(attribute), len);
    else if (mnl_attr_get_type(attribute) == RTA_OIF && len == sizeof(uint32_t))
        route->interface = mnl_attr_get_u32(attribute);
    return MNL_CB_OK;
}

static int read_route(const struct nlmsghdr *header, void *ctx)
{
    const struct route_reader *reader = ctx;
    const struct rtmsg *body = mnl_nlmsg_get_payload(header);
    struct rtnetlink_route route = {.to = {.prefix_bits = body->rtm_dst_len, .base.family = reader->family}};
    if (body->rtm_type != RTN_UNICAST || (body->rtm_flags & RTM_F_CLONED))
        return MNL_CB_OK;
    int rc = mnl_attr_parse(header, sizeof *body, read_route_attribute, &route);
    if (rc == MNL_CB_OK)
        reader->each(reader->ctx, &route);
    return rc;
}

bool rtnetlink_routes(struct mnl_socket *s, uint8_t family,
                      void (*each)(void *ctx, const struct rtnetlink_route *route), void *ctx, struct error *e)
{
    struct request r;
    struct route_reader reader = {each, ctx, family};
    struct rtmsg *body = request_init(&r, RTM_GETROUTE, NLM_F_DUMP, sizeof *body);
    body->rtm_family = family == 4 ? AF_INET : AF_INET6;
    int why = talk(s, &r, read_route, &reader);
    return why == 0 ? true : error_set(e, ERROR_SYSTEM, why, "cannot read the routes");
}

struct link_reader {
    void (*each)(void *ctx, const struct rtnetlink_link *link);
    void *ctx;
};

static int read_one_link_attribute(const struct nlattr *attribute, void *ctx)
{
    struct rtnetlink_link *link = ctx;
    uint16_t type = mnl_attr_get_type(attribute);
    size_t len = mnl_attr_get_payload_len(attribute);
    if (type == IFLA_IFNAME && len && len <= sizeof link->name)
        memcpy(link->name, mnl_attr_get_payload(attribute), len);
    else if (type == IFLA_MASTER && len == sizeof(uint32_t))
        link->master = mnl_attr_get_u32(attribute);
    else if (type == IFLA_LINK && len == sizeof(uint32_t))
        link->peer = mnl_attr_get_u32(attribute);
    else if (type == IFLA_LINK_NETNSID && len == sizeof(uint32_t))
        link->peer_namespace = (int32_t)mnl_attr_get_u32(attribute);
    return MNL_CB_OK;
}

static int read_one_link(const struct nlmsghdr *header, void *ctx)
{
    const struct link_reader *reader = ctx;
    const struct ifinfomsg *body = mnl_nlmsg_get_payload(header);
    struct rtnetlink_link link = {.index = (unsigned)body->ifi_index, .peer_namespace = -1};
    int rc = mnl_attr_parse(header, sizeof *body, read_one_link_attribute, &link);
    link.name[sizeof link.name - 1] = '\0';
    if (rc == MNL_CB_OK)
        reader->each(reader->ctx, &link);
    return rc;
}

bool rtnetlink_links(struct mnl_socket *s, void (*each)(void *ctx, const struct rtnetlink_link *link), void *ctx,
                     struct error *e)
{
    struct request r;
    struct link_reader reader = {each, ctx};
    struct ifinfomsg *body = request_init(&r, RTM_GETLINK, NLM_F_DUMP, sizeof *body);
    body->ifi_family = AF_UNSPEC;
    int why = talk(s, &r, read_one_link, &reader);
    return why == 0 ? true : error_set(e, ERROR_SYSTEM, why, "cannot read the interfaces");
}

static int read_namespace_attribute(const struct nlattr *attribute, void *ctx)
{
    if (mnl_attr_get_type(attribute) == NETNSA_NSID && mnl_attr_get_payload_len(attribute) == sizeof(uint32_t))
        *(int32_t *)ctx = (int32_t)mnl_attr_get_u32(attribute);
    return MNL_CB_OK;
}

static int read_namespace(const struct nlmsghdr *header, void *ctx)
{
    return mnl_attr_parse(header, sizeof(struct rtgenmsg), read_namespace_attribute, ctx);
}

int32_t rtnetlink_namespace(struct mnl_socket *s, int netns_fd)
{
    struct request r;
    int32_t number = -1;
    struct rtgenmsg *body = request_init(&r, RTM_GETNSID, NLM_F_ACK, sizeof *body);
    body->rtgen_family = AF_UNSPEC;
    mnl_attr_put_u32(r.header, NETNSA_FD, (uint32_t)netns_fd);
    return talk(s, &r, read_namespace, &number) == 0 ? number : -1;
}

struct address_reader {
    void (*each)(void *ctx, const struct rtnetlink_own_address *address);
    void *ctx;
};

struct address_attributes {
    struct address address;
    bool local; /* IFA_LOCAL was there: the own address, where IFA_ADDRESS is the peer's */
};

static int read_address_attribute(const struct nlattr *attribute, void *ctx)
{
    struct address_attributes *own = ctx;
    uint16_t type = mnl_attr_get_type(attribute);
    size_t len = address_octets(&own->address);
    if (mnl_attr_get_payload_len(attribute) != len || !(type == IFA_LOCAL || (type == IFA_ADDRESS && !own->local)))
        return MNL_CB_OK;
    memcpy(own->address.octets, mnl_attr_get_payload(attribute), len);
    own->local = type == IFA_LOCAL;
    return MNL_CB_OK;
}

static int read_address(const struct nlmsghdr *header, void *ctx)
{
    const struct address_reader *reader = ctx;
    const struct ifaddrmsg *body = mnl_nlmsg_get_payload(header);
    if (body->ifa_family != AF_INET && body->ifa_family != AF_INET6)
        return MNL_CB_OK;
    struct address_attributes found = {.address = {.family = body->ifa_family == AF_INET ? 4 : 6}};
    int rc = mnl_attr_parse(header, sizeof *body, read_address_attribute, &found);
    if (rc == MNL_CB_OK)
        reader->each(reader->ctx, &(struct rtnetlink_own_address){.interface = body->ifa_index,
                                                                  .global = body->ifa_scope < RT_SCOPE_LINK,
                                                                  .address = found.address});
    return rc;
}

bool rtnetlink_addresses(struct mnl_socket *s, int32_t number,
                         void (*each)(void *ctx, const struct rtnetlink_own_address *address), void *ctx,
                         struct error *e)
{
    struct request r;
    struct address_reader reader = {each, ctx};
    struct ifaddrmsg *body = request_init(&r, RTM_GETADDR, NLM_F_DUMP, sizeof *body);
    body->ifa_family = AF_UNSPEC;
    mnl_attr_put_u32(r.header, IFA_TARGET_NETNSID, (uint32_t)number);
    /* Without strict checking the kernel passes over what the question holds, and tells of our own addresses. */
    int strict = 1, lax = 0, fd = mnl_socket_get_fd(s);
    if (setsockopt(fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &strict, sizeof strict) < 0)
        return error_set(e, ERROR_SYSTEM, errno, "cannot ask another network namespace");
    int why = talk(s, &r, read_address, &reader);
    (void)setsockopt(fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &lax, sizeof lax);
    return why == 0 ? true : error_set(e, ERROR_SYSTEM, why, "cannot read the addresses of another network namespace");
}
