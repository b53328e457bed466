/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "http/field.h"

#include <string.h>

enum { DIGITS_MAX = 18 };

struct bytes field_line(struct reader *r)
{
    struct reader start = *r;
    size_t len = 0;
    for (;;) {
        uint8_t c = reader_u8(r);
        if (r->state != PARSE_OK)
            return (struct bytes){0};
        if (c == '\r')
            break;
        if ((c < ' ' && c != '\t') || c == 0x7f) {
            reader_fail(r);
            return (struct bytes){0};
        }
        len++;
    }
    uint8_t c = reader_u8(r);
    if (c != '\n')
        reader_fail(r);
    return r->state == PARSE_OK ? reader_bytes(&start, len) : (struct bytes){0};
}

bool field_is_token_byte(uint8_t c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           (c && strchr("!#$%&'*+-.^_`|~", c));
}

static bool is_space(uint8_t c)
{
    return c == ' ' || c == '\t';
}

/* `in` without space at its ends. */
static struct bytes trim(struct bytes in)
{
    size_t skip = 0, len = in.len;
    while (skip < len && is_space(in.at[skip]))
        skip++;
    while (len > skip && is_space(in.at[len - 1]))
        len--;
    struct reader r = reader_init(in, false);
    reader_bytes(&r, skip);
    return reader_bytes(&r, len - skip);
}

bool field_split(struct bytes line, struct field *out)
{
    size_t name_len = 0;
    while (name_len < line.len && field_is_token_byte(line.at[name_len]))
        name_len++;
    struct reader r = reader_init(line, false);
    out->name = reader_bytes(&r, name_len);
    if (name_len == 0 || reader_u8(&r) != ':')
        return false;
    struct bytes raw = reader_bytes(&r, reader_left(&r));
    out->value = trim(raw);
    size_t spaces = 0;
    while (spaces < raw.len && raw.at[spaces] == ' ')
        spaces++;
    out->value_is_plain = spaces + out->value.len == raw.len;
    return true;
}

uint8_t field_normal_byte(uint8_t c)
{
    if (c >= 'A' && c <= 'Z')
        return (uint8_t)(c - 'A' + 'a');
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ? c : '-';
}

bool field_is(struct bytes text, const char *lower)
{
    if (text.len != strlen(lower))
        return false;
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.at[i];
        if ((c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c) != (uint8_t)lower[i])
            return false;
    }
    return true;
}

bool field_resembles(struct bytes text, const char *lower)
{
    if (text.len != strlen(lower))
        return false;
    for (size_t i = 0; i < text.len; i++)
        if (field_normal_byte(text.at[i]) != (uint8_t)lower[i])
            return false;
    return true;
}

bool field_next_element(struct reader *list, struct bytes *out)
{
    if (reader_left(list) == 0)
        return false;
    struct reader start = *list;
    size_t len = 0;
    while (reader_left(list) > 0 && reader_u8(list) != ',')
        len++;
    *out = trim(reader_bytes(&start, len));
    return true;
}

bool field_number(struct bytes text, uint64_t *out)
{
    uint64_t value = 0;
    if (text.len == 0 || text.len > DIGITS_MAX || (text.len > 1 && text.at[0] == '0'))
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] < '0' || text.at[i] > '9')
            return false;
        value = value * 10 + (uint64_t)(text.at[i] - '0');
    }
    *out = value;
    return true;
}
