/* SPDX-License-Identifier: GPL-3.0-or-later */
/* An import while it is read.  Internal to policy/import*.c; one thread. */
#ifndef SLUICE_POLICY_IMPORT_BUILD_H
#define SLUICE_POLICY_IMPORT_BUILD_H

#include "policy/document.h"
#include "policy/import.h"

/* A piece of the file. */
struct import_word {
    struct bytes text;
    uint32_t line, column;
};

struct import_build {
    struct import *out;
    const char *file;
    struct bytes source;
    struct document document; /* the file as YAML; no nodes where it is not */
    struct error *e;
    bool audit;       /* for the whole file (cijail) */
    uint32_t profile; /* that entries and facts are added to */
    uint32_t *line;   /* where each line begins, in bytes */
    uint32_t lines;
    struct {
        uint32_t line, column;
        size_t offset;
    } seen; /* the last place that was asked for: columns are counted from there on */
};

/* A text whose words are taken one after the other, with their places in the file. */
struct import_value {
    struct bytes text;
    size_t at;             /* of `text`: what is read next */
    size_t from, end;      /* of the source: where it may stand */
    uint32_t line, column; /* of the whole, for a word that is not in the file as it is (escapes) */
};

/* import.c.  All that return bool have filled *b->e when it is false. */
bool import_wrong(const struct import_build *b, const struct import_word *w, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
bool import_entry(struct import_build *b, const struct import_word *w, const char *entry);
bool import_lost(struct import_build *b, const struct import_word *w, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
bool import_changed(struct import_build *b, const struct import_word *w, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* A profile of this name, or of a like one that is free; it is the current one then. */
bool import_profile_add(struct import_build *b, struct bytes name, uint32_t line, bool audit);

/* import_text.c: pieces of the file and their places. */
bool import_text_init(struct import_build *b);
void import_text_place(struct import_build *b, size_t offset, uint32_t *line, uint32_t *column);
struct import_word import_node_word(const struct import_build *b, uint32_t node);
struct import_value import_node_value(struct import_build *b, uint32_t node);
struct import_value import_source_value(struct import_build *b, size_t from, size_t end);
/* The next run of bytes that are not white space (nor a backslash before a line's end); false: none is left. */
bool import_next_word(struct import_build *b, struct import_value *v, struct import_word *out);
/* The next line, which may be empty; the value's first and last lines are not, if it was trimmed. */
bool import_next_line(struct import_build *b, struct import_value *v, struct import_word *out);
/* The next piece up to a comma, which may be empty. */
bool import_next_piece(struct import_build *b, struct import_value *v, struct import_word *out);
void import_trim(struct import_value *v);
/* Where `what` stands in the source from `from` on, ASCII case folded; SIZE_MAX: nowhere. */
size_t import_find(struct bytes in, size_t from, const char *what);
bool import_is(struct bytes text, const char *word); /* ASCII case folded */
bool import_is_expression(struct bytes text);        /* holds ${{ or ${ or $( : its value is not in the file */

/* import_host.c: names, wildcards and addresses of others in our grammar. */
struct import_hosts {
    unsigned count; /* 0: a fact says why */
    bool address;
    char host[2][ADDRESS_TEXT_SIZE + 300];
};
/* `host` is a part of w.text.  apex: the other's * stands for nothing, too.  Wildcards that reach over a public suffix,
 * or whose * is not a whole label at the front, are lost. */
bool import_hosts(struct import_build *b, const struct import_word *w, struct bytes host, bool apex,
                  struct import_hosts *out);
/* An address, with or without prefix, brackets or not; bits behind the prefix are dropped and that is said.
 * out->count 0: it is none. */
bool import_address(struct import_build *b, const struct import_word *w, struct bytes text, struct import_hosts *out);
/* Digits, 1 to 65535. */
bool import_port(struct bytes text, uint16_t *out);
/* Splits "host:port", "[v6]:port" and what has no port (port 0); false: the port is none. */
bool import_split(struct bytes text, struct bytes *host, uint16_t *port);
/* The entries for hosts at a port: 443 TLS, 80 HTTP, else `scheme`. */
bool import_hosts_at(struct import_build *b, const struct import_word *w, const struct import_hosts *hosts,
                     uint16_t port, const char *scheme);

/* import_step.c: steps of GitHub's workflows. */
struct import_input {
    const char *name;  /* "egress-policy" */
    const char *meant; /* what becomes of it where it is not read; NULL: it is read */
};
/* Calls for each step, or alias of one, whose uses: is `action` at any version.  *steps: how many there were. */
typedef bool import_step(struct import_build *b, uint32_t step, uint32_t with);
bool import_each_step(struct import_build *b, const char *action, import_step *each, unsigned *steps);
/* Starts a profile for the node, named for the job it is in. */
bool import_profile_for(struct import_build *b, uint32_t node, bool audit);
/* The text of an input (0: not given); `with` may be 0. */
bool import_input(struct import_build *b, uint32_t with, const char *name, uint32_t *out);
/* A fact for each input that is not read, and for each that is not known. */
bool import_other_inputs(struct import_build *b, uint32_t with, const struct import_input *known, size_t count);
/* egress-policy: audit or block; `fallback` where it is not given. */
bool import_egress(struct import_build *b, uint32_t node, bool fallback, bool *audit, bool *unknown);

/* One file a format. */
bool import_bullfrog(struct import_build *b);
bool import_harden_runner(struct import_build *b);
bool import_cijail(struct import_build *b);
extern const char *const import_bullfrog_notes[], *const import_harden_runner_notes[], *const import_cijail_notes[];

#endif
