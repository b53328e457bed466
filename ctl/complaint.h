/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Why a command fails, said once: a line on standard error for a person and, where --json was asked, one object:
 *
 *     {"ok": false, "error": {"kind": "input", "text": "...", "file": "policy.yaml", "line": 3, "column": 5}}
 *
 * kind: input (what a person wrote is wrong), system (the machine), limit (a bound of ours), absent (no gate runs).
 * file, line and column are there where the text has a place; `at` stands for a place that is no file ("--allow",
 * "endpoint 2").  main prints the object; of several complaints the first counts.  One thread, one process. */
#ifndef SLUICE_CTL_COMPLAINT_H
#define SLUICE_CTL_COMPLAINT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "core/error.h"

/* `text` begins without "sluice: ".  ERROR_NONE: absent. */
void complaint(enum error_code kind, const char *format, ...) __attribute__((format(printf, 2, 3)));
void complaint_error(const struct error *e);
/* The object of one error, as above without its frame: for a command that answers several questions. */
json_t *complaint_to_json(const struct error *e);
/* The first complaint as one line; nothing where there was none. */
void complaint_print(FILE *out);

#endif
