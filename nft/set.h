/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A named set or map of the table: what it is and what is in it, and the messages that make and change it.
 *
 * A set's elements are kept sorted by key, so that two states of it can be compared; what is in the kernel is changed
 * by the difference.  Adding does not fail: `failed` is kept.  Internal to nft/. */
#ifndef SLUICE_NFT_SET_H
#define SLUICE_NFT_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "nft/transaction.h"

#define SET_NAME_SIZE 32
#define SET_KEY_BYTES 20 /* a mark and an IPv6 address */

enum set_value {
    SET_NOTHING, /* membership alone */
    SET_JUMP,    /* to the chain `prefix`_SCOPE */
    SET_PORT,    /* a port */
    SET_COUNTER, /* the counter `prefix`_SCOPE */
};

struct set_element {
    uint8_t key[SET_KEY_BYTES];
    uint8_t end[SET_KEY_BYTES]; /* of an interval: the first key behind it, … */
    bool open;                  /* … or there is none */
    uint16_t scope, port;
};

struct set {
    char name[SET_NAME_SIZE]; /* in the kernel "vEPOCH_NAME" */
    unsigned epoch;
    enum set_value value;
    bool interval;
    uint8_t key_len;    /* bytes, each part of a joined key padded to four */
    uint32_t key_type;  /* nft's own number for it: how its command line shows a key */
    const char *prefix; /* of a chain or a counter; static */
    struct set_element *element;
    size_t count, size;
    bool failed; /* no memory */
};

/* Adds an element that is zero but for its key's first `len` bytes; NULL without memory. */
struct set_element *set_add(struct set *s, const void *key, size_t len);
/* By key; of several with one key one stays. */
void set_sort(struct set *s);
void set_done(struct set *s);
bool set_same_element(const struct set_element *a, const struct set_element *b);
/* Is there, in sorted sets of intervals, a key in one that is only in `old` and in one that is only in `new`? */
bool set_changes_hands(const struct set *old, const struct set *new);
void set_full_name(char out[SET_NAME_SIZE], const char *name, unsigned epoch);

/* The set itself, without elements.  `id`: its number in this transaction. */
void transaction_set_new(struct transaction *t, const char *table, const struct set *s, uint32_t id);
void transaction_set_delete(struct transaction *t, const char *table, const char *name);
/* That it is there: else the transaction fails. */
void transaction_set_expect(struct transaction *t, const char *table, const struct set *s);
/* From `old` (NULL: nothing) to `new`, both sorted.  What comes, and what has another value now; returns how many. */
size_t transaction_set_come(struct transaction *t, const char *table, const struct set *old, const struct set *new);
/* What goes: keys that `new` has no more; returns how many. */
size_t transaction_set_go(struct transaction *t, const char *table, const struct set *old, const struct set *new);

#endif
