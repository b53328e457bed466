/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "nft/transaction.h"

#include <netinet/in.h> /* before linux/ */
#include <arpa/inet.h>
#include <errno.h>
#include <libnftnl/chain.h>
#include <libnftnl/common.h>
#include <libnftnl/object.h>
#include <libnftnl/table.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

/* libnftnl writes without bounds: no message of ours comes near this. */
#define MESSAGE_ROOM (64u << 10)

struct transaction_note {
    char text[64];
};

void transaction_buffers(int fd)
{
    int bytes = TRANSACTION_BYTES_MAX;
    /* A batch must be one datagram.  Without the right to force it, a large one fails with EMSGSIZE, which is told. */
    if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof bytes) < 0)
        (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes) < 0)
        (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
}

struct mnl_socket *transaction_socket(struct error *e)
{
    struct mnl_socket *nl = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);
    if (!nl) {
        error_set(e, ERROR_SYSTEM, errno, "cannot open a netfilter socket");
        return NULL;
    }
    if (mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) < 0) {
        error_set(e, ERROR_SYSTEM, errno, "cannot bind a netfilter socket");
        mnl_socket_close(nl);
        return NULL;
    }
    transaction_buffers(mnl_socket_get_fd(nl));
    return nl;
}

/* Room for one message more; false once and for all without memory. */
static bool reserve(struct transaction *t, const char *note, const char *name)
{
    if (!t->failed && t->size - t->len < MESSAGE_ROOM) {
        size_t size = t->size ? t->size * 2 : 4 * MESSAGE_ROOM;
        uint8_t *grown = size > TRANSACTION_BYTES_MAX ? NULL : realloc(t->buffer, size);
        t->failed = !grown;
        t->buffer = grown ? grown : t->buffer;
        t->size = grown ? size : t->size;
    }
    if (!t->failed && t->notes == t->notes_size) {
        size_t size = t->notes_size ? t->notes_size * 2 : 64;
        struct transaction_note *grown = realloc(t->note, size * sizeof *grown);
        t->failed = !grown;
        t->note = grown ? grown : t->note;
        t->notes_size = grown ? size : t->notes_size;
    }
    if (t->failed)
        return false;
    snprintf(t->note[t->notes++].text, sizeof t->note->text, "%s %s", note, name);
    return true;
}

static void append(struct transaction *t, const struct nlmsghdr *nlh)
{
    t->last = t->len;
    t->len += (nlh->nlmsg_len + NLMSG_ALIGNTO - 1) & ~((size_t)NLMSG_ALIGNTO - 1);
    t->sequence++;
}

void transaction_init(struct transaction *t)
{
    *t = (struct transaction){.sequence_first = (uint32_t)time(NULL)};
    t->sequence = t->sequence_first;
    if (reserve(t, "begin", "")) {
        nftnl_batch_begin((char *)t->buffer, t->sequence);
        append(t, (const struct nlmsghdr *)t->buffer);
    }
}

void transaction_done(struct transaction *t)
{
    free(t->buffer);
    free(t->note);
    *t = (struct transaction){.failed = true};
}

static struct nlmsghdr *message(struct transaction *t, uint16_t type, uint16_t flags)
{
    return nftnl_nlmsg_build_hdr((char *)t->buffer + t->len, type, NFPROTO_INET, flags, t->sequence);
}

struct nlmsghdr *transaction_begin(struct transaction *t, uint16_t type, uint16_t flags, const char *note,
                                   const char *name)
{
    return reserve(t, note, name) ? message(t, type, flags) : NULL;
}

void transaction_end(struct transaction *t, const struct nlmsghdr *nlh)
{
    append(t, nlh);
}

static void table_message(struct transaction *t, uint16_t type, uint16_t header_flags, const char *table,
                          const uint32_t *flags)
{
    if (!reserve(t, "table", table))
        return;
    struct nftnl_table *x = nftnl_table_alloc();
    if (!x || nftnl_table_set_str(x, NFTNL_TABLE_NAME, table) < 0) {
        t->failed = true;
    } else {
        if (flags)
            nftnl_table_set_u32(x, NFTNL_TABLE_FLAGS, *flags);
        struct nlmsghdr *nlh = message(t, type, header_flags);
        nftnl_table_nlmsg_build_payload(nlh, x);
        append(t, nlh);
    }
    if (x)
        nftnl_table_free(x);
}

