/* SPDX-License-Identifier: GPL-3.0-or-later */
/* http/answer: what is decided of a head does not depend on where it was cut: every prefix needs more, or says the
 * same. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "http/answer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static enum parse parse(const uint8_t *data, size_t len, struct http_answer *out)
{
    uint8_t *copy = malloc(len ? len : 1); /* of the exact size */
    memcpy(copy, data, len);
    enum parse parsed = http_answer_parse((struct bytes){copy, len}, out);
    free(copy);
    return parsed;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct http_answer whole = {0}, part = {0};
    if (size == 0 || size > 2048)
        return 0;
    enum parse parsed = parse(data, size, &whole);
    if (parsed == PARSE_OK) {
        require(whole.status >= 100 && whole.status <= 999 && whole.consumed >= 16 && whole.consumed <= size);
        require(memcmp(data + whole.consumed - 4, "\r\n\r\n", 4) == 0);
        require(whole.body != HTTP_BODY_LENGTH || whole.length > 0);
    }
    for (size_t len = 1; len < size; len++) {
        enum parse p = parse(data, len, &part);
        require(p == PARSE_NEED_MORE || p == parsed);
        if (p == PARSE_OK)
            require(part.status == whole.status && part.framed == whole.framed && part.consumed == whole.consumed);
        if (p != PARSE_NEED_MORE)
            break;
    }
    return 0;
}
