/* SPDX-License-Identifier: GPL-3.0-or-later */
/* dns/message, a resolver's answer: what is rebuilt from it, ldns reads; it holds exactly the addresses that are bound;
 * and read again it gives the same.
 * Input: one octet of options, then the message.  The question is the one that the message itself shows. */
#include <stdbool.h> /* before ldns.h, which else makes _Bool a signed char */
#include <ldns/ldns.h>
#include <stdlib.h>
#include <string.h>

#include "dns/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct answer first, second;

static void require(bool holds)
{
    if (!holds)
        abort();
}

static bool no_private(void *ctx, const struct address *address)
{
    (void)ctx;
    return !address_is_special(address);
}

/* The client's question, its case mixed. */
static struct question question_of(const struct answer_head *head, uint8_t options)
{
    struct question q = {.id = 0x7777, .type = head->type, .name = head->name, .udp_payload = 512};
    q.labels_len = (uint8_t)name_to_labels(&q.name, q.labels);
    for (size_t i = 0; i + 1 < q.labels_len; i += q.labels[i] + 1u) {
        if (q.labels[i + 1] >= 'a' && q.labels[i + 1] <= 'z')
            q.labels[i + 1] = (uint8_t)(q.labels[i + 1] - 'a' + 'A');
    }
    q.edns = options & 1;
    q.dnssec_ok = (options & 3) == 3;
    q.authentic_data = options & 4;
    return q;
}

static unsigned count_addresses(const ldns_rr_list *list)
{
    unsigned count = 0;
    for (size_t i = 0; i < ldns_rr_list_rr_count(list); i++) {
        ldns_rr_type type = ldns_rr_get_type(ldns_rr_list_rr(list, i));
        count += type == LDNS_RR_TYPE_A || type == LDNS_RR_TYPE_AAAA;
    }
    return count;
}

static void expect_same(const struct question *q, size_t limit)
{
    ldns_pkt *pkt = NULL;
    unsigned filtered;
    require(first.wire_len >= 12 && first.wire_len <= (limit < 512 ? 512 : limit));
    require(ldns_wire2pkt(&pkt, first.wire, first.wire_len) == LDNS_STATUS_OK);
    require(ldns_pkt_id(pkt) == q->id && ldns_pkt_qdcount(pkt) == 1 && ldns_pkt_edns(pkt) == q->edns);
    require(ldns_pkt_nscount(pkt) <= 1 && ldns_pkt_arcount(pkt) == 0);
    require(count_addresses(ldns_pkt_answer(pkt)) == first.addresses);
    ldns_pkt_free(pkt);
    require(message_read_answer((struct bytes){first.wire, first.wire_len}, q, 65535, no_private, NULL, &filtered,
                                &second) == PARSE_OK);
    require(filtered == 0 && second.addresses == first.addresses && second.rcode == first.rcode);
    for (unsigned i = 0; i < first.addresses; i++)
        require(address_equal(&first.address[i].address, &second.address[i].address) &&
                first.address[i].ttl_sec == second.address[i].ttl_sec);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct answer_head head;
    unsigned filtered;
    if (size < 1)
        return 0;
    uint8_t *exact = malloc(size);
    memcpy(exact, data + 1, size - 1);
    struct bytes wire = {exact, size - 1};
    if (message_read_answer_head(wire, &head)) {
        struct question q = question_of(&head, data[0]);
        size_t limit = data[0] & 8 ? 512 : 65535;
        if (message_read_answer(wire, &q, limit, no_private, NULL, &filtered, &first) == PARSE_OK)
            expect_same(&q, limit);
        else
            require(first.addresses == 0);
    }
    free(exact);
    return 0;
}
