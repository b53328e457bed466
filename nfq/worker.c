/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "nfq/worker.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>
#include <urcu/pointer.h>
#include <urcu/urcu-qsbr.h>

#include "core/clock.h"
#include "nfq/channel.h"
#include "nfq/judge.h"
#include "nfq/receive.h"
#include "nfq/output.h"
#include "nfq/verdict.h"

#define WAITING_USEC     50000   /* between ticks while the judge waits for something */
#define IDLE_USEC        1000000 /* and else */
#define FIRST_WAIT_MSEC  5       /* between looks for the first policy */
#define ATTRIBUTIONS_MAX 64      /* read in one round */

enum source { SOURCE_TCP, SOURCE_UDP, SOURCE_EVENTS, SOURCE_STOP };

struct worker {
    const struct worker_config *config;
    struct judge *judge;
    struct verdicts *verdict;
    struct receive *receive;
    struct output output;
    const struct worker_policy *policy; /* as last seen; valid only while online */
    uint64_t serial;                    /* of that */
    uint64_t start_usec, tick_usec, report_usec;
    uint64_t now_usec; /* of this round */
    int epoll_fd;
    bool judging;               /* the queues are being read */
    bool watch;                 /* a verdict waits that has the kernel queue what it let go until now */
    bool marked;                /* the keeper waits for a CHANNEL_MARK … */
    uint32_t mark_serial;       /* … with this */
    bool mark_new;              /* asked in this round: the queues were looked at before */
    bool empty[VERDICT_QUEUES]; /* since it asked, each queue: what came before has been judged */
};

static void sink_accept(void *ctx, uint32_t id, enum mark_verdict mark, struct bytes ip)
{
    struct worker *w = ctx;
    verdict_accept(w->verdict, id, mark, ip);
    w->watch |= mark == MARK_WATCH;
}

static void sink_drop(void *ctx, uint32_t id, enum mark_verdict mark)
{
    struct worker *w = ctx;
    verdict_drop(w->verdict, id, mark);
}

static void sink_inject(void *ctx, struct bytes ip)
{
    struct worker *w = ctx;
    if (w->watch) { /* what the client answers to a packet of ours is to meet the connection's new mark */
        w->watch = false;
        verdict_flush(w->verdict);
    }
    if (!output_inject(&w->output, ip))
        w->output.injections_failed++;
}

static bool sink_event(void *ctx, const struct event *e)
{
    struct worker *w = ctx;
    return output_event(&w->output, e, w->now_usec);
}

/* One packet from a queue to the judge.  What cannot be judged is dropped here: a packet that the kernel cut (the rest
 * is unseen), one without a scope, any packet while there is no policy. */
static void packet_arrived(void *ctx, const struct receive_packet *packet)
{
    struct worker *w = ctx;
    const struct mark_layout *marks = &w->config->marks;
    uint16_t scope = mark_scope(marks, packet->verdict.mark);
    enum mark_queued queued = (enum mark_queued)mark_state(marks, packet->verdict.mark);
    bool approved = queued == MARK_FROM_SERVER && packet->at_output;
    struct judge_packet judged = {
        .scope = scope,
        .path = approved ? MARK_TO_SERVER : queued,
        .approved = approved,
        .at_output = packet->at_output,
        .local = packet->local,
        .forwarded = packet->forwarded,
        .sum_unfinished = packet->sum_unfinished,
        .gso = packet->gso,
        .ip = packet->ip,
    };

    if (packet->cut || !w->policy || scope == 0 || scope > marks->scope_max ||
        !verdict_take(w->verdict, &packet->verdict, &judged.id)) {
        verdict_drop_now(w->verdict, &packet->verdict);
        return;
    }
    judge_packet(w->judge, &judged, w->now_usec);
}

/* All that there is to tell; false: the channel did not take all of it. */
static bool tell_all(struct worker *w)
{
    judge_tell_counts(w->judge, w->now_usec);
    return output_tell_lost(&w->output);
}

/* Each queue is read to its end once, and what was lost or only counted is told, before the keeper may think that this
 * is all: it may be a job's end, and a refusal of its. */
