/* SPDX-License-Identifier: GPL-3.0-or-later */
/* policy/decide over entries and facts drawn from a small world, against a reference that goes through all entries one
 * by one and compares names label by label: no tables, no hashes.  What the reference refuses is never allowed, and the
 * other way round.
 * Input: entries (4 octets each, up to 24), then facts. */
#include <stdlib.h>
#include <string.h>

#include "policy/decide.h"
#include "policy/matcher.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define ENTRIES_MAX 24

static const char *const names[] = {"a.test", "b.a.test", "c.b.a.test",   "ba.test",
                                    "test.a", "b.test",   "x--y_.a.test", "d.c.b.a.test"};
static const char *const ranges[] = {"10.0.0.0/8",    "10.1.0.0/16", "192.0.2.7/32",   "0.0.0.0/0",
                                     "2001:db8::/32", "::/0",        "169.254.0.0/16", "fd00::/8"};
static const char *const addresses[] = {"10.1.2.3",    "10.2.0.1",      "192.0.2.7",       "192.0.2.8",
                                        "2001:db8::1", "fd00:ec2::254", "169.254.169.254", "198.51.100.1"};
static const uint16_t ports[] = {443, 80, 22, 8443, 53, 1, 65535, 444};

struct entry {
    struct endpoint ep;
    bool deny;
    unsigned level; /* 0: the scope's own profile, 1: its parent */
};

struct world {
    unsigned entries;
    struct entry entry[ENTRIES_MAX];
    struct policy_profile profile[2];
    struct policy_scope scope;
    struct address address;
    uint16_t port;
    struct name shown;
    unsigned bounds;
    struct bound_name bound[4];
};

static void require(bool holds)
{
    if (!holds)
        abort();
}

static struct bytes text_of(const char *s)
{
    return (struct bytes){(const uint8_t *)s, strlen(s)};
}

static struct name name_of(unsigned i)
{
    struct name n;
    require(name_from_wire(text_of(names[i % 8]), &n));
    return n;
}

/* Only what the grammar can write: an address has no inspected scheme, a denial no @range, dns:// no port. */
static void read_entry(struct reader *r, struct entry *e)
{
    uint8_t a = reader_u8(r), b = reader_u8(r), c = reader_u8(r), d = reader_u8(r);
    *e = (struct entry){.deny = a & 1, .level = a >> 1 & 1};
    struct endpoint *ep = &e->ep;
    ep->host = (enum endpoint_host)(a >> 2 & 3);
    ep->scheme = (enum endpoint_scheme)((a >> 4) % 5);
    ep->port_low = ports[b & 7];
    ep->port_high = b & 0x40 ? ports[b >> 3 & 7] : ep->port_low;
    if (ep->port_high < ep->port_low)
        ep->port_high = ep->port_low;
    if (ep->host == ENDPOINT_ADDRESS) {
        require(address_range_parse(text_of(ranges[c & 7]), &ep->range));
        ep->scheme = ep->scheme == ENDPOINT_UDP ? ENDPOINT_UDP : ENDPOINT_TCP;
        if (b & 0x80)
            ep->port_low = 0, ep->port_high = 65535;
        return;
    }
    ep->name = name_of(c);
    if (ep->scheme == ENDPOINT_DNS) {
        ep->port_low = ep->port_high = 0;
        ep->types = d & 3;
        for (unsigned i = 0; i < ep->types; i++)
            ep->type[i] = i ? 33 : 16;
    }
    if (!e->deny && d & 0x80) {
        ep->has_at = true;
        require(address_range_parse(text_of(ranges[d >> 4 & 7]), &ep->at));
    }
}

/* ---- the reference ---- */

static bool covers_name(const struct endpoint *ep, const char *name)
{
    size_t len = strlen(name), zone = ep->name.len;
    if (ep->host == ENDPOINT_ADDRESS)
        return false;
    if (ep->host == ENDPOINT_NAME)
        return strcmp(name, ep->name.text) == 0;
    if (len < zone + 2 || name[len - zone - 1] != '.' || strcmp(name + len - zone, ep->name.text) != 0)
        return false;
    return ep->host == ENDPOINT_ANY_BELOW || !memchr(name, '.', len - zone - 1);
}

static bool altogether(const struct endpoint *ep)
{
    if (ep->host == ENDPOINT_ADDRESS)
        return ep->scheme == ENDPOINT_TCP && ep->port_low == 0 && ep->port_high == 65535;
    return ep->scheme == ENDPOINT_TLS && ep->port_low == 443 && ep->port_high == 443;
}

