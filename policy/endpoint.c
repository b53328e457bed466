/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "policy/endpoint.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "policy/endpoint_host.h"
#include "policy/endpoint_type.h"
#include "policy/expand.h"
#include "policy/text.h"

struct scheme {
    const char *name;
    enum endpoint_scheme scheme;
    uint16_t port; /* 0: none by default */
    bool url;      /* a path may follow */
};

static const struct scheme schemes[] = {
    {"https", ENDPOINT_TLS, 443, true}, {"http", ENDPOINT_HTTP, 80, true}, {"tls", ENDPOINT_TLS, 443, false},
    {"tcp", ENDPOINT_TCP, 0, false},    {"udp", ENDPOINT_UDP, 0, false},   {"dns", ENDPOINT_DNS, 0, false},
    {"wss", ENDPOINT_TLS, 443, true},   {"ws", ENDPOINT_WS, 80, true},     {"proxy", ENDPOINT_PROXY, 0, false},
};

/* Schemes that people write, and what they stand for here. */
static const struct {
    const char *name, *instead;
} strangers[] = {
    {"ssh", "tcp://HOST:22"},
    {"sftp", "tcp://HOST:22"},
    {"git+ssh", "tcp://HOST:22"},
    {"git", "tcp://HOST:9418"},
    {"ftp", "tcp://HOST:21"},
    {"ntp", "udp://HOST:123"},
    {"http_proxy", "proxy://HOST:3128"},
    {"https_proxy", "proxy://HOST:3128"},
    {"socks5", "tcp://HOST:1080"},
    {"git+https", "https://HOST"},
    {"postgres", "tcp://HOST:5432"},
    {"mysql", "tcp://HOST:3306"},
    {"redis", "tcp://HOST:6379"},
    {"postgresql", "tcp://HOST:5432"},
    {"ldap", "tcp://HOST:389"},
    {"ldaps", "tls://HOST:636"},
    {"quic", "https://HOST, and \"quic: judge\" in its profile (sluice run: --quic judge)"},
};

static bool scheme_parse(struct endpoint_text *t, const struct scheme **out)
{
    const uint8_t *mark = t->len >= 3 ? memmem(t->at, t->len, "://", 3) : NULL;
    size_t len = mark ? (size_t)(mark - t->at) : 0;
    char word[16] = "", quoted[TEXT_QUOTE_SIZE];
    *out = NULL;
    if (!mark)
        return true;
    struct bytes written = {t->at, len};
    if (len < sizeof word) {
        memcpy(word, t->at, len);
        word[len] = 0;
        for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
            if (strcasecmp(word, schemes[i].name) == 0) {
                *out = &schemes[i];
                t->next = len + 3;
                return true;
            }
        }
        for (size_t i = 0; i < sizeof strangers / sizeof *strangers; i++) {
            if (strcasecmp(word, strangers[i].name) == 0)
                return endpoint_wrong(t, 0, "unknown scheme \"%s\"; write %s", word, strangers[i].instead);
        }
    }
    return endpoint_wrong(t, 0, "unknown scheme \"%s\"; there are https, http, ws, tls, tcp, udp, dns and proxy",
                          text_quote(written, quoted));
}

/* "user:password@host": next is behind the scheme.  name@range with a port at the wrong place is told elsewhere. */
static bool has_credentials(const struct endpoint_text *t)
{
    size_t end = t->next;
    while (end < t->len && !memchr("/?#[", t->at[end], 4))
        end++;
    const uint8_t *at = memrchr(t->at + t->next, '@', end - t->next);
    const uint8_t *colon = at ? memchr(t->at + t->next, ':', (size_t)(at - t->at) - t->next) : NULL;
    if (!colon)
        return false;
    bool port = true, range = at + 1 == t->at + t->len || memchr("0123456789[", at[1], 11) != NULL;
    for (const uint8_t *c = colon + 1; c < at; c++)
        port = port && ((*c >= '0' && *c <= '9') || *c == '-');
    return !port || !range;
}

static bool port_parse(struct endpoint_text *t, uint16_t *out)
{
    size_t start = t->next;
    unsigned long value = 0;
    while (t->next < t->len && t->at[t->next] >= '0' && t->at[t->next] <= '9' && t->next - start < 6)
        value = value * 10 + (unsigned long)(t->at[t->next++] - '0');
    if (t->next == start)
        return endpoint_wrong(t, start, "a port is a number from 1 to 65535, or a range such as 8000-8010");
    if (value < 1 || value > 65535 || t->at[start] == '0')
        return endpoint_wrong(t, start, "\"%.*s\" is no port; ports are 1 to 65535", (int)(t->next - start),
                              (const char *)t->at + start);
    *out = (uint16_t)value;
    return true;
}

