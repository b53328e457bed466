/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any bytes as a policy: compiled or refused with "file:line:column: "; what is compiled can be asked.  The first byte
 * chooses: a bundle, a policy, or a policy and a file of policy.d, divided by a zero byte. */
#include <stdlib.h>
#include <string.h>

#include "policy/decide.h"
#include "policy/policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct policy_system system_one = {.resolvers = 1, .resolver = {{4, {192, 0, 2, 53}}}};

static void ask(const struct policy *policy)
{
    static const char asked[] = "registry.example";
    struct name name;
    struct address address = {4, {10, 1, 2, 3}};
    struct bound_name bound = {asked, sizeof asked - 1, false};
    name_from_wire((struct bytes){(const uint8_t *)asked, sizeof asked - 1}, &name);
    for (unsigned i = 0; i < policy->scopes; i++) {
        const struct policy_scope *s = &policy->scope[i];
        if (policy_scope_find(policy, s->id) != s || !s->profile)
            abort();
        decide_tcp(s, &address, 443, &bound, 1);
        decide_udp(s, &address, 53, &bound, 1);
        decide_shown(s, ENDPOINT_TLS, &name, &address, 443, &bound, 1);
        decide_answer_address(s, &name, &address, true);
        struct decision d = decide_question(policy, s, &name, 1, false);
        if (d.noise && d.path != DECIDE_REFUSE)
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct error e = {0};
    struct policy *policy;
    unsigned count = 1;
    if (size < 1)
        return 0;
    struct bytes text = {data + 1, size - 1};
    struct policy_source sources[2] = {{.file = "a.yaml", .text = text}, {.file = "b.yaml"}};
    const uint8_t *zero = text.len ? memchr(text.at, 0, text.len) : NULL;
    if (data[0] == 'b') {
        policy = policy_from_bundle(text, &e);
    } else {
        if (data[0] == 'd' && zero) {
            sources[0].text.len = (size_t)(zero - text.at);
            sources[1].text = (struct bytes){zero + 1, text.len - sources[0].text.len - 1};
            count = 2;
        }
        policy = policy_compile(sources, count, &system_one, NULL, &e);
        if (!policy && strncmp(e.text, "a.yaml:", 7) != 0 && strncmp(e.text, "b.yaml:", 7) != 0)
            abort();
    }
    if (policy)
        ask(policy);
    else if (e.code == ERROR_NONE || !e.text[0])
        abort();
    policy_free(policy);
    return 0;
}
