/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What tables there are now.  Reads on a socket of its own: the owning socket only sends transactions. */
#include <netinet/in.h> /* before linux/ */
#include <arpa/inet.h>
#include <errno.h>
#include <libnftnl/chain.h>
#include <libnftnl/common.h>
#include <libnftnl/flowtable.h>
#include <libnftnl/object.h>
#include <libnftnl/set.h>
#include <libnftnl/table.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nft/ruleset_build.h"

static bool ask_family(uint16_t family, uint16_t type, uint16_t flags, mnl_cb_t callback, void *ctx, struct error *e)
{
    uint8_t buffer[32768] __attribute__((aligned(NLMSG_ALIGNTO)));
    struct mnl_socket *nl = transaction_socket(e);
    if (!nl)
        return false;
    struct nlmsghdr *nlh = nftnl_nlmsg_build_hdr((char *)buffer, type, family, flags, 1);
    unsigned portid = mnl_socket_get_portid(nl);
    bool ok = mnl_socket_sendto(nl, nlh, nlh->nlmsg_len) >= 0;
    int more = MNL_CB_OK;
    while (ok && more == MNL_CB_OK) {
        ssize_t n = mnl_socket_recvfrom(nl, buffer, sizeof buffer);
        more = n < 0 ? MNL_CB_ERROR : mnl_cb_run(buffer, (size_t)n, 1, portid, callback, ctx);
        ok = more != MNL_CB_ERROR;
        if (!(flags & NLM_F_DUMP))
            break;
    }
    int failed = errno;
    mnl_socket_close(nl);
    return ok || error_set(e, ERROR_SYSTEM, failed, "nftables: cannot read what is there");
}

static bool ask(uint16_t type, uint16_t flags, mnl_cb_t callback, void *ctx, struct error *e)
{
    return ask_family(NFPROTO_INET, type, flags, callback, ctx, e);
}

struct listing {
    const char *table; /* this one */
    struct ruleset_state *state;
    void (*each)(void *ctx, const char *table, uint32_t owner); /* or those that begin with our name */
    void *ctx;
    unsigned base;
    bool strange; /* a base chain or a name that is not ours */
};

static int on_table(const struct nlmsghdr *nlh, void *data)
{
    struct listing *l = data;
    struct nftnl_table *x = nftnl_table_alloc();
    if (!x)
        return MNL_CB_ERROR;
    if (nftnl_table_nlmsg_parse(nlh, x) == 0) {
        const char *name = nftnl_table_get_str(x, NFTNL_TABLE_NAME);
        uint32_t owner = nftnl_table_is_set(x, NFTNL_TABLE_OWNER) ? nftnl_table_get_u32(x, NFTNL_TABLE_OWNER) : 0;
        if (l->each && strncmp(name, RULESET_TABLE, strlen(RULESET_TABLE)) == 0)
            l->each(l->ctx, name, owner);
        if (l->state && strcmp(name, l->table) == 0) {
            l->state->found = true;
            l->state->flags = nftnl_table_get_u32(x, NFTNL_TABLE_FLAGS);
            l->state->owner = owner;
        }
    }
    nftnl_table_free(x);
    return MNL_CB_OK;
}

static bool is_ours(const struct nftnl_chain *x, const char *name)
{
    for (unsigned i = 0; i < BASE_COUNT; i++) {
        const struct ruleset_base *b = &ruleset_base[i];
        const char *type = nftnl_chain_get_str(x, NFTNL_CHAIN_TYPE);
        if (strcmp(b->name, name) == 0)
            return type && strcmp(type, b->hook.type) == 0 &&
                   nftnl_chain_get_u32(x, NFTNL_CHAIN_HOOKNUM) == b->hook.hook &&
                   nftnl_chain_get_s32(x, NFTNL_CHAIN_PRIO) == b->hook.priority &&
                   nftnl_chain_get_u32(x, NFTNL_CHAIN_POLICY) == NF_ACCEPT;
    }
    return false;
}

