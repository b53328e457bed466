/* SPDX-License-Identifier: GPL-3.0-or-later */
/* By which match lines a scope holds a container, whatever engine made it: from the kernel's view of one of its
 * processes (network namespace, veth, bridge, addresses, cgroup), not from the engine's.
 *
 *     own network, a network of the user's (br-0123456789ab, podman1)   the bridge, with all that is on it
 *     own network, another bridge (docker0, podman0, the host's own)    its addresses on it
 *     own network, a veth that is routed                                the veth
 *     own network, behind slirp4netns or pasta (rootless)               the cgroups of those
 *     the host's network                                                its cgroup
 *
 * Needs no other right than the keeper has: CAP_NET_ADMIN, CAP_SYS_PTRACE.  One thread. */
#ifndef SLUICE_CTL_ENGINE_H
#define SLUICE_CTL_ENGINE_H

#include <stdbool.h>
#include <sys/types.h>

#include <jansson.h>

#include "core/error.h"
#include "policy/policy.h"

#define ENGINE_TEXT_MAX      512
#define ENGINE_ADDRESSES_MAX 128
#define ENGINE_PUBLISHED_MAX 32

struct engine_matches {
    unsigned lines;
    struct engine_line {
        enum policy_match kind;
        char text[ENGINE_TEXT_MAX]; /* as a policy writes it: "/a/b", "br-0123456789ab", "172.17.0.2/32" */
        unsigned end;               /* of a source: the index of the host's end of the link that leads to it */
    } line[POLICY_MATCHES_MAX];
    unsigned addresses; /* the containers' own, as far as there is room */
    struct engine_address {
        struct address address;
        unsigned end;
    } address[ENGINE_ADDRESSES_MAX];
};

struct engine_container {
    pid_t pid;        /* its first process */
    bool own_servers; /* made with --dns: Docker's resolver asks those from the container's network */
    unsigned published;
    struct engine_published { /* a port of the host that is the container's; where the engine told */
        bool udp, any;        /* any: at each address of the host, of both families */
        uint16_t port;
        struct address address;
    } port[ENGINE_PUBLISHED_MAX];
};

/* A container by its name or id: asked of Docker and podman where their sockets are, else by
 * conmon's arguments (podman without a service, rootless), but of what stands in one of the cgroups `held`: jobs that
 * run, which may call a process so.  Names that several have are an error.  Up to five seconds for each engine that
 * does not answer. */
bool engine_find(const char *container, const json_t *held, struct engine_container *out, struct error *e);

/* Adds the lines of that process' network, and its cgroup.  An error where its packets cannot be told from others. */
bool engine_of_process(pid_t pid, struct engine_matches *out, struct error *e);
/* engine_find and engine_of_process, in a process of its own that gets twelve seconds. */
bool engine_matches(const char *container, const json_t *held, struct engine_container *which,
                    struct engine_matches *out, struct error *e);

/* Adds the lines of the network namespaces, other than ours, that processes in this cgroup and below live in:
 * containers that a job started below its own cgroup.  Namespaces that no link leads to add nothing.  A cgroup that is
 * gone adds nothing.  Some microseconds a process. */
bool engine_below(const char *cgroup, struct engine_matches *out, struct error *e);

#endif
