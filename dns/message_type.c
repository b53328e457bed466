/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Names of query types, and the reverse trees. */
#include <stdbool.h> /* before ldns.h, which else makes _Bool a signed char */
#include <ldns/ldns.h>
#include <stdio.h>
#include <string.h>

#include "dns/message.h"

#define MESSAGE_TYPE_NAME_SIZE 16

/* Query types that stand for no record (RFC 1035 s3.2.3, RFC 1995): ldns does not list them among its forms. */
static const struct {
    uint16_t type;
    const char *name;
} message_query_types[] = {{251, "IXFR"}, {252, "AXFR"}, {253, "MAILB"}, {254, "MAILA"}, {255, "ANY"}};

const char *message_type_name(uint16_t type, char buffer[16])
{
    for (size_t i = 0; i < sizeof message_query_types / sizeof *message_query_types; i++) {
        if (message_query_types[i].type == type) {
            snprintf(buffer, MESSAGE_TYPE_NAME_SIZE, "%s", message_query_types[i].name);
            return buffer;
        }
    }
    const char *known = ldns_rr_descript(type)->_name;
    if (known && strlen(known) < MESSAGE_TYPE_NAME_SIZE)
        snprintf(buffer, MESSAGE_TYPE_NAME_SIZE, "%s", known);
    else
        snprintf(buffer, MESSAGE_TYPE_NAME_SIZE, "TYPE%u", type);
    return buffer;
}

/* RFC 3597 s5: "TYPE" and a decimal number. */
static bool message_type_parse_number(const char *text, uint16_t *type)
{
    unsigned value = 0;
    size_t digits = strspn(text, "0123456789");
    if (digits == 0 || digits > 5 || text[digits] || (digits > 1 && text[0] == '0'))
        return false;
    for (size_t i = 0; i < digits; i++)
        value = value * 10 + (unsigned)(text[i] - '0');
    if (value == 0 || value > UINT16_MAX)
        return false;
    *type = (uint16_t)value;
    return true;
}

bool message_type_parse(struct bytes text, uint16_t *type)
{
    char copy[MESSAGE_TYPE_NAME_SIZE], name[MESSAGE_TYPE_NAME_SIZE];
    if (text.len == 0 || text.len >= sizeof copy || memchr(text.at, 0, text.len))
        return false;
    memcpy(copy, text.at, text.len);
    copy[text.len] = 0;
    if (strncasecmp(copy, "TYPE", 4) == 0)
        return message_type_parse_number(copy + 4, type);
    for (size_t i = 0; i < sizeof message_query_types / sizeof *message_query_types; i++) {
        if (strcasecmp(message_query_types[i].name, copy) == 0) {
            *type = message_query_types[i].type;
            return true;
        }
    }
    uint16_t found = (uint16_t)ldns_get_rr_type_by_name(copy);
    if (found == 0 || strcasecmp(message_type_name(found, name), copy) != 0)
        return false;
    *type = found;
    return true;
}

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
