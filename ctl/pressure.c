/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/pressure.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl/keeper.h"
#include "nfq/queue.h"

#define STAT_BYTES (256u * 1024) /* a line of 150 bytes a processor */

bool pressure_column(const char *text, const char *name, uint64_t *sum)
{
    size_t column = 0, line = strcspn(text, "\n"), len = strlen(name);
    const char *at = text, *end = text + line;
    bool found = false;
    while (at < end && !found) {
        at += strspn(at, " ");
        size_t word = strcspn(at, " \n");
        found = word == len && memcmp(at, name, len) == 0;
        column += !found;
        at += word;
    }
    *sum = 0;
    for (at = end; found && *at == '\n';) {
        at++;
        for (size_t i = 0; i < column; i++) {
            at += strspn(at, " ");
            at += strcspn(at, " \n");
        }
        at += strspn(at, " ");
        if (*at && *at != '\n')
            *sum += strtoull(at, NULL, 16);
        at += strcspn(at, "\n");
    }
    return found;
}

static bool read_text(const char *path, char *out, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    size_t have = 0;
    ssize_t n = -1;
    while (fd >= 0 && have < size - 1 && (n = read(fd, out + have, size - 1 - have)) > 0)
        have += (size_t)n;
    if (fd >= 0)
        close(fd);
    out[have] = 0;
    return have > 0;
}

static uint64_t read_number(const char *path)
{
    char text[32];
    return read_text(path, text, sizeof text) ? strtoull(text, NULL, 10) : 0;
}

uint64_t pressure_connections(void)
{
    return read_number("/proc/sys/net/netfilter/nf_conntrack_count");
}

/* What was added since the last look; a counter that went back began anew. */
static uint64_t growth(bool known, uint64_t *last, uint64_t now)
{
    uint64_t more = !known ? 0 : now >= *last ? now - *last : now;
    *last = now;
    return more;
}

static void watch_queues(struct keeper *k)
{
    struct pressure *p = &k->pressure;
    const uint16_t number[2] = {k->gate->queue_tcp, k->gate->queue_udp};
    uint64_t more = 0;
    bool known = true;
    for (unsigned i = 0; i < 2; i++) {
        uint64_t waiting, full, socket_full;
        if (queue_counts(number[i], &waiting, &full, &socket_full))
            more += growth(p->queues_known, &p->queue_lost[i], full + socket_full);
        else
            known = false;
    }
    p->queues_known = p->queues_known || known;
    p->overruns += more;
    if (more)
        attend_gate_event(k, REASON_OVERRUN, VERDICT_DENY, more);
}

/* "drop": no room for a new connection, whose packet went.  "early_drop": one that nobody had answered gave way. */
static void watch_conntrack(struct keeper *k)
{
    static char text[STAT_BYTES];
    struct pressure *p = &k->pressure;
    uint64_t drop, early = 0;
    p->connections = pressure_connections();
    p->connections_max = read_number("/proc/sys/net/netfilter/nf_conntrack_max");
    bool known = read_text("/proc/net/stat/nf_conntrack", text, sizeof text) && pressure_column(text, "drop", &drop);
    uint64_t more = 0;
    if (known) {
        pressure_column(text, "early_drop", &early);
        more = growth(p->conntrack_known, &p->conntrack_lost, drop + early);
        p->conntrack_known = true;
    } else if (p->connections_max && p->connections >= p->connections_max) {
        more = 1; /* a kernel that does not tell how many */
    }
    p->conntrack_full += more;
    if (more)
        attend_gate_event(k, REASON_CONNTRACK_FULL, VERDICT_IGNORED, more); /* the host's, not refused by us */
}

static uint64_t *rule_counter(struct keeper *k, enum ruleset_dropped kind, uint16_t scope)
{
    const struct gate *g = k->gate;
    size_t scopes = (size_t)(g->scope_last - g->scope_first) + 2;
    if (!k->pressure.rule_dropped)
        k->pressure.rule_dropped = calloc(scopes, sizeof *k->pressure.rule_dropped);
    if (!k->pressure.rule_dropped || (scope && (scope < g->scope_first || scope > g->scope_last)))
        return NULL;
    return &k->pressure.rule_dropped[scope ? scope - g->scope_first + 1 : 0][kind];
}

static void on_known(void *ctx, enum ruleset_dropped kind, uint16_t scope, uint64_t packets)
{
    uint64_t *last = rule_counter(ctx, kind, scope);
    if (last)
        *last = packets;
}

/* What is part of no connection is mostly a late packet of one that ended, and an error of the host's may be about
 * anybody's packet: no refusals. */
static void on_dropped(void *ctx, enum ruleset_dropped kind, uint16_t scope, uint64_t packets)
{
    static const struct {
        enum reason reason;
        enum verdict verdict;
    } told[RULESET_DROPPED] = {[RULESET_FORGED] = {REASON_FORGED_SOURCE, VERDICT_DENY},
                               [RULESET_UNPROVEN] = {REASON_UNPROVEN, VERDICT_IGNORED},
                               [RULESET_NEIGHBOUR] = {REASON_NEIGHBOUR_ROUTED, VERDICT_DENY},
                               [RULESET_ERROR] = {REASON_ERROR_UNSENT, VERDICT_IGNORED}};
    struct keeper *k = ctx;
    uint64_t *last = rule_counter(k, kind, scope);
    uint64_t more = last ? growth(true, last, packets) : 0;
    k->pressure.dropped[kind] += more;
    if (more)
        attend_dropped(k, told[kind].reason, told[kind].verdict, scope, more);
}

void pressure_begin(struct keeper *k)
{
    (void)ruleset_read_dropped(k->gate->table, on_known, k, NULL);
}

void pressure_tick(struct keeper *k)
{
    if (k->applied)
        (void)ruleset_read_dropped(k->gate->table, on_dropped, k, NULL);
    watch_queues(k);
    watch_conntrack(k);
}
