/* SPDX-License-Identifier: GPL-3.0-or-later */
/* cijail: CIJAIL_ENDPOINTS of an environment (shell, .env, Dockerfile, YAML), or a plain list.
 *
 * Words are divided by white space and read in cijail's order: socket address, URL, *, name:port, name. */
#include <string.h>

#include "policy/import_build.h"
#include "policy/text.h"

#define ENDPOINTS "CIJAIL_ENDPOINTS"

const char *const import_cijail_notes[] = {
    "Hold a command by it: sluice run -p FILE -- COMMAND.",
    "cijail's URLs are literal beginnings, read inside TLS by a proxy.  TLS is not opened here: a URL is its whole "
    "host, "
    "and ends where the host ends (https://NAME let in https://NAME.evil, too).  Each path that is lost is listed.",
    "NAME:443 is TLS with that server name, NAME:80 plain HTTP with that Host, another port tcp:// and udp://, any "
    "bytes, "
    "at an address that NAME was resolved to here; cijail resolves once, at its start.  A NAME alone is dns://NAME: "
    "resolved, not reached.",
    "Addresses with port 53 are the resolvers; without one it is the host's.",
    "Loopback between the processes of the command is free; what listens outside of it needs an entry.",
    NULL,
};

/* What of a source or value a word may not be read as. */
static bool is_socket(struct bytes t)
{
    return t.at[0] == '@' || t.at[0] == '/' || import_is(t, "[netlink]");
}

static bool add_resolver(struct import_build *b, const struct import_word *w, const struct address *address)
{
    struct import *i = b->out;
    if (address_is_loopback(address)) {
        i->system_resolver = true;
        return true;
    }
    for (unsigned k = 0; k < i->resolvers; k++)
        if (address_equal(&i->resolver[k], address))
            return true;
    if (i->resolvers + 1 == IMPORT_RESOLVERS_MAX) /* one is left for "system" */
        return import_lost(b, w, "more than %d resolvers", IMPORT_RESOLVERS_MAX - 1);
    i->resolver[i->resolvers++] = *address;
    return true;
}

/* "1.1.1.1:53", "[::1]:53".  *is: it was one. */
static bool add_socket_address(struct import_build *b, const struct import_word *w, bool *is)
{
    struct bytes host;
    struct import_hosts hosts;
    struct address address;
    uint16_t port;
    bool good_port = import_split(w->text, &host, &port);
    *is = false;
    struct bytes bare = host;
    if (bare.len > 2 && bare.at[0] == '[' && bare.at[bare.len - 1] == ']')
        bare = (struct bytes){bare.at + 1, bare.len - 2};
    else if (bare.len && memchr(bare.at, ':', bare.len))
        return true;
    if (!address_parse(bare, &address))
        return true;
    *is = true;
    if (!good_port || port == 0)
        return import_wrong(b, w,
                            "an address of cijail's has a port from 1 to 65535: 192.0.2.1:443, [2001:db8::1]:443");
    if (port == 53)
        return add_resolver(b, w, &address);
    return import_address(b, w, host, &hosts) && import_hosts_at(b, w, &hosts, port, "tcp://") &&
           import_hosts_at(b, w, &hosts, port, "udp://");
}

