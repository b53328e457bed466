/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Installs a rule set and stands at its queues, for test_ruleset.sh.
 *
 *     ruleset_driver [--table NAME] [--queues N] [--unmatched ID] [--gate CGROUP] [--masquerade RANGE] [--slow]
 *                    [--scope ID [cgroup=PATH] [if=NAME] [source=RANGE] [resolver=ADDRESS] [relay=PORT] [incoming]]...
 *                    [--file FILE] [--verdict SCOPE:PATH:PROTOCOL:PORT=WHAT]... [--replace N] [--keep]
 *
 * A pattern's parts may be "*"; PATH is to, from, stray or in; PORT is the server's; WHAT is pass, approve, http, reset
 * or drop; the first pattern that fits decides, none: drop.  Each queued packet is a line on standard output:
 * "q SCOPE PATH PROTOCOL SOURCE:PORT > DESTINATION:PORT FLAGS mark M hook H WHAT".  "ready" comes first.  --replace
 * applies the rules N times more in a child.  FILE has one scope a line, its id first, then the words of --scope; at
 * SIGHUP it is read again and applied: "applied SCOPES MICROSECONDS" and those of the processor, or "applied failed".
 * Ends with SIGTERM, removing the table unless --keep. */
#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <libnetfilter_queue/libnetfilter_queue.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <netinet/in.h>
#include <linux/netfilter.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/bytes.h"
#include "nft/cgroup.h"
#include "nft/ruleset.h"

#define MANY   8
#define SCOPES 4096

static const char *const path_name[] = {"to", "from", "stray", "in"};
static const char *const verdict_name[] = {"pass", "approve", "reset", "http"};

static struct ruleset rules = {.table = "sluice", .queue_tcp = 21000, .queue_udp = 21001, .fast_path = true};
static struct ruleset_scope scopes[SCOPES];
static struct ruleset_cgroup cgroups[SCOPES][MANY];
static const char *interfaces[SCOPES][MANY];
static struct address_range sources[SCOPES][MANY], masquerade[MANY];
static struct address resolvers[SCOPES][MANY];
static const char *file_path;
static char *file_text;
static char *patterns[32];
static unsigned pattern_count, replace;
static bool keep_table;
static volatile sig_atomic_t stopping, again;

static void fail(const char *what, const struct error *e)
{
    fprintf(stderr, "ruleset_driver: %s: %s\n", what, e ? e->text : "");
    exit(1);
}

static struct bytes text_of(const char *text)
{
    return (struct bytes){(const uint8_t *)text, strlen(text)};
}

static void scope_word(struct ruleset_scope *s, const char *word)
{
    struct error e = {0};
    unsigned at = (unsigned)(s - scopes);
    const char *value = strchr(word, '=');
    value = value ? value + 1 : "";
    if (strncmp(word, "cgroup=", 7) == 0) {
        if (!cgroup_find(value, &cgroups[at][s->cgroups++], &e))
            fail(word, &e);
    } else if (strncmp(word, "if=", 3) == 0) {
        interfaces[at][s->interfaces++] = value;
    } else if (strncmp(word, "source=", 7) == 0) {
        if (!address_range_parse(text_of(value), &sources[at][s->sources++]))
            fail(word, NULL);
    } else if (strncmp(word, "resolver=", 9) == 0) {
        if (!address_parse(text_of(value), &resolvers[at][s->resolvers++]))
            fail(word, NULL);
    } else if (strncmp(word, "relay=", 6) == 0) {
        s->relay_port = (uint16_t)strtoul(value, NULL, 10);
    } else if (strcmp(word, "incoming") == 0) {
        s->incoming = true;
    } else {
        fail(word, NULL);
    }
}

static struct ruleset_scope *scope_begin(const char *id)
{
    unsigned at = rules.scopes++;
    if (at == SCOPES)
        fail("too many scopes", NULL);
    scopes[at] = (struct ruleset_scope){.id = (uint16_t)strtoul(id, NULL, 10),
                                        .cgroup = cgroups[at],
                                        .interface = interfaces[at],
                                        .source = sources[at],
                                        .resolver = resolvers[at]};
    return &scopes[at];
}

