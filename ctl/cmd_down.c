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
#include "ctl/complaint.h"
#include "ctl/control.h"
#include "ctl/jobs.h"
#include "ctl/number.h"
#include "ctl/options.h"
#include "nft/ruleset.h"

#define TABLES_MAX 512
#define WAIT_MSEC  5000
#define WAIT_STEP  20
#define RUN_PREFIX RULESET_TABLE "_run_"

enum { OPTION_JSON };

static const struct command_option options[] = {
    [OPTION_JSON] = {"--json", NULL, "print one JSON object: whether a gate was ended, how many tables were removed"},
    {NULL, NULL, NULL},
};

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
        complaint_error(&e);
        return false;
    }
    for (int waited = 0; number_gate_lives(&pid); waited += WAIT_STEP) {
        if (waited >= WAIT_MSEC) {
            complaint(ERROR_SYSTEM, "the gate (pid %d) does not end", pid);
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

static void print_facts(const struct tables *tables, bool ran)
{
    if (ran)
        printf("gate ended; ");
    if (tables->count)
        printf("%u table%s removed: what they held is open now\n", tables->count, tables->count == 1 ? "" : "s");
    else
        printf("%s\n", ran ? "no table was left" : "no gate runs and no table of sluice's is there");
    if (tables->live)
        printf("%u running 'sluice run' left alone\n", tables->live);
}

static int run(int argc, char **argv)
{
    struct options o = options_init(&command_down, argc, argv, false);
    static struct tables tables;
    struct error e = {0};
    const char *value;
    bool ran;
    bool json = false;
    for (int option; (option = options_next(&o, &value)) != OPTIONS_END;) {
        if (option == OPTIONS_OPERAND)
            complaint(ERROR_INPUT, "down takes no operand; '%s' is one", value);
        if (option < 0)
            return EXIT_INPUT;
        json = true;
    }
    if (geteuid() != 0) {
        complaint(ERROR_SYSTEM, "down needs root");
        return EXIT_SLUICE;
    }
    if (!stop_gate(&ran))
        return EXIT_FINDING;
    if (!remove_all(&tables, &e)) {
        complaint_error(&e);
        return EXIT_FINDING;
    }
    if (!number_gate_lives(NULL)) /* one that was started meanwhile has its own */
        jobs_kept_forget();
    if (json) {
        json_t *facts = json_pack("{s:b, s:b, s:i, s:i}", "ok", 1, "gate_ended", (int)ran, "tables_removed",
                                  (int)tables.count, "runs_left", (int)tables.live);
        json_dumpf(facts, stdout, JSON_COMPACT);
        putchar('\n');
        json_decref(facts);
        return 0;
    }
    print_facts(&tables, ran);
    return 0;
}
const struct command command_down = {
    .name = "down",
    .usage = "[--json]",
    .summary = "end the gate and remove its rules",
    .text =
        "Ends the gate of this network namespace, if one runs, and removes every table of sluice's there, also what a "
        "killed gate left behind, closed. Rules of a 'sluice run' that is alive are left alone.",
    .option = options,
    .run = run,
};
