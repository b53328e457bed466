/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/name.h"

#include <idn2.h>
#include <string.h>

#include "core/hash.h"

#define NAME_LABEL_MAX 63 /* RFC 1035 s2.3.4 */

/* The byte's canonical form, or 0 when it is outside the alphabet. */
static char name_fold(uint8_t byte)
{
    if (byte >= 'A' && byte <= 'Z')
        return (char)(byte - 'A' + 'a');
    if ((byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9') || byte == '-' || byte == '_')
        return (char)byte;
    return 0;
}

/* WHATWG URL, "ends in a number": such a host is read as an IPv4 address by browsers and by curl, not as a name. */
static bool name_ends_in_number(const struct name *n)
{
    const char *dot = memrchr(n->text, '.', n->len);
    const char *last = dot ? dot + 1 : n->text;
    if (last[strspn(last, "0123456789")] == 0)
        return true;
    return last[0] == '0' && last[1] == 'x' && last[2 + strspn(last + 2, "0123456789abcdef")] == 0;
}

bool name_from_wire(struct bytes text, struct name *out)
{
    if (text.len == 0 || text.len > NAME_MAX_BYTES)
        return false;
    struct name n = {.len = (uint8_t)text.len};
    size_t label = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] == '.') {
            if (label == 0)
                return false;
            label = 0;
            n.text[i] = '.';
            continue;
        }
        n.text[i] = name_fold(text.at[i]);
        if (!n.text[i] || ++label > NAME_LABEL_MAX)
            return false;
    }
    if (label == 0 || name_ends_in_number(&n))
        return false;
    *out = n;
    return true;
}

bool name_from_labels(struct bytes labels, struct name *out)
{
    struct name n;
    struct reader r = reader_init(labels, false);
    n.len = 0;
    if (labels.len > NAME_MAX_BYTES + 2)
        return false;
    for (;;) {
        uint8_t len = reader_u8(&r);
        if (r.state != PARSE_OK || len > NAME_LABEL_MAX) /* 0x40, 0x80: no such labels; 0xc0: a pointer */
            return false;
        if (len == 0)
            break;
        struct bytes label = reader_bytes(&r, len);
        if (label.len != len || n.len + (n.len ? 1u : 0u) + len > NAME_MAX_BYTES)
            return false;
        if (n.len)
            n.text[n.len++] = '.';
        for (size_t i = 0; i < label.len; i++) {
            char c = name_fold(label.at[i]);
            if (!c)
                return false;
            n.text[n.len++] = c;
        }
    }
    if (n.len == 0 || reader_left(&r) != 0)
        return false;
    out->len = n.len;
    memcpy(out->text, n.text, n.len);
    out->text[n.len] = 0;
    return true;
}

bool name_from_person(struct bytes text, struct name *out)
{
    char copy[1024]; /* 253 letters of four bytes each, and a dot */
    bool ascii = true;
    if (text.len == 0 || text.len >= sizeof copy)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] == 0)
            return false;
        ascii = ascii && text.at[i] < 0x80;
    }
    memcpy(copy, text.at, text.len);
    copy[text.len] = 0;
    char *converted = NULL;
    if (!ascii &&
        idn2_to_ascii_8z(copy, &converted, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL | IDN2_NO_ALABEL_ROUNDTRIP) != IDN2_OK)
        return false;
    const char *plain = converted ? converted : copy;
    size_t len = strlen(plain);
    if (len > 1 && plain[len - 1] == '.')
        len--;
    bool ok = name_from_wire((struct bytes){(const uint8_t *)plain, len}, out);
    idn2_free(converted);
    return ok;
}

size_t name_to_labels(const struct name *n, uint8_t out[255])
{
    struct writer w = writer_init(out, 255);
    for (size_t at = 0; at < n->len;) {
        const char *dot = memchr(n->text + at, '.', n->len - at);
        size_t len = dot ? (size_t)(dot - (n->text + at)) : n->len - at;
        writer_u8(&w, (uint8_t)len);
        writer_bytes(&w, (struct bytes){(const uint8_t *)n->text + at, len});
        at += len + 1;
    }
    writer_u8(&w, 0);
    return writer_len(&w);
}

bool name_equal(const struct name *a, const struct name *b)
{
    return a->len == b->len && memcmp(a->text, b->text, a->len) == 0;
}

unsigned name_label_count(const struct name *n)
{
    unsigned count = n->len ? 1 : 0;
    for (size_t i = 0; i < n->len; i++) {
        if (n->text[i] == '.')
            count++;
    }
    return count;
}

bool name_is_below(const struct name *n, const struct name *zone)
{
    if (zone->len == 0 || n->len < zone->len + 2u)
        return false;
    size_t skip = n->len - zone->len;
    return n->text[skip - 1] == '.' && memcmp(n->text + skip, zone->text, zone->len) == 0;
}

uint32_t name_hash(struct bytes text, uint32_t seed)
{
    return hash_bytes(text, seed);
}
