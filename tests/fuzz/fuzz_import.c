/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any bytes as another firewall's configuration: refused with "file:line:column: ", or made into a policy that compiles
 * and allows no more than what was read says.  The first byte chooses the format. */
#include <stdlib.h>
#include <string.h>

#include "policy/import.h"
#include "policy/policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct policy_system system_one = {.resolvers = 1, .resolver = {{4, {192, 0, 2, 53}}}};

static void check_text(const char *text)
{
    for (; *text; text++)
        if (*text < ' ' || *text > '~')
            abort();
}

static void check_list(const struct import *i, const struct import_list *list)
{
    for (unsigned k = 0; k < list->count; k++) {
        const struct import_fact *f = &list->fact[k];
        if ((f->profile >= i->profiles && f->profile != IMPORT_WHOLE) || f->line < 1 || f->column < 1)
            abort();
        check_text(f->from);
        check_text(f->text);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct import i;
    struct error e = {0};
    char *text = NULL;
    size_t len = 0;
    if (size < 1)
        return 0;
    struct bytes source = {data + 1, size - 1};
    if (!import_read((enum import_format)(data[0] % IMPORT_FORMATS), "file", source, &i, &e)) {
        if (e.code == ERROR_NONE || strncmp(e.text, "file:", 5) != 0)
            abort();
        return 0;
    }
    check_list(&i, &i.entry);
    check_list(&i, &i.changed);
    check_list(&i, &i.lost);
    for (unsigned p = 1; p < i.profiles; p++)
        if (strcmp(i.profile[p].name, i.profile[p - 1].name) == 0)
            abort();
    FILE *out = open_memstream(&text, &len);
    if (!out)
        abort();
    import_write(&i, "a\nb: c", data[0] & 0x80 ? "/ci.slice" : NULL, out);
    fclose(out);
    struct policy_source written = {.file = "policy.yaml", .text = {(const uint8_t *)text, len}};
    struct policy *policy = policy_compile(&written, 1, &system_one, NULL, &e);
    if (!policy || policy->profiles != i.profiles)
        abort(); /* what sluice import prints, sluice check accepts */
    policy_free(policy);
    free(text);
    import_done(&i);
    return 0;
}
