/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A closed socket goes on without its process for minutes: what is unsent (paced, in the way of a small window, to be
 * sent again) leaves when its time comes.  Whoever takes rules away must know that none is left.
 *
 * Found by the cgroup that each bears, and not by what conntrack knows: that forgets a connection before its socket
 * ends, and a socket that is bound to an interface is not found by its addresses alone. */
#include <netinet/in.h> /* before linux/ */
#include "nft/sockets.h"
#include "nft/netlink.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "core/clock.h"

#define END_USEC      2000000u
#define AT_ONCE_MAX   4096u
#define REQUEST_BYTES 256
/* All that can hold something unsent. */
#define STATES                                                                                                     \
    (1u << TCP_ESTABLISHED | 1u << TCP_SYN_SENT | 1u << TCP_SYN_RECV | 1u << TCP_FIN_WAIT1 | 1u << TCP_FIN_WAIT2 | \
     1u << TCP_CLOSE_WAIT | 1u << TCP_LAST_ACK | 1u << TCP_CLOSING)

struct found {
    uint64_t cgroup;       /* 0: by inode */
    const uint64_t *inode; /* sorted */
    size_t inodes;
    uint8_t protocol;
    unsigned count;
    struct inet_diag_req_v2 socket[AT_ONCE_MAX];
};

static int on_attribute(const struct nlattr *attribute, void *data)
{
    uint64_t *cgroup = data;
    if (mnl_attr_get_type(attribute) == INET_DIAG_CGROUP_ID && mnl_attr_validate(attribute, MNL_TYPE_U64) == 0)
        *cgroup = mnl_attr_get_u64(attribute);
    return MNL_CB_OK;
}

static int by_number(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static bool has_inode(const struct found *found, uint64_t inode)
{
    return inode && bsearch(&inode, found->inode, found->inodes, sizeof *found->inode, by_number);
}

static int on_socket(const struct nlmsghdr *nlh, void *data)
{
    struct found *found = data;
    uint64_t cgroup = 0;
    if (nlh->nlmsg_type != SOCK_DIAG_BY_FAMILY || mnl_nlmsg_get_payload_len(nlh) < sizeof(struct inet_diag_msg))
        return MNL_CB_OK;
    const struct inet_diag_msg *message = mnl_nlmsg_get_payload(nlh);
    bool wanted = found->cgroup
                      ? mnl_attr_parse(nlh, sizeof *message, on_attribute, &cgroup) >= 0 && cgroup == found->cgroup
                      : has_inode(found, message->idiag_inode);
    if (wanted && found->count < AT_ONCE_MAX)
        found->socket[found->count++] = (struct inet_diag_req_v2){.sdiag_family = message->idiag_family,
                                                                  .sdiag_protocol = found->protocol,
                                                                  .idiag_states = STATES,
                                                                  .id = message->id};
    return MNL_CB_OK;
}

/* One request to its end; 0 or errno. */
static int ask(struct mnl_socket *nl, uint16_t type, uint16_t flags, const struct inet_diag_req_v2 *what,
               struct found *found)
{
    uint8_t request[REQUEST_BYTES] __attribute__((aligned(NLMSG_ALIGNTO)));
    struct nlmsghdr *nlh = mnl_nlmsg_put_header(request);
    nlh->nlmsg_type = type;
    nlh->nlmsg_flags = NLM_F_REQUEST | flags;
    nlh->nlmsg_seq = 1;
    memcpy(mnl_nlmsg_put_extra_header(nlh, sizeof *what), what, sizeof *what);
    return netlink_ask(nl, nlh, found ? on_socket : NULL, found);
}

/* Destroys what is there now; how many that were. */
static unsigned end_some(struct mnl_socket *nl, struct found *found, int *failed)
{
    static const uint8_t families[] = {AF_INET, AF_INET6};
    found->count = 0;
    for (size_t i = 0; i < sizeof families && !*failed; i++) {
        struct inet_diag_req_v2 all = {.sdiag_family = families[i],
                                       .sdiag_protocol = found->protocol,
                                       .idiag_states = found->cgroup ? STATES : UINT32_MAX};
        *failed = ask(nl, SOCK_DIAG_BY_FAMILY, NLM_F_DUMP, &all, found);
    }
    for (unsigned i = 0; i < found->count && !*failed; i++) {
        int rc = ask(nl, SOCK_DESTROY, NLM_F_ACK, &found->socket[i], NULL);
        /* Gone meanwhile; or not this kernel's: then it is waited for. */
        *failed = rc == ENOENT || rc == EOPNOTSUPP ? 0 : rc;
    }
    return found->count;
}

bool sockets_end(uint64_t cgroup, struct error *e)
{
    static struct found found;
    struct mnl_socket *nl = netlink_open(NETLINK_SOCK_DIAG, e);
    if (!nl)
        return false;
    uint64_t end = clock_boot_usec() + END_USEC;
    unsigned left;
    int failed = 0;
    found.cgroup = cgroup;
    found.protocol = IPPROTO_TCP;
    while ((left = end_some(nl, &found, &failed)) > 0 && !failed && clock_boot_usec() < end)
        poll(NULL, 0, 5);
    mnl_socket_close(nl);
    if (failed)
        return error_set(e, ERROR_SYSTEM, failed, "cannot end the connections that the job left");
    return !left || error_set(e, ERROR_SYSTEM, 0, "%u connections that the job left do not end", left);
}

bool sockets_end_inodes(uint64_t *inode, size_t count, struct error *e)
{
    static const uint8_t protocols[] = {IPPROTO_TCP, IPPROTO_UDP};
    static struct found found;
    struct mnl_socket *nl = netlink_open(NETLINK_SOCK_DIAG, e);
    int failed = 0;
    if (!nl)
        return false;
    qsort(inode, count, sizeof *inode, by_number);
    for (size_t i = 0; i < sizeof protocols && !failed; i++) {
        found = (struct found){.inode = inode, .inodes = count, .protocol = protocols[i]};
        (void)end_some(nl, &found, &failed);
    }
    mnl_socket_close(nl);
    return !failed || error_set(e, ERROR_SYSTEM, failed, "cannot end the job's older connections");
}
