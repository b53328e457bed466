/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The bundle: magic, then counts and length-prefixed blocks, big-endian.  It comes from the keeper, yet is read with
 * the cursor that reads the wire: a bundle that was cut in half is an error, never a shorter policy. */
#include <stdlib.h>
#include <string.h>

#include "policy/policy.h"

#define BUNDLE_MAGIC       "sluice policy 2\n"
#define BUNDLE_SOURCES_MAX 4096
#define BUNDLE_BYTES_MAX   (1024u * 1024 * 1024)

static void put_address(struct writer *w, const struct address *a)
{
    writer_u8(w, a->family);
    writer_bytes(w, (struct bytes){a->octets, sizeof a->octets});
}

static void put_text(struct writer *w, struct bytes text)
{
    writer_u32(w, (uint32_t)text.len);
    writer_bytes(w, text);
}

static struct bytes name_bytes(const struct name *n)
{
    return (struct bytes){(const uint8_t *)n->text, n->len};
}

static struct bytes string_bytes(const char *s)
{
    return (struct bytes){(const uint8_t *)s, strlen(s)};
}

static void put_system(struct writer *w, const struct policy_system *s)
{
    writer_u8(w, (uint8_t)s->resolvers);
    for (unsigned i = 0; i < s->resolvers; i++)
        put_address(w, &s->resolver[i]);
    writer_u8(w, (uint8_t)s->search_domains);
    for (unsigned i = 0; i < s->search_domains; i++)
        put_text(w, name_bytes(&s->search_domain[i]));
    put_text(w, name_bytes(&s->host_name));
}

static void put_ids(struct writer *w, const struct policy_ids *ids)
{
    writer_u8(w, ids != NULL);
    if (!ids)
        return;
    writer_u16(w, ids->first);
    writer_u16(w, ids->last);
    writer_u16(w, (uint16_t)ids->count);
    for (unsigned i = 0; i < ids->count; i++) {
        writer_u16(w, ids->row[i].id);
        put_text(w, string_bytes(ids->row[i].name));
        put_text(w, string_bytes(ids->row[i].phase));
    }
}

bool policy_bundle_make(const struct policy_source *sources, unsigned count, const struct policy_system *system,
                        const struct policy_ids *ids, struct bytes *out, struct error *e)
{
    static const struct policy_system bare;
    size_t size = 16384;
    const struct policy_system *s = system ? system : &bare;
    if (count == 0 || count > BUNDLE_SOURCES_MAX)
        return error_set(e, ERROR_INPUT, 0, "a policy has 1 to %d files, not %u", BUNDLE_SOURCES_MAX, count);
    if (s->resolvers > POLICY_RESOLVERS_MAX || s->search_domains > 8 || (ids && ids->count > POLICY_SCOPES_MAX))
        return error_set(e, ERROR_LIMIT, 0, "more resolvers, search domains or ids than a policy may have");
    for (unsigned i = 0; i < count; i++)
        size += strlen(sources[i].file) + sources[i].text.len + 9;
    size += ids ? (size_t)ids->count * (sizeof ids->row[0] + 8) : 0;
    if (size > BUNDLE_BYTES_MAX)
        return error_set(e, ERROR_LIMIT, 0, "the policy's files are larger than 1 GiB together");
    uint8_t *buffer = malloc(size);
    if (!buffer)
        return error_set(e, ERROR_LIMIT, 0, "no memory for the policy");
    struct writer w = writer_init(buffer, size);
    writer_bytes(&w, string_bytes(BUNDLE_MAGIC));
    put_system(&w, s);
    put_ids(&w, ids);
    writer_u16(&w, (uint16_t)count);
    for (unsigned i = 0; i < count; i++) {
        writer_u8(&w, sources[i].job);
        put_text(&w, string_bytes(sources[i].file));
        put_text(&w, sources[i].text);
    }
    if (w.full) {
        free(buffer);
        return error_set(e, ERROR_LIMIT, 0, "the policy does not fit its bundle");
    }
    *out = (struct bytes){buffer, writer_len(&w)};
    return true;
}

static struct bytes take_text(struct reader *r)
{
    return reader_bytes(r, reader_u32(r));
}

static void take_address(struct reader *r, struct address *out)
{
    uint8_t family = reader_u8(r);
    struct bytes octets = reader_bytes(r, sizeof out->octets);
    if (octets.len == 0 || (family != 4 && family != 6)) {
        reader_fail(r);
        return;
    }
    *out = address_from_octets((struct bytes){octets.at, family == 4 ? 4 : 16});
}

/* An empty name is no name. */
static void take_name(struct reader *r, struct name *out)
{
    struct bytes text = take_text(r);
    *out = (struct name){0};
    if (text.len && !name_from_wire(text, out))
        reader_fail(r);
}

static void take_system(struct reader *r, struct policy_system *out)
{
    out->resolvers = reader_u8(r);
    if (out->resolvers > POLICY_RESOLVERS_MAX)
        reader_fail(r);
    for (unsigned i = 0; r->state == PARSE_OK && i < out->resolvers; i++)
        take_address(r, &out->resolver[i]);
    out->search_domains = reader_u8(r);
    if (out->search_domains > sizeof out->search_domain / sizeof *out->search_domain)
        reader_fail(r);
    for (unsigned i = 0; r->state == PARSE_OK && i < out->search_domains; i++)
        take_name(r, &out->search_domain[i]);
    take_name(r, &out->host_name);
}

