/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The decision: facts in, verdict and reason out.  Pure: no I/O, no clock, no allocation, no state; O(labels of the
 * names in the facts).  The live handler, `sluice explain` and `sluice replay` call the same functions.
 *
 * Mode (audit) is not looked at here: the caller turns a denial into would_deny. */
#ifndef SLUICE_POLICY_DECIDE_H
#define SLUICE_POLICY_DECIDE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/address.h"
#include "core/name.h"
#include "core/reason.h"
#include "policy/endpoint.h"
#include "policy/policy.h"

/* A name that this scope resolved to the address in question (dns/binding). */
struct bound_name {
    const char *name; /* canonical, NUL-terminated, borrowed */
    uint8_t len;
    bool grace; /* its lifetime is over, its hour of grace is not: good only where a server name is checked too */
};

/* How a connection that may start goes on. */
enum decide_path {
    DECIDE_REFUSE,
    DECIDE_RELEASE,        /* tcp://, udp:// or an address entry: any bytes */
    DECIDE_INSPECT_TLS,    /* only TLS is allowed here */
    DECIDE_INSPECT_HTTP,   /* only plain HTTP is */
    DECIDE_INSPECT_EITHER, /* either; the first byte tells */
    DECIDE_INSPECT_QUIC,   /* UDP: only QUIC is, of a profile that judges it */
    DECIDE_INSPECT_PROXY   /* an HTTP proxy: each request is judged by what it asks for (decide_proxied) */
};

struct decision {
    enum decide_path path; /* for names (decide_shown, decide_question): RELEASE or REFUSE */
    enum reason reason;
    bool noise;    /* refuse, but as `ignored` (DESIGN s2 "Noise") */
    bool has_rule; /* rule is the entry that allowed or denied it */
    struct endpoint rule;
    const char *limit; /* TUNNEL_SUSPECTED: the key of the budget that was met (the judge's), and its value */
    uint32_t limit_max;
    bool offer; /* on refusal: the name or address may be offered as an --allow line (event.hint) */
};

/* May this scope open a TCP connection to address:port?  `bound` are the scope's live bindings of that address. */
struct decision decide_tcp(const struct policy_scope *scope, const struct address *address, uint16_t port,
                           const struct bound_name *bound, unsigned bound_count);

/* UDP other than DNS, likewise.  Path RELEASE, INSPECT_QUIC or REFUSE. */
struct decision decide_udp(const struct policy_scope *scope, const struct address *address, uint16_t port,
                           const struct bound_name *bound, unsigned bound_count);

/* The name that a connection to address:port shows, as SNI (ENDPOINT_TLS), Host (ENDPOINT_HTTP) or Host of a request
 * for a WebSocket (ENDPOINT_WS): allowed, and bound to this address?  A name allowed by an entry with name@range also
 * passes when the address lies in that range, resolved or not. */
struct decision decide_shown(const struct policy_scope *scope, enum endpoint_scheme scheme, const struct name *shown,
                             const struct address *address, uint16_t port, const struct bound_name *bound,
                             unsigned bound_count);

/* The same for the server name that QUIC shows: an entry for TLS allows it where the profile judges QUIC. */
struct decision decide_shown_quic(const struct policy_scope *scope, const struct name *shown,
                                  const struct address *address, uint16_t port, const struct bound_name *bound,
                                  unsigned bound_count);

/* A ClientHello with an encrypted one in it: may it be judged by its outer name? */
bool decide_outer_name(const struct policy_scope *scope);

/* What is asked of a proxy for another host: CONNECT (ENDPOINT_TLS), an absolute http:// URI (ENDPOINT_HTTP), or one
 * that is upgraded (ENDPOINT_WS).  The proxy resolves the name, so nothing is bound and no address is known: the name
 * decides alone, where `name` is NULL the address, by address entries only.  Path RELEASE (CONNECT: any bytes pass),
 * INSPECT_TLS (CONNECT: what passes must be TLS with that server name) or REFUSE. */
struct decision decide_proxied(const struct policy_scope *scope, enum endpoint_scheme asked, const struct name *name,
                               const struct address *address, uint16_t port);

/* A question of type `type` for `name`.  A name that any allow entry covers (of any scheme) may be resolved for A and
 * AAAA; other types only by dns:// entries.  reason TYPE_NOT_ALLOWED: answer NODATA; any other refusal: NXDOMAIN.
 * `policy` gives search domains and the host's name, for noise.  PTR for an address in `bound_reverse` (true when the
 * caller found the asked address bound) is noise too. */
struct decision decide_question(const struct policy *policy, const struct policy_scope *scope, const struct name *name,
                                uint16_t type, bool reverse_is_bound);

/* The entry that would allow a question that decide_question refuses with `offer`: the name, or dns://NAME?types=TYPE
 * for types other than A and AAAA (HTTPS and SVCB are noise once the name is allowed).  Returns its length. */
size_t decide_question_hint(const struct name *name, uint16_t type, char *out, size_t size_bytes);

/* May `name`'s answer hold `address`?  Only special addresses (address_is_special, and `own`: one of the host's) are
 * refused, unless name@range permits. */
bool decide_answer_address(const struct policy_scope *scope, const struct name *name, const struct address *address,
                           bool own);

/* The address is one of the scope's pinned resolvers. */
bool decide_is_resolver(const struct policy_scope *scope, const struct address *address);

#endif
