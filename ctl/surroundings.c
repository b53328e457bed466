/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The host's own addresses and resolvers change while a gate runs: a network that comes up after it, a VPN, a lease. */
#include <ifaddrs.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "ctl/keeper.h"

unsigned surroundings_addresses(struct address out[CHANNEL_OWN_ADDRESSES_MAX])
{
    struct ifaddrs *list;
    unsigned count = 0;
    memset(out, 0, sizeof(struct address) * CHANNEL_OWN_ADDRESSES_MAX);
    if (getifaddrs(&list) < 0)
        return 0;
    for (const struct ifaddrs *at = list; at && count < CHANNEL_OWN_ADDRESSES_MAX; at = at->ifa_next) {
        if (at->ifa_addr && at->ifa_addr->sa_family == AF_INET)
            out[count++] = address_from_octets(
                (struct bytes){(const uint8_t *)&((const struct sockaddr_in *)at->ifa_addr)->sin_addr, 4});
        else if (at->ifa_addr && at->ifa_addr->sa_family == AF_INET6)
            out[count++] = address_from_octets(
                (struct bytes){(const uint8_t *)&((const struct sockaddr_in6 *)at->ifa_addr)->sin6_addr, 16});
    }
    freeifaddrs(list);
    return count;
}

static bool same_names(const struct name *a, const struct name *b)
{
    return a->len == b->len && memcmp(a->text, b->text, a->len) == 0;
}

static bool same_system(const struct policy_system *a, const struct policy_system *b)
{
    bool same = a->resolvers == b->resolvers && a->search_domains == b->search_domains &&
                same_names(&a->host_name, &b->host_name);
    for (unsigned i = 0; same && i < a->resolvers; i++)
        same = address_equal(&a->resolver[i], &b->resolver[i]);
    for (unsigned i = 0; same && i < a->search_domains; i++)
        same = same_names(&a->search_domain[i], &b->search_domain[i]);
    return same;
}

/* A gate that started before the network has no resolver yet, and one that moves gets others.  Not in a run: a job that
 * keeps root may write that file, and it must not choose who answers it. */
static void follow_resolvers(struct keeper *k)
{
    static bool told;
    struct policy_system now = {0};
    struct error e = {0};
    if (k->gate->run.on)
        return;
    if (!policy_system_read(RESOLV_CONF, &now, &e)) {
        if (!told)
            fprintf(stderr, "sluice: the resolvers of before stay in force: %s\n", e.text);
        told = true;
        return;
    }
    told = false;
    if (same_system(&now, &k->system))
        return;
    fprintf(stderr, "sluice: " RESOLV_CONF " changed: %u resolver%s\n", now.resolvers, now.resolvers == 1 ? "" : "s");
    k->system = now; /* once: what is wrong with it now is told once */
    if (!reload_change(k, &(struct reload_change){.bundle.system = &now}, &e))
        fprintf(stderr, "sluice: the resolvers of before stay in force: %s\n", e.text);
}

void surroundings_tick(struct keeper *k)
{
    static struct address now[CHANNEL_OWN_ADDRESSES_MAX];
    struct error e = {0};
    unsigned count = surroundings_addresses(now);
    if (k->pending.why != KEEPER_IDLE)
        return; /* looked at again in a second */
    if (!k->gate->run.on)
        engine_dns_tick(&k->docker, k->policy, k->reloads);
    if (count != k->own_addresses || memcmp(now, k->own_address, sizeof now) != 0) {
        k->own_addresses = count;
        memcpy(k->own_address, now, sizeof now);
        if (!reload_send(k, KEEPER_AGAIN, k->bundle, &e))
            fprintf(stderr, "sluice: keeper: %s\n", e.text);
        return;
    }
    follow_resolvers(k);
}
