/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "policy/decide.h"
#include "policy/decide_rule.h"
#include "policy/endpoint_type.h"
#include "policy/matcher.h"

enum { TYPE_A = 1, TYPE_PTR = 12, TYPE_AAAA = 28, TYPE_SRV = 33, TYPE_SVCB = 64, TYPE_HTTPS = 65 };

static struct bytes text_bytes(const char *s)
{
    return (struct bytes){(const uint8_t *)s, strlen(s)};
}

/* What the entries say of a question. */
struct question {
    bool allowed; /* this type */
    bool covered; /* the name may be resolved, if not for this type */
    bool denied;
    bool type_denied;        /* an entry under deny names this type */
    struct matcher_hit rule; /* of allowed, else of denied */
};

static struct question question_look(const struct policy_scope *scope, struct bytes name, uint16_t type)
{
    struct matcher_name n;
    struct matcher_hit hit, deny;
    struct question q = {0};
    bool address = type == TYPE_A || type == TYPE_AAAA;
    matcher_name_init(&n, name);
    q.denied = rule_denies_question(scope, &n, TYPE_A, &q.rule);
    if (q.denied)
        return q;
    q.type_denied = !address && rule_denies_question(scope, &n, type, &deny);
    for (const struct policy_profile *p = scope->profile; p; p = p->allow_parent) {
        struct matcher_cursor cursor = matcher_find_name(p->allow, &n);
        while (!q.allowed && matcher_next(&cursor, &hit)) {
            const struct matcher_shape *s = hit.shape;
            bool dns = s->scheme == ENDPOINT_DNS;
            if (!dns && rule_denies_name(scope, &n, s->scheme, s->port_low, s->port_high, &deny)) {
                q.denied = true;
                q.rule = deny;
                continue;
            }
            q.covered = true;
            q.allowed = address || (dns && !q.type_denied && rule_has_type(s, type));
            if (q.allowed)
                q.rule = hit;
        }
    }
    return q;
}

static bool may_resolve(const struct policy_scope *scope, struct bytes name)
{
    return question_look(scope, name, TYPE_A).allowed;
}

/* `name` without ".suffix" at its end; len 0 when it does not end so. */
static struct bytes strip(struct bytes name, struct bytes suffix)
{
    if (suffix.len == 0 || name.len < suffix.len + 2 || name.at[name.len - suffix.len - 1] != '.' ||
        memcmp(name.at + name.len - suffix.len, suffix.at, suffix.len) != 0)
        return (struct bytes){0};
    return (struct bytes){name.at, name.len - suffix.len - 1};
}

static bool is_own(const struct policy *policy, struct bytes name)
{
    const struct name *host = &policy->host_name;
    if (bytes_equal(name, text_bytes("localhost")) || bytes_equal(name, text_bytes("localhost.localdomain")) ||
        strip(name, text_bytes("localhost")).len)
        return true;
    if (host->len == 0)
        return false;
    struct bytes full = {(const uint8_t *)host->text, host->len};
    const char *dot = memchr(host->text, '.', host->len);
    struct bytes own_label = {full.at, dot ? (size_t)(dot - host->text) : full.len};
    return bytes_equal(name, full) || bytes_equal(name, own_label);
}

/* apt asks for the SRV records of each host it fetches from; resolvers ask for the well-known name (RFC 7050). */
static bool is_probe(const struct policy_scope *scope, struct bytes name, uint16_t type)
{
    static const char *const services[] = {"_http._tcp.", "_https._tcp."};
    if (bytes_equal(name, text_bytes("ipv4only.arpa")))
        return true;
    for (size_t i = 0; i < sizeof services / sizeof *services && type == TYPE_SRV; i++) {
        struct bytes service = text_bytes(services[i]);
        if (name.len > service.len && memcmp(name.at, service.at, service.len) == 0 &&
            may_resolve(scope, (struct bytes){name.at + service.len, name.len - service.len}))
            return true;
    }
    return false;
}

