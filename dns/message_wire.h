/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the files message_*.c share: the header's bits, and writing what every answer of ours begins with.  Not for
 * others. */
#ifndef SLUICE_DNS_MESSAGE_WIRE_H
#define SLUICE_DNS_MESSAGE_WIRE_H

#include "core/bytes.h"
#include "dns/labels.h"
#include "dns/message.h"

#define MESSAGE_HEADER_BYTES 12

/* RFC 1035 s4.1.1, RFC 4035 s3.2, RFC 6891 s6.1.3 */
#define MESSAGE_QR           0x8000u
#define MESSAGE_OPCODE_SHIFT 11
#define MESSAGE_TC           0x0200u
#define MESSAGE_RD           0x0100u
#define MESSAGE_RA           0x0080u
#define MESSAGE_AD           0x0020u
#define MESSAGE_CD           0x0010u
#define MESSAGE_OPT_DO       0x8000u

#define MESSAGE_CLASS_IN 1

enum message_rcode {
    MESSAGE_RCODE_NOERROR = 0,
    MESSAGE_RCODE_FORMERR = 1,
    MESSAGE_RCODE_SERVFAIL = 2,
    MESSAGE_RCODE_NXDOMAIN = 3,
    MESSAGE_RCODE_NOTIMP = 4,
    MESSAGE_RCODE_REFUSED = 5,
};

enum message_type {
    MESSAGE_A = 1,
    MESSAGE_CNAME = 5,
    MESSAGE_SOA = 6,
    MESSAGE_AAAA = 28,
    MESSAGE_DNAME = 39,
    MESSAGE_OPT = 41,
    MESSAGE_RRSIG = 46,
    MESSAGE_ANY = 255,
};

struct message_header {
    uint16_t id, flags;
    uint16_t questions, answers, authorities, additionals;
};

struct message_header message_read_header(struct reader *r);

/* The question at *at (RFC 1035 s4.1.2); at offset 12 no pointer can be legal, so the name is uncompressed. */
bool message_read_question(struct bytes wire, size_t *at, struct labels *name, uint16_t *type, uint16_t *class_code);

/* Header and question of what is an answer to something (message_read_answer_head); *at: what is behind them.  False:
 * it is none; what was written until then means nothing. */
bool message_open_answer(struct bytes wire, struct message_header *header, struct labels *name,
                         struct answer_head *head, size_t *at);

/* Canonical form; the root alone is len 0.  False: outside the alphabet. */
bool message_canonical(const struct labels *n, struct name *out);

/* The header of an answer to `q` with `flags` added to QR, RD and CD, and its question.  Section counts are zero. */
void message_write_head(struct writer *w, const struct question *q, uint16_t flags);

/* Our OPT without options, when the client sent one. */
void message_write_opt(struct writer *w, const struct question *q);

#define MESSAGE_COUNT_ANSWERS     6 /* offsets of the counts in the header */
#define MESSAGE_COUNT_AUTHORITY   8
#define MESSAGE_COUNT_ADDITIONALS 10

#endif
