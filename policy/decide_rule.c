/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "policy/decide_rule.h"

struct decision rule_decides(enum decide_path path, enum reason reason, const struct matcher_hit *rule)
{
    struct decision d = {.path = path, .reason = reason, .has_rule = true};
    matcher_endpoint(rule, &d.rule);
    return d;
}

struct decision rule_none(enum reason reason, bool offer)
{
    return (struct decision){.path = DECIDE_REFUSE, .reason = reason, .offer = offer};
}

static bool denies_altogether(const struct matcher_shape *s)
{
    if (s->host == ENDPOINT_ADDRESS)
        return s->scheme == ENDPOINT_TCP && s->port_low == 0 && s->port_high == 65535;
    return s->scheme == ENDPOINT_TLS && s->port_low == 443 && s->port_high == 443;
}

static bool denies_ports(const struct matcher_shape *s, unsigned scheme, uint16_t low, uint16_t high)
{
    bool same = s->scheme == scheme || (scheme == ENDPOINT_WS && s->scheme == ENDPOINT_HTTP);
    return same && s->port_low <= low && high <= s->port_high;
}

bool rule_denies_only_ports(const struct matcher_shape *denied, unsigned scheme, uint16_t low, uint16_t high)
{
    return denied->host != ENDPOINT_ADDRESS && !denies_altogether(denied) && denies_ports(denied, scheme, low, high);
}

bool rule_denies_name(const struct policy_scope *scope, const struct matcher_name *name, unsigned scheme, uint16_t low,
                      uint16_t high, struct matcher_hit *rule)
{
    struct matcher_hit hit;
    for (const struct policy_profile *p = scope->profile; p; p = p->parent) {
        struct matcher_cursor cursor = matcher_find_name(p->deny, name);
        while (matcher_next(&cursor, &hit)) {
            if (!denies_altogether(hit.shape) && !denies_ports(hit.shape, scheme, low, high))
                continue;
            *rule = hit;
            return true;
        }
    }
    return false;
}

bool rule_denies_address(const struct policy_scope *scope, const struct address *address, unsigned scheme,
                         uint16_t port, struct matcher_hit *rule)
{
    struct matcher_hit hit;
    for (const struct policy_profile *p = scope->profile; p; p = p->parent) {
        struct matcher_cursor cursor = matcher_find_address(p->deny, address);
        while (matcher_next(&cursor, &hit)) {
            if (!denies_altogether(hit.shape) && !denies_ports(hit.shape, scheme, port, port))
                continue;
            *rule = hit;
            return true;
        }
    }
    return false;
}

bool rule_has_type(const struct matcher_shape *shape, uint16_t type)
{
    for (unsigned i = 0; i < shape->types; i++) {
        if (shape->type[i] == type)
            return true;
    }
    return false;
}

bool rule_denies_question(const struct policy_scope *scope, const struct matcher_name *name, uint16_t type,
                          struct matcher_hit *rule)
{
    struct matcher_hit hit;
    for (const struct policy_profile *p = scope->profile; p; p = p->parent) {
        struct matcher_cursor cursor = matcher_find_name(p->deny, name);
        while (matcher_next(&cursor, &hit)) {
            const struct matcher_shape *s = hit.shape;
            bool question = s->scheme == ENDPOINT_DNS && (s->types == 0 || rule_has_type(s, type));
            if (!denies_altogether(s) && !question)
                continue;
            *rule = hit;
            return true;
        }
    }
    return false;
}
