/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/process_socket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define PROCESS_SOCKET_LINES_MAX 4096 /* of a table in /proc/PID/net */

/* How a socket fits: a connected one before an unconnected one, a bound address before a wildcard.  A connected UDP
 * socket may still sendto() elsewhere, and IP_PKTINFO may name another source, so a mismatch is the weakest fit, not
 * none. */
enum { FIT_SOME = 1, FIT_LOCAL_ANY = 1, FIT_LOCAL = 2, FIT_REMOTE_NONE = 4, FIT_REMOTE = 8, FIT_PROTOCOL = 16 };

struct process_socket_query {
    uint8_t protocol;
    const struct event_endpoint *source, *destination;
    bool exact; /* TCP: both ends must be equal */
    bool raw;   /* the diag id's port is the socket's IP protocol */
    struct process_sockets *out;
};

/* Keeps the best PROCESS_SOCKETS_MAX. */
static void socket_add(struct process_sockets *out, uint64_t inode, unsigned score)
{
    unsigned worst = 0;
    if (!inode)
        return;
    for (unsigned i = 0; i < out->count; i++) {
        if (out->socket[i].inode == inode)
            return;
        if (out->socket[i].score < out->socket[worst].score)
            worst = i;
    }
    if (out->count < PROCESS_SOCKETS_MAX)
        out->socket[out->count++] = (struct process_socket){inode, score};
    else if (out->socket[worst].score < score)
        out->socket[worst] = (struct process_socket){inode, score};
}

/* A v4-mapped address of a dual-stack socket is the IPv4 address. */
static struct address socket_address(uint8_t family, const void *words)
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    uint8_t octets[16];
    memcpy(octets, words, sizeof octets);
    if (family == AF_INET)
        return address_from_octets((struct bytes){octets, 4});
    if (memcmp(octets, mapped, sizeof mapped) == 0)
        return address_from_octets((struct bytes){octets + 12, 4});
    return address_from_octets((struct bytes){octets, 16});
}

static bool socket_is_any(const struct address *a)
{
    static const uint8_t zero[16];
    return memcmp(a->octets, zero, sizeof zero) == 0;
}

static unsigned socket_score(const struct process_socket_query *q, const struct address *local,
                             const struct address *remote, uint16_t remote_port)
{
    bool local_equal = address_equal(local, &q->source->address);
    bool remote_equal =
        address_equal(remote, &q->destination->address) && (q->raw || remote_port == q->destination->port);
    bool remote_none = socket_is_any(remote) && (q->raw || !remote_port);
    if (q->exact)
        return local_equal && remote_equal ? FIT_LOCAL + FIT_REMOTE : 0;
    return FIT_SOME +
           (local_equal            ? FIT_LOCAL
            : socket_is_any(local) ? FIT_LOCAL_ANY
                                   : 0U) +
           (remote_equal  ? FIT_REMOTE
            : remote_none ? FIT_REMOTE_NONE
                          : 0U);
}

static int socket_message(const struct nlmsghdr *header, void *context)
{
    struct process_socket_query *q = context;
    if (header->nlmsg_type != SOCK_DIAG_BY_FAMILY || mnl_nlmsg_get_payload_len(header) < sizeof(struct inet_diag_msg))
        return MNL_CB_OK;
    const struct inet_diag_msg *m = mnl_nlmsg_get_payload(header);
    struct address local = socket_address(m->idiag_family, m->id.idiag_src);
    struct address remote = socket_address(m->idiag_family, m->id.idiag_dst);
    uint16_t port = ntohs(m->id.idiag_sport);
    unsigned score = socket_score(q, &local, &remote, ntohs(m->id.idiag_dport));
    if (q->raw) {
        /* A socket of IPPROTO_RAW writes its own IP header and may send any protocol. */
        if (port != q->protocol && port != IPPROTO_RAW)
            return MNL_CB_OK;
        if (port == q->protocol)
            score += FIT_PROTOCOL;
    } else if (port != q->source->port) {
        return MNL_CB_OK;
    }
    if (score)
        socket_add(q->out, m->idiag_inode, score);
    return MNL_CB_OK;
}

/* Sends one request and takes all of its answer. */
static bool socket_ask(int diag_fd, struct process_socket_query *q, int family, int protocol)
{
    static unsigned sequence;
    char buffer[16384];
    struct nlmsghdr *header = mnl_nlmsg_put_header(buffer);
    header->nlmsg_type = SOCK_DIAG_BY_FAMILY;
    header->nlmsg_flags = q->exact ? NLM_F_REQUEST : NLM_F_REQUEST | NLM_F_DUMP;
    header->nlmsg_seq = ++sequence;
    struct inet_diag_req_v2 *request = mnl_nlmsg_put_extra_header(header, sizeof *request);
    request->sdiag_family = (uint8_t)family;
    request->sdiag_protocol = (uint8_t)protocol;
    request->idiag_states = ~0U;
    request->id.idiag_cookie[0] = request->id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
    if (!q->raw)
        request->id.idiag_sport = htons(q->source->port);
    if (q->exact) {
        request->id.idiag_dport = htons(q->destination->port);
        memcpy(request->id.idiag_src, q->source->address.octets, address_octets(&q->source->address));
        memcpy(request->id.idiag_dst, q->destination->address.octets, address_octets(&q->destination->address));
    }
    if (send(diag_fd, header, header->nlmsg_len, MSG_NOSIGNAL) < 0)
        return false;
    for (;;) {
        ssize_t n = recv(diag_fd, buffer, sizeof buffer, MSG_DONTWAIT);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 && errno == EAGAIN;
        int more = mnl_cb_run(buffer, (size_t)n, sequence, 0, socket_message, q);
        if (more < 0)
            return false; /* ENOENT: no such socket, or the kernel has no such diag module */
        if (more == MNL_CB_STOP || q->exact)
            return true;
    }
}

