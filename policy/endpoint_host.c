/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "policy/endpoint_host.h"

#include <stdio.h>
#include <string.h>

#include "policy/text.h"

/* Says what is wrong with a range that address_range_parse refused. */
static bool range_wrong(struct endpoint_text *t, size_t offset, struct bytes text)
{
    char quoted[TEXT_QUOTE_SIZE], fixed[ENDPOINT_RANGE_SIZE];
    const uint8_t *slash = text.len ? memchr(text.at, '/', text.len) : NULL;
    struct bytes base = {text.at, slash ? (size_t)(slash - text.at) : text.len};
    struct address_range range = {0};
    if (base.len && memchr(base.at, '%', base.len))
        return endpoint_wrong(t, offset, "an address here has no zone; leave out what begins with \"%%\"");
    if (!address_parse(base, &range.base))
        return endpoint_wrong(t, offset, "\"%s\" is no address; write 192.0.2.0/24 or [2001:db8::/32]",
                              text_quote(text, quoted));
    unsigned bits = 0, max = (unsigned)address_octets(&range.base) * 8;
    bool digits = slash && text.len - base.len - 1 <= 3 && text.len > base.len + 1;
    for (size_t i = base.len + 1; digits && i < text.len; i++) {
        digits = text.at[i] >= '0' && text.at[i] <= '9';
        bits = bits * 10 + (unsigned)(text.at[i] - '0');
    }
    if (!digits || bits > max || text.at[base.len + 1] == '0')
        return endpoint_wrong(t, offset, "the prefix of %s is a number from 0 to %u", text_quote(text, quoted), max);
    for (unsigned bit = bits; bit < max; bit++)
        range.base.octets[bit / 8] = (uint8_t)(range.base.octets[bit / 8] & ~(0x80u >> bit % 8));
    range.prefix_bits = (uint8_t)bits;
    endpoint_range_format(&range, fixed);
    return endpoint_wrong(t, offset, "%s has bits set behind its prefix; write %s", text_quote(text, quoted), fixed);
}

/* "[2001:db8::/32]"; next is at the bracket. */
static bool bracketed_parse(struct endpoint_text *t, struct address_range *out)
{
    size_t open = t->next;
    const uint8_t *close = memchr(t->at + open, ']', t->len - open);
    if (!close)
        return endpoint_wrong(t, open, "\"[\" without \"]\"");
    struct bytes inside = {t->at + open + 1, (size_t)(close - t->at) - open - 1};
    t->next = (size_t)(close - t->at) + 1;
    if (!address_range_parse(inside, out))
        return range_wrong(t, open + 1, inside);
    if (out->base.family != 6)
        return endpoint_wrong(t, open, "brackets are for IPv6; write the IPv4 address without them");
    if (t->next < t->len && t->at[t->next] == '/' && out->prefix_bits == 128 && t->next + 1 < t->len)
        return endpoint_wrong(t, t->next, "the prefix belongs inside the brackets: [2001:db8::/32]");
    return true;
}

/* The end of the run that a host may take. */
static size_t token_end(const struct endpoint_text *t)
{
    size_t end = t->next;
    while (end < t->len && !memchr(":/@?#[]", t->at[end], 7))
        end++;
    return end;
}

static bool looks_like_ipv4(struct bytes token)
{
    bool dots = false;
    for (size_t i = 0; i < token.len; i++) {
        if (token.at[i] != '.' && (token.at[i] < '0' || token.at[i] > '9'))
            return false;
        dots = dots || token.at[i] == '.';
    }
    return dots;
}

/* "10.0.0.0/8"; the token up to `end` looked like an address. */
static bool ipv4_parse(struct endpoint_text *t, size_t end, struct address_range *out)
{
    size_t start = t->next;
    if (end + 1 < t->len && t->at[end] == '/' && t->at[end + 1] >= '0' && t->at[end + 1] <= '9') {
        end++;
        while (end < t->len && t->at[end] >= '0' && t->at[end] <= '9')
            end++;
    }
    struct bytes text = {t->at + start, end - start};
    t->next = end;
    return address_range_parse(text, out) || range_wrong(t, start, text);
}

/* An IPv6 address without brackets could be read as a host with a port. */
static bool bare_ipv6(struct endpoint_text *t)
{
    size_t end = t->next;
    while (end < t->len && !memchr("/@?#[]%", t->at[end], 7))
        end++;
    struct address a;
    struct bytes text = {t->at + t->next, end - t->next};
    char quoted[TEXT_QUOTE_SIZE];
    if (text.len == 0 || !memchr(text.at, ':', text.len) || !address_parse(text, &a))
        return true;
    return endpoint_wrong(t, t->next, "an IPv6 address stands in brackets: [%s]", text_quote(text, quoted));
}

