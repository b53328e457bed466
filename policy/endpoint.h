/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The endpoint grammar (DESIGN s2): one form on the command line, in SLUICE_ALLOW and in YAML.
 *
 *     [scheme://]host[:ports][/path]
 *
 * Parsing is pure; braces expand into several endpoints, at most ENDPOINT_EXPANSION_MAX of one text. */
#ifndef SLUICE_POLICY_ENDPOINT_H
#define SLUICE_POLICY_ENDPOINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/address.h"
#include "core/bytes.h"
#include "core/error.h"
#include "core/name.h"

#define ENDPOINT_EXPANSION_MAX 4096
#define ENDPOINT_TYPES_MAX     8

enum endpoint_scheme {
    ENDPOINT_TLS,  /* no scheme, https://, tls:// : TLS with that server name */
    ENDPOINT_HTTP, /* http:// : plain HTTP with that Host */
    ENDPOINT_TCP,  /* tcp:// : any bytes; and an address without scheme */
    ENDPOINT_UDP,  /* udp:// */
    ENDPOINT_DNS,  /* dns:// : resolve only */
    ENDPOINT_WS,   /* ws:// : what http:// allows, and upgrades to WebSocket */
    ENDPOINT_PROXY /* proxy:// : an HTTP proxy; what is asked of it is judged by the other entries */
};

enum endpoint_host {
    ENDPOINT_NAME,      /* exactly `name` */
    ENDPOINT_ONE_BELOW, /* *.name  */
    ENDPOINT_ANY_BELOW, /* **.name */
    ENDPOINT_ADDRESS,   /* range */
};

struct endpoint {
    enum endpoint_scheme scheme;
    enum endpoint_host host;
    struct name name;
    struct address_range range;   /* ENDPOINT_ADDRESS */
    bool has_at;                  /* name@range */
    struct address_range at;      /* the addresses that the name may stand for against the special ranges */
    uint16_t port_low, port_high; /* inclusive; 0..65535 for an address without a port */
    uint8_t types;                /* DNS query types allowed beyond A and AAAA; ENDPOINT_DNS only */
    uint16_t type[ENDPOINT_TYPES_MAX];
};

/* Called once for each endpoint that a text stands for; false stops the expansion (and endpoint_parse fails). */
typedef bool endpoint_sink(void *ctx, const struct endpoint *endpoint);

/* Parses one written endpoint.  On failure *e says what is wrong and what to write instead, *column (1-based, in
 * bytes, may be NULL) where. */
bool endpoint_parse(struct bytes text, endpoint_sink *sink, void *ctx, size_t *column, struct error *e);

/* A name of one label, as "mirror": the name of a container among others, else most likely the begin of a name. */
bool endpoint_is_single_label(const struct endpoint *ep);
#define ENDPOINT_SINGLE_LABEL                                                                               \
    "is a name of one label: only a resolver that knows it as it stands (that of containers in a network) " \
    "answers it; where a search domain completes it, write the whole name, as in mirror.corp.example"

/* The canonical written form; returns its length (cut to size). */
size_t endpoint_format(const struct endpoint *ep, char *out, size_t size_bytes);

#endif
