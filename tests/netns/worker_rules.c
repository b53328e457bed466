/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/netns/worker_rules.h"

#include <errno.h>
#include <inttypes.h>
#include <libmnl/libmnl.h>
#include <libnftnl/common.h>
#include <libnftnl/expr.h>
#include <libnftnl/rule.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/xt_NFQUEUE.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/nft_text.h"

static const char rules[] =
    "table inet bed {\n"
    " counter approved {}\n counter foreign {}\n counter zeroed {}\n"
    " chain tcp_queue {}\n chain udp_queue {}\n"
    " chain scope { type filter hook output priority -161;\n"
    "  meta mark & 0x3fff == 0x3ff8 accept\n" /* injected */
    "  th dport 7000-7019 meta l4proto { tcp, udp } meta mark set meta mark & 0xffffc000 | 0x28\n }\n"
    " chain to_queue { type filter hook output priority -160;\n"
    "  meta mark & 0x3fff == 0x28 meta l4proto tcp jump tcp_queue\n"
    "  meta mark & 0x3fff == 0x28 jump udp_queue\n }\n"
    " chain conclude { type filter hook output priority -159;\n"
    "  meta mark & 0x3fff == 0x2a reject with tcp reset\n"
    "  meta mark & 0x3fff == 0x29 counter name approved\n"
    "  meta mark == 0xabc00029 counter name foreign\n"
    "  th dport 7000-7019 meta mark & 0x3fff == 0 counter name zeroed\n"
    "  meta mark set meta mark & 0xffffc000\n }\n"
    "}\n";

static void put_rule(struct nlmsghdr *message, const char *chain, uint16_t queue)
{
    struct nftnl_rule *rule = nftnl_rule_alloc();
    struct nftnl_expr *target = nftnl_expr_alloc("target");
    struct xt_NFQ_info_v3 *info = calloc(1, 8); /* freed with the expression */

    *info = (struct xt_NFQ_info_v3){.queuenum = queue, .queues_total = 1};
    nftnl_rule_set_str(rule, NFTNL_RULE_TABLE, "bed");
    nftnl_rule_set_str(rule, NFTNL_RULE_CHAIN, chain);
    nftnl_expr_set_str(target, NFTNL_EXPR_TG_NAME, "NFQUEUE");
    nftnl_expr_set_u32(target, NFTNL_EXPR_TG_REV, 3);
    nftnl_expr_set(target, NFTNL_EXPR_TG_INFO, info, 8);
    nftnl_rule_add_expr(rule, target);
    nftnl_rule_nlmsg_build_payload(message, rule);
    nftnl_rule_free(rule);
}

/* The xt target: nft(8) cannot write it, and this kernel may lack the native expression. */
static bool queue_rules(void)
{
    static _Alignas(8) char buffer[8192];
    struct mnl_socket *netlink = mnl_socket_open(NETLINK_NETFILTER);
    if (!netlink || mnl_socket_bind(netlink, 0, MNL_SOCKET_AUTOPID) < 0)
        return false;
    struct mnl_nlmsg_batch *batch = mnl_nlmsg_batch_start(buffer, sizeof buffer);
    nftnl_batch_begin(mnl_nlmsg_batch_current(batch), 1);
    mnl_nlmsg_batch_next(batch);
    for (uint32_t i = 0; i < 2; i++) {
        struct nlmsghdr *message = nftnl_nlmsg_build_hdr(mnl_nlmsg_batch_current(batch), NFT_MSG_NEWRULE, NFPROTO_INET,
                                                         NLM_F_CREATE | NLM_F_APPEND | NLM_F_ACK, 2 + i);
        put_rule(message, i ? "udp_queue" : "tcp_queue", i ? BED_QUEUE_UDP : BED_QUEUE_TCP);
        mnl_nlmsg_batch_next(batch);
    }
    nftnl_batch_end(mnl_nlmsg_batch_current(batch), 4);
    mnl_nlmsg_batch_next(batch);
    bool ok = mnl_socket_sendto(netlink, mnl_nlmsg_batch_head(batch), mnl_nlmsg_batch_size(batch)) > 0;
    for (unsigned answers = 0; ok && answers < 2; answers++) {
        ssize_t len = mnl_socket_recvfrom(netlink, buffer, sizeof buffer);
        const struct nlmsghdr *message = (const struct nlmsghdr *)buffer;
        const struct nlmsgerr *answer = mnl_nlmsg_get_payload(message);
        ok = len > 0 && message->nlmsg_type == NLMSG_ERROR && answer->error == 0;
        if (!ok && len > 0)
            fprintf(stderr, "rule: %s\n", strerror(-answer->error));
    }
    mnl_nlmsg_batch_stop(batch);
    mnl_socket_close(netlink);
    return ok;
}

bool bed_make(void)
{
    if (unshare(CLONE_NEWNET) < 0)
        return false;
    struct ifreq loopback = {.ifr_name = "lo", .ifr_flags = IFF_UP};
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    bool up = fd >= 0 && ioctl(fd, SIOCSIFFLAGS, &loopback) == 0;
    close(fd);
    return up && nft_text(rules) && queue_rules();
}

bool bed_mtu(int bytes)
{
    struct ifreq loopback = {.ifr_name = "lo", .ifr_mtu = bytes};
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    bool ok = fd >= 0 && ioctl(fd, SIOCSIFMTU, &loopback) == 0;
    close(fd);
    return ok;
}

uint64_t bed_counter(const char *name)
{
    int ends[2];
    char text[512] = "";
    if (pipe(ends) < 0)
        return 0;
    pid_t child = fork();
    if (child == 0) {
        dup2(ends[1], 1);
        execl("/usr/sbin/nft", "nft", "list", "counter", "inet", "bed", name, (char *)NULL);
        _exit(127);
    }
    close(ends[1]);
    size_t len = 0;
    for (ssize_t got; (got = read(ends[0], text + len, sizeof text - 1 - len)) > 0;)
        len += (size_t)got;
    close(ends[0]);
    waitpid(child, NULL, 0);
    const char *packets = strstr(text, "packets ");
    return packets ? strtoull(packets + 8, NULL, 10) : 0;
}
