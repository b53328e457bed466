/* SPDX-License-Identifier: GPL-3.0-or-later */
/* http/request against two other parsers: http_parser (Node's until version 12, also libgit2's and others') and libhtp
 * (Suricata's, which imitates lenient servers).  What we let through, each that takes it must read as the same
 * requests, with the same Host and the same bodies.  What they refuse, or what we refuse, is no matter.
 *
 * Both are in Debian, take bytes from memory and need no event loop; nginx, Apache and the libraries built on sockets
 * cannot be asked 10,000 times a second (tests/netns/test_ambiguous.sh asks two real servers by a table).
 *
 * Input: one octet (bit 0: the connection is one to a proxy; the rest: the size of the pieces, 0: whole), then the
 * bytes. */
#include <htp/htp.h>
/* Two of its names are ours, too. */
#define HTTP_HEAD    NODE_HTTP_HEAD
#define HTTP_REQUEST NODE_HTTP_REQUEST
#include <http_parser.h>
#undef HTTP_HEAD
#undef HTTP_REQUEST
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "http/request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MESSAGES = 64, TEXT = 300 };

struct message {
    char method[32], host[TEXT], uri_host[TEXT];
    size_t body;
    uint32_t sum;
    bool complete;
};

struct story {
    struct message message[MESSAGES];
    unsigned count;
    size_t released;
    bool refused; /* it did not take all */
    bool in_host, in_value;
    char field[TEXT], value[TEXT];
};

static struct story ours, theirs;

static void require(bool holds, const char *who, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "%s: %s\n", who, what);
    for (unsigned i = 0; i < ours.count || i < theirs.count; i++) {
        const struct message *a = &ours.message[i], *b = &theirs.message[i];
        fprintf(stderr, "%u  ours: %s %s body %zu %d   theirs: %s %s %s body %zu %d\n", i, a->method, a->host, a->body,
                a->complete, b->method, b->host, b->uri_host, b->body, b->complete);
    }
    abort();
}

static struct message *last(struct story *t)
{
    return &t->message[t->count ? t->count - 1 : 0];
}

static void append(char *to, const char *from, size_t len)
{
    size_t have = strlen(to);
    if (len >= TEXT - have)
        len = TEXT - 1 - have;
    memcpy(to + have, from, len);
    to[have + len] = 0;
}

static void add_body(struct message *m, const uint8_t *at, size_t len)
{
    m->body += len;
    for (size_t i = 0; i < len; i++)
        m->sum = m->sum * 16777619 ^ at[i];
}

/* ---- ours ---- */

static void our_story(const uint8_t *bytes, size_t len, bool proxy)
{
    struct http_stream s;
    memset(&ours, 0, sizeof ours);
    http_stream_init(&s);
    s.proxy = proxy;
    for (;;) {
        struct http_request q;
        size_t consumed;
        bool data = http_stream_in_data(&s);
        if (ours.count == MESSAGES && !data && s.at == HTTP_HEAD)
            return;
        enum http_step step =
            http_stream_feed(&s, (struct bytes){bytes + ours.released, len - ours.released}, &q, &consumed);
        if (step == HTTP_NEED_MORE || step == HTTP_REFUSE)
            return;
        if (step == HTTP_REQUEST) {
            struct message *m = &ours.message[ours.count++];
            bool six = strchr(q.address_text, ':') != NULL;
            snprintf(m->method, sizeof m->method, "%s", q.method);
            snprintf(m->host, sizeof m->host, "%s%s%s:%u", six ? "[" : "",
                     q.host_is_address ? q.address_text : q.host.text, six ? "]" : "", q.port);
        } else if (data) {
            add_body(last(&ours), bytes + ours.released, consumed);
        }
        ours.released += consumed;
        last(&ours)->complete = s.at == HTTP_HEAD || s.at == HTTP_AWAIT;
    }
}

/* "host" or "host:port" is what we read as host:port?  IPv6 may be spelled otherwise. */
static bool same_host(const char *text, const char *host, bool connect)
{
    size_t len = strlen(host);
    char port[8];
    if (!*text || text[0] == '[')
        return true;
    if (strcasecmp(text, host) == 0)
        return true;
    snprintf(port, sizeof port, "%s", strrchr(host, ':'));
    len -= strlen(port);
    return strlen(text) == len && strncasecmp(text, host, len) == 0 && strcmp(port, connect ? ":443" : ":80") == 0;
}

