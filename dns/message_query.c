/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Queries: read strictly, built anew, refused. */
#include <string.h>

#include "dns/message_wire.h"

#define MESSAGE_OPTION_EDE  15 /* RFC 8914 s2 */
#define MESSAGE_EDE_BLOCKED 15 /* RFC 8914 s4.16 */
#define MESSAGE_DENIAL_MAX  512

struct message_header message_read_header(struct reader *r)
{
    struct message_header h;
    h.id = reader_u16(r);
    h.flags = reader_u16(r);
    h.questions = reader_u16(r);
    h.answers = reader_u16(r);
    h.authorities = reader_u16(r);
    h.additionals = reader_u16(r);
    return h;
}

bool message_read_question(struct bytes wire, size_t *at, struct labels *name, uint16_t *type, uint16_t *class_code)
{
    if (!labels_read(wire, at, wire.len, name))
        return false;
    struct reader r = labels_cursor(wire, *at);
    *type = reader_u16(&r);
    *class_code = reader_u16(&r);
    *at += 4;
    return r.state == PARSE_OK;
}

bool message_canonical(const struct labels *n, struct name *out)
{
    if (n->len == 1) {
        *out = (struct name){0};
        return true;
    }
    return name_from_labels(labels_bytes(n), out);
}

/* The one additional record that a query may have: OPT (RFC 6891 s6.1.2), its options well-formed, none kept. */
static bool message_read_opt(struct bytes wire, size_t at, struct question *out)
{
    struct reader r = labels_cursor(wire, at);
    uint8_t owner = reader_u8(&r);
    uint16_t type = reader_u16(&r), payload = reader_u16(&r);
    reader_u8(&r); /* extended RCODE */
    uint8_t version = reader_u8(&r);
    uint16_t flags = reader_u16(&r);
    struct reader options = reader_block(&r, reader_u16(&r));
    while (reader_left(&options) > 0) {
        reader_u16(&options);
        reader_bytes(&options, reader_u16(&options));
    }
    reader_close(&r, &options);
    if (r.state != PARSE_OK || reader_left(&r) > 0 || owner != 0 || type != MESSAGE_OPT || version != 0)
        return false;
    out->edns = true;
    out->dnssec_ok = (flags & MESSAGE_OPT_DO) != 0;
    out->udp_payload = payload < 512 ? 512 : payload; /* RFC 6891 s6.2.3 */
    return true;
}

enum reason message_read_query(struct bytes wire, struct question *out, char shown[256])
{
    struct reader r = reader_init(wire, false);
    struct message_header h = message_read_header(&r);
    struct labels name;
    size_t at = MESSAGE_HEADER_BYTES;
    *out = (struct question){.id = h.id, .udp_payload = 512};
    shown[0] = 0;
    if (r.state != PARSE_OK)
        return REASON_DNS_MALFORMED;
    out->opcode = h.flags >> MESSAGE_OPCODE_SHIFT & 15;
    out->recursion_desired = h.flags & MESSAGE_RD;
    out->checking_disabled = h.flags & MESSAGE_CD;
    out->authentic_data = h.flags & MESSAGE_AD;
    bool readable = h.questions > 0 && message_read_question(wire, &at, &name, &out->type, &out->class_code);
    bool canonical = readable && message_canonical(&name, &out->name);
    if (readable) {
        out->labels_len = name.len;
        memcpy(out->labels, name.octets, name.len);
        if (!canonical || !out->name.len)
            labels_show(&name, shown);
    } else {
        out->type = out->class_code = 0;
    }
    if (h.flags & MESSAGE_QR || out->opcode != 0)
        return REASON_DNS_NOT_A_QUERY;
    if (!readable || h.questions != 1 || h.answers || h.authorities || h.additionals > 1 || h.flags & MESSAGE_TC)
        return REASON_DNS_MALFORMED;
    if (h.additionals ? !message_read_opt(wire, at, out) : at != wire.len)
        return REASON_DNS_MALFORMED;
    if (out->class_code != MESSAGE_CLASS_IN)
        return REASON_DNS_CLASS;
    return canonical ? REASON_NONE : REASON_DNS_NAME_FORM;
}

/* payload 0: without OPT.  Flags and payload are ours, not the client's: they would be a channel (RESEARCH s2, 31). */
static size_t message_write_query(const struct question *q, uint16_t id, unsigned payload, uint8_t *out)
{
    struct writer w = writer_init(out, MESSAGE_QUERY_MAX);
    uint8_t labels[LABELS_MAX_BYTES];
    writer_u16(&w, id);
    writer_u16(&w, MESSAGE_RD | MESSAGE_AD);
    writer_u16(&w, 1);
    writer_u16(&w, 0);
    writer_u16(&w, 0);
    writer_u16(&w, payload ? 1 : 0);
    writer_bytes(&w, (struct bytes){labels, name_to_labels(&q->name, labels)});
    writer_u16(&w, q->type);
    writer_u16(&w, MESSAGE_CLASS_IN);
    if (payload) {
        writer_u8(&w, 0);
        writer_u16(&w, MESSAGE_OPT);
        writer_u16(&w, (uint16_t)payload);
        writer_u16(&w, 0);
        writer_u16(&w, q->edns && q->dnssec_ok ? MESSAGE_OPT_DO : 0);
        writer_u16(&w, 0);
    }
    return writer_len(&w);
}

