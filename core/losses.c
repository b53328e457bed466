/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/losses.h"

#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/event_words.h"

/* What is told of each kind: its reason and verdict. */
static const struct {
    enum reason reason;
    enum verdict verdict;
} kinds[] = {
    {REASON_EVENTS_LOST, VERDICT_IGNORED},     {REASON_EVENTS_LOST, VERDICT_DENY},
    {REASON_EVENTS_LOST, VERDICT_WOULD_DENY},  {REASON_ATTACKS_LOST, VERDICT_DENY},
    {REASON_ATTACKS_LOST, VERDICT_WOULD_DENY},
};

#define KINDS (sizeof kinds / sizeof *kinds)

/* The names are those that the events bore: the scope may be gone when it is told. */
struct loss {
    uint16_t scope_id;
    char scope[EVENT_SCOPE_SIZE], job[EVENT_SCOPE_SIZE], phase[EVENT_PHASE_SIZE];
    uint64_t count[KINDS];
};

struct losses {
    unsigned rows;
    struct loss row[1 + LOSSES_SCOPES]; /* the first is nobody's */
};

struct losses *losses_new(void)
{
    struct losses *l = calloc(1, sizeof *l);
    if (l)
        l->rows = 1;
    return l;
}

void losses_free(struct losses *l)
{
    free(l);
}

static struct loss *row_of(struct losses *l, const struct event *e)
{
    for (unsigned i = 0; i < l->rows; i++)
        if (l->row[i].scope_id == e->scope_id && strcmp(l->row[i].scope, e->scope) == 0)
            return &l->row[i];
    if (l->rows == sizeof l->row / sizeof *l->row)
        return &l->row[0];
    struct loss *r = &l->row[l->rows++];
    r->scope_id = e->scope_id;
    memcpy(r->scope, e->scope, sizeof r->scope);
    memcpy(r->job, e->job, sizeof r->job);
    memcpy(r->phase, e->phase, sizeof r->phase);
    return r;
}

uint64_t losses_add(struct losses *l, const struct event *e)
{
    uint64_t count = e->count > 1 ? e->count : 1;
    enum reason reason = event_is_refusal(e) && reason_is_attack(e->reason) ? REASON_ATTACKS_LOST : REASON_EVENTS_LOST;
    enum verdict verdict = event_is_refusal(e) ? e->verdict : VERDICT_IGNORED;
    struct loss *r = row_of(l, e);
    for (unsigned k = 0; k < KINDS; k++)
        if (kinds[k].reason == reason && kinds[k].verdict == verdict)
            r->count[k] += count;
    return e->reason == REASON_EVENTS_LOST || e->reason == REASON_ATTACKS_LOST ? 0 : count;
}

bool losses_wait(const struct losses *l)
{
    bool any = false;
    for (unsigned i = 0; i < l->rows && !any; i++)
        for (unsigned k = 0; k < KINDS; k++)
            any = any || l->row[i].count[k];
    return any;
}

void losses_tell(struct losses *l, bool (*tell)(void *ctx, const struct event *e), void *ctx)
{
    bool more = true;
    for (unsigned i = 0; i < l->rows && more; i++) {
        struct loss *r = &l->row[i];
        for (unsigned k = 0; k < KINDS && more; k++) {
            struct event e = {.time_usec = clock_real_usec(),
                              .action = ACTION_GATE,
                              .reason = kinds[k].reason,
                              .verdict = kinds[k].verdict,
                              .scope_id = r->scope_id,
                              .count = r->count[k]};
            if (!e.count)
                continue;
            memcpy(e.scope, r->scope, sizeof e.scope);
            memcpy(e.job, r->job, sizeof e.job);
            memcpy(e.phase, r->phase, sizeof e.phase);
            r->count[k] = 0;
            more = tell(ctx, &e);
        }
    }
    if (losses_wait(l))
        return;
    memset(&l->row[1], 0, (l->rows - 1) * sizeof *l->row);
    l->rows = 1;
}
