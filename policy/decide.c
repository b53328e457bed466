/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "policy/decide.h"

#include <string.h>

#include "policy/decide_rule.h"
#include "policy/matcher.h"

/* The addresses at which clouds hand out credentials: AWS, Azure, GCP and OpenStack; AWS over IPv6; Azure's wire
 * server; Alibaba. */
static bool is_metadata(const struct address *a)
{
    static const struct address metadata[] = {
        {4, {169, 254, 169, 254}},
        {4, {168, 63, 129, 16}},
        {4, {100, 100, 100, 200}},
        {6, {0xfd, 0x00, 0x0e, 0xc2, [14] = 0x02, [15] = 0x54}},
    };
    for (size_t i = 0; i < sizeof metadata / sizeof *metadata; i++) {
        if (address_equal(a, &metadata[i]))
            return true;
    }
    return false;
}

/* What is known of one connection while its names and addresses are gone through. */
struct connect {
    const struct policy_scope *scope;
    const struct address *address;
    uint16_t port;
    enum endpoint_scheme any_bytes; /* ENDPOINT_TCP or ENDPOINT_UDP */
    bool release, tls, http, proxy;
    bool by_address;    /* the release is by an address entry */
    bool address_known; /* some entry names this address or a range around it */
    bool other_port, expired, denied;
    struct matcher_hit release_rule, inspect_rule, proxy_rule, denied_rule;
};

static void connect_deny(struct connect *c, const struct matcher_hit *rule)
{
    if (!c->denied)
        c->denied_rule = *rule;
    c->denied = true;
}

static void connect_release(struct connect *c, const struct matcher_hit *rule, bool by_address)
{
    if (!c->release) {
        c->release_rule = *rule;
        c->by_address = by_address;
    }
    c->release = true;
}

static void connect_proxy(struct connect *c, const struct matcher_hit *rule)
{
    if (!c->proxy)
        c->proxy_rule = *rule;
    c->proxy = true;
}

static void connect_inspect(struct connect *c, const struct matcher_hit *rule)
{
    if (!c->tls && !c->http)
        c->inspect_rule = *rule;
    if (rule->shape->scheme == ENDPOINT_TLS)
        c->tls = true;
    else
        c->http = true;
}

/* Does this kind of entry concern the connection at all?  UDP is inspected only for QUIC. */
static bool connect_concerns(const struct connect *c, const struct matcher_shape *s)
{
    if (s->scheme == (uint8_t)c->any_bytes)
        return true;
    if (c->any_bytes == ENDPOINT_UDP)
        return s->scheme == ENDPOINT_TLS && c->scope->profile->quic == POLICY_QUIC_JUDGE;
    return s->scheme == ENDPOINT_TLS || s->scheme == ENDPOINT_HTTP || s->scheme == ENDPOINT_WS ||
           s->scheme == ENDPOINT_PROXY;
}

/* One name that was resolved to the address. */
static void connect_name(struct connect *c, const struct bound_name *bound)
{
    struct matcher_name name;
    struct matcher_hit hit, deny;
    bool good = false;
    matcher_name_init(&name, (struct bytes){(const uint8_t *)bound->name, bound->len});
    for (const struct policy_profile *p = c->scope->profile; p; p = p->allow_parent) {
        struct matcher_cursor cursor = matcher_find_name(p->allow, &name);
        while (matcher_next(&cursor, &hit)) {
            const struct matcher_shape *s = hit.shape;
            if (!connect_concerns(c, s))
                continue;
            bool on_port = s->port_low <= c->port && c->port <= s->port_high;
            uint16_t port = on_port ? c->port : s->port_low;
            if (rule_denies_name(c->scope, &name, s->scheme, port, port, &deny) ||
                (c->any_bytes == ENDPOINT_UDP && rule_denies_name(c->scope, &name, ENDPOINT_UDP, port, port, &deny))) {
                if (on_port)
                    connect_deny(c, &deny);
                continue;
            }
            good = true;
            if (!on_port)
                c->other_port = true;
            else if (s->scheme != (uint8_t)c->any_bytes && s->scheme != ENDPOINT_PROXY)
                connect_inspect(c, &hit); /* grace is enough: the name shown decides */
            else if (bound->grace)
                c->expired = true;
            else if (s->scheme == ENDPOINT_PROXY)
                connect_proxy(c, &hit);
            else
                connect_release(c, &hit, false);
        }
    }
    if (!good && rule_denies_name(c->scope, &name, c->any_bytes, c->port, c->port, &deny))
        connect_deny(c, &deny);
}

/* An entry name@range that lets any bytes through is closed by a denial of that name. */
static bool at_is_denied(const struct connect *c, const struct matcher_hit *hit, struct matcher_hit *deny)
{
    struct endpoint ep;
    struct matcher_name name;
    if (hit->shape->host != ENDPOINT_NAME)
        return false;
    matcher_endpoint(hit, &ep);
    matcher_name_init(&name, (struct bytes){(const uint8_t *)ep.name.text, ep.name.len});
    return rule_denies_name(c->scope, &name, ep.scheme, c->port, c->port, deny);
}

