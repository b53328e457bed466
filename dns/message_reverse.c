/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The reverse trees.  Interface: dns/message.h. */
#include <string.h>

#include "dns/message.h"

/* Takes the label that ends at *end off a name, from behind; empty at its start. */
static struct bytes message_last_label(const struct name *name, size_t *end)
{
    size_t stop = *end;
    const char *dot = stop ? memrchr(name->text, '.', stop) : NULL;
    size_t start = dot ? (size_t)(dot - name->text) + 1 : 0;
    *end = dot ? start - 1 : 0;
    return (struct bytes){(const uint8_t *)name->text + start, stop - start};
}

static bool message_octet_parse(struct bytes label, uint8_t *out)
{
    unsigned value = 0;
    if (label.len == 0 || label.len > 3 || (label.len > 1 && label.at[0] == '0'))
        return false;
    for (size_t i = 0; i < label.len; i++) {
        if (label.at[i] < '0' || label.at[i] > '9')
            return false;
        value = value * 10 + (unsigned)(label.at[i] - '0');
    }
    *out = (uint8_t)value;
    return value <= 255;
}

static bool message_nibble_parse(struct bytes label, uint8_t *out)
{
    static const char digits[] = "0123456789abcdef";
    const char *found = label.len == 1 ? memchr(digits, label.at[0], 16) : NULL;
    if (found)
        *out = (uint8_t)(found - digits);
    return found != NULL;
}

/* RFC 1035 s3.5 and RFC 3596 s2.5: whole addresses only, in the one form that resolvers ask. */
bool message_reverse_address(const struct name *name, struct address *out)
{
    static const struct name trees[] = {{12, "in-addr.arpa"}, {8, "ip6.arpa"}};
    struct address a = {0};
    size_t end;
    if (name_is_below(name, &trees[0])) {
        a.family = 4;
        end = (size_t)name->len - trees[0].len - 1;
        for (size_t i = 0; i < 4; i++) {
            if (!message_octet_parse(message_last_label(name, &end), &a.octets[i]))
                return false;
        }
    } else if (name_is_below(name, &trees[1])) {
        a.family = 6;
        end = (size_t)name->len - trees[1].len - 1;
        for (size_t i = 0; i < 32; i++) {
            uint8_t nibble;
            if (!message_nibble_parse(message_last_label(name, &end), &nibble))
                return false;
            a.octets[i / 2] = (uint8_t)(a.octets[i / 2] << 4 | nibble);
        }
    } else {
        return false;
    }
    if (end != 0)
        return false;
    *out = a;
    return true;
}