size_t message_build_query(const struct question *q, uint16_t id, uint8_t out[MESSAGE_QUERY_MAX])
{
    return message_write_query(q, id, q->edns ? MESSAGE_UDP_PAYLOAD : 0, out);
}

size_t message_build_query_over_tcp(const struct question *q, uint16_t id, uint8_t out[MESSAGE_QUERY_MAX])
{
    return message_write_query(q, id, MESSAGE_UDP_PAYLOAD_TCP, out);
}

void message_write_head(struct writer *w, const struct question *q, uint16_t flags)
{
    unsigned all = flags | MESSAGE_QR | (unsigned)(q->opcode & 15) << MESSAGE_OPCODE_SHIFT;
    all |= (q->recursion_desired ? MESSAGE_RD : 0) | (q->checking_disabled ? MESSAGE_CD : 0);
    writer_u16(w, q->id);
    writer_u16(w, (uint16_t)all);
    writer_u16(w, q->labels_len ? 1 : 0);
    writer_zero(w, 6);
    if (q->labels_len) {
        writer_bytes(w, (struct bytes){q->labels, q->labels_len});
        writer_u16(w, q->type);
        writer_u16(w, q->class_code ? q->class_code : MESSAGE_CLASS_IN);
    }
}

void message_write_opt(struct writer *w, const struct question *q)
{
    if (!q->edns)
        return;
    writer_u8(w, 0);
    writer_u16(w, MESSAGE_OPT);
    writer_u16(w, MESSAGE_UDP_PAYLOAD);
    writer_u16(w, 0);
    writer_u16(w, q->dnssec_ok ? MESSAGE_OPT_DO : 0); /* RFC 3225 s3: copied */
    writer_u16(w, 0);
    writer_patch_u16(w, MESSAGE_COUNT_ADDITIONALS, 1);
}

/* As much of UTF-8 `text` as fits, cut between characters. */
static size_t message_cut(const char *text, size_t room)
{
    size_t len = strlen(text);
    if (len <= room)
        return len;
    while (room > 0 && ((uint8_t)text[room] & 0xc0) == 0x80)
        room--;
    return room;
}

size_t message_build_denial(const struct question *q, enum message_denial kind, const char *text, uint8_t *out,
                            size_t size)
{
    static const uint16_t rcodes[] = {
        [MESSAGE_NXDOMAIN] = MESSAGE_RCODE_NXDOMAIN, [MESSAGE_NODATA] = MESSAGE_RCODE_NOERROR,
        [MESSAGE_SERVFAIL] = MESSAGE_RCODE_SERVFAIL, [MESSAGE_FORMERR] = MESSAGE_RCODE_FORMERR,
        [MESSAGE_NOTIMP] = MESSAGE_RCODE_NOTIMP,     [MESSAGE_REFUSED] = MESSAGE_RCODE_REFUSED,
    };
    struct writer w = writer_init(out, size);
    message_write_head(&w, q, (uint16_t)(MESSAGE_RA | rcodes[kind]));
    if (q->labels_len == 0 || !q->edns)
        return writer_len(&w);
    message_write_opt(&w, q);
    size_t used = writer_len(&w);
    size_t end = size < MESSAGE_DENIAL_MAX ? size : MESSAGE_DENIAL_MAX;
    if (text && used > 0 && end >= used + 6) { /* RFC 8914 s2: option code, length, info-code, text */
        size_t len = message_cut(text, end - used - 6);
        writer_u16(&w, MESSAGE_OPTION_EDE);
        writer_u16(&w, (uint16_t)(2 + len));
        writer_u16(&w, MESSAGE_EDE_BLOCKED);
        writer_bytes(&w, (struct bytes){(const uint8_t *)text, len});
        writer_patch_u16(&w, used - 2, (uint16_t)(6 + len));
    }
    return writer_len(&w);
}

bool message_open_answer(struct bytes wire, struct message_header *header, struct labels *name,
                         struct answer_head *head, size_t *at)
{
    struct reader r = reader_init(wire, false);
    uint16_t class_code;
    *header = message_read_header(&r);
    *at = MESSAGE_HEADER_BYTES;
    head->id = header->id;
    return r.state == PARSE_OK && header->flags & MESSAGE_QR && !(header->flags >> MESSAGE_OPCODE_SHIFT & 15) &&
           header->questions == 1 && message_read_question(wire, at, name, &head->type, &class_code) &&
           class_code == MESSAGE_CLASS_IN && message_canonical(name, &head->name);
}

bool message_read_answer_head(struct bytes wire, struct answer_head *out)
{
    struct message_header header;
    struct labels name;
    struct answer_head head;
    size_t at;
    if (!message_open_answer(wire, &header, &name, &head, &at))
        return false;
    *out = head;
    return true;
}
