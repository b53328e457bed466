/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Events on their way from inspector to keeper: the facts as they lie in struct event (both ends are the same program),
 * then each text by its length.  An event of 3 KiB becomes some 500 bytes, and several share a message.
 *
 * What the keeper fills in, scope's name and process, does not travel.  Pure, no allocation, any thread. */
#ifndef SLUICE_CORE_EVENT_PACK_H
#define SLUICE_CORE_EVENT_PACK_H

#include <stdbool.h>

#include "core/bytes.h"
#include "core/event.h"

#define EVENT_PACKED_MAX 2048 /* of one event, whatever it holds */

/* Appends the event; a text without an end is cut at its array's.  w->full: there was no room. */
void event_pack(const struct event *e, struct writer *w);

/* Takes one event off `r`.  False: there is none that could have been packed, *out is worthless.  Bytes from another
 * process: call event_sanitize too. */
bool event_unpack(struct reader *r, struct event *out);

#endif