/* Entries that speak of the address: ranges, and names that may stand for it. */
static void connect_address(struct connect *c)
{
    struct matcher_hit hit, deny;
    for (const struct policy_profile *p = c->scope->profile; p; p = p->allow_parent) {
        struct matcher_cursor cursor = matcher_find_address(p->allow, c->address);
        while (matcher_next(&cursor, &hit)) {
            const struct matcher_shape *s = hit.shape;
            bool by_address = s->host == ENDPOINT_ADDRESS, proxy = s->scheme == ENDPOINT_PROXY;
            bool on_port = s->port_low <= c->port && c->port <= s->port_high;
            c->address_known = c->address_known || by_address;
            if (!connect_concerns(c, s))
                continue;
            if (!on_port) {
                c->other_port = c->other_port || by_address;
            } else if (s->scheme != (uint8_t)c->any_bytes && !proxy) {
                connect_inspect(c, &hit);
            } else if (!by_address && at_is_denied(c, &hit, &deny)) {
                c->address_known = true;
                connect_deny(c, &deny);
            } else if (proxy) {
                connect_proxy(c, &hit);
            } else {
                connect_release(c, &hit, by_address);
            }
        }
    }
}

static struct decision connect_refused(const struct connect *c, bool nothing_bound)
{
    if (is_metadata(c->address))
        return rule_none(REASON_METADATA_ADDRESS, false);
    if (nothing_bound && !c->address_known)
        return rule_none(REASON_NOT_RESOLVED, false);
    if (c->expired)
        return rule_none(REASON_BINDING_EXPIRED, false);
    if (c->other_port)
        return rule_none(REASON_PORT_NOT_ALLOWED, true);
    if (c->denied)
        return rule_decides(DECIDE_REFUSE, REASON_DENIED, &c->denied_rule);
    return rule_none(c->any_bytes == ENDPOINT_UDP ? REASON_UDP_NOT_ALLOWED : REASON_NOT_IN_ALLOWLIST, true);
}

static struct decision connect_decide(struct connect *c, const struct bound_name *bound, unsigned bound_count)
{
    struct matcher_hit deny;
    if (rule_denies_address(c->scope, c->address, c->any_bytes, c->port, &deny)) {
        if (is_metadata(c->address))
            return rule_none(REASON_METADATA_ADDRESS, false);
        return rule_decides(DECIDE_REFUSE, REASON_DENIED, &deny);
    }
    connect_address(c);
    for (unsigned i = 0; i < bound_count; i++)
        connect_name(c, &bound[i]);
    /* What the policy calls a proxy is judged as one, whatever else is allowed at that address and port. */
    if (c->proxy)
        return rule_decides(DECIDE_INSPECT_PROXY,
                            c->proxy_rule.shape->host == ENDPOINT_ADDRESS ? REASON_ADDRESS_ALLOWED
                                                                          : REASON_NAME_ALLOWED,
                            &c->proxy_rule);
    if (c->release)
        return rule_decides(DECIDE_RELEASE, c->by_address ? REASON_ADDRESS_ALLOWED : REASON_NAME_ALLOWED,
                            &c->release_rule);
    if (c->tls && c->any_bytes == ENDPOINT_UDP)
        return rule_decides(DECIDE_INSPECT_QUIC, REASON_NAME_ALLOWED, &c->inspect_rule);
    if (c->tls || c->http) {
        enum decide_path path = !c->http ? DECIDE_INSPECT_TLS : !c->tls ? DECIDE_INSPECT_HTTP : DECIDE_INSPECT_EITHER;
        return rule_decides(path, REASON_NAME_ALLOWED, &c->inspect_rule);
    }
    return connect_refused(c, bound_count == 0);
}

struct decision decide_tcp(const struct policy_scope *scope, const struct address *address, uint16_t port,
                           const struct bound_name *bound, unsigned bound_count)
{
    struct connect c = {.scope = scope, .address = address, .port = port, .any_bytes = ENDPOINT_TCP};
    return connect_decide(&c, bound, bound_count);
}

struct decision decide_udp(const struct policy_scope *scope, const struct address *address, uint16_t port,
                           const struct bound_name *bound, unsigned bound_count)
{
    struct connect c = {.scope = scope, .address = address, .port = port, .any_bytes = ENDPOINT_UDP};
    return connect_decide(&c, bound, bound_count);
}

static const struct bound_name *find_bound(const struct name *name, const struct bound_name *bound, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        if (bound[i].len == name->len && memcmp(bound[i].name, name->text, name->len) == 0)
            return &bound[i];
    }
    return NULL;
}

/* An entry of scheme `entry` allows what was shown or asked for. */
static bool serves(uint8_t entry, enum endpoint_scheme scheme)
{
    return entry == (uint8_t)scheme || (entry == ENDPOINT_WS && scheme == ENDPOINT_HTTP);
}

