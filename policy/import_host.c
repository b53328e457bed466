/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Names, wildcards and addresses of other firewalls in our grammar: the same, or less, or a fact that says why not. */
#include <stdio.h>
#include <string.h>

#include "policy/endpoint.h"
#include "policy/endpoint_host.h"
#include "policy/import_build.h"
#include "policy/suffix.h"
#include "policy/text.h"

static bool keep(void *ctx, const struct endpoint *ep)
{
    *(struct endpoint *)ctx = *ep;
    return true;
}

/* A name as a policy has it, or the error says what is wrong with it. */
static bool name_check(const struct import_build *b, const struct import_word *w, struct bytes name, struct name *out)
{
    char quoted[TEXT_QUOTE_SIZE], text[NAME_MAX_BYTES + 2];
    struct endpoint ep;
    struct error wrong = {0};
    bool good = name.len > 0 && name.len <= NAME_MAX_BYTES;
    for (size_t i = 0; good && i < name.len; i++) {
        uint8_t c = name.at[i];
        good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
               c == '.';
    }
    if (!good)
        return import_wrong(b, w, "\"%s\" is no host name; write one such as registry.example",
                            text_quote(name.len ? name : w->text, quoted));
    snprintf(text, sizeof text, "%.*s", (int)name.len, (const char *)name.at);
    if (!endpoint_parse((struct bytes){(const uint8_t *)text, name.len}, keep, &ep, NULL, &wrong))
        return import_wrong(b, w, "%.250s", wrong.text);
    if (ep.host != ENDPOINT_NAME)
        return import_wrong(b, w, "\"%s\" is an address, not a name", text_quote(name, quoted));
    *out = ep.name;
    return true;
}

/* What the stars of a pattern stand for. */
static bool wildcard(struct import_build *b, const struct import_word *w, struct bytes host, bool apex,
                     struct import_hosts *out)
{
    char quoted[TEXT_QUOTE_SIZE];
    struct name zone;
    size_t stars = 0;
    while (stars < host.len && host.at[stars] == '*')
        stars++;
    struct bytes rest = {host.at + stars, host.len - stars};
    bool dot = rest.len && rest.at[0] == '.';
    if (rest.len == 0 || (dot && rest.len == 1))
        return import_lost(b, w,
                           "every name: a gate that allows all of them is none; write the names, or run in audit "
                           "mode to learn them");
    if (stars == 0 || memchr(rest.at, '*', rest.len))
        return import_lost(b, w,
                           "here a * stands for whole labels at the front; write the names out, with braces where "
                           "they are numbered: name{0..19}.example");
    if (dot) {
        rest.at++;
        rest.len--;
    }
    if (!name_check(b, w, rest, &zone))
        return false;
    enum suffix suffix = suffix_of(&zone);
    if (suffix != SUFFIX_NONE)
        return import_lost(b, w,
                           suffix == SUFFIX_REGISTRY
                               ? "anyone can register a name below %s; write the names, or \"**.%s\" and "
                                 "allow_public_suffix: [%s]"
                               : "strangers have names below %s; write the names, or \"**.%s\" and "
                                 "allow_public_suffix: [%s]",
                           zone.text, zone.text, zone.text);
    snprintf(out->host[out->count++], sizeof out->host[0], "**.%s", zone.text);
    if (dot)
        return true;
    if (apex)
        snprintf(out->host[out->count++], sizeof out->host[0], "%s", zone.text);
    return import_changed(b, w,
                          "the other's * also stood for a part of a label, which would let a stranger's x%s in; here "
                          "it is %s",
                          text_quote((struct bytes){rest.at, rest.len}, quoted),
                          apex ? "the name itself and all names below it" : "the names below it");
}

