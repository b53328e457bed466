/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sluice down: ends the gate and opens what it closed. */
#include <errno.h>
#include <jansson.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl/command.h"
#include "ctl/control.h"
#include "ctl/number.h"
#include "ctl/options.h"
#include "nft/ruleset.h"

#define TABLES_MAX 512
#define WAIT_MSEC  5000
#define WAIT_STEP  20
#define RUN_PREFIX RULESET_TABLE "_run_"

static const struct command_option options[] = {{NULL, NULL, NULL}};

struct tables {
    unsigned count, live;
    char name[TABLES_MAX][64];
};

static void collect(void *ctx, const char *table, uint32_t owner)
{
    struct tables *t = ctx;
    char *end;
    (void)owner;
    if (strncmp(table, RUN_PREFIX, strlen(RUN_PREFIX)) == 0) {
        unsigned long n = strtoul(table + strlen(RUN_PREFIX), &end, 10);
        if (!*end && n < NUMBER_RUNS_MAX && number_run_lives((unsigned)n)) {
            t->live++;
            return;
        }
    }
    if (t->count < TABLES_MAX)
        snprintf(t->name[t->count++], sizeof t->name[0], "%s", table);
}

/* False: said why on standard error. */
static bool stop_gate(bool *ran)
{
    struct error e;
    int pid;
    *ran = false;
    json_t *answer = control_ask(json_pack("{s:s}", "request", "stop"), CONTROL_WAIT_MSEC, &e);
    if (answer) {
        json_decref(answer);
        *ran = true;
    } else if (e.code != ERROR_NONE) {
        fprintf(stderr, "sluice: %s\n", e.text);
        return false;
    }
    for (int waited = 0; number_gate_lives(&pid); waited += WAIT_STEP) {
        if (waited >= WAIT_MSEC) {
            fprintf(stderr, "sluice: the gate (pid %d) does not end\n", pid);
            return false;
        }
        poll(NULL, 0, WAIT_STEP);
    }
    return true;
}

static bool remove_tables(struct tables *t, struct error *e)
{
    *t = (struct tables){0};
    if (!ruleset_list(collect, t, e))
        return false;
    struct ruleset_socket *s = ruleset_open(e);
    bool ok = s != NULL;
    for (unsigned i = 0; ok && i < t->count; i++)
        ok = ruleset_remove(s, t->name[i], e);
    ruleset_close(s);
    return ok;
}

/* A service manager that kept the rules' socket for the next gate still has it for a moment. */
static bool remove_all(struct tables *t, struct error *e)
{
    for (int waited = 0; !remove_tables(t, e); waited += WAIT_STEP) {
        if (e->sys_errno != EPERM || waited >= WAIT_MSEC)
            return false;
        poll(NULL, 0, WAIT_STEP);
    }
    return true;
}

static int run(int argc, char **argv)
{
    struct options o = options_init(&command_down, argc, argv, false);
    static struct tables tables;
    struct error e = {0};
    const char *value;
    bool ran;
    for (int option; (option = options_next(&o, &value)) != OPTIONS_END;) {
        if (option == OPTIONS_OPERAND)
            fprintf(stderr, "sluice down: unexpected '%s'\n", value);
        return EXIT_INPUT;
    }
    if (geteuid() != 0) {
        fprintf(stderr, "sluice: down needs root\n");
        return EXIT_SLUICE;
    }
    if (!stop_gate(&ran))
        return EXIT_FINDING;
    if (!remove_all(&tables, &e)) {
        fprintf(stderr, "sluice: %s\n", e.text);
        return EXIT_FINDING;
    }
    if (ran)
        printf("gate ended; ");
    if (tables.count)
        printf("%u table%s removed: what they held is open now\n", tables.count, tables.count == 1 ? "" : "s");
    else
        printf("%s\n", ran ? "no table was left" : "no gate runs and no table of sluice's is there");
    if (tables.live)
        printf("%u running 'sluice run' left alone\n", tables.live);
    return 0;
}

const struct command command_down = {
    .name = "down",
    .usage = "",
    .summary = "end the gate and remove its rules",
    .text =
        "Ends the gate of this network namespace, if one runs, and removes every table of sluice's there, also what a "
        "killed gate left behind, closed. Rules of a 'sluice run' that is alive are left alone.",
    .option = options,
    .run = run,
};
