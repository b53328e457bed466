/* SPDX-License-Identifier: GPL-3.0-or-later */
/* core/event: any bytes in the place of a struct event, as a broken inspector would send them. */
#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/event.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct event e = {0};
    json_error_t error;
    char line[8192];
    /* The first byte spreads a short input over the struct, so that a small seed reaches the strings at its end. */
    uint8_t *at = (uint8_t *)&e;
    if (size < 2)
        return 0;
    size_t repeat = data[0] % 8 + 1;
    for (size_t i = 0, n = 0; i < repeat; i++)
        for (size_t k = 1; k < size && n < sizeof e; k++)
            at[n++] = data[k];
    event_sanitize(&e);

    char *json = event_to_json(&e, "host");
    if (!json)
        abort();
    json_t *root = json_loads(json, JSON_REJECT_DUPLICATES, &error); /* jansson refuses invalid UTF-8 */
    if (!root)
        abort();
    for (const char *p = json; *p; p++)
        if ((unsigned char)*p < 0x20 || (unsigned char)*p > 0x7e)
            abort();
    json_decref(root);
    free(json);

    size_t small = data[0] + 1U;
    size_t n = event_to_line(&e, false, line, sizeof line);
    if (n != strlen(line) || n >= sizeof line)
        abort();
    for (size_t i = 0; i < n; i++)
        if (line[i] < 0x20 || line[i] > 0x7e)
            abort();
    char *cut = malloc(small);
    if (event_to_line(&e, true, cut, small) >= small)
        abort();
    free(cut);
    return 0;
}
