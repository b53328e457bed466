/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "policy/expand.h"

#include <stdio.h>
#include <string.h>

struct expansion {
    size_t left, max, first; /* first: offset of the first brace */
    expand_sink *sink;
    void *ctx;
    size_t *offset;
    struct error *e;
};

static bool expand_fail(struct expansion *x, size_t offset, const char *why)
{
    *x->offset = offset;
    return error_set(x->e, ERROR_INPUT, 0, "%s", why);
}

static bool expand_too_many(struct expansion *x)
{
    char why[100];
    snprintf(why, sizeof why, "the braces stand for more than %zu entries; write a wildcard or several entries",
             x->max);
    return expand_fail(x, x->first, why);
}

/* The offset of the brace that closes the one at `open`; 0: none. */
static size_t expand_closing(const struct expanded *in, size_t open)
{
    unsigned depth = 0;
    for (size_t i = open; i < in->len; i++) {
        if (in->text[i] == '{')
            depth++;
        if (in->text[i] == '}' && --depth == 0)
            return i;
    }
    return 0;
}

static bool expand_next(struct expansion *x, const struct expanded *in);

/* What `in` becomes with text[open..close] replaced by `part`; its bytes come from `origin`, or all from `open`. */
static bool expand_replace(struct expansion *x, const struct expanded *in, size_t open, size_t close, struct bytes part,
                           const uint16_t *origin)
{
    struct expanded out;
    size_t rest = in->len - close - 1;
    if (open + part.len + rest > EXPAND_TEXT_MAX)
        return expand_fail(x, in->origin[open], "the entry is too long once its braces are written out");
    memcpy(out.text, in->text, open);
    memcpy(out.origin, in->origin, open * sizeof *out.origin);
    for (size_t i = 0; i < part.len; i++) {
        out.text[open + i] = (char)part.at[i];
        out.origin[open + i] = origin ? origin[i] : in->origin[open];
    }
    memcpy(out.text + open + part.len, in->text + close + 1, rest);
    memcpy(out.origin + open + part.len, in->origin + close + 1, (rest + 1) * sizeof *out.origin);
    out.len = open + part.len + rest;
    out.text[out.len] = 0;
    return expand_next(x, &out);
}

/* A whole number of at most 9 digits, with its sign; *width is the number of characters when it is padded, else 0. */
static bool expand_number(struct bytes text, long *value, size_t *width)
{
    size_t at = text.len && text.at[0] == '-' ? 1 : 0;
    size_t digits = text.len - at;
    if (digits == 0 || digits > 9)
        return false;
    *value = 0;
    for (size_t i = at; i < text.len; i++) {
        if (text.at[i] < '0' || text.at[i] > '9')
            return false;
        *value = *value * 10 + (text.at[i] - '0');
    }
    *width = digits > 1 && text.at[at] == '0' ? text.len : 0;
    if (at)
        *value = -*value;
    return true;
}

struct expand_span {
    long from, to, step;
    size_t width;
    bool letters;
};

/* "0..19", "0..10..5", "a..e". */
static bool expand_span_parse(struct bytes in, struct expand_span *out)
{
    struct bytes part[3] = {{0}};
    size_t parts = 0, start = 0;
    for (size_t i = 0; i <= in.len; i++) {
        bool dots = i + 1 < in.len && in.at[i] == '.' && in.at[i + 1] == '.';
        if (!dots && i < in.len)
            continue;
        if (parts == 3)
            return false;
        part[parts++] = (struct bytes){in.at + start, i - start};
        start = i + 2;
        i++;
    }
    struct expand_span s = {.step = 1};
    size_t width_from = 0, width_to = 0, width_step;
    if (parts < 2 || (parts == 3 && !expand_number(part[2], &s.step, &width_step)))
        return false;
    if (part[0].len == 1 && part[1].len == 1 && part[0].at[0] >= 'a' && part[0].at[0] <= 'z' && part[1].at[0] >= 'a' &&
        part[1].at[0] <= 'z') {
        s.letters = true;
        s.from = part[0].at[0];
        s.to = part[1].at[0];
    } else if (!expand_number(part[0], &s.from, &width_from) || !expand_number(part[1], &s.to, &width_to)) {
        return false;
    }
    s.step = s.step < 0 ? -s.step : s.step;
    s.step = s.step == 0 ? 1 : s.step;
    if (width_from || width_to) /* as in a shell: as wide as the wider end */
        s.width = part[0].len > part[1].len ? part[0].len : part[1].len;
    *out = s;
    return true;
}

