/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdarg.h>
#include <stdio.h>

#include "policy/endpoint.h"
#include "policy/endpoint_host.h"
#include "policy/endpoint_type.h"

struct text_out {
    char *at;
    size_t size, len;
};

__attribute__((format(printf, 2, 3))) static void put(struct text_out *o, const char *format, ...)
{
    if (o->len + 1 >= o->size)
        return;
    va_list args;
    va_start(args, format);
    int n = vsnprintf(o->at + o->len, o->size - o->len, format, args);
    va_end(args);
    if (n > 0)
        o->len = (size_t)n < o->size - o->len ? o->len + (size_t)n : o->size - 1;
}

static const char *scheme_text(const struct endpoint *ep)
{
    switch (ep->scheme) {
    case ENDPOINT_TLS:
        return ep->port_low == 443 && ep->port_high == 443 ? "" : "tls://";
    case ENDPOINT_HTTP:
        return "http://";
    case ENDPOINT_TCP:
        return ep->host == ENDPOINT_ADDRESS ? "" : "tcp://";
    case ENDPOINT_UDP:
        return "udp://";
    case ENDPOINT_DNS:
        return "dns://";
    case ENDPOINT_WS:
        return "ws://";
    case ENDPOINT_PROXY:
        return "proxy://";
    }
    return "";
}

static bool port_is_default(const struct endpoint *ep)
{
    if (ep->scheme == ENDPOINT_DNS || (ep->host == ENDPOINT_ADDRESS && ep->port_low == 0))
        return true;
    bool http = ep->scheme == ENDPOINT_HTTP || ep->scheme == ENDPOINT_WS;
    uint16_t port = ep->scheme == ENDPOINT_TLS ? 443 : http ? 80 : 0;
    return ep->port_low == port && ep->port_high == port;
}

size_t endpoint_format(const struct endpoint *ep, char *out, size_t size_bytes)
{
    static const char *const front[] = {
        [ENDPOINT_NAME] = "", [ENDPOINT_ONE_BELOW] = "*.", [ENDPOINT_ANY_BELOW] = "**.", [ENDPOINT_ADDRESS] = ""};
    struct text_out o = {out, size_bytes, 0};
    char range[ENDPOINT_RANGE_SIZE], type[ENDPOINT_TYPE_SIZE];
    if (size_bytes == 0)
        return 0;
    out[0] = 0;
    put(&o, "%s", scheme_text(ep));
    if (ep->host == ENDPOINT_ADDRESS) {
        endpoint_range_format(&ep->range, range);
        put(&o, "%s", range);
    } else {
        put(&o, "%s%s", front[ep->host], ep->name.text);
    }
    if (ep->has_at) {
        endpoint_range_format(&ep->at, range);
        put(&o, "@%s", range);
    }
    if (!port_is_default(ep))
        put(&o, ep->port_low == ep->port_high ? ":%u" : ":%u-%u", ep->port_low, ep->port_high);
    for (unsigned i = 0; i < ep->types; i++) {
        endpoint_type_format(ep->type[i], type);
        put(&o, "%s%s", i ? "," : "?types=", type);
    }
    return o.len;
}