static void read_file(void)
{
    FILE *file = fopen(file_path, "r");
    char *text = NULL, *line_end, *word_end;
    size_t size = 0;
    if (!file || getdelim(&text, &size, '\0', file) < 0)
        fail(file_path, NULL);
    fclose(file);
    rules.scopes = 0;
    for (char *line = strtok_r(text, "\n", &line_end); line; line = strtok_r(NULL, "\n", &line_end)) {
        char *word = strtok_r(line, " ", &word_end);
        struct ruleset_scope *s = scope_begin(word);
        while ((word = strtok_r(NULL, " ", &word_end)))
            scope_word(s, word);
    }
    free(file_text);
    file_text = text;
}

static void read_arguments(int argc, char **argv)
{
    struct error e = {0};
    struct ruleset_scope *s = NULL;
    for (int i = 1; i < argc; i++) {
        const char *word = argv[i], *value = i + 1 < argc ? argv[i + 1] : "";
        if (strncmp(word, "--", 2) != 0 && s) {
            scope_word(s, word);
            continue;
        }
        if (strcmp(word, "--slow") == 0) {
            rules.fast_path = false;
            continue;
        }
        if (strcmp(word, "--keep") == 0) {
            keep_table = true;
            continue;
        }
        i++;
        if (strcmp(word, "--scope") == 0) {
            s = scope_begin(value);
        } else if (strcmp(word, "--file") == 0) {
            file_path = value;
            read_file();
        } else if (strcmp(word, "--table") == 0) {
            rules.table = value;
        } else if (strcmp(word, "--queues") == 0) {
            rules.queue_tcp = (uint16_t)strtoul(value, NULL, 10);
            rules.queue_udp = (uint16_t)(rules.queue_tcp + 1);
        } else if (strcmp(word, "--unmatched") == 0) {
            rules.unmatched = (uint16_t)strtoul(value, NULL, 10);
        } else if (strcmp(word, "--gate") == 0) {
            if (!cgroup_find(value, &rules.gate, &e))
                fail(word, &e);
        } else if (strcmp(word, "--masquerade") == 0) {
            if (!address_range_parse(text_of(value), &masquerade[rules.masquerades++]))
                fail(word, NULL);
        } else if (strcmp(word, "--verdict") == 0 && pattern_count < 32) {
            patterns[pattern_count++] = argv[i];
        } else if (strcmp(word, "--replace") == 0) {
            replace = (unsigned)strtoul(value, NULL, 10);
        } else {
            fail(word, NULL);
        }
    }
    rules.scope = scopes;
    rules.masquerade = masquerade;
}

/* ---- packets ---- */

struct seen {
    unsigned scope, path;
    char protocol[16], source[64], destination[64], flags[8];
    uint16_t source_port, destination_port;
};

static void look(struct bytes packet, uint32_t mark, struct seen *out)
{
    struct reader r = reader_init(packet, false);
    uint8_t version = reader_u8(&r) >> 4, protocol;
    struct bytes from, to;
    *out = (struct seen){.scope = mark_scope(&rules.marks, mark), .path = mark_state(&rules.marks, mark)};
    if (version == 4) {
        size_t header = (size_t)(packet.at[0] & 15) * 4;
        reader_bytes(&r, 8);
        protocol = reader_u8(&r);
        reader_u16(&r);
        from = reader_bytes(&r, 4);
        to = reader_bytes(&r, 4);
        reader_bytes(&r, header - 20);
    } else {
        reader_bytes(&r, 5);
        protocol = reader_u8(&r);
        reader_u8(&r);
        from = reader_bytes(&r, 16);
        to = reader_bytes(&r, 16);
    }
    if (r.state != PARSE_OK)
        return;
    inet_ntop(version == 4 ? AF_INET : AF_INET6, from.at, out->source, sizeof out->source);
    inet_ntop(version == 4 ? AF_INET : AF_INET6, to.at, out->destination, sizeof out->destination);
    snprintf(out->protocol, sizeof out->protocol, "%s",
             protocol == IPPROTO_TCP      ? "tcp"
             : protocol == IPPROTO_UDP    ? "udp"
             : protocol == IPPROTO_ICMP   ? "icmp"
             : protocol == IPPROTO_ICMPV6 ? "icmp6"
                                          : "other");
    if (protocol != IPPROTO_TCP && protocol != IPPROTO_UDP)
        return;
    out->source_port = reader_u16(&r);
    out->destination_port = reader_u16(&r);
    if (protocol == IPPROTO_TCP) {
        reader_bytes(&r, 9);
        uint8_t flags = reader_u8(&r);
        snprintf(out->flags, sizeof out->flags, "%s%s%s%s%s", flags & 2 ? "S" : "", flags & 16 ? "A" : "",
                 flags & 1 ? "F" : "", flags & 4 ? "R" : "", flags & 8 ? "P" : "");
    }
}

