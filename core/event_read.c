/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A line of an events file back into an event: what persons and summaries are told, so not all of it. */
#include <ctype.h>
#include <jansson.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/event.h"
#include "core/event_words.h"

#define DNS_TYPES_NAMED 512u /* all that have a name of their own are below */

/* "sluice.scope": an object in an object. */
static const json_t *event_at(const json_t *root, const char *path)
{
    char key[64];
    const char *dot;
    for (; root && (dot = strchr(path, '.')); path = dot + 1) {
        snprintf(key, sizeof key, "%.*s", (int)(dot - path), path);
        root = json_object_get(root, key);
    }
    return root ? json_object_get(root, path) : NULL;
}

static const char *event_text(const json_t *root, const char *path)
{
    const char *text = json_string_value(event_at(root, path));
    return text ? text : "";
}

static uint64_t event_number(const json_t *root, const char *path, uint64_t most)
{
    json_int_t n = json_integer_value(event_at(root, path));
    return n < 0 ? 0 : (uint64_t)n > most ? most : (uint64_t)n;
}

/* A byte that event_escape wrote as \xNN; 0: that is none. */
static unsigned event_escaped_byte(const char *in)
{
    unsigned byte = 0;
    bool form = in[0] == '\\' && in[1] == 'x' && isxdigit((unsigned char)in[2]) && isxdigit((unsigned char)in[3]);
    return form && sscanf(in + 2, "%2x", &byte) == 1 ? byte : 0;
}

/* The bytes that they were: whoever shows them escapes them, once. */
static void event_take_text(const char *in, char *out, size_t size)
{
    size_t n = 0;
    for (; *in && n + 1 < size; n++) {
        unsigned byte = event_escaped_byte(in);
        out[n] = (char)(byte ? byte : (unsigned char)*in);
        in += byte ? 4 : 1;
    }
    out[n] = 0;
}

#define EVENT_TAKE(root, path, field) event_take_text(event_text(root, path), field, sizeof(field))

/* The one of `count` names that `text` is; `count`: none. */
static unsigned event_word(const char *text, const char *(*name)(unsigned), unsigned count)
{
    unsigned i = 0;
    while (i < count && strcmp(text, name(i)) != 0)
        i++;
    return i;
}

static const char *event_reason_name(unsigned i)
{
    return reason_name((enum reason)i);
}

static const char *event_action_name(unsigned i)
{
    return action_name((enum action)i);
}

static const char *event_verdict_name(unsigned i)
{
    return verdict_name((enum verdict)i);
}

static uint64_t event_time(const char *text)
{
    struct tm parts = {0};
    unsigned msec = 0;
    const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &parts);
    time_t seconds = rest ? timegm(&parts) : 0;
    if (seconds <= 0)
        return 0;
    (void)sscanf(rest, ".%3uZ", &msec);
    return (uint64_t)seconds * 1000000 + msec * 1000u;
}

static uint16_t event_type(const char *text)
{
    char word[EVENT_WORD_SIZE];
    unsigned type = 0;
    if (sscanf(text, "TYPE%5u", &type) == 1)
        return type <= UINT16_MAX ? (uint16_t)type : 0;
    for (type = 1; type < DNS_TYPES_NAMED; type++)
        if (strcmp(event_dns_type((uint16_t)type, word), text) == 0)
            return (uint16_t)type;
    return 0;
}

static uint8_t event_transport(const char *text)
{
    char word[EVENT_WORD_SIZE];
    for (unsigned protocol = 1; protocol < 256 && *text; protocol++)
        if (strcmp(event_ip_protocol((uint8_t)protocol, word), text) == 0)
            return (uint8_t)protocol;
    return 0;
}

static void event_take_endpoint(const json_t *root, const char *ip, const char *port, struct event_endpoint *out)
{
    if (address_parse((struct bytes){(const uint8_t *)event_text(root, ip), strlen(event_text(root, ip))},
                      &out->address))
        out->port = (uint16_t)event_number(root, port, UINT16_MAX);
    else
        *out = (struct event_endpoint){0};
}

static void event_take_process(const json_t *root, struct event_process *p)
{
    p->pid = (pid_t)event_number(root, "process.pid", INT32_MAX);
    EVENT_TAKE(root, "process.name", p->name);
    EVENT_TAKE(root, "process.executable", p->executable);
    EVENT_TAKE(root, "package.name", p->package_name);
    EVENT_TAKE(root, "package.version", p->package_version);
    EVENT_TAKE(root, "package.type", p->package_type);
    p->package_claimed = json_is_true(event_at(root, "sluice.package_claimed"));
}

bool event_from_json(const char *line, struct event *out)
{
    json_t *root = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
    unsigned action = event_word(event_text(root, "event.action"), event_action_name, ACTION_COUNT);
    unsigned reason = event_word(event_text(root, "event.reason"), event_reason_name, REASON_COUNT);
    unsigned verdict = event_word(event_text(root, "sluice.verdict"), event_verdict_name, VERDICT_COUNT);
    bool ok = root && action < ACTION_COUNT && reason < REASON_COUNT && verdict < VERDICT_COUNT;
    if (ok) {
        memset(out, 0, sizeof *out);
        out->action = (enum action)action;
        out->reason = (enum reason)reason;
        out->verdict = (enum verdict)verdict;
        out->time_usec = event_time(event_text(root, "@timestamp"));
        out->ip_protocol = event_transport(event_text(root, "network.transport"));
        out->incoming = strcmp(event_text(root, "network.direction"), "ingress") == 0;
        out->dns_type = event_type(event_text(root, "dns.question.type"));
        out->count = event_number(root, "sluice.count", INT64_MAX);
        out->asked_port = (uint16_t)event_number(root, "url.port", UINT16_MAX);
        out->bytes_out = event_number(root, "source.bytes", INT64_MAX);
        out->packets_out = event_number(root, "source.packets", INT64_MAX);
        out->bytes_in = event_number(root, "destination.bytes", INT64_MAX);
        out->packets_in = event_number(root, "destination.packets", INT64_MAX);
        event_take_endpoint(root, "source.ip", "source.port", &out->source);
        event_take_endpoint(root, "destination.ip", "destination.port", &out->destination);
        /* As it was written: of some names the escapes are their own (labels_show). */
        snprintf(out->domain, sizeof out->domain, "%s",
                 event_text(root, event_is_dns(out) ? "dns.question.name" : "destination.domain"));
        out->domain_escaped = true;
        EVENT_TAKE(root, "sluice.scope", out->scope);
        EVENT_TAKE(root, "sluice.job", out->job);
        EVENT_TAKE(root, "sluice.phase", out->phase);
        EVENT_TAKE(root, "sluice.hint", out->hint);
        EVENT_TAKE(root, "sluice.limit", out->limit);
        EVENT_TAKE(root, "rule.name", out->rule);
        EVENT_TAKE(root, "http.request.method", out->http_method);
        EVENT_TAKE(root, "url.path", out->http_path);
        EVENT_TAKE(root, "tls.client.server_name", out->tls_server_name);
        event_take_process(root, &out->process);
    }
    json_decref(root);
    return ok;
}
