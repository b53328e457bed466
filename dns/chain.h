/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The records of an answer that belong to its question: the chain of aliases from the question's name, and what stands
 * at its end (RFC 1034 s3.6.2, RFC 6672, RFC 2181 s10.1).
 *
 * The records may lie in any order.  Everything else in the answer is left out: a record that nobody asked for neither
 * binds nor reaches the client.  No allocation; struct chain is some 30 KiB and lives on the caller's stack. */
#ifndef SLUICE_DNS_CHAIN_H
#define SLUICE_DNS_CHAIN_H

#include <stdbool.h>
#include <stdint.h>

#include "core/bytes.h"
#include "dns/labels.h"

#define CHAIN_STEPS_MAX   16   /* aliases in a chain */
#define CHAIN_RECORDS_MAX 1024 /* in the answer section; more are malformed */

struct chain_record {
    uint16_t owner, rdata, rdata_len; /* offsets into the message */
    uint16_t type;
    uint32_t ttl_sec;
    uint32_t owner_hash;
    bool kept;
};

struct chain {
    struct bytes wire;
    unsigned count;
    struct chain_record record[CHAIN_RECORDS_MAX]; /* of the answer section, class IN */
    struct chain_record soa;                       /* the first of the authority section; owner 0: none */
    unsigned others;                               /* records of the other sections and classes, but OPT and soa */
    uint8_t rcode_high;                            /* from OPT */

    uint16_t type; /* asked for */
    unsigned kept;
    uint16_t keep[CHAIN_RECORDS_MAX]; /* indices, in the order of the chain */
    unsigned at_end;                  /* how many of them are the answer itself, signatures apart */
    struct labels end;                /* the name at the chain's end */
    uint32_t ttl_sec;                 /* least of the aliases; UINT32_MAX without */
};

/* Reads every record of the message (strictly: counts, lengths, names, no bytes left over).  `at` is the offset behind
 * the question. */
bool chain_read(struct chain *c, struct bytes wire, size_t at, unsigned answers, unsigned authorities,
                unsigned additionals);

/* Follows the aliases from `start` and fills keep[].  With `signatures` the RRSIGs of what is kept are kept.  False: a
 * loop, more than CHAIN_STEPS_MAX, two aliases at one name, or a DNAME without the CNAME that follows from it. */
bool chain_follow(struct chain *c, const struct labels *start, uint16_t type, bool signatures);

/* Unkeeps the RRSIGs over `type` at the chain's end: the set is no longer whole. */
void chain_unsign(struct chain *c, uint16_t type);

struct labels chain_owner(const struct chain *c, const struct chain_record *record);

#endif
