/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sluice import: other firewalls' configuration as a policy. */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/command.h"
#include "ctl/complaint.h"
#include "ctl/options.h"
#include "policy/import.h"
#include "policy/policy.h"
#include "policy/policy_match.h"

enum { OPTION_CGROUP, OPTION_JSON };

static const struct command_option options[] = {
    [OPTION_CGROUP] = {"--cgroup", "PATH",
                       "where the jobs run, for the policy's scopes; without it the usual place of a runner's service, "
                       "and no scope for cijail"},
    [OPTION_JSON] = {"--json", NULL, "print what was read as one JSON object, in place of the policy"},
    {NULL, NULL, NULL},
};

/* At most one byte more than an import may have, so that import_read says that it is too large. */
static bool read_file(const char *path, struct bytes *out, struct error *e)
{
    FILE *in = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
    uint8_t *text = malloc(IMPORT_BYTES_MAX + 1);
    if (!in || !text) {
        free(text);
        return error_set(e, ERROR_INPUT, errno, "cannot open %s", path);
    }
    size_t len = fread(text, 1, IMPORT_BYTES_MAX + 1, in);
    bool ok = !ferror(in) || error_set(e, ERROR_INPUT, errno, "cannot read %s", path);
    if (in != stdin)
        fclose(in);
    if (!ok) {
        free(text);
        return false;
    }
    *out = (struct bytes){text, len};
    return true;
}

/* What is printed is read back first: nobody is handed a policy that `sluice check` refuses. */
static char *policy_text(const struct import *i, const char *file, const char *cgroup, struct error *e)
{
    static const struct policy_system bare = {.resolvers = 1, .resolver = {{4, {192, 0, 2, 53}}}};
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    if (!out) {
        error_set(e, ERROR_SYSTEM, errno, "no memory for the policy");
        return NULL;
    }
    import_write(i, file, cgroup, out);
    fclose(out);
    struct policy_source source = {.file = "policy", .text = {(const uint8_t *)text, len}};
    struct policy *policy = text ? policy_compile(&source, 1, &bare, NULL, e) : NULL;
    if (!policy) {
        free(text);
        return NULL;
    }
    policy_free(policy);
    return text;
}

static json_t *facts(const struct import *i, const struct import_list *list, const char *key, uint32_t profile)
{
    json_t *array = json_array();
    for (unsigned k = 0; k < list->count; k++) {
        const struct import_fact *f = &list->fact[k];
        if (profile != IMPORT_WHOLE && f->profile != profile)
            continue;
        json_t *row = json_pack("{s:s, s:s, s:I, s:I}", key, f->text, "from", f->from, "line", (json_int_t)f->line,
                                "column", (json_int_t)f->column);
        if (profile == IMPORT_WHOLE && f->profile != IMPORT_WHOLE)
            json_object_set_new(row, "profile", json_string(i->profile[f->profile].name));
        json_array_append_new(array, row);
    }
    return array;
}

static void print_json(const struct import *i, const char *file)
{
    json_t *profiles = json_array(), *resolvers = json_array(), *notes = json_array();
    for (unsigned k = 0; k < i->profiles; k++) {
        const struct import_profile *p = &i->profile[k];
        json_array_append_new(profiles,
                              json_pack("{s:s, s:I, s:s, s:o}", "name", p->name, "line", (json_int_t)p->line, "mode",
                                        p->audit ? "audit" : "enforce", "allow", facts(i, &i->entry, "entry", k)));
    }
    if (i->system_resolver || i->resolvers == 0)
        json_array_append_new(resolvers, json_string("system"));
    for (unsigned k = 0; k < i->resolvers; k++) {
        char text[ADDRESS_TEXT_SIZE];
        address_format(&i->resolver[k], text);
        json_array_append_new(resolvers, json_string(text));
    }
    for (const char *const *note = import_notes(i->format); *note; note++)
        json_array_append_new(notes, json_string(*note));
    json_t *all = json_pack("{s:s, s:s, s:o, s:o, s:o, s:o, s:o}", "file", file, "format",
                            import_format_name(i->format), "profiles", profiles, "resolvers", resolvers,
                            "not_carried_over", facts(i, &i->lost, "text", IMPORT_WHOLE), "changed",
                            facts(i, &i->changed, "text", IMPORT_WHOLE), "notes", notes);
    char *text = all ? json_dumps(all, JSON_COMPACT | JSON_ENSURE_ASCII) : NULL;
    if (text)
        puts(text);
    free(text);
    json_decref(all);
}

