/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/event.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "core/event_words.h"

/* 9999-12-31T23:59:59.999999Z: RFC 3339 has four digits for a year. */
#define EVENT_TIME_MAX_USEC 253402300799999999ULL

#define TERMINATE(array) ((array)[sizeof(array) - 1] = '\0')

/* A bool that came as bytes may hold any bit pattern, and reading it as a bool is undefined. */
static void event_sanitize_bool(bool *flag)
{
    unsigned char byte;
    memcpy(&byte, flag, 1);
    *flag = byte != 0;
}

static void event_sanitize_address(struct address *a)
{
    if (a->family == 4)
        memset(a->octets + 4, 0, sizeof a->octets - 4);
    else if (a->family != 6)
        *a = (struct address){0};
}

static void event_sanitize_process(struct event_process *p)
{
    TERMINATE(p->name);
    TERMINATE(p->executable);
    TERMINATE(p->command_line);
    TERMINATE(p->parent_name);
    TERMINATE(p->package_name);
    TERMINATE(p->package_version);
    TERMINATE(p->package_type);
    TERMINATE(p->package_stage);
    event_sanitize_bool(&p->package_claimed);
    if (p->pid < 0)
        p->pid = 0;
    if (p->parent_pid < 0)
        p->parent_pid = 0;
}

void event_sanitize(struct event *e)
{
    if (e->time_usec > EVENT_TIME_MAX_USEC)
        e->time_usec = EVENT_TIME_MAX_USEC;
    if (e->start_usec > EVENT_TIME_MAX_USEC)
        e->start_usec = EVENT_TIME_MAX_USEC;
    if ((unsigned)e->action >= ACTION_COUNT)
        e->action = ACTION_NONE;
    if ((unsigned)e->reason >= REASON_COUNT)
        e->reason = REASON_NONE;
    if ((unsigned)e->verdict >= VERDICT_COUNT)
        e->verdict = VERDICT_DENY;
    event_sanitize_bool(&e->incoming);
    event_sanitize_bool(&e->relayed);
    event_sanitize_bool(&e->domain_escaped);
    event_sanitize_bool(&e->cut);
    event_sanitize_bool(&e->websocket);
    event_sanitize_address(&e->source.address);
    event_sanitize_address(&e->destination.address);
    if (e->answers > EVENT_ANSWERS_MAX)
        e->answers = EVENT_ANSWERS_MAX;
    for (unsigned i = 0; i < EVENT_ANSWERS_MAX; i++)
        event_sanitize_address(&e->answer[i]);
    TERMINATE(e->scope);
    TERMINATE(e->job);
    TERMINATE(e->phase);
    TERMINATE(e->domain);
    TERMINATE(e->tls_server_name);
    TERMINATE(e->tls_ja4);
    TERMINATE(e->tls_next_protocol);
    TERMINATE(e->http_method);
    TERMINATE(e->http_path);
    TERMINATE(e->rule);
    TERMINATE(e->hint);
    TERMINATE(e->limit);
    event_sanitize_process(&e->process);
}

static size_t escape(const char *in, bool backslash_too, char *out, size_t size_bytes)
{
    static const char hex[] = "0123456789abcdef";
    size_t n = 0;
    if (!size_bytes)
        return 0;
    for (; *in; in++) {
        unsigned char c = (unsigned char)*in;
        bool plain = c >= 0x20 && c <= 0x7e && (c != '\\' || !backslash_too);
        size_t need = plain ? 1 : 4;
        if (n + need >= size_bytes) /* a whole escape or none of it, and the NUL */
            break;
        if (plain) {
            out[n++] = (char)c;
        } else {
            out[n++] = '\\';
            out[n++] = 'x';
            out[n++] = hex[c >> 4];
            out[n++] = hex[c & 15];
        }
    }
    out[n] = '\0';
    return n;
}

size_t event_escape(const char *in, char *out, size_t size_bytes)
{
    return escape(in, true, out, size_bytes);
}

size_t event_escape_domain(const struct event *e, char *out, size_t size_bytes)
{
    return escape(e->domain, !e->domain_escaped, out, size_bytes);
}

bool event_is_dns(const struct event *e)
{
    return e->action == ACTION_DNS_QUERY || e->action == ACTION_DNS_ANSWER;
}

