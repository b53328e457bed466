/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "nft/ruleset_sets.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nft/interval.h"

/* nft's own numbers for kinds of keys: how its command line shows them. */
enum key_type {
    TYPE_IPV4 = 7,
    TYPE_IPV6 = 8,
    TYPE_PORT = 13,
    TYPE_MARK = 19,
    TYPE_INTERFACE = 41,
    TYPE_CGROUP = 46,
};
#define JOINED(a, b) ((uint32_t)(a) << 6 | (uint32_t)(b))

void ruleset_sets_name(char out[SET_NAME_SIZE], const char *name, unsigned number)
{
    snprintf(out, SET_NAME_SIZE, "%s_%u", name, number);
}

static struct set *new_set(struct ruleset_sets *s, const char *name, uint8_t key_len, uint32_t key_type,
                           enum set_value value, const char *prefix)
{
    if (s->sets == s->size) {
        size_t size = s->size ? 2 * s->size : 16;
        struct set *grown = realloc(s->set, size * sizeof *grown);
        if (!grown)
            return NULL;
        s->set = grown;
        s->size = size;
    }
    struct set *set = &s->set[s->sets++];
    *set = (struct set){.value = value, .key_len = key_len, .key_type = key_type, .prefix = prefix};
    snprintf(set->name, sizeof set->name, "%s", name);
    return set;
}

static uint32_t scope_value(const struct ruleset *rules, const struct ruleset_scope *scope)
{
    return mark_value(&rules->marks, scope->id, 0);
}

typedef bool scope_wanted(const struct ruleset *rules, const struct ruleset_scope *scope);

static bool any_scope(const struct ruleset *rules, const struct ruleset_scope *scope)
{
    (void)rules;
    return scope->id != 0;
}

static bool incoming_scope(const struct ruleset *rules, const struct ruleset_scope *scope)
{
    (void)rules;
    return scope->incoming;
}

static bool quic_scope(const struct ruleset *rules, const struct ruleset_scope *scope)
{
    (void)rules;
    return scope->quic;
}

static bool from_elsewhere(const struct ruleset *rules, const struct ruleset_scope *scope)
{
    return scope->interfaces || scope->sources || scope->id == rules->unmatched;
}

static bool with_sockets(const struct ruleset *rules, const struct ruleset_scope *scope)
{
    (void)rules;
    return scope->cgroups != 0;
}

/* Sets whose key is a scope. */
static bool add_by_scope(struct ruleset_sets *s, const struct ruleset *rules)
{
    static const struct {
        const char *name;
        scope_wanted *wanted;
        enum set_value value;
        const char *prefix;
    } row[] = {
        {SET_SCOPES, any_scope, SET_NOTHING, NULL},
        {SET_IDENTIFY, any_scope, SET_JUMP, SCOPE_MARK},
        {SET_BEGIN, any_scope, SET_JUMP, SCOPE_BEGIN},
        {SET_INCOMING, incoming_scope, SET_NOTHING, NULL},
        {SET_QUIC, quic_scope, SET_NOTHING, NULL},
        {SET_FORGED, from_elsewhere, SET_COUNTER, SET_FORGED},
        {SET_UNPROVEN, with_sockets, SET_COUNTER, SET_UNPROVEN},
    };
    for (size_t k = 0; k < sizeof row / sizeof *row; k++) {
        struct set *set = new_set(s, row[k].name, 4, TYPE_MARK, row[k].value, row[k].prefix);
        for (unsigned i = 0; set && i < rules->scopes; i++) {
            uint32_t value = scope_value(rules, &rules->scope[i]);
            struct set_element *at = row[k].wanted(rules, &rules->scope[i]) ? set_add(set, &value, sizeof value) : NULL;
            if (at)
                at->scope = rules->scope[i].id;
        }
        if (!set)
            return false;
    }
    return true;
}

