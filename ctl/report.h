/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a job or a run did, as a page: from the summary that the gate tells (ctl/summary.h, summary_json).  Whatever in
 * it came from the job is escaped there once, and here for the page's own language. */
#ifndef SLUICE_CTL_REPORT_H
#define SLUICE_CTL_REPORT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

enum report_format { REPORT_MARKDOWN, REPORT_JSON, REPORT_HTML };

/* "md", "json", "html". */
bool report_format_find(const char *name, enum report_format *out);
/* `title` and `about` (a line, or "") are ours. */
void report_write(enum report_format format, const char *title, const char *about, const json_t *summary, FILE *out);

#endif
