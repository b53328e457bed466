/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <netinet/in.h> /* before linux/ */
#include "nft/conntrack.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/inet_diag.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_compat.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/sock_diag.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "nft/conntrack_message.h"
#include "nft/netlink.h"

#define EVENT_BUFFER_BYTES (16 << 20)
#define MESSAGE_BYTES      512

struct reading {
    uint32_t mask;
    conntrack_each *each;
    void *ctx;
};

static int on_flow(const struct nlmsghdr *nlh, void *data)
{
    const struct reading *r = data;
    struct conntrack_flow flow;
    if (conntrack_message_parse(nlh, &flow) && (flow.mark & r->mask) != 0)
        r->each(r->ctx, &flow);
    return MNL_CB_OK;
}

bool conntrack_dump(uint32_t mask, conntrack_each *each, void *ctx, struct error *e)
{
    uint8_t buffer[MESSAGE_BYTES] __attribute__((aligned(NLMSG_ALIGNTO)));
    struct reading reading = {mask, each, ctx};
    struct mnl_socket *nl = netlink_open(NETLINK_NETFILTER, e);
    if (!nl)
        return false;
    struct nlmsghdr *nlh = conntrack_message_begin(buffer, IPCTNL_MSG_CT_GET, NLM_F_DUMP, AF_UNSPEC);
    int failed = netlink_ask(nl, nlh, on_flow, &reading);
    mnl_socket_close(nl);
    return !failed || error_set(e, ERROR_SYSTEM, failed, "cannot list connections");
}

bool conntrack_cut(const struct conntrack_flow *flow, struct error *e)
{
    uint8_t buffer[MESSAGE_BYTES] __attribute__((aligned(NLMSG_ALIGNTO)));
    struct mnl_socket *nl = netlink_open(NETLINK_NETFILTER, e);
    if (!nl)
        return false;
    struct nlmsghdr *nlh =
        conntrack_message_begin(buffer, IPCTNL_MSG_CT_DELETE, NLM_F_ACK, flow->source.family == 4 ? AF_INET : AF_INET6);
    conntrack_message_put(nlh, flow);
    int failed = netlink_ask(nl, nlh, NULL, NULL);
    mnl_socket_close(nl);
    return !failed || failed == ENOENT || error_set(e, ERROR_SYSTEM, failed, "cannot cut a connection");
}

static int on_found(const struct nlmsghdr *nlh, void *data)
{
    conntrack_message_parse(nlh, data);
    return MNL_CB_OK;
}

/* 0 or errno; what is found is in *out, with its protocol. */
static int look_up(struct mnl_socket *nl, const struct conntrack_flow *flow, struct conntrack_flow *out)
{
    uint8_t buffer[MESSAGE_BYTES] __attribute__((aligned(NLMSG_ALIGNTO)));
    int family = flow->source.family == 4 ? AF_INET : AF_INET6;
    struct nlmsghdr *nlh = conntrack_message_begin(buffer, IPCTNL_MSG_CT_GET, NLM_F_ACK, family);
    conntrack_message_put(nlh, flow);
    return netlink_ask(nl, nlh, on_found, out);
}

bool conntrack_find(const struct conntrack_flow *flow, struct conntrack_flow *out, struct error *e)
{
    struct conntrack_flow found = {0};
    struct mnl_socket *nl = netlink_open(NETLINK_NETFILTER, e);
    if (!nl)
        return false;
    int failed = look_up(nl, flow, &found);
    mnl_socket_close(nl);
    if (failed || !found.protocol)
        return error_set(e, ERROR_SYSTEM, failed ? failed : ENOENT, "cannot find a connection");
    *out = found;
    return true;
}

bool conntrack_cut_marked(const struct conntrack_flow *flow, uint32_t mask, uint32_t value, struct error *e)
{
    uint8_t buffer[MESSAGE_BYTES] __attribute__((aligned(NLMSG_ALIGNTO)));
    struct conntrack_flow found = {0};
    struct mnl_socket *nl = netlink_open(NETLINK_NETFILTER, e);
    if (!nl)
        return false;
    int failed = look_up(nl, flow, &found);
    if (!failed && found.protocol && (found.mark & mask) == value) {
        int family = flow->source.family == 4 ? AF_INET : AF_INET6;
        struct nlmsghdr *nlh = conntrack_message_begin(buffer, IPCTNL_MSG_CT_DELETE, NLM_F_ACK, family);
        conntrack_message_put(nlh, &found);
        failed = netlink_ask(nl, nlh, NULL, NULL);
    }
    mnl_socket_close(nl);
    return !failed || failed == ENOENT || error_set(e, ERROR_SYSTEM, failed, "cannot cut a connection");
}

