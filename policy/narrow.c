/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "policy/narrow.h"

#include <stdio.h>
#include <string.h>

#include "policy/decide_rule.h"
#include "policy/matcher.h"

static bool range_holds(const struct address_range *wide, const struct address_range *narrow)
{
    return wide->base.family == narrow->base.family && wide->prefix_bits <= narrow->prefix_bits &&
           address_in_range(&narrow->base, wide);
}

static bool has_denials(const struct policy_profile *of)
{
    for (; of; of = of->parent)
        if (matcher_count(of->deny))
            return true;
    return false;
}

/* An entry permits asking for its name's addresses, unless its scheme is denied on all its ports (decide_question); a
 * denial of the name altogether, or of its questions, says the same of a dns:// entry. */
static bool asking_is_free(const struct policy_profile *of, const struct matcher_shape *s)
{
    struct matcher_hit deny;
    for (const struct policy_profile *p = of; p && s->scheme != ENDPOINT_DNS; p = p->parent)
        for (size_t next = 0; matcher_each(p->deny, &next, &deny);)
            if (rule_denies_only_ports(deny.shape, s->scheme, s->port_low, s->port_high))
                return false;
    return true;
}

/* What an entry like `wide` lets through, one of scheme `narrow` adds nothing to.  A denial is of a scheme, too: with
 * any, another scheme may go where the first was denied.  An entry for TLS is one for QUIC where that is judged. */
static bool scheme_covers(const struct policy_profile *of, const struct matcher_shape *wide, unsigned narrow)
{
    if (wide->scheme == narrow)
        return true;
    if (narrow == ENDPOINT_DNS)
        return asking_is_free(of, wide);
    if (has_denials(of))
        return false;
    if (wide->scheme == ENDPOINT_TCP && narrow == ENDPOINT_TLS)
        return of->quic != POLICY_QUIC_JUDGE;
    if (wide->scheme == ENDPOINT_TCP)
        return narrow == ENDPOINT_HTTP || narrow == ENDPOINT_WS;
    return wide->scheme == ENDPOINT_WS && narrow == ENDPOINT_HTTP;
}

/* The entry `hit`, which covers the name or the first address of `entry`: does it cover all that `entry` allows? */
static bool entry_covers(const struct policy_profile *of, const struct matcher_hit *hit, const struct endpoint *entry)
{
    const struct matcher_shape *wide = hit->shape;
    struct endpoint whole;
    matcher_endpoint(hit, &whole);
    if (!scheme_covers(of, wide, entry->scheme))
        return false;
    if (entry->scheme != ENDPOINT_DNS && (entry->port_low < wide->port_low || wide->port_high < entry->port_high))
        return false;
    for (unsigned i = 0; i < entry->types; i++)
        if (wide->scheme != ENDPOINT_DNS || !rule_has_type(wide, entry->type[i]))
            return false;
    if (entry->host == ENDPOINT_ADDRESS)
        return wide->host == ENDPOINT_ADDRESS && range_holds(&whole.range, &entry->range);
    if (wide->host == ENDPOINT_ADDRESS || (entry->has_at && !(wide->has_at && range_holds(&wide->at, &entry->at))))
        return false;
    return entry->host == ENDPOINT_NAME || wide->host == ENDPOINT_ANY_BELOW ||
           (wide->host == ENDPOINT_ONE_BELOW && entry->host == ENDPOINT_ONE_BELOW);
}

/* A name that stands for all that the entry's name or wildcard is: one, or two, labels that nobody writes below it. */
static bool sample_name(const struct endpoint *entry, struct name *out)
{
    static const char *const below[] = {"", "_-_.", "_-_._-_."};
    unsigned labels = entry->host == ENDPOINT_ONE_BELOW ? 1 : entry->host == ENDPOINT_ANY_BELOW ? 2 : 0;
    int n = snprintf(out->text, sizeof out->text, "%s%s", below[labels], entry->name.text);
    out->len = (uint8_t)n;
    return n > 0 && (size_t)n < sizeof out->text;
}

static bool profile_covers(const struct policy_profile *wide, const struct endpoint *entry)
{
    struct name sample;
    struct matcher_name name;
    struct matcher_hit hit;
    bool by_name = entry->host != ENDPOINT_ADDRESS;
    if (by_name && !sample_name(entry, &sample))
        return false;
    if (by_name)
        matcher_name_init(&name, (struct bytes){(const uint8_t *)sample.text, sample.len});
    for (const struct policy_profile *p = wide; p; p = p->allow_parent) {
        struct matcher_cursor cursor =
            by_name ? matcher_find_name(p->allow, &name) : matcher_find_address(p->allow, &entry->range.base);
        while (matcher_next(&cursor, &hit))
            if (entry_covers(wide, &hit, entry))
                return true;
    }
    return false;
}

