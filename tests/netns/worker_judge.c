/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/clock.h"
#include "tests/netns/worker_judge.h"

#include <string.h>
#include <time.h>

#include "nfq/judge.h"
#include "nfq/packet.h"
#include "tests/netns/worker_rules.h"

static struct judge_sink sink;
static struct {
    uint32_t id;
    uint64_t since_usec;
} ticking[64], attributing[64];
static unsigned tickings, attributings;
_Atomic unsigned seen, malformed, gso_seen, wrong_scope, policies;
_Atomic bool stalled;
_Atomic(const struct policy *) policy_now;
static uint8_t copy[PACKET_MAX];

struct judge *judge_new(const struct judge_config *config, struct judge_sink s)
{
    (void)config;
    sink = s;
    return (struct judge *)&sink;
}

void judge_free(struct judge *j)
{
    (void)j;
}

void judge_policy(struct judge *j, const struct policy *policy)
{
    (void)j;
    policies++;
    policy_now = policy;
}

void judge_own_addresses(struct judge *j, const struct address *own, unsigned count)
{
    (void)j;
    (void)own;
    (void)count;
}

static void tell(uint64_t ticket)
{
    struct event e = {.ticket = ticket, .action = ACTION_DATAGRAM, .verdict = VERDICT_DENY, .scope_id = BED_SCOPE};
    e.time_usec = clock_real_usec();
    sink.event(sink.ctx, &e);
}

static void accept_copy(const struct packet *p, uint32_t id, enum mark_verdict mark, struct bytes payload)
{
    size_t len = packet_rebuild(p, payload, false, copy, sizeof copy, NULL);
    sink.accept(sink.ctx, id, mark, (struct bytes){copy, len});
}

void judge_packet(struct judge *j, const struct judge_packet *packet, uint64_t now_usec)
{
    struct packet p;
    (void)j;

    seen++;
    gso_seen += packet->gso;
    wrong_scope += packet->scope != BED_SCOPE || packet->path != MARK_TO_SERVER || !packet->at_output;
    if (packet_parse(packet->ip, !packet->sum_unfinished, &p) != REASON_NONE) {
        malformed++;
        sink.drop(sink.ctx, packet->id, MARK_PASS);
        return;
    }
    switch ((enum port)p.destination_port) {
    case REPLACE:
        accept_copy(&p, packet->id, MARK_APPROVE, (struct bytes){(const uint8_t *)"judged", 6});
        return;
    case RESET:
        sink.drop(sink.ctx, packet->id, MARK_RESET);
        return;
    case ATTRIBUTE:
        attributing[attributings++ & 63].id = packet->id;
        tell(packet->id);
        return;
    case TICK:
        ticking[tickings].id = packet->id;
        ticking[tickings++ & 63].since_usec = now_usec;
        return;
    case COPY:
        accept_copy(&p, packet->id, MARK_PASS, p.payload);
        return;
    case AS_IT_LIES:
        sink.accept(sink.ctx, packet->id, MARK_APPROVE, (struct bytes){0});
        return;
    case INJECT:
        sink.inject(sink.ctx,
                    (struct bytes){copy, packet_build_udp_answer(&p, (struct bytes){(const uint8_t *)"injected", 8},
                                                                 copy, sizeof copy)});
        break;
    case STALL:
        for (unsigned i = 0; i < 6000 && stalled; i++)
            nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
        break;
    case HOLD:
        return;
    case TELL:
        tell(0);
        break;
    case DROP:
        break;
    }
    sink.drop(sink.ctx, packet->id, MARK_PASS);
}

void judge_attributed(struct judge *j, uint64_t ticket, uint64_t now_usec)
{
    (void)j;
    (void)now_usec;
    for (unsigned i = 0; i < attributings; i++)
        if (attributing[i].id == ticket)
            sink.accept(sink.ctx, attributing[i].id, MARK_APPROVE, (struct bytes){0});
}

void judge_tick(struct judge *j, uint64_t now_usec)
{
    (void)j;
    while (tickings && now_usec - ticking[0].since_usec >= 200000) {
        sink.accept(sink.ctx, ticking[0].id, MARK_APPROVE, (struct bytes){0});
        memmove(ticking, ticking + 1, --tickings * sizeof *ticking);
    }
}

void judge_tell_counts(struct judge *j, uint64_t now_usec)
{
    (void)j;
    (void)now_usec;
}

bool judge_waiting(const struct judge *j)
{
    (void)j;
    return tickings > 0;
}

void judge_counts(const struct judge *j, struct judge_counts *out)
{
    (void)j;
    *out = (struct judge_counts){.packets = seen};
}
