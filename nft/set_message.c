/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sets in a transaction: written attribute by attribute, as libnftnl has no way to say only what changed. */
#include <netinet/in.h> /* before linux/ */
#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <stdio.h>
#include <string.h>

#include "nft/set.h"

#define ELEMENTS_AT_ONCE  200 /* of less than 200 bytes: a message has room for 64 KiB */
#define TYPE_VERDICT      0xffffff00u
#define TYPE_INET_SERVICE 13u /* nft's own number */

static void put_u32(struct nlmsghdr *nlh, uint16_t type, uint32_t value)
{
    mnl_attr_put_u32(nlh, type, htonl(value));
}

static void put_data(struct nlmsghdr *nlh, uint16_t type, const void *data, size_t len)
{
    struct nlattr *nest = mnl_attr_nest_start(nlh, type);
    mnl_attr_put(nlh, NFTA_DATA_VALUE, len, data);
    mnl_attr_nest_end(nlh, nest);
}

void transaction_set_new(struct transaction *t, const char *table, const struct set *s, uint32_t id)
{
    uint32_t flags = s->interval ? NFT_SET_INTERVAL : 0;
    char name[SET_NAME_SIZE];
    struct nlmsghdr *nlh = transaction_begin(t, NFT_MSG_NEWSET, NLM_F_CREATE, "set", s->name);
    if (!nlh)
        return;
    if (s->value == SET_JUMP || s->value == SET_PORT)
        flags |= NFT_SET_MAP;
    else if (s->value == SET_COUNTER)
        flags |= NFT_SET_OBJECT;
    mnl_attr_put_strz(nlh, NFTA_SET_TABLE, table);
    set_full_name(name, s->name, s->epoch);
    mnl_attr_put_strz(nlh, NFTA_SET_NAME, name);
    put_u32(nlh, NFTA_SET_ID, id);
    put_u32(nlh, NFTA_SET_FLAGS, flags);
    put_u32(nlh, NFTA_SET_KEY_TYPE, s->key_type);
    put_u32(nlh, NFTA_SET_KEY_LEN, s->key_len);
    if (s->value == SET_JUMP) {
        put_u32(nlh, NFTA_SET_DATA_TYPE, TYPE_VERDICT);
        put_u32(nlh, NFTA_SET_DATA_LEN, 16);
    } else if (s->value == SET_PORT) {
        put_u32(nlh, NFTA_SET_DATA_TYPE, TYPE_INET_SERVICE);
        put_u32(nlh, NFTA_SET_DATA_LEN, sizeof(uint16_t));
    } else if (s->value == SET_COUNTER) {
        put_u32(nlh, NFTA_SET_OBJ_TYPE, NFT_OBJECT_COUNTER);
    }
    transaction_end(t, nlh);
}

void transaction_set_delete(struct transaction *t, const char *table, const char *name)
{
    struct nlmsghdr *nlh = transaction_begin(t, NFT_MSG_DELSET, 0, "set", name);
    if (!nlh)
        return;
    mnl_attr_put_strz(nlh, NFTA_SET_TABLE, table);
    mnl_attr_put_strz(nlh, NFTA_SET_NAME, name);
    transaction_end(t, nlh);
}

static void put_value(struct nlmsghdr *nlh, const struct set *s, const struct set_element *at)
{
    char name[SET_NAME_SIZE];
    uint16_t port = htons(at->port);
    if (s->value == SET_NOTHING)
        return;
    snprintf(name, sizeof name, "%s_%u", s->prefix ? s->prefix : "", at->scope);
    if (s->value == SET_PORT) {
        put_data(nlh, NFTA_SET_ELEM_DATA, &port, sizeof port);
    } else if (s->value == SET_COUNTER) {
        mnl_attr_put_strz(nlh, NFTA_SET_ELEM_OBJREF, name);
    } else {
        struct nlattr *data = mnl_attr_nest_start(nlh, NFTA_SET_ELEM_DATA);
        struct nlattr *verdict = mnl_attr_nest_start(nlh, NFTA_DATA_VERDICT);
        put_u32(nlh, NFTA_VERDICT_CODE, (uint32_t)NFT_JUMP);
        mnl_attr_put_strz(nlh, NFTA_VERDICT_CHAIN, name);
        mnl_attr_nest_end(nlh, verdict);
        mnl_attr_nest_end(nlh, data);
    }
}

