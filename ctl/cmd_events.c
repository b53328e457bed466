/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sluice events: an events file as lines for people. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/log.h"
#include "ctl/command.h"
#include "ctl/complaint.h"
#include "ctl/eventfile.h"
#include "ctl/options.h"

enum { OPTION_FOLLOW, OPTION_JSON, OPTION_SCOPE, OPTION_VERDICT };

static const struct command_option options[] = {
    [OPTION_FOLLOW] = {"-f, --follow", NULL, "go on with what is appended, until interrupted"},
    [OPTION_JSON] = {"--json", NULL, "print the events' own lines"},
    [OPTION_SCOPE] = {"--scope", "SCOPE", "only of this scope"},
    [OPTION_VERDICT] = {"--verdict", "allow,deny,would_deny,ignored", "only with one of these verdicts"},
    {NULL, NULL, NULL},
};

struct wanted {
    const char *scope;
    bool verdict[VERDICT_COUNT], json;
    bool seen; /* an event of that scope */
};

static bool print(void *ctx, const char *line, const struct event *e)
{
    struct wanted *w = ctx;
    char text[2048], day[32] = "", scope[4 * EVENT_SCOPE_SIZE + 1];
    time_t seconds = (time_t)(e->time_usec / 1000000);
    struct tm parts;
    if (w->scope && strcmp(w->scope, e->scope) != 0)
        return true;
    w->seen = true;
    if (!w->verdict[e->verdict])
        return true;
    if (w->json)
        return puts(line) >= 0;
    if (gmtime_r(&seconds, &parts))
        strftime(day, sizeof day, "%Y-%m-%dT%H:%M:%SZ", &parts);
    event_escape(e->scope, scope, sizeof scope);
    event_to_line(e, false, text, sizeof text);
    return printf("%s  %-12s  %s\n", day, scope, text) >= 0;
}

static bool take_verdicts(const char *text, struct wanted *w)
{
    memset(w->verdict, 0, sizeof w->verdict);
    while (*text) {
        size_t len = strcspn(text, ",");
        unsigned i = 0;
        while (i < VERDICT_COUNT &&
               (strlen(verdict_name((enum verdict)i)) != len || memcmp(verdict_name((enum verdict)i), text, len) != 0))
            i++;
        if (i == VERDICT_COUNT) {
            complaint(ERROR_INPUT, "--verdict takes allow, deny, would_deny and ignored, not '%.*s'",
                      (int)(len < 60 ? len : 60), text);
            return false;
        }
        w->verdict[i] = true;
        text += len;
        text += *text != 0;
    }
    return true;
}

static int run(int argc, char **argv)
{
    struct options o = options_init(&command_events, argc, argv, false);
    struct wanted wanted = {.verdict = {true, true, true, true}};
    const char *value, *file = NULL;
    bool follow = false;
    for (int option; (option = options_next(&o, &value)) != OPTIONS_END;) {
        if (option == OPTIONS_WRONG || (option == OPTION_VERDICT && !take_verdicts(value, &wanted)))
            return EXIT_INPUT;
        if (option == OPTION_FOLLOW) {
            follow = true;
        } else if (option == OPTION_JSON) {
            wanted.json = true;
        } else if (option == OPTION_SCOPE) {
            wanted.scope = value;
        } else if (option == OPTIONS_OPERAND && file) {
            complaint(ERROR_INPUT, "events takes one file");
            return EXIT_INPUT;
        } else if (option == OPTIONS_OPERAND) {
            file = value;
        }
    }
    struct error e = {0};
    unsigned long unread;
    if (!eventfile_read(file ? file : EVENTFILE_DEFAULT, follow, print, &wanted, &unread, &e)) {
        complaint_error(&e);
        return EXIT_INPUT;
    }
    if (wanted.scope && !wanted.seen)
        log_note("no event there is of scope \"%s\"", wanted.scope);
    if (unread)
        fprintf(stderr, "sluice: %lu lines are no events of sluice\n", unread);
    return 0;
}

const struct command command_events = {
    .name = "events",
    .usage = "[-f] [--json] [--scope SCOPE] [--verdict VERDICTS] [FILE]",
    .summary = "print an events file for people",
    .text = "Reads FILE, an events file that run --events or gate --events wrote (- is standard input; without one "
            "/var/log/sluice/events.json, where the gate's unit has it), and prints a line for each event: when (UTC), "
            "which scope, the verdict, what, who, why. An audited scope's would_deny is what enforcing would refuse. "
            "Exit status 0: printed; 2: FILE cannot be read.",
    .option = options,
    .run = run,
};
