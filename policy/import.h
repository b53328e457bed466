/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The configuration of other egress firewalls, read as a policy of ours: bullfrog, harden-runner, cijail.
 *
 * What is read is never wider than what was written, but for the paths of URLs, and that is said.  What cannot be
 * carried over is kept as a fact with its place and with what to write instead.  The text that import_write makes is a
 * policy that compiles, whatever was read (tests/fuzz/fuzz_import.c asserts it).  The file is hostile: it may come from
 * the repository that is to be held.  One thread; `struct import` owns all of its strings. */
#ifndef SLUICE_POLICY_IMPORT_H
#define SLUICE_POLICY_IMPORT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "core/address.h"
#include "core/bytes.h"
#include "core/error.h"

#define IMPORT_BYTES_MAX     (1024u * 1024)
#define IMPORT_PROFILES_MAX  256
#define IMPORT_FACTS_MAX     20000 /* of each list */
#define IMPORT_RESOLVERS_MAX 16
#define IMPORT_NAME_SIZE     64
#define IMPORT_WHOLE         UINT32_MAX /* in place of a profile: the file as a whole */

enum import_format { IMPORT_BULLFROG, IMPORT_HARDEN_RUNNER, IMPORT_CIJAIL, IMPORT_FORMATS };

struct import_fact {
    uint32_t profile;      /* index, or IMPORT_WHOLE */
    uint32_t line, column; /* where it stood */
    char *from;            /* as it was written, escaped to printable ASCII */
    char *text;            /* an entry: ours, canonical; else what became of it and what to write */
};

struct import_list {
    struct import_fact *fact;
    unsigned count, size;
};

struct import_profile {
    char name[IMPORT_NAME_SIZE]; /* a policy's label; no two are the same */
    uint32_t line;               /* of the step or setting that it was made from */
    bool audit;
};

struct import {
    enum import_format format;
    unsigned profiles, resolvers;
    bool system_resolver; /* the host's own resolver is among them */
    struct import_profile profile[IMPORT_PROFILES_MAX];
    struct address resolver[IMPORT_RESOLVERS_MAX]; /* none, and not system_resolver: nothing was said of them */
    struct import_list entry;                      /* in the order of the file */
    struct import_list changed;                    /* carried over, and means something else now */
    struct import_list lost;                       /* not carried over */
};

/* "bullfrog", "harden-runner", "cijail". */
const char *import_format_name(enum import_format format);
bool import_format_find(const char *name, enum import_format *out);

/* How entries of this format are read, sentence by sentence; ends with NULL. */
const char *const *import_notes(enum import_format format);

/* `file` is how errors name it.  On failure *e has file, line and column, the line, and what to write; nothing has to
 * be freed.  O(len) but for names of steps, which are compared with each other. */
bool import_read(enum import_format format, const char *file, struct bytes source, struct import *out, struct error *e);
void import_done(struct import *i);

/* The policy as text.  `cgroup`: where the jobs run, or NULL: the usual place of a runner's service, or no scope at all
 * where the other program held one command (cijail). */
void import_write(const struct import *i, const char *file, const char *cgroup, FILE *out);

#endif