static bool part_fits(const char **at, char end, const char *value)
{
    size_t len = strcspn(*at, end == ':' ? ":" : "=");
    bool fits = (len == 1 && **at == '*') || (len == strlen(value) && strncmp(*at, value, len) == 0);
    *at += len + 1;
    return fits;
}

static const char *decide(const struct seen *p)
{
    char scope[16], port[16];
    snprintf(scope, sizeof scope, "%u", p->scope);
    snprintf(port, sizeof port, "%u", p->path == MARK_FROM_SERVER ? p->source_port : p->destination_port);
    for (unsigned i = 0; i < pattern_count; i++) {
        const char *at = patterns[i];
        bool fits = part_fits(&at, ':', scope);
        fits = part_fits(&at, ':', path_name[p->path]) && fits;
        fits = part_fits(&at, ':', p->protocol) && fits;
        fits = part_fits(&at, '=', port) && fits;
        if (fits)
            return at;
    }
    return "drop";
}

static void answer(struct mnl_socket *nl, uint16_t queue, uint32_t id, uint32_t mark, unsigned scope, const char *what)
{
    char buffer[512] __attribute__((aligned(NLMSG_ALIGNTO)));
    struct nlmsghdr *nlh = nfq_nlmsg_put(buffer, NFQNL_MSG_VERDICT, queue);
    unsigned state = 0;
    while (state < 4 && strcmp(verdict_name[state], what) != 0)
        state++;
    if (state < 4)
        nfq_nlmsg_verdict_put_mark(nlh, (mark & ~rules.marks.mask) | mark_value(&rules.marks, (uint16_t)scope, state));
    nfq_nlmsg_verdict_put(nlh, (int)id, state < 4 ? NF_ACCEPT : NF_DROP);
    mnl_socket_sendto(nl, nlh, nlh->nlmsg_len);
}

struct at_queue {
    struct mnl_socket *nl;
    uint16_t number;
};

static int on_packet(const struct nlmsghdr *nlh, void *data)
{
    const struct at_queue *q = data;
    struct nlattr *attr[NFQA_MAX + 1] = {0};
    struct seen p;
    if (nfq_nlmsg_parse(nlh, attr) < 0 || !attr[NFQA_PACKET_HDR] || !attr[NFQA_PAYLOAD])
        return MNL_CB_OK;
    const struct nfqnl_msg_packet_hdr *header = mnl_attr_get_payload(attr[NFQA_PACKET_HDR]);
    uint32_t mark = attr[NFQA_MARK] ? ntohl(mnl_attr_get_u32(attr[NFQA_MARK])) : 0;
    struct bytes packet = {mnl_attr_get_payload(attr[NFQA_PAYLOAD]), mnl_attr_get_payload_len(attr[NFQA_PAYLOAD])};
    look(packet, mark, &p);
    const char *what = decide(&p);
    printf("q %u %s %s %s:%u > %s:%u %s mark %08x hook %u %s\n", p.scope, path_name[p.path], p.protocol, p.source,
           p.source_port, p.destination, p.destination_port, p.flags[0] ? p.flags : "-", mark, header->hook, what);
    answer(q->nl, q->number, ntohl(header->packet_id), mark, p.scope, what);
    return MNL_CB_OK;
}

