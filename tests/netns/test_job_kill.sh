#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck disable=SC1091,SC2016,SC2034,SC2086,SC2155,SC2209,SC2329
# What a keeper that died knew: which name an open connection showed, that a phase cuts it; what a job's summary says.
. "$(dirname "$0")/lib.sh"
bed
FORM=output
job() { h c timeout 60 "$SLUICE" job "$@"; }
get() { in_cgroup "$1" curl -sS --cacert "$CA" --max-time 10 -o /dev/null "${@:3}" "https://$2/hello"; }
cat > "$T/policy.yaml" <<YAML
version: 1
resolvers: [198.18.2.53]
profiles:
  node: { allow: [cdn.test, other.test, mirror.test], phases: { build: { allow: [cdn.test, mirror.test] } } }
scopes: []
unmatched: pass
YAML
another_keeper() { [ -n "$(role_pid keeper)" ] && [ "$(role_pid keeper)" != "$1" ] && h c "$SLUICE" status --json | jq -e .holds; }
after_a_keeper_died() {
    local keeper cut kept
    job start --id p --profile node --cgroup "$CGROUP/p"
    get p cdn.test # has the address of other.test, which the phase does not allow
    in_cgroup p curl -sS --cacert "$CA" -o "$T/cut" https://other.test/slow 2> /dev/null &
    cut=$!
    in_cgroup p curl -sS --cacert "$CA" --limit-rate 8m -o "$T/kept" https://mirror.test/large 2> "$T/kept.err" &
    kept=$!
    eventually 10 test -s "$T/cut"
    eventually 10 test -s "$T/kept"
    keeper=$(role_pid keeper)
    kill -KILL "$keeper"
    eventually 10 another_keeper "$keeper" > /dev/null
    job phase p build > "$T/out"
    has 'entered; 1 open connection cut' "$T/out"
    if wait $cut; then die "the connection to other.test went on"; fi
    wait $kept || die "what the phase allows was cut: $(cat "$T/kept.err")"
    job end p
}
stored() { h c sh -c 'grep -q "$1" /run/sluice/*.job."$0"' "$@"; }
# An id may end in ".new": the file of one job's summary is not what another's is written as first.
summaries_of_like_names() {
    local id keeper
    for id in x x.new; do job start --id $id --profile node --cgroup "$CGROUP/$id"; done
    fails get x.new refused.test 2> /dev/null
    eventually 5 stored x.new refused.test
    fails get x another.test 2> /dev/null
    eventually 5 stored x another.test
    keeper=$(role_pid keeper)
    kill -KILL "$keeper"
    eventually 10 another_keeper "$keeper" > /dev/null
    for id in x x.new; do status 3 job end $id --fail-on deny > /dev/null; done
}
gate_up output "$T/policy.yaml"
check "a phase after the keeper died" after_a_keeper_died
check "the summaries of jobs x and x.new after the keeper died" summaries_of_like_names
finish
