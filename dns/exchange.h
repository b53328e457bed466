/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Outstanding questions: which answer belongs to which question (RESEARCH s2, 26 and 41).
 *
 * A table of fixed size, owned by one worker.  A question is keyed by its flow (client address and port, resolver
 * address and port), the client's id, name, type and form (EDNS, DO: what goes on depends on nothing else): an
 * identical retry finds the entry that it made before and goes out with the same id of ours.  An answer must come on
 * the same flow with our id and the same name and type; an entry that was answered stays for 2 s to meet duplicates,
 * then goes; an unanswered one lives 30 s.  Our ids are drawn by getrandom-seeded generator.
 *
 * Questions of a flow that are equal but for the client's id share one id of ours: each more would be one more that a
 * forger may hit, so of a name and type there are never more than its three forms.  One goes on, the others wait for
 * its answer, which answers all of them.  Other questions of a flow never share one.  No allocation after exchange_new.
 */
#ifndef SLUICE_DNS_EXCHANGE_H
#define SLUICE_DNS_EXCHANGE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/address.h"
#include "dns/message.h"

#define EXCHANGE_CAPACITY      8192             /* outstanding questions */
#define EXCHANGE_FLOW_MAX      256              /* unanswered ones a flow, so that one client cannot fill the table */
#define EXCHANGE_AGAIN_USEC    (1ull * 1000000) /* so long after the last one went, an equal question goes, too */
#define EXCHANGE_WRONG_MAX     32
#define EXCHANGE_DISTRUST_USEC (60ull * 1000000)
#define EXCHANGE_SCOPE_MAX     (EXCHANGE_CAPACITY / 2) /* unanswered ones a scope, so that one scope cannot */

struct exchange_flow {
    struct address client, resolver;
    uint16_t client_port, resolver_port;
};

struct exchange_entry {
    uint64_t asked_usec, answered_usec; /* answered_usec 0: not yet */
    uint64_t sent_usec;                 /* this one, or the equal one that it waits for, went on */
    uint16_t our_id;
    uint16_t scope;
    bool in_use;
    bool waits; /* need not go on: an equal one is on its way */
    bool as_is; /* of exchange_ask_as: its id is the client's, so it shares it with none */
    struct exchange_flow flow;
    struct question question; /* its texts as far as they are used: the table is larger than a cache */
};

struct exchange; /* the table */

struct exchange *exchange_new(uint64_t seed);
void exchange_free(struct exchange *x);

/* How many scopes there are to share with. */
void exchange_scopes(struct exchange *x, unsigned scopes);

/* The entry for this question, new or the one that an identical retry made; NULL: full.  It `waits` where it shares the
 * id of one that went on less than EXCHANGE_AGAIN_USEC ago and is not answered; a retry never does.  Answered entries
 * give way when the table is full, the one answered first before the others. */
struct exchange_entry *exchange_ask(struct exchange *x, const struct exchange_flow *flow, uint16_t scope,
                                    const struct question *q, uint64_t now_usec);

/* The same where the question goes on as it is (audit, replay): the answer will carry the client's own id. */
struct exchange_entry *exchange_ask_as(struct exchange *x, const struct exchange_flow *flow, uint16_t scope,
                                       const struct question *q, uint16_t id, uint64_t now_usec);

/* An answer came on this flow that nobody asked for.  Where questions are outstanding on the flow, somebody may be
 * trying ids: after EXCHANGE_WRONG_MAX of them nothing of the scope is believed for EXCHANGE_DISTRUST_USEC. */
void exchange_wrong(struct exchange *x, const struct exchange_flow *flow, uint16_t scope, uint64_t now_usec);

/* The entry that an answer belongs to (not yet answered, else answered less than 2 s ago); NULL: nobody asked. */
struct exchange_entry *exchange_match(struct exchange *x, const struct exchange_flow *flow,
                                      const struct answer_head *head, uint64_t now_usec);

void exchange_answered(struct exchange *x, struct exchange_entry *entry, uint64_t now_usec);
/* After exchange_answered of what exchange_match found: another entry that the same answer belongs to, as it shares the
 * id; NULL: no more.  The caller gives it its answer and then calls exchange_shared, with which it is gone (the first
 * one stays to meet duplicates, for all of them). */
struct exchange_entry *exchange_match_shared(struct exchange *x, const struct exchange_flow *flow,
                                             const struct answer_head *head, uint64_t now_usec);
void exchange_shared(struct exchange *x, struct exchange_entry *entry);
void exchange_expire(struct exchange *x, uint64_t now_usec); /* call about once a second; O(capacity) at most */

#endif
