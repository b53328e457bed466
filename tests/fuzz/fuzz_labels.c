/* SPDX-License-Identifier: GPL-3.0-or-later */
/* dns/labels: a name that we read in a message, ldns reads with the same octets and the same end; and what is done with
 * two of them keeps to 255 octets.
 * Input: where the names begin (2 octets each), then the message. */
#include <stdbool.h> /* before ldns.h, which else makes _Bool a signed char */
#include <ldns/ldns.h>
#include <stdlib.h>
#include <string.h>

#include "dns/labels.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static bool read_name(struct bytes message, size_t at, struct labels *out)
{
    size_t end = at, theirs = at;
    if (!labels_read(message, &end, message.len, out))
        return false;
    ldns_rdf *name = NULL;
    require(end > at && end <= message.len && out->len >= 1 && out->octets[out->len - 1] == 0);
    require(ldns_wire2dname(&name, message.at, message.len, &theirs) == LDNS_STATUS_OK);
    require(theirs == end && ldns_rdf_size(name) == out->len);
    require(memcmp(ldns_rdf_data(name), out->octets, out->len) == 0);
    ldns_rdf_deep_free(name);
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 4)
        return 0;
    uint8_t *exact = malloc(size - 4 ? size - 4 : 1);
    memcpy(exact, data + 4, size - 4);
    struct bytes message = {exact, size - 4};
    struct labels a, b, out, again;
    char shown[256];
    if (read_name(message, (size_t)(data[0] << 8 | data[1]), &a) &&
        read_name(message, (size_t)(data[2] << 8 | data[3]), &b)) {
        require(labels_equal(&a, &a) && labels_equal(&a, &b) == labels_equal(&b, &a));
        require(!labels_equal(&a, &b) || labels_hash(&a) == labels_hash(&b));
        labels_show(&a, shown);
        require(strlen(shown) < sizeof shown);
        again = labels_from_bytes(labels_bytes(&a));
        require(labels_equal(&again, &a));
        if (labels_substitute(&a, &b, &a, &out)) { /* below b: as much in front of a as a has in front of b */
            require(out.len == a.len - b.len + a.len && out.octets[out.len - 1] == 0);
            require(memcmp(out.octets, a.octets, a.len - b.len) == 0);
            require(memcmp(out.octets + (a.len - b.len), a.octets, a.len) == 0);
        }
        for (unsigned labels = 0; a.len > 1; labels++) {
            require(labels < 128 && labels_pop(&a));
        }
        require(!labels_pop(&a));
    }
    free(exact);
    return 0;
}
