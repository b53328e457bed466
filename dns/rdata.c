/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "dns/rdata.h"

#include <stdbool.h> /* before ldns.h, which else makes _Bool a signed char */
#include <ldns/ldns.h>
#include <stdlib.h>

#include "dns/labels.h"

#define RDATA_PREAMBLE_BYTES 11 /* root owner, type, class, TTL, length: what ldns wants before the data */
#define RDATA_NAMES_MAX      2  /* no type that we take has more names */

/* Octets of a fixed field that stands before a name; 0: of no fixed size. */
static size_t rdata_field_size(ldns_rdf_type field)
{
    switch (field) {
    case LDNS_RDF_TYPE_INT8:
    case LDNS_RDF_TYPE_ALG:
        return 1;
    case LDNS_RDF_TYPE_INT16:
    case LDNS_RDF_TYPE_TYPE:
        return 2;
    case LDNS_RDF_TYPE_INT32:
    case LDNS_RDF_TYPE_TIME:
        return 4;
    default:
        return 0;
    }
}

static void put(struct writer *w, struct bytes in)
{
    if (w)
        writer_bytes(w, in);
}

/* Copies RDATA, its names uncompressed; `w` NULL: only looks.  What stands behind the type's last name is taken as it
 * is. */
static bool rdata_expand(struct bytes message, uint16_t type, size_t at, size_t end, struct writer *w)
{
    if ((type >= 128 && type <= 255) || type == LDNS_RR_TYPE_OPT) /* RFC 6895 s3.1: of questions, or of no section */
        return false;
    const ldns_rr_descriptor *form = ldns_rr_descript(type);
    size_t fields = ldns_rr_descriptor_minimum(form), names = 0;
    for (size_t i = 0; i < fields; i++)
        names += ldns_rr_descriptor_field_type(form, i) == LDNS_RDF_TYPE_DNAME;
    if (names > RDATA_NAMES_MAX || type == LDNS_RR_TYPE_HIP) /* HIP: names behind a field of its own form */
        return false;
    /* ldns reads a record without data as RFC 2136 uses it; in an answer only types that nobody knows, NULL and APL may
     * be empty, and clients differ on the others. */
    if (at == end && fields > 0 && form->_type == type && type != LDNS_RR_TYPE_NULL)
        return false;
    for (size_t i = 0; names > 0; i++) {
        ldns_rdf_type field = ldns_rr_descriptor_field_type(form, i);
        if (field == LDNS_RDF_TYPE_DNAME) {
            struct labels n;
            if (!labels_read(message, &at, end, &n))
                return false;
            put(w, labels_bytes(&n));
            names--;
            continue;
        }
        struct reader r = labels_cursor((struct bytes){message.at, end}, at);
        size_t size = rdata_field_size(field);
        if (field == LDNS_RDF_TYPE_STR) {
            struct reader peek = r;
            size = reader_u8(&peek) + 1u;
        }
        struct bytes value = reader_bytes(&r, size);
        if (size == 0 || r.state != PARSE_OK)
            return false;
        put(w, value);
        at += size;
    }
    struct reader r = labels_cursor((struct bytes){message.at, end}, at);
    put(w, reader_bytes(&r, reader_left(&r)));
    return !w || !w->full;
}

bool rdata_names_fit(struct bytes message, uint16_t type, size_t offset, size_t len)
{
    const ldns_rr_descriptor *form = ldns_rr_descript(type);
    size_t fields = ldns_rr_descriptor_minimum(form);
    for (size_t i = 0; i < fields; i++)
        if (ldns_rr_descriptor_field_type(form, i) == LDNS_RDF_TYPE_DNAME)
            return type == LDNS_RR_TYPE_HIP || rdata_expand(message, type, offset, offset + len, NULL);
    return true;
}

/* Has ldns read the one record in `buffer`, and writes the data that it understood. */
static bool rdata_check(uint8_t *buffer, size_t size, struct writer *w)
{
    ldns_rr *rr = NULL;
    uint8_t *wire = NULL;
    size_t pos = 0, wire_size = 0;
    bool ok = ldns_wire2rr(&rr, buffer, size, &pos, LDNS_SECTION_ANSWER) == LDNS_STATUS_OK && pos == size;
    if (ok && size > RDATA_PREAMBLE_BYTES) { /* it takes data that ends before the type's last field */
        const ldns_rr_descriptor *form = ldns_rr_descript((uint16_t)ldns_rr_get_type(rr));
        ok = ldns_rr_rd_count(rr) >= ldns_rr_descriptor_minimum(form);
    }
    ok = ok && ldns_rr2wire(&wire, rr, LDNS_SECTION_ANSWER, &wire_size) == LDNS_STATUS_OK &&
         wire_size >= RDATA_PREAMBLE_BYTES;
    if (ok) {
        struct reader r = labels_cursor((struct bytes){wire, wire_size}, RDATA_PREAMBLE_BYTES);
        struct writer attempt = *w;
        writer_bytes(&attempt, reader_bytes(&r, reader_left(&r)));
        *w = attempt;
    }
    LDNS_FREE(wire);
    ldns_rr_free(rr);
    return ok;
}

bool rdata_write(struct bytes message, uint16_t type, size_t offset, size_t len, struct writer *w)
{
    size_t size = RDATA_PREAMBLE_BYTES + len + RDATA_NAMES_MAX * LABELS_MAX_BYTES;
    if (offset + len > message.len)
        return false;
    uint8_t *buffer = malloc(size);
    if (!buffer)
        return false;
    struct writer record = writer_init(buffer, size);
    writer_u8(&record, 0);
    writer_u16(&record, type);
    writer_u16(&record, LDNS_RR_CLASS_IN);
    writer_u32(&record, 0);
    writer_u16(&record, 0);
    bool ok = rdata_expand(message, type, offset, offset + len, &record);
    size_t written = writer_len(&record);
    if (ok && written - RDATA_PREAMBLE_BYTES <= UINT16_MAX) {
        writer_patch_u16(&record, RDATA_PREAMBLE_BYTES - 2, (uint16_t)(written - RDATA_PREAMBLE_BYTES));
        ok = rdata_check(buffer, written, w);
    } else {
        ok = false;
    }
    free(buffer);
    return ok;
}

uint16_t rdata_covered(struct bytes message, size_t offset, size_t len)
{
    struct reader r = labels_cursor(message, offset);
    struct reader data = reader_block(&r, len);
    return reader_u16(&data);
}