static bool add_same(struct ruleset_sets *s, const struct ruleset *rules)
{
    struct set *set = new_set(s, SET_SAME, 8, JOINED(TYPE_MARK, TYPE_MARK), SET_NOTHING, NULL);
    for (unsigned i = 0; set && i < rules->scopes; i++) {
        uint32_t value = scope_value(rules, &rules->scope[i]), both[2] = {value, value};
        (void)set_add(set, both, sizeof both);
    }
    return set != NULL;
}

static bool add_relays(struct ruleset_sets *s, const struct ruleset *rules)
{
    for (unsigned family = 4; family <= 6; family += 2) {
        bool four = family == 4;
        struct set *set = new_set(s, four ? SET_RELAY4 : SET_RELAY6, four ? 8 : 20,
                                  JOINED(TYPE_MARK, four ? TYPE_IPV4 : TYPE_IPV6), SET_PORT, NULL);
        for (unsigned i = 0; set && i < rules->scopes; i++) {
            const struct ruleset_scope *scope = &rules->scope[i];
            uint32_t value = scope_value(rules, scope);
            for (unsigned k = 0; scope->relay_port && k < scope->resolvers; k++) {
                struct set_element *at =
                    scope->resolver[k].family == family ? set_add(set, &value, sizeof value) : NULL;
                if (!at)
                    continue;
                memcpy(at->key + sizeof value, scope->resolver[k].octets, four ? 4 : 16);
                at->port = scope->relay_port;
            }
        }
        if (!set)
            return false;
    }
    struct set *set = new_set(s, SET_RELAY_PORT, 8, JOINED(TYPE_MARK, TYPE_PORT), SET_NOTHING, NULL);
    for (unsigned i = 0; set && i < rules->scopes; i++) {
        uint16_t port = rules->scope[i].relay_port;
        uint32_t value = scope_value(rules, &rules->scope[i]);
        struct set_element *at = port ? set_add(set, &value, sizeof value) : NULL;
        if (!at)
            continue;
        at->key[sizeof value] = (uint8_t)(port >> 8);
        at->key[sizeof value + 1] = (uint8_t)port;
    }
    return set != NULL;
}

/* ---- cgroups ---- */

struct claim {
    const struct ruleset_cgroup *cgroup;
    unsigned rank; /* of the scope, in file order */
    uint16_t scope;
};

static int by_path(const void *a, const void *b)
{
    const struct claim *x = a, *y = b;
    int order = strcmp(x->cgroup->path, y->cgroup->path);
    return order ? order : (x->rank > y->rank) - (x->rank < y->rank);
}

/* The first of those with the path of which `len` bytes are given, hence the one of least rank; NULL: none. */
static const struct claim *find_claim(const struct claim *claim, size_t count, const char *path, size_t len)
{
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const char *at = claim[middle].cgroup->path;
        int order = strncmp(at, path, len);
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low < count && strlen(claim[low].cgroup->path) == len && strncmp(claim[low].cgroup->path, path, len) == 0
               ? &claim[low]
               : NULL;
}

/* Does an earlier scope have it, or a cgroup above it? */
static bool taken(const struct claim *claim, size_t count, const struct claim *own)
{
    const char *path = own->cgroup->path;
    for (size_t len = 1; path[len - 1]; len++) {
        if (path[len] != '/' && path[len] != '\0')
            continue;
        const struct claim *other = find_claim(claim, count, path, len);
        if (other && other->rank < own->rank)
            return true;
    }
    return false;
}