/* Each profile whose denials hold in `wide` must be one whose denials hold in `narrow`. */
static bool keeps_denials(const struct policy_profile *wide, const struct policy_profile *narrow)
{
    for (const struct policy_profile *w = wide; w; w = w->parent) {
        bool kept = matcher_count(w->deny) == 0;
        for (const struct policy_profile *n = narrow; n && !kept; n = n->parent)
            kept = n == w;
        if (!kept)
            return false;
    }
    return true;
}

/* 0 is a default that this file does not know, so it is equal to itself alone. */
static bool not_above(uint32_t wide, uint32_t narrow)
{
    return narrow == wide || (narrow && wide && narrow < wide);
}

static const char *wider_setting(const struct policy_profile *wide, const struct policy_profile *narrow)
{
    if (!keeps_denials(wide, narrow))
        return "deny";
    if (narrow->quic == POLICY_QUIC_JUDGE && wide->quic != POLICY_QUIC_JUDGE)
        return "quic";
    if (narrow->ech == POLICY_ECH_OUTER && wide->ech != POLICY_ECH_OUTER)
        return "ech";
    if (!not_above(wide->budget.names_per_minute, narrow->budget.names_per_minute) ||
        !not_above(wide->budget.label_bytes, narrow->budget.label_bytes) ||
        !not_above(wide->budget.bytes_per_hour, narrow->budget.bytes_per_hour))
        return "budget";
    return NULL;
}

/* May a connection be one that the entry allows and, at once, one to this proxy? */
static bool may_meet(const struct endpoint *entry, const struct endpoint *proxy)
{
    if (entry->port_high < proxy->port_low || proxy->port_high < entry->port_low)
        return false;
    if (entry->host != ENDPOINT_ADDRESS || proxy->host != ENDPOINT_ADDRESS)
        return true; /* any name may stand for any address */
    return range_holds(&entry->range, &proxy->range) || range_holds(&proxy->range, &entry->range);
}

/* Does `of` let TCP go, other than to a proxy, where this proxy may be? */
static bool passes_at(const struct policy_profile *of, const struct endpoint *proxy)
{
    struct matcher_hit hit;
    struct endpoint entry;
    for (; of; of = of->allow_parent) {
        for (size_t next = 0; matcher_each(of->allow, &next, &hit);) {
            unsigned scheme = hit.shape->scheme;
            matcher_endpoint(&hit, &entry);
            if (scheme != ENDPOINT_DNS && scheme != ENDPOINT_UDP && scheme != ENDPOINT_PROXY && may_meet(&entry, proxy))
                return true;
        }
    }
    return false;
}

/* What a policy calls a proxy is judged as one, whatever else is allowed there: with that entry gone, or denied,
 * another for the same place would let through what was judged. */
static bool keeps_proxies(const struct policy_profile *wide, const struct policy_profile *narrow)
{
    struct matcher_hit hit;
    struct endpoint entry;
    bool denies_more = !keeps_denials(narrow, wide);
    for (const struct policy_profile *p = wide; p; p = p->allow_parent) {
        for (size_t next = 0; matcher_each(p->allow, &next, &hit);) {
            matcher_endpoint(&hit, &entry);
            if (entry.scheme == ENDPOINT_PROXY && (denies_more || !profile_covers(narrow, &entry)) &&
                passes_at(narrow, &entry))
                return false;
        }
    }
    return true;
}

bool narrow_covers(const struct policy_profile *wide, const struct policy_profile *narrow, struct endpoint *beyond,
                   const char **setting)
{
    struct matcher_hit hit;
    struct endpoint entry;
    const char *wider = wider_setting(wide, narrow);
    if (!wider && !keeps_proxies(wide, narrow))
        wider = "proxies";
    if (setting)
        *setting = wider;
    if (wider)
        return false;
    for (const struct policy_profile *p = narrow; p; p = p->allow_parent) {
        for (size_t next = 0; matcher_each(p->allow, &next, &hit);) {
            matcher_endpoint(&hit, &entry);
            if (profile_covers(wide, &entry))
                continue;
            if (beyond)
                *beyond = entry;
            return false;
        }
    }
    return true;
}
