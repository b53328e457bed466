/* SPDX-License-Identifier: GPL-3.0-or-later */
/* dns/message, a client's query: what is taken, ldns reads as the same one question; so it reads what goes on in its
 * place; and every refusal can be built, read back and is no longer than 512 octets. */
#include <stdbool.h> /* before ldns.h, which else makes _Bool a signed char */
#include <ldns/ldns.h>
#include <stdlib.h>
#include <string.h>

#include "dns/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void expect_question(const uint8_t *wire, size_t len, const struct question *q)
{
    ldns_pkt *pkt = NULL;
    uint8_t labels[255];
    size_t labels_len = name_to_labels(&q->name, labels);
    require(ldns_wire2pkt(&pkt, wire, len) == LDNS_STATUS_OK);
    require(ldns_pkt_qdcount(pkt) == 1 && ldns_pkt_ancount(pkt) == 0 && ldns_pkt_nscount(pkt) == 0);
    require(ldns_pkt_arcount(pkt) == 0 && ldns_pkt_edns(pkt) == q->edns);
    const ldns_rr *rr = ldns_rr_list_rr(ldns_pkt_question(pkt), 0);
    require(ldns_rr_get_type(rr) == q->type && ldns_rr_get_class(rr) == LDNS_RR_CLASS_IN);
    ldns_dname2canonical(ldns_rr_owner(rr));
    require(ldns_rdf_size(ldns_rr_owner(rr)) == labels_len);
    require(memcmp(ldns_rdf_data(ldns_rr_owner(rr)), labels, labels_len) == 0);
    ldns_pkt_free(pkt);
}

static void expect_denials(const struct question *q)
{
    uint8_t out[600];
    for (int kind = MESSAGE_NXDOMAIN; kind <= MESSAGE_REFUSED; kind++) {
        ldns_pkt *pkt = NULL;
        size_t len = message_build_denial(q, (enum message_denial)kind, "not in allowlist", out, sizeof out);
        require(len >= 12 && len <= 512);
        require(ldns_wire2pkt(&pkt, out, len) == LDNS_STATUS_OK);
        require(ldns_pkt_qr(pkt) && ldns_pkt_id(pkt) == q->id && ldns_pkt_nscount(pkt) == 0);
        ldns_pkt_free(pkt);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct question q, again;
    char shown[256];
    uint8_t out[MESSAGE_QUERY_MAX], *exact = malloc(size ? size : 1);
    if (size)
        memcpy(exact, data, size);
    enum reason reason = message_read_query((struct bytes){exact, size}, &q, shown);
    require(strlen(shown) < sizeof shown);
    expect_denials(&q);
    if (reason == REASON_NONE) {
        expect_question(exact, size, &q);
        size_t len = message_build_query(&q, 0xbeef, out);
        expect_question(out, len, &q);
        require(message_read_query((struct bytes){out, len}, &again, shown) == REASON_NONE);
        require(name_equal(&again.name, &q.name) && again.type == q.type && again.id == 0xbeef);
        struct address reverse;
        message_reverse_address(&q.name, &reverse);
    }
    free(exact);
    return 0;
}