static bool denied_name(const struct world *w, const char *name, unsigned scheme, unsigned low, unsigned high)
{
    for (unsigned i = 0; i < w->entries; i++) {
        const struct endpoint *ep = &w->entry[i].ep;
        if (w->entry[i].deny && covers_name(ep, name) &&
            (altogether(ep) || (ep->scheme == scheme && ep->port_low <= low && high <= ep->port_high)))
            return true;
    }
    return false;
}

static bool denied_address(const struct world *w, unsigned scheme)
{
    for (unsigned i = 0; i < w->entries; i++) {
        const struct endpoint *ep = &w->entry[i].ep;
        if (w->entry[i].deny && ep->host == ENDPOINT_ADDRESS && address_in_range(&w->address, &ep->range) &&
            (altogether(ep) || (ep->scheme == scheme && ep->port_low <= w->port && w->port <= ep->port_high)))
            return true;
    }
    return false;
}

static bool denied_question(const struct world *w, const char *name, uint16_t type)
{
    for (unsigned i = 0; i < w->entries; i++) {
        const struct endpoint *ep = &w->entry[i].ep;
        bool listed = ep->types == 0;
        for (unsigned k = 0; k < ep->types; k++)
            listed = listed || ep->type[k] == type;
        if (w->entry[i].deny && covers_name(ep, name) && (altogether(ep) || (ep->scheme == ENDPOINT_DNS && listed)))
            return true;
    }
    return false;
}

/* Which of `scheme`'s entries lets this connection start, by name or address?  `bounds` of w->bound count. */
static bool lets(const struct world *w, unsigned scheme, bool any_bytes, const struct bound_name *bound,
                 unsigned bounds)
{
    for (unsigned i = 0; i < w->entries; i++) {
        const struct endpoint *ep = &w->entry[i].ep;
        if (w->entry[i].deny || ep->scheme != scheme || w->port < ep->port_low || w->port > ep->port_high)
            continue;
        if (ep->host == ENDPOINT_ADDRESS && address_in_range(&w->address, &ep->range))
            return true;
        if (ep->has_at && address_in_range(&w->address, &ep->at) &&
            !(any_bytes && ep->host == ENDPOINT_NAME && denied_name(w, ep->name.text, scheme, w->port, w->port)))
            return true;
        for (unsigned k = 0; k < bounds; k++)
            if (covers_name(ep, bound[k].name) && !(any_bytes && bound[k].grace) &&
                !denied_name(w, bound[k].name, scheme, w->port, w->port))
                return true;
    }
    return false;
}

static enum decide_path reference_connect(const struct world *w, unsigned any_bytes, const struct bound_name *bound,
                                          unsigned bounds)
{
    if (denied_address(w, any_bytes))
        return DECIDE_REFUSE;
    if (lets(w, any_bytes, true, bound, bounds))
        return DECIDE_RELEASE;
    bool tls = any_bytes == ENDPOINT_TCP && lets(w, ENDPOINT_TLS, false, bound, bounds);
    bool http = any_bytes == ENDPOINT_TCP && lets(w, ENDPOINT_HTTP, false, bound, bounds);
    if (tls && http)
        return DECIDE_INSPECT_EITHER;
    return tls ? DECIDE_INSPECT_TLS : http ? DECIDE_INSPECT_HTTP : DECIDE_REFUSE;
}

static const struct bound_name *binding_of(const struct world *w)
{
    for (unsigned i = 0; i < w->bounds; i++)
        if (strcmp(w->bound[i].name, w->shown.text) == 0)
            return &w->bound[i];
    return NULL;
}

static bool reference_shown(const struct world *w, unsigned scheme)
{
    const struct bound_name *binding = binding_of(w);
    if (denied_name(w, w->shown.text, scheme, w->port, w->port) || denied_address(w, ENDPOINT_TCP))
        return false;
    for (unsigned i = 0; i < w->entries; i++) {
        const struct endpoint *ep = &w->entry[i].ep;
        if (!w->entry[i].deny && ep->scheme == scheme && ep->port_low <= w->port && w->port <= ep->port_high &&
            covers_name(ep, w->shown.text) && (binding || (ep->has_at && address_in_range(&w->address, &ep->at))))
            return true;
    }
    return reference_connect(w, ENDPOINT_TCP, binding, binding ? 1 : 0) == DECIDE_RELEASE;
}