bool ruleset_names_add(struct ruleset_names *names, const char *name)
{
    size_t n = names->count;
    names->failed = names->failed || n == STATE_NAMES_MAX || strlen(name) >= CHAIN_NAME_SIZE;
    if (!names->failed && (n & (n - 1)) == 0) {
        char(*grown)[CHAIN_NAME_SIZE] = realloc(names->name, (n ? n * 2 : 1) * sizeof *grown);
        names->failed = !grown;
        names->name = grown ? grown : names->name;
    }
    if (names->failed)
        return false;
    memcpy(names->name[n], name, strlen(name) + 1);
    names->count++;
    return true;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(a, b);
}

void ruleset_names_sort(struct ruleset_names *names)
{
    if (names->count)
        qsort(names->name, names->count, sizeof *names->name, by_name);
}

bool ruleset_names_has(const struct ruleset_names *names, const char *name)
{
    return names->count && bsearch(name, names->name, names->count, sizeof *names->name, by_name) != NULL;
}

static int on_chain(const struct nlmsghdr *nlh, void *data)
{
    struct listing *l = data;
    struct nftnl_chain *x = nftnl_chain_alloc();
    if (!x)
        return MNL_CB_ERROR;
    if (nftnl_chain_nlmsg_parse(nlh, x) == 0 && strcmp(nftnl_chain_get_str(x, NFTNL_CHAIN_TABLE), l->table) == 0) {
        const char *name = nftnl_chain_get_str(x, NFTNL_CHAIN_NAME);
        if (nftnl_chain_is_set(x, NFTNL_CHAIN_HOOKNUM) && is_ours(x, name))
            l->base++;
        else if (nftnl_chain_is_set(x, NFTNL_CHAIN_HOOKNUM) || !ruleset_names_add(&l->state->chain, name))
            l->strange = true;
    }
    nftnl_chain_free(x);
    return MNL_CB_OK;
}

static int on_set(const struct nlmsghdr *nlh, void *data)
{
    struct listing *l = data;
    struct nftnl_set *x = nftnl_set_alloc();
    if (!x)
        return MNL_CB_ERROR;
    if (nftnl_set_nlmsg_parse(nlh, x) == 0 && strcmp(nftnl_set_get_str(x, NFTNL_SET_TABLE), l->table) == 0 &&
        !ruleset_names_add(&l->state->set, nftnl_set_get_str(x, NFTNL_SET_NAME)))
        l->strange = true;
    nftnl_set_free(x);
    return MNL_CB_OK;
}

bool ruleset_state_read(const char *table, struct ruleset_state *out, struct error *e)
{
    *out = (struct ruleset_state){0};
    struct listing l = {.table = table, .state = out};
    if (!ask(NFT_MSG_GETTABLE, NLM_F_DUMP, on_table, &l, e))
        return false;
    if (out->found &&
        (!ask(NFT_MSG_GETCHAIN, NLM_F_DUMP, on_chain, &l, e) || !ask(NFT_MSG_GETSET, NLM_F_DUMP, on_set, &l, e))) {
        ruleset_state_done(out);
        return false;
    }
    out->same_base = l.base == BASE_COUNT && !l.strange;
    return true;
}

void ruleset_state_done(struct ruleset_state *state)
{
    free(state->chain.name);
    free(state->set.name);
    *state = (struct ruleset_state){0};
}

bool ruleset_list(void (*each)(void *ctx, const char *table, uint32_t owner), void *ctx, struct error *e)
{
    struct listing l = {.each = each, .ctx = ctx};
    return ask(NFT_MSG_GETTABLE, NLM_F_DUMP, on_table, &l, e);
}

struct dropped {
    const char *table;
    ruleset_each_dropped *each;
    void *ctx;
};

/* "forged_12": what, and of which scope.  Names are our own, but the table may be another gate's. */
static bool dropped_name(const char *name, enum ruleset_dropped *kind, uint16_t *scope)
{
    for (unsigned i = 0; i < RULESET_DROPPED; i++) {
        size_t len = strlen(build_dropped_name[i]);
        char *end;
        if (strncmp(name, build_dropped_name[i], len) != 0 || name[len] != '_')
            continue;
        unsigned long id = strtoul(name + len + 1, &end, 10);
        *kind = (enum ruleset_dropped)i;
        *scope = (uint16_t)id;
        return !*end && id <= UINT16_MAX;
    }
    return false;
}