/* Refused, but no attack (DESIGN s2 "Noise").  Never forwarded. */
static bool noise(const struct policy *policy, const struct policy_scope *scope, struct bytes name, uint16_t type,
                  bool reverse_is_bound, enum reason *reason)
{
    if (is_own(policy, name)) {
        *reason = REASON_OWN_NAME;
        return true;
    }
    if (is_probe(scope, name, type)) {
        *reason = REASON_PROBE_NAME;
        return true;
    }
    if (type == TYPE_PTR && reverse_is_bound &&
        (strip(name, text_bytes("in-addr.arpa")).len || strip(name, text_bytes("ip6.arpa")).len)) {
        *reason = REASON_REVERSE_OF_BOUND;
        return true;
    }
    for (unsigned i = 0; i < policy->search_domains + scope->search_domains; i++) {
        const struct name *domain =
            i < policy->search_domains ? &policy->search_domain[i] : &scope->search_domain[i - policy->search_domains];
        struct bytes rest = strip(name, (struct bytes){(const uint8_t *)domain->text, domain->len});
        if (rest.len == 0)
            continue;
        *reason = is_own(policy, rest) ? REASON_OWN_NAME : REASON_SEARCH_DOMAIN;
        if (*reason == REASON_OWN_NAME || is_probe(scope, rest, type) || may_resolve(scope, rest))
            return true;
    }
    return false;
}

/* Labels that carry data rather than name a host: such a name is not offered as an --allow line. */
static bool looks_like_data(const struct name *name)
{
    size_t label = 0, digits = 0, labels = 1;
    for (size_t i = 0; i < name->len; i++) {
        if (name->text[i] == '.') {
            label = digits = 0;
            labels++;
            continue;
        }
        label++;
        digits += name->text[i] >= '0' && name->text[i] <= '9';
        if (label > 32 || (label >= 20 && digits >= 6))
            return true;
    }
    return name->len > 100 || labels > 8;
}

/* PTR is asked of addresses; whoever asks it of names that nobody resolved here is not helped. */
static bool may_offer(const struct name *name, uint16_t type)
{
    return type != TYPE_PTR && endpoint_type_is_askable(type) && !looks_like_data(name);
}

size_t decide_question_hint(const struct name *name, uint16_t type, char *out, size_t size_bytes)
{
    struct endpoint hint = {.scheme = ENDPOINT_TLS, .host = ENDPOINT_NAME, .name = *name};
    bool by_name = type == TYPE_A || type == TYPE_AAAA || type == TYPE_SVCB || type == TYPE_HTTPS;
    hint.port_low = hint.port_high = 443;
    if (!by_name) {
        hint.scheme = ENDPOINT_DNS;
        hint.types = 1;
        hint.type[0] = type;
    }
    return endpoint_format(&hint, out, size_bytes);
}

struct decision decide_question(const struct policy *policy, const struct policy_scope *scope, const struct name *name,
                                uint16_t type, bool reverse_is_bound)
{
    struct bytes text = {(const uint8_t *)name->text, name->len};
    struct question q = question_look(scope, text, type);
    struct decision d = {.path = DECIDE_REFUSE, .reason = REASON_NOT_IN_ALLOWLIST};
    if (q.allowed) {
        d.path = DECIDE_RELEASE;
        d.reason = REASON_NAME_ALLOWED;
        d.has_rule = true;
        matcher_endpoint(&q.rule, &d.rule);
    } else if (q.covered) {
        /* NODATA; NXDOMAIN would deny the name's addresses too, so only what is no host's name may be a probe here.
         * Browsers, curl and resolvers ask HTTPS and SVCB (RFC 9460) of every name beside its addresses: noise. */
        bool probe = is_probe(scope, text, type);
        d.noise = probe || type == TYPE_SVCB || type == TYPE_HTTPS;
        d.offer = !d.noise && !q.type_denied && may_offer(name, type);
        d.reason = probe ? REASON_PROBE_NAME : REASON_TYPE_NOT_ALLOWED;
    } else if (q.denied) {
        d.reason = REASON_DENIED;
        d.has_rule = true;
        matcher_endpoint(&q.rule, &d.rule);
    } else if (noise(policy, scope, text, type, reverse_is_bound, &d.reason)) {
        d.noise = true;
    } else {
        d.offer = !q.type_denied && may_offer(name, type);
        d.reason = REASON_NOT_IN_ALLOWLIST;
    }
    return d;
}
