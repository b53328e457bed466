/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ctl/capture: the IP packet that is found in a frame lies within the frame; and who began a flow does not change
 * because the other side speaks.
 * Input: frames: link type (1 octet), length (2), octets. */
#include <pcap/dlt.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/capture.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct capture_flows *flows;

static void require(bool holds)
{
    if (!holds)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const int links[] = {DLT_EN10MB, DLT_RAW, DLT_IPV4, DLT_IPV6, DLT_LINUX_SLL, DLT_LINUX_SLL2, DLT_NULL, 9999};
    struct reader r = reader_init((struct bytes){data, size}, false);
    if (!flows)
        require((flows = capture_flows_new()));
    for (unsigned i = 0; i < 64 && reader_left(&r) >= 3; i++) {
        int link = links[reader_u8(&r) & 7];
        size_t len = reader_u16(&r);
        struct bytes part = reader_bytes(&r, len < reader_left(&r) ? len : reader_left(&r));
        uint8_t *exact = malloc(part.len ? part.len : 1);
        if (part.len)
            memcpy(exact, part.at, part.len);
        struct bytes frame = {exact, part.len}, ip = capture_ip(link, frame);
        require(ip.len == 0 || (ip.at >= exact && ip.at + ip.len == exact + part.len));
        require(ip.len == 0 || capture_link_known(link));
        struct packet p;
        if (ip.len && packet_parse(ip, true, &p) == REASON_NONE) {
            enum capture_side side = capture_side(flows, &p);
            bool syn = p.protocol == 6 && (p.flags & (TCP_SYN | TCP_ACK)) == TCP_SYN;
            require(!syn || side == CAPTURE_CLIENT);
            struct packet back = p;
            back.source = p.destination;
            back.destination = p.source;
            back.source_port = p.destination_port;
            back.destination_port = p.source_port;
            back.flags |= TCP_ACK;
            bool itself = address_equal(&p.source, &p.destination) && p.source_port == p.destination_port;
            enum capture_side other = capture_side(flows, &back);
            if (side == CAPTURE_UNKNOWN)
                require(other == CAPTURE_UNKNOWN);
            else if (!itself)
                require(other == (side == CAPTURE_CLIENT ? CAPTURE_SERVER : CAPTURE_CLIENT));
        }
        free(exact);
    }
    return 0;
}