/* [":" port ["-" port]] */
static bool ports_parse(struct endpoint_text *t, struct endpoint *out, bool *given)
{
    *given = t->next < t->len && t->at[t->next] == ':';
    if (!*given)
        return true;
    size_t start = ++t->next;
    if (t->next < t->len && t->at[t->next] == '*')
        return endpoint_wrong(t, start, "every port is written 1-65535");
    if (!port_parse(t, &out->port_low))
        return false;
    out->port_high = out->port_low;
    if (t->next < t->len && t->at[t->next] == '-') {
        t->next++;
        if (!port_parse(t, &out->port_high))
            return false;
        if (out->port_high < out->port_low)
            return endpoint_wrong(t, start, "the range of ports is empty; write %u-%u", out->port_high, out->port_low);
    }
    if (t->next < t->len && t->at[t->next] == ',')
        return endpoint_wrong(t, t->next,
                              "one entry has one port or one range; write two entries, or braces: "
                              "host:{80,8080}");
    if (t->next < t->len && t->at[t->next] == '@')
        return endpoint_wrong(t, t->next, "the range comes before the port: name@10.0.0.0/8:443");
    if (t->next < t->len && !strchr("/?#", t->at[t->next]))
        return endpoint_wrong(t, t->next, "a port is a number from 1 to 65535, or a range such as 8000-8010");
    return true;
}

/* Adds in ascending order, once each, so that equal sets are equal bytes. */
static bool type_add(struct endpoint *out, uint16_t type)
{
    unsigned at = 0;
    while (at < out->types && out->type[at] < type)
        at++;
    if (at < out->types && out->type[at] == type)
        return true;
    if (out->types == ENDPOINT_TYPES_MAX)
        return false;
    memmove(out->type + at + 1, out->type + at, (out->types - at) * sizeof *out->type);
    out->type[at] = type;
    out->types++;
    return true;
}

/* "?types=TXT,SRV", for dns:// alone. */
static bool query_parse(struct endpoint_text *t, struct endpoint *out)
{
    static const char prefix[] = "?types=";
    size_t start = t->next;
    if (start == t->len || t->at[start] != '?')
        return true;
    if (out->scheme != ENDPOINT_DNS)
        return endpoint_wrong(t, start, "queries are not looked at; leave out what follows the host");
    if (t->len - start < sizeof prefix - 1 || strncasecmp((const char *)t->at + start, prefix, sizeof prefix - 1) != 0)
        return endpoint_wrong(t, start, "what may follow here is ?types=TXT,SRV");
    t->next += sizeof prefix - 1;
    for (;;) {
        size_t at = t->next;
        while (t->next < t->len && t->at[t->next] != ',')
            t->next++;
        struct bytes word = {t->at + at, t->next - at};
        char quoted[TEXT_QUOTE_SIZE];
        uint16_t type;
        if (!endpoint_type_parse(word, &type))
            return endpoint_wrong(t, at, "\"%s\" is no DNS query type; write for example TXT, SRV or TYPE257",
                                  text_quote(word, quoted));
        if (!endpoint_type_is_askable(type))
            return endpoint_wrong(t, at, "the query type %s cannot be allowed", text_quote(word, quoted));
        if (type != 1 && type != 28 && !type_add(out, type)) /* A and AAAA always are */
            return endpoint_wrong(t, at, "at most %d query types in one entry; write another entry",
                                  ENDPOINT_TYPES_MAX);
        if (t->next == t->len)
            return true;
        t->next++;
    }
}

/* ["/"], where the scheme is that of a URL. */
static bool path_parse(struct endpoint_text *t, const struct scheme *scheme, const struct endpoint *out)
{
    if (t->next == t->len || t->at[t->next] != '/')
        return true;
    if ((scheme && !scheme->url) || out->host == ENDPOINT_ADDRESS)
        return endpoint_wrong(t, t->next, "no path may follow here; leave out what begins with \"/\"");
    if (t->next + 1 < t->len) {
        char quoted[TEXT_QUOTE_SIZE];
        struct bytes before = {t->at, t->next};
        return endpoint_wrong(t, t->next,
                              "an entry allows a host with all of its paths, there are none for one path alone (sluice "
                              "does not look inside TLS); write \"%s\"",
                              text_quote(before, quoted));
    }
    t->next++;
    return true;
}

/* A proxy is one host and one port: what may be asked of it is said by other entries. */
static bool proxy_is_one(struct endpoint_text *t, const struct endpoint *out, bool port_given, size_t host_at)
{
    if (out->host == ENDPOINT_ONE_BELOW || out->host == ENDPOINT_ANY_BELOW)
        return endpoint_wrong(t, host_at, "proxy:// takes one name or address, not a wildcard");
    if (out->host == ENDPOINT_ADDRESS && out->range.prefix_bits != address_octets(&out->range.base) * 8)
        return endpoint_wrong(t, host_at, "proxy:// takes one name or address, not a range");
    if (port_given && out->port_low != out->port_high)
        return endpoint_wrong(t, t->len, "proxy:// takes one port, for example proxy://proxy.example:3128");
    return true;
}

