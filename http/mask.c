/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Taking an offer of h2c out of a request head.  Interface: http/request.h. */
#include "http/request.h"

#include <string.h>

#include "http/field.h"

/* Names of the same length that no server knows (checked by _Static_assert below). */
#define MASK_UPGRADE  "X-Slc-U"
#define MASK_SETTINGS "X-Slc-Settings"
_Static_assert(sizeof MASK_UPGRADE == sizeof "Upgrade", "in place");
_Static_assert(sizeof MASK_SETTINGS == sizeof "HTTP2-Settings", "in place");

/* Overwrites `what`, which lies in `head`, when it is one of the two names. */
static bool mask_name(uint8_t *head, struct bytes what)
{
    const char *with = field_is(what, "upgrade")          ? MASK_UPGRADE
                       : field_is(what, "http2-settings") ? MASK_SETTINGS
                                                          : NULL;
    if (with)
        memcpy(head + (what.at - head), with, what.len);
    return with != NULL;
}

/* Walks the fields of a head.  Counts Upgrade fields and those that are exactly h2c; `mask`: overwrites.  False: the
 * head is not whole or not sound. */
static bool walk(uint8_t *head, size_t len, bool mask, unsigned *upgrades, unsigned *h2c)
{
    struct reader r = reader_init((struct bytes){head, len}, true);
    *upgrades = *h2c = 0;
    field_line(&r);
    for (;;) {
        struct bytes line = field_line(&r), option;
        struct field f;
        if (r.state != PARSE_OK)
            return false;
        if (line.len == 0)
            return true;
        if (!field_split(line, &f))
            return false;
        bool is_upgrade = field_is(f.name, "upgrade");
        *upgrades += is_upgrade;
        *h2c += is_upgrade && field_is(f.value, "h2c");
        if (!mask)
            continue;
        mask_name(head, f.name);
        struct reader list = reader_init(f.value, false);
        while (field_is(f.name, "connection") && field_next_element(&list, &option))
            mask_name(head, option);
    }
}

bool http_mask_h2c(uint8_t *head, size_t len)
{
    unsigned upgrades, h2c;
    if (!walk(head, len < HTTP_HEAD_MAX ? len : HTTP_HEAD_MAX, false, &upgrades, &h2c) || upgrades != 1 || h2c != 1)
        return false;
    return walk(head, len < HTTP_HEAD_MAX ? len : HTTP_HEAD_MAX, true, &upgrades, &h2c);
}
