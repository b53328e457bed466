/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a run's events add up to: the last lines on standard error, and the --allow lines (DESIGN s2 Commands). */
#ifndef SLUICE_CTL_SUMMARY_H
#define SLUICE_CTL_SUMMARY_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "core/event.h"

struct summary;

struct summary *summary_new(void);
void summary_free(struct summary *s);
/* Counts one event: allowed connections and their names, refusals and their names, hints, attacks.  Bounded memory: at
 * most 10,000 distinct names each, then only counted. */
void summary_add(struct summary *s, const struct event *e);
/* Refusals (verdict deny or would_deny, each event's count) and how many of them look like attacks. */
uint64_t summary_denied(const struct summary *s);
uint64_t summary_alerts(const struct summary *s);
/* Of the refusals those that no finding stands for: only counted, for they came too fast, or had no room. */
uint64_t summary_unlisted(const struct summary *s);
/* What was refused in a phase is offered as the phase's line of a policy: no --allow holds there.
 * "sluice: run finished: 41 connections to 2 names allowed, 2 refused (2 names). To allow: --allow evil.test"
 * audit: all entries and options that would have sufficed, one a line; apart from them names that stand for private
 * addresses, what looks like an attack (told with what it would take, never offered), and what no entry is offered for.
 */
void summary_print(const struct summary *s, bool audit, FILE *out);
/* As lines of a policy file: under `allow:` of the scope's profile, or of the phase (not "") that all of it was refused
 * in, what would have sufficed; in comments the settings beside it, and what is not offered. */
void summary_print_policy(const struct summary *s, const char *scope, const char *phase, FILE *out);
/* The same facts as one JSON object (malloc'ed). */
char *summary_json(const struct summary *s);

/* The whole of it as JSON, and back into an empty one: for a keeper that takes over.  False: not what summary_store
 * wrote; what was read so far stays. */
json_t *summary_store(const struct summary *s);
bool summary_restore(struct summary *s, const json_t *stored);
/* Changes with every event. */
uint64_t summary_events(const struct summary *s);
size_t summary_rows(const struct summary *s);

#endif
