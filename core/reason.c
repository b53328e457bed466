/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/reason.h"

struct reason_row {
    const char *name, *text;
    bool attack;
};

#define REASON_ROW(symbol, name, attack, text) {name, text, attack},
static const struct reason_row reasons[REASON_COUNT] = {REASON_LIST(REASON_ROW)};
#define ACTION_ROW(symbol, name) name,
static const char *const actions[ACTION_COUNT] = {ACTION_LIST(ACTION_ROW)};
static const char *const verdicts[VERDICT_COUNT] = {"allow", "deny", "would_deny", "ignored"};

const char *reason_name(enum reason reason)
{
    return (unsigned)reason < REASON_COUNT ? reasons[reason].name : "unknown";
}

const char *reason_text(enum reason reason)
{
    return (unsigned)reason < REASON_COUNT ? reasons[reason].text : "unknown";
}

bool reason_is_attack(enum reason reason)
{
    return (unsigned)reason < REASON_COUNT && reasons[reason].attack;
}

const char *action_name(enum action action)
{
    return (unsigned)action < ACTION_COUNT ? actions[action] : "unknown";
}

const char *verdict_name(enum verdict verdict)
{
    return (unsigned)verdict < VERDICT_COUNT ? verdicts[verdict] : "unknown";
}
