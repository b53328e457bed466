/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "nft/expression.h"

#include <netinet/in.h> /* before linux/ */
#include <arpa/inet.h>
#include <libnftnl/expr.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <net/if.h>
#include <string.h>

#define TCP_FLAGS_AT 13
#define UDP_HEADER   8
#define QUIC_LONG    0x80
#define ONE_DATAGRAM 1500
#define TCP_FIN      0x01
#define TCP_SYN      0x02
#define TCP_RST      0x04
#define TCP_ACK      0x10
#define TCP_ECN      0xc0

struct expression_rule expression_rule(const char *table, const char *chain)
{
    struct expression_rule r = {.nl = nftnl_rule_alloc(), .chain = chain};
    if (!r.nl) {
        r.failed = true;
        return r;
    }
    nftnl_rule_set_u32(r.nl, NFTNL_RULE_FAMILY, NFPROTO_INET);
    r.failed =
        nftnl_rule_set_str(r.nl, NFTNL_RULE_TABLE, table) < 0 || nftnl_rule_set_str(r.nl, NFTNL_RULE_CHAIN, chain) < 0;
    return r;
}

void expression_rule_free(struct expression_rule *r)
{
    if (r->nl)
        nftnl_rule_free(r->nl);
    *r = (struct expression_rule){.failed = true};
}

struct nftnl_expr *expression_add(struct expression_rule *r, const char *name)
{
    struct nftnl_expr *x = r->failed ? NULL : nftnl_expr_alloc(name);
    if (!x) {
        r->failed = true;
        return NULL;
    }
    nftnl_rule_add_expr(r->nl, x);
    return x;
}

/* name: one attribute `key`, result in register 1. */
static void load(struct expression_rule *r, const char *name, uint16_t key_attribute, uint32_t key,
                 uint16_t register_attribute)
{
    struct nftnl_expr *x = expression_add(r, name);
    if (!x)
        return;
    nftnl_expr_set_u32(x, key_attribute, key);
    nftnl_expr_set_u32(x, register_attribute, NFT_REG_1);
}

static void load_meta(struct expression_rule *r, uint32_t key)
{
    load(r, "meta", NFTNL_EXPR_META_KEY, key, NFTNL_EXPR_META_DREG);
}

static void load_ct(struct expression_rule *r, uint32_t key)
{
    load(r, "ct", NFTNL_EXPR_CT_KEY, key, NFTNL_EXPR_CT_DREG);
}

void expression_payload(struct expression_rule *r, uint32_t base, uint32_t offset, uint32_t len, uint32_t into)
{
    struct nftnl_expr *x = expression_add(r, "payload");
    if (!x)
        return;
    nftnl_expr_set_u32(x, NFTNL_EXPR_PAYLOAD_BASE, base);
    nftnl_expr_set_u32(x, NFTNL_EXPR_PAYLOAD_OFFSET, offset);
    nftnl_expr_set_u32(x, NFTNL_EXPR_PAYLOAD_LEN, len);
    nftnl_expr_set_u32(x, NFTNL_EXPR_PAYLOAD_DREG, into);
}

static void load_payload(struct expression_rule *r, uint32_t base, uint32_t offset, uint32_t len)
{
    expression_payload(r, base, offset, len, NFT_REG_1);
}

static void mask(struct expression_rule *r, const void *and, const void * xor, uint32_t len)
{
    struct nftnl_expr *x = expression_add(r, "bitwise");
    if (!x)
        return;
    nftnl_expr_set_u32(x, NFTNL_EXPR_BITWISE_SREG, NFT_REG_1);
    nftnl_expr_set_u32(x, NFTNL_EXPR_BITWISE_DREG, NFT_REG_1);
    nftnl_expr_set_u32(x, NFTNL_EXPR_BITWISE_OP, NFT_BITWISE_BOOL);
    nftnl_expr_set_u32(x, NFTNL_EXPR_BITWISE_LEN, len);
    nftnl_expr_set(x, NFTNL_EXPR_BITWISE_MASK, and, len);
    nftnl_expr_set(x, NFTNL_EXPR_BITWISE_XOR, xor, len);
}

static void compare(struct expression_rule *r, uint32_t op, const void *value, uint32_t len)
{
    struct nftnl_expr *x = expression_add(r, "cmp");
    if (!x)
        return;
    nftnl_expr_set_u32(x, NFTNL_EXPR_CMP_SREG, NFT_REG_1);
    nftnl_expr_set_u32(x, NFTNL_EXPR_CMP_OP, op);
    nftnl_expr_set(x, NFTNL_EXPR_CMP_DATA, value, len);
}

