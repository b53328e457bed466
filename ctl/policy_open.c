/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/policy_open.h"

#include <stdlib.h>

#include "ctl/complaint.h"

struct policy *policy_open(const char *path)
{
    struct error e = {0};
    struct policy_system system;
    struct bytes bundle;
    struct policy *policy = NULL;
    if (policy_system_read("/etc/resolv.conf", &system, &e) && policy_bundle_load(path, &system, NULL, &bundle, &e)) {
        policy = policy_from_bundle(bundle, &e);
        free((void *)bundle.at);
    }
    if (!policy)
        complaint_error(&e);
    return policy;
}
