/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One thing that happened, as the inspector tells it and the keeper writes it.
 *
 * A plain value of fixed size; it crosses the socketpair from inspector to keeper packed (core/event_pack.h).  Strings
 * are NUL-terminated within their arrays and may hold any byte that came from the wire or from /proc: only
 * event_to_json and event_to_line escape, nobody else prints them.  A reader of an event that came over the socketpair
 * calls event_sanitize first: the sender is the process that hostile bytes reach. */
#ifndef SLUICE_CORE_EVENT_H
#define SLUICE_CORE_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/address.h"
#include "core/name.h"
#include "core/reason.h"

#define EVENT_ANSWERS_MAX  8
#define EVENT_SCOPE_SIZE   64
#define EVENT_PHASE_SIZE   32
#define EVENT_PATH_SIZE    256
#define EVENT_RULE_SIZE    300
#define EVENT_PROCESS_SIZE 256
#define EVENT_LIMIT_SIZE   40 /* "names_per_minute: 300", as in the policy */

struct event_endpoint {
    struct address address; /* family 0: unknown */
    uint16_t port;
};

/* Who did it; filled by the keeper (ctl/process, ctl/package).  pid 0: not known. */
struct event_process {
    pid_t pid, parent_pid;
    uint32_t uid;
    char name[64];                       /* comm */
    char executable[EVENT_PROCESS_SIZE]; /* path */
    char command_line[512];              /* joined by spaces, secrets masked */
    char parent_name[64];
    char package_name[128], package_version[64];
    char package_type[16];  /* npm, pypi, cargo */
    char package_stage[32]; /* "postinstall", "build script": for the line on standard error */
    bool package_claimed;   /* rests on what the job can write */
};

/* Facts of fixed size, then texts, then the process: core/event_pack.h sends the first as they lie. */
struct event {
    uint64_t time_usec; /* CLOCK_REALTIME */
    uint64_t ticket;    /* not 0: a refusal that waits for attribution; the keeper answers with it */
    enum action action;
    enum reason reason;
    enum verdict verdict;
    uint16_t scope_id;
    uint16_t dns_type;
    struct event_endpoint source, destination; /* as the client sees them, before any NAT */
    uint8_t ip_protocol;                       /* 6, 17, … */
    bool incoming;                             /* toward the scope */
    bool cut;                                  /* an open connection was ended: conntrack is to forget it */
    bool relayed;        /* a DNS message that came over TCP through the relay; source is the relay's */
    bool domain_escaped; /* `domain` is as the reader of a refused name shows it: its backslashes are escapes already */
    bool websocket;      /* an upgrade to WebSocket was asked for */
    uint16_t asked_port; /* of what a proxy was asked for; 0: no proxy was asked */
    uint8_t answers;
    struct address answer[EVENT_ANSWERS_MAX];
    uint64_t count;                                        /* how many this stands for; 0 or 1: one */
    uint64_t bytes_out, bytes_in, packets_out, packets_in; /* CONNECTION_END only */
    uint64_t start_usec;                                   /* CONNECTION_END only */

    char scope[EVENT_SCOPE_SIZE]; /* filled by the keeper, like the next two */
    char job[EVENT_SCOPE_SIZE], phase[EVENT_PHASE_SIZE];
    char domain[NAME_MAX_BYTES + 1]; /* name asked or shown; may be unclean when it was refused for its form */
    char tls_server_name[NAME_MAX_BYTES + 1];
    char tls_ja4[40];           /* the client's fingerprint */
    char tls_next_protocol[32]; /* the first that the client offers */
    char http_method[24];
    char http_path[EVENT_PATH_SIZE]; /* without the query */
    char rule[EVENT_RULE_SIZE];      /* the policy's entry that decided */
    char hint[EVENT_RULE_SIZE];      /* what would allow it: an entry, or a setting such as "ech: outer" */
    char limit[EVENT_LIMIT_SIZE];    /* TUNNEL_SUSPECTED: the key that was met, its value */
    struct event_process process;
};

/* Makes every string terminated and every enumeration in range.  Call on events that crossed a trust boundary. */
void event_sanitize(struct event *e);

/* The ECS object on one line, without newline (DESIGN s2 Events).  The caller frees the result; NULL: no memory.
 * `host` is host.name, or NULL. */
char *event_to_json(const struct event *e, const char *host);

/* Such a line back (core/event_read.c): what event_to_line and a summary look at; texts are the bytes that
 * they were before they were escaped, a domain is as it was written.  False: it is none, or of a list that this program
 * does not know. */
bool event_from_json(const char *line, struct event *out);

/* The line for a person, without newline:
 *     deny  dns  payload.evil.test A             by node (npm postinstall of left-pad)   not in allowlist
 * Control bytes and non-ASCII are shown as \xNN.  `color` adds SGR codes around the verdict only.  Returns its length.
 */
size_t event_to_line(const struct event *e, bool color, char *out, size_t size_bytes);

/* Copies the printable form of hostile bytes into out (\xNN for all outside 0x20..0x7e, and for backslash). */
size_t event_escape(const char *in, char *out, size_t size_bytes);
/* The same of the event's domain, whose own escapes stay as they are. */
size_t event_escape_domain(const struct event *e, char *out, size_t size_bytes);

#endif