void transaction_table_new(struct transaction *t, const char *table, uint32_t flags)
{
    table_message(t, NFT_MSG_NEWTABLE, NLM_F_CREATE, table, &flags);
}

void transaction_table_expect(struct transaction *t, const char *table, uint32_t flags)
{
    table_message(t, NFT_MSG_NEWTABLE, 0, table, &flags);
}

void transaction_table_delete(struct transaction *t, const char *table)
{
    table_message(t, NFT_MSG_DELTABLE, 0, table, NULL);
}

static void chain_message(struct transaction *t, uint16_t type, uint16_t header_flags, const char *table,
                          const char *chain, const struct transaction_hook *hook)
{
    if (!reserve(t, "chain", chain))
        return;
    struct nftnl_chain *x = nftnl_chain_alloc();
    if (!x || nftnl_chain_set_str(x, NFTNL_CHAIN_TABLE, table) < 0 ||
        nftnl_chain_set_str(x, NFTNL_CHAIN_NAME, chain) < 0) {
        t->failed = true;
    } else {
        if (hook) {
            nftnl_chain_set_u32(x, NFTNL_CHAIN_HOOKNUM, hook->hook);
            nftnl_chain_set_s32(x, NFTNL_CHAIN_PRIO, hook->priority);
            nftnl_chain_set_u32(x, NFTNL_CHAIN_POLICY, NF_ACCEPT);
            t->failed = nftnl_chain_set_str(x, NFTNL_CHAIN_TYPE, hook->type) < 0 || t->failed;
        }
        struct nlmsghdr *nlh = message(t, type, header_flags);
        nftnl_chain_nlmsg_build_payload(nlh, x);
        append(t, nlh);
    }
    if (x)
        nftnl_chain_free(x);
}

void transaction_chain_new(struct transaction *t, const char *table, const char *chain,
                           const struct transaction_hook *hook)
{
    chain_message(t, NFT_MSG_NEWCHAIN, NLM_F_CREATE, table, chain, hook);
}

void transaction_chain_delete(struct transaction *t, const char *table, const char *chain)
{
    chain_message(t, NFT_MSG_DELCHAIN, 0, table, chain, NULL);
}

static void counter_message(struct transaction *t, uint16_t type, uint16_t flags, const char *table,
                            const char *counter)
{
    if (!reserve(t, "counter", counter))
        return;
    struct nftnl_obj *x = nftnl_obj_alloc();
    if (!x) {
        t->failed = true;
        return;
    }
    nftnl_obj_set_str(x, NFTNL_OBJ_TABLE, table);
    nftnl_obj_set_str(x, NFTNL_OBJ_NAME, counter);
    nftnl_obj_set_u32(x, NFTNL_OBJ_TYPE, NFT_OBJECT_COUNTER);
    nftnl_obj_set_u64(x, NFTNL_OBJ_CTR_PKTS, 0);
    nftnl_obj_set_u64(x, NFTNL_OBJ_CTR_BYTES, 0);
    if (!nftnl_obj_get_str(x, NFTNL_OBJ_TABLE) || !nftnl_obj_get_str(x, NFTNL_OBJ_NAME)) {
        t->failed = true;
    } else {
        struct nlmsghdr *nlh = message(t, type, flags);
        nftnl_obj_nlmsg_build_payload(nlh, x);
        append(t, nlh);
    }
    nftnl_obj_free(x);
}

void transaction_counter_new(struct transaction *t, const char *table, const char *counter)
{
    counter_message(t, NFT_MSG_NEWOBJ, NLM_F_CREATE, table, counter);
}

void transaction_counter_delete(struct transaction *t, const char *table, const char *counter)
{
    counter_message(t, NFT_MSG_DELOBJ, 0, table, counter);
}

static void rule_message(struct transaction *t, uint16_t type, uint16_t header_flags, const struct nftnl_rule *rule)
{
    struct nlmsghdr *nlh = message(t, type, header_flags);
    nftnl_rule_nlmsg_build_payload(nlh, (struct nftnl_rule *)rule);
    append(t, nlh);
}