static void answer_mark(struct worker *w, const bool ready[VERDICT_QUEUES])
{
    struct channel_mark mark = {.kind = CHANNEL_MARK, .serial = w->mark_serial};
    bool all = true;

    for (unsigned queue = 0; queue < VERDICT_QUEUES; queue++) {
        w->empty[queue] = w->empty[queue] || !ready[queue];
        all = all && w->empty[queue];
    }
    if (all && tell_all(w))
        w->marked = send(w->config->events_fd, &mark, sizeof mark, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 && errno == EAGAIN;
}

static void read_attributions(struct worker *w)
{
    struct channel_attributed message;

    for (unsigned i = 0; i < ATTRIBUTIONS_MAX; i++) {
        ssize_t len = recv(w->config->events_fd, &message, sizeof message, MSG_DONTWAIT | MSG_TRUNC);
        if (len < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (len <= 0) { /* nobody holds the other end: do not wake for it again and again */
            epoll_ctl(w->epoll_fd, EPOLL_CTL_DEL, w->config->events_fd, NULL);
            return;
        }
        if (len == sizeof message && message.kind == CHANNEL_ATTRIBUTED)
            judge_attributed(w->judge, message.ticket, w->now_usec);
        else if (len == sizeof(struct channel_mark) && message.kind == CHANNEL_MARK) {
            struct channel_mark mark;
            memcpy(&mark, &message, sizeof mark);
            w->marked = true;
            w->mark_serial = mark.serial;
            w->mark_new = true;
            memset(w->empty, 0, sizeof w->empty);
            (void)tell_all(w); /* under a flood the mark itself may come too late */
        }
    }
}

static bool watch(struct worker *w, int fd, enum source source, struct error *e)
{
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = source};

    if (epoll_ctl(w->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0)
        return error_set(e, ERROR_SYSTEM, errno, "cannot watch a descriptor");
    return true;
}

/* The policy of this round.  Called first thing when online: the one that the judge had may be gone, and the judge is
 * told of the new one before anything else. */
static void take_policy(struct worker *w)
{
    const struct worker_policy *policy = rcu_dereference(*w->config->policy);

    if (policy == w->policy && (!policy || policy->serial == w->serial))
        return;
    w->policy = policy;
    w->serial = policy ? policy->serial : 0;
    judge_policy(w->judge, policy ? policy->policy : NULL);
    if (policy)
        judge_own_addresses(w->judge, policy->own_address, policy->own_addresses);
}

static int wait_msec(const struct worker *w)
{
    if (w->marked)
        return 0;
    if (!w->judging)
        return FIRST_WAIT_MSEC;
    if (w->output.events)
        return OUTPUT_HOLD_USEC / 1000;
    return (judge_waiting(w->judge) ? WAITING_USEC : IDLE_USEC) / 1000;
}

/* A round: wait offline (a policy may be freed meanwhile), then read everything that is ready and send all verdicts. */
static bool round_run(struct worker *w, bool *stop, struct error *e)
{
    struct epoll_event ready[4];
    bool is_ready[4] = {false};

    int timeout_msec = wait_msec(w);
    urcu_qsbr_thread_offline();
    int count = epoll_wait(w->epoll_fd, ready, 4, timeout_msec);
    int why = errno;
    urcu_qsbr_thread_online();
    if (count < 0 && why != EINTR)
        return error_set(e, ERROR_SYSTEM, why, "cannot wait for packets");
    for (int i = 0; i < count; i++)
        is_ready[ready[i].data.u32 & 3] = true;

    w->now_usec = clock_boot_usec();
    take_policy(w);
    if (!w->judging && (w->policy || w->now_usec - w->start_usec >= WORKER_FIRST_POLICY_USEC)) {
        w->judging = true;
        if (!watch(w, w->config->queue_tcp_fd, SOURCE_TCP, e) || !watch(w, w->config->queue_udp_fd, SOURCE_UDP, e))
            return false;
    }
    if (is_ready[SOURCE_EVENTS])
        read_attributions(w);
    for (unsigned queue = 0; queue < VERDICT_QUEUES; queue++)
        if (is_ready[queue] && !receive_round(w->receive, queue, packet_arrived, w, e))
            return false;

    uint64_t tick_usec = judge_waiting(w->judge) ? WAITING_USEC : IDLE_USEC;
    if (w->now_usec - w->tick_usec >= tick_usec) {
        w->tick_usec = w->now_usec;
        judge_tick(w->judge, w->now_usec);
    }
    verdict_flush(w->verdict);
    if (w->output.events && w->now_usec - w->output.events_since_usec >= OUTPUT_HOLD_USEC)
        output_flush(&w->output);
    if (w->marked && !w->mark_new)
        answer_mark(w, is_ready);
    w->mark_new = false;
    if (w->now_usec - w->report_usec >= IDLE_USEC) {
        struct judge_counts counts;
        w->report_usec = w->now_usec;
        judge_counts(w->judge, &counts);
        output_tick(&w->output, receive_counts_of(w->receive), &counts);
    }
    *stop = is_ready[SOURCE_STOP];
    return true;
}

static bool worker_init(struct worker *w, const struct worker_config *config, struct error *e)
{
    const int queue_fd[VERDICT_QUEUES] = {config->queue_tcp_fd, config->queue_udp_fd};
    struct judge_config judge = {
        .bindings = config->bindings, .relay_port = config->relay_port, .relay_ports = config->relay_ports};
    struct judge_sink sink = {w, sink_accept, sink_drop, sink_inject, sink_event};

    w->config = config;
    bool output = output_init(&w->output, config);
    w->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (w->epoll_fd < 0)
        return error_set(e, ERROR_SYSTEM, errno, "cannot open an epoll descriptor");
    if (getrandom(&judge.seed, sizeof judge.seed, 0) != sizeof judge.seed)
        return error_set(e, ERROR_SYSTEM, errno, "cannot get random bytes");
    w->verdict = verdict_new(&config->marks, queue_fd);
    w->receive = receive_new(queue_fd);
    w->judge = judge_new(&judge, sink);
    if (!output || !w->verdict || !w->receive || !w->judge)
        return error_set(e, ERROR_SYSTEM, ENOMEM, "cannot start the inspector's worker");
    w->start_usec = w->tick_usec = w->report_usec = clock_boot_usec();
    return watch(w, config->events_fd, SOURCE_EVENTS, e) && watch(w, config->stop_fd, SOURCE_STOP, e);
}

bool worker_run(const struct worker_config *config, struct error *e)
{
    struct worker *w = calloc(1, sizeof *w);
    if (!w)
        return error_set(e, ERROR_SYSTEM, ENOMEM, "cannot start the inspector's worker");

    urcu_qsbr_register_thread();
    w->epoll_fd = -1;
    bool ok = worker_init(w, config, e);
    bool stop = false;
    while (ok && !stop)
        ok = round_run(w, &stop, e);

    judge_free(w->judge);
    if (w->verdict)
        verdict_flush(w->verdict);
    if (w->output.losses)
        output_tell_lost(&w->output);
    output_done(&w->output);
    verdict_free(w->verdict);
    receive_free(w->receive);
    if (w->epoll_fd >= 0)
        close(w->epoll_fd);
    free(w);
    urcu_qsbr_unregister_thread();
    return ok;
}