/* What stands behind "scheme://". */
static bool add_url(struct import_build *b, const struct import_word *w, size_t mark)
{
    struct bytes scheme = {w->text.at, mark}, rest = {w->text.at + mark + 3, w->text.len - mark - 3}, host;
    struct import_hosts hosts;
    uint16_t port;
    char quoted[TEXT_QUOTE_SIZE];
    bool https = import_is(scheme, "https");
    if (!https && !import_is(scheme, "http"))
        return import_wrong(b, w, "a URL of cijail's is http:// or https://, not \"%s\"", text_quote(w->text, quoted));
    size_t end = 0;
    while (end < rest.len && rest.at[end] != '/' && rest.at[end] != '?' && rest.at[end] != '#')
        end++;
    struct bytes authority = {rest.at, end}, path = {rest.at + end, rest.len - end};
    if (end && memchr(rest.at, '@', end))
        return import_wrong(b, w, "a user name does not belong here: the client sends it; write https://HOST/");
    if (!import_split(authority, &host, &port))
        return import_wrong(b, w, "the port of \"%s\" is none from 1 to 65535", text_quote(authority, quoted));
    if (host.len && memchr(host.at, '*', host.len))
        return import_lost(b, w, "in a URL cijail's * is that character and stands for nothing; write \"**.NAME\"");
    if (path.len && (path.len > 1 || path.at[0] != '/') &&
        !import_changed(b, w, "all paths of the host: TLS is not opened, so %s is not seen%s", text_quote(path, quoted),
                        path.at[path.len - 1] == '/' ? ""
                                                     : " (and cijail, which has no boundary there, lets in what only "
                                                       "begins so)"))
        return false;
    if (!import_address(b, w, host, &hosts))
        return false;
    if (hosts.address)
        return import_changed(b, w, "an address shows no name: any bytes to that port") && import_hosts_at(b, w, &hosts,
                                                                                                           port ? port
                                                                                                           : https ? 443
                                                                                                                   : 80,
                                                                                                           "tcp://");
    if (!import_hosts(b, w, host, false, &hosts))
        return false;
    if (port == 0 || (https && port == 443) || (!https && port == 80))
        return import_hosts_at(b, w, &hosts, https ? 443 : 80, "tcp://");
    char text[sizeof hosts.host[0] + 24];
    snprintf(text, sizeof text, "%s://%s:%u", https ? "tls" : "http", hosts.host[0], port);
    return import_entry(b, w, text);
}

/* Names that are resolved and not reached. */
static bool add_names(struct import_build *b, const struct import_word *w)
{
    struct import_hosts hosts;
    char text[sizeof hosts.host[0] + 8];
    if (!import_hosts(b, w, w->text, true, &hosts))
        return false;
    for (unsigned i = 0; i < hosts.count; i++) {
        snprintf(text, sizeof text, "dns://%s", hosts.host[i]);
        if (!import_entry(b, w, text))
            return false;
    }
    return true;
}

static bool add_endpoint(struct import_build *b, const struct import_word *w)
{
    struct bytes host;
    struct import_hosts hosts;
    uint16_t port;
    bool is;
    char quoted[TEXT_QUOTE_SIZE];
    if (import_is_expression(w->text) || w->text.at[0] == '$')
        return import_lost(b, w, "what this variable stands for is not in the file; write the entries out");
    if (is_socket(w->text))
        return import_lost(b, w,
                           w->text.at[0] == '['
                               ? "netlink sockets are not judged; what sends packets by them is"
                               : "unix sockets of processes outside are masked by sluice run; --socket PATH leaves "
                                 "one");
    if (!add_socket_address(b, w, &is))
        return false;
    if (is)
        return true;
    const uint8_t *mark = memmem(w->text.at, w->text.len, "://", 3);
    if (mark)
        return add_url(b, w, (size_t)(mark - w->text.at));
    if (memchr(w->text.at, '*', w->text.len) || !memchr(w->text.at, ':', w->text.len))
        return add_names(b, w);
    if (!import_split(w->text, &host, &port) || port == 0)
        return import_wrong(b, w, "\"%s\" has no port from 1 to 65535 behind its \":\"", text_quote(w->text, quoted));
    if (port == 53)
        return import_lost(b, w, "a DNS server is named by its address, under resolvers");
    if (!import_hosts(b, w, host, false, &hosts) || !import_hosts_at(b, w, &hosts, port, "tcp://"))
        return false;
    return port == 443 || port == 80 || import_hosts_at(b, w, &hosts, port, "udp://");
}

