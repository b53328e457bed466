/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/isolate.h"

#include <errno.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ctl/forwarding.h"
#include "ctl/rtnetlink.h"

#define INNER_NAME  "eth0"
#define MTU_DEFAULT 1500

void isolate_init(struct isolate *i)
{
    *i = (struct isolate){.netns_fd = -1, .diag_fd = -1, .forwarding_fd = -1};
}

void isolate_close(struct isolate *i)
{
    int *const fds[] = {&i->netns_fd, &i->diag_fd, &i->forwarding_fd};
    for (size_t k = 0; k < 3; k++) {
        if (*fds[k] >= 0)
            close(*fds[k]);
        *fds[k] = -1;
    }
}

bool isolate_remove(const char *veth, struct error *e)
{
    struct mnl_socket *host = rtnetlink_open(e);
    bool ok = host && rtnetlink_delete(host, veth, e);
    if (host)
        mnl_socket_close(host);
    return ok;
}

void isolate_undo(struct isolate *i)
{
    if (i->veth[0])
        isolate_remove(i->veth, NULL);
    if (i->forwarding_fd >= 0)
        forwarding_release(i->forwarding_fd, NULL);
    isolate_close(i);
}

struct address_range isolate_candidate4(unsigned number, unsigned attempt)
{
    /* Four blocks that few networks use, 64 attempts apart; a /30 for each run. */
    static const uint8_t block[4][2] = {{10, 213}, {172, 29}, {10, 87}, {192, 168}};
    unsigned index = (number + attempt / 4 * 256) & 0x3fff;
    const uint8_t *b = block[attempt & 3];
    return (struct address_range){.base = {4, {b[0], b[1], (uint8_t)(index >> 6), (uint8_t)((index & 63) << 2)}},
                                  .prefix_bits = 30};
}

struct address_range isolate_candidate6(unsigned number, unsigned attempt)
{
    return (struct address_range){.base = {6, {0xfd, 0x73, 0x6c, 0x75, 0x69, 0x63, (uint8_t)attempt, (uint8_t)number}},
                                  .prefix_bits = 126};
}

struct address_choice {
    struct address_range candidate;
    bool taken;
    unsigned default_interface;
};

static void look_at_route(void *ctx, const struct rtnetlink_route *route)
{
    struct address_choice *choice = ctx;
    if (route->to.prefix_bits == 0) {
        if (!choice->default_interface)
            choice->default_interface = route->interface;
    } else if (address_in_range(&choice->candidate.base, &route->to) ||
               address_in_range(&route->to.base, &choice->candidate)) {
        choice->taken = true;
    }
}

/* A free network for the pair; *uplink: the interface of the family's default route, 0: it has none. */
static bool choose(struct mnl_socket *host, uint8_t family, unsigned number, struct address_range *out,
                   unsigned *uplink, struct error *e)
{
    for (unsigned attempt = 0; attempt < ISOLATE_ATTEMPTS; attempt++) {
        struct address_choice choice = {.candidate = family == 4 ? isolate_candidate4(number, attempt)
                                                                 : isolate_candidate6(number, attempt)};
        if (!rtnetlink_routes(host, family, look_at_route, &choice, e))
            return false;
        *uplink = choice.default_interface;
        *out = choice.candidate;
        if (!choice.taken)
            return true;
    }
    return error_set(e, ERROR_LIMIT, 0, "every network for the job's own addresses is routed elsewhere on this host");
}

static struct address nth(const struct address_range *range, uint8_t n)
{
    struct address a = range->base;
    a.octets[address_octets(&a) - 1] |= n;
    return a;
}

/* As far as the kernel has it. */
static void write_setting(const char *path, const char *value)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    if (write(fd, value, strlen(value)) < 0)
        errno = 0;
    close(fd);
}

/* What is made inside: the namespace, and a route socket of it. */
static bool make_namespace(struct isolate *i, struct mnl_socket **inside, struct error *e)
{
    int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    if (home < 0 || unshare(CLONE_NEWNET) < 0) {
        error_set(e, ERROR_SYSTEM, errno, "cannot make a network namespace");
        if (home >= 0)
            close(home);
        return false;
    }
    i->netns_fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    i->diag_fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
    bool ok = i->netns_fd >= 0 && i->diag_fd >= 0;
    if (!ok)
        error_set(e, ERROR_SYSTEM, errno, "cannot look into the job's network namespace");
    *inside = ok ? rtnetlink_open(e) : NULL;
    /* Nobody advertises routes in there, and a link-local address would only make noise. */
    write_setting("/proc/sys/net/ipv6/conf/default/accept_ra", "0");
    write_setting("/proc/sys/net/ipv6/conf/default/addr_gen_mode", "1");
    bool back = setns(home, CLONE_NEWNET) == 0;
    close(home);
    if (!back) { /* nothing sound can follow from here */
        error_set(e, ERROR_SYSTEM, errno, "cannot return from the job's network namespace");
        return false;
    }
    return *inside != NULL;
}

