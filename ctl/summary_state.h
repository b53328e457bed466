/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What ctl/summary.c gathers, and ctl/summary_print.c, summary_policy.c and summary_store.c tell; for these alone. */
#ifndef SLUICE_CTL_SUMMARY_STATE_H
#define SLUICE_CTL_SUMMARY_STATE_H

#include "ctl/summary.h"

#define SUMMARY_NAMES_MAX 10000
#define SUMMARY_BUCKETS   4096
#define SUMMARY_FLOWS     4096 /* tuples of open connections, one a slot */
#define SUMMARY_KEY_SIZE  1100 /* a name of 255 bytes, escaped, and an address */

enum summary_kind { SUMMARY_ALLOWED, SUMMARY_REFUSED, SUMMARY_HINT, SUMMARY_KINDS };

/* A name that was allowed; a finding (what was refused: a name, or an address where there is no name), both escaped as
 * they are printed; or a hint that a finding offers, as it is. */
struct summary_row {
    struct summary_row *next_in_bucket, *next; /* in order of appearance */
    const struct summary_row *finding;         /* of a hint */
    enum reason reason;                        /* of a finding: the first, or the first that is an attack */
    enum reason bare;                          /* of a finding: the first refusal without a hint, or REASON_NONE */
    bool attack;                               /* of a finding */
    bool address;                              /* of a finding: it showed no name; of a hint: no name is in it */
    bool hostile;                              /* of a finding: an attack other than a private address in an answer */
    uint64_t count;
    char process[64], package[128], limit[EVENT_LIMIT_SIZE];
    char phase[EVENT_PHASE_SIZE]; /* of a hint: the phase in which it was refused last */
    char text[];
};

struct summary_table {
    struct summary_row *bucket[SUMMARY_BUCKETS], *first, **last;
    size_t rows;
    uint64_t beyond; /* events of names that found no room */
};

struct summary {
    uint32_t seed;
    uint64_t connections, denied, alerts, ignored;
    uint64_t went_on; /* connections that an audit let go on, and a policy in force would not */
    struct summary_table table[SUMMARY_KINDS];
    uint64_t flow[SUMMARY_FLOWS];
};

/* Finds or makes the row; NULL: no room, counted. */
struct summary_row *summary_row(struct summary *s, enum summary_kind kind, const char *text,
                                const struct summary_row *finding);
/* What cannot simply be offered, in three lists. */
enum summary_apart { SUMMARY_PRIVATE, SUMMARY_ATTACK, SUMMARY_BARE, SUMMARY_APARTS };

/* A hint is offered once, and never where anything that led to it looks like an attack. */
bool summary_offers(const struct summary *s, const struct summary_row *hint);
/* Is it no endpoint but a setting of the policy?  *index: which. */
bool summary_is_setting(const char *hint, size_t *index);
/* Does it take an entry of the phase that the scope was in? */
bool summary_in_phase(const struct summary_row *hint);
bool summary_is(const struct summary_row *r, enum summary_apart apart);
bool summary_any(const struct summary *s, enum summary_apart apart);
void summary_print_escaped(const char *text, FILE *out);
/* "  NAME: why (process, package NAME)" */
void summary_print_reason(const struct summary_row *r, enum reason reason, FILE *out);
const char *summary_plural(uint64_t n); /* "s" or "" */

/* The bucket of a text: equal texts share one, in order of appearance. */
size_t summary_bucket(const struct summary *s, const char *text);

#endif