static bool add_endpoints(struct import_build *b, struct import_value *v)
{
    struct import_word w;
    while (import_next_word(b, v, &w)) {
        if (import_is(w.text, "cijail"))
            return import_wrong(b, &w, "this reads as a command line; put the value of " ENDPOINTS " in quotes");
        if (!add_endpoint(b, &w))
            return false;
    }
    return true;
}

/* A variable other than the endpoints. */
static bool add_setting(struct import_build *b, const struct import_word *name, struct bytes value)
{
    bool on = !import_is(value, "0") && value.len, dry = import_is(name->text, "CIJAIL_DRY_RUN");
    b->audit = b->audit || (dry && on);
    if (dry)
        return !on || import_lost(b, name,
                                  "a dry run is said on the command line: sluice run --audit; it names what would "
                                  "have sufficed, and with --fail-on deny its status is 3");
    if (import_is(name->text, "CIJAIL_ALLOW_LOOPBACK"))
        return !on || import_lost(b, name, "what listens outside of the command needs an entry: 127.0.0.1:PORT");
    return import_lost(b, name, "no setting of this name is known");
}

/* The next name of a setting, SIZE_MAX: none. */
static size_t find_setting(struct bytes s, size_t from)
{
    const uint8_t *at = from < s.len ? memmem(s.at + from, s.len - from, "CIJAIL_", 7) : NULL;
    return at ? (size_t)(at - s.at) : SIZE_MAX;
}

static bool is_name_byte(uint8_t c)
{
    return (c >= 'A' && c <= 'Z') || c == '_' || (c >= '0' && c <= '9');
}

/* An unquoted value that has blanks in it is Docker's env-file form, up to the line's end or the next NAME=. */
static size_t bare_end(struct bytes s, size_t at)
{
    size_t end = at;
    while (end < s.len && s.at[end] != '\n' && s.at[end] != '"' && s.at[end] != '\'') {
        bool word = end > at && (s.at[end - 1] == ' ' || s.at[end - 1] == '\t');
        size_t name = end;
        while (word && name < s.len && is_name_byte(s.at[name]))
            name++;
        if (word && name > end && name < s.len && s.at[name] == '=')
            break;
        bool goes_on = s.at[end] == '\\' && end + 1 < s.len && s.at[end + 1] == '\n';
        end += goes_on ? 2 : 1;
    }
    return end;
}

/* The value behind an assignment's name: s.at[at] is the '=' or blank. */
static struct import_value value_at(struct import_build *b, size_t name, size_t at)
{
    struct bytes s = b->source;
    uint8_t outer = name > 0 && (s.at[name - 1] == '"' || s.at[name - 1] == '\'') ? s.at[name - 1] : 0;
    at++;
    uint8_t quote = outer;
    if (!outer && at < s.len && (s.at[at] == '"' || s.at[at] == '\''))
        quote = s.at[at++];
    size_t end = at;
    if (quote)
        while (end < s.len && s.at[end] != quote)
            end++;
    else
        end = bare_end(s, at);
    return import_source_value(b, at, end);
}

static bool is_comment(const struct import_build *b, uint32_t line)
{
    size_t at = b->line[line - 1];
    while (at < b->source.len && (b->source.at[at] == ' ' || b->source.at[at] == '\t'))
        at++;
    return at < b->source.len && b->source.at[at] == '#';
}