/* The name is allowed by no entry for what was shown here: the nearest reason. */
static struct decision shown_refused(bool other_port, bool other_scheme, enum endpoint_scheme scheme, bool bound)
{
    if (other_scheme && scheme == ENDPOINT_WS)
        return rule_none(REASON_HTTP_WEBSOCKET, bound);
    if (other_scheme)
        return rule_none(scheme == ENDPOINT_TLS ? REASON_HTTP_EXPECTED : REASON_TLS_EXPECTED, false);
    /* A client that asked for this name first would hold a binding; one that did not is not offered a way in. */
    return rule_none(other_port ? REASON_PORT_NOT_ALLOWED : REASON_NOT_IN_ALLOWLIST, bound);
}

/* `any_bytes`: ENDPOINT_TCP, or ENDPOINT_UDP for QUIC. */
static struct decision shown_decide(const struct policy_scope *scope, enum endpoint_scheme scheme,
                                    enum endpoint_scheme any_bytes, const struct name *shown,
                                    const struct address *address, uint16_t port, const struct bound_name *bound,
                                    unsigned bound_count)
{
    struct matcher_name name;
    struct matcher_hit hit, deny;
    const struct bound_name *binding = find_bound(shown, bound, bound_count);
    bool unbound = false, other_port = false, other_scheme = false;
    matcher_name_init(&name, (struct bytes){(const uint8_t *)shown->text, shown->len});
    if (rule_denies_name(scope, &name, scheme, port, port, &deny) ||
        (any_bytes == ENDPOINT_UDP && rule_denies_name(scope, &name, ENDPOINT_UDP, port, port, &deny)) ||
        rule_denies_address(scope, address, any_bytes, port, &deny))
        return rule_decides(DECIDE_REFUSE, REASON_DENIED, &deny);
    for (const struct policy_profile *p = scope->profile; p; p = p->allow_parent) {
        struct matcher_cursor cursor = matcher_find_name(p->allow, &name);
        while (matcher_next(&cursor, &hit)) {
            const struct matcher_shape *s = hit.shape;
            bool on_port = s->port_low <= port && port <= s->port_high;
            if (s->scheme != ENDPOINT_TLS && s->scheme != ENDPOINT_HTTP && s->scheme != ENDPOINT_WS)
                continue;
            if (!serves(s->scheme, scheme) || !on_port) {
                other_scheme = other_scheme || on_port;
                other_port = other_port || serves(s->scheme, scheme);
                continue;
            }
            if (binding || (s->has_at && address_in_range(address, &s->at)))
                return rule_decides(DECIDE_RELEASE, REASON_NAME_ALLOWED, &hit);
            unbound = true;
        }
    }
    /* Any bytes are allowed to this address, so these are; as decide_tcp says. */
    struct connect c = {.scope = scope, .address = address, .port = port, .any_bytes = any_bytes};
    struct decision d = connect_decide(&c, binding, binding ? 1 : 0);
    if (d.path == DECIDE_RELEASE)
        return d;
    if (is_metadata(address))
        return rule_none(REASON_METADATA_ADDRESS, false);
    if (unbound)
        return rule_none(REASON_NAME_NOT_BOUND, false);
    return shown_refused(other_port, other_scheme, scheme, binding != NULL);
}

struct decision decide_shown(const struct policy_scope *scope, enum endpoint_scheme scheme, const struct name *shown,
                             const struct address *address, uint16_t port, const struct bound_name *bound,
                             unsigned bound_count)
{
    return shown_decide(scope, scheme, ENDPOINT_TCP, shown, address, port, bound, bound_count);
}

struct decision decide_shown_quic(const struct policy_scope *scope, const struct name *shown,
                                  const struct address *address, uint16_t port, const struct bound_name *bound,
                                  unsigned bound_count)
{
    if (scope->profile->quic != POLICY_QUIC_JUDGE)
        return rule_none(REASON_QUIC, false);
    return shown_decide(scope, ENDPOINT_TLS, ENDPOINT_UDP, shown, address, port, bound, bound_count);
}

bool decide_outer_name(const struct policy_scope *scope)
{
    return scope->profile->ech == POLICY_ECH_OUTER;
}

bool decide_answer_address(const struct policy_scope *scope, const struct name *name, const struct address *address,
                           bool own)
{
    struct matcher_name prepared;
    struct matcher_hit hit, deny;
    if (!own && !address_is_special(address))
        return true;
    matcher_name_init(&prepared, (struct bytes){(const uint8_t *)name->text, name->len});
    if (rule_denies_question(scope, &prepared, 1, &deny))
        return false;
    for (const struct policy_profile *p = scope->profile; p; p = p->allow_parent) {
        struct matcher_cursor cursor = matcher_find_name(p->allow, &prepared);
        while (matcher_next(&cursor, &hit)) {
            const struct matcher_shape *s = hit.shape;
            if (s->has_at && address_in_range(address, &s->at) &&
                (s->scheme == ENDPOINT_DNS ||
                 !rule_denies_name(scope, &prepared, s->scheme, s->port_low, s->port_high, &deny)))
                return true;
        }
    }
    return false;
}

bool decide_is_resolver(const struct policy_scope *scope, const struct address *address)
{
    for (unsigned i = 0; i < scope->resolvers; i++) {
        if (address_equal(address, &scope->resolver[i]))
            return true;
    }
    return false;
}
