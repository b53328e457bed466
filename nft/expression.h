/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Rules, built from libnftnl expressions.  A rule is a run of matches, then changes, then a verdict; all use
 * register 1.
 *
 * The functions do not fail: `failed` is kept and transaction_rule refuses the rule.  Internal to nft/. */
#ifndef SLUICE_NFT_EXPRESSION_H
#define SLUICE_NFT_EXPRESSION_H

#include <libnftnl/rule.h>
#include <linux/netfilter/nf_tables.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/address.h"
#include "nft/ruleset.h"

struct expression_rule {
    struct nftnl_rule *nl;
    const char *chain; /* borrowed */
    bool failed;
};

struct expression_rule expression_rule(const char *table, const char *chain);
void expression_rule_free(struct expression_rule *r);

/* An expression without attributes yet ("notrack", "masq", …); NULL and `failed` without memory. */
struct nftnl_expr *expression_add(struct expression_rule *r, const char *name);
/* `len` bytes behind `offset` of a header (NFT_PAYLOAD_...) into a register. */
void expression_payload(struct expression_rule *r, uint32_t base, uint32_t offset, uint32_t len, uint32_t into);

/* Matches.  `op` is NFT_CMP_EQ or NFT_CMP_NEQ. */
void match_mark(struct expression_rule *r, uint32_t and, uint32_t op, uint32_t value);    /* meta mark & mask */
void match_ct_mark(struct expression_rule *r, uint32_t and, uint32_t op, uint32_t value); /* not met if untracked */
void match_ct_state(struct expression_rule *r, uint32_t bits);     /* any of NF_CT_STATE_BIT… */
void match_ct_state_not(struct expression_rule *r, uint32_t bits); /* none of them */
void match_ct_direction(struct expression_rule *r, uint8_t direction);
void match_ct_dnat(struct expression_rule *r);
void match_interface(struct expression_rule *r, uint32_t key, uint32_t op, const char *name); /* trailing '*' */
void match_family(struct expression_rule *r, uint8_t nfproto);
void match_protocol(struct expression_rule *r, uint32_t op, uint8_t protocol);
void match_bytes(struct expression_rule *r, uint32_t base, uint32_t offset, const void *value, uint32_t len);
void match_bytes_not(struct expression_rule *r, uint32_t base, uint32_t offset, const void *value, uint32_t len);
void match_port(struct expression_rule *r, uint8_t protocol, uint16_t destination_port);
/* tcp flags & (fin|syn|rst|ack) op syn */
void match_tcp_syn(struct expression_rule *r, uint32_t op);
void match_tcp_reset(struct expression_rule *r);
/* No flag but ACK, and ECN's two. */
void match_tcp_bare(struct expression_rule *r);
/* Neither FIN nor SYN nor RST. */
void match_tcp_going(struct expression_rule *r);
/* Family, then source or destination in (EQ) or outside (NEQ) the range. */
void match_source(struct expression_rule *r, uint32_t op, const struct address_range *range);
void match_destination(struct expression_rule *r, uint32_t op, const struct address_range *range);
void match_source_type(struct expression_rule *r, uint32_t op, uint32_t rtn_type);
void match_destination_type(struct expression_rule *r, uint32_t op, uint32_t rtn_type); /* fib daddr type */
/* Is the packet's source (NFTA_FIB_F_SADDR) or destination (NFTA_FIB_F_DADDR) to be reached by the interface that it
 * came in by?  NFT_CMP_NEQ: it is; NFT_CMP_EQ: it is not. */
void match_way(struct expression_rule *r, uint32_t address, uint32_t op);
void match_source_port(struct expression_rule *r, uint8_t protocol, uint16_t source_port);
/* UDP, an IP packet of at most 1,500 bytes, whose payload begins with a QUIC short header (RFC 8999 s5.2). */
void match_quic_short(struct expression_rule *r);
void match_cgroup(struct expression_rule *r, const struct ruleset_cgroup *cgroup);
void match_socket(struct expression_rule *r);      /* there is a TCP or UDP socket, of any state */
void match_socket_file(struct expression_rule *r); /* the sending socket is a program's, not the kernel's own */

/* Changes: (old & keep) ^ value. */
void set_mark(struct expression_rule *r, uint32_t keep, uint32_t value);
void set_ct_mark(struct expression_rule *r, uint32_t keep, uint32_t value);

/* Counts the packet in a named counter of the table. */
void count(struct expression_rule *r, const char *counter);

/* Verdicts. */
void verdict(struct expression_rule *r, int code); /* NF_ACCEPT, NF_DROP, NFT_RETURN */
void verdict_goto(struct expression_rule *r, const char *chain);
void verdict_jump(struct expression_rule *r, const char *chain);
void verdict_reset(struct expression_rule *r); /* reject with tcp reset */
void verdict_redirect(struct expression_rule *r, uint16_t port);

#endif
