/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/policy_build.h"
#include "policy/text.h"

bool policy_no_memory(struct error *e)
{
    return error_set(e, ERROR_LIMIT, 0, "no memory for the policy");
}

char *policy_copy(struct bytes text)
{
    return strndup((const char *)text.at, text.len);
}

bool policy_choose(const struct document *d, uint32_t node, const char *what, const char *const *words, unsigned *out,
                   struct error *e)
{
    char list[100] = "", quoted[TEXT_QUOTE_SIZE];
    size_t len = 0;
    if (!node)
        return true;
    struct bytes text = document_text(d, node);
    for (unsigned i = 0; words[i]; i++) {
        if (text.len == strlen(words[i]) && memcmp(text.at, words[i], text.len) == 0) {
            *out = i;
            return true;
        }
        len += (size_t)snprintf(list + len, sizeof list - len, "%s%s", i ? " or " : "", words[i]);
    }
    if (d->node[node].kind != DOCUMENT_TEXT || text.len == 0)
        return document_wrong(d, node, 0, e, "%s is %s", what, list);
    return document_wrong(d, node, 0, e, "%s is %s, not \"%s\"", what, list, text_quote(text, quoted));
}

static unsigned digit_value(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - (unsigned)'0';
    if (c >= 'a' && c <= 'f')
        return c - (unsigned)'a' + 10;
    return c >= 'A' && c <= 'F' ? c - (unsigned)'A' + 10 : 16;
}

bool policy_number(const struct document *d, uint32_t node, const char *what, uint32_t min, uint32_t max, uint32_t *out,
                   struct error *e)
{
    char quoted[TEXT_QUOTE_SIZE];
    if (!node)
        return true;
    struct bytes text = document_text(d, node);
    bool hex = text.len > 2 && text.at[0] == '0' && text.at[1] == 'x';
    uint64_t value = 0;
    bool good = d->node[node].kind == DOCUMENT_TEXT && text.len > 0 && text.len <= 12;
    for (size_t i = hex ? 2 : 0; good && i < text.len; i++) {
        unsigned digit = digit_value(text.at[i]);
        good = digit < (hex ? 16 : 10);
        value = value * (hex ? 16 : 10) + digit;
    }
    if (!good || value < min || value > max)
        return document_wrong(d, node, 0, e, "%s is a whole number from %u to %u, not \"%s\"", what, min, max,
                              text_quote(text, quoted));
    *out = (uint32_t)value;
    return true;
}

bool policy_label(const struct document *d, uint32_t node, const char *what, struct error *e)
{
    struct bytes text = document_text(d, node);
    bool good = d->node[node].kind == DOCUMENT_TEXT && text.len > 0 && text.len <= POLICY_LABEL_MAX;
    for (size_t i = 0; good && i < text.len; i++) {
        uint8_t c = text.at[i];
        good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
               c == '.';
    }
    return good || document_wrong(d, node, 0, e, "the name of a %s is 1 to %d letters, digits, '-', '_' and '.'", what,
                                  POLICY_LABEL_MAX);
}