static void masked_u32(struct expression_rule *r, uint32_t and, uint32_t op, uint32_t value)
{
    mask(r, &and, &(uint32_t){0}, sizeof and);
    compare(r, op, &value, sizeof value);
}

void match_mark(struct expression_rule *r, uint32_t and, uint32_t op, uint32_t value)
{
    load_meta(r, NFT_META_MARK);
    masked_u32(r, and, op, value);
}

void match_ct_mark(struct expression_rule *r, uint32_t and, uint32_t op, uint32_t value)
{
    load_ct(r, NFT_CT_MARK);
    masked_u32(r, and, op, value);
}

void match_ct_state(struct expression_rule *r, uint32_t bits)
{
    load_ct(r, NFT_CT_STATE);
    masked_u32(r, bits, NFT_CMP_NEQ, 0);
}

void match_ct_state_not(struct expression_rule *r, uint32_t bits)
{
    load_ct(r, NFT_CT_STATE);
    masked_u32(r, bits, NFT_CMP_EQ, 0);
}

void match_ct_direction(struct expression_rule *r, uint8_t direction)
{
    load_ct(r, NFT_CT_DIRECTION);
    compare(r, NFT_CMP_EQ, &direction, sizeof direction);
}

void match_ct_dnat(struct expression_rule *r)
{
    load_ct(r, NFT_CT_STATUS);
    masked_u32(r, IPS_DST_NAT, NFT_CMP_NEQ, 0);
}

void match_interface(struct expression_rule *r, uint32_t key, uint32_t op, const char *name)
{
    char padded[IFNAMSIZ] = {0};
    size_t len = strlen(name);
    bool wildcard = len > 0 && name[len - 1] == '*';
    if (wildcard)
        len--;
    if (len >= sizeof padded) {
        r->failed = true;
        return;
    }
    memcpy(padded, name, len);
    load_meta(r, key);
    if (!wildcard)
        compare(r, op, padded, sizeof padded);
    else if (len > 0)
        compare(r, op, padded, (uint32_t)len);
}

void match_family(struct expression_rule *r, uint8_t nfproto)
{
    load_meta(r, NFT_META_NFPROTO);
    compare(r, NFT_CMP_EQ, &nfproto, sizeof nfproto);
}

void match_protocol(struct expression_rule *r, uint32_t op, uint8_t protocol)
{
    load_meta(r, NFT_META_L4PROTO);
    compare(r, op, &protocol, sizeof protocol);
}

void match_bytes(struct expression_rule *r, uint32_t base, uint32_t offset, const void *value, uint32_t len)
{
    load_payload(r, base, offset, len);
    compare(r, NFT_CMP_EQ, value, len);
}

void match_bytes_not(struct expression_rule *r, uint32_t base, uint32_t offset, const void *value, uint32_t len)
{
    load_payload(r, base, offset, len);
    compare(r, NFT_CMP_NEQ, value, len);
}

void match_port(struct expression_rule *r, uint8_t protocol, uint16_t destination_port)
{
    uint16_t port = htons(destination_port);
    match_protocol(r, NFT_CMP_EQ, protocol);
    match_bytes(r, NFT_PAYLOAD_TRANSPORT_HEADER, 2, &port, sizeof port);
}

void match_source_port(struct expression_rule *r, uint8_t protocol, uint16_t source_port)
{
    uint16_t port = htons(source_port);
    match_protocol(r, NFT_CMP_EQ, protocol);
    match_bytes(r, NFT_PAYLOAD_TRANSPORT_HEADER, 0, &port, sizeof port);
}

static void match_tcp_flags(struct expression_rule *r, uint8_t and, uint32_t op, uint8_t value)
{
    match_protocol(r, NFT_CMP_EQ, IPPROTO_TCP);
    load_payload(r, NFT_PAYLOAD_TRANSPORT_HEADER, TCP_FLAGS_AT, 1);
    mask(r, &and, &(uint8_t){0}, 1);
    compare(r, op, &value, 1);
}

void match_tcp_syn(struct expression_rule *r, uint32_t op)
{
    match_tcp_flags(r, TCP_FIN | TCP_SYN | TCP_RST | TCP_ACK, op, TCP_SYN);
}

void match_tcp_reset(struct expression_rule *r)
{
    match_tcp_flags(r, TCP_RST, NFT_CMP_EQ, TCP_RST);
}

