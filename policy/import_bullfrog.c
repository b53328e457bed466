/* SPDX-License-Identifier: GPL-3.0-or-later */
/* bullfrog: steps "uses: bullfrogsec/bullfrog@..." of a workflow, or its agent's flags (--allowed-domains a,b).
 *
 * Domains are patterns of Go's path.Match, in which * spans dots, for every port; addresses are IPv4, with or without
 * prefix.  Neither list takes comments, blanks or empty lines: bullfrog refuses to start, so the import does. */
#include <string.h>

#include "policy/import_build.h"
#include "policy/text.h"

#define ACTION "bullfrogsec/bullfrog"

const char *const import_bullfrog_notes[] = {
    "bullfrog opens every port of an allowed domain to any bytes.  Here a domain is TLS on 443 with that server name "
    "and "
    "plain HTTP on 80 with that Host, at an address that it was resolved to.  For another port add tcp://NAME:PORT "
    "(ssh: "
    "tcp://NAME:22), or tls://NAME:PORT where it is TLS.",
    "A * of bullfrog's spans dots: its *.NAME is **.NAME here, any number of labels below NAME, never NAME itself.",
    "An address is all of its TCP ports, any bytes; for UDP add udp://ADDRESS:PORT.  bullfrog also takes each allowed "
    "address for a DNS server: name those that are under resolvers.",
    "What bullfrog allows by itself is the runner agent's, and not copied: *.actions.githubusercontent.com, "
    "*.githubapp.com, glb-*.github.com, productionresultssa0 to 19 below blob.core.windows.net, 168.63.129.16, "
    "169.254.169.254.  The agent belongs into a scope of its own; add what the build itself needs.",
    NULL,
};

static const struct import_input inputs[] = {
    {"egress-policy", NULL},
    {"allowed-domains", NULL},
    {"allowed-ips", NULL},
    {"dns-policy", NULL},
    {"enable-sudo", "sluice leaves sudoers alone; a command of sluice run has no capability and gains none"},
    {"log-directory", "events go where sluice run --events or sluice gate --events says"},
    {"_log-directory", "events go where sluice run --events or sluice gate --events says"},
    {"collect-process-info", "every refusal names its process"},
    {"api-token", "nothing is sent to a service"},
    {"github-token", "nothing is fetched at run time"},
    {"_agent-version", "nothing is fetched at run time"},
    {"_agent-download-base-url", "nothing is fetched at run time"},
    {"_control-plane-api-base-url", "nothing is sent to a service"},
    {"_control-plane-webapp-base-url", "nothing is sent to a service"},
};

static bool add_domain(struct import_build *b, const struct import_word *w)
{
    struct import_hosts hosts;
    char quoted[TEXT_QUOTE_SIZE];
    const uint8_t *colon = memchr(w->text.at, ':', w->text.len);
    if (colon)
        return import_wrong(b, w, "bullfrog's domains have neither scheme nor port; write the name alone");
    if (w->text.at[0] == '#' || memchr(w->text.at, ' ', w->text.len) || memchr(w->text.at, '#', w->text.len))
        return import_wrong(b, w,
                            "bullfrog's lists hold one domain a line, no comments and no blanks; it refuses \"%s\"",
                            text_quote(w->text, quoted));
    return import_hosts(b, w, w->text, true, &hosts) && import_hosts_at(b, w, &hosts, 443, "tcp://") &&
           import_hosts_at(b, w, &hosts, 80, "tcp://");
}

static bool add_address(struct import_build *b, const struct import_word *w)
{
    struct import_hosts hosts;
    char quoted[TEXT_QUOTE_SIZE];
    if (!import_address(b, w, w->text, &hosts))
        return false;
    if (!hosts.address || memchr(w->text.at, ':', w->text.len))
        return import_wrong(b, w,
                            "\"%s\" is no IPv4 address or range; write one a line, such as 192.0.2.1 or "
                            "192.0.2.0/24",
                            text_quote(w->text, quoted));
    return import_entry(b, w, hosts.host[0]);
}

/* Go's flags have commas, where the action has lines. */
static bool add_list(struct import_build *b, struct import_value *v, bool commas, bool domains)
{
    struct import_word w;
    import_trim(v);
    struct import_word last = {v->text, v->line, v->column};
    while (commas ? import_next_piece(b, v, &w) : import_next_line(b, v, &w)) {
        if (w.text.len && w.text.at[w.text.len - 1] == '\r')
            w.text.len--;
        if (w.text.len == 0 && commas)
            continue; /* strings.Split of nothing is one empty text, and matches no name */
        if (w.text.len == 0)
            return import_wrong(b, &last, "bullfrog's lists have no empty lines: there is one behind this");
        if (!(domains ? add_domain(b, &w) : add_address(b, &w)))
            return false;
        last = w;
    }
    return true;
}

static bool read_list(struct import_build *b, uint32_t node, bool domains)
{
    if (!node)
        return true;
    struct import_value v = import_node_value(b, node);
    struct import_word whole = import_node_word(b, node);
    if (import_is_expression(v.text))
        return import_lost(b, &whole, "what this expression stands for is not in the file; write the entries out");
    return add_list(b, &v, false, domains);
}