void transaction_flush(struct transaction *t, const char *table)
{
    if (!reserve(t, "flush", table))
        return;
    struct nftnl_rule *rule = nftnl_rule_alloc();
    if (!rule || nftnl_rule_set_str(rule, NFTNL_RULE_TABLE, table) < 0)
        t->failed = true;
    else
        rule_message(t, NFT_MSG_DELRULE, 0, rule);
    if (rule)
        nftnl_rule_free(rule);
}

void transaction_rule(struct transaction *t, struct expression_rule *rule)
{
    if (rule->failed)
        t->failed = true;
    else if (reserve(t, "rule in chain", rule->chain))
        rule_message(t, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND, rule->nl);
    expression_rule_free(rule);
}

/* What the kernel says of the messages; those of `failed` in order, from the one after "begin". */
struct answers {
    bool done; /* the last message was acknowledged */
    int *failed;
    size_t size;
};

/* Reads all answers that wait.  A first error wins. */
static bool read_answers(const struct transaction *t, struct mnl_socket *socket, struct answers *out, struct error *e)
{
    uint8_t answer[8192] __attribute__((aligned(NLMSG_ALIGNTO)));
    bool ok = true;
    for (;;) {
        ssize_t n = recv(mnl_socket_get_fd(socket), answer, sizeof answer, MSG_DONTWAIT);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            return ok;
        if (n <= 0)
            return ok ? error_set(e, ERROR_SYSTEM, n ? errno : EPIPE, "nftables: the kernel's answer was lost") : false;
        int left = (int)n;
        for (struct nlmsghdr *nlh = (struct nlmsghdr *)answer; mnl_nlmsg_ok(nlh, left);
             nlh = mnl_nlmsg_next(nlh, &left)) {
            uint32_t index = nlh->nlmsg_seq - t->sequence_first;
            if (nlh->nlmsg_type != NLMSG_ERROR || index >= t->notes ||
                mnl_nlmsg_get_payload_len(nlh) < sizeof(struct nlmsgerr))
                continue;
            int failed = -((const struct nlmsgerr *)mnl_nlmsg_get_payload(nlh))->error;
            if (failed && ok)
                ok = error_set(e, ERROR_SYSTEM, failed, "nftables: %s", t->note[index].text);
            if (failed && index > 0 && index <= out->size)
                out->failed[index - 1] = failed;
            out->done = out->done || nlh->nlmsg_seq + 1 == t->sequence;
        }
    }
}

/* Sends what was gathered, with or without the end that makes the kernel commit it. */
static bool send_batch(struct transaction *t, struct mnl_socket *socket, bool commit, struct error *e)
{
    if (t->failed || !t->last)
        return error_set(e, ERROR_LIMIT, 0,
                         "nftables: the rules are too many for one transaction, or no memory is left");
    /* One acknowledgement is enough: every error is told without being asked for. */
    ((struct nlmsghdr *)(t->buffer + t->last))->nlmsg_flags |= NLM_F_ACK;
    size_t len = t->len; /* reserve() left room for the end */
    if (commit) {
        nftnl_batch_end((char *)t->buffer + len, t->sequence);
        len += ((const struct nlmsghdr *)(t->buffer + len))->nlmsg_len;
    }
    ssize_t sent;
    do
        sent = mnl_socket_sendto(socket, t->buffer, len);
    while (sent < 0 && errno == EINTR);
    return sent >= 0 || error_set(e, ERROR_SYSTEM, errno, "nftables: cannot send %zu bytes of rules", len);
}

bool transaction_send(struct transaction *t, struct mnl_socket *socket, struct error *e)
{
    struct answers answers = {0};
    if (!send_batch(t, socket, true, e) || !read_answers(t, socket, &answers, e))
        return false;
    return answers.done || error_set(e, ERROR_SYSTEM, EPROTO, "nftables: the kernel did not acknowledge the rules");
}

bool transaction_try(struct transaction *t, struct mnl_socket *socket, int *failed, size_t size, struct error *e)
{
    struct answers answers = {.failed = failed, .size = size};
    struct error first = {0};
    memset(failed, 0, size * sizeof *failed);
    if (!send_batch(t, socket, false, e))
        return false;
    bool ok = read_answers(t, socket, &answers, &first);
    if (answers.done) /* to its end, whatever was wrong on the way */
        return true;
    return error_set(e, ERROR_SYSTEM, ok ? EPROTO : first.sys_errno, "nftables: the kernel answers no questions");
}
