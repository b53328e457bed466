/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "nfq/verdict.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <libnetfilter_queue/libnetfilter_queue.h>

#define SLOT_BITS      14
#define SLOT_MASK      (VERDICT_CAPACITY - 1)
#define MESSAGE_BYTES  64u /* headers, verdict and mark of one message: 44, rounded up */
#define PAYLOAD_HEADER 8u  /* an attribute's header and its padding */

_Static_assert(VERDICT_CAPACITY >> SLOT_BITS == 1, "an id's low bits name its slot");
_Static_assert(VERDICT_BATCH_BYTES >= MESSAGE_BYTES + PAYLOAD_HEADER + VERDICT_PAYLOAD_MAX, "the largest one fits");

/* The id of a slot changes each time it is used: generation above, slot number below. */
struct slot {
    struct verdict_packet packet;
    uint32_t id;
    bool waiting;
};

struct batch {
    int fd;
    size_t len;
    uint8_t *bytes;
};

struct verdicts {
    struct mark_layout layout;
    struct batch batch[VERDICT_QUEUES];
    struct verdict_counts counts;
    unsigned free_first, free_count; /* a ring: the slot that was freed longest ago is used first */
    uint16_t free_slot[VERDICT_CAPACITY];
    struct slot slot[VERDICT_CAPACITY];
};

struct verdicts *verdict_new(const struct mark_layout *layout, const int fd[VERDICT_QUEUES])
{
    struct verdicts *v = calloc(1, sizeof *v);
    if (!v)
        return NULL;

    v->layout = *layout;
    for (unsigned i = 0; i < VERDICT_CAPACITY; i++) {
        v->slot[i].id = i;
        v->free_slot[i] = (uint16_t)i;
    }
    v->free_count = VERDICT_CAPACITY;
    for (unsigned i = 0; i < VERDICT_QUEUES; i++) {
        v->batch[i].fd = fd[i];
        v->batch[i].bytes = malloc(VERDICT_BATCH_BYTES);
        if (!v->batch[i].bytes) {
            verdict_free(v);
            return NULL;
        }
    }
    return v;
}

void verdict_free(struct verdicts *v)
{
    if (!v)
        return;
    for (unsigned i = 0; i < VERDICT_QUEUES; i++)
        free(v->batch[i].bytes);
    free(v);
}

bool verdict_take(struct verdicts *v, const struct verdict_packet *packet, uint32_t *id)
{
    if (!v->free_count || packet->queue >= VERDICT_QUEUES)
        return false;

    struct slot *slot = &v->slot[v->free_slot[v->free_first]];
    v->free_first = (v->free_first + 1) & SLOT_MASK;
    v->free_count--;
    slot->packet = *packet;
    slot->id += VERDICT_CAPACITY; /* wraps: only the low bits must stay */
    slot->waiting = true;
    *id = slot->id;
    return true;
}

/* The packet's slot, given back; NULL: none waits under this id. */
static const struct verdict_packet *give_back(struct verdicts *v, uint32_t id)
{
    struct slot *slot = &v->slot[id & SLOT_MASK];

    if (!slot->waiting || slot->id != id) {
        v->counts.unknown++;
        return NULL;
    }
    slot->waiting = false;
    v->free_slot[(v->free_first + v->free_count) & SLOT_MASK] = (uint16_t)(id & SLOT_MASK);
    v->free_count++;
    return &slot->packet; /* stays as it is until the next verdict_take */
}

/* Sends the messages of a refused group one by one; one that is still refused is tried as a bare drop, so that memory
 * shortage closes rather than stalls. */