/* One element; an interval is two, its end without a value. */
static void put_element(struct nlmsghdr *nlh, const struct set *s, const struct set_element *at, bool with_value)
{
    struct nlattr *element = mnl_attr_nest_start(nlh, NFTA_LIST_ELEM);
    put_data(nlh, NFTA_SET_ELEM_KEY, at->key, s->key_len);
    if (with_value)
        put_value(nlh, s, at);
    mnl_attr_nest_end(nlh, element);
    if (!s->interval || at->open)
        return;
    element = mnl_attr_nest_start(nlh, NFTA_LIST_ELEM);
    put_u32(nlh, NFTA_SET_ELEM_FLAGS, NFT_SET_ELEM_INTERVAL_END);
    put_data(nlh, NFTA_SET_ELEM_KEY, at->end, s->key_len);
    mnl_attr_nest_end(nlh, element);
}

/* Elements of one set, gathered into as few messages as they fit. */
struct gathering {
    struct transaction *t;
    const char *table;
    uint16_t type, flags;
    struct nlmsghdr *nlh;
    struct nlattr *list;
    unsigned elements;
};

static void flush(struct gathering *g)
{
    if (g->nlh) {
        mnl_attr_nest_end(g->nlh, g->list);
        transaction_end(g->t, g->nlh);
    }
    g->nlh = NULL;
    g->elements = 0;
}

static bool open_list(struct gathering *g, const struct set *s)
{
    char name[SET_NAME_SIZE];
    g->nlh = transaction_begin(g->t, g->type, g->flags, "elements of", s->name);
    if (!g->nlh)
        return false;
    mnl_attr_put_strz(g->nlh, NFTA_SET_ELEM_LIST_TABLE, g->table);
    set_full_name(name, s->name, s->epoch);
    mnl_attr_put_strz(g->nlh, NFTA_SET_ELEM_LIST_SET, name);
    g->list = mnl_attr_nest_start(g->nlh, NFTA_SET_ELEM_LIST_ELEMENTS);
    return true;
}

static void gather(struct gathering *g, const struct set *s, const struct set_element *at)
{
    if (g->elements == ELEMENTS_AT_ONCE)
        flush(g);
    if (!g->nlh && !open_list(g, s))
        return;
    put_element(g->nlh, s, at, g->type == NFT_MSG_NEWSETELEM);
    g->elements++;
}

enum which { WHICH_KEY_GONE = 1, WHICH_OTHER_VALUE = 2 };

/* Gathers each element of `have` whose key `other` has not, or has with another value; returns how many. */
static size_t each_of(struct gathering *g, const struct set *have, const struct set *other, unsigned which)
{
    size_t k = 0, others = other ? other->count : 0, count = 0;
    for (size_t i = 0; i < have->count; i++) {
        const struct set_element *at = &have->element[i];
        while (k < others && memcmp(other->element[k].key, at->key, SET_KEY_BYTES) < 0)
            k++;
        bool there = k < others && memcmp(other->element[k].key, at->key, SET_KEY_BYTES) == 0;
        if (there && set_same_element(&other->element[k], at))
            continue;
        if (which & (there ? WHICH_OTHER_VALUE : WHICH_KEY_GONE)) {
            gather(g, have, at);
            count++;
        }
    }
    flush(g);
    return count;
}

void transaction_set_expect(struct transaction *t, const char *table, const struct set *s)
{
    struct gathering none = {.t = t, .table = table, .type = NFT_MSG_NEWSETELEM};
    open_list(&none, s);
    flush(&none);
}

size_t transaction_set_come(struct transaction *t, const char *table, const struct set *old, const struct set *new)
{
    struct gathering gone = {.t = t, .table = table, .type = NFT_MSG_DELSETELEM};
    struct gathering come = {.t = t, .table = table, .type = NFT_MSG_NEWSETELEM, .flags = NLM_F_CREATE};
    if (old)
        (void)each_of(&gone, old, new, WHICH_OTHER_VALUE);
    return each_of(&come, new, old, WHICH_KEY_GONE | WHICH_OTHER_VALUE);
}

size_t transaction_set_go(struct transaction *t, const char *table, const struct set *old, const struct set *new)
{
    struct gathering gone = {.t = t, .table = table, .type = NFT_MSG_DELSETELEM};
    return each_of(&gone, old, new, WHICH_KEY_GONE);
}
