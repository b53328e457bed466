/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "nfq/output.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "core/clock.h"
#include "core/event_words.h"

bool output_init(struct output *o, const struct worker_config *config)
{
    *o = (struct output){
        .events_fd = config->events_fd,
        .control_fd = config->control_fd,
        .raw4_fd = config->raw4_fd,
        .raw6_fd = config->raw6_fd,
        .losses = losses_new(),
    };
    o->batch = writer_init(o->batch_bytes, sizeof o->batch_bytes);
    return o->losses != NULL;
}

void output_done(struct output *o)
{
    losses_free(o->losses);
    o->losses = NULL;
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

/* The batch was not taken.  An overrun that it tells of is told again. */
static void note_lost(struct output *o)
{
    struct event e;
    struct reader r = reader_init((struct bytes){o->batch_bytes, writer_len(&o->batch)}, false);
    reader_bytes(&r, sizeof(uint32_t));
    while (event_unpack(&r, &e)) {
        if (e.action == ACTION_GATE && e.reason == REASON_OVERRUN)
            o->overruns_told -= e.count;
        else
            o->events_lost += losses_add(o->losses, &e);
    }
}

bool output_flush(struct output *o)
{
    size_t len = writer_len(&o->batch);
    bool sent = !o->events || send(o->events_fd, o->batch_bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)len;

    if (!sent)
        note_lost(o);
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

static bool tell_loss(void *ctx, const struct event *e)
{
    return output_event(ctx, e, 0);
}

bool output_tell_lost(struct output *o)
{
    if (!output_flush(o))
        return false;
    losses_tell(o->losses, tell_loss, o);
    return output_flush(o) && !losses_wait(o->losses);
}

/* What was dropped was refused. */
static void tell_overruns(struct output *o, uint64_t total)
{
    struct event event = {.time_usec = clock_real_usec(),
                          .action = ACTION_GATE,
                          .reason = REASON_OVERRUN,
                          .verdict = VERDICT_DENY,
                          .count = total - o->overruns_told};

    if (total == o->overruns_told)
        return;
    o->overruns_told = total;
    output_event(o, &event, 0);
}

void output_tick(struct output *o, struct receive_counts receive, const struct judge_counts *judge)
{
    struct channel_counts counts;

    tell_overruns(o, receive.overruns);
    output_tell_lost(o);

    memset(&counts, 0, sizeof counts); /* padding too: it crosses to another process */
    counts.kind = CHANNEL_COUNTS;
    counts.overruns = receive.overruns;
    counts.events_lost = o->events_lost;
    memcpy(&counts.judge, judge, sizeof counts.judge);
    /* Each time, changed or not: it is our sign of life, too. */
    if (send(o->control_fd, &counts, sizeof counts, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
        errno = 0;
}
