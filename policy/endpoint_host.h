/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The host of an endpoint: name, wildcard, address, range, and what follows '@'.  Internal to policy/endpoint. */
#ifndef SLUICE_POLICY_ENDPOINT_HOST_H
#define SLUICE_POLICY_ENDPOINT_HOST_H

#include "core/error.h"
#include "policy/endpoint.h"

/* A text that is read from `next` on. */
struct endpoint_text {
    const uint8_t *at;
    size_t len, next;
    size_t *offset; /* where an error is, 0-based */
    struct error *e;
};

/* Returns false, with the message in e and the place in *offset. */
bool endpoint_wrong(struct endpoint_text *t, size_t offset, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Reads host and [@range] from `next`; sets host, name, range, has_at, at. */
bool endpoint_host_parse(struct endpoint_text *t, struct endpoint *out);

/* An address range as a person should write it: no prefix where it is one address, brackets around IPv6. */
#define ENDPOINT_RANGE_SIZE (ADDRESS_TEXT_SIZE + 8)
size_t endpoint_range_format(const struct address_range *range, char out[ENDPOINT_RANGE_SIZE]);

#endif
