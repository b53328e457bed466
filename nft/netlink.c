/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "nft/netlink.h"

#include <errno.h>
#include <sys/socket.h>

struct mnl_socket *netlink_open(int bus, struct error *e)
{
    struct mnl_socket *nl = mnl_socket_open2(bus, SOCK_CLOEXEC);
    if (nl && mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) == 0)
        return nl;
    error_set(e, ERROR_SYSTEM, errno, "cannot open a netlink socket");
    if (nl)
        mnl_socket_close(nl);
    return NULL;
}

int netlink_ask(struct mnl_socket *nl, const struct nlmsghdr *request, mnl_cb_t callback, void *ctx)
{
    uint8_t answer[32768] __attribute__((aligned(NLMSG_ALIGNTO)));
    uint32_t sequence = request->nlmsg_seq;
    if (mnl_socket_sendto(nl, request, request->nlmsg_len) < 0)
        return errno;
    for (;;) {
        ssize_t n = mnl_socket_recvfrom(nl, answer, sizeof answer);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno;
        int more = mnl_cb_run(answer, (size_t)n, sequence, mnl_socket_get_portid(nl), callback, ctx);
        if (more == MNL_CB_ERROR)
            return errno ? errno : EPROTO;
        if (more == MNL_CB_STOP)
            return 0;
    }
}
