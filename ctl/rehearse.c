/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What an apply would change: the policy's differences and the open connections that it would cut.  Changes nothing. */
#include <netinet/in.h>
#include <stdio.h>

#include "ctl/control.h"
#include "ctl/keeper.h"
#include "ctl/rejudge.h"
#include "policy/diff.h"

#define ROWS_MAX 10000 /* of each kind; beyond it only the count is told */

struct rehearsal {
    json_t *differences, *cut;
    unsigned different, cuts;
    struct keeper *k;
};

static void note_difference(void *ctx, const struct diff_row *row)
{
    struct rehearsal *r = ctx;
    char sign[2] = {row->sign, 0};
    if (r->different++ < ROWS_MAX)
        json_array_append_new(r->differences, json_pack("{s:s, s:s, s:s, s:s, s:s}", "sign", sign, "what", row->what,
                                                        "name", row->name, "key", row->key, "text", row->text));
}

static json_t *endpoint_of(const struct address *address, uint16_t port)
{
    char text[ADDRESS_TEXT_SIZE];
    address_format(address, text);
    return json_pack("{s:s, s:i}", "ip", text, "port", port);
}

static void note_flow(void *ctx, const struct conntrack_flow *flow, const struct event *row)
{
    struct rehearsal *r = ctx;
    const struct policy_scope *scope = policy_scope_find(r->k->policy, mark_scope(&r->k->gate->marks, flow->mark));
    if (r->cuts++ >= ROWS_MAX)
        return;
    const char *transport = flow->protocol == IPPROTO_TCP ? "tcp" : flow->protocol == IPPROTO_UDP ? "udp" : "other";
    char domain[NAME_MAX_BYTES * 4 + 1];
    event_escape(row ? row->domain : "", domain, sizeof domain);
    json_array_append_new(r->cut,
                          json_pack("{s:s, s:s, s:o, s:o, s:s}", "scope", scope ? scope->name : "", "transport",
                                    transport, "source", endpoint_of(&flow->source, flow->source_port), "destination",
                                    endpoint_of(&flow->destination, flow->destination_port), "domain", domain));
}

json_t *rehearse(struct keeper *k, const char *file)
{
    struct error e = {0};
    struct keeper_pending next;
    struct rehearsal r = {.k = k};
    if (!reload_read(k, file, &next, &e))
        return control_error(&e);
    r.differences = json_array();
    r.cut = json_array();
    bool ok = policy_diff(k->policy, next.policy, note_difference, &r, &e) &&
              rejudge_each(k, next.policy, k->policy, note_flow, &r, &e);
    json_t *answer =
        ok ? json_pack("{s:i, s:b, s:b, s:s, s:i, s:i, s:i, s:O, s:O}", "version", CONTROL_VERSION, "ok", 1, "dry_run",
                       1, "policy", next.file, "scopes", (int)next.policy->scopes, "different", (int)r.different, "cut",
                       (int)r.cuts, "differences", r.differences, "would_cut", r.cut)
           : control_error(&e);
    json_decref(r.differences);
    json_decref(r.cut);
    reload_drop(&next);
    return answer;
}