static bool defaults(struct endpoint_text *t, const struct scheme *scheme, struct endpoint *out, bool port_given,
                     size_t host_at)
{
    if (out->scheme == ENDPOINT_PROXY && !proxy_is_one(t, out, port_given, host_at))
        return false;
    if (out->host == ENDPOINT_ADDRESS && out->scheme == ENDPOINT_PROXY && port_given)
        return true;
    if (out->host == ENDPOINT_ADDRESS && out->scheme != ENDPOINT_PROXY) {
        if (scheme && out->scheme != ENDPOINT_TCP && out->scheme != ENDPOINT_UDP)
            return endpoint_wrong(t, host_at,
                                  "%s:// needs a name: an address shows none; write the address without "
                                  "scheme, or tcp:// or udp://",
                                  scheme->name);
        out->scheme = scheme ? out->scheme : ENDPOINT_TCP;
        if (!port_given)
            out->port_high = 65535;
        return true;
    }
    if (out->scheme == ENDPOINT_DNS && port_given)
        return endpoint_wrong(t, host_at, "dns:// takes no port: it allows a name to be resolved");
    if (port_given || out->scheme == ENDPOINT_DNS)
        return true;
    out->port_low = out->port_high = scheme ? scheme->port : 443;
    if (out->port_low == 0)
        return endpoint_wrong(t, t->len, "%s:// needs a port, for example %s://%s", scheme->name, scheme->name,
                              out->scheme == ENDPOINT_TCP   ? "git.example:22"
                              : out->scheme == ENDPOINT_UDP ? "time.example:123"
                                                            : "proxy.example:3128");
    return true;
}

/* One text without braces. */
static bool parse_plain(struct endpoint_text *t, struct endpoint *out)
{
    const struct scheme *scheme;
    struct endpoint ep;
    memset(&ep, 0, sizeof ep); /* with its padding: equal endpoints are equal bytes */
    if (t->len == 0)
        return endpoint_wrong(t, 0, "the entry is empty; write a host name, for example registry.example");
    for (size_t i = 0; i < t->len; i++) {
        if (t->at[i] <= 0x20 || t->at[i] == 0x7f)
            return endpoint_wrong(t, i, "an entry holds no blanks and no control characters");
    }
    if (!scheme_parse(t, &scheme))
        return false;
    ep.scheme = scheme ? scheme->scheme : ENDPOINT_TLS;
    size_t host_at = t->next;
    bool port_given;
    if (has_credentials(t))
        return endpoint_wrong(
            t, host_at,
            "a user name and a password do not belong here: the client sends them; leave out what stands "
            "before the @");
    if (!endpoint_host_parse(t, &ep) || !ports_parse(t, &ep, &port_given) || !path_parse(t, scheme, &ep) ||
        !query_parse(t, &ep))
        return false;
    if (t->next != t->len)
        return endpoint_wrong(t, t->next, "what follows here is not understood; an entry is [scheme://]host[:ports]");
    if (!defaults(t, scheme, &ep, port_given, host_at))
        return false;
    *out = ep;
    return true;
}

struct parse_context {
    endpoint_sink *sink;
    void *ctx;
    size_t *column;
    struct error *e;
};

static bool parse_expanded(void *ctx, const struct expanded *text)
{
    struct parse_context *p = ctx;
    struct endpoint ep;
    size_t offset = 0;
    struct endpoint_text t = {(const uint8_t *)text->text, text->len, 0, &offset, p->e};
    if (!parse_plain(&t, &ep)) {
        if (p->column)
            *p->column = (size_t)text->origin[offset <= text->len ? offset : text->len] + 1;
        return false;
    }
    return p->sink(p->ctx, &ep);
}

bool endpoint_parse(struct bytes text, endpoint_sink *sink, void *ctx, size_t *column, struct error *e)
{
    struct error ignored;
    struct parse_context p = {sink, ctx, column, e ? e : &ignored};
    size_t offset = 0;
    bool plain = text.len <= EXPAND_TEXT_MAX && !(text.len && memchr(text.at, '{', text.len)) &&
                 !(text.len && memchr(text.at, '}', text.len));
    if (plain) {
        struct endpoint ep;
        struct endpoint_text t = {text.at, text.len, 0, &offset, p.e};
        if (parse_plain(&t, &ep))
            return sink(ctx, &ep);
        if (column)
            *column = offset + 1;
        return false;
    }
    size_t before = SIZE_MAX;
    offset = before;
    bool ok = expand_braces(text, ENDPOINT_EXPANSION_MAX, parse_expanded, &p, &offset, p.e);
    if (!ok && offset != before && column)
        *column = offset + 1;
    return ok;
}

bool endpoint_is_single_label(const struct endpoint *ep)
{
    return ep->host == ENDPOINT_NAME && !memchr(ep->name.text, '.', ep->name.len);
}

bool endpoint_wrong(struct endpoint_text *t, size_t offset, const char *format, ...)
{
    char text[sizeof t->e->text];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    *t->offset = offset;
    return error_set(t->e, ERROR_INPUT, 0, "%s", text);
}