static void compare(const char *who)
{
    require(theirs.refused || theirs.count == ours.count, who, "another number of requests");
    for (unsigned i = 0; i < theirs.count && i < ours.count; i++) {
        const struct message *a = &ours.message[i], *b = &theirs.message[i];
        bool connect = strcmp(a->method, "CONNECT") == 0;
        bool all_there = !theirs.refused || i + 1 < theirs.count || b->complete;
        if (!all_there) /* it stopped inside this one */
            continue;
        require(strcasecmp(a->method, b->method) == 0, who, "another method");
        require(same_host(b->host, a->host, connect), who, "another Host");
        require(same_host(b->uri_host, a->host, connect), who, "another host in the target");
        require(a->body == b->body && a->sum == b->sum, who, "another body");
        require(a->complete == b->complete || theirs.refused || connect, who,
                "another end"); /* that one waits for an answer */
    }
    require(theirs.count <= ours.count, who, "more requests than there are");
}

/* ---- http_parser ---- */

static int np_begin(http_parser *p)
{
    (void)p;
    if (theirs.count == MESSAGES)
        return 1;
    memset(&theirs.message[theirs.count++], 0, sizeof theirs.message[0]);
    theirs.field[0] = theirs.value[0] = 0;
    theirs.in_value = false;
    return 0;
}

static int np_url(http_parser *p, const char *at, size_t len)
{
    (void)p;
    append(theirs.value, at, len);
    return 0;
}

static void np_field_ends(void)
{
    if (strcasecmp(theirs.field, "host") == 0)
        append(last(&theirs)->host, theirs.value, strlen(theirs.value)); /* a second one would show */
    theirs.field[0] = theirs.value[0] = 0;
}

static void np_url_ends(http_parser *p)
{
    struct http_parser_url u;
    if (!theirs.value[0] || theirs.field[0])
        return;
    http_parser_url_init(&u);
    if (theirs.value[0] != '/' && theirs.value[0] != '*' &&
        http_parser_parse_url(theirs.value, strlen(theirs.value), p->method == HTTP_CONNECT, &u) == 0) {
        append(last(&theirs)->uri_host, theirs.value + u.field_data[UF_HOST].off, u.field_data[UF_HOST].len);
        if (strchr(last(&theirs)->uri_host, ':'))
            last(&theirs)->uri_host[0] = 0; /* IPv6, without its brackets */
        else if (u.field_set & 1 << UF_PORT)
            append(last(&theirs)->uri_host, theirs.value + u.field_data[UF_PORT].off - 1,
                   u.field_data[UF_PORT].len + 1u);
    }
    theirs.value[0] = 0;
}

static int np_field(http_parser *p, const char *at, size_t len)
{
    np_url_ends(p);
    if (theirs.in_value)
        np_field_ends();
    theirs.in_value = false;
    append(theirs.field, at, len);
    return 0;
}

static int np_value(http_parser *p, const char *at, size_t len)
{
    (void)p;
    theirs.in_value = true;
    append(theirs.value, at, len);
    return 0;
}

static int np_head(http_parser *p)
{
    np_url_ends(p);
    np_field_ends();
    theirs.in_value = false;
    snprintf(last(&theirs)->method, sizeof theirs.message[0].method, "%s", http_method_str(p->method));
    return 0;
}

static int np_body(http_parser *p, const char *at, size_t len)
{
    (void)p;
    add_body(last(&theirs), (const uint8_t *)at, len);
    return 0;
}

static int np_complete(http_parser *p)
{
    (void)p;
    np_field_ends(); /* of a trailer */
    theirs.in_value = false;
    last(&theirs)->complete = true;
    return 0;
}