/* Assignments wherever they stand in a script, an env file or a Dockerfile. */
static bool read_assignments(struct import_build *b, bool settings)
{
    struct bytes s = b->source;
    uint32_t line = 0;
    bool comment = false;
    for (size_t next, at = find_setting(s, 0); at != SIZE_MAX; at = find_setting(s, next)) {
        struct import_word name = {{s.at + at, 0}, 1, 1};
        size_t end = at;
        while (end < s.len && is_name_byte(s.at[end]))
            end++;
        bool begins = at == 0 || !is_name_byte(s.at[at - 1]);
        bool old_env =
            at >= 4 && import_is((struct bytes){s.at + at - 4, 4}, "ENV ") && end < s.len && s.at[end] == ' ';
        next = end;
        import_text_place(b, at, &name.line, &name.column);
        comment = name.line == line ? comment : is_comment(b, name.line); /* once a line, however long */
        line = name.line;
        if (!begins || end == s.len || (s.at[end] != '=' && !old_env) || comment)
            continue;
        struct import_value v = value_at(b, at, end);
        name.text.len = end - at;
        next = v.end;
        if (import_is(name.text, ENDPOINTS) == settings)
            continue;
        if (settings ? !add_setting(b, &name, v.text)
                     : !import_profile_add(b, (struct bytes){0}, name.line, false) || !add_endpoints(b, &v))
            return false;
    }
    return true;
}

/* "CIJAIL_ENDPOINTS: ..." of a workflow, a pipeline or a compose file. */
static bool read_mappings(struct import_build *b)
{
    const struct document *d = &b->document;
    if (!document_parse_foreign(b->file, b->source, &b->document, b->e))
        return false;
    for (uint32_t i = 1; i < d->nodes; i++) {
        uint32_t key = d->node[i].kind == DOCUMENT_MAPPING ? d->node[i].child : 0;
        for (; key; key = d->node[d->node[key].next].next) {
            struct import_word name = import_node_word(b, key);
            uint32_t value = document_follow(d, d->node[key].next);
            if (name.text.len < 7 || !import_is((struct bytes){name.text.at, 7}, "CIJAIL_"))
                continue;
            if (d->node[value].kind != DOCUMENT_TEXT)
                return import_wrong(b, &name, "its value is a text");
            struct import_value v = import_node_value(b, value);
            if (!import_is(name.text, ENDPOINTS) ? !add_setting(b, &name, v.text)
                                                 : !import_profile_for(b, key, false) || !add_endpoints(b, &v))
                return false;
        }
    }
    return true;
}

/* Words of a plain list; # begins a comment where a word would. */
static bool read_list(struct import_build *b)
{
    struct import_value all = import_source_value(b, 0, b->source.len);
    struct import_word line, w;
    if (!import_profile_add(b, (struct bytes){0}, 1, false))
        return false;
    while (import_next_line(b, &all, &line)) {
        struct import_value v = all;
        v.text = line.text;
        v.at = 0;
        v.from = line.text.len ? (size_t)(line.text.at - b->source.at) : all.from;
        v.end = v.from + line.text.len;
        while (import_next_word(b, &v, &w) && w.text.at[0] != '#')
            if (!add_endpoint(b, &w))
                return false;
    }
    return true;
}

/* True where "CIJAIL_...:" stands, the key of a mapping. */
static bool has_mapping(struct bytes s)
{
    for (size_t at = find_setting(s, 0); at != SIZE_MAX; at = find_setting(s, at + 1)) {
        while (at < s.len && is_name_byte(s.at[at]))
            at++;
        if (at < s.len && (s.at[at] == '"' || s.at[at] == '\''))
            at++;
        if (at < s.len && s.at[at] == ':' && (at + 1 == s.len || memchr(" \t\r\n\"'", s.at[at + 1], 6)))
            return true;
    }
    return false;
}

bool import_cijail(struct import_build *b)
{
    struct import_word top = {{NULL, 0}, 1, 1};
    if (find_setting(b->source, 0) == SIZE_MAX)
        return read_list(b);
    if (has_mapping(b->source) ? !read_mappings(b) : !read_assignments(b, false) || !read_assignments(b, true))
        return false;
    for (unsigned i = 0; i < b->out->profiles; i++)
        b->out->profile[i].audit = b->audit; /* an environment holds for the whole file */
    return b->out->profiles || import_wrong(b, &top, "no " ENDPOINTS "=\"...\" stands in the file");
}