static struct mnl_socket *bind_queue(uint16_t number)
{
    char buffer[512] __attribute__((aligned(NLMSG_ALIGNTO)));
    struct mnl_socket *nl = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);
    if (!nl || mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) < 0)
        fail("socket", NULL);
    struct nlmsghdr *nlh = nfq_nlmsg_put(buffer, NFQNL_MSG_CONFIG, number);
    nfq_nlmsg_cfg_put_cmd(nlh, AF_UNSPEC, NFQNL_CFG_CMD_BIND);
    mnl_socket_sendto(nl, nlh, nlh->nlmsg_len);
    nlh = nfq_nlmsg_put(buffer, NFQNL_MSG_CONFIG, number);
    nfq_nlmsg_cfg_put_params(nlh, NFQNL_COPY_PACKET, 200);
    mnl_attr_put_u32(nlh, NFQA_CFG_QUEUE_MAXLEN, htonl(8192));
    mnl_socket_sendto(nl, nlh, nlh->nlmsg_len);
    int size = 8 << 20;
    setsockopt(mnl_socket_get_fd(nl), SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size);
    return nl;
}

static struct ruleset_socket *rules_socket;
static struct ruleset_kernel kernel;

static long long usec(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return now.tv_sec * 1000000ll + now.tv_nsec / 1000;
}

static void apply_again(void)
{
    struct error e = {0};
    again = 0;
    read_file();
    long long from = usec(CLOCK_MONOTONIC), used = usec(CLOCK_PROCESS_CPUTIME_ID);
    bool ok = ruleset_apply(rules_socket, &kernel, &rules, &e);
    if (ok)
        printf("applied %u %lld %lld\n", rules.scopes, usec(CLOCK_MONOTONIC) - from,
               usec(CLOCK_PROCESS_CPUTIME_ID) - used);
    else
        printf("applied failed: %s\n", e.text);
}

static void serve(struct at_queue q[2])
{
    static uint8_t buffer[1 << 17] __attribute__((aligned(NLMSG_ALIGNTO)));
    while (!stopping) {
        if (again)
            apply_again();
        struct pollfd ready[2] = {{mnl_socket_get_fd(q[0].nl), POLLIN, 0}, {mnl_socket_get_fd(q[1].nl), POLLIN, 0}};
        if (poll(ready, 2, 1000) < 0)
            continue;
        for (int i = 0; i < 2; i++) {
            ssize_t n = ready[i].revents ? recv(ready[i].fd, buffer, sizeof buffer, MSG_DONTWAIT) : -1;
            if (n > 0)
                mnl_cb_run(buffer, (size_t)n, 0, 0, on_packet, &q[i]);
        }
    }
}

static void on_signal(int number)
{
    if (number == SIGHUP)
        again = 1;
    else
        stopping = 1;
}

/* A new keeper takes over the socket, as after a crash: whole.  Then a scope more: by the difference. */
static void replace_often(int fd)
{
    struct error e = {0};
    bool ok = true;
    if (fork() != 0)
        return;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (unsigned i = 0; ok && i < replace; i += 2) {
        struct ruleset_socket *s = ruleset_adopt(dup(fd), &e);
        ok = s && ruleset_apply(s, &kernel, &rules, &e);
        usleep(5000);
        scope_begin("2000");
        ok = ok && ruleset_apply(s, &kernel, &rules, &e);
        rules.scopes--;
        ruleset_close(s);
        usleep(5000);
    }
    printf("%s%s\n", ok ? "replaced" : "replace failed ", e.text);
    exit(0);
}

int main(int argc, char **argv)
{
    struct error e = {0};
    setvbuf(stdout, NULL, _IOLBF, 0);
    mark_layout_init(MARK_MASK_DEFAULT, &rules.marks);
    read_arguments(argc, argv);
    struct at_queue q[2] = {{bind_queue(rules.queue_tcp), rules.queue_tcp},
                            {bind_queue(rules.queue_udp), rules.queue_udp}};
    if (!ruleset_probe(&kernel, &e))
        fail("probe", &e);
    struct ruleset_socket *s = ruleset_open(&e);
    if (!s || !ruleset_apply(s, &kernel, &rules, &e))
        fail("apply", &e);
    struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGHUP, &action, NULL);
    rules_socket = s;
    printf("ready native=%d persist=%d\n", kernel.native_queue, kernel.persist);
    if (replace)
        replace_often(ruleset_fd(s));
    serve(q);
    if (!keep_table && !ruleset_remove(s, rules.table, &e))
        fail("remove", &e);
    ruleset_close(s);
    free(file_text);
    mnl_socket_close(q[0].nl);
    mnl_socket_close(q[1].nl);
    return 0;
}
