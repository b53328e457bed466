/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "dns/labels.h"

#include <stdio.h>
#include <string.h>

#include "core/hash.h"

#define LABELS_HEADER_BYTES 12
#define LABELS_HOPS_MAX     64

struct reader labels_cursor(struct bytes message, size_t offset)
{
    struct reader r = reader_init(message, false);
    reader_bytes(&r, offset);
    return r;
}

bool labels_read(struct bytes message, size_t *at, size_t limit, struct labels *out)
{
    if (limit > message.len)
        return false;
    struct labels n;
    struct reader r = labels_cursor((struct bytes){message.at, limit}, *at);
    size_t run = *at, pos = *at, end = 0;
    n.len = 0;
    for (unsigned hops = 0;;) {
        uint8_t len = reader_u8(&r);
        if ((len & 0xc0) == 0xc0) {
            size_t target = (size_t)(len & 0x3f) << 8 | reader_u8(&r);
            if (r.state != PARSE_OK || target < LABELS_HEADER_BYTES || target >= run || ++hops > LABELS_HOPS_MAX)
                return false;
            if (!end)
                end = pos + 2;
            run = pos = target;
            r = labels_cursor(message, target);
            continue;
        }
        struct bytes label = reader_bytes(&r, len);
        if (r.state != PARSE_OK || len & 0xc0 || n.len + 1u + len > LABELS_MAX_BYTES)
            return false;
        n.octets[n.len++] = len;
        if (len)
            memcpy(n.octets + n.len, label.at, len);
        n.len = (uint8_t)(n.len + len);
        pos += 1u + len;
        if (len == 0)
            break;
    }
    *at = end ? end : pos;
    out->len = n.len;
    memcpy(out->octets, n.octets, n.len);
    return true;
}

struct bytes labels_bytes(const struct labels *n)
{
    return (struct bytes){n->octets, n->len};
}

struct labels labels_from_bytes(struct bytes wire)
{
    struct labels n = {0};
    if (wire.len && wire.len <= sizeof n.octets) {
        n.len = (uint8_t)wire.len;
        memcpy(n.octets, wire.at, wire.len);
    }
    return n;
}

/* Length octets are below 64 and so never look like a letter. */
static uint8_t labels_fold(uint8_t octet)
{
    return octet >= 'A' && octet <= 'Z' ? (uint8_t)(octet - 'A' + 'a') : octet;
}

static bool labels_octets_equal(const uint8_t *a, const uint8_t *b, size_t len)
{
    if (memcmp(a, b, len) == 0)
        return true;
    for (size_t i = 0; i < len; i++) {
        if (labels_fold(a[i]) != labels_fold(b[i]))
            return false;
    }
    return true;
}

bool labels_equal(const struct labels *a, const struct labels *b)
{
    return a->len == b->len && labels_octets_equal(a->octets, b->octets, a->len);
}

uint32_t labels_hash(const struct labels *n)
{
    uint8_t folded[LABELS_MAX_BYTES];
    for (size_t i = 0; i < n->len; i++)
        folded[i] = labels_fold(n->octets[i]);
    return hash_bytes((struct bytes){folded, n->len}, 0);
}

bool labels_pop(struct labels *n)
{
    size_t skip = n->len ? n->octets[0] + 1u : 0;
    if (skip <= 1 || skip >= n->len)
        return false;
    n->len = (uint8_t)(n->len - skip);
    memmove(n->octets, n->octets + skip, n->len);
    return true;
}

bool labels_substitute(const struct labels *n, const struct labels *owner, const struct labels *target,
                       struct labels *out)
{
    if (owner->len == 0 || target->len == 0 || n->len <= owner->len)
        return false;
    size_t front = (size_t)n->len - owner->len, at = 0;
    while (at < front) /* the suffix must begin where a label does */
        at += n->octets[at] + 1u;
    if (at != front || !labels_octets_equal(n->octets + front, owner->octets, owner->len) ||
        front + target->len > LABELS_MAX_BYTES)
        return false;
    struct labels made = {.len = (uint8_t)(front + target->len)};
    memcpy(made.octets, n->octets, front);
    memcpy(made.octets + front, target->octets, target->len);
    *out = made;
    return true;
}

void labels_show(const struct labels *n, char out[256])
{
    size_t used = 0;
    struct reader r = reader_init(labels_bytes(n), false);
    for (uint8_t len = reader_u8(&r); len; len = reader_u8(&r)) {
        struct bytes label = reader_bytes(&r, len);
        for (size_t i = 0; i < label.len + 1 && used < 250; i++) {
            uint8_t c = i < label.len ? label.at[i] : '.';
            bool plain =
                (c >= '0' && c <= '9') || (labels_fold(c) >= 'a' && labels_fold(c) <= 'z') || c == '-' || c == '_';
            if (i == label.len) {
                if (reader_left(&r) > 1)
                    out[used++] = '.';
            } else if (plain) {
                out[used++] = (char)c;
            } else if (c == '.') {
                out[used++] = '\\';
                out[used++] = '.';
            } else {
                used += (size_t)snprintf(out + used, 5, "\\%03u", c);
            }
        }
    }
    if (used == 0 && n->len)
        out[used++] = '.';
    out[used] = 0;
}