/* Addresses, neighbours and the default route of one family on both ends. */
static bool join(struct mnl_socket *host, unsigned outer_index, const struct rtnetlink_end *outer,
                 struct mnl_socket *inside, unsigned inner_index, const struct rtnetlink_end *inner,
                 const struct address_range *network, struct error *e)
{
    struct address host_address = nth(network, 1), job_address = nth(network, 2);
    return rtnetlink_address(host, outer_index, &host_address, network->prefix_bits, e) &&
           rtnetlink_address(inside, inner_index, &job_address, network->prefix_bits, e) &&
           rtnetlink_neighbour(host, outer_index, &job_address, inner->mac, e) &&
           rtnetlink_neighbour(inside, inner_index, &host_address, outer->mac, e) &&
           rtnetlink_default_route(inside, inner_index, &host_address, e);
}

static bool connect_namespace(struct mnl_socket *host, struct mnl_socket *inside, unsigned number, struct isolate *i,
                              struct error *e)
{
    struct rtnetlink_end outer = {.mac = {0x02}}, inner = {.name = INNER_NAME, .mac = {0x02}};
    unsigned uplink4, uplink6;
    char uplink_name[IF_NAMESIZE] = "", uplink6_name[IF_NAMESIZE] = "";
    uint32_t mtu = MTU_DEFAULT;
    if (!choose(host, 4, number, &i->network4, &uplink4, e) || !choose(host, 6, number, &i->network6, &uplink6, e))
        return false;
    i->has6 = uplink6 && if_indextoname(uplink6, uplink6_name);
    if (uplink4 && if_indextoname(uplink4, uplink_name))
        rtnetlink_index(host, uplink_name, &mtu);
    if (getrandom(outer.mac + 1, 5, 0) != 5 || getrandom(inner.mac + 1, 5, 0) != 5)
        return error_set(e, ERROR_SYSTEM, errno, "cannot choose hardware addresses");
    snprintf(outer.name, sizeof outer.name, "sluice%u", number);
    snprintf(i->veth, sizeof i->veth, "%s", outer.name);
    /* Left over from a run that was killed with all its processes: nobody holds this number but us. */
    if (!rtnetlink_delete(host, outer.name, e) ||
        !rtnetlink_veth(host, &outer, &inner, i->netns_fd, mtu < 1280 ? 1280 : mtu, e))
        return false;
    unsigned outer_index = rtnetlink_index(host, outer.name, NULL);
    unsigned inner_index = rtnetlink_index(inside, inner.name, NULL), lo = rtnetlink_index(inside, "lo", NULL);
    if (!outer_index || !inner_index || !lo)
        return error_set(e, ERROR_SYSTEM, 0, "the veth pair is not there");
    return rtnetlink_up(inside, lo, false, e) && rtnetlink_up(host, outer_index, true, e) &&
           rtnetlink_up(inside, inner_index, true, e) &&
           join(host, outer_index, &outer, inside, inner_index, &inner, &i->network4, e) &&
           (!i->has6 || join(host, outer_index, &outer, inside, inner_index, &inner, &i->network6, e)) &&
           forwarding_acquire(i->veth, i->has6 ? uplink6_name : NULL, &i->forwarding_fd, e);
}

bool isolate_make(unsigned number, struct isolate *out, struct error *e)
{
    struct mnl_socket *inside = NULL, *host = rtnetlink_open(e);
    struct isolate i;
    isolate_init(&i);
    bool ok = host && make_namespace(&i, &inside, e) && connect_namespace(host, inside, number, &i, e);
    if (inside)
        mnl_socket_close(inside);
    if (host)
        mnl_socket_close(host);
    if (ok)
        *out = i;
    else
        isolate_undo(&i);
    return ok;
}

char *isolate_resolv_conf(const struct address *resolvers, unsigned count, const char *host_text, struct error *e)
{
    char *text = NULL;
    size_t size;
    unsigned named = 0;
    FILE *out = open_memstream(&text, &size);
    if (!out) {
        error_set(e, ERROR_SYSTEM, errno, "cannot write the job's resolv.conf");
        return NULL;
    }
    for (unsigned i = 0; i < count; i++) {
        char written[ADDRESS_TEXT_SIZE];
        if (address_is_loopback(&resolvers[i]))
            continue;
        address_format(&resolvers[i], written);
        fprintf(out, "nameserver %s\n", written);
        named++;
    }
    for (const char *line = host_text; line && *line; line += strcspn(line, "\n"), line += *line == '\n')
        if (strncmp(line, "search", 6) == 0 || strncmp(line, "options", 7) == 0 || strncmp(line, "domain", 6) == 0)
            fprintf(out, "%.*s\n", (int)strcspn(line, "\n"), line);
    if (fclose(out) != 0 || !named) {
        free(text);
        error_set(e, ERROR_INPUT, 0,
                  "no resolver can be reached from a network namespace of the job's own: all that are known listen on "
                  "this host's loopback; name one with --resolver");
        return NULL;
    }
    return text;
}
