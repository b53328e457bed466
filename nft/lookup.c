/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "nft/lookup.h"

#include <libnftnl/expr.h>

#define KEPT 8 /* behind every key: the connection's mark, where it is read once for several questions */

static uint32_t word(unsigned at)
{
    return NFT_REG32_00 + at;
}

/* (from & and) ^ value */
static void bits(struct expression_rule *r, unsigned from, unsigned to, uint32_t and, uint32_t value)
{
    struct nftnl_expr *x = expression_add(r, "bitwise");
    if (!x)
        return;
    nftnl_expr_set_u32(x, NFTNL_EXPR_BITWISE_SREG, word(from));
    nftnl_expr_set_u32(x, NFTNL_EXPR_BITWISE_DREG, word(to));
    nftnl_expr_set_u32(x, NFTNL_EXPR_BITWISE_OP, NFT_BITWISE_BOOL);
    nftnl_expr_set_u32(x, NFTNL_EXPR_BITWISE_LEN, sizeof and);
    nftnl_expr_set(x, NFTNL_EXPR_BITWISE_MASK, &and, sizeof and);
    nftnl_expr_set(x, NFTNL_EXPR_BITWISE_XOR, &value, sizeof value);
}

static void ct_mark(struct expression_rule *r, uint16_t register_attribute, unsigned at)
{
    struct nftnl_expr *x = expression_add(r, "ct");
    if (!x)
        return;
    nftnl_expr_set_u32(x, NFTNL_EXPR_CT_KEY, NFT_CT_MARK);
    nftnl_expr_set_u32(x, register_attribute, word(at));
}

static void meta(struct expression_rule *r, unsigned at, uint32_t key)
{
    struct nftnl_expr *x = expression_add(r, "meta");
    if (!x)
        return;
    nftnl_expr_set_u32(x, NFTNL_EXPR_META_KEY, key);
    nftnl_expr_set_u32(x, NFTNL_EXPR_META_DREG, word(at));
}

void key_mark(struct expression_rule *r, unsigned at, uint32_t and)
{
    meta(r, at, NFT_META_MARK);
    bits(r, at, at, and, 0);
}

void key_ct_mark(struct expression_rule *r, unsigned at, uint32_t and)
{
    ct_mark(r, NFTNL_EXPR_CT_DREG, at);
    bits(r, at, at, and, 0);
}

void key_cgroup(struct expression_rule *r, unsigned at, uint32_t level)
{
    struct nftnl_expr *x = expression_add(r, "socket");
    if (!x)
        return;
    nftnl_expr_set_u32(x, NFTNL_EXPR_SOCKET_KEY, NFT_SOCKET_CGROUPV2);
    nftnl_expr_set_u32(x, NFTNL_EXPR_SOCKET_LEVEL, level);
    nftnl_expr_set_u32(x, NFTNL_EXPR_SOCKET_DREG, word(at));
}

void key_interface(struct expression_rule *r, unsigned at, uint32_t key)
{
    meta(r, at, key);
}

void key_address(struct expression_rule *r, unsigned at, uint8_t family, bool source)
{
    if (family == 4)
        expression_payload(r, NFT_PAYLOAD_NETWORK_HEADER, source ? 12 : 16, 4, word(at));
    else
        expression_payload(r, NFT_PAYLOAD_NETWORK_HEADER, source ? 8 : 24, 16, word(at));
}

void key_port(struct expression_rule *r, unsigned at)
{
    expression_payload(r, NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2, word(at));
}

static struct nftnl_expr *lookup(struct expression_rule *r, const char *set)
{
    struct nftnl_expr *x = expression_add(r, "lookup");
    if (!x)
        return NULL;
    nftnl_expr_set_u32(x, NFTNL_EXPR_LOOKUP_SREG, word(0));
    r->failed = nftnl_expr_set_str(x, NFTNL_EXPR_LOOKUP_SET, set) < 0 || r->failed;
    return x;
}

/* A map: what it says goes to a register. */
static void lookup_value(struct expression_rule *r, const char *map, uint32_t to)
{
    struct nftnl_expr *x = lookup(r, map);
    if (x)
        nftnl_expr_set_u32(x, NFTNL_EXPR_LOOKUP_DREG, to);
}

void lookup_in(struct expression_rule *r, const char *set)
{
    (void)lookup(r, set);
}

void lookup_same(struct expression_rule *r, uint32_t scope, uint32_t state, uint32_t value, const char *set)
{
    ct_mark(r, NFTNL_EXPR_CT_DREG, KEPT);
    if (state)
        bits(r, KEPT, 0, state, 0);
    struct nftnl_expr *x = state ? expression_add(r, "cmp") : NULL;
    if (x) {
        nftnl_expr_set_u32(x, NFTNL_EXPR_CMP_SREG, word(0));
        nftnl_expr_set_u32(x, NFTNL_EXPR_CMP_OP, NFT_CMP_EQ);
        nftnl_expr_set(x, NFTNL_EXPR_CMP_DATA, &value, sizeof value);
    }
    bits(r, KEPT, 0, scope, 0);
    key_mark(r, 1, scope);
    lookup_in(r, set);
}

void lookup_same_set(struct expression_rule *r, uint32_t keep, uint32_t value)
{
    bits(r, KEPT, KEPT, keep, value);
    ct_mark(r, NFTNL_EXPR_CT_SREG, KEPT);
}

void lookup_not_in(struct expression_rule *r, const char *set)
{
    struct nftnl_expr *x = lookup(r, set);
    if (x)
        nftnl_expr_set_u32(x, NFTNL_EXPR_LOOKUP_FLAGS, NFT_LOOKUP_F_INV);
}

void lookup_jump(struct expression_rule *r, const char *map)
{
    lookup_value(r, map, NFT_REG_VERDICT);
}

void lookup_port(struct expression_rule *r, const char *map)
{
    lookup_value(r, map, NFT_REG_1);
}

void lookup_redirect(struct expression_rule *r, const char *map)
{
    lookup_value(r, map, NFT_REG_1);
    struct nftnl_expr *x = expression_add(r, "redir");
    if (x)
        nftnl_expr_set_u32(x, NFTNL_EXPR_REDIR_REG_PROTO_MIN, NFT_REG_1);
}

void lookup_count(struct expression_rule *r, const char *map)
{
    struct nftnl_expr *x = expression_add(r, "objref");
    if (!x)
        return;
    nftnl_expr_set_u32(x, NFTNL_EXPR_OBJREF_SET_SREG, word(0));
    r->failed = nftnl_expr_set_str(x, NFTNL_EXPR_OBJREF_SET_NAME, map) < 0 || r->failed;
}