bool import_hosts(struct import_build *b, const struct import_word *w, struct bytes host, bool apex,
                  struct import_hosts *out)
{
    struct name name;
    *out = (struct import_hosts){0};
    if (host.len && memchr(host.at, '*', host.len))
        return wildcard(b, w, host, apex, out);
    if (!name_check(b, w, host, &name))
        return false;
    snprintf(out->host[out->count++], sizeof out->host[0], "%s", name.text);
    return true;
}

bool import_address(struct import_build *b, const struct import_word *w, struct bytes text, struct import_hosts *out)
{
    struct address_range range = {0};
    char formatted[ENDPOINT_RANGE_SIZE];
    bool same = true;
    *out = (struct import_hosts){0};
    if (text.len > 2 && text.at[0] == '[' && text.at[text.len - 1] == ']')
        text = (struct bytes){text.at + 1, text.len - 2};
    const uint8_t *slash = text.len ? memchr(text.at, '/', text.len) : NULL;
    struct bytes base = {text.at, slash ? (size_t)(slash - text.at) : text.len};
    if (!address_parse(base, &range.base))
        return true;
    unsigned max = (unsigned)address_octets(&range.base) * 8, bits = slash ? 0 : max;
    size_t digits = slash ? text.len - base.len - 1 : 1;
    for (size_t i = base.len + 1; slash && i < text.len; i++) {
        if (text.at[i] < '0' || text.at[i] > '9' || digits > 3)
            return true;
        bits = bits * 10 + (unsigned)(text.at[i] - '0');
    }
    if (digits == 0 || bits > max)
        return true;
    for (unsigned bit = bits; bit < max; bit++) {
        uint8_t mask = (uint8_t)(0x80u >> bit % 8);
        same = same && !(range.base.octets[bit / 8] & mask);
        range.base.octets[bit / 8] = (uint8_t)(range.base.octets[bit / 8] & ~mask);
    }
    range.prefix_bits = (uint8_t)bits;
    out->address = true;
    endpoint_range_format(&range, formatted);
    snprintf(out->host[out->count++], sizeof out->host[0], "%s", formatted);
    if (bits == 0 && !import_changed(b, w,
                                     "every address: a gate that allows all of them is none; write those that are "
                                     "needed"))
        return false;
    return same || import_changed(b, w, "the bits behind the prefix are dropped: %s", formatted);
}

bool import_port(struct bytes text, uint16_t *out)
{
    unsigned value = 0;
    if (text.len == 0 || text.len > 5)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] < '0' || text.at[i] > '9')
            return false;
        value = value * 10 + (unsigned)(text.at[i] - '0');
    }
    *out = (uint16_t)value;
    return value >= 1 && value <= 65535;
}

bool import_split(struct bytes text, struct bytes *host, uint16_t *port)
{
    const uint8_t *colon = text.len ? memrchr(text.at, ':', text.len) : NULL;
    bool bracket = text.len && text.at[text.len - 1] == ']';
    *host = text;
    *port = 0;
    if (!colon || bracket)
        return true;
    size_t len = (size_t)(colon - text.at);
    *host = (struct bytes){text.at, len};
    return import_port((struct bytes){text.at + len + 1, text.len - len - 1}, port);
}

bool import_hosts_at(struct import_build *b, const struct import_word *w, const struct import_hosts *hosts,
                     uint16_t port, const char *scheme)
{
    char text[sizeof hosts->host[0] + 32];
    for (unsigned i = 0; i < hosts->count; i++) {
        if (hosts->address)
            snprintf(text, sizeof text, "%s%s:%u", strcmp(scheme, "udp://") == 0 ? scheme : "", hosts->host[i], port);
        else if (port == 443 && strcmp(scheme, "udp://") != 0)
            snprintf(text, sizeof text, "%s", hosts->host[i]);
        else if (port == 80 && strcmp(scheme, "udp://") != 0)
            snprintf(text, sizeof text, "http://%s", hosts->host[i]);
        else
            snprintf(text, sizeof text, "%s%s:%u", scheme, hosts->host[i], port);
        if (!import_entry(b, w, text))
            return false;
    }
    return true;
}
