/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "policy/text.h"

#include <string.h>

#define TEXT_WORD_MAX 64

size_t text_character(struct bytes in, size_t at)
{
    uint8_t lead = in.at[at];
    size_t len = lead >= 0xf0 && lead < 0xf5 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc2 ? 2 : 1;
    if (lead >= 0xf5 || at + len > in.len)
        return 1;
    for (size_t i = 1; i < len; i++) {
        if ((in.at[at + i] & 0xc0) != 0x80)
            return 1;
    }
    return len;
}

bool text_is_control(struct bytes in, size_t at)
{
    uint8_t lead = in.at[at];
    if (lead < 0x80)
        return lead < 0x20 || lead == 0x7f;
    size_t len = text_character(in, at);
    return len == 1 || (lead == 0xc2 && in.at[at + 1] < 0xa0);
}

const char *text_quote(struct bytes in, char out[TEXT_QUOTE_SIZE])
{
    size_t len = 0;
    for (size_t at = 0; at < in.len;) {
        size_t step = text_character(in, at);
        if (len + step > 90) {
            memcpy(out + len, "...", 3);
            len += 3;
            break;
        }
        if (text_is_control(in, at)) {
            out[len++] = '?';
        } else {
            memcpy(out + len, in.at + at, step);
            len += step;
        }
        at += step;
    }
    out[len] = 0;
    return out;
}

/* Levenshtein's distance with neighbours swapped counted as one (optimal string alignment). */
static size_t text_distance(struct bytes a, struct bytes b)
{
    size_t row[3][TEXT_WORD_MAX + 1];
    for (size_t j = 0; j <= b.len; j++)
        row[0][j] = j;
    for (size_t i = 1; i <= a.len; i++) {
        size_t *now = row[i % 3], *before = row[(i + 2) % 3], *earlier = row[(i + 1) % 3];
        now[0] = i;
        for (size_t j = 1; j <= b.len; j++) {
            size_t cost = a.at[i - 1] != b.at[j - 1];
            size_t best = before[j - 1] + cost;
            best = before[j] + 1 < best ? before[j] + 1 : best;
            best = now[j - 1] + 1 < best ? now[j - 1] + 1 : best;
            if (i > 1 && j > 1 && a.at[i - 1] == b.at[j - 2] && a.at[i - 2] == b.at[j - 1] && earlier[j - 2] + 1 < best)
                best = earlier[j - 2] + 1;
            now[j] = best;
        }
    }
    return row[a.len % 3][b.len];
}

const char *text_nearest(struct bytes word, const char *const *candidates, size_t count)
{
    const char *nearest = NULL;
    if (word.len == 0 || word.len > TEXT_WORD_MAX)
        return NULL;
    size_t least = word.len / 3 + 2;
    for (size_t i = 0; i < count; i++) {
        struct bytes candidate = {(const uint8_t *)candidates[i], strlen(candidates[i])};
        if (candidate.len > TEXT_WORD_MAX)
            continue;
        size_t distance = text_distance(word, candidate);
        if (distance < least && distance < candidate.len) {
            least = distance;
            nearest = candidates[i];
        }
    }
    return nearest;
}