static bool expand_span_each(struct expansion *x, const struct expanded *in, size_t open, size_t close,
                             const struct expand_span *s)
{
    long count = (s->from < s->to ? s->to - s->from : s->from - s->to) / s->step + 1;
    long step = s->from < s->to ? s->step : -s->step;
    if ((size_t)count > x->left)
        return expand_too_many(x);
    for (long i = 0, value = s->from; i < count; i++, value += step) {
        char part[32];
        int len = s->letters ? snprintf(part, sizeof part, "%c", (int)value)
                             : snprintf(part, sizeof part, "%0*ld", (int)s->width, value);
        if (!expand_replace(x, in, open, close, (struct bytes){(const uint8_t *)part, (size_t)len}, NULL))
            return false;
    }
    return true;
}

/* The first pair of braces, then the rest by recursion; at most EXPAND_BRACES_MAX deep. */
static bool expand_next(struct expansion *x, const struct expanded *in)
{
    const char *brace = memchr(in->text, '{', in->len);
    if (!brace) {
        if (x->left == 0)
            return expand_too_many(x);
        x->left--;
        return x->sink(x->ctx, in);
    }
    size_t open = (size_t)(brace - in->text), close = expand_closing(in, open);
    size_t start = open + 1, commas = 0;
    struct expand_span span;
    struct bytes inside = {(const uint8_t *)in->text + start, close - start};
    if (expand_span_parse(inside, &span))
        return expand_span_each(x, in, open, close, &span);
    unsigned depth = 0;
    for (size_t i = open; i <= close; i++) {
        depth += in->text[i] == '{';
        depth -= in->text[i] == '}';
        bool comma = depth == 1 && in->text[i] == ',';
        commas += comma;
        if (i == close && commas == 0)
            return expand_fail(x, in->origin[open], "braces hold a list {a,b} or a range {0..19}");
        if (!comma && i != close)
            continue;
        struct bytes part = {(const uint8_t *)in->text + start, i - start};
        if (!expand_replace(x, in, open, close, part, in->origin + start))
            return false;
        start = i + 1;
    }
    return true;
}

/* Pairs must match; checked once, so that the recursion above can rely on it. */
static bool expand_check(struct expansion *x, const struct expanded *in)
{
    size_t open[EXPAND_BRACES_MAX], depth = 0, pairs = 0;
    for (size_t i = 0; i < in->len; i++) {
        if (in->text[i] == '{') {
            if (++pairs > EXPAND_BRACES_MAX)
                return expand_fail(x, i, "too many braces in one entry; write several entries");
            open[depth++] = i;
        } else if (in->text[i] == '}') {
            if (depth == 0)
                return expand_fail(x, i, "'}' without a '{' before it");
            depth--;
        }
    }
    return depth == 0 || expand_fail(x, open[depth - 1], "'{' without a '}' after it");
}

bool expand_braces(struct bytes text, size_t max, expand_sink *sink, void *ctx, size_t *offset, struct error *e)
{
    struct expansion x = {.left = max, .max = max, .sink = sink, .ctx = ctx, .offset = offset, .e = e};
    struct expanded in;
    if (text.len > EXPAND_TEXT_MAX)
        return expand_fail(&x, 0, "an entry is at most 1024 bytes long");
    in.len = text.len;
    if (text.len)
        memcpy(in.text, text.at, text.len);
    in.text[in.len] = 0;
    for (size_t i = 0; i <= in.len; i++)
        in.origin[i] = (uint16_t)i;
    const char *brace = memchr(in.text, '{', in.len);
    x.first = brace ? (size_t)(brace - in.text) : 0;
    return expand_check(&x, &in) && expand_next(&x, &in);
}
