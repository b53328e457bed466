/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which scopes are told that Docker's resolver asks past them, and what they are told to write. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "ctl/engine_dns.h"

struct row {
    const char *interface, *cgroup;
    bool own_servers, told;
};

static void which_scopes(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"docker0", NULL, false, true},
        {"docker*", NULL, false, true},
        {"br-*", NULL, false, true},
        {"br-0123456789ab", NULL, false, true},
        {"*", NULL, false, true},
        {"b*", NULL, false, true},
        {"docker0", NULL, true, false},
        {"br0", NULL, false, false},
        {"bridge*", NULL, false, false},
        {"podman*", NULL, false, false},
        {"docker0", "/system.slice/docker.service", false, false},
        {"docker0", "/system.slice", false, false},
        {"docker0", "/system.slice/", false, false},
        {"docker0", "/system.slice/docker", false, true},
        {"docker0", "/system.slice/docker.service/below", false, true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char interface[32], cgroup[64], text[1000] = "";
        struct policy_matcher_line lines[2] = {{.kind = POLICY_INTERFACE, .text = interface},
                                               {.kind = POLICY_CGROUP, .text = cgroup}};
        char name[] = "containers";
        struct policy_scope scope = {.name = name, .matches = rows[i].cgroup ? 2 : 1, .match = lines};
        struct engine_dns_facts facts = {.cgroup = "/system.slice/docker.service", .own_servers = rows[i].own_servers};
        snprintf(interface, sizeof interface, "%s", rows[i].interface);
        snprintf(cgroup, sizeof cgroup, "%s", rows[i].cgroup ? rows[i].cgroup : "");
        if (engine_dns_text(&scope, &facts, text, sizeof text) != rows[i].told)
            fail_msg("row %zu: %s", i, text);
    }
}

static void what_to_write(void **state)
{
    (void)state;
    char interface[] = "br-*", name[] = "ci", text[1000];
    struct policy_matcher_line line = {.kind = POLICY_INTERFACE, .text = interface};
    struct policy_scope scope = {.name = name, .matches = 1, .match = &line, .resolvers = 3};
    const struct engine_dns_facts facts = {.cgroup = "/engine", .loopback_only = true};
    static const char *const servers[] = {"127.0.0.1", "10.0.0.53", "2001:db8::53"};
    for (unsigned i = 0; i < 3; i++)
        assert_true(address_parse((struct bytes){(const uint8_t *)servers[i], strlen(servers[i])}, &scope.resolver[i]));
    assert_true(engine_dns_text(&scope, &facts, text, sizeof text));
    assert_string_equal(text,
                        "scope ci: Docker's resolver for containers (127.0.0.11) asks from the host's own network, "
                        "past this scope. Say { \"dns\": [ \"10.0.0.53\", \"2001:db8::53\" ] } in "
                        "/etc/docker/daemon.json and restart Docker, or add cgroup: /engine to the scope's match");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(which_scopes), cmocka_unit_test(what_to_write)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