bool conntrack_forget(uint32_t mask, uint32_t value, struct error *e)
{
    uint8_t buffer[MESSAGE_BYTES] __attribute__((aligned(NLMSG_ALIGNTO)));
    struct mnl_socket *nl = netlink_open(NETLINK_NETFILTER, e);
    if (!nl)
        return false;
    struct nlmsghdr *nlh = conntrack_message_begin(buffer, IPCTNL_MSG_CT_DELETE, NLM_F_ACK, AF_UNSPEC);
    mnl_attr_put_u32(nlh, CTA_MARK, htonl(value));
    mnl_attr_put_u32(nlh, CTA_MARK_MASK, htonl(mask));
    int failed = netlink_ask(nl, nlh, NULL, NULL);
    mnl_socket_close(nl);
    return !failed || error_set(e, ERROR_SYSTEM, failed, "cannot forget connections");
}

int conntrack_events_open(struct error *e)
{
    int bytes = EVENT_BUFFER_BYTES;
    struct sockaddr_nl here = {.nl_family = AF_NETLINK, .nl_groups = NF_NETLINK_CONNTRACK_DESTROY};
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_NETFILTER);
    if (fd < 0) {
        error_set(e, ERROR_SYSTEM, errno, "cannot open a netlink socket");
        return -1;
    }
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes) < 0)
        (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
    if (bind(fd, (const struct sockaddr *)&here, sizeof here) < 0) {
        error_set(e, ERROR_SYSTEM, errno, "cannot hear of connections that end");
        close(fd);
        return -1;
    }
    return fd;
}

bool conntrack_events_read(int fd, uint32_t mask, conntrack_each *each, void *ctx)
{
    uint8_t buffer[32768] __attribute__((aligned(NLMSG_ALIGNTO)));
    struct reading reading = {mask, each, ctx};
    bool whole = true;
    for (;;) {
        struct sockaddr_nl from = {0};
        socklen_t len = sizeof from;
        ssize_t n = recvfrom(fd, buffer, sizeof buffer, MSG_DONTWAIT, (struct sockaddr *)&from, &len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == ENOBUFS) {
            whole = false;
            continue;
        }
        if (n <= 0)
            return whole;
        if (from.nl_pid != 0) /* only the kernel tells */
            continue;
        mnl_cb_run(buffer, (size_t)n, 0, 0, on_flow, &reading);
    }
}

/* One socket, by its own addresses; 0 or errno. */
static int destroy(struct mnl_socket *nl, const struct conntrack_flow *flow, bool reverse)
{
    uint8_t buffer[MESSAGE_BYTES] __attribute__((aligned(NLMSG_ALIGNTO)));
    const struct address *local = reverse ? &flow->destination : &flow->source;
    const struct address *remote = reverse ? &flow->source : &flow->destination;
    struct nlmsghdr *nlh = mnl_nlmsg_put_header(buffer);
    nlh->nlmsg_type = SOCK_DESTROY;
    nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
    nlh->nlmsg_seq = 1;
    struct inet_diag_req_v2 *request = mnl_nlmsg_put_extra_header(nlh, sizeof *request);
    *request = (struct inet_diag_req_v2){
        .sdiag_family = flow->source.family == 4 ? AF_INET : AF_INET6,
        .sdiag_protocol = IPPROTO_TCP,
        .idiag_states = ~0u,
        .id = {.idiag_sport = htons(reverse ? flow->destination_port : flow->source_port),
               .idiag_dport = htons(reverse ? flow->source_port : flow->destination_port),
               .idiag_cookie = {INET_DIAG_NOCOOKIE, INET_DIAG_NOCOOKIE}},
    };
    memcpy(request->id.idiag_src, local->octets, address_octets(local));
    memcpy(request->id.idiag_dst, remote->octets, address_octets(remote));
    return netlink_ask(nl, nlh, NULL, NULL);
}

bool conntrack_destroy_socket(const struct conntrack_flow *flow, struct error *e)
{
    if (flow->protocol != IPPROTO_TCP)
        return error_set(e, ERROR_INPUT, 0, "only TCP sockets are destroyed");
    struct mnl_socket *nl = netlink_open(NETLINK_SOCK_DIAG, e);
    if (!nl)
        return false;
    /* Loopback has both ends here. */
    int client = destroy(nl, flow, false);
    int server = destroy(nl, flow, true);
    mnl_socket_close(nl);
    return !client || !server || error_set(e, ERROR_SYSTEM, client, "cannot destroy a socket");
}
