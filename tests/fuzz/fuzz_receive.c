/* SPDX-License-Identifier: GPL-3.0-or-later */
/* nfq/receive: a netlink message of a queue; what is found in it lies within it. */
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <stdlib.h>
#include <string.h>

#include "nfq/receive.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct receive_packet packet;
    if (size < sizeof(struct nlmsghdr) || size > RECEIVE_MESSAGE_BYTES)
        return 0;
    /* libmnl counts the padding behind the last attribute as a part of the message. */
    size_t aligned = NLMSG_ALIGN(size);
    struct nlmsghdr *message = calloc(1, aligned);
    if (!message)
        abort();
    memcpy(message, data, size);
    message->nlmsg_len = (uint32_t)size; /* mnl_nlmsg_ok has seen to it */
    if (data[0] & 1)
        message->nlmsg_type = NFNL_SUBSYS_QUEUE << 8; /* NFQNL_MSG_PACKET */
    if (receive_parse(message, 1, &packet)) {
        const uint8_t *end = (const uint8_t *)message + aligned;
        if (packet.verdict.queue != 1 || (!packet.cut && !packet.ip.at))
            abort();
        if (packet.ip.at && (packet.ip.at < (const uint8_t *)message || packet.ip.at + packet.ip.len > end))
            abort();
        uint32_t sum = 0; /* every octet can be read */
        for (size_t i = 0; i < packet.ip.len; i++)
            sum += packet.ip.at[i];
        __asm__ volatile("" : : "r"(sum));
    }
    free(message);
    return 0;
}