static bool import_file(enum import_format format, const char *path, const char *cgroup, bool json, struct error *e)
{
    const char *file = strcmp(path, "-") == 0 ? "standard input" : path;
    struct import *i = calloc(1, sizeof *i);
    struct bytes source = {0};
    bool ok = i && read_file(path, &source, e) && import_read(format, file, source, i, e);
    char *text = ok ? policy_text(i, file, cgroup, e) : NULL;
    if (text && json)
        print_json(i, file);
    else if (text)
        fputs(text, stdout);
    if (text && !json && i->lost.count + i->changed.count)
        fprintf(stderr, "sluice: %u not carried over, %u carried over otherwise: the comments say which\n",
                i->lost.count, i->changed.count);
    if (ok)
        import_done(i);
    free((void *)(uintptr_t)source.at);
    free(text);
    free(i);
    return text != NULL;
}

static bool cgroup_is_good(const char *path)
{
    struct error why;
    size_t at;
    if (!policy_match_parse(POLICY_CGROUP, (struct bytes){(const uint8_t *)path, strlen(path)}, NULL, &at, &why)) {
        complaint(ERROR_INPUT, "--cgroup: %s", why.text);
        return false;
    }
    bool good = true;
    for (const char *c = path; good && *c; c++)
        good = *c > ' ' && *c < 0x7f && *c != '"' && *c != '\\';
    if (!good)
        complaint(ERROR_INPUT, "--cgroup takes a path below the cgroup mount, such as /system.slice/runner.service");
    return good;
}

static int run(int argc, char **argv)
{
    struct options o = options_init(&command_import, argc, argv, false);
    const char *value, *cgroup = NULL, *operand[2] = {NULL, NULL};
    unsigned operands = 0;
    bool json = false;
    enum import_format format;
    for (int option; (option = options_next(&o, &value)) != OPTIONS_END;) {
        if (option == OPTIONS_WRONG)
            return EXIT_INPUT;
        if (option == OPTION_CGROUP)
            cgroup = value;
        else if (option == OPTION_JSON)
            json = true;
        else if (operands++ < 2)
            operand[operands - 1] = value;
    }
    if (operands == 0 || operands > 2) {
        complaint(ERROR_INPUT, "import takes a format and a file; see sluice import --help");
        return EXIT_INPUT;
    }
    if (!import_format_find(operand[0], &format)) {
        const char *words[IMPORT_FORMATS];
        for (unsigned i = 0; i < IMPORT_FORMATS; i++)
            words[i] = import_format_name((enum import_format)i);
        const char *near = options_nearest(operand[0], words, IMPORT_FORMATS);
        complaint(ERROR_INPUT, "import reads bullfrog, harden-runner and cijail, not '%.60s'%s%s%s", operand[0],
                  near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
        return EXIT_INPUT;
    }
    if (operands == 1) {
        complaint(ERROR_INPUT, "import %s takes a file, or - for standard input", operand[0]);
        return EXIT_INPUT;
    }
    struct error e = {0};
    if (cgroup && !cgroup_is_good(cgroup))
        return EXIT_INPUT;
    if (import_file(format, operand[1], cgroup, json, &e))
        return 0;
    complaint_error(&e);
    return EXIT_INPUT;
}

const struct command command_import = {
    .name = "import",
    .section = 1,
    .usage = "[--cgroup PATH] [--json] bullfrog|harden-runner|cijail FILE",
    .summary = "print another firewall's configuration as a policy",
    .text =
        "Reads FILE (- is standard input) as configuration of bullfrog (a workflow with its steps, or its agent's "
        "flags), "
        "harden-runner (a workflow, or agent.json) or cijail (a shell script, .env file, Dockerfile or pipeline with "
        "CIJAIL_ENDPOINTS, or a plain list), and prints a policy that 'sluice check' accepts: a profile for each step. "
        "Its "
        "comments say how entries were read, what could not be carried over, and what means something else now. What "
        "was "
        "read is never made wider, but for URLs (their paths, an address in place of a name), and that is said. Exit "
        "status 0: a policy was printed; 2: FILE is wrong, with line and column.",
    .option = options,
    .run = run,
};
