/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "nfq/output.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "core/clock.h"
#include "core/event_words.h"

void output_init(struct output *o, const struct worker_config *config)
{
    *o = (struct output){
        .events_fd = config->events_fd,
        .control_fd = config->control_fd,
        .raw4_fd = config->raw4_fd,
        .raw6_fd = config->raw6_fd,
    };
    o->batch = writer_init(o->batch_bytes, sizeof o->batch_bytes);
}

bool output_inject(struct output *o, struct bytes ip)
{
    struct reader reader = reader_init(ip, false);
    uint8_t version = reader_u8(&reader) >> 4;
    struct sockaddr_in to4 = {.sin_family = AF_INET};
    struct sockaddr_in6 to6 = {.sin6_family = AF_INET6};
    ssize_t sent;

    if (version == 4) {
        reader_bytes(&reader, 15);
        struct bytes to = reader_bytes(&reader, 4);
        if (reader.state != PARSE_OK)
            return false;
        memcpy(&to4.sin_addr, to.at, 4);
        sent = sendto(o->raw4_fd, ip.at, ip.len, MSG_DONTWAIT, (const struct sockaddr *)&to4, sizeof to4);
    } else {
        reader_bytes(&reader, 23);
        struct bytes to = reader_bytes(&reader, 16);
        if (reader.state != PARSE_OK || version != 6)
            return false;
        memcpy(&to6.sin6_addr, to.at, 16);
        sent = sendto(o->raw6_fd, ip.at, ip.len, MSG_DONTWAIT, (const struct sockaddr *)&to6, sizeof to6);
    }
    return sent == (ssize_t)ip.len;
}

bool output_flush(struct output *o)
{
    size_t len = writer_len(&o->batch);
    bool sent = !o->events || send(o->events_fd, o->batch_bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)len;

    if (!sent)
        o->events_lost += o->events;
    o->events = 0;
    o->batch = writer_init(o->batch_bytes, sizeof o->batch_bytes);
    return sent;
}

bool output_event(struct output *o, const struct event *e, uint64_t now_usec)
{
    if (!o->events) {
        writer_bytes(&o->batch, (struct bytes){(const uint8_t *)&(uint32_t){CHANNEL_EVENTS}, sizeof(uint32_t)});
        o->events_since_usec = now_usec;
    }
    event_pack(e, &o->batch);
    o->events++;
    if (e->ticket || event_is_refusal(e) || writer_len(&o->batch) > sizeof o->batch_bytes - EVENT_PACKED_MAX)
        return output_flush(o);
    return true;
}

/* A fact about the gate itself that stands for `total - *told` things.  Both reasons are denials: what was dropped was
 * refused, and among lost events there may be refusals. */
static void tell_gate(struct output *o, enum reason reason, uint64_t total, uint64_t *told)
{
    struct event event = {.time_usec = clock_real_usec(),
                          .action = ACTION_GATE,
                          .reason = reason,
                          .verdict = VERDICT_DENY,
                          .count = total - *told};

    /* One that is lost itself is no other event lost. */
    uint64_t lost = o->events_lost;
    if (total == *told)
        return;
    if (output_event(o, &event, 0))
        *told = total;
    else
        o->events_lost = lost;
}

void output_tick(struct output *o, struct receive_counts receive, const struct judge_counts *judge)
{
    struct channel_counts counts;

    output_flush(o);
    tell_gate(o, REASON_OVERRUN, receive.overruns, &o->overruns_told);
    tell_gate(o, REASON_EVENTS_LOST, o->events_lost, &o->events_lost_told);

    memset(&counts, 0, sizeof counts); /* padding too: it crosses to another process */
    counts.kind = CHANNEL_COUNTS;
    counts.overruns = receive.overruns;
    counts.events_lost = o->events_lost;
    memcpy(&counts.judge, judge, sizeof counts.judge);
    /* Each time, changed or not: it is our sign of life, too. */
    if (send(o->control_fd, &counts, sizeof counts, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
        errno = 0;
}