static int by_level(const void *a, const void *b)
{
    const uint32_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

/* Depths in use, and those that were. */
static bool list_levels(struct ruleset_sets *s, const struct claim *claim, size_t count, const struct ruleset_sets *had)
{
    size_t levels = 0;
    s->level = calloc(count + (had ? had->levels : 0) + 1, sizeof *s->level);
    if (!s->level)
        return false;
    for (size_t i = 0; i < count; i++)
        s->level[levels++] = claim[i].cgroup->level;
    for (unsigned i = 0; had && i < had->levels; i++)
        s->level[levels++] = had->level[i];
    if (levels)
        qsort(s->level, levels, sizeof *s->level, by_level);
    for (size_t i = 0; i < levels; i++)
        if (!s->levels || s->level[s->levels - 1] != s->level[i])
            s->level[s->levels++] = s->level[i];
    return true;
}

static bool add_cgroups(struct ruleset_sets *s, const struct ruleset *rules, const struct ruleset_sets *had)
{
    size_t count = 0;
    for (unsigned i = 0; i < rules->scopes; i++)
        count += rules->scope[i].cgroups;
    struct claim *claim = calloc(count + 1, sizeof *claim);
    count = 0;
    for (unsigned i = 0; claim && i < rules->scopes; i++)
        for (unsigned k = 0; k < rules->scope[i].cgroups; k++)
            claim[count++] = (struct claim){&rules->scope[i].cgroup[k], i, rules->scope[i].id};
    bool ok = claim && list_levels(s, claim, count, had);
    if (ok && count)
        qsort(claim, count, sizeof *claim, by_path);
    size_t first = s->sets;
    for (unsigned i = 0; ok && i < s->levels; i++) {
        char name[SET_NAME_SIZE];
        ruleset_sets_name(name, SET_CGROUP, s->level[i]);
        ok = new_set(s, name, sizeof claim->cgroup->id, TYPE_CGROUP, SET_JUMP, SCOPE_MARK) != NULL;
    }
    for (size_t k = 0; ok && k < count; k++) {
        if (taken(claim, count, &claim[k]))
            continue;
        const uint32_t *level = bsearch(&claim[k].cgroup->level, s->level, s->levels, sizeof *s->level, by_level);
        struct set *set = level ? &s->set[first + (size_t)(level - s->level)] : NULL;
        struct set_element *at = set ? set_add(set, &claim[k].cgroup->id, sizeof claim[k].cgroup->id) : NULL;
        if (at)
            at->scope = claim[k].scope;
    }
    free(claim);
    return ok;
}

/* ---- interfaces and sources ---- */

/* What one run gathers. */
struct gathered {
    struct interval_prefix *interface, *four, *six;
    size_t interfaces, fours, sixes;
};

static bool end_run(struct ruleset_sets *s, struct gathered *g)
{
    static const struct {
        const char *name;
        uint8_t key_len;
        enum key_type type;
    } kind[] = {{SET_INTERFACE, 16, TYPE_INTERFACE}, {SET_ADDRESS4, 4, TYPE_IPV4}, {SET_ADDRESS6, 16, TYPE_IPV6}};
    const struct interval_prefix *const list[] = {g->interface, g->four, g->six};
    const size_t count[] = {g->interfaces, g->fours, g->sixes};
    bool ok = true;
    for (unsigned i = 0; ok && i < 3; i++) {
        char name[SET_NAME_SIZE];
        ruleset_sets_name(name, kind[i].name, s->runs);
        struct set *set = new_set(s, name, kind[i].key_len, kind[i].type, SET_JUMP, SCOPE_MARK);
        if (set)
            set->interval = true;
        ok = set && interval_add(set, list[i], count[i], kind[i].key_len);
    }
    s->runs++;
    g->interfaces = g->fours = g->sixes = 0;
    return ok;
}

static struct interval_prefix name_prefix(const char *name, uint16_t scope)
{
    struct interval_prefix p = {.scope = scope, .bits = 8 * INTERVAL_KEY_MAX};
    size_t len = strlen(name);
    if (len && name[len - 1] == '*')
        p.bits = 8 * (unsigned)--len;
    memcpy(p.key, name, len < sizeof p.key ? len : sizeof p.key);
    return p;
}

static bool gather_scope(struct ruleset_sets *s, struct gathered *g, const struct ruleset_scope *scope)
{
    if (scope->interfaces && (g->fours || g->sixes) && !end_run(s, g))
        return false;
    for (unsigned k = 0; k < scope->interfaces; k++)
        g->interface[g->interfaces++] = name_prefix(scope->interface[k], scope->id);
    for (unsigned k = 0; k < scope->sources; k++) {
        const struct address_range *range = &scope->source[k];
        struct interval_prefix p = {.bits = range->prefix_bits, .scope = scope->id};
        memcpy(p.key, range->base.octets, sizeof p.key);
        if (range->base.family == 4)
            g->four[g->fours++] = p;
        else
            g->six[g->sixes++] = p;
    }
    return true;
}

static bool add_runs(struct ruleset_sets *s, const struct ruleset *rules, const struct ruleset_sets *had)
{
    size_t lines = 1;
    for (unsigned i = 0; i < rules->scopes; i++)
        lines += rules->scope[i].interfaces + rules->scope[i].sources;
    struct gathered g = {
        calloc(lines, sizeof *g.interface), calloc(lines, sizeof *g.four), calloc(lines, sizeof *g.six), 0, 0, 0};
    bool ok = g.interface && g.four && g.six;
    for (unsigned i = 0; ok && i < rules->scopes; i++)
        ok = gather_scope(s, &g, &rules->scope[i]);
    while (ok && (g.interfaces || g.fours || g.sixes || (had && s->runs < had->runs)))
        ok = end_run(s, &g);
    free(g.interface);
    free(g.four);
    free(g.six);
    return ok;
}

static int by_id(const void *a, const void *b)
{
    const uint16_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

bool ruleset_sets_make(const struct ruleset *rules, const struct ruleset_sets *had, struct ruleset_sets *out)
{
    struct ruleset_sets s = {.scope = calloc(rules->scopes + 1, sizeof *s.scope)};
    bool ok = s.scope && add_by_scope(&s, rules) && add_same(&s, rules) && add_relays(&s, rules) &&
              add_cgroups(&s, rules, had) && add_runs(&s, rules, had);
    for (unsigned i = 0; ok && i < rules->scopes; i++)
        s.scope[s.scopes++] = rules->scope[i].id;
    if (ok)
        qsort(s.scope, s.scopes, sizeof *s.scope, by_id);
    for (size_t i = 0; i < s.sets; i++) {
        ok = ok && !s.set[i].failed;
        set_sort(&s.set[i]);
    }
    if (ok)
        *out = s;
    else
        ruleset_sets_done(&s);
    return ok;
}

void ruleset_sets_done(struct ruleset_sets *s)
{
    for (size_t i = 0; i < s->sets; i++)
        set_done(&s->set[i]);
    free(s->set);
    free(s->scope);
    free(s->level);
    *s = (struct ruleset_sets){0};
}

void ruleset_sets_set_epoch(struct ruleset_sets *s, unsigned epoch)
{
    s->epoch = epoch;
    for (size_t i = 0; i < s->sets; i++)
        s->set[i].epoch = epoch;
}

bool ruleset_sets_has_scope(const struct ruleset_sets *s, uint16_t id)
{
    return s->scopes && bsearch(&id, s->scope, s->scopes, sizeof *s->scope, by_id) != NULL;
}

bool ruleset_sets_finds(const struct set *s)
{
    static const char *const by[] = {SET_CGROUP "_", SET_INTERFACE "_", SET_ADDRESS4 "_", SET_ADDRESS6 "_"};
    for (size_t i = 0; i < sizeof by / sizeof *by; i++)
        if (strncmp(s->name, by[i], strlen(by[i])) == 0)
            return true;
    return false;
}

bool ruleset_sets_alike(const struct ruleset_sets *a, const struct ruleset_sets *b)
{
    bool same = a->sets == b->sets;
    for (size_t i = 0; same && i < a->sets; i++)
        same = strcmp(a->set[i].name, b->set[i].name) == 0;
    return same;
}