static void ask_http_parser(const uint8_t *bytes, size_t len, size_t step)
{
    static const http_parser_settings settings = {.on_message_begin = np_begin,
                                                  .on_url = np_url,
                                                  .on_header_field = np_field,
                                                  .on_header_value = np_value,
                                                  .on_headers_complete = np_head,
                                                  .on_body = np_body,
                                                  .on_message_complete = np_complete};
    http_parser p;
    memset(&theirs, 0, sizeof theirs);
    http_parser_init(&p, NODE_HTTP_REQUEST);
    for (size_t at = 0; at < len && !theirs.refused; at += step) {
        size_t piece = len - at < step ? len - at : step;
        theirs.refused = http_parser_execute(&p, &settings, (const char *)bytes + at, piece) != piece || p.http_errno;
        if (p.upgrade && !p.http_errno) { /* a tunnel or an upgrade: what is behind it is not HTTP to it */
            theirs.refused = true;
            last(&theirs)->complete = true;
        }
    }
    compare("http_parser");
}

/* ---- libhtp ---- */

static int htp_head(htp_tx_t *tx)
{
    if (theirs.count == MESSAGES)
        return HTP_ERROR;
    struct message *m = &theirs.message[theirs.count++];
    memset(m, 0, sizeof *m);
    if (tx->request_method)
        append(m->method, (const char *)bstr_ptr(tx->request_method),
               bstr_len(tx->request_method) < 31 ? bstr_len(tx->request_method) : 31);
    if (tx->request_hostname) {
        append(m->host, (const char *)bstr_ptr(tx->request_hostname), bstr_len(tx->request_hostname));
        if (strchr(m->host, ':'))
            m->host[0] = 0; /* IPv6, without its brackets */
        else if (tx->request_port_number > 0)
            snprintf(m->host + strlen(m->host), 8, ":%u", (unsigned)(uint16_t)tx->request_port_number);
    }
    require(!(tx->flags & HTP_REQUEST_SMUGGLING), "libhtp", "says that it smuggles");
    require(!(tx->flags & HTP_HOST_AMBIGUOUS), "libhtp", "says that its Host is ambiguous");
    return HTP_OK;
}

static int htp_body(htp_tx_data_t *d)
{
    if (d->data && d->len)
        add_body(last(&theirs), d->data, d->len);
    return HTP_OK;
}

static int htp_complete(htp_tx_t *tx)
{
    (void)tx;
    last(&theirs)->complete = true;
    return HTP_OK;
}

/* What begins with a method that libhtp does not know it takes for the rest of the request before: an IDS's guess,
 * which no server makes (http_parser refuses such methods). */
static bool htp_knows_methods(void)
{
    static const char *const known[] = {"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH", "CONNECT"};
    for (unsigned i = 0; i < ours.count; i++) {
        bool found = false;
        for (size_t k = 0; k < sizeof known / sizeof known[0]; k++)
            found = found || strcmp(ours.message[i].method, known[k]) == 0;
        if (!found)
            return false;
    }
    return true;
}

static void ask_libhtp(const uint8_t *bytes, size_t len, size_t step)
{
    static htp_cfg_t *config;
    static htp_time_t now;
    if (!config) {
        config = htp_config_create();
        htp_config_set_server_personality(config, HTP_SERVER_GENERIC);
        htp_config_register_request_headers(config, htp_head);
        htp_config_register_request_body_data(config, htp_body);
        htp_config_register_request_complete(config, htp_complete);
    }
    memset(&theirs, 0, sizeof theirs);
    htp_connp_t *connp = htp_connp_create(config);
    htp_connp_open(connp, "192.0.2.1", 40000, "192.0.2.2", 80, &now);
    for (size_t at = 0; at < len && !theirs.refused; at += step) {
        size_t piece = len - at < step ? len - at : step;
        theirs.refused = htp_connp_req_data(connp, &now, bytes + at, piece) != HTP_STREAM_DATA;
    }
    compare("libhtp");
    htp_connp_destroy_all(connp);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2 || size > 2 * HTTP_HEAD_MAX)
        return 0;
    bool proxy = data[0] & 1;
    size_t step = data[0] >> 1 ? data[0] >> 1 : SIZE_MAX / 2;
    if (size > 4096 && step < 64)
        step = 64;
    uint8_t *copy = malloc(size - 1);
    memcpy(copy, data + 1, size - 1);
    our_story(copy, size - 1, proxy);
    if (ours.count) {
        ask_http_parser(copy, ours.released, step);
        if (htp_knows_methods())
            ask_libhtp(copy, ours.released, step);
    }
    free(copy);
    return 0;
}
