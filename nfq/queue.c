/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "nfq/queue.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <libnetfilter_queue/libnetfilter_queue.h>

#define LENGTH_PACKETS  8192u
#define RECEIVE_BYTES   (8 << 20)
#define SEND_BYTES      (1 << 20)    /* of one group of verdicts; see nfq/verdict.c */
#define COPY_RANGE      (0xffff - 4) /* the most that an attribute can hold behind its header */
#define CONFIG_BYTES    512
#define ANSWER_MSEC     1000
#define REBIND_ATTEMPTS 5

static int64_t monotonic_msec(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Throws away what waits unread, packets of a dead holder among it.  True: the socket is empty. */
static bool drain(int fd)
{
    char byte;

    for (unsigned i = 0; i < 1u << 17; i++) {
        if (recv(fd, &byte, sizeof byte, MSG_DONTWAIT | MSG_TRUNC) < 0) {
            if (errno == EAGAIN)
                return true;
            if (errno != EINTR && errno != ENOBUFS)
                return false;
        }
    }
    return false;
}

/* Waits for the kernel's answer to message `sequence`; packets that come in between are skipped: the kernel drops them
 * with the queue.  Returns 0, the answer's errno, ETIMEDOUT, or ENOBUFS: an answer may be lost. */
static int await_answer(int fd, uint32_t sequence)
{
    int64_t deadline = monotonic_msec() + ANSWER_MSEC;
    _Alignas(struct nlmsghdr) char buffer[1024]; /* an answer is short; a packet is cut here and skipped */

    for (;;) {
        int64_t left = deadline - monotonic_msec();
        struct pollfd wait = {.fd = fd, .events = POLLIN};
        if (left <= 0)
            return ETIMEDOUT;
        if (poll(&wait, 1, (int)left) < 0 && errno != EINTR)
            return errno;
        ssize_t len = recv(fd, buffer, sizeof buffer, MSG_DONTWAIT);
        if (len < 0) {
            if (errno == EAGAIN || errno == EINTR)
                continue;
            return errno;
        }
        const struct nlmsghdr *message = (const struct nlmsghdr *)buffer;
        if ((size_t)len < sizeof *message + sizeof(struct nlmsgerr) || message->nlmsg_type != NLMSG_ERROR ||
            message->nlmsg_seq != sequence)
            continue;
        const struct nlmsgerr *answer = mnl_nlmsg_get_payload(message);
        return -answer->error;
    }
}

static int send_and_await(int fd, struct nlmsghdr *message)
{
    static uint32_t sequence;

    message->nlmsg_flags |= NLM_F_ACK;
    message->nlmsg_seq = ++sequence;
    struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
    if (sendto(fd, message, message->nlmsg_len, 0, (const struct sockaddr *)&kernel, sizeof kernel) < 0)
        return errno;
    return await_answer(fd, message->nlmsg_seq);
}

/* One message binds, sets the copy mode, the length and the flags: there is no moment in which the queue is bound and
 * is not as it must be.  The kernel refuses flags that it does not have (EOPNOTSUPP), so an acknowledgment says that
 * GSO is set; and no flag but GSO is ever asked for. */
static int bind_queue(int fd, uint16_t number, bool gso)
{
    _Alignas(struct nlmsghdr) char buffer[CONFIG_BYTES];
    struct nlmsghdr *message = nfq_nlmsg_put(buffer, NFQNL_MSG_CONFIG, number);

    nfq_nlmsg_cfg_put_cmd(message, AF_UNSPEC, NFQNL_CFG_CMD_BIND);
    nfq_nlmsg_cfg_put_params(message, NFQNL_COPY_PACKET, COPY_RANGE);
    nfq_nlmsg_cfg_put_qmaxlen(message, LENGTH_PACKETS);
    mnl_attr_put_u32(message, NFQA_CFG_MASK,
                     htonl(NFQA_CFG_F_FAIL_OPEN | NFQA_CFG_F_CONNTRACK | NFQA_CFG_F_GSO | NFQA_CFG_F_UID_GID));
    mnl_attr_put_u32(message, NFQA_CFG_FLAGS, htonl(gso ? NFQA_CFG_F_GSO : 0));
    return send_and_await(fd, message);
}

static int unbind_queue(int fd, uint16_t number)
{
    _Alignas(struct nlmsghdr) char buffer[CONFIG_BYTES];
    struct nlmsghdr *message = nfq_nlmsg_put(buffer, NFQNL_MSG_CONFIG, number);

    nfq_nlmsg_cfg_put_cmd(message, AF_UNSPEC, NFQNL_CFG_CMD_UNBIND);
    return send_and_await(fd, message);
}

static bool set_option(int fd, int level, int name, int value)
{
    return setsockopt(fd, level, name, &value, sizeof value) == 0;
}

int queue_open(uint16_t number, bool gso, struct error *e)
{
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_NETFILTER);
    if (fd < 0) {
        error_set(e, ERROR_SYSTEM, errno, "cannot open a netfilter socket");
        return -1;
    }
    /* NETLINK_NO_ENOBUFS stays off: overruns must be seen.  CAP_ACK: an error about a verdict does not carry the whole
     * packet back. */
    struct sockaddr_nl any = {.nl_family = AF_NETLINK};
    if (bind(fd, (const struct sockaddr *)&any, sizeof any) < 0 ||
        !set_option(fd, SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BYTES) ||
        !set_option(fd, SOL_SOCKET, SO_SNDBUFFORCE, SEND_BYTES) || !set_option(fd, SOL_NETLINK, NETLINK_CAP_ACK, 1)) {
        error_set(e, ERROR_SYSTEM, errno, "cannot set up the socket of queue %u", number);
        close(fd);
        return -1;
    }
    int why = bind_queue(fd, number, gso);
    if (why == 0)
        return fd;
    if (why == EBUSY || why == EPERM)
        error_set(e, ERROR_SYSTEM, why, "cannot bind netfilter queue %u (does another process have it?)", number);
    else
        error_set(e, ERROR_SYSTEM, why, "cannot bind netfilter queue %u", number);
    close(fd);
    return -1;
}

