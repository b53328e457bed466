/* SPDX-License-Identifier: GPL-3.0-or-later */
/* policy/narrow: where it says that one profile is no wider than another, nothing that can be asked is allowed by the
 * narrow one and refused, or looked at more closely, by the wide one. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/decide.h"
#include "policy/matcher.h"
#include "policy/narrow.h"

#define ENTRIES 4

static const char *const hosts[] = {"a.test",    "b.a.test",           "*.a.test",
                                    "**.a.test", "c.b.a.test",         "10.1.0.0/16",
                                    "10.1.2.3",  "a.test@10.1.0.0/16", "b.a.test@10.1.2.0/24"};
static const char *const schemes[] = {"tls://", "http://", "tcp://", "udp://", "dns://", "ws://", "proxy://"};
static const char *const ports[] = {"80", "443", "80-443", "443-444"};
static const char *const names[] = {"a.test", "b.a.test", "c.b.a.test", "d.c.b.a.test", "x.a.test"};
static const uint16_t asked_ports[] = {79, 80, 443, 444};

static void require(bool fine)
{
    if (!fine)
        abort();
}

static bool put(void *ctx, const struct endpoint *entry)
{
    struct error e;
    return matcher_add(ctx, entry, &e);
}

static bool deny(void *ctx, const struct endpoint *entry)
{
    return entry->has_at || put(ctx, entry);
}

static void add(struct matcher *m, uint8_t a, uint8_t b, bool (*to)(void *, const struct endpoint *))
{
    char text[100];
    const char *scheme = schemes[a % 7], *host = hosts[(a / 7) % 9];
    struct error e;
    if (a % 7 == 4)
        snprintf(text, sizeof text, "dns://%s%s", host, b & 1 ? "?types=TXT" : "");
    else
        snprintf(text, sizeof text, "%s%s:%s", scheme, host, ports[b % 4]);
    (void)endpoint_parse((struct bytes){(const uint8_t *)text, strlen(text)}, to, m, NULL, &e); /* some are none */
}

/* The more a path allows, the greater. */
static int freedom(enum decide_path path)
{
    switch (path) {
    case DECIDE_REFUSE:
        return 0;
    case DECIDE_RELEASE:
        return 3;
    case DECIDE_INSPECT_EITHER:
        return 2;
    default:
        return 1;
    }
}

static void compare(const struct policy_scope *wide, const struct policy_scope *narrow)
{
    static const struct address addresses[] = {{4, {10, 1, 2, 3}}, {4, {10, 1, 9, 9}}, {4, {192, 0, 2, 1}}};
    static const enum endpoint_scheme shown[] = {ENDPOINT_TLS, ENDPOINT_HTTP, ENDPOINT_WS};
    static const struct policy policy;
    for (unsigned n = 0; n < 5; n++) {
        struct name name;
        require(name_from_wire((struct bytes){(const uint8_t *)names[n], strlen(names[n])}, &name));
        struct bound_name bound = {names[n], name.len, false};
        for (unsigned type = 1; type <= 16; type += 15) {
            bool free = decide_question(&policy, narrow, &name, (uint16_t)type, false).path == DECIDE_RELEASE;
            require(!free || decide_question(&policy, wide, &name, (uint16_t)type, false).path == DECIDE_RELEASE);
        }
        for (unsigned i = 0; i < 3; i++) {
            const struct address *at = &addresses[i];
            require(!decide_answer_address(narrow, &name, at, false) || decide_answer_address(wide, &name, at, false));
            for (unsigned p = 0; p < 4; p++) {
                uint16_t port = asked_ports[p];
                for (unsigned bounds = 0; bounds < 2; bounds++) {
                    int n_tcp = freedom(decide_tcp(narrow, at, port, &bound, bounds).path);
                    int w_tcp = freedom(decide_tcp(wide, at, port, &bound, bounds).path);
                    int n_udp = freedom(decide_udp(narrow, at, port, &bound, bounds).path);
                    require(n_tcp <= w_tcp && n_udp <= freedom(decide_udp(wide, at, port, &bound, bounds).path));
                    /* What a proxy is asked for is judged below, and nothing else of that connection. */
                    bool proxy = decide_tcp(narrow, at, port, &bound, bounds).path == DECIDE_INSPECT_PROXY;
                    for (unsigned s = 0; s < 3 && !proxy; s++)
                        require(decide_shown(narrow, shown[s], &name, at, port, &bound, bounds).path !=
                                    DECIDE_RELEASE ||
                                decide_shown(wide, shown[s], &name, at, port, &bound, bounds).path == DECIDE_RELEASE ||
                                n_tcp == 0);
                }
                for (unsigned s = 0; s < 3; s++)
                    require(freedom(decide_proxied(narrow, shown[s], &name, NULL, port).path) <=
                            freedom(decide_proxied(wide, shown[s], &name, NULL, port).path));
            }
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct policy_profile above = {.deny = matcher_new(0)}; /* what both extend: what is denied */
    struct policy_profile profile[2] = {{.quic = POLICY_QUIC_REFUSE, .ech = POLICY_ECH_REFUSE, .parent = &above},
                                        {.quic = POLICY_QUIC_REFUSE, .ech = POLICY_ECH_REFUSE, .parent = &above}};
    require(above.deny);
    if (size < 1) {
        matcher_free(above.deny);
        return 0;
    }
    for (unsigned i = 0; i < 2; i++) {
        profile[i].allow = matcher_new(ENTRIES);
        profile[i].deny = matcher_new(0);
        require(profile[i].allow && profile[i].deny);
    }
    size_t denied = data[0] >> 6, wide = denied + (data[0] & 63) % (ENTRIES + 1);
    for (size_t i = 0; 2 * i + 2 < size && i < denied + 2 * ENTRIES; i++)
        add(i < denied ? above.deny : profile[i >= wide].allow, data[2 * i + 1], data[2 * i + 2],
            i < denied ? deny : put);
    for (unsigned i = 0; i < 2; i++)
        matcher_finish(profile[i].allow);
    if (narrow_covers(&profile[0], &profile[1], NULL, NULL)) {
        struct policy_scope scope[2] = {{.profile = &profile[0]}, {.profile = &profile[1]}};
        compare(&scope[0], &scope[1]);
    }
    for (unsigned i = 0; i < 2; i++) {
        matcher_free(profile[i].allow);
        matcher_free(profile[i].deny);
    }
    matcher_free(above.deny);
    return 0;
}
