/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/event_pack.h"

#include <string.h>

#define FACTS_BYTES offsetof(struct event, scope)
#define TEXT(field)                                                       \
    {                                                                     \
        offsetof(struct event, field), sizeof(((struct event *)0)->field) \
    }

static const struct {
    size_t at, size;
} texts[] = {TEXT(domain),      TEXT(tls_server_name), TEXT(tls_ja4), TEXT(tls_next_protocol),
             TEXT(http_method), TEXT(http_path),       TEXT(rule),    TEXT(hint),
             TEXT(limit)};

#define TEXTS (sizeof texts / sizeof *texts)

_Static_assert(offsetof(struct event, process) + 2 * TEXTS <= EVENT_PACKED_MAX, "the largest one fits");

void event_pack(const struct event *e, struct writer *w)
{
    const uint8_t *from = (const uint8_t *)e;
    writer_bytes(w, (struct bytes){from, FACTS_BYTES});
    for (size_t i = 0; i < TEXTS; i++) {
        const uint8_t *text = from + texts[i].at;
        size_t len = strnlen((const char *)text, texts[i].size - 1);
        writer_u16(w, (uint16_t)len);
        writer_bytes(w, (struct bytes){text, len});
    }
}

bool event_unpack(struct reader *r, struct event *out)
{
    uint8_t *to = (uint8_t *)out;
    struct bytes facts = reader_bytes(r, FACTS_BYTES);
    if (r->state != PARSE_OK)
        return false;
    memset(out, 0, sizeof *out);
    memcpy(to, facts.at, facts.len);
    for (size_t i = 0; i < TEXTS; i++) {
        size_t len = reader_u16(r);
        struct bytes text = reader_bytes(r, len);
        if (r->state != PARSE_OK || len >= texts[i].size)
            return false;
        if (len)
            memcpy(to + texts[i].at, text.at, len);
    }
    return true;
}
