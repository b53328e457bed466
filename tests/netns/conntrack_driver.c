/* SPDX-License-Identifier: GPL-3.0-or-later */
/* nft/conntrack for test_ruleset.sh: list | cut PORT | destroy PORT | ends SECONDS, for flows that have a mark of ours;
 * forget MASK VALUE. */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "nft/conntrack.h"

struct task {
    const char *what;
    unsigned port;
};

static void on_flow(void *ctx, const struct conntrack_flow *flow)
{
    const struct task *task = ctx;
    struct error e = {0};
    char from[ADDRESS_TEXT_SIZE], to[ADDRESS_TEXT_SIZE];
    address_format(&flow->source, from);
    address_format(&flow->destination, to);
    if (strcmp(task->what, "list") == 0 || strcmp(task->what, "ends") == 0)
        printf("%s %u %s:%u > %s:%u mark %x id %d out %llu/%llu in %llu/%llu\n", task->what, flow->protocol, from,
               flow->source_port, to, flow->destination_port, flow->mark, flow->id != 0,
               (unsigned long long)flow->packets_out, (unsigned long long)flow->bytes_out,
               (unsigned long long)flow->packets_in, (unsigned long long)flow->bytes_in);
    if (flow->destination_port != task->port)
        return;
    if (strcmp(task->what, "cut") == 0)
        printf("cut %s %s\n", to, conntrack_cut(flow, 1, &e) && conntrack_cut(flow, 1, &e) ? "ok" : e.text);
    if (strcmp(task->what, "destroy") == 0)
        printf("destroy %s %s\n", to, conntrack_destroy_sockets(flow, 1, &e) ? "ok" : e.text);
}

/* The ends are told before it returns. */
static int forget(uint32_t mask, uint32_t value)
{
    struct error e = {0};
    struct task task = {.what = "ends"};
    int fd = conntrack_events_open(&e);
    bool ok = fd >= 0 && conntrack_forget(mask, value, &e) &&
              conntrack_events_read(fd, MARK_MASK_DEFAULT, on_flow, &task);
    puts(ok ? "forgotten" : e.text);
    return ok ? 0 : 1;
}

int main(int argc, char **argv)
{
    struct error e = {0};
    if (argc < 2)
        return 2;
    struct task task = {argv[1], argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 0};
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (strcmp(task.what, "forget") == 0 && argc == 4)
        return forget((uint32_t)strtoul(argv[2], NULL, 16), (uint32_t)strtoul(argv[3], NULL, 16));
    if (strcmp(task.what, "ends") != 0) {
        bool ok = conntrack_dump(MARK_MASK_DEFAULT, on_flow, &task, &e);
        if (!ok)
            fprintf(stderr, "%s\n", e.text);
        return ok ? 0 : 1;
    }
    int fd = conntrack_events_open(&e);
    if (fd < 0)
        return 1;
    puts("ready");
    time_t until = time(NULL) + (time_t)task.port;
    while (time(NULL) < until) {
        struct pollfd ready = {fd, POLLIN, 0};
        if (poll(&ready, 1, 100) > 0 && !conntrack_events_read(fd, MARK_MASK_DEFAULT, on_flow, &task))
            puts("lost");
    }
    return 0;
}