static void take_word(struct reader *r, char *out, size_t size)
{
    struct bytes text = take_text(r);
    out[0] = 0;
    if (text.len >= size || (text.len && memchr(text.at, 0, text.len))) {
        reader_fail(r);
        return;
    }
    if (text.len)
        memcpy(out, text.at, text.len);
    out[text.len] = 0;
}

static void take_ids(struct reader *r, struct policy_ids *out)
{
    out->first = reader_u16(r);
    out->last = reader_u16(r);
    out->count = reader_u16(r);
    if (out->count > POLICY_SCOPES_MAX)
        reader_fail(r);
    for (unsigned i = 0; r->state == PARSE_OK && i < out->count; i++) {
        out->row[i].id = reader_u16(r);
        take_word(r, out->row[i].name, sizeof out->row[i].name);
        take_word(r, out->row[i].phase, sizeof out->row[i].phase);
    }
}

struct unpacked {
    struct policy_system system;
    struct policy_ids ids;
    bool has_ids;
    unsigned sources;
    struct policy_source source[BUNDLE_SOURCES_MAX];
    char *file[BUNDLE_SOURCES_MAX]; /* NUL-terminated copies */
};

static void close_bundle(struct unpacked *u)
{
    for (unsigned i = 0; u && i < u->sources; i++)
        free(u->file[i]);
    free(u);
}

static void unpack(struct reader *r, struct unpacked *u)
{
    struct bytes magic = reader_bytes(r, sizeof BUNDLE_MAGIC - 1);
    if (!bytes_equal(magic, string_bytes(BUNDLE_MAGIC)))
        reader_fail(r);
    take_system(r, &u->system);
    u->has_ids = reader_u8(r) == 1;
    if (u->has_ids)
        take_ids(r, &u->ids);
    unsigned count = reader_u16(r);
    if (count == 0 || count > BUNDLE_SOURCES_MAX)
        reader_fail(r);
    while (r->state == PARSE_OK && u->sources < count) {
        struct policy_source *s = &u->source[u->sources];
        s->job = reader_u8(r) == 1;
        struct bytes file = take_text(r);
        s->text = take_text(r);
        s->file = u->file[u->sources] = file.len ? strndup((const char *)file.at, file.len) : NULL;
        if (!s->file)
            reader_fail(r);
        else
            u->sources++;
    }
    if (r->state == PARSE_OK && reader_left(r) != 0)
        reader_fail(r);
}

/* NULL: no memory, or the bundle is damaged. */
static struct unpacked *open_bundle(struct bytes bundle, struct error *e)
{
    struct unpacked *u = calloc(1, sizeof *u);
    struct reader r = reader_init(bundle, false);
    if (!u) {
        error_set(e, ERROR_LIMIT, 0, "no memory for the policy");
        return NULL;
    }
    unpack(&r, u);
    if (r.state == PARSE_OK)
        return u;
    error_set(e, ERROR_INPUT, 0, "the policy bundle is damaged");
    close_bundle(u);
    return NULL;
}

struct policy *policy_from_bundle(struct bytes bundle, struct error *e)
{
    struct unpacked *u = open_bundle(bundle, e);
    struct policy *policy =
        u ? policy_compile(u->source, u->sources, &u->system, u->has_ids ? &u->ids : NULL, e) : NULL;
    close_bundle(u);
    return policy;
}

bool policy_bundle_change(struct bytes bundle, const struct policy_bundle_change *change, const struct policy_ids *ids,
                          struct bytes *out, struct error *e)
{
    struct unpacked *u = open_bundle(bundle, e), *other = change->jobs_of.len ? open_bundle(change->jobs_of, e) : NULL;
    unsigned count = 0, most = BUNDLE_SOURCES_MAX + 1;
    struct policy_source *source = calloc(most, sizeof *source);
    bool ok =
        u && (other || !change->jobs_of.len) && (source || error_set(e, ERROR_LIMIT, 0, "no memory for the policy"));
    bool placed = false; /* what takes the place of another stands where that stood */
    for (unsigned i = 0; ok && i < u->sources; i++) {
        bool goes = change->without && u->source[i].job && strcmp(u->source[i].file, change->without) == 0;
        if (!goes)
            source[count++] = u->source[i];
        else if (change->more && !placed)
            source[count++] = *change->more;
        placed = placed || goes;
    }
    for (unsigned i = 0; ok && other && i < other->sources; i++)
        if (other->source[i].job && count < most)
            source[count++] = other->source[i];
    if (ok && change->more && !placed && count < most)
        source[count++] = *change->more;
    ok = ok && (count < most || error_set(e, ERROR_LIMIT, 0, "a policy has at most %d files", BUNDLE_SOURCES_MAX)) &&
         policy_bundle_make(source, count, change->system ? change->system : &u->system, ids, out, e);
    free(source);
    close_bundle(other);
    close_bundle(u);
    return ok;
}

bool policy_bundle_jobs(struct bytes bundle, bool (*each)(void *ctx, const char *file, struct bytes text), void *ctx,
                        struct error *e)
{
    struct unpacked *u = open_bundle(bundle, e);
    bool ok = u != NULL;
    for (unsigned i = 0; ok && i < u->sources; i++)
        ok = !u->source[i].job || each(ctx, u->source[i].file, u->source[i].text);
    close_bundle(u);
    return ok;
}

char *policy_bundle_file(struct bytes bundle)
{
    struct unpacked *u = open_bundle(bundle, NULL);
    char *file = u && u->file[0] ? strdup(u->file[0]) : NULL;
    close_bundle(u);
    return file;
}
