/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is asked of an HTTP proxy.  Interface: policy/decide.h. */
#include "policy/decide.h"
#include "policy/decide_rule.h"
#include "policy/matcher.h"

/* A literal address: the proxy connects to just that one, so an address entry says what it says of a connection. */
static struct decision proxied_address(const struct policy_scope *scope, const struct address *address, uint16_t port)
{
    struct matcher_hit hit;
    if (rule_denies_address(scope, address, ENDPOINT_TCP, port, &hit))
        return rule_decides(DECIDE_REFUSE, REASON_DENIED, &hit);
    for (const struct policy_profile *p = scope->profile; p; p = p->allow_parent) {
        struct matcher_cursor cursor = matcher_find_address(p->allow, address);
        while (matcher_next(&cursor, &hit)) {
            const struct matcher_shape *s = hit.shape;
            if (s->host == ENDPOINT_ADDRESS && s->scheme == ENDPOINT_TCP && s->port_low <= port && port <= s->port_high)
                return rule_decides(DECIDE_RELEASE, REASON_ADDRESS_ALLOWED, &hit);
        }
    }
    return rule_none(REASON_HTTP_ADDRESS, false);
}

/* Does an entry of this scheme allow what is asked?  CONNECT: TLS, or any bytes by tcp://.  RELEASE is the widest. */
static enum decide_path entry_path(uint8_t entry, enum endpoint_scheme asked)
{
    if (entry == ENDPOINT_TCP)
        return DECIDE_RELEASE; /* any bytes, so these, too */
    if (asked == ENDPOINT_TLS)
        return entry == ENDPOINT_TLS ? DECIDE_INSPECT_TLS : DECIDE_REFUSE;
    return entry == (uint8_t)asked || (entry == ENDPOINT_WS && asked == ENDPOINT_HTTP) ? DECIDE_RELEASE : DECIDE_REFUSE;
}

struct decision decide_proxied(const struct policy_scope *scope, enum endpoint_scheme asked, const struct name *name,
                               const struct address *address, uint16_t port)
{
    struct matcher_name prepared;
    struct matcher_hit hit, deny;
    bool other_port = false, other_scheme = false, inspect = false, denied = false;
    struct matcher_hit inspect_rule, denied_rule;
    if (!name)
        return proxied_address(scope, address, port);
    matcher_name_init(&prepared, (struct bytes){(const uint8_t *)name->text, name->len});
    for (const struct policy_profile *p = scope->profile; p; p = p->allow_parent) {
        struct matcher_cursor cursor = matcher_find_name(p->allow, &prepared);
        while (matcher_next(&cursor, &hit)) {
            const struct matcher_shape *s = hit.shape;
            bool on_port = s->port_low <= port && port <= s->port_high;
            enum decide_path path = entry_path(s->scheme, asked);
            bool concerns = s->scheme != ENDPOINT_UDP && s->scheme != ENDPOINT_DNS && s->scheme != ENDPOINT_PROXY;
            if (path == DECIDE_REFUSE || !on_port) {
                other_scheme = other_scheme || (on_port && concerns);
                other_port = other_port || path != DECIDE_REFUSE;
            } else if (rule_denies_name(scope, &prepared, s->scheme, port, port, &deny) ||
                       rule_denies_name(scope, &prepared, asked, port, port, &deny)) {
                denied = true;
                denied_rule = deny;
            } else if (path == DECIDE_RELEASE) {
                return rule_decides(path, REASON_NAME_ALLOWED, &hit);
            } else if (!inspect) {
                inspect = true;
                inspect_rule = hit;
            }
        }
    }
    if (inspect)
        return rule_decides(DECIDE_INSPECT_TLS, REASON_NAME_ALLOWED, &inspect_rule);
    if (denied || rule_denies_name(scope, &prepared, asked, port, port, &denied_rule))
        return rule_decides(DECIDE_REFUSE, REASON_DENIED, &denied_rule);
    if (other_scheme && asked == ENDPOINT_TLS)
        return rule_none(REASON_PROXY_CONNECT, true);
    if (other_scheme)
        return rule_none(asked == ENDPOINT_WS ? REASON_HTTP_WEBSOCKET : REASON_TLS_EXPECTED, true);
    return rule_none(other_port ? REASON_PORT_NOT_ALLOWED : REASON_NOT_IN_ALLOWLIST, true);
}
