#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck disable=SC1091,SC2016,SC2034,SC2317,SC2329
# A container that a job starts is its job's as soon as the kernel says that its link came, not when the keeper looks by itself.
. "$(dirname "$0")/lib.sh"
bed
FORM=output
job() { h c timeout 60 "$SLUICE" job "$@"; }
cat > "$T/policy.yaml" <<'YAML'
version: 1
resolvers: [198.18.2.53]
profiles: { one: { allow: [allowed.test] } }
scopes: []
unmatched: pass
YAML
gate_up output "$T/policy.yaml"
job start --id s --profile one --cgroup "$CGROUP/s"
in_cgroup s setpriv --pdeathsig KILL unshare -n sleep 600 &
disown $!
eventually 5 grep -q . "$CGROUPS$CGROUP/s/cgroup.procs"
INSIDE=$(head -n 1 "$CGROUPS$CGROUP/s/cgroup.procs")
eventually 5 sh -c '[ "$(readlink "/proc/$1/ns/net")" != "$(readlink "/proc/$2/ns/net")" ]' sh "$INSIDE" "${HOST[c]}"

found() { job list s --json | jq -e --arg b "$1" '.jobs[0].below.interface | index([$b])' > /dev/null; }
# network N: as an engine makes one for a container, a bridge and the link to it.
network() {
    h c ip -batch - <<IP
link add br-00000000000$1 up type bridge
link add v$1 type veth peer name e$1 netns $INSIDE
link set v$1 master br-00000000000$1 up
IP
    eventually 5 found br-00000000000$1
}
# Two, one after the other, both found in less than the second between two looks of the keeper's own: by these alone that cannot be.
both_within_a_second() {
    local from
    from=$(now_ms)
    network 1 && network 2
    echo "$(($(now_ms) - from)) ms"
    [ $(($(now_ms) - from)) -lt 1000 ] && return 0
    h c sh -c 'ip link del v1; ip link del v2; ip link del br-000000000001; ip link del br-000000000002'
    eventually 5 fails found br-000000000001 && eventually 5 fails found br-000000000002
    return 1
}
check "two networks that come one after the other are found without waiting for the second to pass" eventually 60 both_within_a_second
gone() {
    h c sh -c 'ip link del v1; ip link del br-000000000001'
    eventually 5 fails found br-000000000001
    found br-000000000002
}
check "what goes is the job's no more" gone
# Until the gate has seen it, a container is its bridge's scope's: where none holds that, the start says so.
starts() { job start --id w --profile one --cgroup "$CGROUP/w" "$@" 2> "$T/warned" > /dev/null && job end w > /dev/null && cat "$T/warned"; }
apply() {
    sed "s/^scopes:.*/scopes: $1/; s/^unmatched:.*/unmatched: $2/" "$T/policy.yaml" > "$T/other.yaml"
    h c timeout 60 "$SLUICE" apply "$T/other.yaml" > /dev/null
}
warned() {
    starts
    has '^sluice: warning: no scope of the policy holds br-\*: what a container .* unmatched: refuse$' "$T/warned"
    job start --id w --profile one --cgroup "$CGROUP/w" --json 2> "$T/warned" | jq -e '.warnings | length == 1'
    job end w
    starts --interface 'br-*' && [ ! -s "$T/warned" ]
    apply '[{ name: bridges, match: { interface: [docker0, "br-*"] }, profile: one }]' pass
    starts && [ ! -s "$T/warned" ]
    h c ip link add podman7 type bridge
    starts && has 'holds podman\*: ' "$T/warned"
    apply '[{ name: bridges, match: { interface: ["br-*", "podman*"] }, profile: one }]' pass
    starts && [ ! -s "$T/warned" ]
    h c ip link add docker0 type bridge
    starts && has 'holds docker0: ' "$T/warned"
    apply '[]' refuse
    starts && [ ! -s "$T/warned" ]
    h c sh -c 'ip link del podman7; ip link del docker0'
    apply '[]' pass
}
check "a start says that no scope holds a bridge by which its containers may come" warned
# Links that change in a loop keep the keeper from nothing else.
flood() {
    local keeper before after loop
    h c timeout 4 sh -c 'while :; do ip link add x0 type dummy && ip link set x0 up && ip link del x0; done' &
    loop=$!
    keeper=$(h c "$SLUICE" status --json | jq .processes.keeper)
    before=$(awk '{print $14 + $15}' "/proc/$keeper/stat")
    sleep 2
    after=$(awk '{print $14 + $15}' "/proc/$keeper/stat")
    echo "of 2 seconds the keeper was busy $((after - before)) hundredths"
    [ $((after - before)) -lt $((70 * SLOW)) ]
    quick 5000 job list > /dev/null
    wait $loop || :
}
check "links that change in a loop do not keep it from its work" flood
kill -KILL "$INSIDE"
gate_down
finish