static bool reference_question(const struct world *w, uint16_t type)
{
    bool address = type == 1 || type == 28;
    if (denied_question(w, w->shown.text, 1) || (!address && denied_question(w, w->shown.text, type)))
        return false;
    for (unsigned i = 0; i < w->entries; i++) {
        const struct endpoint *ep = &w->entry[i].ep;
        bool dns = ep->scheme == ENDPOINT_DNS, listed = false;
        for (unsigned k = 0; dns && k < ep->types; k++)
            listed = listed || ep->type[k] == type;
        if (w->entry[i].deny || !covers_name(ep, w->shown.text) || (!address && !listed))
            continue;
        if (dns || !denied_name(w, w->shown.text, ep->scheme, ep->port_low, ep->port_high))
            return true;
    }
    return false;
}

static bool reference_answer(const struct world *w, bool own)
{
    if (!own && !address_is_special(&w->address))
        return true;
    if (denied_question(w, w->shown.text, 1))
        return false;
    for (unsigned i = 0; i < w->entries; i++) {
        const struct endpoint *ep = &w->entry[i].ep;
        if (!w->entry[i].deny && covers_name(ep, w->shown.text) && ep->has_at &&
            address_in_range(&w->address, &ep->at) &&
            (ep->scheme == ENDPOINT_DNS || !denied_name(w, w->shown.text, ep->scheme, ep->port_low, ep->port_high)))
            return true;
    }
    return false;
}

/* ---- both ---- */

static void build(struct world *w)
{
    struct error e = {0};
    for (unsigned i = 0; i < 2; i++) {
        w->profile[i].allow = matcher_new(1);
        w->profile[i].deny = matcher_new(1);
        require(w->profile[i].allow && w->profile[i].deny);
    }
    for (unsigned i = 0; i < w->entries; i++) {
        struct policy_profile *p = &w->profile[w->entry[i].level];
        require(matcher_add(w->entry[i].deny ? p->deny : p->allow, &w->entry[i].ep, &e));
    }
    for (unsigned i = 0; i < 2; i++) {
        matcher_finish(w->profile[i].allow);
        matcher_finish(w->profile[i].deny);
    }
    w->profile[0].allow_parent = w->profile[0].parent = &w->profile[1];
    w->scope.profile = &w->profile[0];
}

static void compare(const struct world *w, uint8_t more)
{
    const struct policy_scope *s = &w->scope;
    struct decision d = decide_tcp(s, &w->address, w->port, w->bound, w->bounds);
    require(d.path == reference_connect(w, ENDPOINT_TCP, w->bound, w->bounds));
    require((d.path != DECIDE_REFUSE) == (d.reason == REASON_NAME_ALLOWED || d.reason == REASON_ADDRESS_ALLOWED));
    d = decide_udp(s, &w->address, w->port, w->bound, w->bounds);
    require(d.path == reference_connect(w, ENDPOINT_UDP, w->bound, w->bounds));
    for (unsigned scheme = ENDPOINT_TLS; scheme <= ENDPOINT_HTTP; scheme++) {
        d = decide_shown(s, (enum endpoint_scheme)scheme, &w->shown, &w->address, w->port, w->bound, w->bounds);
        require(d.path == DECIDE_RELEASE || d.path == DECIDE_REFUSE);
        require((d.path == DECIDE_RELEASE) == reference_shown(w, scheme));
    }
    static const uint16_t types[] = {1, 28, 16, 33, 65, 12, 255, 0};
    static const struct policy policy;
    uint16_t type = types[more & 7];
    d = decide_question(&policy, s, &w->shown, type, more & 8);
    require((d.path == DECIDE_RELEASE) == reference_question(w, type));
    require(decide_answer_address(s, &w->shown, &w->address, more & 8) == reference_answer(w, more & 8));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct reader r = reader_init((struct bytes){data, size}, false);
    static struct world w;
    w = (struct world){.entries = reader_u8(&r) % (ENTRIES_MAX + 1)};
    for (unsigned i = 0; i < w.entries; i++)
        read_entry(&r, &w.entry[i]);
    build(&w);
    while (r.state == PARSE_OK && reader_left(&r) >= 4) {
        uint8_t a = reader_u8(&r), b = reader_u8(&r), c = reader_u8(&r), more = reader_u8(&r);
        require(address_parse(text_of(addresses[a & 7]), &w.address));
        w.port = ports[a >> 3 & 7];
        w.shown = name_of(b);
        w.bounds = a >> 6;
        for (unsigned i = 0; i < w.bounds; i++) {
            const char *name = names[(b >> 3 ^ c >> i * 2) & 7];
            w.bound[i] = (struct bound_name){name, (uint8_t)strlen(name), more >> (4 + i) & 1};
        }
        compare(&w, more);
    }
    for (unsigned i = 0; i < 2; i++) {
        matcher_free(w.profile[i].allow);
        matcher_free(w.profile[i].deny);
    }
    return 0;
}
