/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/run_policy.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/log.h"
#include "ctl/rules.h"
#include "policy/endpoint.h"

#define SOURCE_NAME   "command line"
#define PROFILE       "command-line"
#define ALLOW_LINE    5                            /* of the first endpoint in the text that write_source makes */
#define ALLOW_INDENT  6                            /* "    - " */
#define SUFFIX_ADVICE "or add allow_public_suffix" /* as policy/policy_profile.c says */

void run_policy_init(struct run_policy *r)
{
    *r = (struct run_policy){0};
}

void run_policy_done(struct run_policy *r)
{
    free(r->allow);
    free(r->environment);
    *r = (struct run_policy){0};
}

static bool remark(void *ctx, const struct endpoint *ep)
{
    if (endpoint_is_single_label(ep))
        log_note("%s: \"%s\" " ENDPOINT_SINGLE_LABEL, (const char *)ctx, ep->name.text);
    return true;
}

bool run_policy_allow(struct run_policy *r, const char *text, const char *origin, struct error *e)
{
    struct error why = {0};
    size_t column = 0;
    for (const char *c = text; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            return error_set(e, ERROR_INPUT, 0, "%s: column %zu: a control character", origin, (size_t)(c - text) + 1);
    if (!endpoint_parse((struct bytes){(const uint8_t *)text, strlen(text)}, remark, (void *)(uintptr_t)origin, &column,
                        &why))
        return error_set(e, ERROR_INPUT, 0, "%s: column %zu: %s\n  %s\n  %*s^", origin, column ? column : 1, why.text,
                         text, column ? (int)column - 1 : 0, "");
    if (r->allows == RUN_POLICY_ALLOW_MAX)
        return error_set(e, ERROR_LIMIT, 0, "more than %d endpoints; write a policy file", RUN_POLICY_ALLOW_MAX);
    if ((r->allows & (r->allows - 1)) == 0) {
        size_t size = r->allows ? 2 * r->allows : 1;
        struct run_policy_allow *grown = reallocarray(r->allow, size, sizeof *grown);
        if (!grown)
            return error_set(e, ERROR_SYSTEM, ENOMEM, "cannot read the endpoints");
        r->allow = grown;
    }
    struct run_policy_allow *row = &r->allow[r->allows++];
    row->text = text;
    snprintf(row->origin, sizeof row->origin, "%s", origin);
    return true;
}

bool run_policy_environment(struct run_policy *r, const char *value, struct error *e)
{
    r->environment = strdup(value);
    if (!r->environment)
        return error_set(e, ERROR_SYSTEM, ENOMEM, "cannot read SLUICE_ALLOW");
    char *line = r->environment;
    for (unsigned number = 1; line; number++) {
        char *next = strchr(line, '\n'), origin[40];
        if (next)
            *next++ = 0;
        line[strcspn(line, "#\r")] = 0;
        line += strspn(line, " \t");
        for (size_t len = strlen(line); len && (line[len - 1] == ' ' || line[len - 1] == '\t'); len--)
            line[len - 1] = 0;
        snprintf(origin, sizeof origin, "SLUICE_ALLOW line %u", number);
        if (*line && !run_policy_allow(r, line, origin, e))
            return false;
        line = next;
    }
    return true;
}

static void quote(FILE *out, const char *text)
{
    fputc('\'', out);
    for (; *text; text++) {
        if (*text == '\'')
            fputc('\'', out);
        fputc(*text, out);
    }
    fputc('\'', out);
}

/* The YAML of what the command line says.  `base`: the profile of the file that it widens, or NULL. */
static char *write_source(const struct run_policy *r, const char *base, const char *scope, const char *cgroup,
                          const char *interface)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        return NULL;
    fprintf(out, "version: 1\nprofiles:\n  " PROFILE ":\n    allow:%s\n", r->allows ? "" : " []");
    for (unsigned i = 0; i < r->allows; i++) {
        fprintf(out, "    - ");
        quote(out, r->allow[i].text);
        fputc('\n', out);
    }
    if (base) {
        fprintf(out, "    extends: ");
        quote(out, base);
        fputc('\n', out);
    }
    fprintf(out, "%s%s", r->quic_judge ? "    quic: judge\n" : "", r->ech_outer ? "    ech: outer\n" : "");
    fprintf(out, "scopes:\n  - name: %s\n    profile: " PROFILE "\n    mode: %s\n    match:\n      cgroup: ", scope,
            r->audit ? "audit" : "enforce");
    quote(out, cgroup);
    if (interface[0]) {
        fprintf(out, "\n      interface: ");
        quote(out, interface);
    }
    fputc('\n', out);
    if (r->resolvers) {
        fprintf(out, "    resolvers:\n");
        for (unsigned i = 0; i < r->resolvers; i++) {
            fprintf(out, "    - ");
            quote(out, r->resolver[i]);
            fputc('\n', out);
        }
    }
    if (fclose(out) != 0) {
        free(text);
        return NULL;
    }
    return text;
}