/* /proc/PID/net/{raw,raw6,icmp,icmp6}: "N: LOCAL:PORT REMOTE:PORT ST ... INODE ...", addresses as hexadecimal words in
 * host order.  `port` is the IP protocol of a raw socket and the echo identifier of a ping socket. */
static void socket_read_table(pid_t net_pid, const char *table, struct process_socket_query *q, bool ping)
{
    char path[64], line[512];
    if (net_pid > 0)
        snprintf(path, sizeof path, "/proc/%d/net/%s", (int)net_pid, table);
    else
        snprintf(path, sizeof path, "/proc/thread-self/net/%s", table);
    FILE *in = fopen(path, "re");
    if (!in)
        return;
    for (unsigned lines = 0; lines < PROCESS_SOCKET_LINES_MAX && fgets(line, sizeof line, in); lines++) {
        char local_text[33], remote_text[33];
        unsigned port, remote_port;
        unsigned long long inode;
        uint32_t words[2][4] = {{0}};
        if (sscanf(line, " %*u: %32[0-9A-F]:%x %32[0-9A-F]:%x %*x %*x:%*x %*x:%*x %*x %*u %*u %llu", local_text, &port,
                   remote_text, &remote_port, &inode) != 5)
            continue;
        size_t digits = strlen(local_text);
        if ((digits != 8 && digits != 32) || strlen(remote_text) != digits)
            continue;
        for (size_t i = 0; i < digits / 8; i++)
            if (sscanf(local_text + 8 * i, "%8x", &words[0][i]) != 1 ||
                sscanf(remote_text + 8 * i, "%8x", &words[1][i]) != 1)
                break;
        uint8_t family = digits == 8 ? AF_INET : AF_INET6;
        struct address local = socket_address(family, words[0]), remote = socket_address(family, words[1]);
        if (ping ? q->source->port && port != q->source->port : port != q->protocol && port != IPPROTO_RAW)
            continue;
        unsigned score = socket_score(q, &local, &remote, (uint16_t)remote_port);
        socket_add(q->out, inode, score + (ping || port == q->protocol ? FIT_PROTOCOL : 0U));
    }
    fclose(in);
}

static void socket_find_raw(int diag_fd, pid_t net_pid, struct process_socket_query *q)
{
    bool six = q->destination->address.family == 6 || q->source->address.family == 6;
    q->raw = true;
    q->exact = false;
    /* A kernel without raw_diag answers with an empty dump. */
    if (!socket_ask(diag_fd, q, six ? AF_INET6 : AF_INET, IPPROTO_RAW) || !q->out->count)
        socket_read_table(net_pid, six ? "raw6" : "raw", q, false);
    if (q->protocol == IPPROTO_ICMP)
        socket_read_table(net_pid, "icmp", q, true);
    if (q->protocol == IPPROTO_ICMPV6)
        socket_read_table(net_pid, "icmp6", q, true);
}

unsigned process_socket_find(int diag_fd, pid_t net_pid, uint8_t protocol, const struct event_endpoint *source,
                             const struct event_endpoint *destination, struct process_sockets *out)
{
    struct process_socket_query q = {.protocol = protocol, .source = source, .destination = destination, .out = out};
    bool six = source->address.family == 6;
    out->count = 0;
    if (protocol == IPPROTO_TCP && source->port) {
        q.exact = true; /* the kernel finds v4-mapped sockets under their IPv4 addresses */
        socket_ask(diag_fd, &q, six ? AF_INET6 : AF_INET, IPPROTO_TCP);
    } else if ((protocol == IPPROTO_UDP || protocol == IPPROTO_UDPLITE) && source->port) {
        socket_ask(diag_fd, &q, AF_INET6, protocol); /* dual-stack sockets send IPv4 too */
        if (!six)
            socket_ask(diag_fd, &q, AF_INET, protocol);
    }
    if (!out->count)
        socket_find_raw(diag_fd, net_pid, &q);
    return out->count;
}

void process_socket_drain(int diag_fd)
{
    char buffer[16384];
    while (recv(diag_fd, buffer, sizeof buffer, MSG_DONTWAIT) > 0)
        continue;
}