void match_tcp_bare(struct expression_rule *r)
{
    match_tcp_flags(r, (uint8_t)~TCP_ECN, NFT_CMP_EQ, TCP_ACK);
}

void match_tcp_going(struct expression_rule *r)
{
    match_tcp_flags(r, TCP_FIN | TCP_SYN | TCP_RST, NFT_CMP_EQ, 0);
}

/* A larger one may be several datagrams that a program gave to the kernel in one send (UDP_SEGMENT): only the first of
 * them would be looked at here, so the queue gets them, which parts them.  Two within the bound are too short for an
 * Initial that a server may take (RFC 9000 s14.1: 1,200 bytes each). */
void match_quic_short(struct expression_rule *r)
{
    uint32_t bound = htonl(ONE_DATAGRAM);
    match_protocol(r, NFT_CMP_EQ, IPPROTO_UDP);
    load_meta(r, NFT_META_LEN);
    struct nftnl_expr *x = expression_add(r, "byteorder");
    if (!x)
        return;
    nftnl_expr_set_u32(x, NFTNL_EXPR_BYTEORDER_SREG, NFT_REG_1);
    nftnl_expr_set_u32(x, NFTNL_EXPR_BYTEORDER_DREG, NFT_REG_1);
    nftnl_expr_set_u32(x, NFTNL_EXPR_BYTEORDER_OP, NFT_BYTEORDER_HTON);
    nftnl_expr_set_u32(x, NFTNL_EXPR_BYTEORDER_LEN, sizeof bound);
    nftnl_expr_set_u32(x, NFTNL_EXPR_BYTEORDER_SIZE, sizeof bound);
    compare(r, NFT_CMP_LTE, &bound, sizeof bound);
    load_payload(r, NFT_PAYLOAD_TRANSPORT_HEADER, UDP_HEADER, 1);
    mask(r, &(uint8_t){QUIC_LONG}, &(uint8_t){0}, 1);
    compare(r, NFT_CMP_EQ, &(uint8_t){0}, 1);
}

static void match_range(struct expression_rule *r, uint32_t offset4, uint32_t offset6, uint32_t op,
                        const struct address_range *range)
{
    bool four = range->base.family == 4;
    uint32_t len = four ? 4 : 16;
    uint8_t and[16] = {0}, zero[16] = {0};
    for (uint32_t bit = 0; bit < range->prefix_bits && bit < len * 8; bit++)
        and[bit / 8] = (uint8_t)(and[bit / 8] | 0x80 >> bit % 8);
    match_family(r, four ? NFPROTO_IPV4 : NFPROTO_IPV6);
    load_payload(r, NFT_PAYLOAD_NETWORK_HEADER, four ? offset4 : offset6, len);
    mask(r, and, zero, len);
    compare(r, op, range->base.octets, len);
}

void match_source(struct expression_rule *r, uint32_t op, const struct address_range *range)
{
    match_range(r, 12, 8, op, range);
}

void match_destination(struct expression_rule *r, uint32_t op, const struct address_range *range)
{
    match_range(r, 16, 24, op, range);
}

static void match_type(struct expression_rule *r, uint32_t address, uint32_t op, uint32_t rtn_type)
{
    struct nftnl_expr *x = expression_add(r, "fib");
    if (!x)
        return;
    nftnl_expr_set_u32(x, NFTNL_EXPR_FIB_RESULT, NFT_FIB_RESULT_ADDRTYPE);
    nftnl_expr_set_u32(x, NFTNL_EXPR_FIB_FLAGS, address);
    nftnl_expr_set_u32(x, NFTNL_EXPR_FIB_DREG, NFT_REG_1);
    compare(r, op, &rtn_type, sizeof rtn_type);
}

void match_source_type(struct expression_rule *r, uint32_t op, uint32_t rtn_type)
{
    match_type(r, NFTA_FIB_F_SADDR, op, rtn_type);
}

void match_destination_type(struct expression_rule *r, uint32_t op, uint32_t rtn_type)
{
    match_type(r, NFTA_FIB_F_DADDR, op, rtn_type);
}

void match_way(struct expression_rule *r, uint32_t address, uint32_t op)
{
    static const uint32_t none;
    struct nftnl_expr *x = expression_add(r, "fib");
    if (!x)
        return;
    nftnl_expr_set_u32(x, NFTNL_EXPR_FIB_RESULT, NFT_FIB_RESULT_OIF);
    nftnl_expr_set_u32(x, NFTNL_EXPR_FIB_FLAGS, address | NFTA_FIB_F_IIF);
    nftnl_expr_set_u32(x, NFTNL_EXPR_FIB_DREG, NFT_REG_1);
    compare(r, op, &none, sizeof none);
}

