/* SPDX-License-Identifier: GPL-3.0-or-later */
/* DNS messages: strict reading of what a client asks, rebuilding of what goes on, reading of answers (ldns).
 *
 * Sources: RFC 1035 s4.1, RFC 6891 (EDNS), RFC 8914 (Extended DNS Errors), RFC 2308 s5 (negative answers without SOA
 * are not cached).  ldns allocates per message; nothing else here does.  Any thread. */
#ifndef SLUICE_DNS_MESSAGE_H
#define SLUICE_DNS_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/address.h"
#include "core/bytes.h"
#include "core/name.h"
#include "core/reason.h"

#define MESSAGE_QUERY_MAX       512 /* of a rebuilt query: header, question, OPT */
#define MESSAGE_ANSWER_MAX      65535
#define MESSAGE_UDP_PAYLOAD     1232  /* what rebuilt queries advertise at most (DNS flag day 2020) */
#define MESSAGE_UDP_PAYLOAD_TCP 65507 /* what a query from the relay advertises: the most that IPv4 carries */
#define MESSAGE_ADDRESSES_MAX   128

/* One well-formed question. */
struct question {
    uint16_t id; /* the client's */
    uint16_t type;
    bool recursion_desired, checking_disabled, authentic_data;
    bool edns, dnssec_ok;
    uint16_t udp_payload; /* the client's advertised size; 512 without EDNS */
    uint16_t class_code;  /* as the client wrote it, for error answers; 0 stands for IN */
    uint8_t opcode;       /* likewise; 0: QUERY */
    uint8_t labels_len;
    struct name name;    /* canonical; the root alone is len 0 */
    uint8_t labels[255]; /* wire form exactly as the client wrote it, case and all, to be given back */
};

/* Reads a client's query.  REASON_NONE: well-formed, *out is whole: QR 0, opcode QUERY, one question, no answer or
 * authority records, at most one OPT, no bytes left over, class IN, a name of the canonical alphabet, uncompressed.
 * Otherwise the reason DNS_*; *out then holds id, and name and labels as far as they could be read (labels_len 0: the
 * question could not be read), so that an error answer can be built.  Names: what cannot be canonical (escapes, other
 * bytes) gets REASON_DNS_NAME_FORM and its printable form in shown[], as has the root; else that is empty. */
enum reason message_read_query(struct bytes wire, struct question *out, char shown[256]);

/* Builds the query that goes on in the client's place: `id`, lower-case name, always RD and AD, never CD, and an OPT of
 * ours (no options, payload MESSAGE_UDP_PAYLOAD, DO as asked) when the client had one; the answer is cut to what the
 * client takes.  Returns its length. */
size_t message_build_query(const struct question *q, uint16_t id, uint8_t out[MESSAGE_QUERY_MAX]);

/* As message_build_query, for a question that came over TCP and goes on by UDP: always with an OPT, payload
 * MESSAGE_UDP_PAYLOAD_TCP, so that the answer has the room that the client has. */
size_t message_build_query_over_tcp(const struct question *q, uint16_t id, uint8_t out[MESSAGE_QUERY_MAX]);

enum message_denial {
    MESSAGE_NXDOMAIN,
    MESSAGE_NODATA,
    MESSAGE_SERVFAIL,
    MESSAGE_FORMERR,
    MESSAGE_NOTIMP,
    MESSAGE_REFUSED
};

/* Builds an answer that refuses `q`: the client's id, question and RD, RA set, no authority records; with EDNS an OPT
 * with Extended DNS Error 15 (Blocked) and `text`; without EDNS in the query none is sent (RFC 6891 s7).
 * Returns its length, at most `size` (512 is enough: text is cut). */
size_t message_build_denial(const struct question *q, enum message_denial kind, const char *text, uint8_t *out,
                            size_t size);

/* What an answer's header and question say, for matching it to the outstanding question before the rest is read. */
struct answer_head {
    uint16_t id, type;
    struct name name;
};
/* False: not an answer (QR 0, opcode, not one question of class IN, malformed). */
bool message_read_answer_head(struct bytes wire, struct answer_head *out);

struct answer_address {
    struct address address;
    uint32_t ttl_sec; /* least of the chain that leads to it */
};

/* An answer, reduced to what the question asked. */
struct answer {
    uint8_t rcode;
    bool truncated;
    unsigned addresses;
    struct answer_address address[MESSAGE_ADDRESSES_MAX];
    unsigned dropped_records; /* of other names or types */
    size_t wire_len;          /* of the rebuilt answer */
    uint8_t wire[MESSAGE_ANSWER_MAX];
};

/* Decides about an address in an answer: false removes its record. */
typedef bool answer_filter(void *ctx, const struct address *address);

/* Reads the resolver's answer to `q` and rebuilds it for the client: its id, its question as written, RA and AD as the
 * resolver set them (AD only if asked), only the records on the CNAME/DNAME chain from the question's name and those of
 * the question's type at its end (with their RRSIGs when DO), no additional records but our OPT when the client had
 * one. SOA is kept in authority for negative answers, nothing else.  An ANSWER of CNAME chain longer than 16 is
 * malformed. Addresses are those that remain.  Truncated: only header and question, TC set. `filter` may be NULL
 * (audit).  `size_limit`: what the client can take (its udp_payload, or 65535 over TCP): a longer answer is sent
 * truncated.  When every address record was filtered away, the answer is NODATA with EDE 15. `filtered` gets the number
 * of address records that filter removed. Returns PARSE_OK or PARSE_MALFORMED. */
enum parse message_read_answer(struct bytes wire, const struct question *q, size_t size_limit, answer_filter *filter,
                               void *ctx, unsigned *filtered, struct answer *out);

/* The address that a name under in-addr.arpa or ip6.arpa asks for. */
bool message_reverse_address(const struct name *name, struct address *out);

#endif