bool event_is_refusal(const struct event *e)
{
    return e->verdict == VERDICT_DENY || e->verdict == VERDICT_WOULD_DENY;
}

/* IANA's DNS resource record types, those that occur. */
static const struct {
    uint16_t type;
    const char *name;
} dns_types[] = {
    {1, "A"},        {2, "NS"},          {5, "CNAME"},   {6, "SOA"},     {10, "NULL"},   {11, "WKS"},
    {12, "PTR"},     {13, "HINFO"},      {15, "MX"},     {16, "TXT"},    {17, "RP"},     {18, "AFSDB"},
    {24, "SIG"},     {25, "KEY"},        {28, "AAAA"},   {29, "LOC"},    {33, "SRV"},    {35, "NAPTR"},
    {36, "KX"},      {37, "CERT"},       {39, "DNAME"},  {41, "OPT"},    {42, "APL"},    {43, "DS"},
    {44, "SSHFP"},   {45, "IPSECKEY"},   {46, "RRSIG"},  {47, "NSEC"},   {48, "DNSKEY"}, {49, "DHCID"},
    {50, "NSEC3"},   {51, "NSEC3PARAM"}, {52, "TLSA"},   {53, "SMIMEA"}, {55, "HIP"},    {59, "CDS"},
    {60, "CDNSKEY"}, {61, "OPENPGPKEY"}, {62, "CSYNC"},  {63, "ZONEMD"}, {64, "SVCB"},   {65, "HTTPS"},
    {99, "SPF"},     {108, "EUI48"},     {109, "EUI64"}, {249, "TKEY"},  {250, "TSIG"},  {251, "IXFR"},
    {252, "AXFR"},   {255, "ANY"},       {256, "URI"},   {257, "CAA"},
};

const char *event_dns_type(uint16_t type, char out[EVENT_WORD_SIZE])
{
    for (size_t i = 0; i < sizeof dns_types / sizeof *dns_types; i++) {
        if (dns_types[i].type == type) {
            snprintf(out, EVENT_WORD_SIZE, "%s", dns_types[i].name);
            return out;
        }
    }
    snprintf(out, EVENT_WORD_SIZE, "TYPE%u", type);
    return out;
}

/* IANA's protocol numbers. */
static const struct {
    uint8_t protocol;
    const char *name;
} ip_protocols[] = {
    {1, "icmp"}, {2, "igmp"}, {4, "ipip"}, {6, "tcp"},        {17, "udp"},   {33, "dccp"},     {41, "ipv6"},
    {47, "gre"}, {50, "esp"}, {51, "ah"},  {58, "ipv6-icmp"}, {132, "sctp"}, {136, "udplite"},
};

const char *event_ip_protocol(uint8_t protocol, char out[EVENT_WORD_SIZE])
{
    for (size_t i = 0; i < sizeof ip_protocols / sizeof *ip_protocols; i++) {
        if (ip_protocols[i].protocol == protocol) {
            snprintf(out, EVENT_WORD_SIZE, "%s", ip_protocols[i].name);
            return out;
        }
    }
    snprintf(out, EVENT_WORD_SIZE, "ip-%u", protocol);
    return out;
}

const char *event_application(const struct event *e)
{
    switch (e->action) {
    case ACTION_DNS_QUERY:
    case ACTION_DNS_ANSWER:
        return "dns";
    case ACTION_TLS_HELLO:
        return e->ip_protocol == IPPROTO_UDP ? "quic" : "tls";
    case ACTION_HTTP_REQUEST:
        return "http";
    default:
        return e->reason == REASON_QUIC ? "quic" : NULL;
    }
}

size_t event_endpoint_format(const struct event_endpoint *p, char out[EVENT_ENDPOINT_SIZE])
{
    char text[ADDRESS_TEXT_SIZE];
    out[0] = '\0';
    if (!p->address.family)
        return 0;
    address_format(&p->address, text);
    int n;
    if (!p->port)
        n = snprintf(out, EVENT_ENDPOINT_SIZE, "%s", text);
    else if (p->address.family == 6)
        n = snprintf(out, EVENT_ENDPOINT_SIZE, "[%s]:%u", text, p->port);
    else
        n = snprintf(out, EVENT_ENDPOINT_SIZE, "%s:%u", text, p->port);
    return n > 0 ? (size_t)n : 0;
}