void match_cgroup(struct expression_rule *r, const struct ruleset_cgroup *cgroup)
{
    struct nftnl_expr *x = expression_add(r, "socket");
    if (!x)
        return;
    nftnl_expr_set_u32(x, NFTNL_EXPR_SOCKET_KEY, NFT_SOCKET_CGROUPV2);
    nftnl_expr_set_u32(x, NFTNL_EXPR_SOCKET_LEVEL, cgroup->level);
    nftnl_expr_set_u32(x, NFTNL_EXPR_SOCKET_DREG, NFT_REG_1);
    compare(r, NFT_CMP_EQ, &cgroup->id, sizeof cgroup->id);
}

/* `socket transparent` has a value for request and time-wait sockets too, `socket wildcard` has none for them. */
void match_socket(struct expression_rule *r)
{
    load(r, "socket", NFTNL_EXPR_SOCKET_KEY, NFT_SOCKET_TRANSPARENT, NFTNL_EXPR_SOCKET_DREG);
}

/* The kernel's own sockets have no file, so `meta skuid` has no value for them. */
void match_socket_file(struct expression_rule *r)
{
    load_meta(r, NFT_META_SKUID);
}

void set_mark(struct expression_rule *r, uint32_t keep, uint32_t value)
{
    load_meta(r, NFT_META_MARK);
    mask(r, &keep, &value, sizeof keep);
    load(r, "meta", NFTNL_EXPR_META_KEY, NFT_META_MARK, NFTNL_EXPR_META_SREG);
}

void set_ct_mark(struct expression_rule *r, uint32_t keep, uint32_t value)
{
    load_ct(r, NFT_CT_MARK);
    mask(r, &keep, &value, sizeof keep);
    load(r, "ct", NFTNL_EXPR_CT_KEY, NFT_CT_MARK, NFTNL_EXPR_CT_SREG);
}

static void immediate(struct expression_rule *r, int code, const char *chain)
{
    struct nftnl_expr *x = expression_add(r, "immediate");
    if (!x)
        return;
    nftnl_expr_set_u32(x, NFTNL_EXPR_IMM_DREG, NFT_REG_VERDICT);
    nftnl_expr_set_u32(x, NFTNL_EXPR_IMM_VERDICT, (uint32_t)code);
    if (chain && nftnl_expr_set_str(x, NFTNL_EXPR_IMM_CHAIN, chain) < 0)
        r->failed = true;
}

void count(struct expression_rule *r, const char *counter)
{
    struct nftnl_expr *x = expression_add(r, "objref");
    if (!x)
        return;
    nftnl_expr_set_u32(x, NFTNL_EXPR_OBJREF_IMM_TYPE, NFT_OBJECT_COUNTER);
    r->failed = nftnl_expr_set_str(x, NFTNL_EXPR_OBJREF_IMM_NAME, counter) < 0 || r->failed;
}

void verdict(struct expression_rule *r, int code)
{
    immediate(r, code, NULL);
}

void verdict_goto(struct expression_rule *r, const char *chain)
{
    immediate(r, NFT_GOTO, chain);
}

void verdict_jump(struct expression_rule *r, const char *chain)
{
    immediate(r, NFT_JUMP, chain);
}

void verdict_reset(struct expression_rule *r)
{
    struct nftnl_expr *x = expression_add(r, "reject");
    if (!x)
        return;
    nftnl_expr_set_u32(x, NFTNL_EXPR_REJECT_TYPE, NFT_REJECT_TCP_RST);
    nftnl_expr_set_u8(x, NFTNL_EXPR_REJECT_CODE, 0);
}

void verdict_redirect(struct expression_rule *r, uint16_t port)
{
    uint16_t network = htons(port);
    struct nftnl_expr *x = expression_add(r, "immediate");
    if (!x)
        return;
    nftnl_expr_set_u32(x, NFTNL_EXPR_IMM_DREG, NFT_REG_1);
    nftnl_expr_set(x, NFTNL_EXPR_IMM_DATA, &network, sizeof network);
    x = expression_add(r, "redir");
    if (x)
        nftnl_expr_set_u32(x, NFTNL_EXPR_REDIR_REG_PROTO_MIN, NFT_REG_1);
}
