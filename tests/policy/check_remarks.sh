#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck disable=SC1091,SC2154
# What `sluice check` says of a policy that is good, but more than its writer may think: warnings on standard error, notes on
# standard output, both in the JSON; the status stays 0.  And what it shows of a scope.
#
#     SLUICE=build/sluice tests/policy/check_remarks.sh
. "$(dirname "$0")/lib.sh"

# remarks NAME MATCH UNMATCHED ECH WARNINGS NOTES: how many of each are due.
remarks() {
    local status warned noted
    cat > "$work/policy.yaml" <<YAML
version: 1
resolvers: [192.0.2.53]
profiles:
  node: { allow: [registry.example], ech: $4 }
scopes:
  - { name: lab, match: { $2 }, profile: node }
unmatched: $3
YAML
    count=$((count + 1))
    "$sluice" check "$work/policy.yaml" > "$work/stdout" 2> "$work/stderr"
    status=$?
    "$sluice" check --json "$work/policy.yaml" > "$work/json" 2> "$work/stderr.json" || status=1
    warned=$(grep -c '^sluice: warning: scope lab: .*unmatched: refuse$' "$work/stderr")
    noted=$(grep -c '^  note: profile node: ech: outer .* not seen$' "$work/stdout")
    if [ $status != 0 ] || [ "$warned" != "$5" ] || [ "$noted" != "$6" ] || [ "$(wc -l < "$work/stderr")" != "$5" ] ||
        ! cmp -s "$work/stderr" "$work/stderr.json" ||
        ! jq -e --argjson warned "$5" --argjson noted "$6" '
            ([.warnings[] | select(.kind == "source_unmatched_pass" and .scope == "lab")] | length) == $warned and
            ([.notes[] | select(.kind == "ech_outer" and .profile == "node")] | length) == $noted and
            (.warnings + .notes | length) == $warned + $noted' "$work/json" > /dev/null; then
        echo "not ok: $1: status $status, $warned warnings, $noted notes"
        cat "$work/stderr" "$work/stdout" "$work/json"
        failed=1
    fi
}

remarks "by source" "source: 10.0.5.0/24" pass refuse 1 0
remarks "by source and interface" "source: 10.0.5.0/24, interface: eth1" pass refuse 1 0
remarks "by source, the rest refused" "source: 10.0.5.0/24" refuse refuse 0 0
remarks "by interface" "interface: eth1" pass refuse 0 0
remarks "by cgroup" "cgroup: /a.slice" pass refuse 0 0
remarks "outer name" "interface: eth1" pass outer 0 1
remarks "both" "source: 10.0.5.0/24" pass outer 1 1
# A scope that starts jobs, whose containers come in by bridges: one that holds any, or nothing that passes, and all is said.
starter() { # MORE-SCOPES UNMATCHED NOTES
    printf 'version: 1\nresolvers: [192.0.2.53]\nprofiles: { node: {} }\nscopes:\n  - { name: agent, match: { cgroup: /agent }, profile: node, starts_jobs: [node] }\n%s\nunmatched: %s\n' "$1" "$2" > "$work/policy.yaml"
    count=$((count + 1))
    [ "$("$sluice" check "$work/policy.yaml" | grep -c '^  note: scope agent: what a container that its jobs start .* unmatched: refuse$')" = "$3" ] &&
        "$sluice" check --json "$work/policy.yaml" | jq -e --argjson n "$3" '[.notes[] | select(.kind == "bridges_unmatched_pass" and .scope == "agent")] | length == $n' > /dev/null ||
        { echo "not ok: a scope that starts jobs, '$1', unmatched $2: not $3 notes" && failed=1; }
}
starter "" pass 1
starter "" refuse 0
starter '  - { name: c, match: { interface: [docker0, "br-*"] }, profile: node }' pass 0
starter '  - { name: c, match: { interface: eth1 }, profile: node }' pass 1
# A scope's search domains are shown.
shown() {
    printf 'version: 1\nresolvers: [192.0.2.53]\nprofiles: { node: {} }\nscopes:\n  - { name: a, match: { cgroup: /a }, profile: node, search_domains: [Svc.Cluster.local, b.example.] }\n' > "$work/policy.yaml"
    count=$((count + 1))
    "$sluice" check "$work/policy.yaml" | grep -qx '    search domains svc.cluster.local b.example' &&
        "$sluice" check --json "$work/policy.yaml" | jq -e '.scopes[0].search_domains == ["svc.cluster.local", "b.example"]' > /dev/null ||
        { echo "not ok: search domains are not shown" && failed=1; }
}
shown
# Names of one label, which is right among containers only; a name that has more, and a wildcard, are not told of.
labels() {
    printf 'version: 1\nresolvers: [192.0.2.53]\nprofiles: { node: { allow: [mirror, "http://db", whole.example, "*.corp.example", 10.0.0.1] } }\n' > "$work/policy.yaml"
    count=$((count + 1))
    [ "$("$sluice" check "$work/policy.yaml" | grep -c 'note: profile node: \(mirror\|db\) is a name of one label')" = 2 ] &&
        "$sluice" check --json "$work/policy.yaml" | jq -e '[.notes[] | select(.kind == "single_label" and .profile == "node")] | length == 2' > /dev/null ||
        { echo "not ok: names of one label are not told of" && failed=1; }
}
labels
echo "$count policies, $([ $failed = 0 ] && echo "remarked on as they should be" || echo "some not as they should be")"
exit $failed
