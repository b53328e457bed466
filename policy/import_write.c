/* SPDX-License-Identifier: GPL-3.0-or-later */
/* An import as a policy file.  Entries are canonical endpoints and everything else that came from the file is printable
 * ASCII behind a #, so what stands in the file can neither end a comment nor begin a key. */
#include <stdbool.h>
#include <string.h>

#include "core/event.h"
#include "policy/import.h"

#define COLUMNS       110
#define COMMENT_AT    44
#define RUNNER_CGROUP "/system.slice/actions-runner.service"

/* A sentence as comment lines: the first begins with `first`, the others with "#" and `indent` - 1 blanks. */
static void wrap(FILE *out, const char *first, size_t indent, const char *text)
{
    size_t column = strlen(first);
    fputs(first, out);
    for (bool begin = true; *text;) {
        size_t len = strcspn(text, " ");
        if (!begin && column + len + 1 > COLUMNS) {
            fprintf(out, "\n#%*s", (int)indent - 1, "");
            column = indent;
        } else if (!begin) {
            fputc(' ', out);
            column++;
        }
        fwrite(text, 1, len, out);
        column += len;
        text += len;
        text += strspn(text, " ");
        begin = false;
    }
    fputc('\n', out);
}

static void write_facts(const struct import *i, const char *title, const struct import_list *list, FILE *out)
{
    char text[2000];
    if (list->count == 0)
        return;
    fprintf(out, "#\n# %s\n", title);
    for (unsigned k = 0; k < list->count; k++) {
        const struct import_fact *f = &list->fact[k];
        bool many = i->profiles > 1 && f->profile != IMPORT_WHOLE;
        snprintf(text, sizeof text, "line %u%s%s: %s%s%s", f->line, many ? ", profile " : "",
                 many ? i->profile[f->profile].name : "", f->from, *f->from ? ": " : "", f->text);
        wrap(out, "#   ", 6, text);
    }
}

/* Quoted where YAML would read more than a text. */
static int write_text(FILE *out, const char *text)
{
    size_t plain = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789./:_-");
    bool quote = text[plain] || text[0] == '-' || text[0] == ':' || text[0] == '.';
    return fprintf(out, quote ? "\"%s\"" : "%s", text);
}

static void write_profile(const struct import *i, unsigned profile, unsigned *next, FILE *out)
{
    uint32_t line = 0, place = 0;
    fputs("  ", out);
    write_text(out, i->profile[profile].name);
    fputs(":\n    allow:", out);
    if (*next == i->entry.count || i->entry.fact[*next].profile != profile)
        fputs(" []", out);
    fputc('\n', out);
    for (; *next < i->entry.count && i->entry.fact[*next].profile == profile; ++*next) {
        const struct import_fact *f = &i->entry.fact[*next];
        int column = fprintf(out, "      - ");
        column += write_text(out, f->text);
        if (f->line != line || f->column != place)
            fprintf(out, "%*s # line %u: %s", column < COMMENT_AT ? COMMENT_AT - column : 0, "", f->line, f->from);
        line = f->line;
        place = f->column;
        fputc('\n', out);
    }
}

static void write_resolvers(const struct import *i, FILE *out)
{
    char text[ADDRESS_TEXT_SIZE];
    if (i->resolvers == 0)
        return;
    fprintf(out, "resolvers: [%s", i->system_resolver ? "system, " : "");
    for (unsigned k = 0; k < i->resolvers; k++) {
        address_format(&i->resolver[k], text);
        fprintf(out, "%s\"%s\"", k ? ", " : "", text);
    }
    fputs("]\n", out);
}

/* Each profile needs a cgroup of its own: the first scope that matches claims a packet. */
static void write_scopes(const struct import *i, const char *cgroup, FILE *out)
{
    const char *where = cgroup ? cgroup : RUNNER_CGROUP;
    if (i->profiles > 1)
        wrap(out, "# ", 2,
             "Each of these jobs needs a cgroup of its own, below the runner's; a scope holds its cgroup and all "
             "below it.");
    fputs("scopes:\n", out);
    for (unsigned k = 0; k < i->profiles; k++) {
        const struct import_profile *p = &i->profile[k];
        fputs("  - name: ", out);
        write_text(out, p->name);
        fprintf(out, "\n    match: { cgroup: \"%s%s%s\" }%s\n    profile: ", where, i->profiles > 1 ? "/" : "",
                i->profiles > 1 ? p->name : "", cgroup ? "" : "   # where the job runs on this host: change it");
        write_text(out, p->name);
        fprintf(out, "\n    mode: %s\n", p->audit ? "audit" : "enforce");
    }
}

void import_write(const struct import *i, const char *file, const char *cgroup, FILE *out)
{
    char name[300], text[400];
    event_escape(file, name, sizeof name);
    snprintf(text, sizeof text, "Made from %s by 'sluice import %s'.  Read it through, then: sluice check FILE", name,
             import_format_name(i->format));
    wrap(out, "# ", 2, text);
    for (const char *const *note = import_notes(i->format); *note; note++) {
        fputs("#\n", out);
        wrap(out, "# ", 2, *note);
    }
    write_facts(i, "Not carried over:", &i->lost, out);
    write_facts(i, "Carried over, and means something else now:", &i->changed, out);
    fputs("version: 1\n", out);
    write_resolvers(i, out);
    fputs(i->profiles ? "profiles:\n" : "profiles: {}\n", out);
    unsigned next = 0;
    for (unsigned k = 0; k < i->profiles; k++)
        write_profile(i, k, &next, out);
    if (cgroup || i->format != IMPORT_CIJAIL)
        write_scopes(i, cgroup, out);
}
