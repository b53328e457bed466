/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A policy file as commands that only look at it read it. */
#ifndef SLUICE_CTL_POLICY_OPEN_H
#define SLUICE_CTL_POLICY_OPEN_H

#include "policy/policy.h"

/* The file, with policy.d beside it and this host's resolv.conf; the caller frees.  NULL: what is wrong was said on
 * standard error. */
struct policy *policy_open(const char *path);

#endif