static void send_singly(struct verdicts *v, struct batch *batch)
{
    int len = (int)batch->len;

    for (struct nlmsghdr *message = (struct nlmsghdr *)batch->bytes; mnl_nlmsg_ok(message, len);
         message = mnl_nlmsg_next(message, &len)) {
        if (send(batch->fd, message, message->nlmsg_len, 0) >= 0)
            continue;
        _Alignas(struct nlmsghdr) char bare[MESSAGE_BYTES];
        const struct nfgenmsg *general = mnl_nlmsg_get_payload(message);
        const struct nlattr *header = mnl_nlmsg_get_payload_offset(message, sizeof *general);
        const struct nfqnl_msg_verdict_hdr *verdict = mnl_attr_get_payload(header);
        struct nlmsghdr *drop = nfq_nlmsg_put(bare, NFQNL_MSG_VERDICT, ntohs(general->res_id));
        nfq_nlmsg_verdict_put(drop, (int)ntohl(verdict->id), NF_DROP);
        if (send(batch->fd, drop, drop->nlmsg_len, 0) < 0)
            v->counts.failed++;
    }
}

static void flush_batch(struct verdicts *v, struct batch *batch)
{
    if (!batch->len)
        return;
    v->counts.groups++;
    /* To no address: the kernel. */
    if (send(batch->fd, batch->bytes, batch->len, 0) < 0)
        send_singly(v, batch);
    batch->len = 0;
}

static void put(struct verdicts *v, const struct verdict_packet *packet, uint32_t verdict, const uint32_t *mark,
                struct bytes ip)
{
    struct batch *batch = &v->batch[packet->queue];

    if (VERDICT_BATCH_BYTES - batch->len < MESSAGE_BYTES + PAYLOAD_HEADER + ip.len)
        flush_batch(v, batch);
    struct nlmsghdr *message = nfq_nlmsg_put((char *)batch->bytes + batch->len, NFQNL_MSG_VERDICT, packet->number);
    nfq_nlmsg_verdict_put(message, (int)packet->id, (int)verdict); /* the header first: send_singly reads it there */
    if (mark)
        nfq_nlmsg_verdict_put_mark(message, *mark);
    if (ip.len)
        nfq_nlmsg_verdict_put_pkt(message, ip.at, (uint32_t)ip.len);
    batch->len += message->nlmsg_len; /* attributes are padded: it is aligned */
}

/* Only our field of the mark changes. */
static uint32_t mark_with(const struct verdicts *v, uint32_t original, enum mark_verdict state)
{
    uint16_t scope = mark_scope(&v->layout, original);
    return (original & ~v->layout.mask) | mark_value(&v->layout, scope, (unsigned)state);
}

void verdict_drop_now(struct verdicts *v, const struct verdict_packet *packet)
{
    if (packet->queue >= VERDICT_QUEUES)
        return;
    v->counts.dropped++;
    put(v, packet, NF_DROP, NULL, (struct bytes){0});
}

void verdict_accept(struct verdicts *v, uint32_t id, enum mark_verdict mark, struct bytes ip)
{
    const struct verdict_packet *packet = give_back(v, id);
    if (!packet)
        return;
    if (ip.len > VERDICT_PAYLOAD_MAX) {
        v->counts.too_long++;
        verdict_drop_now(v, packet);
        return;
    }
    uint32_t new_mark = mark_with(v, packet->mark, mark);
    v->counts.accepted++;
    put(v, packet, NF_ACCEPT, &new_mark, ip);
}

void verdict_drop(struct verdicts *v, uint32_t id, enum mark_verdict mark)
{
    const struct verdict_packet *packet = give_back(v, id);
    if (!packet)
        return;
    if (mark != MARK_RESET) {
        verdict_drop_now(v, packet);
        return;
    }
    uint32_t new_mark = mark_with(v, packet->mark, MARK_RESET);
    v->counts.reset++;
    put(v, packet, NF_ACCEPT, &new_mark, (struct bytes){0});
}

void verdict_flush(struct verdicts *v)
{
    for (unsigned i = 0; i < VERDICT_QUEUES; i++)
        flush_batch(v, &v->batch[i]);
}

void verdict_counts(const struct verdicts *v, struct verdict_counts *out)
{
    *out = v->counts;
    out->waiting = VERDICT_CAPACITY - v->free_count;
}
