/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sluice job start --container: what the gate is asked for in a container's name.  One thread. */
#ifndef SLUICE_CTL_JOB_CONTAINER_H
#define SLUICE_CTL_JOB_CONTAINER_H

#include <jansson.h>
#include <stdbool.h>

#include "core/error.h"

/* Adds to the request's "cgroup" what the container is known by (the gate finds the networks of what runs there by
 * itself, as they come and go), and to its "allow" the ports of the host that lead to it.  Says on standard error, or
 * fails, where Docker's resolver would ask past the job. */
bool job_container_add(json_t *request, const char *name, struct error *e);

#endif
