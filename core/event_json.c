/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Events in Elastic Common Schema 8.11 (DESIGN s2).  Every string passes event_escape before jansson sees it, so the
 * output is ASCII whatever the wire held. */
#include "core/event.h"

#include <errno.h>
#include <jansson.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "core/event_words.h"

#define EVENT_ESCAPED_SIZE (4 * 512 + 1) /* the longest string of struct event, escaped */

/* One object under construction.  jansson takes the reference of what is added, also when adding fails. */
struct event_object {
    json_t *root;
    bool failed;
};

/* `path` is "a.b.c": the objects a and a.b are made when they are missing. */
static void event_put(struct event_object *o, const char *path, json_t *value)
{
    json_t *at = o->root;
    const char *dot;
    if (!value) {
        o->failed = true;
        return;
    }
    while ((dot = strchr(path, '.'))) {
        char key[32];
        snprintf(key, sizeof key, "%.*s", (int)(dot - path), path);
        json_t *next = json_object_get(at, key);
        if (!next) {
            next = json_object();
            if (json_object_set_new(at, key, next) != 0) {
                json_decref(value);
                o->failed = true;
                return;
            }
        }
        at = next;
        path = dot + 1;
    }
    if (json_object_set_new(at, path, value) != 0)
        o->failed = true;
}

/* Leaves an empty string out. */
static void event_put_text(struct event_object *o, const char *path, const char *text)
{
    char escaped[EVENT_ESCAPED_SIZE];
    if (!text || !*text)
        return;
    event_escape(text, escaped, sizeof escaped);
    event_put(o, path, json_string(escaped));
}

static void event_put_domain(struct event_object *o, const char *path, const struct event *e)
{
    char escaped[EVENT_ESCAPED_SIZE];
    if (event_escape_domain(e, escaped, sizeof escaped))
        event_put(o, path, json_string(escaped));
}

static void event_put_number(struct event_object *o, const char *path, uint64_t number)
{
    event_put(o, path, json_integer(number > INT64_MAX ? INT64_MAX : (json_int_t)number));
}

static void event_put_address(struct event_object *o, const char *path, const struct address *a)
{
    char text[ADDRESS_TEXT_SIZE];
    if (!a->family)
        return;
    address_format(a, text);
    event_put(o, path, json_string(text));
}

/* RFC 3339, UTC, milliseconds. */
static void event_put_time(struct event_object *o, const char *path, uint64_t time_usec)
{
    char day[32], text[48];
    struct tm parts;
    time_t seconds = (time_t)(time_usec / 1000000);
    if (!gmtime_r(&seconds, &parts) || !strftime(day, sizeof day, "%Y-%m-%dT%H:%M:%S", &parts))
        return;
    snprintf(text, sizeof text, "%s.%03uZ", day, (unsigned)(time_usec / 1000 % 1000));
    event_put(o, path, json_string(text));
}

/* Unique across processes and boots: 64 random bits drawn once a process, then a counter.  Forked processes write no
 * events of the same stream (only the keeper writes), but draw anew when the pid differs all the same. */
static void event_put_id(struct event_object *o)
{
    static _Atomic uint64_t counter;
    static uint64_t random;
    static pid_t drawn_by;
    char text[40];
    pid_t self = getpid();
    if (drawn_by != self) {
        struct timespec now;
        if (getrandom(&random, sizeof random, GRND_NONBLOCK) != (ssize_t)sizeof random) {
            clock_gettime(CLOCK_REALTIME, &now);
            random = (uint64_t)now.tv_sec << 32 ^ (uint64_t)now.tv_nsec ^ (uint64_t)self << 16;
        }
        drawn_by = self;
    }
    snprintf(text, sizeof text, "%016llx-%llu", (unsigned long long)random,
             (unsigned long long)atomic_fetch_add(&counter, 1) + 1);
    event_put(o, "event.id", json_string(text));
}

static const char *event_type_word(const struct event *e)
{
    if (e->action == ACTION_GATE || e->verdict == VERDICT_IGNORED)
        return "info";
    return e->verdict == VERDICT_DENY ? "denied" : "allowed"; /* audit lets it go on */
}

static const char *event_outcome(const struct event *e)
{
    if (e->action == ACTION_GATE || e->verdict == VERDICT_IGNORED)
        return "unknown";
    return e->verdict == VERDICT_DENY ? "failure" : "success";
}

static void event_put_classification(struct event_object *o, const struct event *e)
{
    bool alert = event_is_refusal(e) && reason_is_attack(e->reason);
    event_put_id(o);
    event_put(o, "event.kind", json_string(alert ? "alert" : "event"));
    event_put(o, "event.category", json_pack("[s]", "network"));
    if (e->action == ACTION_CONNECTION_END)
        event_put(o, "event.type", json_pack("[s,s,s]", "connection", "end", event_type_word(e)));
    else
        event_put(o, "event.type", json_pack("[s,s]", "connection", event_type_word(e)));
    event_put(o, "event.action", json_string(action_name(e->action)));
    event_put(o, "event.reason", json_string(reason_name(e->reason)));
    event_put(o, "event.outcome", json_string(event_outcome(e)));
    event_put_text(o, "rule.name", e->rule);
    event_put(o, "sluice.verdict", json_string(verdict_name(e->verdict)));
    event_put_text(o, "sluice.scope", e->scope);
    event_put_text(o, "sluice.hint", e->hint);
    event_put_text(o, "sluice.limit", e->limit);
    if (e->count > 1)
        event_put_number(o, "sluice.count", e->count);
}