static int on_object(const struct nlmsghdr *nlh, void *data)
{
    const struct dropped *d = data;
    struct nftnl_obj *x = nftnl_obj_alloc();
    enum ruleset_dropped kind;
    uint16_t scope;
    if (!x)
        return MNL_CB_ERROR;
    if (nftnl_obj_nlmsg_parse(nlh, x) == 0 && nftnl_obj_get_u32(x, NFTNL_OBJ_TYPE) == NFT_OBJECT_COUNTER &&
        strcmp(nftnl_obj_get_str(x, NFTNL_OBJ_TABLE), d->table) == 0 &&
        dropped_name(nftnl_obj_get_str(x, NFTNL_OBJ_NAME), &kind, &scope))
        d->each(d->ctx, kind, scope, nftnl_obj_get_u64(x, NFTNL_OBJ_CTR_PKTS));
    nftnl_obj_free(x);
    return MNL_CB_OK;
}

bool ruleset_read_dropped(const char *table, ruleset_each_dropped *each, void *ctx, struct error *e)
{
    struct dropped d = {table, each, ctx};
    return ask(NFT_MSG_GETOBJ, NLM_F_DUMP, on_object, &d, e);
}

static int on_flow_table(const struct nlmsghdr *nlh, void *data)
{
    char *out = data;
    struct nftnl_flowtable *x = nftnl_flowtable_alloc();
    if (!x)
        return MNL_CB_ERROR;
    if (nftnl_flowtable_nlmsg_parse(nlh, x) == 0) {
        static const char *const families[] = {[NFPROTO_INET] = "inet", [NFPROTO_IPV4] = "ip", [NFPROTO_IPV6] = "ip6"};
        const struct nfgenmsg *general = mnl_nlmsg_get_payload(nlh);
        unsigned family = general->nfgen_family;
        const char *const *device = nftnl_flowtable_get_array(x, NFTNL_FLOWTABLE_DEVICES);
        size_t at = (size_t)snprintf(
            out, RULESET_FLOW_TABLE_TEXT, "%s %.64s %.64s",
            family < sizeof families / sizeof *families && families[family] ? families[family] : "",
            nftnl_flowtable_get_str(x, NFTNL_FLOWTABLE_TABLE), nftnl_flowtable_get_str(x, NFTNL_FLOWTABLE_NAME));
        for (unsigned i = 0; device && device[i] && at + 24 < RULESET_FLOW_TABLE_TEXT; i++)
            at += (size_t)snprintf(out + at, RULESET_FLOW_TABLE_TEXT - at, "%s%.16s%s", i ? ", " : " (", device[i],
                                   device[i + 1] ? "" : ")");
    }
    nftnl_flowtable_free(x);
    return MNL_CB_OK;
}

bool ruleset_flow_table(char out[RULESET_FLOW_TABLE_TEXT], struct error *e)
{
    out[0] = 0;
    return ask_family(NFPROTO_UNSPEC, NFT_MSG_GETFLOWTABLE, NLM_F_DUMP, on_flow_table, out, e);
}

static int on_generation_attribute(const struct nlattr *attr, void *data)
{
    if (mnl_attr_get_type(attr) == NFTA_GEN_ID && mnl_attr_validate(attr, MNL_TYPE_U32) == 0)
        *(uint32_t *)data = ntohl(mnl_attr_get_u32(attr));
    return MNL_CB_OK;
}

static int on_generation(const struct nlmsghdr *nlh, void *data)
{
    return mnl_attr_parse(nlh, sizeof(struct nfgenmsg), on_generation_attribute, data);
}

bool ruleset_generation(uint32_t *out, struct error *e)
{
    uint32_t generation = 0;
    if (!ask(NFT_MSG_GETGEN, 0, on_generation, &generation, e))
        return false;
    *out = generation;
    return true;
}