static bool dns_policy(struct import_build *b, const struct import_word *w)
{
    char quoted[TEXT_QUOTE_SIZE];
    if (import_is(w->text, "any"))
        return import_lost(b, w,
                           "dns-policy any: only allowed names are resolved; to resolve a name without reaching it, "
                           "write dns://NAME");
    return import_is(w->text, "allowed-domains-only") || import_is_expression(w->text) ||
           import_wrong(b, w, "dns-policy is allowed-domains-only or any, not \"%s\"", text_quote(w->text, quoted));
}

static bool mode_facts(struct import_build *b, const struct import_word *w, bool given, bool unknown)
{
    if (unknown)
        return import_lost(b, w, "what this expression stands for is not in the file: mode is enforce here");
    return given || import_changed(b, w, "egress-policy is not given, so bullfrog only audits: mode is audit here");
}

static bool read_step(struct import_build *b, uint32_t step, uint32_t with)
{
    uint32_t egress, dns, domains, ips;
    bool audit, unknown;
    if (!import_input(b, with, "egress-policy", &egress) || !import_input(b, with, "dns-policy", &dns) ||
        !import_input(b, with, "allowed-domains", &domains) || !import_input(b, with, "allowed-ips", &ips) ||
        !import_egress(b, egress, true, &audit, &unknown) || !import_profile_for(b, step, audit))
        return false;
    struct import_word at = import_node_word(b, egress ? egress : step);
    if (!mode_facts(b, &at, egress != 0, unknown) || !read_list(b, domains, true) || !read_list(b, ips, false))
        return false;
    struct import_word policy = import_node_word(b, dns);
    return (!dns || dns_policy(b, &policy)) && import_other_inputs(b, with, inputs, sizeof inputs / sizeof *inputs);
}

/* The value of -NAME or --NAME, separated by = or blanks, in quotes or not, into *out.  *place: the flag.  False: it is
 * not there. */
static bool find_flag(struct import_build *b, const char *name, struct import_value *out, struct import_word *place)
{
    struct bytes s = b->source;
    for (size_t at = import_find(s, 1, name); at != SIZE_MAX; at = import_find(s, at + 1, name)) {
        size_t value = at + strlen(name), start = at - 1 - (at > 1 && s.at[at - 2] == '-');
        if (s.at[at - 1] != '-' || (start > 0 && !strchr(" \t\r\n\"'=[,", s.at[start - 1])) ||
            (value < s.len && !strchr(" \t\r\n=\\", s.at[value])))
            continue;
        place->text = (struct bytes){s.at + start, value - start};
        import_text_place(b, start, &place->line, &place->column);
        while (value < s.len && strchr(" \t\r\n=\\", s.at[value]) && s.at[value])
            value++;
        size_t end = value;
        uint8_t quote = value < s.len && (s.at[value] == '"' || s.at[value] == '\'') ? s.at[value] : 0;
        if (quote)
            end = ++value;
        while (end < s.len && (quote ? s.at[end] != quote : s.at[end] && !strchr(" \t\r\n\"'", s.at[end])))
            end++;
        *out = import_source_value(b, value, end);
        return true;
    }
    return false;
}

static bool read_flags(struct import_build *b)
{
    struct import_value v;
    struct import_word flag, w = {{NULL, 0}, 1, 1};
    char quoted[TEXT_QUOTE_SIZE];
    bool given = find_flag(b, "egress-policy", &v, &flag), audit = true;
    if (given) {
        w = (struct import_word){v.text, v.line, v.column};
        audit = import_is(v.text, "audit");
        if (!audit && !import_is(v.text, "block"))
            return import_wrong(b, &w, "--egress-policy is audit or block, not \"%s\"", text_quote(v.text, quoted));
    }
    if (!import_profile_add(b, (struct bytes){0}, w.line, audit) || !mode_facts(b, &w, given, false))
        return false;
    if ((find_flag(b, "allowed-domains", &v, &flag) && !add_list(b, &v, true, true)) ||
        (find_flag(b, "allowed-ips", &v, &flag) && !add_list(b, &v, true, false)))
        return false;
    if (find_flag(b, "dns-policy", &v, &flag)) {
        w = (struct import_word){v.text, v.line, v.column};
        if (!dns_policy(b, &w))
            return false;
    }
    for (size_t i = 4; i < 7; i++)
        if (inputs[i].name[0] != '_' && find_flag(b, inputs[i].name, &v, &flag) &&
            !import_lost(b, &flag, "%s", inputs[i].meant))
            return false;
    return true;
}

bool import_bullfrog(struct import_build *b)
{
    static const char *const flags[] = {"egress-policy", "allowed-domains", "allowed-ips", "dns-policy"};
    struct import_value v;
    struct import_word top = {{NULL, 0}, 1, 1};
    unsigned steps;
    if (import_find(b->source, 0, ACTION) == SIZE_MAX) {
        for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
            if (find_flag(b, flags[i], &v, &top))
                return read_flags(b);
        return import_wrong(b, &top,
                            "neither a workflow with a step \"uses: " ACTION "@...\", nor the agent's flags "
                            "(--egress-policy block --allowed-domains a,b)");
    }
    if (!document_parse_foreign(b->file, b->source, &b->document, b->e) ||
        !import_each_step(b, ACTION, read_step, &steps))
        return false;
    return steps || import_wrong(b, &top, "no step has \"uses: " ACTION "@...\"; give the workflow that has it");
}
