/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any bytes as an endpoint: taken or refused with a column inside the text; what is taken and written in canonical form
 * is read back as the same endpoint. */
#include <stdlib.h>
#include <string.h>

#include "policy/endpoint.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct seen {
    struct endpoint endpoint;
    size_t count;
};

static bool keep(void *ctx, const struct endpoint *ep)
{
    struct seen *s = ctx;
    s->endpoint = *ep;
    s->count++;
    return true;
}

static bool round_trip(void *ctx, const struct endpoint *ep)
{
    char text[1000];
    struct seen again = {.count = 0};
    struct error e;
    (void)ctx;
    size_t len = endpoint_format(ep, text, sizeof text);
    if (len != strlen(text) || !endpoint_parse((struct bytes){(uint8_t *)text, len}, keep, &again, NULL, &e) ||
        again.count != 1 || memcmp(&again.endpoint, ep, sizeof *ep) != 0)
        abort();
    if (ep->port_low > ep->port_high || ep->types > ENDPOINT_TYPES_MAX)
        abort();
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct error e = {0};
    size_t column = 1;
    if (!endpoint_parse((struct bytes){data, size}, round_trip, NULL, &column, &e) &&
        (e.code == ERROR_NONE || !e.text[0] || column < 1 || column > size + 1))
        abort();
    return 0;
}
