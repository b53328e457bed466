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
#define BATCH_BYTES        (32u << 10)

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

/* Asks for the end of one socket, by its own addresses. */
static struct nlmsghdr *destroy_message(void *buffer, const struct conntrack_flow *flow, bool reverse)
{
    const struct address *local = reverse ? &flow->destination : &flow->source;
    const struct address *remote = reverse ? &flow->source : &flow->destination;
    struct nlmsghdr *nlh = mnl_nlmsg_put_header(buffer);
    nlh->nlmsg_type = SOCK_DESTROY;
    nlh->nlmsg_flags = NLM_F_REQUEST;
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
    return nlh;
}

/* Requests whose answers matter only where they tell of a failure. */
struct batch {
    struct mnl_socket *nl;
    size_t len;
    int failed; /* the first errno that is not "gone already" */
    uint8_t buffer[BATCH_BYTES] __attribute__((aligned(NLMSG_ALIGNTO)));
};

static void batch_read(struct batch *b)
{
    uint8_t answer[8192] __attribute__((aligned(NLMSG_ALIGNTO)));
    ssize_t n;
    while ((n = recv(mnl_socket_get_fd(b->nl), answer, sizeof answer, MSG_DONTWAIT)) > 0) {
        int left = (int)n;
        for (struct nlmsghdr *nlh = (struct nlmsghdr *)answer; mnl_nlmsg_ok(nlh, left);
             nlh = mnl_nlmsg_next(nlh, &left)) {
            int why = nlh->nlmsg_type == NLMSG_ERROR && mnl_nlmsg_get_payload_len(nlh) >= sizeof(struct nlmsgerr)
                          ? -((const struct nlmsgerr *)mnl_nlmsg_get_payload(nlh))->error
                          : 0;
            if (why && why != ENOENT && !b->failed)
                b->failed = why;
        }
    }
}

static void batch_send(struct batch *b)
{
    if (b->len && mnl_socket_sendto(b->nl, b->buffer, b->len) < 0 && !b->failed)
        b->failed = errno;
    b->len = 0;
    batch_read(b);
}

/* Where the next request goes. */
static void *batch_next(struct batch *b)
{
    if (b->len + MESSAGE_BYTES > sizeof b->buffer)
        batch_send(b);
    return b->buffer + b->len;
}

static void batch_add(struct batch *b, const struct nlmsghdr *nlh)
{
    b->len += NLMSG_ALIGN(nlh->nlmsg_len);
}

static bool batch_begin(struct batch *b, int bus, struct error *e)
{
    b->len = 0;
    b->failed = 0;
    b->nl = netlink_open(bus, e);
    return b->nl != NULL;
}

static bool batch_end(struct batch *b, const char *what, struct error *e)
{
    batch_send(b);
    mnl_socket_close(b->nl);
    return !b->failed || error_set(e, ERROR_SYSTEM, b->failed, "%s", what);
}

static struct batch batch; /* one thread */

bool conntrack_cut(const struct conntrack_flow *flow, size_t count, struct error *e)
{
    if (!batch_begin(&batch, NETLINK_NETFILTER, e))
        return false;
    for (size_t i = 0; i < count; i++) {
        struct nlmsghdr *nlh = conntrack_message_begin(batch_next(&batch), IPCTNL_MSG_CT_DELETE, 0,
                                                       flow[i].source.family == 4 ? AF_INET : AF_INET6);
        conntrack_message_put(nlh, &flow[i]);
        batch_add(&batch, nlh);
    }
    return batch_end(&batch, "cannot cut a connection", e);
}

bool conntrack_destroy_sockets(const struct conntrack_flow *flow, size_t count, struct error *e)
{
    if (!batch_begin(&batch, NETLINK_SOCK_DIAG, e))
        return false;
    for (size_t i = 0; i < count; i++) /* loopback has both ends here */
        for (int reverse = 0; flow[i].protocol == IPPROTO_TCP && reverse < 2; reverse++)
            batch_add(&batch, destroy_message(batch_next(&batch), &flow[i], reverse));
    return batch_end(&batch, "cannot destroy a socket", e);
}
