/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "nfq/receive.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <libnetfilter_queue/libnetfilter_queue.h>

struct receive {
    int fd[VERDICT_QUEUES];
    struct receive_counts counts;
    uint8_t *memory;
    struct mmsghdr message[RECEIVE_GROUP];
    struct iovec vector[RECEIVE_GROUP];
    struct sockaddr_nl sender[RECEIVE_GROUP];
};

#define MEMORY_BYTES ((size_t)RECEIVE_GROUP * RECEIVE_MESSAGE_BYTES)

struct receive *receive_new(const int fd[VERDICT_QUEUES])
{
    struct receive *r = calloc(1, sizeof *r);
    if (!r)
        return NULL;
    r->memory = mmap(NULL, MEMORY_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (r->memory == MAP_FAILED) {
        free(r);
        return NULL;
    }
    memcpy(r->fd, fd, sizeof r->fd);
    for (unsigned i = 0; i < RECEIVE_GROUP; i++)
        r->vector[i] = (struct iovec){r->memory + (size_t)i * RECEIVE_MESSAGE_BYTES, RECEIVE_MESSAGE_BYTES};
    return r;
}

void receive_free(struct receive *r)
{
    if (!r)
        return;
    munmap(r->memory, MEMORY_BYTES);
    free(r);
}

struct receive_counts receive_counts_of(const struct receive *r)
{
    return r->counts;
}

bool receive_parse(const struct nlmsghdr *message, unsigned queue, struct receive_packet *out)
{
    struct nlattr *attribute[NFQA_MAX + 1] = {NULL};

    if (message->nlmsg_type != (NFNL_SUBSYS_QUEUE << 8 | NFQNL_MSG_PACKET) ||
        message->nlmsg_len < sizeof *message + sizeof(struct nfgenmsg))
        return false;
    if (nfq_nlmsg_parse(message, attribute) < 0 || !attribute[NFQA_PACKET_HDR] ||
        mnl_attr_get_payload_len(attribute[NFQA_PACKET_HDR]) < sizeof(struct nfqnl_msg_packet_hdr))
        return false;

    const struct nfgenmsg *general = mnl_nlmsg_get_payload(message);
    const struct nfqnl_msg_packet_hdr *header = mnl_attr_get_payload(attribute[NFQA_PACKET_HDR]);
    uint32_t info = attribute[NFQA_SKB_INFO] ? ntohl(mnl_attr_get_u32(attribute[NFQA_SKB_INFO])) : 0;
    struct receive_packet packet = {
        .verdict = {.queue = queue, .number = ntohs(general->res_id), .id = ntohl(header->packet_id)},
        .at_output = header->hook == NF_INET_LOCAL_OUT || header->hook == NF_INET_PRE_ROUTING,
        .local = header->hook == NF_INET_LOCAL_OUT,
        .forwarded = header->hook == NF_INET_FORWARD,
        .sum_unfinished = info & NFQA_SKB_CSUMNOTREADY,
        .gso = info & NFQA_SKB_GSO,
        .cut = attribute[NFQA_CAP_LEN] || !attribute[NFQA_PAYLOAD],
    };
    if (attribute[NFQA_MARK]) /* left out where it is zero */
        packet.verdict.mark = ntohl(mnl_attr_get_u32(attribute[NFQA_MARK]));
    if (attribute[NFQA_PAYLOAD])
        packet.ip = (struct bytes){mnl_attr_get_payload(attribute[NFQA_PAYLOAD]),
                                   mnl_attr_get_payload_len(attribute[NFQA_PAYLOAD])};
    *out = packet;
    return true;
}

static void datagram(struct receive *r, unsigned queue, const void *at, size_t bytes,
                     void (*each)(void *ctx, const struct receive_packet *packet), void *ctx)
{
    const struct nlmsghdr *message = at;
    struct receive_packet packet;

    for (int len = (int)bytes; mnl_nlmsg_ok(message, len); message = mnl_nlmsg_next(message, &len)) {
        if (message->nlmsg_type == NLMSG_ERROR)
            r->counts.verdicts_refused++;
        else if (receive_parse(message, queue, &packet))
            each(ctx, &packet);
    }
}

bool receive_round(struct receive *r, unsigned queue, void (*each)(void *ctx, const struct receive_packet *packet),
                   void *ctx, struct error *e)
{
    for (unsigned i = 0; i < RECEIVE_GROUP; i++)
        r->message[i].msg_hdr = (struct msghdr){
            .msg_name = &r->sender[i], .msg_namelen = sizeof r->sender[i], .msg_iov = &r->vector[i], .msg_iovlen = 1};
    int count = recvmmsg(r->fd[queue], r->message, RECEIVE_GROUP, MSG_DONTWAIT, NULL);
    if (count < 0) {
        if (errno == ENOBUFS)
            r->counts.overruns++;
        else if (errno != EAGAIN && errno != EINTR)
            return error_set(e, ERROR_SYSTEM, errno, "cannot read from a netfilter queue");
        return true;
    }
    /* Only from the kernel (port 0); another process with CAP_NET_ADMIN could write to our socket. */
    for (int i = 0; i < count; i++)
        if (r->message[i].msg_hdr.msg_namelen == sizeof r->sender[i] && r->sender[i].nl_pid == 0)
            datagram(r, queue, r->vector[i].iov_base, r->message[i].msg_len, each, ctx);
    return true;
}