/* network.protocol; NULL where the bytes were not understood. */
static const char *event_protocol(const struct event *e)
{
    const char *application = event_application(e);
    if (application)
        return application;
    if (e->http_method[0])
        return "http";
    return e->tls_server_name[0] ? "tls" : NULL;
}

static void event_put_network(struct event_object *o, const struct event *e)
{
    char word[EVENT_WORD_SIZE];
    uint8_t family = e->destination.address.family ? e->destination.address.family : e->source.address.family;
    const char *protocol = event_protocol(e);
    if (e->relayed)
        event_put(o, "network.transport", json_string("tcp")); /* as the client sent it */
    else if (e->ip_protocol)
        event_put(o, "network.transport", json_string(event_ip_protocol(e->ip_protocol, word)));
    if (protocol)
        event_put(o, "network.protocol", json_string(protocol));
    if (family) {
        event_put(o, "network.type", json_string(family == 6 ? "ipv6" : "ipv4"));
        event_put(o, "network.direction", json_string(e->incoming ? "ingress" : "egress"));
    }
    event_put_address(o, "source.ip", &e->source.address);
    event_put_address(o, "destination.ip", &e->destination.address);
    if (e->source.port)
        event_put_number(o, "source.port", e->source.port);
    if (e->destination.port)
        event_put_number(o, "destination.port", e->destination.port);
    if (!event_is_dns(e))
        event_put_domain(o, "destination.domain", e);
    if (e->action != ACTION_CONNECTION_END)
        return;
    event_put_number(o, "source.bytes", e->bytes_out);
    event_put_number(o, "source.packets", e->packets_out);
    event_put_number(o, "destination.bytes", e->bytes_in);
    event_put_number(o, "destination.packets", e->packets_in);
    if (e->start_usec) {
        event_put_time(o, "event.start", e->start_usec);
        if (e->time_usec >= e->start_usec) /* ECS counts nanoseconds */
            event_put_number(o, "event.duration", (e->time_usec - e->start_usec) * 1000);
    }
}

static void event_put_dns(struct event_object *o, const struct event *e)
{
    char word[EVENT_WORD_SIZE], text[ADDRESS_TEXT_SIZE];
    event_put(o, "dns.type", json_string(e->action == ACTION_DNS_ANSWER ? "answer" : "query"));
    event_put_domain(o, "dns.question.name", e);
    if (e->dns_type)
        event_put(o, "dns.question.type", json_string(event_dns_type(e->dns_type, word)));
    if (!e->answers)
        return;
    json_t *answers = json_array(), *resolved = json_array();
    for (unsigned i = 0; i < e->answers && i < EVENT_ANSWERS_MAX; i++) {
        if (!e->answer[i].family)
            continue;
        address_format(&e->answer[i], text);
        const char *type = e->answer[i].family == 6 ? "AAAA" : "A";
        if (json_array_append_new(answers, json_pack("{s:s,s:s}", "type", type, "data", text)) != 0 ||
            json_array_append_new(resolved, json_string(text)) != 0)
            o->failed = true;
    }
    event_put(o, "dns.answers", answers);
    event_put(o, "dns.resolved_ip", resolved);
}

static void event_put_application(struct event_object *o, const struct event *e)
{
    if (event_is_dns(e))
        event_put_dns(o, e);
    event_put_text(o, "tls.client.server_name", e->tls_server_name);
    event_put_text(o, "tls.client.ja4", e->tls_ja4);
    event_put_text(o, "tls.next_protocol", e->tls_next_protocol);
    event_put_text(o, "http.request.method", e->http_method);
    if (e->action == ACTION_HTTP_REQUEST || e->http_method[0]) {
        event_put_domain(o, "url.domain", e);
        event_put_text(o, "url.path", e->http_path);
        if (e->asked_port)
            event_put_number(o, "url.port", e->asked_port);
    }
}

static void event_put_process(struct event_object *o, const struct event_process *p)
{
    if (p->pid > 0) {
        event_put_number(o, "process.pid", (uint64_t)p->pid);
        event_put_text(o, "process.name", p->name);
        event_put_text(o, "process.executable", p->executable);
        event_put_text(o, "process.command_line", p->command_line);
        if (p->parent_pid > 0) {
            event_put_number(o, "process.parent.pid", (uint64_t)p->parent_pid);
            event_put_text(o, "process.parent.name", p->parent_name);
        }
    }
    event_put_text(o, "package.name", p->package_name);
    event_put_text(o, "package.version", p->package_version);
    event_put_text(o, "package.type", p->package_type);
    if (p->package_name[0] && p->package_claimed)
        event_put(o, "sluice.package_claimed", json_true());
}

char *event_to_json(const struct event *e, const char *host)
{
    struct event_object o = {.root = json_object()};
    if (!o.root)
        return NULL;
    event_put_time(&o, "@timestamp", e->time_usec);
    event_put(&o, "ecs.version", json_string("8.11.0"));
    event_put_text(&o, "host.name", host);
    event_put_classification(&o, e);
    event_put_text(&o, "sluice.job", e->job);
    event_put_text(&o, "sluice.phase", e->phase);
    event_put_network(&o, e);
    event_put_application(&o, e);
    event_put_process(&o, &e->process);
    char *line = o.failed ? NULL : json_dumps(o.root, JSON_COMPACT | JSON_ENSURE_ASCII);
    json_decref(o.root);
    return line;
}