/* A full receive buffer loses the kernel's answers too, so each step is repeated on an emptied socket; done twice, each
 * says that it was done before (ENODEV; EBUSY, which can only mean us: another socket's claim reads EPERM). */
bool queue_rebind(int fd, uint16_t number, bool gso, struct error *e)
{
    int why = 0;

    for (unsigned i = 0; i < REBIND_ATTEMPTS; i++) {
        drain(fd);
        why = unbind_queue(fd, number);
        if (why == 0 || why == ENODEV)
            break;
        if (why != ENOBUFS && why != ETIMEDOUT)
            return error_set(e, ERROR_SYSTEM, why, "cannot unbind netfilter queue %u", number);
    }
    for (unsigned i = 0; i < REBIND_ATTEMPTS; i++) {
        drain(fd);
        why = bind_queue(fd, number, gso);
        if (why == 0 || (i > 0 && why == EBUSY))
            return true;
        if (why != ENOBUFS && why != ETIMEDOUT)
            break;
    }
    return error_set(e, ERROR_SYSTEM, why, "cannot bind netfilter queue %u again", number);
}

bool queue_counts(uint16_t number, uint64_t *waiting, uint64_t *dropped_full, uint64_t *dropped_socket)
{
    FILE *file = fopen("/proc/net/netfilter/nfnetlink_queue", "re");
    if (!file)
        return false;

    bool found = false;
    char line[256];
    while (!found && fgets(line, sizeof line, file)) {
        unsigned queue, portid, mode, range;
        uint64_t total, full, socket_full;
        if (sscanf(line, "%u %u %" SCNu64 " %u %u %" SCNu64 " %" SCNu64, &queue, &portid, &total, &mode, &range, &full,
                   &socket_full) != 7 ||
            queue != number)
            continue;
        *waiting = total;
        *dropped_full = full;
        *dropped_socket = socket_full;
        found = true;
    }
    fclose(file);
    return found;
}
