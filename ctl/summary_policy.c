/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What would have allowed what was refused, as lines of a policy file.  Interface: ctl/summary.h. */
#include <string.h>

#include "ctl/summary_state.h"

#define ENTRY_COLUMN 40 /* of the comment behind an entry */

/* As a scalar of YAML: quoted where it would be read as something else. */
static void print_entry(const char *text, bool in_phase, FILE *out)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:/+";
    char escaped[4 * EVENT_RULE_SIZE + 1];
    size_t n = event_escape(text, escaped, sizeof escaped);
    bool quote = strspn(escaped, plain) != n || strchr("-:", escaped[0]);
    int column = fprintf(out, "%s      - %s", in_phase ? "    " : "", quote ? "'" : "");
    for (size_t i = 0; i < n; i++)
        column += fprintf(out, "%s%c", escaped[i] == '\'' ? "'" : "", escaped[i]);
    column += fprintf(out, "%s", quote ? "'" : "");
    fprintf(out, "%*s # ", column < ENTRY_COLUMN ? ENTRY_COLUMN - column : 0, "");
}

/* Behind an entry: how often, by whom. */
static void print_who(const struct summary_row *finding, FILE *out)
{
    fprintf(out, "%llu time%s", (unsigned long long)finding->count, summary_plural(finding->count));
    if (finding->process[0]) {
        fputs(", by ", out);
        summary_print_escaped(finding->process, out);
    }
    if (finding->package[0]) {
        fputs(", package ", out);
        summary_print_escaped(finding->package, out);
    }
    fputc('\n', out);
}

static void print_offers(const struct summary *s, bool settings, FILE *out)
{
    size_t index;
    for (const struct summary_row *h = s->table[SUMMARY_HINT].first; h; h = h->next) {
        if (!summary_offers(s, h) || summary_is_setting(h->text, &index) != settings)
            continue;
        if (settings) {
            fputs("# a setting beside allow: would have sufficed: ", out);
            summary_print_escaped(h->text, out);
            fputs("  # ", out);
        } else {
            print_entry(h->text, h->phase[0], out);
        }
        print_who(h->finding, out);
    }
}

static void print_apart(const struct summary *s, enum summary_apart apart, FILE *out)
{
    static const char *const heading[] = {
        [SUMMARY_PRIVATE] = "these stand for private addresses; if those are yours, it takes NAME@RANGE:",
        [SUMMARY_ATTACK] = "these look like attacks and are not offered:",
        [SUMMARY_BARE] = "no entry is offered for these:",
    };
    if (summary_any(s, apart))
        fprintf(out, "# %s\n", heading[apart]);
    for (const struct summary_row *r = s->table[SUMMARY_REFUSED].first; r; r = r->next) {
        if (!summary_is(r, apart))
            continue;
        fputs("#", out);
        summary_print_reason(r, apart == SUMMARY_BARE ? r->bare : r->reason, out);
        fputc('\n', out);
    }
}

void summary_print_policy(const struct summary *s, const char *scope, const char *phase, FILE *out)
{
    fputs("# scope ", out);
    summary_print_escaped(scope[0] ? scope : "(none)", out);
    if (phase[0]) {
        fputs(", phase ", out);
        summary_print_escaped(phase, out);
    }
    fprintf(out, ": %llu refusal%s; under allow: of its profile%s\n", (unsigned long long)s->denied,
            summary_plural(s->denied), phase[0] ? "'s phase" : "");
    print_offers(s, false, out);
    print_offers(s, true, out);
    for (enum summary_apart a = 0; a < SUMMARY_APARTS; a++)
        print_apart(s, a, out);
}
