/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Docker's resolver for the containers of user-defined networks (127.0.0.11) is dockerd: it asks on from the
 * container's network where its servers are written in Docker's own configuration, else, or so it may be, from the
 * host's.  There a question comes from dockerd's cgroup: past the scope that holds the containers, and the answer binds
 * no name in it.
 *
 * Looked at whenever a dockerd starts (/run/docker.pid) and whenever the policy changes.  One thread. */
#ifndef SLUICE_CTL_ENGINE_DNS_H
#define SLUICE_CTL_ENGINE_DNS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "policy/policy.h"

struct engine_dns {
    ino_t file; /* /run/docker.pid, as it was looked at */
    int64_t changed_nsec;
    unsigned policies; /* how many there were, one more than reloads */
};

/* Says on standard error what to change where a scope holds Docker's bridges and dockerd asks past it.  Cheap when
 * nothing changed: one stat. */
void engine_dns_tick(struct engine_dns *seen, const struct policy *policy, unsigned reloads);

/* The text of it for one scope.  False: nothing is to be said. */
struct engine_dns_facts {
    char cgroup[512];   /* dockerd's */
    bool own_servers;   /* --dns or "dns" in daemon.json */
    bool loopback_only; /* all that resolv.conf names are the host's loopback */
};
bool engine_dns_text(const struct policy_scope *scope, const struct engine_dns_facts *facts, char *out, size_t size);

/* The same for a container on a user-defined network that was made without servers of its own.  *certain: it does. */
bool engine_dns_container(char *out, size_t size, bool *certain);

#endif
