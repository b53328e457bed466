/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Keys and look-ups in named sets (nft/set.h).  A key is loaded part by part into registers of four bytes, the first at
 * 0; a joined key's parts lie behind each other.  Matches use the same registers: they come before the key's first part
 * or after its look-up.  A look-up that finds nothing ends the rule.  Internal to nft/. */
#ifndef SLUICE_NFT_LOOKUP_H
#define SLUICE_NFT_LOOKUP_H

#include "nft/expression.h"

/* Parts of a key, from register `at` on; the bytes that they take. */
void key_mark(struct expression_rule *r, unsigned at, uint32_t and);      /* 4: meta mark & and */
void key_ct_mark(struct expression_rule *r, unsigned at, uint32_t and);   /* 4 */
void key_cgroup(struct expression_rule *r, unsigned at, uint32_t level);  /* 8: of the packet's socket, at that depth */
void key_interface(struct expression_rule *r, unsigned at, uint32_t key); /* 16: NFT_META_IIFNAME or _OIFNAME */
void key_address(struct expression_rule *r, unsigned at, uint8_t family,
                 bool source);                         /* 4 or 16; the family is matched */
void key_port(struct expression_rule *r, unsigned at); /* 2: the destination's, of what has ports */

void lookup_in(struct expression_rule *r, const char *set);     /* is the key in it? */
void lookup_not_in(struct expression_rule *r, const char *set); /* is it not? */
/* Is the connection's mark & state this value, and its scope the packet's?  Datagrams of two scopes may have the same
 * ports, so that the one's packet writes the connection's mark while the other's is on its way: the mark is read once.
 * The set holds SCOPE . SCOPE.  And then: the mark as it was read, (old & keep) ^ value. */
void lookup_same(struct expression_rule *r, uint32_t scope, uint32_t state, uint32_t value, const char *set);
void lookup_same_set(struct expression_rule *r, uint32_t keep, uint32_t value);
/* A map of chains: to the key's, and after it the next rule. */
void lookup_jump(struct expression_rule *r, const char *map);
void lookup_redirect(struct expression_rule *r, const char *map); /* a map of ports */
void lookup_port(struct expression_rule *r, const char *map);     /* is the key in a map of ports? */
void lookup_count(struct expression_rule *r, const char *map);    /* a map of counters */

#endif
