/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "policy/suffix.h"

#include <stdio.h>

#include <libpsl.h>

static bool is_suffix(const char *name, int section)
{
    return psl_is_public_suffix2(psl_builtin(), name, section | PSL_TYPE_NO_STAR_RULE) != 0;
}

enum suffix suffix_of(const struct name *zone)
{
    /* "*.ck" in the list makes every name directly below ck a suffix; a label that no exception names shows it. */
    char below[NAME_MAX_BYTES + 32];
    snprintf(below, sizeof below, "sluice-any-label.%s", zone->text);
    if (is_suffix(zone->text, PSL_TYPE_ICANN) || is_suffix(below, PSL_TYPE_ICANN))
        return SUFFIX_REGISTRY;
    if (is_suffix(zone->text, PSL_TYPE_PRIVATE) || is_suffix(below, PSL_TYPE_PRIVATE))
        return SUFFIX_PRIVATE;
    return SUFFIX_NONE;
}
