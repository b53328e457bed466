/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The bare program: what a queue costs when nothing is judged.  Takes every packet of two netfilter queues and accepts
 * it as it lies, tuned as well as we know (RESEARCH s5): one thread, GSO packets taken whole on the TCP queue, 32
 * messages a receive, all verdicts of a round in one send, 8 MiB of socket buffer, queue length 8192.
 *
 *     bare all|mark COPY-BYTES TABLE TCP-CHAIN UDP-CHAIN
 *
 * `mark`: a packet that was queued on its way from the server (at input or postrouting) is accepted with the packet
 * mark 1: a rule of the caller's then lets the kernel have the connection.  The rules are the caller's, but for the two
 * that nft(8) cannot write on every kernel: this program appends "to queue 1" to TCP-CHAIN and "to queue 2" to
 * UDP-CHAIN of the inet table. Prints "ready".  Meant for closed beds: it lets everything pass. */
#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <libnetfilter_queue/libnetfilter_queue.h>

#include "nft/queue_action.h"
#include "nft/ruleset.h"
#include "nft/transaction.h"

#define GROUP         32
#define MESSAGE_BYTES (68u * 1024)
#define VERDICT_BYTES 64u
#define LENGTH        8192u
#define BUFFER_BYTES  (8 << 20)

struct queue {
    int fd;
    uint16_t number;
    size_t len; /* of the verdicts that wait */
    uint8_t verdicts[GROUP * VERDICT_BYTES];
};

static bool marks;
static uint8_t *memory;
static struct mmsghdr message[GROUP];
static struct iovec vector[GROUP];

static _Noreturn void fail(const char *what)
{
    fprintf(stderr, "bare: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void append_rules(const char *table, const char *chain[2])
{
    struct ruleset_kernel kernel;
    struct transaction t;
    struct error e = {0};

    if (!ruleset_probe(&kernel, &e)) {
        fprintf(stderr, "bare: %s\n", e.text);
        exit(1);
    }
    transaction_init(&t);
    for (uint16_t i = 0; i < 2; i++) {
        struct expression_rule r = expression_rule(table, chain[i]);
        queue_action(&r, kernel.native_queue, (uint16_t)(i + 1));
        transaction_rule(&t, &r);
    }
    struct mnl_socket *socket = transaction_socket(&e);
    if (!socket || !transaction_send(&t, socket, &e)) {
        fprintf(stderr, "bare: %s\n", e.text);
        exit(1);
    }
    transaction_done(&t);
    mnl_socket_close(socket);
}

static void open_queue(struct queue *q, uint16_t number, uint32_t copy, bool gso)
{
    static const int size = BUFFER_BYTES, one = 1;
    _Alignas(struct nlmsghdr) char buffer[512];
    struct sockaddr_nl any = {.nl_family = AF_NETLINK};

    q->number = number;
    q->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
    if (q->fd < 0 || bind(q->fd, (const struct sockaddr *)&any, sizeof any) < 0 ||
        setsockopt(q->fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size) < 0 ||
        setsockopt(q->fd, SOL_NETLINK, NETLINK_CAP_ACK, &one, sizeof one) < 0)
        fail("netlink socket");
    struct nlmsghdr *m = nfq_nlmsg_put(buffer, NFQNL_MSG_CONFIG, number);
    nfq_nlmsg_cfg_put_cmd(m, AF_UNSPEC, NFQNL_CFG_CMD_BIND);
    nfq_nlmsg_cfg_put_params(m, NFQNL_COPY_PACKET, (int)copy);
    nfq_nlmsg_cfg_put_qmaxlen(m, LENGTH);
    mnl_attr_put_u32(m, NFQA_CFG_MASK, htonl(NFQA_CFG_F_GSO));
    mnl_attr_put_u32(m, NFQA_CFG_FLAGS, htonl(gso ? NFQA_CFG_F_GSO : 0));
    m->nlmsg_flags |= NLM_F_ACK;
    if (send(q->fd, m, m->nlmsg_len, 0) < 0)
        fail("queue");
    ssize_t len = recv(q->fd, buffer, sizeof buffer, 0);
    const struct nlmsgerr *answer = mnl_nlmsg_get_payload((const struct nlmsghdr *)buffer);
    if (len < (ssize_t)(sizeof(struct nlmsghdr) + sizeof *answer) || answer->error) {
        errno = -answer->error;
        fail("queue");
    }
}

/* The attributes that matter come first: the packet's header. */
static void packet(struct queue *q, const struct nlmsghdr *m)
{
    if (m->nlmsg_type != (NFNL_SUBSYS_QUEUE << 8 | NFQNL_MSG_PACKET))
        return;
    const struct nlattr *first = mnl_nlmsg_get_payload_offset(m, sizeof(struct nfgenmsg));
    const struct nfqnl_msg_packet_hdr *header = mnl_attr_get_payload(first);
    bool back = header->hook == NF_INET_LOCAL_IN || header->hook == NF_INET_POST_ROUTING;

    struct nlmsghdr *verdict = nfq_nlmsg_put((char *)q->verdicts + q->len, NFQNL_MSG_VERDICT, q->number);
    nfq_nlmsg_verdict_put(verdict, (int)ntohl(header->packet_id), NF_ACCEPT);
    if (marks && back)
        nfq_nlmsg_verdict_put_mark(verdict, 1);
    q->len += verdict->nlmsg_len;
}

static void serve(struct queue *q)
{
    for (unsigned i = 0; i < GROUP; i++)
        message[i].msg_hdr = (struct msghdr){.msg_iov = &vector[i], .msg_iovlen = 1};
    int count = recvmmsg(q->fd, message, GROUP, MSG_DONTWAIT, NULL);
    for (int i = 0; i < count; i++) {
        const struct nlmsghdr *m = vector[i].iov_base;
        for (int len = (int)message[i].msg_len; mnl_nlmsg_ok(m, len); m = mnl_nlmsg_next(m, &len))
            packet(q, m);
    }
    if (q->len && send(q->fd, q->verdicts, q->len, 0) < 0)
        fail("verdicts");
    q->len = 0;
}

int main(int argc, char **argv)
{
    static struct queue queue[2];

    if (argc != 6 || (strcmp(argv[1], "all") && strcmp(argv[1], "mark"))) {
        fprintf(stderr, "bare all|mark COPY-BYTES TABLE TCP-CHAIN UDP-CHAIN\n");
        return 2;
    }
    marks = !strcmp(argv[1], "mark");
    uint32_t copy = (uint32_t)strtoul(argv[2], NULL, 10);
    memory = malloc((size_t)GROUP * MESSAGE_BYTES);
    if (!memory)
        fail("memory");
    for (unsigned i = 0; i < GROUP; i++)
        vector[i] = (struct iovec){memory + (size_t)i * MESSAGE_BYTES, MESSAGE_BYTES};
    open_queue(&queue[0], 1, copy, true);
    open_queue(&queue[1], 2, copy, false);
    append_rules(argv[3], (const char *[2]){argv[4], argv[5]});
    puts("ready");
    fflush(stdout);

    struct pollfd wait[2] = {{queue[0].fd, POLLIN, 0}, {queue[1].fd, POLLIN, 0}};
    for (;;) {
        if (poll(wait, 2, -1) < 0 && errno != EINTR)
            fail("poll");
        for (unsigned i = 0; i < 2; i++)
            if (wait[i].revents)
                serve(&queue[i]);
    }
}