/* "command line:7:9: why\n…" is told as "--allow: column 3: why". */
static void translate(const struct run_policy *r, struct error *e)
{
    struct error told = *e;
    const char *prefix = SOURCE_NAME ":";
    unsigned line, column;
    int used = 0;
    if (strncmp(e->text, prefix, strlen(prefix)) != 0 ||
        sscanf(e->text + strlen(prefix), "%u:%u: %n", &line, &column, &used) != 2 || !used)
        return;
    const char *why = e->text + strlen(prefix) + used, *after = strstr(why, SUFFIX_ADVICE);
    int len = (int)strcspn(why, "\n");
    char advised[sizeof e->text];
    if (after && after < why + len) { /* there is no key on a command line */
        after += strlen(SUFFIX_ADVICE);
        snprintf(advised, sizeof advised, "%.*sor give a policy file by -p that says allow_public_suffix%.*s",
                 (int)(after - strlen(SUFFIX_ADVICE) - why), why, (int)(why + len - after), after);
        why = advised;
        len = (int)strlen(why);
    }
    if (line >= ALLOW_LINE && line < ALLOW_LINE + r->allows) {
        const struct run_policy_allow *row = &r->allow[line - ALLOW_LINE];
        unsigned at = column > ALLOW_INDENT + 1 ? column - ALLOW_INDENT - 1 : 1;
        error_set(&told, ERROR_INPUT, 0, "%s: column %u: %.*s\n  %s\n  %*s^", row->origin, at, len, why, row->text,
                  (int)at - 1, "");
    } else {
        error_set(&told, ERROR_INPUT, 0, "%.*s", len, why);
    }
    *e = told;
}

/* The profile of the file that the run takes. */
static const char *choose_profile(const struct run_policy *r, const struct policy *policy, struct error *e)
{
    const struct policy_profile *p = policy_profile_find(policy, r->profile ? r->profile : "default");
    if (p)
        return p->name;
    if (r->profile)
        error_set(e, ERROR_INPUT, 0, "%s has no profile \"%s\"", r->file, r->profile);
    else if ((p = policy_profile_only(policy)))
        return p->name;
    else
        error_set(e, ERROR_INPUT, 0, "%s has %u profiles and none is named default: choose one with --profile", r->file,
                  policy->profiles);
    return NULL;
}

/* In a phase only what it allows is allowed, and no --allow. */
static bool check_phase(const struct run_policy *r, const struct policy *file, const char *profile, struct error *e)
{
    if (!r->phase)
        return true;
    if (!file)
        return error_set(e, ERROR_INPUT, 0, "--phase needs a policy file (-p), whose profile has phases");
    if (strlen(r->phase) >= POLICY_PHASE_SIZE || !policy_phase_find(file, policy_profile_find(file, profile), r->phase))
        return error_set(e, ERROR_INPUT, 0, "%s: profile \"%s\" has no phase \"%s\"", r->file, profile, r->phase);
    return r->allows == 0 ||
           error_set(e, ERROR_INPUT, 0, "%s: in phase \"%s\" only what it allows is allowed; write it there",
                     r->allow[0].origin, r->phase);
}

static void set_id(struct policy_ids *ids, const char *scope, uint16_t id, const char *phase)
{
    memset(ids, 0, sizeof *ids);
    ids->first = 1;
    ids->last = id; /* the file's own scopes get ids too, and no packet */
    ids->count = 1;
    ids->row[0].id = id;
    snprintf(ids->row[0].name, sizeof ids->row[0].name, "%s", scope);
    snprintf(ids->row[0].phase, sizeof ids->row[0].phase, "%s", phase ? phase : "");
}

/* Adds the command line to a bundle that has the file (`file` compiled), or stands alone. */
static bool make_bundle(const struct run_policy *r, const struct policy *file, struct bytes file_bundle,
                        const struct policy_system *system, uint16_t id, const char *cgroup, const char *interface,
                        struct policy_ids *ids, struct bytes *out, struct error *e)
{
    const char *base = NULL;
    char scope[64] = RULES_RUN_SCOPE;
    if ((file && !(base = choose_profile(r, file, e))) || !check_phase(r, file, base, e))
        return false;
    for (unsigned i = 0; file && i < file->scopes; i++)
        if (strcmp(file->scope[i].name, RULES_RUN_SCOPE) == 0)
            snprintf(scope, sizeof scope, RULES_RUN_SCOPE "-%u", (unsigned)id);
    set_id(ids, scope, id, r->phase);
    char *text = write_source(r, base, scope, cgroup, interface);
    if (!text)
        return error_set(e, ERROR_SYSTEM, ENOMEM, "cannot make the policy");
    struct policy_source source = {.file = SOURCE_NAME, .text = {(const uint8_t *)text, strlen(text)}};
    struct policy_bundle_change more = {.more = &source};
    bool ok = file ? policy_bundle_change(file_bundle, &more, ids, out, e)
                   : policy_bundle_make(&source, 1, system, ids, out, e);
    free(text);
    return ok;
}

bool run_policy_make(const struct run_policy *r, uint16_t id, const char *cgroup, const char *interface,
                     struct policy_ids *ids, struct bytes *bundle, struct policy **policy, struct error *e)
{
    struct policy_system *system = calloc(1, sizeof *system);
    struct bytes file_bundle = {0}, made = {0};
    struct policy *file = NULL, *compiled = NULL;
    bool ok = system || error_set(e, ERROR_SYSTEM, ENOMEM, "cannot make the policy");
    ok = ok && policy_system_read("/etc/resolv.conf", system, e);
    if (ok && r->file) {
        ok = policy_bundle_load(r->file, system, NULL, &file_bundle, e);
        file = ok ? policy_from_bundle(file_bundle, e) : NULL;
        ok = file != NULL;
    }
    ok = ok && make_bundle(r, file, file_bundle, system, id, cgroup, interface, ids, &made, e);
    if (ok) {
        compiled = policy_from_bundle(made, e);
        ok = compiled != NULL;
        if (!ok)
            translate(r, e);
    }
    policy_free(file);
    free((void *)(uintptr_t)file_bundle.at);
    free(system);
    if (ok) {
        *bundle = made;
        *policy = compiled;
    } else {
        free((void *)(uintptr_t)made.at);
    }
    return ok;
}
