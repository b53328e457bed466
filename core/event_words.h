/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The words that event_json and event_line share.  Pure, any thread. */
#ifndef SLUICE_CORE_EVENT_WORDS_H
#define SLUICE_CORE_EVENT_WORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/event.h"

#define EVENT_WORD_SIZE 24

/* "A", "HTTPS", or "TYPE65280" (RFC 3597 s5).  Writes to and returns `out`. */
const char *event_dns_type(uint16_t type, char out[EVENT_WORD_SIZE]);

/* "tcp", "udp", "icmp", ..., "ip-253".  Writes to and returns `out`. */
const char *event_ip_protocol(uint8_t protocol, char out[EVENT_WORD_SIZE]);

/* What the bytes were taken for: "dns", "tls", "quic" or "http"; NULL: neither action nor reason says. */
const char *event_application(const struct event *e);

bool event_is_dns(const struct event *e);     /* a question or an answer */
bool event_is_refusal(const struct event *e); /* deny or would_deny */

/* "203.0.113.7:443", "[2001:db8::1]:443", without the port when it is 0, "" when the address is unknown. */
#define EVENT_ENDPOINT_SIZE (ADDRESS_TEXT_SIZE + 8)
size_t event_endpoint_format(const struct event_endpoint *p, char out[EVENT_ENDPOINT_SIZE]);

#endif