/* Why name_from_person refused. */
static bool name_wrong(struct endpoint_text *t, size_t offset, struct bytes name)
{
    char quoted[TEXT_QUOTE_SIZE];
    text_quote(name, quoted);
    if (name.at[0] == '.')
        return endpoint_wrong(t, offset,
                              "a name does not begin with a dot; names below are written *%s (one label) or "
                              "**%s (any number)",
                              quoted, quoted);
    size_t label = 0;
    for (size_t i = 0; i < name.len; i++) {
        uint8_t c = name.at[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                      c == '_' || c >= 0x80;
        if (c == '.' && label == 0)
            return endpoint_wrong(t, offset + i, "an empty label: two dots in a row");
        if (c == '*')
            return endpoint_wrong(t, offset + i,
                                  "a wildcard stands for whole labels at the front: *.example, "
                                  "**.example");
        if (!letter && c != '.')
            return endpoint_wrong(t, offset + i,
                                  "\"%s\" is no host name: '%c' is not a letter, digit, hyphen or "
                                  "underscore",
                                  quoted, c);
        label = c == '.' ? 0 : label + 1;
        if (label > 63 && name.len == strnlen((const char *)name.at, name.len) && c < 0x80)
            return endpoint_wrong(t, offset + i + 1 - label, "a label has at most 63 bytes");
    }
    if (name.len > NAME_MAX_BYTES)
        return endpoint_wrong(t, offset, "a name has at most %d bytes", NAME_MAX_BYTES);
    const uint8_t *dot = memrchr(name.at, '.', name.len);
    if (memchr("0123456789", dot && dot + 1 < name.at + name.len ? dot[1] : name.at[0], 10))
        return endpoint_wrong(t, offset, "\"%s\" reads as an IPv4 address; write it as four numbers from 0 to 255",
                              quoted);
    return endpoint_wrong(t, offset, "\"%s\" is no host name (IDNA2008)", quoted);
}

static bool name_parse(struct endpoint_text *t, size_t end, struct endpoint *out)
{
    size_t at = t->next;
    out->host = ENDPOINT_NAME;
    if (at < end && t->at[at] == '*') {
        size_t stars = 1;
        while (at + stars < end && t->at[at + stars] == '*')
            stars++;
        if (at + stars == end || (at + stars + 1 == end && t->at[at + stars] == '.'))
            return endpoint_wrong(t, at, "this would allow every name; write the zone behind the wildcard: **.example");
        if (stars > 2 || t->at[at + stars] != '.')
            return endpoint_wrong(t, at, "a wildcard stands for whole labels at the front: *.example, **.example");
        out->host = stars == 1 ? ENDPOINT_ONE_BELOW : ENDPOINT_ANY_BELOW;
        at += stars + 1;
    }
    struct bytes name = {t->at + at, end - at};
    if (name.len == 0)
        return endpoint_wrong(t, at, "a host is missing here");
    if (!name_from_person(name, &out->name))
        return name_wrong(t, at, name);
    t->next = end;
    return true;
}

/* "@range", next is behind the '@'. */
static bool at_parse(struct endpoint_text *t, struct endpoint *out)
{
    size_t start = t->next;
    if (out->host == ENDPOINT_ADDRESS)
        return endpoint_wrong(t, start - 1, "before the @ stands a name, not an address");
    if (start < t->len && t->at[start] == '[')
        return bracketed_parse(t, &out->at);
    if (!bare_ipv6(t))
        return false;
    size_t end = token_end(t);
    struct bytes token = {t->at + start, end - start};
    if (looks_like_ipv4(token))
        return ipv4_parse(t, end, &out->at);
    return endpoint_wrong(t, start,
                          "behind the @ stands the range that the name may resolve to: "
                          "name@10.0.0.0/8 or name@[fd00::/8]; a user name does not belong here");
}

bool endpoint_host_parse(struct endpoint_text *t, struct endpoint *out)
{
    if (t->next < t->len && t->at[t->next] == '[') {
        out->host = ENDPOINT_ADDRESS;
        if (!bracketed_parse(t, &out->range))
            return false;
    } else {
        size_t end = token_end(t);
        struct bytes token = {t->at + t->next, end - t->next};
        if (!bare_ipv6(t))
            return false;
        if (looks_like_ipv4(token)) {
            out->host = ENDPOINT_ADDRESS;
            if (!ipv4_parse(t, end, &out->range))
                return false;
        } else if (!name_parse(t, end, out)) {
            return false;
        }
    }
    if (t->next < t->len && t->at[t->next] == '@') {
        t->next++;
        out->has_at = true;
        return at_parse(t, out);
    }
    return true;
}

size_t endpoint_range_format(const struct address_range *range, char out[ENDPOINT_RANGE_SIZE])
{
    char address[ADDRESS_TEXT_SIZE], prefix[8] = "";
    bool six = range->base.family == 6;
    address_format(&range->base, address);
    if (range->prefix_bits != address_octets(&range->base) * 8)
        snprintf(prefix, sizeof prefix, "/%u", range->prefix_bits);
    int len = snprintf(out, ENDPOINT_RANGE_SIZE, "%s%s%s%s", six ? "[" : "", address, prefix, six ? "]" : "");
    return len > 0 ? (size_t)len : 0;
}
